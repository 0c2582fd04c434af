/*
 * opened: reading the parts of one segment.
 *
 * Owns:  buffers that are used again for the next segment.
 * Calls: core/base, core/store (db, segment, columns, packed).
 * Holds: nothing is unpacked beyond the limits that the builder keeps.
 */
#include "core/store/opened.h"

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/store/grams.h"
#include "core/store/packed.h"

#define BLOCKS_MAX (KT_PARTS - KT_PART_LINES)
#define PART_MAX   (32u << 20)
#define BLOCK_MAX  (KT_BLOCK_BYTES + KT_LINE_MAX + 1)
#define RATIO_MAX  100000u
#define FEW_OF     2u /* of so many rows one is picked: then most of a dictionary is not looked at */

/* What a column's bytes are: today's, or a zstd frame of what segments of before have. */
struct form {
    enum kt_status (*unpack)(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                             struct kt_error *err);
    enum kt_status (*picked)(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                             struct kt_picked picked, struct kt_error *err);
    enum kt_status (*seek)(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                           const struct kt_sought *key, unsigned n, enum kt_seek how,
                           uint32_t *pick, uint32_t *picks, struct kt_error *err);
    enum kt_status (*times)(struct kt_columns *c, struct kt_str bytes, struct kt_picked picked,
                            struct kt_error *err);
};

static enum kt_status all_picked(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                                 struct kt_picked picked, struct kt_error *err)
{
    return column < KT_COL_SMALL ? kt_column_unpack(c, column, bytes, err)
                                 : kt_column_unpack_picked(c, column, bytes, picked, err);
}

static enum kt_status all_times(struct kt_columns *c, struct kt_str bytes, struct kt_picked picked,
                                struct kt_error *err)
{
    (void)picked;
    return kt_column_unpack_time(c, bytes, err);
}

static const struct form packed = { kt_packed_unpack, kt_packed_picked, kt_packed_seek,
                                    kt_packed_times };
static const struct form zipped = { kt_column_unpack, all_picked, kt_column_seek, all_times };

struct block {
    struct kt_buf text;
    struct kt_str *line;
    uint32_t cap, first, n; /* places [first, first + n) */
    bool loaded, split;     /* text is there; line is */
    bool failed;            /* it cannot be read: it is not tried again */
    bool ruled_out;         /* its filter says that no line has the needles */
};
struct kt_opened {
    sqlite3 *db;
    sqlite3_stmt *part_at;
    struct kt_zip *zip;
    struct kt_segment seg;
    struct kt_runs runs;
    struct kt_columns columns;
    struct kt_buf raw;
    uint32_t *place;
    struct block block[BLOCKS_MAX];
    unsigned n_blocks;
    bool have_runs, have_time, have_order, have_blocks;
    uint32_t partial; /* KT_COLUMN()s of which only picked rows are there */
    uint64_t bytes;
};

#define RANGE       "records %llu-%llu: "
#define RANGE_OF(o) (unsigned long long)(o)->seg.first_seq, (unsigned long long)(o)->seg.last_seq

struct kt_opened *kt_opened_new(void)
{
    struct kt_opened *o = kt_alloc(sizeof *o);
    o->zip = kt_zip_new();
    o->place = kt_alloc_array(KT_SEGMENT_EVENTS_MAX, sizeof *o->place);
    return o;
}

void kt_opened_forget(struct kt_opened *o)
{
    kt_db_finalize(&o->part_at);
    o->db = NULL;
}

void kt_opened_free(struct kt_opened *o)
{
    if (o == NULL)
        return;
    kt_opened_forget(o);
    kt_zip_free(o->zip);
    kt_runs_done(&o->runs);
    kt_columns_done(&o->columns);
    kt_buf_done(&o->raw);
    kt_free(o->place);
    for (unsigned i = 0; i < BLOCKS_MAX; i++) {
        kt_buf_done(&o->block[i].text);
        kt_free(o->block[i].line);
    }
    kt_free(o);
}

enum kt_status kt_opened_start(struct kt_opened *o, sqlite3 *db, const struct kt_segment *seg,
                               struct kt_error *err)
{
    if (o->db != db) {
        kt_opened_forget(o);
        if (kt_db_prepare(db, "SELECT data FROM part WHERE id = ?1", &o->part_at, err) != KT_OK)
            return kt_wrap(err, "segment");
        o->db = db;
    }
    o->seg = *seg;
    o->have_runs = o->have_time = o->have_order = o->have_blocks = false;
    o->partial = 0;
    kt_columns_reset_to(&o->columns, seg->count);
    for (unsigned i = 0; i < o->n_blocks; i++)
        o->block[i].loaded = o->block[i].failed = false;
    o->n_blocks = 0;
    return KT_OK;
}

struct kt_columns *kt_opened_columns(struct kt_opened *o)
{
    return &o->columns;
}

uint64_t kt_opened_bytes(const struct kt_opened *o)
{
    return o->bytes;
}

/* ---- parts ---- */

/* The statement stays at its row, which holds the bytes: reset it when done. */
static enum kt_status fetch(struct kt_opened *o, unsigned part, struct kt_str *ret,
                            struct kt_error *err)
{
    (void)sqlite3_reset(o->part_at);
    kt_db_u64(o->part_at, 1, o->seg.first_seq * KT_PARTS + part);
    enum kt_status status = kt_db_step(o->part_at, err);
    if (status == KT_E_AGAIN)
        return kt_fail(err, KT_E_CORRUPT, RANGE "part %u of the segment is missing", RANGE_OF(o),
                       part);
    if (status != KT_OK)
        return kt_wrap(err, "segment at record %llu", (unsigned long long)o->seg.first_seq);
    *ret = kt_db_col(o->part_at, 0);
    return KT_OK;
}

enum kt_status kt_opened_raw(struct kt_opened *o, unsigned part, struct kt_str *ret,
                             struct kt_error *err)
{
    struct kt_str stored;
    enum kt_status status = fetch(o, part, &stored, err);
    if (status == KT_OK) {
        kt_buf_reset(&o->raw);
        kt_buf_add(&o->raw, stored);
        *ret = kt_buf_str(&o->raw);
    }
    (void)sqlite3_reset(o->part_at);
    return status;
}

static enum kt_status unzip(struct kt_opened *o, unsigned part, struct kt_str stored, size_t most,
                            struct kt_buf *to, struct kt_error *err)
{
    kt_buf_reset(to);
    enum kt_status status = kt_zip_unpack(o->zip, stored, most, RATIO_MAX, to, err);
    o->bytes += to->len;
    return status == KT_OK
               ? KT_OK
               : kt_fail(err, KT_E_CORRUPT, RANGE "part %u of the segment does not unpack",
                         RANGE_OF(o), part);
}

static enum kt_status unpack(struct kt_opened *o, unsigned part, size_t most, struct kt_buf *to,
                             struct kt_error *err)
{
    struct kt_str stored;
    enum kt_status status = fetch(o, part, &stored, err);
    if (status == KT_OK)
        status = unzip(o, part, stored, most, to, err);
    (void)sqlite3_reset(o->part_at);
    return status;
}

enum kt_status kt_opened_runs(struct kt_opened *o, const struct kt_runs **ret, struct kt_error *err)
{
    if (!o->have_runs) {
        if (unpack(o, KT_PART_BATCHES, PART_MAX, &o->raw, err) != KT_OK ||
            kt_runs_read(&o->runs, &o->seg, kt_buf_str(&o->raw), err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
        o->have_runs = true;
    }
    *ret = &o->runs;
    return KT_OK;
}

/* The bytes of a column, unzipped where they are; the statement holds them until it is reset. */
static enum kt_status fetch_column(struct kt_opened *o, unsigned part, struct kt_str *ret,
                                   const struct form **ret_form, struct kt_error *err)
{
    enum kt_status status = fetch(o, part, ret, err);
    bool is_packed = status == KT_OK && ret->len > 0 && ret->at[0] == KT_PACKED_FORM;
    *ret_form = is_packed ? &packed : &zipped;
    if (is_packed) {
        o->bytes += ret->len;
    } else if (status == KT_OK) {
        status = unzip(o, part, *ret, PART_MAX, &o->raw, err);
        *ret = kt_buf_str(&o->raw);
    }
    return status;
}

static enum kt_status fetched(struct kt_opened *o, enum kt_col column, enum kt_status status,
                              struct kt_error *err)
{
    (void)sqlite3_reset(o->part_at);
    return status == KT_OK ? KT_OK : kt_wrap(err, RANGE "column %d", RANGE_OF(o), (int)column);
}

enum kt_status kt_opened_column(struct kt_opened *o, enum kt_col column, struct kt_error *err)
{
    struct kt_str bytes;
    const struct form *form;
    if (o->columns.have & ~o->partial & KT_COLUMN(column))
        return KT_OK;
    enum kt_status status = fetch_column(o, KT_PART_COLUMN + (unsigned)column, &bytes, &form, err);
    if (status == KT_OK)
        status = form->unpack(&o->columns, column, bytes, err);
    if (status == KT_OK)
        o->partial &= ~KT_COLUMN(column);
    return fetched(o, column, status, err);
}

enum kt_status kt_opened_picked(struct kt_opened *o, enum kt_col column, struct kt_picked picked,
                                struct kt_error *err)
{
    struct kt_str bytes;
    const struct form *form;
    if (o->columns.have & KT_COLUMN(column))
        return KT_OK;
    if (picked.n > o->seg.count / FEW_OF)
        return kt_opened_column(o, column, err);
    enum kt_status status = fetch_column(o, KT_PART_COLUMN + (unsigned)column, &bytes, &form, err);
    if (status == KT_OK)
        status = form->picked(&o->columns, column, bytes, picked, err);
    if (status == KT_OK)
        o->partial |= KT_COLUMN(column);
    return fetched(o, column, status, err);
}

enum kt_status kt_opened_seek(struct kt_opened *o, enum kt_col column, const struct kt_sought *key,
                              unsigned n, enum kt_seek how, uint32_t *pick, uint32_t *picks,
                              bool *ret_done, struct kt_error *err)
{
    struct kt_str bytes;
    const struct form *form;
    *ret_done = (o->columns.have & KT_COLUMN(column)) == 0;
    if (!*ret_done)
        return KT_OK;
    enum kt_status status = fetch_column(o, KT_PART_COLUMN + (unsigned)column, &bytes, &form, err);
    if (status == KT_OK)
        status = form->seek(&o->columns, column, bytes, key, n, how, pick, picks, err);
    if (status == KT_OK)
        o->partial |= KT_COLUMN(column);
    return fetched(o, column, status, err);
}

enum kt_status kt_opened_time(struct kt_opened *o, struct kt_picked picked, struct kt_error *err)
{
    struct kt_str bytes;
    const struct form *form;
    if (o->have_time)
        return KT_OK;
    enum kt_status status = fetch_column(o, KT_PART_TIME, &bytes, &form, err);
    if (status == KT_OK)
        status = form->times(&o->columns, bytes, picked, err);
    (void)sqlite3_reset(o->part_at);
    o->have_time = status == KT_OK;
    return status == KT_OK ? KT_OK : kt_wrap(err, RANGE "times", RANGE_OF(o));
}

/* ---- lines ---- */

/* How many lines each block has; their sum is that of the segment. */
static enum kt_status read_blocks(struct kt_opened *o, struct kt_error *err)
{
    struct kt_str stored;
    if (o->have_blocks)
        return KT_OK;
    if (kt_opened_raw(o, KT_PART_BLOCKS, &stored, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    struct kt_rd rd = kt_rd_of(stored);
    uint64_t first = 0;
    o->n_blocks = 0;
    while (rd.left > 0 && o->n_blocks < BLOCKS_MAX && !rd.bad) {
        struct block *b = &o->block[o->n_blocks++];
        b->first = (uint32_t)first;
        b->n = kt_rd_u32(&rd);
        b->loaded = b->failed = b->ruled_out = false;
        first += b->n;
        if (b->n == 0 || first > o->seg.count)
            break;
    }
    if (rd.bad || rd.left > 0 || first != o->seg.count)
        return kt_fail(err, KT_E_CORRUPT, RANGE "the blocks do not hold %u lines", RANGE_OF(o),
                       o->seg.count);
    o->have_blocks = true;
    return KT_OK;
}

static enum kt_status find_order(struct kt_opened *o, struct kt_error *err)
{
    if (o->have_order)
        return KT_OK;
    if (kt_opened_column(o, KT_COL_ACTOR, err) != KT_OK || read_blocks(o, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    kt_segment_order(&o->columns, o->place);
    o->have_order = true;
    return KT_OK;
}

static struct block *block_of(struct kt_opened *o, uint32_t place)
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
static enum kt_status load(struct kt_opened *o, struct block *b, struct kt_error *err)
{
    unsigned part = KT_PART_LINES + (unsigned)(b - o->block);
    if (b->failed)
        return kt_fail(err, KT_E_CORRUPT, RANGE "part %u of the segment cannot be read",
                       RANGE_OF(o), part);
    b->split = false;
    enum kt_status status = unpack(o, part, BLOCK_MAX, &b->text, err);
    b->loaded = status == KT_OK;
    b->failed = !b->loaded;
    return status;
}

static enum kt_status split(struct kt_opened *o, struct block *b, struct kt_error *err)
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
        return kt_fail(err, KT_E_CORRUPT, RANGE "block %u does not hold %u lines", RANGE_OF(o),
                       (unsigned)(b - o->block), b->n);
    b->split = true;
    return KT_OK;
}

/* Is the block at hand, as one text? */
static enum kt_status need(struct kt_opened *o, struct block *b, struct kt_error *err)
{
    return b->loaded ? KT_OK : load(o, b, err);
}

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
        o->block[i].ruled_out = !kt_grams_may(&b, needle, needles);
        *ret_left += !o->block[i].ruled_out;
    }
    return rd.left == 0;
}

bool kt_opened_rule_out(struct kt_opened *o, const struct kt_str *needle, unsigned needles)
{
    struct kt_str filters;
    unsigned left = 1;
    if (!kt_grams_help(needle, needles) || read_blocks(o, NULL) != KT_OK)
        return false;
    bool good = fetch(o, KT_PART_GRAMS, &filters, NULL) == KT_OK;
    if (good && !ask_grams(o, filters, needle, needles, &left)) {
        for (unsigned i = 0; i < o->n_blocks; i++)
            o->block[i].ruled_out = false;
        left = 1;
    }
    (void)sqlite3_reset(o->part_at);
    return left == 0;
}

enum kt_status kt_opened_sift(struct kt_opened *o, const struct kt_str *needle, unsigned needles,
                              uint32_t *pick, uint32_t *picks, struct kt_error *err)
{
    enum verdict { UNKNOWN, NONE, SOME, DAMAGED } verdict[BLOCKS_MAX] = { UNKNOWN };
    uint32_t kept = 0;
    if (find_order(o, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    for (uint32_t i = 0; i < *picks; i++) {
        uint32_t place = o->place[pick[i]];
        struct block *b = block_of(o, place);
        enum verdict *v = &verdict[b - o->block];
        if (*v == UNKNOWN) {
            *v = b->ruled_out                                             ? NONE
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
    *picks = kept;
    return KT_OK;
}

enum kt_status kt_opened_line(struct kt_opened *o, uint32_t i, struct kt_str *ret,
                              struct kt_error *err)
{
    if (find_order(o, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    struct block *b = block_of(o, o->place[i]);
    if (need(o, b, err) != KT_OK || (!b->split && split(o, b, err) != KT_OK))
        return err == NULL ? KT_E_CORRUPT : err->code;
    *ret = b->line[o->place[i] - b->first];
    return KT_OK;
}
