/*
 * api_call: see the header.
 *
 * Owns:  one open store.
 * Calls: dashboards/api, core/answer.
 */
#include "tests/support/api_call.h"
#include <stdio.h>
#include <stdlib.h>

void api_call_open(struct api_call *c, const char *store, kt_time_ns now)
{
    *c = (struct api_call){ 0 };
    if (kt_ask_open(&c->ask, store, NULL, now, &c->err) != KT_OK) {
        fprintf(stderr, "%s\n", c->err.text);
        abort();
    }
    c->err = (struct kt_error){ 0 };
    c->api = (struct kt_api){
        .ask = &c->ask, .store = store, .now = now, .user = "alice", .role = KT_ROLE_ADMIN
    };
}

void api_call_close(struct api_call *c)
{
    kt_buf_done(&c->api.out);
    kt_ask_done(&c->ask);
}

const char *api_call(struct api_call *c, kt_api_call *call, const char *params)
{
    struct kt_str rest = kt_str_of(params != NULL ? params : ""), pair;
    c->api.n_params = 0;
    while (rest.len > 0 && kt_str_split(&rest, '&', &pair)) {
        struct kt_str value = pair, name;
        (void)kt_str_split(&value, '=', &name);
        c->param[c->api.n_params++] = (struct kt_api_param){ name, value };
    }
    c->api.param = c->param;
    c->api.status = 0;
    c->api.type = NULL;
    c->api.file[0] = '\0';
    c->err = (struct kt_error){ 0 };
    c->ask.damage = (struct kt_damage){ 0 };
    c->ask.since = c->ask.until = 0;
    kt_buf_reset(&c->api.out);
    return call(&c->api, &c->err) == KT_OK ? kt_buf_z(&c->api.out) : NULL;
}
