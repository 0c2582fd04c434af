/*
 * world: agents, network, collector and clock in one process, from one seed. Each step is chosen by
 * the seed: records are written, logs rotate, messages are lost, doubled, delayed and reordered,
 * agents and the collector are killed, hosts lose power.
 */
#pragma once
#include "core/base/err.h"
#include "core/base/time.h"

#define KT_SIM_AGENTS  3u
#define KT_SIM_RECORDS 400u /* accesses an agent's Vault writes */
#define KT_SIM_ATTACKS 2u   /* guessed passwords among them */

struct kt_sim_result {
    uint64_t written, stored, missing, twice, unknown, alerts, kills_agent, kills_collector,
        power_cuts, lost, doubled, steps;
    bool verified, settled;
    char problem[400]; /* empty: all that must hold holds */
};
/* dir: an empty folder for the store. KT_OK also when something did not hold: see ret->problem. */
KT_MUST_USE enum kt_status kt_sim_run(uint64_t seed, const char *dir, struct kt_sim_result *ret,
                                      struct kt_error *err);
