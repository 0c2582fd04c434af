/* inbound: what whoever has a secret sends, and what nobody signed. The first byte chooses the
 * sender and whether the signature fits; an answer names an alert by its id alone, and a person. */
#include "core/base/hash.h"
#include "dashboards/server/inbound.h"
#include <assert.h>
#include <string.h>

#define NOW (INT64_C(1601664322) * KT_NS_S)

static struct kt_str sign(const char *version, const struct kt_str *parts, size_t n, char ret[68])
{
    uint8_t mac[32];
    kt_hmac_sha256(KT_STR("key"), parts, n, mac);
    memcpy(ret, version, 3);
    kt_hex(ret + 3, mac, sizeof mac);
    return kt_str_from(ret, 67);
}

static void check(const struct kt_inbound *in, enum kt_status status)
{
    uint8_t id[16];
    if (status != KT_OK || in->alert[0] == '\0') {
        assert(in->alert[0] == '\0');
        return;
    }
    assert(kt_id_parse(kt_str_of(in->alert), id));
    assert(in->answer.by[0] != '\0' && in->answer.entry[0] != '\0');
    assert(kt_utf8_valid(kt_str_of(in->answer.by)));
    assert(in->until > NOW - KT_NS_S && in->answer.at <= NOW + KT_NS_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_inbound in;
    struct kt_error err = { 0 };
    char field[68];
    if (size == 0)
        return 0;
    struct kt_str body = kt_str_from(data + 1, size - 1), seconds = KT_STR("1601664322");
    const struct kt_str parts[] = { KT_STR("v0:"), seconds, KT_STR(":"), body };
    switch (data[0] % 5) {
    case 0:
        check(&in, kt_inbound_pagerduty(KT_STR("key"), sign("v1=", &body, 1, field), body, NOW, &in,
                                        &err));
        break;
    case 1:
        check(&in, kt_inbound_slack(KT_STR("key"), seconds, sign("v0=", parts, 4, field), body, NOW,
                                    &in, &err));
        break;
    case 2:
        check(&in, kt_inbound_link(KT_STR("key"), body, NOW, &in, &err));
        break;
    case 3:
        assert(kt_inbound_pagerduty(KT_STR("key"), body, KT_STR("{}"), NOW, &in, &err) ==
               KT_E_DENIED);
        break;
    default:
        assert(kt_inbound_slack(KT_STR("key"), body, body, KT_STR("payload={}"), NOW, &in, &err) ==
               KT_E_DENIED);
        break;
    }
    return 0;
}
