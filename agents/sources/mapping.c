/*
 * mapping: one JSON record of any service -> one event, as a mapping file says where things stand
 * in it.
 *
 * Owns:  nothing; the mapping is the engine's.
 * Calls: core/base, core/event. No I/O, no clock.
 * Holds: nothing of a record is kept that the mapping does not name.
 */
#include "agents/sources/mapping.h"

#include "agents/sources/actor.h"
#include "core/base/enc.h"
#include "core/base/hash.h"

#define EPOCH_MIN (INT64_C(946684800) * KT_NS_S)  /* 2000 */
#define EPOCH_MAX (INT64_C(4102444800) * KT_NS_S) /* 2100 */

/* ---- when ---- */

/* "1772435645.123" in seconds, "1772435645123" in milliseconds. */
static bool epoch(struct kt_str text, kt_time_ns unit, kt_time_ns *ret, kt_time_ns *ret_precision)
{
    struct kt_str whole, rest = text;
    uint64_t n, digit;
    if (!kt_str_split(&rest, '.', &whole) || !kt_str_u64(whole, &n) ||
        n > (uint64_t)(EPOCH_MAX / unit))
        return false;
    kt_time_ns t = (kt_time_ns)n * unit, step = unit;
    for (size_t i = 0; i < rest.len && step >= 10; i++) {
        if (!kt_str_u64(kt_str_sub(rest, i, 1), &digit))
            return false;
        step /= 10;
        t += (kt_time_ns)digit * step;
    }
    if (t < EPOCH_MIN || t >= EPOCH_MAX)
        return false;
    *ret = t;
    *ret_precision = step;
    return true;
}

static void when(const struct map_record *r, struct kt_event *ev)
{
    struct kt_str text = kt_map_read(r, &r->m->time);
    bool known = false;
    switch (r->m->time_format) {
    case MAP_TIME_RFC3339:
        known = kt_time_parse_loose(text, &ev->time, &ev->precision, NULL) == KT_OK;
        break;
    case MAP_TIME_EPOCH_S:
        known = epoch(text, KT_NS_S, &ev->time, &ev->precision);
        break;
    case MAP_TIME_EPOCH_MS:
        known = epoch(text, KT_NS_MS, &ev->time, &ev->precision);
        break;
    }
    if (!known)
        ev->time = 0;
}

/* ---- what ---- */

static void strings(const struct map_record *r, struct kt_event *ev)
{
    static const size_t at[] = {
#define X(n, help) offsetof(struct kt_event, n),
        MAP_STRINGS(X)
#undef X
    };
    for (unsigned i = 0; i < MAP_STRING_COUNT; i++)
        *(struct kt_str *)(void *)((char *)ev + at[i]) = kt_map_read(r, &r->m->string[i]);
    for (unsigned i = 0; i < r->m->n_names; i++)
        if (kt_str_eq(r->m->names[i].native, ev->operation)) {
            ev->operation = r->m->names[i].name;
            break;
        }
}

static void add_list(struct kt_jval v, struct kt_list *to)
{
    struct kt_json_iter it = kt_json_iter(v);
    struct kt_str name, text;
    struct kt_jval item;
    if (kt_json_type(v) != KT_JSON_ARRAY)
        return;
    while (to->n < KT_LIST_MAX && kt_json_next(&it, &name, &item)) {
        text = kt_json_str(item);
        if (text.len > 0)
            to->at[to->n++] = text;
    }
}

static void lists(const struct map_record *r, struct kt_event *ev)
{
    for (unsigned i = 0; i < r->m->groups.n; i++)
        add_list(kt_map_find(r, kt_str_of(r->m->groups.at[i])), &ev->groups);
    for (unsigned i = 0; i < r->m->fields.n; i++)
        add_list(kt_map_find(r, kt_str_of(r->m->fields.at[i])), &ev->fields);
}

static void what(const struct map_record *r, struct kt_event *ev)
{
    uint64_t n;
    ev->action = (enum kt_action)kt_map_judge(r, &r->m->actions, ev->operation);
    ev->outcome = (enum kt_outcome)kt_map_judge(
        r, &r->m->outcomes, r->m->outcome.n > 0 ? kt_map_read(r, &r->m->outcome) : ev->operation);
    (void)kt_map_make_secret(r, ev);
    if (kt_str_u64(kt_map_read(r, &r->m->count), &n) && n <= UINT32_MAX)
        ev->count = (uint32_t)n;
}

/* ---- who ---- */

/* Who failed to sign in is only who somebody tried to be. */
static void who(const struct map_record *r, struct kt_event *ev)
{
    struct kt_str mfa = kt_map_read(r, &r->m->mfa);
    ev->actor = kt_actor_at(r->in->arena, kt_map_read(r, &r->m->actor), r->m->name);
    if (ev->actor.len > 0)
        ev->actor_kind = (enum kt_actor_kind)kt_map_judge(r, &r->m->actor_kinds,
                                                          kt_map_read(r, &r->m->actor_kind));
    if (ev->action == KT_ACT_LOGIN && ev->outcome != KT_OUT_SUCCESS &&
        ev->outcome != KT_OUT_UNKNOWN && ev->actor.len > 0)
        ev->actor_kind = KT_ACTOR_ANONYMOUS;
    ev->mfa = kt_str_is(mfa, "true") ? 1 : kt_str_is(mfa, "false") ? -1 : 0;
}

/* ---- where ---- */

/* "192.0.2.1:443", "[2001:db8::1]:443": services write the port along. */
static struct kt_str without_port(struct kt_str s)
{
    ptrdiff_t first = kt_str_find_byte(s, ':', 0), shut = kt_str_find_byte(s, ']', 0);
    if (kt_str_starts(s, KT_STR("[")) && shut > 0)
        return kt_str_sub(s, 1, (size_t)shut - 1);
    return first > 0 && first == kt_str_rfind_byte(s, ':') ? kt_str_sub(s, 0, (size_t)first) : s;
}

static void where(const struct map_record *r, struct kt_event *ev)
{
    struct kt_str text = kt_map_read(r, &r->m->ip);
    ev->has_ip = kt_ip_parse(without_port(text), &ev->ip);
    if (ev->has_ip)
        ev->ip_trust = r->m->ip_trust;
    else
        ev->ip_raw = text;
}

/* ---- the record ---- */

/* Without an id of its own a record is known by what is kept of it. */
static void name_it(const struct map_record *r, struct kt_event *ev)
{
    uint8_t digest[16];
    char text[KT_ID_TEXT];
    if (ev->native_id.len == 0) {
        kt_blake2b(&ev->raw, 1, digest, sizeof digest);
        ev->native_id = kt_arena_str(r->in->arena, kt_str_of(kt_id_format(digest, text)));
    }
    if (ev->scope.len == 0)
        ev->scope = r->in->instance;
}

static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    struct kt_event ev = { .kind = KT_KIND_ACCESS };
    (void)first;
    if (in->settings == NULL) {
        to->skip(to, "no mapping file is named");
        return KT_OK;
    }
    const struct map_record r = kt_map_record(in);
    strings(&r, &ev);
    if (kt_map_judge(&r, &r.m->skip, ev.operation) != 0) {
        to->skip(to, "skipped by the mapping");
        return KT_OK;
    }
    when(&r, &ev);
    if (ev.operation.len == 0 && ev.time == 0)
        return kt_fail(err, KT_E_INPUT, "neither 'operation' nor 'time' of the mapping is in it");
    kt_keep_write(in->root, r.m->keep, in->raw, NULL);
    ev.raw = kt_buf_str(in->raw);
    what(&r, &ev);
    who(&r, &ev);
    where(&r, &ev);
    lists(&r, &ev);
    name_it(&r, &ev);
    to->event(to, &ev);
    return KT_OK;
}

const struct kt_source kt_source_mapping = {
    .name = "mapping",
    .summary = "JSON records of any service, as a mapping file describes them",
    .version = 1,
    .split = KT_SPLIT_OBJECTS,
    .decode = decode,
    .lateness = 10 * KT_NS_MIN,
    .describe = kt_mapping_describe,
};
