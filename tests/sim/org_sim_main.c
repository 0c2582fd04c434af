/*
 * org_sim: how good detection is over invented organisations: recall by class of attack, delay,
 * false alerts, and what fixed thresholds give on the same records.
 *
 *   org_sim [--seeds 1-5] [--days 90] [--attacks none] [--countries-only] [-v] [--strict]
 *
 * -v names what was missed and what was false. --strict: exit 1 when an aim is missed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "tests/sim/firm_score.h"

static int usage(void)
{
    fprintf(stderr, "org_sim [--seeds A-B] [--days N, 45 to 360] [--attacks none] "
                    "[--countries-only] [-v] [--strict]\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct firm_settings s = { .days = 90, .attacks = true };
    uint64_t first = 1, last = 5;
    bool strict = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "-v") == 0) {
            s.verbose = true;
        } else if (strcmp(argv[i], "--strict") == 0) {
            strict = true;
        } else if (strcmp(argv[i], "--countries-only") == 0) {
            s.countries_only = true;
        } else if (strcmp(argv[i], "--attacks") == 0 && strcmp(value, "none") == 0) {
            s.attacks = false;
            i++;
        } else if (strcmp(argv[i], "--days") == 0) {
            s.days = (unsigned)strtoul(value, NULL, 10);
            i++;
        } else if (strcmp(argv[i], "--seeds") == 0) {
            char *end;
            first = last = strtoull(value, &end, 10);
            if (*end == '-')
                last = strtoull(end + 1, NULL, 10);
            i++;
        } else {
            return usage();
        }
    }
    if (s.days < 45 || s.days > 360 || last < first)
        return usage();
    struct firm_sums *sums = kt_alloc(sizeof *sums);
    for (uint64_t seed = first; seed <= last; seed++)
        firm_measure(seed, &s, sums);
    unsigned missed = firm_print(sums);
    kt_free(sums);
    return strict && missed > 0;
}
