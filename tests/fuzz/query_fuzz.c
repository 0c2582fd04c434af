/* query: any text is parsed or refused with a reason, and matching it against a record or an alert
 * ends; an alert that a silence covers is one that a route matches. */
#include <assert.h>
#include <string.h>

#include "core/query/query.h"
#include "exporters/alerts/match.h"

#define T0 (INT64_C(1795377600) * KT_NS_S)

static void about_alerts(struct kt_str text)
{
    static const struct kt_alert alerts[] = {
        { .id = "01KAQN10000000000000000000",
          .severity = KT_SEV_CRITICAL,
          .score = 1234,
          .detector = "volume_spike",
          .actor = KT_STR_INIT("alice@example.com"),
          .actor_written = KT_STR_INIT("alice, Alice, "),
          .ip = KT_STR_INIT("203.0.113.7"),
          .parts = { { "volume_spike", 1234, KT_STR_INIT("41 secrets") } },
          .n_parts = 1,
          .secrets = { KT_STR_INIT("vault://prod/-/secret/pay/db"), KT_STR_INIT("a") },
          .n_secrets = 2,
          .secrets_count = 2 },
        { .id = "", .detector = "self", .secrets_count = 3 },
    };
    struct kt_query *q = NULL;
    struct kt_error err = { 0 };
    if (kt_alert_query_parse(text, &q, &err) != KT_OK) {
        assert(err.text[0] != '\0' && q == NULL);
        return;
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(alerts); i++)
        assert(kt_alert_matches(q, &alerts[i]) || !kt_alert_covered(q, &alerts[i]));
    kt_query_free(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kt_fact fact = { KT_STR_INIT("DE"), KT_STR_INIT("Net"), 64500, true };
    struct kt_record r = { .seq = 7,
                           .arrival = T0,
                           .stored = T0,
                           .agent = KT_STR("agent-a"),
                           .line = KT_STR("{\"v\":1,\"actor\":\"alice@example.com\"}"),
                           .ev = { .kind = KT_KIND_ACCESS,
                                   .time = T0,
                                   .flags = KT_FLAG(BULK),
                                   .actor = KT_STR("alice@example.com"),
                                   .secret = KT_STR("vault://prod/-/secret/pay/db//x"),
                                   .has_ip = true } };
    struct kt_query *q = NULL;
    struct kt_error err = { 0 };
    kt_time_ns now = size % 2 == 0 ? 0 : T0;
    about_alerts(kt_str_from(data, size));
    struct kt_query_fault f = { 0 };
    if (kt_query_parse_told(kt_str_from(data, size), now, 3600, NULL, &q, &f, &err) != KT_OK) {
        assert(err.code != KT_OK && err.text[0] != '\0' && q == NULL);
        assert(f.at <= size && f.len <= size - f.at);
        return 0;
    }
    (void)kt_query_matches(q, &r, &fact);
    (void)kt_query_matches(q, &r, NULL);
    kt_query_free(q);
    return 0;
}
