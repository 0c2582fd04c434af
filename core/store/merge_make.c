/*
 * merge_make: columns of several segments become those of one.
 *
 * Owns:  buffers of one merger: 12 MB of columns, and the texts of their dictionaries (of all that
 *        are made: KT_MERGED_TEXTS_MAX; 32 MiB each, for who makes one again).
 * Calls: core/base, core/store (segment, columns, packed, filter). No SQL, no clock.
 * Holds: the same pieces give the same bytes; they are those that the pieces' events would give.
 */
#include <assert.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/store/merge_int.h"
#include "core/store/packed.h"

struct kt_merger {
    struct kt_columns columns;
    struct kt_segment head[KT_MERGED_PIECES];
    struct kt_buf days[KT_MERGED_PIECES];
    uint32_t n;
    struct kt_key_set keys;
};

struct kt_merger *kt_merger_new(void)
{
    return kt_alloc(sizeof(struct kt_merger));
}

void kt_merger_free(struct kt_merger *m)
{
    if (m == NULL)
        return;
    kt_columns_done(&m->columns);
    for (unsigned i = 0; i < KT_MERGED_PIECES; i++)
        kt_buf_done(&m->days[i]);
    kt_key_set_done(&m->keys);
    kt_free(m);
}

void kt_merger_start(struct kt_merger *m)
{
    kt_columns_reset(&m->columns);
    m->n = 0;
}

bool kt_merger_add(struct kt_merger *m, const struct kt_segment *piece, const struct kt_columns *c)
{
    if (m->n == KT_MERGED_PIECES || c->n > KT_MERGED_EVENTS_MAX - m->columns.n ||
        !kt_columns_append(&m->columns, c))
        return false;
    struct kt_segment *own = &m->head[m->n];
    kt_buf_reset(&m->days[m->n]);
    kt_buf_add(&m->days[m->n], piece->days);
    *own = *piece;
    own->days = kt_buf_str(&m->days[m->n++]);
    return true;
}

size_t kt_merger_texts(const struct kt_merger *m)
{
    return kt_columns_texts(&m->columns);
}

/* ---- the row ---- */

static kt_time_ns earlier(kt_time_ns a, kt_time_ns b)
{
    return a < b ? a : b;
}

static kt_time_ns later(kt_time_ns a, kt_time_ns b)
{
    return a > b ? a : b;
}

static void add_head(struct kt_segment *to, const struct kt_segment *s)
{
    to->last_seq = s->last_seq;
    to->count += s->count;
    to->untimed += s->untimed;
    to->conflicts += s->conflicts;
    to->bytes += s->bytes;
    if (s->max_time > 0) { /* else none of its events has a time */
        to->min_time = to->max_time == 0 ? s->min_time : earlier(to->min_time, s->min_time);
        to->max_time = later(to->max_time, s->max_time);
    }
    to->min_arrival = earlier(to->min_arrival, s->min_arrival);
    to->max_arrival = later(to->max_arrival, s->max_arrival);
    to->min_stored = earlier(to->min_stored, s->min_stored);
    to->max_stored = later(to->max_stored, s->max_stored);
}

static int by_day(const void *pa, const void *pb)
{
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    return (a > b) - (a < b);
}

static void join_days(const struct kt_merger *m, struct kt_buf *out)
{
    size_t n = 0, cap = 0;
    for (uint32_t i = 0; i < m->n; i++)
        cap += m->head[i].days.len / 4;
    uint32_t *day = kt_alloc_array(cap + 1, sizeof *day);
    for (uint32_t i = 0; i < m->n; i++)
        for (struct kt_rd rd = kt_rd_of(m->head[i].days); rd.left > 0;)
            day[n++] = kt_rd_u32(&rd);
    if (n > 1)
        qsort(day, n, sizeof *day, by_day);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || day[i] != day[i - 1])
            kt_buf_u32(out, day[i]);
    kt_free(day);
}

/* ---- parts ---- */

static void begin(struct kt_built *out, unsigned part)
{
    assert(out->parts < KT_PARTS && kt_part_is_merged(part));
    out->part[out->parts].part = part;
    out->part[out->parts].from = out->data.len;
}

static void end(struct kt_built *out)
{
    out->part[out->parts].len = out->data.len - out->part[out->parts].from;
    out->parts++;
}

/* Every event's key stands in a column. */
static void add_filter(struct kt_merger *m, enum kt_filter filter, enum kt_col column,
                       struct kt_built *out)
{
    const struct kt_text_column *t = kt_column_text(&m->columns, column);
    m->keys.n = 0;
    for (uint32_t i = 0; i < t->n_dict; i++)
        kt_key_add_text(&m->keys, filter, t->dict[i]);
    begin(out, KT_PART_FILTER + (unsigned)filter);
    kt_filter_make(&m->keys, KT_FILTER_KEY_BITS, &out->data);
    end(out);
}

static void add_columns(struct kt_merger *m, struct kt_built *out)
{
    for (unsigned c = 0; c < KT_COL_COUNT; c++) {
        begin(out, KT_PART_COLUMN + c);
        kt_packed_column(&m->columns, (enum kt_col)c, &out->data);
        end(out);
    }
    begin(out, KT_PART_TIME);
    kt_packed_time(&m->columns, &out->data);
    end(out);
}

void kt_merger_end(struct kt_merger *m, struct kt_built *out)
{
    assert(m->n > 1);
    struct kt_built kept = { .days = out->days, .data = out->data };
    kt_buf_reset(&kept.days);
    kt_buf_reset(&kept.data);
    *out = kept;
    kt_columns_close(&m->columns);
    out->head = m->head[0];
    for (uint32_t i = 1; i < m->n; i++)
        add_head(&out->head, &m->head[i]);
    out->head.pieces = m->n;
    join_days(m, &out->days);
    add_columns(m, out);
    add_filter(m, KT_FILTER_ACTOR, KT_COL_ACTOR, out);
    add_filter(m, KT_FILTER_SECRET, KT_COL_SECRET, out);
    add_filter(m, KT_FILTER_IP, KT_COL_IP, out);
    add_filter(m, KT_FILTER_INSTANCE, KT_COL_INSTANCE, out);
    add_filter(m, KT_FILTER_USER_AGENT, KT_COL_USER_AGENT, out);
    begin(out, KT_PART_PIECES);
    kt_pieces_write(m->head, m->n, &out->data);
    end(out);
    out->head.days = kt_buf_str(&out->days);
    out->head.packed = out->data.len;
}
