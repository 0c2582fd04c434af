/*
 * showing: the log as it is shown to agents, and what they sign of it (docs/wire.md, THREATS T4).
 *
 * An agent that has said SINCE is sent the newest checkpoint with a proof from the size it knows,
 * and each new one from then on; its cosignatures are handed in. Of one agent, a few connections
 * are known and few questions a second are answered. On the writer's thread; no sockets.
 */
#pragma once
#include "collector/checkpoint.h"
#include "core/wire/frame.h"

struct kt_showing;
struct kt_showing_options {
    struct kt_checkpoints *checkpoints; /* borrowed */
    struct kt_clock clock;
    uint8_t log_id[16];
    /* Sends; a peer that is gone misses it and asks again. */
    void (*reply)(void *self, uint64_t peer, struct kt_str body);
    /* An agent has signed what this log never was. */
    void (*alarm)(void *self, struct kt_str agent, const char *sentence);
    void *self;
};
struct kt_showing *kt_showing_new(const struct kt_showing_options *o);
void kt_showing_free(struct kt_showing *s);
/* SINCE or COSIGN of a peer that is welcomed; e: its entry in the allow-list. */
void kt_showing_heard(struct kt_showing *s, uint64_t peer, const struct kt_agent_entry *e,
                      const struct kt_msg *m);
/* Sends what was published since. */
void kt_showing_turn(struct kt_showing *s);
