/*
 * s3_list: what the answer to ListObjectsV2 says.
 *
 * Owns:  nothing. Calls: core/base (aws: form decoding).
 * Holds: every byte is looked at once; nothing is kept but one entry.
 */
#include "agents/inputs/s3_list.h"
#include "core/base/aws.h"
#include "core/event/utf8.h"

#define DEPTH_MAX 16u
#define TEXT_MAX  8192u /* a key has at most 1,024 bytes, each of up to 6 characters here */
#define NAME      "no list of objects"

struct scan {
    struct kt_str rest;
    const struct s3_list_to *to;
    struct kt_str name[DEPTH_MAX];
    unsigned depth;
    bool leaf; /* nothing but text came since the innermost element began */
    struct kt_buf text, key, etag;
    uint64_t size;
    bool encoded, truncated, listed;
    struct kt_buf *token;
};

/* ---- text ---- */

/* "#10", "#x2F" */
static bool number_of(struct kt_str ref, uint32_t *ret)
{
    bool hex = ref.len > 1 && (ref.at[1] == 'x' || ref.at[1] == 'X');
    struct kt_str digits = kt_str_from_index(ref, hex ? 2 : 1);
    uint32_t n = 0;
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.at[i];
        uint32_t d = c >= '0' && c <= '9'          ? (uint32_t)(c - '0')
                     : hex && c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : hex && c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                   : 99;
        if (d == 99 || n > 0x10FFFF)
            return false;
        n = n * (hex ? 16 : 10) + d;
    }
    *ret = n;
    return digits.len > 0 && n > 0 && n <= 0x10FFFF && (n < 0xD800 || n > 0xDFFF);
}

static bool put_reference(struct kt_str ref, struct kt_buf *out)
{
    static const struct {
        const char *name;
        char c;
    } named[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' } };
    uint32_t n;
    for (size_t i = 0; i < KT_ARRAY_LEN(named); i++)
        if (kt_str_is(ref, named[i].name)) {
            kt_buf_byte(out, named[i].c);
            return true;
        }
    if (!kt_str_starts(ref, KT_STR("#")) || !number_of(ref, &n))
        return false;
    kt_utf8_put(out, n);
    return true;
}

static bool take_text(struct scan *s, struct kt_str raw)
{
    kt_buf_reset(&s->text);
    while (raw.len > 0) {
        ptrdiff_t amp = kt_str_find_byte(raw, '&', 0);
        kt_buf_add(&s->text, kt_str_sub(raw, 0, amp < 0 ? raw.len : (size_t)amp));
        if (amp < 0)
            return true;
        raw = kt_str_from_index(raw, (size_t)amp + 1);
        ptrdiff_t end = kt_str_find_byte(kt_str_sub(raw, 0, 12), ';', 0);
        if (end < 0 || !put_reference(kt_str_sub(raw, 0, (size_t)end), &s->text))
            return false;
        raw = kt_str_from_index(raw, (size_t)end + 1);
    }
    return true;
}

/* ---- elements ---- */

/* Are the elements outside of the innermost one these? */
static bool is_in(const struct scan *s, const char *parent)
{
    unsigned want = parent == NULL ? 2 : 3;
    return s->depth == want && kt_str_is(s->name[0], "ListBucketResult") &&
           (parent == NULL || kt_str_is(s->name[1], parent));
}

/* With encoding-type=url keys and prefixes are encoded as forms are. */
static void put_key(const struct scan *s, struct kt_buf *to)
{
    kt_buf_reset(to);
    if (s->encoded)
        kt_aws_decode(kt_buf_str(&s->text), to);
    else
        kt_buf_add(to, kt_buf_str(&s->text));
}

static void leaf(struct scan *s)
{
    struct kt_str name = s->name[s->depth - 1], text = kt_buf_str(&s->text);
    if (is_in(s, "Contents")) {
        if (kt_str_is(name, "Key"))
            put_key(s, &s->key);
        else if (kt_str_is(name, "Size"))
            s->size = kt_str_u64(text, &s->size) ? s->size : 0;
        else if (kt_str_is(name, "ETag")) {
            bool quoted = text.len >= 2 && text.at[0] == '"' && kt_str_ends(text, KT_STR("\""));
            kt_buf_reset(&s->etag);
            kt_buf_add(&s->etag, quoted ? kt_str_sub(text, 1, text.len - 2) : text);
        }
    } else if (is_in(s, "CommonPrefixes") && kt_str_is(name, "Prefix")) {
        put_key(s, &s->key);
        if (s->to->prefix != NULL && s->key.len > 0)
            s->to->prefix(s->to->self, kt_buf_str(&s->key));
        kt_buf_reset(&s->key);
    } else if (is_in(s, NULL)) {
        if (kt_str_is(name, "IsTruncated"))
            s->truncated = kt_str_is(text, "true");
        else if (kt_str_is(name, "NextContinuationToken")) {
            kt_buf_reset(s->token);
            kt_buf_add(s->token, text);
        }
    }
}

static enum kt_status begin(struct scan *s, struct kt_str name, struct kt_error *err)
{
    if (s->depth == DEPTH_MAX)
        return kt_fail(err, KT_E_LIMIT, NAME ": it is deeper than %u elements", DEPTH_MAX);
    if (s->depth == 0 && (s->listed || !kt_str_is(name, "ListBucketResult")))
        return kt_fail(err, KT_E_INPUT, NAME);
    s->listed = true;
    s->name[s->depth++] = name;
    s->leaf = true;
    if (s->depth == 2 && kt_str_is(name, "Contents")) {
        kt_buf_reset(&s->key);
        kt_buf_reset(&s->etag);
        s->size = 0;
    }
    kt_buf_reset(&s->text);
    return KT_OK;
}

static enum kt_status end(struct scan *s, struct kt_str name, struct kt_error *err)
{
    if (s->depth == 0 || !kt_str_eq(s->name[s->depth - 1], name))
        return kt_fail(err, KT_E_INPUT, NAME ": elements cross");
    if (s->leaf)
        leaf(s);
    else if (s->depth == 2 && kt_str_is(name, "Contents") && s->key.len > 0 &&
             s->to->object != NULL)
        s->to->object(s->to->self,
                      &(struct s3_listed){ kt_buf_str(&s->key), kt_buf_str(&s->etag), s->size });
    s->depth--;
    s->leaf = false;
    return KT_OK;
}

/* "Key", "/Key", "Owner/", "ListBucketResult xmlns=…" */
static enum kt_status tag(struct scan *s, struct kt_str inside, struct kt_error *err)
{
    bool ends = kt_str_starts(inside, KT_STR("/"));
    bool empty = !ends && kt_str_ends(inside, KT_STR("/"));
    if (ends)
        inside = kt_str_from_index(inside, 1);
    else if (empty)
        inside = kt_str_sub(inside, 0, inside.len - 1);
    size_t n = 0;
    while (n < inside.len && inside.at[n] > ' ')
        n++;
    struct kt_str name = kt_str_sub(inside, 0, n);
    if (name.len == 0 || name.at[0] == '!' || name.at[0] == '?')
        return kt_fail(err, KT_E_INPUT, NAME);
    if (ends)
        return end(s, name, err);
    enum kt_status st = begin(s, name, err);
    return st == KT_OK && empty ? end(s, name, err) : st;
}

static enum kt_status scan(struct scan *s, struct kt_error *err)
{
    while (s->rest.len > 0) {
        ptrdiff_t open = kt_str_find_byte(s->rest, '<', 0);
        struct kt_str raw = kt_str_sub(s->rest, 0, open < 0 ? s->rest.len : (size_t)open);
        if (raw.len > TEXT_MAX)
            return kt_fail(err, KT_E_LIMIT, NAME ": a text is longer than %u bytes", TEXT_MAX);
        if (s->depth == 0 && kt_str_trim(raw).len > 0)
            return kt_fail(err, KT_E_INPUT, NAME);
        if (s->leaf && !take_text(s, raw))
            return kt_fail(err, KT_E_INPUT, NAME ": a reference that is none");
        if (open < 0)
            break;
        s->rest = kt_str_from_index(s->rest, (size_t)open + 1);
        ptrdiff_t close = kt_str_find_byte(s->rest, '>', 0);
        if (close < 0)
            return kt_fail(err, KT_E_INPUT, NAME ": it is cut");
        struct kt_str inside = kt_str_sub(s->rest, 0, (size_t)close);
        s->rest = kt_str_from_index(s->rest, (size_t)close + 1);
        if (s->depth == 0 && !s->listed && kt_str_starts(inside, KT_STR("?xml ")))
            continue;
        enum kt_status st = tag(s, inside, err);
        if (st != KT_OK)
            return st;
    }
    return s->depth == 0 && s->listed ? KT_OK : kt_fail(err, KT_E_INPUT, NAME ": it is cut");
}

enum kt_status s3_list_read(struct kt_str xml, const struct s3_list_to *to, struct kt_buf *token,
                            bool *ret_more, struct kt_error *err)
{
    struct scan s = { .to = to, .token = token };
    bool bom = kt_str_starts(xml, KT_STR("\xEF\xBB\xBF"));
    s.rest = kt_str_from_index(xml, bom ? 3 : 0);
    s.encoded = kt_str_is(kt_aws_xml(xml, "EncodingType"), "url");
    kt_buf_reset(token);
    enum kt_status st = scan(&s, err);
    if (st == KT_OK && s.truncated && token->len == 0)
        st = kt_fail(err, KT_E_INPUT, NAME ": it goes on, but does not say where");
    if (st == KT_OK)
        *ret_more = s.truncated;
    kt_buf_done(&s.text);
    kt_buf_done(&s.key);
    kt_buf_done(&s.etag);
    return st;
}
