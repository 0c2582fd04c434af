/*
 * sessions: a bounded table.
 *
 * Owns:  the table and the ids in it.
 * Calls: core/base, rng. No clock.
 */
#include "dashboards/server/sessions.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"

struct kt_web_sessions {
    const struct kt_rng *rng;
    uint64_t last; /* number */
    struct kt_web_session at[KT_WEB_SESSIONS_MAX];
};

struct kt_web_sessions *kt_web_sessions_new(const struct kt_rng *rng)
{
    struct kt_web_sessions *s = kt_alloc(sizeof *s);
    s->rng = rng;
    return s;
}

void kt_web_sessions_free(struct kt_web_sessions *s)
{
    if (s != NULL)
        kt_wipe(s, sizeof *s);
    kt_free(s);
}

static void end(struct kt_web_session *one)
{
    kt_wipe(one, sizeof *one);
}

/* A clock that was set back ends none early. */
static bool is_over(const struct kt_web_session *one, kt_time_ns now)
{
    return now - one->seen > KT_WEB_IDLE || now - one->born > KT_WEB_AGE;
}

/* Where a new session of user goes: over the longest idle of his when he has too many, else a free
 * place, else over the longest idle of all. */
static struct kt_web_session *place(struct kt_web_sessions *s, const char *user)
{
    struct kt_web_session *his = NULL, *any = &s->at[0];
    unsigned n = 0;
    for (unsigned i = 0; i < KT_WEB_SESSIONS_MAX; i++) {
        struct kt_web_session *one = &s->at[i];
        if (one->seen < any->seen) /* free ones: 0 */
            any = one;
        if (one->number == 0 || strcmp(one->user, user) != 0)
            continue;
        n++;
        if (his == NULL || one->seen < his->seen)
            his = one;
    }
    return n >= KT_WEB_SESSIONS_OF ? his : any;
}

struct kt_web_session *kt_web_sessions_add(struct kt_web_sessions *s,
                                           const struct kt_web_session *as, kt_time_ns now)
{
    struct kt_web_session *one = place(s, as->user);
    *one = *as;
    s->rng->fill(s->rng->self, one->id, sizeof one->id);
    s->rng->fill(s->rng->self, one->csrf, sizeof one->csrf);
    one->number = ++s->last;
    one->born = one->seen = now;
    return one;
}

static struct kt_web_session *with_id(struct kt_web_sessions *s, const uint8_t id[16])
{
    struct kt_web_session *found = NULL;
    for (unsigned i = 0; i < KT_WEB_SESSIONS_MAX; i++) {
        bool same = kt_equal_secret(s->at[i].id, id, sizeof s->at[i].id);
        if (same && s->at[i].number != 0)
            found = &s->at[i];
    }
    return found;
}

struct kt_web_session *kt_web_sessions_find(struct kt_web_sessions *s, const uint8_t id[16],
                                            bool used, kt_time_ns now)
{
    struct kt_web_session *one = with_id(s, id);
    if (one == NULL || is_over(one, now))
        return NULL;
    if (used)
        one->seen = now;
    return one;
}

const struct kt_web_session *kt_web_sessions_of(const struct kt_web_sessions *s, uint64_t number,
                                                kt_time_ns now)
{
    for (unsigned i = 0; i < KT_WEB_SESSIONS_MAX; i++)
        if (s->at[i].number == number && number != 0)
            return is_over(&s->at[i], now) ? NULL : &s->at[i];
    return NULL;
}

void kt_web_sessions_end(struct kt_web_sessions *s, const uint8_t id[16])
{
    struct kt_web_session *one = with_id(s, id);
    if (one != NULL)
        end(one);
}

void kt_web_sessions_turn(struct kt_web_sessions *s, kt_time_ns now,
                          bool (*keep)(void *self, const struct kt_web_session *one), void *self)
{
    for (unsigned i = 0; i < KT_WEB_SESSIONS_MAX; i++) {
        struct kt_web_session *one = &s->at[i];
        if (one->number != 0 && (is_over(one, now) || !keep(self, one)))
            end(one);
    }
}
