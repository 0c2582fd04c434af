/*
 * spool_open: reads the segment files of a spool and finds what is true: batches, positions, the
 * acked mark.
 *
 * Owns:  what is done about torn ends and damage.
 * Calls: core. Nothing above. No clock.
 */
#include "agents/spool/spool_int.h"
#include "core/base/alloc.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define READ_BYTES (64u << 10)

/* ---- positions ---- */

void place_set(struct kt_spool *s, struct kt_str key, struct kt_str value, bool durable)
{
    uint32_t i = kt_map_put(s->keys, key, NULL);

    if (i >= s->cap_places) {
        uint32_t cap = s->cap_places == 0 ? 16 : 2 * s->cap_places;
        s->places = kt_realloc_array(s->places, cap, sizeof *s->places);
        memset(s->places + s->cap_places, 0, (cap - s->cap_places) * sizeof *s->places);
        s->cap_places = cap;
    }
    char **to = durable ? &s->places[i].durable : &s->places[i].pending;
    kt_free(*to);
    *to = kt_str_dup(value);
}

static void places_clear(struct kt_spool *s)
{
    for (uint32_t i = 0; i < kt_map_count(s->keys); i++) {
        kt_free(s->places[i].durable);
        kt_free(s->places[i].pending);
        s->places[i] = (struct place){ 0 };
    }
    kt_map_reset(s->keys);
}

static void read_positions(struct kt_spool *s, struct kt_rd *r)
{
    for (uint32_t n = kt_rd_u32(r); n > 0 && !r->bad; n--) {
        struct kt_str key = kt_rd_str16(r), value = kt_rd_str16(r);
        if (!r->bad)
            place_set(s, key, value, true);
    }
}

/* ---- records into state ---- */

/* Numbers up to `to` (not included) that no record was found for are holes. */
static bool holes_until(struct kt_spool *s, uint64_t to)
{
    if (s->base == 0) { /* the first number seen */
        s->base = to;
        s->last = to - 1;
        s->acked = s->acked < s->last ? s->last : s->acked;
    }
    if (to > s->last + 1 + HOLES_MAX)
        return false;
    for (; s->last + 1 < to; s->last++)
        ref_push(s, (struct ref){ 0 });
    return true;
}

static bool take_segment(struct kt_spool *s, const struct rec *rec)
{
    struct kt_rd r = kt_rd_of(rec->body);
    struct kt_str incarnation = kt_rd_bytes(&r, sizeof s->incarnation);
    uint64_t delta = kt_rd_u64(&r), acked = kt_rd_u64(&r);

    if (r.bad || rec->seq == 0 || !holes_until(s, rec->seq))
        return false;
    memcpy(s->incarnation, incarnation.at, sizeof s->incarnation);
    s->delta = delta;
    s->acked = acked;
    places_clear(s);
    read_positions(s, &r);
    return true;
}

static bool take_batch(struct kt_spool *s, const struct rec *rec, const struct segment *seg,
                       uint64_t offset)
{
    struct ref ref = { offset, seg->no, (uint32_t)rec->size, rec->count };

    if (rec->seq == 0 || rec->body.len < BATCH_HEAD || !holes_until(s, rec->seq))
        return false;
    if (rec->seq == s->last + 1) {
        ref_push(s, ref);
        s->last++;
    } else if (ref_of(s, rec->seq) != NULL) {
        *ref_of(s, rec->seq) = ref; /* rewritten without a refused line */
    }
    return true;
}

static bool take(struct kt_spool *s, const struct rec *rec, const struct segment *seg,
                 uint64_t offset)
{
    struct kt_rd r = kt_rd_of(rec->body);

    switch (rec->type) {
    case REC_SEGMENT:
        return take_segment(s, rec);
    case REC_BATCH:
        return take_batch(s, rec, seg, offset);
    case REC_POSITIONS:
        read_positions(s, &r);
        return true;
    case REC_ACK:
        s->acked = rec->seq;
        return true;
    case REC_RENEW: {
        struct kt_str incarnation = kt_rd_bytes(&r, sizeof s->incarnation);
        uint64_t delta = kt_rd_u64(&r);
        if (!r.bad) {
            memcpy(s->incarnation, incarnation.at, sizeof s->incarnation);
            s->delta = delta;
        }
        if (!r.bad && r.left > 0) {
            s->acked = kt_rd_u64(&r);
            read_positions(s, &r);
        }
        return true;
    }
    }
    return false;
}

/* ---- damage ---- */

/* Copies damaged bytes to corrupt/<segment>.<offset>, once; failing to is no reason not to start.
 */
static void keep_aside(struct kt_spool *s, const struct segment *seg, uint64_t offset,
                       struct kt_str bytes)
{
    struct kt_buf path = { 0 };
    struct kt_file *f = NULL;

    s->counts.corrupt++;
    kt_buf_addf(&path, "%s/corrupt", s->dir);
    ignore(s->fs.mkdir(s->fs.self, kt_buf_z(&path), 0700, NULL));
    kt_buf_addf(&path, "/%08x.%llu", seg->no, (unsigned long long)offset);
    if (s->fs.open(s->fs.self, kt_buf_z(&path), KT_OPEN_NEW, &f, NULL) == KT_OK) {
        ignore(s->fs.append(f, bytes, NULL));
        ignore(s->fs.sync(f, NULL));
        s->fs.close(f);
    }
    kt_buf_done(&path);
}

/* Byte of the next record that verifies, at or after `from`; text.len when there is none. */
static size_t next_record(struct kt_str text, size_t from)
{
    struct rec rec;

    for (;;) {
        ptrdiff_t at = kt_str_find(text, KT_STR(REC_MAGIC), from);
        if (at < 0)
            return text.len;
        if (rec_parse(text, (size_t)at, &rec))
            return (size_t)at;
        from = (size_t)at + 1;
    }
}

/* Works through one segment; *ret_end: where its last good record ends. */
static void scan(struct kt_spool *s, const struct segment *seg, struct kt_str text, bool is_last,
                 size_t *ret_end)
{
    size_t at = 0;
    struct rec rec;

    while (at < text.len) {
        if (rec_parse(text, at, &rec) && take(s, &rec, seg, at)) {
            if (at == 0)
                s->head_size = rec.size;
            at += rec.size;
            continue;
        }
        size_t next = next_record(text, at + 1);
        if (next == text.len && is_last) {
            s->counts.torn++;
            break;
        }
        keep_aside(s, seg, at, kt_str_sub(text, at, next - at));
        at = next;
    }
    *ret_end = at;
}

/* ---- files ---- */

struct numbers {
    uint32_t *at;
    unsigned n, cap;
};

static void note_segment(void *arg, const char *name)
{
    struct numbers *all = arg;
    char *end = NULL;

    if (strlen(name) != 14 || strcmp(name + 8, ".spool") != 0)
        return;
    unsigned long no = strtoul(name, &end, 16);
    if (end != name + 8 || no == 0)
        return;
    if (all->n == all->cap) {
        all->cap = all->cap == 0 ? 64 : 2 * all->cap;
        all->at = kt_realloc_array(all->at, all->cap, sizeof *all->at);
    }
    all->at[all->n++] = (uint32_t)no;
}

static enum kt_status read_whole(struct kt_spool *s, const char *path, struct kt_buf *out,
                                 struct kt_error *err)
{
    struct kt_file *f = NULL;
    enum kt_status st = s->fs.open(s->fs.self, path, KT_OPEN_READ, &f, err);
    size_t n = 1, max = 4 * (size_t)s->segment_bytes + REC_BODY_MAX;

    kt_buf_reset(out);
    while (st == KT_OK && n > 0) {
        st = s->fs.read_at(f, out->len, kt_buf_reserve(out, READ_BYTES), READ_BYTES, &n, err);
        if (st == KT_OK)
            out->len += n;
        if (st == KT_OK && out->len > max)
            st = kt_fail(err, KT_E_CORRUPT, "'%s' is far larger than a segment", path);
    }
    if (f != NULL)
        s->fs.close(f);
    return st;
}

/* Reads segment `no`; the last one is opened for appending, without its torn end. */
static enum kt_status read_segment(struct kt_spool *s, uint32_t no, bool is_last,
                                   struct kt_error *err)
{
    KT_CLEANUP(kt_free_ptr) char *path = segment_path(s, no);
    size_t end = 0;

    if (read_whole(s, path, &s->text, err) != KT_OK)
        return kt_wrap(err, "spool");
    struct segment seg = { .no = no };
    scan(s, &seg, kt_buf_str(&s->text), is_last, &end);
    if (is_last && end == 0) { /* a crash while it was made */
        if (s->fs.unlink(s->fs.self, path, err) != KT_OK)
            return kt_wrap(err, "spool");
        return KT_OK;
    }
    segment_add(s, no)->size = end;
    if (!is_last)
        return KT_OK;
    if (s->fs.open(s->fs.self, path, KT_OPEN_APPEND, &s->out, err) != KT_OK)
        return kt_wrap(err, "spool");
    if (end < s->text.len && s->fs.truncate(s->out, end, err) != KT_OK)
        return kt_wrap(err, "spool: cut the torn end of '%s'", path);
    /* What a killed process wrote may still be only in memory. */
    if (s->fs.sync(s->out, err) != KT_OK || s->fs.sync_dir(s->fs.self, s->dir, err) != KT_OK)
        return kt_wrap(err, "spool");
    return KT_OK;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static enum kt_status load(struct kt_spool *s, struct kt_error *err)
{
    struct numbers all = { 0 };
    enum kt_status st = s->fs.list(s->fs.self, s->dir, note_segment, &all, err);

    if (all.n > 1)
        qsort(all.at, all.n, sizeof *all.at, by_number);
    for (unsigned i = 0; st == KT_OK && i < all.n; i++)
        st = read_segment(s, all.at[i], i + 1 == all.n, err);
    kt_free(all.at);
    if (st != KT_OK)
        return st;
    if (s->base == 0) { /* nothing readable: a new spool */
        s->base = 1;
        s->last = s->acked = s->delta = 0;
        s->rng.fill(s->rng.self, s->incarnation, sizeof s->incarnation);
    }
    uint64_t acked = s->acked < s->base - 1 ? s->base - 1 : s->acked;
    acked = acked > s->last ? s->last : acked;
    s->delta = s->delta > s->last ? s->last : s->delta;
    s->acked = acked < s->delta ? s->delta : acked;
    s->synced = s->last;
    for (uint64_t seq = s->acked + 1; seq <= s->last; seq++)
        s->waiting_bytes += ref_of(s, seq)->len;
    return s->out == NULL ? segment_new(s, err) : KT_OK;
}

/* The folder itself must outlive a power cut too. */
static enum kt_status make_folder(struct kt_spool *s, struct kt_error *err)
{
    struct kt_str dir = kt_str_of(s->dir);
    ptrdiff_t slash = kt_str_rfind_byte(dir, '/');
    KT_CLEANUP(kt_free_ptr)
    char *parent = kt_str_dup(slash > 0    ? kt_str_sub(dir, 0, (size_t)slash)
                              : slash == 0 ? KT_STR("/")
                                           : KT_STR("."));

    enum kt_status st = s->fs.mkdir(s->fs.self, s->dir, 0700, err);
    return st == KT_OK ? s->fs.sync_dir(s->fs.self, parent, err) : st;
}

enum kt_status kt_spool_open(const struct kt_spool_options *o, struct kt_spool **ret,
                             struct kt_error *err)
{
    struct kt_spool *s = kt_alloc(sizeof *s);

    s->fs = o->fs;
    s->rng = o->rng;
    s->dir = kt_strdup(o->dir);
    s->bytes_max = o->bytes_max;
    s->segment_bytes = o->segment_bytes != 0 ? o->segment_bytes : SEGMENT_BYTES;
    if (s->segment_bytes > s->bytes_max / 4)
        s->segment_bytes = s->bytes_max / 4;
    s->keep_bytes = o->keep_bytes != 0 ? o->keep_bytes : KEEP_BYTES;
    s->keys = kt_map_new(kt_rng_u64(&s->rng));
    s->zip = kt_zip_new();

    enum kt_status st = make_folder(s, err);
    if (st == KT_OK)
        st = load(s, err);
    kt_buf_done(&s->text); /* a whole segment: not needed again */
    if (st != KT_OK) {
        kt_spool_close(s);
        return kt_wrap(err, "spool '%s'", o->dir);
    }
    reserve_fill(s);
    *ret = s;
    return KT_OK;
}

void kt_spool_close(struct kt_spool *s)
{
    if (s == NULL)
        return;
    if (s->out != NULL)
        s->fs.close(s->out);
    if (s->in != NULL)
        s->fs.close(s->in);
    places_clear(s);
    kt_free(s->places);
    kt_map_free(s->keys);
    kt_zip_free(s->zip);
    kt_free(s->segs);
    kt_free(s->refs);
    kt_buf_done(&s->rec);
    kt_buf_done(&s->body);
    kt_buf_done(&s->text);
    kt_free(s->dir);
    kt_free(s);
}
