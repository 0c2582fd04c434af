/* life: what the invented company does: sixty days that are over, and minutes that happen now. */
#pragma once
#include "core/base/err.h"
#include "core/base/time.h"
#include "core/sys/rng.h"

#define KT_DEMO_DAYS 60

/* Appends to path an import feed (NDJSON with arrival times) of KT_DEMO_DAYS days that end at
 * `until`. Same seed and until: same bytes. */
KT_MUST_USE enum kt_status kt_demo_history(const char *path, kt_time_ns until, uint64_t seed,
                                           uint64_t *ret_records, struct kt_error *err);

/* The live minutes: writes into a Vault audit file and a folder of CloudTrail objects. */
struct kt_demo_life;
struct kt_demo_life_options {
    const char *vault_log; /* appended to */
    const char *objects;   /* folder: *.json.gz appear in it */
    kt_time_ns start;      /* wall time of the first live second */
    uint64_t seed;
    bool calm; /* without the incidents */
};
struct kt_demo_life *kt_demo_life_new(const struct kt_demo_life_options *o);
void kt_demo_life_free(struct kt_demo_life *l);
/* Writes what is due by now. *ret_said: a line for the narrator when an incident begins, else NULL
 * (static). */
KT_MUST_USE enum kt_status kt_demo_life_turn(struct kt_demo_life *l, kt_time_ns now,
                                             const char **ret_said, struct kt_error *err);
/* Have all incidents been written? */
bool kt_demo_life_done(const struct kt_demo_life *l);
