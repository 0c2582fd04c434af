/*
 * span: from the events of a batch to its rows in table span.
 *
 * Owns:  the lists inside struct kt_spans.
 * Calls: core/base, core/event.
 * Holds: the same events give the same rows, in whatever order they were added.
 */
#include "core/store/span.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"

bool kt_span_key(const struct kt_event *ev, uint8_t ret[KT_KEY_SIZE])
{
    if (ev->native_id.len == 0)
        return false;
    kt_event_id(ev, ret);
    ret[KT_KEY_SIZE - 1] ^= (uint8_t)ev->kind;
    return true;
}

uint16_t kt_span_print(const uint8_t key[KT_KEY_SIZE])
{
    return (uint16_t)(key[0] | key[1] << 8);
}

int64_t kt_span_bucket(kt_time_ns time)
{
    return time <= 0 ? 0 : 1 + time / KT_SPAN_NS;
}

void kt_spans_done(struct kt_spans *s)
{
    kt_free(s->item);
    kt_free(s->span);
    kt_buf_done(&s->ids);
    *s = (struct kt_spans){ 0 };
}

void kt_spans_reset(struct kt_spans *s)
{
    s->n_items = s->n = 0;
    kt_buf_reset(&s->ids);
}

void kt_spans_add(struct kt_spans *s, kt_time_ns time, const uint8_t *key)
{
    if (s->n_items == s->cap) {
        s->cap = s->cap == 0 ? 256 : 2 * s->cap;
        s->item = kt_realloc_array(s->item, s->cap, sizeof *s->item);
        s->span = kt_realloc_array(s->span, s->cap, sizeof *s->span);
    }
    s->item[s->n_items++] = (struct kt_span_item){
        .time = time <= 0 ? 0 : time,
        .print = key == NULL ? (uint16_t)0 : kt_span_print(key),
        .has_key = key != NULL,
    };
}

static int by_time(const void *pa, const void *pb)
{
    const struct kt_span_item *a = pa, *b = pb;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return (a->print > b->print) - (a->print < b->print);
}

void kt_spans_close(struct kt_spans *s)
{
    if (s->n_items > 0)
        qsort(s->item, s->n_items, sizeof *s->item, by_time);
    (void)kt_buf_reserve(&s->ids, 2 * (size_t)s->n_items); /* so that spans may point into it */
    struct kt_span *span = NULL;
    for (uint32_t i = 0; i < s->n_items; i++) {
        const struct kt_span_item *item = &s->item[i];
        int64_t bucket = kt_span_bucket(item->time);
        if (span == NULL || span->bucket != bucket) {
            span = &s->span[s->n++];
            *span = (struct kt_span){ .bucket = bucket, .min = item->time };
            span->ids.at = s->ids.at + s->ids.len;
        }
        span->max = item->time;
        if (item->has_key) {
            kt_buf_u16(&s->ids, item->print);
            span->ids.len += 2;
        }
    }
}
