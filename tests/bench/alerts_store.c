/* alerts_store: makes a store with so many alerts, half of them closed, for bench_page.py:
 *
 *   alerts_store 10000 DB */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/enc.h"
#include "core/store/write.h"
#include "exporters/alerts/alert.h"

static enum kt_status step(struct kt_store *s, const char *operation, const char *id,
                           const char *more, kt_time_ns at, struct kt_error *err)
{
    char raw[300];
    uint64_t seq;
    (void)snprintf(raw, sizeof raw, "{\"id\":\"%s\",\"by\":\"bob\",\"where\":\"page\"%s}", id,
                   more);
    struct kt_event ev = { .kind = KT_KIND_DECISION,
                           .source = KT_STR("keytrail"),
                           .operation = kt_str_of(operation),
                           .raw = kt_str_of(raw),
                           .time = at,
                           .observed = at };
    return kt_store_control(s, &ev, at, at, &seq, err);
}

static enum kt_status put(struct kt_store *s, unsigned n, struct kt_error *err)
{
    struct kt_buf json = { 0 };
    kt_time_ns at = INT64_C(1795377600) * KT_NS_S + n * KT_NS_MIN;
    struct kt_alert a = {
        .severity = (enum kt_severity)(n % KT_SEV_COUNT),
        .score = 675,
        .detector = "volume_spike",
        .state = "open",
        .time = at,
        .first = at,
        .last = at,
        .raised = at,
        .title = KT_STR("orders-svc read 143 different secrets within 1 hour."),
        .normal = KT_STR("Its busiest hour in 28 active days had 11."),
        .why = KT_STR("41 of them are production."),
        .considered = KT_STR("its networks, its hours, failures"),
        .quiet = KT_STR("At most 22 different secrets within 1 hour, or an earlier day like this."),
        .command = KT_STR("keytrail search 'actor:orders-svc' --since 2026-11-22T19:00:00Z"),
        .actor = KT_STR("orders-svc"),
        .ip = KT_STR("203.0.113.7"),
        .n_parts = 2,
        .parts = { { "volume_spike", 475, KT_STR("143 different secrets within 1 hour") },
                   { "new_secrets", 200, KT_STR("31 new secrets in 24 h against 0.1 a day") } },
        .n_events = 20,
        .events_count = 143,
        .n_secrets = 8,
        .secrets_count = 143,
    };
    uint8_t id[16] = { (uint8_t)(n >> 8), (uint8_t)n, 5 };
    (void)kt_id_format(id, a.id);
    for (unsigned i = 0; i < a.n_events; i++)
        a.events[i] = KT_STR("ed8a1eec-7a35-4e1f-a81e-97a60514e04e");
    for (unsigned i = 0; i < a.n_secrets; i++)
        a.secrets[i] = KT_STR("aws-sm://418273645019/eu-central-1/prod/payments/stripe-live");
    kt_alert_write(&a, &json);
    enum kt_status st =
        kt_store_alert_put(s, a.id, at, at, (int)a.severity, kt_buf_str(&json), err);
    kt_buf_done(&json);
    if (st == KT_OK && n % 2 == 0)
        st = step(s, "ack", a.id, "", at + KT_NS_S, err);
    if (st == KT_OK && n % 2 == 0)
        st = step(s, "verdict", a.id, ",\"verdict\":\"false\"", at + 2 * KT_NS_S, err);
    return st;
}

static int make(const char *path, unsigned alerts)
{
    struct kt_error err = { 0 };
    struct kt_store *s = NULL;
    enum kt_status st =
        kt_store_open(&(struct kt_store_options){ .path = path, .create = true }, &s, &err);
    if (st == KT_OK)
        st = kt_store_begin(s, &err);
    for (unsigned i = 0; i < alerts && st == KT_OK; i++)
        st = put(s, i, &err);
    if (st == KT_OK)
        st = kt_store_commit(s, &err);
    kt_store_close(s);
    if (st != KT_OK)
        fprintf(stderr, "%s\n", err.text);
    return st != KT_OK;
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return make(argv[2], (unsigned)strtoul(argv[1], NULL, 10));
    fprintf(stderr, "usage: alerts_store N DB\n");
    return 2;
}
