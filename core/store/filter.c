/*
 * filter: Bloom filters over the entities of a segment.
 *
 * Owns:  the lists inside struct kt_key_set.
 * Calls: core/base, core/event.
 * Holds: a key that was added is always found.
 */
#include "core/store/filter.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"

#define FOLD_MAX   1024 /* longer texts are hashed by what comes first */
#define PROBES_MAX 16u

void kt_key_set_done(struct kt_key_set *s)
{
    kt_free(s->hash);
    *s = (struct kt_key_set){ 0 };
}

void kt_key_set_add(struct kt_key_set *s, uint64_t hash)
{
    if (s->n > 0 && s->hash[s->n - 1] == hash) /* runs of one value are common */
        return;
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 256 : 2 * s->cap;
        s->hash = kt_realloc_array(s->hash, 2 * s->cap, sizeof *s->hash);
    }
    s->hash[s->n++] = hash;
}

/* ---- keys ---- */

static struct kt_str fold(struct kt_str s, char buf[FOLD_MAX])
{
    size_t n = s.len < FOLD_MAX ? s.len : FOLD_MAX;
    for (size_t i = 0; i < n; i++)
        buf[i] = s.at[i] >= 'A' && s.at[i] <= 'Z' ? (char)(s.at[i] - 'A' + 'a') : s.at[i];
    return kt_str_from(buf, n);
}

/* "aws-sdk-go-v2/1.32.6 os/linux" -> "aws-sdk-go-v2" */
static struct kt_str family(struct kt_str agent)
{
    size_t n = 0;
    while (n < agent.len && agent.at[n] != '/' && agent.at[n] != ' ')
        n++;
    return kt_str_sub(agent, 0, n);
}

uint64_t kt_key_hash(enum kt_filter filter, struct kt_str text)
{
    char buf[FOLD_MAX];
    if (filter == KT_FILTER_USER_AGENT)
        text = family(text);
    if (filter == KT_FILTER_USER_AGENT || filter == KT_FILTER_ACTOR)
        text = fold(text, buf);
    return kt_hash64(text, (uint64_t)filter);
}

uint64_t kt_key_hash_net(struct kt_cidr net)
{
    char key[17];
    memcpy(key, net.ip.at, 16);
    key[16] = (char)net.bits;
    return kt_hash64(kt_str_from(key, sizeof key), KT_FILTER_IP);
}

bool kt_key_of_id(const struct kt_event *ev, const uint8_t id[KT_KEY_SIZE],
                  uint8_t ret[KT_KEY_SIZE])
{
    memcpy(ret, id, KT_KEY_SIZE);
    ret[KT_KEY_SIZE - 1] ^= (uint8_t)ev->kind;
    return ev->native_id.len > 0;
}

bool kt_key_of_event(const struct kt_event *ev, uint8_t ret[KT_KEY_SIZE])
{
    uint8_t id[KT_KEY_SIZE];
    if (ev->native_id.len == 0)
        return false;
    kt_event_id(ev, id);
    return kt_key_of_id(ev, id, ret);
}

uint64_t kt_key_id_hash(const uint8_t key[KT_KEY_SIZE])
{
    struct kt_rd rd = kt_rd_of(kt_str_from(key, KT_KEY_SIZE));
    return kt_rd_u64(&rd);
}

/* The network around an address that filters hold. */
static struct kt_cidr around(struct kt_ip ip)
{
    return kt_ip_network(ip, 24, 48);
}

bool kt_key_hash_of(enum kt_filter filter, const struct kt_sought *key, uint64_t *ret)
{
    if (filter == KT_FILTER_ID) {
        if (key->text.len == KT_KEY_SIZE)
            *ret = kt_key_id_hash((const uint8_t *)key->text.at);
        return key->text.len == KT_KEY_SIZE;
    }
    if (filter != KT_FILTER_IP) {
        *ret = kt_key_hash(filter, key->text);
        return true;
    }
    struct kt_cidr kept = around(key->net.ip);
    static const struct kt_ip mapped = { { [10] = 0xff, [11] = 0xff } }; /* ::ffff:0:0/96 */
    if (key->net.bits < kept.bits || (key->net.bits < 96 && kt_cidr_has(key->net, mapped)))
        return false;
    *ret = kt_key_hash_net(key->net.bits == 128 ? key->net : kept);
    return true;
}

static void add_address(struct kt_key_set *set, struct kt_ip ip)
{
    kt_key_set_add(set, kt_key_hash_net((struct kt_cidr){ .ip = ip, .bits = 128 }));
    kt_key_set_add(set, kt_key_hash_net(around(ip)));
}

void kt_key_add_text(struct kt_key_set *set, enum kt_filter filter, struct kt_str text)
{
    struct kt_ip ip;
    if (filter != KT_FILTER_IP && text.len > 0)
        kt_key_set_add(set, kt_key_hash(filter, text));
    if (filter != KT_FILTER_IP || text.len != sizeof ip.at)
        return;
    memcpy(ip.at, text.at, sizeof ip.at);
    add_address(set, ip);
}

void kt_key_add_sessions(struct kt_key_set *set, const struct kt_event *ev)
{
    kt_key_add_text(set, KT_FILTER_SESSION, ev->session);
    kt_key_add_text(set, KT_FILTER_SESSION, ev->credential);
}

/* ---- the filter ---- */

/* Byte by byte, the lowest first: n steps a byte whatever the hashes are, and no call for each
 * pair. An even number of passes ends where it began. */
void kt_sort_u64(uint64_t *at, uint64_t *other, size_t n)
{
    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t place[257] = { 0 };
        for (size_t i = 0; i < n; i++)
            place[(at[i] >> shift & 255) + 1]++;
        for (unsigned i = 1; i < 256; i++)
            place[i] += place[i - 1];
        for (size_t i = 0; i < n; i++)
            other[place[at[i] >> shift & 255]++] = at[i];
        uint64_t *sorted = other;
        other = at;
        at = sorted;
    }
}

static void sort_out(struct kt_key_set *set)
{
    if (set->n > 1)
        kt_sort_u64(set->hash, set->hash + set->cap, set->n);
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++)
        if (n == 0 || set->hash[n - 1] != set->hash[i])
            set->hash[n++] = set->hash[i];
    set->n = n;
}

/* Bit number of probe i, of `bits`. */
static uint64_t probe(uint64_t hash, unsigned i, uint64_t bits)
{
    uint64_t step = (hash >> 32) | 1;
    return (uint32_t)(hash + i * step) * bits >> 32;
}

unsigned kt_filter_probes(unsigned bits_per_key)
{
    unsigned probes = (unsigned)(bits_per_key * 0.6931 + 0.5); /* k = m/n ln 2 */
    return probes < PROBES_MAX ? probes : PROBES_MAX;
}

void kt_filter_make(struct kt_key_set *set, unsigned bits_per_key, struct kt_buf *out)
{
    sort_out(set);
    size_t bytes = (set->n * bits_per_key + 7) / 8;
    unsigned probes = kt_filter_probes(bits_per_key);
    kt_buf_u8(out, (uint8_t)probes);
    char *bits = kt_buf_reserve(out, bytes);
    memset(bits, 0, bytes);
    for (size_t i = 0; i < set->n; i++) {
        for (unsigned k = 0; k < probes; k++) {
            uint64_t bit = probe(set->hash[i], k, 8 * (uint64_t)bytes);
            bits[bit / 8] = (char)(bits[bit / 8] | 1 << bit % 8);
        }
    }
    out->len += bytes;
}

bool kt_filter_has(struct kt_str filter, uint64_t hash)
{
    if (filter.len == 0 || (uint8_t)filter.at[0] > PROBES_MAX)
        return true;
    if (filter.len == 1) /* made of no keys */
        return false;
    const char *bits = filter.at + 1;
    for (unsigned k = 0; k < (uint8_t)filter.at[0]; k++) {
        uint64_t bit = probe(hash, k, 8 * (uint64_t)(filter.len - 1));
        if (!(bits[bit / 8] >> bit % 8 & 1))
            return false;
    }
    return true;
}
