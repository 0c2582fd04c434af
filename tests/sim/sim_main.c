/*
 * sim: runs one world, or many, and prints the seed of each that breaks a rule.
 *
 *   sim --seed N [--count M]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/base/log.h"
#include "tests/sim/world.h"

static void remove_store(const char *dir)
{
    static const char *const names[] = { "sim.db", "sim.db-wal", "sim.db-shm", "sim.db-lock",
                                         "sim.db-journal" };
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
}

static bool run_one(uint64_t seed, const char *dir, bool quiet)
{
    struct kt_sim_result r = { 0 };
    struct kt_error err = { 0 };
    remove_store(dir);
    if (kt_sim_run(seed, dir, &r, &err) != KT_OK)
        snprintf(r.problem, sizeof r.problem, "%s", err.text);
    bool ok = r.problem[0] == 0;
    if (!ok || !quiet)
        printf("seed %llu: %llu written, %llu stored, %llu steps, kills %llu agent %llu collector, "
               "%llu power cuts, messages lost %llu doubled %llu, "
               "%llu alerts: %s\n",
               (unsigned long long)seed, (unsigned long long)r.written,
               (unsigned long long)r.stored, (unsigned long long)r.steps,
               (unsigned long long)r.kills_agent, (unsigned long long)r.kills_collector,
               (unsigned long long)r.power_cuts, (unsigned long long)r.lost,
               (unsigned long long)r.doubled, (unsigned long long)r.alerts,
               ok ? "all holds" : r.problem);
    fflush(stdout);
    return ok;
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, count = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--count") == 0)
            count = strtoull(argv[i + 1], NULL, 10);
    }
    kt_hash_init();
    kt_log_level_set(count > 1 ? KT_LOG_ERROR : KT_LOG_INFO);
    char dir[] = "/tmp/keytrail-sim-XXXXXX";
    if (mkdtemp(dir) == NULL)
        return 1;
    uint64_t bad = 0;
    for (uint64_t k = 0; k < count; k++)
        bad += !run_one(seed + k, dir, count > 1);
    if (bad == 0 || count > 1) {
        remove_store(dir);
        (void)rmdir(dir);
    } else {
        printf("its store stays in %s/sim.db\n", dir);
    }
    if (count > 1)
        printf("%llu worlds, %llu broke a rule\n", (unsigned long long)count,
               (unsigned long long)bad);
    return bad != 0;
}
