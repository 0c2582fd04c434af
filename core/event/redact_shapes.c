/*
 * redact_shapes: the token shapes of THREATS R2, found in one pass over the bytes.
 *
 * The pass stops at the last byte of a prefix ("hvs." at its dot), asks a table whether the byte
 * before it can belong to one, and only then compares. A match never depends on text that is absent
 * behind it: cutting a clean string leaves it clean, but for [redacted:…] itself.
 *
 * Owns:  the tables of prefixes and names.
 * Calls: core/base (str).
 */
#include "core/event/redact_shapes.h"

#include <string.h>

#include "core/base/err.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Kinds of bytes. */
enum {
    UPPER = 1,
    LOWER = 2,
    DIGIT = 4,
    UNDER = 8,
    DASH = 16,
    DOT = 32,
    CODE = 64, /* + / = ~ */
    ALNUM = UPPER | LOWER | DIGIT,
    NAME = ALNUM | UNDER | DASH
};

#define FIVE(c, kind)                                                                              \
    [c] = (kind), [(c) + 1] = (kind), [(c) + 2] = (kind), [(c) + 3] = (kind), [(c) + 4] = (kind)
#define LETTERS(a, kind)                                                                           \
    FIVE(a, kind), FIVE((a) + 5, kind), FIVE((a) + 10, kind), FIVE((a) + 15, kind),                \
        FIVE((a) + 20, kind), [(a) + 25] = (kind)
static const unsigned char kind_of[256] = {
    LETTERS('a', LOWER), LETTERS('A', UPPER), FIVE('0', DIGIT), FIVE('5', DIGIT),
    ['_'] = UNDER,       ['-'] = DASH,        ['.'] = DOT,      ['+'] = CODE,
    ['/'] = CODE,        ['='] = CODE,        ['~'] = CODE,
};

static inline unsigned kind(char c)
{
    return kind_of[(unsigned char)c];
}

static char lower(char c)
{
    return kind(c) == UPPER ? (char)(c + ('a' - 'A')) : c;
}

/* Bytes of the given kinds from at on. */
static size_t run(struct kt_str s, size_t at, unsigned kinds)
{
    size_t n = 0;
    while (at + n < s.len && (kind(s.at[at + n]) & kinds) != 0)
        n++;
    return n;
}

static bool match(struct kt_redact_match *ret, size_t at, size_t len, const char *shape)
{
    *ret = (struct kt_redact_match){ .at = at, .len = len, .shape = shape };
    return true;
}

/* Prefixes of tokens by their last byte: how many bytes of which kinds follow, and what may not
 * stand before. */
struct prefix {
    struct kt_str text;
    const char *shape;
    size_t least;
    unsigned tail, not_after;
};
static const struct prefix under[] = {
    { KT_STR_INIT("ghp_"), "github_token", 16, ALNUM, 0 },
    { KT_STR_INIT("gho_"), "github_token", 16, ALNUM, 0 },
    { KT_STR_INIT("ghs_"), "github_token", 16, ALNUM, 0 },
    { KT_STR_INIT("ghu_"), "github_token", 16, ALNUM, 0 },
    { KT_STR_INIT("ghr_"), "github_token", 16, ALNUM, 0 },
    { KT_STR_INIT("github_pat_"), "github_token", 16, ALNUM | UNDER, 0 },
    { KT_STR_INIT("sk_live_"), "stripe_key", 10, ALNUM, 0 },
    { KT_STR_INIT("rk_live_"), "stripe_key", 10, ALNUM, 0 },
    { KT_STR_INIT("ops_"), "1password_token", 40, ALNUM, ALNUM },
};
static const struct prefix dot[] = {
    { KT_STR_INIT("hvs."), "vault_token", 16, NAME, 0 },
    { KT_STR_INIT("hvb."), "vault_token", 16, NAME, 0 },
    { KT_STR_INIT("hvr."), "vault_token", 16, NAME, 0 },
    { KT_STR_INIT("s."), "vault_token", 24, ALNUM, NAME | DOT },
    { KT_STR_INIT("dp.st."), "doppler_token", 16, NAME | DOT, ALNUM },
    { KT_STR_INIT("dp.pt."), "doppler_token", 16, NAME | DOT, ALNUM },
    { KT_STR_INIT("dp.ct."), "doppler_token", 16, NAME | DOT, ALNUM },
    { KT_STR_INIT("dp.sa."), "doppler_token", 16, NAME | DOT, ALNUM },
};
static const struct prefix dash[] = {
    { KT_STR_INIT("glpat-"), "gitlab_token", 16, NAME, 0 },
    { KT_STR_INIT("xoxa-"), "slack_token", 10, ALNUM | DASH, 0 },
    { KT_STR_INIT("xoxb-"), "slack_token", 10, ALNUM | DASH, 0 },
    { KT_STR_INIT("xoxp-"), "slack_token", 10, ALNUM | DASH, 0 },
    { KT_STR_INIT("xoxr-"), "slack_token", 10, ALNUM | DASH, 0 },
    { KT_STR_INIT("xoxs-"), "slack_token", 10, ALNUM | DASH, 0 },
};
static const struct prefix key_id[] = {
    { KT_STR_INIT("AKIA"), "aws_key_id", 16, UPPER | DIGIT, ALNUM },
    { KT_STR_INIT("ASIA"), "aws_key_id", 16, UPPER | DIGIT, ALNUM },
};
static const struct prefix eyj[] = {
    { KT_STR_INIT("ops_eyJ"), "1password_token", 10, NAME | CODE, ALNUM },
};

static bool ends_with(struct kt_str s, size_t end, size_t floor, struct kt_str text)
{
    return end - floor >= text.len && memcmp(s.at + end - text.len, text.at, text.len) == 0;
}

static bool ends_with_nocase(struct kt_str s, size_t end, size_t floor, struct kt_str text)
{
    return end - floor >= text.len &&
           kt_str_eq_nocase(kt_str_sub(s, end - text.len, text.len), text);
}

static bool find_prefix(struct kt_str s, size_t floor, size_t end, const struct prefix *rows,
                        size_t n_rows, struct kt_redact_match *ret)
{
    for (size_t i = 0; i < n_rows; i++) {
        const struct prefix *p = &rows[i];
        if (p->text.at[p->text.len - 2] != s.at[end - 2] || !ends_with(s, end, floor, p->text))
            continue;
        size_t at = end - p->text.len;
        if (at > 0 && (kind(s.at[at - 1]) & p->not_after) != 0)
            continue;
        size_t n = run(s, end, p->tail);
        if (n >= p->least)
            return match(ret, at, end - at + n, p->shape);
    }
    return false;
}

/* eyJ….….…, with more parts when it is encrypted. */
static bool find_jwt(struct kt_str s, size_t floor, size_t end, struct kt_redact_match *ret)
{
    if (!ends_with(s, end, floor, KT_STR("eyJ")))
        return false;
    size_t at = end - 3;
    if (at > 0 && (kind(s.at[at - 1]) & NAME) != 0)
        return false;
    size_t head = run(s, end, NAME);
    size_t point = end + head;
    if (head < 5 || point == s.len || s.at[point] != '.')
        return false;
    size_t body = run(s, point + 1, NAME);
    point += 1 + body;
    if (body < 5 || point == s.len || s.at[point] != '.')
        return false;
    return match(ret, at, point - at + run(s, point, NAME | DOT), "jwt");
}

/* -----BEGIN … PRIVATE KEY----- to its end, or to the end of the text. */
static bool find_pem(struct kt_str s, size_t floor, size_t end, struct kt_redact_match *ret)
{
    if (!ends_with(s, end, floor, KT_STR("-----BEGIN ")) ||
        !kt_str_has(kt_str_sub(s, end, 40), KT_STR("PRIVATE KEY")))
        return false;
    size_t at = end - KT_STR("-----BEGIN ").len;
    ptrdiff_t foot = kt_str_find(s, KT_STR("-----END "), end);
    ptrdiff_t dashes = foot < 0 ? -1 : kt_str_find(s, KT_STR("-----"), (size_t)foot + 9);
    return match(ret, at, (dashes < 0 ? s.len : (size_t)dashes + 5) - at, "pem");
}

/* Text that no word is: a digit, padding, or a capital behind a small letter. */
static bool looks_encoded(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((kind(s.at[i]) & (DIGIT | CODE)) != 0 ||
            (i > 0 && kind(s.at[i]) == UPPER && kind(s.at[i - 1]) == LOWER))
            return true;
    return false;
}

/* "Bearer …", "Basic …" */
static bool find_scheme(struct kt_str s, size_t floor, size_t end, struct kt_redact_match *ret)
{
    if (!ends_with_nocase(s, end, floor, KT_STR("bearer ")) &&
        !ends_with_nocase(s, end, floor, KT_STR("basic ")))
        return false;
    size_t n = run(s, end, NAME | DOT | CODE);
    if (n < 8 || !looks_encoded(kt_str_sub(s, end, n)))
        return false;
    return match(ret, end, n, "http_auth");
}

/* Names of values that are secret; compared in lower case without '_' and '-'. */
static const struct name {
    struct kt_str text;
    const char *shape;
    bool suffix; /* also at the end of a longer name: DB_PASSWORD */
    bool member; /* of a JSON member; otherwise only in name=value */
    bool header; /* of "Name: value" too */
} names[] = {
    { KT_STR_INIT("password"), "password", true, true, false },
    { KT_STR_INIT("passwd"), "password", true, true, false },
    { KT_STR_INIT("passphrase"), "password", true, true, false },
    { KT_STR_INIT("pwd"), "password", false, true, false },
    { KT_STR_INIT("secret"), "secret", false, false, false },
    { KT_STR_INIT("secretkey"), "secret", false, false, false },
    { KT_STR_INIT("secretvalue"), "secret", true, true, false },
    { KT_STR_INIT("secretstring"), "secret", true, true, false },
    { KT_STR_INIT("secretbinary"), "secret", true, true, false },
    { KT_STR_INIT("clientsecret"), "secret", true, true, false },
    { KT_STR_INIT("apisecret"), "secret", true, true, false },
    { KT_STR_INIT("secretaccesskey"), "secret", true, true, false },
    { KT_STR_INIT("privatekey"), "secret", true, true, false },
    { KT_STR_INIT("apikey"), "api_key", true, true, true },
    { KT_STR_INIT("token"), "token", false, true, false },
    { KT_STR_INIT("idtoken"), "token", false, true, false },
    { KT_STR_INIT("apitoken"), "token", true, true, false },
    { KT_STR_INIT("authtoken"), "token", true, true, false },
    { KT_STR_INIT("accesstoken"), "token", true, true, false },
    { KT_STR_INIT("bearertoken"), "token", true, true, false },
    { KT_STR_INIT("clienttoken"), "token", false, true, false },
    { KT_STR_INIT("refreshtoken"), "token", true, true, false },
    { KT_STR_INIT("sessiontoken"), "token", true, true, false },
    { KT_STR_INIT("securitytoken"), "token", true, true, false },
    { KT_STR_INIT("vaulttoken"), "token", true, true, true },
    { KT_STR_INIT("authorization"), "http_auth", false, true, true },
    { KT_STR_INIT("proxyauthorization"), "http_auth", false, true, true },
    { KT_STR_INIT("cookie"), "http_cookie", false, true, true },
    { KT_STR_INIT("setcookie"), "http_cookie", false, true, true },
};
#define HEADER_LEAST 6  /* the shortest header above */
#define NAME_MAX_LEN 40 /* the end of a longer name is looked at */

/* The last three letters of every name above: most words end here. */
static bool ends_like_a_name(struct kt_str s)
{
#define END(a, b, c) ((uint32_t)(uint8_t)(a) << 16 | (uint32_t)(uint8_t)(b) << 8 | (uint8_t)(c))
    static const uint32_t ends[] = {
        END('o', 'r', 'd'), END('s', 'w', 'd'), END('a', 's', 'e'), END('p', 'w', 'd'),
        END('r', 'e', 't'), END('k', 'e', 'y'), END('l', 'u', 'e'), END('i', 'n', 'g'),
        END('a', 'r', 'y'), END('k', 'e', 'n'), END('i', 'o', 'n'), END('k', 'i', 'e'),
    };
    if (s.len < 3)
        return false;
    const char *at = s.at + s.len - 3;
    const uint32_t low = END(lower(at[0]), lower(at[1]), lower(at[2]));
    for (size_t i = 0; i < KT_ARRAY_LEN(ends); i++)
        if (low == ends[i])
            return true;
    return false;
}

static const struct name *name_of(struct kt_str raw)
{
    static const struct name header_token = { KT_STR_INIT("token"), "token", true, true, true };
    char plain[NAME_MAX_LEN];
    size_t n = 0;
    if (!ends_like_a_name(raw))
        return NULL;
    if (raw.len > NAME_MAX_LEN)
        raw = kt_str_from_index(raw, raw.len - NAME_MAX_LEN);
    for (size_t i = 0; i < raw.len; i++)
        if (raw.at[i] != '_' && raw.at[i] != '-')
            plain[n++] = lower(raw.at[i]);
    struct kt_str name = kt_str_from(plain, n);
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++) {
        struct kt_str text = names[i].text;
        if (n >= text.len && (n == text.len || names[i].suffix) &&
            plain[n - 1] == text.at[text.len - 1] &&
            memcmp(plain + n - text.len, text.at, text.len) == 0)
            return &names[i];
    }
    if (n > 6 && plain[0] == 'x' && kt_str_ends(name, KT_STR("token"))) /* X-…-Token */
        return &header_token;
    return NULL;
}

const char *kt_redact_member(struct kt_str name)
{
    const struct name *n = name_of(name);
    return n != NULL && n->member ? n->shape : NULL;
}

#define PLACEHOLDER_HEAD KT_STR("[redacted:")

size_t kt_redact_placeholder(struct kt_str s, struct kt_redact_match *ret)
{
    size_t i = PLACEHOLDER_HEAD.len;
    if (!kt_str_starts(s, PLACEHOLDER_HEAD))
        return 0;
    i += run(s, i, LOWER | DIGIT | UNDER);
    if (i == s.len || s.at[i] != ':')
        return 0;
    ret->word = kt_str_sub(s, PLACEHOLDER_HEAD.len, i - PLACEHOLDER_HEAD.len);
    ret->len = 0;
    size_t n = run(s, ++i, DIGIT);
    for (size_t k = 0; k < n && k < 9; k++)
        ret->len = ret->len * 10 + (size_t)(s.at[i + k] - '0');
    i += n;
    return n > 0 && i < s.len && s.at[i] == ']' ? i + 1 : 0;
}

static size_t placeholder(struct kt_str s)
{
    struct kt_redact_match m;
    return kt_redact_placeholder(s, &m);
}

static size_t stars(struct kt_str s)
{
    size_t n = 0;
    while (n < s.len && s.at[n] == '*')
        n++;
    return n;
}

/* Bytes at the start of a value that say nothing, SIZE_MAX when none of it says anything. */
static size_t harmless(struct kt_str value)
{
    static const struct kt_str hidden = KT_STR_INIT("HIDDEN_DUE_TO_SECURITY_REASONS");
    if (kt_str_starts(value, KT_STR("hmac-sha256:")))
        return SIZE_MAX;
    if (kt_str_starts(value, hidden))
        return hidden.len;
    size_t n = placeholder(value);
    return n > 0 ? n : stars(value);
}

bool kt_redact_keeps(struct kt_str value)
{
    return harmless(value) >= value.len;
}

static bool ends_value(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == '"' || c == '\'' || c == '&' || c == ';' ||
           c == ',' || c == '\\' || c == ')' || c == '}';
}

static bool ends_quoted(char c)
{
    return c == '"' || c == '\'' || c == '\\';
}

static bool ends_line(char c)
{
    return c == '\n' || c == '\r';
}

static bool find_value(struct kt_str s, size_t at, bool (*ends)(char c), const char *shape,
                       struct kt_redact_match *ret)
{
    size_t skip = harmless(kt_str_from_index(s, at));
    if (skip >= s.len - at || (skip > 0 && ends(s.at[at + skip])))
        return false;
    size_t n = 0;
    while (at + n < s.len && !ends(s.at[at + n]))
        n++;
    return n > 0 && match(ret, at, n, shape);
}

static size_t skip_blanks(struct kt_str s, size_t at)
{
    while (at < s.len && s.at[at] == ' ')
        at++;
    return at;
}

/* The name that ends at `end`. */
static struct kt_str name_before(struct kt_str s, size_t floor, size_t end)
{
    size_t n = 0;
    while (end - n > floor && n < NAME_MAX_LEN && (kind(s.at[end - n - 1]) & NAME) != 0)
        n++;
    return kt_str_sub(s, end - n, n);
}

/* name=value, name = "value" */
static bool find_pair(struct kt_str s, size_t floor, size_t at, struct kt_redact_match *ret)
{
    size_t end = at;
    while (end > floor && s.at[end - 1] == ' ')
        end--;
    const struct name *name = name_of(name_before(s, floor, end));
    if (name == NULL)
        return false;
    size_t value = skip_blanks(s, at + 1);
    if (value < s.len && s.at[value] == '\\')
        value++;
    if (value < s.len && (s.at[value] == '"' || s.at[value] == '\''))
        return find_value(s, value + 1, ends_quoted, name->shape, ret);
    return find_value(s, value, name->header ? ends_line : ends_value, name->shape, ret);
}

/* "name": "value", also with backslashes before the quotes, as in JSON inside a string. */
static bool find_member(struct kt_str s, size_t floor, size_t colon, struct kt_redact_match *ret)
{
    size_t end = colon - 1; /* the quote */
    while (end > floor && s.at[end - 1] == '\\')
        end--;
    struct kt_str text = name_before(s, floor, end);
    const char *shape = text.len > 0 ? kt_redact_member(text) : NULL;
    if (shape == NULL)
        return false;
    size_t value = skip_blanks(s, colon + 1);
    while (value < s.len && s.at[value] == '\\')
        value++;
    if (value == s.len || (s.at[value] != '"' && s.at[value] != '\''))
        return false;
    return find_value(s, value + 1, ends_quoted, shape, ret);
}

static bool ends_authority(char c)
{
    return c == '/' || c == '?' || c == '#' || c == '<' || c == '>' || ends_quoted(c) || c == ' ' ||
           ends_line(c);
}

/* scheme://user:password@, also with its slashes as a fixed part of a secret id escapes them */
static bool find_url(struct kt_str s, size_t colon, struct kt_redact_match *ret)
{
    static const struct kt_str escaped = KT_STR_INIT(":%2F%2F");
    struct kt_str rest = kt_str_from_index(s, colon);
    bool plain = kt_str_starts(rest, KT_STR("://"));
    size_t from = colon + (plain ? 3 : escaped.len), first = 0, last = 0;
    if (!plain && !kt_str_starts(rest, escaped))
        return false;
    for (size_t i = from; i < s.len && !ends_authority(s.at[i]); i++) {
        if (!plain && kt_str_starts(kt_str_from_index(s, i), KT_STR("%2F")))
            break;
        if (s.at[i] == ':' && first == 0)
            first = i + 1;
        if (s.at[i] == '@')
            last = i;
    }
    if (first == 0 || last <= first || kt_redact_keeps(kt_str_sub(s, first, last - first)))
        return false;
    return match(ret, first, last - first, "url_password");
}

/* A URL, a member of embedded JSON, or a header that carries a secret. */
static bool find_at_colon(struct kt_str s, size_t floor, size_t at, struct kt_redact_match *ret)
{
    if (at + 1 < s.len && (s.at[at + 1] == '/' || s.at[at + 1] == '%'))
        return find_url(s, at, ret);
    char before = at > floor ? s.at[at - 1] : '\0';
    if (before == '"' || before == '\'')
        return find_member(s, floor, at, ret);
    if (memchr("nNeEyY", before, 6) == NULL)
        return false;
    struct kt_str text = name_before(s, floor, at);
    if (text.len < HEADER_LEAST)
        return false;
    const struct name *name = name_of(text);
    size_t head = text.len + PLACEHOLDER_HEAD.len;
    bool ours = at >= head && placeholder(kt_str_from_index(s, at - head)) > 0;
    if (name == NULL || !name->header || ours)
        return false;
    return find_value(s, skip_blanks(s, at + 1), ends_line, name->shape, ret);
}

/* Where the pass stops, and what may stand before it there: the last byte of a prefix or name. */
enum {
    UNDER_AT = 1,
    DOT_AT = 2,
    DASH_AT = 4,
    A_AT = 8,
    J_AT = 16,
    EQUALS_AT = 32,
    COLON_AT = 64,
    BLANK_AT = 128
};
static const unsigned char stops[256] = {
    ['_'] = UNDER_AT, ['.'] = DOT_AT,    ['-'] = DASH_AT,  ['A'] = A_AT,
    ['J'] = J_AT,     ['='] = EQUALS_AT, [':'] = COLON_AT, [' '] = BLANK_AT,
};
#define LETTER(low, up, bits) [low] = COLON_AT | (bits), [up] = COLON_AT | ((bits)&EQUALS_AT)
static const unsigned char before[256] = {
    LETTER('a', 'A', DOT_AT | DASH_AT),
    LETTER('b', 'B', DOT_AT | DASH_AT),
    ['c'] = COLON_AT | BLANK_AT,
    ['C'] = COLON_AT | BLANK_AT,
    LETTER('d', 'D', EQUALS_AT),
    LETTER('e', 'E', EQUALS_AT | UNDER_AT),
    LETTER('f', 'F', 0),
    LETTER('g', 'G', EQUALS_AT),
    LETTER('h', 'H', 0),
    ['i'] = COLON_AT,
    ['I'] = COLON_AT | A_AT,
    LETTER('j', 'J', 0),
    LETTER('k', 'K', 0),
    LETTER('l', 'L', 0),
    LETTER('m', 'M', 0),
    ['n'] = COLON_AT | EQUALS_AT,
    ['N'] = COLON_AT | EQUALS_AT | BLANK_AT,
    LETTER('o', 'O', UNDER_AT),
    LETTER('p', 'P', UNDER_AT | DASH_AT),
    LETTER('q', 'Q', 0),
    ['r'] = COLON_AT | BLANK_AT | DOT_AT | DASH_AT | UNDER_AT,
    ['R'] = COLON_AT | BLANK_AT,
    LETTER('s', 'S', DOT_AT | DASH_AT | UNDER_AT),
    LETTER('t', 'T', EQUALS_AT | DOT_AT | DASH_AT | UNDER_AT),
    LETTER('u', 'U', UNDER_AT),
    LETTER('v', 'V', 0),
    LETTER('w', 'W', 0),
    LETTER('x', 'X', 0),
    LETTER('y', 'Y', EQUALS_AT | J_AT),
    LETTER('z', 'Z', 0),
    ['"'] = COLON_AT,
    ['\''] = COLON_AT,
    [' '] = EQUALS_AT,
    ['_'] = EQUALS_AT | COLON_AT,
    ['-'] = EQUALS_AT | COLON_AT,
};

#define FIND(rows) find_prefix(s, floor, at + 1, rows, KT_ARRAY_LEN(rows), ret)

static bool confirm(struct kt_str s, size_t floor, size_t at, bool key_ids,
                    struct kt_redact_match *ret)
{
    switch (s.at[at]) {
    case '=':
        return find_pair(s, floor, at, ret);
    case ':':
        return find_at_colon(s, floor, at, ret);
    case ' ':
        return find_pem(s, floor, at + 1, ret) || find_scheme(s, floor, at + 1, ret);
    case '_':
        return FIND(under);
    case '.':
        return FIND(dot);
    case '-':
        return FIND(dash);
    case 'A':
        return key_ids && FIND(key_id);
    case 'J':
        return FIND(eyj) || find_jwt(s, floor, at + 1, ret);
    default:
        return false;
    }
}

static inline bool stops_at(struct kt_str s, size_t at)
{
    return (stops[(unsigned char)s.at[at]] & before[(unsigned char)s.at[at - 1]]) != 0;
}

#ifdef __SSE2__
/* A bit for each of 16 bytes at which `stops` has something. Written out: a loop over a set of
 * bytes would spread each of them over a register again and again. */
static inline unsigned stop_bits(const char *at)
{
    const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
#define IS(c)    _mm_cmpeq_epi8(v, _mm_set1_epi8(c))
#define OR(a, b) _mm_or_si128(a, b)
    return (unsigned)_mm_movemask_epi8(OR(OR(OR(IS('_'), IS('.')), OR(IS('-'), IS('A'))),
                                          OR(OR(IS('J'), IS('=')), OR(IS(':'), IS(' ')))));
#undef IS
#undef OR
}
#endif

/* The next stop at or after `at` and behind the byte at floor, s.len when there is none. */
static size_t next_stop(struct kt_str s, size_t floor, size_t at)
{
    at += at == floor;
#ifdef __SSE2__
    while (s.len >= 16 && at < s.len) {
        size_t from = at + 16 <= s.len ? at : s.len - 16; /* the last ones overlap */
        for (unsigned m = stop_bits(s.at + from) >> (at - from) << (at - from); m != 0; m &= m - 1)
            if (stops_at(s, from + (unsigned)__builtin_ctz(m)))
                return from + (unsigned)__builtin_ctz(m);
        at = from + 16;
    }
#endif
    while (at < s.len && !stops_at(s, at))
        at++;
    return at < s.len ? at : s.len;
}

size_t kt_redact_stop(struct kt_str s, size_t at)
{
    return next_stop(s, 0, at);
}

bool kt_redact_find(struct kt_str s, size_t from, bool key_ids, struct kt_redact_match *ret)
{
    for (size_t at = next_stop(s, from, from); at < s.len; at = next_stop(s, from, at + 1))
        if (confirm(s, from, at, key_ids, ret))
            return true;
    return false;
}

/* A colon behind a quote parts a member's name from its value: no shape is there. */
static bool confirms(struct kt_str json, size_t at)
{
    struct kt_redact_match m;
    return stops_at(json, at) && (json.at[at] != ':' || json.at[at - 1] != '"') &&
           confirm(json, 0, at, false, &m);
}

bool kt_redact_may(struct kt_str json)
{
    size_t at = 1;
#ifdef __SSE2__
    for (; at + 16 <= json.len; at += 16)
        for (unsigned bits = stop_bits(json.at + at); bits != 0; bits &= bits - 1)
            if (confirms(json, at + (unsigned)__builtin_ctz(bits)))
                return true;
#endif
    for (; at < json.len; at++)
        if (confirms(json, at))
            return true;
    return false;
}

#define RANDOM_LEAST 32u

/* Of the bytes of a run: are many of them different? */
static bool is_varied(struct kt_str s)
{
    bool seen[256] = { false };
    unsigned different = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        different += !seen[c];
        seen[c] = true;
    }
    return different >= 20;
}

bool kt_redact_random(struct kt_str s)
{
    enum { TOKEN = ALNUM | UNDER | DASH | CODE };
    size_t from = 0;
    while (s.len - from >= RANDOM_LEAST) {
        size_t back = RANDOM_LEAST; /* from its end: most windows hold a separator */
        unsigned all = 0;           /* kinds in the window, then in the run */
        while (back > 0 && (kind(s.at[from + back - 1]) & TOKEN) != 0)
            all |= kind(s.at[from + --back]);
        if (back > 0) {
            from += back;
            continue;
        }
        size_t n = RANDOM_LEAST;
        for (; from + n < s.len && (kind(s.at[from + n]) & TOKEN) != 0; n++)
            all |= kind(s.at[from + n]);
        if ((all & ALNUM) == ALNUM && is_varied(kt_str_sub(s, from, n)))
            return true;
        from += n;
    }
    return false;
}
