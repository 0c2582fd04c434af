/*
 * pipeline_split: buffers a stream and hands out its records; the two outer forms are in
 * pipeline_split_lines.c and pipeline_split_objects.c.
 *
 * Owns:  the bytes of the record being read, at most KT_RECORD_MAX and one feed.
 * Calls: core/base.
 */
#include <string.h>

#include "agents/pipeline_split_int.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"

#define SLICE 4096u /* bytes of a feed that are put behind those of the one before at once */

struct kt_splitter *kt_splitter_new(const struct kt_source *source, const struct needles *needles,
                                    kt_piece_fn *piece, void *self)
{
    struct kt_splitter *s = kt_alloc(sizeof *s);
    s->source = source;
    s->needles = needles;
    s->piece = piece;
    s->self = self;
    kt_split_objects_init(s);
    return s;
}

void kt_splitter_free(struct kt_splitter *s)
{
    if (s == NULL)
        return;
    kt_buf_done(&s->own);
    kt_buf_done(&s->head);
    kt_buf_done(&s->text);
    kt_buf_done(&s->coded);
    kt_free(s->wraps);
    kt_free(s);
}

void kt_splitter_restart(struct kt_splitter *s, uint64_t pos)
{
    struct kt_splitter fresh = { .source = s->source,
                                 .needles = s->needles,
                                 .piece = s->piece,
                                 .self = s->self,
                                 .base = pos,
                                 .own = s->own,
                                 .head = s->head,
                                 .text = s->text,
                                 .coded = s->coded,
                                 .wraps = s->wraps,
                                 .n_wraps = s->n_wraps,
                                 .wrap_lengths = s->wrap_lengths,
                                 .begins = s->begins,
                                 .ahead = s->ahead };
    memcpy(fresh.wrap_first, s->wrap_first, sizeof fresh.wrap_first);
    *s = fresh;
    kt_buf_reset(&s->own);
    kt_buf_reset(&s->head);
}

static enum kt_status give_waiting(struct kt_splitter *s, struct kt_error *err)
{
    const struct kt_str from = s->wait.where == IN_HEAD   ? kt_buf_str(&s->head)
                               : s->wait.where == IN_TEXT ? kt_buf_str(&s->text)
                                                          : s->buf;
    struct kt_piece piece = { .kind = s->wait.kind,
                              .about = s->wait.about,
                              .text = kt_str_sub(from, s->wait.from, s->wait.to - s->wait.from),
                              .offset = s->wait.offset,
                              .bytes = s->wait.bytes };
    enum kt_status st = s->piece(s->self, &piece, err);
    s->waiting = st != KT_OK;
    return st;
}

static enum kt_status give(struct kt_splitter *s, enum kt_piece_kind kind, enum kt_about about,
                           size_t from, size_t to, struct kt_error *err)
{
    s->waiting = true;
    s->wait.kind = kind;
    s->wait.about = about;
    s->wait.where = IN_BUF;
    s->wait.from = from;
    s->wait.to = to;
    s->wait.offset = s->base + from;
    s->wait.bytes = to - from;
    return give_waiting(s, err);
}

enum kt_status kt_split_give(struct kt_splitter *s, enum kt_piece_kind kind, size_t from, size_t to,
                             struct kt_error *err)
{
    return give(s, kind, KT_ABOUT_ANY, from, to, err);
}

static enum kt_about about(const struct kt_splitter *s)
{
    return s->found ? KT_ABOUT_SECRETS : s->looked ? KT_ABOUT_OTHERS : KT_ABOUT_ANY;
}

enum kt_status kt_split_give_record(struct kt_splitter *s, size_t to, struct kt_error *err)
{
    if (!s->over)
        return give(s, KT_PIECE_RECORD, about(s), s->start, to, err);
    s->over = false;
    s->waiting = true;
    s->wait.kind = KT_PIECE_LONG;
    s->wait.about = KT_ABOUT_ANY;
    s->wait.where = IN_HEAD;
    s->wait.from = 0;
    s->wait.to = s->head.len;
    s->wait.offset = s->over_offset;
    s->wait.bytes = s->base + to - s->over_offset;
    return give_waiting(s, err);
}

enum kt_status kt_split_give_text(struct kt_splitter *s, bool ok, struct kt_error *err)
{
    bool object = ok && kt_str_starts(kt_str_trim(kt_buf_str(&s->text)), KT_STR("{"));
    s->waiting = true;
    s->wait.kind = object ? KT_PIECE_RECORD : KT_PIECE_OTHER;
    s->wait.about = KT_ABOUT_ANY;
    s->wait.where = IN_TEXT;
    s->wait.from = 0;
    s->wait.to = s->text.len;
    s->wait.offset = s->base + s->string_at;
    s->wait.bytes = s->text.len;
    return give_waiting(s, err);
}

void kt_split_watch_length(struct kt_splitter *s)
{
    if (s->over || s->scan - s->start <= KT_RECORD_MAX)
        return;
    s->over = true;
    s->over_offset = s->base + s->start;
    kt_buf_reset(&s->head);
    kt_buf_add(&s->head, kt_str_sub(s->buf, s->start, SPLIT_HEAD));
}

static bool is_lines(const struct kt_splitter *s)
{
    return s->source->split == KT_SPLIT_LINES;
}

/* Passes over what is not needed any more. */
static void pass(struct kt_splitter *s)
{
    size_t keep = is_lines(s) ? kt_split_lines_keep(s) : kt_split_objects_keep(s);
    if (s->waiting && s->wait.where == IN_BUF && s->wait.from < keep)
        keep = s->wait.from;
    if (keep == 0)
        return;
    if (!is_lines(s))
        kt_split_objects_forget(s, keep);
    s->buf = kt_str_from_index(s->buf, keep);
    s->base += keep;
    s->start = s->start > keep ? s->start - keep : 0;
    s->line_at = s->line_at > keep ? s->line_at - keep : 0;
    s->scan -= keep;
    if (s->waiting && s->wait.where == IN_BUF) {
        s->wait.from -= keep;
        s->wait.to -= keep;
    }
}

static enum kt_status run(struct kt_splitter *s, bool end, struct kt_error *err)
{
    enum kt_status st = s->waiting ? give_waiting(s, err) : KT_OK;
    if (st == KT_OK)
        st = is_lines(s) ? kt_split_lines_run(s, end, err) : kt_split_objects_run(s, end, err);
    pass(s);
    return st;
}

/* What was passed over goes from own. */
static void tidy(struct kt_splitter *s)
{
    if (s->buf.len > 0)
        memmove(s->own.at, s->buf.at, s->buf.len);
    s->own.len = s->buf.len;
    s->buf = kt_buf_str(&s->own);
}

static void add(struct kt_splitter *s, struct kt_str more)
{
    const size_t len = s->buf.len + more.len;
    kt_buf_add(&s->own, more);
    s->buf = kt_str_from_index(kt_buf_str(&s->own), s->own.len - len);
}

/* Bytes that waited for more are worked off with the first of the fresh ones; those behind are read
 * where they are, and only what waits for the next feed is copied. */
static enum kt_status take(struct kt_splitter *s, struct kt_str fresh, struct kt_error *err)
{
    size_t taken = 0;
    enum kt_status st = KT_OK;
    for (; st == KT_OK && s->buf.len > taken && taken < fresh.len;
         taken += kt_str_sub(fresh, taken, SLICE).len) {
        add(s, kt_str_sub(fresh, taken, SLICE));
        st = run(s, false, err);
    }
    if (st != KT_OK) { /* all of it is kept */
        add(s, kt_str_from_index(fresh, taken));
        tidy(s);
        return st;
    }
    if (taken == fresh.len) {
        tidy(s);
        return KT_OK;
    }
    s->buf = kt_str_from_index(fresh, taken - s->buf.len);
    st = run(s, false, err);
    kt_buf_reset(&s->own);
    kt_buf_add(&s->own, s->buf);
    s->buf = kt_buf_str(&s->own);
    return st;
}

enum kt_status kt_splitter_feed(struct kt_splitter *s, struct kt_str bytes, uint64_t pos,
                                struct kt_error *err)
{
    if (s->waiting || s->scan < s->buf.len) { /* a backlog from before; nothing new until it went */
        enum kt_status st = run(s, false, err);
        tidy(s);
        if (st != KT_OK)
            return st;
    }
    uint64_t next = s->base + s->buf.len;
    if (pos > next) { /* a hole: what was cut there stays cut */
        enum kt_status st = kt_splitter_end(s, err);
        if (st != KT_OK)
            return st;
        kt_splitter_restart(s, pos);
        next = pos;
    }
    return take(s, kt_str_from_index(bytes, (size_t)(next - pos)), err);
}

enum kt_status kt_splitter_end(struct kt_splitter *s, struct kt_error *err)
{
    enum kt_status st = run(s, true, err);
    tidy(s);
    return st;
}

uint64_t kt_splitter_low_water(const struct kt_splitter *s)
{
    if (s->waiting)
        return s->wait.offset;
    if (s->over)
        return s->over_offset;
    return s->base + (is_lines(s) ? kt_split_lines_keep(s) : kt_split_objects_keep(s));
}
