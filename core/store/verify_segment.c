/*
 * verify_segment: a segment is made once more from its lines, and compared part by part. Of a
 * merged one each piece is, and of their columns its own.
 *
 * Calls: core/base, core/store.
 * Holds: whatever a reader may take from a filter or a column is compared.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/store/check.h"
#include "core/store/packed.h"
#include "core/store/place.h"

#define WHOLE        UINT32_MAX /* the segment, not one of its pieces */
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
    return part == KT_PART_NODES    ? "the tree nodes"
           : part == KT_PART_PIECES ? "the list of pieces"
                                    : "the list of batches or blocks";
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

/* Parts as they should be with those of the segment, or of one of its pieces. */
static void compare_parts(struct check *c, const struct kt_segment *seg, const struct kt_built *b,
                          uint32_t piece)
{
    for (unsigned i = 0; i < b->parts; i++) {
        unsigned part = b->part[i].part;
        struct kt_str want = kt_str_from(b->data.at + b->part[i].from, b->part[i].len), have;
        struct kt_error err = { 0 };
        if (piece != WHOLE && kt_part_is_merged(part))
            continue;
        if ((piece == WHOLE ? kt_opened_raw(c->opened, part, &have, &err)
                            : kt_opened_piece_raw(c->opened, piece, part, &have, &err)) != KT_OK) {
            kt_check_lost(c, "%s", err.text);
            continue;
        }
        c->packed += have.len;
        if (!kt_str_eq(have, want) && !(is_zipped(part) && same_content(c, have, want)))
            kt_check_say(c, "records %llu-%llu: %s (part %u) is not what the lines give",
                         ULL(seg->first_seq), ULL(seg->last_seq), part_name(part), part);
    }
}

static void compare_packed(struct check *c, const struct kt_segment *seg)
{
    if (c->packed != seg->packed)
        kt_check_say(c, "records %llu-%llu: the parts have %llu bytes, %llu are recorded",
                     ULL(seg->first_seq), ULL(seg->last_seq), ULL(c->packed), ULL(seg->packed));
}

static void compare_head(struct check *c, const struct kt_segment *have,
                         const struct kt_segment *want)
{
    bool same = have->last_seq == want->last_seq && have->count == want->count &&
                have->pieces == want->pieces && have->untimed == want->untimed &&
                have->conflicts == want->conflicts && have->bytes == want->bytes &&
                have->min_time == want->min_time && have->max_time == want->max_time &&
                have->min_arrival == want->min_arrival && have->max_arrival == want->max_arrival &&
                have->min_stored == want->min_stored && have->max_stored == want->max_stored &&
                kt_str_eq(have->days, want->days);
    if (!same)
        kt_check_say(c,
                     "records %llu-%llu: the times or counts recorded are not those of the lines",
                     ULL(have->first_seq), ULL(have->last_seq));
}

/* All lines of a piece, by number; false when one cannot be read, which is said. */
static bool read_lines(struct check *c, const struct kt_piece *piece)
{
    for (uint32_t i = 0; i < piece->head.count; i++) {
        struct kt_error err = { 0 };
        if (kt_opened_line(c->opened, piece->row + i, &c->line[i], &err) != KT_OK) {
            kt_check_lost(c, "%s", err.text);
            return false;
        }
    }
    return true;
}

static void remember(struct check *c, const struct kt_segment *head)
{
    if (c->n_seen == c->cap_seen) {
        c->cap_seen = c->cap_seen == 0 ? 64 : 2 * c->cap_seen;
        c->seen = kt_realloc_array(c->seen, c->cap_seen, sizeof *c->seen);
    }
    struct seen *s = &c->seen[c->n_seen++];
    *s = (struct seen){ .first_seq = head->first_seq,
                        .last_seq = head->last_seq,
                        .parts = c->built.parts,
                        .sums = c->one };
    for (unsigned i = 0; i < c->built.parts; i++)
        s->kept += !kt_part_is_merged(c->built.part[i].part);
}

/* As the segment has its filter of sessions: coarse or fine, it is made of the same keys. */
static unsigned session_bits(struct check *c, uint32_t piece)
{
    struct kt_str filter;
    bool coarse = kt_opened_piece_raw(c->opened, piece, KT_PART_FILTER + KT_FILTER_SESSION, &filter,
                                      NULL) == KT_OK &&
                  filter.len > 0 && (uint8_t)filter.at[0] == kt_filter_probes(KT_FILTER_KEY_BITS);
    return coarse ? KT_FILTER_KEY_BITS : KT_FILTER_SESSION_BITS;
}

/* A segment of before has none, and is made again without. */
static bool has_grams(struct check *c, uint32_t piece)
{
    struct kt_str filters;
    return kt_opened_piece_raw(c->opened, piece, KT_PART_GRAMS, &filters, NULL) == KT_OK;
}

/* A segment of before has zstd frames, and is made again with such. */
static bool has_zipped(struct check *c)
{
    struct kt_str column;
    return kt_opened_raw(c->opened, KT_PART_COLUMN, &column, NULL) == KT_OK && column.len > 0 &&
           column.at[0] != KT_PACKED_FORM;
}

/* Everything about a piece's batches, and the piece once more in c->built. False: its lines do not
 * make one, which has been said. */
static bool build_piece(struct check *c, const struct kt_piece *piece, uint32_t number)
{
    struct kt_error err = { 0 };
    const struct kt_runs *runs;
    bool whole = true;
    if (kt_opened_runs(c->opened, number, &runs, &err) != KT_OK) {
        kt_check_reach(c, piece->head.first_seq, piece->head.last_seq);
        kt_check_lost(c, "%s", err.text);
        return false;
    }
    if (!read_lines(c, piece)) {
        kt_check_reach(c, piece->head.first_seq, piece->head.last_seq);
        return false;
    }
    kt_builder_sessions(c->builder, session_bits(c, number));
    kt_builder_grams(c->builder, has_grams(c, number));
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
    if (whole) /* else a line is not canonical, which has been said */
        kt_builder_end(c->builder, &c->built);
    return whole;
}

/* ---- a sealed segment ---- */

static void check_sealed(struct check *c, const struct kt_segment *seg)
{
    const struct kt_piece *piece;
    uint32_t n;
    c->one = (struct kt_sums){ 0 };
    c->built.parts = 0;
    if (kt_opened_pieces(c->opened, &piece, &n, NULL) == KT_OK && build_piece(c, piece, 0)) {
        compare_head(c, seg, &c->built.head);
        compare_parts(c, seg, &c->built, WHOLE);
        compare_packed(c, seg);
    }
    remember(c, seg);
}

/* ---- a merged one ---- */

/* Columns of a piece that was looked at before it was merged, or that nobody asks for. */
static bool columns_of(struct check *c, const struct kt_piece *piece)
{
    if (!read_lines(c, piece))
        return false;
    kt_columns_reset(&c->columns);
    for (uint32_t i = 0; i < piece->head.count; i++) {
        struct kt_event ev;
        kt_arena_reset(&c->arena);
        if (kt_line_read(c->line[i], &c->arena, &ev, NULL) != KT_OK)
            return false;
        kt_columns_add(&c->columns, &ev);
    }
    kt_columns_close(&c->columns);
    return true;
}

/* False: what it should be is not known, since a line cannot be read. */
static bool check_piece(struct check *c, const struct kt_piece *piece, uint32_t number,
                        bool *ret_anew)
{
    *ret_anew = piece->head.first_seq >= c->want;
    if (!*ret_anew)
        return columns_of(c, piece) && kt_merger_add(c->merger, &piece->head, &c->columns);
    c->one = (struct kt_sums){ 0 };
    c->built.parts = 0;
    bool built = build_piece(c, piece, number);
    if (built) {
        compare_head(c, &piece->head, &c->built.head);
        compare_parts(c, &piece->head, &c->built, number);
    }
    remember(c, &piece->head);
    return built && kt_merger_add(c->merger, &c->built.head, kt_builder_columns(c->builder));
}

static void check_merged(struct check *c, const struct kt_segment *seg)
{
    struct kt_error err = { 0 };
    const struct kt_piece *piece;
    uint32_t n;
    bool built = true, anew = true, all_anew = true;
    if (kt_opened_pieces(c->opened, &piece, &n, &err) != KT_OK) {
        kt_check_reach(c, seg->first_seq, seg->last_seq);
        kt_check_lost(c, "%s", err.text);
        return;
    }
    kt_merger_start(c->merger);
    for (uint32_t k = 0; k < n; k++) {
        built = check_piece(c, &piece[k], k, &anew) && built;
        all_anew = all_anew && anew;
    }
    if (!built)
        return;
    kt_merger_end(c->merger, &c->merged);
    compare_head(c, seg, &c->merged.head);
    compare_parts(c, seg, &c->merged, WHOLE);
    if (all_anew)
        compare_packed(c, seg);
}

/* In one short snapshot, so that it is there as a whole or not at all: retention may have taken it
 * since the list of segments was read, of which its tombstones tell, or it was merged. */
void kt_check_segment(struct check *c, const struct kt_segment *seg)
{
    sqlite3 *db = c->reader->db;
    struct kt_error err = { 0 };
    struct kt_segment now;
    bool begun = sqlite3_get_autocommit(db) && kt_db_exec(db, "BEGIN", NULL) == KT_OK;
    enum kt_status status = kt_place_find(c->place_at, seg, &now, &c->days, &err);
    c->packed = 0;
    if (status == KT_OK)
        status = kt_opened_start(c->opened, db, &now, &err);
    if (status != KT_OK && status != KT_E_AGAIN) {
        kt_check_reach(c, seg->first_seq, seg->last_seq);
        kt_check_lost(c, "%s", err.text);
    } else if (status == KT_OK && now.pieces == 0) {
        check_sealed(c, &now);
    } else if (status == KT_OK && now.last_seq >= c->want) {
        check_merged(c, &now);
    }
    if (begun)
        (void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
}
