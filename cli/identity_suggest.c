/*
 * identity_suggest: which names are one person: pairs that something relates, judged, then joined.
 *
 * Owns:  the suggestions it made.
 * Calls: cli/identity_gather, identity_judge, identity_names, core/base.
 * Holds: two names of one directory are never joined, nor through a third, unless the source has
 *        one id for both; a machine is never joined to anybody. The order of names decides nothing.
 */
#include "cli/identity_suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/identity_gather.h"
#include "core/base/alloc.h"

#define BUCKET_MAX 32u    /* names with one key: more of them say nothing of a person */
#define PAIRS_MAX  50000u /* looked at */
#define RIVAL      15     /* points by which the better of two must be ahead */
#define NONE       UINT32_MAX

struct work {
    struct kt_suggest *s;
    struct kt_map *keys; /* a letter for its kind, and the key */
    struct bucket {
        uint32_t n, mails, at[BUCKET_MAX];
    } * bucket; /* by number in keys */
    uint32_t room;
    struct pair *pair;
    size_t n_pair, room_pair;
    struct kt_map *paired; /* the pairs that stay */
    uint32_t *group;       /* by number of the name: towards the one that stands for its group */
    uint32_t *next;        /* the next of its group, in a circle */
    uint32_t n;            /* names */
};

/* ---- what relates two names ---- */
static void enter(struct work *w, char kind, struct kt_str key, uint32_t i)
{
    char text[256];
    bool fresh;
    if (key.len == 0 || key.len + 2 > sizeof text)
        return;
    int n = snprintf(text, sizeof text, "%c" KT_STR_FMT, kind, KT_STR_ARG(key));
    uint32_t k = kt_map_put(w->keys, kt_str_from(text, (size_t)n), &fresh);
    if (k >= w->room) {
        w->room = w->room == 0 ? 256 : 2 * w->room;
        w->bucket = kt_realloc_array(w->bucket, w->room, sizeof *w->bucket);
    }
    struct bucket *b = &w->bucket[k];
    if (fresh)
        *b = (struct bucket){ .n = 0 };
    if (b->n > 0 && b->n <= BUCKET_MAX && b->at[b->n - 1] == i)
        return;
    if (b->n < BUCKET_MAX)
        b->at[b->n] = i;
    b->n++;
}

static void enter_name(struct work *w, uint32_t i)
{
    const struct person *p = &w->s->person[i];
    char initial[KT_NAME_KEY_MAX];
    struct kt_str actor = kt_map_key(w->s->actors, i);
    if (!kt_gather_is_person(p))
        return;
    kt_name_initial(p->name.local, initial);
    bool named = !kt_name_is_generic(p->name.key);
    enter(w, 'n', named ? kt_str_of(p->name.key) : KT_STR_NONE, i);
    enter(w, 'n', kt_str_of(p->full), i);
    enter(w, 'n', kt_str_of(initial), i);
    enter(w, 'n', kt_str_of(p->initial), i);
    enter(w, 'm', p->name.email ? actor : KT_STR_NONE, i);
    enter(w, 'm', kt_str_of(p->mail), i);
    enter(w, 'i', kt_str_of(p->id), i);
}

static unsigned mails_named(const struct work *w, const char *key)
{
    char text[KT_NAME_KEY_MAX + 2];
    (void)snprintf(text, sizeof text, "n%s", key);
    uint32_t k = kt_map_get(w->keys, kt_str_of(text));
    unsigned n = 0;
    for (uint32_t i = 0; k != KT_MAP_NONE && i < w->bucket[k].n && i < BUCKET_MAX; i++) {
        const struct kt_name *name = &w->s->person[w->bucket[k].at[i]].name;
        n += name->email && strcmp(name->key, key) == 0;
    }
    return n;
}

static bool same(const char *x, const char *y)
{
    return x != NULL && y != NULL && x[0] != '\0' && strcmp(x, y) == 0;
}

static bool is_named(const struct work *w, const struct person *p, uint32_t other)
{
    return p->mail != NULL && kt_str_eq_nocase(kt_str_of(p->mail), kt_map_key(w->s->actors, other));
}

static unsigned by_name(const struct work *w, const struct person *a, const struct person *b)
{
    char first[KT_NAME_KEY_MAX], second[KT_NAME_KEY_MAX];
    unsigned reasons = 0;
    kt_name_initial(a->name.local, first);
    kt_name_initial(b->name.local, second);
    if (same(a->name.key, b->name.key) && !kt_name_is_generic(a->name.key)) {
        reasons |= KT_REASON_LOCAL;
        if (a->name.email != b->name.email && mails_named(w, a->name.key) == 1)
            reasons |= KT_REASON_ONLY;
    }
    if (same(a->full, b->name.key) || same(b->full, a->name.key) || same(a->full, b->full))
        reasons |= KT_REASON_DISPLAY;
    if (same(first, b->name.key) || same(second, a->name.key) || same(a->initial, b->name.key) ||
        same(b->initial, a->name.key))
        reasons |= KT_REASON_INITIAL;
    return reasons;
}

/* 0: nothing, or something that forbids it. */
static unsigned relate(const struct work *w, uint32_t i, uint32_t k)
{
    const struct person *a = &w->s->person[i], *b = &w->s->person[k];
    if (same(a->id, b->id))
        return KT_REASON_ID | by_name(w, a, b);
    bool one_place = kt_str_eq_nocase(a->name.where, b->name.where);
    bool strangers = a->identity != NULL && b->identity != NULL && a->identity != b->identity;
    if (one_place || strangers || (!kt_gather_is_human(a) && !kt_gather_is_human(b)))
        return 0;
    bool second = kt_name_is_second(a->name.local, b->name.local);
    unsigned reasons = second ? 0 : by_name(w, a, b);
    if (!second && (is_named(w, a, k) || is_named(w, b, i)))
        reasons |= KT_REASON_MAIL;
    return reasons;
}

/* ---- pairs ---- */
static int by_names(const void *x, const void *y)
{
    const struct pair *p = x, *q = y;
    if (p->a != q->a)
        return p->a < q->a ? -1 : 1;
    return (p->b > q->b) - (p->b < q->b);
}

static int by_score(const void *x, const void *y)
{
    const struct pair *p = x, *q = y;
    return p->score != q->score ? q->score - p->score : by_names(x, y);
}

static void add_pair(struct work *w, uint32_t x, uint32_t y)
{
    if (w->n_pair == PAIRS_MAX) {
        w->s->lost++;
        return;
    }
    if (w->n_pair == w->room_pair) {
        w->room_pair = w->room_pair == 0 ? 256 : 2 * w->room_pair;
        w->pair = kt_realloc_array(w->pair, w->room_pair, sizeof *w->pair);
    }
    w->pair[w->n_pair++] = (struct pair){ .a = x < y ? x : y, .b = x < y ? y : x };
}

static void find_pairs(struct work *w, int least)
{
    for (uint32_t i = 0; i < w->n; i++)
        enter_name(w, i);
    for (uint32_t k = 0; k < kt_map_count(w->keys); k++) {
        const struct bucket *b = &w->bucket[k];
        for (uint32_t i = 0; b->n <= BUCKET_MAX && i < b->n; i++)
            for (uint32_t j = i + 1; j < b->n; j++)
                add_pair(w, b->at[i], b->at[j]);
    }
    if (w->n_pair > 1)
        qsort(w->pair, w->n_pair, sizeof *w->pair, by_names);
    size_t n = 0;
    struct pair before = { .a = NONE };
    for (size_t i = 0; i < w->n_pair; i++) {
        struct pair p = w->pair[i];
        bool again = by_names(&before, &p) == 0;
        before = p;
        p.reasons = again ? 0 : relate(w, p.a, p.b);
        if (p.reasons == 0)
            continue;
        kt_judge_pair(w->s, &p);
        if (p.score < least)
            continue;
        const uint32_t key[2] = { p.a, p.b };
        (void)kt_map_put(w->paired, kt_str_from(key, sizeof key), NULL);
        w->pair[n++] = p;
    }
    w->n_pair = n;
}

static bool are_paired(const struct work *w, uint32_t x, uint32_t y)
{
    const uint32_t key[2] = { x < y ? x : y, x < y ? y : x };
    return kt_map_get(w->paired, kt_str_from(key, sizeof key)) != KT_MAP_NONE;
}

/* Pairs of each name: those of name i are of[first[i] … first[i + 1] - 1]. */
struct touching {
    size_t *first, *of;
};

static struct touching touching_of(const struct work *w)
{
    struct touching t = { .first = kt_alloc_array(w->n + 2, sizeof *t.first),
                          .of = kt_alloc_array(2 * w->n_pair + 1, sizeof *t.of) };
    for (size_t i = 0; i < w->n_pair; i++) {
        t.first[w->pair[i].a + 2]++;
        t.first[w->pair[i].b + 2]++;
    }
    for (uint32_t i = 2; i < w->n + 2; i++)
        t.first[i] += t.first[i - 1];
    for (size_t i = 0; i < w->n_pair; i++) {
        t.of[t.first[w->pair[i].a + 1]++] = i;
        t.of[t.first[w->pair[i].b + 1]++] = i;
    }
    return t;
}

static bool is_rival(const struct work *w, const struct pair *p, const struct pair *q,
                     uint32_t name)
{
    uint32_t x = p->a == name ? p->b : p->a, y = q->a == name ? q->b : q->a;
    bool people = w->s->person[x].name.email && w->s->person[y].name.email;
    return people && p->score < q->score + RIVAL && !are_paired(w, x, y);
}

/* A name that would fit two people about as well is given to neither. */
static void drop_rivals(struct work *w)
{
    struct touching t = touching_of(w);
    for (uint32_t name = 0; name < w->n; name++)
        for (size_t i = t.first[name]; i < t.first[name + 1]; i++)
            for (size_t k = t.first[name]; k < t.first[name + 1]; k++) {
                struct pair *p = &w->pair[t.of[i]];
                p->dropped = p->dropped || (i != k && !(p->reasons & KT_REASON_ID) &&
                                            is_rival(w, p, &w->pair[t.of[k]], name));
            }
    kt_free(t.first);
    kt_free(t.of);
}

/* ---- groups ---- */
static uint32_t head(const struct work *w, uint32_t i)
{
    while (w->group[i] != i)
        i = w->group[i];
    return i;
}

static bool are_strangers(const struct work *w, uint32_t i, uint32_t k)
{
    const struct person *a = &w->s->person[i], *b = &w->s->person[k];
    return kt_str_eq_nocase(a->name.where, b->name.where) ||
           (a->identity != NULL && b->identity != NULL && a->identity != b->identity) ||
           (a->name.email && b->name.email && !are_paired(w, i, k));
}

/* May the two groups become one? Not when both have an account of one directory, or two e-mails
 * that nothing relates, or two who are known. */
static bool compatible(const struct work *w, uint32_t x, uint32_t y)
{
    uint32_t i = x, k = y;
    do {
        do {
            if (are_strangers(w, i, k))
                return false;
            k = w->next[k];
        } while (k != y);
        i = w->next[i];
    } while (i != x);
    return true;
}

static void join(struct work *w, uint32_t x, uint32_t y)
{
    uint32_t next = w->next[x];
    w->next[x] = w->next[y];
    w->next[y] = next;
    w->group[x > y ? x : y] = x > y ? y : x;
}

static void join_all(struct work *w)
{
    if (w->n_pair > 1)
        qsort(w->pair, w->n_pair, sizeof *w->pair, by_score);
    for (size_t i = 0; i < w->n_pair; i++) {
        struct pair *p = &w->pair[i];
        uint32_t x = head(w, p->a), y = head(w, p->b);
        if (p->dropped || x == y)
            continue;
        p->dropped = !(p->reasons & KT_REASON_ID) && !compatible(w, x, y);
        if (!p->dropped)
            join(w, x, y);
    }
}

/* ---- suggestions ---- */
static bool is_better(const struct person *a, const struct person *b)
{
    if ((a->identity != NULL) != (b->identity != NULL))
        return a->identity != NULL;
    if (a->name.email != b->name.email)
        return a->name.email;
    if (kt_gather_is_human(a) != kt_gather_is_human(b))
        return kt_gather_is_human(a);
    return a->events > b->events;
}

static void say_sources(const struct kt_suggest *s, const struct person *p, char ret[80])
{
    size_t n = 0;
    ret[0] = '\0';
    for (uint32_t i = 0; i < 32 && i < kt_map_count(s->source_names) && n + 24 < 80; i++)
        if (p->sources >> i & 1u)
            n += (size_t)snprintf(ret + n, 80 - n, "%s" KT_STR_FMT, n > 0 ? ", " : "",
                                  KT_STR_ARG(kt_str_sub(kt_map_key(s->source_names, i), 0, 20)));
}

/* By number of the name: the strongest of its accepted pairs, or NULL. */
static const struct pair **links_of(const struct work *w)
{
    const struct pair **link = kt_alloc_array(w->n + 1, sizeof *link);
    for (size_t k = 0; k < w->n_pair; k++) { /* by score */
        const struct pair *p = &w->pair[k];
        if (p->dropped || head(w, p->a) != head(w, p->b))
            continue;
        link[p->a] = link[p->a] == NULL ? p : link[p->a];
        link[p->b] = link[p->b] == NULL ? p : link[p->b];
    }
    return link;
}

static void suggest(struct work *w, uint32_t i, uint32_t main, const struct pair *link)
{
    struct kt_suggest *s = w->s;
    const struct person *p = &s->person[i], *m = &s->person[main];
    if (i == main || link == NULL || p->identity != NULL)
        return;
    struct kt_suggestion *to = &s->made[s->n_made++];
    *to = (struct kt_suggestion){
        .name = m->identity != NULL ? kt_str_of(m->identity->name) : kt_map_key(s->actors, main),
        .alias = kt_map_key(s->actors, i),
        .beside = kt_map_key(s->actors, link->a == i ? link->b : link->a),
        .reasons = link->reasons,
        .score = link->score,
        .events = p->events,
        .together_hours = link->together_hours,
        .together_addresses = link->together_addresses,
        .apart_hours = link->apart_hours,
        .address_users = link->address_users == NONE ? 0 : link->address_users,
        .known = m->identity != NULL,
    };
    say_sources(s, p, to->sources);
}

static int by_person(const void *x, const void *y)
{
    const struct kt_suggestion *a = x, *b = y;
    int names = kt_str_cmp(a->name, b->name);
    return names != 0 ? names : kt_str_cmp(a->alias, b->alias);
}

static void make(struct work *w)
{
    uint32_t *main = kt_alloc_array(w->n + 1, sizeof *main);
    const struct pair **link = links_of(w);
    for (uint32_t i = 0; i < w->n; i++)
        main[i] = NONE;
    for (uint32_t i = 0; i < w->n; i++) {
        uint32_t h = head(w, i);
        if (main[h] == NONE || is_better(&w->s->person[i], &w->s->person[main[h]]))
            main[h] = i;
    }
    w->s->made = kt_alloc_array(w->n + 1, sizeof *w->s->made);
    for (uint32_t i = 0; i < w->n; i++)
        suggest(w, i, main[head(w, i)], link[i]);
    if (w->s->n_made > 1)
        qsort(w->s->made, w->s->n_made, sizeof *w->s->made, by_person);
    kt_free(main);
    kt_free(link);
}

const struct kt_suggestion *kt_suggest_make(struct kt_suggest *s, int least, size_t *ret_n)
{
    struct work w = { .s = s, .n = kt_map_count(s->actors) };
    w.keys = kt_map_new(0);
    w.paired = kt_map_new(0);
    w.group = kt_alloc_array(w.n + 1, sizeof *w.group);
    w.next = kt_alloc_array(w.n + 1, sizeof *w.next);
    for (uint32_t i = 0; i < w.n; i++)
        w.group[i] = w.next[i] = i;
    kt_free(s->made);
    s->made = NULL;
    s->n_made = 0;
    kt_gather_close(s);
    find_pairs(&w, least);
    drop_rivals(&w);
    join_all(&w);
    make(&w);
    kt_map_free(w.keys);
    kt_free(w.bucket);
    kt_free(w.pair);
    kt_map_free(w.paired);
    kt_free(w.group);
    kt_free(w.next);
    *ret_n = s->n_made;
    return s->made;
}
