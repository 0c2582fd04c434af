/*
 * filter: which values may occur in a segment. A Bloom filter for each kind of entity: `no` is
 * certain, `yes` is wrong for 2 % of the other values (of ids, sessions and credentials: 0.05 %).
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
    KT_FILTER_SESSION,    /* sessions and credentials: lines alone have them, so they are finer */
    KT_FILTER_USER_AGENT, /* its family: up to the first '/' or blank, ASCII case folded */
    KT_FILTER_COUNT,
    KT_FILTER_ID = 8 /* event ids, all of them; made finer and kept apart (KT_PART_IDS) */
};
struct kt_sought {      /* one value to look for */
    struct kt_str text; /* KT_FILTER_ID: the 16 bytes */
    struct kt_cidr net; /* KT_FILTER_IP; wider than /24 (/48) is no help: use no keys then */
};

/* Hashes of the keys of one filter, without repetition once closed. */
struct kt_key_set {
    uint64_t *hash; /* 2 * cap: the second half is for sorting */
    size_t n, cap;
};
void kt_key_set_done(struct kt_key_set *s);
void kt_key_set_add(struct kt_key_set *s, uint64_t hash);

/* Sorts n words, rising; other: room for as many. */
void kt_sort_u64(uint64_t *at, uint64_t *other, size_t n);

uint64_t kt_key_hash(enum kt_filter filter, struct kt_str text);
uint64_t kt_key_hash_net(struct kt_cidr net);
/* What makes two records the same one: the event's id, told apart by kind (an amendment carries
 * the id of what it amends). False: the line has no native id, only its batch protects it. */
#define KT_KEY_SIZE 16u
bool kt_key_of_event(const struct kt_event *ev, uint8_t ret[KT_KEY_SIZE]);
/* The same where the event's id is at hand. */
bool kt_key_of_id(const struct kt_event *ev, const uint8_t id[KT_KEY_SIZE],
                  uint8_t ret[KT_KEY_SIZE]);
uint64_t kt_key_id_hash(const uint8_t key[KT_KEY_SIZE]); /* it is a hash already */
/* The hash that a scan looks for; false: the key cannot help (a network wider than those kept). */
bool kt_key_hash_of(enum kt_filter filter, const struct kt_sought *key, uint64_t *ret);
/* The keys of one filter that come from the text of a column; an address has 16 bytes. */
void kt_key_add_text(struct kt_key_set *set, enum kt_filter filter, struct kt_str text);
/* Those of KT_FILTER_SESSION, which no column has. */
void kt_key_add_sessions(struct kt_key_set *set, const struct kt_event *ev);

#define KT_FILTER_KEY_BITS     8u
#define KT_FILTER_ID_BITS      16u
#define KT_FILTER_SESSION_BITS 16u /* segments of before have KT_FILTER_KEY_BITS here */
unsigned kt_filter_probes(unsigned bits_per_key); /* what such a filter begins with */
/* Appends the filter; sorts the set and drops repetitions. */
void kt_filter_make(struct kt_key_set *set, unsigned bits_per_key, struct kt_buf *out);
/* May the filter hold this hash? A damaged filter says yes. */
bool kt_filter_has(struct kt_str filter, uint64_t hash);
