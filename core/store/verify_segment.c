/*
 * verify_segment: a segment is made once more from its lines, and compared part by part.
 *
 * Calls: core/base, core/store.
 * Holds: whatever a reader may take from a filter or a column is compared.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/store/check.h"
#include "core/store/packed.h"

#define UNPACKED_MAX (64u << 20)
#define RATIO_MAX    100000u

static const char *part_name(unsigned part)
{
    if (part < KT_COL_COUNT || part == KT_PART_TIME)
        return "a column";
    if ((part >= KT_PART_FILTER && part <= KT_PART_IDS) || part == KT_PART_GRAMS)
        return "a filter";
    if (part >= KT_PART_LINES)
        return "a block of lines";
    return part == KT_PART_NODES ? "the tree nodes" : "the list of batches or blocks";
}

static bool is_zipped(unsigned part)
{
    return part < KT_PART_FILTER || part == KT_PART_BATCHES || part >= KT_PART_LINES;
}

/* Another version of the compressor gives other bytes for the same content. */
static bool same_content(struct check *c, struct kt_str a, struct kt_str b)
{
    const struct kt_str packed[] = { a, b };
    for (int i = 0; i < 2; i++) {
        kt_buf_reset(&c->unpacked[i]);
        if (kt_zip_unpack(c->zip, packed[i], UNPACKED_MAX, RATIO_MAX, &c->unpacked[i], NULL) !=
            KT_OK)
            return false;
    }
    return kt_str_eq(kt_buf_str(&c->unpacked[0]), kt_buf_str(&c->unpacked[1]));
}

static void compare_parts(struct check *c, const struct kt_segment *seg)
{
    uint64_t packed = 0;
    for (unsigned i = 0; i < c->built.parts; i++) {
        unsigned part = c->built.part[i].part;
        struct kt_str want = kt_str_from(c->built.data.at + c->built.part[i].from,
                                         c->built.part[i].len),
                      have;
        struct kt_error err = { 0 };
        if (kt_opened_raw(c->opened, part, &have, &err) != KT_OK) {
            kt_check_lost(c, "%s", err.text);
            continue;
        }
        packed += have.len;
        if (!kt_str_eq(have, want) && !(is_zipped(part) && same_content(c, have, want)))
            kt_check_say(c, "records %llu-%llu: %s (part %u) is not what the lines give",
                         ULL(seg->first_seq), ULL(seg->last_seq), part_name(part), part);
    }
    if (packed != seg->packed)
        kt_check_say(c, "records %llu-%llu: the parts have %llu bytes, %llu are recorded",
                     ULL(seg->first_seq), ULL(seg->last_seq), ULL(packed), ULL(seg->packed));
}

static void compare_head(struct check *c, const struct kt_segment *have)
{
    const struct kt_segment *want = &c->built.head;
    bool same = have->last_seq == want->last_seq && have->count == want->count &&
                have->untimed == want->untimed && have->conflicts == want->conflicts &&
                have->bytes == want->bytes && have->min_time == want->min_time &&
                have->max_time == want->max_time && have->min_arrival == want->min_arrival &&
                have->max_arrival == want->max_arrival && have->min_stored == want->min_stored &&
                have->max_stored == want->max_stored && kt_str_eq(have->days, want->days);
    if (!same)
        kt_check_say(c,
                     "records %llu-%llu: the times or counts recorded are not those of the lines",
                     ULL(have->first_seq), ULL(have->last_seq));
}

/* All lines of the segment, by number; false when one cannot be read, which is said. */
static bool read_lines(struct check *c, const struct kt_segment *seg)
{
    for (uint32_t i = 0; i < seg->count; i++) {
        struct kt_error err = { 0 };
        if (kt_opened_line(c->opened, i, &c->line[i], &err) != KT_OK) {
            kt_check_lost(c, "%s", err.text);
            return false;
        }
    }
    return true;
}

/* Retention has taken it since the list of segments was read: its tombstones tell of it. */
static bool is_gone(struct check *c, const struct kt_segment *seg)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(c->reader->db, "SELECT 1 FROM segment WHERE first_seq = ?1", &st, NULL) !=
        KT_OK)
        return false;
    kt_db_u64(st, 1, seg->first_seq);
    return kt_db_step(st, NULL) == KT_E_AGAIN;
}

static void remember(struct check *c, const struct kt_segment *seg)
{
    if (c->n_seen == c->cap_seen) {
        c->cap_seen = c->cap_seen == 0 ? 64 : 2 * c->cap_seen;
        c->seen = kt_realloc_array(c->seen, c->cap_seen, sizeof *c->seen);
    }
    c->seen[c->n_seen++] = (struct seen){ seg->first_seq, c->built.parts, c->one };
}

/* As the segment has its filter of sessions: coarse or fine, it is made of the same keys. */
static unsigned session_bits(struct check *c)
{
    struct kt_str filter;
    bool coarse =
        kt_opened_raw(c->opened, KT_PART_FILTER + KT_FILTER_SESSION, &filter, NULL) == KT_OK &&
        filter.len > 0 && (uint8_t)filter.at[0] == kt_filter_probes(KT_FILTER_KEY_BITS);
    return coarse ? KT_FILTER_KEY_BITS : KT_FILTER_SESSION_BITS;
}

/* A segment of before has none, and is made again without. */
static bool has_grams(struct check *c)
{
    struct kt_str filters;
    return kt_opened_raw(c->opened, KT_PART_GRAMS, &filters, NULL) == KT_OK;
}

/* A segment of before has zstd frames, and is made again with such. */
static bool has_zipped(struct check *c)
{
    struct kt_str column;
    return kt_opened_raw(c->opened, KT_PART_COLUMN, &column, NULL) == KT_OK && column.len > 0 &&
           column.at[0] != KT_PACKED_FORM;
}

static void check_whole(struct check *c, const struct kt_segment *seg)
{
    struct kt_error err = { 0 };
    const struct kt_runs *runs;
    if (kt_opened_start(c->opened, c->reader->db, seg, &err) != KT_OK ||
        kt_opened_runs(c->opened, &runs, &err) != KT_OK) {
        kt_check_reach(c, seg->first_seq, seg->last_seq);
        kt_check_lost(c, "%s", err.text);
        return;
    }
    if (!read_lines(c, seg)) {
        kt_check_reach(c, seg->first_seq, seg->last_seq);
        return;
    }
    bool whole = true;
    kt_builder_sessions(c->builder, session_bits(c));
    kt_builder_grams(c->builder, has_grams(c));
    kt_builder_zipped(c->builder, has_zipped(c));
    kt_builder_start(c->builder, &c->built);
    for (uint32_t i = 0, at = 0; i < runs->n; at += runs->row[i++].count) {
        struct kt_row row = runs->row[i];
        kt_check_reach(c, row.first_seq, kt_row_last(&row));
        kt_check_batch(c, &row, c->line + at);
        row.nodes = kt_buf_str(&c->nodes);
        whole = whole && kt_builder_add(c->builder, &row, c->line + at, c->arrival, &c->built,
                                        NULL) == KT_OK;
    }
    if (!whole)
        return; /* a line is not canonical, which has been said */
    kt_builder_end(c->builder, &c->built);
    compare_head(c, seg);
    compare_parts(c, seg);
}

/* In one short snapshot, so that it is there as a whole or not at all. */
void kt_check_segment(struct check *c, const struct kt_segment *seg)
{
    sqlite3 *db = c->reader->db;
    bool begun = sqlite3_get_autocommit(db) && kt_db_exec(db, "BEGIN", NULL) == KT_OK;
    if (!is_gone(c, seg)) {
        c->one = (struct kt_sums){ 0 };
        c->built.parts = 0;
        check_whole(c, seg);
        remember(c, seg);
    }
    if (begun)
        (void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
}
