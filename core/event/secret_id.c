/*
 * secret_id: builds canonical secret ids and takes them apart (SOURCES §0.4, rules 1 to 4).
 *
 * Owns:  the grammar: fixed parts, tail, escapes, case by scheme.
 * Calls: core/base (arena, str).
 */
#include "core/event/secret_id.h"

#include <string.h>

#include "core/base/err.h"
#include "core/event/utf8.h"

enum fold { FOLD_NONE, FOLD_LOWER, FOLD_UPPER };

/* Rule 4; and the schemes whose tail is a path that sources give with or without its first '/'. */
static const struct scheme {
    const char *name;
    enum fold first, others, tail; /* first: the cluster or host label */
    bool tail_drops_slash;
} schemes[] = {
    { "aws-sm", FOLD_NONE, FOLD_NONE, FOLD_NONE, false },
    { "aws-ssm", FOLD_NONE, FOLD_NONE, FOLD_NONE, true },
    { "vault", FOLD_LOWER, FOLD_NONE, FOLD_NONE, false },
    { "k8s", FOLD_LOWER, FOLD_NONE, FOLD_NONE, false },
    { "az-kv", FOLD_LOWER, FOLD_NONE, FOLD_LOWER, false },
    { "op", FOLD_UPPER, FOLD_UPPER, FOLD_UPPER, false },
    { "gitlab", FOLD_LOWER, FOLD_NONE, FOLD_NONE, false },
    { "leak", FOLD_NONE, FOLD_NONE, FOLD_NONE, true },
    { "file", FOLD_LOWER, FOLD_NONE, FOLD_NONE, true },
};
static const struct scheme plain = { "", FOLD_NONE, FOLD_NONE, FOLD_NONE, false };

static const struct scheme *scheme_of(const char *name)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(schemes); i++)
        if (strcmp(schemes[i].name, name) == 0)
            return &schemes[i];
    return &plain;
}

/* Takes what there is room for and counts the rest. */
struct sink {
    char *at;
    size_t cap, len;
};

static bool has_room(const struct sink *out, size_t n)
{
    return out->len <= out->cap && n <= out->cap - out->len;
}

static void put(struct sink *out, const char *at, size_t n)
{
    if (n > 0 && has_room(out, n))
        memcpy(out->at + out->len, at, n);
    out->len += n;
}

static void put_escape(struct sink *out, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";
    const char e[3] = { '%', hex[c >> 4], hex[c & 15] };
    put(out, e, sizeof e);
}

static char folded(char c, enum fold fold)
{
    if (fold == FOLD_LOWER && c >= 'A' && c <= 'Z')
        return (char)(c + ('a' - 'A'));
    if (fold == FOLD_UPPER && c >= 'a' && c <= 'z')
        return (char)(c - ('a' - 'A'));
    return c;
}

static void put_folded(struct sink *out, const char *at, size_t n, enum fold fold)
{
    size_t from = out->len;
    bool here = has_room(out, n);
    put(out, at, n);
    for (size_t i = 0; here && fold != FOLD_NONE && i < n; i++)
        out->at[from + i] = folded(at[i], fold);
}

/* Which bytes are written as they are: 0x21 to 0x7E, without '%' and '*'. */
enum { IN_TAIL = 1, IN_FIXED = 2, IN_BOTH = 3 };
#define FOUR(c)    [c] = IN_BOTH, [(c) + 1] = IN_BOTH, [(c) + 2] = IN_BOTH, [(c) + 3] = IN_BOTH
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)
static const unsigned char plain_in[256] = {
    FOUR('!'),       ['&'] = IN_BOTH, ['\''] = IN_BOTH, ['('] = IN_BOTH, [')'] = IN_BOTH, FOUR('+'),
    ['/'] = IN_TAIL, SIXTEEN('0'),    SIXTEEN('@'),     SIXTEEN('P'),    SIXTEEN('`'),    FOUR('p'),
    FOUR('t'),       FOUR('x'),       ['|'] = IN_BOTH,  ['}'] = IN_BOTH, ['~'] = IN_BOTH,
};

/* Bytes at the start of s that are. */
static size_t plain_at(struct kt_str s, bool fixed)
{
    const unsigned where = fixed ? IN_FIXED : IN_TAIL;
    size_t n = 0;
    while (n < s.len && (plain_in[(unsigned char)s.at[n]] & where) != 0)
        n++;
    return n;
}

static void put_part(struct sink *out, struct kt_str s, enum fold fold, bool fixed)
{
    if (s.len == 0) {
        put(out, "-", 1);
        return;
    }
    if (s.len == 1 && s.at[0] == '-') {
        put_escape(out, '-');
        return;
    }
    for (size_t i = 0; i < s.len;) {
        size_t run = plain_at(kt_str_from_index(s, i), fixed);
        size_t step = run > 0 ? run : kt_utf8_step(s.at + i, s.len - i);
        if (run > 0) {
            put_folded(out, s.at + i, run, fold);
        } else if (step > 1) {
            put(out, s.at + i, step);
        } else {
            put_escape(out, (unsigned char)s.at[i]);
            step = 1;
        }
        i += step;
    }
}

static struct kt_str without_outer_slashes(struct kt_str s)
{
    while (s.len > 0 && s.at[0] == '/')
        s = kt_str_from_index(s, 1);
    while (s.len > 0 && s.at[s.len - 1] == '/')
        s.len--;
    return s;
}

static void put_id(struct sink *out, const char *scheme, const struct kt_str *fixed, unsigned n,
                   struct kt_str tail, bool star)
{
    const struct scheme *rule = scheme_of(scheme);
    put(out, scheme, strlen(scheme));
    put(out, "://", 3);
    for (unsigned i = 0; i < n; i++) {
        if (star && kt_str_is(fixed[i], "*"))
            put(out, "*", 1);
        else
            put_part(out, without_outer_slashes(fixed[i]), i == 0 ? rule->first : rule->others,
                     true);
        put(out, "/", 1);
    }
    if (rule->tail_drops_slash && tail.len > 0 && tail.at[0] == '/')
        tail = kt_str_from_index(tail, 1);
    if (tail.len > 0 || !star)
        put_part(out, tail, rule->tail, false);
    if (star && tail.len > 0 && tail.at[tail.len - 1] != '/')
        put(out, "/", 1);
    if (star)
        put(out, "*", 1);
}

struct kt_str kt_secret_id(struct kt_arena *a, const char *scheme, const struct kt_str *fixed,
                           unsigned n_fixed, struct kt_str tail, bool star)
{
    char small[512]; /* nearly every id fits; a longer one is written once more */
    struct sink out = { small, sizeof small, 0 };
    put_id(&out, scheme, fixed, n_fixed, tail, star);
    if (out.len <= sizeof small)
        return kt_arena_str(a, kt_str_from(small, out.len));
    out = (struct sink){ kt_arena_alloc(a, out.len), out.len, 0 };
    if (out.at == NULL)
        return KT_STR_NONE;
    put_id(&out, scheme, fixed, n_fixed, tail, star);
    return kt_str_from(out.at, out.len);
}

struct kt_str kt_secret_scheme(struct kt_str secret)
{
    ptrdiff_t colon = kt_str_find_byte(secret, ':', 0);
    if (colon <= 0 || !kt_str_starts(kt_str_from_index(secret, (size_t)colon), KT_STR("://")))
        return KT_STR_NONE;
    return kt_str_sub(secret, 0, (size_t)colon);
}

struct kt_str kt_secret_store(struct kt_str secret)
{
    struct kt_str scheme = kt_secret_scheme(secret);
    if (scheme.len == 0)
        return KT_STR_NONE;
    ptrdiff_t slash = kt_str_find_byte(secret, '/', scheme.len + 3);
    return slash < 0 ? secret : kt_str_sub(secret, 0, (size_t)slash);
}

static bool is_separator(char c)
{
    return c == '/' || c == '-' || c == '_' || c == '.' || c == ':' || c == '%';
}

static bool is_one_of(struct kt_str s, const struct kt_str *words, size_t n)
{
    for (size_t i = 0; i < n; i++) /* most differ in their length already */
        if (s.len == words[i].len && kt_str_eq_nocase(s, words[i]))
            return true;
    return false;
}

static const struct kt_str production[] = { KT_STR_INIT("prod"), KT_STR_INIT("production"),
                                            KT_STR_INIT("prd"), KT_STR_INIT("live") };
static const struct kt_str no_production[] = { KT_STR_INIT("dev"),     KT_STR_INIT("test"),
                                               KT_STR_INIT("stage"),   KT_STR_INIT("staging"),
                                               KT_STR_INIT("sandbox"), KT_STR_INIT("local"),
                                               KT_STR_INIT("ci") };

bool kt_secret_is_environment(struct kt_str part)
{
    return is_one_of(part, production, KT_ARRAY_LEN(production)) ||
           is_one_of(part, no_production, KT_ARRAY_LEN(no_production));
}

bool kt_secret_is_below(struct kt_str secret, struct kt_str set)
{
    if (!kt_str_ends(set, KT_STR("/*")))
        return false;
    set.len -= kt_str_ends(set, KT_STR("/*/*")) ? strlen("*/*") : strlen("*");
    return kt_str_starts(secret, set);
}

int kt_secret_production(struct kt_str secret)
{
    struct kt_str scheme = kt_secret_scheme(secret);
    struct kt_str rest = kt_str_from_index(secret, scheme.len > 0 ? scheme.len + 3 : 0);
    int flag = -1;

    while (rest.len > 0) {
        size_t n = 0;
        while (n < rest.len && !is_separator(rest.at[n]))
            n++;
        struct kt_str segment = kt_str_sub(rest, 0, n);
        if (is_one_of(segment, production, KT_ARRAY_LEN(production)))
            return 1;
        if (is_one_of(segment, no_production, KT_ARRAY_LEN(no_production)))
            flag = 0;
        size_t skip = n < rest.len && rest.at[n] == '%' ? 3 : 1; /* an escaped byte separates */
        rest = kt_str_from_index(rest, n + skip);
    }
    return flag;
}
