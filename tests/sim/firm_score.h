/*
 * firm_score: what was told, held against what happened. The unit is the incident: an attack is
 * found when an alert of medium or more names one of its records, or, where its mark is silence,
 * the source in that time. An alert that names none is false, however odd the day was.
 */
#pragma once
#include "tests/sim/firm.h"

enum { FIRM_ENGINE, FIRM_STATIC, FIRM_JUDGES };
struct firm_alert {
    char id[40], title[240], detector[32];
    kt_time_ns at;    /* when it paged */
    kt_time_ns until; /* static rules: until when it takes more of the same */
    uint16_t attack[4];
    unsigned n_attack;
    bool paged, trouble; /* trouble: it names an agent that is down, which is right and no attack */
    int score;           /* of the page, and of what */
    char parts[400];
};
struct firm_alerts { /* of one judge in one world */
    struct firm *f;
    unsigned judge, n, cap;
    struct firm_alert *at;
};
struct firm_alert *firm_alert_of(struct firm_alerts *l, const char *id);
void firm_credit(struct firm_alerts *l, struct firm_alert *a, unsigned attack);

/* ---- firm_static.c: what fixed thresholds say of the same records ---- */
struct firm_static;
struct firm_static *firm_static_new(struct firm_alerts *to);
void firm_static_free(struct firm_static *s);
void firm_static_event(void *self, const struct firm_event *e);

/* ---- sums over worlds ---- */
struct firm_row {
    unsigned incidents, found[FIRM_JUDGES], alerts[FIRM_JUDGES], n_delay;
    kt_time_ns delay[256]; /* of the engine */
};
struct firm_sums {
    struct firm_row class[FIRM_CLASS_COUNT];
    uint64_t records, late, twice, days, false_alerts[FIRM_JUDGES], true_alerts[FIRM_JUDGES],
        trouble;
    double seconds;
};
struct firm_settings {
    unsigned days;
    bool attacks, countries_only, verbose;
};
void firm_measure(uint64_t seed, const struct firm_settings *s, struct firm_sums *sums);
/* Prints the table; returns how many aims are missed. */
unsigned firm_print(const struct firm_sums *sums);
/* What `judge` found of the classes that these detectors are for (NULL-ended); NULL: of all. */
double firm_recall(const struct firm_sums *sums, unsigned judge, const char *const *detectors);
double firm_false_a_day(const struct firm_sums *sums, unsigned judge);
