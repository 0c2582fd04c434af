/* redact: what was redacted is clean, also behind the line; a second time changes nothing. */
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/event/keep.h"
#include "core/event/line.h"
#include "core/event/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool record_has(struct kt_str json, struct kt_buf *out)
{
    struct kt_json *parser = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired;
    bool found = kt_json_parse(parser, json, &root, &repaired, NULL) == KT_OK &&
                 kt_redact_record(json, root, out);
    kt_json_free(parser);
    return found;
}

/* The quick look and the walk, which an escape calls for, agree; nothing is left for a second time.
 */
static void check_record(struct kt_str json)
{
    struct kt_buf once = { 0 }, twice = { 0 }, longer = { 0 };
    kt_buf_addz(&longer, "{\"\\\\\":0,");
    kt_buf_add(&longer, kt_str_from_index(json, 1));
    bool found = record_has(json, &once);
    if (record_has(kt_buf_str(&longer), &twice) != found)
        abort();
    if (found && record_has(kt_buf_str(&once), &twice))
        abort();
    kt_buf_done(&once);
    kt_buf_done(&twice);
    kt_buf_done(&longer);
}

/* What the look at a whole line calls clean, the look at each string leaves alone. */
static void check_line(struct kt_event ev, struct kt_arena *arena)
{
    struct kt_buf line = { 0 };
    struct kt_event written = ev;
    if (kt_line_write(&written, &line, NULL) == KT_OK && written.raw.len == ev.raw.len &&
        kt_redact_line_clean(kt_buf_str(&line), ev.raw.len, true) &&
        (kt_redact_event(&ev, arena, NULL) || (ev.flags & KT_FLAG(ENTROPY)) != 0))
        abort();
    kt_buf_done(&line);
}

static const struct kt_keep kept_below[] = { KT_KEEP("x"), KT_KEEP("token"), KT_KEEP_END };
static const struct kt_keep kept[] = { KT_KEEP("a"),
                                       KT_KEEP("accessKeyId"),
                                       KT_KEEP("password"),
                                       KT_KEEP_IN("in", kept_below),
                                       KT_KEEP_NAMED("of", kept_below),
                                       KT_KEEP_END };
#define KEPT 1024u /* bytes of a string in raw */

static void put_member(struct kt_buf *out, const char *name, struct kt_str value)
{
    kt_buf_addz(out, name);
    kt_json_quote(out, value);
}

/* Scalars and objects in one list; where a string of it is cut depends on the text. It comes first:
 * all between two members that say more than their strings is looked at anyway. */
static void put_list(struct kt_buf *out, struct kt_str text, size_t n)
{
    struct kt_buf longer = { 0 };
    for (size_t i = KEPT - (text.len > 0 ? (unsigned char)text.at[0] % 64u : 0); i > 0; i--)
        kt_buf_byte(&longer, ' ');
    kt_buf_add(&longer, kt_str_sub(text, 0, n));
    put_member(out, "{\"of\":[true,", kt_str_sub(text, n, n));
    put_member(out, ",{\"x\":", kt_str_sub(text, 0, n));
    put_member(out, "},", kt_buf_str(&longer));
    put_member(out, ",{\"x\":", kt_str_from_index(text, 2 * n));
    kt_buf_addz(out, "}]");
    kt_buf_done(&longer);
}

/* What the look at a record says of its event, the look at the event finds: of strings that are
 * whole, of one that is cut at both ends, and of those of a list. */
static void check_event_of_record(struct kt_str text, struct kt_arena *arena)
{
    const size_t n = text.len / 3;
    struct kt_json *parser = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_buf json = { 0 }, raw = { 0 };
    struct kt_event ev = { .kind = KT_KIND_ACCESS };
    struct kt_jval root;
    put_list(&json, text, n);
    put_member(&json, ",\"a\":", kt_str_sub(text, 0, n));
    put_member(&json, ",\"accessKeyId\":", kt_str_sub(text, n, n));
    put_member(&json, ",\"in\":{\"token\":", kt_str_sub(text, n, n));
    put_member(&json, ",\"x\":", kt_str_from_index(text, 2 * n));
    kt_buf_addz(&json, "}}");
    if (kt_json_parse(parser, kt_buf_str(&json), &root, NULL, NULL) != KT_OK)
        abort();
    const struct kt_str record = kt_json_plain_text(parser);
    ev.message = kt_json_str_at(root, "a");
    ev.credential = kt_json_str_at(root, "accessKeyId");
    ev.actor = kt_json_str_at(root, "in.x");
    ev.secret = kt_str_sub(ev.actor, ev.actor.len % 7, ev.actor.len - ev.actor.len % 5);
    kt_kept_whole(root, kept, &raw, NULL, &ev);
    if (record.len > 0 && kt_redact_record_clean(record) &&
        kt_redact_event_clean(&ev, &record, 1) &&
        (kt_redact_event(&ev, arena, NULL) || ev.flags != 0))
        abort();
    kt_buf_done(&json);
    kt_buf_done(&raw);
    kt_json_free(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_arena arena = kt_arena_new(16 * KT_LINE_MAX);
    struct kt_str text = kt_str_from(data, size);
    struct kt_buf raw = { 0 }, line = { 0 };
    struct kt_event back;
    kt_buf_addz(&raw, "{\"token\":");
    kt_json_quote(&raw, text);
    kt_buf_addz(&raw, ",");
    kt_json_quote(&raw, text);
    kt_buf_addz(&raw, ":[");
    kt_json_quote(&raw, text);
    kt_buf_addz(&raw, "]}");
    bool plain = size > 0 && data[0] == '{'; /* then the bytes are the raw themselves */
    struct kt_event ev = { .kind = KT_KIND_ACCESS,
                           .message = text,
                           .credential = text,
                           .groups = { .at = { text }, .n = 1 },
                           .raw = plain ? text : kt_buf_str(&raw) };
    check_record(kt_buf_str(&raw));
    check_line(ev, &arena);
    check_event_of_record(text, &arena);
    bool was_clean = kt_redact_clean(&ev);
    bool changed = kt_redact_event(&ev, &arena, NULL);
    if (was_clean == changed || !kt_redact_clean(&ev) || kt_redact_event(&ev, &arena, NULL))
        abort();
    if (kt_line_write(&ev, &line, NULL) == KT_OK &&
        (kt_line_read(kt_buf_str(&line), &arena, &back, NULL) != KT_OK || !kt_redact_clean(&back)))
        abort();
    kt_buf_done(&raw);
    kt_buf_done(&line);
    kt_arena_done(&arena);
    return 0;
}
