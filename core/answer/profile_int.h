/* profile_int: what the files of `profile` share. */
#pragma once
#include "core/answer/profile.h"
#include "core/base/arena.h"
#include "core/base/known.h"
#include "core/base/pairs.h"

enum kt_profile_span { KT_PROFILE_SPAN_WINDOW, KT_PROFILE_SPAN_USUAL, KT_PROFILE_SPAN_BEFORE };

struct kt_profile_value {
    struct kt_profile_entry e;      /* first: what is handed out */
    uint32_t network, country, asn; /* of an address: numbers of their lists, KT_MAP_NONE = none */
    bool wanted;                    /* its first is looked for in what is before */
};
struct kt_profile_total { /* of the span at hand: no more than a line of the cache */
    kt_time_ns first, last, last_read;
    uint64_t events, reads, failed;
    uint32_t on;
    uint8_t kind; /* of the last that says one */
};
struct kt_profile_values {
    struct kt_map *map;
    struct kt_known known;       /* of map */
    struct kt_profile_value *at; /* by number in map */
    struct kt_profile_total *total;
    uint32_t n, cap;
    uint32_t *number, cap_number; /* of the codes of one chunk's column, those that occur */
};
#define KT_PROFILE_PAGE 224u /* addresses: with its head as much as a line of the cache */
struct kt_profile_pairs {    /* an actor at an address: profile_pairs.c */
    struct kt_pairs known;   /* of a page: an actor, and which of its addresses */
    struct kt_profile_pairs_page {
        uint32_t actor, block;
        uint64_t word[KT_PROFILE_PAGE / 32];
    } * page;
    uint32_t cap, used; /* pages; pairs */
};
struct kt_profile_lands { /* an actor in a country */
    struct kt_pairs known;
    struct kt_profile_land {
        uint32_t actor, country;
        unsigned spans;
    } * at;
    uint32_t cap;
};
struct kt_profiling {
    struct kt_profile out; /* first: kt_profile_free gets at the rest */
    struct kt_ask *ask;
    struct kt_profile_ask what;
    struct kt_buf query;
    const struct kt_identity *only; /* an actor with aliases for some sources: rows are judged */
    enum kt_profile_span span;
    struct kt_profile_values list[KT_PROFILE_LIST_COUNT];
    struct kt_profile_pairs places;
    struct kt_profile_lands lands;
    struct kt_map *texts;
    /* of the actor codes of one chunk: source and instance for which the number was looked up */
    uint32_t *asked, cap_asked;
    /* Of one chunk: its records, and their sums by the codes of a column. */
    struct kt_profile_met *met;
    struct kt_profile_sum *sum;
    uint32_t cap_sum;
    struct kt_profiling *around; /* what is counted beside it: the addresses of ip's network */
    struct kt_ip ip;
    uint32_t *pick;  /* of a view of both: rows of ip */
    bool addresses;  /* no other list but what lies behind them is filled, and nothing is dated */
    bool limited;    /* some alias is meant for some sources only: rows say who their actor is */
    bool lines_only; /* lines are read beside columns: they say sessions and credentials alone */
    bool compared;   /* with what came before the window */
    bool whole;      /* window and usual span are all of the log */
    bool full;
    uint64_t looked; /* segments of what is before; unsearched: some of them were left */
    bool unsearched;
    kt_time_ns slice;            /* where the one at hand begins */
    bool (*give_up)(void *self); /* of the ask, while what is before has its own end */
    void *give_up_self;
    /* Of what is before: the least time of each code of a chunk's column. */
    kt_time_ns *least;
    uint32_t cap_least;
    /* The addresses of the list by their 16 bytes, and which of it each is. */
    struct kt_map *ips;
    struct kt_known ips_known;
    uint32_t *ip_of, cap_ip;
    uint32_t dating; /* 1 << enum kt_profile_list: those that are looked for in what is before */
};
#define KT_PROFILE_PAIRS_MAX (4u * KT_PROFILE_VALUES_MAX)

/* The number of a value; KT_MAP_NONE of the empty one, and of one that is not there and is not made
 * in this span. Sets p->full where the list has too many. */
uint32_t kt_profile_number(struct kt_profiling *p, enum kt_profile_list list, struct kt_str value);
uint32_t kt_profile_address(struct kt_profiling *p, struct kt_ip ip);
struct kt_str kt_profile_keep(struct kt_profiling *p, struct kt_str text);
/* An actor was at an address, in the span at hand. */
void kt_profile_meet(struct kt_profiling *p, uint32_t actor, uint32_t address);
/* What of that is told of actors. */
void kt_profile_note_pairs(struct kt_profiling *p);
void kt_profile_pairs_done(struct kt_profiling *p);
/* What was counted goes to the entries of the lists, as of the span at hand. */
void kt_profile_close_span(struct kt_profiling *p);
/* Networks, countries and operators come to what their addresses do, of which all is counted. */
void kt_profile_roll_up(struct kt_profiling *p);
/* Dates what is wanted of a view of what is before. False: rows have to be judged one by one. */
bool kt_profile_date(struct kt_profiling *p, const struct kt_view *view);
/* Walks the columns, or the lines, of the ask's window. */
KT_MUST_USE enum kt_status kt_profile_columns(struct kt_profiling *p, struct kt_str query,
                                              struct kt_error *err);
KT_MUST_USE enum kt_status kt_profile_lines(struct kt_profiling *p, struct kt_str query,
                                            struct kt_error *err);
/* Dates what is wanted in the records before the usual span. log_first: the oldest there is. */
KT_MUST_USE enum kt_status kt_profile_before(struct kt_profiling *p, kt_time_ns log_first,
                                             struct kt_error *err);
/* ` actor:"a","b"`: of one actor, whom aliases for some sources make more than one term of. exact:
 * value is no pattern. */
KT_MUST_USE enum kt_status kt_profile_actor_term(const struct kt_ask *a, struct kt_str value,
                                                 bool exact, struct kt_buf *out,
                                                 const struct kt_identity **ret_only,
                                                 struct kt_error *err);
