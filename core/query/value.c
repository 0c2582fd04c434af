/*
 * value: what one value of a field means.
 *
 * Owns:  nothing; texts go into the query's arena.
 * Calls: core/base, core/event, core/query/fields.
 */
#include <string.h>

#include "core/event/line.h"
#include "core/query/terms.h"

#define YEAR_2000 (INT64_C(946684800) * KT_NS_S)
#define RUN_LEAST 4u /* bytes */

struct clock {      /* what relative times are counted from */
    kt_time_ns now; /* 0: they have no meaning */
    int zone_offset_s;
};

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

static enum kt_status one_time(const struct clock *c, const struct kt_field *f, struct kt_str text,
                               bool is_until, kt_time_ns *ret, struct kt_error *err)
{
    if (kt_time_expr(text, c->now, c->zone_offset_s, is_until, ret, err) != KT_OK)
        return kt_wrap(err, "%s", f->name);
    if (c->now == 0 && *ret < YEAR_2000)
        return kt_fail(err, KT_E_INPUT,
                       "%s: '" KT_STR_FMT "' needs a clock; write the date and time", f->name,
                       KT_STR_ARG(text));
    return KT_OK;
}

/* A day is all of it: time:2026-11-22 has 24 hours, time:>2026-11-22 begins on the 23rd. */
static enum kt_status time_value(const struct clock *c, const struct kt_field *f,
                                 struct kt_str text, struct kt_value *v, struct kt_error *err)
{
    enum compare compare = take_compare(&text);
    kt_time_ns first, end;
    if (one_time(c, f, text, false, &first, err) != KT_OK ||
        one_time(c, f, text, true, &end, err) != KT_OK)
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

/* The longest run of bytes of which none is a letter, whose case lines may have otherwise, nor one
 * that JSON escapes; none where it is too short for a filter of texts. */
static struct kt_str caseless(struct kt_str text)
{
    struct kt_str longest = KT_STR_NONE;
    for (size_t from = 0, end = 0; from < text.len; from = end = end + 1) {
        for (; end < text.len; end++) {
            unsigned char c = (unsigned char)text.at[end], low = c | 0x20;
            if ((low >= 'a' && low <= 'z') || c < ' ' || c == '"' || c == '\\')
                break;
        }
        if (end - from > longest.len)
            longest = kt_str_sub(text, from, end - from);
    }
    return longest.len >= RUN_LEAST ? longest : KT_STR_NONE;
}

/* What lines have of a value. An address as it was written they leave out where it is the address,
 * and what facts say they have not. */
static void value_in_lines(struct kt_query *q, const struct kt_field *f, struct kt_value *v)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    if (f->str != NULL || f->type == KT_FIELD_ID || v->glob || v->text.len == 0 ||
        strcmp(f->name, "ip_raw") == 0)
        return;
    if (f->how == KT_FIELD_NOCASE)
        v->line = caseless(v->text);
    if (f->how != KT_FIELD_PLAIN)
        return;
    kt_json_quote(&json, v->text);
    v->line = kt_arena_str(&q->arena, kt_buf_str(&json));
}

static void text_value(struct kt_query *q, const struct kt_field *f, struct kt_str text,
                       bool quoted, struct kt_value *v)
{
    bool fold = f->how == KT_FIELD_NOCASE || f->type == KT_FIELD_ID;
    v->text = fold ? folded(&q->arena, text) : kt_arena_str(&q->arena, text);
    v->glob = !quoted && kt_str_find_byte(text, '*', 0) >= 0;
    v->whole = kt_str_has(text, KT_STR("://"));
    value_in_lines(q, f, v);
}

enum kt_status kt_value_fill(struct kt_query *q, const struct kt_field *f, struct kt_str text,
                             bool quoted, kt_time_ns now, int zone_offset_s, struct kt_value *v,
                             struct kt_error *err)
{
    const struct clock clock = { now, zone_offset_s };
    v->any = !quoted && kt_str_is(text, "*");
    if (v->any && f->type != KT_FIELD_SINCE && f->type != KT_FIELD_UNTIL)
        return KT_OK;
    switch (f->type) {
    case KT_FIELD_TEXT:
    case KT_FIELD_LIST:
    case KT_FIELD_ID:
        text_value(q, f, text, quoted, v);
        return KT_OK;
    case KT_FIELD_WORD:
    case KT_FIELD_BITS:
        return word_value(f, text, v, err);
    case KT_FIELD_NUMBER:
        return number_value(f, text, v, err);
    case KT_FIELD_TIME:
        return time_value(&clock, f, text, v, err);
    case KT_FIELD_IP:
        return kt_cidr_parse(text, &v->net, err) == KT_OK ? KT_OK : kt_wrap(err, "ip");
    case KT_FIELD_SINCE:
        return one_time(&clock, f, text, false, &q->since, err);
    case KT_FIELD_UNTIL:
        return one_time(&clock, f, text, true, &q->until, err);
    }
    return KT_OK;
}
