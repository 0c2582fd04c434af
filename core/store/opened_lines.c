/*
 * opened_lines: the lines of a segment, out of the blocks of its pieces.
 *
 * Owns:  the blocks of one piece at a time; of a merged segment copies of the lines that are shown.
 * Calls: core/base, core/store (opened, packed, grams).
 * Holds: nothing is unpacked beyond the limits that the builder keeps.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/store/grams.h"
#include "core/store/opened_int.h"
#include "core/store/packed.h"

#define BLOCK_MAX (KT_BLOCK_BYTES + KT_LINE_MAX + 1)
#define LOST      UINT32_MAX

static void leave_piece(struct kt_opened *o)
{
    for (unsigned i = 0; i < o->n_blocks; i++)
        o->block[i].loaded = o->block[i].failed = false;
    o->n_blocks = 0;
    o->have_order = o->have_blocks = false;
    o->at = UINT32_MAX;
}

void kt_opened_close_lines(struct kt_opened *o)
{
    leave_piece(o);
    if (o->ruled)
        memset(o->ruled_out, 0, sizeof o->ruled_out);
    o->ruled = o->sifted = false;
}

static const struct kt_piece *piece_at_hand(const struct kt_opened *o)
{
    return &o->piece[o->at];
}

/* ---- the order of the lines of a piece ---- */

static void enter(struct kt_opened *o, uint32_t piece)
{
    if (o->at != piece)
        leave_piece(o);
    o->at = piece;
    if (o->place == NULL) {
        o->place = kt_alloc_array(KT_SEGMENT_EVENTS_MAX, sizeof *o->place);
        o->actor = kt_alloc_array(KT_COLUMNS_ROWS_MAX, sizeof *o->actor);
    }
}

/* How many lines each block has; their sum is that of the piece. */
static enum kt_status read_blocks(struct kt_opened *o, struct kt_error *err)
{
    struct kt_str stored;
    const struct kt_segment *head = &piece_at_hand(o)->head;
    if (o->have_blocks)
        return KT_OK;
    if (kt_opened_piece_raw(o, o->at, KT_PART_BLOCKS, &stored, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    struct kt_rd rd = kt_rd_of(stored);
    uint64_t first = 0;
    o->n_blocks = 0;
    while (rd.left > 0 && o->n_blocks < KT_OPENED_BLOCKS && !rd.bad) {
        struct kt_opened_block *b = &o->block[o->n_blocks++];
        b->first = (uint32_t)first;
        b->n = kt_rd_u32(&rd);
        b->loaded = b->failed = false;
        first += b->n;
        if (b->n == 0 || first > head->count)
            break;
    }
    if (rd.bad || rd.left > 0 || first != head->count)
        return kt_fail(err, KT_E_CORRUPT, RANGE "the blocks do not hold %u lines",
                       RANGE_OF(&piece_at_hand(o)->head), head->count);
    o->have_blocks = true;
    return KT_OK;
}

/* Once for all pieces: sixteen would fetch the column as often. */
static enum kt_status read_actors(struct kt_opened *o, struct kt_error *err)
{
    struct kt_str bytes;
    if (o->have_actors)
        return KT_OK;
    enum kt_status status =
        kt_opened_fetch(o, o->seg.first_seq, KT_PART_COLUMN + KT_COL_ACTOR, &bytes, err);
    if (status != KT_OK)
        return status;
    bool packed = bytes.len > 0 && bytes.at[0] == KT_PACKED_FORM;
    if (packed)
        status = kt_packed_codes(bytes, o->seg.count, o->actor, &o->most_actors, err);
    kt_opened_let_go(o);
    if (status != KT_OK)
        return kt_wrap(err, RANGE "actors", RANGE_OF(&o->seg));
    if (!packed) {
        status = kt_opened_column(o, KT_COL_ACTOR, err);
        if (status != KT_OK)
            return status;
        const struct kt_text_column *actor = kt_column_text(&o->columns, KT_COL_ACTOR);
        memcpy(o->actor, actor->code, o->seg.count * sizeof *o->actor);
        o->most_actors = actor->n_dict;
    }
    o->have_actors = true;
    return KT_OK;
}

static enum kt_status find_order(struct kt_opened *o, struct kt_error *err)
{
    const struct kt_piece *piece = piece_at_hand(o);
    if (o->have_order)
        return KT_OK;
    if (read_actors(o, err) != KT_OK || read_blocks(o, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    kt_segment_order(o->actor + piece->row, piece->head.count, o->most_actors, o->place);
    o->have_order = true;
    return KT_OK;
}

/* ---- blocks ---- */

static struct kt_opened_block *block_of(struct kt_opened *o, uint32_t place)
{
    unsigned low = 0, high = o->n_blocks;
    while (low + 1 < high) {
        unsigned mid = low + (high - low) / 2;
        if (o->block[mid].first <= place)
            low = mid;
        else
            high = mid;
    }
    return &o->block[low];
}

/* Whoever prepared the segment has tried: what failed then is not read again, since another thread
 * may be using the connection by now. */
static enum kt_status load(struct kt_opened *o, struct kt_opened_block *b, struct kt_error *err)
{
    unsigned part = KT_PART_LINES + (unsigned)(b - o->block);
    if (b->failed)
        return kt_fail(err, KT_E_CORRUPT, RANGE "part %u of the segment cannot be read",
                       RANGE_OF(&piece_at_hand(o)->head), part);
    b->split = false;
    enum kt_status status =
        kt_opened_unpack(o, piece_at_hand(o)->head.first_seq, part, BLOCK_MAX, &b->text, err);
    b->loaded = status == KT_OK;
    b->failed = !b->loaded;
    return status;
}

static enum kt_status split(struct kt_opened *o, struct kt_opened_block *b, struct kt_error *err)
{
    if (b->cap < b->n) {
        b->line = kt_realloc_array(b->line, b->n, sizeof *b->line);
        b->cap = b->n;
    }
    struct kt_str rest = kt_buf_str(&b->text), line;
    uint32_t n = 0;
    bool whole = kt_str_ends(rest, KT_STR("\n"));
    rest.len -= whole;
    while (whole && n < b->n && kt_str_split(&rest, '\n', &line))
        b->line[n++] = line;
    if (!whole || n != b->n || kt_str_split(&rest, '\n', &line))
        return kt_fail(err, KT_E_CORRUPT, RANGE "block %u does not hold %u lines",
                       RANGE_OF(&piece_at_hand(o)->head), (unsigned)(b - o->block), b->n);
    b->split = true;
    return KT_OK;
}

/* Is the block at hand, as one text? */
static enum kt_status need(struct kt_opened *o, struct kt_opened_block *b, struct kt_error *err)
{
    return b->loaded ? KT_OK : load(o, b, err);
}

/* Row i of the piece at hand. */
static enum kt_status line_of(struct kt_opened *o, uint32_t i, struct kt_str *ret,
                              struct kt_error *err)
{
    if (find_order(o, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    struct kt_opened_block *b = block_of(o, o->place[i]);
    if (need(o, b, err) != KT_OK || (!b->split && split(o, b, err) != KT_OK))
        return err == NULL ? KT_E_CORRUPT : err->code;
    *ret = b->line[o->place[i] - b->first];
    return KT_OK;
}

/* ---- pieces ---- */

static uint32_t piece_of(const struct kt_opened *o, uint32_t row)
{
    uint32_t i = 0;
    while (i + 1 < o->pieces && o->piece[i + 1].row <= row)
        i++;
    return i;
}

/* End of the run of picks, from `at` on, whose rows are of this piece. */
static uint32_t end_of(const struct kt_opened *o, uint32_t piece, const uint32_t *pick,
                       uint32_t picks, uint32_t at)
{
    uint32_t end = o->piece[piece].row + o->piece[piece].head.count;
    while (at < picks && pick[at] < end)
        at++;
    return at;
}

/* ---- filters of texts ---- */

/* What the filters of all blocks say; false: they are damaged. */
static bool ask_grams(struct kt_opened *o, struct kt_str filters, const struct kt_str *needle,
                      unsigned needles, unsigned *ret_left)
{
    struct kt_rd rd = kt_rd_of(filters);
    struct kt_grams_block b;
    *ret_left = 0;
    for (unsigned i = 0; i < o->n_blocks; i++) {
        if (!kt_grams_next(&rd, &b))
            return false;
        o->ruled_out[o->at][i] = !kt_grams_may(&b, needle, needles);
        *ret_left += !o->ruled_out[o->at][i];
    }
    return rd.left == 0;
}

/* May some line of the piece at hand have the needles? */
static bool piece_may(struct kt_opened *o, const struct kt_str *needle, unsigned needles)
{
    struct kt_str filters;
    unsigned left = 1;
    if (read_blocks(o, NULL) != KT_OK)
        return true;
    o->ruled = true;
    bool good = kt_opened_fetch(o, piece_at_hand(o)->head.first_seq, KT_PART_GRAMS, &filters,
                                NULL) == KT_OK;
    if (good && !ask_grams(o, filters, needle, needles, &left)) {
        memset(o->ruled_out[o->at], 0, sizeof o->ruled_out[o->at]);
        left = 1;
    }
    kt_opened_let_go(o);
    return left > 0;
}

void kt_opened_rule_out(struct kt_opened *o, const struct kt_str *needle, unsigned needles,
                        uint32_t *pick, uint32_t *picks)
{
    const struct kt_piece *piece;
    uint32_t n, kept = 0;
    if (!kt_grams_help(needle, needles) || kt_opened_pieces(o, &piece, &n, NULL) != KT_OK)
        return;
    for (uint32_t at = 0, end; at < *picks; at = end) {
        uint32_t k = piece_of(o, pick[at]);
        end = end_of(o, k, pick, *picks, at);
        enter(o, k);
        if (!piece_may(o, needle, needles))
            continue;
        memmove(pick + kept, pick + at, (end - at) * sizeof *pick);
        kept += end - at;
    }
    *picks = kept;
}

/* ---- which lines have the needles ---- */

/* Of n picked rows of the piece at hand. */
static enum kt_status sift_piece(struct kt_opened *o, const struct kt_str *needle, unsigned needles,
                                 uint32_t *pick, uint32_t *n, struct kt_error *err)
{
    enum verdict { UNKNOWN, NONE, SOME, DAMAGED } verdict[KT_OPENED_BLOCKS] = { UNKNOWN };
    uint32_t kept = 0, row = piece_at_hand(o)->row;
    if (find_order(o, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    for (uint32_t i = 0; i < *n; i++) {
        uint32_t place = o->place[pick[i] - row];
        struct kt_opened_block *b = block_of(o, place);
        enum verdict *v = &verdict[b - o->block];
        if (*v == UNKNOWN) {
            *v = o->ruled_out[o->at][b - o->block]                        ? NONE
                 : need(o, b, NULL) != KT_OK                              ? DAMAGED
                 : !kt_str_has_all(kt_buf_str(&b->text), needle, needles) ? NONE
                 : (b->split || split(o, b, NULL) == KT_OK)               ? SOME
                                                                          : DAMAGED;
        }
        bool keep = *v == DAMAGED ||
                    (*v == SOME && kt_str_has_all(b->line[place - b->first], needle, needles));
        pick[kept] = pick[i];
        kept += keep;
    }
    *n = kept;
    return KT_OK;
}

/* Another piece's lines come next, so these are copied. */
static void keep_lines(struct kt_opened *o, const uint32_t *pick, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct kt_opened_kept *k = &o->kept[pick[i]];
        struct kt_error why = { 0 };
        struct kt_str line;
        *k = (struct kt_opened_kept){ o->text.len, LOST };
        if (line_of(o, pick[i] - piece_at_hand(o)->row, &line, &why) == KT_OK) {
            kt_buf_add(&o->text, line);
            k->len = (uint32_t)line.len;
        } else if (o->lost[o->at].code == KT_OK) {
            o->lost[o->at] = why;
        }
    }
}

static enum kt_status sift_merged(struct kt_opened *o, const struct kt_str *needle,
                                  unsigned needles, bool down, uint32_t *pick, uint32_t *picks,
                                  struct kt_asked *asked, struct kt_error *err)
{
    uint32_t kept = 0, at = 0, end = *picks;
    if (o->kept == NULL)
        o->kept = kt_alloc_array(KT_MERGED_EVENTS_MAX, sizeof *o->kept);
    o->sifted = true;
    memset(o->lost, 0, sizeof o->lost);
    kt_buf_reset(&o->text);
    *asked = (struct kt_asked){ down ? o->pieces : 0, down ? o->pieces : 0 };
    while (at < end && o->text.len < KT_SIFTED_BYTES) {
        uint32_t k = piece_of(o, pick[down ? end - 1 : at]), from = at, n;
        while (down && pick[from] < o->piece[k].row)
            from++;
        n = end_of(o, k, pick, end, from) - from;
        if (down)
            end = from;
        else
            at = from + n;
        enter(o, k);
        if (sift_piece(o, needle, needles, pick + from, &n, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
        keep_lines(o, pick + from, n);
        asked->first = down ? k : asked->first;
        asked->end = down ? asked->end : k + 1;
        /* downwards what is kept gathers at the end, before what was kept already */
        uint32_t to = down ? *picks - kept - n : kept;
        memmove(pick + to, pick + from, n * sizeof *pick);
        kept += n;
    }
    if (at == end) /* nothing is left that way */
        *asked = (struct kt_asked){ 0, o->pieces };
    if (down)
        memmove(pick, pick + *picks - kept, kept * sizeof *pick);
    *picks = kept;
    return KT_OK;
}

enum kt_status kt_opened_sift(struct kt_opened *o, const struct kt_str *needle, unsigned needles,
                              bool down, uint32_t *pick, uint32_t *picks,
                              struct kt_asked *ret_asked, struct kt_error *err)
{
    const struct kt_piece *piece;
    uint32_t n;
    if (kt_opened_pieces(o, &piece, &n, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    if (n > 1)
        return sift_merged(o, needle, needles, down, pick, picks, ret_asked, err);
    *ret_asked = (struct kt_asked){ 0, 1 };
    enter(o, 0);
    return sift_piece(o, needle, needles, pick, picks, err);
}

enum kt_status kt_opened_line(struct kt_opened *o, uint32_t i, struct kt_str *ret,
                              struct kt_error *err)
{
    const struct kt_piece *piece;
    uint32_t n;
    if (o->sifted && o->kept[i].len == LOST)
        return kt_fail(err, KT_E_CORRUPT, "%s", o->lost[piece_of(o, i)].text);
    if (o->sifted) {
        *ret = kt_str_from(o->text.at + o->kept[i].from, o->kept[i].len);
        return KT_OK;
    }
    if (kt_opened_pieces(o, &piece, &n, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    uint32_t k = piece_of(o, i);
    enter(o, k);
    return line_of(o, i - piece[k].row, ret, err);
}
