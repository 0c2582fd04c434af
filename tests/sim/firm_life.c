/*
 * firm_life: every day: people at work in sessions, services that cache what they read or ask each
 * time, deploys, pipelines on hosted runners, nightly jobs, hosts with .env files, coding agents.
 *
 * Owns:  the habits.
 * Calls: firm.h.
 */
#include "tests/sim/firm.h"

#include <math.h>

enum {
    STREAM_DAY = 100,
    STREAM_CALL,
    STREAM_SERVICE_DAY,
    STREAM_PIPELINE,
    STREAM_HOSTS,
    STREAM_AGENTS,
    STREAM_NODES
};

/* ---- people ---- */
static void sign_in(struct firm *f, const struct firm_who *w, kt_time_ns t)
{
    struct firm_event e = { .actor = w->name,
                            .agent = w->agent,
                            .ip = w->ip,
                            .kind = (uint8_t)w->kind,
                            .action = KT_ACT_LOGIN,
                            .operation = "update",
                            .native = "auth/oidc/login",
                            .source = FIRM_VAULT };
    unsigned typos = firm_chance(f, 0.04) ? firm_between(f, 1, 3) : 0;
    for (unsigned i = 0; i < typos; i++) {
        e.t = t - (kt_time_ns)(typos - i) * firm_between(f, 5, 20) * KT_NS_S;
        e.outcome = KT_OUT_DENIED;
        e.kind = KT_ACTOR_ANONYMOUS;
        (void)firm_add(f, e);
    }
    e.t = t;
    e.kind = (uint8_t)w->kind;
    e.outcome = KT_OUT_SUCCESS;
    (void)firm_add(f, e);
}

/* What a person reads next: mostly the usual, now and then another of the own team, seldom one of
 * somebody else's, which is refused as often as not. */
static uint32_t next_secret(struct firm *f, const struct firm_person *p, unsigned day,
                            bool *ret_refused)
{
    *ret_refused = false;
    uint32_t usual = p->favourite[firm_rank(f, p->n_favourite)];
    if (!firm_chance(f, p->curious))
        return usual;
    bool foreign = firm_chance(f, 0.15);
    unsigned source = p->engineer ? f->secret[usual].source : (unsigned)FIRM_OP;
    uint32_t s = firm_pick(f, source, foreign ? FIRM_TEAMS : p->team, day);
    *ret_refused = foreign && firm_chance(f, 0.5);
    return s != FIRM_NONE ? s : usual;
}

static void look_around(struct firm *f, const struct firm_who *w, kt_time_ns t, uint32_t secret)
{
    struct firm_event *e = firm_read(f, w, t, secret);
    e->action = KT_ACT_READ_META;
    e->operation = "list";
}

static void session(struct firm *f, const struct firm_person *p, unsigned day, double hour)
{
    uint32_t ip = firm_place(f, p, day, hour);
    kt_time_ns t = firm_at(f, &f->office[p->office], day, hour);
    unsigned n = 1 + (unsigned)fmin(firm_wait(f, 2.5), 24);
    bool signed_in = firm_chance(f, 0.4);
    for (unsigned i = 0; i < n; i++) {
        bool refused;
        uint32_t s = next_secret(f, p, day, &refused);
        struct firm_who w = firm_person_at(p, f->secret[s].source, day, ip);
        if (!signed_in && f->secret[s].source == FIRM_VAULT) {
            sign_in(f, &w, t - 2 * KT_NS_S);
            signed_in = true;
        }
        if (firm_chance(f, 0.15))
            look_around(f, &w, t, s);
        struct firm_event *e = firm_read(f, &w, t + KT_NS_S, s);
        if (refused)
            e->outcome = KT_OUT_DENIED;
        t += (kt_time_ns)(2 + firm_wait(f, 60)) * KT_NS_S;
    }
}

static void person_day(struct firm *f, unsigned i, unsigned day)
{
    const struct firm_person *p = &f->person[i];
    firm_stream(f, STREAM_DAY, i, day);
    bool weekend = firm_weekday(f, day) >= 5 && day >= p->joined && day < p->leaves;
    if (weekend && firm_chance(f, 0.03))
        session(f, p, day, firm_normal(f, 14, 3));
    if (!firm_works(f, p, day) || firm_chance(f, 0.05))
        return;
    unsigned n = 1 + firm_count(f, p->sessions - 1 > 0 ? p->sessions - 1 : 0.3);
    for (unsigned k = 0; k < n; k++) {
        double x = firm_real(f), hour = p->starts + x * p->length;
        if (x > 0.4 && x < 0.5 && firm_chance(f, 0.6)) /* lunch */
            hour += p->length * 0.12;
        session(f, p, day, hour);
    }
    if (firm_chance(f, p->late_worker ? 0.35 : 0.03))
        session(f, p, day, firm_normal(f, 20.8, 0.9));
}

/* Whoever has the pager this week is woken now and then. */
static void night_call(struct firm *f, unsigned day)
{
    firm_stream(f, STREAM_CALL, day, 0);
    unsigned on_call[FIRM_PEOPLE_MAX], n = 0;
    for (unsigned i = 0; i < f->n_person; i++) {
        const struct firm_person *p = &f->person[i];
        if (p->on_call && p->engineer && firm_works(f, p, day))
            on_call[n++] = i;
    }
    if (n == 0 || !firm_chance(f, 0.15))
        return;
    const struct firm_person *p = &f->person[on_call[day / 7 % n]];
    double hour = firm_real(f) * 5;
    unsigned bursts = firm_between(f, 1, 3);
    for (unsigned b = 0; b < bursts; b++) {
        kt_time_ns t = firm_at(f, &f->office[p->office], day, hour + b * 0.3);
        for (unsigned k = 0; k < p->n_favourite; k++) {
            uint32_t s = p->favourite[k];
            struct firm_who w = firm_person_at(p, f->secret[s].source, day, p->home);
            if (f->secret[s].production && firm_chance(f, 0.6))
                (void)firm_read(f, &w, t += (kt_time_ns)firm_between(f, 5, 90) * KT_NS_S, s);
        }
    }
}

/* ---- services ---- */
static struct firm_who service_at(const struct firm *f, const struct firm_service *s, unsigned day)
{
    uint32_t ip = day >= f->failover ? s->ip_next : s->ip;
    return (struct firm_who){ s->name, s->agent, ip, KT_ACTOR_SERVICE };
}

/* More of everything: growth over the months, and a campaign that doubles it for four days. */
static double load_of(const struct firm *f, unsigned day)
{
    bool campaign = day >= f->campaign && day < f->campaign + 4;
    return (1 + 0.3 * day / f->days) * (campaign ? 2 : 1) * (firm_weekday(f, day) >= 5 ? 0.6 : 1);
}

/* Machines of a cloud: each new one has an address of its own. */
static struct firm_who copy_of(struct firm *f, const struct firm_who *w)
{
    struct firm_who c = *w;
    if (firm_chance(f, 0.1))
        c.ip = (w->ip & 0xffffff00u) | firm_between(f, 1, 254);
    return c;
}

static void starts(struct firm *f, const struct firm_service *s, const struct firm_who *w,
                   kt_time_ns t)
{
    for (unsigned i = 0; i < s->n_secret; i++)
        (void)firm_read(f, w, t + (kt_time_ns)(i * 90 + firm_below(f, 60)) * KT_NS_MS,
                        s->secret[i]);
}

static void written(struct firm *f, uint32_t secret, kt_time_ns t)
{
    struct firm_who w = { "terraform@ci", "terraform/1.9", firm_named(f, 8075), KT_ACTOR_CI };
    struct firm_event *e = firm_read(f, &w, t, secret);
    e->action = KT_ACT_WRITE;
    e->operation = "create";
}

/* One more, or another in the place of that one; whatever it is, terraform writes it first. */
static void new_secret(struct firm *f, struct firm_service *s, unsigned place, unsigned day,
                       kt_time_ns t)
{
    if (place >= KT_ARRAY_LEN(s->secret) || f->n_secret >= FIRM_SECRETS_MAX)
        return;
    const char *id = firm_text(f, "%s-v%u", f->secret[s->secret[place % s->n_secret]].id, day);
    uint32_t n = firm_secret_new(f, s->source, s->team, id, true, day);
    s->secret[place] = n;
    s->n_secret = place < s->n_secret ? s->n_secret : place + 1;
    written(f, n, t);
}

static void deploy(struct firm *f, struct firm_service *s, unsigned day)
{
    double hour = 8 + firm_real(f) * 8;
    kt_time_ns t = firm_at(f, &f->office[0], day, hour);
    struct firm_who w = service_at(f, s, day);
    struct firm_who ci = { "deploy@ci", "terraform/1.9", firm_named(f, 8075), KT_ACTOR_CI };
    kt_time_ns before = t - (kt_time_ns)firm_between(f, 1, 180) * KT_NS_MIN;
    if (firm_chance(f, 0.1))
        new_secret(f, s, s->n_secret, day, before);
    for (unsigned i = 0; day == s->moves && i < s->n_secret; i++)
        new_secret(f, s, i, day, before + (kt_time_ns)i * KT_NS_S);
    if (day == s->moves)
        s->moves = FIRM_NONE; /* the day's next deploy finds it done */
    for (unsigned i = 0; day == s->born && day > 0 && i < s->n_secret; i++)
        written(f, s->secret[i], before + (kt_time_ns)i * KT_NS_S);
    for (unsigned i = 0; i < s->n_secret && i < 30; i++)
        (void)firm_read(f, &ci, t + (kt_time_ns)i * 400 * KT_NS_MS, s->secret[i]);
    unsigned rounds = firm_chance(f, 0.08) ? 2 : 1; /* twice: it was rolled back */
    for (unsigned r = 0; r < rounds; r++) {
        for (unsigned c = 0; c < s->copies; c++) {
            struct firm_who copy = copy_of(f, &w);
            starts(f, s, &copy, t + (kt_time_ns)(60 + 600 * r + 25 * c) * KT_NS_S);
        }
    }
}

static void cached(struct firm *f, const struct firm_service *s, unsigned day)
{
    struct firm_who w = service_at(f, s, day);
    unsigned copies = (unsigned)lround(s->copies * fmax(1, load_of(f, day)));
    for (unsigned c = 0; c < copies; c++) {
        for (unsigned i = 0; i < s->n_secret; i++) {
            double minute = firm_real(f) * s->every_min;
            for (; minute < 1440; minute += s->every_min * (0.97 + 0.06 * firm_real(f)))
                (void)firm_read(f, &w, firm_at(f, NULL, day, minute / 60), s->secret[i]);
        }
    }
}

static void on_request(struct firm *f, const struct firm_service *s, unsigned day)
{
    struct firm_who w = service_at(f, s, day);
    for (unsigned hour = 0; hour < 24; hour++) {
        double busy = 0.4 + 0.6 * fmax(0, sin((hour - 5.0) / 16 * M_PI));
        unsigned n = firm_count(f, s->per_hour * busy * load_of(f, day));
        for (unsigned k = 0; k < n; k++)
            (void)firm_read(f, &w, firm_at(f, NULL, day, hour + firm_real(f)),
                            s->secret[firm_rank(f, s->n_secret)]);
    }
}

static void job(struct firm *f, const struct firm_service *s, unsigned day)
{
    struct firm_who w = service_at(f, s, day);
    kt_time_ns t = firm_at(f, NULL, day, s->at_min / 60.0) + firm_below(f, 90) * KT_NS_S;
    for (unsigned i = 0; i < s->n_secret; i++) {
        if (firm_chance(f, 0.98))
            (void)firm_read(f, &w, t, s->secret[i]);
        t += (kt_time_ns)firm_between(f, 200, 4000) * KT_NS_MS;
    }
}

static void service_day(struct firm *f, unsigned i, unsigned day)
{
    struct firm_service *s = &f->service[i];
    firm_stream(f, STREAM_SERVICE_DAY, i, day);
    if (day < s->born)
        return;
    bool first = day > 0 && day == s->born; /* nobody reads before it is deployed */
    bool due = s->rhythm == FIRM_DAILY || (s->rhythm == FIRM_WEEKLY && day % 7 == s->at_min % 7) ||
               (s->rhythm == FIRM_QUARTERLY && (day == s->quarter || day + 91 == s->quarter));
    if (!first && s->rhythm == FIRM_CACHED)
        cached(f, s, day);
    else if (!first && s->rhythm == FIRM_ON_REQUEST)
        on_request(f, s, day);
    else if (!first && due)
        job(f, s, day);
    bool runs = s->rhythm == FIRM_CACHED || s->rhythm == FIRM_ON_REQUEST;
    unsigned n = runs && firm_weekday(f, day) < 5 ? firm_count(f, s->deploys / 5) : 0;
    bool must = first || (runs && day == s->moves);
    for (n += must; n > 0; n--)
        deploy(f, s, day);
}

/* The cluster is brought up to date every four weeks: everything in it starts again. */
static void nodes(struct firm *f, unsigned day)
{
    if (day % 28 != 9)
        return;
    firm_stream(f, STREAM_NODES, day, 0);
    for (unsigned i = 0; i < f->n_service; i++) {
        const struct firm_service *s = &f->service[i];
        bool runs = s->rhythm == FIRM_CACHED || s->rhythm == FIRM_ON_REQUEST;
        struct firm_who w = service_at(f, s, day);
        for (unsigned c = 0; runs && day >= s->born && c < s->copies; c++)
            starts(f, s, &w, firm_at(f, &f->office[0], day, 10 + firm_real(f) * 1.5));
    }
}

/* ---- pipelines: another address for every run ---- */
static const struct pipeline {
    const char *name, *agent;
    unsigned secrets, least, most;
    double runs; /* a workday */
} rows[FIRM_PIPELINES] = { { "app@ci", "hvac/2.3 (linux)", 14, 2, 6, 22 },
                           { "web@ci", "hvac/2.3 (linux)", 10, 1, 4, 14 },
                           { "terraform@ci", "terraform/1.9", 55, 30, 55, 3 } };

/* Chosen once: a pipeline reads what it is written for, whatever else the firm makes meanwhile. */
static void pipeline_secrets(struct firm *f)
{
    for (unsigned i = 0; i < FIRM_PIPELINES; i++) {
        firm_stream(f, STREAM_PIPELINE, i, 0);
        for (unsigned k = 0; k < rows[i].secrets; k++)
            f->pipeline[i][k] = firm_pick(f, FIRM_VAULT, FIRM_TEAMS, 0);
    }
}

static void pipelines(struct firm *f, unsigned day)
{
    for (unsigned i = 0; i < FIRM_PIPELINES; i++) {
        firm_stream(f, STREAM_PIPELINE, i, day + 1);
        const uint32_t *own = f->pipeline[i];
        unsigned runs = firm_count(f, rows[i].runs * (firm_weekday(f, day) < 5 ? 1 : 0.1));
        for (unsigned r = 0; r < runs; r++) {
            struct firm_who w = { rows[i].name, rows[i].agent, firm_named(f, 8075), KT_ACTOR_CI };
            kt_time_ns t = firm_at(f, &f->office[0], day, firm_normal(f, 13, 3));
            unsigned n = firm_between(f, rows[i].least, rows[i].most);
            for (unsigned k = 0; k < n; k++)
                (void)firm_read(f, &w, t + (kt_time_ns)k * 700 * KT_NS_MS,
                                own[n > 20 ? k : firm_rank(f, rows[i].secrets)]);
        }
    }
}

/* ---- hosts: who opens files that hold secrets ---- */
static void opens(struct firm *f, unsigned host, const char *user, enum kt_actor_kind kind,
                  const char *program, const char *file, kt_time_ns t)
{
    const char *name = firm_sources[FIRM_HOST + host].instance;
    (void)firm_add(f, (struct firm_event){ .t = t,
                                           .actor = firm_text(f, "%s@%s", user, name),
                                           .agent = program,
                                           .kind = (uint8_t)kind,
                                           .secret = firm_text(f, "file://%s%s", name, file),
                                           .native = file,
                                           .source = (uint8_t)(FIRM_HOST + host) });
}

static void hosts(struct firm *f, unsigned day)
{
    static const char *const programs[] = {
        "/usr/bin/node",       "/usr/bin/node",       "/usr/bin/node",
        "/usr/bin/python3.11", "/usr/bin/python3.11", "/usr/lib/postgresql/15/bin/pg_dump"
    };
    for (unsigned h = 0; h < FIRM_HOSTS; h++) {
        firm_stream(f, STREAM_HOSTS, h, day);
        bool web = h < 3, work = firm_weekday(f, day) < 5;
        const char *file = h == 5 ? "/var/lib/postgresql/.pgpass" : "/srv/app/.env";
        unsigned n = web ? (work ? 4 * firm_count(f, 0.5) : 0) : h == 5 ? 4 : 24;
        for (unsigned k = 0; k < n; k++)
            opens(f, h, h == 5 ? "postgres" : "app", KT_ACTOR_SERVICE, programs[h], file,
                  firm_at(f, NULL, day, web ? 9 + k * 0.01 : k * (h == 5 ? 6 : 1) + 0.05));
        opens(f, h, "ansible", KT_ACTOR_SERVICE, "/usr/bin/python3.11", file,
              firm_at(f, NULL, day, 2.5 + h * 0.02));
        if (work && firm_chance(f, 0.08))
            opens(f, h, firm_chance(f, 0.5) ? "1000" : "1001", KT_ACTOR_HUMAN,
                  firm_chance(f, 0.6) ? "/usr/bin/cat" : "/usr/bin/vim.basic", file,
                  firm_at(f, &f->office[0], day, 9 + firm_real(f) * 8));
    }
}

/* ---- coding agents: bursts in what is not production ---- */
static void agents(struct firm *f, unsigned day)
{
    static const char *const names[] = { "agent-review", "agent-builder", "agent-docs" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(names); i++) {
        firm_stream(f, STREAM_AGENTS, i, day);
        struct firm_who w = { names[i], "claude-code/1.0.44 (linux)", 10u << 24 | (7u + i),
                              KT_ACTOR_AI_AGENT };
        unsigned runs = firm_weekday(f, day) < 5 ? firm_count(f, 4) : 0;
        for (unsigned r = 0; r < runs; r++) {
            kt_time_ns t = firm_at(f, &f->office[0], day, 8 + firm_real(f) * 10);
            unsigned n = firm_between(f, 1, 9);
            for (unsigned k = 0; k < n; k++) {
                uint32_t s = firm_pick(f, FIRM_VAULT, i, 0);
                if (!f->secret[s].production)
                    (void)firm_read(f, &w, t + (kt_time_ns)k * 3 * KT_NS_S, s);
            }
        }
    }
}

void firm_live(struct firm *f)
{
    pipeline_secrets(f);
    for (unsigned day = 0; day < f->days; day++) {
        for (unsigned i = 0; i < f->n_person; i++)
            person_day(f, i, day);
        for (unsigned i = 0; i < f->n_service; i++)
            service_day(f, i, day);
        night_call(f, day);
        nodes(f, day);
        pipelines(f, day);
        hosts(f, day);
        agents(f, day);
    }
}
