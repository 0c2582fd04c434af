/* planted: records of each source with secret values planted in every member that may hold one, and
 * token shapes (planted_…) in members that are kept: neither may come out of a pipeline. */
#pragma once

#define PLANTED "PLANTED-SECRET-" /* each value begins with it */

struct planted {
    const char *source, *record; /* whole, with its newline */
};
extern const struct planted planted_records[]; /* source NULL ends it */
