/* pair: which of two collectors an agent speaks to. No sockets, no clock: the engine feeds it. */
#pragma once
#include "core/wire/frame.h"

enum kt_pair_side { KT_PAIR_FIRST, KT_PAIR_STANDBY, KT_PAIR_SIDES };
struct kt_pair {
    enum kt_pair_side side; /* that is spoken to */
    kt_time_ns heard;       /* mono time of its last word */
    kt_time_ns ask;         /* mono time of the next question to the other one */
    uint64_t asked;         /* number of the newest question */
    bool open;              /* an answer to it counts */
};
enum kt_pair_do { KT_PAIR_WAIT, KT_PAIR_ASK };
/* From now on this one is spoken to. */
void kt_pair_begin(struct kt_pair *p, enum kt_pair_side side, kt_time_ns mono);
/* The one that is spoken to said something. */
void kt_pair_heard(struct kt_pair *p, kt_time_ns mono);
/* ASK: a PING with number p->asked to the other one, beside the connection: the stand-by when the
 * first has said nothing for `after`, the first always; each minute. *ret_wait_ms until then. */
enum kt_pair_do kt_pair_next(struct kt_pair *p, kt_time_ns after, kt_time_ns mono,
                             int *ret_wait_ms);
/* A message of the one that was asked; true: turn to it. */
bool kt_pair_answered(const struct kt_pair *p, const struct kt_msg *m);
