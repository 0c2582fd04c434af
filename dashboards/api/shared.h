/*
 * shared: calls that are made once for all who ask the same within some seconds and may see the
 * same.
 */
#pragma once
#include "dashboards/api/api.h"

#define KT_API_SHARED_COUNTS (3 * KT_NS_S)  /* counts beside a search */
#define KT_API_SHARED_PAGE   (10 * KT_NS_S) /* what costs more, and changes little */

/*
 * The answer of make(), or what it answered at most `age` ago to the same parameters, in the same
 * time zone, to somebody with the same role and scope. Who asks meanwhile waits for whoever makes
 * it. make() must look at nothing else of who asks. call: names it, unlike any other.
 */
KT_MUST_USE enum kt_status kt_api_shared(struct kt_api *a, const char *call, kt_time_ns age,
                                         kt_api_call *make, struct kt_error *err);
