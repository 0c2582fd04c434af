/*
 * span: where in time a batch has events, and 16 bits of each id there. Private to core/store.
 * Made when a batch is stored, and again when it is verified.
 */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"

#define KT_SPAN_NS (10 * KT_NS_MIN)

/* What makes two records the same one: the event's id, told apart by kind (an amendment carries
 * the id of what it amends). False: the line has no native id, only its batch protects it. */
#define KT_KEY_SIZE 16u
bool kt_span_key(const struct kt_event *ev, uint8_t ret[KT_KEY_SIZE]);
uint16_t kt_span_print(const uint8_t key[KT_KEY_SIZE]);
int64_t kt_span_bucket(kt_time_ns time); /* 0 for events without a time */

struct kt_span_item {
    kt_time_ns time;
    uint16_t print;
    bool has_key;
};
struct kt_span {
    int64_t bucket;
    kt_time_ns min, max;
    struct kt_str ids; /* u16 prints, inside kt_spans.ids */
};
struct kt_spans {
    struct kt_span_item *item;
    struct kt_span *span;
    struct kt_buf ids;
    uint32_t n_items, n, cap;
};
void kt_spans_done(struct kt_spans *s);
void kt_spans_reset(struct kt_spans *s);
/* key: NULL when the event has none. */
void kt_spans_add(struct kt_spans *s, kt_time_ns time, const uint8_t *key);
/* Makes span[0..n) from the items, by bucket. */
void kt_spans_close(struct kt_spans *s);
