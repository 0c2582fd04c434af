/*
 * totals_read: the parts of a stretch's sums, and which stretches a walk may take them of.
 *
 * Owns:  nothing beyond a call, but what a struct kt_totals holds.
 * Calls: core/base, core/store (db, together).
 * Holds: what is not as it was written is not taken.
 */
#include <limits.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/zip.h"
#include "core/store/chain.h"
#include "core/store/store.h"
#include "core/store/together_int.h"

#define PLAIN_MAX ((size_t)64 << 20) /* of a part: its names, and 16 bytes a reader */
#define RATIO_MAX 4096u

void kt_totals_done(struct kt_totals *s)
{
    kt_free(s->actor);
    kt_free(s->secret);
    kt_free(s->reader);
    kt_zip_free(s->zip);
    kt_buf_done(&s->bytes);
    for (unsigned k = 0; k < KT_TOTALS_PARTS; k++)
        kt_buf_done(&s->text[k]);
    *s = (struct kt_totals){ 0 };
}

/* ---- bytes ---- */

bool kt_totals_open(struct kt_str bytes, uint64_t first_seq, uint64_t last_seq, struct kt_str *ret)
{
    struct kt_rd rd = kt_rd_of(bytes);
    bool whole = kt_rd_u32(&rd) == kt_bucket_sum(kt_str_from_index(bytes, bytes.len - rd.left));
    uint64_t first = kt_rd_u64(&rd), last = kt_rd_u64(&rd);
    if (rd.bad || !whole || first != first_seq || last != last_seq)
        return false;
    *ret = kt_rd_bytes(&rd, rd.left);
    return true;
}

static struct kt_str get_text(struct kt_rd *rd)
{
    uint64_t len = kt_rd_varint(rd);
    rd->bad = rd->bad || len > rd->left;
    return rd->bad ? KT_STR_NONE : kt_rd_bytes(rd, (size_t)len);
}

/* Each of n things takes so many bytes at least: so they can be, before memory is given. */
static uint32_t get_count(struct kt_rd *rd, size_t least, uint32_t most)
{
    uint64_t n = kt_rd_varint(rd);
    rd->bad = rd->bad || n > rd->left / least || n > most;
    return rd->bad ? 0 : (uint32_t)n;
}

static struct kt_rd unpack(struct kt_totals *s, struct kt_str packed, enum kt_totals_part part)
{
    if (s->zip == NULL)
        s->zip = kt_zip_new();
    kt_buf_reset(&s->text[part]);
    bool whole = kt_zip_unpack(s->zip, packed, PLAIN_MAX, RATIO_MAX, &s->text[part], NULL) == KT_OK;
    struct kt_rd rd = kt_rd_of(kt_buf_str(&s->text[part]));
    rd.bad = !whole;
    return rd;
}

static void get_actor(struct kt_rd *rd, kt_time_ns before, struct kt_totals_actor *ret)
{
    ret->actor = get_text(rd);
    ret->source = get_text(rd);
    ret->instance = get_text(rd);
    unsigned kind = kt_rd_u8(rd);
    rd->bad = rd->bad || kind >= KT_ACTOR_COUNT;
    ret->kind = (enum kt_actor_kind)kind;
    ret->accesses = kt_rd_varint(rd);
    ret->reads = kt_rd_varint(rd);
    ret->head = (kt_time_ns)((uint64_t)before + (uint64_t)kt_rd_zigzag(rd));
    ret->earliest = (kt_time_ns)((uint64_t)ret->head - kt_rd_varint(rd));
    ret->last = (kt_time_ns)((uint64_t)ret->earliest + kt_rd_varint(rd));
    rd->bad = rd->bad || ret->earliest > ret->head || ret->head > ret->last;
}

bool kt_totals_read_actors(struct kt_totals *s, struct kt_str packed)
{
    struct kt_rd rd = unpack(s, packed, KT_TOTALS_ACTORS);
    uint32_t n = get_count(&rd, 9, 2 * KT_TOTALS_ACTORS_MAX);
    if (n > s->cap_actors) {
        s->cap_actors = n;
        s->actor = kt_realloc_array(s->actor, n, sizeof *s->actor);
    }
    kt_time_ns before = 0;
    for (uint32_t i = 0; i < n && !rd.bad; i++) {
        get_actor(&rd, before, &s->actor[i]);
        before = s->actor[i].head;
    }
    bool good = !rd.bad && rd.left == 0;
    s->n_actors = good ? n : 0;
    return good;
}

/* The secrets with how many readers each has. *ret: of all. */
static uint64_t get_secrets(struct kt_totals *s, struct kt_rd *rd)
{
    uint64_t readers = 0;
    for (uint32_t i = 0; i < s->n_secrets && !rd->bad; i++) {
        struct kt_str id = get_text(rd);
        uint64_t actions = kt_rd_varint(rd), n = kt_rd_varint(rd);
        rd->bad = rd->bad || actions > UINT32_MAX || n > rd->left;
        s->secret[i] = (struct kt_totals_secret){ .id = id,
                                                  .actions = (uint32_t)actions,
                                                  .n_readers = rd->bad ? 0 : (uint32_t)n };
        readers += n;
    }
    return readers;
}

static void get_places(struct kt_totals *s, struct kt_rd *rd)
{
    struct kt_totals_reader *at = s->reader;
    for (uint32_t i = 0; i < s->n_secrets && !rd->bad; i++) {
        uint64_t place = 0;
        s->secret[i].reader = at;
        for (uint32_t k = 0; k < s->secret[i].n_readers; k++, at++) {
            uint64_t step = kt_rd_varint(rd);
            place += step;
            rd->bad = rd->bad || step > s->n_actors || place >= s->n_actors;
            at->actor = (uint32_t)place;
        }
    }
}

static void get_times(struct kt_totals_reader *at, uint64_t n, unsigned width, kt_time_ns latest,
                      struct kt_rd *rd)
{
    struct kt_str bytes = kt_rd_bytes(rd, rd->left);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t behind = 0;
        for (unsigned k = width; k > 0; k--)
            behind = behind << 8 | (uint8_t)bytes.at[i * width + k - 1];
        at[i].last = (kt_time_ns)((uint64_t)latest - behind);
    }
}

static bool get_readers(struct kt_totals *s, struct kt_rd *rd, uint64_t n, unsigned width,
                        kt_time_ns latest)
{
    if (rd->bad || n > rd->left / (2 + width)) /* two varints, and a time */
        return false;
    if (n > s->cap_readers) {
        s->cap_readers = (uint32_t)n;
        s->reader = kt_realloc_array(s->reader, s->cap_readers, sizeof *s->reader);
    }
    get_places(s, rd);
    for (uint64_t i = 0; i < n && !rd->bad; i++) {
        uint64_t reads = kt_rd_varint(rd);
        rd->bad = rd->bad || reads > UINT32_MAX;
        s->reader[i].reads = (uint32_t)reads;
    }
    if (rd->bad || rd->left != n * width)
        return false;
    get_times(s->reader, n, width, latest, rd);
    return true;
}

bool kt_totals_read_secrets(struct kt_totals *s, struct kt_str packed)
{
    struct kt_rd rd = unpack(s, packed, KT_TOTALS_SECRETS);
    s->n_secrets = get_count(&rd, 3, 2 * KT_TOTALS_SECRETS_MAX);
    unsigned width = kt_rd_u8(&rd);
    kt_time_ns latest = (kt_time_ns)kt_rd_u64(&rd);
    rd.bad = rd.bad || width > 8;
    if (s->n_secrets > s->cap_secrets) {
        s->cap_secrets = s->n_secrets;
        s->secret = kt_realloc_array(s->secret, s->cap_secrets, sizeof *s->secret);
    }
    uint64_t readers = get_secrets(s, &rd);
    if (!get_readers(s, &rd, readers, width, latest))
        s->n_secrets = 0, rd.bad = true;
    return !rd.bad;
}

bool kt_totals_same(enum kt_totals_part part, struct kt_str a, struct kt_str b, uint64_t first_seq,
                    uint64_t last_seq)
{
    struct kt_totals x = { 0 }, y = { 0 };
    struct kt_str in_a, in_b;
    if (kt_str_eq(a, b))
        return true;
    if (part == KT_TOTALS_VALUES || !kt_totals_open(a, first_seq, last_seq, &in_a) ||
        !kt_totals_open(b, first_seq, last_seq, &in_b))
        return false;
    bool same = !unpack(&x, in_a, part).bad && !unpack(&y, in_b, part).bad &&
                kt_str_eq(kt_buf_str(&x.text[part]), kt_buf_str(&y.text[part]));
    kt_totals_done(&x);
    kt_totals_done(&y);
    return same;
}

/* ---- of a run ---- */

static bool load_part(const struct kt_totals_run *run, enum kt_totals_part part,
                      struct kt_totals *s, struct kt_str *ret)
{
    char name[KT_TOTALS_NAME];
    return kt_blob_get(run->file->db, kt_totals_name(run->first_seq, part, name), &s->bytes,
                       NULL) == KT_OK &&
           kt_totals_open(kt_buf_str(&s->bytes), run->first_seq, run->last_seq, ret);
}

bool kt_totals_load(const struct kt_totals_run *run, bool secrets, struct kt_totals *s)
{
    struct kt_str packed;
    s->n_actors = s->n_secrets = 0;
    return load_part(run, KT_TOTALS_ACTORS, s, &packed) && kt_totals_read_actors(s, packed) &&
           (!secrets ||
            (load_part(run, KT_TOTALS_SECRETS, s, &packed) && kt_totals_read_secrets(s, packed)));
}

/* ---- runs ---- */

struct runs {
    struct kt_totals_run *at;
    uint32_t n, cap;
};

static void add_run(struct runs *r, uint64_t first, uint64_t last, const struct kt_reader *file)
{
    if (r->n == r->cap) {
        r->cap = r->cap == 0 ? 64 : 2 * r->cap;
        r->at = kt_realloc_array(r->at, r->cap, sizeof *r->at);
    }
    r->at[r->n++] = (struct kt_totals_run){ first, last, file };
}

static bool is_within(const struct kt_stretch *s, const struct kt_directory *d,
                      const struct kt_scan *scan)
{
    struct kt_stretch_place p;
    bool within = kt_stretch_whole(s, d, &p);
    for (uint32_t i = p.at; within && i < p.at + p.n; i++)
        within = kt_segment_within(&d->at[i], scan);
    return within;
}

/* *next: the first number that no run has yet. Between a stretch and the one before there need be
 * no event. */
static void add_file(struct runs *r, struct kt_reader *file, const struct kt_scan *scan,
                     uint64_t *next)
{
    struct kt_stretches all = { 0 };
    if (kt_stretches_load(file->db, &all, NULL) != KT_OK)
        return;
    const struct kt_directory *d = &file->directory;
    for (uint32_t i = 0; i < all.n; i++) {
        const struct kt_stretch *s = &all.at[i];
        if (!is_within(s, d, scan))
            continue;
        uint32_t before = kt_directory_from(d, *next);
        bool joined = r->n > 0 && r->at[r->n - 1].file == file && before < d->n &&
                      d->at[before].first_seq == s->first_seq;
        if (!joined && s->first_seq > *next)
            add_run(r, *next, s->first_seq - 1, NULL);
        add_run(r, s->first_seq, s->last_seq, file);
        *next = s->last_seq + 1;
    }
    kt_stretches_done(&all);
}

/* A file that cannot be read is told of by the walk over what is between: where there is one, all
 * is between. */
enum kt_status kt_totals_runs(struct kt_reader *r, const struct kt_scan *scan,
                              struct kt_totals_run **ret, uint32_t *ret_n, struct kt_error *err)
{
    struct kt_reader *file[KT_CHAIN_MAX];
    struct runs runs = { 0 };
    struct kt_scan bounds = *scan;
    uint64_t next = scan->from_seq > 1 ? scan->from_seq : 1;
    bounds.until_seq = scan->until_seq == 0 ? UINT64_MAX : scan->until_seq;
    enum kt_status status = kt_reader_fresh(r, err);
    unsigned n = status == KT_OK ? kt_reader_files(r, file) : 0;
    bool whole = n > 0 && file[0]->lost.code == KT_OK;
    for (unsigned i = 0; i < n && status == KT_OK; i++) {
        status = kt_reader_directory(file[i], file[i] == r ? err : NULL);
        whole = whole && status == KT_OK && file[i]->directory.damaged == 0;
        status = file[i] == r ? status : KT_OK;
    }
    for (unsigned i = 0; i < n && status == KT_OK && whole; i++)
        add_file(&runs, file[i], &bounds, &next);
    if (status != KT_OK)
        return status;
    if (runs.n == 0 || next <= bounds.until_seq)
        add_run(&runs, next, scan->until_seq, NULL);
    *ret = runs.at;
    *ret_n = runs.n;
    return KT_OK;
}
