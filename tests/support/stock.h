/*
 * stock: a small random store for the tests of answers: two stores of secrets in three instances,
 * people with aliases, machines, names in several scripts, IPv6, failures in bursts, accesses
 * without time, actor, secret or address. Everything follows from the seed.
 */
#pragma once
#include "core/base/hash.h"
#include "core/config/identities.h"
#include "core/event/line.h"
#include "core/sys/rng.h"
#include "tests/support/store_make.h"

#define STOCK_T0 (INT64_C(1763769600) * KT_NS_S)
#define STOCK_NS (80 * KT_NS_DAY) /* accesses lie in [T0, T0 + NS) */

struct stock {
    char folder[64], path[96];
    struct kt_store *store; /* of the writer; open */
    struct kt_identities *ids;
    struct kt_arena arena;
    struct kt_rng_seeded state;
    struct kt_rng rng;
};
struct stock *stock_new(uint64_t seed, uint32_t events);
void stock_free(struct stock *w);
/* A control record, committed. */
void stock_control(struct stock *w, enum kt_kind kind, const char *operation, const char *raw,
                   kt_time_ns at);
