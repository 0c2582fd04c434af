/*
 * place: see the header.
 *
 * Owns:  nothing.
 * Calls: core/base, core/query/fields.
 */
#include "core/query/place.h"

#include "core/query/fields.h"

struct scan {
    struct kt_str text;
    size_t at; /* where somebody types */
    size_t i;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char peek(const struct scan *s)
{
    return s->i < s->text.len ? s->text.at[s->i] : '\0';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

/* Behind the quote at i; *ret_closed: there is one at the end. */
static void skip_quoted(struct scan *s, bool *ret_closed)
{
    *ret_closed = false;
    for (s->i++; s->i < s->text.len && !*ret_closed; s->i++) {
        *ret_closed = s->text.at[s->i] == '"';
        if (s->text.at[s->i] == '\\' && s->i + 1 < s->text.len)
            s->i++;
    }
}

static void skip_word(struct scan *s, bool comma_ends)
{
    while (s->i < s->text.len && !is_blank(peek(s)) && peek(s) != ')' &&
           !(comma_ends && peek(s) == ','))
        s->i++;
}

/* Bytes [from, until) without their quotes and escapes. */
static void add_typed(struct kt_str text, size_t from, size_t until, bool quoted,
                      struct kt_buf *out)
{
    for (size_t i = from + quoted; i < until; i++) {
        if (quoted && text.at[i] == '\\' && i + 1 < until)
            i++;
        else if (quoted && text.at[i] == '"')
            return;
        kt_buf_byte(out, text.at[i]);
    }
}

/* The value at i. True: somebody types in it. */
static bool take_value(struct scan *s, const struct kt_field *f, struct kt_query_place *p,
                       struct kt_buf *typed)
{
    size_t from = s->i;
    bool quoted = peek(s) == '"', closed = false;
    if (quoted)
        skip_quoted(s, &closed);
    else
        skip_word(s, true);
    if (s->at < from || s->at > s->i)
        return false;
    /* Of a quote that nobody has closed yet what follows may be terms: it stays. */
    size_t to = quoted && !closed ? s->at : s->i;
    *p = (struct kt_query_place){ .kind = f != NULL ? KT_PLACE_VALUE : KT_PLACE_NONE,
                                  .from = from,
                                  .to = to > s->at ? to : s->at,
                                  .quoted = quoted,
                                  .field = f };
    add_typed(s->text, from, s->at, quoted, typed);
    return true;
}

/* The term at i. True: somebody types in it. */
static bool take_term(struct scan *s, struct kt_query_place *p, struct kt_buf *typed)
{
    size_t from = s->i, end = from;
    while (end < s->text.len && is_name(s->text.at[end]))
        end++;
    bool named = end > from && end < s->text.len && s->text.at[end] == ':';
    if (!named && peek(s) == '"')
        return take_value(s, NULL, p, typed);
    if (named && s->at > end) {
        const struct kt_field *f = kt_field_of(kt_str_sub(s->text, from, end - from));
        s->i = end + 1;
        while (!take_value(s, f, p, typed)) {
            if (peek(s) != ',')
                return false;
            s->i++;
        }
        return true;
    }
    if (named)
        s->i = end + 1; /* a name that is changed takes its colon along */
    else
        skip_word(s, false);
    if (s->at < from || s->at > s->i)
        return false;
    *p = (struct kt_query_place){ .kind = KT_PLACE_TERM, .from = from, .to = s->i };
    add_typed(s->text, from, s->at, false, typed);
    return true;
}

static bool at_not(const struct scan *s)
{
    return kt_str_is(kt_str_sub(s->text, s->i, 3), "NOT") && s->i + 3 < s->text.len &&
           (is_blank(s->text.at[s->i + 3]) || s->text.at[s->i + 3] == '(');
}

void kt_query_place(struct kt_str text, size_t at, struct kt_query_place *ret,
                    struct kt_buf *ret_typed)
{
    struct scan s = { .text = text, .at = at < text.len ? at : text.len };
    while (s.i < text.len && s.i <= s.at) {
        char c = peek(&s);
        if ((is_blank(c) || c == '(' || c == ')' || c == '-') && s.i < s.at) {
            s.i++;
        } else if (at_not(&s) && s.at > s.i + 3) {
            s.i += 3;
        } else if (is_blank(c) || c == '(' || c == ')' || c == '-') {
            break; /* typed right before it: a term begins here */
        } else {
            size_t before = s.i;
            if (take_term(&s, ret, ret_typed))
                return;
            s.i += s.i == before;
        }
    }
    *ret = (struct kt_query_place){ .kind = KT_PLACE_TERM, .from = s.at, .to = s.at };
}

void kt_query_write_value(struct kt_str value, bool quoted, struct kt_buf *out)
{
    bool plain = !quoted && value.len > 0;
    for (size_t i = 0; plain && i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        plain = c > ' ' && c != 0x7f && c != '"' && c != ',' && c != '(' && c != ')' && c != '*';
    }
    if (plain) {
        kt_buf_add(out, value);
        return;
    }
    kt_buf_byte(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '"' || value.at[i] == '\\')
            kt_buf_byte(out, '\\');
        kt_buf_byte(out, value.at[i]);
    }
    kt_buf_byte(out, '"');
}
