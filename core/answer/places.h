/*
 * places: from which countries the accesses of a window came, and what of them has no country.
 * Over columns and the facts of addresses; no line is opened.
 */
#pragma once
#include "core/answer/ask.h"

enum kt_nowhere {                     /* accesses without a country */
                  KT_NOWHERE_PRIVATE, /* an address of somebody's own network */
                  KT_NOWHERE_UNKNOWN, /* a public one that no database knows */
                  KT_NOWHERE_NONE,    /* none at all */
                  KT_NOWHERE_COUNT
};
struct kt_place {
    char country[3]; /* ISO 3166-1, two letters */
    uint64_t events, failed;
    uint32_t actors, secrets, addresses; /* how many different ones */
    kt_time_ns last;
};
struct kt_places { /* most events first */
    struct kt_place *at;
    uint32_t n;
    uint64_t events, nowhere[KT_NOWHERE_COUNT];
};
#define KT_PLACES_NAMES_MAX 500000u /* different actors, secrets, addresses: each */
/* Of the ask's window, what fits the query (columns must say all of it: else KT_E_INPUT). An
 * address has the country that it had at its first access in each segment. KT_E_LIMIT: more names
 * than the bound. Free with kt_places_done. */
KT_MUST_USE enum kt_status kt_places_load(struct kt_ask *a, struct kt_str query,
                                          struct kt_places *ret, struct kt_error *err);
void kt_places_done(struct kt_places *p);
