/*
 * year: a year of invented accesses as canonical lines, made in memory: 200 actors, 2,000 secrets,
 * 5,000 addresses, all with heavy tails; 50 % CloudTrail, 30 % Vault, 20 % 1Password shapes of the
 * sizes that our decoders give; 1.5 % failures; sessions of six hours; a daily rhythm is left out.
 * Everything about event n follows from n, the number of events and the seed.
 */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"
#include "core/sys/rng.h"

#define YEAR_T0 (INT64_C(1763769600) * KT_NS_S) /* 2025-11-22T00:00:00Z */
#define YEAR_NS (365 * KT_NS_DAY)

struct year {
    uint64_t events, seed;
    struct kt_arena arena;
};
struct year *year_new(uint64_t events, uint64_t seed);
void year_free(struct year *y);
/* Event n as a line without its newline, appended. */
void year_line(struct year *y, uint64_t n, struct kt_buf *out);
/* Names, for questions: rank 0 is the busiest. */
void year_actor(unsigned rank, unsigned source, char ret[64]);
void year_secret(unsigned rank, unsigned source, char ret[128]);
void year_address(unsigned rank, char ret[32]);
