/*
 * firm_attack: labelled attacks, two of each class in a world, each with a victim of its own: what
 * thieves, insiders and careless agents do, from the sources that can show it.
 *
 * Owns:  the attackers' habits.
 * Calls: firm.h.
 */
#include "tests/sim/firm.h"

#include <math.h>
#include <string.h>

#define STREAM_ATTACK 300u
#define LEARNED       18u /* the first day of an attack: the installation learns for 14 */
#define EACH          2u

/* ---- victims ---- */
struct target {
    struct firm_person *p;
    unsigned day;
};

/* A person who works that day and has for some time, or one who is free when free is asked. */
static struct target person(struct firm *f, bool engineer)
{
    for (;;) {
        struct firm_person *p = &f->person[firm_below(f, f->n_person)];
        unsigned day = firm_between(f, LEARNED, f->days - 6);
        bool fits = !p->used && p->joined + 30 <= day + (p->joined == 0 ? 30 : 0) &&
                    firm_works(f, p, day) && p->leaves > day + 6 && (p->engineer || !engineer);
        if (!fits)
            continue;
        p->used = true;
        return (struct target){ p, day };
    }
}

static struct firm_service *service(struct firm *f, unsigned source)
{
    for (;;) {
        struct firm_service *s = &f->service[firm_below(f, f->n_service)];
        bool runs = s->rhythm == FIRM_CACHED || s->rhythm == FIRM_ON_REQUEST;
        if (s->used || s->born > 0 || !runs || (source != FIRM_NONE && s->source != source))
            continue;
        s->used = true;
        return s;
    }
}

static unsigned some_day(struct firm *f)
{
    return firm_between(f, LEARNED, f->days - 6);
}

static double any_hour(struct firm *f)
{
    return firm_real(f) * 24;
}

static kt_time_ns office_hour(struct firm *f, const struct firm_person *p, unsigned day)
{
    return firm_at(f, &f->office[p->office], day, p->starts + 1 + firm_real(f) * (p->length - 2));
}

static struct firm_who itself(const struct firm *f, const struct firm_service *s, unsigned day)
{
    return (struct firm_who){ s->name, s->agent, day >= f->failover ? s->ip_next : s->ip,
                              KT_ACTOR_SERVICE };
}

static kt_time_ns seconds(struct firm *f, unsigned from, unsigned until)
{
    return (kt_time_ns)firm_between(f, from, until) * KT_NS_S;
}

/* A different secret each time, of a source; most thieves take what the account can list. */
static kt_time_ns takes(struct firm *f, const struct firm_who *w, kt_time_ns t, unsigned source,
                        unsigned n, unsigned from_s, unsigned until_s)
{
    uint32_t taken[300];
    for (unsigned i = 0; i < n && i < KT_ARRAY_LEN(taken); i++) {
        bool again = true;
        for (unsigned tries = 0; again && tries < 50; tries++) {
            taken[i] = firm_pick(f, source, FIRM_TEAMS, 0);
            again = false;
            for (unsigned k = 0; k < i; k++)
                again = again || taken[k] == taken[i];
        }
        (void)firm_read(f, w, t, taken[i]);
        t += seconds(f, from_s, until_s);
    }
    return t;
}

static void takes_own(struct firm *f, const struct firm_who *w, kt_time_ns t,
                      const uint32_t *secret, unsigned n_secret, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        (void)firm_read(f, w, t, secret[i % n_secret]);
        t += seconds(f, 1, 40);
    }
}

/* ---- networks ---- */
static void service_key(struct firm *f)
{
    struct firm_service *s = service(f, FIRM_NONE);
    unsigned day = some_day(f);
    struct firm_who w = itself(f, s, day);
    w.ip = firm_hosting(f);
    w.agent = firm_chance(f, 0.5) ? "python-requests/2.32" : w.agent;
    takes_own(f, &w, firm_at(f, NULL, day, any_hour(f)), s->secret, s->n_secret,
              firm_between(f, 2, 20));
}

static void session(struct firm *f)
{
    struct target v = person(f, true);
    struct firm_who w = firm_person_at(v.p, FIRM_VAULT, v.day, firm_hosting(f));
    w.agent = firm_chance(f, 0.6) ? "Vault/1.17 (linux amd64)" : w.agent;
    kt_time_ns t = firm_at(f, NULL, v.day, any_hour(f));
    takes_own(f, &w, t, v.p->favourite, v.p->n_favourite, firm_between(f, 2, 5));
    (void)takes(f, &w, t + 4 * KT_NS_MIN, FIRM_VAULT, firm_between(f, 0, 6), 2, 60);
}

/* The person goes on working where it is while the thief sits abroad, behind somebody's home. */
static void travel(struct firm *f)
{
    struct target v = person(f, false);
    uint32_t abroad = firm_abroad(f, f->office[v.p->office].country);
    kt_time_ns t = office_hour(f, v.p, v.day);
    unsigned n = firm_between(f, 3, 8);
    for (unsigned i = 0; i < n; i++) {
        uint32_t s = v.p->favourite[i % v.p->n_favourite];
        struct firm_who w = firm_person_at(v.p, f->secret[s].source, v.day, abroad);
        (void)firm_read(f, &w, t, s);
        f->stamp = 0; /* the victim, between */
        w.ip = firm_usual(f, v.p, v.day);
        (void)firm_read(f, &w, t + 2 * KT_NS_MIN, s);
        f->stamp = (uint16_t)f->n_attack;
        t += seconds(f, 200, 900);
    }
}

static void many(struct firm *f)
{
    uint32_t net = firm_chance(f, 0.5) ? firm_hosting(f) : firm_abroad(f, "DE");
    unsigned n = firm_between(f, 5, 9);
    struct target first = person(f, false);
    kt_time_ns t = firm_at(f, NULL, first.day, any_hour(f));
    for (unsigned i = 0; i < n; i++) {
        struct firm_person *p = i == 0 ? first.p : &f->person[firm_below(f, f->n_person)];
        if (p->joined > 0 || p->leaves != FIRM_NONE)
            continue;
        uint32_t s = p->favourite[0];
        struct firm_who w = firm_person_at(p, f->secret[s].source, first.day,
                                           (net & 0xffffff00u) | firm_between(f, 1, 254));
        takes_own(f, &w, t, p->favourite, 1, firm_between(f, 1, 3));
        t += seconds(f, 60, 1800);
    }
}

/* ---- volume ---- */
static void mass_person(struct firm *f)
{
    struct target v = person(f, true);
    struct firm_who w = firm_person_at(v.p, FIRM_VAULT, v.day, firm_usual(f, v.p, v.day));
    (void)takes(f, &w, office_hour(f, v.p, v.day), FIRM_VAULT, firm_between(f, 60, 250), 2, 12);
}

static void mass_service(struct firm *f)
{
    struct firm_service *s = service(f, FIRM_NONE);
    unsigned day = some_day(f);
    struct firm_who w = itself(f, s, day);
    (void)takes(f, &w, firm_at(f, NULL, day, any_hour(f)),
                s->source == FIRM_K8S ? (unsigned)FIRM_VAULT : s->source, firm_between(f, 40, 150),
                1, 20);
}

static void first_day(struct firm *f)
{
    const char *name = firm_text(f, "contractor%u@acme.example", f->n_attack);
    struct firm_who w = { name, "Vault/1.18 (linux amd64)",
                          firm_chance(f, 0.5) ? firm_isp(f, "DE", NULL) : firm_hosting(f),
                          KT_ACTOR_HUMAN };
    (void)takes(f, &w, firm_at(f, NULL, some_day(f), any_hour(f)), FIRM_VAULT,
                firm_between(f, 50, 120), 3, 18);
}

static void bulk_export(struct firm *f)
{
    struct target v = person(f, false);
    struct firm_who w = firm_person_at(v.p, FIRM_OP, v.day, firm_usual(f, v.p, v.day));
    (void)firm_add(f, (struct firm_event){ .t = office_hour(f, v.p, v.day),
                                           .actor = w.name,
                                           .agent = w.agent,
                                           .ip = w.ip,
                                           .kind = KT_ACTOR_HUMAN,
                                           .action = KT_ACT_EXPORT,
                                           .operation = "export",
                                           .secret = "op://ACME/platform/*",
                                           .count = (uint16_t)firm_between(f, 80, 400),
                                           .source = FIRM_OP });
}

/* ---- new secrets ---- */
static void drip(struct firm *f)
{
    unsigned n = firm_between(f, 24, 40);
    if (firm_chance(f, 0.5)) {
        struct firm_service *s = service(f, FIRM_VAULT);
        unsigned day = some_day(f);
        struct firm_who w = itself(f, s, day);
        (void)takes(f, &w, firm_at(f, NULL, day, any_hour(f)), FIRM_VAULT, n, 1500, 4500);
        return;
    }
    struct target v = person(f, true);
    struct firm_who w = firm_person_at(v.p, FIRM_VAULT, v.day, firm_usual(f, v.p, v.day));
    (void)takes(f, &w, office_hour(f, v.p, v.day), FIRM_VAULT, n, 1500, 4500);
}

static void hoard(struct firm *f)
{
    struct target v = person(f, true);
    for (unsigned day = v.day; day < v.day + 5; day++) {
        struct firm_who w = firm_person_at(v.p, FIRM_VAULT, day, firm_usual(f, v.p, day));
        if (firm_weekday(f, day) < 5)
            (void)takes(f, &w, firm_at(f, &f->office[v.p->office], day, v.p->starts + 1),
                        FIRM_VAULT, firm_between(f, 6, 12), 600, 2400);
    }
}

static void night(struct firm *f)
{
    struct target v = person(f, true);
    kt_time_ns t = firm_at(f, &f->office[v.p->office], v.day, 1 + firm_real(f) * 2.5);
    unsigned n = firm_between(f, 4, 10);
    for (unsigned i = 0; i < n; i++) {
        uint32_t s = v.p->favourite[i % v.p->n_favourite];
        if (!f->secret[s].production || f->secret[s].source == FIRM_OP)
            s = firm_pick(f, FIRM_VAULT, v.p->team, 0);
        struct firm_who w =
            firm_person_at(v.p, f->secret[s].source, v.day, firm_usual(f, v.p, v.day));
        (void)firm_read(f, &w, t, s);
        t += seconds(f, 20, 600);
    }
}

/* ---- failures ---- */
static void attempt(struct firm *f, const char *name, uint32_t ip, kt_time_ns t, bool works)
{
    (void)firm_add(f, (struct firm_event){ .t = t,
                                           .actor = name,
                                           .agent = "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0",
                                           .ip = ip,
                                           .kind = works ? KT_ACTOR_HUMAN : KT_ACTOR_ANONYMOUS,
                                           .action = KT_ACT_LOGIN,
                                           .outcome = works ? KT_OUT_SUCCESS : KT_OUT_DENIED,
                                           .operation = "update",
                                           .native = "auth/userpass/login",
                                           .source = FIRM_VAULT });
}

static void spray_with(struct firm *f, unsigned n, unsigned from_s, unsigned until_s)
{
    uint32_t ip = firm_hosting(f);
    kt_time_ns t = firm_at(f, NULL, some_day(f), any_hour(f));
    for (unsigned i = 0; i < n; i++) {
        attempt(f, f->person[(i * 7 + f->n_attack) % f->n_person].mail, ip, t, false);
        t += seconds(f, from_s, until_s);
    }
}

static void spray(struct firm *f)
{
    spray_with(f, firm_between(f, 10, 40), 10, 90);
}

static void slow_spray(struct firm *f)
{
    spray_with(f, firm_between(f, 12, 20), 3000, 4200);
}

static void guessed(struct firm *f)
{
    struct target v = person(f, true);
    uint32_t ip = firm_chance(f, 0.5) ? firm_hosting(f) : firm_abroad(f, "DE");
    kt_time_ns t = firm_at(f, NULL, v.day, any_hour(f));
    unsigned n = firm_between(f, 10, 30);
    for (unsigned i = 0; i < n; i++)
        attempt(f, v.p->mail, ip, t += seconds(f, 5, 120), false);
    attempt(f, v.p->mail, ip, t += seconds(f, 5, 60), true);
    struct firm_who w = firm_person_at(v.p, FIRM_VAULT, v.day, ip);
    takes_own(f, &w, t + 30 * KT_NS_S, v.p->favourite, v.p->n_favourite, 3);
}

static void breadth(struct firm *f)
{
    struct firm_who w;
    kt_time_ns t;
    if (firm_chance(f, 0.5)) {
        struct firm_service *s = service(f, FIRM_VAULT);
        unsigned day = some_day(f);
        w = itself(f, s, day);
        t = firm_at(f, NULL, day, any_hour(f));
    } else {
        struct target v = person(f, true);
        w = firm_person_at(v.p, FIRM_VAULT, v.day, firm_usual(f, v.p, v.day));
        t = office_hour(f, v.p, v.day);
    }
    uint32_t from = f->n;
    (void)takes(f, &w, t, FIRM_VAULT, firm_between(f, 12, 40), 2, 60);
    for (uint32_t i = from; i < f->n; i++)
        f->ev[i].outcome = KT_OUT_DENIED;
}

/* ---- agents ---- */
static uint32_t production_secret(struct firm *f)
{
    for (;;) {
        uint32_t s = firm_pick(f, FIRM_VAULT, FIRM_TEAMS, 0);
        if (f->secret[s].production)
            return s;
    }
}

static void agent(struct firm *f)
{
    static const char *const names[] = { "agent-review", "agent-builder", "agent-docs" };
    struct firm_who w = { names[f->n_attack % 3], "claude-code/1.0.44 (linux)",
                          10u << 24 | (7u + f->n_attack % 3), KT_ACTOR_AI_AGENT };
    kt_time_ns t = firm_at(f, &f->office[0], some_day(f), 9 + firm_real(f) * 9);
    unsigned n = firm_between(f, 1, 3);
    for (unsigned i = 0; i < n; i++)
        (void)firm_read(f, &w, t += seconds(f, 2, 30), production_secret(f));
}

static void agent_as_person(struct firm *f)
{
    struct target v = person(f, true);
    struct firm_who w = firm_person_at(v.p, FIRM_VAULT, v.day, firm_usual(f, v.p, v.day));
    w.agent = "claude-code/1.0.44 (darwin)";
    kt_time_ns t = office_hour(f, v.p, v.day);
    unsigned n = firm_between(f, 2, 5);
    for (unsigned i = 0; i < n; i++)
        (void)firm_read(f, &w, t += seconds(f, 2, 30), production_secret(f));
}

/* ---- hosts ---- */
static void opens(struct firm *f, const char *user, enum kt_actor_kind kind, const char *program)
{
    unsigned host = firm_below(f, 5);
    const char *name = firm_sources[FIRM_HOST + host].instance;
    kt_time_ns t = firm_at(f, NULL, some_day(f), any_hour(f));
    for (unsigned i = 0; i < 2; i++)
        (void)firm_add(f,
                       (struct firm_event){ .t = t + (kt_time_ns)i * 3 * KT_NS_S,
                                            .actor = firm_text(f, "%s@%s", user, name),
                                            .agent = program,
                                            .kind = (uint8_t)kind,
                                            .secret = firm_text(f, "file://%s/srv/app/.env", name),
                                            .native = "/srv/app/.env",
                                            .source = (uint8_t)(FIRM_HOST + host) });
}

static void env_program(struct firm *f)
{
    static const char *const programs[] = { "/usr/bin/curl", "/tmp/.x/kworker", "/usr/bin/base64",
                                            "/usr/bin/perl", "/dev/shm/a" };
    opens(f, "app", KT_ACTOR_SERVICE, programs[firm_below(f, KT_ARRAY_LEN(programs))]);
}

static void env_user(struct firm *f)
{
    opens(f, firm_text(f, "%u", firm_between(f, 1010, 1099)), KT_ACTOR_HUMAN, "/usr/bin/cat");
}

/* ---- what is told the first time ---- */
static void signature(struct firm *f, unsigned n, const struct firm_event *rows)
{
    struct firm_event e = rows[firm_below(f, n)];
    struct target v = person(f, true);
    v.p->used = false; /* nothing of it is learned or held */
    e.t = firm_at(f, NULL, v.day, any_hour(f));
    e.ip = firm_usual(f, v.p, v.day);
    e.agent = e.agent != NULL ? e.agent : v.p->cli;
    e.actor = e.actor != NULL ? e.actor : v.p->mail;
    e.kind = e.kind != 0 ? e.kind : (uint8_t)KT_ACTOR_HUMAN;
    (void)firm_add(f, e);
}

static void stopped(struct firm *f)
{
    const struct firm_event rows[] = {
        { .action = KT_ACT_CONFIG,
          .operation = "delete",
          .native = "sys/audit/file",
          .source = FIRM_VAULT },
        { .action = KT_ACT_CONFIG, .operation = "StopLogging", .source = FIRM_AWS },
        { .action = KT_ACT_CONFIG,
          .operation = "CONFIG_CHANGE audit_enabled=0",
          .actor = "1000@web1",
          .source = FIRM_HOST },
    };
    signature(f, KT_ARRAY_LEN(rows), rows);
}

static void root(struct firm *f)
{
    const struct firm_event rows[] = {
        { .actor = "root",
          .kind = KT_ACTOR_ROOT,
          .operation = "read",
          .native = "sys/policies/acl",
          .action = KT_ACT_LIST,
          .source = FIRM_VAULT },
        { .actor = "root@111122223333",
          .kind = KT_ACTOR_ROOT,
          .action = KT_ACT_LOGIN,
          .operation = "ConsoleLogin",
          .source = FIRM_AWS },
    };
    signature(f, KT_ARRAY_LEN(rows), rows);
}

static void canary(struct firm *f)
{
    const struct firm_event rows[] = {
        { .secret = "vault://main/-/secret/payments/prod/master-key", .source = FIRM_VAULT },
        { .secret = "vault://main/-/secret/payments/prod/master-key",
          .outcome = KT_OUT_DENIED,
          .source = FIRM_VAULT },
    };
    signature(f, KT_ARRAY_LEN(rows), rows);
}

static void opened(struct firm *f)
{
    const struct firm_event rows[] = {
        { .action = KT_ACT_GRANT,
          .operation = "create rolebindings",
          .raw = "{\"subjects\":[{\"name\":\"system:anonymous\"}]}",
          .source = FIRM_K8S },
    };
    signature(f, KT_ARRAY_LEN(rows), rows);
}

static void destroyed(struct firm *f)
{
    const struct firm_event rows[] = {
        { .action = KT_ACT_DESTROY, .operation = "ScheduleKeyDeletion", .source = FIRM_AWS },
        { .action = KT_ACT_DELETE,
          .operation = "delete",
          .native = "transit/keys/ledger",
          .source = FIRM_VAULT },
    };
    signature(f, KT_ARRAY_LEN(rows), rows);
}

static void unseal(struct firm *f)
{
    const struct firm_event rows[] = { { .action = KT_ACT_CONFIG,
                                         .operation = "update",
                                         .native = "sys/generate-root/attempt",
                                         .source = FIRM_VAULT } };
    signature(f, KT_ARRAY_LEN(rows), rows);
}

static void exposed(struct firm *f)
{
    const struct firm_event rows[] = { { .record = KT_KIND_EXPOSURE,
                                         .operation = "aws-access-token",
                                         .code = "verified",
                                         .native = "app/deploy.sh:7",
                                         .source = FIRM_VAULT } };
    signature(f, KT_ARRAY_LEN(rows), rows);
}

/* ---- sequences, sleepers, silence ---- */
static void grant(struct firm *f)
{
    struct target v = person(f, true);
    struct firm_who w = firm_person_at(v.p, FIRM_VAULT, v.day, firm_usual(f, v.p, v.day));
    kt_time_ns t = office_hour(f, v.p, v.day);
    (void)firm_add(f,
                   (struct firm_event){ .t = t,
                                        .actor = w.name,
                                        .agent = w.agent,
                                        .ip = w.ip,
                                        .kind = KT_ACTOR_HUMAN,
                                        .action = KT_ACT_GRANT,
                                        .operation = "update",
                                        .native = firm_text(f, "identity/entity/name/%s", w.name),
                                        .source = FIRM_VAULT });
    (void)takes(f, &w, t + seconds(f, 60, 1200), FIRM_VAULT, firm_between(f, 2, 5), 10, 400);
}

/* Somebody left five weeks ago or more; nobody closed the account. */
static void dormant(struct firm *f)
{
    for (unsigned i = 0; i < f->n_person; i++) {
        struct firm_person *p = &f->person[i];
        if (p->used || p->joined > 0 || p->leaves + 36 > f->days - 6 || p->leaves == FIRM_NONE)
            continue;
        p->used = true;
        unsigned day = firm_between(f, p->leaves + 36, f->days - 6);
        bool same = firm_chance(f, 0.5);
        uint32_t ip = same ? p->home : firm_isp(f, f->office[p->office].country, NULL);
        struct firm_who w = firm_person_at(p, FIRM_VAULT, day, ip);
        kt_time_ns t = firm_at(f, &f->office[p->office], day, 9 + firm_real(f) * 12);
        for (unsigned k = 0; k < 3; k++) {
            uint32_t s = p->favourite[k % p->n_favourite];
            w = firm_person_at(p, f->secret[s].source, day, ip);
            (void)firm_read(f, &w, t += seconds(f, 5, 60), s);
        }
        return;
    }
}

/* Its records never come; what marks the span is read by the log. */
static void silent(struct firm *f)
{
    static const unsigned sources[] = { FIRM_VAULT, FIRM_AWS, FIRM_VAULT, FIRM_K8S };
    struct firm_attack *a = &f->attack[f->n_attack - 1];
    unsigned day = some_day(f);
    while (firm_weekday(f, day) >= 5)
        day = some_day(f);
    a->source = (uint8_t)sources[firm_below(f, KT_ARRAY_LEN(sources))];
    a->first = a->known = firm_at(f, &f->office[0], day, 9 + firm_real(f) * 3);
    a->last = a->first + (kt_time_ns)firm_between(f, 5, 10) * KT_NS_HOUR;
}

static void (*const makers[FIRM_CLASS_COUNT])(struct firm *) = {
    [FIRM_CLASS_SERVICE_KEY] = service_key,
    [FIRM_CLASS_SESSION] = session,
    [FIRM_CLASS_TRAVEL] = travel,
    [FIRM_CLASS_MASS_PERSON] = mass_person,
    [FIRM_CLASS_MASS_SERVICE] = mass_service,
    [FIRM_CLASS_FIRST_DAY] = first_day,
    [FIRM_CLASS_EXPORT] = bulk_export,
    [FIRM_CLASS_DRIP] = drip,
    [FIRM_CLASS_HOARD] = hoard,
    [FIRM_CLASS_NIGHT] = night,
    [FIRM_CLASS_SPRAY] = spray,
    [FIRM_CLASS_SLOW_SPRAY] = slow_spray,
    [FIRM_CLASS_GUESSED] = guessed,
    [FIRM_CLASS_BREADTH] = breadth,
    [FIRM_CLASS_AGENT] = agent,
    [FIRM_CLASS_AGENT_AS_PERSON] = agent_as_person,
    [FIRM_CLASS_ENV_PROGRAM] = env_program,
    [FIRM_CLASS_ENV_USER] = env_user,
    [FIRM_CLASS_STOPPED] = stopped,
    [FIRM_CLASS_ROOT] = root,
    [FIRM_CLASS_CANARY] = canary,
    [FIRM_CLASS_OPENED] = opened,
    [FIRM_CLASS_DESTROYED] = destroyed,
    [FIRM_CLASS_UNSEAL] = unseal,
    [FIRM_CLASS_EXPOSED] = exposed,
    [FIRM_CLASS_GRANT] = grant,
    [FIRM_CLASS_DORMANT] = dormant,
    [FIRM_CLASS_SILENT] = silent,
    [FIRM_CLASS_MANY] = many,
};

static void span(struct firm *f, struct firm_attack *a, uint32_t from)
{
    for (uint32_t i = from; i < f->n; i++) {
        if (f->ev[i].attack != f->n_attack)
            continue;
        a->first = a->first == 0 || f->ev[i].t < a->first ? f->ev[i].t : a->first;
        a->last = f->ev[i].t > a->last ? f->ev[i].t : a->last;
    }
}

void firm_attacks(struct firm *f)
{
    for (unsigned class = 0; class < FIRM_CLASS_COUNT; class ++) {
        for (unsigned k = 0; k < EACH; k++) {
            firm_stream(f, STREAM_ATTACK, class, k);
            struct firm_attack *a = &f->attack[f->n_attack++];
            *a = (struct firm_attack){ .class = class };
            uint32_t from = f->n;
            f->stamp = (uint16_t)f->n_attack; /* numbers from 1: 0 is daily life */
            makers[class](f);
            f->stamp = 0;
            span(f, a, from);
            if (a->first == 0) /* no victim: too short a time */
                f->n_attack--;
        }
    }
}
