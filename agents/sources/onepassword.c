/*
 * onepassword: one record of 1Password's Events API (item usage, sign-in attempt, audit event) or
 * of a Connect server's activity log -> one event (SOURCES §3). A record tells by its members which
 * of them it is.
 *
 * Owns:  nothing; which e-mail a user's uuid has is remembered by the engine.
 * Calls: core/base, core/event. No I/O, no clock.
 */
#include "agents/sources/onepassword.h"

#include "agents/sources/actor.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/secret_id.h"

#define UUID_LEN 26u
#define HERE     "1password"

/* Base 32 of 26 characters, in either case. */
static bool is_uuid(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
            return false;
    }
    return s.len == UUID_LEN;
}

static struct kt_str text_at(struct kt_jval v, const char *path)
{
    struct kt_jval at = kt_json_at(v, path);
    return kt_json_type(at) == KT_JSON_NULL ? KT_STR_NONE : kt_json_text(at);
}

/* ---- what ---- */

/* op://account/vault/item. Records of the first version of the API do not name the account; then
 * the label of the configuration does, when it is one. */
static void set_id(const struct kt_decode_in *in, struct kt_str account, struct kt_str vault,
                   struct kt_str item, struct kt_event *ev)
{
    struct kt_str fixed[2] = { account, vault.len > 0 ? vault : KT_STR("*") };
    bool star = item.len == 0;
    if (fixed[0].len == 0 && is_uuid(in->cluster))
        fixed[0] = in->cluster;
    if (vault.len == 0 && !star)
        fixed[1] = KT_STR_NONE;
    ev->secret_guess = fixed[0].len == 0 || fixed[1].len == 0;
    ev->secret = kt_secret_id(in->arena, "op", fixed, 2, item, star);
    ev->secret_native = vault.len > 0 && item.len > 0
                            ? kt_arena_cat3(in->arena, vault, KT_STR("/"), item)
                        : item.len > 0 ? item
                                       : vault;
}

/* ---- who ---- */

static bool is_service(struct kt_arena *a, struct kt_str type, struct kt_str email)
{
    return kt_str_has(kt_actor_lower(a, type), KT_STR("service")) ||
           kt_str_ends(email, KT_STR("@1passwordserviceaccounts.com"));
}

/* By e-mail; a record that has only the uuid gets the e-mail that other records gave to it as a
 * name beside it, so that the event is the same in whichever order they are read. */
static void who(const struct kt_decode_in *in, struct kt_jval user, struct kt_str uuid,
                struct kt_str type, struct kt_event *ev)
{
    struct kt_str email = kt_json_str_at(user, "email"), name = kt_json_str_at(user, "name");
    struct kt_str key;
    if (uuid.len == 0)
        uuid = kt_json_str_at(user, "uuid");
    if (type.len == 0)
        type = kt_json_str_at(user, "user_type");
    key = kt_arena_cat(in->arena, KT_STR("user "), uuid);
    ev->actor_native = uuid;
    ev->actor_name = name;
    ev->actor_kind = is_service(in->arena, type, email) ? KT_ACTOR_SERVICE : KT_ACTOR_HUMAN;
    ev->actor = kt_actor_at(in->arena, email.len > 0 ? email : uuid, KT_STR(HERE));
    if (ev->actor.len == 0)
        ev->actor_kind = KT_ACTOR_UNKNOWN;
    if (uuid.len == 0)
        return;
    if (kt_actor_is_email(email))
        kt_source_remember(in->memory, key, ev->actor);
    else if (name.len == 0)
        ev->actor_name = kt_arena_str(in->arena, kt_source_recall(in->memory, key));
}

/* ---- when, where ---- */

static void when(const struct kt_decode_in *in, struct kt_event *ev)
{
    struct kt_str text = kt_json_str_at(in->root, "timestamp");
    if (kt_time_parse_loose(text, &ev->time, &ev->precision, NULL) != KT_OK)
        ev->time = 0;
}

/* 1Password's servers saw the address. */
static void address(struct kt_str ip, struct kt_event *ev)
{
    ev->has_ip = kt_ip_parse(ip, &ev->ip);
    ev->ip_trust = ev->has_ip ? KT_TRUST_EDGE : KT_TRUST_NONE;
    if (!ev->has_ip)
        ev->ip_raw = ip;
}

static void where(const struct kt_decode_in *in, struct kt_event *ev)
{
    struct kt_jval client = kt_json_get(in->root, KT_STR("client"));
    struct kt_str app = kt_json_str_at(client, "app_name"),
                  version = text_at(client, "app_version");
    struct kt_str ip = kt_json_str_at(client, "ip_address");
    address(ip.len > 0 ? ip : kt_json_str_at(in->root, "session.ip"), ev);
    ev->user_agent =
        app.len > 0 && version.len > 0 ? kt_arena_cat3(in->arena, app, KT_STR("/"), version) : app;
    ev->country_claimed = kt_json_str_at(in->root, "location.country");
    if (ev->country_claimed.len == 0)
        ev->country_claimed = kt_json_str_at(in->root, "country");
}

/* ---- the kinds of records ---- */

static void item_usage(const struct kt_decode_in *in, struct kt_event *ev)
{
    struct kt_jval root = in->root;
    ev->operation = kt_json_str_at(root, "action");
    ev->action = kt_op_usage_verb(ev->operation);
    ev->outcome = KT_OUT_SUCCESS;
    who(in, kt_json_get(root, KT_STR("user")), KT_STR_NONE, KT_STR_NONE, ev);
    set_id(in, kt_json_str_at(root, "account_uuid"), kt_json_str_at(root, "vault_uuid"),
           kt_json_str_at(root, "item_uuid"), ev);
    ev->version = text_at(root, "used_version");
}

/* Who failed is only who somebody tried to be. */
static void signin(const struct kt_decode_in *in, struct kt_event *ev)
{
    struct kt_str category = kt_json_str_at(in->root, "category");
    struct kt_str type = kt_json_str_at(in->root, "type");
    ev->operation = KT_STR("signinattempts");
    ev->action = KT_ACT_LOGIN;
    ev->outcome = kt_op_signin_outcome(category);
    who(in, kt_json_get(in->root, KT_STR("target_user")), KT_STR_NONE, KT_STR_NONE, ev);
    if (ev->outcome != KT_OUT_SUCCESS)
        ev->actor_kind = KT_ACTOR_ANONYMOUS;
    if (!kt_str_is(category, "success"))
        ev->code = category;
    ev->message = type;
    if (kt_str_is(type, "mfa_ok"))
        ev->mfa = 1;
    ev->session = kt_json_str_at(in->root, "session_uuid");
}

/* The number of items of a bulk change stands in a text that may hold anything else. */
static uint32_t count_of(struct kt_str info)
{
    uint64_t n;
    return kt_str_u64(info, &n) && n <= UINT32_MAX ? (uint32_t)n : 0;
}

static void audit(const struct kt_decode_in *in, struct kt_event *ev)
{
    struct kt_jval root = in->root;
    struct kt_str type = kt_json_str_at(root, "object_type");
    struct kt_str uuid = kt_json_str_at(root, "object_uuid"),
                  account = kt_json_str_at(root, "account_uuid");
    enum op_object object = kt_op_object_of(type);
    ev->operation = kt_json_str_at(root, "action");
    ev->action = kt_op_audit_verb(ev->operation, object);
    ev->outcome = KT_OUT_SUCCESS;
    who(in, kt_json_get(root, KT_STR("actor_details")), kt_json_str_at(root, "actor_uuid"),
        kt_json_str_at(root, "actor_type"), ev);
    ev->session = kt_json_str_at(root, "session.uuid");
    ev->secret_native =
        uuid.len > 0 ? kt_arena_cat3(in->arena, type, KT_STR("/"), uuid) : type; /* no secret */
    switch (object) {
    case OP_OBJECT_ITEM:
        set_id(in, account, kt_json_str_at(root, "aux_uuid"), uuid, ev);
        ev->secret_guess = ev->secret_guess || !kt_str_is(type, "item");
        break;
    case OP_OBJECT_VAULT:
    case OP_OBJECT_ENTRY:
        set_id(in, account, uuid, KT_STR_NONE, ev);
        ev->count = kt_str_is(type, "items") ? count_of(text_at(root, "aux_info")) : 0;
        break;
    case OP_OBJECT_ACCESS:
    case OP_OBJECT_OTHER:
        break;
    }
}

/* One request to a Connect server; the one kind of record that tells of refusals. */
static void connect_activity(const struct kt_decode_in *in, struct kt_event *ev)
{
    struct kt_jval actor = kt_json_get(in->root, KT_STR("actor")),
                   resource = kt_json_get(in->root, KT_STR("resource"));
    struct kt_str account = kt_json_str_at(actor, "account"),
                  item = kt_json_str_at(resource, "item.id"),
                  result = kt_json_str_at(in->root, "result");
    ev->operation = kt_json_str_at(in->root, "action");
    ev->action = kt_op_connect_verb(ev->operation);
    if (item.len == 0 && ev->action == KT_ACT_READ) /* a vault, or what is in it */
        ev->action = KT_ACT_LIST;
    ev->outcome = kt_str_is(result, "SUCCESS") ? KT_OUT_SUCCESS
                  : kt_str_is(result, "DENY")  ? KT_OUT_DENIED
                                               : KT_OUT_UNKNOWN;
    ev->actor_kind = KT_ACTOR_SERVICE;
    ev->actor_native = kt_json_str_at(actor, "id");
    ev->actor = kt_actor_at(in->arena, ev->actor_native, KT_STR(HERE));
    ev->credential = kt_json_str_at(actor, "jti");
    set_id(in, account, kt_json_str_at(resource, "vault.id"), item, ev);
    ev->version = text_at(resource, "itemVersion");
    address(kt_json_str_at(actor, "requestIp"), ev);
    ev->user_agent = kt_json_str_at(actor, "userAgent");
}

/* A stream that nobody knows yet: kept with its own name. */
static void unknown(const struct kt_decode_in *in, struct kt_event *ev)
{
    ev->operation = kt_json_str_at(in->root, "action");
    who(in, kt_json_get(in->root, KT_STR("user")), KT_STR_NONE, KT_STR_NONE, ev);
}

static const struct stream {
    const char *scope;   /* uuids are unique within a stream */
    const char *mark[2]; /* members that tell it: either of them … */
    bool both;           /* … or both */
    const char *id;
    void (*decode)(const struct kt_decode_in *in, struct kt_event *ev);
} streams[] = {
    { "itemusages", { "item_uuid", "used_version" }, false, "uuid", item_usage },
    { "auditevents", { "object_type", "actor_uuid" }, false, "uuid", audit },
    { "signinattempts", { "target_user", "session_uuid" }, false, "uuid", signin },
    { "connect", { "requestId", "resource" }, true, "requestId", connect_activity },
    { "events", { "uuid", "timestamp" }, true, "uuid", unknown },
};

static bool has(struct kt_jval v, const char *name)
{
    return kt_json_type(kt_json_get(v, kt_str_of(name))) != KT_JSON_NONE;
}

static const struct stream *stream_of(struct kt_jval root)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(streams); i++) {
        bool one = has(root, streams[i].mark[0]), two = has(root, streams[i].mark[1]);
        if (streams[i].both ? one && two : one || two)
            return &streams[i];
    }
    return NULL;
}

/* ---- the record ---- */

/* Without an id of its own a record is known by what is kept of it. */
static void name_it(const struct kt_decode_in *in, const struct stream *s, struct kt_event *ev)
{
    ev->scope = kt_str_of(s->scope);
    ev->native_id = kt_json_str_at(in->root, s->id);
    if (ev->native_id.len > 0)
        return;
    uint8_t digest[16];
    char text[KT_ID_TEXT];
    struct kt_str parts[] = { ev->raw, ev->operation, ev->actor, ev->secret, ev->session };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), digest, sizeof digest);
    ev->native_id = kt_arena_str(in->arena, kt_str_of(kt_id_format(digest, text)));
    ev->scope = in->instance;
}

static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    const struct stream *s = stream_of(in->root);
    struct kt_event ev = { .kind = KT_KIND_ACCESS };
    (void)first;
    (void)err;
    if (s == NULL) {
        to->skip(to, "no 1Password event");
        return KT_OK;
    }
    kt_kept_whole(in->root, kt_op_keep_root, in->raw, in->unknown_fields, &ev);
    when(in, &ev);
    where(in, &ev);
    s->decode(in, &ev);
    name_it(in, s, &ev);
    to->event(to, &ev);
    return KT_OK;
}

static const char *const arrays[] = { "items", "itemusages", "signinattempts", "auditevents",
                                      NULL };
static const char *const members[] = { "message", NULL };

static const char *const limits[] = {
    "items of personal vaults and refused reads are no events of 1Password's Events API",
    NULL,
};

const struct kt_source kt_source_onepassword = {
    .name = "onepassword",
    .summary = "1Password Events API: item usages, sign-ins, audit events; Connect activity",
    .version = 2,
    .split = KT_SPLIT_OBJECTS,
    .wrap_arrays = arrays,
    .wrap_members = members,
    .decode = decode,
    .salvage_id = "uuid",
    .salvage_action = "action",
    .salvage_time = "timestamp",
    .known_keys = kt_op_known_keys,
    .lateness = 10 * KT_NS_MIN,
    .limits = limits,
    .no_reads = "no use of an item has come: the token needs the feature itemusages, and the plan "
                "must be Business or Enterprise",
    .poll = &kt_onepassword_poll,
};
