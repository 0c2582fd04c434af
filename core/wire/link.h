/* link: the agent's side of the conversation as a state machine, and its window. No sockets, no
 * clock: the engine feeds it. */
#pragma once
#include "core/wire/frame.h"

enum kt_link_state { KT_LINK_DOWN, KT_LINK_HELLO, KT_LINK_READY, KT_LINK_BACKOFF, KT_LINK_STATES };
struct kt_link {
    enum kt_link_state state;
    uint64_t sent;  /* newest seq sent in this session */
    uint64_t acked; /* newest seq acknowledged */
    uint64_t asked; /* what was sent before the oldest greeting from READY that waits; 0 = none */
    uint32_t credit;
    kt_time_ns heard;  /* mono time of the last message from the collector */
    kt_time_ns next;   /* mono time of the next attempt, ping or give-up */
    uint32_t attempts; /* since the last WELCOME, for back-off with jitter */
};
/* A zeroed link is DOWN: the first thing to do is REOPEN. */
enum kt_link_do {
    KT_LINK_WAIT,
    KT_LINK_SEND_HELLO,
    KT_LINK_SEND_BATCH,
    KT_LINK_SEND_PING,
    KT_LINK_REOPEN
};
/* What to do now; newest = newest seq in the spool. SEND_BATCH means seq link->sent + 1.
 * *ret_wait_ms until the next question. */
enum kt_link_do kt_link_next(struct kt_link *l, uint64_t newest, kt_time_ns mono, uint64_t jitter,
                             int *ret_wait_ms);
/* It was done (a send that did not fit is not told and asked again). */
void kt_link_sent(struct kt_link *l, enum kt_link_do what, kt_time_ns mono);
/* A message from the collector. *ret_ack: newest seq now acknowledged (0 = nothing new). KT_E_INPUT
 * when it does not fit the state: drop it. Refusals: gap goes back to the number expected; hello,
 * disk, quota, revoked and version pause and greet again; the others change nothing here, the
 * engine deals with the batch. */
KT_MUST_USE enum kt_status kt_link_heard(struct kt_link *l, const struct kt_msg *m, kt_time_ns mono,
                                         uint64_t *ret_ack, struct kt_error *err);
