/*
 * detect_state: what the files of the detection engine share. Included by collector/detect*.c only.
 * Everything that is saved is a plain struct or a table of them.
 */
#pragma once
#include "collector/aside_index.h"
#include "collector/detect.h"
#include "core/event/decision.h"
#include "core/event/json.h"
#include "core/query/settings.h"
#include "detectors/detector.h"

#define INCIDENT_PARTS   8
#define INCIDENT_EVENTS  KT_ALERT_EVENTS_MAX
#define INCIDENT_SECRETS 8
#define INCIDENT_MEMBERS 20
#define INCIDENT_MORE    (INCIDENT_MEMBERS + 1u) /* members_n: more than it can list */
#define INCIDENT_HASHES  64
#define INCIDENT_MARKS   64 /* words of 64 marks, one a secret */
#define INCIDENT_NAMES   4
#define INCIDENT_CLIENTS 4    /* of one network; a fifth is always another */
#define INCIDENT_CROWD   3u   /* members: no longer the story of one account */
#define ENGINE_DETECTOR  0xff /* kt_pending.detector of the engine's own numbers */

struct fact { /* what was known of an address when the log said it */
    uint64_t build;
    uint32_t asn;
    uint16_t country;
    uint8_t hosting, placed; /* placed: with coordinates */
    int16_t lat_e2, lon_e2;  /* hundredths of a degree */
    uint16_t radius_km;      /* 0 = not told */
    uint16_t day;            /* on which it was used last */
    char org[48];
};
enum read_class { READ_PRODUCTION, READ_OTHER, READ_UNKNOWN, READ_CLASSES };
enum together {
    KT_ALONE,
    KT_TOGETHER,   /* of several people who are odd over the same secrets, or on one new ground */
    KT_APART,      /* of one of them, who reads mostly others: no colleague explains it */
    KT_ONE_CAUSE,  /* of several actors who showed the same, and of nothing else */
    KT_SHIFT,      /* of a team whose people were all at work at hours new to each */
    KT_FIRST_RUNS, /* of machines that are new here and began with the same secrets */
    KT_HOSTS       /* of accounts of one name on several hosts, which took up the same program */
};
#define CAUSES_MIXED UINT64_MAX /* incident.cause: several, or one that is told of one actor */

struct part { /* the best evidence of one family and role: alone, leaning, added */
    int points;
    uint32_t flags;
    uint8_t set, family, detector, pad;
    char title[240], normal[400], quiet[240], text[160];
};
struct incident {
    uint8_t id[16], before[16]; /* the incident of this key that came earlier */
    uint64_t serial;
    struct kt_key key;
    uint8_t key_kind, critical, environment, closed;
    kt_time_ns first, last, raised;
    kt_time_ns since; /* of the oldest event that its evidence counts: held back from there on */
    int notified, severity; /* total and severity of the last notice; severity -1 = none yet */
    int success_told;
    struct part part[INCIDENT_PARTS];
    uint64_t cause;   /* of all its evidence, kept or not; 0: none yet */
    uint64_t network; /* that was new in it */
    uint64_t events_n, told_n, secrets_n;
    uint64_t hash[INCIDENT_HASHES]; /* the newest secrets, each … */
    uint8_t class[INCIDENT_HASHES]; /* … of this enum read_class, … */
    /* … read, of several people, by this one alone so far: kt_detect_reader_of; 0 = in common */
    uint8_t by[INCIDENT_HASHES];
    uint32_t read_n[READ_CLASSES]; /* secrets_n by class */
    uint64_t ground;               /* of several: the path that a team took up; 0 = none */
    uint32_t mass_n;    /* actors of a change of the environment, when it was put in words */
    uint32_t runs;      /* incidents of this machine before it that came at this hour of the day */
    int runs_told;      /* the largest total of them that somebody was told */
    uint32_t quiet_run; /* it would be an alert, were it not told by those */
    uint32_t members_n, members[INCIDENT_MEMBERS];
    struct kt_key member_key[INCIDENT_MEMBERS];
    uint64_t build;
    char event[INCIDENT_EVENTS][96], secret[INCIDENT_SECRETS][200], production[200];
    char actor[128], ip[KT_IP_TEXT_MAX], network_text[96], country[4], instance[64], source[32];
    char user_agent[160], considered[600];
    char written[INCIDENT_NAMES][96]; /* the actor's name in the log, where it is another */
    char suppressed_by[400];          /* the expectation that keeps it quiet; empty: none */
    char ticket[64];                  /* the first that a source names; nobody checks it */
    /* Of the last notice; told_by: detector + 1, 0 = none, or by a build that did not note it. */
    uint8_t actor_kind, told_members, told_by;
    uint8_t together;  /* enum together */
    uint32_t told_min; /* when that was, by event time */
    int told_points;   /* of the main part then */
    /* detect_again.c: the one before it that somebody was told of, whether this is it again, and
     * whether something in it is new; of that one, how often it came again, and when last; of each,
     * the clients in its network, and those of alerts before that nobody judged. */
    uint64_t told_before;
    uint8_t again, news, client_n;
    uint8_t rented;  /* `network` is one of rented servers */
    uint8_t acked;   /* somebody has it in hand */
    uint8_t strange; /* something in it did not come from the actor's own desk */
    uint8_t pad[2];
    uint32_t again_n;
    kt_time_ns again_last;
    uint32_t client[INCIDENT_CLIENTS]; /* 0: it named none */
    uint64_t mark[INCIDENT_MARKS];     /* of all secrets that were read in it, a bit each */
};
struct withheld {   /* what an incident holds back of one actor, for a verdict */
    uint8_t id[16]; /* of the incident */
    struct kt_key who;
    uint64_t network; /* that was new in it; 0 = none */
    uint32_t number, from_min, until_min;
    uint32_t since_min; /* held back from here on, not from the first event */
    uint32_t n;         /* numbers that fell due in it, set aside under its key */
    uint8_t verdict;    /* enum kt_finding_verdict + 1; 0 = nobody judged it */
    uint8_t silent;     /* it is announced work */
    uint16_t families;  /* a bit for each of its evidence */
};

#define ASIDE_BLOCK 8u
struct aside { /* numbers that wait, of one owner; time_min 0 = none */
    struct kt_pending item[ASIDE_BLOCK];
};
enum { ASIDE_HOUR, ASIDE_PLACE }; /* kt_pending.what of the engine's own */

#define MASS_MAX 64
struct mass { /* who showed a family lately, by kind of actor */
    uint32_t actor[MASS_MAX], minute[MASS_MAX];
    uint64_t network[MASS_MAX];
    uint32_t n, raised_min;
};
#define DAILY_DAYS 90u
struct daily { /* of one detector, by day of event time modulo DAILY_DAYS */
    uint32_t newest;
    uint16_t surprise[DAILY_DAYS], opened[DAILY_DAYS]; /* largest points; incidents told */
};
#define SEEN_HOURS (3u * 24 + 1)
#define SEEN_DAYS  91u
struct seen {      /* actors by the hour and the day of their newest event, modulo the lengths */
    uint32_t hour; /* the newest */
    uint32_t by_hour[KT_ACTOR_COUNT][SEEN_HOURS], by_day[KT_ACTOR_COUNT][SEEN_DAYS];
};
struct core { /* the scalars of the state */
    uint64_t position, incident_serial, alerts, evidence;
    kt_time_ns last_tick, last_arrival;
    uint32_t actor_number, last_hour, first_min, newest_min;
    uint32_t kept, pad; /* numbers that wait for verdicts */
    uint64_t put_aside_lost, clamped, suppressed, verdicts, verdicts_late;
    uint64_t config_refused; /* recorded configurations that could not be used */
    uint64_t forgotten;      /* actors that made room for others */
    uint32_t others[KT_ACTOR_COUNT], active[KT_ACTOR_COUNT];
    struct seen seen;
    struct daily daily[KT_DETECTORS_MAX];
};

struct kt_tuning { /* the options that hold, and what their strings live in */
    void *options[KT_DETECTORS_MAX];
    struct kt_arena keep;     /* of --set */
    struct kt_conf *own_conf; /* recorded, or defaults; NULL: the conf that was given */
};

#define TABLES_MAX 15
struct kt_detect {
    struct kt_detect_options o;
    struct kt_tuning tuning;
    struct kt_settings in_force, coming; /* recorded; in_force.part is 0 before the first */
    bool settings_changed;               /* since kt_detect_settings */
    struct kt_shared shared;
    struct {
        struct kt_table *table[TABLES_MAX];
    } detector[KT_DETECTORS_MAX];
    unsigned n_detectors;
    struct kt_table *actors, *places, *facts, *incidents, *index, *mass;
    /* Facts of addresses that nobody got in from: a flood pushes out those only. */
    struct kt_table *strangers;
    struct kt_table *aside;                       /* detect_aside.c */
    struct kt_aside_index *aside_index;           /* the same; no state */
    struct kt_table *expected, *signs, *withheld; /* detect_decide.c */
    struct core core;
    struct kt_scene scene;
    struct kt_recall recall;        /* what it may ask again; no state */
    struct kt_named *named;         /* detect_who.c: the event in work under the actor's own name */
    const struct kt_record *record; /* the one in work */
    const struct kt_decision *work; /* the expectation that it is part of, or NULL */
    kt_time_ns arrival;
    struct kt_event tick; /* the tick in work, with an id of its own */
    char tick_id[32];
    struct kt_json *json;
    struct kt_buf text; /* of the alert in work */
    /* No state: a walk over the incidents is spared while both say that it finds nothing. */
    bool incidents_changed;
    kt_time_ns next_close;
};

/* ---- detect.c: the tables ---- */
/* Forgets everything that was learned: with the settings it is the state before the first record.
 */
void kt_detect_empty(struct kt_detect *d);
void kt_detect_refresh(struct kt_detect *d); /* shared statistics, from the state */
/* Tables in the order in which they are saved, NULL behind the last; *ret_id numbers them. */
struct kt_table *kt_detect_table(const struct kt_detect *d, unsigned i, unsigned *ret_id);

/* ---- detect_sound.c: may a struct that comes from a file be used? ---- */
bool kt_sound_actor(const void *state);
bool kt_sound_places(const void *state);
bool kt_sound_fact(const void *state);
bool kt_sound_value(const void *state);
bool kt_sound_mass(const void *state);
bool kt_sound_aside(const void *state);
bool kt_sound_expected(const void *state);
bool kt_sound_withheld(const void *state);
bool kt_sound_incident(const void *state);

/* ---- detect_who.c: whose event it is ---- */
/* Fills in identity, actor, kind, team; s->ev is then the event under the canonical name. */
void kt_detect_who(struct kt_detect *d, struct kt_scene *s);

/* ---- detect_actor.c: where, what was known ---- */
void kt_detect_where(struct kt_detect *d, struct kt_scene *s);
uint32_t kt_detect_client(struct kt_str user_agent);
struct kt_actor *kt_detect_actor_new(struct kt_detect *d, struct kt_scene *s);
/* Adds the actor to those of its kind that were seen at its newest event, or takes it out: before
 * and after either changes. The counts reach back from the newest hour of all. */
void kt_detect_count(struct kt_detect *d, const struct kt_actor *a, int by);
void kt_detect_count_until(struct kt_detect *d, uint32_t hour);
/* The event's values become known; what the detectors put aside is kept for later. */
void kt_detect_seen(struct kt_detect *d, struct kt_scene *s);
void kt_detect_hold(struct kt_actor *a, uint32_t from_min, uint32_t until_min, enum kt_held mark,
                    uint16_t families);
/* A use of the network that excuses no colleague, or does again. */
void kt_detect_mark_user(struct kt_detect *d, uint64_t network, uint32_t actor, bool tainted);
/* Three people who took a network up within a day know something: it is no habit of each. */
bool kt_detect_shared_cause(const struct kt_detect *d, uint64_t network, uint32_t minute);
/* Takes the mark off the event's network when it was a shared cause. */
void kt_detect_clear(struct kt_detect *d, struct kt_scene *s);
/* Marks the networks that were first seen in the window. */
void kt_detect_taint(struct kt_detect *d, struct kt_key who, uint32_t from_min, uint32_t until_min);

/* ---- detect_aside.c: numbers that wait ---- */
/* The scene's actor did that: counted 24 h later. */
void kt_detect_put_aside(struct kt_detect *d, const struct kt_scene *s, const struct kt_pending *p);
/* Counts what is 24 h old, unless an incident holds it back. */
void kt_detect_apply(struct kt_detect *d, struct kt_scene *s);
/* Counts one number that was put aside. */
void kt_detect_learn(struct kt_detect *d, struct kt_scene *s, const struct kt_pending *p);
/* Lists of an owner, who keeps the length: number i of it (false: it is lost), one more at the end
 * (false: there is no room), and all from number `keep` on away. */
bool kt_detect_aside_at(const struct kt_detect *d, struct kt_key owner, uint32_t i,
                        struct kt_pending *ret);
bool kt_detect_aside_add(struct kt_detect *d, struct kt_key owner, uint32_t *n,
                         const struct kt_pending *p);
void kt_detect_aside_cut(struct kt_detect *d, struct kt_key owner, uint32_t *n, uint32_t keep);

/* ---- detect_config.c: the settings that hold ---- */
KT_MUST_USE enum kt_status kt_detect_config_new(struct kt_detect *d, struct kt_error *err);
void kt_detect_config_free(struct kt_detect *d);
/* A config record: what it says holds from its last part on. */
void kt_detect_config(struct kt_detect *d, const struct kt_event *ev);
void kt_detect_config_save(const struct kt_detect *d, struct kt_buf *out);
bool kt_detect_config_load(struct kt_detect *d, struct kt_rd *in);
/* ---- detect_decide.c: verdicts, expectations ---- */
void kt_detect_decision(struct kt_detect *d, const struct kt_record *r);
/* Is the scene part of a deploy, is a break-glass record open for its actor? */
void kt_detect_context(struct kt_detect *d, struct kt_scene *s);
/* The expectation that keeps the finding quiet, or NULL; a signature counts as told then. */
const struct kt_decision *kt_detect_expected(struct kt_detect *d, const struct kt_scene *s,
                                             const struct kt_finding *f);
/* Key of the incident that such evidence goes to, and its mark. */
struct kt_key kt_detect_quiet_key(struct kt_key key, const struct kt_decision *e);
void kt_detect_quiet(struct kt_detect *d, struct incident *in, const struct kt_decision *e);
/* Remembers that the incident holds back what it has of a member, for a verdict. */
struct withheld *kt_detect_withhold(struct kt_detect *d, const struct incident *in,
                                    unsigned member);
bool kt_detect_dismissed(const struct withheld *w);
/* Its window, by what it is and how it was judged. */
void kt_detect_hold_by(struct kt_actor *a, const struct withheld *w);
/* Did somebody judge the incident? */
bool kt_detect_is_judged(const struct kt_detect *d, const struct incident *in);
/* What the incident holds back of the actor, when somebody judged it; else NULL. */
const struct withheld *kt_detect_judged(const struct kt_detect *d, const struct incident *in,
                                        struct kt_key who);
void kt_detect_withheld_merge(struct kt_detect *d, const struct incident *old,
                              const struct incident *young);
/* A number that fell due and is held back: kept for a verdict. */
void kt_detect_put_by(struct kt_detect *d, const struct kt_actor *a, struct kt_key who,
                      const struct kt_pending *p);
/* Each hour: expectations that are over, and numbers that waited for 90 days. */
void kt_detect_forget(struct kt_detect *d, kt_time_ns now);

/* ---- detect_report.c: what agents and the clock say ---- */
/* A scene without actor and place. */
void kt_detect_plain_scene(struct kt_detect *d, const struct kt_event *ev, kt_time_ns t);
void kt_detect_report(struct kt_detect *d, const struct kt_event *ev);
void kt_detect_tick(struct kt_detect *d, const struct kt_event *ev);

/* ---- detect_incident.c: evidence to incidents to alerts ---- */
void kt_detect_fuse(struct kt_detect *d, struct kt_scene *s);
void kt_detect_close_old(struct kt_detect *d, kt_time_ns now);
/* The incident of the key that takes evidence at t, or NULL. */
struct incident *kt_detect_incident(struct kt_detect *d, enum kt_key_kind kind, struct kt_key key,
                                    kt_time_ns t);
/* Does its key still lead to it, and not to a newer one? */
bool kt_detect_is_newest(const struct kt_detect *d, const struct incident *in);

/* The parts of one, where they are larger, in the other. */
void kt_detect_take_parts(struct kt_detect *d, struct kt_scene *s, struct incident *to,
                          const struct incident *from);
/* Counts the event, and lists what it names. */
void kt_detect_note_event(const struct kt_scene *s, struct incident *in);
int kt_detect_severity(int weighted, bool critical);
/* All of the younger becomes the older's; its alert is closed as merged. */
void kt_detect_merge(struct kt_detect *d, struct kt_scene *s, struct incident *old,
                     struct incident *young);

/* ---- detect_reads.c: which secrets were read in an incident ---- */
/* So many of them are known one by one. */
unsigned kt_detect_listed(const struct incident *in);
/* Of several people: how many of those were so far read by that one (kt_detect_reader_of) alone; 0:
 * how many are in common. */
unsigned kt_detect_brought(const struct incident *in, uint8_t by);
/* The place of a member in the list + 1; INCIDENT_MORE: it is not listed. */
uint8_t kt_detect_place_of(const struct incident *in, uint32_t number);
/* Of whom it is noted what he brought: that place, behind the list one of 235 numbers, by the
 * actor's. */
uint8_t kt_detect_reader_of(const struct incident *in, uint32_t number);
void kt_detect_read(const struct kt_scene *s, struct incident *in);
/* What both have read counts once. */
void kt_detect_reads_merge(struct incident *old, const struct incident *young);
/* The first row of a list that is free; the last one, when none is. Rows are taken in order: behind
 * one that is taken at the end none is free. */
char *kt_detect_row(char *rows, size_t width, unsigned n);

/* ---- detect_together.c: colleagues at one thing, or on one new ground ---- */
/* The incident, before it is told the first time, or the one of others that it is part of. */
struct incident *kt_detect_together(struct kt_detect *d, struct kt_scene *s, struct incident *in);
#define OTHERS_MAX 8u
/* Adds a serial to the n that are kept, the oldest first and OTHERS_MAX at most. Returns how many
 * are kept then. */
unsigned kt_detect_keep_oldest(uint64_t kept[OTHERS_MAX], unsigned n, uint64_t serial);
/* So many of the team of the scene's actor are no chance: a third of those who are active, three at
 * least. */
unsigned kt_detect_most_of_team(const struct kt_detect *d, const struct kt_scene *s);
/* Makes the incidents of what the finding gathers one with its own, whose key leads to it then. */
void kt_detect_gather(struct kt_detect *d, struct kt_scene *s, const struct kt_finding *f);
/* Is what was found in the scene, of a member of several people, explained by what they have in
 * common? KT_TOGETHER: it is, or `in` is not of several; else what an incident of the
 * member's own is to be. */
enum together kt_detect_part_of(const struct incident *in, const struct kt_scene *s);

/* ---- detect_again.c: the same evidence on another day ---- */
/* The incident that one of the key refers to when it opens now; `before` is the newest, or NULL. */
uint64_t kt_detect_told_before(const struct incident *before);
/* Notes the client of an event of the incident. */
void kt_detect_note_client(const struct kt_scene *s, struct incident *in);
/* Before the event is weighed: does it bring the incident something that nobody was told of? */
void kt_detect_note_news(struct kt_detect *d, const struct kt_scene *s, struct incident *in);
/* Is the incident, which would be told now, what somebody was told of before? Then it was made part
 * of that alert. */
bool kt_detect_again(struct kt_detect *d, struct kt_scene *s, struct incident *in);

/* ---- detect_total.c: what an incident keeps and weighs ---- */
/* Where the finding goes: the part of its family and role, else a free one, else that of the
 * weakest evidence, which is emptied. NULL: all that is kept is as strong. */
struct part *kt_detect_slot(struct incident *in, const struct kt_finding *f, bool learning);
/* Weighted total and the plain one, in points. */
int kt_detect_total(const struct incident *in, bool learning, int *ret_weighted);
struct part *kt_detect_main_part(struct incident *in, bool learning);
/* Of the two parts of a family, what stands alone and what leans on another: is it this one that
 * the total takes? While the installation learns, evidence that raises nothing decides nothing. */
bool kt_detect_counts(const struct incident *in, const struct part *p, bool learning);

/* ---- detect_told.c: whom it names, what was told ---- */
void kt_detect_member(struct incident *in, struct kt_key who, uint32_t number);
/* Somebody is told now, of this first. */
void kt_detect_told(struct incident *in, const struct part *main, uint32_t minute);
/* Is it the same incident, and not the one that was looked at? Twice as many accounts, or, once,
 * more than it lists; of several accounts, another detector's words, with more points or later; a
 * signature again, later. Later is an hour at first, and doubles each time. */
bool kt_detect_wider(const struct incident *in, const struct part *main, bool again,
                     uint32_t minute);

/* ---- detect_daily.c: what each detector said day by day ---- */
void kt_detect_daily_surprise(struct kt_detect *d, const struct kt_scene *s,
                              const struct kt_finding *f);
void kt_detect_daily_opened(struct kt_detect *d, const struct kt_scene *s, uint8_t detector);
/* `"noisy":[…],"levels":{"unusual_time":4.1}`: sentences on detectors that say too much to be read;
 * the surprise that a day's largest passes about once in 30 days, to be held against the threshold,
 * of detectors with 60 days. */
void kt_detect_daily_status(const struct kt_detect *d, struct kt_buf *out);

/* ---- detect_text.c: words ---- */
void kt_detect_emit(struct kt_detect *d, struct incident *in, const char *state, bool is_new,
                    const char *merged_into);
void kt_detect_considered(struct kt_detect *d, const struct kt_scene *s, struct incident *in);

/* ---- detect_change.c: what several show because somebody decided it ---- */
/* The incident, before it is told the first time, or the one of one name on other hosts that it is
 * part of. */
struct incident *kt_detect_change(struct kt_detect *d, struct kt_scene *s, struct incident *in);
/* Is what was found in the scene, of a member of one name on several hosts, part of it? Else it is
 * his own. */
bool kt_detect_still_hosts(const struct incident *in, const struct kt_scene *s);
/* The alert whose hours or first runs the incident, which would be told now, is one of; NULL: there
 * is none. Asked again at each event. */
struct incident *kt_detect_change_of(struct kt_detect *d, const struct kt_scene *s,
                                     const struct incident *in);
/* The severity that it has by itself. */
int kt_detect_gravity(const struct kt_detect *d, const struct incident *in);
/* Notes whether the event comes from the actor's own desk. */
void kt_detect_note_desk(const struct kt_scene *s, struct incident *in);
