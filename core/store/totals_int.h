/* totals_int: what the files of `totals` and `together` share. Private to core/store. */
#pragma once
#include "core/base/map.h"
#include "core/base/pairs.h"
#include "core/store/chunk.h"
#include "core/store/totals.h"

/* When a record of a sealed segment was: a walk over columns says the same. */
static inline kt_time_ns kt_chunk_time(const struct kt_chunk *c, uint32_t row)
{
    kt_time_ns time = c->columns->time[row];
    return time > 0 || !c->untimed ? time : c->arrival[row];
}

/* ---- making ---- */

#define KT_TOTALS_SEGMENTS 2048u /* of a sum at most: of joined stretches */
struct kt_totals_made_actor {
    struct kt_totals_actor is; /* without texts, segments and entries */
    uint8_t segments[KT_TOTALS_SEGMENTS / 8];
};
struct kt_totals_made_table { /* of entries, by number of the pair: an actor, and a thing or address
                               */
    struct kt_pairs pairs;
    struct kt_totals_made {
        uint32_t actor;
        struct kt_totals_entry is;
    } * entry;
    uint32_t cap;
};
struct kt_totals_of_code { /* what a segment's code stood for last: with which others */
    uint64_t with;
    uint32_t number;
};
struct kt_totals_codes {
    struct kt_totals_of_code *at;
    uint32_t cap;
};
struct kt_totals_making {
    struct kt_map *actors; /* u8 shadows, two lengths, source, instance, actor */
    struct kt_map *secrets, *addresses;
    struct kt_map *ways;    /* u8 action, u8 outcome and shadow, operation */
    struct kt_pairs things; /* a secret + 1, 0: none; a way */
    struct kt_totals_thing *thing;
    struct kt_totals_made_actor *actor;
    uint32_t cap_things, cap_actors;
    struct kt_totals_made_table table[KT_TOTALS_TABLES];
    struct kt_totals_codes of_actor, of_secret, of_address, of_way;
    size_t text;
    uint32_t segments; /* that were taken */
    bool over;         /* one of the bounds: only values are kept */
    struct kt_buf key, values;
};
struct kt_totals_making *kt_totals_making_new(void);
void kt_totals_making_free(struct kt_totals_making *m);
/* The next segment, or n that were merged, whose accesses are picked. Columns: KT_TOTALS_COLUMNS,
 * and times, of all. */
void kt_totals_take(struct kt_totals_making *m, const struct kt_chunk *c,
                    const struct kt_piece *piece, uint32_t n);
/* Numbers of names, added where they are new; secret: KT_MAP_NONE: of none. */
uint32_t kt_totals_put(struct kt_totals_making *m, struct kt_map *map, struct kt_str key);
uint32_t kt_totals_put_actor(struct kt_totals_making *m, struct kt_str source,
                             struct kt_str instance, struct kt_str actor, bool shadow);
uint32_t kt_totals_put_way(struct kt_totals_making *m, const struct kt_totals_way *way);
uint32_t kt_totals_put_thing(struct kt_totals_making *m, uint32_t secret, uint32_t way);
/* So many more of the actor's; `of` is a number of the making's. */
void kt_totals_put_entry(struct kt_totals_made_table *t, uint32_t actor,
                         const struct kt_totals_entry *add);
void kt_totals_set_segment(struct kt_totals_made_actor *a, uint32_t segment);
/* Adds the sums of the next stretch, of so many segments: all parts, everybody's deeds and places.
 * False: there might be no room for them, or they tell of more segments, and nothing is added. */
bool kt_totals_join(struct kt_totals_making *m, const struct kt_totals *s, uint32_t segments);
#define KT_TOTALS_COLUMNS                                                                          \
    (KT_COLUMN(KT_COL_KIND) | KT_COLUMN(KT_COL_OUTCOME) | KT_COLUMN(KT_COL_ACTOR_KIND) |           \
     KT_COLUMN(KT_COL_INSTANCE) | KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_OPERATION) |          \
     KT_ACCESS_COLUMNS)

/* ---- blobs ---- */

#define KT_TOTALS_NAME 48
const char *kt_totals_name(const struct kt_totals_run *run, enum kt_totals_part part,
                           char buf[KT_TOTALS_NAME]);
const char *kt_totals_block_name(const struct kt_totals_run *run, enum kt_totals_table table,
                                 uint32_t block, char buf[KT_TOTALS_NAME]);
struct kt_totals_blob {
    char name[KT_TOTALS_NAME];
    struct kt_buf bytes;
};
struct kt_totals_blobs {
    struct kt_totals_blob *at;
    uint32_t n, cap;
};
void kt_totals_blobs_done(struct kt_totals_blobs *b);
/* The parts of these numbers' stretch, or of the joined ones, which have no `values`. */
void kt_totals_write(const struct kt_totals_making *m, const struct kt_totals_run *run,
                     struct kt_totals_blobs *ret);
/* One that is no frame. */
void kt_totals_write_plain(const struct kt_totals_run *run, enum kt_totals_part part,
                           struct kt_str content, struct kt_totals_blobs *ret);

/* ---- bytes ---- */

/* What is behind the head of a part. False: the bytes are none, or another stretch's. */
bool kt_totals_open(struct kt_str bytes, uint64_t first_seq, uint64_t last_seq, struct kt_str *ret);
/* Of that: the frame, and what is behind it. */
bool kt_totals_split(struct kt_str inner, struct kt_str *ret_frame, struct kt_str *ret_rest);
/* Do two parts of the stretch of these numbers hold the same? What is in their frames counts: the
 * bytes of a frame are another libzstd's choice. */
bool kt_totals_same(struct kt_str a, struct kt_str b, uint64_t first_seq, uint64_t last_seq);
/* False: what is behind the head is no such part. Of actors: of the run that was begun with. */
bool kt_totals_read_actors(struct kt_totals *s, struct kt_str inner);
bool kt_totals_read_changes(struct kt_totals *s, struct kt_str inner);
bool kt_totals_read_secrets(struct kt_totals *s, struct kt_str inner);
bool kt_totals_read_addresses(struct kt_totals *s, struct kt_str inner);
/* The entries of the actors [*actor, …) that are of this block, added to those there are; moves
 * *actor behind them. `of` is below so many. */
bool kt_totals_read_block(struct kt_totals *s, enum kt_totals_table table, struct kt_str inner,
                          uint32_t *actor);

/* ---- one stretch ---- */

/* Forgets what there was; the run lives as long. */
void kt_totals_begin(struct kt_totals *s, const struct kt_totals_run *run, sqlite3 *db);
/* False: they are not kept, or not any more. */
bool kt_totals_load(struct kt_totals *s, unsigned with);
