/*
 * tombstone: the records of removed segments.
 *
 * Owns:  the hashes inside struct kt_tombstones.
 * Calls: core/base, core/event (json, line), core/store.
 */
#include "core/store/tombstone.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/event/json.h"
#include "core/event/line.h"

#define RAW_MAX (KT_LINE_MAX / 2) /* a run more must still fit into a line */

void kt_tombstones_done(struct kt_tombstones *t)
{
    for (size_t i = 0; i < t->n; i++)
        kt_free(t->at[i].nodes);
    kt_free(t->at);
    *t = (struct kt_tombstones){ 0 };
}

static int by_first(const void *pa, const void *pb)
{
    const struct kt_gap *a = pa, *b = pb;
    return (a->first > b->first) - (a->first < b->first);
}

static void add_run(struct kt_tombstones *t, struct kt_jval run)
{
    int64_t first = 0, count = 0;
    struct kt_str hex = kt_json_str_at(run, "nodes");
    if (!kt_json_i64(kt_json_at(run, "first"), &first) ||
        !kt_json_i64(kt_json_at(run, "count"), &count) || first < 1 || count < 1 ||
        (uint64_t)first > KT_SEQ_MAX || count > (int64_t)KT_SEGMENT_EVENTS_MAX || hex.len == 0 ||
        hex.len % 64 != 0 || hex.len / 64 > KT_COVER_MAX)
        return;
    struct kt_gap gap = { .first = (uint64_t)first, .n = (uint64_t)count, .len = hex.len / 2 };
    gap.nodes = kt_alloc(gap.len);
    if (!kt_hex_decode(hex, gap.nodes, gap.len)) {
        kt_free(gap.nodes);
        return;
    }
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 64 : 2 * t->cap;
        t->at = kt_realloc_array(t->at, t->cap, sizeof *t->at);
    }
    t->at[t->n++] = gap;
}

static void add_line(struct kt_tombstones *t, struct kt_json *json, struct kt_arena *arena,
                     struct kt_str line)
{
    struct kt_event ev;
    struct kt_jval root, runs, run;
    unsigned repaired;
    kt_arena_reset(arena);
    if (kt_line_read(line, arena, &ev, NULL) != KT_OK ||
        kt_json_parse(json, ev.raw, &root, &repaired, NULL) != KT_OK)
        return;
    int64_t first = 0;
    t->segments += kt_json_i64(kt_json_at(root, "segment"), &first) && first != t->newest;
    t->newest = first;
    runs = kt_json_at(root, "runs");
    struct kt_json_iter it = kt_json_iter(runs);
    while (kt_json_next(&it, NULL, &run))
        add_run(t, run);
}

enum kt_status kt_tombstones_load(struct kt_tombstones *t, sqlite3 *db, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    kt_tombstones_done(t);
    if (kt_db_prepare(db, "SELECT line FROM control WHERE kind = ?1 ORDER BY seq", &st, err) !=
        KT_OK)
        return kt_wrap(err, "tombstones");
    kt_db_i64(st, 1, KT_KIND_TOMBSTONE);
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_arena arena = kt_arena_new(2 * KT_LINE_MAX);
    enum kt_status status;
    while ((status = kt_db_step(st, err)) == KT_OK)
        add_line(t, json, &arena, kt_db_col(st, 0));
    kt_arena_done(&arena);
    kt_json_free(json);
    if (t->n > 1)
        qsort(t->at, t->n, sizeof *t->at, by_first);
    return status == KT_E_AGAIN ? KT_OK : status;
}

const struct kt_gap *kt_tombstones_at(const struct kt_tombstones *t, uint64_t seq)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (t->at[mid].first < seq)
            low = mid + 1;
        else
            high = mid;
    }
    return low < t->n && t->at[low].first == seq ? &t->at[low] : NULL;
}

/* ---- writing ---- */

static void write_run(struct kt_rd *nodes, uint64_t first, uint64_t n, struct kt_buf *out)
{
    struct kt_cover cover;
    kt_cover_read(nodes, first - 1, n, &cover);
    kt_buf_addf(out, "%s{\"first\":%" PRIu64 ",\"count\":%" PRIu64 ",\"nodes\":\"",
                out->len > 0 ? "," : "", first, n);
    kt_hex_add(out, cover.hash[0], 32 * (size_t)cover.nodes);
    kt_buf_addz(out, "\"}");
}

enum kt_status kt_tombstone_write(const struct kt_segment *seg, const struct kt_runs *runs,
                                  uint32_t *at, struct kt_rd *nodes, struct kt_str reason,
                                  struct kt_buf *out, struct kt_error *err)
{
    struct kt_buf list = { 0 };
    uint64_t begins = runs->row[*at].first_seq, events = 0, last = 0;
    uint32_t from = *at;
    while (*at < runs->n && list.len < RAW_MAX && !nodes->bad) {
        uint64_t first = runs->row[*at].first_seq, n = 0;
        for (; *at < runs->n && first + n == runs->row[*at].first_seq; ++*at)
            n += runs->row[*at].count;
        write_run(nodes, first, n, &list);
        events += n;
        last = first + n - 1;
    }
    if (nodes->bad || (*at == runs->n && nodes->left != 0)) {
        kt_buf_done(&list);
        return kt_fail(err, KT_E_CORRUPT,
                       "records %llu-%llu: the tree nodes do not fit the batches",
                       (unsigned long long)seg->first_seq, (unsigned long long)seg->last_seq);
    }
    kt_buf_addf(out,
                "{\"segment\":%" PRIu64 ",\"first\":%" PRIu64 ",\"last\":%" PRIu64
                ",\"events\":%" PRIu64 ",\"batches\":%" PRIu32 ",\"stored\":[%" PRId64 ",%" PRId64
                "],\"reason\":",
                seg->first_seq, begins, last, events, *at - from, seg->min_stored, seg->max_stored);
    kt_json_quote(out, reason);
    kt_buf_addz(out, ",\"runs\":[");
    kt_buf_add(out, kt_buf_str(&list));
    kt_buf_addz(out, "]}");
    kt_buf_done(&list);
    return KT_OK;
}
