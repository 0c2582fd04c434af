/*
 * decisions: the expectations of a log, in the order in which they were made (verdicts on alerts
 * are steps of their lives: lives.h). Each is a record (core/event/decision.h), so the log says who
 * decided what, and when.
 */
#pragma once
#include "core/event/decision.h"
#include "core/store/read.h"

struct kt_decided {
    struct kt_decision d;
    kt_time_ns at, removed; /* arrival of the record, and of the one that removed it (0: none) */
};
struct kt_decisions {
    struct kt_decided *at; /* removals are marks on what they remove, no rows */
    unsigned n, cap;
    struct kt_damage damage; /* some could not be read: they may be any */
};
void kt_decisions_done(struct kt_decisions *l);
KT_MUST_USE enum kt_status kt_decisions_load(struct kt_reader *r, struct kt_decisions *ret,
                                             struct kt_error *err);
/* Expectations and break-glass that are neither removed nor over. */
bool kt_decided_open(const struct kt_decided *d, kt_time_ns now);
unsigned kt_decisions_open(const struct kt_decisions *l, kt_time_ns now);
/* The expectation or break-glass of that name, open or not; NULL: none. */
const struct kt_decided *kt_decisions_named(const struct kt_decisions *l, struct kt_str id);
