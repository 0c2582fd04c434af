/* secret_state_int: what the files of `secret_state` share. */
#pragma once
#include "core/answer/secret_state.h"
#include "core/base/known.h"
#include "core/base/pairs.h"

struct kt_states_change {
    uint32_t secret;
    struct kt_state_change is;
};
struct kt_states_reader {
    uint32_t secret;
    struct kt_secret_reader is;
};
struct kt_states {
    struct kt_ask *ask;
    struct kt_inventory *inventory;
    struct kt_map *secrets, *texts;
    struct kt_known known;     /* of texts */
    struct kt_map *put;        /* ids as kt_states_put was told, … */
    struct kt_known known_put; /* … found again, … */
    uint32_t *put_as;          /* … and their numbers in secrets */
    uint32_t cap_put;
    struct kt_map *met;       /* ids as columns have them, … */
    struct kt_known known_id; /* … found again, … */
    uint32_t *met_as;         /* … and their numbers in secrets, KT_MAP_NONE: nobody asks */
    uint32_t cap_met;
    struct kt_pairs pairs;         /* number of the secret, and of the actor in texts */
    struct kt_secret_state *state; /* by number in secrets */
    bool *changed;
    uint32_t cap;
    struct kt_states_change *change;
    size_t n_changes, cap_changes;
    struct kt_states_reader *reader; /* by number in pairs */
    uint64_t *own;                   /* reads that were asked about, by the same number */
    uint32_t cap_readers;
    bool crowded;                    /* too many pairs: there is no answer */
    struct kt_secret_reader *listed; /* of all secrets, once judged */
    kt_time_ns readers_until;        /* 0: of nobody */
    struct kt_buf scratch;
};

/* ` secret:"a","b"` behind a query, where all that are asked about are few enough for one. */
void kt_states_narrow(struct kt_states *s, struct kt_buf *query);
/* The numbers of a view's secrets by code - 1; KT_MAP_NONE: nobody asks. Lives in room. */
const uint32_t *kt_states_numbers(struct kt_states *s, const struct kt_view *view,
                                  struct kt_buf *room);
/* That of an id as columns have it. */
uint32_t kt_states_number_of(struct kt_states *s, struct kt_str id);
/* That of a row. */
uint32_t kt_states_number_at(const uint32_t *number, const struct kt_view *view, uint32_t row);
/* The number of a secret with one who reads it, a number in texts. KT_MAP_NONE: there are too many,
 * and kt_states_readers says so. */
uint32_t kt_states_pair(struct kt_states *s, uint32_t secret, uint32_t actor);
/* Counts who reads them in the ask's window; the list of each, at the end. KT_E_LIMIT: too many. */
KT_MUST_USE enum kt_status kt_states_readers(struct kt_states *s, struct kt_error *err);
void kt_states_list_readers(struct kt_states *s);
