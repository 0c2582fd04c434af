/* ingest_world: the door of agents over a real store in a temporary folder, what it answered, and
 * an agent that says what a test wants. */
#pragma once
#include "collector/ingest.h"
#include "core/base/limits.h"
#include "core/wire/batch.h"

#define INGEST_NOW  (INT64_C(1795377600) * KT_NS_S)
#define INGEST_KEPT 64
#define INGEST_PEER 1

struct ingest_keys {
    uint8_t curve[32], seed[32], signing[32];
    char user[96];
};
struct ingest_world {
    char folder[64], store_path[96], agents[96];
    struct kt_store *store;
    uint32_t segment_events; /* 0: as many as ever */
    struct kt_auth *auth;
    struct kt_ingest *ingest;
    struct kt_way *way;
    struct kt_clock_memory clock;
    struct kt_msg reply[INGEST_KEPT]; /* text and the like are not kept */
    uint64_t to[INGEST_KEPT];
    unsigned n_replies;
    char alarm[INGEST_KEPT][32];
    unsigned n_alarms;
    uint64_t fed[INGEST_KEPT];
    enum kt_kind fed_kind[INGEST_KEPT];
    kt_time_ns fed_arrival[INGEST_KEPT];
    unsigned n_fed;
    struct kt_zip *zip;
    struct ingest_keys one, two; /* vault-1 and vault-2 */
    uint8_t incarnation[16];
};
/* Set-up and tear-down of cmocka; between them the door may be closed and opened again. */
int ingest_world_open(void **state);
int ingest_world_close(void **state);
void ingest_open(struct ingest_world *w);
void ingest_close(struct ingest_world *w);
void ingest_make_keys(struct ingest_keys *k, const char *name, uint8_t salt);
struct kt_agent_entry ingest_entry(const char *name, const struct ingest_keys *k);
void ingest_write_entry(struct ingest_world *w, const struct kt_agent_entry *e);
/* Read number n of a made-up stream. */
struct kt_event ingest_event(const char *instance, unsigned n);
void ingest_add_line(struct kt_buf *lines, struct kt_event ev);
/* One message of that agent. */
void ingest_say(struct ingest_world *w, uint64_t peer, const struct ingest_keys *k,
                const struct kt_msg *m);
void ingest_hello(struct ingest_world *w, uint64_t peer, const struct ingest_keys *k);
/* Signed by `seed`, or by the agent's own key where that is NULL. */
void ingest_batch(struct ingest_world *w, uint64_t peer, const struct ingest_keys *k, uint64_t seq,
                  struct kt_str lines, const uint8_t *seed);
void ingest_batch_of(struct ingest_world *w, const struct ingest_keys *k, uint64_t seq,
                     const char *instance, unsigned n);
void ingest_commit(struct ingest_world *w);
/* The newest reply is a refusal for this reason; it is forgotten. */
struct kt_msg ingest_refused(struct ingest_world *w, enum kt_refuse reason);
/* Events since the door was opened. */
uint64_t ingest_stored(struct ingest_world *w);
/* vault-1 is welcome as INGEST_PEER; no reply is kept. */
void ingest_greeted(struct ingest_world *w);
