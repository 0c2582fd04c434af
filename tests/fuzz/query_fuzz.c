/* query: any text is parsed or refused with a reason, and matching it against a record ends. */
#include <assert.h>
#include <string.h>

#include "core/query/query.h"

#define T0 (INT64_C(1795377600) * KT_NS_S)

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
    if (kt_query_parse_at(kt_str_from(data, size), now, 3600, &q, &err) != KT_OK) {
        assert(err.code != KT_OK && err.text[0] != '\0' && q == NULL);
        return 0;
    }
    (void)kt_query_matches(q, &r, &fact);
    (void)kt_query_matches(q, &r, NULL);
    kt_query_free(q);
    return 0;
}
