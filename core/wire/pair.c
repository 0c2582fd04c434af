/*
 * pair: which of two collectors an agent speaks to: the first as long as it answers, else the
 * stand-by, and back.
 *
 * Owns:  nothing; struct kt_pair is the engine's.
 * Calls: core/base, frame.h. No socket, no clock: the engine passes them in.
 * Holds: one is left only for one that has just answered: with both gone nothing changes. A refusal
 *        is an answer: who was revoked, or has to wait, does not try it elsewhere.
 */
#include "core/wire/pair.h"

#define ASK_EVERY KT_NS_MIN

void kt_pair_begin(struct kt_pair *p, enum kt_pair_side side, kt_time_ns mono)
{
    *p = (struct kt_pair){ .side = side, .heard = mono, .ask = mono, .asked = p->asked };
}

void kt_pair_heard(struct kt_pair *p, kt_time_ns mono)
{
    p->heard = mono;
    if (p->side == KT_PAIR_FIRST)
        p->open = false; /* it answers again: the stand-by's answer comes too late */
}

enum kt_pair_do kt_pair_next(struct kt_pair *p, kt_time_ns after, kt_time_ns mono, int *ret_wait_ms)
{
    kt_time_ns at = p->ask;

    if (p->side == KT_PAIR_FIRST && at < p->heard + after)
        at = p->heard + after;
    if (mono < at) {
        *ret_wait_ms = (int)((at - mono + KT_NS_MS - 1) / KT_NS_MS);
        return KT_PAIR_WAIT;
    }
    p->ask = mono + ASK_EVERY;
    p->asked++;
    p->open = true;
    *ret_wait_ms = 0;
    return KT_PAIR_ASK;
}

bool kt_pair_answered(const struct kt_pair *p, const struct kt_msg *m)
{
    return p->open && m->type == KT_MSG_PONG && m->seq == p->asked;
}
