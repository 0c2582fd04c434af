/*
 * redact: replaces what redact_shapes finds in the strings of an event by [redacted:shape:len].
 *
 * Owns:  nothing; new strings go to the caller's arena. When that is full a string becomes empty:
 *        better no text than a secret.
 * Calls: redact_shapes, line (quoting, escapes), core/base.
 * Holds: redacting is a fixed point, also behind kt_line_write and kt_line_read.
 */
#include "core/event/redact.h"

#include <string.h>

#include "core/base/limits.h"
#include "core/event/json_tree.h"
#include "core/event/line.h"
#include "core/event/line_fields.h"
#include "core/event/redact_shapes.h"
#include "core/event/scan.h"
#include "core/event/utf8.h"

#define ROUNDS 4 /* replacing may join what was apart; after these the whole string goes */

/* A string at least this long is brought into the form that the line's writer gives it before it is
 * looked at, since it might be cut there. A shorter one cannot grow over KT_STRING_MAX. */
#define LONG (KT_STRING_MAX / 20)

struct sweep {
    struct kt_arena *arena;
    struct kt_redact_hits *hits; /* NULL: nobody asks */
    const char *field;
    bool key_ids; /* AWS access key ids count here */
};

static void note(const struct sweep *w, const char *shape, size_t len)
{
    if (w->hits == NULL)
        return;
    if (w->hits->n < KT_REDACT_HITS_MAX)
        w->hits->at[w->hits->n++] = (struct kt_redact_hit){ kt_str_of(shape), w->field, len };
    w->hits->total++;
}

static void put_placeholder(const struct sweep *w, struct kt_buf *out, const char *shape,
                            size_t len)
{
    kt_buf_addf(out, "[redacted:%s:%zu]", shape, len);
    note(w, shape, len);
}

/* One pass from s to out; false when there was nothing to replace. */
static bool replace(const struct sweep *w, struct kt_str s, struct kt_buf *out)
{
    struct kt_redact_match m;
    size_t from = 0;
    kt_buf_reset(out);
    for (; kt_redact_find(s, from, w->key_ids, &m); from = m.at + m.len) {
        kt_buf_add(out, kt_str_sub(s, from, m.at - from));
        put_placeholder(w, out, m.shape, m.len);
    }
    if (from == 0)
        return false;
    kt_buf_add(out, kt_str_from_index(s, from));
    return true;
}

/* The redacted form of s in out; false when s has nothing to redact. */
static bool redact_text(const struct sweep *w, struct kt_str s, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf spare = { 0 };
    if (!replace(w, s, out))
        return false;
    for (unsigned round = 1; round < ROUNDS; round++) {
        if (!replace(w, kt_buf_str(out), &spare))
            return true;
        struct kt_buf t = *out;
        *out = spare;
        spare = t;
    }
    kt_buf_reset(out);
    put_placeholder(w, out, "text", s.len);
    return true;
}

static bool redact_string(const struct sweep *w, struct kt_str s, struct kt_str *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_redact_match m;
    if (!kt_redact_find(s, 0, w->key_ids, &m))
        return false;
    (void)redact_text(w, s, &out);
    if (out.len > KT_STRING_MAX) {
        kt_buf_reset(&out);
        put_placeholder(w, &out, "text", s.len);
    }
    *ret = kt_arena_str(w->arena, kt_buf_str(&out));
    return true;
}

bool kt_redact_str(struct kt_str s, struct kt_arena *arena, struct kt_str *ret,
                   struct kt_redact_hits *hits, const char *field)
{
    struct sweep w = { arena, hits, field, strcmp(field, "credential") != 0 };
    return redact_string(&w, s, ret);
}

/* Walks the tokens of a compact JSON object. Bytes that are none do no harm: the line's writer
 * leaves such a raw out. */
struct raw_walk {
    const struct sweep *sweep;
    struct kt_str raw;
    struct kt_buf *out;                       /* NULL: only ask whether anything would change */
    const char *copied;                       /* up to here the input is in out */
    const char *stop;                         /* the next place that a shape might be at */
    struct kt_buf text;                       /* a string without its escapes */
    uint64_t objects;                         /* by depth: is it an object? */
    const char *shape[KT_JSON_DEPTH_MAX + 1]; /* by depth: what an element of the array holds */
    const char *member;                       /* what the member at hand holds */
    unsigned depth;
    bool key; /* a key comes next */
    bool id;  /* the member at hand is an access key id by its name */
    bool changed;
    bool record; /* of a source: only shapes go, and access key ids stay */
};

static struct kt_str unescaped(struct raw_walk *w, struct kt_str s)
{
    kt_buf_reset(&w->text);
    for (const char *p = s.at, *end = s.at + s.len; p < end;) {
        char byte = *p;
        size_t n = *p == '\\' ? kt_line_unescape(p, end, &byte) : 1;
        kt_buf_byte(&w->text, byte);
        p += n > 0 ? n : 1;
    }
    return kt_buf_str(&w->text);
}

/* May a shape be in the string without escapes whose inside is s? One pass over all of raw finds
 * the places where one may be, instead of one over each short string. */
static bool may_hold(struct raw_walk *w, struct kt_str s)
{
    if (w->stop < s.at + 1)
        w->stop = w->raw.at + kt_redact_stop(w->raw, (size_t)(s.at + 1 - w->raw.at));
    return w->stop < s.at + s.len;
}

/* Puts text in place of the string whose inside is s. */
static void put_instead(struct raw_walk *w, struct kt_str s, struct kt_str text)
{
    kt_buf_add(w->out, kt_str_from(w->copied, (size_t)(s.at - 1 - w->copied)));
    kt_json_quote(w->out, text);
    w->copied = s.at + s.len + 1;
}

static void note_key(struct raw_walk *w, struct kt_str name)
{
    if (w->record)
        return;
    w->member = kt_redact_member(name);
    w->id = kt_str_eq(name, KT_STR("accessKeyId")) || kt_str_eq(name, KT_STR("credential"));
}

/* Replaces what must go from the string whose inside is s and that says text: all of it, as what
 * `whole` names, or the shapes in it. */
static void replace_in(struct raw_walk *w, struct kt_str s, struct kt_str text, const char *whole)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct sweep sweep = *w->sweep;
    sweep.key_ids = !w->id && !w->record;
    if (whole != NULL)
        put_placeholder(&sweep, &out, whole, text.len);
    else
        (void)redact_text(&sweep, text, &out);
    if (out.len > (w->key ? KT_KEY_MAX : KT_STRING_MAX)) { /* whoever parses it would cut it */
        kt_buf_reset(&out);
        put_placeholder(&sweep, &out, "text", text.len);
    }
    put_instead(w, s, kt_buf_str(&out));
    if (w->key)
        note_key(w, kt_buf_str(&out));
}

/* A string whose inside is s; true when the walk can end. */
static bool visit(struct raw_walk *w, struct kt_str s, bool escapes)
{
    struct kt_redact_match m;
    struct kt_str text = escapes ? unescaped(w, s) : s;
    const char *whole = w->key || w->member == NULL || kt_redact_keeps(text) ? NULL : w->member;
    if (whole != NULL ||
        ((escapes || may_hold(w, s)) && kt_redact_find(text, 0, !w->id && !w->record, &m))) {
        w->changed = true;
        if (w->out == NULL)
            return true;
        replace_in(w, s, text, whole);
    } else if (w->key) {
        note_key(w, text);
    }
    return false;
}

static void enter(struct raw_walk *w, bool object)
{
    w->shape[w->depth++] = object ? NULL : w->member;
    w->objects =
        (w->objects & ~(UINT64_C(1) << (w->depth - 1))) | ((uint64_t)object << (w->depth - 1));
    w->key = object;
    w->id = false;
    w->member = w->shape[w->depth - 1];
}

static void next(struct raw_walk *w)
{
    if (w->depth == 0)
        return;
    w->key = (w->objects >> (w->depth - 1) & 1) != 0;
    w->member = w->shape[w->depth - 1];
    w->id = false;
}

static void walk(struct raw_walk *w)
{
    bool high = false;
    if (w->raw.len == 0)
        return;
    for (const char *p = w->raw.at, *end = w->raw.at + w->raw.len; p < end;) {
        char c = *p++;
        if ((c == '{' || c == '[') && w->depth == KT_JSON_DEPTH_MAX)
            return;
        if (c == '{' || c == '[') {
            enter(w, c == '{');
        } else if (c == '}' || c == ']') {
            w->depth -= w->depth > 0;
        } else if (c == ',') {
            next(w);
        } else if (c == ':') {
            w->key = false;
        } else if (c == '"') {
            const char *from = p;
            bool escapes = false;
            p += kt_scan_plain(p, (size_t)(end - p), &high);
            while (p < end && *p != '"') {
                escapes = escapes || *p == '\\';
                p += *p == '\\' && p + 1 < end ? 2 : 1;
                p += kt_scan_plain(p, (size_t)(end - p), &high);
            }
            if (p == end || visit(w, kt_str_from(from, (size_t)(p - from)), escapes))
                return;
            p++;
        }
    }
}

static bool redact_raw(const struct sweep *s, struct kt_str *raw)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct raw_walk w = {
        .sweep = s, .raw = *raw, .out = &out, .copied = raw->at, .stop = raw->at
    };
    walk(&w);
    if (w.changed) {
        kt_buf_add(&out, kt_str_from(w.copied, (size_t)(raw->at + raw->len - w.copied)));
        *raw = kt_arena_str(s->arena, kt_buf_str(&out));
    }
    kt_buf_done(&w.text);
    return w.changed;
}

bool kt_redact_record(struct kt_str json, struct kt_jval root, struct kt_buf *out)
{
    struct sweep s = { .field = "record" };
    KT_CLEANUP(kt_buf_done) struct kt_buf plain = { 0 };
    bool escapes = !(root.node != NULL && root.node->plain) && json.len > 0 &&
                   memchr(json.at, '\\', json.len) != NULL;

    if (escapes) { /* an escape may stand in for a byte of a shape: now each has one form */
        kt_json_write(root, &plain);
        json = kt_buf_str(&plain);
    } else if (!kt_redact_may(json, false, false)) {
        return false;
    }
    struct raw_walk w = {
        .sweep = &s, .raw = json, .out = out, .copied = json.at, .stop = json.at, .record = true
    };
    kt_buf_reset(out);
    walk(&w);
    kt_buf_done(&w.text);
    if (w.changed)
        kt_buf_add(out, kt_str_from(w.copied, (size_t)(json.at + json.len - w.copied)));
    return w.changed;
}

static bool raw_is_clean(struct kt_str raw)
{
    struct sweep s = { .field = "raw" };
    struct raw_walk w = { .sweep = &s, .raw = raw, .stop = raw.at };
    walk(&w);
    kt_buf_done(&w.text);
    return !w.changed;
}

/* As the line's writer would give it. */
static void make_normal(struct kt_event *ev, struct kt_arena *arena, struct kt_str *s)
{
    if (s->len <= LONG ||
        (s->len <= KT_STRING_MAX && memchr(s->at, '\0', s->len) == NULL && kt_utf8_valid_fast(*s)))
        return;
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    kt_utf8_mend(&out, *s, KT_STRING_MAX);
    *s = kt_arena_str(arena, kt_buf_str(&out));
    ev->flags |= KT_FLAG(REPAIRED);
}

static bool redact_field(struct kt_event *ev, const struct sweep *w, struct kt_str *s)
{
    if (s->len == 0)
        return false;
    make_normal(ev, w->arena, s);
    bool changed = redact_string(w, *s, s);
    if (w->hits != NULL && !w->hits->entropy)
        w->hits->entropy = kt_redact_random(*s);
    return changed;
}

static bool redact_list(struct kt_event *ev, const struct sweep *w, struct kt_list *list)
{
    bool changed = false;
    for (unsigned i = 0; i < list->n; i++)
        changed |= redact_field(ev, w, &list->at[i]);
    return changed;
}

bool kt_redact_event(struct kt_event *ev, struct kt_arena *arena, struct kt_redact_hits *ret_hits)
{
    struct kt_redact_hits hits = { .n = 0 };
    struct sweep w = { .arena = arena, .hits = &hits };
    bool changed = false;
#define X(name)                                                                                    \
    w.field = #name;                                                                               \
    w.key_ids = offsetof(struct kt_event, name) != offsetof(struct kt_event, credential);          \
    changed |= redact_field(ev, &w, &ev->name);
    KT_EVENT_STRINGS(X)
#undef X
    w.key_ids = true;
    w.field = "groups";
    changed |= redact_list(ev, &w, &ev->groups);
    w.field = "fields";
    changed |= redact_list(ev, &w, &ev->fields);
    w.field = "raw";
    if (redact_raw(&w, &ev->raw)) {
        changed = true;
        ev->raw_sound = KT_STR_NONE;
    }
    hits.entropy = hits.entropy || kt_redact_random(ev->raw);
    if (changed)
        ev->flags |= KT_FLAG(REDACTED);
    if (hits.entropy)
        ev->flags |= KT_FLAG(ENTROPY);
    if (ret_hits != NULL)
        *ret_hits = hits;
    return changed;
}

static void note_placeholders(struct kt_str s, const char *field, struct kt_redact_hits *hits)
{
    struct kt_redact_match m;
    for (size_t i = 0; i < s.len; i++) {
        ptrdiff_t found = kt_str_find_byte(s, '[', i);
        if (found < 0)
            return;
        i = (size_t)found;
        if (kt_redact_placeholder(kt_str_from_index(s, i), &m) == 0)
            continue;
        if (hits->n < KT_REDACT_HITS_MAX)
            hits->at[hits->n++] = (struct kt_redact_hit){ m.word, field, m.len };
        hits->total++;
    }
}

void kt_redact_hits_in(const struct kt_event *ev, struct kt_redact_hits *ret_hits)
{
    ret_hits->n = ret_hits->total = 0;
#define X(name) note_placeholders(ev->name, #name, ret_hits);
    KT_EVENT_STRINGS(X)
#undef X
    for (unsigned i = 0; i < ev->groups.n; i++)
        note_placeholders(ev->groups.at[i], "groups", ret_hits);
    for (unsigned i = 0; i < ev->fields.n; i++)
        note_placeholders(ev->fields.at[i], "fields", ret_hits);
    note_placeholders(ev->raw, "raw", ret_hits);
}

static bool list_is_clean(const struct kt_list *list)
{
    struct kt_redact_match m;
    for (unsigned i = 0; i < list->n; i++)
        if (kt_redact_find(list->at[i], 0, true, &m))
            return false;
    return true;
}

bool kt_redact_clean(const struct kt_event *ev)
{
    struct kt_redact_match m;
#define X(name)                                                                                    \
    if (ev->name.len > 0 &&                                                                        \
        kt_redact_find(ev->name, 0,                                                                \
                       offsetof(struct kt_event, name) != offsetof(struct kt_event, credential),   \
                       &m))                                                                        \
        return false;
    KT_EVENT_STRINGS(X)
#undef X
    return list_is_clean(&ev->groups) && list_is_clean(&ev->fields) && raw_is_clean(ev->raw);
}

bool kt_redact_line_clean(struct kt_str line, size_t raw_len, bool random)
{
    const size_t raw = line.len - 1 - raw_len; /* a brace ends the line */
    return memchr(line.at, '\\', line.len) == NULL &&
           !kt_redact_may(kt_str_sub(line, 0, raw), true, false) &&
           !kt_redact_may(kt_str_from_index(line, raw), true, true) &&
           !(random && kt_redact_random(line));
}
