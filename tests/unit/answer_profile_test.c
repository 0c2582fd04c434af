/* answer_profile: profiles of secrets, actors, addresses and sessions in random worlds, against a
 * plain account over all records: aliases (some for one source only), IPv6, names in several
 * scripts, records without a time, months of which nothing is stored, imports out of order. KT_SEED
 * sets the seed, KT_WORLDS how many (2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/alerted.h"
#include "core/answer/issued.h"
#include "core/answer/profile.h"
#include "core/base/alloc.h"
#include "core/event/line.h"
#include "core/sys/rng.h"
#include "tests/support/store_make.h"

#define T0     MAKE_T0
#define DAYS   220
#define NOW    (T0 + DAYS * KT_NS_DAY)
#define EVENTS 1500u
#define BATCH  30u

static const char identities[] =
    "identities:\n"
    "  - { name: anna@acme.example, kind: human, aliases: [\"anna@main\", \"ann*@sso\"] }\n"
    "  - name: bot\n"
    "    kind: service\n"
    "    aliases: [\"build-bot\", { actor: deploy, source: vault },"
    " { actor: runner, instance: \"aws-*\" }]\n";
static const char *const actors[] = { "anna@main", "anna@sso",  "ANNA@main", "annika@sso",
                                      "build-bot", "deploy",    "runner",    "Ελένη@acme.example",
                                      "李雷",      "محمد@acme", "svc-pay",   "" };
static const char *const secrets[] = { "vault://c/-/secret/prod/db",
                                       "vault://c/-/secret/prod/db-replica",
                                       "vault://c/-/secret/prod/*",
                                       "vault://c/-/secret/dev/db",
                                       "k8s://prod/pay/db",
                                       "k8s://prod/*/*",
                                       "aws-sm://111122223333/eu-central-1/prod/db",
                                       "aws-kms://111122223333/eu-central-1/key-1",
                                       "op://ACME/Тайна \"x\"",
                                       "" };
static const struct {
    const char *source, *instance;
} sources[] = { { "vault", "vault-prod" },
                { "cloudtrail", "aws-main" },
                { "cloudtrail", "aws-dev" } };
static const char *const addresses[] = { "203.0.113.7",  "203.0.113.8",   "198.51.100.20",
                                         "10.1.2.3",     "2001:db8:7::1", "2001:db8:7::2",
                                         "2001:db8:8::1" };
static const char *const countries[] = { "DE", "DE", "FR", "", "SE", "SE", "JP" };
static const char *const agents[] = { "aws-cli/2.1 x", "aws-cli/2.2 x", "curl/8 \"q\"", "" };

static struct world {
    char folder[64], path[96];
    struct kt_store *store;
    struct make *make;
    struct kt_arena arena;
    struct kt_identities *ids;
    struct kt_record *all;
    uint32_t n;
    struct kt_rng_seeded state;
    struct kt_rng rng;
} w;

static unsigned draw(unsigned n)
{
    return (unsigned)kt_rng_below(&w.rng, n);
}

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

/* ---- making ---- */

static kt_time_ns some_time(void)
{
    unsigned day;
    do
        day = draw(DAYS);
    while (day >= 70 && day < 110); /* of these nothing is stored */
    return T0 + day * KT_NS_DAY + (kt_time_ns)draw(86400) * KT_NS_S;
}

static void add_event(uint32_t number)
{
    static const enum kt_action actions[] = { KT_ACT_READ,  KT_ACT_READ, KT_ACT_READ, KT_ACT_USE,
                                              KT_ACT_LOGIN, KT_ACT_LIST, KT_ACT_WRITE };
    char id[40], session[40];
    /* Some values turn up late, so that they are new. */
    kt_time_ns time = some_time();
    bool late = time >= NOW - 10 * KT_NS_DAY;
    unsigned source = draw(KT_ARRAY_LEN(sources)), ip = draw(late ? 7 : 5);
    (void)snprintf(id, sizeof id, "id-%u", number);
    (void)snprintf(session, sizeof session, "s-%u", draw(12));
    struct kt_event ev = { .kind = draw(40) == 0 ? KT_KIND_REPORT : KT_KIND_ACCESS,
                           .action = actions[draw(KT_ARRAY_LEN(actions))],
                           .outcome =
                               draw(5) == 0 ? (enum kt_outcome)draw(KT_OUT_COUNT) : KT_OUT_SUCCESS,
                           .actor_kind = draw(3) == 0 ? KT_ACTOR_UNKNOWN : KT_ACTOR_SERVICE,
                           .time = draw(60) == 0 ? 0 : time,
                           .observed = time,
                           .source = kt_str_of(sources[source].source),
                           .instance = kt_str_of(sources[source].instance),
                           .scope = KT_STR("x"),
                           .native_id = kt_str_of(id),
                           .operation = KT_STR("op"),
                           .actor = kt_str_of(actors[draw(late ? 12 : 9)]),
                           .secret = kt_str_of(secrets[draw(late ? 8 : 6)]),
                           .user_agent = kt_str_of(agents[draw(4)]),
                           .session = draw(2) == 0 ? kt_str_of(session) : KT_STR_NONE,
                           .credential = draw(3) == 0 ? KT_STR("AKIA\"1") : KT_STR_NONE };
    ev.has_ip = draw(10) != 0 && kt_ip_parse(kt_str_of(addresses[ip]), &ev.ip);
    must(kt_line_write(&ev, &w.make->lines, NULL), NULL);
    kt_buf_byte(&w.make->lines, '\n');
    w.make->n++;
}

static void add_fact(unsigned i)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    struct kt_error err = { 0 };
    uint64_t seq;
    kt_buf_addf(&raw, "{\"ip\":\"%s\",\"country\":\"%s\",\"asn\":%u,\"org\":\"Org %u\"}",
                addresses[i], countries[i], i < 2 ? 64500u : i, i);
    struct kt_event ev = {
        .kind = KT_KIND_FACT, .source = KT_STR("keytrail"), .time = T0, .raw = kt_buf_str(&raw)
    };
    must(kt_store_control(w.store, &ev, T0, T0, &seq, &err), &err);
}

static void fill(void)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    for (uint32_t first = 0; first < EVENTS; first += BATCH) {
        make_reset(w.make);
        for (uint32_t i = 0; i < BATCH; i++)
            add_event(first + i);
        const struct kt_store_batch b = make_import(w.make, T0 + first * KT_NS_MIN);
        must(kt_store_begin(w.store, &err), &err);
        for (unsigned i = 0; first == 0 && i < KT_ARRAY_LEN(addresses); i++)
            add_fact(i);
        must(kt_store_append(w.store, &b, &r, &err), &err);
        must(kt_store_commit(w.store, &err), &err);
        must(kt_store_housekeep(w.store, true, &err), &err);
    }
}

static void load_all(void)
{
    struct kt_error err = { 0 };
    struct kt_reader *reader = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record r;
    enum kt_status status;
    const struct kt_scan scan = { .records = true };
    w.all = kt_alloc_array(EVENTS, sizeof *w.all);
    must(kt_reader_open(w.path, &reader, &err), &err);
    must(kt_cursor_open(reader, &scan, &c, &err), &err);
    while ((status = kt_cursor_next(c, &r, &err)) == KT_OK) {
        r.line = kt_arena_str(&w.arena, r.line);
        must(kt_line_read(r.line, &w.arena, &r.ev, &err), &err);
        w.all[w.n++] = r;
    }
    assert_int_equal(status, KT_E_AGAIN);
    assert_false(w.arena.full);
    kt_cursor_free(c);
    kt_reader_close(reader);
}

static void world_up(uint64_t seed)
{
    struct kt_error err = { 0 };
    w = (struct world){ .state = { .state = seed }, .make = make_new() };
    w.rng = kt_rng_seeded(&w.state);
    w.arena = kt_arena_new(32u << 20);
    w.ids = kt_identities_new();
    must(kt_identities_parse(w.ids, kt_str_of(identities), "identities.yaml", &err), &err);
    make_folder(w.folder, w.path);
    const struct kt_store_options o = {
        .path = w.path, .create = true, .segment_events = 60, .seal_here = true
    };
    must(kt_store_open(&o, &w.store, &err), &err);
    fill();
    load_all();
}

static void world_down(void)
{
    kt_store_close(w.store);
    make_free(w.make);
    kt_identities_free(w.ids);
    kt_arena_done(&w.arena);
    kt_free(w.all);
    make_folder_drop(w.folder);
}

/* ---- the plain account ---- */

struct question {
    struct kt_profile_ask what;
    kt_time_ns since, until;
};

static kt_time_ns time_of(const struct kt_record *r)
{
    return r->ev.time > 0 ? r->ev.time : r->arrival;
}

static struct kt_str actor_of(const struct kt_event *ev)
{
    const struct kt_identity *who = kt_identities_find(w.ids, ev->actor, ev->source, ev->instance);
    return who != NULL ? kt_str_of(who->name) : ev->actor;
}

static bool ends_with_part(struct kt_str id, struct kt_str tail)
{
    return kt_str_ends(id, tail) && id.len > tail.len && id.at[id.len - tail.len - 1] == '/';
}

static bool is_secret(struct kt_str value, struct kt_str id)
{
    bool whole = kt_str_has(value, KT_STR("://"));
    if (kt_str_eq(value, id) || (!whole && ends_with_part(id, value)))
        return true;
    if (!kt_str_ends(id, KT_STR("/*")))
        return false;
    for (size_t i = 0; i < value.len; i++) { /* a set that holds it */
        char set[128];
        if (value.at[i] != '/' || (whole && i < (size_t)kt_str_find(value, KT_STR("://"), 0) + 3))
            continue;
        (void)snprintf(set, sizeof set, "%.*s*", (int)i + 1, value.at);
        if (kt_str_is(id, set) || (!whole && ends_with_part(id, kt_str_of(set))))
            return true;
        if (kt_str_is(value, "k8s://prod/pay/db") && kt_str_is(id, "k8s://prod/*/*"))
            return true;
    }
    return false;
}

static bool is_asked(const struct question *q, const struct kt_event *ev)
{
    struct kt_str v = q->what.value;
    struct kt_cidr net;
    bool read = ev->action == KT_ACT_READ || ev->action == KT_ACT_USE;
    if (ev->kind != KT_KIND_ACCESS || (q->what.reads_only && !read))
        return false;
    switch (q->what.kind) {
    case KT_PROFILE_SECRET:
        return is_secret(v, ev->secret);
    case KT_PROFILE_ACTOR:
        /* A name that is an alias for some sources only is asked for as it is written. */
        return kt_str_eq_nocase(kt_identities_named(w.ids, v) != NULL ? actor_of(ev) : ev->actor,
                                v);
    case KT_PROFILE_IP:
        return ev->has_ip && kt_cidr_parse(v, &net, NULL) == KT_OK && kt_cidr_has(net, ev->ip);
    case KT_PROFILE_SESSION:
        return kt_str_eq(v, ev->session) || kt_str_eq(v, ev->credential);
    case KT_PROFILE_INSTANCE:
        return kt_str_eq(v, ev->instance);
    case KT_PROFILE_ALL:
    case KT_PROFILE_KINDS:
        break;
    }
    return false;
}

static unsigned address_number(const struct kt_event *ev)
{
    struct kt_ip ip;
    for (unsigned i = 0; i < KT_ARRAY_LEN(addresses); i++)
        if (ev->has_ip && kt_ip_parse(kt_str_of(addresses[i]), &ip) && kt_ip_eq(ip, ev->ip))
            return i;
    return UINT32_MAX;
}

/* The record's value in a list; empty: it has none. */
static struct kt_str value_of(enum kt_profile_list list, const struct kt_event *ev, char buf[64])
{
    unsigned ip = address_number(ev);
    struct kt_cidr net;
    switch (list) {
    case KT_PROFILE_ACTORS:
        return actor_of(ev);
    case KT_PROFILE_SECRETS:
        return ev->secret;
    case KT_PROFILE_ADDRESSES:
        return ip == UINT32_MAX ? KT_STR_NONE : kt_str_of(addresses[ip]);
    case KT_PROFILE_NETWORKS:
        net = kt_ip_network(ev->ip, 24, 48);
        return ev->has_ip ? kt_str_of(kt_cidr_format(net, buf)) : KT_STR_NONE;
    case KT_PROFILE_COUNTRIES:
        return ip == UINT32_MAX ? KT_STR_NONE : kt_str_of(countries[ip]);
    case KT_PROFILE_ASNS:
        if (ip == UINT32_MAX)
            return KT_STR_NONE;
        (void)snprintf(buf, 64, "AS%u", ip < 2 ? 64500u : ip);
        return kt_str_of(buf);
    case KT_PROFILE_INSTANCES:
        return ev->instance;
    case KT_PROFILE_AGENTS:
        return ev->user_agent;
    case KT_PROFILE_SESSIONS:
        return ev->session;
    case KT_PROFILE_CREDENTIALS:
        return ev->credential;
    case KT_PROFILE_LIST_COUNT:
        break;
    }
    return KT_STR_NONE;
}

static bool failed(const struct kt_event *ev)
{
    return ev->outcome == KT_OUT_DENIED || ev->outcome == KT_OUT_FAILURE ||
           ev->outcome == KT_OUT_NOT_FOUND;
}

struct sums {
    uint64_t events, reads, failed, usual;
    kt_time_ns first, last, first_counted;
};

static void add_sum(struct sums *s, const struct question *q, const struct kt_record *r)
{
    kt_time_ns t = time_of(r);
    bool open = q->since == 0, window = t >= q->since && (q->until == 0 || t < q->until);
    bool usual = !open && t < q->since && t >= q->since - q->what.usual;
    if (!window && (open || t >= q->since))
        return;
    s->first = s->first == 0 || t < s->first ? t : s->first;
    if (!window && !usual)
        return;
    s->first_counted = s->first_counted == 0 || t < s->first_counted ? t : s->first_counted;
    s->last = t > s->last ? t : s->last;
    s->events += window;
    s->reads += window && !failed(&r->ev) && kt_event_is_read(&r->ev);
    s->failed += window && failed(&r->ev);
    s->usual += usual;
}

static struct sums sum(const struct question *q, enum kt_profile_list list, struct kt_str value)
{
    struct sums s = { 0 };
    char buf[64];
    for (uint32_t i = 0; i < w.n; i++)
        if (is_asked(q, &w.all[i].ev) &&
            (list == KT_PROFILE_LIST_COUNT || kt_str_eq(value_of(list, &w.all[i].ev, buf), value)))
            add_sum(&s, q, &w.all[i]);
    return s;
}

/* How many values the window and the usual span have. */
static uint32_t distinct(const struct question *q, enum kt_profile_list list, bool window_only)
{
    static struct kt_str seen[EVENTS];
    static char texts[EVENTS][64];
    uint32_t n = 0;
    for (uint32_t i = 0; i < w.n; i++) {
        char buf[64];
        struct sums s = { 0 };
        struct kt_str value = value_of(list, &w.all[i].ev, buf);
        if (value.len == 0 || !is_asked(q, &w.all[i].ev))
            continue;
        add_sum(&s, q, &w.all[i]);
        if (s.events == 0 && (window_only || s.usual == 0))
            continue;
        uint32_t k = 0;
        while (k < n && !kt_str_eq(seen[k], value))
            k++;
        if (k < n)
            continue;
        kt_str_copyz(texts[n], sizeof texts[n], value);
        seen[n] = kt_str_of(texts[n]);
        n++;
    }
    return n;
}

/* ---- comparing ---- */

static void compare_list(const struct question *q, const struct kt_profile *p,
                         enum kt_profile_list list)
{
    bool lines = list == KT_PROFILE_SESSIONS || list == KT_PROFILE_CREDENTIALS;
    if (lines && q->what.kind != KT_PROFILE_SESSION && !q->what.sessions)
        return;
    /* `who` lists readers of the window, no clients, and says from where they come */
    bool place = list >= KT_PROFILE_ADDRESSES && list <= KT_PROFILE_ASNS;
    bool none = q->what.reads_only && list == KT_PROFILE_AGENTS;
    assert_int_equal(p->n[list],
                     none ? 0 : distinct(q, list, lines || (q->what.reads_only && !place)));
    for (uint32_t i = 0; i < p->n[list]; i++) {
        const struct kt_profile_entry *e = &p->list[list][i];
        struct sums s = sum(q, list, e->value);
        bool compared = q->since != 0 && q->what.usual > 0 && !lines;
        assert_int_equal(e->events, s.events);
        assert_int_equal(e->reads, s.reads);
        assert_int_equal(e->failed, s.failed);
        if (!lines) {
            assert_int_equal(e->usual, s.usual);
            assert_int_equal(e->last, s.last);
            if (e->dated || q->what.before_max == 0)
                assert_int_equal(e->first, e->dated ? s.first : s.first_counted);
            else
                assert_true(e->first >= s.first && e->first <= s.first_counted);
        }
        /* `who` asks what is before for its readers alone */
        if (!q->what.reads_only || list == KT_PROFILE_ACTORS)
            assert_true(e->is_new == (compared && s.events > 0 && s.first >= q->since) ||
                        (e->maybe_new && q->what.before_max > 0));
        if (i > 0)
            assert_true(p->list[list][i - 1].events >= e->events);
    }
}

static bool was_there(const struct question *q, struct kt_str actor, unsigned ip, bool country,
                      bool window)
{
    for (uint32_t i = 0; i < w.n; i++) {
        const struct kt_event *ev = &w.all[i].ev;
        kt_time_ns t = time_of(&w.all[i]);
        unsigned at = address_number(ev);
        bool in = window ? t >= q->since && (q->until == 0 || t < q->until)
                         : q->since != 0 && t < q->since && t >= q->since - q->what.usual;
        if (in && is_asked(q, ev) && at != UINT32_MAX && kt_str_eq(actor_of(ev), actor) &&
            (country ? strcmp(countries[at], countries[ip]) == 0 : at == ip))
            return true;
    }
    return false;
}

static void compare_places(const struct question *q, const struct kt_profile *p)
{
    for (uint32_t i = 0; i < p->n[KT_PROFILE_ACTORS]; i++) {
        const struct kt_profile_entry *e = &p->list[KT_PROFILE_ACTORS][i];
        uint32_t here = 0, fresh = 0, fresh_countries = 0;
        for (unsigned a = 0; a < KT_ARRAY_LEN(addresses); a++) {
            bool in = was_there(q, e->value, a, false, true);
            here += in;
            fresh += in && q->since != 0 && !was_there(q, e->value, a, false, false);
            bool first = true; /* address of its country */
            for (unsigned b = 0; b < a; b++)
                first = first && strcmp(countries[a], countries[b]) != 0;
            fresh_countries += first && countries[a][0] != '\0' && q->since != 0 &&
                               was_there(q, e->value, a, true, true) &&
                               !was_there(q, e->value, a, true, false);
        }
        assert_int_equal(e->addresses, here);
        assert_int_equal(e->new_addresses, fresh);
        assert_int_equal(e->new_countries, fresh_countries);
    }
}

/* The addresses of one's network, one's own among them: counted, and none of them new. */
static void compare_around(const struct question *q, const struct kt_profile *p)
{
    const struct kt_profile *around = p->around;
    char text[KT_IP_TEXT_MAX];
    struct question net = *q;
    struct kt_ip ip;
    assert_true(kt_ip_parse(q->what.value, &ip));
    assert_true(around->usual_days == p->usual_days);
    net.what.value = kt_str_of(kt_cidr_format(kt_ip_network(ip, 24, 48), text));
    assert_int_equal(around->n[KT_PROFILE_ADDRESSES], distinct(&net, KT_PROFILE_ADDRESSES, false));
    for (uint32_t i = 0; i < around->n[KT_PROFILE_ADDRESSES]; i++) {
        const struct kt_profile_entry *e = &around->list[KT_PROFILE_ADDRESSES][i];
        struct sums s = sum(&net, KT_PROFILE_ADDRESSES, e->value);
        assert_int_equal(e->events, s.events);
        assert_int_equal(e->reads, s.reads);
        assert_int_equal(e->failed, s.failed);
        assert_int_equal(e->usual, s.usual);
        assert_int_equal(e->first, e->dated ? s.first : s.first_counted);
        assert_int_equal(e->last, s.last);
        assert_false(e->is_new);
    }
}

/* Each day, and all of them together: nothing falls between two days. */
static void compare_days(const struct question *q, const struct kt_profile *p)
{
    uint64_t all = 0;
    for (uint32_t d = 0; d < p->n_days; d++) {
        kt_time_ns from = p->day_from + d * p->day_step;
        uint64_t failures = 0, want = 0;
        for (uint32_t i = 0; i < w.n; i++) {
            struct sums s = { 0 };
            kt_time_ns t = time_of(&w.all[i]);
            if (t < from || t >= from + p->day_step || !is_asked(q, &w.all[i].ev))
                continue;
            add_sum(&s, q, &w.all[i]);
            want += failed(&w.all[i].ev) ? s.events + s.usual : 0;
        }
        for (unsigned o = 0; o < KT_OUT_COUNT; o++)
            all += p->day[d][o];
        failures =
            p->day[d][KT_OUT_DENIED] + p->day[d][KT_OUT_FAILURE] + p->day[d][KT_OUT_NOT_FOUND];
        assert_int_equal(failures, want);
    }
    assert_int_equal(all, p->events + p->usual);
}

static void ask(const struct question *q)
{
    struct kt_error err = { 0 };
    struct kt_ask a;
    struct kt_profile *p = NULL;
    must(kt_ask_open(&a, w.path, w.ids, NOW, &err), &err);
    a.since = q->since;
    a.until = q->until;
    must(kt_profile_load(&a, &q->what, &p, &err), &err);
    struct sums s = sum(q, KT_PROFILE_LIST_COUNT, KT_STR_NONE);
    if (p->events != s.events || p->failed != s.failed)
        print_message("kind %d, '%.*s', %lld to %lld\n", (int)q->what.kind, (int)q->what.value.len,
                      q->what.value.at, (long long)q->since, (long long)q->until);
    assert_int_equal(p->events, s.events);
    assert_int_equal(p->reads, s.reads);
    assert_int_equal(p->failed, s.failed);
    if (q->what.kind != KT_PROFILE_SESSION) {
        assert_int_equal(p->usual, s.usual);
        if (p->by)
            assert_true(q->what.before_max > 0 &&
                        (p->first >= s.first || (p->first == 0 && s.events + s.usual == 0)));
        else
            assert_int_equal(p->first, s.first);
        assert_int_equal(p->last, s.last);
    }
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        compare_list(q, p, i);
    if (q->what.kind == KT_PROFILE_SECRET)
        compare_places(q, p);
    assert_true((p->around != NULL) == q->what.around);
    if (p->around != NULL)
        compare_around(q, p);
    uint64_t heat = 0;
    for (unsigned d = 0; d < 7; d++)
        for (unsigned h = 0; h < 24; h++)
            heat += p->heat[d][h];
    assert_int_equal(heat, p->events + p->usual);
    compare_days(q, p);
    kt_profile_free(p);
    kt_ask_done(&a);
}

static struct kt_profile_ask some_subject(void)
{
    static const char *const of_secret[] = { "vault://c/-/secret/prod/db",
                                             "prod/db",
                                             "db",
                                             "aws-kms://111122223333/eu-central-1/key-1",
                                             "op://ACME/Тайна \"x\"",
                                             "nothing/at/all" };
    static const char *const of_actor[] = { "anna@acme.example", "bot",   "deploy", "李雷",
                                            "محمد@acme",         "nobody" };
    static const char *const of_ip[] = { "203.0.113.7", "203.0.113.0/24", "2001:db8:7::/48",
                                         "2001:db8:8::1" };
    static const char *const of_session[] = { "s-1", "AKIA\"1", "s-99" };
    struct kt_profile_ask what = { .usual = (kt_time_ns)(1 + draw(60)) * KT_NS_DAY };
    what.kind = (enum kt_profile_kind)draw(KT_PROFILE_ALL);
    what.quick = draw(2) == 0;
    what.before_max = draw(3) == 0 ? 1 + draw(4) : 0;
    switch (what.kind) {
    case KT_PROFILE_SECRET:
        what.value = kt_str_of(of_secret[draw(KT_ARRAY_LEN(of_secret))]);
        what.reads_only = draw(2) == 0;
        break;
    case KT_PROFILE_ACTOR:
        what.value = kt_str_of(of_actor[draw(KT_ARRAY_LEN(of_actor))]);
        what.sessions = true;
        break;
    case KT_PROFILE_IP:
        what.value = kt_str_of(of_ip[draw(KT_ARRAY_LEN(of_ip))]);
        what.around = !kt_str_has(what.value, KT_STR("/")) && draw(2) == 0;
        break;
    case KT_PROFILE_INSTANCE:
        what.value = kt_str_of(sources[draw(KT_ARRAY_LEN(sources))].instance);
        break;
    case KT_PROFILE_SESSION:
    case KT_PROFILE_ALL:
    case KT_PROFILE_KINDS:
        what.value = kt_str_of(of_session[draw(KT_ARRAY_LEN(of_session))]);
        what.usual = 0;
        break;
    }
    return what;
}

static void profiles_are_what_a_plain_account_says(void **state)
{
    (void)state;
    const char *seed = getenv("KT_SEED"), *worlds = getenv("KT_WORLDS");
    uint64_t first = seed == NULL ? 20261122 : strtoull(seed, NULL, 10);
    unsigned n = worlds == NULL ? 2 : (unsigned)strtoul(worlds, NULL, 10);
    for (unsigned i = 0; i < n; i++) {
        world_up(first + i);
        for (unsigned k = 0; k < 60; k++) {
            struct question q = { .what = some_subject() };
            unsigned days = draw(30);
            if (draw(6) != 0)
                q.since = NOW - (kt_time_ns)(1 + days) * KT_NS_DAY;
            if (q.since != 0 && draw(3) == 0)
                q.until = q.since + (kt_time_ns)(1 + draw(10)) * KT_NS_DAY;
            ask(&q);
        }
        world_down();
    }
}

/* Who was neither in the window nor in the days before, and whose search was left, has no date. */
static void what_was_not_searched_is_not_dated(void **state)
{
    unsigned open = 0;
    (void)state;
    world_up(2);
    for (unsigned i = 0; i < KT_ARRAY_LEN(actors); i++) {
        struct question q = { .what = { .kind = KT_PROFILE_ACTOR,
                                        .value = kt_str_of(actors[i]),
                                        .usual = 1,
                                        .quick = true,
                                        .before_max = 1 },
                              .since = NOW - 1 };
        struct kt_error err = { 0 };
        struct kt_ask a;
        struct kt_profile *p = NULL;
        const struct kt_identity *who =
            kt_identities_find(w.ids, q.what.value, KT_STR_NONE, KT_STR_NONE);
        if (q.what.value.len == 0 || (who != NULL && !kt_str_is(q.what.value, who->name)))
            continue; /* an alias is asked for elsewhere */
        ask(&q);
        must(kt_ask_open(&a, w.path, w.ids, NOW, &err), &err);
        a.since = q.since;
        must(kt_profile_load(&a, &q.what, &p, &err), &err);
        open += p->first == 0 && p->by;
        kt_profile_free(p);
        kt_ask_done(&a);
    }
    assert_true(open > 0);
    world_down();
}

/* One batch: that many addresses read the secret, one a second. */
static void read_from(unsigned from, unsigned until, kt_time_ns time)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    make_reset(w.make);
    for (unsigned i = from; i < until; i++) {
        char id[40], ip[KT_IP_TEXT_MAX];
        (void)snprintf(ip, sizeof ip, "10.0.%u.%u", i / 256, i % 256);
        (void)snprintf(id, sizeof id, "read-%u-%lld", i, (long long)time);
        struct kt_event ev = { .kind = KT_KIND_ACCESS,
                               .action = KT_ACT_READ,
                               .outcome = KT_OUT_SUCCESS,
                               .time = time + i * KT_NS_S,
                               .observed = time,
                               .source = KT_STR("vault"),
                               .instance = KT_STR("vault-prod"),
                               .scope = KT_STR("x"),
                               .native_id = kt_str_of(id),
                               .operation = KT_STR("op"),
                               .actor = KT_STR("crowd"),
                               .secret = KT_STR("vault://c/-/secret/crowded") };
        ev.has_ip = kt_ip_parse(kt_str_of(ip), &ev.ip);
        must(kt_line_write(&ev, &w.make->lines, NULL), NULL);
        kt_buf_byte(&w.make->lines, '\n');
        w.make->n++;
    }
    const struct kt_store_batch b = make_import(w.make, NOW);
    must(kt_store_begin(w.store, &err), &err);
    must(kt_store_append(w.store, &b, &r, &err), &err);
    must(kt_store_commit(w.store, &err), &err);
}

/* Of a reader who is everywhere it is kept in pages where: none is lost between two of them. */
static void a_reader_at_a_thousand_addresses_has_them_all(void **state)
{
    struct kt_error err = { 0 };
    struct kt_ask a;
    struct kt_profile *p = NULL;
    (void)state;
    world_up(3);
    read_from(0, 700, NOW - 10 * KT_NS_DAY);
    read_from(300, 1000, NOW - KT_NS_DAY);
    must(kt_ask_open(&a, w.path, w.ids, NOW, &err), &err);
    a.since = NOW - 2 * KT_NS_DAY;
    const struct kt_profile_ask what = { .kind = KT_PROFILE_SECRET,
                                         .value = KT_STR("vault://c/-/secret/crowded"),
                                         .usual = 28 * KT_NS_DAY,
                                         .reads_only = true };
    must(kt_profile_load(&a, &what, &p, &err), &err);
    assert_int_equal(p->n[KT_PROFILE_ACTORS], 1);
    assert_int_equal(p->list[KT_PROFILE_ACTORS][0].events, 700);
    assert_int_equal(p->list[KT_PROFILE_ACTORS][0].usual, 700);
    assert_int_equal(p->list[KT_PROFILE_ACTORS][0].addresses, 700);
    assert_int_equal(p->list[KT_PROFILE_ACTORS][0].new_addresses, 300);
    kt_profile_free(p);
    kt_ask_done(&a);
    world_down();
}

static void what_is_no_subject_is_refused(void **state)
{
    (void)state;
    static const struct kt_profile_ask wrong[] = {
        { .kind = KT_PROFILE_IP, .value = KT_STR_INIT("300.1.1.1") },
        { .kind = KT_PROFILE_IP, .value = KT_STR_INIT("203.0.113.7/24") },
        { .kind = KT_PROFILE_SECRET, .value = KT_STR_INIT("prod/* OR actor:x") },
        { .kind = KT_PROFILE_ACTOR, .value = KT_STR_INIT("a\"*") },
    };
    world_up(1);
    for (size_t i = 0; i < KT_ARRAY_LEN(wrong); i++) {
        struct kt_error err = { 0 };
        struct kt_ask a;
        struct kt_profile *p = NULL;
        must(kt_ask_open(&a, w.path, w.ids, NOW, &err), &err);
        assert_int_equal(kt_profile_load(&a, &wrong[i], &p, &err), KT_E_INPUT);
        assert_true(err.text[0] != '\0');
        kt_ask_done(&a);
    }
    world_down();
}

static void the_login_of_a_session_is_the_newest_before_its_use(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    struct kt_ask a;
    struct kt_issued found;
    world_up(3);
    must(kt_ask_open(&a, w.path, w.ids, NOW, &err), &err);
    a.since = 7;
    for (uint32_t i = 0; i < w.n; i += 25) {
        const struct kt_event *ev = &w.all[i].ev;
        kt_time_ns at = time_of(&w.all[i]), best = 0;
        if (ev->session.len == 0)
            continue;
        char quoted[64];
        (void)snprintf(quoted, sizeof quoted, "\"%.*s\"", (int)ev->session.len, ev->session.at);
        for (uint32_t k = 0; k < w.n; k++) {
            kt_time_ns t = time_of(&w.all[k]);
            if (w.all[k].ev.kind == KT_KIND_ACCESS && w.all[k].ev.action == KT_ACT_LOGIN &&
                kt_str_has(w.all[k].line, ev->session) && t >= at - KT_ISSUED_SPAN &&
                t < at + 5 * KT_NS_MIN && t > best)
                best = t;
        }
        must(kt_issued_find(&a, ev->session, at, &found, &err), &err);
        assert_int_equal(found.time, best);
        kt_issued_done(&found);
    }
    assert_int_equal(a.since, 7);
    kt_ask_done(&a);
    world_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_are_what_a_plain_account_says),
        cmocka_unit_test(what_was_not_searched_is_not_dated),
        cmocka_unit_test(a_reader_at_a_thousand_addresses_has_them_all),
        cmocka_unit_test(what_is_no_subject_is_refused),
        cmocka_unit_test(the_login_of_a_session_is_the_newest_before_its_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
