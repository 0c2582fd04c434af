/*
 * profile: see the header. The spans, one after the other, and the lists that come of them.
 *
 * Owns:  the lists of a profile.
 * Calls: core/base, core/query, core/answer/ask. No clock, no output.
 */
#include <stdlib.h>

#include "core/answer/profile_int.h"
#include "core/base/alloc.h"
#include "core/event/secret_id.h"

const char *kt_profile_list_word(enum kt_profile_list list)
{
    static const char *const words[] = {
#define X(n, w) w,
        KT_PROFILE_LISTS(X)
#undef X
    };
    return words[list];
}

struct kt_str kt_profile_keep(struct kt_profiling *p, struct kt_str text)
{
    return text.len == 0 ? KT_STR_NONE : kt_map_key(p->texts, kt_map_put(p->texts, text, NULL));
}

/* ---- what is asked of the log ---- */

static const struct kt_identity *identity_of(const struct kt_ask *a, struct kt_str name)
{
    const struct kt_identity *who = a->ids == NULL ? NULL : kt_identities_named(a->ids, name);
    return who != NULL || a->ids == NULL
               ? who
               : kt_identities_find(a->ids, name, KT_STR_NONE, KT_STR_NONE);
}

static enum kt_status named(struct kt_buf *out, const char *field, struct kt_str value, bool exact,
                            struct kt_error *err)
{
    if (!exact)
        return kt_ask_pattern(out, field, value, err);
    kt_ask_term(out, field, value);
    return KT_OK;
}

/* Of an identity whose aliases are for everywhere its name says all; the others are written out,
 * and each record's actor is judged with its source. */
enum kt_status kt_profile_actor_term(const struct kt_ask *a, struct kt_str value, bool exact,
                                     struct kt_buf *out, const struct kt_identity **ret_only,
                                     struct kt_error *err)
{
    const struct kt_identity *who = identity_of(a, value);
    *ret_only = NULL;
    for (unsigned i = 0; who != NULL && i < who->n_alias; i++)
        if (who->alias[i].source != NULL || who->alias[i].instance != NULL)
            *ret_only = who;
    if (who == NULL)
        return named(out, "actor", value, exact, err);
    kt_ask_term(out, "actor", kt_str_of(who->name));
    for (unsigned i = 0; *ret_only != NULL && i < who->n_alias; i++)
        if (who->alias[i].glob)
            kt_buf_addf(out, ",%s", who->alias[i].actor);
        else
            kt_ask_value(out, kt_str_of(who->alias[i].actor));
    return KT_OK;
}

/* Sets that hold the secret are reads of it too: `export` of vault://c/-/secret/prod/ has the id
 * vault://c/-/secret/prod/ and a star. */
static enum kt_status secret_term(struct kt_str value, bool exact, struct kt_buf *out,
                                  struct kt_error *err)
{
    if (!exact && kt_str_find_byte(value, '*', 0) >= 0)
        return kt_ask_pattern(out, "secret", value, err);
    ptrdiff_t scheme = kt_str_find(value, KT_STR("://"), 0);
    kt_ask_term(out, "secret", value);
    for (ptrdiff_t i = kt_str_find_byte(value, '/', scheme < 0 ? 0 : (size_t)scheme + 3); i >= 0;
         i = kt_str_find_byte(value, '/', (size_t)i + 1)) {
        KT_CLEANUP(kt_buf_done) struct kt_buf set = { 0 };
        kt_buf_add(&set, kt_str_sub(value, 0, (size_t)i + 1));
        kt_buf_byte(&set, '*');
        kt_ask_value(out, kt_buf_str(&set));
    }
    if (kt_str_is(kt_secret_scheme(value), "k8s")) {
        KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
        kt_buf_add(&all, kt_secret_store(value));
        kt_buf_addz(&all, "/*/*"); /* a list of every namespace */
        kt_ask_value(out, kt_buf_str(&all));
    }
    return KT_OK;
}

static enum kt_status ip_term(struct kt_str value, struct kt_buf *out, struct kt_error *err)
{
    struct kt_cidr net;
    char text[KT_IP_TEXT_MAX];
    if (kt_cidr_parse(value, &net, err) != KT_OK)
        return KT_E_INPUT;
    kt_buf_addf(out, "ip:%s", kt_cidr_format(net, text));
    return KT_OK;
}

/* The text is looked for in the lines first, which is much quicker than reading each. */
static enum kt_status session_term(struct kt_str value, bool exact, struct kt_buf *out,
                                   struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf either = { 0 };
    bool glob = !exact && kt_str_find_byte(value, '*', 0) >= 0;
    if (named(&either, "session", value, exact, err) != KT_OK)
        return KT_E_INPUT;
    kt_buf_addz(&either, " OR");
    if (named(&either, "credential", value, exact, err) != KT_OK)
        return KT_E_INPUT;
    if (!glob)
        kt_ask_text(out, value);
    kt_buf_addf(out, "%s(" KT_STR_FMT ")", glob ? "" : " ", KT_STR_ARG(kt_buf_str(&either)));
    return KT_OK;
}

static enum kt_status make_query(const struct kt_ask *a, const struct kt_profile_ask *what,
                                 struct kt_buf *out, const struct kt_identity **ret_only,
                                 struct kt_error *err)
{
    enum kt_status status = KT_E_INPUT;
    *ret_only = NULL;
    switch (what->kind) {
    case KT_PROFILE_SECRET:
        status = secret_term(what->value, what->exact, out, err);
        break;
    case KT_PROFILE_ACTOR:
        status = kt_profile_actor_term(a, what->value, what->exact, out, ret_only, err);
        break;
    case KT_PROFILE_IP:
        status = ip_term(what->value, out, err);
        break;
    case KT_PROFILE_SESSION:
        status = session_term(what->value, what->exact, out, err);
        break;
    case KT_PROFILE_INSTANCE:
        kt_ask_term(out, "instance", what->value);
        status = KT_OK;
        break;
    case KT_PROFILE_ALL:
        status = KT_OK;
        break;
    case KT_PROFILE_KINDS:
        break;
    }
    if (what->reads_only)
        kt_buf_addz(out, " action:read,export,issue,use");
    return status;
}

enum kt_status kt_profile_query(const struct kt_ask *a, const struct kt_profile_ask *what,
                                struct kt_buf *out, struct kt_error *err)
{
    const struct kt_identity *only;
    return make_query(a, what, out, &only, err);
}

/* ---- the answer ---- */

static int most_first(const void *pa, const void *pb)
{
    const struct kt_profile_entry *a = pa, *b = pb;
    if (a->events != b->events)
        return a->events > b->events ? -1 : 1;
    if (a->usual != b->usual)
        return a->usual > b->usual ? -1 : 1;
    return kt_str_cmp(a->value, b->value);
}

static void close_list(struct kt_profiling *p, enum kt_profile_list list)
{
    struct kt_profile_values *l = &p->list[list];
    bool lines = list == KT_PROFILE_SESSIONS || list == KT_PROFILE_CREDENTIALS;
    struct kt_profile_entry *e = kt_alloc_array(l->n + 1, sizeof *e);
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->at[i].e.events + l->at[i].e.usual == 0)
            continue; /* met in what is before alone */
        e[n] = l->at[i].e;
        e[n].is_new = p->compared && !lines && e[n].events > 0 && e[n].first >= p->out.since &&
                      !e[n].maybe_new;
        e[n].dated = e[n].dated || p->whole;
        n++;
    }
    if (n > 1)
        qsort(e, n, sizeof *e, most_first);
    p->out.list[list] = e;
    p->out.n[list] = n;
}

static void close_lists(struct kt_profiling *p)
{
    struct kt_profile_values *actors = &p->list[KT_PROFILE_ACTORS];
    for (uint32_t i = 0; i < actors->n; i++) { /* the file of identities knows better */
        const struct kt_identity *who =
            p->ask->ids == NULL ? NULL : kt_identities_named(p->ask->ids, actors->at[i].e.value);
        if (who != NULL && who->kind >= 0)
            actors->at[i].e.kind = (enum kt_actor_kind)who->kind;
    }
    kt_profile_note_pairs(p);
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        close_list(p, i);
}

/* ---- the spans ---- */

static enum kt_status walk_usual(struct kt_profiling *p, kt_time_ns log_first, struct kt_error *err)
{
    struct kt_profile *o = &p->out;
    kt_time_ns since = p->ask->since, until = p->ask->until;
    kt_time_ns from = log_first > o->usual_since ? log_first : o->usual_since;
    o->usual_days = log_first != 0 && from < since ? (double)(since - from) / (double)KT_NS_DAY : 0;
    p->span = KT_PROFILE_SPAN_USUAL;
    p->ask->since = o->usual_since;
    p->ask->until = since;
    enum kt_status status = kt_profile_columns(p, kt_buf_str(&p->query), err);
    kt_profile_close_span(p);
    p->ask->since = since;
    p->ask->until = until;
    return status;
}

static enum kt_status walk_sessions(struct kt_profiling *p, struct kt_error *err)
{
    p->span = KT_PROFILE_SPAN_WINDOW;
    p->lines_only = p->what.kind != KT_PROFILE_SESSION;
    enum kt_status status = kt_profile_lines(p, kt_buf_str(&p->query), err);
    kt_profile_close_span(p);
    return status;
}

/* From the usual span's beginning, or the log's, to the window's end. */
static void set_days(struct kt_profiling *p, kt_time_ns log_first)
{
    struct kt_profile *o = &p->out;
    kt_time_ns zone = p->ask->zone_offset_s * KT_NS_S;
    kt_time_ns from = o->since == 0 ? 0 : p->what.usual > 0 ? o->usual_since : o->since;
    kt_time_ns until = o->until != 0 ? o->until : p->ask->now;
    from = from < log_first ? log_first : from;
    if (from <= 0 || from >= until)
        return;
    from = (from + zone) / KT_NS_DAY * KT_NS_DAY - zone;
    kt_time_ns days = (until - from + KT_NS_DAY - 1) / KT_NS_DAY;
    kt_time_ns each = (days + KT_PROFILE_DAYS_MAX - 1) / KT_PROFILE_DAYS_MAX;
    o->day_from = from;
    o->day_step = each * KT_NS_DAY;
    o->n_days = (uint32_t)((days + each - 1) / each);
    o->day = kt_alloc_array(o->n_days, sizeof *o->day);
}

static enum kt_status walk_all(struct kt_profiling *p, struct kt_error *err)
{
    kt_time_ns log_first;
    bool compared = p->what.usual > 0 && p->out.since > 0;
    if (kt_ask_first(p->ask, &log_first, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    set_days(p, log_first);
    const bool session = p->what.kind == KT_PROFILE_SESSION;
    enum kt_status status =
        session ? walk_sessions(p, err) : kt_profile_columns(p, kt_buf_str(&p->query), err);
    kt_profile_close_span(p);
    if (status == KT_OK && compared && !session)
        status = walk_usual(p, log_first, err);
    kt_profile_roll_up(p);
    if (session)
        return status;
    p->compared = compared && !p->what.undated;
    p->whole = p->out.since == 0 || (compared && log_first >= p->out.usual_since);
    if (p->around != NULL) {
        p->around->whole = p->whole;
        p->around->out.usual_days = p->out.usual_days;
    }
    if (status == KT_OK && p->compared)
        status = kt_profile_before(p, log_first, err);
    if (status == KT_OK && p->what.sessions)
        status = walk_sessions(p, err);
    return status;
}

static struct kt_profiling *start(struct kt_ask *a, const struct kt_profile_ask *what)
{
    struct kt_profiling *p = kt_alloc(sizeof *p);
    *p = (struct kt_profiling){ .ask = a, .what = *what, .span = KT_PROFILE_SPAN_WINDOW };
    p->out = (struct kt_profile){ .kind = what->kind, .since = a->since, .until = a->until };
    p->out.usual_since = a->since > what->usual ? a->since - what->usual : 0;
    p->limited = kt_ask_limited(a);
    p->texts = kt_map_new((uint64_t)a->now);
    p->ips = kt_map_new((uint64_t)a->now);
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        p->list[i].map = kt_map_new((uint64_t)a->now);
    return p;
}

/* Who else came from around one address. */
static enum kt_status start_around(struct kt_profiling *p, struct kt_error *err)
{
    char text[KT_IP_TEXT_MAX];
    struct kt_profile_ask what = { .kind = KT_PROFILE_IP, .usual = p->what.usual };
    if (!p->what.around || p->what.kind != KT_PROFILE_IP || !kt_ip_parse(p->what.value, &p->ip))
        return KT_OK;
    what.value = kt_str_of(kt_cidr_format(kt_ip_network(p->ip, 24, 48), text));
    p->around = start(p->ask, &what);
    p->around->limited = false; /* it has no actors */
    p->around->addresses = true;
    p->around->what.value = kt_profile_keep(p->around, what.value);
    p->out.around = &p->around->out;
    return ip_term(what.value, &p->around->query, err);
}

enum kt_status kt_profile_load(struct kt_ask *a, const struct kt_profile_ask *what,
                               struct kt_profile **ret, struct kt_error *err)
{
    struct kt_profiling *p = start(a, what);
    enum kt_status status = make_query(a, what, &p->query, &p->only, err);
    if (status == KT_OK)
        status = start_around(p, err);
    a->as_written = p->only != NULL;
    if (status == KT_OK)
        status = walk_all(p, err);
    a->as_written = false;
    if (status != KT_OK) {
        kt_profile_free(&p->out);
        return status;
    }
    if (p->around != NULL)
        close_lists(p->around);
    close_lists(p);
    *ret = &p->out;
    return KT_OK;
}

struct kt_str kt_profile_instance(const struct kt_profile *p)
{
    return p->n[KT_PROFILE_INSTANCES] == 1 ? p->list[KT_PROFILE_INSTANCES][0].value : KT_STR_NONE;
}

void kt_profile_free(struct kt_profile *out)
{
    struct kt_profiling *p = (struct kt_profiling *)out;
    if (p == NULL)
        return;
    if (p->around != NULL)
        kt_profile_free(&p->around->out);
    kt_free(p->pick);
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++) {
        kt_map_free(p->list[i].map);
        kt_known_done(&p->list[i].known);
        kt_free(p->list[i].at);
        kt_free(p->list[i].total);
        kt_free(p->list[i].number);
        kt_free(p->out.list[i]);
    }
    kt_profile_pairs_done(p);
    kt_map_free(p->texts);
    kt_free(p->out.day);
    kt_map_free(p->ips);
    kt_known_done(&p->ips_known);
    kt_free(p->ip_of);
    kt_free(p->least);
    kt_free(p->asked);
    kt_free(p->met);
    kt_free(p->sum);
    kt_buf_done(&p->query);
    kt_free(p);
}
