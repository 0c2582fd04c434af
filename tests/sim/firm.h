/*
 * firm: an invented organisation over months, made to measure detection: what people, services and
 * jobs do all day, what changes in their world, and labelled attacks between. A seed makes a world;
 * each person's day has chances of its own, so attacks can be left out and all else stays the same.
 *
 * What it takes for granted (hours, habits, lateness) stands in the files that make it; nothing in
 * it knows a threshold of a detector.
 */
#pragma once
#include "collector/detect.h"

#define FIRM_PEOPLE_MAX   160u
#define FIRM_SERVICES_MAX 48u
#define FIRM_SECRETS_MAX  4096u
#define FIRM_ATTACKS_MAX  128u
#define FIRM_HOSTS        6u
#define FIRM_TEAMS        8u
#define FIRM_OFFICES      3u
#define FIRM_PIPELINES    3u
#define FIRM_FAVOURITES   16u
#define FIRM_DOWN_MAX     8u
#define FIRM_NONE         UINT32_MAX

/* ---- where records come from; hosts follow, one each ---- */
enum { FIRM_VAULT, FIRM_AWS, FIRM_OP, FIRM_K8S, FIRM_HOST, FIRM_SOURCES = FIRM_HOST + FIRM_HOSTS };
struct firm_source {
    const char *source, *instance, *read; /* read: the native word */
};
extern const struct firm_source firm_sources[FIRM_SOURCES];

/* ---- networks: four /16 each, so that an address says its network ---- */
struct firm_net {
    const char *org, *country;
    unsigned asn;
    bool hosting;
};
const struct firm_net *firm_net_of(uint32_t ip); /* NULL: private */

/* ---- events ---- */
struct firm_event {
    kt_time_ns t, arrival;
    const char *actor, *secret, *agent, *operation, *native, *raw, *code;
    uint32_t ip; /* 0 = none */
    uint16_t count, attack;
    uint8_t source, kind, action, outcome, record;
    uint32_t id;
    bool dropped; /* never arrives */
};
struct firm_who {
    const char *name, *agent;
    uint32_t ip;
    enum kt_actor_kind kind;
};

/* ---- who there is ---- */
struct firm_secret {
    const char *id;
    uint8_t source, team;
    bool production;
    unsigned born; /* day */
};
struct firm_span {
    unsigned from, until; /* days [from, until) */
    uint32_t ip;          /* works from there; 0 = does not work */
};
struct firm_person {
    const char *mail, *cli, *browser;
    unsigned team, office, joined, leaves;
    bool engineer, on_call, vpn, late_worker;
    double sessions, starts, length; /* a day; local hours */
    double curious;                  /* chance that a read is of a secret beside the usual ones */
    uint32_t home, mobile;           /* addresses; the mobile one changes by the session */
    unsigned home_moves;             /* day of a new provider; FIRM_NONE = never */
    uint32_t home_next;
    uint32_t favourite[FIRM_FAVOURITES];
    unsigned n_favourite;
    struct firm_span away[4];
    unsigned n_away;
    unsigned laptop; /* day of a new one */
    const char *cli_next;
    bool used; /* victim of an attack */
};
enum firm_rhythm { FIRM_CACHED, FIRM_ON_REQUEST, FIRM_DAILY, FIRM_WEEKLY, FIRM_QUARTERLY };
struct firm_service {
    const char *name, *agent;
    unsigned team, source, born, copies, every_min, at_min, quarter,
        moves; /* quarter: its day; moves: day on which all its secrets get other paths */
    enum firm_rhythm rhythm;
    double per_hour, deploys; /* a week */
    uint32_t ip, ip_next;     /* ip_next from the day of the failover on */
    uint32_t secret[160];
    unsigned n_secret;
    bool used;
};
struct firm_office {
    uint32_t ip, ip_next;
    unsigned moves; /* day */
    const char *country;
    double zone; /* hours east of UTC */
    bool summer; /* clocks change */
    unsigned holiday[4];
};

/* ---- attacks ---- */
#define FIRM_CLASSES(X)                                                                            \
    X(SERVICE_KEY, "stolen service key, new network", "unexpected_ip", false)                      \
    X(SESSION, "stolen session, rented server", "unexpected_ip", false)                            \
    X(TRAVEL, "session replayed from abroad", "impossible_travel", false)                          \
    X(MASS_PERSON, "mass read by a person", "volume_spike", false)                                 \
    X(MASS_SERVICE, "mass read by a service", "volume_spike", false)                               \
    X(FIRST_DAY, "mass read by an unknown account", "volume_spike", false)                         \
    X(EXPORT, "export of a whole vault", "volume_spike", false)                                    \
    X(DRIP, "one new secret an hour", "new_secrets", true)                                         \
    X(HOARD, "hoarding for a week", "new_secrets", true)                                           \
    X(NIGHT, "reads at night", "unusual_time", false)                                              \
    X(SPRAY, "password spray", "failed_attempts", false)                                           \
    X(SLOW_SPRAY, "password spray, one an hour", "failed_attempts", true)                          \
    X(GUESSED, "password guessed", "failed_attempts", false)                                       \
    X(BREADTH, "trying many doors", "failed_attempts", false)                                      \
    X(AGENT, "AI agent reads production", "ai_agent", false)                                       \
    X(AGENT_AS_PERSON, "AI agent as a person", "ai_agent", false)                                  \
    X(ENV_PROGRAM, "strange program reads .env", "env_file", false)                                \
    X(ENV_USER, "strange user reads .env", "env_file", false)                                      \
    X(STOPPED, "audit stopped", "signatures", false)                                               \
    X(ROOT, "root used", "signatures", false)                                                      \
    X(CANARY, "canary touched", "signatures", false)                                               \
    X(OPENED, "opened to everybody", "signatures", false)                                          \
    X(DESTROYED, "key to be destroyed", "signatures", false)                                       \
    X(UNSEAL, "root token generated", "signatures", false)                                         \
    X(EXPOSED, "secret in a repository", "signatures", false)                                      \
    X(GRANT, "grant, then read", "grant_then_read", false)                                         \
    X(DORMANT, "account of somebody gone", "dormant", false)                                       \
    X(SILENT, "log stopped", "silent_source", false)                                               \
    X(MANY, "many accounts, one network", "shared_network", false)
enum firm_class {
#define X(n, words, detector, slow) FIRM_CLASS_##n,
    FIRM_CLASSES(X)
#undef X
        FIRM_CLASS_COUNT
};
struct firm_class_row {
    const char *words, *detector;
    bool slow; /* takes hours or days by its nature: no aim for its delay */
};
extern const struct firm_class_row firm_classes[FIRM_CLASS_COUNT];
struct firm_attack {
    enum firm_class class;
    uint8_t source;
    kt_time_ns first, last; /* event times */
    kt_time_ns known;       /* arrival of its first record */
    struct firm_found {
        bool found;
        kt_time_ns raised;
        unsigned alerts;
    } by[2]; /* the engine, the static rules */
};

/* ---- the world ---- */
struct firm {
    uint64_t seed, state;   /* of chance: firm_chance_of */
    unsigned days, weekday; /* of day 0, Monday = 0 */
    kt_time_ns start;
    struct kt_arena keep;
    struct firm_event *ev;
    uint32_t n, cap;
    struct firm_person person[FIRM_PEOPLE_MAX];
    struct firm_service service[FIRM_SERVICES_MAX];
    struct firm_secret secret[FIRM_SECRETS_MAX];
    struct firm_office office[FIRM_OFFICES];
    struct firm_attack attack[FIRM_ATTACKS_MAX];
    uint32_t pipeline[FIRM_PIPELINES][64]; /* secrets of each */
    unsigned n_person, n_service, n_secret, n_attack;
    uint32_t vpn, vpn_next;                              /* the exit of the firm's VPN */
    unsigned vpn_moves, failover, summer_ends, campaign; /* days */
    struct firm_span maintenance;
    struct firm_down {
        kt_time_ns from, until;
    } down[FIRM_SOURCES][FIRM_DOWN_MAX]; /* of the agents */
    unsigned n_down[FIRM_SOURCES];
    struct kt_conf_canary canary;
    struct kt_conf_maintenance window;
    kt_time_ns now;      /* arrival of the record in work */
    uint16_t stamp;      /* attack that is written now */
    bool countries_only; /* the address database knows no ASN */
};

/* ---- firm.c: chance, time, addresses, records ---- */
void firm_stream(struct firm *f, unsigned purpose, unsigned a, unsigned b);
unsigned firm_below(struct firm *f, unsigned n);
unsigned firm_between(struct firm *f, unsigned from, unsigned until); /* both inclusive */
double firm_real(struct firm *f);                                     /* [0, 1) */
bool firm_chance(struct firm *f, double p);
double firm_normal(struct firm *f, double mean, double deviation);
double firm_lognormal(struct firm *f, double median, double sigma);
double firm_wait(struct firm *f, double mean);    /* exponential */
unsigned firm_count(struct firm *f, double mean); /* Poisson */
unsigned firm_rank(struct firm *f, unsigned n);   /* the first ones most often: about 1 / rank */
const char *firm_text(struct firm *f, const char *fmt, ...) KT_PRINTF(2, 3);
kt_time_ns firm_at(const struct firm *f, const struct firm_office *o, unsigned day, double hour);
unsigned firm_weekday(const struct firm *f, unsigned day);
bool firm_works(const struct firm *f, const struct firm_person *p, unsigned day);
uint32_t firm_address(struct firm *f, unsigned net);
uint32_t firm_isp(struct firm *f, const char *country, const char *but); /* of a home */
uint32_t firm_mobile(struct firm *f, const char *country);
uint32_t firm_abroad(struct firm *f, const char *but); /* some ISP of another country */
uint32_t firm_hosting(struct firm *f);                 /* a rented server */
uint32_t firm_named(struct firm *f, unsigned asn);
/* The network a person is at more than at any other. */
uint32_t firm_usual(const struct firm *f, const struct firm_person *p, unsigned day);
uint32_t firm_place(struct firm *f, const struct firm_person *p, unsigned day, double hour);
struct firm_event *firm_add(struct firm *f, struct firm_event e);
struct firm_event *firm_read(struct firm *f, const struct firm_who *w, kt_time_ns t,
                             uint32_t secret);
/* Of that source and team (FIRM_TEAMS: any), there on that day; FIRM_NONE when there is none. */
uint32_t firm_pick(struct firm *f, unsigned source, unsigned team, unsigned day);
struct firm_who firm_person_at(const struct firm_person *p, unsigned source, unsigned day,
                               uint32_t ip);
uint32_t firm_secret_new(struct firm *f, unsigned source, unsigned team, const char *id,
                         bool production, unsigned born);

/* ---- the parts of a world ---- */
void firm_build(struct firm *f);   /* firm_build.c: who there is */
void firm_live(struct firm *f);    /* firm_life.c: every day */
void firm_change(struct firm *f);  /* firm_change.c: what is unusual and harmless */
void firm_attacks(struct firm *f); /* firm_attack.c */

/* ---- firm_credential.c: with which token or key; empty: the source does not tell ---- */
struct kt_str firm_credential(const struct firm *f, const struct firm_event *e, char text[64]);

/* ---- firm_log.c: the order in which it is told ---- */
/* Was the agent of that source down then, or until an hour ago? */
bool firm_was_down(const struct firm *f, unsigned source, kt_time_ns now);
struct firm_log {
    uint64_t records, facts, ticks, reports, twice, late;
};
void firm_deliver(struct firm *f); /* arrivals, what never comes, what comes twice; sorts */
/* Canary and maintenance window; conf points into the firm. */
void firm_configure(struct firm *f, struct kt_conf *conf);
struct firm_sink {
    void *self;
    void (*take)(void *self, struct kt_record *r); /* every record, facts and ticks too, in order */
    void (*watch)(void *self, const struct firm_event *e); /* what is kept; NULL: nobody */
};
/* Gives out the log as the collector would store it. */
struct firm_log firm_tell(struct firm *f, const struct firm_sink *to);
/* Feeds the log to the engine, and what is kept of it to `watch`. */
struct firm_log firm_feed(struct firm *f, struct kt_detect *d,
                          void (*watch)(void *self, const struct firm_event *e), void *self);

struct firm *firm_new(uint64_t seed, unsigned days, bool attacks, bool countries_only);
void firm_free(struct firm *f);
