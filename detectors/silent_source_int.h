/*
 * silent_source_int: what the parts of silent_source share.
 *
 * Owns:  its state by source and by agent. silent_source.c: the tables, events, heartbeats, ticks;
 *        silent_usual.c: which pauses and how many events are usual; silent_loss.c: records that
 *        are lost for sure; silent_words.c: the sentences of silence.
 */
#ifndef KT_DETECTORS_SILENT_SOURCE_INT_H
#define KT_DETECTORS_SILENT_SOURCE_INT_H

#include "detectors/detector.h"

#define DAY_MIN    1440u
#define WEEK_HOURS 168u
#define PAUSE_DAYS 28u
#define HELD_MAX   4u

enum { T_SOURCE, T_AGENT, T_CLOCK };
enum kt_silent_loss { L_BATCH, L_EMPTIED, L_DROPPED, L_FINDING, L_UNANSWERED, L_CLOCK, LOSSES };
enum kt_silent_state { FINE, AWAY, UNREAD, QUIET };

struct kt_silent_options {
    kt_time_ns heartbeat, least, learn;
    uint64_t quiet, busy, away, unread, emptied, lost, clock, unanswered;
    bool standby;
};
struct kt_silent_pauses { /* the longest of each of 28 days */
    uint16_t day[PAUSE_DAYS], usual[PAUSE_DAYS], told[PAUSE_DAYS];
};
struct kt_silent_told { /* when, and how often in a row */
    uint32_t last_min, n;
};
struct kt_silent_source {
    char instance[64], type[24];
    uint64_t scope; /* hash: instances of one cluster share it */
    struct kt_key agent;
    struct kt_ring ring;
    struct kt_silent_pauses pauses; /* in minutes */
    struct kt_silent_pauses missed; /* in events that were to be expected in them */
    float rate[WEEK_HOURS];         /* events in an hour of the week */
    uint32_t known[(WEEK_HOURS + 31) / 32];
    uint32_t first_min, newest_min; /* event time */
    uint32_t arrived_min;           /* when the newest event came */
    uint32_t reported_min;          /* the agent's own time of its newest report about it */
    uint32_t free_min;              /* end of a maintenance window: pauses begin no earlier */
    uint32_t hour;                  /* the next to be counted */
    uint32_t spoke_min;             /* when that report came */
    uint32_t silent_min, told_min;  /* since when it is quiet or not read, and when that was told */
    struct {
        uint32_t from_min, until_min;
    } held[HELD_MAX]; /* told silences: their hours are not counted */
    uint32_t held_n;
    uint32_t heard; /* the agent's counters below are known */
    uint64_t lag, emptied, lost, said;
    uint32_t ten, answers, alone; /* of the ten minutes in work */
    struct kt_silent_told told[LOSSES];
};
struct kt_silent_agent {
    char name[64];
    struct kt_silent_pauses pauses;
    kt_time_ns reported; /* its own time of its newest report */
    uint32_t first_min, heard_min, up_min, free_min;
    uint32_t state;
    uint32_t untold, told_min; /* news wait for room to be told; when news were told last */
    uint32_t episode;          /* when its incident began */
    uint32_t crowd;            /* told together with others */
    uint32_t standby;          /* its newest report came here because its first was silent */
    struct kt_silent_told told[LOSSES];
    /* counted anew at each tick */
    uint32_t sources, excused, unread, quiet, fresh;
    struct kt_key worst;
    uint32_t worst_gap, worst_record, worst_points;
    uint32_t worst_missed; /* most events that a pause missed before; 0 = the minutes decided */
    double worst_expected, worst_weight;
};
struct kt_silent_clock {
    uint32_t last_min, resumed_min, crowd_min;
    uint32_t standby_from, standby_min; /* agents whose first is silent were heard */
    uint32_t pad;
};

struct kt_silent_gap {
    double events;
    unsigned hours; /* in which at least one was to be expected */
};

static inline uint32_t kt_silent_later(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline uint32_t kt_silent_earlier(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t kt_silent_minutes(kt_time_ns t)
{
    return (uint32_t)(t / KT_NS_MIN);
}

/* ---- silent_usual.c ---- */

/* A pause of so many minutes (or missed events) that ended at minute; told: it was in an alert. */
void kt_silent_note_pause(struct kt_silent_pauses *p, uint32_t minute, uint32_t pause, bool told);
/* The longest usual pause of the 28 days before today; *ret_days of them have one on record. One
 * that was told counts from the third day on: what people let happen three times in a month is no
 * news. */
uint32_t kt_silent_longest_pause(const struct kt_silent_pauses *p, uint32_t minute,
                                 unsigned *ret_days);
/* Is there maintenance of the source or agent of that name at t, or just before or after? */
bool kt_silent_in_window(const struct kt_conf *conf, const char *name, kt_time_ns t);
/* In minutes [from, until), by hours of the week that were counted, and not on holidays. */
struct kt_silent_gap kt_silent_missing(const struct kt_scene *s, const struct kt_silent_source *x,
                                       uint32_t from, uint32_t until);
/* Events in minutes [from, until), by hours of the week, and by hours of other days where those
 * are not known. */
double kt_silent_expected(const struct kt_silent_source *x, uint32_t from, uint32_t until);
/* Counts the hours that ended a day before minute. */
void kt_silent_roll(const struct kt_scene *s, struct kt_silent_source *x, uint32_t minute);

/* ---- silent_source.c ---- */

struct kt_key kt_silent_key(const struct kt_scene *s, struct kt_str name, struct kt_str type);
struct kt_key kt_silent_agent_key(struct kt_str name);
/* An incident of an agent is one episode: what stops hours later is another. a: may be NULL. */
struct kt_key kt_silent_episode(struct kt_key agent, const struct kt_silent_agent *a);
/* A finding of at most 1,000 points that joins the agent's incident; NULL: no room for it, or not
 * told. x: the source it is about, or NULL. */
struct kt_finding *kt_silent_tell(struct kt_scene *s, struct kt_key agent, uint64_t points,
                                  unsigned flags, const struct kt_silent_source *x,
                                  void (*words)(const struct kt_scene *s, struct kt_finding *f));

/* ---- silent_loss.c ---- */

/* A record that says that something was lost. which: the finding of the report, or minutes. */
void kt_silent_lose(struct kt_scene *s, const struct kt_silent_options *o,
                    struct kt_silent_source *x, enum kt_silent_loss loss, unsigned which);
/* What the agent's report counts: emptied logs, dropped records, findings of loss. */
void kt_silent_counters(struct kt_scene *s, const struct kt_silent_options *o,
                        struct kt_silent_source *x);
/* Requests of a Vault without a response. */
void kt_silent_answers(struct kt_scene *s, const struct kt_silent_options *o,
                       struct kt_silent_source *x);

/* ---- silent_words.c ---- */

enum { KT_SILENT_N_AWAY, KT_SILENT_N_AGENTS, KT_SILENT_N_SINCE }; /* numbers of a crowd */

const char *kt_silent_say_minute(uint32_t minute, char buf[KT_TIME_TEXT_MAX]);
const char *kt_silent_say_span(uint32_t span, char buf[KT_TIME_TEXT_MAX]);
void kt_silent_words_of_state(const struct kt_scene *s, struct kt_finding *f);
void kt_silent_words_of_crowd(const struct kt_scene *s, struct kt_finding *f);

#endif
