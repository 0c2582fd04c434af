/*
 * sigma_match: a test of a selection, of a record.
 *
 * Owns:  nothing.
 * Calls: core, sigma_fields. No clock, no I/O.
 * Holds: letters are compared in any case when they are ASCII. A glob takes at most the length of
 * the text times that of its longest piece.
 */
#include <string.h>

#include "detectors/sigma.h"

#define ANY_BYTES KT_SIGMA_ANY_BYTES
#define ONE_CHAR  KT_SIGMA_ONE_CHAR

static char folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same(const char *a, const char *b, size_t n, bool cased)
{
    if (cased)
        return memcmp(a, b, n) == 0;
    for (size_t i = 0; i < n; i++)
        if (folded(a[i]) != folded(b[i]))
            return false;
    return true;
}

/* Does the piece of a glob stand at s, as long as it is? ONE_CHAR takes a whole code point. */
static bool piece_at(struct kt_str s, struct kt_str piece, bool cased, size_t *ret_len)
{
    size_t at = 0;
    for (size_t i = 0; i < piece.len; i++) {
        if (at == s.len)
            return false;
        if (piece.at[i] != ONE_CHAR) {
            if (!same(&s.at[at], &piece.at[i], 1, cased))
                return false;
            at++;
            continue;
        }
        for (at++; at < s.len && ((unsigned char)s.at[at] & 0xC0) == 0x80;)
            at++;
    }
    *ret_len = at;
    return true;
}

static bool find(struct kt_str s, struct kt_str piece, bool cased, size_t *ret_end)
{
    size_t n;
    *ret_end = 0;
    if (piece.len == 0)
        return true;
    char first = folded(piece.at[0]);
    for (size_t at = 0; at < s.len; at++) {
        bool inside = ((unsigned char)s.at[at] & 0xC0) == 0x80; /* of a code point */
        bool may = first == ONE_CHAR ? !inside : folded(s.at[at]) == first;
        if (may && piece_at(kt_str_from_index(s, at), piece, cased, &n)) {
            *ret_end = at + n;
            return true;
        }
    }
    return false;
}

/* The last piece must end where s ends: tried at each place, since ? has no fixed width. */
static bool ends_with(struct kt_str s, struct kt_str piece, bool cased)
{
    size_t n;
    for (size_t at = s.len > 4 * piece.len ? s.len - 4 * piece.len : 0; at <= s.len; at++)
        if (piece_at(kt_str_from_index(s, at), piece, cased, &n) && at + n == s.len)
            return true;
    return false;
}

/* Between stars the first place is as good as any: time is text times the longest piece. */
static bool glob(struct kt_str s, struct kt_str pattern, bool cased)
{
    struct kt_str rest = pattern, piece;
    size_t n = 0;
    (void)kt_str_split(&rest, ANY_BYTES, &piece);
    if (!piece_at(s, piece, cased, &n))
        return false;
    if (kt_str_find_byte(pattern, ANY_BYTES, 0) < 0)
        return n == s.len;
    s = kt_str_from_index(s, n);
    while (kt_str_find_byte(rest, ANY_BYTES, 0) >= 0) {
        (void)kt_str_split(&rest, ANY_BYTES, &piece);
        if (piece.len > 0 && !find(s, piece, cased, &n))
            return false;
        s = kt_str_from_index(s, piece.len > 0 ? n : 0);
    }
    return rest.len == 0 || ends_with(s, rest, cased);
}

static bool by_text(enum kt_sigma_how how, struct kt_str s, struct kt_str text, bool cased)
{
    size_t end;
    if (how == KT_SIGMA_EQUALS)
        return s.len == text.len && same(s.at, text.at, s.len, cased);
    if (how == KT_SIGMA_CONTAINS)
        return find(s, text, cased, &end);
    if (s.len < text.len)
        return false;
    size_t from = how == KT_SIGMA_ENDS ? s.len - text.len : 0;
    return same(s.at + from, text.at, text.len, cased);
}

static bool by_number(enum kt_sigma_how how, struct kt_str s, int64_t than)
{
    int64_t v;
    if (!kt_str_i64(s, &v))
        return false;
    return how == KT_SIGMA_GT    ? v > than
           : how == KT_SIGMA_GTE ? v >= than
           : how == KT_SIGMA_LT  ? v < than
                                 : v <= than;
}

struct compared {
    struct kt_sigma_view *view;
    const struct kt_sigma_value *value;
    uint32_t n;
    struct kt_str other; /* of a reference: the value of the first field */
};

static bool equals_other(void *self, struct kt_str s)
{
    const struct compared *c = self;
    return by_text(c->value->with, c->other, s, c->value->cased);
}

static bool matches(struct kt_sigma_view *view, const struct kt_sigma_value *v, struct kt_str s)
{
    struct kt_ip ip;
    struct compared c = { view, v, 1, s };
    switch (v->how) {
    case KT_SIGMA_EQUALS:
    case KT_SIGMA_CONTAINS:
    case KT_SIGMA_STARTS:
    case KT_SIGMA_ENDS:
        return by_text(v->how, s, v->text, v->cased);
    case KT_SIGMA_GLOB:
        return glob(s, v->text, v->cased);
    case KT_SIGMA_REGEX:
        return kt_regex_find(v->regex, s);
    case KT_SIGMA_CIDR:
        return kt_ip_parse(s, &ip) && kt_cidr_has(v->net, ip);
    case KT_SIGMA_GT:
    case KT_SIGMA_GTE:
    case KT_SIGMA_LT:
    case KT_SIGMA_LTE:
        return by_number(v->how, s, v->number);
    case KT_SIGMA_FIELD:
        return kt_sigma_values(view, &v->field, equals_other, &c);
    case KT_SIGMA_EXISTS:
        return v->number != 0;
    case KT_SIGMA_EMPTY:
        break;
    }
    return false;
}

static bool any_matches(void *self, struct kt_str s)
{
    const struct compared *c = self;
    for (uint32_t i = 0; i < c->n; i++)
        if (matches(c->view, &c->value[i], s))
            return true;
    return false;
}

static bool there(void *self, struct kt_str s)
{
    (void)self;
    return s.len > 0;
}

/* What holds of a field without any value. */
static bool holds_absent(struct kt_sigma_view *view, const struct kt_sigma_test *t,
                         const struct kt_sigma_value *v)
{
    bool absence = v->how == KT_SIGMA_EMPTY || (v->how == KT_SIGMA_EXISTS && v->number == 0);
    return absence && !kt_sigma_values(view, &t->field, there, NULL);
}

/* Of a kind of record: only what is certain is said. */
static enum kt_sigma_truth test_known(struct kt_sigma_view *view, const struct kt_sigma_test *t)
{
    for (unsigned i = 0; i < view->n_known; i++) {
        if (strcmp(view->known[i].field, t->field.name) != 0)
            continue;
        for (uint32_t k = 0; k < t->n; k++) {
            const struct kt_sigma_value *v = &t->value[k];
            bool open = v->how == KT_SIGMA_FIELD;
            bool hit = !open && matches(view, v, kt_str_of(view->known[i].value));
            if (open || (hit && !t->all))
                return hit ? KT_SIGMA_YES : KT_SIGMA_MAYBE;
            if (!hit && t->all)
                return KT_SIGMA_NO;
        }
        return t->all ? KT_SIGMA_YES : KT_SIGMA_NO;
    }
    return KT_SIGMA_MAYBE;
}

enum kt_sigma_truth kt_sigma_test(struct kt_sigma_view *view, const struct kt_sigma_test *t)
{
    struct compared c = { view, t->value, t->n, KT_STR_NONE };
    if (view->known != NULL)
        return test_known(view, t);
    if (!t->all) {
        bool hit = kt_sigma_values(view, &t->field, any_matches, &c);
        for (uint32_t i = 0; !hit && i < t->n; i++)
            hit = holds_absent(view, t, &t->value[i]);
        return hit ? KT_SIGMA_YES : KT_SIGMA_NO;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        c = (struct compared){ view, &t->value[i], 1, KT_STR_NONE };
        if (!kt_sigma_values(view, &t->field, any_matches, &c) &&
            !holds_absent(view, t, &t->value[i]))
            return KT_SIGMA_NO;
    }
    return KT_SIGMA_YES;
}
