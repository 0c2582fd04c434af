/*
 * aws: Signature Version 4 of AWS: a canonical form of the request, signed by a key that is
 * derived from the secret, the day, the region and the service.
 *
 * Owns:  nothing. Calls: core/base.
 */
#include "core/base/aws.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SIGNED    (KT_AWS_HEADERS_MAX + 4) /* host, date, hash of the body, session token */

struct stamps {
    char time[17], day[9]; /* 20150830T123600Z, 20150830 */
    char body_hash[65];
};

/* ---- encoding ---- */

void kt_aws_encode(struct kt_str s, bool keep_slash, struct kt_buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~' || (keep_slash && c == '/');
        if (plain) {
            kt_buf_byte(out, (char)c);
        } else {
            kt_buf_byte(out, '%');
            kt_buf_byte(out, hex[c >> 4]);
            kt_buf_byte(out, hex[c & 15]);
        }
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

void kt_aws_decode(struct kt_str s, struct kt_buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        int high = s.at[i] == '%' && i + 2 < s.len ? hex_digit(s.at[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.at[i + 2]) : -1;
        if (low >= 0) {
            kt_buf_byte(out, (char)(16 * high + low));
            i += 2;
        } else {
            kt_buf_byte(out, s.at[i] == '+' ? ' ' : s.at[i]);
        }
    }
}

struct kt_str kt_aws_xml(struct kt_str text, const char *tag)
{
    char open[64], close[64];
    (void)snprintf(open, sizeof open, "<%s>", tag);
    (void)snprintf(close, sizeof close, "</%s>", tag);
    ptrdiff_t from = kt_str_find(text, kt_str_of(open), 0);
    size_t begin = from < 0 ? 0 : (size_t)from + strlen(open);
    ptrdiff_t to = from < 0 ? -1 : kt_str_find(text, kt_str_of(close), begin);
    return to < 0 ? KT_STR_NONE : kt_str_sub(text, begin, (size_t)to - begin);
}

static int by_text(const void *a, const void *b)
{
    const struct kt_str *x = a, *y = b;
    return kt_str_cmp(*x, *y);
}

/* Each "name=value", encoded; '=' sorts before what an encoded name may hold, but '%', '-' and '.'
 * do not: so names are told apart by a byte below all of them. */
void kt_aws_query(const struct kt_aws_pair *query, unsigned n, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_str *pair = kt_alloc_array(n + 1, sizeof *pair);
    size_t *from = kt_alloc_array(n + 1, sizeof *from);
    for (unsigned i = 0; i < n; i++) {
        from[i] = text.len;
        kt_aws_encode(query[i].name, false, &text);
        kt_buf_byte(&text, '\x01');
        kt_aws_encode(query[i].value, false, &text);
    }
    from[n] = text.len;
    for (unsigned i = 0; i < n; i++)
        pair[i] = kt_str_from(text.at + from[i], from[i + 1] - from[i]);
    if (n > 1)
        qsort(pair, n, sizeof *pair, by_text);
    for (unsigned i = 0; i < n; i++) {
        struct kt_str rest = pair[i], name;
        (void)kt_str_split(&rest, '\x01', &name);
        kt_buf_addz(out, i > 0 ? "&" : "");
        kt_buf_add(out, name);
        kt_buf_byte(out, '=');
        kt_buf_add(out, rest);
    }
    kt_free(pair);
    kt_free(from);
}

/* Outer blanks go, inner ones become one. */
static void add_trimmed(struct kt_str s, struct kt_buf *out)
{
    bool blank = false, any = false;
    for (size_t i = 0; i < s.len; i++) {
        bool is_blank = s.at[i] == ' ' || s.at[i] == '\t';
        if (!is_blank) {
            if (blank && any)
                kt_buf_byte(out, ' ');
            kt_buf_byte(out, s.at[i]);
            any = true;
        }
        blank = is_blank;
    }
}

/* ---- the canonical form ---- */

static int by_name(const void *a, const void *b)
{
    const struct kt_aws_pair *x = a, *y = b;
    return kt_str_cmp(x->name, y->name);
}

/* All headers that are signed, by name. */
static unsigned signed_headers(const struct kt_aws_keys *k, const struct kt_aws_request *r,
                               const struct stamps *s, struct kt_aws_pair to[SIGNED])
{
    unsigned n = 0;
    assert(r->n_header <= KT_AWS_HEADERS_MAX);
    to[n++] = (struct kt_aws_pair){ KT_STR("host"), r->host };
    to[n++] = (struct kt_aws_pair){ KT_STR("x-amz-date"), kt_str_of(s->time) };
    if (strcmp(r->service, "s3") == 0)
        to[n++] = (struct kt_aws_pair){ KT_STR("x-amz-content-sha256"), kt_str_of(s->body_hash) };
    if (k->session.len > 0)
        to[n++] = (struct kt_aws_pair){ KT_STR("x-amz-security-token"), k->session };
    for (unsigned i = 0; i < r->n_header; i++)
        to[n++] = r->header[i];
    qsort(to, n, sizeof *to, by_name);
    return n;
}

static void add_names(const struct kt_aws_pair *h, unsigned n, struct kt_buf *out)
{
    for (unsigned i = 0; i < n; i++) {
        kt_buf_addz(out, i > 0 ? ";" : "");
        kt_buf_add(out, h[i].name);
    }
}

static void canonical(const struct kt_aws_request *r, const struct stamps *s,
                      const struct kt_aws_pair *h, unsigned n, struct kt_buf *out)
{
    kt_buf_addf(out, "%s\n", r->method);
    if (strcmp(r->service, "s3") == 0)
        kt_buf_add(out, r->path);
    else
        kt_aws_encode(r->path, true, out); /* all but S3 encode the path twice */
    kt_buf_byte(out, '\n');
    kt_aws_query(r->query, r->n_query, out);
    kt_buf_byte(out, '\n');
    for (unsigned i = 0; i < n; i++) {
        kt_buf_add(out, h[i].name);
        kt_buf_byte(out, ':');
        add_trimmed(h[i].value, out);
        kt_buf_byte(out, '\n');
    }
    kt_buf_byte(out, '\n');
    add_names(h, n, out);
    kt_buf_addf(out, "\n%s", s->body_hash);
}

/* ---- the signature ---- */

static void hmac(const uint8_t key[32], struct kt_str text, uint8_t ret[32])
{
    kt_hmac_sha256(kt_str_from((const char *)key, 32), &text, 1, ret);
}

static void signing_key(const struct kt_aws_keys *k, const struct kt_aws_request *r,
                        const struct stamps *s, uint8_t ret[32])
{
    KT_CLEANUP(kt_buf_done) struct kt_buf first = { 0 };
    const struct kt_str day = kt_str_of(s->day);
    kt_buf_addz(&first, "AWS4");
    kt_buf_add(&first, k->secret);
    kt_hmac_sha256(kt_buf_str(&first), &day, 1, ret);
    hmac(ret, kt_str_of(r->region), ret);
    hmac(ret, kt_str_of(r->service), ret);
    hmac(ret, KT_STR("aws4_request"), ret);
    kt_wipe(first.at, first.cap);
}

static struct stamps stamps_of(const struct kt_aws_request *r)
{
    struct stamps s;
    struct kt_civil c = kt_time_civil(r->now);
    uint8_t hash[32];
    (void)snprintf(s.day, sizeof s.day, "%04u%02u%02u", (unsigned)c.year % 10000,
                   (unsigned)c.month % 100, (unsigned)c.day % 100);
    (void)snprintf(s.time, sizeof s.time, "%sT%02u%02u%02uZ", s.day, (unsigned)c.hour % 100,
                   (unsigned)c.minute % 100, (unsigned)c.second % 100);
    kt_sha256_of(&r->body, 1, hash);
    kt_hex(s.body_hash, hash, sizeof hash);
    return s;
}

static void signature(const struct kt_aws_keys *k, const struct kt_aws_request *r,
                      const struct stamps *s, struct kt_str canonical_form, struct kt_str scope,
                      char ret[65])
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    uint8_t hash[32], key[32];
    kt_sha256_of(&canonical_form, 1, hash);
    kt_buf_addf(&text, ALGORITHM "\n%s\n" KT_STR_FMT "\n", s->time, KT_STR_ARG(scope));
    kt_hex_add(&text, hash, sizeof hash);
    signing_key(k, r, s, key);
    hmac(key, kt_buf_str(&text), hash);
    kt_hex(ret, hash, sizeof hash);
    kt_wipe(key, sizeof key);
}

void kt_aws_sign(const struct kt_aws_keys *k, const struct kt_aws_request *r, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf form = { 0 }, scope = { 0 };
    struct kt_aws_pair h[SIGNED];
    struct stamps s = stamps_of(r);
    unsigned n = signed_headers(k, r, &s, h);
    char sig[65];
    canonical(r, &s, h, n, &form);
    kt_buf_addf(&scope, "%s/%s/%s/aws4_request", s.day, r->region, r->service);
    signature(k, r, &s, kt_buf_str(&form), kt_buf_str(&scope), sig);
    for (unsigned i = 0; i < n; i++) {
        if (kt_str_is(h[i].name, "host"))
            continue; /* whoever sends writes it */
        kt_buf_add(out, h[i].name);
        kt_buf_addz(out, ": ");
        kt_buf_add(out, h[i].value);
        kt_buf_byte(out, '\n');
    }
    kt_buf_addf(out,
                "Authorization: " ALGORITHM " Credential=" KT_STR_FMT "/" KT_STR_FMT
                ", SignedHeaders=",
                KT_STR_ARG(k->id), KT_STR_ARG(kt_buf_str(&scope)));
    add_names(h, n, out);
    kt_buf_addf(out, ", Signature=%s\n", sig);
}
