/*
 * stream_batch: reads the log and has it encoded.
 *
 * Owns:  a read-only store handle, facts, the lines and the body of one batch.
 * Calls: core/store/read, core/query, exporters/streams, zip, hash.
 * Holds: the same bounds give the same items in the same order, today and after a crash; a cursor
 *        lives for a tenth of a second at most (D4).
 */
#include "collector/stream_batch.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/base/zip.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/sys/clock.h"
#include <string.h>

#define READ_TIME    (100 * KT_NS_MS)
#define COLLECT_TIME (2 * KT_NS_S) /* for a body that is not full yet */
#define ARENA        (2u << 20)    /* of one item: a line of 256 KiB and what is made of it */
#define ZSTD         3

void kt_stream_log_done(struct kt_stream_log *l)
{
    kt_reader_close(l->reader);
    kt_facts_free(l->facts);
    kt_json_free(l->json);
    kt_stream_lives_done(&l->lives);
    l->reader = NULL;
    l->facts = NULL;
    l->json = NULL;
}

static enum kt_status open_log(struct kt_stream_log *l, struct kt_error *err)
{
    struct kt_store_stats stats;
    if (l->reader != NULL)
        return KT_OK;
    enum kt_status st = kt_reader_open(l->path, &l->reader, err);
    if (st == KT_OK)
        st = kt_reader_stats(l->reader, &stats, err);
    if (st == KT_OK)
        st = kt_facts_load(l->reader, &l->facts, err);
    if (st != KT_OK) {
        kt_stream_log_done(l);
        return st;
    }
    l->json = kt_json_new(KT_JSON_SIMDJSON);
    (void)kt_id_format(stats.log_id, l->id);
    return KT_OK;
}

void kt_stream_made_init(struct kt_stream_made *m, const struct kt_stream_setup *s)
{
    *m = (struct kt_stream_made){ .arena = kt_arena_new(ARENA), .zip = kt_zip_new() };
    m->state = kt_alloc(s->encoder->state_size + 1);
    m->before = kt_alloc(s->encoder->state_size + 1);
}

void kt_stream_made_done(struct kt_stream_made *m)
{
    kt_free(m->entries);
    kt_free(m->live);
    kt_free(m->state);
    kt_free(m->before);
    kt_buf_done(&m->lines);
    kt_buf_done(&m->body);
    kt_buf_done(&m->packed);
    if (m->zip != NULL)
        kt_arena_done(&m->arena);
    kt_zip_free(m->zip);
    *m = (struct kt_stream_made){ 0 };
}

/* ---- reading ---- */

static struct kt_stream_entry *add_entry(struct kt_stream_made *m, enum kt_stream_what what,
                                         const struct kt_record *r, struct kt_str line)
{
    if (m->n == m->room) {
        m->room = m->room == 0 ? 256 : 2 * m->room;
        m->entries = kt_realloc_array(m->entries, m->room, sizeof *m->entries);
        m->live = kt_realloc_array(m->live, m->room, sizeof *m->live);
    }
    struct kt_stream_entry *e = &m->entries[m->n++];
    *e = (struct kt_stream_entry){ .what = what,
                                   .fate = KT_STREAM_FATE_RETRY,
                                   .seq = r->seq,
                                   .arrival = r->arrival,
                                   .stored = r->stored,
                                   .at = m->lines.len,
                                   .len = line.len };
    kt_buf_add(&m->lines, line);
    return e;
}

static void add_event(struct kt_stream_made *m, const struct kt_record *r)
{
    uint8_t id[16], access[16];
    struct kt_stream_entry *e = add_entry(m, KT_STREAM_EVENT, r, r->line);
    kt_event_id(&r->ev, id);
    (void)kt_id_format(id, e->about);
    e->conflict = r->conflict;
    if (e->conflict) {
        kt_event_access_digest(&r->ev, access);
        const struct kt_str parts[] = { kt_str_from(id, sizeof id),
                                        kt_str_from(access, sizeof access) };
        kt_blake2b(parts, KT_ARRAY_LEN(parts), id, sizeof id);
    }
    (void)kt_id_format(id, e->id);
}

/* The record tells that the alert changed; its row holds what it is now. When they differ, a later
 * record tells of the row as it is: that state is streamed then. */
static enum kt_status add_alert(struct kt_stream_log *l, struct kt_stream_made *m,
                                const struct kt_record *r, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_jval root;
    unsigned repaired = 0;
    uint8_t told[32], now[32];
    if (kt_json_parse(l->json, r->ev.raw, &root, &repaired, NULL) != KT_OK ||
        !kt_hex_decode(kt_json_str_at(root, "digest"), told, sizeof told))
        return KT_OK;
    enum kt_status st = kt_reader_alert(l->reader, r->ev.native_id, &json, now, err);
    if (st == KT_E_AGAIN || (st == KT_OK && memcmp(told, now, sizeof now) != 0))
        return KT_OK;
    if (st == KT_OK)
        st = kt_stream_lives_put(&l->lives, &json, err);
    if (st != KT_OK)
        return st;
    struct kt_stream_entry *e = add_entry(m, KT_STREAM_ALERT, r, kt_buf_str(&json));
    (void)kt_id_format(told, e->id);
    kt_str_copyz(e->about, sizeof e->about, r->ev.native_id);
    return KT_OK;
}

/* Somebody acknowledged, assigned, closed … an alert: a state of its own, named by the record. */
static enum kt_status add_step(struct kt_stream_log *l, struct kt_stream_made *m,
                               const struct kt_record *r, const char alert[KT_ID_TEXT],
                               struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    uint8_t digest[32], id[16];
    enum kt_status st = kt_reader_alert(l->reader, kt_str_of(alert), &json, digest, err);
    if (st == KT_E_AGAIN)
        return KT_OK; /* its row is gone */
    if (st == KT_OK)
        st = kt_stream_lives_put(&l->lives, &json, err);
    if (st != KT_OK)
        return st;
    struct kt_stream_entry *e = add_entry(m, KT_STREAM_ALERT, r, kt_buf_str(&json));
    kt_event_id(&r->ev, id);
    const struct kt_str parts[] = { kt_str_of(alert), kt_str_from(id, sizeof id) };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), id, sizeof id);
    (void)kt_id_format(id, e->id);
    kt_str_copyz(e->about, sizeof e->about, kt_str_of(alert));
    return KT_OK;
}

static bool is_alert(const struct kt_record *r)
{
    return r->ev.kind == KT_KIND_AUDIT && kt_str_is(r->ev.operation, KT_ALERT_OPERATION) &&
           kt_str_is(r->ev.instance, "alerts");
}

static enum kt_status take(struct kt_stream_log *l, const struct kt_stream_setup *s,
                           struct kt_stream_made *m, const struct kt_record *r,
                           struct kt_error *err)
{
    bool wanted = kt_query_names_kind(s->query) || r->ev.kind == KT_KIND_ACCESS;
    char alert[KT_ID_TEXT];
    kt_facts_see(l->facts, r);
    bool step = s->stream->alerts && kt_stream_lives_see(&l->lives, l->json, r, alert);
    if (s->stream->alerts && is_alert(r))
        return add_alert(l, m, r, err);
    if (wanted && kt_query_matches(s->query, r,
                                   r->ev.has_ip ? kt_facts_at(l->facts, r->ev.ip, r->seq) : NULL))
        add_event(m, r);
    return step ? add_step(l, m, r, alert, err) : KT_OK;
}

/* Is there room for one more? */
static bool is_full(const struct kt_stream_setup *s, const struct kt_stream_range *range,
                    const struct kt_stream_made *m)
{
    return m->n >= range->items || m->lines.len >= s->encoder->limits.bytes;
}

/* Reads on for READ_TIME, so that no snapshot is held for long: a slow machine makes more slices,
 * not smaller batches. KT_E_AGAIN: the log ends here. A batch whose end is known is one slice. */
static enum kt_status read_slice(struct kt_stream_log *l, const struct kt_stream_setup *s,
                                 const struct kt_stream_range *range, const struct kt_scan *scan,
                                 struct kt_stream_made *m, struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_record r;
    kt_time_ns end = kt_clock_real.mono(kt_clock_real.self) + READ_TIME;
    enum kt_status st = kt_cursor_open(l->reader, scan, &c, err);
    for (unsigned looked = 1; st == KT_OK && !is_full(s, range, m); looked++) {
        if (range->until == 0 && looked % 256 == 0 && kt_clock_real.mono(kt_clock_real.self) > end)
            break;
        st = kt_cursor_next(c, &r, err);
        if (st == KT_OK)
            st = take(l, s, m, &r, err);
        if (st == KT_OK)
            m->through = r.seq;
    }
    kt_cursor_free(c);
    return st;
}

enum kt_status kt_stream_collect(struct kt_stream_log *l, const struct kt_stream_setup *s,
                                 const struct kt_stream_range *range, struct kt_stream_made *m,
                                 struct kt_error *err)
{
    struct kt_damage damage = { 0 }; /* what is lost in the store is lost here, and goes on */
    struct kt_scan scan = { .control = true, .records = true, .damage = &damage };
    m->n = 0;
    m->through = range->from;
    m->cut = false;
    kt_buf_reset(&m->lines);
    if (open_log(l, err) != KT_OK)
        return KT_E_IO;
    if (s->stream->alerts && kt_stream_lives_at(&l->lives, l->reader, range->from, err) != KT_OK) {
        kt_stream_log_done(l);
        return KT_E_IO;
    }
    kt_query_plan(s->query, &scan);
    scan.until_seq = range->until;
    kt_time_ns end = kt_clock_real.mono(kt_clock_real.self) + COLLECT_TIME;
    enum kt_status st;
    do {
        scan.from_seq = m->through + 1;
        st = read_slice(l, s, range, &scan, m, err);
    } while (st == KT_OK && m->n > 0 && !is_full(s, range, m) &&
             kt_clock_real.mono(kt_clock_real.self) < end);
    m->cut = st == KT_OK;
    if (st == KT_E_AGAIN) { /* what the sieves left out behind the last record counts, too */
        uint64_t end_seq = range->until != 0 ? range->until : range->last;
        m->through = end_seq > m->through ? end_seq : m->through;
        l->lives.until = m->through;
        return KT_OK;
    }
    if (st != KT_OK)
        kt_stream_log_done(l); /* opened anew next time */
    return st;
}

enum kt_status kt_stream_place(struct kt_stream_log *l, kt_time_ns since, uint64_t *ret,
                               struct kt_error *err)
{
    const struct kt_scan scan = { .records = true, .since = since };
    struct kt_store_stats stats;
    struct kt_cursor *c = NULL;
    struct kt_record r;
    if (open_log(l, err) != KT_OK || kt_reader_stats(l->reader, &stats, err) != KT_OK)
        return KT_E_IO;
    enum kt_status st = kt_cursor_open(l->reader, &scan, &c, err);
    if (st == KT_OK)
        st = kt_cursor_next(c, &r, err);
    if (st == KT_OK)
        *ret = r.seq - 1;
    else if (st == KT_E_AGAIN)
        *ret = stats.records;
    kt_cursor_free(c);
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* ---- encoding ---- */

static enum kt_status add_item(const struct kt_stream_setup *s, const struct kt_stream_log *l,
                               struct kt_stream_made *m, const struct kt_stream_entry *e,
                               struct kt_error *err)
{
    const struct kt_stream_type *t = s->encoder;
    struct kt_event ev;
    struct kt_alert alert;
    struct kt_stream_item item = { .what = e->what,
                                   .deployment = s->conf->deployment,
                                   .log = l->id,
                                   .seq = e->seq,
                                   .arrival = e->arrival,
                                   .stored = e->stored,
                                   .now = m->now,
                                   .conflict = e->conflict,
                                   .line = kt_str_from(m->lines.at + e->at, e->len) };
    memcpy(item.id, e->id, sizeof item.id);
    memcpy(item.about, e->about, sizeof item.about);
    kt_arena_reset(&m->arena);
    enum kt_status st = e->what == KT_STREAM_EVENT
                            ? kt_line_read(item.line, &m->arena, &ev, err)
                            : kt_alert_read(item.line, &m->arena, &alert, err);
    if (st != KT_OK)
        return st;
    if (e->what == KT_STREAM_EVENT) {
        item.event = &ev;
        item.fact = ev.has_ip ? kt_facts_at(l->facts, ev.ip, e->seq) : NULL;
    } else {
        item.alert = &alert;
    }
    st = t->add(s->encoder_options != NULL ? s->encoder_options : s->options, m->state, &item,
                &m->arena, &m->body, err);
    return st == KT_OK && m->arena.full ? kt_fail(err, KT_E_LIMIT, "it does not fit") : st;
}

/* What the batch is called: by its place in the log, not by its bytes, which may change with the
 * encoder. */
static void name_batch(const struct kt_stream_log *l, struct kt_stream_made *m)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    uint8_t digest[32];
    kt_buf_addz(&text, l->id);
    for (unsigned i = 0; i < m->batch.n; i++) {
        const struct kt_stream_entry *e = &m->entries[m->live[i]];
        kt_buf_u64(&text, e->seq);
        kt_buf_addz(&text, e->id);
    }
    const struct kt_str all = kt_buf_str(&text);
    kt_sha256_of(&all, 1, digest);
    kt_hex(m->batch.digest, digest, sizeof digest);
}

static void pack(const struct kt_stream_setup *s, struct kt_stream_made *m)
{
    struct kt_str body = kt_buf_str(&m->body);
    kt_buf_reset(&m->packed);
    if (s->type->pack == KT_STREAM_GZIP)
        kt_gzip(body, &m->packed);
    else if (s->type->pack == KT_STREAM_ZSTD)
        kt_zip_pack(m->zip, body, ZSTD, &m->packed);
    m->batch.body = s->type->pack == KT_STREAM_PLAIN ? body : kt_buf_str(&m->packed);
    if (s->type->hash_body)
        kt_sha256_of(&m->batch.body, 1, m->batch.body_sha256);
}

void kt_stream_encode(const struct kt_stream_setup *s, const struct kt_stream_log *l,
                      struct kt_stream_made *m, unsigned items,
                      void (*refused)(void *self, const struct kt_stream_entry *e, const char *why),
                      void *self)
{
    const struct kt_stream_type *t = s->encoder;
    const void *opt = s->encoder_options != NULL ? s->encoder_options : s->options;
    unsigned i = 0;
    kt_buf_reset(&m->body);
    memset(m->state, 0, t->state_size);
    m->batch = (struct kt_stream_batch){ .stream = s->stream->name,
                                         .deployment = s->conf->deployment,
                                         .log = l->id };
    if (t->begin != NULL)
        t->begin(opt, m->state, &m->body);
    for (; i < m->n && m->batch.n < items; i++) {
        struct kt_stream_entry *e = &m->entries[i];
        struct kt_error why = { 0 };
        size_t before = m->body.len;
        if (e->fate != KT_STREAM_FATE_RETRY)
            continue;
        memcpy(m->before, m->state, t->state_size);
        bool bad = add_item(s, l, m, e, &why) != KT_OK;
        bool full = !bad && m->batch.n > 0 && m->body.len > t->limits.bytes;
        if (bad || full) {
            m->body.len = before;
            memcpy(m->state, m->before, t->state_size);
        }
        if (full)
            break;
        if (bad) {
            e->fate = KT_STREAM_FATE_REFUSED;
            refused(self, e, why.text);
            continue;
        }
        m->live[m->batch.n++] = i;
    }
    if (i < m->n) { /* the rest is the next batch's, but for the other item of the same record */
        bool torn = i > 0 && m->entries[i - 1].seq == m->entries[i].seq;
        m->cut = true;
        m->n = torn ? i + 1 : i;
        m->through = torn ? m->entries[i].seq : m->entries[i].seq - 1;
    }
    if (t->end != NULL)
        t->end(opt, m->state, &m->body);
    if (m->batch.n > 0) {
        m->batch.first_seq = m->entries[m->live[0]].seq;
        m->batch.last_seq = m->entries[m->live[m->batch.n - 1]].seq;
        m->batch.stored = m->entries[m->live[0]].stored;
    }
    name_batch(l, m);
    pack(s, m);
}
