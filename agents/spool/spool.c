/*
 * spool: the agent's durable queue of batches, from accept to acknowledgement.
 *
 * Owns:  segment files below one directory (spool_file.c has their form, spool_open.c reads them).
 * Calls: core (base, fs, the batch codec). Nothing above. No clock.
 * Holds: a batch is gone only after kt_spool_ack() of its number.
 */
#include "agents/spool/spool_int.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/wire/batch.h"
#include <assert.h>
#include <string.h>

const uint8_t *kt_spool_incarnation(const struct kt_spool *s)
{
    return s->incarnation;
}

/* ---- appending ---- */

static void digest_lines(struct kt_str lines, uint32_t count, uint8_t ret[32])
{
    uint8_t(*hashes)[32] = kt_alloc_array(count + 1, 32);
    struct kt_str line;
    uint32_t n = 0;

    for (struct kt_str rest = lines; rest.len > 0 && kt_str_split(&rest, '\n', &line); n++) {
        assert(n < count);
        kt_line_hash(line, hashes[n]);
    }
    assert(n == count);
    kt_batch_digest((const uint8_t(*)[32])hashes, count, ret);
    kt_free(hashes);
}

/* Appends a batch record to b. */
static void add_batch(struct kt_spool *s, struct kt_buf *b, uint64_t seq,
                      const struct kt_spool_lines *lines)
{
    size_t start = b->len;
    uint8_t digest[32];

    assert(lines->count <= KT_BATCH_EVENTS_MAX && lines->text.len <= KT_BATCH_RAW_MAX);
    if (lines->hashes != NULL)
        kt_batch_digest(lines->hashes, lines->count, digest);
    else
        digest_lines(lines->text, lines->count, digest);
    rec_begin(b, REC_BATCH, seq, lines->count);
    kt_buf_u32(b, (uint32_t)lines->text.len);
    kt_buf_add_bytes(b, digest, sizeof digest);
    kt_batch_pack(s->zip, lines->text, b);
    rec_end(b, start);
}

static void add_positions(struct kt_buf *b, const struct kt_spool_position *pos, unsigned n)
{
    kt_buf_u32(b, n);
    for (unsigned i = 0; i < n; i++) {
        kt_buf_str16(b, pos[i].key);
        kt_buf_str16(b, pos[i].value);
    }
}

static void positions_record(struct kt_buf *b, const struct kt_spool_position *pos, unsigned n)
{
    size_t start = b->len;

    rec_begin(b, REC_POSITIONS, 0, 0);
    add_positions(b, pos, n);
    rec_end(b, start);
}

enum kt_status kt_spool_append(struct kt_spool *s, struct kt_str lines, uint32_t count,
                               const struct kt_spool_position *pos, unsigned n_pos,
                               uint64_t *ret_seq, struct kt_error *err)
{
    const struct kt_spool_lines l = { .text = lines, .count = count };
    return kt_spool_append_hashed(s, &l, pos, n_pos, ret_seq, err);
}

enum kt_status kt_spool_append_hashed(struct kt_spool *s, const struct kt_spool_lines *lines,
                                      const struct kt_spool_position *pos, unsigned n_pos,
                                      uint64_t *ret_seq, struct kt_error *err)
{
    const uint32_t count = lines->count;
    uint64_t seq = s->last + 1;

    assert((lines->text.len == 0) == (count == 0));
    kt_buf_reset(&s->body);
    if (count > 0)
        add_batch(s, &s->body, seq, lines);
    size_t batch_len = s->body.len;
    if (n_pos > 0)
        positions_record(&s->body, pos, n_pos);
    if (s->body.len == 0)
        return KT_OK;
    enum kt_status st = spool_room(s, s->body.len, err);
    if (st == KT_E_AGAIN && spool_give_up(s))
        st = spool_room(s, s->body.len, err);
    if (st != KT_OK)
        return st;
    st = spool_write(s, kt_buf_str(&s->body), err);
    if (st == KT_E_AGAIN && spool_give_up(s))
        st = spool_write(s, kt_buf_str(&s->body), err);
    if (st != KT_OK)
        return st;
    struct segment *seg = &s->segs[s->n_segs - 1];
    uint64_t offset = seg->size - s->body.len;
    if (count > 0) {
        ref_push(s, (struct ref){ offset, seg->no, (uint32_t)batch_len, count });
        s->last = seg->last = seq;
        s->waiting_bytes += batch_len;
        *ret_seq = seq - s->delta;
    }
    for (unsigned i = 0; i < n_pos; i++)
        place_set(s, pos[i].key, pos[i].value, false);
    return KT_OK;
}

static void positions_are_durable(struct kt_spool *s)
{
    for (uint32_t i = 0; i < kt_map_count(s->keys); i++) {
        struct place *p = &s->places[i];
        if (p->pending == NULL)
            continue;
        kt_free(p->durable);
        p->durable = KT_TAKE(p->pending);
    }
}

/* Gives up acked segments beyond keep_bytes. */
static void drop_kept(struct kt_spool *s)
{
    uint64_t kept = 0;

    if (s->hold)
        return;
    for (unsigned i = 0; i + 1 < s->n_segs && s->segs[i].last <= s->acked; i++)
        kept += s->segs[i].size;
    while (s->n_segs > 1 && s->segs[0].last <= s->acked && kept > s->keep_bytes) {
        kept -= s->segs[0].size;
        segment_drop_oldest(s);
    }
}

enum kt_status kt_spool_sync(struct kt_spool *s, struct kt_error *err)
{
    if (s->ack_dirty) {
        kt_buf_reset(&s->rec);
        rec_begin(&s->rec, REC_ACK, s->acked, 0);
        rec_end(&s->rec, 0);
        bool was = s->dirty;
        enum kt_status st = spool_write(s, kt_buf_str(&s->rec), err);
        if (st != KT_OK && st != KT_E_AGAIN)
            return st;
        s->ack_dirty = st != KT_OK;
        s->dirty =
            was; /* a lost ack only means that a batch is sent twice: it need not be synced */
    }
    if (s->broken)
        return kt_fail(err, KT_E_IO, "spool: a sync failed before; it must be opened anew");
    if (s->dirty && s->fs.sync(s->out, err) != KT_OK) {
        s->broken = true; /* the kernel may have dropped the pages: what is on disk is unknown */
        return kt_wrap(err, "spool");
    }
    s->dirty = false;
    s->synced = s->last;
    positions_are_durable(s);
    drop_kept(s);
    reserve_fill(s);
    return KT_OK;
}

/* ---- reading ---- */

/* Bytes of the record behind r, checked, into s->rec. */
static enum kt_status load_rec(struct kt_spool *s, const struct ref *r, struct rec *ret,
                               struct kt_buf *into, struct kt_error *err)
{
    if (s->in == NULL || s->in_no != r->no) {
        KT_CLEANUP(kt_free_ptr) char *path = segment_path(s, r->no);
        if (s->in != NULL)
            s->fs.close(s->in);
        s->in = NULL;
        if (s->fs.open(s->fs.self, path, KT_OPEN_READ, &s->in, err) != KT_OK)
            return kt_wrap(err, "spool");
        s->in_no = r->no;
    }
    kt_buf_reset(into);
    (void)kt_buf_reserve(into, r->len);
    while (into->len < r->len) {
        size_t n = 0;
        if (s->fs.read_at(s->in, r->offset + into->len, into->at + into->len, r->len - into->len,
                          &n, err) != KT_OK)
            return kt_wrap(err, "spool");
        if (n == 0)
            break;
        into->len += n;
    }
    if (!rec_parse(kt_buf_str(into), 0, ret) || ret->type != REC_BATCH ||
        ret->body.len < BATCH_HEAD)
        return kt_fail(err, KT_E_CORRUPT, "spool: segment %08x is damaged at byte %llu", r->no,
                       (unsigned long long)r->offset);
    return KT_OK;
}

enum kt_status kt_spool_frame(struct kt_spool *s, uint64_t seq, struct kt_buf *out,
                              struct kt_spool_frame *ret, struct kt_error *err)
{
    struct ref *r = ref_of(s, seq + s->delta);
    struct rec rec;

    if (r == NULL || r->len == 0 || seq == 0 || seq + s->delta > s->synced)
        return kt_fail(err, KT_E_AGAIN, "spool: batch %llu is not there", (unsigned long long)seq);
    enum kt_status st = load_rec(s, r, &rec, out, err);
    if (st == KT_E_CORRUPT) { /* from here on it is a hole, as the next open would find */
        s->counts.corrupt++;
        if (seq + s->delta > s->acked)
            s->waiting_bytes -= r->len;
        *r = (struct ref){ 0 };
    }
    if (st != KT_OK)
        return st;
    struct kt_rd rd = kt_rd_of(rec.body);
    ret->count = rec.count;
    ret->raw_bytes = kt_rd_u32(&rd);
    memcpy(ret->digest, kt_rd_bytes(&rd, 32).at, 32);
    ret->packed = kt_rd_bytes(&rd, rd.left);
    return KT_OK;
}

enum kt_status kt_spool_read(struct kt_spool *s, uint64_t seq, struct kt_buf *out,
                             uint32_t *ret_count, struct kt_error *err)
{
    struct kt_spool_frame f;
    enum kt_status st = kt_spool_frame(s, seq, &s->text, &f, err);

    if (st != KT_OK)
        return st;
    kt_buf_reset(out);
    if (kt_zip_unpack(s->zip, f.packed, KT_BATCH_RAW_MAX, SIZE_MAX, out, err) != KT_OK)
        return kt_fail(err, KT_E_CORRUPT, "spool: batch %llu does not unpack",
                       (unsigned long long)seq);
    *ret_count = f.count;
    return KT_OK;
}

/* ---- acknowledgement ---- */

void kt_spool_ack(struct kt_spool *s, uint64_t seq)
{
    uint64_t own = seq + s->delta;

    own = own > s->synced ? s->synced : own;
    if (own <= s->acked)
        return;
    set_acked(s, own);
    s->ack_dirty = true;
}

void kt_spool_hold(struct kt_spool *s, bool hold)
{
    s->hold = hold;
}

uint64_t kt_spool_rewind(struct kt_spool *s, uint64_t seq)
{
    uint64_t own = seq + s->delta, oldest = s->base - 1 > s->delta ? s->base - 1 : s->delta;

    own = own < oldest ? oldest : own;
    if (own < s->acked) {
        set_acked(s, own);
        s->ack_dirty = true;
    }
    return s->acked - s->delta;
}

/* ---- numbers ---- */

/* All of it is one record: a crash leaves the numbers, the mark and the positions of one view. */
static enum kt_status renumber(struct kt_spool *s, const struct kt_spool_view *v,
                               const struct kt_spool_position *pos, unsigned n_pos,
                               struct kt_error *err)
{
    kt_buf_reset(&s->rec);
    rec_begin(&s->rec, REC_RENEW, 0, 0);
    kt_buf_add_bytes(&s->rec, v->incarnation, sizeof v->incarnation);
    kt_buf_u64(&s->rec, v->delta);
    kt_buf_u64(&s->rec, v->acked);
    add_positions(&s->rec, pos, n_pos);
    rec_end(&s->rec, 0);
    enum kt_status st = spool_write(s, kt_buf_str(&s->rec), err);
    if (st != KT_OK)
        return st;
    memcpy(s->incarnation, v->incarnation, sizeof s->incarnation);
    s->delta = v->delta;
    set_acked(s, v->acked);
    s->ack_dirty = false;
    for (unsigned i = 0; i < n_pos; i++)
        place_set(s, pos[i].key, pos[i].value, false);
    return kt_spool_sync(s, err);
}

/* A new incarnation that counts from what is behind `acked`. */
static struct kt_spool_view fresh_view(struct kt_spool *s, uint64_t acked)
{
    struct kt_spool_view v = { .delta = acked, .acked = acked };

    s->rng.fill(s->rng.self, v.incarnation, sizeof v.incarnation);
    return v;
}

enum kt_status kt_spool_renew(struct kt_spool *s, struct kt_error *err)
{
    const struct kt_spool_view v = fresh_view(s, s->acked);
    return renumber(s, &v, NULL, 0, err);
}

struct kt_spool_view kt_spool_view(const struct kt_spool *s)
{
    struct kt_spool_view v = { .delta = s->delta, .acked = s->acked };

    memcpy(v.incarnation, s->incarnation, sizeof v.incarnation);
    return v;
}

static bool reaches(const struct kt_spool *s, const struct kt_spool_view *v)
{
    static const uint8_t none[sizeof v->incarnation];

    return memcmp(v->incarnation, none, sizeof none) != 0 && v->acked + 1 >= s->base &&
           v->acked <= s->last && v->delta <= v->acked;
}

enum kt_status kt_spool_turn(struct kt_spool *s, const struct kt_spool_view *to,
                             const struct kt_spool_position *pos, unsigned n_pos, bool *ret_fresh,
                             struct kt_error *err)
{
    bool fresh = !reaches(s, to);
    const struct kt_spool_view v = fresh ? fresh_view(s, s->base - 1) : *to;

    enum kt_status st = renumber(s, &v, pos, n_pos, err);
    if (st == KT_OK)
        *ret_fresh = fresh;
    return st;
}

/* ---- rewriting one batch ---- */

/* Writes lines as batch `own` again, behind everything else; the newest record of a number counts.
 */
static enum kt_status rewrite(struct kt_spool *s, uint64_t own, struct kt_str lines, uint32_t count,
                              struct kt_error *err)
{
    struct ref *r = ref_of(s, own);

    const struct kt_spool_lines l = { .text = lines, .count = count };
    kt_buf_reset(&s->body);
    add_batch(s, &s->body, own, &l);
    /* No look at bytes_max: one batch more, and without it nothing would move again. */
    const struct segment *seg = &s->segs[s->n_segs - 1];
    struct ref fresh = { seg->size, seg->no, (uint32_t)s->body.len, count };
    enum kt_status st = spool_write(s, kt_buf_str(&s->body), err);
    if (st != KT_OK)
        return st;
    if (own > s->acked)
        s->waiting_bytes += fresh.len - (uint64_t)r->len;
    *r = fresh;
    return kt_spool_sync(s, err);
}

uint64_t kt_spool_hole(const struct kt_spool *s)
{
    for (uint64_t own = s->acked + 1; own <= s->synced; own++)
        if (ref_of(s, own)->len == 0)
            return own - s->delta;
    return 0;
}

enum kt_status kt_spool_fill(struct kt_spool *s, uint64_t seq, struct kt_str lines, uint32_t count,
                             struct kt_error *err)
{
    assert(ref_of(s, seq + s->delta) != NULL && ref_of(s, seq + s->delta)->len == 0);
    return rewrite(s, seq + s->delta, lines, count, err);
}

/* Notes a refused line as one JSON line in quarantine/refused.ndjson. */
static enum kt_status note_refused(struct kt_spool *s, const struct kt_spool_refusal *r,
                                   uint32_t index, struct kt_str line, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 }, note = { 0 };
    struct kt_file *f = NULL;

    kt_buf_addf(&path, "%s/quarantine", s->dir);
    if (s->fs.mkdir(s->fs.self, kt_buf_z(&path), 0700, err) != KT_OK)
        return kt_wrap(err, "spool");
    kt_buf_addz(&path, "/refused.ndjson");
    kt_buf_addf(&note, "{\"seq\":%llu,\"index\":%u,\"reason\":\"%s\",\"bytes\":%zu",
                (unsigned long long)r->seq, index, r->reason, line.len);
    if (r->keep) {
        kt_buf_addz(&note, ",\"line\":");
        kt_buf_add(&note, line); /* an object already */
    }
    kt_buf_addz(&note, "}\n");
    if (s->fs.open(s->fs.self, kt_buf_z(&path), KT_OPEN_APPEND, &f, err) != KT_OK)
        return kt_wrap(err, "spool");
    enum kt_status st = s->fs.append(f, kt_buf_str(&note), err);
    if (st == KT_OK)
        st = s->fs.sync(f, err);
    s->fs.close(f);
    return st == KT_OK ? KT_OK : kt_wrap(err, "spool: quarantine");
}

enum kt_status kt_spool_refuse(struct kt_spool *s, const struct kt_spool_refusal *r,
                               struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 }, rest = { 0 };
    struct kt_str line, all;
    uint32_t count = 0, index = 0, left = 0;

    enum kt_status st = kt_spool_read(s, r->seq, &lines, &count, err);
    if (st != KT_OK)
        return st;
    all = kt_buf_str(&lines);
    for (; all.len > 0 && kt_str_split(&all, '\n', &line); index++) {
        if (r->index != UINT32_MAX && r->index != index) {
            kt_buf_add(&rest, line);
            kt_buf_byte(&rest, '\n');
            left++;
            continue;
        }
        if (note_refused(s, r, index, line, err) != KT_OK)
            return kt_wrap(err, "refuse");
        s->counts.refused++;
    }
    if (r->instead.len > 0) {
        kt_buf_add(&rest, r->instead);
        kt_buf_byte(&rest, '\n');
        left++;
    }
    return rewrite(s, r->seq + s->delta, kt_buf_str(&rest), left, err);
}

/* ---- asking ---- */

uint64_t kt_spool_last(const struct kt_spool *s)
{
    return s->synced - s->delta;
}

uint64_t kt_spool_acked(const struct kt_spool *s)
{
    return s->acked - s->delta;
}

uint64_t kt_spool_bytes(const struct kt_spool *s)
{
    return s->waiting_bytes;
}

uint64_t kt_spool_lines(const struct kt_spool *s)
{
    uint64_t lines = 0;
    for (size_t i = s->acked >= s->base ? s->acked - s->base + 1 : 0; i < s->n_refs; i++)
        lines += s->refs[i].count;
    return lines;
}

uint64_t kt_spool_disk(const struct kt_spool *s)
{
    return spool_disk(s);
}

struct kt_str kt_spool_position(const struct kt_spool *s, struct kt_str key)
{
    uint32_t i = kt_map_get(s->keys, key);
    return i == KT_MAP_NONE ? KT_STR_NONE : kt_str_of(s->places[i].durable);
}

void kt_spool_each_position(const struct kt_spool *s,
                            void (*each)(void *self, struct kt_str key, struct kt_str value),
                            void *self)
{
    for (uint32_t i = 0; i < kt_map_count(s->keys); i++) {
        struct kt_str value = kt_str_of(s->places[i].durable);
        if (value.len > 0)
            each(self, kt_map_key(s->keys, i), value);
    }
}

struct kt_spool_counts kt_spool_counts(const struct kt_spool *s)
{
    return s->counts;
}
