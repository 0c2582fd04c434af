/*
 * agent: the engine. Inputs -> pipelines -> spool -> wire, and the acks back.
 *
 * Owns:  the spool, the inputs, the lines between them.
 * Calls: core, inputs, sources. Files, clock, chance and the wire come in as arguments.
 * Holds: a position is written with or after the lines before it; a batch is sent only when it is
 *        synced; nothing is read while the spool is full.
 */
#include "agents/agent.h"
#include "agents/agent_int.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define HASH           32u          /* bytes */
#define STEP_BYTES     (256u << 10) /* read from all inputs in one turn */
#define FULL_LINES     (8u << 20)   /* lines that may wait for room in the spool */
#define POSITION_EVERY KT_NS_S      /* positions that no lines carry */
#define PLENTY         4u           /* batches that the collector has before it */
#define PLENTY_DELAY   (4 * KT_BATCH_DELAY_MS * KT_NS_MS)
#define POLL_MS        1000
#define FULL_POLL_MS   200

/* ---- lines ---- */

static void close_batch(struct kt_agent *a)
{
    if (a->open_count == 0)
        return;
    if (a->n_cuts == a->cap_cuts) {
        a->cap_cuts = a->cap_cuts == 0 ? 16 : 2 * a->cap_cuts;
        a->cuts = kt_realloc_array(a->cuts, a->cap_cuts, sizeof *a->cuts);
    }
    a->cuts[a->n_cuts++] = (struct cut){ a->lines.len, a->open_count };
    a->open_start = a->lines.len;
    a->open_count = 0;
}

enum kt_status agent_line(struct kt_agent *a, struct kt_str line)
{
    uint32_t events = a->behind ? KT_BATCH_EVENTS_BEHIND : KT_BATCH_EVENTS;
    size_t bytes = a->behind ? KT_BATCH_BYTES_BEHIND : KT_BATCH_BYTES;

    if (a->open_count > 0 && a->lines.len - a->open_start + line.len + 1 > bytes)
        close_batch(a);
    if (a->open_count == 0)
        a->batch_since = a->mono;
    kt_buf_add(&a->lines, line);
    kt_buf_byte(&a->lines, '\n');
    kt_line_hash(line, (uint8_t *)kt_buf_reserve(&a->hashes, HASH));
    a->hashes.len += HASH;
    a->open_count++;
    a->counts.lines++;
    if (a->open_since == 0)
        a->open_since = a->mono;
    if (a->open_count >= events)
        close_batch(a);
    return KT_OK;
}

static enum kt_status on_line(void *self, const struct kt_line_out *l, struct kt_error *err)
{
    struct instance *in = self;

    (void)err;
    if (l->event->time > in->newest && (l->event->flags & KT_FLAG(FUTURE)) == 0)
        in->newest = l->event->time;
    in->events += kt_kind_of_source(l->event->kind);
    in->reads += l->event->kind == KT_KIND_ACCESS &&
                 (l->event->action == KT_ACT_READ || l->event->action == KT_ACT_USE);
    return agent_line(in->agent, l->line);
}

static void on_finding(void *self, const char *code, const char *sentence)
{
    struct instance *in = self;
    unsigned i = 0;

    while (i < in->n_findings && strcmp(in->findings[i].code, code) != 0)
        i++;
    if (i == FINDINGS_MAX)
        return;
    in->n_findings = i == in->n_findings ? i + 1 : in->n_findings;
    in->findings[i].code = code;
    in->findings[i].said++;
    kt_str_copyz(in->findings[i].sentence, sizeof in->findings[i].sentence, kt_str_of(sentence));
    kt_log(KT_LOG_WARN, "source: %s instance='%s' code=%s", sentence, in->conf->id, code);
}

/* ---- what an input asks for ---- */

/* Keys of the spool are "<instance>\t<the input's key>". */
static void position_key(const struct instance *in, struct kt_str key, struct kt_buf *out)
{
    kt_buf_reset(out);
    kt_buf_addz(out, in->conf->id);
    kt_buf_byte(out, '\t');
    kt_buf_add(out, key);
}

static struct kt_str get_position(void *self, struct kt_str key)
{
    struct instance *in = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf full = { 0 };

    position_key(in, key, &full);
    return kt_spool_position(in->agent->spool, kt_buf_str(&full));
}

struct prefixed { /* the positions of one instance among all of the spool */
    struct kt_str prefix;
    void (*each)(void *to, struct kt_str key, struct kt_str value);
    void *to;
};

static void if_prefixed(void *self, struct kt_str key, struct kt_str value)
{
    const struct prefixed *p = self;
    if (kt_str_starts(key, p->prefix))
        p->each(p->to, kt_str_from_index(key, p->prefix.len), value);
}

static void each_position(void *self,
                          void (*each)(void *to, struct kt_str key, struct kt_str value), void *to)
{
    struct instance *in = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf prefix = { 0 };

    position_key(in, KT_STR_NONE, &prefix);
    struct prefixed p = { kt_buf_str(&prefix), each, to };
    kt_spool_each_position(in->agent->spool, if_prefixed, &p);
}

static void give_report(void *self, const struct kt_input_report *r)
{
    struct instance *in = self;
    agent_input_report(in->agent, in, r);
}

/* ---- life ---- */

static const char *cluster_of(const struct kt_conf_source *conf)
{
    return conf->cluster != NULL && conf->cluster[0] != '\0' ? conf->cluster : conf->id;
}

/* A log that is read on two ways, for speed and for completeness, gives each access twice: both
 * must come out the same, or they are not known as one. */
static void give_memory(struct kt_agent *a, struct instance *in)
{
    for (unsigned i = 0; i < a->n_sources; i++) {
        const struct instance *other = &a->sources[i];
        if (other->memory != NULL && other->opened.file.source == in->opened.file.source &&
            strcmp(cluster_of(other->conf), cluster_of(in->conf)) == 0) {
            in->memory = other->memory;
            return;
        }
    }
    in->memory = kt_source_memory_new();
    in->owns_memory = true;
}

static struct kt_pipeline *make_pipeline(void *self)
{
    struct instance *in = self;
    struct kt_pipeline_options o = kt_source_pipeline(&in->opened);
    if (in->memory == NULL)
        give_memory(in->agent, in);
    o.memory = in->memory;
    o.line = on_line;
    o.finding = on_finding;
    o.self = in;
    return kt_pipeline_new(&o);
}

static enum kt_status open_source(struct kt_agent *a, struct instance *in,
                                  const struct kt_conf_source *conf, struct kt_error *err)
{
    const struct kt_input_env env = {
        .fs = a->o.fs,
        .position = get_position,
        .each_position = each_position,
        .self = in,
        .yaml = a->o.conf->yaml,
        .pipeline = make_pipeline,
        .report = give_report,
    };
    in->agent = a;
    in->conf = conf;
    agent_before_open(in);
    return kt_source_open(conf, &env, &in->opened, err) == KT_OK
               ? KT_OK
               : kt_wrap(err, "source '%s'", conf->id);
}

enum kt_status kt_agent_new(const struct kt_agent_options *o, struct kt_agent **ret,
                            struct kt_error *err)
{
    struct kt_agent *a = kt_alloc(sizeof *a);
    const struct kt_spool_options so = {
        .fs = o->fs, .rng = o->rng, .dir = o->conf->spool_path, .bytes_max = o->conf->spool_max
    };

    a->o = *o;
    kt_signer_init(&a->signer, o->signing_seed);
    a->now = o->clock.wall(o->clock.self);
    a->mono = a->started = o->clock.mono(o->clock.self);
    a->sources = kt_alloc_array(o->conf->n_sources + 1, sizeof *a->sources);
    a->n_sources = o->conf->n_sources;
    enum kt_status st = kt_spool_open(&so, &a->spool, err);
    for (unsigned i = 0; st == KT_OK && i < a->n_sources; i++)
        st = open_source(a, &a->sources[i], &o->conf->sources[i], err);
    if (st == KT_OK)
        st = agent_standby_open(a, err);
    if (st == KT_OK)
        st = agent_watch_open(a, err);
    if (st == KT_OK)
        st = agent_fill_holes(a, err);
    if (st != KT_OK) {
        kt_agent_free(a);
        return kt_wrap(err, "agent");
    }
    *ret = a;
    return KT_OK;
}

/* ---- from lines to the spool ---- */

static void note_position(struct kt_agent *a, struct kt_str key, struct kt_str value)
{
    if (a->n_positions == a->cap_positions) {
        a->cap_positions = a->cap_positions == 0 ? 16 : 2 * a->cap_positions;
        a->positions = kt_realloc_array(a->positions, a->cap_positions, sizeof *a->positions);
    }
    a->positions[a->n_positions++] = (struct position){ kt_str_dup(key), kt_str_dup(value) };
}

static void keep_position(void *self, struct kt_str key, struct kt_str value)
{
    struct instance *in = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf full = { 0 };

    position_key(in, key, &full);
    note_position(in->agent, kt_buf_str(&full), value);
}

/* What is true of a source once its lines are in the spool. */
static void note_positions(struct kt_agent *a, struct instance *in)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 }, value = { 0 };

    if (in->opened.type->positions != NULL)
        in->opened.type->positions(in->opened.input, true, keep_position, in);
    if (agent_before_changed(in, &key, &value))
        note_position(a, kt_buf_str(&key), kt_buf_str(&value));
}

static void drop_positions(struct kt_agent *a)
{
    for (unsigned i = 0; i < a->n_positions; i++) {
        kt_free(a->positions[i].key);
        kt_free(a->positions[i].value);
    }
    a->n_positions = 0;
}

/* Appends the lines from `from` to c's end as one batch, with all positions when they are true
 * then. */
static enum kt_status append(struct kt_agent *a, struct cut from, struct cut c, bool positions,
                             struct kt_error *err)
{
    unsigned n = positions ? a->n_positions : 0;
    const struct kt_spool_lines lines = {
        .text = kt_str_sub(kt_buf_str(&a->lines), from.end, c.end - from.end),
        .count = c.count,
        .hashes = (const uint8_t(*)[HASH])(void *)a->hashes.at + from.count,
    };
    struct kt_spool_position *pos = kt_alloc_array(n + 1, sizeof *pos);
    uint64_t seq = 0;

    for (unsigned i = 0; i < n; i++)
        pos[i] = (struct kt_spool_position){ kt_str_of(a->positions[i].key),
                                             kt_str_of(a->positions[i].value) };
    enum kt_status st = kt_spool_append_hashed(a->spool, &lines, pos, n, &seq, err);
    kt_free(pos);
    if (st != KT_OK)
        return st;
    if (positions)
        drop_positions(a);
    a->counts.batches += c.count > 0;
    a->unsynced = true;
    return KT_OK;
}

/* Takes what is in the spool out of the line buffer. */
static void consume(struct kt_agent *a, size_t cuts, struct cut done)
{
    size_t bytes = done.end, hashes = (size_t)done.count * HASH;

    if (cuts == 0)
        return;
    a->lines.len -= bytes;
    memmove(a->lines.at, a->lines.at + bytes, a->lines.len);
    a->hashes.len -= hashes;
    memmove(a->hashes.at, a->hashes.at + hashes, a->hashes.len);
    a->n_cuts -= cuts;
    memmove(a->cuts, a->cuts + cuts, a->n_cuts * sizeof *a->cuts);
    for (size_t i = 0; i < a->n_cuts; i++)
        a->cuts[i].end -= bytes;
    a->open_start -= bytes;
}

static void note_full(struct kt_agent *a, const struct kt_error *why)
{
    if (!a->full || a->mono - a->full_logged >= KT_NS_MIN) {
        kt_log(KT_LOG_WARN, "agent: reading stops until there is room: %s", why->text);
        a->full_logged = a->mono;
    }
    a->full = true;
}

/* Appends every closed batch, with all = true also the open one and the positions. */
static enum kt_status flush(struct kt_agent *a, bool all, struct kt_error *err)
{
    enum kt_status st = KT_OK;
    size_t done = 0;
    struct cut from = { 0 }; /* where those that are done end, and how many lines they are */

    if (all) {
        close_batch(a);
        for (unsigned i = 0; i < a->n_sources; i++)
            note_positions(a, &a->sources[i]);
    }
    for (; st == KT_OK && done < a->n_cuts; done++) {
        bool last = all && done + 1 == a->n_cuts;
        st = append(a, from, a->cuts[done], last, err);
        if (st != KT_OK)
            break;
        from.end = a->cuts[done].end;
        from.count += a->cuts[done].count;
    }
    consume(a, done, from);
    if (st == KT_OK && all && a->n_positions > 0)
        st = append(a, (struct cut){ 0 }, (struct cut){ 0 }, true, err);
    if (st == KT_E_AGAIN) {
        note_full(a, err);
        return KT_OK;
    }
    if (st == KT_OK && a->full) {
        kt_log(KT_LOG_INFO, "agent: there is room in the spool again");
        a->full = false;
    }
    return st;
}

static enum kt_status sync_spool(struct kt_agent *a, struct kt_error *err)
{
    a->unsynced = false;
    return kt_spool_sync(a->spool, err);
}

static bool somebody_waits(const struct kt_agent *a)
{
    for (unsigned i = 0; i < a->n_sources; i++)
        if (a->sources[i].opened.type->waits != NULL &&
            a->sources[i].opened.type->waits(a->sources[i].opened.input))
            return true;
    return false;
}

/* Nothing is read while a sync waits for the disk, and the sooner it is asked for, the fewer lines
 * it is for. What an agent that is behind gives to a collector that is busy with others of its
 * batches would only wait there. */
static kt_time_ns sync_after(const struct kt_agent *a)
{
    bool busy = a->link.state == KT_LINK_READY && a->link.sent - a->link.acked >= PLENTY;
    return a->behind && busy ? PLENTY_DELAY : KT_BATCH_DELAY_MS * KT_NS_MS;
}

static bool flush_is_due(const struct kt_agent *a)
{
    if (a->full || a->found || somebody_waits(a))
        return true; /* is there room again? */
    if (a->open_since != 0)
        return a->mono - a->open_since >= sync_after(a);
    return a->mono - a->positions_at >= POSITION_EVERY;
}

static enum kt_status write_out(struct kt_agent *a, struct kt_error *err)
{
    if (!flush_is_due(a)) {
        if (a->open_count > 0 && a->mono - a->batch_since >= KT_BATCH_DELAY_MS * KT_NS_MS)
            close_batch(a);
        return a->n_cuts > 0 ? flush(a, false, err) : KT_OK;
    }
    a->positions_at = a->mono;
    a->found = false;
    if (flush(a, true, err) != KT_OK || sync_spool(a, err) != KT_OK)
        return kt_wrap(err, "agent");
    if (a->lines.len == 0)
        a->open_since = 0;
    for (unsigned i = 0; i < a->n_sources && !a->full; i++)
        if (a->sources[i].opened.type->kept != NULL)
            a->sources[i].opened.type->kept(a->sources[i].opened.input);
    return KT_OK;
}

/* ---- the turn ---- */

/* A log that is rotated away between the first look and the first position on disk could not be
 * found again after a crash: a newly found file's position is written in the same turn. */
static void look_for_new_files(struct kt_agent *a, struct instance *in)
{
    struct kt_input_status st = { 0 };
    in->opened.type->status(in->opened.input, &st);
    a->found = a->found || st.files > in->files;
    in->files = st.files;
}

static enum kt_status read_inputs(struct kt_agent *a, struct kt_error *err)
{
    size_t budget = a->full || a->lines.len >= FULL_LINES ? 0 : STEP_BYTES;
    bool more = false;

    for (unsigned i = 0; i < a->n_sources; i++) {
        struct instance *in = &a->sources[(a->turn + i) % a->n_sources];
        bool this_more = false;
        if (in->opened.type->step(in->opened.input, a->now, budget, &this_more, err) != KT_OK)
            return kt_wrap(err, "source '%s'", in->conf->id);
        more = more || this_more;
        look_for_new_files(a, in);
    }
    a->turn = a->n_sources > 0 ? (a->turn + 1) % a->n_sources : 0;
    a->behind = more && budget > 0;
    return KT_OK;
}

static int shorter(int a, int b)
{
    return a < b ? a : b;
}

static int wait_of(const struct kt_agent *a, int link_wait_ms)
{
    int wait = shorter(link_wait_ms, a->full ? FULL_POLL_MS : POLL_MS);

    if (a->behind)
        return 0;
    if (a->open_since != 0 && !a->full) {
        kt_time_ns left = a->open_since + KT_BATCH_DELAY_MS * KT_NS_MS - a->mono;
        wait = shorter(wait, left > 0 ? (int)(left / KT_NS_MS) + 1 : 0);
    }
    for (unsigned i = 0; i < a->n_sources && !a->full; i++)
        if (a->sources[i].opened.type->wait_ms != NULL)
            wait = shorter(wait, a->sources[i].opened.type->wait_ms(a->sources[i].opened.input));
    return shorter(wait, agent_report_wait_ms(a));
}

enum kt_status kt_agent_turn(struct kt_agent *a, int *ret_wait_ms, struct kt_error *err)
{
    int link_wait = POLL_MS, standby_wait = POLL_MS;

    a->now = a->o.clock.wall(a->o.clock.self);
    a->mono = a->o.clock.mono(a->o.clock.self);
    if (agent_hear(a, err) != KT_OK || read_inputs(a, err) != KT_OK)
        return kt_wrap(err, "agent");
    agent_report_due(a);
    agent_watch_turn(a);
    if (write_out(a, err) != KT_OK || agent_standby_turn(a, &standby_wait, err) != KT_OK ||
        agent_talk(a, &link_wait, err) != KT_OK)
        return kt_wrap(err, "agent");
    *ret_wait_ms = wait_of(a, shorter(link_wait, standby_wait));
    return KT_OK;
}

unsigned kt_agent_fds(struct kt_agent *a, int *fds, unsigned max)
{
    unsigned n = 0;

    if (a->full) /* nothing is taken: what waits would wake us again and again */
        return 0;
    for (unsigned i = 0; i < a->n_sources && n < max; i++) {
        int fd = a->sources[i].opened.type->fd(a->sources[i].opened.input);
        if (fd >= 0)
            fds[n++] = fd;
    }
    return n;
}

static bool is_whole(const struct kt_agent *a)
{
    bool whole = a->spool != NULL;
    for (unsigned i = 0; i < a->n_sources; i++)
        whole = whole && a->sources[i].opened.input != NULL;
    return whole;
}

/* What was heard and not fed yet would be gone: whoever told it does not tell it again. */
static enum kt_status stop_inputs(struct kt_agent *a, struct kt_error *err)
{
    for (unsigned i = 0; i < a->n_sources; i++) {
        struct instance *in = &a->sources[i];
        if (in->opened.type->stop != NULL &&
            in->opened.type->stop(in->opened.input, a->now, err) != KT_OK)
            return kt_wrap(err, "source '%s'", in->conf->id);
    }
    return KT_OK;
}

static void keep_the_last(struct kt_agent *a)
{
    struct kt_error err = { 0 };
    enum kt_status st = stop_inputs(a, &err);
    if (st == KT_OK)
        st = flush(a, true, &err);
    if (st == KT_OK)
        st = sync_spool(a, &err);
    if (st != KT_OK || a->full)
        kt_log(KT_LOG_WARN,
               "agent: the last lines are not kept: logs and queues are read again at the next "
               "start, what was only heard is gone: %s",
               st != KT_OK ? err.text : "the spool is full");
}

void kt_agent_free(struct kt_agent *a)
{
    if (a == NULL)
        return;
    if (is_whole(a))
        keep_the_last(a);
    for (unsigned i = 0; i < a->n_sources; i++) {
        kt_source_close(&a->sources[i].opened);
    }
    for (unsigned i = 0; i < a->n_sources; i++)
        if (a->sources[i].owns_memory)
            kt_source_memory_free(a->sources[i].memory);
    drop_positions(a);
    kt_log_watch_free(a->watch);
    kt_spool_close(a->spool);
    kt_free(a->positions);
    kt_free(a->sources);
    kt_free(a->cuts);
    kt_buf_done(&a->lines);
    kt_buf_done(&a->hashes);
    kt_buf_done(&a->frame);
    kt_buf_done(&a->body);
    kt_wipe(&a->signer, sizeof a->signer);
    kt_free(a);
}
