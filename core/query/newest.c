/*
 * newest: a heap of records, the oldest on top.
 *
 * Owns:  copies of lines, KT_NEWEST_BYTES at most.
 * Calls: core/base, core/event.
 */
#include "core/query/newest.h"

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line.h"

struct kept {
    kt_time_ns time;
    struct kt_record record; /* line and agent are owned */
};

struct kt_newest {
    struct kept *at;
    size_t n, max, bytes;
    struct kt_arena arena;
};

struct kt_newest *kt_newest_new(size_t max)
{
    struct kt_newest *w = kt_alloc(sizeof *w);
    w->max = max;
    w->arena = kt_arena_new(2 * KT_LINE_MAX);
    return w;
}

kt_time_ns kt_record_time(const struct kt_record *r)
{
    return r->ev.time > 0 ? r->ev.time : r->arrival;
}

static void drop(struct kt_newest *w, struct kept *k)
{
    w->bytes -= k->record.line.len;
    kt_free((void *)(uintptr_t)k->record.line.at);
    kt_free((void *)(uintptr_t)k->record.agent.at);
}

void kt_newest_free(struct kt_newest *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->n; i++)
        drop(w, &w->at[i]);
    kt_arena_done(&w->arena);
    kt_free(w->at);
    kt_free(w);
}

static bool older(const struct kept *a, const struct kept *b)
{
    return a->time != b->time ? a->time < b->time : a->record.seq < b->record.seq;
}

static void swap(struct kept *a, struct kept *b)
{
    struct kept t = *a;
    *a = *b;
    *b = t;
}

static void sink(struct kt_newest *w)
{
    for (size_t i = 0, least = 0;; i = least) {
        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < w->n; k++)
            if (older(&w->at[k], &w->at[least]))
                least = k;
        if (least == i)
            return;
        swap(&w->at[i], &w->at[least]);
    }
}

enum kt_status kt_newest_add(struct kt_newest *w, const struct kt_record *r, struct kt_error *err)
{
    struct kept k = { .time = kt_record_time(r), .record = *r };
    if (w->n == w->max && older(&k, &w->at[0]))
        return KT_OK;
    if (w->bytes + r->line.len > KT_NEWEST_BYTES)
        return kt_fail(err, KT_E_LIMIT, "%zu records are all that fits into %zu MiB: ask for fewer",
                       w->n, KT_NEWEST_BYTES >> 20);
    k.record.line = kt_str_from(kt_str_dup(r->line), r->line.len);
    k.record.agent = kt_str_from(kt_str_dup(r->agent), r->agent.len);
    w->bytes += r->line.len;
    if (w->n == w->max) {
        drop(w, &w->at[0]);
        w->at[0] = k;
        sink(w);
        return KT_OK;
    }
    w->at = kt_realloc_array(w->at, w->n + 1, sizeof *w->at);
    size_t i = w->n++;
    w->at[i] = k;
    for (; i > 0 && older(&w->at[i], &w->at[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&w->at[i], &w->at[(i - 1) / 2]);
    return KT_OK;
}

kt_time_ns kt_newest_since(const struct kt_newest *w)
{
    return w->n < w->max ? 0 : w->at[0].time;
}

size_t kt_newest_count(const struct kt_newest *w)
{
    return w->n;
}

static int by_time(const void *a, const void *b)
{
    return older(a, b) ? -1 : older(b, a) ? 1 : 0;
}

void kt_newest_sort(struct kt_newest *w)
{
    if (w->n > 1)
        qsort(w->at, w->n, sizeof *w->at, by_time);
}

enum kt_status kt_newest_get(struct kt_newest *w, size_t i, struct kt_record *ret,
                             struct kt_error *err)
{
    *ret = w->at[i].record;
    kt_arena_reset(&w->arena);
    return kt_line_read(ret->line, &w->arena, &ret->ev, err);
}
