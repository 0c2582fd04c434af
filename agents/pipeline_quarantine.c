/*
 * pipeline_quarantine: what is kept of a record that cannot be decoded: place, size, reason, keyed
 * hash, shape, and what a byte search finds of its id, action and time. Never a value.
 *
 * Owns:  nothing; works on struct kt_pipeline.
 * Calls: core/base, core/event.
 */
#include <string.h>

#include "agents/pipeline_int.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/line.h"

#define SHAPE_KEYS   64u
#define SALVAGE_MAX  128u
#define SALVAGE_LOOK (64u << 10) /* bytes of the record that are searched */

/* Where the value of "key" begins, or -1. */
static ptrdiff_t value_at(struct kt_str text, struct kt_str key)
{
    for (ptrdiff_t at = 0; (at = kt_str_find(text, key, (size_t)at)) >= 0; at++) {
        size_t end = (size_t)at + key.len;
        if (at == 0 || text.at[at - 1] != '"' || end >= text.len || text.at[end] != '"')
            continue;
        struct kt_str rest = kt_str_trim(kt_str_from_index(text, end + 1));
        if (rest.len < 2 || rest.at[0] != ':')
            continue;
        rest = kt_str_trim(kt_str_from_index(rest, 1));
        if (rest.len > 0)
            return rest.at - text.at;
    }
    return -1;
}

static size_t string_length(struct kt_str text, size_t at)
{
    size_t i = at;
    while (i < text.len && text.at[i] != '"')
        i += text.at[i] == '\\' ? 2 : 1;
    return (i < text.len ? i : text.len) - at;
}

static bool is_plain(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  strchr("-_.:+", c) != NULL;
        if (!ok || c == 0)
            return false;
    }
    return s.len > 0 && s.len <= SALVAGE_MAX;
}

/* The string of "key" when it is one harmless word. */
static struct kt_str salvage(struct kt_str text, const char *key)
{
    ptrdiff_t at = key == NULL ? -1 : value_at(text, kt_str_of(key));
    if (at < 0 || text.at[at] != '"')
        return KT_STR_NONE;
    size_t from = (size_t)at + 1;
    struct kt_str word = kt_str_sub(text, from, string_length(text, from));
    return is_plain(word) ? word : KT_STR_NONE;
}

static void add_shape(struct kt_buf *b, struct kt_str text, const char *const *known)
{
    unsigned n = 0;
    kt_buf_addz(b, ",\"shape\":{");
    for (unsigned i = 0; known != NULL && known[i] != NULL && i < SHAPE_KEYS; i++) {
        ptrdiff_t at = value_at(text, kt_str_of(known[i]));
        if (at < 0)
            continue;
        kt_buf_addf(b, "%s\"%s\":\"", n++ > 0 ? "," : "", known[i]);
        char c = text.at[at];
        if (c == '"')
            kt_buf_addf(b, "string %zu", string_length(text, (size_t)at + 1));
        else
            kt_buf_addz(b, c == '{'               ? "object"
                           : c == '['             ? "array"
                           : c == 't' || c == 'f' ? "bool"
                           : c == 'n'             ? "null"
                                                  : "number");
        kt_buf_byte(b, '"');
    }
    kt_buf_byte(b, '}');
}

static void add_hash(struct kt_buf *b, const uint8_t key[32], struct kt_str bytes)
{
    static const uint8_t none[32];
    uint8_t digest[16];
    if (memcmp(key, none, sizeof none) == 0)
        return;
    struct kt_str parts[2] = { kt_str_from(key, 32), bytes };
    kt_blake2b(parts, 2, digest, sizeof digest);
    kt_buf_addz(b, ",\"hash\":\"");
    kt_hex_add(b, digest, sizeof digest);
    kt_buf_byte(b, '"');
}

/* The offset in the stream; a record of a feed has none and is told apart by its arrival. */
static unsigned long long place_number(const struct current *cur)
{
    return cur->offset != UINT64_MAX ? (unsigned long long)cur->offset
                                     : (unsigned long long)cur->arrival;
}

void kt_quarantine_give(struct kt_pipeline *p, const char *reason)
{
    const struct kt_source *source = p->o.source;
    const struct current *cur = &p->cur;
    struct kt_str text =
        kt_str_sub(source->to_json != NULL ? cur->record : cur->bytes, 0, SALVAGE_LOOK);
    struct kt_buf *b = &p->quarantine;

    kt_buf_reset(b);
    kt_buf_addz(b, "{\"place\":");
    kt_json_quote(b, p->place);
    if (cur->offset != UINT64_MAX)
        kt_buf_addf(b, ",\"offset\":%llu", (unsigned long long)cur->offset);
    kt_buf_addf(b, ",\"bytes\":%llu,\"reason\":", (unsigned long long)cur->length);
    kt_json_quote(b, kt_str_of(reason));
    add_hash(b, p->o.quarantine_key, cur->bytes);
    add_shape(b, text, source->known_keys);
    kt_buf_byte(b, '}');

    struct kt_event ev = { .kind = KT_KIND_QUARANTINE, .reason = kt_str_of(reason) };
    ev.native_id = salvage(text, source->salvage_id);
    ev.operation = salvage(text, source->salvage_action);
    if (kt_time_parse_loose(salvage(text, source->salvage_time), &ev.time, NULL, NULL) != KT_OK)
        ev.time = 0;
    if (ev.native_id.len < 16) { /* no id of its own: where it stood tells it from others */
        ev.scope = p->o.instance;
        ev.native_id =
            kt_arena_fmt(&p->arena, "%.*s@%llu+%llu", KT_STR_ARG(kt_str_sub(p->place, 0, 1024)),
                         place_number(cur), (unsigned long long)cur->length);
    }
    ev.raw = kt_buf_str(b);
    kt_pipeline_give(p, &ev);
    if (p->cur.status == KT_OK)
        p->counts.quarantined++;
}
