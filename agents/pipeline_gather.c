/*
 * pipeline_gather: several lines -> one record. Lines wait here for the rest of their event, while
 * those of other events come between.
 *
 * Owns:  the groups, at most KT_GROUPS_MAX and GROUPS_BYTES; the oldest is given out as it is when
 *        there is no room.
 * Calls: core/base, agents/aged.
 * Holds: a group leaves the table only when the lines that it made were taken. What comes of an
 *        event after that is a record of its own, which the source must know as such.
 */
#include <string.h>

#include "agents/pipeline_int.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"

#define GROUPS_BYTES  (16u << 20)
#define LINES_MISSING "lines of its event were dropped"

static struct group *oldest(const struct kt_pipeline *p)
{
    return (struct group *)(void *)p->groups.oldest;
}

void kt_gather_drop(struct kt_pipeline *p, struct group *g)
{
    p->groups_bytes -= g->text.len;
    kt_aged_remove(&p->groups, &g->item);
    kt_buf_done(&g->text);
    kt_free(g);
}

void kt_gather_clear(struct kt_pipeline *p)
{
    while (p->groups.n > 0)
        kt_gather_drop(p, oldest(p));
}

void kt_gather_cut(struct kt_pipeline *p)
{
    while (p->groups.n > 0) {
        for (unsigned n = oldest(p)->lines; n > 0; n--)
            kt_pipeline_skip(p, LINES_MISSING);
        kt_gather_drop(p, oldest(p));
    }
    p->after_cut = true;
}

void kt_gather_free(struct kt_pipeline *p)
{
    kt_buf_done(&p->cut_key);
    kt_gather_clear(p);
    kt_aged_done(&p->groups);
}

void kt_gather_stream_ended(struct kt_pipeline *p)
{
    for (struct kt_aged_item *i = p->groups.newest; i != NULL; i = i->older) {
        struct group *g = (struct group *)(void *)i;
        if (g->offset == UINT64_MAX)
            break; /* all older ones are of streams that ended before */
        g->offset = UINT64_MAX;
    }
}

uint64_t kt_gather_low_water(const struct kt_pipeline *p)
{
    for (struct kt_aged_item *i = p->groups.oldest; i != NULL; i = i->newer) {
        const struct group *g = (const struct group *)(const void *)i;
        if (g->offset != UINT64_MAX)
            return g->offset;
    }
    return UINT64_MAX;
}

static struct group *open_group(struct kt_pipeline *p, struct kt_str key, uint64_t hash)
{
    struct group *g = kt_alloc(sizeof *g + key.len);
    memcpy(g->key, key.at, key.len);
    g->item.key = kt_str_from(g->key, key.len);
    g->item.hash = hash;
    g->offset = p->cur.offset;
    g->since = p->cur.observed;
    g->arrival = p->cur.arrival;
    kt_aged_add(&p->groups, &g->item);
    return g;
}

static void add_line(struct kt_pipeline *p, struct group *g)
{
    struct kt_str line = p->cur.bytes;
    g->lines++;
    g->length += line.len + 1;
    g->over = g->over || g->text.len + line.len + 1 > KT_RECORD_MAX;
    if (g->over)
        return;
    kt_buf_add(&g->text, line);
    kt_buf_byte(&g->text, '\n');
    p->groups_bytes += line.len + 1;
}

/* Makes the group, with the line in cur as its last one, the record in cur. A refused line comes
 * again: so it is not put to the group. */
static void close_group(struct kt_pipeline *p, struct group *g)
{
    struct kt_str line = p->cur.bytes;
    kt_buf_reset(&p->lines);
    kt_buf_add(&p->lines, kt_buf_str(&g->text));
    kt_buf_add(&p->lines, line);
    kt_buf_byte(&p->lines, '\n');
    g->over = g->over || p->lines.len > KT_RECORD_MAX;
    p->cur.bytes = p->cur.record = kt_buf_str(&p->lines);
    p->cur.length = g->length + line.len + 1;
    p->cur.offset = g->offset;
    p->cur.observed = g->since;
    p->cur.arrival = g->arrival;
    p->cur.group = g;
    p->cur.joined = g->lines;
}

/* Gives the oldest group out with the lines that it has. */
static enum kt_status give_oldest(struct kt_pipeline *p, struct kt_error *err)
{
    struct group *g = oldest(p);
    struct current saved = p->cur;
    unsigned given = p->given;
    bool again = p->again;

    p->given = g->given;
    p->again = g->tried;
    p->cur = (struct current){ .bytes = kt_buf_str(&g->text),
                               .record = kt_buf_str(&g->text),
                               .offset = g->offset,
                               .length = g->length,
                               .arrival = g->arrival,
                               .observed = g->since,
                               .group = g,
                               .joined = g->lines - 1,
                               .err = err };
    kt_arena_reset(&p->arena);
    kt_buf_reset(&p->raw);
    enum kt_status st = kt_pipeline_work(p);
    if (st != KT_OK) {
        g->given = p->given;
        g->tried = true;
    }
    p->cur = saved;
    p->given = given;
    p->again = again;
    return st;
}

static bool is_full(const struct kt_pipeline *p)
{
    return p->groups.n >= KT_GROUPS_MAX || p->groups_bytes + p->cur.bytes.len > GROUPS_BYTES;
}

enum gather_result kt_gather_look(struct kt_pipeline *p)
{
    struct kt_part part = { KT_STR_NONE, false };
    if (p->o.source->gather == NULL)
        return GATHER_RECORD;
    while (p->groups.n > 0 && is_full(p) && !p->again) {
        p->cur.status = give_oldest(p, p->cur.err);
        if (p->cur.status != KT_OK)
            return GATHER_REFUSED;
    }
    if (!p->o.source->gather(p->cur.bytes, &p->arena, &part))
        return GATHER_BROKEN;
    if (part.key.len == 0)
        return GATHER_RECORD;
    if (p->after_cut) {
        p->after_cut = false;
        kt_buf_reset(&p->cut_key);
        kt_buf_add(&p->cut_key, part.key);
    }
    if (p->cut_key.len > 0 && kt_str_eq(kt_buf_str(&p->cut_key), part.key)) {
        p->cur.skip = LINES_MISSING;
        return GATHER_CUT;
    }
    const uint64_t hash = kt_aged_hash(part.key);
    struct group *g = (struct group *)(void *)kt_aged_find(&p->groups, part.key, hash);
    if (part.last && g == NULL)
        return GATHER_RECORD;
    if (part.last) {
        close_group(p, g);
        return GATHER_RECORD;
    }
    add_line(p, g != NULL ? g : open_group(p, part.key, hash));
    return GATHER_WAITS;
}

enum kt_status kt_gather_expire(struct kt_pipeline *p, kt_time_ns limit, struct kt_error *err)
{
    /* a refused record comes first: it may be the rest of the oldest group */
    while (p->groups.n > 0 && !p->again && oldest(p)->since <= limit) {
        enum kt_status st = give_oldest(p, err);
        if (st != KT_OK)
            return st;
    }
    return KT_OK;
}
