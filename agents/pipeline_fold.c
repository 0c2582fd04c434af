/*
 * pipeline_fold: two records of one access -> one event. First halves wait here for their partners.
 *
 * Owns:  the waiting halves, at most KT_FOLD_MAX and HALVES_BYTES; the oldest is given out alone
 *        when there is no room. A hash of each of the newest accesses that were told whole.
 *        The memory of one half that is done with.
 * Calls: core/base, core/event, agents/aged.
 * Holds: a half leaves the table only when the line that has it was taken.
 */
#include <string.h>

#include "agents/pipeline_int.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"

#define HALVES_BYTES (64u << 20)
#define ROOM_STEP    128u /* records of one log are about as long: the next one mostly fits */
#define SPARE_MAX    4096u

static struct half *oldest(const struct kt_pipeline *p)
{
    return (struct half *)(void *)p->halves.oldest;
}

void kt_fold_drop(struct kt_pipeline *p, struct half *h)
{
    if (p->parsed == h)
        p->parsed = NULL;
    p->halves_bytes -= h->record.len;
    kt_aged_remove(&p->halves, &h->item);
    if (p->spare == NULL && h->room <= SPARE_MAX)
        p->spare = h;
    else
        kt_free(h);
}

/* One with room for n bytes. */
static struct half *make_half(struct kt_pipeline *p, size_t n)
{
    struct half *h = p->spare;
    p->spare = NULL;
    if (h != NULL && h->room >= n)
        return h;
    kt_free(h);
    const size_t room = (n + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
    h = kt_alloc(sizeof *h + room);
    h->room = room;
    return h;
}

void kt_fold_clear(struct kt_pipeline *p)
{
    while (p->halves.n > 0)
        kt_fold_drop(p, oldest(p));
}

void kt_fold_free(struct kt_pipeline *p)
{
    kt_fold_clear(p);
    kt_aged_done(&p->halves);
    kt_free(p->spare);
    p->spare = NULL;
}

/* The second half is often the next record: so what was parsed of the newest first half stays. */
static void keep_parsed(struct kt_pipeline *p, const struct half *h, struct kt_jval root)
{
    struct kt_json *own = p->json;
    p->json = p->json_first;
    p->json_first = own;
    p->parsed = h;
    p->parsed_root = root;
}

struct kt_jval kt_fold_root(struct kt_pipeline *p, const struct half *h, struct kt_error *err)
{
    unsigned repaired;
    if (p->parsed == h)
        return p->parsed_root;
    p->parsed = NULL;
    if (kt_json_parse(p->json_first, h->record, &p->parsed_root, &repaired, err) != KT_OK)
        return (struct kt_jval){ NULL };
    p->parsed = h;
    return p->parsed_root;
}

/* The record at hand, as one that waits: with copies of all that lies in the arena. */
static struct half *half_of(struct kt_pipeline *p, struct kt_str key, uint64_t hash)
{
    struct kt_str record = p->cur.record;
    struct half *h = make_half(p, record.len + key.len);
    memcpy(h->bytes, record.at, record.len);
    memcpy(h->bytes + record.len, key.at, key.len);
    h->record = kt_str_from(h->bytes, record.len);
    h->item.key = kt_str_from(h->bytes + record.len, key.len);
    h->item.hash = hash;
    h->offset = p->cur.offset;
    h->since = p->cur.observed;
    h->arrival = p->cur.arrival;
    h->masked = p->cur.masked;
    h->clean = p->cur.clean[0].len > 0;
    h->given = 0;
    return h;
}

static void wait_for_partner(struct kt_pipeline *p, struct half *h, struct kt_jval root)
{
    p->halves_bytes += h->record.len;
    kt_aged_add(&p->halves, &h->item);
    keep_parsed(p, h, root);
}

void kt_fold_stream_ended(struct kt_pipeline *p)
{
    for (struct kt_aged_item *i = p->halves.newest; i != NULL; i = i->older) {
        struct half *h = (struct half *)(void *)i;
        if (h->offset == UINT64_MAX)
            break; /* all older ones are of streams that ended before */
        h->offset = UINT64_MAX;
    }
}

uint64_t kt_fold_low_water(const struct kt_pipeline *p)
{
    for (struct kt_aged_item *i = p->halves.oldest; i != NULL; i = i->newer) {
        const struct half *h = (const struct half *)(void *)i;
        if (h->offset != UINT64_MAX)
            return h->offset;
    }
    return UINT64_MAX;
}

/* Halves that were given out alone are remembered, so that their partner becomes an amendment. */
static struct kt_str late_key(struct kt_pipeline *p, struct kt_str key)
{
    return kt_arena_cat(&p->arena, KT_STR("late "), key);
}

/* Where lines overtake each other, a first half comes behind a second that told the whole access
 * without it; where they come twice, behind both. By itself it would be the same access again, of
 * unknown outcome. Four hashes share a set, the newest in front: by chance alone none pushes
 * another out soon. One that is out is forgotten, and the access is told twice. So it is where a
 * second half that came alone may leave out what its first says: who it was is better told twice
 * than not at all. */
static uint64_t *early_set(struct kt_pipeline *p, uint64_t hash)
{
    return p->early[(hash >> 1) % KT_ARRAY_LEN(p->early)];
}

/* Of what the table of halves finds a key by; never 0, early_set takes the other bits. */
static uint64_t early_hash(uint64_t hash)
{
    return hash | 1;
}

static bool is_not_needed(struct kt_pipeline *p, uint64_t early)
{
    const uint64_t *set = early_set(p, early);
    for (unsigned i = 0; i < KT_EARLY_WAYS; i++) {
        if (set[i] == early)
            return true;
    }
    return false;
}

static void first_not_needed(struct kt_pipeline *p, uint64_t early)
{
    uint64_t *set = early_set(p, early);
    unsigned at = 0;
    if (!p->paired && !p->o.source->second_is_whole)
        return;
    while (at + 1 < KT_EARLY_WAYS && set[at] != early)
        at++;
    memmove(set + 1, set, at * sizeof *set);
    set[0] = early;
}

void kt_fold_told(struct kt_pipeline *p)
{
    if (p->second != 0)
        first_not_needed(p, p->second);
}

/* Gives the oldest half out with an unknown outcome. */
static enum kt_status give_oldest(struct kt_pipeline *p, struct kt_error *err)
{
    struct half *h = oldest(p);
    struct current saved = p->cur;
    unsigned given = p->given;

    p->given = h->given;
    p->cur = (struct current){ .bytes = h->record,
                               .record = h->record,
                               .offset = h->offset,
                               .length = h->record.len,
                               .arrival = h->arrival,
                               .observed = h->since,
                               .masked = h->masked,
                               .err = err };
    kt_arena_reset(&p->arena);
    kt_buf_reset(&p->raw);
    struct kt_jval root = kt_fold_root(p, h, err);
    if (kt_json_type(root) != KT_JSON_NONE) {
        struct kt_decode_in in = kt_pipeline_in(p, root);
        (void)(p->o.source->decode_alone(&in, false, kt_pipeline_emit(p), err) == KT_OK);
    }
    if (p->cur.status == KT_OK && p->cur.events == 0)
        kt_quarantine_give(p, "no event could be made of it");
    enum kt_status st = p->cur.status;
    if (st == KT_OK) {
        if (p->cur.events > 0)
            p->counts.yielded++;
        p->counts.unknown_fields += p->cur.unknown_fields;
        kt_source_remember(p->memory, late_key(p, h->item.key), KT_STR("1"));
        kt_fold_drop(p, h);
    } else {
        h->given = p->given;
    }
    p->cur = saved;
    p->given = given;
    return st;
}

static bool is_full(const struct kt_pipeline *p)
{
    return p->halves.n >= KT_FOLD_MAX || p->halves_bytes + p->cur.record.len > HALVES_BYTES;
}

/* The half that waits by this key. It is mostly the newest one, and then needs no hash. */
static struct half *find_half(const struct kt_pipeline *p, struct kt_str key, uint64_t *ret_hash)
{
    struct kt_aged_item *newest = p->halves.newest;
    if (newest != NULL && kt_str_eq(newest->key, key)) {
        *ret_hash = newest->hash;
        return (struct half *)(void *)newest;
    }
    *ret_hash = kt_aged_hash(key);
    return (struct half *)(void *)kt_aged_find(&p->halves, key, *ret_hash);
}

enum fold_result kt_fold_look(struct kt_pipeline *p, struct kt_jval root, struct half **ret_half)
{
    struct kt_str key = KT_STR_NONE;
    bool first = false;
    struct kt_decode_in in = kt_pipeline_in(p, root);

    *ret_half = NULL;
    p->second = 0;
    p->paired = false;
    if (p->o.source->fold_key == NULL || !p->o.source->fold_key(&in, &key, &first) || key.len == 0)
        return FOLD_DECODE;
    uint64_t hash;
    struct half *partner = find_half(p, key, &hash);
    if (!first) {
        *ret_half = partner;
        if (partner == NULL && p->cur.offset < p->known_until) {
            first_not_needed(p, early_hash(hash)); /* it may come behind it, as it did before */
            return FOLD_KNOWN;
        }
        p->paired = partner != NULL;
        if (!p->paired && kt_source_recall(p->memory, late_key(p, key)).len > 0)
            return FOLD_DECODE_LATE;
        p->second = early_hash(hash);
        return FOLD_DECODE;
    }
    if (is_not_needed(p, early_hash(hash)))
        return FOLD_OVERTAKEN;
    if (partner != NULL)
        return kt_str_eq(partner->record, p->cur.record) ? FOLD_REPEATED : FOLD_DECODE;
    struct half *h = half_of(p, key, hash); /* giving out resets the arena */
    while (p->halves.n > 0 && is_full(p)) {
        p->cur.status = give_oldest(p, p->cur.err);
        if (p->cur.status != KT_OK) {
            kt_free(h);
            return FOLD_REFUSED;
        }
    }
    wait_for_partner(p, h, root);
    return FOLD_WAITS;
}

enum kt_status kt_fold_expire(struct kt_pipeline *p, kt_time_ns limit, struct kt_error *err)
{
    while (p->halves.n > 0 && oldest(p)->since <= limit) {
        enum kt_status st = give_oldest(p, err);
        if (st != KT_OK)
            return st;
    }
    return KT_OK;
}
