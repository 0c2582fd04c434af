/* source_add: `keytrail-agent source add`: an entry for the configuration, from a source's page. */
#pragma once
#include <stdbool.h>

struct kt_source_add {
    const char *type, *input, *id; /* input, id: NULL = as the page recommends */
    const char *config;            /* where it is written to */
    bool write;
};
/* Prints the entry, or appends it to the configuration; returns the exit code. */
int kt_source_add(const struct kt_source_add *a);
