/*
 * firm_change: what is unusual and harmless: trips, a conference, new people and projects,
 * rotation, typos, expired tokens, controllers that are refused for days, maintenance, a leave and
 * its end. Moves of an office, of the VPN and of a region are dates of the world (firm_build), and
 * so are campaigns and growth.
 *
 * Owns:  the list of changes.
 * Calls: firm.h.
 */
#include "tests/sim/firm.h"

#include <math.h>
#include <string.h>

#define STREAM_CHANGE 200u

static struct firm_person *engineer(struct firm *f)
{
    for (;;) {
        struct firm_person *p = &f->person[firm_below(f, f->n_person)];
        if (p->engineer && p->joined == 0 && p->leaves == FIRM_NONE)
            return p;
    }
}

static struct firm_service *service_in(struct firm *f, unsigned source)
{
    for (;;) {
        struct firm_service *s = &f->service[firm_below(f, f->n_service)];
        if (s->source == source && s->born == 0 && s->rhythm != FIRM_QUARTERLY)
            return s;
    }
}

static unsigned workday(struct firm *f, const struct firm_person *p, unsigned from)
{
    for (unsigned tries = 0; tries < 200; tries++) {
        unsigned day = firm_between(f, from, f->days - 2);
        if (firm_works(f, p, day))
            return day;
    }
    return f->days - 2;
}

static void goes_away(struct firm_person *p, unsigned from, unsigned days, uint32_t ip)
{
    if (p->n_away < KT_ARRAY_LEN(p->away))
        p->away[p->n_away++] = (struct firm_span){ from, from + days, ip };
}

/* ---- where people are ---- */
static void trips(struct firm *f)
{
    unsigned n = firm_count(f, f->n_person * f->days / 365.0 * 0.8);
    for (unsigned i = 0; i < n; i++) {
        struct firm_person *p = &f->person[firm_below(f, f->n_person)];
        unsigned day = firm_below(f, f->days);
        bool colleagues = firm_chance(f, 0.2);
        const struct firm_office *o = &f->office[firm_below(f, FIRM_OFFICES)];
        uint32_t ip = colleagues ? o->ip : firm_abroad(f, f->office[p->office].country);
        goes_away(p, day, firm_between(f, 2, 7), ip);
    }
}

static void conference(struct firm *f)
{
    unsigned day = firm_between(f, 15, f->days - 5), n = firm_between(f, 3, 6);
    uint32_t hotel = firm_isp(f, "ES", NULL);
    for (unsigned i = 0; i < n; i++)
        goes_away(engineer(f), day, 3, (hotel & 0xffffff00u) | firm_between(f, 1, 254));
}

static void long_leave(struct firm *f)
{
    if (f->days >= 75)
        goes_away(engineer(f), firm_between(f, 14, f->days - 55), firm_between(f, 38, 48), 0);
}

/* ---- what people take up ---- */
static void grant(struct firm *f, const struct firm_person *admin, const char *to, kt_time_ns t)
{
    (void)firm_add(f, (struct firm_event){ .t = t,
                                           .actor = admin->mail,
                                           .agent = admin->cli,
                                           .ip = f->office[admin->office].ip,
                                           .kind = KT_ACTOR_HUMAN,
                                           .action = KT_ACT_GRANT,
                                           .operation = "update",
                                           .native = firm_text(f, "identity/entity/name/%s", to),
                                           .source = FIRM_VAULT });
}

static void takes_up(struct firm *f, const struct firm_person *p, unsigned team, unsigned day,
                     unsigned n, unsigned days)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned source = !p->engineer || firm_chance(f, 0.3) ? (unsigned)FIRM_OP : FIRM_VAULT;
        unsigned on = day + firm_below(f, days);
        uint32_t s = firm_pick(f, source, team, on);
        double hour = p->starts + firm_real(f) * p->length;
        if (s == FIRM_NONE || on >= f->days || !firm_works(f, p, on))
            continue;
        struct firm_who w = firm_person_at(p, source, on, firm_place(f, p, on, hour));
        (void)firm_read(f, &w, firm_at(f, &f->office[p->office], on, hour), s);
    }
}

static void hires(struct firm *f)
{
    for (unsigned i = 0; i < f->n_person; i++) {
        const struct firm_person *p = &f->person[i];
        if (p->joined > 0 && p->joined < f->days)
            takes_up(f, p, p->team, p->joined, (unsigned)firm_lognormal(f, 14, 0.5), 4);
    }
}

/* An account that is tried once by whoever made it, three weeks before its owner comes. */
static void account_ahead(struct firm *f)
{
    for (unsigned i = 0; i < f->n_person; i++) {
        const struct firm_person *p = &f->person[i];
        if (p->joined < 25 || p->joined >= f->days)
            continue;
        struct firm_who w = firm_person_at(p, FIRM_VAULT, 0, f->office[p->office].ip);
        (void)firm_read(f, &w, firm_at(f, &f->office[p->office], p->joined - 21, 11),
                        p->favourite[0]);
        return;
    }
}

/* Somebody joins another team's work: a handful of its secrets, after somebody gave the right. */
static void projects(struct firm *f)
{
    unsigned n = firm_count(f, f->n_person * f->days / 90.0);
    for (unsigned i = 0; i < n; i++) {
        struct firm_person *p = engineer(f);
        unsigned day = workday(f, p, 0), team = firm_below(f, 6);
        unsigned reads = (unsigned)firm_lognormal(f, 5, 0.6);
        if (firm_chance(f, 0.5))
            grant(f, engineer(f), p->mail,
                  firm_at(f, &f->office[p->office], day, p->starts + firm_real(f) * p->length));
        takes_up(f, p, team, day, reads < 20 ? reads : 20, firm_between(f, 1, 3));
    }
}

static void review(struct firm *f)
{
    const struct firm_person *p = engineer(f);
    unsigned day = workday(f, p, 18), n = firm_between(f, 60, 150);
    struct firm_who w = firm_person_at(p, FIRM_VAULT, day, f->office[p->office].ip);
    kt_time_ns t = firm_at(f, &f->office[p->office], day, 13);
    for (unsigned i = 0; i < n; i++) {
        struct firm_event *e = firm_read(f, &w, t, firm_pick(f, FIRM_VAULT, FIRM_TEAMS, 0));
        e->action = KT_ACT_READ_META;
        e->operation = "list";
        t += (kt_time_ns)firm_between(f, 2, 60) * KT_NS_S;
    }
}

/* ---- machines ---- */
static void rotate(struct firm *f, unsigned day, unsigned n, double hour)
{
    struct firm_who w = { "rotator", "hvac/2.3 (linux)", 10u << 24 | 99u, KT_ACTOR_SERVICE };
    kt_time_ns t = firm_at(f, NULL, day, hour);
    for (unsigned i = 0; i < n; i++) {
        uint32_t s = firm_pick(f, FIRM_VAULT, FIRM_TEAMS, 0);
        struct firm_event *e = firm_read(f, &w, t, s);
        e->action = KT_ACT_ROTATE;
        e->operation = "update";
        (void)firm_read(f, &w, t + 2 * KT_NS_S, s);
        t += (kt_time_ns)firm_between(f, 3, 30) * KT_NS_S;
    }
}

static void rotation(struct firm *f)
{
    for (unsigned day = 0; day < f->days; day += 7)
        rotate(f, day, firm_between(f, 3, 8), 4);
    rotate(f, firm_between(f, 20, f->days - 2), firm_between(f, 80, 160), 9);
}

static void refused(struct firm *f, const struct firm_who *w, uint32_t secret, kt_time_ns t,
                    enum kt_outcome outcome)
{
    struct firm_event *e = firm_read(f, w, t, secret);
    e->outcome = (uint8_t)outcome;
}

/* A token ran out: refused without a name until the service signs in again. */
static void expired(struct firm *f)
{
    for (unsigned k = 0; k < 3; k++) {
        const struct firm_service *s = service_in(f, FIRM_VAULT);
        struct firm_who nobody = { "", s->agent, s->ip, KT_ACTOR_ANONYMOUS };
        kt_time_ns t = firm_at(f, NULL, firm_between(f, 16, f->days - 2), firm_real(f) * 24);
        unsigned n = firm_between(f, 20, 90);
        for (unsigned i = 0; i < n; i++)
            refused(f, &nobody, s->secret[i % s->n_secret], t += 20 * KT_NS_S, KT_OUT_DENIED);
    }
}

/* A controller asks every minute, for two days, for what it may not have. */
static void stuck(struct firm *f)
{
    for (unsigned k = 0; k < 2; k++) {
        const struct firm_service *s = service_in(f, FIRM_K8S);
        struct firm_who w = { s->name, s->agent, s->ip, KT_ACTOR_SERVICE };
        uint32_t secret = firm_pick(f, FIRM_K8S, FIRM_TEAMS, 0);
        kt_time_ns t = firm_at(f, NULL, firm_between(f, 16, f->days - 4), firm_real(f) * 24);
        for (unsigned i = 0; i < 2 * 1440; i++)
            refused(f, &w, secret, t + (kt_time_ns)i * KT_NS_MIN, KT_OUT_DENIED);
    }
}

/* The store is down for ten minutes: every service tries again and again. */
static void outage(struct firm *f)
{
    kt_time_ns t = firm_at(f, NULL, firm_between(f, 16, f->days - 2), firm_real(f) * 24);
    for (unsigned i = 0; i < f->n_service; i++) {
        const struct firm_service *s = &f->service[i];
        struct firm_who w = { s->name, s->agent, s->ip, KT_ACTOR_SERVICE };
        for (unsigned k = 0; s->source == FIRM_VAULT && s->born == 0 && k < 20; k++)
            refused(f, &w, s->secret[k % s->n_secret], t + (kt_time_ns)k * 30 * KT_NS_S,
                    KT_OUT_FAILURE);
    }
}

static void maintenance(struct firm *f)
{
    unsigned day = firm_between(f, 16, f->days - 2);
    f->maintenance = (struct firm_span){ day, day + 1, 0 }; /* 01 to 04 UTC: firm_log */
}

/* ---- passwords ---- */
static void tries(struct firm *f, const struct firm_person *p, uint32_t ip, kt_time_ns t,
                  unsigned failures)
{
    for (unsigned i = 0; i <= failures; i++) {
        struct firm_event e = { .t = t,
                                .actor = p->mail,
                                .agent = p->cli,
                                .ip = ip,
                                .kind = KT_ACTOR_HUMAN,
                                .action = KT_ACT_LOGIN,
                                .operation = "update",
                                .native = "auth/userpass/login",
                                .source = FIRM_VAULT };
        e.outcome = i < failures ? KT_OUT_DENIED : KT_OUT_SUCCESS;
        e.kind = i < failures ? KT_ACTOR_ANONYMOUS : KT_ACTOR_HUMAN;
        (void)firm_add(f, e);
        t += (kt_time_ns)firm_between(f, 6, 40) * KT_NS_S;
    }
}

static void typos(struct firm *f)
{
    for (unsigned k = 0; k < 3; k++) {
        const struct firm_person *p = engineer(f);
        unsigned day = workday(f, p, 16);
        tries(f, p, firm_usual(f, p, day), firm_at(f, &f->office[p->office], day, p->starts), 9);
    }
    unsigned office = firm_below(f, FIRM_OFFICES), found = 0;
    const struct firm_office *o = &f->office[office];
    unsigned day = firm_between(f, 16, f->days - 2);
    for (unsigned i = 0; i < f->n_person && found < 4; i++) { /* passwords ran out last night */
        const struct firm_person *p = &f->person[i];
        if (p->office != office || !firm_works(f, p, day) || firm_chance(f, 0.5))
            continue;
        found++;
        tries(f, p, day >= o->moves ? o->ip_next : o->ip, firm_at(f, o, day, 8.5 + firm_real(f)),
              firm_between(f, 1, 5));
    }
}

/* ---- what scanners and administrators do ---- */
static void scans(struct firm *f)
{
    for (unsigned k = 0; k < 4; k++)
        (void)firm_add(
            f, (struct firm_event){ .t = firm_at(f, NULL, firm_between(f, 1, f->days - 2), 6),
                                    .actor = firm_text(f, "%s", engineer(f)->mail),
                                    .native = firm_text(f, "app/config/test%u.yaml:12", k),
                                    .operation = "generic-api-key",
                                    .code = "unverified",
                                    .record = KT_KIND_EXPOSURE,
                                    .source = FIRM_VAULT });
}

static void administration(struct firm *f)
{
    unsigned n = firm_count(f, f->days * 1.5);
    for (unsigned i = 0; i < n; i++) {
        const struct firm_person *admin = engineer(f), *to = engineer(f);
        unsigned day = workday(f, admin, 0);
        grant(f, admin, to->mail,
              firm_at(f, &f->office[admin->office], day, admin->starts + firm_real(f) * 8));
    }
}

void firm_change(struct firm *f)
{
    void (*const all[])(struct firm *) = { trips,    conference, long_leave,    hires,
                                           projects, review,     account_ahead, rotation,
                                           expired,  stuck,      outage,        maintenance,
                                           typos,    scans,      administration };
    for (unsigned i = 0; i < KT_ARRAY_LEN(all); i++) {
        firm_stream(f, STREAM_CHANGE, i, 0);
        all[i](f);
    }
}
