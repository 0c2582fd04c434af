/*
 * stream_lines: how far each stream is.
 *
 * Owns:  nothing.
 * Calls: core/store/read, collector/stream_state.
 */
#include "cli/stream_lines.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include <inttypes.h>
#include <string.h>

struct walk {
    struct kt_reader *reader;
    uint64_t last_seq;
    kt_time_ns now;
    void (*each)(void *self, const struct kt_stream_line *line);
    void *self;
};

const char *kt_stream_state_word(const struct kt_stream_state *s)
{
    return s->off ? "off" : s->failures > 0 ? "failing" : "running";
}

/* When the first record came that the stream has not passed yet; 0: it has passed all. */
static enum kt_status waits_since(struct kt_reader *r, uint64_t position, kt_time_ns *ret,
                                  struct kt_error *err)
{
    const struct kt_scan scan = {
        .from_seq = position + 1, .records = true, .control = true, .detail = KT_DETAIL_LINE
    };
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    *ret = 0;
    enum kt_status st = kt_cursor_open(r, &scan, &c, err);
    if (st == KT_OK)
        st = kt_cursor_next(c, &rec, err);
    if (st == KT_OK)
        *ret = rec.stored;
    kt_cursor_free(c);
    return st == KT_E_AGAIN ? KT_OK : st;
}

static enum kt_status one(void *self, const char *blob, struct kt_str value, struct kt_error *err)
{
    struct walk *w = self;
    struct kt_stream_line line = { .name = blob + strlen(KT_STREAM_BLOB) };
    kt_time_ns since = 0;
    if (!kt_stream_state_read(value, &line.state))
        return KT_OK;
    if (w->last_seq > line.state.position) {
        if (waits_since(w->reader, line.state.position, &since, err) != KT_OK)
            return err->code;
        line.behind = w->last_seq - line.state.position;
        line.lag = since != 0 && since < w->now ? w->now - since : 0;
    }
    w->each(w->self, &line);
    return KT_OK;
}

enum kt_status kt_stream_lines(struct kt_reader *r, kt_time_ns now,
                               void (*each)(void *self, const struct kt_stream_line *line),
                               void *self, struct kt_error *err)
{
    struct kt_store_stats stats;
    if (kt_reader_stats(r, &stats, err) != KT_OK)
        return err->code;
    struct walk w = {
        .reader = r, .last_seq = stats.records, .now = now, .each = each, .self = self
    };
    return kt_reader_each(r, KT_STREAM_BLOB, one, &w, err);
}

struct texts {
    struct kt_buf *text, *json;
};

static void add_texts(void *self, const struct kt_stream_line *l)
{
    struct texts *t = self;
    const struct kt_stream_state *s = &l->state;
    if (s->off)
        return;
    kt_buf_addf(t->text, "stream     %s %s, %" PRIu64 " taken", l->name, kt_stream_state_word(s),
                s->delivered);
    if (l->behind > 0)
        kt_buf_addf(t->text, ", %" PRIu64 " behind (%" PRId64 " s)", l->behind, l->lag / KT_NS_S);
    if (s->dead > 0)
        kt_buf_addf(t->text, ", %" PRIu64 " dead", s->dead);
    if (s->last_error[0] != '\0') { /* a target's own words */
        kt_buf_addz(t->text, ": ");
        kt_tty_add(t->text, kt_str_of(s->last_error));
    }
    kt_buf_byte(t->text, '\n');
    if (t->json->len > 1)
        kt_buf_byte(t->json, ',');
    kt_json_quote(t->json, kt_str_of(l->name));
    kt_buf_addf(t->json,
                ":{\"state\":\"%s\",\"behind\":%" PRIu64 ",\"lag_seconds\":%" PRId64
                ",\"delivered\":%" PRIu64 ",\"dead\":%" PRIu64 ",\"last_error\":",
                kt_stream_state_word(s), l->behind, l->lag / KT_NS_S, s->delivered, s->dead);
    kt_json_quote(t->json, kt_str_of(s->last_error));
    kt_buf_byte(t->json, '}');
}

enum kt_status kt_stream_lines_status(struct kt_reader *r, kt_time_ns now, struct kt_buf *ret_text,
                                      struct kt_buf *ret_json, struct kt_error *err)
{
    struct texts t = { ret_text, ret_json };
    kt_buf_byte(ret_json, '{');
    enum kt_status st = kt_stream_lines(r, now, add_texts, &t, err);
    kt_buf_byte(ret_json, '}');
    return st;
}
