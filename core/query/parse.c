/*
 * parse: from the text of a query to its terms. One pass, no recursion, bounded (THREATS I5).
 *
 * Owns:  struct kt_query.
 * Calls: core/base, core/event, core/query/fields.
 * Holds: whatever it takes is matched as written; what it does not know it refuses by name.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/event/line.h"
#include "core/query/terms.h"

#define ARENA_SIZE (16 * KT_QUERY_TEXT_MAX)
#define YEAR_2000  (INT64_C(946684800) * KT_NS_S)

struct parser {
    struct kt_str text;
    size_t at;
    struct kt_query *q;
    kt_time_ns now; /* 0: relative times have no meaning */
    int zone_offset_s;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool more(const struct parser *p)
{
    return p->at < p->text.len;
}

static char peek(const struct parser *p)
{
    return more(p) ? p->text.at[p->at] : '\0';
}

/* ---- pieces of text ---- */

/* Behind the opening quote; `\"` and `\\` stand for the second character. */
static enum kt_status take_quoted(struct parser *p, struct kt_str *ret, struct kt_error *err)
{
    size_t opened = p->at++;
    char *to = kt_arena_alloc(&p->q->arena, p->text.len - opened + 1);
    if (to == NULL)
        return kt_fail(err, KT_E_LIMIT, "the query is too long");
    size_t n = 0;
    while (more(p) && peek(p) != '"') {
        if (peek(p) == '\\' && p->at + 1 < p->text.len)
            p->at++;
        to[n++] = p->text.at[p->at++];
    }
    if (!more(p))
        return kt_fail(err, KT_E_INPUT, "the quote opened at column %zu is not closed", opened + 1);
    p->at++;
    *ret = kt_str_from(to, n);
    return KT_OK;
}

static struct kt_str take_until(struct parser *p, bool comma_ends)
{
    size_t from = p->at;
    while (more(p) && !is_space(peek(p)) && !(comma_ends && peek(p) == ','))
        p->at++;
    return kt_str_sub(p->text, from, p->at - from);
}

/* "name:" at the cursor; consumed when it is one. Names are lower-case letters and '_'. */
static bool take_name(struct parser *p, struct kt_str *ret)
{
    size_t end = p->at;
    while (end < p->text.len &&
           ((p->text.at[end] >= 'a' && p->text.at[end] <= 'z') || p->text.at[end] == '_'))
        end++;
    if (end == p->at || end == p->text.len || p->text.at[end] != ':')
        return false;
    *ret = kt_str_sub(p->text, p->at, end - p->at);
    p->at = end + 1;
    return true;
}

/* ---- values ---- */

enum compare { EQUAL, LESS, LESS_EQUAL, MORE, MORE_EQUAL };

static enum compare take_compare(struct kt_str *text)
{
    static const struct {
        const char *sign;
        enum compare compare;
    } signs[] = { { ">=", MORE_EQUAL }, { "<=", LESS_EQUAL }, { ">", MORE }, { "<", LESS } };
    for (size_t i = 0; i < KT_ARRAY_LEN(signs); i++) {
        if (kt_str_starts(*text, kt_str_of(signs[i].sign))) {
            *text = kt_str_from_index(*text, strlen(signs[i].sign));
            return signs[i].compare;
        }
    }
    return EQUAL;
}

/* A value stands for [first, last]; a comparison for what lies beside it. */
static void set_range(struct kt_value *v, enum compare compare, int64_t first, int64_t last)
{
    v->low = KT_FIELD_NONE + 1; /* what a record does not know is in no range */
    v->high = INT64_MAX;
    switch (compare) {
    case EQUAL:
        v->low = first;
        v->high = last;
        break;
    case LESS:
        v->high = first - 1;
        break;
    case LESS_EQUAL:
        v->high = last;
        break;
    case MORE:
        v->low = last == INT64_MAX ? INT64_MAX : last + 1;
        break;
    case MORE_EQUAL:
        v->low = first;
        break;
    }
}

static enum kt_status number_value(const struct kt_field *f, struct kt_str text, struct kt_value *v,
                                   struct kt_error *err)
{
    struct kt_str digits = text;
    enum compare compare = take_compare(&digits);
    uint64_t n;
    if (kt_str_is(kt_str_of(f->name), "asn") && kt_str_starts_nocase(digits, KT_STR("AS")))
        digits = kt_str_from_index(digits, 2);
    if (!kt_str_u64(digits, &n) || n >= INT64_MAX)
        return kt_fail(err, KT_E_INPUT,
                       "%s: '" KT_STR_FMT "' is no number (forms: 5, >5, >=5, <5, <=5)", f->name,
                       KT_STR_ARG(text));
    set_range(v, compare, (int64_t)n, (int64_t)n);
    return KT_OK;
}

static enum kt_status one_time(struct parser *p, const struct kt_field *f, struct kt_str text,
                               bool is_until, kt_time_ns *ret, struct kt_error *err)
{
    if (kt_time_expr(text, p->now, p->zone_offset_s, is_until, ret, err) != KT_OK)
        return kt_wrap(err, "%s", f->name);
    if (p->now == 0 && *ret < YEAR_2000)
        return kt_fail(err, KT_E_INPUT,
                       "%s: '" KT_STR_FMT "' needs a clock; write the date and time", f->name,
                       KT_STR_ARG(text));
    return KT_OK;
}

/* A day is all of it: time:2026-11-22 has 24 hours, time:>2026-11-22 begins on the 23rd. */
static enum kt_status time_value(struct parser *p, const struct kt_field *f, struct kt_str text,
                                 struct kt_value *v, struct kt_error *err)
{
    enum compare compare = take_compare(&text);
    kt_time_ns first, end;
    if (one_time(p, f, text, false, &first, err) != KT_OK ||
        one_time(p, f, text, true, &end, err) != KT_OK)
        return err->code;
    set_range(v, compare, first, end > first ? end - 1 : first);
    return KT_OK;
}

static enum kt_status word_value(const struct kt_field *f, struct kt_str text, struct kt_value *v,
                                 struct kt_error *err)
{
    const char *near = NULL;
    int i = kt_field_word(f->words, text, &near);
    v->low = v->high = i;
    if (i >= 0)
        return KT_OK;
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    for (int k = 0; f->words[k] != NULL; k++)
        kt_buf_addf(&all, "%s%s", k == 0 ? "" : ", ", f->words[k]);
    if (near != NULL)
        return kt_fail(err, KT_E_INPUT, "%s has no '" KT_STR_FMT "': did you mean '%s'? (%s)",
                       f->name, KT_STR_ARG(text), near, kt_buf_z(&all));
    return kt_fail(err, KT_E_INPUT, "%s has no '" KT_STR_FMT "': it is one of %s", f->name,
                   KT_STR_ARG(text), kt_buf_z(&all));
}

static struct kt_str folded(struct kt_arena *arena, struct kt_str s)
{
    struct kt_str copy = kt_arena_str(arena, s);
    char *at = (char *)(uintptr_t)copy.at;
    for (size_t i = 0; i < copy.len; i++)
        if (at[i] >= 'A' && at[i] <= 'Z')
            at[i] = (char)(at[i] - 'A' + 'a');
    return copy;
}

static enum kt_status text_value(struct parser *p, const struct kt_field *f, struct kt_str text,
                                 bool quoted, struct kt_value *v)
{
    bool fold = f->how == KT_FIELD_NOCASE || f->type == KT_FIELD_ID;
    v->text = fold ? folded(&p->q->arena, text) : kt_arena_str(&p->q->arena, text);
    v->glob = !quoted && kt_str_find_byte(text, '*', 0) >= 0;
    return KT_OK;
}

static enum kt_status fill_value(struct parser *p, const struct kt_field *f, struct kt_str text,
                                 bool quoted, struct kt_value *v, struct kt_error *err)
{
    v->any = !quoted && kt_str_is(text, "*");
    if (v->any && f->type != KT_FIELD_SINCE && f->type != KT_FIELD_UNTIL)
        return KT_OK;
    switch (f->type) {
    case KT_FIELD_TEXT:
    case KT_FIELD_LIST:
    case KT_FIELD_ID:
        return text_value(p, f, text, quoted, v);
    case KT_FIELD_WORD:
    case KT_FIELD_BITS:
        return word_value(f, text, v, err);
    case KT_FIELD_NUMBER:
        return number_value(f, text, v, err);
    case KT_FIELD_TIME:
        return time_value(p, f, text, v, err);
    case KT_FIELD_IP:
        return kt_cidr_parse(text, &v->net, err) == KT_OK ? KT_OK : kt_wrap(err, "ip");
    case KT_FIELD_SINCE:
        return one_time(p, f, text, false, &p->q->since, err);
    case KT_FIELD_UNTIL:
        return one_time(p, f, text, true, &p->q->until, err);
    }
    return KT_OK;
}

/* ---- terms ---- */

static enum kt_status new_value(struct kt_query *q, struct kt_term *t, struct kt_value **ret,
                                struct kt_error *err)
{
    if (q->n_values == KT_QUERY_VALUES_MAX)
        return kt_fail(err, KT_E_LIMIT, "a query has at most %u values", KT_QUERY_VALUES_MAX);
    *ret = &q->values[q->n_values++];
    t->n++;
    return KT_OK;
}

/* Text is looked for as it stands in the line, where JSON has escaped it. */
static enum kt_status text_term(struct parser *p, struct kt_term *t, struct kt_str text,
                                struct kt_error *err)
{
    struct kt_value *v = NULL;
    if (new_value(p->q, t, &v, err) != KT_OK)
        return err->code;
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    kt_json_quote(&json, text);
    v->text = kt_arena_str(&p->q->arena, kt_str_sub(kt_buf_str(&json), 1, json.len - 2));
    return KT_OK;
}

static enum kt_status field_term(struct parser *p, struct kt_term *t, struct kt_error *err)
{
    const struct kt_field *f = t->field;
    do {
        struct kt_value *v = NULL;
        struct kt_str text;
        bool quoted = peek(p) == '"';
        if (new_value(p->q, t, &v, err) != KT_OK || (quoted && take_quoted(p, &text, err) != KT_OK))
            return err->code;
        if (!quoted)
            text = take_until(p, true);
        if (text.len == 0 && !quoted)
            return kt_fail(err, KT_E_INPUT, "%s: needs a value", f->name);
        if (fill_value(p, f, text, quoted, v, err) != KT_OK)
            return err->code;
    } while (peek(p) == ',' && p->at++ < p->text.len);
    if (more(p) && !is_space(peek(p)))
        return kt_fail(err, KT_E_INPUT, "column %zu: a blank or a comma must follow a value",
                       p->at + 1);
    bool window = f->type == KT_FIELD_SINCE || f->type == KT_FIELD_UNTIL;
    if (window && (t->n > 1 || t->negated))
        return kt_fail(err, KT_E_INPUT, "%s: takes one time", f->name);
    if (window)
        p->q->n--; /* it is the window, no term */
    return KT_OK;
}

static enum kt_status unknown_field(struct kt_str name, struct kt_error *err)
{
    const struct kt_field *near = kt_field_near(name);
    if (near != NULL)
        return kt_fail(err, KT_E_INPUT,
                       "there is no field '" KT_STR_FMT "': did you mean '%s'? To look for it as "
                       "text, put it in quotes",
                       KT_STR_ARG(name), near->name);
    return kt_fail(err, KT_E_INPUT,
                   "there is no field '" KT_STR_FMT "'. To look for it as text, put it in quotes",
                   KT_STR_ARG(name));
}

static enum kt_status take_term(struct parser *p, struct kt_error *err)
{
    struct kt_query *q = p->q;
    if (q->n == KT_QUERY_TERMS_MAX)
        return kt_fail(err, KT_E_LIMIT, "a query has at most %u terms", KT_QUERY_TERMS_MAX);
    struct kt_term *t = &q->term[q->n++];
    *t = (struct kt_term){ .value = q->n_values };
    if (peek(p) == '-') {
        t->negated = true;
        p->at++;
    }
    struct kt_str word;
    if (take_name(p, &word)) {
        t->field = kt_field_of(word);
        if (t->field == NULL)
            return unknown_field(word, err);
        q->names_kind = q->names_kind || kt_str_is(word, "kind");
        return field_term(p, t, err);
    }
    if (peek(p) == '"') {
        if (take_quoted(p, &word, err) != KT_OK)
            return err->code;
        return text_term(p, t, word, err);
    }
    word = take_until(p, false);
    if (word.len == 0)
        return kt_fail(err, KT_E_INPUT, "column %zu: nothing follows the '-'", p->at);
    if (kt_str_is(word, "OR") || word.at[0] == '(' || word.at[word.len - 1] == ')')
        return kt_fail(err, KT_E_INPUT,
                       "OR and parentheses are not known here: write field:a,b, or put text in "
                       "quotes");
    return text_term(p, t, word, err);
}

enum kt_status kt_query_parse_at(struct kt_str text, kt_time_ns now, int zone_offset_s,
                                 struct kt_query **ret, struct kt_error *err)
{
    struct kt_error why = { 0 };
    enum kt_status status = KT_OK;
    struct kt_query *q = kt_alloc(sizeof *q);
    struct parser p = { .text = text, .q = q, .now = now, .zone_offset_s = zone_offset_s };
    q->arena = kt_arena_new(ARENA_SIZE);
    if (text.len > KT_QUERY_TEXT_MAX)
        status = kt_fail(&why, KT_E_LIMIT, "a query has at most %u characters", KT_QUERY_TEXT_MAX);
    while (status == KT_OK) {
        while (is_space(peek(&p)))
            p.at++;
        if (!more(&p))
            break;
        status = take_term(&p, &why);
    }
    if (status == KT_OK && q->arena.full)
        status = kt_fail(&why, KT_E_LIMIT, "the query is too long");
    if (status != KT_OK) {
        kt_query_free(q);
        if (err != NULL)
            *err = why;
        return status;
    }
    *ret = q;
    return KT_OK;
}

enum kt_status kt_query_parse(struct kt_str text, struct kt_query **ret, struct kt_error *err)
{
    return kt_query_parse_at(text, 0, 0, ret, err);
}

void kt_query_free(struct kt_query *q)
{
    if (q == NULL)
        return;
    kt_arena_done(&q->arena);
    kt_free(q);
}

bool kt_query_names_kind(const struct kt_query *q)
{
    return q->names_kind;
}

void kt_query_window(const struct kt_query *q, kt_time_ns *ret_since, kt_time_ns *ret_until)
{
    *ret_since = q->since;
    *ret_until = q->until;
}
