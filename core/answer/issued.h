/*
 * issued: where a session or a credential came from: the login or the issue that gave it out.
 */
#pragma once
#include "core/answer/ask.h"
#include "core/base/enc.h"

struct kt_issued {
    kt_time_ns time; /* 0: no record says */
    enum kt_action action;
    enum kt_outcome outcome;
    char id[KT_ID_TEXT];
    struct kt_buf actor, operation, instance, ip, country; /* of that record */
};
#define KT_ISSUED_SPAN (36 * KT_NS_HOUR) /* the longest life of a session of AWS STS */
/* The newest login or issue that names the id and is not after its first use. `first`: of the id;
 * searched is what lies up to KT_ISSUED_SPAN before. The ask's window stays as it is. */
KT_MUST_USE enum kt_status kt_issued_find(struct kt_ask *a, struct kt_str id, kt_time_ns first,
                                          struct kt_issued *ret, struct kt_error *err);
void kt_issued_done(struct kt_issued *i);
