/* Any bytes as a time, a duration, an address, a network, an id, an encoding, a pattern. */
#include <assert.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/enc.h"
#include "core/base/ip.h"
#include "core/base/log.h"
#include "core/base/time.h"

static void times(struct kt_str s)
{
    kt_time_ns t, again, precision;
    char text[KT_TIME_TEXT_MAX];
    if (kt_time_parse(s, &t, NULL) == KT_OK) {
        assert(kt_time_parse_loose(s, &again, &precision, NULL) == KT_OK && again == t);
        (void)kt_time_format(t, text);
        if (t >= kt_time_days(2000, 1, 1) * KT_NS_DAY && t < kt_time_days(2101, 1, 1) * KT_NS_DAY)
            assert(kt_time_parse(kt_str_of(text), &again, NULL) == KT_OK && again == t);
    }
    if (kt_duration_parse(s, &t, NULL) == KT_OK)
        (void)kt_duration_format(t, text);
    if (kt_time_expr(s, INT64_C(1795377600000000000), 3600, false, &t, NULL) == KT_OK)
        (void)kt_time_format(t, text);
}

static void addresses(struct kt_str s)
{
    struct kt_ip ip, again;
    struct kt_cidr net, net_again;
    char text[KT_IP_TEXT_MAX];
    if (kt_ip_parse(s, &ip)) {
        assert(kt_ip_parse(kt_str_of(kt_ip_format(ip, text)), &again) && kt_ip_eq(ip, again));
        (void)kt_ip_class_word(kt_ip_class(ip));
    }
    if (kt_cidr_parse(s, &net, NULL) == KT_OK) {
        assert(kt_cidr_parse(kt_str_of(kt_cidr_format(net, text)), &net_again, NULL) == KT_OK);
        assert(net.bits == net_again.bits && kt_cidr_has(net, net_again.ip));
    }
}

static void encodings(struct kt_str s)
{
    struct kt_buf bytes = { 0 }, text = { 0 };
    uint8_t id[16], key[32];
    char id_text[KT_ID_TEXT], key_text[KT_Z85_KEY];
    if (kt_base64_decode(s, &bytes)) {
        kt_base64_add(&text, kt_buf_str(&bytes));
        assert(kt_str_eq(kt_buf_str(&text), s));
    }
    kt_buf_reset(&bytes);
    kt_buf_reset(&text);
    if (kt_base64url_decode(s, &bytes)) {
        kt_base64url_add(&text, kt_buf_str(&bytes));
        assert(kt_str_eq(kt_buf_str(&text), s));
    }
    if (kt_id_parse(s, id))
        assert(kt_str_eq_nocase(s, kt_str_of(kt_id_format(id, id_text))));
    if (kt_z85_decode(s, key))
        assert(kt_str_eq(s, kt_str_of(kt_z85_encode(key, key_text))));
    kt_buf_reset(&text);
    kt_tty_add(&text, s);
    for (size_t i = 0; i < text.len; i++)
        assert((unsigned char)text.at[i] >= 0x20 && text.at[i] != 0x7F);
    assert(kt_utf8_valid(kt_buf_str(&text)));
    kt_buf_done(&bytes);
    kt_buf_done(&text);
}

static void patterns(struct kt_str s)
{
    ptrdiff_t cut = kt_str_find_byte(s, '\n', 0);
    struct kt_str pattern = kt_str_sub(s, 0, cut < 0 ? 0 : (size_t)cut);
    struct kt_str text = kt_str_from_index(s, (size_t)(cut + 1));
    if (kt_str_find_byte(pattern, '*', 0) < 0)
        assert(kt_str_glob(pattern, text) == kt_str_eq(pattern, text));
    else
        (void)kt_str_glob(pattern, text);
    (void)kt_str_distance(pattern, text, 5);
    struct kt_str cut_text = kt_utf8_cut(text, 7);
    assert(cut_text.len <= 7 && (!kt_utf8_valid(text) || kt_utf8_valid(cut_text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_str s = kt_str_from(data, size);
    times(s);
    addresses(s);
    encodings(s);
    patterns(s);
    return 0;
}
