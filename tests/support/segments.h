/*
 * segments: a filled store of segments for tests, what readers show of it, and ways to change its
 * file. Failures end the test (cmocka).
 */
#pragma once
#include "tests/support/store_make.h"
#include "tests/support/year.h"

#define BATCH   25u
#define BATCHES 24u /* in segments of 60 events: eight, and a tail */

struct segments {
    char folder[64], path[96], copy[128];
    struct make *make;
    struct kt_store *store;
    struct kt_buf shown;
    char said[4096];
    bool nameless; /* the start does not name the log, so that two stores are the same */
};

/* Of cmocka: *state is a struct segments with a filled store. */
int segments_set_up(void **state);
int segments_set_up_merged(void **state); /* of eight segments six are merged, by three */
int segments_tear_down(void **state);

void segments_must(enum kt_status status, const struct kt_error *err);
void segments_open_store(struct segments *w);
void segments_close_store(struct segments *w);
/* An empty folder in place of the filled one. */
void segments_start_over(struct segments *w);

/* As a collector's start is: it names the log. */
void segments_start(struct segments *w);
void segments_fill(struct segments *w);
/* Batch n of a year of events. */
struct kt_store_batch segments_year_batch(struct segments *w, struct year *y, uint64_t n,
                                          bool import);
void segments_append(struct segments *w, const struct kt_store_batch *b,
                     struct kt_store_result *ret);
void segments_control(struct segments *w); /* a control record */
/* As many as there are, so many pieces at most each. Returns how many segments are no more. */
uint64_t segments_merge(struct segments *w, uint32_t pieces);
void segments_remove_first(struct segments *w); /* a segment that is too old */

/* All that readers show. False when one of the doors says that the store is damaged. */
bool segments_show(const char *path, struct kt_buf *out);
/* What verify says stands in w->said. */
bool segments_verifies(struct segments *w, const char *path, struct kt_verify_result *ret);

void segments_copy_file(struct segments *w);               /* path -> copy */
void segments_change(struct segments *w, const char *sql); /* of the copy */
/* Damages the first page of the closed store's file (a leaf of a table) whose rows' numbers are all
 * in [from, to]. */
void segments_hurt(struct segments *w, uint64_t from, uint64_t to);
