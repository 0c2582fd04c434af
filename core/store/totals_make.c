/*
 * totals_make: the sums of a stretch, out of the columns of its segments.
 *
 * Owns:  entries for its actors, secrets and readers, and their names.
 * Calls: core/base, core/store (chunk). No writing.
 * Holds: of one list of segments always the same sums; packed, of one libzstd the same bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include "core/base/pairs.h"
#include "core/base/zip.h"
#include "core/store/together_int.h"
#include "core/store/totals_int.h"

#define LEVEL      3
#define INDEX_BITS 20u /* KT_TOTALS_*_MAX, and what one more segment may add */
#define ACTOR_BITS 20u

struct of_code { /* what a segment's code of an actor was last: with which source and instance */
    uint32_t from, number;
};
struct reader {
    uint32_t reads;
    kt_time_ns last;
};
struct kt_totals_making {
    struct kt_map *actors, *secrets; /* actors: two lengths, source, instance, actor */
    struct kt_totals_actor *actor;   /* by number; without texts */
    uint32_t cap_actors;
    uint32_t *actions; /* by number of the secret */
    uint32_t cap_secrets;
    struct kt_pairs pairs; /* a secret, and an actor */
    struct reader *reader; /* by number of the pair */
    uint64_t *pair;        /* secret << ACTOR_BITS | actor, of each */
    uint32_t cap_readers;
    struct of_code *of_code;
    uint32_t *secret_of; /* code */
    uint32_t cap_codes, cap_secret_codes;
    size_t text;
    bool over; /* one of the bounds: actors and secrets are not kept */
    struct kt_buf key, values;
};

struct kt_totals_making *kt_totals_making_new(void)
{
    struct kt_totals_making *m = kt_alloc(sizeof *m);
    *m = (struct kt_totals_making){ .actors = kt_map_new(0), .secrets = kt_map_new(0) };
    return m;
}

void kt_totals_making_free(struct kt_totals_making *m)
{
    if (m == NULL)
        return;
    kt_map_free(m->actors);
    kt_map_free(m->secrets);
    kt_pairs_done(&m->pairs);
    kt_free(m->actor);
    kt_free(m->actions);
    kt_free(m->reader);
    kt_free(m->pair);
    kt_free(m->of_code);
    kt_free(m->secret_of);
    kt_buf_done(&m->key);
    kt_buf_done(&m->values);
    kt_free(m);
}

/* ---- numbers ---- */

static uint32_t put_actor(struct kt_totals_making *m, const struct kt_columns *c, uint32_t row)
{
    struct kt_str actor = kt_column_str(c, KT_COL_ACTOR, row),
                  source = kt_column_str(c, KT_COL_SOURCE, row),
                  instance = kt_column_str(c, KT_COL_INSTANCE, row);
    bool is_new;
    kt_buf_reset(&m->key);
    kt_buf_str32(&m->key, source);
    kt_buf_str32(&m->key, instance);
    kt_buf_add(&m->key, actor);
    uint32_t n = kt_map_put(m->actors, kt_buf_str(&m->key), &is_new);
    if (n >= m->cap_actors) {
        m->cap_actors = m->cap_actors == 0 ? 256 : 2 * m->cap_actors;
        m->actor = kt_realloc_array(m->actor, m->cap_actors, sizeof *m->actor);
    }
    if (is_new) {
        m->actor[n] = (struct kt_totals_actor){ .kind = KT_ACTOR_UNKNOWN };
        m->text += m->key.len;
    }
    return n;
}

static uint32_t actor_at(struct kt_totals_making *m, const struct kt_columns *c, uint32_t row)
{
    struct of_code *at = &m->of_code[c->text[KT_COL_ACTOR - KT_COL_SMALL].code[row]];
    uint32_t from = (uint32_t)c->text[KT_COL_SOURCE - KT_COL_SMALL].code[row] << 16 |
                    c->text[KT_COL_INSTANCE - KT_COL_SMALL].code[row];
    if (at->number == KT_MAP_NONE || at->from != from)
        *at = (struct of_code){ from, put_actor(m, c, row) };
    return at->number;
}

static uint32_t secret_at(struct kt_totals_making *m, const struct kt_columns *c, uint32_t row)
{
    uint32_t code = c->text[KT_COL_SECRET - KT_COL_SMALL].code[row];
    if (code == 0 || m->secret_of[code] != KT_MAP_NONE)
        return code == 0 ? KT_MAP_NONE : m->secret_of[code];
    struct kt_str id = kt_column_str(c, KT_COL_SECRET, row);
    bool is_new;
    uint32_t n = kt_map_put(m->secrets, id, &is_new);
    if (n >= m->cap_secrets) {
        m->cap_secrets = m->cap_secrets == 0 ? 256 : 2 * m->cap_secrets;
        m->actions = kt_realloc_array(m->actions, m->cap_secrets, sizeof *m->actions);
    }
    if (is_new) {
        m->actions[n] = 0;
        m->text += id.len;
    }
    return m->secret_of[code] = n;
}

static void begin_segment(struct kt_totals_making *m, const struct kt_columns *c)
{
    uint32_t actors = c->text[KT_COL_ACTOR - KT_COL_SMALL].n_dict + 1,
             secrets = c->text[KT_COL_SECRET - KT_COL_SMALL].n_dict + 1;
    if (actors > m->cap_codes) {
        m->cap_codes = actors;
        m->of_code = kt_realloc_array(m->of_code, actors, sizeof *m->of_code);
    }
    if (secrets > m->cap_secret_codes) {
        m->cap_secret_codes = secrets;
        m->secret_of = kt_realloc_array(m->secret_of, secrets, sizeof *m->secret_of);
    }
    memset(m->of_code, 0xff, actors * sizeof *m->of_code); /* KT_MAP_NONE */
    memset(m->secret_of, 0xff, secrets * sizeof *m->secret_of);
}

/* ---- records ---- */

static void count_read(struct kt_totals_making *m, uint32_t secret, uint32_t actor, kt_time_ns time)
{
    bool is_new;
    uint32_t n = kt_pairs_put(&m->pairs, secret, actor, &is_new);
    if (n >= m->cap_readers) {
        m->cap_readers = m->cap_readers == 0 ? 1024 : 2 * m->cap_readers;
        m->reader = kt_realloc_array(m->reader, m->cap_readers, sizeof *m->reader);
        m->pair = kt_realloc_array(m->pair, m->cap_readers, sizeof *m->pair);
    }
    if (is_new) {
        m->reader[n] = (struct reader){ 0, time };
        m->pair[n] = (uint64_t)secret << ACTOR_BITS | actor;
    }
    m->reader[n].reads++;
    m->reader[n].last = time > m->reader[n].last ? time : m->reader[n].last;
}

static void take_row(struct kt_totals_making *m, const struct kt_columns *c, uint32_t row,
                     kt_time_ns time)
{
    if (kt_column_is_shadow(c, row)) /* no access of its own: what it was for has its row */
        return;
    uint32_t actor = actor_at(m, c, row), secret = secret_at(m, c, row);
    const uint32_t action = 1u << c->small[KT_COL_ACTION][row];
    struct kt_totals_actor *a = &m->actor[actor];
    const bool reads = (action & KT_TOTALS_READS) != 0;
    if (a->accesses++ == 0)
        a->head = a->earliest = a->last = time;
    a->reads += reads;
    a->earliest = time < a->earliest ? time : a->earliest;
    a->last = time > a->last ? time : a->last;
    if (c->small[KT_COL_ACTOR_KIND][row] != KT_ACTOR_UNKNOWN)
        a->kind = c->small[KT_COL_ACTOR_KIND][row];
    if (secret == KT_MAP_NONE)
        return;
    m->actions[secret] |= action;
    if (reads && c->small[KT_COL_OUTCOME][row] == KT_OUT_SUCCESS)
        count_read(m, secret, actor, time);
}

static void note_values(struct kt_totals_making *m, const struct kt_columns *c,
                        const struct kt_piece *piece)
{
    for (unsigned k = 0; k < KT_COL_SMALL; k++) {
        uint32_t bits = 0, end = piece->row + piece->head.count;
        for (uint32_t row = piece->row; row < end; row++)
            bits |= 1u << (c->small[k][row] & 31);
        kt_buf_u32(&m->values, bits);
    }
}

void kt_totals_take(struct kt_totals_making *m, const struct kt_chunk *c,
                    const struct kt_piece *piece, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        note_values(m, c->columns, &piece[i]);
    if (m->over)
        return;
    begin_segment(m, c->columns);
    for (uint32_t i = 0; i < c->picks; i++)
        take_row(m, c->columns, c->pick[i], kt_chunk_time(c, c->pick[i]));
    m->over = kt_map_count(m->actors) > KT_TOTALS_ACTORS_MAX ||
              kt_map_count(m->secrets) > KT_TOTALS_SECRETS_MAX ||
              m->pairs.used > KT_TOTALS_READERS_MAX || m->text > KT_TOTALS_TEXT_MAX;
}

/* ---- bytes ---- */

static void put_text(struct kt_buf *out, struct kt_str text)
{
    kt_buf_varint(out, text.len);
    kt_buf_add(out, text);
}

static void write_actors(const struct kt_totals_making *m, struct kt_buf *out)
{
    kt_time_ns before = 0;
    kt_buf_varint(out, kt_map_count(m->actors));
    for (uint32_t n = 0; n < kt_map_count(m->actors); n++) {
        const struct kt_totals_actor *a = &m->actor[n];
        struct kt_rd key = kt_rd_of(kt_map_key(m->actors, n));
        struct kt_str source = kt_rd_str32(&key), instance = kt_rd_str32(&key);
        put_text(out, kt_rd_bytes(&key, key.left));
        put_text(out, source);
        put_text(out, instance);
        kt_buf_u8(out, (uint8_t)a->kind);
        kt_buf_varint(out, a->accesses);
        kt_buf_varint(out, a->reads);
        kt_buf_zigzag(out, (int64_t)((uint64_t)a->head - (uint64_t)before));
        kt_buf_varint(out, (uint64_t)a->head - (uint64_t)a->earliest);
        kt_buf_varint(out, (uint64_t)a->last - (uint64_t)a->earliest);
        before = a->head;
    }
}

/* The numbers of the pairs, by secret and actor. */
static uint32_t *sorted(const struct kt_totals_making *m)
{
    const uint32_t n = m->pairs.used;
    uint64_t *key = kt_alloc_array(2 * (size_t)n + 1, sizeof *key);
    uint32_t *at = kt_alloc_array((size_t)n + 1, sizeof *at);
    for (uint32_t i = 0; i < n; i++)
        key[i] = m->pair[i] << INDEX_BITS | i;
    kt_sort_u64(key, key + n, n);
    for (uint32_t i = 0; i < n; i++)
        at[i] = (uint32_t)key[i] & ((1u << INDEX_BITS) - 1);
    kt_free(key);
    return at;
}

static void write_readers(const struct kt_totals_making *m, const uint32_t *at, kt_time_ns latest,
                          unsigned width, struct kt_buf *out)
{
    uint64_t before = UINT64_MAX;
    for (uint32_t i = 0; i < m->pairs.used; i++) {
        uint64_t pair = m->pair[at[i]], mask = (1u << ACTOR_BITS) - 1;
        bool same = before >> ACTOR_BITS == pair >> ACTOR_BITS;
        kt_buf_varint(out, (pair & mask) - (same ? before & mask : 0));
        before = pair;
    }
    for (uint32_t i = 0; i < m->pairs.used; i++)
        kt_buf_varint(out, m->reader[at[i]].reads);
    for (uint32_t i = 0; i < m->pairs.used; i++) {
        uint64_t behind = (uint64_t)latest - (uint64_t)m->reader[at[i]].last;
        for (unsigned k = 0; k < width; k++)
            kt_buf_u8(out, (uint8_t)(behind >> 8 * k));
    }
}

static void write_secrets(const struct kt_totals_making *m, struct kt_buf *out)
{
    uint32_t *at = sorted(m), i = 0;
    kt_time_ns latest = INT64_MIN, earliest = INT64_MAX;
    for (uint32_t k = 0; k < m->pairs.used; k++) {
        latest = m->reader[k].last > latest ? m->reader[k].last : latest;
        earliest = m->reader[k].last < earliest ? m->reader[k].last : earliest;
    }
    unsigned width = 0;
    for (uint64_t span = m->pairs.used == 0 ? 0 : (uint64_t)latest - (uint64_t)earliest; span > 0;
         span >>= 8)
        width++;
    kt_buf_varint(out, kt_map_count(m->secrets));
    kt_buf_u8(out, (uint8_t)width);
    kt_buf_u64(out, (uint64_t)latest);
    for (uint32_t n = 0; n < kt_map_count(m->secrets); n++) {
        uint32_t from = i;
        while (i < m->pairs.used && m->pair[at[i]] >> ACTOR_BITS == n)
            i++;
        put_text(out, kt_map_key(m->secrets, n));
        kt_buf_varint(out, m->actions[n]);
        kt_buf_varint(out, i - from);
    }
    write_readers(m, at, latest, width, out);
    kt_free(at);
}

static void close_part(struct kt_str content, uint64_t first_seq, uint64_t last_seq,
                       struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf body = { 0 };
    kt_buf_u64(&body, first_seq);
    kt_buf_u64(&body, last_seq);
    kt_buf_add(&body, content);
    kt_buf_u32(out, kt_bucket_sum(kt_buf_str(&body)));
    kt_buf_add(out, kt_buf_str(&body));
}

void kt_totals_write(const struct kt_totals_making *m, uint64_t first_seq, uint64_t last_seq,
                     struct kt_buf part[KT_TOTALS_PARTS])
{
    static void (*const writes[KT_TOTALS_PARTS])(const struct kt_totals_making *m,
                                                 struct kt_buf *out) = {
        [KT_TOTALS_ACTORS] = write_actors, [KT_TOTALS_SECRETS] = write_secrets
    };
    struct kt_zip *zip = kt_zip_new();
    close_part(kt_buf_str(&m->values), first_seq, last_seq, &part[KT_TOTALS_VALUES]);
    for (unsigned k = 0; k < KT_TOTALS_PARTS && !m->over; k++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf plain = { 0 }, packed = { 0 };
        if (writes[k] == NULL)
            continue;
        writes[k](m, &plain);
        kt_zip_pack(zip, kt_buf_str(&plain), LEVEL, &packed);
        close_part(kt_buf_str(&packed), first_seq, last_seq, &part[k]);
    }
    kt_zip_free(zip);
}

const char *kt_totals_name(uint64_t first_seq, enum kt_totals_part part, char buf[KT_TOTALS_NAME])
{
    static const char *const words[] = { [KT_TOTALS_VALUES] = "values",
                                         [KT_TOTALS_ACTORS] = "actors",
                                         [KT_TOTALS_SECRETS] = "secrets" };
    (void)snprintf(buf, KT_TOTALS_NAME, KT_TOGETHER_BLOB "/%016" PRIx64 "/%s", first_seq,
                   words[part]);
    return buf;
}
