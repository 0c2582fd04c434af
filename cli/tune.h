/* tune: what could be set so that alerts that were judged false stay away; the parts of it. */
#pragma once
#include "cli/cli.h"
#include "cli/paged.h"

#define KT_TRIALS_MAX 32u

struct kt_judged { /* alerts with a verdict: pages of any severity, and what was said */
    struct kt_paged pages;
    bool *is_true;              /* else false or expected */
    char (*ip)[KT_IP_TEXT_MAX]; /* empty: none */
    unsigned *parts;            /* bits of the detectors that contributed */
    unsigned n_true, n_false;
    struct kt_damage damage; /* verdicts that cannot be read */
};
/* The newest verdict on each stored alert (decision records, operation verdict). */
KT_MUST_USE enum kt_status kt_judged_load(struct kt_reader *r, struct kt_judged *ret,
                                          struct kt_error *err);
void kt_judged_done(struct kt_judged *j);

struct kt_trial {   /* one thing to set */
    char text[240]; /* "volume_spike.floor_1h=80", "networks 203.0.113.0/24" */
    char set[160];  /* for kt_side_set; empty: a network */
    char cidr[KT_IP_TEXT_MAX], actor[128];
    unsigned quiet, lost_true, others; /* what it came to */
};
/* What is worth a trial, by what the false alerts have in common. */
unsigned kt_trials_make(const struct kt_judged *j, const struct kt_conf *conf,
                        struct kt_trial ret[KT_TRIALS_MAX]);

int kt_alerts_tune(int argc, char **argv);
