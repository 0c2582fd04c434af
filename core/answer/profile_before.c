/*
 * profile_before: when a value of the window was first seen, out of all that is older than the
 * usual span.
 *
 * The log is read from its oldest time on, in slices that grow: most of what is asked for is found
 * in the first, and then no more is read. What is left are few values, mostly new ones; the filters
 * of the segments know where those can be, so each list is asked for by its values. A slice is
 * walked to its end before it is judged, since records of one time may stand anywhere in the log.
 *
 * Calls: core/answer/ask, core/config/identities, core/store/together.h.
 */
#include "core/answer/profile_int.h"
#include "core/base/alloc.h"
#include "core/store/together.h"

#define SLICE_FIRST (KT_NS_DAY)
#define GROWTH      4
#define FEW         32u /* values that a query names */
#define MANY                                                                                       \
    256u                /* … one of several, where the store keeps pairs; an actor's aliases are \
                           more of them, and a query has 512 at most */
#define QUERY_MAX 4000u /* bytes: what a query may have, and a little to spare */

/* ---- what is wanted ---- */

/* Is the list's first date shown for every value, or only asked for what may be new? */
static bool is_dated(const struct kt_profiling *p, enum kt_profile_list list)
{
    if (p->what.quick)
        return false;
    if (list == KT_PROFILE_ACTORS)
        return p->what.kind == KT_PROFILE_SECRET || p->what.kind == KT_PROFILE_IP;
    return p->what.kind != KT_PROFILE_ALL && !p->what.reads_only &&
           (list == KT_PROFILE_NETWORKS || list == KT_PROFILE_COUNTRIES);
}

static bool is_asked(const struct kt_profiling *p, enum kt_profile_list list)
{
    if (p->what.kind == KT_PROFILE_ALL)
        return list == KT_PROFILE_ACTORS || list == KT_PROFILE_SECRETS ||
               list == KT_PROFILE_ADDRESSES || list == KT_PROFILE_COUNTRIES;
    return list != KT_PROFILE_SESSIONS && list != KT_PROFILE_CREDENTIALS &&
           (!p->what.reads_only || list == KT_PROFILE_ACTORS);
}

static void want(struct kt_profiling *p)
{
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        for (uint32_t k = 0; is_asked(p, i) && k < p->list[i].n; k++) {
            struct kt_profile_value *t = &p->list[i].at[k];
            t->wanted = (t->e.events > 0 && t->e.first >= p->out.since) ||
                        (is_dated(p, i) && t->e.events + t->e.usual > 0);
            t->e.dated = t->wanted;
        }
}

/* What was found before `until` is wanted no more. Returns how many are. */
static uint32_t settle(struct kt_profile_values *l, kt_time_ns until)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < l->n; k++) {
        l->at[k].wanted = l->at[k].wanted && l->at[k].e.first >= until;
        n += l->at[k].wanted;
    }
    return n;
}

/* ---- asking for it ---- */

/* The field of a query that a list's values are; NULL: no filter helps to find them. */
static const char *field_of(enum kt_profile_list list)
{
    static const char *const fields[KT_PROFILE_LIST_COUNT] = {
        [KT_PROFILE_ACTORS] = "actor",       [KT_PROFILE_SECRETS] = "secret",
        [KT_PROFILE_ADDRESSES] = "ip",       [KT_PROFILE_NETWORKS] = "ip",
        [KT_PROFILE_INSTANCES] = "instance", [KT_PROFILE_AGENTS] = "user_agent",
    };
    return fields[list];
}

static bool has_limits(const struct kt_profiling *p, struct kt_str actor)
{
    const struct kt_identity *who =
        p->ask->ids == NULL ? NULL : kt_identities_named(p->ask->ids, actor);
    for (unsigned i = 0; who != NULL && i < who->n_alias; i++)
        if (who->alias[i].source != NULL || who->alias[i].instance != NULL)
            return true;
    return false;
}

/* How many values of a query it takes to name that: an actor's plain aliases are named with him. */
static uint32_t names_of(const struct kt_profiling *p, enum kt_profile_list list,
                         struct kt_str value)
{
    const struct kt_identity *who = list != KT_PROFILE_ACTORS || p->ask->ids == NULL
                                        ? NULL
                                        : kt_identities_named(p->ask->ids, value);
    return 1 + (who == NULL ? 0 : who->n_alias);
}

/* Lists of one column are asked for in one walk: of networks and of addresses. */
static enum kt_profile_list asked_with(enum kt_profile_list list)
{
    return list == KT_PROFILE_NETWORKS ? KT_PROFILE_ADDRESSES : list;
}

/* field:"a","b": of the values that are wanted. *n: how many the query names already. False: too
 * many, or no query can say them. */
static bool name_values(const struct kt_profiling *p, enum kt_profile_list list, uint32_t missing,
                        uint32_t *n, struct kt_buf *query)
{
    const struct kt_profile_values *l = &p->list[list];
    if (missing > FEW || field_of(list) == NULL)
        return false;
    for (uint32_t k = 0; k < l->n; k++) {
        struct kt_str value = l->at[k].e.value;
        if (!l->at[k].wanted)
            continue;
        if (list == KT_PROFILE_ACTORS && has_limits(p, value))
            return false;
        if (*n == 0)
            kt_ask_term(query, field_of(list), value);
        else
            kt_ask_value(query, value);
        *n += names_of(p, list, value);
        if (*n > MANY)
            return false;
    }
    return query->len <= QUERY_MAX;
}

/* The subject's own names and a scope's take room of a query, too. */
static bool can_say(const struct kt_profiling *p, const struct kt_buf *query)
{
    struct kt_query *q = NULL;
    enum kt_status status = kt_ask_query(p->ask, kt_buf_str(query), &q, NULL);
    kt_query_free(q);
    return status == KT_OK;
}

static enum kt_status walk(struct kt_profiling *p, struct kt_str query, kt_time_ns from,
                           kt_time_ns until, struct kt_error *err)
{
    kt_time_ns since = p->ask->since, end = p->ask->until;
    p->ask->since = from;
    p->ask->until = until;
    enum kt_status status = kt_profile_columns(p, query, err);
    p->ask->since = since;
    p->ask->until = end;
    return status;
}

/* The query names values, whose earliest records are all that is wanted; but where rows have to be
 * judged one by one the earliest may be somebody else's. */
static enum kt_status walk_named(struct kt_profiling *p, struct kt_str query, kt_time_ns from,
                                 kt_time_ns until, struct kt_error *err)
{
    bool actors = (p->dating >> KT_PROFILE_ACTORS & 1) != 0;
    p->ask->earliest = p->only == NULL && !(actors && kt_ask_limited(p->ask));
    enum kt_status status = walk(p, query, from, until, err);
    p->ask->earliest = false;
    return status;
}

/* ---- one slice ---- */

struct slice {
    kt_time_ns from, until;
    const uint32_t *wanted; /* values of each list */
};

/* By the subject alone: all of it. */
static enum kt_status by_subject(struct kt_profiling *p, const struct slice *s,
                                 struct kt_error *err)
{
    p->dating = 0;
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        p->dating |= s->wanted[i] > 0 ? 1u << i : 0;
    return walk(p, kt_buf_str(&p->query), s->from, s->until, err);
}

/* By all values that are wanted, a walk for the lists of one column. *ret_done false: they are too
 * many, or no query can say them; nothing was walked. */
static enum kt_status by_few(struct kt_profiling *p, const struct slice *s, bool *ret_done,
                             struct kt_error *err)
{
    struct kt_buf query[KT_PROFILE_LIST_COUNT] = { { 0 } };
    uint32_t named[KT_PROFILE_LIST_COUNT] = { 0 }, dates[KT_PROFILE_LIST_COUNT] = { 0 };
    bool few = true;
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++) {
        enum kt_profile_list with = asked_with(i);
        if (s->wanted[i] == 0)
            continue;
        if (named[with] == 0)
            kt_buf_add(&query[with], kt_buf_str(&p->query));
        few = few && name_values(p, i, s->wanted[i], &named[with], &query[with]);
        dates[with] |= 1u << i;
    }
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        few = few && (dates[i] == 0 || can_say(p, &query[i]));
    enum kt_status status = KT_OK;
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++) {
        p->dating = dates[i];
        if (few && status == KT_OK && dates[i] != 0)
            status = walk_named(p, kt_buf_str(&query[i]), s->from, s->until, err);
        kt_buf_done(&query[i]);
    }
    *ret_done = few;
    return status;
}

static bool fits_query(const struct kt_buf *query, struct kt_str value)
{
    return query->len + 2 * value.len + 32 <= QUERY_MAX; /* quoted, and with a field's name */
}

/* Can each value that is wanted be named, however many they are? */
static bool can_name(const struct kt_profiling *p, const uint32_t *wanted)
{
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++) {
        if (wanted[i] > 0 && field_of(i) == NULL)
            return false;
        for (uint32_t k = 0; wanted[i] > 0 && k < p->list[i].n; k++)
            if (p->list[i].at[k].wanted &&
                (!fits_query(&p->query, p->list[i].at[k].e.value) ||
                 names_of(p, i, p->list[i].at[k].e.value) > MANY ||
                 (i == KT_PROFILE_ACTORS && has_limits(p, p->list[i].at[k].e.value))))
                return false;
    }
    return true;
}

/* A list by one query after the other, each of as many values as it may name; by the subject where
 * there is no room for them. */
static enum kt_status by_many(struct kt_profiling *p, enum kt_profile_list list,
                              const struct slice *s, struct kt_error *err)
{
    const struct kt_profile_values *l = &p->list[list];
    enum kt_status status = KT_OK;
    p->dating = 1u << list;
    for (uint32_t k = 0; k < l->n && status == KT_OK;) {
        KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
        uint32_t n = 0;
        kt_buf_add(&query, kt_buf_str(&p->query));
        for (; k < l->n; k++) {
            struct kt_str value = l->at[k].e.value;
            uint32_t names = l->at[k].wanted ? names_of(p, list, value) : 0;
            if (names == 0)
                continue;
            if (n + names > MANY || !fits_query(&query, value))
                break;
            if (n == 0)
                kt_ask_term(&query, field_of(list), value);
            else
                kt_ask_value(&query, value);
            n += names;
        }
        if (n > 0 && !can_say(p, &query))
            return walk(p, kt_buf_str(&p->query), s->from, s->until, err);
        if (n > 0)
            status = walk_named(p, kt_buf_str(&query), s->from, s->until, err);
    }
    return status;
}

/* By the values that are wanted, where they are few, or the store knows where each may be; else all
 * of the subject. */
static enum kt_status slice(struct kt_profiling *p, const struct slice *s, bool all,
                            struct kt_error *err)
{
    bool done = false;
    uint32_t n = 0;
    enum kt_status status = all ? KT_OK : by_few(p, s, &done, err);
    if (status != KT_OK || done)
        return status;
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        n += s->wanted[i];
    if (all || !can_name(p, s->wanted) || !kt_together_worth(p->ask->reader, s->from, s->until, n))
        return by_subject(p, s, err);
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT && status == KT_OK; i++)
        if (s->wanted[i] > 0)
            status = by_many(p, i, s, err);
    return status;
}

/* ---- slice by slice ---- */

static bool has_seen_enough(void *self)
{
    struct kt_profiling *p = self;
    p->unsearched = p->looked++ >= p->what.before_max;
    return p->unsearched || (p->give_up != NULL && p->give_up(p->give_up_self));
}

static enum kt_status search(struct kt_profiling *p, kt_time_ns log_first, struct kt_error *err)
{
    kt_time_ns end = p->out.usual_since, from = log_first, length = SLICE_FIRST;
    enum kt_status status = KT_OK;
    p->span = KT_PROFILE_SPAN_BEFORE;
    want(p);
    while (status == KT_OK && from < end) {
        uint32_t wanted[KT_PROFILE_LIST_COUNT], n = 0;
        bool subject = p->out.first == 0 || p->out.first >= from; /* its own first date */
        for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
            n += wanted[i] = settle(&p->list[i], from);
        if (n == 0 && !subject)
            break;
        kt_time_ns until = length < end - from ? from + length : end;
        p->slice = from;
        status = slice(p, &(struct slice){ from, until, wanted }, subject, err);
        from = until;
        length *= GROWTH;
    }
    return status;
}

/* What was met before has its date by slices that were walked to their end; of what was met in the
 * last one `first` is no date, and what was not met may be new. */
static void leave_open(struct kt_profiling *p)
{
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        for (uint32_t k = 0; k < p->list[i].n; k++) {
            struct kt_profile_value *t = &p->list[i].at[k];
            t->e.dated = t->e.dated && !t->wanted;
            t->e.maybe_new = t->wanted && t->e.events > 0 && t->e.first >= p->out.since;
        }
    p->out.by = p->out.first == 0 || p->out.first >= p->slice;
}

enum kt_status kt_profile_before(struct kt_profiling *p, kt_time_ns log_first, struct kt_error *err)
{
    struct kt_ask *a = p->ask;
    if (p->what.before_max == 0)
        return search(p, log_first, err);
    p->give_up = a->give_up;
    p->give_up_self = a->give_up_self;
    a->give_up = has_seen_enough;
    a->give_up_self = p;
    enum kt_status status = search(p, log_first, err);
    a->give_up = p->give_up;
    a->give_up_self = p->give_up_self;
    if (status != KT_E_LIMIT || !p->unsearched)
        return status;
    leave_open(p);
    if (err != NULL)
        *err = (struct kt_error){ 0 }; /* where a walk ended is no failure */
    return KT_OK;
}
