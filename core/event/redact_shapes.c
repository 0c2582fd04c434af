/*
 * redact_shapes: the token shapes of THREATS R2, found in one pass over the bytes.
 *
 * The pass stops where redact_heads sees the last byte of a prefix ("hvs." at its dot), and only
 * then compares. A match never depends on text that is absent behind it: cutting a clean string
 * leaves it clean, but for [redacted:…] itself.
 *
 * Owns:  the tables of prefixes and names.
 * Calls: redact_heads, core/base (str).
 */
#include "core/event/redact_shapes.h"

#include <string.h>

#include "core/base/err.h"
#include "core/event/redact_heads.h"

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
    uint16_t two; /* the two bytes before its last one, where most text differs */
    const char *shape;
    size_t least;
    unsigned tail, not_after;
};
#define TWO(a, b) (uint16_t)((unsigned char)(a) << 8 | (unsigned char)(b))
#define PREFIX(text, shape, least, tail, not_after)                                                \
    {                                                                                              \
        KT_STR_INIT(text), TWO((text)[sizeof(text) - 4], (text)[sizeof(text) - 3]), shape, least,  \
            tail, not_after                                                                        \
    }
static const struct prefix under[] = {
    PREFIX("ghp_", "github_token", 16, ALNUM, 0),
    PREFIX("gho_", "github_token", 16, ALNUM, 0),
    PREFIX("ghs_", "github_token", 16, ALNUM, 0),
    PREFIX("ghu_", "github_token", 16, ALNUM, 0),
    PREFIX("ghr_", "github_token", 16, ALNUM, 0),
    PREFIX("github_pat_", "github_token", 16, ALNUM | UNDER, 0),
    PREFIX("sk_live_", "stripe_key", 10, ALNUM, 0),
    PREFIX("rk_live_", "stripe_key", 10, ALNUM, 0),
    PREFIX("ops_", "1password_token", 40, ALNUM, ALNUM),
};
static const struct prefix dot[] = {
    PREFIX("hvs.", "vault_token", 16, NAME, 0),
    PREFIX("hvb.", "vault_token", 16, NAME, 0),
    PREFIX("hvr.", "vault_token", 16, NAME, 0),
    PREFIX("dp.st.", "doppler_token", 16, NAME | DOT, ALNUM),
    PREFIX("dp.pt.", "doppler_token", 16, NAME | DOT, ALNUM),
    PREFIX("dp.ct.", "doppler_token", 16, NAME | DOT, ALNUM),
    PREFIX("dp.sa.", "doppler_token", 16, NAME | DOT, ALNUM),
};
/* Behind any byte but those of a name, which it mostly has there. */
static const struct prefix old_dot = { KT_STR_INIT("s."), 0, "vault_token", 24, ALNUM, 0 };
static const struct prefix dash[] = {
    PREFIX("glpat-", "gitlab_token", 16, NAME, 0),
    PREFIX("xoxa-", "slack_token", 10, ALNUM | DASH, 0),
    PREFIX("xoxb-", "slack_token", 10, ALNUM | DASH, 0),
    PREFIX("xoxp-", "slack_token", 10, ALNUM | DASH, 0),
    PREFIX("xoxr-", "slack_token", 10, ALNUM | DASH, 0),
    PREFIX("xoxs-", "slack_token", 10, ALNUM | DASH, 0),
};
static const struct prefix key_id[] = {
    PREFIX("AKIA", "aws_key_id", 16, UPPER | DIGIT, ALNUM),
    PREFIX("ASIA", "aws_key_id", 16, UPPER | DIGIT, ALNUM),
};
static const struct prefix eyj[] = {
    PREFIX("ops_eyJ", "1password_token", 10, NAME | CODE, ALNUM),
};

static inline bool ends_with(struct kt_str s, size_t end, size_t floor, struct kt_str text)
{
    size_t n = 0; /* from the end: most differ there */
    if (end - floor < text.len)
        return false;
    while (n < text.len && s.at[end - 1 - n] == text.at[text.len - 1 - n])
        n++;
    return n == text.len;
}

static bool ends_with_nocase(struct kt_str s, size_t end, size_t floor, struct kt_str text)
{
    return end - floor >= text.len &&
           kt_str_eq_nocase(kt_str_sub(s, end - text.len, text.len), text);
}

static bool is_prefix(struct kt_str s, size_t floor, size_t end, const struct prefix *p,
                      struct kt_redact_match *ret)
{
    if (!ends_with(s, end, floor, p->text))
        return false;
    size_t at = end - p->text.len, n = run(s, end, p->tail);
    return (at == 0 || (kind(s.at[at - 1]) & p->not_after) == 0) && n >= p->least &&
           match(ret, at, end - at + n, p->shape);
}

static bool find_prefix(struct kt_str s, size_t floor, size_t end, const struct prefix *rows,
                        size_t n_rows, struct kt_redact_match *ret)
{
    const unsigned two = end > 2 ? TWO(s.at[end - 3], s.at[end - 2]) : 0u;
    for (size_t i = 0; i < n_rows; i++)
        if (rows[i].two == two && is_prefix(s, floor, end, &rows[i], ret))
            return true;
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

/* The last four letters of every name above: most words end otherwise. A bit for each ending, by
 * letter (its low five bits) and place from the end. */
enum {
    WORD = 1,
    SSWD = 2,
    RASE = 4,
    PWD = 8, /* whatever stands before */
    CRET = 16,
    KEY = 32, /* aKEY, eKEY … */
    ALUE = 64,
    RING = 128,
    NARY = 256,
    OKEN = 512,
    TION = 1024,
    OKIE = 2048,
};
#define AT(letter) [(letter)&31]
static const uint16_t endings[4][32] = {
    { AT('d') = WORD | SSWD | PWD, AT('e') = RASE | ALUE | OKIE, AT('t') = CRET,
      AT('y') = KEY | NARY, AT('g') = RING, AT('n') = OKEN | TION },
    { AT('r') = WORD | NARY, AT('w') = SSWD | PWD, AT('s') = RASE, AT('e') = CRET | KEY | OKEN,
      AT('u') = ALUE, AT('n') = RING, AT('o') = TION, AT('i') = OKIE },
    { AT('o') = WORD, AT('s') = SSWD, AT('a') = RASE | NARY, AT('p') = PWD, AT('r') = CRET,
      AT('k') = KEY | OKEN | OKIE, AT('l') = ALUE, AT('i') = RING | TION },
    { AT('w') = WORD, AT('s') = SSWD, AT('r') = RASE | RING, AT('c') = CRET, AT('a') = ALUE,
      AT('n') = NARY, AT('o') = OKEN | OKIE, AT('t') = TION, AT('_') = 0xFFFF, AT('-') = 0xFFFF },
};
#undef AT

static inline bool ends_like_a_name(struct kt_str s)
{
    const char *end = s.at + s.len;
    if (s.len < 4)
        return s.len == 3;
#define AT(place) endings[(place)-1][end[-(place)] & 31]
    return (AT(1) & AT(2) & AT(3) & (AT(4) | PWD | KEY)) != 0;
#undef AT
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
static bool find_url(struct kt_str s, size_t floor, size_t colon, struct kt_redact_match *ret)
{
    static const struct kt_str escaped = KT_STR_INIT(":%2F%2F");
    struct kt_str rest = kt_str_from_index(s, colon);
    bool plain = kt_str_starts(rest, KT_STR("://"));
    size_t from = colon + (plain ? 3 : escaped.len), first = 0, last = 0;
    if (colon <= floor || (kind(s.at[colon - 1]) & (UPPER | LOWER | UNDER | DASH)) == 0 ||
        (!plain && !kt_str_starts(rest, escaped)))
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

/* A member of embedded JSON, or a header that carries a secret. */
static bool find_at_colon(struct kt_str s, size_t floor, size_t at, struct kt_redact_match *ret)
{
    char before = at > floor ? s.at[at - 1] : '\0';
    if (at + 1 < s.len && (s.at[at + 1] == '/' || s.at[at + 1] == '%'))
        return false;
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

#define FIND(rows) find_prefix(s, floor, at + 1, rows, KT_ARRAY_LEN(rows), ret)

static bool confirm(struct kt_str s, size_t floor, size_t at, bool key_ids,
                    struct kt_redact_match *ret)
{
    switch (s.at[at]) {
    case '=':
        return find_pair(s, floor, at, ret);
    case ':':
        return find_at_colon(s, floor, at, ret);
    case '/':
    case '%':
        return find_url(s, floor, at - 1, ret);
    case ' ':
        return find_pem(s, floor, at + 1, ret) || find_scheme(s, floor, at + 1, ret);
    case '_':
        return FIND(under);
    case '.':
        if (s.at[at - 1] == 's' && (at < 2 || (kind(s.at[at - 2]) & (NAME | DOT)) == 0))
            return is_prefix(s, floor, at + 1, &old_dot, ret);
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

size_t kt_redact_stop(struct kt_str s, size_t at)
{
    struct kt_redact_heads heads;
    kt_redact_heads_from(&heads, s, at, true);
    heads.most = 1;
    return kt_redact_heads_next(&heads);
}

bool kt_redact_find(struct kt_str s, size_t from, bool key_ids, struct kt_redact_match *ret)
{
    struct kt_redact_heads heads;
    kt_redact_heads_from(&heads, s, from + 1, true);
    heads.most = 1;
    for (size_t at; (at = kt_redact_heads_next(&heads)) < s.len;)
        if (confirm(s, from, at, key_ids, ret))
            return true;
    return false;
}

/* A member of compact JSON whose colon this is: does its value go for its name? */
static bool value_goes(struct kt_str json, size_t colon)
{
    struct kt_str name = kt_str_sub(json, 0, colon - 1);
    struct kt_str value = kt_str_from_index(json, colon + 1);
    ptrdiff_t end = kt_str_find_byte(value, '"', 1);
    name = kt_str_from_index(name, (size_t)(kt_str_rfind_byte(name, '"') + 1));
    if (kt_redact_member(name) == NULL || value.len == 0)
        return false;
    return value.at[0] == '[' || (value.at[0] == '"' && end > 0 &&
                                  !kt_redact_keeps(kt_str_sub(value, 1, (size_t)end - 1)));
}

/* Is the string that begins at `at` an access key id by the name of its member? */
static bool is_key_id(struct kt_str json, size_t at)
{
    return ends_with(json, at, 0, KT_STR("\"credential\":\"")) ||
           ends_with(json, at, 0, KT_STR("\"accessKeyId\":\""));
}

bool kt_redact_may(struct kt_str json, bool key_ids, bool members)
{
    struct kt_redact_heads heads;
    kt_redact_heads_from(&heads, json, 2, members);
    for (size_t at; (at = kt_redact_heads_next(&heads)) < json.len;) {
        struct kt_redact_match m;
        if (json.at[at] == ':' && json.at[at - 1] == '"') {
            if (ends_like_a_name(kt_str_from(json.at, at - 1)) && value_goes(json, at))
                return true;
        } else if (confirm(json, 0, at, key_ids, &m) &&
                   (json.at[at] != 'A' || !is_key_id(json, m.at))) {
            return true;
        }
    }
    return false;
}

/* Of the bytes of a run: are they of every kind, and are many of them different? */
static bool is_varied(struct kt_str s)
{
    bool seen[256] = { false };
    unsigned different = 0, all = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        different += !seen[c];
        seen[c] = true;
        all |= kind(s.at[i]);
    }
    return different >= 20 && (all & ALNUM) == ALNUM;
}

bool kt_redact_random(struct kt_str s)
{
    size_t from = 0;
    while ((from = kt_redact_code_run(s, from)) < s.len) {
        bool capital; /* most runs are UUIDs */
        size_t end = kt_redact_code_end(s, from, &capital);
        if (capital && is_varied(kt_str_sub(s, from, end - from)))
            return true;
        from = end;
    }
    return false;
}
