/*
 * store_segment: the parts of a sealed segment are hostile bytes: read whole or refused with the
 * numbers of the records, never past an end. Input: u8 part, u16 place, u8 value, again and again;
 * a part's unpacked bytes are changed there and packed again, so that the change is inside the zstd
 * frame and not caught by it. Value 0 cuts the part at the place. There are four segments: one of
 * today, one as those of before are, and two that are merged, of which the first has the parts that
 * are of both; parts count on from the one to the other.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/store/chunk.h"
#include "core/store/merge_int.h"
#include "core/store/opened.h"
#include "core/store/packed.h"
#include "tests/support/store_make.h"

#define EVENTS       193u /* three blocks of times, and one of a single row: of no bits */
#define UNPACKED_MAX (8u << 20)

static sqlite3 *db;
static sqlite3_stmt *put;
static struct kt_zip *zip;
static struct sealed {
    struct kt_built built;
    struct kt_segment head;
    unsigned part[KT_PARTS], n;    /* that it has */
    struct kt_buf parts[KT_PARTS]; /* unzipped where they are zipped */
    struct kt_buf now[KT_PARTS];   /* as they were last written */
    bool zipped[KT_PARTS];
    bool changed[KT_PARTS]; /* since they were last as they should be */
} segments[4];
enum { MERGED = 2, OTHER_PIECE }; /* of segments */
static struct kt_merger *merger;
static struct kt_opened *opened;
static struct kt_columns exact;
static struct kt_chunk *chunk;

/* One batch of EVENTS events, as the sealer gets it. */
static void build(struct sealed *seg, uint64_t first, bool of_before)
{
    struct make *make = make_new();
    struct kt_builder *builder = kt_builder_new();
    struct kt_cover cover;
    struct kt_buf nodes = { 0 };
    uint8_t leaves[32] = { 0 };
    for (uint64_t i = 0; i < EVENTS; i++)
        make_numbered(make, i);
    struct kt_store_batch b = make_batch(make, "agent-a", 1, MAKE_T0);
    kt_cover_start(&cover, first - 1);
    for (uint32_t i = 0; i < b.n; i++)
        kt_cover_add(&cover, 0, b.hashes[i]);
    kt_cover_pack(&cover, &nodes);
    const struct kt_row row = { .first_seq = first,
                                .count = b.n,
                                .bytes = b.lines.len,
                                .agent = b.agent,
                                .incarnation = kt_str_from(b.incarnation, 16),
                                .batch_seq = 1,
                                .arrival = MAKE_T0,
                                .stored = MAKE_T0,
                                .leaves = kt_str_from(leaves, sizeof leaves),
                                .digest = kt_str_from(b.digest, 32),
                                .signature = kt_str_from(b.signature, 64),
                                .nodes = kt_buf_str(&nodes),
                                .lines = b.packed };
    kt_builder_zipped(builder, of_before);
    enum kt_status made = kt_builder_run(builder, &row, 1, &seg->built, NULL);
    assert(made == KT_OK);
    seg->head = seg->built.head;
    if (seg >= &segments[MERGED]) {
        bool taken = kt_merger_add(merger, &seg->head, kt_builder_columns(builder));
        assert(taken);
    }
    kt_builder_free(builder);
    kt_buf_done(&nodes);
    make_free(make);
}

static void take_parts(struct sealed *seg, const struct kt_built *built, bool of_merged)
{
    for (unsigned i = 0; i < built->parts; i++) {
        unsigned part = built->part[i].part;
        struct kt_str bytes = kt_str_from(built->data.at + built->part[i].from, built->part[i].len);
        if (seg >= &segments[MERGED] && kt_part_is_merged(part) != of_merged)
            continue;
        seg->part[seg->n++] = part;
        seg->zipped[part] = kt_str_starts(bytes, KT_STR("\x28\xb5\x2f\xfd"));
        if (!seg->zipped[part])
            kt_buf_add(&seg->parts[part], bytes);
        else if (kt_zip_unpack(zip, bytes, UNPACKED_MAX, 100000, &seg->parts[part], NULL) != KT_OK)
            abort();
        seg->changed[part] = true;
    }
}

static void start(void)
{
    zip = kt_zip_new();
    int rc = sqlite3_open(":memory:", &db);
    assert(rc == SQLITE_OK);
    enum kt_status ready =
        kt_db_exec(db, "CREATE TABLE part (id INTEGER PRIMARY KEY, data BLOB)", NULL);
    if (ready == KT_OK)
        ready = kt_db_prepare(db, "INSERT OR REPLACE INTO part VALUES (?1, ?2)", &put, NULL);
    assert(ready == KT_OK);
    struct kt_built merged = { 0 };
    merger = kt_merger_new();
    kt_merger_start(merger);
    for (unsigned i = 0; i < KT_ARRAY_LEN(segments); i++) {
        build(&segments[i], 1 + 1000 * i, i == 1);
        take_parts(&segments[i], &segments[i].built, false);
    }
    kt_merger_end(merger, &merged);
    take_parts(&segments[MERGED], &merged, true);
    segments[MERGED].head = merged.head;
    segments[MERGED].head.days = KT_STR_NONE;
    kt_built_done(&merged);
    opened = kt_opened_new();
    chunk = kt_chunk_new(NULL);
}

static void write_part(struct sealed *seg, unsigned part, struct kt_str bytes)
{
    struct kt_buf packed = { 0 };
    if (seg->zipped[part])
        kt_zip_pack(zip, bytes, 1, &packed);
    kt_db_u64(put, 1, seg->head.first_seq * KT_PARTS + part);
    kt_db_blob(put, 2, seg->zipped[part] ? kt_buf_str(&packed) : bytes);
    enum kt_status ran = kt_db_run(put, NULL);
    assert(ran == KT_OK);
    kt_buf_reset(&seg->now[part]);
    kt_buf_add(&seg->now[part], bytes);
    kt_buf_done(&packed);
}

static void mend(struct sealed *seg)
{
    for (unsigned part = 0; part < KT_PARTS; part++)
        if (seg->changed[part])
            write_part(seg, part, kt_buf_str(&seg->parts[part]));
    memset(seg->changed, 0, sizeof seg->changed);
}

static void change(const uint8_t *data, size_t size)
{
    struct kt_buf bad = { 0 };
    for (unsigned i = 0; i < KT_ARRAY_LEN(segments); i++)
        mend(&segments[i]);
    for (; size >= 4; data += 4, size -= 4) {
        struct sealed *seg = &segments[data[0] / segments[0].n % KT_ARRAY_LEN(segments)];
        unsigned part = seg->part[data[0] % seg->n];
        size_t place = (size_t)data[1] | (size_t)data[2] << 8;
        kt_buf_reset(&bad);
        kt_buf_add(&bad, kt_buf_str(&seg->parts[part]));
        if (bad.len > 0 && data[3] == 0)
            bad.len = place % bad.len;
        else if (bad.len > 0)
            bad.at[place % bad.len] = (char)data[3];
        write_part(seg, part, kt_buf_str(&bad));
        seg->changed[part] = true;
    }
    kt_buf_done(&bad);
}

/* Columns and times alone, as long as they are: SQLite and buffers have more behind them, in which
 * a sanitizer does not see that somebody reads there. */
static void read_exact(const struct sealed *seg)
{
    const uint32_t last = seg->head.count - 1;
    const struct kt_picked picked = { &last, 1 };
    for (unsigned part = 0; part < KT_PARTS; part++) {
        struct kt_str now = kt_buf_str(&seg->now[part]);
        if (seg->zipped[part] || now.len == 0)
            continue;
        char *own = kt_alloc_array(now.len, 1);
        memcpy(own, now.at, now.len);
        now.at = own;
        kt_columns_reset_to(&exact, seg->head.count);
        if (part == KT_PART_TIME) {
            (void)!kt_packed_times(&exact, now, picked, NULL);
        } else if (part - KT_PART_COLUMN < KT_COL_COUNT) {
            enum kt_col c = (enum kt_col)(part - KT_PART_COLUMN);
            (void)!kt_packed_picked(&exact, c, now, picked, NULL);
            (void)!kt_packed_unpack(&exact, c, now, NULL);
        }
        kt_free(own);
    }
}

/* Each text column by keys: some that are there, some that are not. */
static void seek_all(const struct kt_segment *head)
{
    struct kt_sought key[] = { { .text = KT_STR("alice") }, { .text = KT_STR("bob") } };
    uint32_t pick[2 * EVENTS], picks;
    bool done;
    for (int c = KT_COL_SMALL; c < KT_COL_COUNT; c++) {
        picks = head->count;
        for (uint32_t i = 0; i < picks; i++)
            pick[i] = i;
        if (kt_opened_start(opened, db, head, NULL) != KT_OK)
            return;
        enum kt_seek how = c == KT_COL_IP      ? KT_SEEK_NET
                           : c == KT_COL_ACTOR ? KT_SEEK_FOLDED
                                               : KT_SEEK_TEXT;
        if (kt_opened_seek(opened, (enum kt_col)c, key, 2, how, pick, &picks, &done, NULL) != KT_OK)
            continue;
        assert(done && picks <= head->count);
        for (uint32_t i = 0; i < picks; i++)
            assert(pick[i] < head->count &&
                   kt_column_str(kt_opened_columns(opened), (enum kt_col)c, pick[i]).len > 0);
    }
}

/* Everything that a reader takes from a segment. */
static void read_all(const struct kt_segment *head)
{
    const struct kt_runs *runs;
    const struct kt_piece *piece;
    struct kt_asked asked;
    struct kt_str line;
    uint32_t pick[2 * EVENTS], picks = head->count, pieces;
    const uint32_t last = head->count - 1;
    const struct kt_str needle = KT_STR("actor");
    if (kt_opened_start(opened, db, head, NULL) != KT_OK)
        return;
    for (uint32_t k = 0; kt_opened_pieces(opened, &piece, &pieces, NULL) == KT_OK && k < pieces;
         k++)
        if (kt_opened_runs(opened, k, &runs, NULL) == KT_OK)
            assert(runs->n > 0 && kt_row_last(&runs->row[runs->n - 1]) == piece[k].head.last_seq);
    for (unsigned c = 0; c < KT_COL_COUNT; c++)
        if (kt_opened_picked(opened, (enum kt_col)c, (struct kt_picked){ &last, 1 }, NULL) ==
                KT_OK &&
            c >= KT_COL_SMALL)
            assert(kt_column_str(kt_opened_columns(opened), (enum kt_col)c, last).len <=
                   KT_LINE_MAX);
    for (unsigned c = 0; c < KT_COL_COUNT; c++)
        if (kt_opened_column(opened, (enum kt_col)c, NULL) == KT_OK && c >= KT_COL_SMALL)
            for (uint32_t i = 0; i < head->count; i++)
                assert(kt_column_str(kt_opened_columns(opened), (enum kt_col)c, i).len <=
                       KT_LINE_MAX);
    (void)!kt_opened_time(opened, (struct kt_picked){ &last, 1 }, NULL);
    for (uint32_t i = 0; i < head->count; i++)
        if (kt_opened_line(opened, i, &line, NULL) == KT_OK)
            assert(line.len <= KT_LINE_MAX);
    for (uint32_t i = 0; i < head->count; i++)
        pick[i] = i;
    kt_opened_rule_out(opened, &needle, 1, pick, &picks);
    assert(picks <= head->count);
    if (kt_opened_sift(opened, &needle, 1, true, pick, &picks, &asked, NULL) == KT_OK)
        for (uint32_t i = 0; i < picks; i++)
            if (kt_opened_line(opened, pick[i], &line, NULL) == KT_OK)
                assert(line.len <= KT_LINE_MAX);
}

static bool any(const void *self, struct kt_str text, int64_t number)
{
    (void)self;
    return text.len % 2 == 0 || number > 0;
}

static void walk_over(const struct kt_segment *head)
{
    struct kt_sought key = { .text = KT_STR("alice") };
    const struct kt_sieve sieves[] = {
        { .column = KT_COL_ACTOR, .fits = any, .filter = KT_FILTER_NONE },
        { .column = KT_COL_NONE, .filter = KT_FILTER_SESSION, .keys = &key, .n_keys = 1 },
    };
    struct kt_want want = { .runs = true, .lines = true, .time = true, .columns = ~0u >> 19 };
    for (unsigned turn = 0; turn < 2 * (KT_ARRAY_LEN(sieves) + 1); turn++) {
        const unsigned n = turn / 2;
        want.one = turn % 2 == 1; /* as when a piece is found damaged */
        struct kt_scan scan = { .records = true,
                                .from_seq = head->first_seq,
                                .until_seq = head->last_seq,
                                .since = n == 1 ? MAKE_T0 : 0,
                                .sieve = sieves,
                                .n_sieves = n,
                                .newest_first = n == 2 };
        if (kt_chunk_segment(chunk, db, head, &scan, &want, NULL) != KT_OK)
            continue;
        for (uint32_t i = 0; i < chunk->picks; i++)
            assert(chunk->pick[i] < head->count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (db == NULL)
        start();
    if (size > 64)
        size = 64;
    change(data, size);
    for (unsigned i = 0; i < OTHER_PIECE; i++) { /* which is read as a part of the one before */
        read_exact(&segments[i]);
        seek_all(&segments[i].head);
        read_all(&segments[i].head);
        walk_over(&segments[i].head);
    }
    return 0;
}
