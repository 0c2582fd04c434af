/*
 * gitlab: one audit event of GitLab that is about secrets -> one event (SOURCES §9). From the
 * stream, from the API, or from audit_json.log, where the details stand beside the rest.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event. No I/O, no clock.
 */
#include "agents/sources/gitlab.h"

#include "agents/sources/actor.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/secret_id.h"

/* The member itself, or of the details. */
static struct kt_jval pick(const struct kt_decode_in *in, const char *name)
{
    struct kt_jval v = kt_json_get(in->root, kt_str_of(name));
    enum kt_json_type t = kt_json_type(v);
    if (t != KT_JSON_NONE && t != KT_JSON_NULL)
        return v;
    return kt_json_get(kt_json_get(in->root, KT_STR("details")), kt_str_of(name));
}

static struct kt_str pick_str(const struct kt_decode_in *in, const char *name)
{
    return kt_json_str(pick(in, name));
}

/* A number or a string. */
static struct kt_str pick_id(const struct kt_decode_in *in, const char *name)
{
    struct kt_jval v = pick(in, name);
    enum kt_json_type t = kt_json_type(v);
    return t == KT_JSON_NUMBER || t == KT_JSON_STRING ? kt_json_text(v) : KT_STR_NONE;
}

/* ---- what ---- */

/* gitlab://label/path of project or group/variables/NAME. Where the path is missing its number
 * stands for it; a variable of the whole instance has neither. */
static void set_id(const struct kt_decode_in *in, const char *store, struct kt_event *ev)
{
    struct kt_str path = pick_str(in, "entity_path"), name = pick_str(in, "target_details");
    struct kt_str fixed[3] = { in->cluster, path, kt_str_of(store) };
    bool instance = kt_str_has(pick_str(in, "entity_type"), KT_STR("InstanceScope"));
    if (instance)
        fixed[1] = KT_STR_NONE;
    else if (path.len == 0)
        fixed[1] = pick_id(in, "entity_id");
    ev->secret_guess = path.len == 0 && !instance;
    ev->secret = kt_secret_id(in->arena, "gitlab", fixed, 3, name, name.len == 0);
    ev->secret_native = name;
}

static void thing(const struct kt_decode_in *in, struct kt_event *ev)
{
    struct kt_str path = pick_str(in, "entity_path"), name = pick_id(in, "target_details");
    ev->secret_native = path.len > 0 && name.len > 0
                            ? kt_arena_cat3(in->arena, path, KT_STR("/"), name)
                        : name.len > 0 ? name
                                       : path;
}

/* ---- who ---- */

/* Negative ids: nobody, a deploy token, a deploy key, a runner. */
static void who(const struct kt_decode_in *in, struct kt_event *ev)
{
    struct kt_str name = pick_str(in, "author_name"), email = pick_str(in, "author_email");
    int64_t id = 0;
    ev->actor_native = pick_id(in, "author_id");
    ev->actor_name = name;
    ev->actor_kind = KT_ACTOR_HUMAN;
    if (kt_str_i64(ev->actor_native, &id) && id < 0)
        ev->actor_kind = id == -1 ? KT_ACTOR_ANONYMOUS : KT_ACTOR_SERVICE;
    if (kt_str_has(name, KT_STR("_bot")) || kt_str_has(name, KT_STR("[bot]")))
        ev->actor_kind = KT_ACTOR_SERVICE;
    if (kt_actor_is_email(email))
        name = email;
    ev->actor = kt_actor_at(in->arena, name.len > 0 ? name : ev->actor_native, in->cluster);
    if (ev->actor.len == 0)
        ev->actor_kind = KT_ACTOR_UNKNOWN;
}

/* A failed sign-in: whom it tried to be. */
static void login(const struct kt_decode_in *in, struct kt_event *ev)
{
    struct kt_str name = pick_str(in, "target_details");
    if (ev->outcome == KT_OUT_SUCCESS)
        return;
    ev->actor_kind = KT_ACTOR_ANONYMOUS;
    if (name.len > 0)
        ev->actor = kt_actor_at(in->arena, name, in->cluster);
}

/* ---- when, where ---- */

static void when(const struct kt_decode_in *in, struct kt_event *ev)
{
    struct kt_str text = pick_str(in, "created_at");
    if (text.len == 0)
        text = pick_str(in, "time");
    if (kt_time_parse_loose(text, &ev->time, &ev->precision, NULL) != KT_OK)
        ev->time = 0;
}

static void where(const struct kt_decode_in *in, struct kt_event *ev)
{
    struct kt_str ip = pick_str(in, "ip_address");
    ev->has_ip = kt_ip_parse(ip, &ev->ip);
    ev->ip_trust = ev->has_ip ? KT_TRUST_EDGE : KT_TRUST_NONE;
    if (!ev->has_ip)
        ev->ip_raw = ip;
    ev->request_id = pick_str(in, "correlation_id");
}

/* ---- the event ---- */

/* Ids are unique within one GitLab. Lines of audit_json.log have none: what is kept tells them
 * apart. */
static void name_it(const struct kt_decode_in *in, struct kt_event *ev)
{
    ev->scope = in->cluster;
    ev->native_id = pick_id(in, "id");
    if (ev->native_id.len > 0)
        return;
    uint8_t digest[16];
    char text[KT_ID_TEXT];
    struct kt_str parts[] = { ev->raw,    ev->operation,     ev->actor,
                              ev->secret, ev->secret_native, ev->request_id };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), digest, sizeof digest);
    ev->native_id = kt_arena_str(in->arena, kt_str_of(kt_id_format(digest, text)));
    ev->scope = in->instance;
}

static enum gl_thing what(const struct kt_decode_in *in, struct kt_event *ev)
{
    struct kt_str message = pick_str(in, "custom_message");
    ev->operation = pick_str(in, "event_type");
    if (ev->operation.len == 0)
        ev->operation = pick_str(in, "event_name");
    enum gl_thing t = ev->operation.len > 0
                          ? kt_gl_thing_of_type(ev->operation, &ev->action, &ev->outcome)
                          : kt_gl_thing_of_class(pick_str(in, "target_type"), message, &ev->action);
    /* the name of a hidden variable is shown, its value is not */
    if (t == GL_VARIABLE && ev->action == KT_ACT_READ &&
        kt_str_has(message, KT_STR("no value shown")))
        ev->action = KT_ACT_READ_META;
    return t;
}

static const char *no_event(const struct kt_decode_in *in)
{
    bool event = kt_json_type(kt_json_get(in->root, KT_STR("author_id"))) != KT_JSON_NONE;
    return event ? "not about secrets" : "no audit event";
}

static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    struct kt_event ev = { .kind = KT_KIND_ACCESS, .outcome = KT_OUT_SUCCESS };
    enum gl_thing t = what(in, &ev);
    (void)first;
    (void)err;
    if (t == GL_NOTHING) {
        to->skip(to, no_event(in));
        return KT_OK;
    }
    kt_kept_whole(in->root, kt_gl_keep_root, in->raw, in->unknown_fields, &ev);
    when(in, &ev);
    who(in, &ev);
    where(in, &ev);
    if (t == GL_VARIABLE)
        set_id(in, "variables", &ev);
    else if (t == GL_SECRET)
        set_id(in, "secrets", &ev);
    else if (t == GL_LOGIN)
        login(in, &ev);
    else
        thing(in, &ev);
    if (ev.action == KT_ACT_READ && ev.secret_native.len == 0)
        ev.action = KT_ACT_EXPORT; /* all of them at once */
    name_it(in, &ev);
    to->event(to, &ev);
    return KT_OK;
}

static const char *const limits[] = {
    "GitLab never logs who read a variable: this source shows changes only",
    NULL,
};

const struct kt_source kt_source_gitlab = {
    .name = "gitlab",
    .summary = "GitLab audit events: CI/CD variables, tokens, keys, sign-ins",
    .version = 1,
    .split = KT_SPLIT_OBJECTS,
    .decode = decode,
    .salvage_id = "id",
    .salvage_action = "event_type",
    .salvage_time = "created_at",
    .known_keys = kt_gl_known_keys,
    .lateness = 10 * KT_NS_MIN,
    .limits = limits,
};
