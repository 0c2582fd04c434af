/*
 * ecs: events and alerts as documents of the Elastic Common Schema.
 *
 * Owns:  the tables from verbs, outcomes and kinds to event.category, event.type, event.outcome.
 * Calls: doc, said, attack. No I/O, no clock.
 * Holds: what ECS has no field for stands below `keytrail`.
 */
#include "exporters/streams/ecs.h"

#include "core/base/err.h"
#include "exporters/streams/attack.h"
#include "exporters/streams/doc.h"

/* ---- tables ---- */

struct sort {
    const char *category[2], *type[2];
};
static const struct sort verbs[KT_ACT_COUNT] = {
    [KT_ACT_OTHER] = { { "api" }, { "info" } },
    [KT_ACT_READ] = { { "api" }, { "access" } },
    [KT_ACT_READ_META] = { { "api" }, { "access" } },
    [KT_ACT_LIST] = { { "api" }, { "access" } },
    [KT_ACT_WRITE] = { { "api", "configuration" }, { "change" } },
    [KT_ACT_ROTATE] = { { "api", "configuration" }, { "change" } },
    [KT_ACT_DELETE] = { { "api", "configuration" }, { "deletion" } },
    [KT_ACT_DESTROY] = { { "api", "configuration" }, { "deletion" } },
    [KT_ACT_RESTORE] = { { "api", "configuration" }, { "change" } },
    [KT_ACT_GRANT] = { { "api", "iam" }, { "admin", "change" } },
    [KT_ACT_REVOKE] = { { "api", "iam" }, { "admin", "change" } },
    [KT_ACT_RENEW] = { { "api", "configuration" }, { "change" } },
    [KT_ACT_ISSUE] = { { "api" }, { "creation" } },
    [KT_ACT_USE] = { { "api" }, { "access" } },
    [KT_ACT_LOGIN] = { { "authentication" }, { "start" } },
    [KT_ACT_EXPORT] = { { "api" }, { "access" } },
    [KT_ACT_CONFIG] = { { "api", "configuration" }, { "change" } },
};
static const struct sort created = { { "api", "configuration" }, { "creation" } };
static const struct sort own = { { "configuration" }, { "info" } }; /* records of our own */
static const struct sort found = { { "intrusion_detection" }, { "info" } };
static const struct sort others = { { NULL }, { "info" } }; /* reports, inventories … */

static const char *const outcomes[KT_OUT_COUNT] = {
    [KT_OUT_UNKNOWN] = "unknown", [KT_OUT_SUCCESS] = "success",   [KT_OUT_DENIED] = "failure",
    [KT_OUT_FAILURE] = "failure", [KT_OUT_NOT_FOUND] = "failure",
};

static const struct {
    const char *source, *provider;
} clouds[] = { { "cloudtrail", "aws" }, { "gcp", "gcp" }, { "azure", "azure" } };

static const struct sort *sort_of(const struct kt_stream_item *item)
{
    if (item->what == KT_STREAM_ALERT)
        return &found;
    const struct kt_event *ev = item->event;
    if (!kt_stream_is_access(item))
        return ev->kind >= KT_KIND_TICK ? &own : &others;
    return ev->action == KT_ACT_WRITE && kt_stream_is_new(ev) ? &created : &verbs[ev->action];
}

static void add_words(struct kt_buf *out, const char *key, const char *const words[2],
                      const char *more)
{
    size_t list = kt_doc_open(out, key, '[');
    kt_doc_z(out, NULL, words[0]);
    kt_doc_z(out, NULL, words[1]);
    kt_doc_z(out, NULL, more);
    kt_doc_close(out, list);
}

/* "key":{"name":value} */
static void add_in(struct kt_buf *out, const char *key, const char *name, struct kt_str value)
{
    size_t part = kt_doc_open(out, key, '{');
    kt_doc_str(out, name, value);
    kt_doc_close(out, part);
}

/* ---- events ---- */

/* `denied` goes with category api alone. */
static const char *denied(const struct kt_event *ev, const struct sort *s)
{
    bool api_alone = kt_str_is(kt_str_of(s->category[0]), "api") && s->category[1] == NULL;
    return api_alone && ev->outcome == KT_OUT_DENIED ? "denied" : NULL;
}

static void add_event(const struct kt_stream_item *item, bool original, struct kt_arena *arena,
                      struct kt_buf *out)
{
    const struct kt_event *ev = item->event;
    const struct sort *s = sort_of(item);
    size_t part = kt_doc_open(out, "event", '{');
    kt_doc_z(out, "kind", "event");
    add_words(out, "category", s->category, NULL);
    add_words(out, "type", s->type, denied(ev, s));
    kt_doc_z(out, "action", kt_stream_name(item));
    if (kt_stream_is_access(item)) {
        kt_doc_z(out, "outcome", outcomes[ev->outcome]);
        if (ev->outcome >= KT_OUT_DENIED)
            kt_doc_z(out, "reason", kt_outcome_word(ev->outcome));
    }
    kt_doc_z(out, "id", item->id);
    kt_doc_str(out, "code", ev->code);
    kt_doc_z(out, "module", "keytrail");
    kt_doc_str(out, "dataset", kt_arena_cat(arena, KT_STR("keytrail."), ev->source));
    kt_doc_str(out, "provider", ev->instance);
    kt_doc_u64(out, "sequence", item->seq);
    if (ev->duration > 0)
        kt_doc_i64(out, "duration", ev->duration);
    if (ev->observed != 0)
        kt_doc_time(out, "created", ev->observed);
    kt_doc_time(out, "ingested", item->stored);
    if (original)
        kt_doc_str(out, "original", item->line);
    kt_doc_close(out, part);
}

static void add_user(const struct kt_event *ev, struct kt_buf *out)
{
    size_t user = kt_doc_open(out, "user", '{');
    kt_doc_str(out, "id", ev->actor_native);
    kt_doc_str(out, "name", ev->actor.len > 0 ? ev->actor : ev->actor_native);
    kt_doc_str(out, "full_name", ev->actor_name);
    if (kt_stream_is_email(ev->actor))
        kt_doc_str(out, "email", ev->actor);
    size_t roles = kt_doc_open(out, "roles", '[');
    kt_doc_str(out, NULL, ev->role);
    kt_doc_close(out, roles);
    kt_doc_close(out, user);
    if (ev->actor_kind == KT_ACTOR_SERVICE || ev->actor_kind == KT_ACTOR_CI)
        add_in(out, "service", "name", ev->actor);
}

static void add_geo(const struct kt_fact *fact, struct kt_buf *out)
{
    if (fact == NULL)
        return;
    add_in(out, "geo", "country_iso_code", fact->country);
    if (fact->asn == 0)
        return;
    size_t as = kt_doc_open(out, "as", '{');
    kt_doc_i64(out, "number", fact->asn);
    add_in(out, "organization", "name", fact->org);
    kt_doc_close(out, as);
}

static void add_network(const struct kt_stream_item *item, struct kt_buf *out)
{
    const struct kt_event *ev = item->event;
    char ip[KT_IP_TEXT_MAX];
    size_t source = kt_doc_open(out, "source", '{');
    kt_doc_str(out, "address",
               ev->ip_raw.len > 0 ? ev->ip_raw
               : ev->has_ip       ? kt_str_of(kt_ip_format(ev->ip, ip))
                                  : ev->host);
    if (ev->has_ip) {
        kt_doc_z(out, "ip", kt_ip_format(ev->ip, ip));
        add_geo(item->fact, out);
    }
    kt_doc_close(out, source);
    add_in(out, "host", "name", ev->host);
    add_in(out, "user_agent", "original", ev->user_agent);
}

static void add_cloud(const struct kt_event *ev, struct kt_buf *out)
{
    size_t cloud = kt_doc_open(out, "cloud", '{');
    for (size_t i = 0; i < KT_ARRAY_LEN(clouds); i++)
        if (kt_str_is(ev->source, clouds[i].source))
            kt_doc_z(out, "provider", clouds[i].provider);
    kt_doc_str(out, "region", ev->region);
    if (kt_str_is(ev->source, "cloudtrail")) /* its scope is recipientAccountId */
        add_in(out, "account", "id", ev->scope);
    kt_doc_close(out, cloud);
}

/* k8s://<cluster>/<namespace>/<name> */
static void add_orchestrator(const struct kt_event *ev, struct kt_buf *out)
{
    static const char head[] = "k8s://";
    struct kt_str rest = ev->secret, cluster, space;
    if (!kt_str_starts(rest, KT_STR("k8s://")))
        return;
    rest = kt_str_from_index(rest, sizeof head - 1);
    if (!kt_str_split(&rest, '/', &cluster) || !kt_str_split(&rest, '/', &space))
        return;
    size_t part = kt_doc_open(out, "orchestrator", '{');
    kt_doc_z(out, "type", "kubernetes");
    add_in(out, "cluster", "name", cluster);
    kt_doc_str(out, "namespace", space);
    add_in(out, "resource", "name", rest);
    kt_doc_close(out, part);
}

static void add_list(struct kt_buf *out, const char *key, const struct kt_str *at, unsigned n)
{
    size_t list = kt_doc_open(out, key, '[');
    for (unsigned i = 0; i < n; i++)
        kt_doc_str(out, NULL, at[i]);
    kt_doc_close(out, list);
}

static void add_secret(const struct kt_event *ev, struct kt_buf *out)
{
    size_t secret = kt_doc_open(out, "secret", '{');
    kt_doc_str(out, "id", ev->secret);
    if (ev->secret.len > 0 || ev->secret_native.len > 0)
        kt_doc_str(out, "name",
                   ev->secret.len > 0 ? kt_stream_last_part(ev->secret) : ev->secret_native);
    kt_doc_str(out, "native", ev->secret_native);
    kt_doc_str(out, "store", ev->store.len > 0 ? ev->store : ev->source);
    kt_doc_str(out, "version", ev->version);
    kt_doc_str(out, "stage", ev->stage);
    add_list(out, "fields", ev->fields.at, ev->fields.n);
    if (ev->count > 0)
        kt_doc_i64(out, "count", ev->count);
    kt_doc_close(out, secret);
}

/* What ECS has no field for, under our own names. */
static void add_own(const struct kt_stream_item *item, struct kt_buf *out)
{
    const struct kt_event *ev = item->event;
    const struct {
        const char *key;
        struct kt_str s;
    } rest[] = {
        { "operation", ev->operation },
        { "scope", ev->scope },
        { "native_id", ev->native_id },
        { "session", ev->session },
        { "credential", ev->credential },
        { "issuer", ev->issuer },
        { "via", ev->via },
        { "reason", ev->reason },
        { "ticket", ev->ticket },
        { "request_id", ev->request_id },
        { "shared_id", ev->shared_id },
        { "amends", ev->amends },
        { "vpc_endpoint", ev->vpc_endpoint },
    };
    size_t part = kt_doc_open(out, "keytrail", '{');
    kt_doc_z(out, "kind", kt_kind_word(ev->kind));
    kt_doc_z(out, "deployment", item->deployment);
    if (kt_stream_is_access(item)) {
        kt_doc_z(out, "verb", kt_action_word(ev->action));
        kt_doc_z(out, "outcome", kt_outcome_word(ev->outcome));
        kt_doc_z(out, "actor_kind", kt_actor_kind_word(ev->actor_kind));
        add_secret(ev, out);
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(rest); i++)
        kt_doc_str(out, rest[i].key, rest[i].s);
    add_list(out, "groups", ev->groups.at, ev->groups.n);
    if (ev->mfa != 0)
        kt_doc_bool(out, "mfa", ev->mfa > 0);
    if (item->conflict) { /* event.id is its own then */
        kt_doc_bool(out, "conflict", true);
        kt_doc_z(out, "about", item->about);
    }
    kt_doc_close(out, part);
}

static void add_related(struct kt_str user, struct kt_str ip, struct kt_buf *out)
{
    size_t related = kt_doc_open(out, "related", '{');
    add_list(out, "user", &user, 1);
    add_list(out, "ip", &ip, 1);
    kt_doc_close(out, related);
}

static void event_document(const struct kt_stream_item *item, bool original, struct kt_arena *arena,
                           struct kt_buf *out)
{
    const struct kt_event *ev = item->event;
    char ip[KT_IP_TEXT_MAX];
    add_event(item, original, arena, out);
    add_user(ev, out);
    add_network(item, out);
    add_cloud(ev, out);
    add_orchestrator(ev, out);
    add_related(ev->actor.len > 0 ? ev->actor : ev->actor_native,
                ev->has_ip ? kt_str_of(kt_ip_format(ev->ip, ip)) : KT_STR_NONE, out);
    add_own(item, out);
}

/* ---- alerts ---- */

static void add_threat(const char *key, const struct kt_attack_name *n, struct kt_buf *out)
{
    if (n == NULL)
        return;
    size_t part = kt_doc_open(out, key, '{');
    add_words(out, "id", (const char *const[2]){ n->id, NULL }, NULL);
    add_words(out, "name", (const char *const[2]){ n->name, NULL }, NULL);
    kt_doc_close(out, part);
}

static void add_attack(const struct kt_alert *a, struct kt_buf *out)
{
    const struct kt_attack *t = kt_attack_of(a->detector);
    if (t->technique == NULL)
        return;
    size_t threat = kt_doc_open(out, "threat", '{');
    kt_doc_z(out, "framework", "MITRE ATT&CK");
    add_threat("tactic", t->tactic, out);
    size_t technique = kt_doc_open(out, "technique", '{');
    add_words(out, "id", (const char *const[2]){ t->technique->id, NULL }, NULL);
    add_words(out, "name", (const char *const[2]){ t->technique->name, NULL }, NULL);
    add_threat("subtechnique", t->sub, out);
    kt_doc_close(out, technique);
    kt_doc_close(out, threat);
}

static void add_alert_event(const struct kt_stream_item *item, struct kt_buf *out)
{
    const struct kt_alert *a = item->alert;
    int score = kt_severity_words[a->severity].ecs;
    size_t part = kt_doc_open(out, "event", '{');
    kt_doc_z(out, "kind", "alert");
    add_words(out, "category", found.category, NULL);
    add_words(out, "type", found.type, NULL);
    kt_doc_z(out, "action", kt_stream_name(item));
    kt_doc_str(out, "reason", a->why);
    kt_doc_z(out, "id", item->id);
    kt_doc_z(out, "module", "keytrail");
    kt_doc_z(out, "dataset", "keytrail.alert");
    kt_doc_str(out, "provider", a->instance);
    kt_doc_u64(out, "sequence", item->seq);
    kt_doc_i64(out, "severity", score);
    kt_doc_i64(out, "risk_score", score);
    if (a->first != 0)
        kt_doc_time(out, "start", a->first);
    if (a->last != 0)
        kt_doc_time(out, "end", a->last);
    if (a->raised != 0)
        kt_doc_time(out, "created", a->raised);
    kt_doc_time(out, "ingested", item->stored);
    kt_doc_close(out, part);
}

static void add_alert_own(const struct kt_stream_item *item, struct kt_buf *out)
{
    size_t part = kt_doc_open(out, "keytrail", '{');
    kt_doc_z(out, "kind", "alert");
    kt_doc_z(out, "deployment", item->deployment);
    kt_doc_json(out, "alert", item->line); /* its whole document */
    kt_doc_close(out, part);
}

static void alert_document(const struct kt_stream_item *item, struct kt_buf *out)
{
    const struct kt_alert *a = item->alert;
    add_alert_event(item, out);
    size_t rule = kt_doc_open(out, "rule", '{');
    kt_doc_z(out, "id", a->detector);
    kt_doc_z(out, "name", a->detector);
    kt_doc_z(out, "version", KT_VERSION);
    kt_doc_close(out, rule);
    add_attack(a, out);
    add_in(out, "user", "name", a->actor);
    size_t source = kt_doc_open(out, "source", '{');
    kt_doc_str(out, "ip", a->ip);
    if (a->ip.len > 0)
        add_in(out, "geo", "country_iso_code", a->country);
    kt_doc_close(out, source);
    add_in(out, "user_agent", "original", a->user_agent);
    add_related(a->actor, a->ip, out);
    add_alert_own(item, out);
}

void kt_ecs_write(const struct kt_stream_item *item, bool original, struct kt_arena *arena,
                  struct kt_buf *out)
{
    size_t document = kt_doc_open(out, NULL, '{');
    kt_doc_time(out, "@timestamp", kt_stream_time(item));
    add_in(out, "ecs", "version", KT_STR(KT_ECS_VERSION));
    kt_doc_str(out, "message", kt_stream_sentence(item, arena));
    if (item->what == KT_STREAM_ALERT)
        alert_document(item, out);
    else
        event_document(item, original, arena, out);
    kt_doc_close(out, document);
}
