/* scope_world: see the header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/event/line.h"
#include "core/event/step.h"
#include "exporters/alerts/alert.h"
#include "tests/support/scope_world.h"

static const char identities[] =
    "identities:\n"
    "  - { name: anna@acme.example, kind: human, team: a, aliases: [\"anna@main\", \"ann*@sso\"] "
    "}\n"
    "  - { name: ben@acme.example, kind: human, team: a, aliases: [\"ben@main\"] }\n"
    "  - name: bot\n"
    "    kind: service\n"
    "    aliases: [\"build-bot\", { actor: deploy, source: vault }]\n";
static const char *const actors[] = { "anna@main", "anna@sso", "build-bot", "deploy",
                                      "ben@main",  "carol",    "dave",      "" };
const char *const scope_secrets[SCOPE_SECRETS] = {
    "vault://c/-/secret/prod/db", "vault://c/-/secret/prod/*", "vault://c/-/secret/dev/x",
    "aws-sm://1111/eu/prod/db",   "aws-sm://1111/eu/dev/y",
};
const char *const scope_instances[SCOPE_SOURCES] = { "vault-a", "vault-b", "aws-main" };
static const struct {
    const char *source, *instance;
} sources[] = { { "vault", "vault-a" }, { "vault", "vault-b" }, { "cloudtrail", "aws-main" } };
static const char *const places[] = { "203.0.113.7", "203.0.113.8", "198.51.100.20", "10.1.2.3",
                                      "2001:db8:7::1" };
static const char *const countries[] = { "DE", "DE", "FR", "", "SE" };

/* ---- one world, in numbers ---- */

struct scope_event scope_event[SCOPE_EVENTS];
struct scope_alert scope_alert[SCOPE_ALERTS];
static struct kt_rng *rng;

static unsigned draw(unsigned n)
{
    return (unsigned)kt_rng_below(rng, n);
}

static void draw_events(void)
{
    static const enum kt_action does[] = { KT_ACT_READ, KT_ACT_READ, KT_ACT_READ, KT_ACT_LOGIN,
                                           KT_ACT_WRITE };
    kt_time_ns at = MAKE_T0;
    for (unsigned i = 0; i < SCOPE_EVENTS; i++) {
        at += 1 + (kt_time_ns)kt_rng_below(
                      rng, (uint64_t)(2 * SCOPE_DAYS * KT_NS_DAY / SCOPE_EVENTS - KT_NS_MIN));
        at = at < SCOPE_NOW ? at : SCOPE_NOW - 1;
        scope_event[i] =
            (struct scope_event){ .at = draw(40) == 0 ? 0 : at,
                                  .arrival = at + KT_NS_S,
                                  .actor = draw(KT_ARRAY_LEN(actors)),
                                  .secret = draw(SCOPE_SECRETS + 1),
                                  .source = draw(KT_ARRAY_LEN(sources)),
                                  .place = draw(KT_ARRAY_LEN(places) + 1),
                                  .agent = draw(3),
                                  .action = does[draw(KT_ARRAY_LEN(does))],
                                  .outcome = draw(4) == 0 ? KT_OUT_DENIED : KT_OUT_SUCCESS,
                                  .session = draw(2) == 0 };
    }
}

/* Some events of one actor, near each other. */
static void draw_alerts(void)
{
    for (unsigned i = 0; i < SCOPE_ALERTS; i++) {
        unsigned first = draw(SCOPE_EVENTS - 1), most = 1 + draw(4);
        scope_alert[i] = (struct scope_alert){ .more = draw(6) == 0 ? 3 : 0,
                                               .other = draw(8) == 0,
                                               .test = draw(12) == 0 };
        for (unsigned k = first; k < SCOPE_EVENTS && scope_alert[i].n < most; k++)
            if (scope_event[k].at != 0 && scope_event[k].actor == scope_event[first].actor &&
                scope_event[k].source == scope_event[first].source)
                scope_alert[i].of[scope_alert[i].n++] = k;
    }
}

static void judge_alerts(void)
{
    for (unsigned i = 0; i < SCOPE_ALERTS; i++) {
        struct scope_alert *t = &scope_alert[i];
        t->in = t->n > 0 && t->more == 0 && !t->other && !t->test;
        for (unsigned k = 0; k < t->n; k++)
            t->in = t->in && scope_event[t->of[k]].in;
    }
}

/* ---- stores ---- */

static const char *secret_of(const struct scope_event *o)
{
    return o->secret < SCOPE_SECRETS ? scope_secrets[o->secret] : "";
}

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static void event_of(unsigned i, char id[32], struct kt_event *ev)
{
    static const char *const agents[] = { "aws-cli/2.1", "<b>curl</b>", "" };
    const struct scope_event *o = &scope_event[i];
    (void)snprintf(id, 32, "n-%u", i);
    *ev = (struct kt_event){ .kind = KT_KIND_ACCESS,
                             .action = o->action,
                             .outcome = o->outcome,
                             .actor_kind = KT_ACTOR_SERVICE,
                             .time = o->at,
                             .observed = o->arrival,
                             .source = kt_str_of(sources[o->source].source),
                             .instance = kt_str_of(sources[o->source].instance),
                             .scope = KT_STR("x"),
                             .native_id = kt_str_of(id),
                             .operation = KT_STR("op"),
                             .actor = kt_str_of(actors[o->actor]),
                             .secret = kt_str_of(secret_of(o)),
                             .user_agent = kt_str_of(agents[o->agent]),
                             .session = o->session ? KT_STR("s-1") : KT_STR_NONE };
    ev->has_ip =
        o->place < KT_ARRAY_LEN(places) && kt_ip_parse(kt_str_of(places[o->place]), &ev->ip);
}

static void put_events(struct scope_world *w, bool everything)
{
    struct kt_error err = { 0 };
    for (unsigned i = 0; i < SCOPE_EVENTS;) {
        unsigned at[20], n = 0;
        struct kt_store_result r;
        make_reset(w->make);
        for (; i < SCOPE_EVENTS && n < KT_ARRAY_LEN(at); i++) {
            struct kt_event ev;
            char id[32];
            if (!everything && !scope_event[i].in)
                continue;
            event_of(i, id, &ev);
            must(kt_line_write(&ev, &w->make->lines, &err), &err);
            kt_buf_byte(&w->make->lines, '\n');
            w->make->n++;
            at[n++] = i;
        }
        if (n == 0)
            break;
        struct kt_store_batch b = make_import(w->make, SCOPE_NOW);
        for (unsigned k = 0; k < n; k++)
            w->make->arrival[k] = scope_event[at[k]].arrival;
        must(kt_store_begin(w->store, &err), &err);
        must(kt_store_append(w->store, &b, &r, &err), &err);
        for (unsigned k = 0; k < n; k++)
            w->seq[at[k]] = r.seq[k];
        must(kt_store_commit(w->store, &err), &err);
    }
}

static void put_control(struct scope_world *w, struct kt_event *ev)
{
    struct kt_error err = { 0 };
    uint64_t seq;
    ev->source = KT_STR("keytrail");
    ev->time = SCOPE_NOW - KT_NS_MIN;
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_control(w->store, ev, SCOPE_NOW - KT_NS_MIN, SCOPE_NOW - KT_NS_MIN, &seq, &err),
         &err);
    must(kt_store_commit(w->store, &err), &err);
}

/* What is known of an address is known by its records. */
static void put_facts(struct scope_world *w, bool everything)
{
    for (unsigned p = 0; p < KT_ARRAY_LEN(places); p++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
        bool used = false;
        for (unsigned i = 0; i < SCOPE_EVENTS; i++)
            used = used || (scope_event[i].place == p && (everything || scope_event[i].in));
        if (!used)
            continue;
        unsigned as = p < 2 ? 64500u : p; /* a number has one name, in every table of addresses */
        kt_buf_addf(&raw, "{\"ip\":\"%s\",\"country\":\"%s\",\"asn\":%u,\"org\":\"Org %u\"}",
                    places[p], countries[p], as, as);
        struct kt_event ev = { .kind = KT_KIND_FACT, .raw = kt_buf_str(&raw) };
        put_control(w, &ev);
    }
}

void scope_alert_id(unsigned i, char ret[KT_ID_TEXT])
{
    uint8_t id[16] = { (uint8_t)i, (uint8_t)(i * 37), 3 };
    (void)kt_id_format(id, ret);
}

static struct kt_str actor_of(const struct scope_world *w, const struct scope_event *o)
{
    return kt_ask_actor(&(struct kt_ask){ .ids = w->ids }, kt_str_of(actors[o->actor]),
                        kt_str_of(sources[o->source].source),
                        kt_str_of(sources[o->source].instance));
}

static void put_alert(struct scope_world *w, unsigned i)
{
    struct kt_error err = { 0 };
    const struct scope_alert *t = &scope_alert[i];
    const struct scope_event *first = &scope_event[t->of[0]];
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    char ids[6][32];
    struct kt_alert a = { .severity = KT_SEV_HIGH,
                          .score = 700,
                          .detector = "volume_spike",
                          .state = "open",
                          .title = KT_STR(SCOPE_AFAR " title"),
                          .normal = KT_STR(SCOPE_AFAR " normal"),
                          .why = KT_STR(SCOPE_AFAR " why"),
                          .considered = KT_STR(SCOPE_AFAR " considered"),
                          .quiet = KT_STR(SCOPE_AFAR " quiet"),
                          .command = KT_STR("keytrail " SCOPE_AFAR),
                          .network = KT_STR(SCOPE_AFAR " net"),
                          .actor_written = KT_STR(SCOPE_AFAR " name"),
                          .user_agent = KT_STR(SCOPE_AFAR " agent"),
                          .actor = actor_of(w, first),
                          .instance = kt_str_of(sources[first->source].instance),
                          .source = kt_str_of(sources[first->source].source),
                          .n_parts = 1,
                          .events_count = t->n + t->more,
                          .test = t->test,
                          .time = first->at,
                          .first = first->at };
    a.parts[0] = (struct kt_alert_part){ "volume_spike", 700, KT_STR(SCOPE_AFAR " part") };
    if (first->place < KT_ARRAY_LEN(places))
        a.ip = kt_str_of(places[first->place]);
    for (unsigned k = 0; k < t->n; k++) {
        const struct scope_event *o = &scope_event[t->of[k]];
        (void)snprintf(ids[k], sizeof ids[k], "n-%u", t->of[k]);
        a.events[a.n_events++] = kt_str_of(ids[k]);
        a.last = o->at > a.last ? o->at : a.last;
        a.raised = o->arrival;
        bool has = *secret_of(o) == '\0';
        for (unsigned s = 0; s < a.n_secrets; s++)
            has = has || kt_str_is(a.secrets[s], secret_of(o));
        if (!has)
            a.secrets[a.n_secrets++] = kt_str_of(secret_of(o));
    }
    if (t->other)
        a.secrets[a.n_secrets++] = KT_STR("vault://" SCOPE_AFAR);
    a.secrets_count = a.n_secrets;
    scope_alert_id(i, a.id);
    kt_alert_write(&a, &json);
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_alert_put(w->store, a.id, a.raised, a.raised, KT_SEV_HIGH, kt_buf_str(&json),
                            &err),
         &err);
    must(kt_store_commit(w->store, &err), &err);
}

static void put_step(struct scope_world *w, unsigned i)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    struct kt_step s = { .what = KT_STEP_ACK,
                         .by = "alice",
                         .where = SCOPE_AFAR,
                         .reason = SCOPE_AFAR " reason",
                         .severity = "high" };
    scope_alert_id(i, s.alert);
    kt_step_write(&s, &raw);
    struct kt_event ev = { .kind = KT_KIND_DECISION,
                           .operation = kt_str_of(kt_step_word(s.what)),
                           .raw = kt_buf_str(&raw) };
    put_control(w, &ev);
}

/* What no scope lets through: other kinds of records. */
static void put_others(struct scope_world *w)
{
    struct kt_event conf = { .kind = KT_KIND_CONFIG,
                             .operation = KT_STR("config"),
                             .raw = KT_STR("{\"text\":\"" SCOPE_AFAR "\"}") };
    put_control(w, &conf);
}

void scope_open(struct scope_world *w, bool everything)
{
    struct kt_error err = { 0 };
    *w = (struct scope_world){ .make = make_new(), .kept = kt_api_kept_new() };
    make_folder(w->folder, w->path);
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = 60, .seal_here = true
    };
    must(kt_store_open(&o, &w->store, &err), &err);
    w->ids = kt_identities_new();
    must(kt_identities_parse(w->ids, kt_str_of(identities), "ids", &err), &err);
    put_events(w, everything);
    must(kt_store_housekeep(w->store, true, &err), &err);
    put_facts(w, everything);
    for (unsigned i = 0; i < SCOPE_ALERTS; i++) {
        if (scope_alert[i].n == 0 || (!everything && !scope_alert[i].in))
            continue;
        put_alert(w, i);
        if (i % 3 == 0)
            put_step(w, i);
    }
    if (everything)
        put_others(w);
    must(kt_ask_open(&w->ask, w->path, w->ids, SCOPE_NOW, &err), &err);
}

void scope_close(struct scope_world *w)
{
    kt_ask_done(&w->ask);
    kt_identities_free(w->ids);
    kt_api_kept_free(w->kept);
    kt_store_close(w->store);
    make_free(w->make);
    make_folder_drop(w->folder);
}

/* The scope, by the query language, of records that were never stored. */
static void judge_events(const struct kt_identities *ids, const char *scope)
{
    struct kt_query *q = NULL;
    struct kt_scan scan = { 0 };
    assert_int_equal(kt_query_parse_as(kt_str_of(scope), SCOPE_NOW, 0, ids, &q, NULL), KT_OK);
    kt_query_plan(q, &scan);
    for (unsigned i = 0; i < SCOPE_EVENTS; i++) {
        struct kt_record r = { .arrival = scope_event[i].arrival };
        char id[32];
        event_of(i, id, &r.ev);
        scope_event[i].in = kt_query_matches(q, &r, NULL);
    }
    kt_query_free(q);
}

void scope_draw(struct kt_rng *from, const char *scope)
{
    struct kt_identities *ids = kt_identities_new();
    struct kt_error err = { 0 };
    rng = from;
    must(kt_identities_parse(ids, kt_str_of(identities), "ids", &err), &err);
    draw_events();
    judge_events(ids, scope);
    kt_identities_free(ids);
    draw_alerts();
    judge_alerts();
}
