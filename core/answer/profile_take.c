/*
 * profile_take: counting: what records add to the lists of a profile.
 *
 * Over columns the records of a chunk are summed up by the codes of a column first; then each value
 * that occurs is looked up once. Only where an alias is meant for some sources a row's actor is
 * asked for row by row.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event, core/query (facts), core/answer/ask.
 */
#include <string.h>

#include "core/answer/profile_int.h"
#include "core/base/alloc.h"

#define TOGETHER 32u              /* values whose places are fetched while others are looked at */
#define NOT_YET  (UINT32_MAX - 1) /* of a code: nobody has asked for its number */

struct kt_profile_met { /* one record, as every list counts it */
    kt_time_ns time;
    uint32_t row;   /* of the chunk */
    uint32_t actor; /* its number, where rows are judged one by one */
    uint32_t on;    /* bit d: day d of the usual span */
    uint8_t action, outcome, kind;
    bool read, failed;
};
struct kt_profile_sum { /* records of one value */
    kt_time_ns first, last, last_read;
    uint32_t events, reads, failed, on;
    uint32_t row; /* the first one's */
    uint8_t kind; /* of the last that says one */
};

/* ---- sums ---- */

static void tally(struct kt_profile_sum *s, const struct kt_profile_met *m)
{
    if (s->events == 0) {
        s->first = m->time;
        s->row = m->row;
    }
    s->first = m->time < s->first ? m->time : s->first;
    s->last = m->time > s->last ? m->time : s->last;
    s->last_read = m->read && m->time > s->last_read ? m->time : s->last_read;
    s->events++;
    s->reads += m->read;
    s->failed += m->failed;
    s->on |= m->on;
    s->kind = m->kind != KT_ACTOR_UNKNOWN ? m->kind : s->kind;
}

static void add(struct kt_profiling *p, enum kt_profile_list list, uint32_t n,
                const struct kt_profile_sum *s)
{
    if (n == KT_MAP_NONE)
        return;
    if (p->span == KT_PROFILE_SPAN_BEFORE) {
        struct kt_profile_value *v = &p->list[list].at[n];
        if (v->wanted && (v->e.first == 0 || s->first < v->e.first))
            v->e.first = s->first;
        return;
    }
    struct kt_profile_total *t = &p->list[list].total[n];
    t->first = t->events == 0 || s->first < t->first ? s->first : t->first;
    t->last = s->last > t->last ? s->last : t->last;
    t->last_read = s->last_read > t->last_read ? s->last_read : t->last_read;
    t->events += s->events;
    t->reads += s->reads;
    t->failed += s->failed;
    t->on |= s->on;
    if (list == KT_PROFILE_ACTORS && s->kind != KT_ACTOR_UNKNOWN)
        t->kind = s->kind;
}

/* An address; what lies behind it is rolled up when all is counted (kt_profile_roll_up), and what
 * is only dated is never. */
static void add_address(struct kt_profiling *p, uint32_t n, const struct kt_profile_sum *s)
{
    add(p, KT_PROFILE_ADDRESSES, n, s);
    if (n == KT_MAP_NONE || p->span != KT_PROFILE_SPAN_BEFORE)
        return;
    const struct kt_profile_value v = p->list[KT_PROFILE_ADDRESSES].at[n];
    add(p, KT_PROFILE_NETWORKS, v.network, s);
    add(p, KT_PROFILE_COUNTRIES, v.country, s);
    add(p, KT_PROFILE_ASNS, v.asn, s);
}

/* ---- totals ---- */

struct hour { /* that of the record before: records come nearly by time */
    kt_time_ns from, until;
    uint32_t *heat, *day; /* its cells; day NULL: no day of the profile */
    kt_time_ns on_from;   /* and its day of the usual span */
    uint32_t on;
};

static kt_time_ns behind(kt_time_ns t, kt_time_ns step)
{
    kt_time_ns into = t % step;
    return into < 0 ? into + step : into;
}

static void find_hour(struct kt_profiling *p, kt_time_ns t, struct hour *h)
{
    struct kt_profile *o = &p->out;
    kt_time_ns local = t + p->ask->zone_offset_s * KT_NS_S;
    kt_time_ns midnight = local - behind(local, KT_NS_DAY);
    h->from = t - behind(local, KT_NS_HOUR);
    h->until = h->from + KT_NS_HOUR;
    /* 1970-01-01 was a Thursday */
    h->heat = &o->heat[behind(midnight / KT_NS_DAY + 3, 7)][(local - midnight) / KT_NS_HOUR];
    bool in = o->n_days > 0 && t >= o->day_from &&
              (t - o->day_from) / o->day_step < (kt_time_ns)o->n_days;
    h->day = in ? o->day[(t - o->day_from) / o->day_step] : NULL;
}

static uint32_t usual_day(const struct kt_profiling *p, kt_time_ns t, struct hour *h)
{
    if (p->span != KT_PROFILE_SPAN_USUAL)
        return 0;
    if (h->on == 0 || t < h->on_from || t >= h->on_from + KT_NS_DAY) {
        kt_time_ns since = t - p->out.usual_since, day = since / KT_NS_DAY;
        h->on_from = t - behind(since, KT_NS_DAY);
        h->on = since >= 0 && day < 32 ? UINT32_C(1) << day : 0;
    }
    return h->on;
}

static void count(struct kt_profiling *p, const struct kt_profile_met *m, struct hour *h)
{
    struct kt_profile *o = &p->out;
    o->first = o->first == 0 || m->time < o->first ? m->time : o->first;
    if (p->span == KT_PROFILE_SPAN_BEFORE)
        return;
    bool window = p->span == KT_PROFILE_SPAN_WINDOW;
    (window ? o->count : o->usual_count)[m->action][m->outcome]++;
    *(window ? &o->events : &o->usual) += 1;
    *(window ? &o->reads : &o->usual_reads) += m->read;
    *(window ? &o->failed : &o->usual_failed) += m->failed;
    o->last = m->time > o->last ? m->time : o->last;
    if (h->heat == NULL || m->time < h->from || m->time >= h->until)
        find_hour(p, m->time, h);
    (*h->heat)++;
    if (h->day != NULL)
        h->day[m->outcome]++;
}

static bool is_failure(enum kt_outcome outcome)
{
    return outcome == KT_OUT_DENIED || outcome == KT_OUT_FAILURE || outcome == KT_OUT_NOT_FOUND;
}

/* ---- columns ---- */

static bool has_column(const struct kt_columns *c, enum kt_col column)
{
    return (c->have & KT_COLUMN(column)) != 0;
}

static uint32_t *numbers_of(struct kt_profile_values *l, uint32_t codes)
{
    if (codes > l->cap_number) {
        l->cap_number = codes;
        l->number = kt_realloc_array(l->number, codes, sizeof *l->number);
    }
    return l->number;
}

/* value: of an actor its canonical name. */
static uint32_t number_of(struct kt_profiling *p, enum kt_profile_list list, struct kt_str value)
{
    struct kt_ip ip;
    if (list != KT_PROFILE_ADDRESSES || value.len != sizeof ip.at)
        return kt_profile_number(p, list, value);
    memcpy(ip.at, value.at, sizeof ip.at);
    return kt_profile_address(p, ip);
}

/* Numbers of some codes that occur: nearly all of them are known, and are found together. */
static void find_numbers(struct kt_profiling *p, enum kt_profile_list list,
                         const struct kt_text_column *t, const uint32_t *code, uint32_t n)
{
    const bool addresses = list == KT_PROFILE_ADDRESSES;
    struct kt_profile_values *l = &p->list[list];
    struct kt_str key[TOGETHER];
    uint32_t found[TOGETHER];
    for (uint32_t i = 0; i < n; i++)
        key[i] = list == KT_PROFILE_ACTORS
                     ? kt_ask_actor(p->ask, t->dict[code[i] - 1], KT_STR_NONE, KT_STR_NONE)
                     : t->dict[code[i] - 1];
    kt_known_get_all(addresses ? &p->ips_known : &l->known, addresses ? p->ips : l->map, key, n,
                     found);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number = found[i] == KT_MAP_NONE ? number_of(p, list, key[i])
                          : addresses             ? p->ip_of[found[i]]
                                                  : found[i];
        if (number != KT_MAP_NONE)
            __builtin_prefetch(&l->total[number]);
        l->number[code[i]] = number;
    }
}

static void add_codes(struct kt_profiling *p, enum kt_profile_list list, enum kt_col column,
                      const struct kt_columns *c, const uint32_t *code, uint32_t n)
{
    struct kt_profile_values *l = &p->list[list];
    find_numbers(p, list, &c->text[column - KT_COL_SMALL], code, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct kt_profile_sum *s = &p->sum[code[i]];
        const uint32_t number = l->number[code[i]];
        if (list == KT_PROFILE_ADDRESSES)
            add_address(p, number, s);
        else
            add(p, list, number, s);
        if (list == KT_PROFILE_INSTANCES && number != KT_MAP_NONE &&
            p->span != KT_PROFILE_SPAN_BEFORE)
            l->at[number].e.more = kt_profile_keep(p, kt_column_str(c, KT_COL_SOURCE, s->row));
    }
}

/* The records of a chunk by the codes of a column, then each value that occurs. Leaves the numbers
 * of the codes that occur behind. */
static void take_column(struct kt_profiling *p, enum kt_profile_list list, enum kt_col column,
                        const struct kt_columns *c, uint32_t n)
{
    if (!has_column(c, column))
        return;
    const struct kt_text_column *t = &c->text[column - KT_COL_SMALL];
    uint32_t codes = t->n_dict + 1, *number = numbers_of(&p->list[list], codes);
    uint32_t some[TOGETHER], k = 0;
    if (codes > p->cap_sum) {
        p->cap_sum = codes;
        p->sum = kt_realloc_array(p->sum, codes, sizeof *p->sum);
    }
    memset(p->sum, 0, codes * sizeof *p->sum);
    for (uint32_t i = 0; i < n; i++)
        tally(&p->sum[t->code[p->met[i].row]], &p->met[i]);
    number[0] = KT_MAP_NONE;
    for (uint32_t code = 1; code < codes; code++) {
        if (p->sum[code].events == 0)
            continue;
        some[k++] = code;
        if (k == TOGETHER) {
            add_codes(p, list, column, c, some, k);
            k = 0;
        }
    }
    add_codes(p, list, column, c, some, k);
}

/* What says who the actor of a row is. */
static uint32_t columns_of_actors(const struct kt_profiling *p)
{
    return KT_COLUMN(KT_COL_ACTOR) |
           (p->ask->ids != NULL ? KT_COLUMN(KT_COL_SOURCE) | KT_COLUMN(KT_COL_INSTANCE) : 0);
}

/* An alias may be meant for some sources only: the same name can be two actors in one chunk. Where
 * nobody has aliases sources are not asked, and maybe not there. */
static void begin_actors(struct kt_profiling *p, const struct kt_columns *c)
{
    uint32_t codes = c->text[KT_COL_ACTOR - KT_COL_SMALL].n_dict + 1;
    uint32_t *number = numbers_of(&p->list[KT_PROFILE_ACTORS], codes);
    for (uint32_t i = 0; i < codes; i++)
        number[i] = i == 0 ? KT_MAP_NONE : NOT_YET;
    if (codes > p->cap_asked) {
        p->cap_asked = codes;
        p->asked = kt_realloc_array(p->asked, codes, sizeof *p->asked);
    }
}

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

static struct kt_profile_met met_at(const struct kt_profiling *p, const struct kt_view *view,
                                    uint32_t row, struct hour *h)
{
    const struct kt_columns *c = view->columns;
    struct kt_profile_met m = { .time = view->time[row], .row = row, .actor = KT_MAP_NONE };
    if (p->span == KT_PROFILE_SPAN_BEFORE) /* dates alone */
        return m;
    m.on = usual_day(p, m.time, h);
    m.action = c->small[KT_COL_ACTION][row];
    m.outcome = c->small[KT_COL_OUTCOME][row];
    m.kind = c->small[KT_COL_ACTOR_KIND][row];
    m.failed = is_failure((enum kt_outcome)m.outcome);
    m.read = !m.failed && kt_column_is_read(c, row);
    return m;
}

/* The picked rows of a view that are the subject's; counts them. */
static uint32_t take_rows(struct kt_profiling *p, const struct kt_view *view)
{
    const struct kt_columns *c = view->columns;
    struct hour hour = { 0 };
    uint32_t n = 0;
    if (p->met == NULL)
        p->met = kt_alloc_array(KT_COLUMNS_ROWS_MAX, sizeof *p->met);
    if (p->limited && has_column(c, KT_COL_ACTOR))
        begin_actors(p, c);
    for (uint32_t i = 0; i < view->picks; i++) {
        struct kt_profile_met m = met_at(p, view, view->pick[i], &hour);
        if (p->limited)
            m.actor = actor_by_code(p, c, m.row);
        if (is_other(p, m.actor))
            continue;
        count(p, &m, &hour);
        p->met[n++] = m;
    }
    return n;
}

static void take_actors(struct kt_profiling *p, const struct kt_columns *c, uint32_t n)
{
    if (!p->limited) {
        take_column(p, KT_PROFILE_ACTORS, KT_COL_ACTOR, c, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct kt_profile_sum one = { 0 };
        tally(&one, &p->met[i]);
        add(p, KT_PROFILE_ACTORS, p->met[i].actor, &one);
    }
}

/* Who was where, row by row, of a secret. */
static void take_pairs(struct kt_profiling *p, const struct kt_columns *c, uint32_t n)
{
    const uint32_t *actors = p->list[KT_PROFILE_ACTORS].number,
                   *addresses = p->list[KT_PROFILE_ADDRESSES].number;
    const uint16_t *actor = c->text[KT_COL_ACTOR - KT_COL_SMALL].code,
                   *address = c->text[KT_COL_IP - KT_COL_SMALL].code;
    for (uint32_t i = 0; i < n; i++) {
        const struct kt_profile_met *m = &p->met[i];
        kt_profile_meet(p, p->limited ? m->actor : actors[actor[m->row]],
                        addresses[address[m->row]]);
    }
    p->full = p->full || p->places.used > KT_PROFILE_PAIRS_MAX;
}

static enum kt_status take_view(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct kt_profiling *p = self;
    const struct kt_columns *c = view->columns;
    if (p->span == KT_PROFILE_SPAN_BEFORE && kt_profile_date(p, view))
        return KT_OK;
    uint32_t n = take_rows(p, view);
    take_column(p, KT_PROFILE_ADDRESSES, KT_COL_IP, c, n);
    if (p->addresses)
        return full(p, err);
    take_actors(p, c, n);
    take_column(p, KT_PROFILE_SECRETS, KT_COL_SECRET, c, n);
    take_column(p, KT_PROFILE_INSTANCES, KT_COL_INSTANCE, c, n);
    if (counts_agents(p))
        take_column(p, KT_PROFILE_AGENTS, KT_COL_USER_AGENT, c, n);
    if (p->span != KT_PROFILE_SPAN_BEFORE && p->what.kind == KT_PROFILE_SECRET)
        take_pairs(p, c, n);
    return full(p, err);
}

/* The rows of the address itself. */
static void pick_own(struct kt_profiling *p, const struct kt_view *both, struct kt_view *ret)
{
    const struct kt_text_column *t = &both->columns->text[KT_COL_IP - KT_COL_SMALL];
    const struct kt_str bytes = kt_str_from(p->ip.at, sizeof p->ip.at);
    uint32_t code = 1;
    *ret = *both;
    if (p->pick == NULL)
        p->pick = kt_alloc_array(KT_COLUMNS_ROWS_MAX, sizeof *p->pick);
    ret->pick = p->pick;
    ret->picks = 0;
    while (code <= t->n_dict && !kt_str_eq(t->dict[code - 1], bytes))
        code++;
    for (uint32_t i = 0; i < both->picks; i++) {
        p->pick[ret->picks] = both->pick[i];
        ret->picks += t->code[both->pick[i]] == code;
    }
}

/* Of all that came from the network of an address. */
static enum kt_status take_both(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct kt_profiling *p = self;
    struct kt_view own;
    p->around->span = p->span;
    enum kt_status status = take_view(p->around, view, err);
    pick_own(p, view, &own);
    return status != KT_OK || own.picks == 0 ? status : take_view(p, &own, err);
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
    uint32_t wanted = KT_ACCESS_COLUMNS | KT_COLUMN(KT_COL_OUTCOME) | KT_COLUMN(KT_COL_ACTOR_KIND) |
                      KT_COLUMN(KT_COL_INSTANCE) | KT_COLUMN(KT_COL_ACTOR);
    if (counts_agents(p))
        wanted |= KT_COLUMN(KT_COL_USER_AGENT);
    return wanted;
}

enum kt_status kt_profile_columns(struct kt_profiling *p, struct kt_str query, struct kt_error *err)
{
    if (p->span == KT_PROFILE_SPAN_BEFORE)
        return kt_ask_columns(p->ask, query, columns_to_date(p), take_view, p, err);
    if (p->around != NULL)
        return kt_ask_columns(p->ask, kt_buf_str(&p->around->query), columns_to_count(p), take_both,
                              p, err);
    return kt_ask_columns(p->ask, query, columns_to_count(p), take_view, p, err);
}

/* ---- lines ---- */

static void take_texts(struct kt_profiling *p, const struct kt_event *ev,
                       const struct kt_profile_sum *one)
{
    uint32_t instance = kt_profile_number(p, KT_PROFILE_INSTANCES, ev->instance);
    add(p, KT_PROFILE_ACTORS,
        kt_profile_number(p, KT_PROFILE_ACTORS,
                          kt_ask_actor(p->ask, ev->actor, ev->source, ev->instance)),
        one);
    add(p, KT_PROFILE_SECRETS, kt_profile_number(p, KT_PROFILE_SECRETS, ev->secret), one);
    add(p, KT_PROFILE_INSTANCES, instance, one);
    add(p, KT_PROFILE_AGENTS, kt_profile_number(p, KT_PROFILE_AGENTS, ev->user_agent), one);
    if (ev->has_ip)
        add_address(p, kt_profile_address(p, ev->ip), one);
    if (instance != KT_MAP_NONE)
        p->list[KT_PROFILE_INSTANCES].at[instance].e.more = kt_profile_keep(p, ev->source);
}

/* Of a walk over lines nothing is usual. */
static struct kt_profile_met met_in_line(const struct kt_record *r)
{
    const struct kt_event *ev = &r->ev;
    const bool failed = is_failure(ev->outcome);
    return (struct kt_profile_met){ .time = ev->time > 0 ? ev->time : r->arrival,
                                    .actor = KT_MAP_NONE,
                                    .action = (uint8_t)ev->action,
                                    .outcome = (uint8_t)ev->outcome,
                                    .kind = (uint8_t)ev->actor_kind,
                                    .read = !failed && kt_event_is_read(ev),
                                    .failed = failed };
}

static enum kt_status take_line(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                struct kt_error *err)
{
    struct kt_profiling *p = self;
    const struct kt_event *ev = &r->ev;
    struct hour hour = { 0 };
    (void)fact;
    if (p->lines_only &&
        p->out.lines == (p->what.lines > 0 ? p->what.lines : KT_PROFILE_LINES_MAX)) {
        p->out.cut = true;
        return KT_E_AGAIN;
    }
    p->out.lines++;
    if (p->only != NULL &&
        !kt_str_is(kt_ask_actor(p->ask, ev->actor, ev->source, ev->instance), p->only->name))
        return KT_OK;
    struct kt_profile_sum one = { 0 };
    const struct kt_profile_met m = met_in_line(r);
    tally(&one, &m);
    add(p, KT_PROFILE_SESSIONS, kt_profile_number(p, KT_PROFILE_SESSIONS, ev->session), &one);
    add(p, KT_PROFILE_CREDENTIALS, kt_profile_number(p, KT_PROFILE_CREDENTIALS, ev->credential),
        &one);
    if (!p->lines_only) {
        count(p, &m, &hour);
        take_texts(p, ev, &one);
    }
    return full(p, err);
}

enum kt_status kt_profile_lines(struct kt_profiling *p, struct kt_str query, struct kt_error *err)
{
    p->ask->newest_first = true;
    enum kt_status status = kt_ask_records(p->ask, query, take_line, p, err);
    p->ask->newest_first = false;
    return status;
}
