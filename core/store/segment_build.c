/*
 * segment_build: from batches of the tail to the parts of a segment.
 *
 * Owns:  buffers of one builder.
 * Calls: core/base, core/event, core/store (row, columns, packed, filter, segment). No SQL, no
 * clock: it runs beside the store's thread. Holds: the same rows give the same parts.
 */
#include <assert.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/fetch.h"
#include "core/base/limits.h"
#include "core/base/zip.h"
#include "core/event/line.h"
#include "core/store/grams.h"
#include "core/store/packed.h"
#include "core/store/segment.h"

#define LINES_TABLE 10 /* bits: beside their like, lines take fewer bytes so than with more */
#define PARTS_LEVEL -1
#define ARENA_MAX   (2 * KT_LINE_MAX)

struct kt_builder {
    struct kt_zip *zip;
    struct kt_arena arena;
    struct kt_lines lines; /* of one batch */
    struct kt_buf text, raw, block, runs, nodes, filters;
    struct kt_cover run; /* of the numbers without a hole at hand */
    struct kt_columns columns;
    struct kt_key_set keys, sessions, ids; /* keys: of one filter after the other */
    struct kt_str *line_of;                /* n; at NULL: the next one in text */
    uint32_t *place, *line;
    kt_time_ns *arrival;
    uint32_t n;
    unsigned session_bits;   /* a key, of the filter of sessions */
    bool with_grams, zipped; /* columns as segments of before have them */
    struct kt_grams grams;
};

struct kt_builder *kt_builder_new(void)
{
    struct kt_builder *b = kt_alloc(sizeof *b);
    b->zip = kt_zip_new();
    b->session_bits = KT_FILTER_SESSION_BITS;
    b->with_grams = true;
    b->arena = kt_arena_new(ARENA_MAX);
    b->line_of = kt_alloc_array(KT_SEGMENT_EVENTS_MAX, sizeof *b->line_of);
    b->place = kt_alloc_array(KT_SEGMENT_EVENTS_MAX, sizeof *b->place);
    b->line = kt_alloc_array(KT_SEGMENT_EVENTS_MAX, sizeof *b->line);
    b->arrival = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *b->arrival);
    return b;
}

void kt_builder_free(struct kt_builder *b)
{
    if (b == NULL)
        return;
    kt_zip_free(b->zip);
    kt_arena_done(&b->arena);
    kt_lines_done(&b->lines);
    kt_buf_done(&b->text);
    kt_buf_done(&b->raw);
    kt_buf_done(&b->block);
    kt_buf_done(&b->runs);
    kt_buf_done(&b->nodes);
    kt_buf_done(&b->filters);
    kt_columns_done(&b->columns);
    kt_key_set_done(&b->keys);
    kt_key_set_done(&b->sessions);
    kt_key_set_done(&b->ids);
    kt_free(b->line_of);
    kt_free(b->place);
    kt_free(b->line);
    kt_free(b->arrival);
    kt_free(b);
}

const struct kt_columns *kt_builder_columns(const struct kt_builder *b)
{
    return &b->columns;
}

void kt_builder_sessions(struct kt_builder *b, unsigned bits_per_key)
{
    b->session_bits = bits_per_key;
}

void kt_builder_grams(struct kt_builder *b, bool made)
{
    b->with_grams = made;
}

void kt_builder_zipped(struct kt_builder *b, bool zipped)
{
    b->zipped = zipped;
}

void kt_built_done(struct kt_built *b)
{
    kt_buf_done(&b->days);
    kt_buf_done(&b->data);
    *b = (struct kt_built){ 0 };
}

/* ---- taking rows in ---- */

void kt_builder_start(struct kt_builder *b, struct kt_built *out)
{
    struct kt_built kept = { .days = out->days, .data = out->data };
    kt_buf_reset(&kept.days);
    kt_buf_reset(&kept.data);
    *out = kept;
    kt_buf_reset(&b->text);
    kt_buf_reset(&b->runs);
    kt_buf_reset(&b->nodes);
    kt_columns_reset(&b->columns);
    b->sessions.n = 0;
    b->ids.n = 0;
    b->n = 0;
}

static void widen(kt_time_ns *low, kt_time_ns *high, kt_time_ns t, bool first)
{
    *low = first || t < *low ? t : *low;
    *high = first || t > *high ? t : *high;
}

static void take_event(struct kt_builder *b, const struct kt_event *ev,
                       const uint8_t id[KT_KEY_SIZE], struct kt_segment *head)
{
    kt_columns_add(&b->columns, ev);
    kt_key_add_sessions(&b->sessions, ev);
    kt_key_set_add(&b->ids, kt_key_id_hash(id));
    if (ev->time > 0)
        widen(&head->min_time, &head->max_time, ev->time, head->max_time == 0);
    else
        head->untimed++;
}

/* The tree nodes of runs without a hole become those of larger subtrees. */
static enum kt_status take_nodes(struct kt_builder *b, const struct kt_row *row,
                                 struct kt_error *err)
{
    struct kt_cover next;
    if (kt_row_nodes(row, &next, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    if (b->n > 0 && b->run.first + b->run.n == next.first) {
        kt_cover_join(&b->run, &next);
        return KT_OK;
    }
    if (b->n > 0)
        kt_cover_pack(&b->run, &b->nodes);
    b->run = next;
    return KT_OK;
}

/* What a row says of all its lines. */
static enum kt_status take_row(struct kt_builder *b, const struct kt_row *row,
                               const kt_time_ns *arrival, struct kt_segment *head,
                               struct kt_error *err)
{
    if (take_nodes(b, row, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    kt_run_pack(row, &b->runs);
    if (b->n == 0)
        head->first_seq = row->first_seq;
    widen(&head->min_stored, &head->max_stored, row->stored, b->n == 0);
    for (uint32_t i = 0; i < row->count; i++)
        widen(&head->min_arrival, &head->max_arrival, arrival[i], b->n + i == 0);
    head->last_seq = kt_row_last(row);
    head->conflicts += (uint32_t)(row->conflicts.len / 4);
    return KT_OK;
}

enum kt_status kt_builder_add(struct kt_builder *b, const struct kt_row *row,
                              const struct kt_str *line, const kt_time_ns *arrival,
                              struct kt_built *out, struct kt_error *err)
{
    if (take_row(b, row, arrival, &out->head, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    for (uint32_t i = 0; i < row->count; i++) {
        struct kt_event ev;
        uint8_t id[KT_KEY_SIZE];
        kt_arena_reset(&b->arena);
        if (kt_line_read(line[i], &b->arena, &ev, err) != KT_OK)
            return kt_fail(err, KT_E_CORRUPT, "record %llu is not a canonical line",
                           (unsigned long long)(row->first_seq + i));
        kt_buf_add(&b->text, line[i]);
        kt_event_id(&ev, id);
        take_event(b, &ev, id, &out->head);
        out->head.bytes += line[i].len + 1;
        b->line_of[b->n++] = kt_str_from(NULL, line[i].len);
    }
    return KT_OK;
}

/* A row whose lines were parsed before, and stay until the segment is made. */
static enum kt_status add_parsed(struct kt_builder *b, const struct kt_row *row,
                                 const kt_time_ns *arrival, struct kt_built *out,
                                 struct kt_error *err)
{
    if (take_row(b, row, arrival, &out->head, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    for (uint32_t i = 0; i < row->count; i++) {
        struct kt_event ev;
        kt_arena_reset(&b->arena);
        if (kt_parsed_event(row->parsed, i, &b->arena, &ev, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
        take_event(b, &ev, kt_parsed_id(row->parsed, i), &out->head);
        b->line_of[b->n] = kt_parsed_line(row->parsed, i);
        out->head.bytes += b->line_of[b->n++].len + 1;
    }
    return KT_OK;
}

/* ---- parts ---- */

static void begin(struct kt_built *out, unsigned part)
{
    assert(out->parts < KT_PARTS);
    out->part[out->parts].part = part;
    out->part[out->parts].from = out->data.len;
}

static void end(struct kt_built *out)
{
    out->part[out->parts].len = out->data.len - out->part[out->parts].from;
    out->parts++;
}

static void add_packed(struct kt_builder *b, struct kt_built *out, unsigned part)
{
    begin(out, part);
    kt_zip_pack(b->zip, kt_buf_str(&b->raw), PARTS_LEVEL, &out->data);
    end(out);
    kt_buf_reset(&b->raw);
}

/* As segments of before have them. */
static void add_zipped_columns(struct kt_builder *b, struct kt_built *out)
{
    kt_buf_reset(&b->raw);
    for (unsigned c = 0; c < KT_COL_COUNT; c++) {
        kt_column_pack(&b->columns, (enum kt_col)c, &b->raw);
        add_packed(b, out, KT_PART_COLUMN + c);
    }
    kt_column_pack_time(&b->columns, &b->raw);
    add_packed(b, out, KT_PART_TIME);
}

static void add_columns(struct kt_builder *b, struct kt_built *out)
{
    for (unsigned c = 0; c < KT_COL_COUNT; c++) {
        begin(out, KT_PART_COLUMN + c);
        kt_packed_column(&b->columns, (enum kt_col)c, &out->data);
        end(out);
    }
    begin(out, KT_PART_TIME);
    kt_packed_time(&b->columns, &out->data);
    end(out);
}

/* Of columns each distinct text is a key, once, whatever rows have it. */
static struct kt_key_set *keys_of(struct kt_builder *b, enum kt_filter filter)
{
    static const enum kt_col column[KT_FILTER_COUNT] = {
        [KT_FILTER_ACTOR] = KT_COL_ACTOR,
        [KT_FILTER_SECRET] = KT_COL_SECRET,
        [KT_FILTER_IP] = KT_COL_IP,
        [KT_FILTER_INSTANCE] = KT_COL_INSTANCE,
        [KT_FILTER_USER_AGENT] = KT_COL_USER_AGENT,
        [KT_FILTER_SESSION] = KT_COL_NONE,
    };
    if (column[filter] == KT_COL_NONE)
        return &b->sessions;
    const struct kt_text_column *t = kt_column_text(&b->columns, column[filter]);
    b->keys.n = 0;
    for (uint32_t i = 0; i < t->n_dict; i++)
        kt_key_add_text(&b->keys, filter, t->dict[i]);
    return &b->keys;
}

static void add_filters(struct kt_builder *b, struct kt_built *out)
{
    for (unsigned i = 0; i < KT_FILTER_COUNT; i++) {
        begin(out, KT_PART_FILTER + i);
        kt_filter_make(keys_of(b, (enum kt_filter)i),
                       i == KT_FILTER_SESSION ? b->session_bits : KT_FILTER_KEY_BITS, &out->data);
        end(out);
    }
    begin(out, KT_PART_IDS);
    kt_filter_make(&b->ids, KT_FILTER_ID_BITS, &out->data);
    end(out);
}

static void add_batches(struct kt_builder *b, struct kt_built *out)
{
    kt_buf_add(&b->raw, kt_buf_str(&b->runs));
    add_packed(b, out, KT_PART_BATCHES);
    kt_cover_pack(&b->run, &b->nodes);
    begin(out, KT_PART_NODES);
    kt_buf_add(&out->data, kt_buf_str(&b->nodes));
    end(out);
}

static void close_block(struct kt_builder *b, unsigned block, uint32_t lines, struct kt_built *out)
{
    assert(KT_PART_LINES + block < KT_PARTS);
    begin(out, KT_PART_LINES + block);
    kt_zip_pack_lines(b->zip, kt_buf_str(&b->block), LINES_TABLE, &out->data);
    end(out);
    if (b->with_grams)
        kt_grams_pack(&b->grams, kt_buf_str(&b->block), &b->filters);
    kt_buf_u32(&b->raw, lines);
    kt_buf_reset(&b->block);
}

/* The lines that were copied stand in text one behind the other. */
static void find_copied(struct kt_builder *b)
{
    const char *next = b->text.at;
    for (uint32_t i = 0; i < b->n; i++)
        if (b->line_of[i].at == NULL) {
            b->line_of[i].at = next;
            next += b->line_of[i].len;
        }
}

static void add_blocks(struct kt_builder *b, struct kt_built *out)
{
    unsigned block = 0;
    uint32_t lines = 0;
    kt_buf_reset(&b->block);
    kt_buf_reset(&b->filters);
    for (uint32_t p = 0; p < b->n; p++) {
        if (p + 1 < b->n)
            kt_fetch(b->line_of[b->line[p + 1]]);
        kt_buf_add(&b->block, b->line_of[b->line[p]]);
        kt_buf_byte(&b->block, '\n');
        lines++;
        if (lines == KT_BLOCK_LINES || b->block.len >= KT_BLOCK_BYTES || p + 1 == b->n) {
            close_block(b, block++, lines, out);
            lines = 0;
        }
    }
}

static void add_lines(struct kt_builder *b, struct kt_built *out)
{
    const struct kt_text_column *actor = kt_column_text(&b->columns, KT_COL_ACTOR);
    kt_segment_order(actor->code, b->n, actor->n_dict, b->place);
    for (uint32_t i = 0; i < b->n; i++)
        b->line[b->place[i]] = i;
    find_copied(b);
    add_blocks(b, out);
    begin(out, KT_PART_BLOCKS);
    kt_buf_add(&out->data, kt_buf_str(&b->raw));
    end(out);
    kt_buf_reset(&b->raw);
    if (!b->with_grams)
        return;
    begin(out, KT_PART_GRAMS);
    kt_buf_add(&out->data, kt_buf_str(&b->filters));
    end(out);
}

static int by_day(const void *pa, const void *pb)
{
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    return (a > b) - (a < b);
}

static void add_days(struct kt_builder *b, struct kt_built *out)
{
    uint32_t *day = b->place, n = 0; /* free until the lines are ordered */
    for (uint32_t i = 0; i < b->n; i++) {
        if (b->columns.time[i] <= 0)
            continue;
        uint32_t d = (uint32_t)(b->columns.time[i] / KT_NS_DAY);
        if (n == 0 || day[n - 1] != d)
            day[n++] = d;
    }
    if (n > 1)
        qsort(day, n, sizeof *day, by_day);
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || day[i] != day[i - 1])
            kt_buf_u32(&out->days, day[i]);
}

void kt_builder_end(struct kt_builder *b, struct kt_built *out)
{
    assert(b->n > 0);
    out->head.count = b->n;
    kt_columns_close(&b->columns);
    if (b->zipped)
        add_zipped_columns(b, out);
    else
        add_columns(b, out);
    add_days(b, out);
    add_filters(b, out);
    add_batches(b, out);
    add_lines(b, out);
    out->head.days = kt_buf_str(&out->days);
    out->head.packed = out->data.len;
}

static enum kt_status add(struct kt_builder *b, const struct kt_row *row, struct kt_built *out,
                          struct kt_error *err)
{
    if (row->parsed != NULL)
        return add_parsed(b, row, b->arrival, out, err);
    return kt_row_lines(row, b->zip, &b->lines, err) == KT_OK
               ? kt_builder_add(b, row, b->lines.at, b->arrival, out, err)
               : KT_E_CORRUPT;
}

enum kt_status kt_builder_run(struct kt_builder *b, const struct kt_row *rows, uint32_t n,
                              struct kt_built *ret, struct kt_error *err)
{
    kt_builder_start(b, ret);
    for (uint32_t i = 0; i < n; i++)
        if (kt_row_arrivals(&rows[i], b->arrival, err) != KT_OK ||
            add(b, &rows[i], ret, err) != KT_OK)
            return kt_wrap(err, "seal");
    kt_builder_end(b, ret);
    return KT_OK;
}
