/*
 * stream_state: positions and dead letters of streams as JSON.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event (JSON both ways).
 * Holds: read(write(s)) == s; bytes of a stranger give a zeroed state, never a broken one.
 */
#include "collector/stream_state.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include <inttypes.h>
#include <stdio.h>

static void add_str(struct kt_buf *b, const char *key, const char *value)
{
    kt_buf_addf(b, ",\"%s\":", key);
    kt_json_quote(b, kt_str_of(value));
}

void kt_stream_state_write(const struct kt_stream_state *s, struct kt_buf *out)
{
    kt_buf_addf(out,
                "{\"v\":1,\"placed\":%s,\"off\":%s,\"position\":%" PRIu64 ",\"delivered\":%" PRIu64
                ",\"batches\":%" PRIu64 ",\"dead\":%" PRIu64 ",\"last_success\":%" PRId64
                ",\"failing_since\":%" PRId64 ",\"failures\":%u,\"last_code\":%d",
                s->placed ? "true" : "false", s->off ? "true" : "false", s->position, s->delivered,
                s->batches, s->dead, s->last_success, s->failing_since, s->failures, s->last_code);
    add_str(out, "last_error", s->last_error);
    add_str(out, "carry", s->carry);
    if (s->rewind)
        kt_buf_addf(out, ",\"rewind\":%" PRId64, s->rewind_to);
    if (s->pending.n > 0)
        kt_buf_addf(out,
                    ",\"pending\":{\"first\":%" PRIu64 ",\"last\":%" PRIu64
                    ",\"n\":%u,\"digest\":\"%s\"}",
                    s->pending.first, s->pending.last, s->pending.n, s->pending.digest);
    kt_buf_byte(out, '}');
}

/* A number that is not there, or negative, is 0. */
static int64_t number(struct kt_jval root, const char *path)
{
    int64_t v = 0;
    return kt_json_i64(kt_json_at(root, path), &v) && v > 0 ? v : 0;
}

static void fill(struct kt_jval root, struct kt_stream_state *s)
{
    *s = (struct kt_stream_state){
        .placed = kt_json_bool(kt_json_at(root, "placed"), false),
        .off = kt_json_bool(kt_json_at(root, "off"), false),
        .position = (uint64_t)number(root, "position"),
        .delivered = (uint64_t)number(root, "delivered"),
        .batches = (uint64_t)number(root, "batches"),
        .dead = (uint64_t)number(root, "dead"),
        .last_success = number(root, "last_success"),
        .failing_since = number(root, "failing_since"),
        .failures = (unsigned)number(root, "failures"),
        .last_code = (int)number(root, "last_code"),
        .pending = { .first = (uint64_t)number(root, "pending.first"),
                     .last = (uint64_t)number(root, "pending.last"),
                     .n = (unsigned)number(root, "pending.n") },
    };
    s->rewind = kt_json_i64(kt_json_at(root, "rewind"), &s->rewind_to);
    kt_str_copyz(s->last_error, sizeof s->last_error, kt_json_str_at(root, "last_error"));
    kt_str_copyz(s->carry, sizeof s->carry, kt_json_str_at(root, "carry"));
    kt_str_copyz(s->pending.digest, sizeof s->pending.digest,
                 kt_json_str_at(root, "pending.digest"));
    if (s->pending.first <= s->position || s->pending.last < s->pending.first)
        s->pending.n = 0; /* confirmed already, or nonsense */
}

bool kt_stream_state_read(struct kt_str bytes, struct kt_stream_state *ret)
{
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct kt_jval root;
    unsigned repaired = 0;
    *ret = (struct kt_stream_state){ 0 };
    bool ok = kt_json_parse(json, bytes, &root, &repaired, NULL) == KT_OK && number(root, "v") == 1;
    if (ok)
        fill(root, ret);
    kt_json_free(json);
    return ok;
}

bool kt_stream_dead_add(struct kt_buf *letters, const struct kt_stream_dead *d)
{
    unsigned lines = 0;
    char seq[40];
    (void)snprintf(seq, sizeof seq, "\"seq\":%" PRIu64 ",", d->seq);
    if (kt_str_find(kt_buf_str(letters), kt_str_of(seq), 0) >= 0)
        return false;
    kt_buf_addf(letters,
                "{\"time\":%" PRId64 ",\"seq\":%" PRIu64 ",\"id\":\"%s\",\"reason\":", d->time,
                d->seq, d->id);
    kt_json_quote(letters, kt_str_of(d->reason));
    kt_buf_addz(letters, "}\n");
    for (size_t i = 0; i < letters->len; i++)
        lines += letters->at[i] == '\n';
    struct kt_str rest = kt_buf_str(letters), line;
    while (lines > KT_STREAM_DEAD_KEPT && kt_str_split(&rest, '\n', &line))
        lines--;
    size_t cut = letters->len - rest.len;
    if (cut > 0 && rest.len < letters->len) {
        memmove(letters->at, letters->at + cut, rest.len);
        letters->len = rest.len;
    }
    return true;
}

bool kt_stream_dead_next(struct kt_str *letters, struct kt_stream_dead *ret)
{
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct kt_str line;
    bool found = false;
    while (!found && letters->len > 0 && kt_str_split(letters, '\n', &line)) {
        struct kt_jval root;
        unsigned repaired = 0;
        if (kt_json_parse(json, line, &root, &repaired, NULL) != KT_OK)
            continue;
        *ret = (struct kt_stream_dead){ .time = number(root, "time"),
                                        .seq = (uint64_t)number(root, "seq") };
        kt_str_copyz(ret->id, sizeof ret->id, kt_json_str_at(root, "id"));
        kt_str_copyz(ret->reason, sizeof ret->reason, kt_json_str_at(root, "reason"));
        found = true;
    }
    kt_json_free(json);
    return found;
}
