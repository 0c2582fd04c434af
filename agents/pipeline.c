/*
 * pipeline: raw records -> canonical lines. Gather, needles, parse, fold, decode, redact, line.
 *
 * Owns:  the parsers, the arena of one record, the counters, the record that was refused last.
 * Calls: core/base, core/event, the source. No I/O, no clock.
 * Holds: every record seen is counted as yielded, folded, skipped, quarantined or still waiting.
 */
#include "agents/pipeline.h"

#include <assert.h>
#include <string.h>

#include "agents/pipeline_int.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/event/line.h"

#define ARENA_BYTES   (4u << 20)
#define REDACTED_MAX  8u                /* lines of kind redacted for one event */
#define FUTURE_MAX    (10 * KT_NS_MIN)  /* THREATS I3 */
#define PAST_MAX      (400 * KT_NS_DAY) /* THREATS I3 */
#define FINDING_EVERY KT_NS_HOUR
#define PREFIX_TRIES  4u

static kt_piece_fn on_piece;

/* ---- life ---- */

struct kt_pipeline *kt_pipeline_new(const struct kt_pipeline_options *o)
{
    struct kt_pipeline *p = kt_alloc(sizeof *p);
    p->o = *o;
    p->instance = kt_str_dup(o->instance);
    p->cluster = kt_str_dup(o->cluster.len > 0 ? o->cluster : o->instance);
    p->o.instance = kt_str_of(p->instance);
    p->o.cluster = kt_str_of(p->cluster);
    kt_needles_init(&p->needles, o->source->needles);
    p->split = kt_splitter_new(o->source, &p->needles, on_piece, p);
    p->json = kt_json_new(o->body);
    p->json_first = kt_json_new(o->body);
    p->json_inner = kt_json_new(o->body);
    p->arena = kt_arena_new(ARENA_BYTES);
    p->memory = kt_source_memory_new();
    return p;
}

void kt_pipeline_free(struct kt_pipeline *p)
{
    if (p == NULL)
        return;
    kt_gather_free(p);
    kt_fold_free(p);
    kt_needles_done(&p->needles);
    kt_source_memory_free(p->memory);
    kt_arena_done(&p->arena);
    kt_json_free(p->json);
    kt_json_free(p->json_first);
    kt_json_free(p->json_inner);
    kt_splitter_free(p->split);
    kt_buf_done(&p->line);
    kt_buf_done(&p->raw);
    kt_buf_done(&p->quarantine);
    kt_buf_done(&p->lines);
    kt_buf_done(&p->as_json);
    kt_buf_done(&p->masked);
    kt_buf_done(&p->last_place);
    kt_free(p->instance);
    kt_free(p->cluster);
    kt_free(p);
}

/* ---- lines ---- */

static void mark_time(struct kt_event *ev)
{
    if (ev->time == 0)
        ev->flags |= KT_FLAG(INCOMPLETE);
    else if (ev->time > ev->observed + FUTURE_MAX)
        ev->flags |= KT_FLAG(FUTURE);
    else if (ev->time < ev->observed - PAST_MAX)
        ev->flags |= KT_FLAG(PAST);
}

static bool is_access(const struct kt_event *ev)
{
    return ev->kind == KT_KIND_ACCESS || ev->kind == KT_KIND_AMEND;
}

static void complete(struct kt_pipeline *p, struct kt_event *ev)
{
    ev->source = kt_str_of(p->o.source->name);
    ev->instance = p->o.instance;
    ev->decoder = p->o.source->version;
    ev->observed = p->cur.observed;
    mark_time(ev);
    if (is_access(ev) && (ev->actor.len == 0 || ev->operation.len == 0))
        ev->flags |= KT_FLAG(INCOMPLETE);
    if (kt_kind_of_source(ev->kind) && p->cur.repaired > 0)
        ev->flags |= KT_FLAG(REPAIRED);
}

static void count_line(struct kt_pipeline *p, const struct kt_event *ev)
{
    if (kt_kind_of_source(ev->kind))
        p->counts.events++;
    else if (ev->kind == KT_KIND_REDACTED)
        p->counts.redactions++;
}

/* Gives out what is in p->line. */
static void give_line(struct kt_pipeline *p, const struct kt_event *ev)
{
    if (p->cur.lines++ < p->given)
        return; /* went out before the callback said "later" */
    struct kt_line_out out = { .line = kt_buf_str(&p->line),
                               .event = ev,
                               .arrival = p->cur.arrival };
    p->cur.status = p->o.line(p->o.self, &out, p->cur.err);
    if (p->cur.status != KT_OK)
        return;
    p->given++;
    count_line(p, ev);
}

static bool write_line(struct kt_pipeline *p, struct kt_event *ev)
{
    kt_buf_reset(&p->line);
    if (kt_line_write(ev, &p->line, p->cur.err) != KT_OK)
        p->cur.unfit = "its line would be too long";
    return p->cur.unfit == NULL;
}

/* One line for each thing that the second net took out; never the thing itself. */
static void give_redacted(struct kt_pipeline *p, const struct kt_event *of)
{
    const struct kt_redact_hits *hits = &p->hits;
    for (unsigned i = 0; i < hits->n && i < REDACTED_MAX && p->cur.status == KT_OK; i++) {
        struct kt_event ev = { .kind = KT_KIND_REDACTED,
                               .scope = of->scope,
                               .native_id = of->native_id,
                               .operation = of->operation,
                               .time = of->time,
                               .part = of->part * REDACTED_MAX + i };
        ev.raw =
            kt_arena_fmt(&p->arena, "{\"field\":\"%s\",\"shape\":\"" KT_STR_FMT "\",\"len\":%zu}",
                         hits->at[i].field, KT_STR_ARG(hits->at[i].shape), hits->at[i].len);
        complete(p, &ev);
        if (write_line(p, &ev))
            give_line(p, &ev);
    }
}

/* Nearly every event has nothing to redact. What its record says of it shows that, or else one look
 * at its finished line. */
static bool is_clean(struct kt_pipeline *p, struct kt_event *ev)
{
    const uint32_t flags = ev->flags;
    const struct kt_str raw = ev->raw;
    kt_buf_reset(&p->line);
    if (!p->cur.masked && kt_line_write(ev, &p->line, NULL) == KT_OK && ev->raw.len == raw.len &&
        (kt_redact_event_clean(ev, p->cur.clean, KT_ARRAY_LEN(p->cur.clean)) ||
         kt_redact_line_clean(kt_buf_str(&p->line), raw.len, true)))
        return true;
    ev->flags = flags;
    ev->raw = raw;
    return false;
}

static bool redact(struct kt_pipeline *p, struct kt_event *ev)
{
    (void)kt_redact_event(ev, &p->arena, &p->hits);
    if (p->cur.masked)
        kt_redact_hits_in(ev, &p->hits);
    if (p->hits.n > 0)
        ev->flags |= KT_FLAG(REDACTED);
    return write_line(p, ev);
}

void kt_pipeline_give(struct kt_pipeline *p, struct kt_event *ev)
{
    if (p->cur.status != KT_OK || p->cur.unfit != NULL)
        return;
    complete(p, ev);
    p->hits.n = 0;
    bool written = is_clean(p, ev) || redact(p, ev);
    if (p->arena.full)
        p->cur.unfit = "it needs more memory than one record may";
    if (!written || p->arena.full)
        return;
    give_line(p, ev);
    if (p->cur.status != KT_OK)
        return;
    if (kt_kind_of_source(ev->kind))
        p->cur.events++;
    give_redacted(p, ev);
}

/* ---- what a source says ---- */

static void emit_event(struct kt_emit *e, struct kt_event *ev)
{
    kt_pipeline_give(((struct emit *)(void *)e)->p, ev);
}

static void emit_skip(struct kt_emit *e, const char *reason)
{
    ((struct emit *)(void *)e)->p->cur.skip = reason;
}

/* The place of a finding; of one that was not raised yet, the first that is free. */
static size_t finding_at(const struct kt_pipeline *p, const char *code)
{
    size_t i = 0;
    while (i < KT_ARRAY_LEN(p->findings) - 1 && p->findings[i].code != NULL &&
           strcmp(p->findings[i].code, code) != 0)
        i++;
    return i;
}

static bool emit_wants(struct kt_emit *e, const char *code)
{
    const struct kt_pipeline *p = ((struct emit *)(void *)e)->p;
    const size_t i = finding_at(p, code);
    const bool known = p->findings[i].code != NULL && strcmp(p->findings[i].code, code) == 0;
    return !known || p->cur.observed - p->findings[i].at >= FINDING_EVERY;
}

static void emit_finding(struct kt_emit *e, const char *code, const char *sentence)
{
    struct kt_pipeline *p = ((struct emit *)(void *)e)->p;
    if (!emit_wants(e, code))
        return;
    const size_t i = finding_at(p, code);
    p->findings[i].code = code;
    p->findings[i].at = p->cur.observed;
    if (p->o.finding != NULL)
        p->o.finding(p->o.self, code, sentence);
}

struct kt_emit *kt_pipeline_emit(struct kt_pipeline *p)
{
    p->emit.to = (struct kt_emit){ emit_event, emit_skip, emit_finding, emit_wants };
    p->emit.p = p;
    return &p->emit.to;
}

struct kt_decode_in kt_pipeline_in(struct kt_pipeline *p, struct kt_jval root)
{
    return (struct kt_decode_in){ .record = p->cur.record,
                                  .root = root,
                                  .instance = p->o.instance,
                                  .cluster = p->o.cluster,
                                  .observed = p->cur.observed,
                                  .arena = &p->arena,
                                  .raw = &p->raw,
                                  .unknown_fields = &p->cur.unknown_fields,
                                  .inner = p->json_inner,
                                  .masked = &p->cur.masked,
                                  .memory = p->o.memory != NULL ? p->o.memory : p->memory,
                                  .settings = p->o.settings != NULL ? p->o.settings
                                                                    : p->o.source->settings };
}

/* ---- records ---- */

void kt_pipeline_skip(struct kt_pipeline *p, const char *reason)
{
    struct kt_pipeline_counts *c = &p->counts;
    size_t last = KT_ARRAY_LEN(c->skip) - 1, i = 0;
    c->skipped++;
    while (i < last && c->skip[i].reason != NULL && strcmp(c->skip[i].reason, reason) != 0)
        i++;
    if (i == last)
        reason = "other reasons";
    c->skip[i].reason = reason;
    c->skip[i].n++;
}

/* Vault writes a configured prefix in front of each record; it may itself hold a brace. */
static enum kt_status parse(struct kt_pipeline *p, struct kt_jval *ret_root)
{
    struct kt_str text = p->cur.bytes;
    enum kt_status st = KT_E_INPUT;
    size_t from = 0;
    for (unsigned i = 0; i < PREFIX_TRIES && st == KT_E_INPUT; i++) {
        ptrdiff_t at = kt_str_find_byte(text, '{', from);
        if (at < 0 || (i > 0 && at > 256))
            return st;
        p->cur.record = kt_str_trim(kt_str_from_index(text, (size_t)at));
        st = kt_json_parse(p->json, p->cur.record, ret_root, &p->cur.repaired, p->cur.err);
        from = (size_t)at + 1;
    }
    return st;
}

static enum kt_status read_whole(struct kt_pipeline *p, struct kt_jval *ret_root)
{
    if (p->o.source->to_json == NULL)
        return parse(p, ret_root);
    kt_buf_reset(&p->as_json);
    if (!p->o.source->to_json(p->cur.bytes, &p->as_json))
        return KT_E_INPUT;
    p->cur.record = kt_buf_str(&p->as_json);
    return kt_json_parse(p->json, p->cur.record, ret_root, &p->cur.repaired, p->cur.err);
}

/* One look at the record as it was parsed, which spares most of a look at its event. */
static bool looks_clean(struct kt_pipeline *p)
{
    const struct kt_str text = kt_json_plain_text(p->json);
    if (text.len == 0 || !kt_redact_record_clean(text))
        return false;
    p->cur.clean[0] = text;
    return true;
}

/* No decoder sees a token: what it makes of one, the second net might not know again. */
static enum kt_status read_record(struct kt_pipeline *p, struct kt_jval *ret_root)
{
    enum kt_status st = read_whole(p, ret_root);

    if (st != KT_OK || looks_clean(p) || !kt_redact_record(p->cur.record, *ret_root, &p->masked))
        return st;
    unsigned repaired; /* what was mended was counted before */
    p->cur.masked = true;
    p->cur.record = kt_buf_str(&p->masked);
    return kt_json_parse(p->json, p->cur.record, ret_root, &repaired, p->cur.err);
}

/* The lines of the record need not wait any more. */
static void leave_group(struct kt_pipeline *p)
{
    if (p->cur.group == NULL)
        return;
    p->counts.folded += p->cur.joined;
    kt_gather_drop(p, p->cur.group);
    p->cur.group = NULL;
}

/* Counts the record once it is dealt with; a refused one stays as it is and comes again. */
static enum kt_status settle(struct kt_pipeline *p, struct half *partner)
{
    if (p->cur.status != KT_OK) {
        p->again = true;
        return p->cur.status;
    }
    if (p->cur.unfit != NULL) {
        const char *reason = p->cur.unfit;
        p->cur.unfit = NULL;
        p->arena.full = false;
        kt_quarantine_give(p, reason);
        if (p->cur.status != KT_OK) {
            p->again = true;
            return p->cur.status;
        }
    } else if (p->cur.events > 0) {
        kt_fold_told(p);
        p->counts.yielded++;
        p->counts.unknown_fields += p->cur.unknown_fields;
    } else {
        kt_pipeline_skip(p, p->cur.skip != NULL ? p->cur.skip : "no event in it");
    }
    if (partner != NULL) {
        p->counts.folded++;
        kt_fold_drop(p, partner);
    }
    leave_group(p);
    p->again = false;
    p->given = 0;
    return KT_OK;
}

static enum kt_status quarantine(struct kt_pipeline *p, const char *reason)
{
    p->cur.unfit = reason;
    return settle(p, NULL);
}

static enum kt_status decode(struct kt_pipeline *p, struct kt_jval root)
{
    const struct kt_source *source = p->o.source;
    struct half *partner = NULL;
    struct kt_jval first = { NULL };
    enum fold_result fold = kt_fold_look(p, root, &partner);

    if (fold == FOLD_REFUSED || fold == FOLD_WAITS) {
        p->again = fold == FOLD_REFUSED;
        if (fold == FOLD_WAITS)
            leave_group(p);
        return p->cur.status;
    }
    if (fold == FOLD_REPEATED) {
        p->cur.skip = "the same first half twice";
        return settle(p, NULL);
    }
    if (fold == FOLD_KNOWN) {
        p->cur.skip = "given out before the restart";
        return settle(p, NULL);
    }
    if (fold == FOLD_OVERTAKEN) {
        p->cur.skip = "a first half of an access that was told";
        return settle(p, NULL);
    }
    if (partner != NULL)
        first = kt_fold_root(p, partner, p->cur.err);
    if (partner != NULL && partner->clean)
        p->cur.clean[1] = kt_json_plain_text(p->json_first);
    p->cur.masked = p->cur.masked || (partner != NULL && partner->masked);
    struct kt_decode_in in = kt_pipeline_in(p, root);
    enum kt_status st = fold == FOLD_DECODE_LATE
                            ? source->decode_alone(&in, true, kt_pipeline_emit(p), p->cur.err)
                            : source->decode(&in, first, kt_pipeline_emit(p), p->cur.err);
    if (st != KT_OK && p->cur.events == 0 && p->cur.unfit == NULL)
        p->cur.unfit = "no event could be made of it";
    return settle(p, partner);
}

/* Could it be? What the splitter saw, or else a search of its bytes, says. */
static bool is_about_secrets(const struct kt_pipeline *p)
{
    if (p->cur.about != KT_ABOUT_ANY)
        return p->cur.about == KT_ABOUT_SECRETS;
    return kt_needles_in(&p->needles, p->cur.bytes);
}

enum kt_status kt_pipeline_work(struct kt_pipeline *p)
{
    struct kt_jval root;
    if (p->cur.group != NULL && p->cur.group->over)
        return quarantine(p, "longer than 1 MiB");
    if (!is_about_secrets(p)) {
        p->cur.skip = "not about secrets";
        return settle(p, NULL);
    }
    enum kt_status st = read_record(p, &root);
    if (st != KT_OK) {
        if (!p->again && st != KT_E_LIMIT && p->o.source->split == KT_SPLIT_LINES)
            p->counts.torn++;
        if (st == KT_E_LIMIT)
            return quarantine(p, "over a limit of depth, members or size");
        return quarantine(p, p->o.source->to_json != NULL ? "broken record" : "broken JSON");
    }
    if (!p->again)
        p->counts.repaired += p->cur.repaired > 0;
    return decode(p, root);
}

static enum kt_status whole(struct kt_pipeline *p, enum kt_piece_kind kind)
{
    switch (kind) {
    case KT_PIECE_LONG:
        return quarantine(p, "longer than 1 MiB");
    case KT_PIECE_TORN:
        return quarantine(p, "torn");
    case KT_PIECE_OTHER:
        p->cur.skip = "no JSON object";
        return settle(p, NULL);
    case KT_PIECE_BLANK:
    case KT_PIECE_RECORD:
        break;
    }
    return kt_pipeline_work(p);
}

static enum kt_status work(struct kt_pipeline *p, const struct kt_piece *piece, kt_time_ns arrival,
                           struct kt_error *err)
{
    p->cur = (struct current){ .bytes = piece->text,
                               .about = piece->about,
                               .record = piece->text,
                               .offset = piece->offset,
                               .length = piece->bytes,
                               .arrival = arrival,
                               .observed = arrival != 0 ? arrival : p->now,
                               .err = err };
    kt_arena_reset(&p->arena);
    kt_buf_reset(&p->raw);
    if (piece->kind == KT_PIECE_BLANK) {
        p->counts.blank++;
        return KT_OK;
    }
    enum gather_result gathered =
        piece->kind == KT_PIECE_RECORD ? kt_gather_look(p) : GATHER_RECORD;
    if (gathered == GATHER_REFUSED)
        return p->cur.status;
    if (!p->again) {
        p->counts.records++;
        p->given = 0;
        p->counts.torn += piece->kind == KT_PIECE_TORN || gathered == GATHER_BROKEN;
    }
    if (gathered == GATHER_WAITS)
        return KT_OK;
    if (gathered == GATHER_CUT)
        return settle(p, NULL);
    return whole(p, gathered == GATHER_BROKEN ? KT_PIECE_TORN : piece->kind);
}

static enum kt_status on_piece(void *self, const struct kt_piece *piece, struct kt_error *err)
{
    return work(self, piece, 0, err);
}

/* ---- the door ---- */

static enum kt_status expire(struct kt_pipeline *p, kt_time_ns now, struct kt_error *err)
{
    bool all = now == INT64_MAX;
    kt_time_ns gather = all ? now : now - p->o.source->gather_timeout;
    kt_time_ns fold = all ? now : now - p->o.source->fold_timeout;
    enum kt_status st = kt_gather_expire(p, gather, err);
    return st == KT_OK ? kt_fold_expire(p, fold, err) : st;
}

static void enter(struct kt_pipeline *p, struct kt_str place, kt_time_ns now)
{
    p->now = now;
    p->place = place;
    p->ended = false;
}

enum kt_status kt_pipeline_feed(struct kt_pipeline *p, struct kt_str bytes, uint64_t pos,
                                struct kt_str place, kt_time_ns now, struct kt_error *err)
{
    enter(p, place, now);
    if (!kt_str_eq(place, kt_buf_str(&p->last_place))) {
        kt_buf_reset(&p->last_place);
        kt_buf_add(&p->last_place, place);
    }
    return kt_splitter_feed(p->split, bytes, pos, err);
}

enum kt_status kt_pipeline_end(struct kt_pipeline *p, kt_time_ns now, struct kt_error *err)
{
    enter(p, kt_buf_str(&p->last_place), now);
    enum kt_status st = kt_splitter_end(p->split, err);
    if (st != KT_OK)
        return st;
    kt_gather_stream_ended(p);
    kt_fold_stream_ended(p);
    p->ended = true;
    return KT_OK;
}

enum kt_status kt_pipeline_record(struct kt_pipeline *p, struct kt_str record, kt_time_ns arrival,
                                  struct kt_str place, kt_time_ns now, struct kt_error *err)
{
    enter(p, place, now);
    if (arrival != 0 && !p->again) { /* in a feed, time is what its records say */
        enum kt_status st = expire(p, arrival, err);
        if (st != KT_OK)
            return st;
    }
    struct kt_piece piece = { .kind = record.len > KT_RECORD_MAX ? KT_PIECE_LONG : KT_PIECE_RECORD,
                              .text = record,
                              .offset = UINT64_MAX,
                              .bytes = record.len };
    return work(p, &piece, arrival, err);
}

enum kt_status kt_pipeline_expire(struct kt_pipeline *p, kt_time_ns now, bool all,
                                  struct kt_error *err)
{
    p->now = now;
    return expire(p, all ? INT64_MAX : now, err);
}

uint64_t kt_pipeline_low_water(const struct kt_pipeline *p)
{
    uint64_t split = kt_splitter_low_water(p->split), fold = kt_fold_low_water(p);
    uint64_t gather = kt_gather_low_water(p);
    uint64_t low = fold < split ? fold : split;
    return gather < low ? gather : low;
}

uint64_t kt_pipeline_whole_until(const struct kt_pipeline *p)
{
    return kt_splitter_low_water(p->split);
}

void kt_pipeline_restart(struct kt_pipeline *p, uint64_t pos)
{
    kt_splitter_restart(p->split, pos);
    if (!p->ended) {
        kt_gather_clear(p);
        kt_fold_clear(p);
    }
    p->again = false;
    p->given = 0;
}

void kt_pipeline_cut(struct kt_pipeline *p)
{
    kt_gather_cut(p);
}

void kt_pipeline_known_until(struct kt_pipeline *p, uint64_t pos)
{
    p->known_until = pos;
}

const struct kt_pipeline_counts *kt_pipeline_counts(const struct kt_pipeline *p)
{
    return &p->counts;
}
