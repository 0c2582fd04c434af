/*
 * figures: what a store's room is used for, and its segments one by one, for people who plan.
 * Everyone's door, like read.h.
 */
#pragma once
#include "core/store/read.h"

/* Bytes by what they are for; what the pages themselves cost is in PAGES. */
/* clang-format off */
#define KT_ROOMS(X)                                                                                \
    X(LINES, "lines") X(COLUMNS, "columns") X(FILTERS, "filters") X(IDS, "ids")                    \
    X(BATCHES, "batches, nodes") X(PAIRS, "pairs") X(TAIL, "tail") X(CONTROL, "control") X(ALERTS, "alerts")         \
    X(STATE, "detector state") X(PAGES, "pages") X(FREE, "free")
enum kt_room {
#define X(name, word) KT_ROOM_##name,
    KT_ROOMS(X)
#undef X
    KT_ROOM_COUNT
};
/* clang-format on */
extern const char *const kt_room_words[KT_ROOM_COUNT];

struct kt_store_figures {
    struct kt_store_stats stats;
    uint64_t tail_batches, tail_events;
    kt_time_ns first_stored; /* 0: nothing is stored */
    uint64_t room[KT_ROOM_COUNT];
    uint64_t file_bytes, wal_bytes; /* room[] together is file_bytes */
};
/* Walks over the heads of all parts, without opening one. */
KT_MUST_USE enum kt_status kt_reader_figures(struct kt_reader *r, struct kt_store_figures *ret,
                                             struct kt_error *err);

struct kt_sealed { /* a segment */
    uint64_t first_seq, last_seq;
    uint32_t events;
    uint64_t packed; /* bytes of its parts */
    kt_time_ns min_time, max_time, min_stored, max_stored;
    bool untimed; /* some event has no time */
};
/* By number. */
KT_MUST_USE enum kt_status kt_reader_sealed(struct kt_reader *r,
                                            void (*each)(void *self, const struct kt_sealed *s),
                                            void *self, struct kt_error *err);
