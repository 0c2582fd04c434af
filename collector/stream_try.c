/*
 * stream_try: `stream test NAME`: one marked event to a stream's target, outside of the stream.
 *
 * Owns:  nothing.
 * Calls: stream_setup, stream_batch, stream_carry, the line's writer.
 * Holds: the event is of kind audit, so no view counts it as an access; files are only looked at,
 *        as the collector may be writing them.
 */
#include "collector/stream_batch.h"
#include "collector/stream_carry.h"
#include "collector/streams.h"
#include "core/event/line.h"
#include <stdio.h>
#include <string.h>

static enum kt_status test_line(kt_time_ns now, const char *stream, struct kt_buf *line,
                                struct kt_stream_entry *e, struct kt_error *err)
{
    char native[40], message[160];
    uint8_t id[16];
    (void)snprintf(native, sizeof native, "stream-test-%lld", (long long)now);
    (void)snprintf(message, sizeof message, "test of stream %s: nobody has to do anything", stream);
    struct kt_event ev = { .kind = KT_KIND_AUDIT,
                           .source = KT_STR("keytrail"),
                           .instance = KT_STR("collector"),
                           .native_id = kt_str_of(native),
                           .operation = KT_STR("stream.test"),
                           .message = kt_str_of(message),
                           .time = now,
                           .observed = now };
    if (kt_line_write(&ev, line, err) != KT_OK)
        return err->code;
    kt_event_id(&ev, id);
    (void)kt_id_format(id, e->id);
    (void)kt_id_format(id, e->about);
    e->len = line->len;
    return KT_OK;
}

static void refused(void *self, const struct kt_stream_entry *e, const char *why)
{
    struct kt_stream_tested *t = self;
    (void)e;
    kt_str_copyz(t->word, sizeof t->word, kt_str_of(why));
}

static void send_one(const struct kt_stream_setup *s, const struct kt_carrier *c,
                     struct kt_str line, const struct kt_stream_entry *entry,
                     struct kt_stream_tested *ret)
{
    struct kt_stream_log log = { .id = "00000000000000000000000000" };
    struct kt_stream_made m;
    struct kt_stream_entry one = *entry;
    unsigned live[1];
    uint8_t fate[1] = { 0 };
    kt_stream_made_init(&m, s);
    m.entries = &one;
    m.live = live;
    m.n = 1;
    m.now = entry->arrival;
    kt_buf_add(&m.lines, line);
    kt_stream_encode(s, &log, &m, 1, refused, ret);
    m.batch.test = true;
    struct kt_stream_sending sending = { .batch = &m.batch, .fate = fate };
    if (m.batch.n == 1) {
        c->send(c->self, &sending);
        ret->status = sending.status;
        ret->taken = sending.verdict == KT_STREAM_TAKEN && fate[0] == KT_STREAM_FATE_TAKEN;
        memcpy(ret->word, sending.word, sizeof ret->word);
    }
    m.entries = NULL; /* they are not the batch's to free */
    m.live = NULL;
    kt_stream_made_done(&m);
}

/* May a file be made where the stream's are? */
static enum kt_status probe_folder(const char *folder, struct kt_error *err)
{
    char path[1024];
    struct kt_file *f = NULL;
    (void)snprintf(path, sizeof path, "%s/.keytrail-stream-test", folder);
    enum kt_status st = kt_fs_real.open(kt_fs_real.self, path, KT_OPEN_NEW, &f, err);
    if (st != KT_OK)
        return st;
    kt_fs_real.close(f);
    return kt_fs_real.unlink(kt_fs_real.self, path, err);
}

static enum kt_status try_it(struct kt_stream_setup *s, struct kt_stream_tested *ret,
                             struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    const struct kt_carrier_options o = {
        .setup = s, .clock = kt_clock_real, .fs = kt_fs_real, .wake_fd = -1
    };
    struct kt_carrier c;
    kt_time_ns now = kt_clock_real.wall(NULL), start = kt_clock_real.mono(NULL);
    struct kt_stream_entry e = {
        .fate = KT_STREAM_FATE_RETRY, .seq = 1, .arrival = now, .stored = now
    };
    if (test_line(now, s->stream->name, &line, &e, err) != KT_OK ||
        kt_carrier_open(&o, &c, err) != KT_OK)
        return err->code;
    if (s->type->sink == KT_STREAM_SINK_FILE) {
        enum kt_status st = probe_folder(s->type->file(s->options)->folder, err);
        c.close(c.self);
        ret->taken = st == KT_OK;
        return st;
    }
    send_one(s, &c, kt_buf_str(&line), &e, ret);
    c.close(c.self);
    ret->took = kt_clock_real.mono(NULL) - start;
    return KT_OK;
}

enum kt_status kt_stream_test(const struct kt_conf *conf, const char *name,
                              struct kt_stream_tested *ret, struct kt_error *err)
{
    const struct kt_conf_stream *c = NULL;
    struct kt_stream_setup s;
    if (kt_stream_named(conf, name, &c, err) != KT_OK ||
        kt_stream_setup_open(conf, c, &s, err) != KT_OK)
        return err->code;
    enum kt_status st = try_it(&s, ret, err);
    kt_stream_setup_done(&s);
    return st;
}
