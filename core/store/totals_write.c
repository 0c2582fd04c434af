/*
 * totals_write: the sums of a stretch as bytes.
 *
 * Owns:  nothing beyond a call.
 * Calls: core/base, core/store (together: names, sums of bytes).
 * Holds: of the same sums always the same content; packed, of one libzstd the same bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/zip.h"
#include "core/store/together_int.h"
#include "core/store/totals_int.h"

#define LEVEL       3
#define NUMBER_BITS 20u         /* of what is within its bounds: KT_TOTALS_*_MAX */
#define BLOCK       (64u << 10) /* bytes, before the frame is packed: what one more actor may end */

struct id {
    struct kt_str id;
    uint32_t number;
};
struct writing {
    const struct kt_totals_making *m;
    const struct kt_totals_run *run;
    struct kt_zip *zip;
    struct kt_totals_blobs *out;
    uint32_t *rank;                    /* of things, by number: as they are written */
    uint8_t *begins[KT_TOTALS_TABLES]; /* of actors: does a block begin with it? */
};

static const char *kind_of(const struct kt_totals_run *run)
{
    return run->joined ? "joined/" : "";
}

const char *kt_totals_name(const struct kt_totals_run *run, enum kt_totals_part part,
                           char buf[KT_TOTALS_NAME])
{
    static const char *const words[] = { [KT_TOTALS_VALUES] = "values",
                                         [KT_TOTALS_ACTORS] = "actors",
                                         [KT_TOTALS_CHANGED] = "changes",
                                         [KT_TOTALS_SECRETS] = "secrets",
                                         [KT_TOTALS_ADDRESSES] = "addresses" };
    if (part == KT_TOTALS_SESSIONS) { /* builds of before count what lies below the stretch */
        (void)snprintf(buf, KT_TOTALS_NAME, KT_TOGETHER_BLOB "/sessions/%016" PRIx64,
                       run->first_seq);
        return buf;
    }
    (void)snprintf(buf, KT_TOTALS_NAME, KT_TOGETHER_BLOB "/%s%016" PRIx64 "/%s", kind_of(run),
                   run->first_seq, words[part]);
    return buf;
}

const char *kt_totals_block_name(const struct kt_totals_run *run, enum kt_totals_table table,
                                 uint32_t block, char buf[KT_TOTALS_NAME])
{
    static const char *const words[] = {
        [KT_TOTALS_DEEDS] = "deeds", [KT_TOTALS_PLACES] = "places"
    };
    (void)snprintf(buf, KT_TOTALS_NAME, KT_TOGETHER_BLOB "/%s%016" PRIx64 "/%s/%04x", kind_of(run),
                   run->first_seq, words[table], block);
    return buf;
}

void kt_totals_blobs_done(struct kt_totals_blobs *b)
{
    for (uint32_t i = 0; i < b->n; i++)
        kt_buf_done(&b->at[i].bytes);
    kt_free(b->at);
    *b = (struct kt_totals_blobs){ 0 };
}

/* ---- blobs ---- */

/* The next blob's name, to be filled. */
static char *add_blob(struct writing *w)
{
    struct kt_totals_blobs *b = w->out;
    if (b->n == b->cap) {
        b->cap = b->cap == 0 ? 16 : 2 * b->cap;
        b->at = kt_realloc_array(b->at, b->cap, sizeof *b->at);
    }
    b->at[b->n] = (struct kt_totals_blob){ 0 };
    return b->at[b->n++].name;
}

/* Its content, behind the name that was added last. */
static void close_blob(struct writing *w, struct kt_str content)
{
    struct kt_buf *out = &w->out->at[w->out->n - 1].bytes;
    KT_CLEANUP(kt_buf_done) struct kt_buf body = { 0 };
    kt_buf_u64(&body, w->run->first_seq);
    kt_buf_u64(&body, w->run->last_seq);
    kt_buf_add(&body, content);
    kt_buf_u32(out, kt_bucket_sum(kt_buf_str(&body)));
    kt_buf_add(out, kt_buf_str(&body));
}

static void close_packed(struct writing *w, struct kt_str plain, struct kt_str rest)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf frame = { 0 }, content = { 0 };
    kt_zip_pack(w->zip, plain, LEVEL, &frame);
    kt_buf_u32(&content, (uint32_t)frame.len);
    kt_buf_add(&content, kt_buf_str(&frame));
    kt_buf_add(&content, rest);
    close_blob(w, kt_buf_str(&content));
}

static void put_text(struct kt_buf *out, struct kt_str text)
{
    kt_buf_varint(out, text.len);
    kt_buf_add(out, text);
}

/* ---- parts ---- */

static void write_actors(struct writing *w, struct kt_buf *out)
{
    const struct kt_totals_making *m = w->m;
    kt_time_ns before = 0;
    kt_buf_varint(out, kt_map_count(m->actors));
    for (uint32_t n = 0; n < kt_map_count(m->actors); n++) {
        const struct kt_totals_actor *a = &m->actor[n].is;
        struct kt_rd key = kt_rd_of(kt_map_key(m->actors, n));
        (void)kt_rd_u8(&key);
        struct kt_str source = kt_rd_str32(&key), instance = kt_rd_str32(&key);
        size_t segments = sizeof m->actor[n].segments;
        while (segments > 0 && m->actor[n].segments[segments - 1] == 0)
            segments--;
        put_text(out, kt_rd_bytes(&key, key.left));
        put_text(out, source);
        put_text(out, instance);
        kt_buf_u8(out, (uint8_t)(a->kind | (a->shadows ? 0x80 : 0)));
        kt_buf_varint(out, a->accesses);
        kt_buf_varint(out, a->reads);
        kt_buf_zigzag(out, (int64_t)((uint64_t)a->head - (uint64_t)before));
        kt_buf_varint(out, (uint64_t)a->head - (uint64_t)a->earliest);
        kt_buf_varint(out, (uint64_t)a->last - (uint64_t)a->earliest);
        put_text(out, kt_str_from(m->actor[n].segments, segments));
        for (unsigned t = 0; t < KT_TOTALS_TABLES; t++)
            kt_buf_varint(out, w->begins[t][n]);
        before = a->head;
    }
}

static void write_changes(struct writing *w, struct kt_buf *out)
{
    const struct kt_totals_making *m = w->m;
    uint8_t *changed = kt_alloc_array(kt_map_count(m->secrets) + 1, 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->things.used; i++) {
        const struct kt_totals_thing *thing = &m->thing[i];
        struct kt_rd way = kt_rd_of(kt_map_key(m->ways, thing->way));
        bool changes = (1u << kt_rd_u8(&way) & KT_TOTALS_CHANGES) != 0;
        if (!changes || thing->secret == KT_MAP_NONE || changed[thing->secret] != 0)
            continue;
        changed[thing->secret] = 1;
        n++;
    }
    kt_buf_varint(out, n);
    for (uint32_t i = 0; i < kt_map_count(m->secrets); i++)
        if (changed[i] != 0)
            put_text(out, kt_map_key(m->secrets, i));
    kt_free(changed);
}

static int by_id(const void *x, const void *y)
{
    const struct id *a = x, *b = y;
    return kt_str_cmp(a->id, b->id);
}

/* Secrets by their ids, each with its number; and the rank of each. */
static struct id *sorted_secrets(struct writing *w, uint32_t *rank)
{
    const struct kt_map *secrets = w->m->secrets;
    const uint32_t n = kt_map_count(secrets);
    struct id *id = kt_alloc_array((size_t)n + 1, sizeof *id);
    for (uint32_t i = 0; i < n; i++)
        id[i] = (struct id){ kt_map_key(secrets, i), i };
    if (n > 0)
        qsort(id, n, sizeof *id, by_id);
    for (uint32_t i = 0; i < n; i++)
        rank[id[i].number] = i;
    return id;
}

/* Numbers of things, by secret (as they are ranked, from 1; 0: none) and way; and the rank of each.
 */
static uint64_t *sorted_things(struct writing *w, const uint32_t *secret_rank)
{
    const struct kt_totals_making *m = w->m;
    const uint32_t n = m->things.used, mask = (1u << NUMBER_BITS) - 1;
    uint64_t *key = kt_alloc_array(2 * (size_t)n + 1, sizeof *key);
    for (uint32_t i = 0; i < n; i++) {
        const struct kt_totals_thing *t = &m->thing[i];
        uint64_t secret = t->secret == KT_MAP_NONE ? 0 : secret_rank[t->secret] + 1;
        key[i] = (secret << NUMBER_BITS | t->way) << NUMBER_BITS | i;
    }
    kt_sort_u64(key, key + n, n);
    for (uint32_t i = 0; i < n; i++)
        w->rank[(uint32_t)key[i] & mask] = i;
    return key;
}

static void write_ways(const struct kt_totals_making *m, struct kt_buf *out)
{
    kt_buf_varint(out, kt_map_count(m->ways));
    for (uint32_t n = 0; n < kt_map_count(m->ways); n++) {
        struct kt_rd key = kt_rd_of(kt_map_key(m->ways, n));
        kt_buf_u8(out, kt_rd_u8(&key));
        kt_buf_u8(out, kt_rd_u8(&key));
        put_text(out, kt_rd_bytes(&key, key.left));
    }
}

static size_t shared(struct kt_str a, struct kt_str b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.at[n] == b.at[n])
        n++;
    return n;
}

static void write_ids(const struct id *id, uint32_t n, struct kt_buf *out)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += id[i].id.len;
    kt_buf_varint(out, n);
    kt_buf_varint(out, bytes);
    for (uint32_t i = 0; i < n; i++) {
        size_t same = i == 0 ? 0 : shared(id[i - 1].id, id[i].id);
        kt_buf_varint(out, same);
        put_text(out, kt_str_from_index(id[i].id, same));
    }
}

static void write_secrets(struct writing *w, struct kt_buf *out)
{
    const struct kt_totals_making *m = w->m;
    const uint32_t secrets = kt_map_count(m->secrets), mask = (1u << NUMBER_BITS) - 1;
    uint32_t *rank = kt_alloc_array((size_t)secrets + 1, sizeof *rank), i = 0;
    struct id *id = sorted_secrets(w, rank);
    uint64_t *key = sorted_things(w, rank);
    write_ids(id, secrets, out);
    write_ways(m, out);
    for (uint32_t n = 0; n <= secrets; n++) {
        uint32_t end = i;
        while (end < m->things.used && key[end] >> 2 * NUMBER_BITS == n)
            end++;
        kt_buf_varint(out, end - i);
        for (; i < end; i++)
            kt_buf_varint(out, m->thing[(uint32_t)key[i] & mask].way);
    }
    kt_free(key);
    kt_free(id);
    kt_free(rank);
}

static void write_addresses(struct writing *w, struct kt_buf *out)
{
    const struct kt_map *addresses = w->m->addresses;
    kt_buf_varint(out, kt_map_count(addresses));
    for (unsigned k = 0; k < sizeof(struct kt_ip); k++)
        for (uint32_t n = 0; n < kt_map_count(addresses); n++)
            kt_buf_u8(out, (uint8_t)kt_map_key(addresses, n).at[k]);
}

/* ---- tables ---- */

/* Entries by actor and number, as places in the table. */
static uint32_t *sorted_entries(const struct writing *w, enum kt_totals_table table)
{
    const struct kt_totals_made_table *t = &w->m->table[table];
    const uint32_t n = t->pairs.used;
    uint64_t *key = kt_alloc_array(2 * (size_t)n + 1, sizeof *key);
    uint32_t *at = kt_alloc_array((size_t)n + 1, sizeof *at);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t of = t->entry[i].is.of;
        of = table == KT_TOTALS_DEEDS ? w->rank[of] : of;
        key[i] = ((uint64_t)t->entry[i].actor << NUMBER_BITS | of) << NUMBER_BITS | i;
    }
    kt_sort_u64(key, key + n, n);
    for (uint32_t i = 0; i < n; i++)
        at[i] = (uint32_t)key[i] & ((1u << NUMBER_BITS) - 1);
    kt_free(key);
    return at;
}

struct times { /* how those of one actor are written */
    kt_time_ns base;
    uint64_t unit;
    unsigned t, width;
};

static struct times times_of(const struct kt_totals_made *entry, const uint32_t *at, uint32_t n)
{
    struct times ret = { .base = entry[at[0]].is.first, .t = 3, .unit = 1000000000 };
    uint64_t most = 0;
    for (uint32_t i = 0; i < n; i++)
        ret.base = entry[at[i]].is.first < ret.base ? entry[at[i]].is.first : ret.base;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t first = (uint64_t)entry[at[i]].is.first - (uint64_t)ret.base,
                 last = (uint64_t)entry[at[i]].is.last - (uint64_t)ret.base;
        most = last > most ? last : most;
        for (; first % ret.unit != 0 || last % ret.unit != 0; ret.t--)
            ret.unit /= 1000;
    }
    for (most /= ret.unit; most > 0; most >>= 8)
        ret.width++;
    return ret;
}

static void put_time(uint64_t ns, const struct times *how, struct kt_buf *out)
{
    uint64_t units = ns / how->unit;
    for (unsigned k = 0; k < how->width; k++)
        kt_buf_u8(out, (uint8_t)(units >> 8 * k));
}

static void write_entries(const struct writing *w, enum kt_totals_table table, const uint32_t *at,
                          uint32_t n, struct kt_buf *plain, struct kt_buf *rest)
{
    const struct kt_totals_made *entry = w->m->table[table].entry;
    uint32_t before = 0;
    kt_buf_varint(plain, n);
    if (n == 0)
        return;
    const struct times how = times_of(entry, at, n);
    kt_buf_u8(plain, (uint8_t)how.t);
    kt_buf_u8(plain, (uint8_t)how.width);
    kt_buf_zigzag(plain, how.base);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t of = entry[at[i]].is.of;
        of = table == KT_TOTALS_DEEDS ? w->rank[of] : of;
        kt_buf_varint(plain, of - before);
        before = of;
    }
    for (uint32_t i = 0; i < n; i++)
        kt_buf_varint(plain, entry[at[i]].is.n);
    for (uint32_t i = 0; i < n; i++) {
        const struct kt_totals_entry *e = &entry[at[i]].is;
        put_time((uint64_t)e->first - (uint64_t)how.base, &how, rest);
        if (e->n > 1)
            put_time((uint64_t)e->last - (uint64_t)e->first, &how, rest);
    }
}

static void write_table(struct writing *w, enum kt_totals_table table)
{
    const struct kt_totals_made_table *t = &w->m->table[table];
    KT_CLEANUP(kt_buf_done) struct kt_buf plain = { 0 }, rest = { 0 };
    uint32_t *at = sorted_entries(w, table), i = 0, block = 0;
    const uint32_t actors = kt_map_count(w->m->actors);
    for (uint32_t actor = 0; actor < actors; actor++) {
        uint32_t end = i;
        while (end < t->pairs.used && t->entry[at[end]].actor == actor)
            end++;
        w->begins[table][actor] = plain.len == 0;
        write_entries(w, table, at + i, end - i, &plain, &rest);
        i = end;
        if (plain.len + rest.len < BLOCK && actor + 1 < actors)
            continue;
        (void)kt_totals_block_name(w->run, table, block++, add_blob(w));
        close_packed(w, kt_buf_str(&plain), kt_buf_str(&rest));
        kt_buf_reset(&plain);
        kt_buf_reset(&rest);
    }
    kt_free(at);
}

/* ---- all ---- */

/* What is asked for by itself; the others follow from it: actors say where their entries are, and
 * entries which things they are of. */
static void write_all(struct writing *w)
{
    static const struct {
        enum kt_totals_part part;
        void (*write)(struct writing *w, struct kt_buf *out);
    } parts[] = { { KT_TOTALS_CHANGED, write_changes },
                  { KT_TOTALS_SECRETS, write_secrets },
                  { KT_TOTALS_ADDRESSES, write_addresses },
                  { KT_TOTALS_ACTORS, write_actors } };
    for (unsigned i = 0; i < KT_ARRAY_LEN(parts); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf plain = { 0 };
        if (parts[i].part == KT_TOTALS_ACTORS)
            for (unsigned t = 0; t < KT_TOTALS_TABLES; t++)
                write_table(w, t);
        parts[i].write(w, &plain);
        (void)kt_totals_name(w->run, parts[i].part, add_blob(w));
        close_packed(w, kt_buf_str(&plain), KT_STR_NONE);
    }
}

void kt_totals_write_plain(const struct kt_totals_run *run, enum kt_totals_part part,
                           struct kt_str content, struct kt_totals_blobs *ret)
{
    struct writing w = { .run = run, .out = ret };
    (void)kt_totals_name(run, part, add_blob(&w));
    close_blob(&w, content);
}

void kt_totals_write(const struct kt_totals_making *m, const struct kt_totals_run *run,
                     struct kt_totals_blobs *ret)
{
    struct writing w = { .m = m,
                         .run = run,
                         .zip = kt_zip_new(),
                         .out = ret,
                         .rank = kt_alloc_array((size_t)m->things.used + 1, sizeof *w.rank) };
    for (unsigned t = 0; t < KT_TOTALS_TABLES; t++)
        w.begins[t] = kt_alloc_array(kt_map_count(m->actors) + 1, 1);
    if (!run->joined)
        kt_totals_write_plain(run, KT_TOTALS_VALUES, kt_buf_str(&m->values), ret);
    if (!m->over)
        write_all(&w);
    for (unsigned t = 0; t < KT_TOTALS_TABLES; t++)
        kt_free(w.begins[t]);
    kt_free(w.rank);
    kt_zip_free(w.zip);
}
