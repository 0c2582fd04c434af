/*
 * firm_build: who there is: offices, people, services, the secrets of each, and the days on which
 * their world changes.
 *
 * Owns:  nothing beyond the world it fills.
 * Calls: firm.h.
 */
#include "tests/sim/firm.h"

#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"

enum { STREAM_WORLD = 1, STREAM_PERSON, STREAM_SERVICE, STREAM_SECRETS };
#define ENGINEERING 6u /* teams before this one */

static const char *const teams[FIRM_TEAMS] = { "payments", "platform", "web",    "data",
                                               "mobile",   "security", "people", "sales" };
static const char *const things[] = { "database", "stripe",  "smtp",   "redis", "kafka",
                                      "oauth",    "signing", "sentry", "cdn",   "search",
                                      "ldap",     "backup",  "jwt",    "s3",    "webhook" };

/* ---- secrets ---- */
static const char *environment(struct firm *f, bool *ret_production)
{
    double p = firm_real(f);
    *ret_production = p < 0.45;
    return p < 0.45 ? "prod" : p < 0.75 ? "stage" : "dev";
}

static void team_secrets(struct firm *f, unsigned team)
{
    static const struct {
        unsigned source, least, most;
        const char *before, *behind; /* of the team, of the environment */
    } rows[] = {
        { FIRM_VAULT, 30, 45, "vault://main/-/secret/", "/" },
        { FIRM_AWS, 8, 14, "aws-sm://111122223333/eu-central-1/", "/" },
        { FIRM_K8S, 5, 9, "k8s://prod/", "-" },
        { FIRM_OP, 30, 60, "op://ACME/", "-" },
    };
    for (unsigned i = 0; i < KT_ARRAY_LEN(rows); i++) {
        unsigned n = firm_between(f, rows[i].least, rows[i].most);
        for (unsigned k = 0; k < n && (team < ENGINEERING || rows[i].source == FIRM_OP); k++) {
            bool production;
            const char *env = environment(f, &production);
            const char *thing = things[firm_below(f, KT_ARRAY_LEN(things))];
            const char *id = firm_text(f, "%s%s/%s%s%s-%u", rows[i].before, teams[team], env,
                                       rows[i].behind, thing, k);
            (void)firm_secret_new(f, rows[i].source, team, id, production, 0);
        }
    }
}

/* ---- offices ---- */
static void offices(struct firm *f)
{
    static const struct {
        const char *country;
        double zone;
        bool summer;
        unsigned asn;
    } rows[FIRM_OFFICES] = { { "DE", 1, true, 3320 },
                             { "US", -5, true, 7922 },
                             { "IN", 5.5, false, 24560 } };
    for (unsigned i = 0; i < FIRM_OFFICES; i++) {
        struct firm_office *o = &f->office[i];
        *o = (struct firm_office){ .country = rows[i].country,
                                   .zone = rows[i].zone,
                                   .summer = rows[i].summer,
                                   .moves = FIRM_NONE };
        o->ip = o->ip_next = firm_named(f, rows[i].asn);
        for (unsigned k = 0; k < KT_ARRAY_LEN(o->holiday); k++)
            o->holiday[k] = firm_below(f, f->days < 90 ? 90 : f->days);
    }
    struct firm_office *moving = &f->office[firm_below(f, FIRM_OFFICES)];
    moving->moves = firm_between(f, 20, f->days - 5);
    moving->ip_next = firm_isp(f, moving->country, firm_net_of(moving->ip)->org);
    f->vpn = firm_named(f, 13335);
    f->vpn_next = firm_named(f, 62044);
    f->vpn_moves = firm_between(f, 20, f->days - 5);
    f->failover = firm_between(f, 20, f->days - 5);
    f->summer_ends = firm_between(f, 10, f->days);
    f->campaign = firm_between(f, 18, f->days - 5);
}

/* ---- people ---- */
static void favourites(struct firm *f, struct firm_person *p)
{
    unsigned want = firm_between(f, 6, FIRM_FAVOURITES), found = 0;
    for (unsigned tries = 0; tries < 4000 && found < want; tries++) {
        uint32_t s = firm_below(f, f->n_secret);
        bool mine = f->secret[s].team == p->team || firm_chance(f, 0.02);
        bool fits = p->engineer || f->secret[s].source == FIRM_OP;
        for (unsigned i = 0; i < found; i++)
            mine = mine && p->favourite[i] != s;
        if (mine && fits)
            p->favourite[found++] = s;
    }
    p->n_favourite = found;
}

static void holidays(struct firm *f, struct firm_person *p)
{
    if (firm_chance(f, 0.6)) {
        unsigned from = firm_below(f, f->days), n = firm_between(f, 4, 16);
        p->away[p->n_away++] = (struct firm_span){ from, from + n, 0 };
    }
    for (unsigned day = 0; day < f->days && p->n_away < 3; day += 30) { /* a day or two ill */
        unsigned from = day + firm_below(f, 30);
        if (firm_chance(f, 0.4))
            p->away[p->n_away++] = (struct firm_span){ from, from + firm_between(f, 1, 3), 0 };
    }
}

static void person(struct firm *f, unsigned i, unsigned joined)
{
    static const char *const systems[] = { "darwin arm64", "darwin arm64", "linux amd64",
                                           "windows amd64" };
    static const char *const browsers[] = { "1Password for Mac/81008 (Mac OS X)",
                                            "1Password Browser Extension/22800 (Chrome)",
                                            "1Password for Windows/81008 (Windows 11)" };
    firm_stream(f, STREAM_PERSON, i, 0);
    struct firm_person *p = &f->person[f->n_person++];
    *p = (struct firm_person){ .mail = firm_text(f, "person%u@acme.example", i),
                               .joined = joined,
                               .leaves = FIRM_NONE,
                               .home_moves = FIRM_NONE };
    double office = firm_real(f);
    p->office = office < 0.6 ? 0 : office < 0.8 ? 1 : 2;
    const char *country = f->office[p->office].country;
    p->team = firm_below(f, FIRM_TEAMS);
    p->engineer = p->team < ENGINEERING;
    p->on_call = p->team == 1 || (p->engineer && firm_chance(f, 0.15));
    p->vpn = firm_chance(f, 0.25);
    p->late_worker = firm_chance(f, 0.15);
    p->sessions = firm_lognormal(f, 2.5, 0.5);
    p->starts = firm_normal(f, 8.7, 0.9);
    p->length = firm_normal(f, 8.6, 0.7);
    p->curious = firm_lognormal(f, 0.012, 0.7);
    p->home = p->home_next = firm_isp(f, country, NULL);
    p->mobile = firm_mobile(f, country);
    p->cli = firm_text(f, "Vault/1.%u (%s)", firm_between(f, 14, 18),
                       systems[firm_below(f, KT_ARRAY_LEN(systems))]);
    p->laptop = firm_chance(f, 0.1) ? firm_below(f, f->days) : FIRM_NONE;
    p->cli_next = firm_text(f, "Vault/1.18 (%s)", systems[firm_below(f, KT_ARRAY_LEN(systems))]);
    p->browser = browsers[firm_below(f, KT_ARRAY_LEN(browsers))];
    if (firm_chance(f, 0.08)) {
        p->home_moves = firm_between(f, 18, f->days);
        p->home_next = firm_isp(f, country, firm_net_of(p->home)->org);
    }
    holidays(f, p);
    favourites(f, p);
}

static void people(struct firm *f)
{
    firm_stream(f, STREAM_WORLD, 2, 0);
    unsigned start = firm_between(f, 66, 78), hires = firm_count(f, f->days / 9.0), i = 0;
    unsigned joined[40];
    hires = hires < KT_ARRAY_LEN(joined) ? hires : KT_ARRAY_LEN(joined);
    for (unsigned k = 0; k < hires; k++)
        joined[k] = firm_below(f, f->days);
    for (; i < start; i++)
        person(f, i, 0);
    for (unsigned k = 0; k < hires; k++)
        person(f, i++, joined[k]);
    firm_stream(f, STREAM_WORLD, 3, 0);
    for (unsigned k = 0; k < 6; k++) /* people who leave, the first two early */
        f->person[firm_below(f, start)].leaves =
            k < 3 ? firm_between(f, 12, f->days / 3) : firm_between(f, 12, f->days);
}

/* ---- services ---- */
static void service_secrets(struct firm *f, struct firm_service *s, unsigned n)
{
    static const char *const before[] = {
        [FIRM_VAULT] = "vault://main/-/secret/prod/",
        [FIRM_AWS] = "aws-sm://111122223333/eu-central-1/prod/",
        [FIRM_OP] = "op://ACME/",
        [FIRM_K8S] = "k8s://prod/",
    };
    n = n < KT_ARRAY_LEN(s->secret) ? n : KT_ARRAY_LEN(s->secret);
    for (unsigned i = 0; i < n; i++)
        s->secret[s->n_secret++] =
            firm_secret_new(f, s->source, s->team,
                            firm_text(f, "%s%s/%s-%u", before[s->source], s->name,
                                      things[firm_below(f, KT_ARRAY_LEN(things))], i),
                            true, 0);
}

static const struct job {
    const char *name;
    unsigned source;
    enum firm_rhythm rhythm;
} jobs[] = {
    { "orders", FIRM_VAULT, FIRM_CACHED },
    { "billing", FIRM_VAULT, FIRM_CACHED },
    { "checkout", FIRM_VAULT, FIRM_ON_REQUEST },
    { "catalog", FIRM_VAULT, FIRM_CACHED },
    { "search", FIRM_AWS, FIRM_CACHED },
    { "mailer", FIRM_AWS, FIRM_ON_REQUEST },
    { "invoices", FIRM_AWS, FIRM_CACHED },
    { "reports", FIRM_AWS, FIRM_DAILY },
    { "etl", FIRM_AWS, FIRM_DAILY },
    { "gateway", FIRM_VAULT, FIRM_ON_REQUEST },
    { "login", FIRM_VAULT, FIRM_ON_REQUEST },
    { "push", FIRM_AWS, FIRM_CACHED },
    { "pricing", FIRM_VAULT, FIRM_CACHED },
    { "stock", FIRM_VAULT, FIRM_CACHED },
    { "fraud", FIRM_AWS, FIRM_CACHED },
    { "ledger", FIRM_VAULT, FIRM_CACHED },
    { "exports", FIRM_AWS, FIRM_DAILY },
    { "cleanup", FIRM_VAULT, FIRM_DAILY },
    { "partners", FIRM_AWS, FIRM_ON_REQUEST },
    { "images", FIRM_AWS, FIRM_CACHED },
    { "audit-report", FIRM_VAULT, FIRM_WEEKLY },
    { "dr-check", FIRM_AWS, FIRM_WEEKLY },
    { "tax", FIRM_VAULT, FIRM_QUARTERLY },
    { "external-secrets", FIRM_K8S, FIRM_CACHED },
    { "cert-manager", FIRM_K8S, FIRM_CACHED },
    { "argocd", FIRM_K8S, FIRM_CACHED },
    { "backup", FIRM_VAULT, FIRM_DAILY },
    { "sync", FIRM_VAULT, FIRM_DAILY },
};

static void service(struct firm *f, const struct job *j, unsigned born)
{
    static const char *const agents[] = { "Go-http-client/1.1",
                                          "aws-sdk-go-v2/1.32.6 os/linux lang/go#1.23.4",
                                          "hvac/2.3 (linux)", "aws-sdk-java/2.29 (Linux)" };
    firm_stream(f, STREAM_SERVICE, f->n_service, 0);
    struct firm_service *s = &f->service[f->n_service++];
    *s = (struct firm_service){ .name = j->name,
                                .source = j->source,
                                .rhythm = j->rhythm,
                                .team = firm_below(f, ENGINEERING),
                                .born = born,
                                .at_min = firm_below(f, 1440) };
    unsigned odd = j->source == FIRM_AWS;
    s->agent = agents[2 * firm_below(f, 2) + odd];
    s->moves = firm_chance(f, 0.06) ? firm_below(f, f->days) : FIRM_NONE;
    s->copies = firm_between(f, 1, 5);
    static const unsigned every[] = { 60, 60, 120, 240, 360, 720 };
    s->every_min = every[firm_below(f, KT_ARRAY_LEN(every))];
    s->per_hour = firm_lognormal(f, 6, 0.8);
    s->deploys = firm_lognormal(f, 1.5, 0.7);
    bool cloud = j->source == FIRM_AWS && firm_chance(f, 0.7); /* the others: inside */
    s->ip = cloud ? firm_named(f, 16509) : 10u << 24 | firm_below(f, 1u << 20) | 1u;
    s->ip_next = cloud ? firm_named(f, 14618) : s->ip;
    bool reads_all = strcmp(j->name, "backup") == 0 || strcmp(j->name, "sync") == 0;
    service_secrets(f, s, reads_all ? firm_between(f, 40, 130) : firm_between(f, 2, 10));
    if (j->rhythm == FIRM_QUARTERLY) {
        s->quarter = firm_between(f, 20, f->days - 5);
        service_secrets(f, s, firm_between(f, 20, 50));
    }
}

static void services(struct firm *f)
{
    for (unsigned i = 0; i < KT_ARRAY_LEN(jobs); i++)
        service(f, &jobs[i], 0);
    firm_stream(f, STREAM_WORLD, 4, 0);
    unsigned grown = firm_between(f, 2, 5); /* services that are built meanwhile */
    for (unsigned i = 0; i < grown; i++) {
        firm_stream(f, STREAM_WORLD, 5, i);
        const struct job j = { firm_text(f, "new-service%u", i),
                               firm_chance(f, 0.5) ? FIRM_VAULT : FIRM_AWS,
                               firm_chance(f, 0.5) ? FIRM_CACHED : FIRM_ON_REQUEST };
        unsigned born = firm_below(f, f->days);
        service(f, &j, born);
    }
}

void firm_build(struct firm *f)
{
    firm_stream(f, STREAM_WORLD, 0, 0);
    offices(f);
    firm_stream(f, STREAM_SECRETS, 0, 0);
    for (unsigned t = 0; t < FIRM_TEAMS; t++)
        team_secrets(f, t);
    people(f);
    services(f);
}

struct firm *firm_new(uint64_t seed, unsigned days, bool attacks, bool countries_only)
{
    kt_hash_init();
    struct firm *f = kt_alloc(sizeof *f);
    f->seed = seed;
    f->days = days;
    f->countries_only = countries_only;
    f->keep = kt_arena_new(256u << 20);
    f->weekday = (1 + (unsigned)(seed % 7)) % 7;
    f->start = (INT64_C(1788220800) + (int64_t)(seed % 7) * 86400) * KT_NS_S; /* 2026-09-01 … */
    firm_build(f);
    firm_change(f);
    firm_live(f);
    if (attacks)
        firm_attacks(f);
    firm_deliver(f);
    return f;
}

void firm_free(struct firm *f)
{
    if (f == NULL)
        return;
    kt_free(f->ev);
    kt_arena_done(&f->keep);
    kt_free(f);
}
