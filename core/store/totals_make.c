/*
 * totals_make: the sums of a stretch, out of the columns of its segments.
 *
 * Owns:  entries for its actors, secrets, ways and addresses, what stands together of these, and
 *        their names.
 * Calls: core/base, core/store (chunk). No writing.
 * Holds: of one list of segments always the same sums.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/store/totals_int.h"

struct kt_totals_making *kt_totals_making_new(void)
{
    struct kt_totals_making *m = kt_alloc(sizeof *m);
    *m = (struct kt_totals_making){ .actors = kt_map_new(0),
                                    .secrets = kt_map_new(0),
                                    .addresses = kt_map_new(0),
                                    .ways = kt_map_new(0) };
    return m;
}

void kt_totals_making_free(struct kt_totals_making *m)
{
    if (m == NULL)
        return;
    kt_map_free(m->actors);
    kt_map_free(m->secrets);
    kt_map_free(m->addresses);
    kt_map_free(m->ways);
    kt_pairs_done(&m->things);
    kt_free(m->thing);
    kt_free(m->actor);
    for (unsigned t = 0; t < KT_TOTALS_TABLES; t++) {
        kt_pairs_done(&m->table[t].pairs);
        kt_free(m->table[t].entry);
    }
    kt_free(m->of_actor.at);
    kt_free(m->of_secret.at);
    kt_free(m->of_address.at);
    kt_free(m->of_way.at);
    kt_buf_done(&m->key);
    kt_buf_done(&m->values);
    kt_free(m);
}

/* ---- numbers ---- */

uint32_t kt_totals_put(struct kt_totals_making *m, struct kt_map *map, struct kt_str key)
{
    bool is_new;
    uint32_t n = kt_map_put(map, key, &is_new);
    m->text += is_new ? key.len : 0;
    return n;
}

uint32_t kt_totals_put_actor(struct kt_totals_making *m, struct kt_str source,
                             struct kt_str instance, struct kt_str actor, bool shadow)
{
    const uint32_t before = kt_map_count(m->actors);
    kt_buf_reset(&m->key);
    kt_buf_u8(&m->key, shadow);
    kt_buf_str32(&m->key, source);
    kt_buf_str32(&m->key, instance);
    kt_buf_add(&m->key, actor);
    uint32_t n = kt_totals_put(m, m->actors, kt_buf_str(&m->key));
    if (n >= m->cap_actors) {
        m->cap_actors = m->cap_actors == 0 ? 256 : 2 * m->cap_actors;
        m->actor = kt_realloc_array(m->actor, m->cap_actors, sizeof *m->actor);
    }
    if (n >= before)
        m->actor[n] =
            (struct kt_totals_made_actor){ .is = { .kind = KT_ACTOR_UNKNOWN, .shadows = shadow } };
    return n;
}

uint32_t kt_totals_put_way(struct kt_totals_making *m, const struct kt_totals_way *way)
{
    kt_buf_reset(&m->key);
    kt_buf_u8(&m->key, (uint8_t)way->action);
    kt_buf_u8(&m->key, (uint8_t)(way->outcome | (way->shadow ? 0x80 : 0)));
    kt_buf_add(&m->key, way->operation);
    return kt_totals_put(m, m->ways, kt_buf_str(&m->key));
}

static uint16_t code_of(const struct kt_columns *c, enum kt_col column, uint32_t row)
{
    return c->text[column - KT_COL_SMALL].code[row];
}

static uint32_t actor_at(struct kt_totals_making *m, const struct kt_columns *c, uint32_t row,
                         bool shadow)
{
    struct kt_totals_of_code *at = &m->of_actor.at[code_of(c, KT_COL_ACTOR, row)];
    uint64_t with = (uint64_t)shadow << 32 | (uint32_t)code_of(c, KT_COL_SOURCE, row) << 16 |
                    code_of(c, KT_COL_INSTANCE, row);
    if (at->number == KT_MAP_NONE || at->with != with)
        *at = (struct kt_totals_of_code){ with, kt_totals_put_actor(
                                                    m, kt_column_str(c, KT_COL_SOURCE, row),
                                                    kt_column_str(c, KT_COL_INSTANCE, row),
                                                    kt_column_str(c, KT_COL_ACTOR, row), shadow) };
    return at->number;
}

static uint32_t way_at(struct kt_totals_making *m, const struct kt_columns *c, uint32_t row,
                       bool shadow)
{
    struct kt_totals_of_code *at = &m->of_way.at[code_of(c, KT_COL_OPERATION, row)];
    uint64_t with = (uint64_t)shadow << 16 | (uint32_t)c->small[KT_COL_ACTION][row] << 8 |
                    c->small[KT_COL_OUTCOME][row];
    if (at->number == KT_MAP_NONE || at->with != with)
        *at = (struct kt_totals_of_code){
            with, kt_totals_put_way(m,
                                    &(struct kt_totals_way){
                                        .action = (enum kt_action)c->small[KT_COL_ACTION][row],
                                        .outcome = (enum kt_outcome)c->small[KT_COL_OUTCOME][row],
                                        .shadow = shadow,
                                        .operation = kt_column_str(c, KT_COL_OPERATION, row) })
        };
    return at->number;
}

/* KT_MAP_NONE: the row has none. */
static uint32_t text_at(struct kt_totals_making *m, struct kt_totals_codes *codes,
                        struct kt_map *map, const struct kt_columns *c, enum kt_col column,
                        uint32_t row)
{
    uint32_t code = code_of(c, column, row);
    if (code != 0 && codes->at[code].number == KT_MAP_NONE)
        codes->at[code].number = kt_totals_put(m, map, kt_column_str(c, column, row));
    return codes->at[code].number;
}

/* What columns have for an address is one, or it is no address of the event's. */
static uint32_t address_at(struct kt_totals_making *m, const struct kt_columns *c, uint32_t row)
{
    if (kt_column_str(c, KT_COL_IP, row).len != sizeof(struct kt_ip))
        return KT_MAP_NONE;
    return text_at(m, &m->of_address, m->addresses, c, KT_COL_IP, row);
}

uint32_t kt_totals_put_thing(struct kt_totals_making *m, uint32_t secret, uint32_t way)
{
    bool is_new;
    uint32_t n = kt_pairs_put(&m->things, secret + 1, way, &is_new); /* KT_MAP_NONE + 1 is 0 */
    if (n >= m->cap_things) {
        m->cap_things = m->cap_things == 0 ? 1024 : 2 * m->cap_things;
        m->thing = kt_realloc_array(m->thing, m->cap_things, sizeof *m->thing);
    }
    if (is_new)
        m->thing[n] = (struct kt_totals_thing){ secret, way };
    return n;
}

static void begin_codes(struct kt_totals_codes *codes, const struct kt_columns *c,
                        enum kt_col column)
{
    const uint32_t n = c->text[column - KT_COL_SMALL].n_dict + 1;
    if (n > codes->cap) {
        codes->cap = n;
        codes->at = kt_realloc_array(codes->at, n, sizeof *codes->at);
    }
    memset(codes->at, 0xff, n * sizeof *codes->at); /* KT_MAP_NONE */
}

static void begin_segment(struct kt_totals_making *m, const struct kt_columns *c)
{
    begin_codes(&m->of_actor, c, KT_COL_ACTOR);
    begin_codes(&m->of_secret, c, KT_COL_SECRET);
    begin_codes(&m->of_address, c, KT_COL_IP);
    begin_codes(&m->of_way, c, KT_COL_OPERATION);
}

/* ---- records ---- */

void kt_totals_put_entry(struct kt_totals_made_table *t, uint32_t actor,
                         const struct kt_totals_entry *add)
{
    bool is_new;
    uint32_t n = kt_pairs_put(&t->pairs, actor, add->of, &is_new);
    if (n >= t->cap) {
        t->cap = t->cap == 0 ? 1024 : 2 * t->cap;
        t->entry = kt_realloc_array(t->entry, t->cap, sizeof *t->entry);
    }
    struct kt_totals_made *e = &t->entry[n];
    if (is_new) {
        *e = (struct kt_totals_made){ actor, *add };
        return;
    }
    e->is.n += add->n;
    e->is.first = add->first < e->is.first ? add->first : e->is.first;
    e->is.last = add->last > e->is.last ? add->last : e->is.last;
}

void kt_totals_set_segment(struct kt_totals_made_actor *a, uint32_t segment)
{
    a->segments[segment / 8] = (uint8_t)(a->segments[segment / 8] | 1u << segment % 8);
}

static void count(struct kt_totals_made_actor *made, const struct kt_columns *c, uint32_t row,
                  kt_time_ns time)
{
    struct kt_totals_actor *a = &made->is;
    if (a->accesses++ == 0)
        a->head = a->earliest = a->last = time;
    a->reads += (1u << c->small[KT_COL_ACTION][row] & KT_TOTALS_READS) != 0;
    a->earliest = time < a->earliest ? time : a->earliest;
    a->last = time > a->last ? time : a->last;
    if (c->small[KT_COL_ACTOR_KIND][row] != KT_ACTOR_UNKNOWN)
        a->kind = c->small[KT_COL_ACTOR_KIND][row];
}

/* A row of the segment of this number. */
static void take_row(struct kt_totals_making *m, const struct kt_chunk *chunk, uint32_t row,
                     uint32_t segment)
{
    const struct kt_columns *c = chunk->columns;
    const kt_time_ns time = kt_chunk_time(chunk, row);
    const bool shadow = kt_column_is_shadow(c, row);
    const uint32_t actor = actor_at(m, c, row, shadow), address = address_at(m, c, row),
                   secret = text_at(m, &m->of_secret, m->secrets, c, KT_COL_SECRET, row);
    const uint32_t thing = kt_totals_put_thing(m, secret, way_at(m, c, row, shadow));
    kt_totals_put_entry(&m->table[KT_TOTALS_DEEDS], actor,
                        &(struct kt_totals_entry){ thing, 1, time, time });
    if (address != KT_MAP_NONE)
        kt_totals_put_entry(&m->table[KT_TOTALS_PLACES], actor,
                            &(struct kt_totals_entry){ address, 1, time, time });
    count(&m->actor[actor], c, row, time);
    kt_totals_set_segment(&m->actor[actor], segment);
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

static bool is_over(const struct kt_totals_making *m)
{
    return kt_map_count(m->actors) > KT_TOTALS_ACTORS_MAX ||
           kt_map_count(m->secrets) > KT_TOTALS_SECRETS_MAX ||
           kt_map_count(m->addresses) > KT_TOTALS_SECRETS_MAX ||
           kt_map_count(m->ways) > KT_TOTALS_WAYS_MAX || m->things.used > KT_TOTALS_SECRETS_MAX ||
           m->table[KT_TOTALS_DEEDS].pairs.used + m->table[KT_TOTALS_PLACES].pairs.used >
               KT_TOTALS_ENTRIES_MAX ||
           m->text > KT_TOTALS_TEXT_MAX;
}

void kt_totals_take(struct kt_totals_making *m, const struct kt_chunk *c,
                    const struct kt_piece *piece, uint32_t n)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++)
        note_values(m, c->columns, &piece[i]);
    if (m->over)
        return;
    begin_segment(m, c->columns);
    for (uint32_t i = 0; i < c->picks; i++) {
        while (c->pick[i] >= piece[at].row + piece[at].head.count)
            at++;
        take_row(m, c, c->pick[i], m->segments + at);
    }
    m->segments += n;
    m->over = is_over(m);
}
