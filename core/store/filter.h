/*
 * filter: which values may occur in a segment. A Bloom filter for each kind of entity: `no` is
 * certain, `yes` is wrong for 2 % of the other values (of ids: 0.05 %).
 *
 * bytes = u8 number of probes ‖ bits; the probes of a key are the two halves of its 64-bit hash
 * combined (Kirsch and Mitzenmacher, "Less hashing, same performance", 2006).
 */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"

enum kt_filter {
    KT_FILTER_NONE = -1,
    KT_FILTER_ACTOR,      /* ASCII case folded */
    KT_FILTER_SECRET,     /* whole secret ids */
    KT_FILTER_IP,         /* addresses, and their /24 (IPv4) or /48 (IPv6) */
    KT_FILTER_INSTANCE,   /* source instances */
    KT_FILTER_SESSION,    /* sessions and credentials */
    KT_FILTER_USER_AGENT, /* its family: up to the first '/' or blank, ASCII case folded */
    KT_FILTER_COUNT
};
struct kt_key { /* one value to look for */
    struct kt_str text;
    struct kt_cidr net; /* KT_FILTER_IP; wider than /24 (/48) is no help: use no keys then */
};
