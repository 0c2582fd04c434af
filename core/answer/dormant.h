/*
 * dormant: actors that have been silent for long, those that came back from it, and those who were
 * given access and never came.
 */
#pragma once
#include "core/answer/ask.h"

/* clang-format off */
#define KT_DORMANT_STATES(X)                                                                       \
    X(BACK, "came back")             /* after a silence, within the last days that were asked for */ \
    X(SILENT, "dormant")             /* accesses before, none in the last days */                  \
    X(GRANTED, "granted, never used") /* access was given, and nothing came since */
enum kt_dormant_state {
#define X(n, w) KT_DORMANT_##n,
    KT_DORMANT_STATES(X)
#undef X
    KT_DORMANT_COUNT
};
/* clang-format on */
const char *kt_dormant_word(enum kt_dormant_state s);

struct kt_dormant {
    struct kt_str actor; /* canonical */
    enum kt_actor_kind kind;
    enum kt_dormant_state state;
    kt_time_ns first, last; /* of its accesses, shadows apart; 0: it has none */
    uint64_t records, reads;
    kt_time_ns back, silent_since; /* BACK: when, and the access before */
    kt_time_ns granted;            /* the newest grant to it; 0: none is known */
    struct kt_str by, what;        /* of that grant */
};
struct kt_dormants {             /* all of it lives until kt_dormants_free */
    const struct kt_dormant *at; /* by state, then the longest silence first */
    uint32_t n, actors;          /* actors: that the window has */
    kt_time_ns as_of;            /* the end of the window, or of the log */
};
#define KT_DORMANT_ACTORS_MAX 1000000u
/* Over the ask's window. KT_E_LIMIT: more actors than that. */
KT_MUST_USE enum kt_status kt_dormants_load(struct kt_ask *a, kt_time_ns span,
                                            struct kt_dormants **ret, struct kt_error *err);
void kt_dormants_free(struct kt_dormants *d);
