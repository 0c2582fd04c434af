/* agent_world: an agent's engine on a disk, a clock and a wire in memory, against a stub of the
 * collector and of a stand-by that lose messages, refuse lines and die as a test wants it. */
#ifndef KT_TESTS_SUPPORT_AGENT_WORLD_H
#define KT_TESTS_SUPPORT_AGENT_WORLD_H

#include "agents/agent.h"
#include "core/base/map.h"
#include "core/sys/rng.h"
#include "core/wire/batch.h"

#define AGENT_LOG "/log/audit.log"
#define QUEUE     512u
#define SESSIONS  8u
#define IDS_MAX   8192u

struct agent_queue {
    char *at[QUEUE];
    size_t len[QUEUE];
    unsigned n;
};
struct agent_stub_session {
    uint8_t incarnation[16];
    uint64_t seq;
};
struct agent_stub { /* the collector */
    struct agent_stub_session session[SESSIONS];
    unsigned n_sessions;
    struct kt_map *ids; /* access events, by event id */
    uint8_t digest[IDS_MAX][16];
    uint64_t lines, duplicates, conflicts, reports, restored, quarantined, batches, refused,
        unknown;
    uint32_t credit, most_in_flight;
    uint64_t refuse_seq; /* refuses this line once */
    uint32_t refuse_index;
    enum kt_refuse refuse_reason;
    bool deaf; /* takes no batch */
};
struct agent_world {
    struct kt_fs_memory *mem;
    struct kt_fs disk;
    struct kt_fs_faulty faulty;
    struct kt_clock_memory time;
    struct kt_rng_seeded seeded;
    struct kt_rng rng;
    struct kt_agent_conf conf;
    struct kt_conf_source source;
    uint8_t seed[32], public_key[32];
    struct kt_agent *agent;
    struct agent_queue up, down, asked, said; /* the latter two beside the connection */
    enum kt_pair_side side, whom;
    bool dead[KT_PAIR_SIDES];
    struct kt_buf heard;
    unsigned lose; /* per cent of messages */
    struct agent_stub c, standby;
    struct kt_zip *zip;
    struct kt_arena arena;
    uint64_t written;
    struct kt_error err;
};

/* An agent that reads AGENT_LOG as Vault's, started; all its chances come from the seed. */
struct agent_world *agent_world_new(uint64_t seed);
void agent_world_free(struct agent_world *w);
void agent_world_start(struct agent_world *w);
/* Ends the agent without its last words: from now on its disk takes nothing. */
void agent_world_kill(struct agent_world *w);
/* For kt_fs_memory_crash; self is the world. */
uint64_t agent_world_chance(void *self);

/* Vault's write: on its disk at once. */
void agent_world_append(struct agent_world *w, struct kt_str text);
/* n more accesses: a request and its response each. */
void agent_world_write(struct agent_world *w, uint64_t n);

void agent_world_pass(struct agent_world *w, kt_time_ns t);
/* One turn of the agent: how many milliseconds it would wait. */
int agent_world_turn(struct agent_world *w);
/* What waits at the collector, or at the stand-by where the agent speaks to it, is answered. */
void agent_world_collect(struct agent_world *w);
/* Turns of agent and collector for about so many seconds. */
void agent_world_run(struct agent_world *w, unsigned seconds);
struct kt_str agent_world_status(struct agent_world *w, struct kt_buf *out);

#endif
