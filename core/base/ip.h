/* ip: 16-byte addresses (IPv4 mapped), networks, and the class of an address before any look-up. */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"

struct kt_ip {
    uint8_t at[16]; /* network order; ::ffff:a.b.c.d for IPv4 */
};
struct kt_cidr {
    struct kt_ip ip; /* host bits zero */
    unsigned bits;   /* 0-128, of the 16-byte form (an IPv4 /24 is 120) */
};
enum kt_ip_class {
    KT_IP_PUBLIC,
    KT_IP_PRIVATE, /* RFC 1918, ULA */
    KT_IP_CGNAT,   /* 100.64/10 */
    KT_IP_LOOPBACK,
    KT_IP_LINK_LOCAL,
    KT_IP_MULTICAST,
    KT_IP_DOCUMENTATION, /* RFC 5737, 3849: never real; detectors treat it as public */
    KT_IP_RESERVED,      /* 0/8, 240/4, ::, broadcast */
    KT_IP_TUNNEL,        /* 6to4, Teredo, NAT64 */
};
#define KT_IP_TEXT_MAX 48

/* Strict: what inet_pton takes, no leading zeroes, zone id dropped, mapped IPv4 normalised. */
bool kt_ip_parse(struct kt_str s, struct kt_ip *ret);
/* "10.0.0.1:443", "[::1]:443". */
bool kt_ip_port_parse(struct kt_str s, struct kt_ip *ret, uint16_t *ret_port);
const char *kt_ip_format(struct kt_ip ip, char buf[KT_IP_TEXT_MAX]);
bool kt_ip_is_v4(struct kt_ip ip);
bool kt_ip_eq(struct kt_ip a, struct kt_ip b);
enum kt_ip_class kt_ip_class(struct kt_ip ip);
const char *kt_ip_class_word(enum kt_ip_class c);
/* "10.0.0.0/8", "2001:db8::/32", a bare address (= /32 or /128). Set host bits are refused with the
 * mended form. */
KT_MUST_USE enum kt_status kt_cidr_parse(struct kt_str s, struct kt_cidr *ret,
                                         struct kt_error *err);
bool kt_cidr_has(struct kt_cidr net, struct kt_ip ip);
struct kt_ip kt_cidr_last(struct kt_cidr net); /* all host bits one */
/* The /v4_bits (IPv4) or /v6_bits (IPv6) around ip, host bits zeroed. */
struct kt_cidr kt_ip_network(struct kt_ip ip, unsigned v4_bits, unsigned v6_bits);
const char *kt_cidr_format(struct kt_cidr net, char buf[KT_IP_TEXT_MAX]);
