/*
 * page_call: see the header.
 *
 * Calls: dashboards/api, jansson, cmocka.
 */
#include "tests/support/page_call.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void page_open(struct page_call *c, const char *path, kt_time_ns now)
{
    static const uint8_t secret[KT_API_SECRET] = { 7 };
    *c = (struct page_call){ 0 };
    if (kt_ask_open(&c->ask, path, NULL, now, &c->err) != KT_OK)
        fail_msg("%s", c->err.text);
    c->api = (struct kt_api){ .ask = &c->ask,
                              .store = path,
                              .secret = secret,
                              .view = &c->view,
                              .now = now,
                              .user = "alice",
                              .role = KT_ROLE_RESPONDER,
                              .param = c->param };
}

void page_close(struct page_call *c)
{
    kt_alert_view_done(&c->view);
    kt_ask_done(&c->ask);
    kt_buf_done(&c->api.out);
}

json_t *page_ask(struct page_call *c, kt_api_call *call, ...)
{
    va_list pairs;
    const char *name;
    json_error_t why;
    unsigned n = 0;
    va_start(pairs, call);
    while ((name = va_arg(pairs, const char *)) != NULL) {
        assert_true(n < KT_API_PARAMS_MAX);
        c->param[n++] =
            (struct kt_api_param){ kt_str_of(name), kt_str_of(va_arg(pairs, const char *)) };
    }
    va_end(pairs);
    kt_buf_reset(&c->api.out);
    c->err = (struct kt_error){ 0 };
    c->ask.damage = (struct kt_damage){ 0 };
    c->api.n_params = n;
    c->status = call(&c->api, &c->err);
    if (c->status != KT_OK)
        return NULL;
    json_t *root = json_loadb(c->api.out.at, c->api.out.len, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        fail_msg("no JSON at %d: %s", why.position, why.text);
    return root;
}
