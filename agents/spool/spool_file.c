/*
 * spool_file: records and segment files of the spool: making, checking, rolling, dropping.
 *
 * Owns:  the form on disk (spool_int.h).
 * Calls: core. Nothing above. No clock.
 */
#include "agents/spool/spool_int.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Appends the head of a record whose body follows; rec_end(start) closes it. */
void rec_begin(struct kt_buf *b, enum rec_type type, uint64_t seq, uint32_t count)
{
    kt_buf_add(b, KT_STR(REC_MAGIC));
    kt_buf_u32(b, (uint32_t)type);
    kt_buf_u32(b, 0);
    kt_buf_u32(b, count);
    kt_buf_u64(b, seq);
    kt_buf_add_bytes(b, (const char[16]){ 0 }, 16);
}

static void rec_sum(const char *head, struct kt_str body, uint8_t ret[16])
{
    const struct kt_str parts[] = { { head, REC_SUMMED }, body };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), ret, 16);
}

void rec_end(struct kt_buf *b, size_t start)
{
    char *head = b->at + start;
    uint32_t len = (uint32_t)(b->len - start - REC_HEAD);

    assert(b->len - start - REC_HEAD <= REC_BODY_MAX);
    for (unsigned i = 0; i < 4; i++)
        head[8 + i] = (char)(len >> (8 * i));
    uint8_t sum[16];
    rec_sum(head, kt_str_from(head + REC_HEAD, len), sum);
    memcpy(head + REC_SUMMED, sum, sizeof sum);
}

/* The record at byte `at` of text, checked; false when there is none. */
bool rec_parse(struct kt_str text, size_t at, struct rec *ret)
{
    struct kt_str rest = kt_str_from_index(text, at);

    if (rest.len < REC_HEAD || memcmp(rest.at, REC_MAGIC, 4) != 0)
        return false;
    struct kt_rd r = kt_rd_of(kt_str_from(rest.at + 4, REC_HEAD - 4));
    uint32_t type = kt_rd_u32(&r), len = kt_rd_u32(&r), count = kt_rd_u32(&r);
    uint64_t seq = kt_rd_u64(&r);
    struct kt_str sum = kt_rd_bytes(&r, 16);

    if (type < REC_SEGMENT || type > REC_RENEW || len > REC_BODY_MAX || len > rest.len - REC_HEAD)
        return false;
    struct kt_str body = kt_str_from(rest.at + REC_HEAD, len);
    uint8_t want[16];
    rec_sum(rest.at, body, want);
    if (memcmp(want, sum.at, sizeof want) != 0)
        return false;
    *ret = (struct rec){ (enum rec_type)type, count, seq, body, REC_HEAD + len };
    return true;
}

char *segment_path(const struct kt_spool *s, uint32_t no)
{
    struct kt_buf b = { 0 };

    kt_buf_addf(&b, "%s/%08x.spool", s->dir, no);
    (void)kt_buf_z(&b);
    return b.at;
}

struct segment *segment_add(struct kt_spool *s, uint32_t no)
{
    if (s->n_segs == s->cap_segs) {
        s->cap_segs = s->cap_segs == 0 ? 16 : 2 * s->cap_segs;
        s->segs = kt_realloc_array(s->segs, s->cap_segs, sizeof *s->segs);
    }
    s->segs[s->n_segs] = (struct segment){ .no = no, .last = s->last };
    return &s->segs[s->n_segs++];
}

/* Appends every position (the newest value, pending or not) to a body. */
void rec_positions(struct kt_spool *s, struct kt_buf *b)
{
    uint32_t n = 0;
    size_t at = b->len;

    kt_buf_u32(b, 0);
    for (uint32_t i = 0; i < kt_map_count(s->keys); i++) {
        const struct place *p = &s->places[i];
        struct kt_str value = kt_str_of(p->pending != NULL ? p->pending : p->durable);
        if (value.len == 0)
            continue;
        kt_buf_str16(b, kt_map_key(s->keys, i));
        kt_buf_str16(b, value);
        n++;
    }
    for (unsigned i = 0; i < 4; i++)
        b->at[at + i] = (char)(n >> (8 * i));
}

/* Hands a failed write up; a full disk is KT_E_AGAIN, as a full spool is. */
static enum kt_status spool_fail(struct kt_error *err, const struct kt_error *why)
{
    bool full = why->sys_errno == ENOSPC || why->sys_errno == EDQUOT;
    enum kt_status code = full ? KT_E_AGAIN : why->code;
    enum kt_status st = kt_fail(err, code, "spool: %s", why->text);

    if (err != NULL)
        err->sys_errno = why->sys_errno;
    return st;
}

static char *reserve_path(const struct kt_spool *s)
{
    struct kt_buf b = { 0 };

    kt_buf_addf(&b, "%s/reserve", s->dir);
    (void)kt_buf_z(&b);
    return b.at;
}

/* A file that holds room for the head of a new segment: on a disk that is full to the last block an
 * acknowledged segment could not be left otherwise, and the room in it never be won back. Its bytes
 * are random, since some file systems pack them. Best effort: tried again at the next sync. */
void reserve_fill(struct kt_spool *s)
{
    const uint64_t want = RESERVE_BYTES + 2 * s->head_size;
    KT_CLEANUP(kt_free_ptr) char *path = reserve_path(s);
    struct kt_stat have = { 0 };
    struct kt_file *f = NULL;

    if (s->reserve >= want)
        return;
    if (s->fs.stat(s->fs.self, path, &have, NULL) == KT_OK)
        s->reserve = have.size;
    if (s->reserve >= want || s->fs.open(s->fs.self, path, KT_OPEN_APPEND, &f, NULL) != KT_OK)
        return;
    size_t more = (size_t)(want - s->reserve);
    kt_buf_reset(&s->rec);
    s->rng.fill(s->rng.self, kt_buf_reserve(&s->rec, more), more);
    if (s->fs.append(f, kt_str_from(s->rec.at, more), NULL) == KT_OK)
        s->reserve = want;
    else
        ignore(s->fs.truncate(f, s->reserve, NULL));
    s->fs.close(f);
}

static void reserve_use(struct kt_spool *s)
{
    KT_CLEANUP(kt_free_ptr) char *path = reserve_path(s);

    ignore(s->fs.unlink(s->fs.self, path, NULL));
    s->reserve = 0;
}

/* A segment file of the head in s->rec, durable; after a failure there is none. */
static enum kt_status segment_make(struct kt_spool *s, const char *path, struct kt_file **ret,
                                   struct kt_error *err)
{
    struct kt_error local = { 0 };
    struct kt_file *f = NULL;

    enum kt_status st = s->fs.open(s->fs.self, path, KT_OPEN_NEW, &f, &local);
    if (st != KT_OK)
        return spool_fail(err, &local);
    st = s->fs.append(f, kt_buf_str(&s->rec), &local);
    if (st == KT_OK)
        st = s->fs.sync(f, &local);
    if (st == KT_OK)
        st = s->fs.sync_dir(s->fs.self, s->dir, &local);
    if (st != KT_OK) {
        s->fs.close(f);
        ignore(s->fs.unlink(s->fs.self, path, NULL)); /* else the next open finds it torn */
        return spool_fail(err, &local);
    }
    *ret = f;
    return KT_OK;
}

/* Starts the next segment file. What the one before holds is synced first, so that damage in the
 * middle is never mistaken for a torn end. On failure the old one stays in use. */
enum kt_status segment_new(struct kt_spool *s, struct kt_error *err)
{
    uint32_t no = s->n_segs == 0 ? 1 : s->segs[s->n_segs - 1].no + 1;
    struct kt_error local = { 0 };
    KT_CLEANUP(kt_free_ptr) char *path = segment_path(s, no);

    s->dirty = true; /* acks too */
    if (s->out != NULL && kt_spool_sync(s, err) != KT_OK)
        return kt_wrap(err, "spool");
    kt_buf_reset(&s->rec);
    rec_begin(&s->rec, REC_SEGMENT, s->last + 1, 0);
    kt_buf_add_bytes(&s->rec, s->incarnation, sizeof s->incarnation);
    kt_buf_u64(&s->rec, s->delta);
    kt_buf_u64(&s->rec, s->acked);
    rec_positions(s, &s->rec);
    rec_end(&s->rec, 0);

    struct kt_file *f = NULL;
    enum kt_status st = segment_make(s, path, &f, &local);
    if (st == KT_E_AGAIN && s->reserve > 0) {
        reserve_use(s);
        st = segment_make(s, path, &f, &local);
    }
    if (st != KT_OK) {
        if (err != NULL)
            *err = local;
        return st;
    }
    if (s->out != NULL)
        s->fs.close(s->out);
    s->out = f;
    s->head_size = s->rec.len;
    segment_add(s, no)->size = s->rec.len;
    return KT_OK;
}

/* Forgets the oldest segment file and every batch up to its last. One at a time with the folder
 * synced between, so that a crash never leaves a gap in the row. */
void segment_drop_oldest(struct kt_spool *s)
{
    struct segment old = s->segs[0];
    KT_CLEANUP(kt_free_ptr) char *path = segment_path(s, old.no);

    assert(s->n_segs > 1 && old.last <= s->acked);
    if (s->in != NULL && s->in_no == old.no) {
        s->fs.close(s->in);
        s->in = NULL;
    }
    /* A file that cannot be removed now is harmless: the next open sees that it is acked. */
    ignore(s->fs.unlink(s->fs.self, path, NULL));
    ignore(s->fs.sync_dir(s->fs.self, s->dir, NULL));
    s->n_segs--;
    memmove(s->segs, s->segs + 1, s->n_segs * sizeof *s->segs);
    if (old.last >= s->base) {
        size_t gone = (size_t)(old.last - s->base + 1);
        s->n_refs -= gone;
        memmove(s->refs, s->refs + gone, s->n_refs * sizeof *s->refs);
        s->base = old.last + 1;
    }
}

uint64_t spool_disk(const struct kt_spool *s)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < s->n_segs; i++)
        sum += s->segs[i].size;
    return sum;
}

/* Room for `need` more bytes: a new segment when this one is full, acked ones given up when the
 * folder is (the current one too: it is left for that). */
enum kt_status spool_room(struct kt_spool *s, uint64_t need, struct kt_error *err)
{
    const struct segment *seg = &s->segs[s->n_segs - 1];
    bool used = seg->size > s->head_size;

    if (!s->hold && used && seg->last <= s->acked && spool_disk(s) + need > s->bytes_max &&
        segment_new(s, err) != KT_OK)
        return kt_wrap(err, "spool");
    while (!s->hold && s->n_segs > 1 && spool_disk(s) + need > s->bytes_max &&
           s->segs[0].last <= s->acked)
        segment_drop_oldest(s);
    if (s->hold && spool_disk(s) + need > s->bytes_max)
        return kt_fail(err, KT_E_AGAIN,
                       "spool is full: nothing is given up while the collector's log contradicts "
                       "itself (keytrail-agent accept-log)");
    if (spool_disk(s) + need > s->bytes_max)
        return kt_fail(err, KT_E_AGAIN, "spool is full: %llu bytes wait for the collector",
                       (unsigned long long)s->waiting_bytes);
    seg = &s->segs[s->n_segs - 1];
    if (seg->size > s->head_size && seg->size + need > s->segment_bytes)
        return segment_new(s, err);
    return KT_OK;
}

/* The disk is full, whatever bytes_max says: what is acknowledged goes, the current segment too.
 * false: there was nothing to give up. */
bool spool_give_up(struct kt_spool *s)
{
    const struct segment *seg = &s->segs[s->n_segs - 1];
    bool any = false;

    if (s->hold)
        return false;
    if (seg->size > s->head_size && seg->last <= s->acked)
        ignore(segment_new(s, NULL)); /* when it fails the row stays as it is */
    for (; s->n_segs > 1 && s->segs[0].last <= s->acked; any = true)
        segment_drop_oldest(s);
    reserve_fill(s);
    return any;
}

/* Appends finished records to the current segment; a part-written record is cut off again. A full
 * disk is KT_E_AGAIN. */
enum kt_status spool_write(struct kt_spool *s, struct kt_str recs, struct kt_error *err)
{
    struct segment *seg = &s->segs[s->n_segs - 1];
    struct kt_error local = { 0 };

    if (s->broken)
        return kt_fail(err, KT_E_IO, "spool: a sync failed before; it must be opened anew");
    if (s->cut && s->fs.truncate(s->out, seg->size, err) != KT_OK)
        return kt_wrap(err, "spool: cut a half-written record");
    s->cut = false;
    if (s->fs.append(s->out, recs, &local) != KT_OK) {
        s->cut = s->fs.truncate(s->out, seg->size, NULL) != KT_OK;
        return spool_fail(err, &local);
    }
    seg->size += recs.len;
    s->dirty = true;
    return KT_OK;
}

void ref_push(struct kt_spool *s, struct ref r)
{
    if (s->n_refs == s->cap_refs) {
        s->cap_refs = s->cap_refs == 0 ? 256 : 2 * s->cap_refs;
        s->refs = kt_realloc_array(s->refs, s->cap_refs, sizeof *s->refs);
    }
    s->refs[s->n_refs++] = r;
}

/* NULL when seq is outside of what is kept. */
struct ref *ref_of(const struct kt_spool *s, uint64_t seq)
{
    if (seq < s->base || seq - s->base >= s->n_refs)
        return NULL;
    return &s->refs[seq - s->base];
}

/* Moves the acked mark either way and keeps the sum of waiting bytes. */
void set_acked(struct kt_spool *s, uint64_t seq)
{
    for (; s->acked < seq; s->acked++) {
        const struct ref *r = ref_of(s, s->acked + 1);
        s->waiting_bytes -= r != NULL ? r->len : 0;
    }
    for (; s->acked > seq; s->acked--) {
        const struct ref *r = ref_of(s, s->acked);
        s->waiting_bytes += r != NULL ? r->len : 0;
    }
}
