/*
 * timeline_notes: what is remarkable about an access: a new address, country or secret for its
 * actor, how long after the one before, how late it came.
 *
 * Owns:  what each actor of the page is known by, out of the columns of the days before.
 * Calls: core/answer/ask.h, core/query.
 */
#include "core/answer/tally.h"
#include "core/answer/timeline_int.h"
#include "core/base/alloc.h"

#define ADDRESSES_MAX 100000u /* whose country is looked up; beyond, no country is called new */

struct known {
    struct kt_map *wanted;    /* "<sort><actor>\0<value>": what the page has */
    bool *met;                /* by number in wanted: before, or earlier on the page */
    struct kt_map *addresses; /* "<actor>\0<address>", whose countries are known */
    struct kt_ask *a;
    struct kt_buf key;
    unsigned left; /* of wanted that were not met yet */
};
enum sort { ACTOR = 'a', ADDRESS = 'i', COUNTRY = 'c', SECRET = 's' };

static struct kt_str key_of(struct known *k, enum sort sort, struct kt_str actor,
                            struct kt_str value)
{
    kt_buf_reset(&k->key);
    kt_buf_byte(&k->key, (char)sort);
    kt_buf_add(&k->key, actor);
    kt_buf_byte(&k->key, '\0');
    kt_buf_add(&k->key, value);
    return kt_buf_str(&k->key);
}

/* Was it met? It is now. What the page does not have is of no interest. */
static bool meet(struct known *k, enum sort sort, struct kt_str actor, struct kt_str value)
{
    uint32_t i = kt_map_get(k->wanted, key_of(k, sort, actor, value));
    if (i == KT_MAP_NONE || k->met[i])
        return true;
    k->met[i] = true;
    k->left--;
    return false;
}

static struct kt_str country_of(const struct kt_fact *fact)
{
    return fact != NULL ? fact->country : KT_STR_NONE;
}

static void learn_country(struct known *k, struct kt_str actor, struct kt_str ip)
{
    struct kt_ip address;
    bool fresh;
    if (kt_map_count(k->addresses) >= ADDRESSES_MAX)
        return;
    (void)kt_map_put(k->addresses, key_of(k, ADDRESS, actor, ip), &fresh);
    if (!fresh)
        return;
    memcpy(address.at, ip.at, sizeof address.at);
    struct kt_str country = country_of(kt_facts_at(k->a->facts, address, UINT64_MAX));
    if (country.len > 0)
        (void)meet(k, COUNTRY, actor, country);
}

/* Ends as soon as all that the page has was met. */
static enum kt_status learn(void *self, const struct kt_view *v, struct kt_error *err)
{
    struct known *k = self;
    for (uint32_t i = 0; i < v->picks && k->left > 0; i++) {
        uint32_t row = v->pick[i];
        struct kt_str actor = kt_column_str(v->columns, KT_COL_ACTOR, row);
        struct kt_str ip = kt_column_str(v->columns, KT_COL_IP, row);
        struct kt_str secret = kt_column_str(v->columns, KT_COL_SECRET, row);
        (void)meet(k, ACTOR, actor, KT_STR_NONE);
        if (secret.len > 0)
            (void)meet(k, SECRET, actor, secret);
        if (ip.len != sizeof(struct kt_ip))
            continue;
        (void)meet(k, ADDRESS, actor, ip);
        learn_country(k, actor, ip);
    }
    return k->left > 0 ? KT_OK : kt_fail(err, KT_E_AGAIN, "all of it was met");
}

/* actor:"a","b",…: each by the name that its source wrote. */
static void query_of(const struct kt_map *actors, struct kt_buf *query)
{
    for (uint32_t i = 0; i < kt_map_count(actors); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf term = { 0 };
        kt_ask_term(&term, "actor", kt_map_key(actors, i));
        kt_buf_addz(query, i > 0 ? " OR " : "");
        kt_buf_add(query, kt_buf_str(&term));
    }
}

/* What was before the page. Left out when there are too many actors, or no time for it. */
static enum kt_status learn_before(struct known *k, const struct kt_map *actors,
                                   const struct kt_telling *w, const struct kt_timeline_options *o,
                                   bool *ret_known, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    *ret_known = false;
    if (kt_map_count(actors) == 0 || kt_map_count(actors) > KT_TIMELINE_ACTORS)
        return KT_OK;
    query_of(actors, &query);
    struct kt_ask before = *k->a;
    before.as_written = true; /* names are those of the log; a scope's are not */
    before.until = w->t.moment[0].at;
    before.since = before.until - KT_USUAL_SPAN > 0 ? before.until - KT_USUAL_SPAN : 1;
    before.give_up = o->hurry != NULL ? o->hurry : before.give_up;
    before.give_up_self = o->hurry != NULL ? o->hurry_self : before.give_up_self;
    enum kt_status status = kt_ask_columns(
        &before, kt_buf_str(&query),
        KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_IP) | KT_COLUMN(KT_COL_SECRET), learn, k, err);
    k->a->damage = before.damage;
    k->a->cost = before.cost;
    *ret_known = status == KT_OK && kt_map_count(k->addresses) < ADDRESSES_MAX;
    return status == KT_E_LIMIT ? KT_OK : status;
}

/* ---- the page ---- */

struct last { /* of one actor */
    kt_time_ns at;
    char country[8];
};

static void note(struct kt_moment *m, enum kt_timeline_note n)
{
    m->notes |= 1u << n;
}

static void note_news(struct known *k, struct kt_telling *w, struct kt_moment *m,
                      const struct kt_record *r, const struct kt_fact *fact, struct last *last)
{
    struct kt_str actor = r->ev.actor, country = country_of(fact);
    struct kt_str ip = kt_str_from(r->ev.ip.at, sizeof r->ev.ip.at);
    bool nobody = !meet(k, ACTOR, actor, KT_STR_NONE);
    bool address = r->ev.has_ip && !meet(k, ADDRESS, actor, ip);
    bool abroad = country.len > 0 && !meet(k, COUNTRY, actor, country);
    bool secret = r->ev.secret.len > 0 && !meet(k, SECRET, actor, r->ev.secret);
    if (nobody) {
        note(m, KT_NOTE_NEW_ACTOR);
    } else {
        if (abroad)
            note(m, KT_NOTE_NEW_COUNTRY);
        else if (address)
            note(m, KT_NOTE_NEW_ADDRESS);
        if (secret)
            note(m, KT_NOTE_NEW_SECRET);
    }
    if (abroad && last->country[0] != '\0')
        m->country = kt_telling_keep(w, kt_str_of(last->country)).at;
    if (country.len > 0)
        kt_str_copyz(last->country, sizeof last->country, country);
}

static void note_lateness(struct kt_moment *m, const struct kt_record *r)
{
    kt_time_ns late = r->arrival - r->ev.time;
    kt_time_ns usual = KT_TALLY_LATE + kt_tally_allowance(r->ev.source) * KT_NS_MIN;
    if (r->origin != KT_ORIGIN_LIVE || r->ev.time <= 0 || late <= usual)
        return;
    m->late = late;
    note(m, KT_NOTE_LATE);
}

static struct last *last_of(struct last **all, unsigned *cap, uint32_t i)
{
    for (; i >= *cap; *cap = *cap == 0 ? 16 : 2 * *cap) {
        unsigned more = *cap == 0 ? 16 : 2 * *cap;
        *all = kt_realloc_array(*all, more, sizeof **all);
        memset(*all + *cap, 0, (more - *cap) * sizeof **all);
    }
    return &(*all)[i];
}

static void want(struct known *k, enum sort sort, struct kt_str actor, struct kt_str value)
{
    if (actor.len > 0 && (value.len > 0 || sort == ACTOR))
        (void)kt_map_put(k->wanted, key_of(k, sort, actor, value), NULL);
}

static enum kt_status look_at_page(struct kt_telling *w, struct known *k, struct kt_map *actors,
                                   struct kt_error *err)
{
    for (size_t i = 0; i < w->t.n; i++) {
        struct kt_record r;
        const struct kt_fact *fact;
        if (kt_timeline_record(&w->t, k->a, &w->t.moment[i], &r, &fact, err) != KT_OK)
            return err->code;
        if (r.ev.actor.len > 0)
            (void)kt_map_put(actors, r.ev.actor, NULL);
        want(k, ACTOR, r.ev.actor, KT_STR_NONE);
        want(k, SECRET, r.ev.actor, r.ev.secret);
        if (r.ev.has_ip)
            want(k, ADDRESS, r.ev.actor, kt_str_from(r.ev.ip.at, sizeof r.ev.ip.at));
        want(k, COUNTRY, r.ev.actor, country_of(fact));
    }
    w->t.actors = kt_map_count(actors);
    k->left = kt_map_count(k->wanted);
    k->met = kt_alloc_array(k->left + 1, sizeof *k->met);
    return KT_OK;
}

static enum kt_status annotate(struct kt_telling *w, struct known *k, struct kt_map *actors,
                               struct kt_error *err)
{
    struct last *last = NULL, nobody = { 0 };
    unsigned cap = 0;
    enum kt_status status = KT_OK;
    for (size_t i = 0; i < w->t.n && status == KT_OK; i++) {
        struct kt_moment *m = &w->t.moment[i];
        struct kt_record r;
        const struct kt_fact *fact;
        status = kt_timeline_record(&w->t, k->a, m, &r, &fact, err);
        if (status != KT_OK)
            break;
        uint32_t who = r.ev.actor.len > 0 ? kt_map_get(actors, r.ev.actor) : KT_MAP_NONE;
        struct last *of = who == KT_MAP_NONE ? &nobody : last_of(&last, &cap, who);
        m->since = of->at;
        of->at = m->at;
        note_lateness(m, &r);
        if (r.conflict)
            note(m, KT_NOTE_CONFLICT);
        if (w->t.news && who != KT_MAP_NONE)
            note_news(k, w, m, &r, fact, of);
        nobody = (struct last){ 0 };
    }
    kt_free(last);
    return status;
}

enum kt_status kt_telling_notes(struct kt_telling *w, struct kt_ask *a,
                                const struct kt_timeline_options *o, struct kt_error *err)
{
    struct known k = { .wanted = kt_map_new(0), .addresses = kt_map_new(0), .a = a };
    struct kt_map *actors = kt_map_new(0);
    enum kt_status status = look_at_page(w, &k, actors, err);
    if (status == KT_OK)
        status = learn_before(&k, actors, w, o, &w->t.news, err);
    if (status == KT_OK)
        status = annotate(w, &k, actors, err);
    kt_map_free(k.wanted);
    kt_map_free(k.addresses);
    kt_free(k.met);
    kt_buf_done(&k.key);
    kt_map_free(actors);
    return status;
}
