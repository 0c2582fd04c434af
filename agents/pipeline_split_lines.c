/*
 * pipeline_split_lines: one record a line. A record that somebody pretty-printed ("{" alone on a
 * line up to "}" alone on a line) is one too.
 *
 * Owns:  nothing; works on struct kt_splitter.
 * Calls: core/base.
 */
#include "agents/pipeline_split_int.h"

static bool is_blank(struct kt_str line)
{
    if (line.len == 0)
        return true;
    return line.at[0] == '#' && !kt_str_has(line, KT_STR("{\""));
}

static bool closes_pretty(struct kt_str line)
{
    return kt_str_starts(line, KT_STR("}")) && kt_str_trim(line).len <= 2;
}

/* The line [line_at, to) is whole. Leaves start where the next record begins. */
static enum kt_status line_done(struct kt_splitter *s, size_t to, struct kt_error *err)
{
    size_t start = s->start, from = s->line_at;
    struct kt_str line = kt_str_sub(s->buf, from, to - from);
    bool inside = s->pretty && !kt_str_starts(line, KT_STR("{"));

    s->line_at = to + 1;
    s->start = to + 1;
    if (s->over) {
        s->pretty = false;
        return kt_split_give_record(s, to, err);
    }
    if (inside && !closes_pretty(line)) {
        s->start = start;
        return KT_OK;
    }
    if (inside) {
        s->pretty = false;
        return kt_split_give(s, KT_PIECE_RECORD, start, from + 1, err);
    }
    if (s->pretty) { /* a new record begins where the old one should have ended */
        s->pretty = false;
        s->line_at = s->start = s->scan = from;
        return kt_split_give(s, KT_PIECE_TORN, start, from, err);
    }
    if (s->source->to_json == NULL && kt_str_is(kt_str_trim(line), "{")) {
        s->pretty = true;
        s->start = from;
        return KT_OK;
    }
    enum kt_piece_kind kind = is_blank(kt_str_trim(line)) ? KT_PIECE_BLANK : KT_PIECE_RECORD;
    return kt_split_give(s, kind, from, to, err);
}

static enum kt_status rest(struct kt_splitter *s, struct kt_error *err)
{
    size_t start = s->start, end = s->buf.len;
    bool pretty = s->pretty;
    s->start = s->line_at = end;
    s->pretty = false;
    if (s->over)
        return kt_split_give_record(s, end, err);
    if (kt_str_trim(kt_str_from_index(s->buf, start)).len == 0)
        return KT_OK;
    return kt_split_give(s, pretty ? KT_PIECE_TORN : KT_PIECE_RECORD, start, end, err);
}

enum kt_status kt_split_lines_run(struct kt_splitter *s, bool end, struct kt_error *err)
{
    while (s->scan < s->buf.len) {
        ptrdiff_t nl = kt_str_find_byte(s->buf, '\n', s->scan);
        size_t to = nl < 0 ? s->buf.len : (size_t)nl;
        s->scan = to;
        kt_split_watch_length(s);
        if (nl < 0)
            break;
        s->scan = to + 1;
        enum kt_status st = line_done(s, to, err);
        if (st != KT_OK)
            return st;
    }
    return end ? rest(s, err) : KT_OK;
}

size_t kt_split_lines_keep(const struct kt_splitter *s)
{
    return s->over ? s->scan : s->start;
}
