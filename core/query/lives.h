/*
 * lives: the life of each alert that somebody did something about: a fold over the steps of the
 * log (core/event/step.h), the same for the collector, which keeps it current, and for commands.
 *
 * What is not here is open. Whether detection ended an alert (merged into another, the cause of one
 * about keytrail itself is over) says its own document.
 */
#pragma once
#include "core/base/map.h"
#include "core/event/step.h"
#include "core/store/read.h"

enum kt_life_status { KT_LIFE_OPEN, KT_LIFE_ACKNOWLEDGED, KT_LIFE_CLOSED, KT_LIFE_COUNT };
const char *kt_life_word(enum kt_life_status status);
int kt_life_of_word(struct kt_str word); /* -1: none */

struct kt_life_mark {  /* a step that is in force */
    kt_time_ns at;     /* 0: none of that kind is */
    int verdict;       /* enum kt_finding_verdict; of closed */
    char severity[12]; /* of the alert then; empty: not recorded */
    char *by, *where;  /* owned, never NULL where at is not 0 */
    char *text;        /* of assigned: to whom; else why, or the note */
};
struct kt_life {
    enum kt_life_status status;
    struct kt_life_mark acked, assigned, closed, reopened;
    struct kt_life_mark said; /* the newest note, or reason of a close or a reopening */
    unsigned notes, reopens;  /* how many there were */
    unsigned steps;           /* of all kinds: the name of the newest among those of its alert */
};
void kt_life_done(struct kt_life *l);
/* A step that changes nothing (a second ack) is none: false. */
bool kt_life_take(struct kt_life *l, const struct kt_step *s);

struct kt_lives {
    struct kt_map *ids;
    struct kt_life **at; /* by number of the id: each stays where it is */
    unsigned cap;
    struct kt_damage damage; /* some could not be read */
};
void kt_lives_done(struct kt_lives *l);
KT_MUST_USE enum kt_status kt_lives_load(struct kt_reader *r, struct kt_lives *ret,
                                         struct kt_error *err);
/* One more step, of s->alert. */
struct kt_life *kt_lives_add(struct kt_lives *l, const struct kt_step *s);
/* NULL: nobody did anything. Valid until kt_lives_done. */
const struct kt_life *kt_lives_of(const struct kt_lives *l, struct kt_str alert);
/* Steps of the log in their order, of one alert or (empty) of all. */
KT_MUST_USE enum kt_status kt_lives_steps(struct kt_reader *r, struct kt_str alert,
                                          void (*each)(void *self, const struct kt_step *s),
                                          void *self, struct kt_damage *ret_damage,
                                          struct kt_error *err);
