/*
 * tally_check: the sums that are kept, held against the records that they were made of.
 *
 * They lie outside of the tree, so nothing else would tell that somebody wrote other ones to hide a
 * gap. A few blocks of days at a time: of all of them there may be more than there is memory for.
 *
 * Owns:  the tallies of a few blocks, kept and counted.
 * Calls: core/answer/tally_kept.h, core/store/read.h.
 */
#include "core/answer/tally_kept.h"
#include "core/base/map.h"
#include "core/base/zip.h"
#include "core/event/json.h"

#define BLOCKS 16 /* that are compared in one walk */
#define TRIES  3  /* a collector may go on keeping sums meanwhile */

struct check {
    struct kt_reader *reader;
    uint64_t upto;
    int64_t removed; /* the newest day of which retention took something, since the epoch; or -1 */
    struct kt_zip *zip;
    int64_t first, last; /* blocks that there are, or should be */
    struct kt_tally_checked *to;
};

static void differs(struct check *c, int64_t day)
{
    c->to->day = c->to->differ == 0 || day < c->to->day ? day : c->to->day;
    c->to->differ++;
}

static bool is_page_equal(const struct kt_tally_day *a, const struct kt_tally_day *b)
{
    static const struct kt_tally_late none;
    static const struct kt_tally_day nothing;
    a = a != NULL ? a : &nothing;
    b = b != NULL ? b : &nothing;
    const struct kt_tally_late *x = a->late != NULL ? a->late : &none;
    const struct kt_tally_late *y = b->late != NULL ? b->late : &none;
    return a->events == b->events && a->quarantined == b->quarantined && a->reports == b->reports &&
           a->lag_max == b->lag_max && memcmp(a->hour, b->hour, sizeof a->hour) == 0 &&
           memcmp(a->mark, b->mark, sizeof a->mark) == 0 &&
           memcmp(a->access, b->access, sizeof a->access) == 0 && memcmp(x, y, sizeof *x) == 0;
}

/* Of the days of one: what the other has of the same name. */
static void compare(struct check *c, const struct kt_tally *a, const struct kt_tally *b,
                    int64_t first, int64_t end, bool twice)
{
    for (unsigned i = 0; i < a->n; i++) {
        uint32_t k = kt_tally_find(b, kt_str_of(a->at[i].source), kt_str_of(a->at[i].instance));
        for (int64_t day = first > c->removed ? first : c->removed + 1; day < end; day++) {
            const struct kt_tally_day *x = kt_tally_day(a, &a->at[i], day);
            const struct kt_tally_day *y =
                k == KT_MAP_NONE ? NULL : kt_tally_day(b, &b->at[k], day);
            if (x != NULL && (y == NULL || twice) && !is_page_equal(x, y))
                differs(c, day);
        }
    }
}

/* Of [block, block + n). KT_E_LIMIT: there is too much of them for one walk. */
static enum kt_status check_blocks(struct check *c, int64_t block, int64_t n, struct kt_error *err)
{
    int64_t first = block * KT_TALLY_BLOCK, end = (block + n) * KT_TALLY_BLOCK;
    struct kt_scan_cost cost;
    const struct kt_scan scan = { .records = true,
                                  .until_seq = c->upto,
                                  .since = first * KT_NS_DAY,
                                  .until = end * KT_NS_DAY,
                                  .late_after = KT_TALLY_LATE };
    struct kt_tally *counted = kt_tally_new(first, (uint32_t)(end - first));
    enum kt_status status = kt_tally_walk(counted, c->reader, &scan, &cost, err);
    for (int64_t i = block; i < block + n && status == KT_OK; i++) {
        struct kt_tally *kept = kt_tally_new(i * KT_TALLY_BLOCK, KT_TALLY_BLOCK);
        struct kt_error why = { 0 };
        enum kt_status st = kt_tally_block_load(kept, c->reader, c->zip, i, 0, &why);
        int64_t from = i * KT_TALLY_BLOCK, until = from + KT_TALLY_BLOCK;
        if (st == KT_OK) {
            compare(c, kept, counted, from, until, true);
            compare(c, counted, kept, from, until, false);
        } else if (st != KT_E_LIMIT) { /* that of one that was full tells nothing */
            differs(c, from);
        }
        kt_tally_free(kept);
    }
    kt_tally_free(counted);
    return status;
}

/* Of what retention took no sums can be made again. */
static enum kt_status find_removed(struct check *c, struct kt_error *err)
{
    const struct kt_scan scan = { .control = true, .control_kind = KT_KIND_TOMBSTONE };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_cursor *cursor = NULL;
    struct kt_record r;
    enum kt_status status = kt_cursor_open(c->reader, &scan, &cursor, err);
    while (status == KT_OK && (status = kt_cursor_next(cursor, &r, err)) == KT_OK) {
        struct kt_jval raw, stored;
        unsigned repaired;
        int64_t at = 0;
        if (kt_json_parse(json, r.ev.raw, &raw, &repaired, NULL) != KT_OK)
            continue;
        struct kt_json_iter it = kt_json_iter(kt_json_at(raw, "stored"));
        while (kt_json_next(&it, NULL, &stored))
            if (kt_json_i64(stored, &at) && at / KT_NS_DAY > c->removed)
                c->removed = at / KT_NS_DAY;
    }
    kt_cursor_free(cursor);
    kt_json_free(json);
    return status == KT_E_AGAIN ? KT_OK : status;
}

static void widen(struct check *c, int64_t block)
{
    c->first = block < c->first ? block : c->first;
    c->last = block > c->last ? block : c->last;
}

static enum kt_status see_name(void *self, const char *name, struct kt_str value,
                               struct kt_error *err)
{
    int64_t block;
    (void)value;
    (void)err;
    if (kt_str_i64(kt_str_of(name + sizeof KT_TALLY_BLOB "/" - 1), &block) && block >= 0 &&
        block <= INT64_MAX / KT_NS_DAY / KT_TALLY_BLOCK)
        widen(self, block);
    return KT_OK;
}

static enum kt_status find_blocks(struct check *c, struct kt_error *err)
{
    struct kt_store_stats stats;
    c->first = INT64_MAX;
    c->last = -1;
    enum kt_status status = kt_reader_stats(c->reader, &stats, err);
    if (status == KT_OK && stats.first_time > 0) {
        widen(c, stats.first_time / KT_NS_DAY / KT_TALLY_BLOCK);
        widen(c, stats.last_time / KT_NS_DAY / KT_TALLY_BLOCK);
    }
    return status != KT_OK ? status
                           : kt_reader_each(c->reader, KT_TALLY_BLOB "/", see_name, c, err);
}

/* What cannot be read, or is too much, is compared with nothing: the first is told by whoever
 * verifies the records. */
static enum kt_status check_all(struct check *c, struct kt_error *err)
{
    int64_t n = BLOCKS;
    enum kt_status status = find_removed(c, err);
    if (status == KT_OK)
        status = find_blocks(c, err);
    for (int64_t block = c->first; block <= c->last && status == KT_OK;) {
        int64_t left = c->last + 1 - block;
        n = n < left ? n : left;
        status = check_blocks(c, block, n, err);
        if (status == KT_E_LIMIT && n > 1) {
            n /= 2;
            status = KT_OK;
            continue;
        }
        if (status == KT_E_LIMIT || status == KT_E_CORRUPT)
            status = KT_OK;
        block += n;
        n = BLOCKS;
    }
    return status;
}

enum kt_status kt_tally_check(struct kt_reader *r, struct kt_tally_checked *ret,
                              struct kt_error *err)
{
    struct kt_error why = { 0 }; /* ends of walks pass through it */
    enum kt_status status = KT_OK;
    *ret = (struct kt_tally_checked){ 0 };
    for (unsigned i = 0; i < TRIES && status == KT_OK; i++) {
        struct check c = { .reader = r, .removed = -1, .to = ret };
        uint64_t after = 0;
        *ret = (struct kt_tally_checked){ 0 };
        status = kt_tally_upto(r, &c.upto, &why);
        if (status != KT_OK || c.upto == 0)
            break;
        c.zip = kt_zip_new();
        status = check_all(&c, &why);
        kt_zip_free(c.zip);
        if (status == KT_OK)
            status = kt_tally_upto(r, &after, &why);
        if (status == KT_OK && after == c.upto)
            return KT_OK;
        *ret = (struct kt_tally_checked){ 0 };
    }
    return status == KT_OK ? KT_OK : kt_fail(err, status, "sums of coverage: %s", why.text);
}
