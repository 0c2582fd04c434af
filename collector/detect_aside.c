/*
 * detect_aside: numbers that wait 24 h to be counted, and those that wait for a verdict.
 *
 * Owns:  the engine's table of them, in blocks of eight that belong to one owner; their index.
 * Calls: aside_index, detectors (on_learn), core/base. No clock, no I/O.
 * Holds: numbers are counted in the order in which they came; what an incident holds back is never
 *        counted (DETECTION §2).
 */
#include <math.h>
#include <string.h>

#include "collector/detect_state.h"

#define DAY_MIN      1440u
#define NOVELTY_DAYS 60.0
#define WALKED       32u /* numbers of an actor; an index is worth it for more */

/* ---- lists ---- */
/* Blocks of one owner lie side by side in the store. */
static struct kt_key block_key(struct kt_key owner, uint32_t i)
{
    return (struct kt_key){ owner.a, owner.b + 1 + i / ASIDE_BLOCK };
}

bool kt_detect_aside_at(const struct kt_detect *d, struct kt_key owner, uint32_t i,
                        struct kt_pending *ret)
{
    const struct aside *block = kt_table_peek(d->aside, block_key(owner, i));
    if (block == NULL || block->item[i % ASIDE_BLOCK].time_min == 0)
        return false;
    *ret = block->item[i % ASIDE_BLOCK];
    return true;
}

static bool set_aside(struct kt_detect *d, struct kt_key owner, uint32_t i,
                      const struct kt_pending *p)
{
    struct aside *block = kt_table_put(d->aside, block_key(owner, i), NULL);
    if (block == NULL)
        return false;
    block->item[i % ASIDE_BLOCK] = *p;
    return true;
}

bool kt_detect_aside_add(struct kt_detect *d, struct kt_key owner, uint32_t *n,
                         const struct kt_pending *p)
{
    if (!set_aside(d, owner, *n, p))
        return false;
    ++*n;
    return true;
}

void kt_detect_aside_cut(struct kt_detect *d, struct kt_key owner, uint32_t *n, uint32_t keep)
{
    uint32_t first = (keep + ASIDE_BLOCK - 1) / ASIDE_BLOCK * ASIDE_BLOCK;
    kt_aside_index_drop(d->aside_index, owner);
    for (uint32_t i = first; i < *n; i += ASIDE_BLOCK)
        kt_table_remove(d->aside, block_key(owner, i));
    *n = keep;
}

/* ---- what an actor did ---- */
static uint16_t add16(uint16_t a, uint16_t b)
{
    return a > UINT16_MAX - b ? UINT16_MAX : (uint16_t)(a + b);
}

static uint64_t hash_of(const struct kt_pending *p)
{
    uint64_t h = p->key ^ (uint64_t)p->time_min << 20 ^ (uint64_t)p->detector << 8 ^ p->what;
    return h * UINT64_C(0x9e3779b97f4a7c15);
}

static unsigned bit_of(const struct kt_pending *p)
{
    return (unsigned)(hash_of(p) >> 56);
}

/* Of other bits than those. */
static uint32_t index_hash(const struct kt_pending *p)
{
    return (uint32_t)(hash_of(p) >> 24);
}

static void mark(uint64_t bits[4], const struct kt_pending *p)
{
    bits[bit_of(p) / 64] |= UINT64_C(1) << bit_of(p) % 64;
}

static bool is_same(const struct kt_pending *x, const struct kt_pending *y)
{
    return x->time_min == y->time_min && x->detector == y->detector && x->what == y->what &&
           x->key == y->key;
}

static void add_to(struct kt_pending *sum, const struct kt_pending *p)
{
    sum->v[0] = add16(sum->v[0], p->v[0]);
    for (unsigned k = 1; k < 4; k++)
        sum->v[k] = sum->v[k] < p->v[k] ? p->v[k] : sum->v[k];
}

/* What came since the list was asked about last is added to its index. */
static struct kt_aside_places *places_of(struct kt_detect *d, const struct kt_actor *a,
                                         struct kt_key who)
{
    struct kt_aside_places *l = kt_aside_places(d->aside_index, who);
    const struct aside *block = NULL;
    for (uint32_t i = l->n; i < a->pending_n; i++) {
        if (block == NULL || i % ASIDE_BLOCK == 0)
            block = kt_table_peek(d->aside, block_key(who, i));
        if (block == NULL || block->item[i % ASIDE_BLOCK].time_min == 0)
            kt_aside_places_skip(l);
        else
            kt_aside_places_add(d->aside_index, l, index_hash(&block->item[i % ASIDE_BLOCK]));
    }
    return l;
}

static bool find_indexed(struct kt_detect *d, const struct kt_actor *a, struct kt_key who,
                         const struct kt_pending *p, uint32_t *ret)
{
    const struct kt_aside_places *l = places_of(d, a, who);
    for (uint32_t at = 0; kt_aside_places_next(l, index_hash(p), &at, ret);) {
        const struct aside *block = kt_table_peek(d->aside, block_key(who, *ret));
        if (block != NULL && is_same(&block->item[*ret % ASIDE_BLOCK], p))
            return true;
    }
    return false;
}

/* From the newest on: it is mostly one of them. */
static bool find_walking(const struct kt_detect *d, const struct kt_actor *a, struct kt_key who,
                         const struct kt_pending *p, uint32_t *ret)
{
    for (uint32_t end = a->pending_n; end > 0; end = (end - 1) / ASIDE_BLOCK * ASIDE_BLOCK) {
        const struct aside *block = kt_table_peek(d->aside, block_key(who, end - 1));
        for (uint32_t i = end; block != NULL && i > (end - 1) / ASIDE_BLOCK * ASIDE_BLOCK; i--) {
            *ret = i - 1;
            if (is_same(&block->item[*ret % ASIDE_BLOCK], p))
                return true;
        }
    }
    return false;
}

/* The same hour of the same thing is one number. */
static bool merge_aside(struct kt_detect *d, const struct kt_actor *a, struct kt_key who,
                        const struct kt_pending *p)
{
    uint32_t i;
    if ((a->pending_bits[bit_of(p) / 64] >> bit_of(p) % 64 & 1) == 0)
        return false;
    bool found =
        a->pending_n > WALKED ? find_indexed(d, a, who, p, &i) : find_walking(d, a, who, p, &i);
    if (!found)
        return false;
    struct aside *to = kt_table_get(d->aside, block_key(who, i));
    add_to(&to->item[i % ASIDE_BLOCK], p);
    return true;
}

void kt_detect_put_aside(struct kt_detect *d, const struct kt_scene *s, const struct kt_pending *p)
{
    struct kt_actor *a = s->actor;
    if (merge_aside(d, a, s->who, p))
        return;
    if (kt_detect_aside_add(d, s->who, &a->pending_n, p))
        mark(a->pending_bits, p);
    else
        d->core.put_aside_lost++;
}

static bool held_back(const struct kt_actor *a, const struct kt_pending *p)
{
    for (unsigned i = 0; a->held_n > 0 && i < KT_HELD_MAX; i++) {
        if (a->held[i].until_min != 0 && a->held[i].mark != KT_HELD_DISMISSED &&
            p->time_min > a->held[i].from_min && p->time_min - 60 <= a->held[i].until_min)
            return true;
    }
    return false;
}

/* The hour opposite the circular mean of the hours: the quietest, where a person's day starts. */
static uint8_t quietest_hour(const struct kt_actor *a)
{
    double x = 0, y = 0;
    for (unsigned h = 0; h < 24; h++) {
        if (a->hours[h] == 0)
            continue;
        x += a->hours[h] * cos(2 * M_PI * (h + 0.5) / 24);
        y += a->hours[h] * sin(2 * M_PI * (h + 0.5) / 24);
    }
    double mean = atan2(y, x) / (2 * M_PI) * 24;
    int hour = (int)floor(mean + 12);
    return (uint8_t)(((hour % 24) + 24) % 24);
}

static void learn_hour(struct kt_actor *a, uint32_t hour)
{
    uint32_t day = kt_actor_day(a, hour * 60);
    a->hours[hour % 24] = add16(a->hours[hour % 24], 1);
    a->hours_known = add16(a->hours_known, 1);
    if (a->active_days == 0)
        a->first_day = day;
    if (a->active_days == 0 || day > a->last_day) {
        double g = exp2(-1.0 / NOVELTY_DAYS);
        a->days = (float)((double)a->days * g + 1);
        for (unsigned i = 0; i < KT_NOVELS; i++)
            a->novel[i] = (float)((double)a->novel[i] * g);
        a->active_days++;
        a->last_day = day;
    }
    bool fixed = a->origin != 0 && a->active_days % 30 != 0;
    if (kt_kind_is_person(a->kind) && a->hours_known >= KT_ORIGIN_HOURS && !fixed)
        a->origin = quietest_hour(a);
}

static void learn_place(struct kt_detect *d, struct kt_scene *s, const struct kt_pending *p)
{
    struct kt_places *places = kt_table_get(d->places, s->who);
    struct kt_actor *a = s->actor;
    for (unsigned i = 0; places != NULL && i < places->n_place; i++) {
        struct kt_place *place = &places->place[i];
        if (place->network != p->key)
            continue;
        uint16_t day = (uint16_t)kt_actor_day(a, p->time_min - 60);
        if (place->days == 0 && a->active_days > 0 && day > a->first_day &&
            !kt_detect_shared_cause(d, place->network, place->first_min)) {
            a->novel[KT_NOVEL_NETWORK] += 1.0f;
            if (p->v[1] != 0)
                a->novel[KT_NOVEL_CLASS] += 1.0f;
        }
        if (place->days == 0 || place->last_day < day) {
            place->days = add16(place->days, 1);
            place->last_day = day;
        }
    }
}

void kt_detect_learn(struct kt_detect *d, struct kt_scene *s, const struct kt_pending *p)
{
    if (p->detector != ENGINE_DETECTOR) {
        const struct kt_detector *det = kt_detectors[p->detector];
        s->detector = p->detector;
        s->tables = d->detector[p->detector].table;
        if (det->on_learn != NULL)
            det->on_learn(s, d->tuning.options[p->detector], p);
    } else if (p->what == ASIDE_HOUR) {
        learn_hour(s->actor, (uint32_t)p->key);
    } else {
        learn_place(d, s, p);
    }
}

/* It is 24 h old: counted, unless an incident holds it back. */
static void count_due(struct kt_detect *d, struct kt_scene *s, const struct kt_pending *p)
{
    if (!held_back(s->actor, p))
        kt_detect_learn(d, s, p);
    else
        kt_detect_put_by(d, s->actor, s->who, p);
}

void kt_detect_apply(struct kt_detect *d, struct kt_scene *s)
{
    struct kt_actor *a = s->actor;
    /* the earliest moment at which anything may be due; spares the walk for busy actors */
    if (a->pending_n == 0 || s->minute < a->pending_due)
        return;
    uint32_t left = 0;
    a->pending_due = UINT32_MAX;
    memset(a->pending_bits, 0, sizeof a->pending_bits);
    const struct aside *block = NULL; /* stands: what is learned removes none of this owner */
    struct aside *to = NULL;          /* where number `left` goes, while it is the newest in use */
    for (uint32_t i = 0; i < a->pending_n; i++) {
        if (i % ASIDE_BLOCK == 0)
            block = kt_table_peek(d->aside, block_key(s->who, i));
        if (block == NULL || block->item[i % ASIDE_BLOCK].time_min == 0)
            continue;
        const struct kt_pending p = block->item[i % ASIDE_BLOCK];
        uint32_t due = p.time_min + DAY_MIN;
        if (due <= s->minute) {
            count_due(d, s, &p);
            to = NULL;
            continue;
        }
        a->pending_due = due < a->pending_due ? due : a->pending_due;
        mark(a->pending_bits, &p);
        if (left != i) {
            if (to == NULL || left % ASIDE_BLOCK == 0)
                to = kt_table_put(d->aside, block_key(s->who, left), NULL);
            if (to != NULL)
                to->item[left % ASIDE_BLOCK] = p;
        }
        left++;
    }
    kt_detect_aside_cut(d, s->who, &a->pending_n, left);
}
