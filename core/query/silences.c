/*
 * silences: reading silences from the log.
 *
 * Owns:  copies of them.
 * Calls: core/base, core/event/json, core/store/read.
 */
#include "core/query/silences.h"

#include <inttypes.h>

#include "core/base/alloc.h"
#include "core/event/line.h"

static const struct {
    const char *name;
    size_t offset, size;
    bool must;
} texts[] = {
#define TEXT(n, must)                                                                              \
    {                                                                                              \
#n, offsetof(struct kt_silence, n), sizeof(((struct kt_silence *)0)->n), must              \
    }
    TEXT(id, false),
    TEXT(match, true),
    TEXT(reason, true),
    TEXT(by, true),
#undef TEXT
};

enum kt_status kt_silence_read(struct kt_jval raw, struct kt_silence *ret, struct kt_error *err)
{
    struct kt_silence s = { 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++) {
        struct kt_str text = kt_str_trim(kt_json_str_at(raw, texts[i].name));
        if (text.len == 0 && texts[i].must)
            return kt_fail(err, KT_E_INPUT, "'%s' is missing", texts[i].name);
        if (text.len >= texts[i].size)
            return kt_fail(err, KT_E_INPUT, "'%s' has %zu bytes; at most %zu are kept",
                           texts[i].name, text.len, texts[i].size - 1);
        if (kt_str_find_byte(text, '\0', 0) >= 0)
            return kt_fail(err, KT_E_INPUT, "'%s' holds a NUL", texts[i].name);
        kt_str_copyz((char *)&s + texts[i].offset, texts[i].size, text);
    }
    if (!kt_json_i64(kt_json_at(raw, "from"), &s.from) || s.from <= 0 ||
        !kt_json_i64(kt_json_at(raw, "until"), &s.until) || s.until <= 0)
        return kt_fail(err, KT_E_INPUT, "'from' and 'until' are missing: times in ns since 1970");
    if (s.until <= s.from)
        return kt_fail(err, KT_E_INPUT, "'until' does not lie after 'from'");
    if (s.until - s.from > KT_SILENCE_LAST_MAX)
        return kt_fail(err, KT_E_INPUT,
                       "a silence lasts %" PRId64 " days at most: what is never to be told "
                       "belongs into the routes or the detector's options",
                       KT_SILENCE_LAST_MAX / KT_NS_DAY);
    *ret = s;
    return KT_OK;
}

void kt_silence_write(const struct kt_silence *s, struct kt_buf *out)
{
    const char *between = "";
    kt_buf_byte(out, '{');
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++) {
        kt_buf_addf(out, "%s\"%s\":", between, texts[i].name);
        kt_json_quote(out, kt_str_of((const char *)s + texts[i].offset));
        between = ",";
    }
    kt_buf_addf(out, ",\"from\":%" PRId64 ",\"until\":%" PRId64 "}", s->from, s->until);
}

void kt_silences_done(struct kt_silences *l)
{
    kt_free(l->at);
    *l = (struct kt_silences){ 0 };
}

struct kt_silence *kt_silences_named(const struct kt_silences *l, struct kt_str id)
{
    for (unsigned i = l->n; i-- > 0;)
        if (kt_str_is(id, l->at[i].id))
            return &l->at[i];
    return NULL;
}

bool kt_silence_open(const struct kt_silence *s, kt_time_ns now)
{
    return s->removed == 0 && s->from <= now && now < s->until;
}

bool kt_silence_was_open(const struct kt_silence *s, kt_time_ns from, kt_time_ns until)
{
    kt_time_ns end = s->removed != 0 && s->removed < s->until ? s->removed : s->until;
    return s->from <= until && from < end;
}

void kt_silences_take(struct kt_silences *l, struct kt_str operation, struct kt_jval raw,
                      kt_time_ns at)
{
    struct kt_silence s;
    if (kt_str_is(operation, KT_SILENCE_OP)) {
        if (kt_silence_read(raw, &s, NULL) != KT_OK)
            return;
        if (l->n == l->cap) {
            l->cap = l->cap == 0 ? 8 : 2 * l->cap;
            l->at = kt_realloc_array(l->at, l->cap, sizeof *l->at);
        }
        s.added = at;
        l->at[l->n++] = s;
        return;
    }
    struct kt_silence *named = kt_silences_named(l, kt_json_str_at(raw, "id"));
    if (named != NULL && named->removed == 0 && kt_str_is(operation, KT_SILENCE_RM_OP))
        named->removed = at;
    if (named != NULL && kt_str_is(operation, KT_SILENCE_OVER_OP))
        named->over = true;
}

enum kt_status kt_silences_load(struct kt_reader *r, struct kt_silences *ret, struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_silences l = { 0 };
    const struct kt_scan scan = { .control = true,
                                  .control_kind = KT_KIND_DECISION,
                                  .damage = &l.damage };
    if (kt_cursor_open(r, &scan, &c, err) != KT_OK)
        return kt_wrap(err, "silences");
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_record rec;
    enum kt_status status;
    while ((status = kt_cursor_next(c, &rec, err)) == KT_OK) {
        struct kt_jval root;
        unsigned repaired;
        if (kt_str_starts(rec.ev.operation, KT_STR(KT_SILENCE_OP)) &&
            kt_json_parse(json, rec.ev.raw, &root, &repaired, NULL) == KT_OK)
            kt_silences_take(&l, rec.ev.operation, root, rec.arrival);
    }
    kt_json_free(json);
    kt_cursor_free(c);
    if (status != KT_E_AGAIN) {
        kt_silences_done(&l);
        return kt_wrap(err, "silences");
    }
    *ret = l;
    return KT_OK;
}
