/*
 * scope_world: a random store in numbers, and stores that are made of it: whole, or only what a
 * scope lets through, with alerts over its records. Failures end the test (cmocka).
 */
#pragma once
#include "core/answer/ask.h"
#include "core/base/enc.h"
#include "core/config/identities.h"
#include "core/sys/rng.h"
#include "dashboards/api/kept.h"
#include "tests/support/store_make.h"

#define SCOPE_EVENTS  260u
#define SCOPE_ALERTS  24u
#define SCOPE_DAYS    50
#define SCOPE_NOW     (MAKE_T0 + SCOPE_DAYS * KT_NS_DAY)
#define SCOPE_AFAR    "FOREIGN" /* in every text that no scope lets through */
#define SCOPE_SECRETS 5u
#define SCOPE_SOURCES 3u
extern const char *const scope_secrets[SCOPE_SECRETS];
extern const char *const scope_instances[SCOPE_SOURCES];

struct scope_event {
    kt_time_ns at; /* 0: the record has no time, and stands at its arrival */
    kt_time_ns arrival;
    unsigned actor, secret, source, place, agent;
    enum kt_action action;
    enum kt_outcome outcome;
    bool session, in; /* the scope lets it through */
};
struct scope_alert {
    unsigned of[6], n;
    uint64_t more;        /* records that it counts and does not name */
    bool other, test, in; /* other: it names a secret that none of its records has */
};
extern struct scope_event scope_event[SCOPE_EVENTS];
extern struct scope_alert scope_alert[SCOPE_ALERTS];
/* Draws all of it anew; what is `in` is told by the query language and by plain counting. */
void scope_draw(struct kt_rng *rng, const char *scope);
void scope_alert_id(unsigned i, char ret[KT_ID_TEXT]);

struct scope_world {
    char folder[64], path[96];
    struct kt_store *store;
    struct make *make;
    struct kt_ask ask;
    struct kt_identities *ids;
    struct kt_api_kept *kept;
    uint64_t seq[SCOPE_EVENTS]; /* 0: not there */
};
/* everything: else what is `in` alone. */
void scope_open(struct scope_world *w, bool everything);
void scope_close(struct scope_world *w);
