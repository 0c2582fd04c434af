/*
 * pipeline_split_objects: JSON at any depth of wrapping. Walks brackets and strings once, knows an
 * envelope by the names of the source's wrap tables, and finds its footing again after torn bytes:
 * a raw newline inside a string, or an object where none can stand, ends the record.
 *
 * Owns:  nothing; works on struct kt_splitter.
 * Calls: core/base.
 */
#include "agents/pipeline_needles.h"
#include "agents/pipeline_split_int.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/event/scan.h"
#include "core/event/scan_blocks.h"
#include "core/event/utf8.h"

#define AHEAD 8u /* blocks that are looked at together, at most; a record has more */

static struct level *top(struct kt_splitter *s)
{
    return s->n_levels > 0 ? &s->levels[s->n_levels - 1] : NULL;
}

static bool reads_record(const struct kt_splitter *s)
{
    const struct level *l = s->n_levels > 0 ? &s->levels[s->n_levels - 1] : NULL;
    return l != NULL && l->kind == LEVEL_OBJECT && !l->envelope;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The last byte before `at` that is no blank; 0 at the beginning. */
static char sign_before(const struct kt_splitter *s, size_t at)
{
    while (at > 0 && is_space(s->buf.at[at - 1]))
        at--;
    return at > 0 ? s->buf.at[at - 1] : s->before;
}

static uint64_t length_bit(struct kt_str name)
{
    return UINT64_C(1) << (name.len < 63 ? name.len : 63);
}

void kt_split_objects_init(struct kt_splitter *s)
{
    const struct {
        const char *const *names;
        enum wrap wrap;
    } tables[] = { { s->source->wrap_arrays, WRAP_ARRAY },
                   { s->source->wrap_maps, WRAP_MAP },
                   { s->source->wrap_members, WRAP_MEMBER },
                   { s->source->wrap_base64, WRAP_BASE64 } };
    unsigned n = 0;

    for (size_t t = 0; t < KT_ARRAY_LEN(tables); t++)
        for (const char *const *name = tables[t].names; name != NULL && *name != NULL; name++)
            n++;
    s->wraps = kt_alloc_array(n, sizeof *s->wraps);
    for (size_t t = 0; t < KT_ARRAY_LEN(tables); t++) {
        for (const char *const *name = tables[t].names; name != NULL && *name != NULL; name++) {
            struct wrap_name w = { kt_str_of(*name), tables[t].wrap };
            s->wraps[s->n_wraps++] = w;
            s->wrap_lengths |= length_bit(w.name);
            s->wrap_first[(unsigned char)w.name.at[0]] = true;
        }
    }
    for (unsigned c = 0; c < KT_ARRAY_LEN(s->wrap_first); c++)
        if (s->wrap_first[c] || (s->needles != NULL && s->needles->first[c]))
            kt_scan_set_add(&s->begins, (unsigned char)c);
    s->ahead = AHEAD;
}

static enum wrap wrap_of(const struct kt_splitter *s, struct kt_str key)
{
    if ((s->wrap_lengths & length_bit(key)) == 0)
        return WRAP_NONE;
    for (unsigned i = 0; i < s->n_wraps; i++)
        if (kt_str_eq(key, s->wraps[i].name))
            return s->wraps[i].wrap;
    return WRAP_NONE;
}

/* The object being read is only a wrapper: none of its bytes are a record. */
static void make_envelope(struct kt_splitter *s)
{
    struct level *l = top(s);
    l->envelope = true;
    s->over = false;
}

static void push(struct kt_splitter *s, enum level_kind kind, size_t at)
{
    s->levels[s->n_levels++] = (struct level){ .kind = kind };
    s->wrap = WRAP_NONE;
    s->junk = false;
    if (kind == LEVEL_OBJECT)
        s->start = at;
    s->found = false;
    s->looked = s->needles != NULL && s->needles->n > 0;
}

static void pop(struct kt_splitter *s)
{
    s->n_levels--;
    s->wrap = WRAP_NONE;
    s->start = s->scan;
}

static bool unicode(struct kt_str text, size_t at, uint32_t *ret)
{
    *ret = 0;
    for (size_t i = at; i < at + 4; i++) {
        char c = i < text.len ? text.at[i] : '?';
        uint32_t d = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 99;
        if (d == 99)
            return false;
        *ret = *ret * 16 + d;
    }
    return true;
}

/* \uXXXX at `at` (of the 'u'); a lone surrogate becomes U+FFFD. Returns bytes used, 0 when broken.
 */
static size_t put_escape_u(struct kt_str text, size_t at, struct kt_buf *out)
{
    uint32_t c, low;
    if (!unicode(text, at + 1, &c))
        return 0;
    if (c >= 0xD800 && c < 0xDC00 && kt_str_is(kt_str_sub(text, at + 5, 2), "\\u") &&
        unicode(text, at + 7, &low) && low >= 0xDC00 && low < 0xE000) {
        kt_utf8_put(out, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
        return 11;
    }
    kt_utf8_put(out, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
    return 5;
}

/* The inside of a JSON string -> its text. */
static bool unescape(struct kt_str text, struct kt_buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    kt_buf_reset(out);
    for (size_t i = 0; i < text.len;) {
        ptrdiff_t found = kt_str_find_byte(text, '\\', i);
        size_t end = found < 0 ? text.len : (size_t)found;
        kt_buf_add(out, kt_str_sub(text, i, end - i));
        if (found < 0 || end + 1 >= text.len)
            return found < 0;
        i = end + 1;
        ptrdiff_t which = kt_str_find_byte(kt_str_of(from), text.at[i], 0);
        size_t used = 1;
        if (which >= 0)
            kt_buf_byte(out, to[which]);
        else if (text.at[i] != 'u' || (used = put_escape_u(text, i, out)) == 0)
            return false;
        i += used;
    }
    return true;
}

/* The inside of a JSON string -> the record in it, in s->text. */
static bool open_text(struct kt_splitter *s, enum wrap wrap, struct kt_str text)
{
    if (wrap == WRAP_MEMBER)
        return unescape(text, &s->text);
    kt_buf_reset(&s->text);
    return unescape(text, &s->coded) && kt_base64_decode(kt_buf_str(&s->coded), &s->text);
}

/* A string ended before `to` (its closing quote). */
static enum kt_status string_done(struct kt_splitter *s, size_t to, struct kt_error *err)
{
    struct level *l = top(s);
    s->in_string = false;
    s->scan = to + 1;
    if (l != NULL && l->nest == 0 && l->map) { /* a name, however long: an array follows */
        s->wrap = WRAP_ARRAY;
        return KT_OK;
    }
    if (l == NULL || l->nest > 0 || s->string_cut)
        return KT_OK;
    if (l->kind == LEVEL_LIST) {
        s->other = true;
        return KT_OK;
    }
    struct kt_str text = kt_str_sub(s->buf, s->string_at + 1, to - s->string_at - 1);
    if (sign_before(s, s->string_at) != ':') {
        s->wrap = wrap_of(s, text);
        return KT_OK;
    }
    enum wrap wrap = s->wrap;
    if (wrap != WRAP_MEMBER && wrap != WRAP_BASE64)
        return KT_OK;
    s->wrap = WRAP_NONE;
    if (s->over || to - s->string_at > SPLIT_TEXT_MAX)
        return KT_OK; /* too long to be one record in a string: the object around it is quarantined
                       */
    make_envelope(s);
    return kt_split_give_text(s, open_text(s, wrap, text), err);
}

/* Bytes from the record's start up to `to` are no record; reading begins anew at `to`. */
static enum kt_status torn(struct kt_splitter *s, size_t to, struct kt_error *err)
{
    bool record = reads_record(s);
    size_t from = record ? s->start : to;
    s->n_levels = 0;
    s->in_string = false;
    s->junk = false;
    s->wrap = WRAP_NONE;
    s->scan = to;
    s->start = to;
    if (!record)
        return KT_OK;
    if (s->over)
        return kt_split_give_record(s, to, err);
    return kt_split_give(s, KT_PIECE_TORN, from, to, err);
}

static enum kt_status in_string(struct kt_splitter *s, struct kt_error *err)
{
    for (size_t i = s->scan; i < s->buf.len; i++) {
        unsigned char c = (unsigned char)s->buf.at[i];
        if (c == '"')
            return string_done(s, i, err);
        if (c == '\n')
            return torn(s, i, err);
        if (c == '\\') {
            if (i + 1 >= s->buf.len) {
                s->scan = i;
                return KT_OK;
            }
            i++;
        }
    }
    s->scan = s->buf.len;
    return KT_OK;
}

/* Can an object stand here? Not after a value, and not at the start of a line of a file that has
 * one record a line. */
static bool object_fits(const struct kt_splitter *s, size_t at)
{
    char before = sign_before(s, at);
    if (before != ':' && before != ',' && before != '[')
        return false;
    char last = at > 0 ? s->buf.at[at - 1] : s->last;
    return s->n_levels != 1 || last != '\n' || at + 1 >= s->buf.len || s->buf.at[at + 1] != '"';
}

static enum kt_status open_object(struct kt_splitter *s, size_t at, struct kt_error *err)
{
    struct level *l = top(s);
    if (l == NULL || l->kind == LEVEL_LIST) {
        push(s, LEVEL_OBJECT, at);
    } else if (l->nest == 0 && s->wrap == WRAP_MEMBER && sign_before(s, at) == ':' &&
               s->n_levels < SPLIT_LEVELS - 1) {
        make_envelope(s);
        push(s, LEVEL_OBJECT, at);
    } else if (l->nest == 0 && s->wrap == WRAP_MAP && sign_before(s, at) == ':' &&
               s->n_levels < SPLIT_LEVELS - 2) {
        make_envelope(s);
        push(s, LEVEL_OBJECT, at);
        top(s)->envelope = top(s)->map = true;
    } else if (!object_fits(s, at)) {
        return torn(s, at, err);
    } else {
        l->nest++;
    }
    s->scan = at + 1;
    return KT_OK;
}

static void open_list(struct kt_splitter *s, size_t at)
{
    struct level *l = top(s);
    s->scan = at + 1;
    if (l == NULL)
        return; /* a list of records outside of everything needs no level */
    if (l->kind == LEVEL_OBJECT && l->nest == 0 && s->wrap == WRAP_ARRAY &&
        s->n_levels < SPLIT_LEVELS - 1) {
        make_envelope(s);
        push(s, LEVEL_LIST, at);
    } else {
        l->nest++;
    }
}

static enum kt_status close_any(struct kt_splitter *s, size_t at, struct kt_error *err)
{
    struct level *l = top(s);
    s->scan = at + 1;
    if (l == NULL)
        return KT_OK;
    if (l->nest > 0) {
        l->nest--;
        return KT_OK;
    }
    size_t start = s->start;
    bool record = reads_record(s);
    bool other = l->kind == LEVEL_LIST && s->other;
    if (record)
        kt_split_watch_length(s);
    pop(s);
    s->other = false;
    if (other)
        return kt_split_give(s, KT_PIECE_OTHER, at, at, err);
    if (!record)
        return KT_OK;
    s->start = start;
    enum kt_status st = kt_split_give_record(s, at + 1, err);
    s->start = at + 1;
    return st;
}

/* Outside of every object: text that begins nothing is given out by its line. */
static enum kt_status outside(struct kt_splitter *s, size_t at, struct kt_error *err)
{
    char c = s->buf.at[at];
    s->scan = at + 1;
    if (s->junk && (c == '\n' || at - s->start >= KT_RECORD_MAX)) {
        struct kt_str line = kt_str_sub(s->buf, s->start, at - s->start);
        size_t from = s->start;
        s->junk = false;
        s->start = at + 1;
        bool comment = kt_str_starts(line, KT_STR("#"));
        return kt_split_give(s, comment ? KT_PIECE_BLANK : KT_PIECE_TORN, from, at, err);
    }
    if (is_space(c) || c == ',' || s->junk)
        return KT_OK;
    s->junk = true;
    s->start = at;
    return KT_OK;
}

static enum kt_status sign(struct kt_splitter *s, size_t at, struct kt_error *err)
{
    struct level *l = top(s);
    switch (s->buf.at[at]) {
    case '{':
        return open_object(s, at, err);
    case '[':
        open_list(s, at);
        return KT_OK;
    case '}':
    case ']':
        return close_any(s, at, err);
    case '"':
        if (l != NULL) {
            s->in_string = true;
            s->string_cut = false;
            s->string_at = at;
            s->scan = at + 1;
            return KT_OK;
        }
        break;
    case ',':
        if (l != NULL && l->kind == LEVEL_LIST && l->nest == 0 && s->other) {
            s->other = false;
            s->scan = at + 1;
            return kt_split_give(s, KT_PIECE_OTHER, at, at, err);
        }
        break;
    default:
        break;
    }
    if (l == NULL)
        return outside(s, at, err);
    if (l->kind == LEVEL_LIST && !is_space(s->buf.at[at]) && s->buf.at[at] != ',')
        s->other = true;
    s->scan = at + 1;
    return KT_OK;
}

/* Inside an object only brackets and quotes matter: the first of them at or after `at`. */
static size_t next_sign(const struct kt_splitter *s, size_t at)
{
    static const bool is_sign[256] = {
        ['"'] = true, ['{'] = true, ['}'] = true, ['['] = true, [']'] = true,
    };
    if (s->n_levels == 0 || s->levels[s->n_levels - 1].kind == LEVEL_LIST)
        return at;
    while (at < s->buf.len && !is_sign[(unsigned char)s->buf.at[at]])
        at++;
    return at;
}

static enum kt_status rest(struct kt_splitter *s, struct kt_error *err)
{
    size_t to = s->buf.len;
    bool record = reads_record(s), junk = s->junk && s->n_levels == 0;
    size_t from = s->start;
    s->n_levels = 0;
    s->in_string = s->junk = s->other = false;
    s->scan = s->start = to;
    if (record && s->over)
        return kt_split_give_record(s, to, err);
    if (record)
        return kt_split_give(s, KT_PIECE_TORN, from, to, err);
    if (junk && s->buf.at[from] != '#')
        return kt_split_give(s, KT_PIECE_TORN, from, to, err);
    return KT_OK;
}

static bool leaves(const struct kt_splitter *s, const struct level *l)
{
    return s->n_levels == 0 || &s->levels[s->n_levels - 1] != l || l->envelope;
}

/* A block, and how far it has been read. */
struct block {
    size_t base;   /* of bit 0, in the buffer */
    uint64_t left; /* bits that are not done with; those behind a backslash never were */
    uint64_t quotes, inside;
    uint64_t begins;  /* bits in front of a byte that a needle or an envelope's name begins with */
    uint64_t needles; /* where needles begin: their quotes */
};

/* Where needles begin, while none was seen: their quotes. Near the end of the buffer nobody knows.
 */
static uint64_t needles(struct kt_splitter *s, const struct block *b)
{
    const struct needles *n = s->needles;
    const char *behind = s->buf.at + b->base + 1, *end = s->buf.at + s->buf.len;
    uint64_t found = 0;
    if ((size_t)(end - behind) < KT_SCAN_BLOCK + KT_NEEDLE_MAX) {
        s->looked = false;
        return 0;
    }
    for (uint64_t quotes = b->quotes & b->begins; quotes != 0; quotes &= quotes - 1) {
        unsigned i = (unsigned)__builtin_ctzll(quotes);
        const char *at = behind + i;
        if (n->first[(unsigned char)*at] && kt_needles_may(n, at) &&
            kt_needles_at(n, kt_str_from(at, (size_t)(end - at))))
            found |= UINT64_C(1) << i;
    }
    return found;
}

/* The next n blocks at once, as far as the buffer goes. */
static void look_ahead(const struct kt_splitter *s, size_t n, struct kt_scan_block *ret)
{
    const size_t left = (s->buf.len - s->scan) / KT_SCAN_BLOCK;
    kt_scan_blocks(s->buf.at + s->scan, left < n ? left : n, &s->begins, s->in_string, ret);
}

/* A bracket that only counts; false: it needs a closer look. */
static bool plain_bracket(struct kt_splitter *s, struct level *l, size_t at)
{
    char c = s->buf.at[at], before = at > 0 ? s->buf.at[at - 1] : '\0';
    bool close = c == '}' || c == ']';

    if (close ? l->nest == 0 : l->nest == 0 && s->wrap != WRAP_NONE)
        return false;
    if (c == '{' && before != ':' && before != ',' && before != '[')
        return false;
    l->nest += close ? (unsigned)-1 : 1;
    return true;
}

/* The strings of the rest of the block that begin like the name of an envelope. */
static uint64_t names(const struct kt_splitter *s, const struct block *b)
{
    const char *behind = s->buf.at + b->base + 1;
    uint64_t found = 0;
    for (uint64_t opens = b->quotes & b->inside & b->left & b->begins; opens != 0;
         opens &= opens - 1) {
        unsigned i = (unsigned)__builtin_ctzll(opens);
        found |= (uint64_t)s->wrap_first[(unsigned char)behind[i]] << i;
    }
    return found;
}

/* What stands at `at`: a bracket outside of strings, a newline inside of one, or, where keys are
 * looked at, a quote, which begins a string or ends it. */
static enum kt_status mark(struct kt_splitter *s, size_t at, bool begins, struct kt_error *err)
{
    char c = s->buf.at[at];

    if (c == '\n')
        return torn(s, at, err);
    if (c == '"' && !begins)
        return string_done(s, at, err);
    s->in_string = false;
    return sign(s, at, err);
}

/* Reads the brackets of a block, its shape, and the quotes where keys are looked at. *watched: the
 * string that is being read is one of these. False: what is read ends here, with *st. */
static bool read_block(struct kt_splitter *s, struct level *l, struct block *b, uint64_t shape,
                       bool *watched, enum kt_status *st, struct kt_error *err)
{
    for (;;) {
        uint64_t todo = shape & b->left;
        if (l->nest == 0)
            todo |= *watched || s->wrap != WRAP_NONE ? b->quotes & b->left : names(s, b);
        if (todo == 0)
            return true;
        const unsigned i = (unsigned)__builtin_ctzll(todo);
        const size_t at = b->base + i;
        const char c = s->buf.at[at];
        b->left &= UINT64_MAX << i << 1; /* it and those before are done with */
        if (c != '"' && c != '\n' && plain_bracket(s, l, at))
            continue;
        s->found = s->found || (b->needles & ((UINT64_C(1) << i) - 1)) != 0;
        *st = mark(s, at, (b->inside >> i & 1) != 0, err);
        if (*st != KT_OK || leaves(s, l))
            return false;
        *watched = s->in_string;
    }
}

/*
 * The body of a record, a block at a time: only brackets are looked at, and strings that may be the
 * name of an envelope or what stands behind one. Stops in front of a backslash, near the end of the
 * buffer, and where the record ends; the slow loop goes on from there.
 */
static enum kt_status blocks(struct kt_splitter *s, struct kt_error *err)
{
    struct level *l = top(s);
    struct kt_scan_block ahead[AHEAD];
    const size_t step = s->ahead;
    size_t n = 0, last = s->string_at; /* last: where the last quote was */
    uint64_t backslash = 0;
    enum kt_status st = KT_OK;
    bool watched = s->in_string && l->nest == 0; /* its end is looked at: it may be such a name */
    bool cut = s->string_cut;

    s->ahead = AHEAD;
    for (; s->scan + KT_SCAN_BLOCK < s->buf.len && backslash == 0; n++) {
        if ((n & (step - 1)) == 0)
            look_ahead(s, step, ahead);
        const struct kt_scan_block *m = &ahead[n & (step - 1)];
        backslash = m->backslash;
        struct block b = { .base = s->scan,
                           .left = backslash == 0 ? UINT64_MAX : (backslash & -backslash) - 1,
                           .inside = m->inside };
        if (b.left == 0)
            break;
        b.quotes = m->quote & b.left;
        b.begins = m->in_set >> 1 | UINT64_C(1) << 63; /* behind the last is the next block */
        b.needles = s->looked && !s->found ? needles(s, &b) : 0;
        const uint64_t shape = m->shape & b.left;
        if ((shape != 0 || l->nest == 0) && !read_block(s, l, &b, shape, &watched, &st, err))
            return st;
        if (b.needles != 0)
            s->found = true;
        if (b.quotes != 0) {
            last = b.base + 63 - (unsigned)__builtin_clzll(b.quotes);
            cut = false;
        }
        const unsigned behind =
            backslash == 0 ? KT_SCAN_BLOCK : (unsigned)__builtin_ctzll(backslash);
        s->in_string = (b.inside >> (behind - 1) & 1) != 0;
        s->scan = b.base + behind;
    }
    if (s->in_string) {
        s->string_at = last;
        s->string_cut = cut;
    }
    if (backslash != 0 && n < AHEAD)
        s->ahead = 1; /* what is looked at behind a backslash is looked at again */
    return KT_OK;
}

enum kt_status kt_split_objects_run(struct kt_splitter *s, bool end, struct kt_error *err)
{
    while (s->scan < s->buf.len) {
        enum kt_status st = reads_record(s) ? blocks(s, err) : KT_OK;
        size_t before = s->scan;
        if (st != KT_OK)
            return st;
        s->looked = s->looked && !reads_record(s); /* what comes now is not looked at */
        if (s->in_string) {
            st = in_string(s, err);
        } else {
            size_t at = next_sign(s, s->scan);
            s->scan = at;
            /* whether an object fits is seen by the byte behind it */
            if (at >= s->buf.len || (s->buf.at[at] == '{' && at + 1 >= s->buf.len && !end))
                break;
            st = sign(s, at, err);
        }
        if (st != KT_OK)
            return st;
        if (s->in_string && s->scan == before) /* half an escape */
            break;
    }
    if (reads_record(s))
        kt_split_watch_length(s);
    return end ? rest(s, err) : KT_OK;
}

size_t kt_split_objects_keep(const struct kt_splitter *s)
{
    bool record = reads_record(s) || (s->n_levels == 0 && s->junk);
    size_t keep = record && !s->over ? s->start : s->scan;
    size_t length = s->scan - s->string_at; /* a record's own is watched as the record's */
    bool small = s->over ? length < SPLIT_KEY_MAX : reads_record(s) || length <= SPLIT_TEXT_MAX;
    if (s->in_string && !s->string_cut && small && s->string_at < keep)
        keep = s->string_at;
    return keep;
}

void kt_split_objects_forget(struct kt_splitter *s, size_t n)
{
    s->before = sign_before(s, n);
    s->last = s->buf.at[n - 1];
    s->string_cut = s->string_cut || (s->in_string && s->string_at < n);
    s->string_at = s->string_at > n ? s->string_at - n : 0;
}
