/*
 * intake: the one door through which lines become stored records.
 *
 * Owns:  memory of the batch being checked; records kept for detection until the commit.
 * Calls: core (line, redact, batch hashes, store). No clock, no I/O but the store's.
 * Holds: memory of one batch at most; what a large one needed is given back after it.
 */
#include "collector/intake.h"
#include "core/base/alloc.h"
#include "core/base/fetch.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/event/redact.h"
#include "core/wire/batch.h"
#include <assert.h>
#include <string.h>

#define AHEAD       4u                     /* events asked for before they are needed */
#define KEEP_EVENTS KT_BATCH_EVENTS_BEHIND /* room kept between batches */

struct kept { /* a stored record that detection has not seen; texts are offsets into text */
    uint64_t seq;
    kt_time_ns arrival, stored;
    size_t line, line_len, agent, agent_len;
    enum kt_origin origin;
    bool conflict;
};
struct kt_intake {
    struct kt_intake_options o;
    struct kt_arena arena;
    uint32_t n, room;
    struct kt_event *events;
    struct kt_str *line;
    kt_time_ns *arrival;
    uint8_t (*hashes)[32];
    struct kt_str lines;
    struct kt_buf raw, text;
    struct kept *kept;
    uint32_t n_kept, room_kept;
    size_t bytes;
    uint64_t facts;
    struct kt_parsed *parsed; /* of what is read, where the options want it */
};

struct kt_intake *kt_intake_new(const struct kt_intake_options *o)
{
    struct kt_intake *in = kt_alloc(sizeof *in);
    in->o = *o;
    in->arena = kt_arena_new(KT_BATCH_RAW_MAX + (1u << 20));
    return in;
}

static void give_back(struct kt_intake *in)
{
    kt_free(in->events);
    kt_free(in->line);
    kt_free(in->arrival);
    kt_free(in->hashes);
    in->events = NULL;
    in->line = NULL;
    in->arrival = NULL;
    in->hashes = NULL;
    in->room = 0;
}

void kt_intake_free(struct kt_intake *in)
{
    if (in == NULL)
        return;
    give_back(in);
    kt_arena_done(&in->arena);
    kt_buf_done(&in->raw);
    kt_buf_done(&in->text);
    kt_parsed_free(in->parsed);
    kt_free(in->kept);
    kt_free(in);
}

static void make_room(struct kt_intake *in, uint32_t n)
{
    if (n <= in->room && (in->room <= KEEP_EVENTS || n > KEEP_EVENTS))
        return;
    give_back(in);
    in->room = n < KT_BATCH_EVENTS ? KT_BATCH_EVENTS : n;
    in->events = kt_alloc_array(in->room, sizeof *in->events);
    in->line = kt_alloc_array(in->room, sizeof *in->line);
    in->arrival = kt_alloc_array(in->room, sizeof *in->arrival);
    in->hashes = kt_alloc_array(in->room, sizeof *in->hashes);
}

static bool fault(struct kt_intake_fault *f, enum kt_refuse reason, uint32_t index,
                  const char *text)
{
    f->reason = reason;
    f->index = index;
    kt_str_copyz(f->text, sizeof f->text, kt_str_of(text));
    return false;
}

/* An agent's report about itself names no source; everything else does. */
static bool named(const struct kt_event *ev)
{
    return ev->source.len > 0 && (ev->instance.len > 0 || ev->kind == KT_KIND_REPORT) &&
           ev->source.len <= KT_NAME_MAX && ev->instance.len <= KT_NAME_MAX;
}

static bool check(struct kt_intake *in, uint32_t i, struct kt_intake_fault *ret)
{
    struct kt_error err; /* not cleared for each line: who fails fills it */
    struct kt_event *ev = &in->events[i];
    if (in->line[i].len > KT_LINE_MAX)
        return fault(ret, KT_REFUSE_SIZE, i, "longer than a line may be");
    if (kt_line_read_over(in->line[i], &in->arena, ev, &err) != KT_OK)
        return fault(ret, KT_REFUSE_LINE, i, err.text);
    if (in->arena.full)
        return fault(ret, KT_REFUSE_SIZE, i, "the batch needs too much memory");
    if (ev->kind > KT_KIND_EXPOSURE)
        return fault(ret, KT_REFUSE_LINE, i, "only a collector makes records of this kind");
    if (!named(ev))
        return fault(ret, KT_REFUSE_LINE, i, "no source or instance, or too long a name");
    if (!kt_redact_line_clean(in->line[i], ev->raw.len, false) && !kt_redact_clean(ev))
        return fault(ret, KT_REFUSE_REDACTION, i, "it holds what looks like a secret value");
    return true;
}

/* All events of a batch are larger than the near caches: each was last touched a batch ago. */
static KT_FETCHES void fetch_head(const struct kt_intake *in, uint32_t i)
{
    if (i < in->room)
        kt_fetch(kt_str_from(&in->events[i], offsetof(struct kt_event, groups)));
}

bool kt_intake_read(struct kt_intake *in, struct kt_str lines, uint32_t n,
                    bool (*may)(void *self, const struct kt_event *ev), void *self,
                    struct kt_intake_fault *ret_fault)
{
    assert(n <= KT_BATCH_EVENTS_MAX);
    kt_arena_reset(&in->arena);
    make_room(in, n);
    in->n = 0;
    in->lines = lines;
    kt_parsed_free(KT_TAKE(in->parsed)); /* of a batch that was refused */
    if (in->o.parsed)
        in->parsed = kt_parsed_new(lines, n);
    struct kt_str rest = lines, last_source = KT_STR_NONE, last_instance = KT_STR_NONE;
    for (uint32_t i = 0; i < n; i++) {
        fetch_head(in, i + 1);
        ptrdiff_t end = kt_str_find_byte(rest, '\n', 0);
        if (end < 0)
            return fault(ret_fault, KT_REFUSE_LINE, i, "cut");
        in->line[i] = kt_str_sub(rest, 0, (size_t)end);
        rest = kt_str_from_index(rest, (size_t)end + 1);
        if (!check(in, i, ret_fault)) {
            if (ret_fault->reason == KT_REFUSE_REDACTION) /* else it could not be read */
                ret_fault->instance = in->events[i].instance;
            return false;
        }
        const struct kt_event *ev = &in->events[i];
        if (in->parsed != NULL) /* at once: it is still in the nearest cache */
            kt_parsed_add(in->parsed, in->line[i], ev);
        bool same =
            i > 0 && kt_str_eq(ev->source, last_source) && kt_str_eq(ev->instance, last_instance);
        if (may != NULL && !same && !may(self, ev))
            return fault(ret_fault, KT_REFUSE_SOURCE, i, "this source instance is not the agent's");
        last_source = ev->source;
        last_instance = ev->instance;
    }
    in->n = n;
    return true;
}

struct kt_parsed *kt_intake_parsed(struct kt_intake *in, struct kt_buf *lines)
{
    if (in->parsed != NULL)
        kt_parsed_close(in->parsed, lines);
    return KT_TAKE(in->parsed);
}

const struct kt_event *kt_intake_find(const struct kt_intake *in, enum kt_kind kind,
                                      const char *operation)
{
    for (uint32_t i = 0; i < in->n; i++)
        if (in->events[i].kind == kind && kt_str_is(in->events[i].operation, operation))
            return &in->events[i];
    return NULL;
}

const struct kt_event *kt_intake_events(const struct kt_intake *in, uint32_t *ret_n)
{
    *ret_n = in->n;
    return in->events;
}

static void keep(struct kt_intake *in, const struct kept *k, struct kt_str agent,
                 struct kt_str line)
{
    if (in->n_kept == in->room_kept) {
        in->room_kept = in->room_kept == 0 ? 1024 : in->room_kept * 2;
        in->kept = kt_realloc_array(in->kept, in->room_kept, sizeof *in->kept);
    }
    struct kept *to = &in->kept[in->n_kept++];
    *to = *k;
    to->agent = in->text.len;
    to->agent_len = agent.len;
    kt_buf_add(&in->text, agent);
    to->line = in->text.len;
    to->line_len = line.len;
    kt_buf_add(&in->text, line);
}

enum kt_status kt_intake_control(struct kt_intake *in, struct kt_event *ev, kt_time_ns arrival,
                                 kt_time_ns stored, struct kt_error *err)
{
    uint64_t seq = 0;
    enum kt_status st = kt_store_control(in->o.store, ev, arrival, stored, &seq, err);
    if (st != KT_OK || in->o.committed == NULL)
        return st;
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    st = kt_line_write(ev, &line, err);
    if (st == KT_OK)
        keep(in,
             &(struct kept){
                 .seq = seq, .arrival = arrival, .stored = stored, .origin = KT_ORIGIN_CONTROL },
             KT_STR_NONE, kt_buf_str(&line));
    return st;
}

/* A batch's events are larger than the near caches. This walk is the first over all of them: it
 * asks for their heads, which those behind it look at too, and for what is known of addresses. */
static KT_FETCHES void fetch(const struct kt_intake *in, uint32_t i)
{
    if (i + 2 * AHEAD < in->n)
        kt_fetch(kt_str_from(&in->events[i + 2 * AHEAD], offsetof(struct kt_event, operation)));
    if (i + AHEAD < in->n && in->events[i + AHEAD].has_ip)
        kt_enrich_expect(in->o.enrich, in->events[i + AHEAD].ip);
}

static enum kt_status store_facts(struct kt_intake *in, kt_time_ns stored, struct kt_error *err)
{
    for (uint32_t i = 0; i < in->n; i++) {
        fetch(in, i);
        struct kt_event fact;
        if (!in->events[i].has_ip ||
            !kt_enrich_fact(in->o.enrich, in->events[i].ip, in->arrival[i], &in->raw, &fact))
            continue;
        enum kt_status st = kt_intake_control(in, &fact, in->arrival[i], stored, err);
        if (st != KT_OK)
            return kt_wrap(err, "fact");
        in->facts++;
    }
    return KT_OK;
}

static void keep_batch(struct kt_intake *in, const struct kt_store_batch *b,
                       const struct kt_store_result *r)
{
    for (uint32_t i = 0; i < b->n; i++)
        if (r->seq[i] != 0)
            keep(in,
                 &(struct kept){ .seq = r->seq[i],
                                 .arrival = b->arrival[i],
                                 .stored = b->stored,
                                 .origin = b->origin,
                                 .conflict = r->fate[i] == KT_FATE_CONFLICT },
                 b->agent, b->line[i]);
}

enum kt_status kt_intake_store(struct kt_intake *in, struct kt_store_batch *b, kt_time_ns arrival,
                               const kt_time_ns *arrivals, struct kt_store_result *ret,
                               struct kt_error *err)
{
    for (uint32_t i = 0; i < in->n; i++)
        in->arrival[i] = arrivals != NULL && arrivals[i] != 0 ? arrivals[i] : arrival;
    if (b->hashes == NULL) {
        for (uint32_t i = 0; i < in->n; i++)
            kt_line_hash(in->line[i], in->hashes[i]);
        b->hashes = (const uint8_t(*)[32])in->hashes;
    }
    b->arrival = in->arrival;
    b->lines = in->lines;
    b->events = in->events;
    b->line = in->line;
    b->n = in->n;
    enum kt_status st = store_facts(in, b->stored, err);
    if (st != KT_OK)
        return st;
    st = kt_store_append(in->o.store, b, ret, err);
    if (st != KT_OK)
        return st;
    in->bytes += b->parsed != NULL ? kt_parsed_bytes(b->parsed) : in->lines.len;
    if (in->o.committed != NULL)
        keep_batch(in, b, ret);
    return KT_OK;
}

size_t kt_intake_bytes(const struct kt_intake *in)
{
    return in->bytes;
}

uint64_t kt_intake_facts(const struct kt_intake *in)
{
    return in->facts;
}

void kt_intake_committed(struct kt_intake *in)
{
    in->bytes = 0;
    for (uint32_t i = 0; i < in->n_kept; i++) {
        const struct kept *k = &in->kept[i];
        struct kt_record r = { .seq = k->seq,
                               .arrival = k->arrival,
                               .stored = k->stored,
                               .origin = k->origin,
                               .agent = kt_str_from(in->text.at + k->agent, k->agent_len),
                               .line = kt_str_from(in->text.at + k->line, k->line_len),
                               .conflict = k->conflict };
        kt_arena_reset(&in->arena);
        enum kt_status st = kt_line_read(r.line, &in->arena, &r.ev, NULL);
        assert(st == KT_OK); /* it was read or written by us before it was stored */
        in->o.committed(in->o.self, &r, 1);
    }
    in->n_kept = 0;
    kt_buf_reset(&in->text);
}
