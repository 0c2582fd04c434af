/*
 * sessions: who is logged in: 128-bit ids, idle for 30 minutes or 12 hours old at most (THREATS
 * W2), 1,000 in all and 20 of one user: of more, the one longest idle ends.
 */
#pragma once
#include "core/base/time.h"
#include "core/sys/rng.h"
#include "dashboards/server/users.h"

#define KT_WEB_SESSIONS_MAX 1000u
#define KT_WEB_SESSIONS_OF  20u
#define KT_WEB_IDLE         (30 * KT_NS_MIN)
#define KT_WEB_AGE          (12 * KT_NS_HOUR)

struct kt_web_session {
    uint8_t id[16], csrf[16]; /* id: of the cookie */
    uint64_t number;          /* 1, 2, 3 …; 0: free */
    char user[KT_WEB_NAME_MAX + 1];
    enum kt_role role;
    bool secure;   /* begun by https: its id is taken from that cookie alone */
    uint64_t line; /* hash of the user's line in the users file when it began; 0: had none */
    kt_time_ns born, seen;
};
struct kt_web_sessions;
struct kt_web_sessions *kt_web_sessions_new(const struct kt_rng *rng); /* rng: lent */
void kt_web_sessions_free(struct kt_web_sessions *s);
/* A new one, with ids of its own: as = user, role, line. The answer lives until the next call. */
struct kt_web_session *kt_web_sessions_add(struct kt_web_sessions *s,
                                           const struct kt_web_session *as, kt_time_ns now);
/* One that is not over; used: it is seen now. NULL: there is none. Takes as long for every id. */
struct kt_web_session *kt_web_sessions_find(struct kt_web_sessions *s, const uint8_t id[16],
                                            bool used, kt_time_ns now);
/* The one of that number, if it is not over; not for what a stranger says. */
const struct kt_web_session *kt_web_sessions_of(const struct kt_web_sessions *s, uint64_t number,
                                                kt_time_ns now);
void kt_web_sessions_end(struct kt_web_sessions *s, const uint8_t id[16]);
/* Ends what is over, and what keep(self, session) refuses. */
void kt_web_sessions_turn(struct kt_web_sessions *s, kt_time_ns now,
                          bool (*keep)(void *self, const struct kt_web_session *one), void *self);
