/*
 * rotation_say: the words of rotations, for people.
 *
 * Owns:  constants.
 * Calls: core/base. Pure.
 */
#include "core/answer/rotation.h"

static const struct {
    const char *word;
    bool holds_old;
} states[] = {
#define X(n, w, old) { w, old },
    KT_ROTATION_STATES(X)
#undef X
};

const char *kt_rotation_state_word(enum kt_rotation_state s)
{
    return states[s].word;
}

bool kt_rotation_holds_old(enum kt_rotation_state s)
{
    return states[s].holds_old;
}

const char *kt_rotation_fate_word(enum kt_rotation_fate f)
{
    static const char *const fates[KT_ROTATION_FATE_COUNT] = {
#define X(n, w) [KT_FATE_OF_##n] = w,
        KT_ROTATION_FATES(X)
#undef X
    };
    return fates[f];
}

/* ---- in a sentence ---- */

static void say_version(const char *which, struct kt_str version, struct kt_buf *out)
{
    if (version.len > 0)
        kt_buf_addf(out, "%s version " KT_STR_FMT, which, KT_STR_ARG(version));
    else
        kt_buf_addf(out, "%s value", which);
}

void kt_rotation_say(const struct kt_rotation *r, kt_time_ns now, struct kt_buf *out)
{
    char ago[KT_TIME_TEXT_MAX];
    unsigned waiting = r->count[KT_ROTATION_WAITING], old = 0;
    for (unsigned s = 0; s < KT_ROTATION_STATE_COUNT; s++)
        if (s != KT_ROTATION_WAITING && states[s].holds_old)
            old += r->count[s];
    unsigned regular = r->n - r->count[KT_ROTATION_GONE];
    if (r->at == 0) {
        kt_buf_addz(out, "no rotation is known");
        return;
    }
    say_version("old", r->previous, out);
    if (r->last_old != 0)
        kt_buf_addf(out, ": last used %s ago by " KT_STR_FMT,
                    kt_duration_format(now - r->last_old, ago), KT_STR_ARG(r->last_old_by));
    else
        kt_buf_addz(out, r->by_time ? ": whether it is used is not shown"
                                    : ": not fetched since the rotation");
    if (waiting > 0)
        kt_buf_addf(out, "; %u of %u readers %s not fetched ", waiting, regular,
                    waiting == 1 ? "has" : "have");
    else if (old == 0)
        kt_buf_addf(out, "; all %u readers have fetched ", regular);
    if (waiting > 0 || old == 0)
        say_version("the new", r->current, out);
    if (old > 0)
        kt_buf_addf(out, "; %u of %u readers still %s the old one", old, regular,
                    old == 1 ? "uses" : "use");
}
