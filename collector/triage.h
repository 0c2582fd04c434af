/*
 * triage: what people do about alerts, and what follows from it: a record of the log before anybody
 * is told, the life of each alert in memory (a fold over those records), and a message to every
 * target that was told of the alert. Silences too. The writer's thread only.
 *
 * docs/alerts.md says what the steps mean.
 */
#pragma once
#include "core/query/silences.h"
#include "core/store/write.h"
#include "exporters/alerts/alert.h"

struct kt_triage;
struct kt_triage_options {
    struct kt_store *store;
    const char *store_path; /* read once, at the start */
    /* Writes one record of kind decision, in a transaction that it opens when none is open. */
    enum kt_status (*record)(void *self, const char *operation, struct kt_str sentence,
                             struct kt_str raw, struct kt_error *err);
    void *self;
};
KT_MUST_USE enum kt_status kt_triage_open(const struct kt_triage_options *o, struct kt_triage **ret,
                                          struct kt_error *err);
void kt_triage_free(struct kt_triage *t);

/* ---- life ---- */
/* NULL: nobody did anything about it. Valid until the next step. */
const struct kt_life *kt_triage_life(const struct kt_triage *t, const char *alert);
struct kt_triage_done {
    char alert[KT_ID_TEXT];
    bool changed;               /* false: it was so already, nothing was written */
    const struct kt_life *life; /* as it is now */
    bool own;                   /* the alert is about keytrail itself */
    kt_time_ns last;            /* its last evidence */
};
/* One step; step->alert begins the alert's id, step->at and severity are filled in here.
 * KT_E_INPUT: there is no such alert, or that cannot be done with it now. Everything is in the open
 * transaction then: the caller commits before it tells anybody. */
KT_MUST_USE enum kt_status kt_triage_step(struct kt_triage *t, const struct kt_step *step,
                                          kt_time_ns now, struct kt_triage_done *ret,
                                          struct kt_error *err);
/* Inside a transaction, before a new version of the alert is told: opens it again when somebody has
 * acknowledged or closed it and it is graver now than it was then. Tells nobody. */
KT_MUST_USE enum kt_status kt_triage_graver(struct kt_triage *t, const struct kt_alert *a,
                                            kt_time_ns now, bool *ret_reopened,
                                            struct kt_error *err);

/* May what somebody answered somewhere, at a time, count for the alert as it is now? can_be: may he
 * have read what this target was told? The outbox keeps names that no configuration has any more.
 * Nobody knows which one he read: each must have said how grave it is now; where none had said
 * anything by then, the alert must always have been as grave. KT_E_INPUT says why not, also where
 * it was opened again after that. */
KT_MUST_USE enum kt_status kt_triage_answered(struct kt_triage *t, const char *alert, kt_time_ns at,
                                              bool (*can_be)(void *self, const char *target),
                                              void *self, struct kt_error *err);
/* The same of an answer that says itself what its author saw: how grave the alert was, and how
 * often it had been opened again. alert begins its id. */
struct kt_triage_saw {
    char severity[12];
    int64_t reopened;
};
KT_MUST_USE enum kt_status kt_triage_saw(struct kt_triage *t, const char *alert,
                                         const struct kt_triage_saw *saw, struct kt_error *err);

/* Has a person closed it, or did it end without one? What is no alert has not ended. */
KT_MUST_USE enum kt_status kt_triage_ended(struct kt_triage *t, const char *alert, bool *ret,
                                           struct kt_error *err);

/* ---- who was told ---- */
struct kt_triage_told {
    unsigned targets;  /* that were called to it by what is no dead letter */
    kt_time_ns newest; /* when the newest message of any kind was written down */
    kt_time_ns called; /* when the newest that calls somebody was */
};
KT_MUST_USE enum kt_status kt_triage_told(struct kt_triage *t, const char *alert,
                                          struct kt_triage_told *ret, struct kt_error *err);
/* Inside a transaction: one row a target that was told of the alert, for each version of its
 * document, which carries the life: one that is on its way may not swallow the next. An update of
 * one that has ended is a remark. */
KT_MUST_USE enum kt_status kt_triage_tell(struct kt_triage *t, const struct kt_alert *a,
                                          enum kt_send send, kt_time_ns now, struct kt_error *err);

/* ---- silences ---- */
/* Adds one: match is a query about alerts, the id is given here. KT_E_LIMIT: 64 are open. */
KT_MUST_USE enum kt_status kt_triage_silence(struct kt_triage *t, struct kt_silence *s,
                                             kt_time_ns now, struct kt_error *err);
KT_MUST_USE enum kt_status kt_triage_unsilence(struct kt_triage *t, struct kt_str id,
                                               struct kt_str reason, struct kt_str by,
                                               kt_time_ns now, struct kt_error *err);
/* The open silence that covers the alert, or NULL. */
const struct kt_silence *kt_triage_silence_of(const struct kt_triage *t, const struct kt_alert *a,
                                              kt_time_ns now);
/* Inside a transaction. The alert is kept quiet by a silence: it is looked at again when one ends,
 * in this life or the next. */
KT_MUST_USE enum kt_status kt_triage_hold(struct kt_triage *t, const char *alert,
                                          struct kt_error *err);
/* Inside a transaction. Gives the ids of up to max alerts that are to be looked at since a silence
 * has ended; those that are still quiet are held again. 0 when there are none (more); the end of
 * the silence is recorded then. */
KT_MUST_USE enum kt_status kt_triage_release(struct kt_triage *t, kt_time_ns now,
                                             char (*ret_ids)[KT_ID_TEXT], unsigned max,
                                             unsigned *ret_n, struct kt_error *err);
bool kt_triage_releases(const struct kt_triage *t, kt_time_ns now); /* is there something to do? */
