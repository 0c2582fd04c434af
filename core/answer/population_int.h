/* population_int: what the walk of population.c leaves for population_order.c. */
#pragma once
#include "core/answer/population.h"
#include "core/answer/words.h"
#include "core/base/map.h"

struct kt_counted { /* how often each word */
    struct kt_words words;
    uint64_t *count;
    uint32_t cap;
};
struct kt_gather {
    struct kt_ask *ask;
    struct kt_population *to;
    kt_time_ns since, before;
    bool full;
    struct kt_map *sources, *actors, *secrets, *addresses, *codes; /* borrowed from `to` */
    /* By number in the maps. */
    struct kt_pop_source *source;
    struct kt_pop_actor *actor;
    struct kt_pop_secret *secret;
    struct kt_pop_address *address;
    struct kt_pop_pair *pair; /* by number in pairs: actor << 32 | secret */
    struct kt_pop_day *day;   /* by number in days */
    uint32_t cap_sources, cap_actors, cap_secrets, cap_addresses, cap_pairs, cap_days;
    struct kt_words pairs, days;
    struct kt_words places;       /* day << 48 | actor << 24 | address */
    struct kt_counted totals;     /* month << 48 | source << 16 | action << 8 | outcome */
    struct kt_counted reasons;    /* code + 1 << 32 | source << 8 | outcome */
    struct kt_counted bursts;     /* actor << 32 | hour */
    struct kt_counted place_days; /* day << 32 | actor */
    /* Of the view at hand, by its codes. */
    uint32_t *numbers[3], room[3];
    uint32_t *actor_number, *actor_place, actor_room, place_room, n_actor_codes;
    uint32_t place, place_code;
    uint64_t month;
    kt_time_ns month_from, month_until;
    struct kt_buf text;
};
/* Names, order, and what is derived from it. */
void kt_population_order(struct kt_gather *g);
