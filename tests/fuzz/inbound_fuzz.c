/* inbound: what whoever has a secret sends, and what nobody signed. The first byte chooses the
 * sender and whether the signature fits; of a link that does the lines are seen, until, to and the
 * form. An answer names an alert by its id alone, and a person. */
#include "core/base/aws.h"
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
    assert(in->until > NOW - KT_NS_S && (in->link_to[0] != '\0' || in->answer.at <= NOW));
    assert(!in->has_seen || strcmp(in->seen.alert, in->alert) == 0);
}

/* As kt_ack_link_write, of whatever stands in the lines. */
static void check_link(struct kt_str rest)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, query = { 0 };
    static const uint8_t seed[32] = { 1 };
    static const char *const names[] = { "seen=", "&until=", "&to=" };
    struct kt_str line[KT_ARRAY_LEN(names)] = { 0 };
    struct kt_inbound in;
    struct kt_error err = { 0 };
    uint8_t key[32], sig[64];
    for (size_t i = 0; i < KT_ARRAY_LEN(names) && kt_str_split(&rest, '\n', &line[i]); i++) {
        kt_buf_addz(&query, names[i]);
        kt_aws_encode(line[i], false, &query);
    }
    kt_ack_link_signed(line[0], line[1], line[2], &text);
    kt_sign(seed, kt_buf_str(&text), sig);
    kt_sign_public(seed, key);
    kt_buf_addz(&query, "&sig=");
    kt_base64url_add(&query, kt_str_from(sig, sizeof sig));
    check(&in,
          kt_inbound_link(kt_str_from(key, sizeof key), kt_buf_str(&query), rest, NOW, &in, &err));
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
    switch (data[0] % 6) {
    case 0:
        check(&in, kt_inbound_pagerduty(KT_STR("key"), sign("v1=", &body, 1, field), body, NOW, &in,
                                        &err));
        break;
    case 1:
        check(&in, kt_inbound_slack(KT_STR("key"), NULL, seconds, sign("v0=", parts, 4, field),
                                    body, NOW, &in, &err));
        break;
    case 2:
        assert(kt_inbound_link(KT_STR("a key of thirty-two bytes, so be"), body, body, NOW, &in,
                               &err) != KT_OK);
        break;
    case 3:
        assert(kt_inbound_pagerduty(KT_STR("key"), body, KT_STR("{}"), NOW, &in, &err) ==
               KT_E_DENIED);
        break;
    case 4:
        check_link(body);
        break;
    default:
        assert(kt_inbound_slack(KT_STR("key"), NULL, body, body, KT_STR("payload={}"), NOW, &in,
                                &err) == KT_E_DENIED);
        break;
    }
    return 0;
}
