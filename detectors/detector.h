/*
 * detector: what a detector declares, what it is shown, and what it hands back.
 *
 * A detector is a pure function of (its options, its tables, the scene): no clock, no I/O, no init,
 * no free. The engine (collector/detect.h) owns every table, applies what was put aside for 24 h,
 * and alone decides on incidents, severity and alerts (DETECTION §2, §5).
 */
#pragma once
#include "core/config/config.h"
#include "core/event/event.h"
#include "core/event/json.h"
#include "detectors/baseline.h"
#include "detectors/recall.h"
#include "detectors/table.h"

/* ---- evidence ---- */
#define KT_FAMILIES(X)                                                                             \
    X(NETWORK, "network")                                                                          \
    X(TRAVEL, "travel")                                                                            \
    X(VOLUME, "volume")                                                                            \
    X(NEW_SECRETS, "new secrets")                                                                  \
    X(TIME, "time")                                                                                \
    X(FAILURES, "failures")                                                                        \
    X(PROCESS, "process")                                                                          \
    X(SEQUENCE, "sequence") X(DORMANT, "dormant") X(SILENCE, "silence") X(SIGNATURE, "signature")
enum kt_family {
#define X(n, w) KT_FAMILY_##n,
    KT_FAMILIES(X)
#undef X
        KT_FAMILY_COUNT
};
extern const char *const kt_family_words[KT_FAMILY_COUNT];

#define KT_FIND_BESIDE   1u  /* counts only beside evidence of another family (tainted values) */
#define KT_FIND_ADDS     2u  /* a stated "+x": added to the best of its family */
#define KT_FIND_LEARNING 4u  /* raises an alert even while the installation learns */
#define KT_FIND_CRITICAL 8u  /* raises a critical alert whatever the sum */
#define KT_FIND_SUCCESS  16u /* a success after failures: the alert is told again */
#define KT_FIND_OUTAGE   32u /* of silence: the one source that it names is still, and no more */
/* Its evidence counts production secrets, whatever the incident has seen. */
#define KT_FIND_PRODUCTION 64u
/* The account is in other hands: what it read so far does not say what it opens. */
#define KT_FIND_ACCOUNT 128u

#define KT_GATHERS 8u

struct kt_scene;
struct kt_finding {
    /* Fills the texts from number and the scene; called before the scene changes, and only for
     * findings that an incident keeps. NULL: they are filled. */
    void (*words)(const struct kt_scene *s, struct kt_finding *f);
    double number[7]; /* what words needs beside the scene */
    enum kt_family family;
    uint8_t detector; /* index in kt_detectors */
    enum kt_key_kind key_kind;
    struct kt_key key; /* of the incident */
    int points;        /* hundredths of s */
    const char *sign;  /* of family signature: its static name; NULL = the detector's */
    unsigned flags;
    uint32_t since_min; /* of the oldest event that it counts; 0 = the scene's */
    uint64_t network;   /* a first-seen network and country: shared causes are found by them */
    uint16_t country;
    /* What it is about, the same for every actor (env_file: the program); 0: nothing of that kind.
     */
    uint64_t cause;
    /* Other actors of whom the same was found before it was seen to be one cause: their incidents,
     * when all evidence in them is of that cause, are part of this one. */
    struct kt_key gathers[KT_GATHERS];
    unsigned n_gathers;
    struct kt_str instance, source; /* what it is about, when that is not the event's; lives till
                                       the scene changes */
    char title[240], normal[400], quiet[240], part[160];
};

/* ---- who ---- */
enum { KT_NOVEL_NETWORK, KT_NOVEL_CLASS, KT_NOVELS };
#define KT_HELD_MAX 6
enum kt_held {
    KT_HELD_OPEN,      /* nobody judged it */
    KT_HELD_TRUE,      /* it was judged true */
    KT_HELD_EXPECTED,  /* announced work: not counted, and nothing in it is suspicious */
    KT_HELD_DISMISSED, /* told, and judged to be nothing: counted, and not told again */
};
#define KT_ORIGIN_HOURS 20u
struct kt_actor {    /* the shared header: read-only for detectors */
    uint32_t number; /* dense, in order of first appearance, never reused */
    uint8_t kind;    /* enum kt_actor_kind */
    uint8_t origin;  /* its quietest hour (UTC), at which its day starts; 0 until KT_ORIGIN_HOURS
                        are known */
    uint16_t hours_known;
    uint32_t first_min, last_min;    /* first and newest event, minutes of event time */
    uint32_t active_days;            /* counted, 24 h behind */
    uint32_t first_day, last_day;    /* counted active days, in its own days */
    float days;                      /* active days, decayed */
    float novel[KT_NOVELS];          /* novelties after the first active day, decayed */
    uint16_t hours[24];              /* distinct (day, hour) */
    uint32_t pending_due, pending_n; /* numbers that wait, and the earliest at which one is due */
    uint64_t pending_bits[4]; /* one a number that waits, by a hash: where none is, none waits */
    struct {
        uint32_t from_min, until_min;
        uint16_t mark;     /* enum kt_held */
        uint16_t families; /* a bit for each enum kt_family of its evidence */
    } held[KT_HELD_MAX];   /* windows of incidents >= medium: not counted, unless dismissed */
    uint32_t held_n;
    uint32_t team;    /* hash of what colleagues have in common with it; 0 = nothing was told */
    int16_t zone_min; /* zoned: minutes east of UTC at its newest event: its day starts at midnight
                         there, unless it works around that */
    uint8_t zoned, pad[5];
    uint64_t call, call_sets; /* Doppler: its newest, and a bit for each config of it, by a hash */
    char name[128];
};

#define KT_NETWORK_ASN  (UINT64_C(5) << 60) /* the four highest bits of a network that is an ASN */
#define KT_NETWORK_EXIT (UINT64_C(6) << 60) /* … the operator of a listed exit, in one country */
#define KT_PLACES       12
#define KT_NETS         16
#define KT_CLIENTS      6
struct kt_place { /* an ASN, or what stands in for it */
    uint64_t network;
    uint32_t first_min, last_min;
    uint32_t taint_min; /* first seen in an incident: when that was; 0 = clean */
    uint16_t days, last_day;
    uint16_t surprise; /* points it had when it was new */
    uint16_t country;
};
struct kt_places { /* what one actor has used successfully */
    struct kt_place place[KT_PLACES];
    struct {
        uint64_t net;
        uint32_t last_min;
        uint16_t days, last_day; /* its own, of use; not 24 h behind */
    } net[KT_NETS];              /* /24 and /48 */
    struct {
        uint16_t code, last_day;
    } country[8];
    uint32_t client[KT_CLIENTS];     /* hashes of product and system, … */
    uint32_t client_min[KT_CLIENTS]; /* … and when each was new */
    uint64_t agent;                  /* hash of the last user agent, and its client */
    uint32_t agent_client, agent_pad;
    uint16_t n_place, n_net, n_country, n_client;
    uint16_t client_at, inside_seen, public_seen;
    uint16_t inside_day; /* of inside_seen, since 1970; 0: long ago */
};

/* ---- where ---- */
struct kt_where { /* the address with the facts in force */
    bool usable;  /* there is one, and the edge saw it */
    bool inside;  /* private, carrier NAT, loopback: no network of its own */
    bool hosting;
    struct kt_key address;
    uint64_t net;       /* /24, /48 */
    uint64_t network;   /* ASN, or the /16, /32 that stands in */
    uint32_t asn;       /* 0 = not known */
    uint16_t country;   /* two letters, 0 = not known */
    uint64_t build;     /* of the database */
    bool placed;        /* the database has coordinates: */
    double lat, lon;    /* degrees */
    unsigned radius_km; /* 0 = not told */
    const char *org;
};

/* ---- peers: read-only shared statistics ---- */
enum kt_dim { KT_DIM_NETWORK = 1, KT_DIM_COUNTRY, KT_DIM_NET };
#define KT_USERS_EXACT 16
#define KT_USERS_MANY  65536u
struct kt_value { /* one network or country: who used it */
    struct {
        uint32_t actor, first_min;
        uint16_t last_day, country;
        uint8_t kind;
        uint8_t tainted; /* first used in an incident: a newcomer, but no peer that excuses one */
        uint8_t pad[2];
    } user[KT_USERS_EXACT];
    uint32_t n, pad; /* exact ones */
    uint64_t
        beyond[KT_ACTOR_COUNT]; /* by kind: a bit of each of those who came too late for that */
    uint32_t shared_min;        /* when an incident of it was opened as a shared cause */
    uint32_t shared_last;       /* when it was last raised */
    char label[48];
};
struct kt_shared {
    const struct kt_conf *conf;
    struct kt_table *values;         /* enum kt_dim, value -> kt_value; peek only */
    uint32_t others[KT_ACTOR_COUNT]; /* actors of the kind with an event in 90 days */
    uint32_t active[KT_ACTOR_COUNT]; /* … in 3 days */
    bool learning;                   /* the installation: first 14 days of event time */
    uint32_t first_min, newest_min;
};

/* ---- what agents say of themselves ---- */
#define KT_REPORT_FINDINGS 16
struct kt_report {
    bool lost_batch; /* no heartbeat: a batch of lines, or one line, is lost; `reason` says why */
    struct kt_str reason;
    uint64_t lag;           /* bytes that wait to be read */
    uint64_t emptied, lost; /* since the agent's start: logs emptied; grows when records are lost */
    bool standby;           /* it says that it speaks to this collector as its stand-by */
    struct kt_str problem;  /* what it cannot see, first sentence; empty = nothing known */
    struct {
        struct kt_str code, text;
        uint64_t said; /* how often since the agent's start */
    } finding[KT_REPORT_FINDINGS];
    unsigned n_findings;
};

/* ---- the scene: one event, with everything that may be asked about it ---- */
struct kt_pending { /* put aside: counted 24 h later, when the actor is next touched */
    uint64_t key;
    uint32_t time_min; /* end of what it stands for; never 0 */
    uint16_t v[4];     /* v[0] adds up, the others keep the largest */
    uint8_t detector, what;
    uint8_t pad[2];
};

struct kt_novelty {        /* what new_secrets says of the event to those that run after it */
    unsigned weight;       /* hundredths of a secret the actor never read; 0 = known. A folder that
                              people share takes nothing off here. */
    bool known;            /* the actor took it up more than a day ago */
    struct kt_gamma usual; /* how many of this store it takes up on an active day */
};

#define KT_FOUND_MAX 8
#define KT_ASIDE_MAX 16 /* of all detectors together */
struct kt_scene {
    const struct kt_event *ev; /* under the actor's canonical name and kind */
    kt_time_ns t; /* event time, clamped to arrival + 5 min; of reports and ticks the arrival */
    kt_time_ns arrival;
    struct kt_str agent;            /* whose record it is; empty: the collector's */
    const struct kt_report *report; /* in on_report */
    uint32_t minute;
    bool late;                /* older than the windows reach: known sets and novelty only */
    bool taught;              /* success: it may add known values */
    bool read;                /* a value left, or may have */
    bool along;               /* a further name of a config that one call fetched: nothing more
                                 was asked for */
    struct kt_key who;        /* hash of the actor's name; 0,0 = nobody named */
    struct kt_key secret;     /* hash of the secret's id */
    struct kt_actor *actor;   /* NULL: this identity never succeeded */
    struct kt_places *places; /* NULL with actor; without this event */
    bool young;               /* DETECTION §2.5 */
    bool expected;            /* part of announced work: counted by itself, not with the rest */
    bool deploy;              /* a machine in a window of deploys: what is new to it is a rollout */
    struct kt_str ticket;     /* of the open break-glass record of this actor; empty: none */
    struct kt_where where;
    uint32_t client; /* hash of client family; 0 = none */
    struct kt_novelty novelty;
    const struct kt_shared *shared;
    struct kt_recall *recall;
    /* Whom the actor is by identities_file, or NULL; its name in the log, where that is another;
     * what colleagues have in common with it: the identity's team, else the event's role. */
    const struct kt_identity *identity;
    struct kt_str written, team;
    struct kt_json *json; /* for those who ask the original; a value lives until the next parse */
    /* of the detector that runs */
    struct kt_table *const *tables;
    uint8_t detector;
    struct kt_finding found[KT_FOUND_MAX];
    unsigned n_found;
    struct kt_pending put_aside[KT_ASIDE_MAX];
    unsigned n_put_aside;
};

/* ---- what must be told for a detector to fire ---- */
#define KT_NEEDS(X)                                                                                \
    X(ACTOR)     /* an access with a named actor that got in */                                    \
    X(PERSON)    /* of a person */                                                                 \
    X(READ)      /* of a secret */                                                                 \
    X(ADDRESS)   /* from a public address that the edge saw */                                     \
    X(COUNTRY)   /* whose country a database of addresses knew */                                  \
    X(REFUSED)   /* one that was refused or failed */                                              \
    X(GRANT)     /* a grant */                                                                     \
    X(FILE)      /* a read of a file of secrets, with its program and host */                      \
    X(CLIENT)    /* the client or program that asked */                                            \
    X(TOKEN)     /* its key or token */                                                            \
    X(FOLDER)    /* the folder that a program worked in */                                         \
    X(LEAKS)     /* findings of a leak scanner */                                                  \
    X(CANARY)    /* a canary in the configuration */                                               \
    X(TICK)      /* ticks of a running collector */                                                \
    X(HEARTBEAT) /* heartbeats of agents */                                                        \
    X(RULES)     /* rules in the configuration */
enum kt_need {
#define X(n) KT_NEED_##n,
    KT_NEEDS(X)
#undef X
        KT_NEED_COUNT
};
#define KT_NEED(n) (1u << KT_NEED_##n)
struct kt_part_needs { /* all of needs must be told */
    const char *part;  /* an option, or what the page calls it; NULL: the whole detector */
    unsigned needs;
};

/* ---- a detector ---- */
struct kt_detector {
    const char *name, *summary;
    const struct kt_option *options;
    size_t options_size;
    /* Checks and compiles what the table of options cannot; NULL: nothing to do. */
    enum kt_status (*check)(void *options, struct kt_error *err);
    const struct kt_part_needs *needs; /* ended by 0 needs; `keytrail detect lint` asks */
    /* Takes what the configuration brings beside options, such as rules; after check. detach drops
     * what it made. NULL: nothing to do. */
    enum kt_status (*attach)(void *options, const struct kt_conf *conf, struct kt_error *err);
    void (*detach)(void *options);
    const struct kt_table_decl *tables;
    unsigned n_tables;
    /* The kind of actor that the options make of it (enum kt_actor_kind), or -1; NULL: never. */
    int (*kind)(const struct kt_event *ev, const void *options);
    bool exposures; /* shown findings of leak scanners too; they have no actor and no address */
    void (*on_event)(struct kt_scene *s, const void *options);
    /* What on_event put aside, 24 h later; the scene holds the actor and the event that touched it.
     */
    void (*on_learn)(struct kt_scene *s, const void *options, const struct kt_pending *p);
    /* First tick of an hour of the log: s->t, s->minute, shared and tables only. */
    void (*on_hour)(struct kt_scene *s, const void *options);
    /* A heartbeat of an agent about one source, or its word that a batch is lost: s->ev, agent, t,
     * report, shared and tables only. */
    void (*on_report)(struct kt_scene *s, const void *options);
    /* A tick that the collector wrote, every 5 minutes while it runs: s->t, shared and tables only.
     * Where the log has no tick nobody was there to hear anything, and nothing is called. */
    void (*on_tick)(struct kt_scene *s, const void *options);
    /* For texts: what it looked at in this scene and found normal, "volume (3 reads in 1 h)". */
    void (*considered)(const struct kt_scene *s, const void *options, struct kt_buf *out);
    /* For those who compare people: the secrets that the actor touched lately, or NULL. The newest
     * may be missing where they were too many. */
    const struct kt_distinct *(*touched)(struct kt_table *const *tables, struct kt_key who);
    /* The path in which nobody read before the last 24 hours and below which most secrets lie that
     * the person took up in them, as its hash; 0: none. */
    uint64_t (*ground)(struct kt_table *const *tables, struct kt_key who, uint32_t minute);
    /* For `keytrail status`: what is not as it should be now, as JSON strings of an array that is
     * open in out. */
    void (*status)(struct kt_table *const *tables, struct kt_buf *out);
    /* For metrics: source instances that say nothing though they should, the same way. */
    void (*silent)(struct kt_table *const *tables, struct kt_buf *out);
};
#define KT_DETECTORS_MAX 16
extern const struct kt_detector *const kt_detectors[]; /* registry.c, NULL-ended */
unsigned kt_detectors_count(void);
/* The page of detector number i, as it stands in detectors/NAME.md. */
const char *kt_detector_page(unsigned i);

/* ---- what detectors call ---- */
/* A new finding about the actor, to be filled in; NULL when it is below 1.0 or one too many. */
struct kt_finding *kt_find(struct kt_scene *s, enum kt_family family, int points, unsigned flags,
                           void (*words)(const struct kt_scene *s, struct kt_finding *f));
/* Puts numbers aside for on_learn; the same (what, key) adds up. */
void kt_put_aside(struct kt_scene *s, uint8_t what, uint64_t key, uint32_t time_min,
                  const uint16_t v[4]);
/* Formats into a fixed text, cut on a character. */
void kt_say(char *dst, size_t n, const char *fmt, ...) KT_PRINTF(3, 4);
#define KT_SAY(dst, ...) kt_say(dst, sizeof(dst), __VA_ARGS__)
/* "1,040"; buf holds 32. */
const char *kt_say_count(double n, char buf[32]);
/* A name from outside, at most max bytes, "…" when cut; buf holds 160. */
const char *kt_say_name(struct kt_str name, unsigned max, char buf[160]);
/* "AS24940 Hetzner (FI)", "network 203.0.0.0/16 (ASN unknown, DE)". */
void kt_say_network(const struct kt_where *w, char *dst, size_t n);

bool kt_kind_is_person(uint8_t kind); /* human, unknown and root use the human row */
/* The names of signatures (kt_finding.sign): those of the detector signatures, and the detectors
 * that have one of their own. */
#define KT_SIGN_BREAK_GLASS "break_glass"
bool kt_sign_known(struct kt_str word);
const char *kt_kind_noun(uint8_t kind, bool plural);
/* The actor's slot for a network, or NULL. */
const struct kt_place *kt_place_of(const struct kt_places *p, uint64_t network);
bool kt_net_known(const struct kt_places *p, uint64_t net);
bool kt_country_known(const struct kt_places *p, uint16_t country);
bool kt_client_known(const struct kt_places *p, uint32_t client);
/* Was what the actor first did at first_min part of an incident that was judged true, or that
 * nobody judged for lasts_min? */
bool kt_first_in_incident(const struct kt_actor *a, uint32_t first_min, uint32_t minute,
                          uint32_t lasts_min);
/* Was somebody told of evidence of that family about the actor, in an incident of its own around
 * that minute? Not so where its evidence only joined a change of the environment, was weighed down
 * below an alert, or was announced. The event itself says it to those that come after it. A verdict
 * that dismisses it does not unsay it. */
bool kt_told_of(const struct kt_actor *a, uint32_t minute, enum kt_family family);
bool kt_place_tainted(const struct kt_place *p, uint32_t minute);
/* Other actors of the kind (any kind: KT_ACTOR_COUNT) that used the value in 90 days. Exact while
 * the value has KT_USERS_EXACT users; beyond them about as many as there are, without an end of the
 * 90 days, and KT_USERS_MANY where they are too many to be told. */
unsigned kt_value_users(const struct kt_scene *s, enum kt_dim dim, uint64_t value, unsigned kind);
/* Of these the ones beyond the exact, and the bit of one among them. */
unsigned kt_value_beyond(const struct kt_scene *s, const struct kt_value *v, unsigned kind);
uint64_t kt_value_bit(uint32_t actor);
/* Has the actor used another network of the same operator (hosting_asns) since then, which is not
 * suspect? */
bool kt_operator_known(const struct kt_scene *s, uint32_t since_min);
/* Does the glob of a configuration mean this actor, by its own name or as the log has it? */
bool kt_actor_fits(const struct kt_scene *s, struct kt_str glob);
/* The configured network that has the address and names this actor or everybody: of several the
 * narrowest, of two alike the first. NULL: none. */
const struct kt_conf_network *kt_network_listed(const struct kt_scene *s);
bool kt_network_expected(const struct kt_scene *s);
/* Asked for a secret without getting its value: listed, described, refused, not there. */
bool kt_event_is_probe(const struct kt_event *ev);
/* An item of 1Password that its app typed into the site it belongs to: it was used, and nobody saw,
 * copied or exported its value. */
bool kt_event_is_fill(const struct kt_event *ev);
/* Does the glob fit the id of a secret, its path, or the path from one of its slashes on? Any name
 * with slashes does as well. */
bool kt_secret_fits(struct kt_str glob, struct kt_str id);
/* Is the secret production (DETECTION §2.9)? 1 yes, 0 no, -1 not known. */
int kt_production(const struct kt_conf *conf, struct kt_str secret);
/* The day of an actor that holds the minute, the minute at which a day begins, and the date (days
 * since the epoch) of what it calls that day. */
uint32_t kt_actor_day(const struct kt_actor *a, uint32_t minute);
uint32_t kt_actor_day_begins(const struct kt_actor *a, uint32_t day);
uint32_t kt_actor_date(const struct kt_actor *a, uint32_t minute);
