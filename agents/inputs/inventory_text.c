/*
 * inventory_text: dates, escapes and the record of a secret.
 *
 * Owns:  nothing. Calls: core.
 */
#include "agents/inputs/inventory_store.h"
#include "core/base/aws.h"
#include "core/event/line.h"
#include <math.h>
#include <stdlib.h>

#define SECONDS_MAX 253402300799.0 /* the end of 9999 */

struct kt_str inv_date(struct kt_arena *a, struct kt_jval v)
{
    char text[KT_TIME_TEXT_MAX], number[40];
    struct kt_str s = kt_json_text(v);
    kt_time_ns t;
    if (kt_json_type(v) == KT_JSON_STRING)
        return kt_time_parse(s, &t, NULL) == KT_OK ? kt_arena_str(a, s) : KT_STR_NONE;
    if (kt_json_type(v) != KT_JSON_NUMBER || s.len >= sizeof number)
        return KT_STR_NONE;
    kt_str_copyz(number, sizeof number, s);
    double seconds = strtod(number, NULL);
    if (!(seconds > 0) || seconds > SECONDS_MAX || floor(seconds) > (double)(INT64_MAX / KT_NS_S))
        return KT_STR_NONE;
    t = (kt_time_ns)seconds * KT_NS_S; /* fractions say nothing about a secret's age */
    return kt_arena_str(a, kt_str_of(kt_time_format(t, text)));
}

struct kt_str inv_day(struct kt_arena *a, struct kt_jval v)
{
    return kt_str_sub(inv_date(a, v), 0, 10);
}

struct kt_str inv_escape(struct kt_arena *a, struct kt_str s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_aws_encode(s, false, &b);
    return kt_arena_str(a, kt_buf_str(&b));
}

void inv_add_tag(struct inv_secret *s, struct kt_str name)
{
    if (s->n_tags < INV_TAGS_MAX && name.len > 0)
        s->tag[s->n_tags++] = name;
}

/* ---- the record ---- */

static void add(struct kt_buf *out, const char *name, struct kt_str value)
{
    if (value.len == 0)
        return;
    kt_buf_addf(out, ",\"%s\":", name);
    kt_json_quote(out, value);
}

static void begin(struct kt_buf *out, const char *store, kt_time_ns snapshot)
{
    char text[KT_TIME_TEXT_MAX];
    kt_buf_addz(out, "{\"store\":");
    kt_json_quote(out, kt_str_of(store));
    add(out, "snapshot", kt_str_of(kt_time_format(snapshot, text)));
}

void inv_write_secret(const struct inv_secret *s, const char *store, kt_time_ns snapshot,
                      struct kt_buf *out)
{
    const struct {
        const char *name;
        struct kt_str value;
    } all[] = {
        { "secret", s->id },
        { "native", s->native },
        { "version", s->version },
        { "created", s->created },
        { "last_changed", s->last_changed },
        { "last_rotated", s->last_rotated },
        { "rotation_period", s->rotation_period },
        { "next_rotation", s->next_rotation },
        { "last_accessed", s->last_accessed },
        { "expires", s->expires },
        { "deleted", s->deleted },
        { "owner", s->owner },
        { "changed_by", s->changed_by },
    };
    begin(out, store, snapshot);
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++)
        add(out, all[i].name, all[i].value);
    if (s->guess)
        kt_buf_addz(out, ",\"guess\":true");
    if (s->rotation_enabled != 0)
        kt_buf_addf(out, ",\"rotation_enabled\":%s", s->rotation_enabled > 0 ? "true" : "false");
    for (unsigned i = 0; i < s->n_tags; i++) {
        kt_buf_addz(out, i == 0 ? ",\"tags\":[" : ",");
        kt_json_quote(out, s->tag[i]);
    }
    kt_buf_addz(out, s->n_tags > 0 ? "]}\n" : "}\n");
}

void inv_write_mark(const struct inv_mark *m, const char *store, kt_time_ns snapshot,
                    struct kt_buf *out)
{
    begin(out, store, snapshot);
    kt_buf_addf(out, ",\"complete\":%s,\"secrets\":%llu,\"missed\":%llu",
                m->missed == 0 ? "true" : "false", (unsigned long long)m->secrets,
                (unsigned long long)m->missed);
    add(out, "problem", kt_str_of(m->problem));
    kt_buf_addz(out, "}\n");
}
