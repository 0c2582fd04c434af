/*
 * outbox_bundle: many alerts of one kind and minute as one message (H6, EXPORTS §0 "rate
 * limiting"): how many, the worst, who, and the command that lists them. Part of the outbox.
 */
#pragma once
#include "core/base/map.h"
#include "core/store/write.h"
#include "exporters/alerts/alert.h"

#define KT_BUNDLE_ROWS_MAX   16384u
#define KT_BUNDLE_ACTORS_MAX 5u

struct kt_bundle {
    uint64_t key;          /* of kind, verb and minute */
    char kind[64];         /* the detector; of our own alerts the code */
    char detector[64];     /* what the message says it is from */
    kt_time_ns minute;     /* wall: the minute's begin */
    struct kt_map *alerts; /* ids */
    struct kt_map *actors;
    struct kt_bundle_row { /* what the delivery log needs of each */
        int64_t row;
        uint32_t attempts;
    } * rows;
    unsigned n, closed; /* closed: rows that say that their alert is over */
    int severity;       /* the worst */
    uint64_t events;
    kt_time_ns first, last; /* event times of the evidence */
    bool shut;              /* it was sent once: nothing joins it any more */
};

/* The kind of an alert: its detector, or the code of one about ourselves. */
struct kt_str kt_bundle_kind(const struct kt_alert *a);
/* Kind, verb ("update" of "update:1795…") and minute of a row as one number. */
uint64_t kt_bundle_key(const struct kt_outbox_row *row, struct kt_str kind);
struct kt_bundle *kt_bundle_new(const struct kt_outbox_row *row, const struct kt_alert *a);
void kt_bundle_free(struct kt_bundle *b);
void kt_bundle_add(struct kt_bundle *b, const struct kt_outbox_row *row, const struct kt_alert *a);
bool kt_bundle_has(const struct kt_bundle *b, const char *alert);
/* The message as an alert document; id: 26 characters, made from the target and the first row, so
 * that it is the same on each try. */
void kt_bundle_write(const struct kt_bundle *b, const char *target, char id[27],
                     struct kt_buf *json);
