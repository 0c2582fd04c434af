/* store_cmd: what the words of `keytrail store` share. */
#pragma once
#include "cli/cli.h"
#include "core/query/holds.h"
#include "core/store/figures.h"

struct kt_store_args {
    const char *db, *config, *server, *retention_text, *by, *reason;
    bool finish, anew;
    enum kt_output how;
    char path[4096];
    struct kt_reader *reader;
    kt_time_ns now, retention; /* retention 0: nobody said */
};
int kt_store_stats(struct kt_store_args *a);
int kt_store_forecast(struct kt_store_args *a);
int kt_store_new_log(struct kt_store_args *a);
int kt_store_rotate_log_key(struct kt_store_args *a);
int kt_store_pairs(struct kt_store_args *a);
int kt_store_merge(struct kt_store_args *a);

struct kt_store;
/* Makes what is missing of the sums that `coverage` begins from (core/answer/tally_kept.h). Where
 * they cannot be made there are none, which is no failure. */
KT_MUST_USE enum kt_status kt_store_coverage(struct kt_store *s, struct kt_error *err);

struct kt_store_count {
    const char *name;
    uint64_t value;
};
void kt_store_print_counts(const struct kt_store_count *all, size_t n, enum kt_output how);

/* A store's segments, and which of them a hold in force keeps. */
struct kt_store_segments {
    struct kt_sealed *at;
    size_t n, cap;
    unsigned holds; /* in force */
    uint64_t held;  /* segments under one */
};
void kt_store_segments_add(struct kt_store_segments *s, const struct kt_sealed *seg);
void kt_store_segments_done(struct kt_store_segments *s);
KT_MUST_USE enum kt_status kt_store_segments_load(struct kt_reader *r,
                                                  struct kt_store_segments *ret,
                                                  struct kt_error *err);
#define KT_BYTES_TEXT 24
/* "38.8 MiB". Returns buf. */
const char *kt_bytes_text(double bytes, char buf[KT_BYTES_TEXT]);
/* "48,167". Returns buf. */
#define KT_COUNT_TEXT 32
const char *kt_count_text(uint64_t n, char buf[KT_COUNT_TEXT]);
struct kt_forecast_of;
/* What kt_forecast_make needs, of an open store; ret->segment lives in *segments, which comes
 * zeroed and is to be emptied. */
KT_MUST_USE enum kt_status kt_store_outlook(struct kt_reader *r, const char *path,
                                            kt_time_ns retention, kt_time_ns now,
                                            struct kt_store_segments *segments,
                                            struct kt_forecast_of *ret, struct kt_error *err);
/* Room on the file system of path, as collector/disk.h measures it; zeroes when it cannot be. */
void kt_store_disk(const char *path, uint64_t *ret_free, uint64_t *ret_all);
