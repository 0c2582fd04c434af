/*
 * verify_batch: one batch against its lines: leaves, signature, times.
 *
 * Calls: core/base, core/event, core/wire (digests), core/store.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/event/line.h"
#include "core/store/check.h"
#include "core/wire/batch.h"

#define KEYS_MAX 8 /* of one agent: two overlap while they are changed (THREATS N10) */

/* Who sent what: whom the file calls the owner of an instance must be among them. An agent's
 * report about itself is of no instance. */
static void note_sender(struct check *c, const struct kt_event *ev, struct kt_str agent)
{
    if (ev->instance.len == 0)
        return;
    kt_buf_reset(&c->text);
    kt_buf_add(&c->text, ev->source);
    kt_buf_byte(&c->text, '/');
    kt_buf_add(&c->text, ev->instance);
    size_t instance = c->text.len;
    kt_buf_byte(&c->text, '\n');
    kt_buf_add(&c->text, agent);
    if (kt_str_eq(kt_buf_str(&c->text), kt_buf_str(&c->sender)))
        return;
    (void)kt_map_put(c->senders, kt_str_sub(kt_buf_str(&c->text), 0, instance), NULL);
    (void)kt_map_put(c->senders, kt_buf_str(&c->text), NULL);
    kt_buf_reset(&c->sender);
    kt_buf_add(&c->sender, kt_buf_str(&c->text));
}

static bool head_inside(const struct check *c, const struct kt_row *row)
{
    return c->next_head < c->o->n_heads && c->tree.size + 1 == row->first_seq &&
           c->o->heads[c->next_head].size < c->tree.size + row->count;
}

/* Reads every line and adds its leaf. */
static void check_lines(struct check *c, const struct kt_row *row, const struct kt_str *line)
{
    uint8_t leaf[32], leaves[32];
    kt_sha256_start(c->sha);
    struct kt_tree tree; /* leaf by leaf, where somebody asks for a head inside of the batch */
    bool inside = head_inside(c, row);
    if (inside)
        tree = c->tree;
    kt_cover_start(&c->cover, row->first_seq - 1);
    c->min_time = c->max_time = 0;
    for (uint32_t i = 0; i < row->count; i++) {
        struct kt_error err = { 0 };
        struct kt_event ev;
        kt_line_hash(line[i], c->hash[i]);
        const struct kt_leaf l = { .seq = row->first_seq + i,
                                   .arrival = c->arrival[i],
                                   .stored = row->stored,
                                   .origin = row->origin,
                                   .conflict = c->conflict[i],
                                   .agent = row->agent,
                                   .line_hash = c->hash[i] };
        kt_leaf_hash(&l, leaf);
        kt_cover_add(&c->cover, 0, leaf);
        if (inside) {
            kt_tree_add(&tree, leaf);
            kt_check_heads(c, &tree);
        }
        kt_sha256_add(c->sha, leaf, sizeof leaf);
        kt_arena_reset(&c->arena);
        if (kt_line_read(line[i], &c->arena, &ev, &err) != KT_OK) {
            kt_check_say(c, "record %llu: the line is not canonical: %s", ULL(l.seq), err.text);
            continue;
        }
        if (ev.time > 0) {
            c->min_time = c->min_time == 0 || ev.time < c->min_time ? ev.time : c->min_time;
            c->max_time = ev.time > c->max_time ? ev.time : c->max_time;
        }
        c->one.conflicts += c->conflict[i];
        if (row->origin == KT_ORIGIN_LIVE)
            note_sender(c, &ev, row->agent);
    }
    kt_sha256_end(c->sha, leaves);
    if (memcmp(leaves, row->leaves.at, sizeof leaves) != 0)
        kt_check_say(c, RANGE "a line or what is shown beside it was changed", RANGE_OF(row));
    kt_buf_reset(&c->nodes);
    kt_cover_pack(&c->cover, &c->nodes);
    if (c->tree.size != c->cover.first)
        return; /* what is missing before it has been said */
    kt_tree_add_cover(&c->tree, &c->cover);
    kt_check_heads(c, &c->tree);
}

/* Kept and dropped hashes in the order in which they were signed; false when the places clash. */
static bool signed_order(struct check *c, const struct kt_row *row, uint32_t *ret_n)
{
    const struct kt_dropped dropped = { row->dropped.at,
                                        (uint32_t)(row->dropped.len / KT_DROPPED_SIZE) };
    uint32_t n = row->count + dropped.n, kept = 0, next = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (next < dropped.n && kt_dropped_place(&dropped, next) == i)
            memcpy(c->all[i], kt_dropped_hash(&dropped, next++), 32);
        else if (kept < row->count)
            memcpy(c->all[i], c->hash[kept++], 32);
        else
            return false;
    }
    *ret_n = n;
    return next == dropped.n;
}

static void check_signature(struct check *c, const struct kt_row *row, uint32_t count)
{
    uint8_t key[KEYS_MAX][32];
    unsigned n =
        c->o->signing_key == NULL ? 0 : c->o->signing_key(c->o->self, row->agent, key, KEYS_MAX);
    if (n == 0)
        return;
    kt_buf_reset(&c->text);
    kt_batch_signed_text((const uint8_t *)row->incarnation.at, row->batch_seq, count,
                         (const uint8_t *)row->digest.at, &c->text);
    for (unsigned i = 0; i < n; i++) {
        if (kt_sign_ok(key[i], kt_buf_str(&c->text), (const uint8_t *)row->signature.at)) {
            c->result.signed_batches++;
            return;
        }
    }
    kt_check_say(c, RANGE "no key of agent '" KT_STR_FMT "' made this signature", RANGE_OF(row),
                 KT_STR_ARG(row->agent));
}

static void check_digest(struct check *c, const struct kt_row *row)
{
    const struct kt_str marks[] = { row->incarnation, row->digest, row->signature };
    unsigned have = 0;
    for (size_t i = 0; i < KT_ARRAY_LEN(marks); i++)
        have += marks[i].len != 0;
    if (have == 0 && row->origin != KT_ORIGIN_LIVE)
        return; /* imports come from files that nobody signed */
    if (have != KT_ARRAY_LEN(marks)) {
        kt_check_say(c, RANGE "the digest or the signature of agent '" KT_STR_FMT "' is gone",
                     RANGE_OF(row), KT_STR_ARG(row->agent));
        return;
    }
    uint32_t n = 0;
    uint8_t digest[32] = { 0 };
    if (signed_order(c, row, &n))
        kt_batch_digest((const uint8_t(*)[32])c->all, n, digest);
    if (n == 0 || memcmp(digest, row->digest.at, sizeof digest) != 0)
        kt_check_say(c, RANGE "the lines are not those that agent '" KT_STR_FMT "' signed",
                     RANGE_OF(row), KT_STR_ARG(row->agent));
    else
        check_signature(c, row, n);
}

static void check_order(struct check *c, const struct kt_row *row)
{
    if (row->incarnation.len == 0 || row->digest.len == 0)
        return;
    kt_buf_reset(&c->text);
    kt_buf_add(&c->text, row->agent);
    kt_buf_byte(&c->text, '\0');
    kt_buf_add(&c->text, row->incarnation);
    bool is_new;
    uint32_t at = kt_map_put(c->spools, kt_buf_str(&c->text), &is_new);
    if (at >= c->spool_room) {
        c->spool_room = c->spool_room == 0 ? 16 : 2 * c->spool_room;
        c->spool = kt_realloc_array(c->spool, c->spool_room, sizeof *c->spool);
    }
    if (!is_new && row->batch_seq <= c->spool[at].seq)
        kt_check_say(c, RANGE "batch %llu of agent '" KT_STR_FMT "' stands behind batch %llu",
                     RANGE_OF(row), ULL(row->batch_seq), KT_STR_ARG(row->agent),
                     ULL(c->spool[at].seq));
    c->spool[at].seq = row->batch_seq;
    memcpy(c->spool[at].digest, row->digest.at, 32);
}

static void see_times(struct check *c, const struct kt_row *row)
{
    struct kt_sums *s = &c->one;
    for (uint32_t i = 0; i < row->count; i++) {
        kt_time_ns t = c->arrival[i];
        s->first_arrival = s->first_arrival == 0 || t < s->first_arrival ? t : s->first_arrival;
        s->newest_arrival = t > s->newest_arrival ? t : s->newest_arrival;
    }
    if (c->min_time > 0 && (s->first_time == 0 || c->min_time < s->first_time))
        s->first_time = c->min_time;
    if (c->max_time > s->last_time)
        s->last_time = c->max_time;
}

void kt_check_batch(struct check *c, const struct kt_row *row, const struct kt_str *line)
{
    struct kt_error err = { 0 };
    c->result.batches++;
    c->result.records += row->count;
    c->one.batches++;
    c->one.events += row->count;
    check_order(c, row);
    memset(c->conflict, 0, row->count * sizeof *c->conflict);
    if (kt_row_arrivals(row, c->arrival, &err) != KT_OK ||
        kt_row_conflicts(row, c->conflict, &err) != KT_OK) {
        kt_check_lost(c, "%s", err.text);
        return;
    }
    check_lines(c, row, line);
    see_times(c, row);
    check_digest(c, row);
}
