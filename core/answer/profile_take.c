/*
 * profile_take: counting: what a record adds to the lists of a profile.
 *
 * Owns:  the lists while they grow.
 * Calls: core/base, core/event, core/query (facts), core/answer/ask.
 */
#include <stdio.h>

#include "core/answer/profile_int.h"
#include "core/base/alloc.h"

#define NOT_YET (UINT32_MAX - 1) /* of a code: nobody has asked for its number */

/* ---- values ---- */

/* Of what is usual only the window's readers matter to `who`; addresses always do, since they say
 * in which countries a reader was. Before that nothing is counted. */
static bool makes(const struct kt_profiling *p, enum kt_profile_list list)
{
    bool place = list == KT_PROFILE_ADDRESSES || list == KT_PROFILE_NETWORKS ||
                 list == KT_PROFILE_COUNTRIES || list == KT_PROFILE_ASNS;
    return place || p->span == KT_PROFILE_SPAN_WINDOW ||
           (p->span == KT_PROFILE_SPAN_USUAL && !p->what.reads_only);
}

uint32_t kt_profile_number(struct kt_profiling *p, enum kt_profile_list list, struct kt_str value)
{
    struct kt_profile_values *l = &p->list[list];
    if (value.len == 0)
        return KT_MAP_NONE;
    uint32_t met = kt_known_get(&l->known, l->map, value);
    if (met != KT_MAP_NONE)
        return met;
    if (!makes(p, list))
        return kt_map_get(l->map, value);
    if (l->n >= KT_PROFILE_VALUES_MAX) {
        uint32_t known = kt_map_get(l->map, value);
        p->full = p->full || known == KT_MAP_NONE;
        return known;
    }
    bool is_new;
    uint32_t n = kt_map_put(l->map, value, &is_new);
    kt_known_add(&l->known, value, n);
    if (!is_new)
        return n;
    if (n >= l->cap) {
        l->cap = l->cap == 0 ? 64 : 2 * l->cap;
        l->at = kt_realloc_array(l->at, l->cap, sizeof *l->at);
    }
    l->at[n] = (struct kt_profile_value){ .e = { .value = kt_map_key(l->map, n) },
                                          .network = KT_MAP_NONE,
                                          .country = KT_MAP_NONE,
                                          .asn = KT_MAP_NONE };
    l->n = n + 1;
    return n;
}

/* Where an address lies: by the newest that is known of it. */
static void place(struct kt_profiling *p, uint32_t n, struct kt_ip ip)
{
    char net[KT_IP_TEXT_MAX], asn[24];
    const struct kt_fact *f = kt_facts_at(p->ask->facts, ip, UINT64_MAX);
    struct kt_profile_values *l = p->list;
    uint32_t network = kt_profile_number(p, KT_PROFILE_NETWORKS,
                                         kt_str_of(kt_cidr_format(kt_ip_network(ip, 24, 48), net)));
    uint32_t country = KT_MAP_NONE, number = KT_MAP_NONE;
    if (f != NULL && f->country.len > 0) {
        country = kt_profile_number(p, KT_PROFILE_COUNTRIES, f->country);
        l[KT_PROFILE_ADDRESSES].at[n].e.more = f->country;
        if (network != KT_MAP_NONE)
            l[KT_PROFILE_NETWORKS].at[network].e.more = f->country;
    }
    if (f != NULL && f->asn != 0) {
        (void)snprintf(asn, sizeof asn, "AS%u", f->asn);
        number = kt_profile_number(p, KT_PROFILE_ASNS, kt_str_of(asn));
        if (number != KT_MAP_NONE)
            l[KT_PROFILE_ASNS].at[number].e.more = f->org;
    }
    struct kt_profile_value *t = &l[KT_PROFILE_ADDRESSES].at[n];
    t->network = network;
    t->country = country;
    t->asn = number;
}

uint32_t kt_profile_address(struct kt_profiling *p, struct kt_ip ip)
{
    char text[KT_IP_TEXT_MAX];
    uint32_t before = p->list[KT_PROFILE_ADDRESSES].n;
    uint32_t n = kt_profile_number(p, KT_PROFILE_ADDRESSES, kt_str_of(kt_ip_format(ip, text)));
    if (n != KT_MAP_NONE && n >= before)
        place(p, n, ip);
    return n;
}

/* ---- one record ---- */

static void meet(struct kt_profiling *p, struct kt_profile_pairs *pairs, uint32_t a, uint32_t b,
                 kt_time_ns t)
{
    const uint32_t words[2] = { a, b };
    struct kt_str key = kt_str_from(words, sizeof words);
    bool is_new = false;
    if (a == KT_MAP_NONE || b == KT_MAP_NONE)
        return;
    uint32_t n = kt_map_put(pairs->map, key, &is_new);
    p->full = p->full || n >= KT_PROFILE_PAIRS_MAX;
    if (n >= pairs->cap) {
        pairs->cap = pairs->cap == 0 ? 64 : 2 * pairs->cap;
        pairs->at = kt_realloc_array(pairs->at, pairs->cap, sizeof *pairs->at);
    }
    if (is_new)
        pairs->at[n] = (struct kt_profile_pair){ .a = a, .b = b, .first = t };
    if (t < pairs->at[n].first)
        pairs->at[n].first = t;
    pairs->at[n].in_window = pairs->at[n].in_window || p->span == KT_PROFILE_SPAN_WINDOW;
}

static void count(struct kt_profiling *p, const struct kt_profile_met *m)
{
    struct kt_profile *o = &p->out;
    kt_time_ns local = m->time + p->ask->zone_offset_s * KT_NS_S;
    bool window = p->span == KT_PROFILE_SPAN_WINDOW;
    (window ? o->count : o->usual_count)[m->action][m->outcome]++;
    o->events += window;
    o->usual += !window;
    o->reads += window && m->read;
    o->failed += window && m->failed;
    o->usual_reads += !window && m->read;
    o->usual_failed += !window && m->failed;
    /* 1970-01-01 was a Thursday */
    o->heat[(local / KT_NS_DAY + 3) % 7][local / KT_NS_HOUR % 24]++;
    o->last = m->time > o->last ? m->time : o->last;
    if (o->n_days > 0 && m->time >= o->day_from &&
        (m->time - o->day_from) / o->day_step < (kt_time_ns)o->n_days)
        o->day[(m->time - o->day_from) / o->day_step][m->outcome]++;
}

static void tally(struct kt_profiling *p, struct kt_profile_entry *e,
                  const struct kt_profile_met *m)
{
    e->first = e->first == 0 || m->time < e->first ? m->time : e->first;
    if (p->span == KT_PROFILE_SPAN_BEFORE)
        return;
    e->last = m->time > e->last ? m->time : e->last;
    e->last_read = m->read && m->time > e->last_read ? m->time : e->last_read;
    if (p->span == KT_PROFILE_SPAN_USUAL) {
        int64_t day = (m->time - p->out.usual_since) / KT_NS_DAY;
        e->usual++;
        e->usual_reads += m->read;
        e->usual_on |= day >= 0 && day < 32 ? UINT32_C(1) << day : 0;
        return;
    }
    e->events++;
    e->reads += m->read;
    e->failed += m->failed;
}

void kt_profile_take(struct kt_profiling *p, const struct kt_profile_met *m)
{
    struct kt_profile_met all = *m;
    uint32_t ip = m->n[KT_PROFILE_ADDRESSES], actor = m->n[KT_PROFILE_ACTORS];
    if (ip != KT_MAP_NONE) {
        const struct kt_profile_value *t = &p->list[KT_PROFILE_ADDRESSES].at[ip];
        all.n[KT_PROFILE_NETWORKS] = t->network;
        all.n[KT_PROFILE_COUNTRIES] = t->country;
        all.n[KT_PROFILE_ASNS] = t->asn;
    }
    if (!p->lines_only) {
        p->out.first = p->out.first == 0 || m->time < p->out.first ? m->time : p->out.first;
        if (p->span != KT_PROFILE_SPAN_BEFORE)
            count(p, m);
    }
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        if (all.n[i] != KT_MAP_NONE &&
            (p->span != KT_PROFILE_SPAN_BEFORE || p->list[i].at[all.n[i]].wanted))
            tally(p, &p->list[i].at[all.n[i]].e, m);
    if (actor != KT_MAP_NONE && m->kind != KT_ACTOR_UNKNOWN)
        p->list[KT_PROFILE_ACTORS].at[actor].e.kind = m->kind;
    if (p->lines_only || p->span == KT_PROFILE_SPAN_BEFORE || p->what.kind != KT_PROFILE_SECRET)
        return;
    meet(p, &p->places, actor, ip, m->time);
    meet(p, &p->lands, actor, all.n[KT_PROFILE_COUNTRIES], m->time);
}

static struct kt_profile_met met(kt_time_ns time, const struct kt_event *ev)
{
    struct kt_profile_met m = {
        .time = time, .action = ev->action, .outcome = ev->outcome, .kind = ev->actor_kind
    };
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        m.n[i] = KT_MAP_NONE;
    m.failed = ev->outcome == KT_OUT_DENIED || ev->outcome == KT_OUT_FAILURE ||
               ev->outcome == KT_OUT_NOT_FOUND;
    m.read = !m.failed && kt_event_is_read(ev);
    return m;
}

/* ---- columns ---- */

static void begin_chunk(struct kt_profiling *p, const struct kt_columns *c)
{
    static const struct {
        enum kt_profile_list list;
        enum kt_col column;
    } of[] = { { KT_PROFILE_ACTORS, KT_COL_ACTOR },
               { KT_PROFILE_SECRETS, KT_COL_SECRET },
               { KT_PROFILE_ADDRESSES, KT_COL_IP },
               { KT_PROFILE_INSTANCES, KT_COL_INSTANCE },
               { KT_PROFILE_AGENTS, KT_COL_USER_AGENT } };
    for (size_t i = 0; i < KT_ARRAY_LEN(of); i++) {
        struct kt_profile_values *l = &p->list[of[i].list];
        if (!(c->have & KT_COLUMN(of[i].column)))
            continue;
        uint32_t codes = c->text[of[i].column - KT_COL_SMALL].n_dict + 1;
        if (codes > l->cap_number) {
            l->cap_number = codes;
            l->number = kt_realloc_array(l->number, codes, sizeof *l->number);
        }
        for (uint32_t k = 0; k < codes; k++)
            l->number[k] = NOT_YET;
        l->number[0] = KT_MAP_NONE;
    }
    uint32_t actors = c->text[KT_COL_ACTOR - KT_COL_SMALL].n_dict + 1;
    if (actors > p->cap_asked) {
        p->cap_asked = actors;
        p->asked = kt_realloc_array(p->asked, actors, sizeof *p->asked);
    }
}

static uint32_t by_code(struct kt_profiling *p, enum kt_profile_list list, enum kt_col column,
                        const struct kt_columns *c, uint32_t row)
{
    const struct kt_text_column *t = &c->text[column - KT_COL_SMALL];
    if (!(c->have & KT_COLUMN(column)))
        return KT_MAP_NONE;
    uint32_t code = t->code[row], *number = &p->list[list].number[code];
    if (*number != NOT_YET)
        return *number;
    struct kt_str value = t->dict[code - 1];
    struct kt_ip ip;
    if (list == KT_PROFILE_ADDRESSES && value.len == sizeof ip.at) {
        memcpy(ip.at, value.at, sizeof ip.at);
        *number = kt_profile_address(p, ip);
    } else {
        *number = kt_profile_number(p, list, value);
    }
    if (list == KT_PROFILE_INSTANCES && *number != KT_MAP_NONE && p->span != KT_PROFILE_SPAN_BEFORE)
        p->list[list].at[*number].e.more = kt_profile_keep(p, kt_column_str(c, KT_COL_SOURCE, row));
    return *number;
}

/* What says who the actor of a row is. */
static uint32_t columns_of_actors(const struct kt_profiling *p)
{
    return KT_COLUMN(KT_COL_ACTOR) |
           (p->ask->ids != NULL ? KT_COLUMN(KT_COL_SOURCE) | KT_COLUMN(KT_COL_INSTANCE) : 0);
}

/* An alias may be meant for some sources only: the same name can be two actors in one chunk. Where
 * nobody has aliases sources are not asked, and maybe not there. */
static uint32_t actor_by_code(struct kt_profiling *p, const struct kt_columns *c, uint32_t row)
{
    const struct kt_text_column *t = &c->text[KT_COL_ACTOR - KT_COL_SMALL];
    struct kt_str source = KT_STR_NONE, instance = KT_STR_NONE;
    uint32_t asked = 0, needed = columns_of_actors(p);
    if ((c->have & needed) != needed)
        return KT_MAP_NONE;
    uint32_t code = t->code[row], *number = &p->list[KT_PROFILE_ACTORS].number[code];
    if (p->ask->ids != NULL) {
        asked = (uint32_t)c->text[KT_COL_SOURCE - KT_COL_SMALL].code[row] << 16 |
                c->text[KT_COL_INSTANCE - KT_COL_SMALL].code[row]; /* codes are of 16 bits */
        source = kt_column_str(c, KT_COL_SOURCE, row);
        instance = kt_column_str(c, KT_COL_INSTANCE, row);
    }
    if (code == 0 || (*number != NOT_YET && p->asked[code] == asked))
        return *number;
    p->asked[code] = asked;
    *number = kt_profile_number(p, KT_PROFILE_ACTORS,
                                kt_ask_actor(p->ask, t->dict[code - 1], source, instance));
    return *number;
}

static bool is_other(const struct kt_profiling *p, uint32_t actor)
{
    return p->only != NULL &&
           (actor == KT_MAP_NONE ||
            !kt_str_is(p->list[KT_PROFILE_ACTORS].at[actor].e.value, p->only->name));
}

static enum kt_status full(const struct kt_profiling *p, struct kt_error *err)
{
    return p->full ? kt_fail(err, KT_E_LIMIT,
                             "more than %u different values: ask for less time, or for less",
                             KT_PROFILE_VALUES_MAX)
                   : KT_OK;
}

static bool counts_agents(const struct kt_profiling *p)
{
    return !p->what.reads_only && p->what.kind != KT_PROFILE_ALL;
}

static enum kt_status take_view(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct kt_profiling *p = self;
    const struct kt_columns *c = view->columns;
    if (p->span == KT_PROFILE_SPAN_BEFORE && kt_profile_date(p, view))
        return KT_OK;
    begin_chunk(p, c);
    for (uint32_t i = 0; i < view->picks; i++) {
        uint32_t row = view->pick[i];
        struct kt_event ev = { .kind = KT_KIND_ACCESS };
        if (p->span != KT_PROFILE_SPAN_BEFORE) {
            ev.action = c->small[KT_COL_ACTION][row];
            ev.outcome = c->small[KT_COL_OUTCOME][row];
            ev.actor_kind = c->small[KT_COL_ACTOR_KIND][row];
            ev.secret = kt_column_str(c, KT_COL_SECRET, row);
        }
        struct kt_profile_met m = met(view->time[row], &ev);
        m.n[KT_PROFILE_ACTORS] = actor_by_code(p, c, row);
        if (is_other(p, m.n[KT_PROFILE_ACTORS]))
            continue;
        m.n[KT_PROFILE_SECRETS] = by_code(p, KT_PROFILE_SECRETS, KT_COL_SECRET, c, row);
        m.n[KT_PROFILE_ADDRESSES] = by_code(p, KT_PROFILE_ADDRESSES, KT_COL_IP, c, row);
        m.n[KT_PROFILE_INSTANCES] = by_code(p, KT_PROFILE_INSTANCES, KT_COL_INSTANCE, c, row);
        if (counts_agents(p))
            m.n[KT_PROFILE_AGENTS] = by_code(p, KT_PROFILE_AGENTS, KT_COL_USER_AGENT, c, row);
        kt_profile_take(p, &m);
    }
    return full(p, err);
}

/* Of what is before nothing is counted: what dates the lists that lack a date is read, and what
 * says whose a row is. */
static uint32_t columns_to_date(const struct kt_profiling *p)
{
    static const uint32_t of[KT_PROFILE_LIST_COUNT] = {
        [KT_PROFILE_ACTORS] = KT_COLUMN(KT_COL_ACTOR),
        [KT_PROFILE_SECRETS] = KT_COLUMN(KT_COL_SECRET),
        [KT_PROFILE_ADDRESSES] = KT_COLUMN(KT_COL_IP),
        [KT_PROFILE_NETWORKS] = KT_COLUMN(KT_COL_IP),
        [KT_PROFILE_COUNTRIES] = KT_COLUMN(KT_COL_IP),
        [KT_PROFILE_ASNS] = KT_COLUMN(KT_COL_IP),
        [KT_PROFILE_INSTANCES] = KT_COLUMN(KT_COL_INSTANCE),
        [KT_PROFILE_AGENTS] = KT_COLUMN(KT_COL_USER_AGENT),
    };
    uint32_t wanted = p->only != NULL ? columns_of_actors(p) : 0;
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        wanted |= p->dating & 1u << i ? of[i] : 0;
    return wanted & KT_COLUMN(KT_COL_ACTOR) ? wanted | columns_of_actors(p) : wanted;
}

static uint32_t columns_to_count(const struct kt_profiling *p)
{
    uint32_t wanted = KT_COLUMN(KT_COL_ACTION) | KT_COLUMN(KT_COL_OUTCOME) |
                      KT_COLUMN(KT_COL_ACTOR_KIND) | KT_COLUMN(KT_COL_SOURCE) |
                      KT_COLUMN(KT_COL_INSTANCE) | KT_COLUMN(KT_COL_ACTOR) |
                      KT_COLUMN(KT_COL_SECRET) | KT_COLUMN(KT_COL_IP);
    if (counts_agents(p))
        wanted |= KT_COLUMN(KT_COL_USER_AGENT);
    return wanted;
}

enum kt_status kt_profile_columns(struct kt_profiling *p, struct kt_str query, struct kt_error *err)
{
    uint32_t wanted = p->span == KT_PROFILE_SPAN_BEFORE ? columns_to_date(p) : columns_to_count(p);
    return kt_ask_columns(p->ask, query, wanted, take_view, p, err);
}

/* ---- lines ---- */

static enum kt_status take_line(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                struct kt_error *err)
{
    struct kt_profiling *p = self;
    const struct kt_event *ev = &r->ev;
    (void)fact;
    if (p->lines_only &&
        p->out.lines == (p->what.lines > 0 ? p->what.lines : KT_PROFILE_LINES_MAX)) {
        p->out.cut = true;
        return KT_E_AGAIN;
    }
    p->out.lines++;
    struct kt_profile_met m = met(ev->time > 0 ? ev->time : r->arrival, ev);
    if (p->only != NULL &&
        !kt_str_is(kt_ask_actor(p->ask, ev->actor, ev->source, ev->instance), p->only->name))
        return KT_OK;
    m.n[KT_PROFILE_SESSIONS] = kt_profile_number(p, KT_PROFILE_SESSIONS, ev->session);
    m.n[KT_PROFILE_CREDENTIALS] = kt_profile_number(p, KT_PROFILE_CREDENTIALS, ev->credential);
    if (!p->lines_only) {
        m.n[KT_PROFILE_ACTORS] = kt_profile_number(
            p, KT_PROFILE_ACTORS, kt_ask_actor(p->ask, ev->actor, ev->source, ev->instance));
        m.n[KT_PROFILE_SECRETS] = kt_profile_number(p, KT_PROFILE_SECRETS, ev->secret);
        m.n[KT_PROFILE_INSTANCES] = kt_profile_number(p, KT_PROFILE_INSTANCES, ev->instance);
        m.n[KT_PROFILE_AGENTS] = kt_profile_number(p, KT_PROFILE_AGENTS, ev->user_agent);
        if (ev->has_ip)
            m.n[KT_PROFILE_ADDRESSES] = kt_profile_address(p, ev->ip);
        if (m.n[KT_PROFILE_INSTANCES] != KT_MAP_NONE)
            p->list[KT_PROFILE_INSTANCES].at[m.n[KT_PROFILE_INSTANCES]].e.more =
                kt_profile_keep(p, ev->source);
    }
    kt_profile_take(p, &m);
    return full(p, err);
}

enum kt_status kt_profile_lines(struct kt_profiling *p, struct kt_str query, struct kt_error *err)
{
    p->ask->newest_first = true;
    enum kt_status status = kt_ask_records(p->ask, query, take_line, p, err);
    p->ask->newest_first = false;
    return status;
}
