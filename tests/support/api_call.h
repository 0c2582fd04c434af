/* api_call: a call of the page's API as the server makes it, for tests: open, ask, answer. */
#pragma once
#include "dashboards/api/calls.h"

struct api_call {
    struct kt_ask ask;
    struct kt_api api;
    struct kt_api_param param[KT_API_PARAMS_MAX];
    struct kt_error err;
};
/* Opens the store; now: of every call. api.control and the like may be set afterwards. */
void api_call_open(struct api_call *c, const char *store, kt_time_ns now);
void api_call_close(struct api_call *c);
/* Calls with "name=value&name=value" (values as they are, no escapes; NULL: none). The answer, a
 * NUL behind it, lives until the next call; a failure gives NULL, and c->err says which. */
const char *api_call(struct api_call *c, kt_api_call *call, const char *params);
