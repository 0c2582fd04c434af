/*
 * tally_kept: pages to bytes and back; a slice of the log into the blocks of days that it touches.
 *
 * Owns:  a tally while a slice is taken in; of what is kept already one source at a time.
 * Calls: core/answer/tally.h, core/base, core/store/read.h.
 */
#include "core/answer/tally_kept.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/base/zip.h"

#define FIRST_DAY 10957 /* 2000-01-01: records of other times are in no block, as in no window */
#define LAST_DAY  32874 /* 2060-01-03 */
#define RAW_MAX   ((size_t)8 << 20) /* of a block: it and what it was lie in memory at once */
#define RATIO_MAX 2000u

static const char *name_of(int64_t block, char buf[40])
{
    (void)snprintf(buf, 40, KT_TALLY_BLOB "/%" PRId64, block);
    return buf;
}

/* ---- writing ---- */

static void write_minutes(const struct kt_tally_day *d, struct kt_buf *out)
{
    uint32_t n = 0, last = 0;
    for (uint32_t m = 0; m < KT_TALLY_MINUTES; m++)
        n += d->access[m] > 0 || d->mark[m] != 0;
    kt_buf_varint(out, n);
    for (uint32_t m = 0; m < KT_TALLY_MINUTES; m++) {
        if (d->access[m] == 0 && d->mark[m] == 0)
            continue;
        kt_buf_varint(out, m - last);
        kt_buf_varint(out, d->access[m]);
        kt_buf_u8(out, d->mark[m]);
        last = m;
    }
}

static void write_late(const struct kt_tally_day *d, int64_t day, struct kt_buf *out)
{
    uint32_t n = 0, last = 0;
    for (uint32_t m = 0; d->late != NULL && m < KT_TALLY_MINUTES; m++)
        n += d->late->arrived[m] > 0;
    kt_buf_varint(out, n);
    for (uint32_t m = 0; n > 0 && m < KT_TALLY_MINUTES; m++) {
        if (d->late->arrived[m] == 0)
            continue;
        kt_buf_varint(out, m - last);
        kt_buf_zigzag(out, (int64_t)d->late->arrived[m] - (day * KT_TALLY_MINUTES + m));
        kt_buf_varint(out, d->late->n[m]);
        last = m;
    }
}

static void write_source(const struct kt_tally *t, const struct kt_tally_source *s, int64_t block,
                         struct kt_buf *out)
{
    uint32_t days = 0;
    for (int64_t k = 0; k < KT_TALLY_BLOCK; k++)
        days += kt_tally_day(t, s, block * KT_TALLY_BLOCK + k) != NULL;
    if (days == 0)
        return;
    kt_buf_str16(out, kt_str_of(s->source));
    kt_buf_str16(out, kt_str_of(s->instance));
    kt_buf_varint(out, days);
    for (int64_t k = 0; k < KT_TALLY_BLOCK; k++) {
        int64_t day = block * KT_TALLY_BLOCK + k;
        const struct kt_tally_day *d = kt_tally_day(t, s, day);
        if (d == NULL)
            continue;
        kt_buf_varint(out, (uint64_t)k);
        kt_buf_varint(out, d->quarantined);
        kt_buf_varint(out, d->reports);
        kt_buf_varint(out, (uint64_t)d->lag_max);
        write_minutes(d, out);
        write_late(d, day, out);
    }
}

void kt_tally_block_write(const struct kt_tally *t, int64_t block, struct kt_buf *out)
{
    for (unsigned i = 0; i < t->n; i++)
        write_source(t, &t->at[i], block, out);
}

/* ---- reading ---- */

static void read_minutes(struct kt_rd *rd, struct kt_tally_day *d)
{
    uint64_t n = kt_rd_varint(rd), m = 0;
    for (uint64_t i = 0; i < n && !rd->bad; i++) {
        m += kt_rd_varint(rd);
        uint64_t accesses = kt_rd_varint(rd);
        uint8_t mark = kt_rd_u8(rd);
        rd->bad = rd->bad || m >= KT_TALLY_MINUTES;
        if (rd->bad || d == NULL)
            continue;
        uint64_t sum = d->access[m] + accesses;
        d->access[m] = (uint16_t)(sum < UINT16_MAX ? sum : UINT16_MAX);
        d->mark[m] |= mark;
        d->hour[m / 60] += (uint32_t)accesses;
        d->events += accesses;
    }
}

static void read_late(struct kt_rd *rd, struct kt_tally *t, struct kt_tally_day *d, int64_t day)
{
    uint64_t n = kt_rd_varint(rd), m = 0;
    for (uint64_t i = 0; i < n && !rd->bad; i++) {
        m += kt_rd_varint(rd);
        int64_t after = kt_rd_zigzag(rd);
        uint64_t accesses = kt_rd_varint(rd);
        rd->bad = rd->bad || m >= KT_TALLY_MINUTES || after < 0 || after > UINT32_MAX / 2;
        if (rd->bad || d == NULL)
            continue;
        struct kt_tally_late *l = kt_tally_late(t, d);
        uint32_t at = (uint32_t)(day * KT_TALLY_MINUTES + (int64_t)m + after);
        l->arrived[m] = at > l->arrived[m] ? at : l->arrived[m];
        l->n[m] += (uint32_t)accesses;
    }
}

/* Adds what is said of one source; t NULL: passes over it. */
static void read_source(struct kt_rd *rd, struct kt_tally *t, int64_t block, int64_t first_day)
{
    struct kt_str source = kt_rd_str16(rd), instance = kt_rd_str16(rd);
    uint64_t days = kt_rd_varint(rd);
    rd->bad = rd->bad || kt_str_find_byte(source, '\0', 0) >= 0 ||
              kt_str_find_byte(instance, '\0', 0) >= 0 || kt_str_find_byte(source, '\t', 0) >= 0;
    for (uint64_t k = 0; k < days && !rd->bad; k++) {
        int64_t day = block * KT_TALLY_BLOCK + (int64_t)(kt_rd_varint(rd) % KT_TALLY_BLOCK);
        bool wanted =
            t != NULL && day >= first_day && day >= t->first_day && day < t->first_day + t->days;
        struct kt_tally_day *d =
            wanted ? kt_tally_page(t, kt_tally_source(t, source, instance), day) : NULL;
        uint64_t quarantined = kt_rd_varint(rd), reports = kt_rd_varint(rd);
        kt_time_ns lag = (kt_time_ns)(kt_rd_varint(rd) & INT64_MAX);
        if (d != NULL) {
            d->quarantined += quarantined;
            d->reports += reports;
            d->lag_max = lag > d->lag_max ? lag : d->lag_max;
        }
        read_minutes(rd, d);
        read_late(rd, t, d, day);
        rd->bad = rd->bad || (t != NULL && t->pages > KT_TALLY_PAGES);
    }
}

bool kt_tally_block_read(struct kt_tally *t, int64_t block, int64_t first_day, struct kt_str bytes)
{
    struct kt_rd rd = kt_rd_of(bytes);
    while (!rd.bad && rd.left > 0)
        read_source(&rd, t, block, first_day);
    return !rd.bad;
}

/* Adds a block's bytes; none: nothing is kept of these days. KT_E_LIMIT: it was full. */
static enum kt_status get_block(struct kt_reader *r, struct kt_zip *zip, int64_t block,
                                struct kt_buf *out, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf packed = { 0 };
    char name[40];
    enum kt_status status = kt_reader_get(r, name_of(block, name), &packed, err);
    if (status == KT_E_AGAIN)
        return KT_OK;
    if (status == KT_OK && packed.len == 0)
        return kt_fail(err, KT_E_LIMIT, "blob '%s' had no room for what was to be kept", name);
    return status != KT_OK ? status
                           : kt_zip_unpack(zip, kt_buf_str(&packed), RAW_MAX, RATIO_MAX, out, err);
}

enum kt_status kt_tally_block_load(struct kt_tally *t, struct kt_reader *r, struct kt_zip *zip,
                                   int64_t block, int64_t first_day, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    char name[40];
    enum kt_status status = get_block(r, zip, block, &raw, err);
    if (status == KT_OK && !kt_tally_block_read(t, block, first_day, kt_buf_str(&raw)))
        status =
            kt_fail(err, KT_E_CORRUPT, "blob '%s' is not as it was written", name_of(block, name));
    return status;
}

static enum kt_status read_head(struct kt_reader *r, uint64_t *ret_upto, uint64_t *ret_last,
                                kt_time_ns *ret_first_time, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf head = { 0 };
    struct kt_store_stats stats;
    enum kt_status status = kt_reader_stats(r, &stats, err);
    *ret_upto = 0;
    if (status != KT_OK)
        return status;
    status = kt_reader_get(r, KT_TALLY_BLOB, &head, err);
    if (status != KT_OK && status != KT_E_AGAIN)
        return status;
    struct kt_rd rd = kt_rd_of(kt_buf_str(&head));
    *ret_upto = kt_rd_u64(&rd);
    if (kt_rd_u8(&rd) != KT_TALLY_BLOCK || rd.bad || rd.left > 0) /* none, or of an earlier form */
        *ret_upto = 0;
    *ret_last = stats.records;
    *ret_first_time = stats.first_time;
    if (*ret_upto > *ret_last) /* of another log: what is older than it was put in its place */
        *ret_upto = 0;
    return KT_OK;
}

enum kt_status kt_tally_upto(struct kt_reader *r, uint64_t *ret, struct kt_error *err)
{
    uint64_t last;
    kt_time_ns first_time;
    return read_head(r, ret, &last, &first_time, err);
}

enum kt_status kt_tally_kept(struct kt_tally *t, struct kt_reader *r, uint64_t *ret_upto,
                             struct kt_error *err)
{
    uint64_t upto, last;
    kt_time_ns first_time;
    *ret_upto = 0;
    if (read_head(r, &upto, &last, &first_time, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    if (upto == 0)
        return KT_OK;
    struct kt_tally *kept = kt_tally_new(t->first_day, t->days);
    struct kt_zip *zip = kt_zip_new();
    struct kt_error why = { 0 };
    enum kt_status status = KT_OK;
    int64_t first = t->first_day / KT_TALLY_BLOCK;
    int64_t end = (t->first_day + t->days - 1) / KT_TALLY_BLOCK;
    for (int64_t block = first; block <= end && status == KT_OK; block++)
        status = kt_tally_block_load(kept, r, zip, block, first_time / KT_NS_DAY, &why);
    kt_zip_free(zip);
    if (status == KT_OK && kept->pages <= KT_TALLY_PAGES) {
        struct kt_tally empty = *t;
        *t = *kept;
        *kept = empty;
        *ret_upto = upto;
    }
    kt_tally_free(kept);
    return KT_OK;
}

/* ---- taking more in ---- */

/* The pages of a block that the tally has of a source, added to those of another tally. */
static void add_pages(struct kt_tally *to, const struct kt_tally *t,
                      const struct kt_tally_source *s, int64_t block)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    write_source(t, s, block, &bytes);
    const bool read = kt_tally_block_read(to, block, FIRST_DAY, kt_buf_str(&bytes));
    assert(read);
}

/* What was kept of a block and what is new, source by source: of both together there may be far
 * more than there is memory for. False: what was kept is no block. */
static bool merge(const struct kt_tally *t, int64_t block, struct kt_str kept, struct kt_buf *out)
{
    bool *done = kt_alloc_array(t->n + 1, sizeof *done);
    struct kt_rd rd = kt_rd_of(kept);
    while (!rd.bad && rd.left > 0 && out->len <= RAW_MAX) {
        struct kt_rd head = rd;
        struct kt_str source = kt_rd_str16(&head), instance = kt_rd_str16(&head);
        uint32_t i = head.bad ? KT_MAP_NONE : kt_tally_find(t, source, instance);
        if (i == KT_MAP_NONE || done[i]) { /* nothing is new of it: as it was */
            size_t begin = kept.len - rd.left;
            read_source(&rd, NULL, block, FIRST_DAY);
            kt_buf_add(out, kt_str_sub(kept, begin, kept.len - rd.left - begin));
            continue;
        }
        struct kt_tally *one = kt_tally_new(block * KT_TALLY_BLOCK, KT_TALLY_BLOCK);
        read_source(&rd, one, block, FIRST_DAY);
        add_pages(one, t, &t->at[i], block);
        done[i] = true;
        kt_tally_block_write(one, block, out);
        kt_tally_free(one);
    }
    for (unsigned i = 0; i < t->n && out->len <= RAW_MAX; i++)
        if (!done[i])
            write_source(t, &t->at[i], block, out);
    kt_free(done);
    return !rd.bad;
}

/* One block, with what the tally adds. Where that is more than a block may be, it is empty from
 * then on, and who asks for its days walks over the records. */
static enum kt_status put_block(const struct kt_tally *t, struct kt_reader *r, struct kt_zip *zip,
                                int64_t block, bool anew, kt_tally_put *put, void *self,
                                struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf kept = { 0 }, raw = { 0 }, packed = { 0 };
    char name[40];
    enum kt_status status = anew ? KT_OK : get_block(r, zip, block, &kept, err);
    if (status == KT_E_LIMIT)
        return KT_OK;
    if (status == KT_OK && !merge(t, block, kt_buf_str(&kept), &raw))
        status =
            kt_fail(err, KT_E_CORRUPT, "blob '%s' is not as it was written", name_of(block, name));
    if (status != KT_OK)
        return status;
    kt_buf_done(&kept);
    if (raw.len <= RAW_MAX)
        kt_zip_pack(zip, kt_buf_str(&raw), 3, &packed);
    return put(self, name_of(block, name), kt_buf_str(&packed), err);
}

/* Walks over (upto, *until]; where there is no room for that, over as much as there is room for. */
static enum kt_status walk_slice(struct kt_reader *r, uint64_t upto,
                                 const struct kt_tally_room *room, uint64_t *until,
                                 struct kt_tally **ret, struct kt_error *err)
{
    for (;;) {
        struct kt_scan_cost cost = { 0 };
        struct kt_tally *t = kt_tally_new(FIRST_DAY, LAST_DAY - FIRST_DAY);
        const struct kt_scan scan = {
            .records = true, .from_seq = upto + 1, .until_seq = *until, .late_after = KT_TALLY_LATE
        };
        t->room = *room;
        enum kt_status status = kt_tally_walk(t, r, &scan, &cost, err);
        uint64_t rows = t->rows;
        if (status == KT_OK)
            *ret = t;
        else
            kt_tally_free(t);
        if (status != KT_E_LIMIT || rows == 0 || rows >= *until - upto)
            return status;
        *until = upto + rows; /* in so many numbers there are no more records than that */
    }
}

enum kt_status kt_tally_keep(struct kt_reader *r, const struct kt_tally_slice *slice,
                             kt_tally_put *put, void *self, bool *ret_more, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf head = { 0 };
    uint64_t upto, last;
    kt_time_ns first_time;
    struct kt_tally *t = NULL;
    struct kt_error why = { 0 };
    *ret_more = false;
    if (read_head(r, &upto, &last, &first_time, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    if (last < upto + KT_TALLY_WAITS + KT_TALLY_WORTH)
        return KT_OK;
    uint64_t until = upto + slice->records, end = last - KT_TALLY_WAITS;
    until = until < end ? until : end;
    enum kt_status status = walk_slice(r, upto, &slice->room, &until, &t, &why);
    if (status != KT_OK)
        return kt_fail(err, status, "%s", why.text);
    struct kt_zip *zip = kt_zip_new();
    for (int64_t block = FIRST_DAY / KT_TALLY_BLOCK;
         block <= LAST_DAY / KT_TALLY_BLOCK && status == KT_OK; block++)
        if (kt_tally_has(t, block))
            status = put_block(t, r, zip, block, upto == 0, put, self, err);
    kt_buf_u64(&head, until);
    kt_buf_u8(&head, KT_TALLY_BLOCK);
    if (status == KT_OK)
        status = put(self, KT_TALLY_BLOB, kt_buf_str(&head), err);
    *ret_more = status == KT_OK && until + KT_TALLY_WORTH < end;
    kt_zip_free(zip);
    kt_tally_free(t);
    return status;
}
