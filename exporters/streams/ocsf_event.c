/*
 * ocsf_event: an access as API Activity, Authentication or User Access Management; a record of our
 * own as Event Log Activity; other records as the Base Event.
 *
 * Owns:  the tables from verbs and records to classes and activities.
 * Calls: doc, said, core/event (json: the grants inside a redacted original). No I/O, no clock.
 * Holds: what the class requires is always there; unknown things have the schema's own word.
 */
#include "core/base/alloc.h"
#include "core/event/json.h"
#include "exporters/streams/ocsf_int.h"

/* ---- tables ---- */

static const struct kt_ocsf_activity api[KT_ACT_COUNT] = {
    [KT_ACT_OTHER] = { 99, "other" },   [KT_ACT_READ] = { 2, "Read" },
    [KT_ACT_READ_META] = { 2, "Read" }, [KT_ACT_LIST] = { 2, "Read" },
    [KT_ACT_WRITE] = { 3, "Update" },   [KT_ACT_ROTATE] = { 3, "Update" },
    [KT_ACT_DELETE] = { 4, "Delete" },  [KT_ACT_DESTROY] = { 4, "Delete" },
    [KT_ACT_RESTORE] = { 3, "Update" }, [KT_ACT_GRANT] = { 3, "Update" },
    [KT_ACT_REVOKE] = { 3, "Update" },  [KT_ACT_RENEW] = { 3, "Update" },
    [KT_ACT_ISSUE] = { 1, "Create" },   [KT_ACT_USE] = { 99, "use" },
    [KT_ACT_LOGIN] = { 99, "login" },   [KT_ACT_EXPORT] = { 2, "Read" },
    [KT_ACT_CONFIG] = { 3, "Update" },
};
static const struct kt_ocsf_activity created = { 1, "Create" }, logon = { 1, "Logon" },
                                     assign = { 1, "Assign Privileges" },
                                     revoke = { 2, "Revoke Privileges" };

/* What happened to our own log; all else of it is activity 99 with its own name. */
static const struct {
    enum kt_kind kind;
    const char *operation; /* NULL: any */
    struct kt_ocsf_activity activity;
} own[] = {
    { KT_KIND_AUDIT, "start", { 6, "Start" } },    { KT_KIND_AUDIT, "stop", { 7, "Stop" } },
    { KT_KIND_AUDIT, "succeed", { 5, "Rotate" } }, { KT_KIND_AUDIT, "backup", { 4, "Archive" } },
    { KT_KIND_TOMBSTONE, NULL, { 2, "Delete" } },
};

static const struct {
    const char *caption, *detail; /* detail NULL: the outcome's own word says no more */
    int id;
} statuses[KT_OUT_COUNT] = {
    [KT_OUT_UNKNOWN] = { "Unknown", NULL, 0 },
    [KT_OUT_SUCCESS] = { "Success", NULL, 1 },
    [KT_OUT_DENIED] = { "Failure", "denied", 2 },
    [KT_OUT_FAILURE] = { "Failure", "failure", 2 },
    [KT_OUT_NOT_FOUND] = { "Failure", "not_found", 2 },
};

static const struct {
    int id;
    const char *caption;
} user_types[KT_ACTOR_COUNT] = {
    [KT_ACTOR_UNKNOWN] = { 0, "Unknown" },    [KT_ACTOR_HUMAN] = { 1, "User" },
    [KT_ACTOR_SERVICE] = { 4, "Service" },    [KT_ACTOR_CI] = { 4, "Service" },
    [KT_ACTOR_AI_AGENT] = { 99, "AI agent" }, [KT_ACTOR_ROOT] = { 2, "Admin" },
    [KT_ACTOR_ANONYMOUS] = { 0, "Unknown" },
};

static const struct {
    const char *source, *provider;
} clouds[] = { { "cloudtrail", "AWS" }, { "gcp", "GCP" }, { "azure", "Azure" } };

static const char *provider_of(const struct kt_event *ev)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(clouds); i++)
        if (kt_str_is(ev->source, clouds[i].source))
            return clouds[i].provider;
    return NULL;
}

/* ---- grants ---- */

struct grant {
    struct kt_str user, privilege;
};

static void json_free(struct kt_json **j)
{
    kt_json_free(*j);
}

/* Who got or lost what. Of the stores that say both, the redacted original has it: the policy delta
 * of Google Cloud. */
static struct grant grant_of(const struct kt_event *ev, struct kt_arena *arena)
{
    struct grant g = { KT_STR_NONE, KT_STR_NONE };
    if (!kt_str_is(ev->source, "gcp") || ev->raw.len == 0 ||
        (ev->action != KT_ACT_GRANT && ev->action != KT_ACT_REVOKE))
        return g;
    KT_CLEANUP(json_free) struct kt_json *j = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root, delta;
    unsigned repaired;
    if (kt_json_parse(j, ev->raw, &root, &repaired, NULL) != KT_OK)
        return g;
    struct kt_json_iter it =
        kt_json_iter(kt_json_path(root, "protoPayload.serviceData.policyDelta.bindingDeltas"));
    struct kt_str name;
    while (g.user.len == 0 && kt_json_next(&it, &name, &delta)) {
        g.user = kt_arena_str(arena, kt_json_str_at(delta, "member"));
        g.privilege = kt_arena_str(arena, kt_json_str_at(delta, "role"));
    }
    return g;
}

/* ---- class and activity ---- */

struct mapped {
    enum kt_ocsf_class class;
    struct kt_ocsf_activity activity;
    struct grant grant;
};

static bool user_known(const struct kt_event *ev)
{
    return ev->actor.len > 0 || ev->actor_native.len > 0;
}

static struct mapped map_access(const struct kt_event *ev, struct kt_arena *arena)
{
    struct mapped m = { .class = OCSF_API, .activity = api[ev->action] };
    if (ev->action == KT_ACT_LOGIN && user_known(ev)) {
        m.class = OCSF_AUTHENTICATION;
        m.activity = logon;
        return m;
    }
    if (ev->action == KT_ACT_WRITE && kt_stream_is_new(ev))
        m.activity = created;
    m.grant = grant_of(ev, arena);
    if (m.grant.user.len > 0 && m.grant.privilege.len > 0) {
        m.class = OCSF_USER_ACCESS;
        m.activity = ev->action == KT_ACT_GRANT ? assign : revoke;
    }
    return m;
}

static struct mapped map_record(const struct kt_event *ev)
{
    struct mapped m = { .class = ev->kind >= KT_KIND_TICK ? OCSF_EVENT_LOG : OCSF_BASE,
                        .activity = { 99, kt_kind_word(ev->kind) } };
    for (size_t i = 0; i < KT_ARRAY_LEN(own); i++)
        if (own[i].kind == ev->kind &&
            (own[i].operation == NULL || kt_str_is(ev->operation, own[i].operation)))
            m.activity = own[i].activity;
    return m;
}

/* ---- parts ---- */

static void add_status(const struct kt_event *ev, struct kt_buf *out)
{
    kt_doc_i64(out, "status_id", statuses[ev->outcome].id);
    kt_doc_z(out, "status", statuses[ev->outcome].caption);
    kt_doc_z(out, "status_detail", statuses[ev->outcome].detail);
    kt_doc_str(out, "status_code", ev->code);
}

static void add_user(const char *key, const struct kt_event *ev, struct kt_buf *out)
{
    size_t user = kt_doc_open(out, key, '{');
    kt_doc_str(out, "name", ev->actor.len > 0 ? ev->actor : ev->actor_native);
    kt_doc_str(out, "uid", ev->actor_native);
    kt_doc_str(out, "full_name", ev->actor_name);
    if (kt_stream_is_email(ev->actor))
        kt_doc_str(out, "email_addr", ev->actor);
    kt_doc_str(out, "credential_uid", ev->credential);
    kt_doc_i64(out, "type_id", user_types[ev->actor_kind].id);
    kt_doc_z(out, "type", user_types[ev->actor_kind].caption);
    size_t groups = kt_doc_open(out, "groups", '[');
    for (unsigned i = 0; i < ev->groups.n; i++) {
        size_t group = kt_doc_open(out, NULL, '{');
        kt_doc_str(out, "name", ev->groups.at[i]);
        kt_doc_close(out, group);
    }
    kt_doc_close(out, groups);
    kt_doc_close(out, user);
}

static void add_session(const struct kt_event *ev, struct kt_buf *out)
{
    if (ev->session.len == 0)
        return;
    size_t session = kt_doc_open(out, "session", '{');
    kt_doc_str(out, "uid", ev->session);
    kt_doc_str(out, "issuer", ev->issuer);
    if (ev->mfa != 0)
        kt_doc_bool(out, "is_mfa", ev->mfa > 0);
    kt_doc_close(out, session);
}

static void add_actor(const struct kt_event *ev, struct kt_buf *out)
{
    size_t actor = kt_doc_open(out, "actor", '{');
    if (user_known(ev))
        add_user("user", ev, out);
    else
        kt_doc_z(out, "app_name", "unknown");
    add_session(ev, out);
    kt_doc_str(out, "invoked_by", ev->via);
    kt_doc_close(out, actor);
}

static void add_api(const struct kt_event *ev, struct kt_buf *out)
{
    size_t call = kt_doc_open(out, "api", '{');
    struct kt_str uid = ev->request_id.len > 0 ? ev->request_id : ev->native_id;
    kt_doc_str(out, "operation",
               ev->operation.len > 0 ? ev->operation : kt_str_of(kt_action_word(ev->action)));
    size_t part = kt_doc_open(out, "service", '{');
    kt_doc_str(out, "name", ev->source);
    kt_doc_close(out, part);
    part = kt_doc_open(out, "request", '{');
    kt_doc_str(out, "uid", uid);
    kt_doc_close(out, part);
    part = kt_doc_open(out, "response", '{');
    if (statuses[ev->outcome].id == 2)
        kt_doc_str(out, "error", ev->code);
    kt_doc_str(out, "message", ev->message);
    kt_doc_close(out, part);
    kt_doc_close(out, call);
}

static void add_place(const struct kt_stream_item *item, struct kt_buf *out)
{
    const struct kt_fact *fact = item->fact;
    struct kt_str country =
        fact != NULL && fact->country.len > 0 ? fact->country : item->event->country_claimed;
    size_t part = kt_doc_open(out, "location", '{');
    kt_doc_str(out, "country", country);
    kt_doc_close(out, part);
    if (fact == NULL || fact->asn == 0)
        return;
    part = kt_doc_open(out, "autonomous_system", '{');
    kt_doc_i64(out, "number", fact->asn);
    kt_doc_str(out, "name", fact->org);
    kt_doc_close(out, part);
}

/* required: even of nowhere something is said. */
static void add_source(const struct kt_stream_item *item, bool required, struct kt_buf *out)
{
    const struct kt_event *ev = item->event;
    char ip[KT_IP_TEXT_MAX];
    size_t from = kt_doc_open(out, "src_endpoint", '{');
    if (ev->has_ip)
        kt_doc_z(out, "ip", kt_ip_format(ev->ip, ip));
    else if (ev->ip_trust == KT_TRUST_SERVICE)
        kt_doc_str(out, "svc_name", ev->ip_raw);
    kt_doc_str(out, "hostname", ev->host);
    bool named =
        ev->has_ip || ev->host.len > 0 || (ev->ip_trust == KT_TRUST_SERVICE && ev->ip_raw.len > 0);
    if (!named && (required || ev->ip_raw.len > 0))
        kt_doc_str(out, "name", ev->ip_raw.len > 0 ? ev->ip_raw : KT_STR("unknown"));
    if (ev->has_ip)
        add_place(item, out);
    kt_doc_close(out, from);
}

static void add_resources(const struct kt_event *ev, struct kt_buf *out)
{
    size_t list = kt_doc_open(out, "resources", '[');
    if (ev->secret.len > 0 || ev->secret_native.len > 0) {
        size_t one = kt_doc_open(out, NULL, '{');
        kt_doc_str(out, "uid", ev->secret.len > 0 ? ev->secret : ev->secret_native);
        kt_doc_str(out, "name",
                   ev->secret_native.len > 0 ? ev->secret_native : kt_stream_last_part(ev->secret));
        kt_doc_z(out, "type", "secret");
        kt_doc_str(out, "version", ev->version);
        kt_doc_close(out, one);
    }
    kt_doc_close(out, list);
}

static void add_cloud(const struct kt_event *ev, const char *provider, struct kt_buf *out)
{
    if (provider == NULL)
        return;
    size_t cloud = kt_doc_open(out, "cloud", '{');
    kt_doc_z(out, "provider", provider);
    kt_doc_str(out, "region", ev->region);
    size_t account = kt_doc_open(out, "account", '{');
    if (kt_str_is(ev->source, "cloudtrail")) /* its scope is recipientAccountId */
        kt_doc_str(out, "uid", ev->scope);
    kt_doc_close(out, account);
    kt_doc_close(out, cloud);
}

static void add_client(const struct kt_event *ev, struct kt_buf *out)
{
    size_t request = kt_doc_open(out, "http_request", '{');
    kt_doc_str(out, "user_agent", ev->user_agent);
    kt_doc_close(out, request);
}

static void add_observables(const struct kt_stream_item *item, const char *user, struct kt_buf *out)
{
    const struct kt_event *ev = item->event;
    char ip[KT_IP_TEXT_MAX];
    size_t list = kt_doc_open(out, "observables", '[');
    if (ev->has_ip)
        kt_ocsf_observable(out, "src_endpoint.ip", 2, kt_str_of(kt_ip_format(ev->ip, ip)));
    kt_ocsf_observable(out, user, 4, ev->actor.len > 0 ? ev->actor : ev->actor_native);
    kt_ocsf_observable(out, "http_request.user_agent", 16, ev->user_agent);
    kt_ocsf_observable(out, "resources.uid", 10, ev->secret);
    kt_doc_close(out, list);
}

/* What OCSF has no place for, under our own names. */
static void add_unmapped(const struct kt_event *ev, struct kt_buf *out)
{
    const struct {
        const char *key;
        struct kt_str s;
    } rest[] = {
        { "instance", ev->instance },   { "scope", ev->scope },
        { "native_id", ev->native_id }, { "operation", ev->operation },
        { "role", ev->role },           { "stage", ev->stage },
        { "store", ev->store },         { "vpc_endpoint", ev->vpc_endpoint },
        { "reason", ev->reason },       { "ticket", ev->ticket },
    };
    size_t unmapped = kt_doc_open(out, "unmapped", '{');
    kt_doc_z(out, "kind", kt_kind_word(ev->kind));
    if (ev->kind == KT_KIND_ACCESS || ev->kind == KT_KIND_AMEND)
        kt_doc_z(out, "verb", kt_action_word(ev->action));
    for (size_t i = 0; i < KT_ARRAY_LEN(rest); i++)
        kt_doc_str(out, rest[i].key, rest[i].s);
    if (ev->count > 0)
        kt_doc_i64(out, "count", ev->count);
    kt_doc_close(out, unmapped);
}

/* ---- whole events ---- */

static void add_privileges(const struct grant *g, struct kt_buf *out)
{
    size_t user = kt_doc_open(out, "user", '{');
    kt_doc_str(out, "name", g->user);
    kt_doc_close(out, user);
    size_t list = kt_doc_open(out, "privileges", '[');
    kt_doc_str(out, NULL, g->privilege);
    kt_doc_close(out, list);
}

static void add_class_parts(const struct kt_stream_item *item, const struct mapped *m,
                            struct kt_buf *out)
{
    const struct kt_event *ev = item->event;
    if (m->class == OCSF_AUTHENTICATION) {
        add_user("user", ev, out);
        add_session(ev, out);
        size_t service = kt_doc_open(out, "service", '{');
        kt_doc_str(out, "name", ev->instance.len > 0 ? ev->instance : ev->source);
        kt_doc_close(out, service);
        if (ev->mfa != 0)
            kt_doc_bool(out, "is_mfa", ev->mfa > 0);
    } else {
        add_actor(ev, out);
    }
    if (m->class == OCSF_USER_ACCESS)
        add_privileges(&m->grant, out);
    if (m->class == OCSF_API)
        add_api(ev, out);
    add_source(item, m->class == OCSF_API, out);
    if (m->class != OCSF_AUTHENTICATION)
        add_resources(ev, out);
}

static void access_event(const struct kt_stream_item *item, struct kt_arena *arena,
                         struct kt_buf *out)
{
    const struct kt_event *ev = item->event;
    struct mapped m = map_access(ev, arena);
    const char *provider = provider_of(ev);
    size_t event = kt_ocsf_begin(out, m.class, m.activity);
    kt_ocsf_severity(out, 1);
    kt_ocsf_head(out, item, provider != NULL ? "cloud" : NULL);
    add_status(ev, out);
    kt_doc_str(out, "message", kt_stream_sentence(item, arena));
    add_class_parts(item, &m, out);
    add_cloud(ev, provider, out);
    add_client(ev, out);
    if (ev->duration > 0)
        kt_doc_i64(out, "duration", ev->duration / KT_NS_MS);
    add_observables(item, m.class == OCSF_AUTHENTICATION ? "user.name" : "actor.user.name", out);
    add_unmapped(ev, out);
    kt_doc_close(out, event);
}

void kt_ocsf_event(const struct kt_stream_item *item, struct kt_arena *arena, struct kt_buf *out)
{
    if (kt_stream_is_access(item)) {
        access_event(item, arena, out);
        return;
    }
    struct mapped m = map_record(item->event);
    size_t event = kt_ocsf_begin(out, m.class, m.activity);
    kt_ocsf_severity(out, 1);
    kt_ocsf_head(out, item, NULL);
    kt_doc_str(out, "message", kt_stream_sentence(item, arena));
    if (m.class == OCSF_EVENT_LOG) {
        kt_doc_z(out, "log_name", "keytrail");
        kt_doc_z(out, "log_provider", "keytrail");
    }
    add_unmapped(item->event, out);
    kt_doc_close(out, event);
}
