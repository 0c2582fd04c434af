/*
 * together_plan: which segments of a walk's plan the kept pairs leave out.
 *
 * Owns:  nothing beyond a call.
 * Calls: core/base, core/store (db, together).
 * Holds: what is left out has no record that the scan wants; where anything is not known, all of a
 *        stretch stays.
 */
#include <string.h>

#include "core/store/together_int.h"

#define WORTH 2u /* segments of a stretch in the plan from which on it is asked */
#define ASKS                                                                                       \
    16u            /* looks for each planned segment of a stretch: 3 to 10 us each, warm, where a  \
                     segment takes 100 to 300 */
#define SIEVES  8u /* that are looked at */
#define COUPLES (SIEVES * (SIEVES - 1) / 2)

enum says { ABSENT, PRESENT, NOT_KNOWN };
struct couple { /* two sieves whose keys are kept as pairs */
    const struct kt_sieve *a, *b;
};
struct asking {
    struct kt_plan_door door;
    const struct kt_scan *scan;
    struct couple couple[COUPLES];
    unsigned n;
    bool given_up;
    bool earliest; /* the scan wants no more than the earliest of each pair, and pairs say it */
    struct kt_pairs_key key;
    const struct kt_directory *directory;
    const struct kt_stretch *stretch;
    uint8_t set[KT_TOGETHER_SEGMENTS / 8];
};

/* ---- what may be asked ---- */

static bool is_kept(enum kt_filter a, enum kt_filter b)
{
    static const bool kept[KT_FILTER_COUNT][KT_FILTER_COUNT] = {
        [KT_FILTER_ACTOR] = { [KT_FILTER_SECRET] = true,
                              [KT_FILTER_IP] = true,
                              [KT_FILTER_INSTANCE] = true },
        [KT_FILTER_SECRET] = { [KT_FILTER_IP] = true, [KT_FILTER_INSTANCE] = true },
        [KT_FILTER_IP] = { [KT_FILTER_INSTANCE] = true },
    };
    return a >= 0 && a < KT_FILTER_COUNT && b >= 0 && b < KT_FILTER_COUNT &&
           (kept[a][b] || kept[b][a]);
}

/* Pairs are of accesses: does the scan want nothing else? */
static bool is_of_accesses(const struct kt_sieve *s)
{
    if (s->column != KT_COL_KIND)
        return false;
    for (int kind = 0; kind < KT_KIND_COUNT; kind++)
        if (kind != KT_KIND_ACCESS && s->fits(s->self, KT_STR_NONE, kind))
            return false;
    return true;
}

static struct kt_cidr network_of(const struct kt_sought *key)
{
    return kt_ip_network(key->net.ip, 24, 48);
}

/* Pairs have whole addresses, and their networks. */
static bool says_all(const struct kt_sieve *s, const struct kt_sieve *with)
{
    if (s->seek == KT_SEEK_NO)
        return false;
    for (unsigned i = 0; s->filter == KT_FILTER_IP && i < s->n_keys; i++) {
        unsigned bits = s->keys[i].net.bits;
        bool whole = bits == 128 && with->filter != KT_FILTER_INSTANCE;
        if (!whole && bits != network_of(&s->keys[i]).bits)
            return false;
    }
    return true;
}

static bool prepare(struct asking *q, const struct kt_scan *scan)
{
    const struct kt_sieve *keyed[SIEVES];
    unsigned n = 0, kinds = 0;
    for (unsigned i = 0; i < scan->n_sieves; i++) {
        const struct kt_sieve *s = &scan->sieve[i];
        if (s->n_keys > 0 && n < SIEVES)
            keyed[n++] = s;
        kinds += is_of_accesses(s);
    }
    for (unsigned i = 0; kinds > 0 && i < n; i++)
        for (unsigned k = i + 1; k < n; k++)
            if (is_kept(keyed[i]->filter, keyed[k]->filter))
                q->couple[q->n++] = (struct couple){ keyed[i], keyed[k] };
    q->scan = scan;
    q->earliest = scan->earliest && q->n == 1 && n == 2 && scan->n_sieves == 2 + kinds &&
                  scan->n_needles == 0 && scan->n_spans == 0 && says_all(keyed[0], keyed[1]) &&
                  says_all(keyed[1], keyed[0]);
    return q->n > 0;
}

/* ---- asking ---- */

/* False: the key is no help. */
static bool hash_of(const struct kt_sieve *s, unsigned i, enum kt_filter with, uint64_t *ret)
{
    if (!kt_key_hash_of(s->filter, &s->keys[i], ret))
        return false;
    if (s->filter == KT_FILTER_IP && with == KT_FILTER_INSTANCE)
        *ret = kt_key_hash_net(network_of(&s->keys[i]));
    return true;
}

static enum says find(struct asking *q, uint64_t hash, uint8_t set[KT_TOGETHER_SEGMENTS / 8])
{
    char name[KT_STRETCH_NAME];
    uint8_t found[KT_TOGETHER_SEGMENTS / 8] = { 0 }, any = 0;
    uint32_t bucket = kt_pair_bucket(hash, q->stretch->buckets);
    kt_db_text(q->door.get, 1, kt_str_of(kt_stretch_name(q->stretch, bucket, name)));
    bool known = kt_db_step(q->door.get, NULL) == KT_OK &&
                 kt_bucket_find(kt_db_col(q->door.get, 0), hash, found);
    (void)sqlite3_reset(q->door.get);
    for (size_t i = 0; i < sizeof found; i++) {
        any |= found[i];
        set[i] |= found[i];
    }
    return !known ? NOT_KNOWN : any != 0 ? PRESENT : ABSENT;
}

/* Of any key of the one with any of the other. Where only presence matters the first will do. */
static enum says ask_couple(struct asking *q, const struct couple *c)
{
    bool present = false;
    for (unsigned i = 0; i < c->a->n_keys; i++)
        for (unsigned k = 0; k < c->b->n_keys && (q->earliest || !present); k++) {
            uint64_t a, b;
            if (!hash_of(c->a, i, c->b->filter, &a) || !hash_of(c->b, k, c->a->filter, &b))
                return NOT_KNOWN;
            enum says one = find(q, kt_pair_hash(&q->key, a, b), q->set);
            if (one == NOT_KNOWN)
                return one;
            present = present || one == PRESENT;
        }
    return present ? PRESENT : ABSENT;
}

/* With no more looks than so many segments are worth; a couple that takes more is not asked. */
static enum says ask(struct asking *q, uint32_t segments)
{
    uint64_t left = (uint64_t)ASKS * segments;
    enum says says = NOT_KNOWN;
    memset(q->set, 0, sizeof q->set);
    for (unsigned i = 0; i < q->n && says != ABSENT; i++) {
        const struct couple *c = &q->couple[i];
        uint64_t looks = (uint64_t)c->a->n_keys * c->b->n_keys;
        if (looks > left)
            continue;
        left -= looks;
        says = ask_couple(q, c);
    }
    return says;
}

/* Whoever walks asks again, and ends. */
static bool gives_up(struct asking *q)
{
    q->given_up =
        q->given_up || (q->scan->give_up != NULL && q->scan->give_up(q->scan->give_up_self));
    return q->given_up;
}

/* ---- the plan ---- */

bool kt_segment_within(const struct kt_segment *seg, const struct kt_scan *scan)
{
    kt_time_ns low = seg->min_time, high = seg->max_time;
    if (seg->untimed > 0) {
        low = low == 0 || seg->min_arrival < low ? seg->min_arrival : low;
        high = seg->max_arrival > high ? seg->max_arrival : high;
    }
    return seg->first_seq >= scan->from_seq && seg->last_seq <= scan->until_seq &&
           (scan->since == 0 || low >= scan->since) && (scan->until == 0 || high < scan->until);
}

static bool knows_earliest(const struct asking *q, const struct kt_directory *d,
                           const struct kt_stretch_place *p)
{
    const struct couple *c = &q->couple[0];
    bool known = q->earliest && !(q->stretch->cased && (c->a->filter == KT_FILTER_ACTOR ||
                                                        c->b->filter == KT_FILTER_ACTOR));
    for (uint32_t i = p->at; known && i < p->at + p->n; i++)
        known = kt_segment_within(&d->at[i], q->scan);
    return known;
}

static bool is_set(const uint8_t *set, uint32_t number)
{
    return (set[number / 8] >> number % 8 & 1) != 0;
}

bool kt_plan_keep_pieces(sqlite3_stmt *part, const uint8_t set[KT_TOGETHER_SEGMENTS / 8],
                         uint32_t number, const struct kt_segment *entry, struct kt_segment *seg)
{
    struct kt_piece piece[KT_MERGED_PIECES];
    uint32_t first = 0, last = kt_segment_pieces(entry), all = last;
    while (first < all && !is_set(set, number + first))
        first++;
    while (last > first && !is_set(set, number + last - 1))
        last--;
    if (first == all || last - first == all)
        return first < all;
    if (seg->first_seq != entry->first_seq || seg->last_seq != entry->last_seq)
        return true; /* some were left out before */
    kt_db_u64(part, 1, entry->first_seq * KT_PARTS + KT_PART_PIECES);
    if (kt_db_step(part, NULL) == KT_OK &&
        kt_pieces_read(entry, kt_db_col(part, 0), piece, NULL) == KT_OK) {
        seg->first_seq = piece[first].head.first_seq;
        seg->last_seq = piece[last - 1].head.last_seq;
    }
    (void)sqlite3_reset(part);
    return true;
}

uint32_t kt_plan_by_stretch(const struct kt_scan *scan, const struct kt_stretches *all,
                            struct kt_segment *plan, uint32_t n, kt_plan_keep *keep, void *self)
{
    uint32_t to = 0, i = 0;
    for (uint32_t k = 0; k < all->n; k++) {
        const struct kt_stretch *s = &all->at[k];
        if (scan->give_up != NULL && scan->give_up(scan->give_up_self)) /* the walk ends by it */
            break;
        while (i < n && plan[i].first_seq < s->first_seq)
            plan[to++] = plan[i++];
        uint32_t from = i;
        while (i < n && plan[i].last_seq <= s->last_seq)
            i++;
        to = keep(self, s, plan, from, i, to);
    }
    while (i < n)
        plan[to++] = plan[i++];
    return to;
}

static uint32_t keep(void *self, const struct kt_stretch *s, struct kt_segment *plan, uint32_t from,
                     uint32_t end, uint32_t to)
{
    struct asking *q = self;
    const struct kt_directory *d = q->directory;
    struct kt_stretch_place p;
    enum says says = NOT_KNOWN;
    uint32_t pieces = 0;
    q->stretch = s;
    for (uint32_t i = from; i < end; i++)
        pieces += kt_segment_pieces(&plan[i]);
    if (pieces >= WORTH && kt_stretch_whole(s, d, &p) && !gives_up(q))
        says = ask(q, pieces);
    bool some = says == PRESENT && knows_earliest(q, d, &p);
    for (uint32_t i = from; i < end && says != ABSENT; i++) {
        uint32_t at = some ? kt_directory_from(d, plan[i].first_seq) : 0;
        if (!some || kt_plan_keep_pieces(q->door.part, q->set, kt_stretch_number(&p, d, at),
                                         &d->at[at], &plan[i]))
            plan[to++] = plan[i];
    }
    return to;
}

struct narrowing { /* what the scan can be asked for */
    struct asking couples;
    struct kt_values values;
    bool by_couples, by_values, by_sessions;
};

static uint32_t narrow_by_list(struct narrowing *w, struct kt_reader *r, const struct kt_scan *scan,
                               struct kt_segment *plan, uint32_t n)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *get = NULL;
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *part = NULL;
    struct kt_stretches all = { 0 };
    if (kt_stretches_load(r->db, &all, NULL) == KT_OK && all.n > 0 &&
        kt_db_prepare(r->db, "SELECT value FROM blob WHERE name = ?1", &get, NULL) == KT_OK &&
        kt_db_prepare(r->db, "SELECT data FROM part WHERE id = ?1", &part, NULL) == KT_OK) {
        const struct kt_plan_door door = { get, part };
        if (w->by_values)
            n = kt_values_narrow(&w->values, get, scan, &r->directory, &all, plan, n);
        w->couples.door = door;
        w->couples.key = all.key;
        w->couples.directory = &r->directory;
        if (w->by_couples)
            n = kt_plan_by_stretch(scan, &all, plan, n, keep, &w->couples);
        if (w->by_sessions)
            n = kt_sessions_narrow(&door, scan, &r->directory, &all, plan, n);
    }
    kt_stretches_done(&all);
    return n;
}

/* List and buckets are read at one moment: made again in between, a bucket would be another's of
 * the same name. One lock, too, and not one a look. */
uint32_t kt_together_narrow(struct kt_reader *r, const struct kt_scan *scan,
                            struct kt_segment *plan, uint32_t *n)
{
    struct narrowing w = { 0 };
    uint32_t before = *n;
    w.by_couples = prepare(&w.couples, scan);
    w.by_values = kt_values_wanted(scan, &w.values);
    w.by_sessions = kt_sessions_wanted(scan);
    if (before == 0 || (!w.by_couples && !w.by_values && !w.by_sessions))
        return 0;
    bool begun = kt_db_exec(r->db, "BEGIN", NULL) == KT_OK;
    if (!begun && sqlite3_get_autocommit(r->db)) /* else it is within one already */
        return 0;
    *n = narrow_by_list(&w, r, scan, plan, before);
    if (begun)
        (void)!kt_db_exec(r->db, "COMMIT", NULL);
    return before - *n;
}
