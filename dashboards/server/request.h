/*
 * request: what a request says, decoded: its target, its query string, its JSON body. Pure:
 * strangers' bytes in, parameters out, within the bounds of api.h.
 */
#pragma once
#include "core/base/arena.h"
#include "dashboards/api/api.h"

#define KT_WEB_URL_MAX (16u << 10) /* bytes of a target */

struct kt_web_params {
    struct kt_api_param at[KT_API_PARAMS_MAX];
    unsigned n;
    struct kt_arena arena; /* of their texts: kt_web_params_init, _done */
};
void kt_web_params_init(struct kt_web_params *p);
void kt_web_params_done(struct kt_web_params *p);
/* A target ("/search?q=a"; of "http://host/search" what follows the host) as path and query string,
 * as they were sent. KT_E_INPUT: it is none. */
KT_MUST_USE enum kt_status kt_web_target(struct kt_str target, struct kt_str *ret_path,
                                         struct kt_str *ret_query, struct kt_error *err);
/* Adds the parameters of a query string (application/x-www-form-urlencoded: `+` is a blank). Names
 * are a-z and _; the same name again is one more value. KT_E_INPUT: a broken escape, NUL, no UTF-8;
 * KT_E_LIMIT: too many, or too long. */
KT_MUST_USE enum kt_status kt_web_query(struct kt_web_params *p, struct kt_str query,
                                        struct kt_error *err);
/* Adds the members of a JSON object: texts, numbers as they are written, true and false; null is
 * left out; a list of those is a value each. KT_E_INPUT: broken, twice the same key, one that the
 * query string has too, or an object inside. */
KT_MUST_USE enum kt_status kt_web_body(struct kt_web_params *p, struct kt_str json,
                                       struct kt_error *err);
/* Is the Host header (with or without a port) one of the names? Names of this host's loopback are,
 * whatever the port: somebody may come through a tunnel. */
bool kt_web_host_ok(struct kt_str host, const struct kt_strings *names);
