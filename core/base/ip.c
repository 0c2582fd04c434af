/*
 * ip: parsing and printing (IPv6 through inet_pton and inet_ntop), networks, and a table of
 * classes.
 *
 * Owns:  nothing.
 * Calls: err, str, libc. No look-up.
 * Holds: one address has one form: IPv4 is always its mapped form, host bits of a network are zero.
 */
#include "core/base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };

/* Every line has an address, read and written: so the usual ones are not left to libc. Four numbers
 * without leading zeroes, as inet_pton takes them. */
static bool parse_v4(struct kt_str s, uint8_t ret[4])
{
    const char *p = s.at, *end = s.at + s.len;
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0 && (p == end || *p++ != '.'))
            return false;
        const char *from = p;
        unsigned v = 0;
        for (; p < end && p - from < 3 && *p >= '0' && *p <= '9'; p++)
            v = v * 10 + (unsigned)(*p - '0');
        if (p == from || v > 255 || (*from == '0' && p - from > 1))
            return false;
        ret[i] = (uint8_t)v;
    }
    return p == end;
}

bool kt_ip_parse(struct kt_str s, struct kt_ip *ret)
{
    struct kt_ip ip;
    if (s.len == 0) /* it may be nowhere, which no pointer may be counted from */
        return false;
    if (kt_str_find_byte(s, ':', 0) < 0) {
        memcpy(ip.at, mapped, sizeof mapped);
        if (!parse_v4(s, ip.at + 12))
            return false;
        *ret = ip;
        return true;
    }
    ptrdiff_t zone = kt_str_find_byte(s, '%', 0);
    if (zone >= 0 && (size_t)zone + 1 == s.len)
        return false; /* "fe80::1%" */
    s = kt_str_sub(s, 0, zone >= 0 ? (size_t)zone : s.len);
    char text[KT_IP_TEXT_MAX];
    if (s.len == 0 || s.len >= sizeof text || kt_str_find_byte(s, '\0', 0) >= 0)
        return false;
    kt_str_copyz(text, sizeof text, s);
    if (inet_pton(AF_INET6, text, ip.at) != 1)
        return false;
    *ret = ip;
    return true;
}

bool kt_ip_is_v4(struct kt_ip ip)
{
    return memcmp(ip.at, mapped, sizeof mapped) == 0;
}

bool kt_ip_eq(struct kt_ip a, struct kt_ip b)
{
    return memcmp(a.at, b.at, sizeof a.at) == 0;
}

static const char *format_v4(const uint8_t at[4], char *to)
{
    char *p = to;
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0)
            *p++ = '.';
        if (at[i] >= 100)
            *p++ = (char)('0' + at[i] / 100);
        if (at[i] >= 10)
            *p++ = (char)('0' + at[i] / 10 % 10);
        *p++ = (char)('0' + at[i] % 10);
    }
    *p = '\0';
    return to;
}

const char *kt_ip_format(struct kt_ip ip, char buf[KT_IP_TEXT_MAX])
{
    if (kt_ip_is_v4(ip))
        return format_v4(ip.at + 12, buf);
    (void)inet_ntop(AF_INET6, ip.at, buf, KT_IP_TEXT_MAX);
    return buf;
}

/* ---- networks ---- */

static struct kt_ip masked(struct kt_ip ip, unsigned bits)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = bits > i * 8 ? bits - i * 8 : 0;
        if (keep < 8)
            ip.at[i] = (uint8_t)(ip.at[i] & (0xFF00u >> keep));
    }
    return ip;
}

enum kt_status kt_cidr_parse(struct kt_str s, struct kt_cidr *ret, struct kt_error *err)
{
    ptrdiff_t slash = kt_str_find_byte(s, '/', 0);
    struct kt_cidr net;
    if (!kt_ip_parse(kt_str_sub(s, 0, slash >= 0 ? (size_t)slash : s.len), &net.ip) ||
        kt_str_find_byte(s, '%', 0) >= 0)
        return kt_fail(err, KT_E_INPUT, "not an address or network: '" KT_STR_FMT "'",
                       KT_STR_ARG(kt_str_sub(s, 0, 60)));
    /* A mapped form written out in IPv6 counts its bits in IPv6. */
    bool v4 = kt_str_find_byte(s, ':', 0) < 0;
    uint64_t bits = v4 ? 32 : 128;
    struct kt_str tail = kt_str_from_index(s, (size_t)slash + 1);
    if (slash >= 0 && (!kt_str_u64(tail, &bits) || bits > (v4 ? 32u : 128u) ||
                       (tail.len > 1 && tail.at[0] == '0')))
        return kt_fail(err, KT_E_INPUT, "'" KT_STR_FMT "': the prefix length is 0 to %d",
                       KT_STR_ARG(kt_str_sub(s, 0, 60)), v4 ? 32 : 128);
    net.bits = (unsigned)bits + (v4 ? 96u : 0u);
    struct kt_cidr mended = { masked(net.ip, net.bits), net.bits };
    char text[KT_IP_TEXT_MAX];
    if (!kt_ip_eq(mended.ip, net.ip))
        return kt_fail(err, KT_E_INPUT, "'" KT_STR_FMT "' has host bits set, write %s",
                       KT_STR_ARG(kt_str_sub(s, 0, 60)), kt_cidr_format(mended, text));
    *ret = net;
    return KT_OK;
}

/* From its end: that is where prefixes of one table differ. */
static bool prefix_eq(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (rest > 0 && ((a[whole] ^ b[whole]) & (0xFF00u >> rest) & 0xFFu) != 0)
        return false;
    return whole == 0 || (a[whole - 1] == b[whole - 1] && memcmp(a, b, whole) == 0);
}

bool kt_ip_port_parse(struct kt_str s, struct kt_ip *ret, uint16_t *ret_port)
{
    ptrdiff_t colon = kt_str_rfind_byte(s, ':');
    uint64_t port;
    if (colon < 0 || !kt_str_u64(kt_str_from_index(s, (size_t)colon + 1), &port) || port > 65535)
        return false;
    struct kt_str host = kt_str_sub(s, 0, (size_t)colon);
    bool bracketed = kt_str_starts(host, KT_STR("[")) && kt_str_ends(host, KT_STR("]"));
    if (bracketed)
        host = kt_str_sub(host, 1, host.len - 2);
    else if (kt_str_find_byte(host, ':', 0) >= 0)
        return false; /* "::1:443" could be an address alone */
    *ret_port = (uint16_t)port;
    return kt_ip_parse(host, ret);
}

bool kt_cidr_has(struct kt_cidr net, struct kt_ip ip)
{
    return prefix_eq(net.ip.at, ip.at, net.bits);
}

struct kt_ip kt_cidr_last(struct kt_cidr net)
{
    struct kt_ip last = net.ip;
    for (unsigned bit = net.bits; bit < 128; bit++)
        last.at[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    return last;
}

struct kt_cidr kt_ip_network(struct kt_ip ip, unsigned v4_bits, unsigned v6_bits)
{
    unsigned bits = kt_ip_is_v4(ip) ? 96 + v4_bits : v6_bits;
    return (struct kt_cidr){ masked(ip, bits), bits };
}

const char *kt_cidr_format(struct kt_cidr net, char buf[KT_IP_TEXT_MAX])
{
    char ip[KT_IP_TEXT_MAX];
    bool v4 = kt_ip_is_v4(net.ip) && net.bits >= 96;
    (void)snprintf(buf, KT_IP_TEXT_MAX, "%.43s/%u", kt_ip_format(net.ip, ip),
                   v4 ? net.bits - 96 : net.bits);
    return buf;
}

/* ---- classes ---- */

#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

/* First match wins, so the narrow stand before the wide. */
static const struct {
    uint32_t at;
    uint8_t bits;
    enum kt_ip_class class;
} v4_classes[] = {
    { V4(10, 0, 0, 0), 8, KT_IP_PRIVATE },
    { V4(172, 16, 0, 0), 12, KT_IP_PRIVATE },
    { V4(192, 168, 0, 0), 16, KT_IP_PRIVATE },
    { V4(127, 0, 0, 0), 8, KT_IP_LOOPBACK },
    { V4(100, 64, 0, 0), 10, KT_IP_CGNAT },
    { V4(169, 254, 0, 0), 16, KT_IP_LINK_LOCAL },
    { V4(192, 0, 2, 0), 24, KT_IP_DOCUMENTATION },
    { V4(198, 51, 100, 0), 24, KT_IP_DOCUMENTATION },
    { V4(203, 0, 113, 0), 24, KT_IP_DOCUMENTATION },
    { V4(192, 88, 99, 0), 24, KT_IP_TUNNEL },
    { V4(192, 0, 0, 0), 24, KT_IP_RESERVED },
    { V4(198, 18, 0, 0), 15, KT_IP_RESERVED },
    { V4(224, 0, 0, 0), 4, KT_IP_MULTICAST },
    { V4(240, 0, 0, 0), 4, KT_IP_RESERVED },
    { V4(0, 0, 0, 0), 8, KT_IP_RESERVED },
};
static const struct {
    uint8_t at[16];
    uint8_t bits;
    enum kt_ip_class class;
} v6_classes[] = {
    { { 0 }, 128, KT_IP_RESERVED },
    { { [15] = 1 }, 128, KT_IP_LOOPBACK },
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32, KT_IP_DOCUMENTATION },
    { { 0x3f, 0xff, 0 }, 20, KT_IP_DOCUMENTATION },
    { { 0xfc }, 7, KT_IP_PRIVATE },
    { { 0xfe, 0xc0 }, 10, KT_IP_PRIVATE }, /* site-local, long deprecated */
    { { 0xfe, 0x80 }, 10, KT_IP_LINK_LOCAL },
    { { 0xff }, 8, KT_IP_MULTICAST },
    { { 0x20, 0x02 }, 16, KT_IP_TUNNEL },          /* 6to4 */
    { { 0x20, 0x01, 0, 0 }, 32, KT_IP_TUNNEL },    /* Teredo */
    { { 0, 0x64, 0xff, 0x9b }, 96, KT_IP_TUNNEL }, /* NAT64 */
    { { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48, KT_IP_TUNNEL },
    { { 0x01, 0 }, 64, KT_IP_RESERVED }, /* discard only */
};

static enum kt_ip_class v4_class(const uint8_t *at)
{
    uint32_t ip = V4(at[0], at[1], at[2], at[3]);
    for (size_t i = 0; i < KT_ARRAY_LEN(v4_classes); i++)
        if ((ip ^ v4_classes[i].at) >> (32 - v4_classes[i].bits) == 0)
            return v4_classes[i].class;
    return KT_IP_PUBLIC;
}

enum kt_ip_class kt_ip_class(struct kt_ip ip)
{
    if (kt_ip_is_v4(ip))
        return v4_class(ip.at + 12);
    for (size_t i = 0; i < KT_ARRAY_LEN(v6_classes); i++)
        if (prefix_eq(v6_classes[i].at, ip.at, v6_classes[i].bits))
            return v6_classes[i].class;
    return KT_IP_PUBLIC;
}

const char *kt_ip_class_word(enum kt_ip_class c)
{
    switch (c) {
    case KT_IP_PUBLIC:
        return "public";
    case KT_IP_PRIVATE:
        return "private";
    case KT_IP_CGNAT:
        return "cgnat";
    case KT_IP_LOOPBACK:
        return "loopback";
    case KT_IP_LINK_LOCAL:
        return "link-local";
    case KT_IP_MULTICAST:
        return "multicast";
    case KT_IP_DOCUMENTATION:
        return "documentation";
    case KT_IP_RESERVED:
        return "reserved";
    case KT_IP_TUNNEL:
        return "tunnel";
    }
    return "unknown";
}
