/*
 * gcp_names: method -> verb, resource name -> canonical id (SOURCES §6, §0.4 rule 9).
 *
 * Owns:  the verb table. Which number a project id has is remembered by the engine.
 * Calls: core/base, core/event (secret_id).
 */
#include "agents/sources/gcp.h"
#include "core/event/secret_id.h"

#define SM      "google.cloud.secretmanager."
#define LOGGING "google.logging.v2.ConfigServiceV2."
#define IAM     "google.iam.admin.v1."

static const struct gc_verb verbs[] = {
    { SM, "AccessSecretVersion", KT_ACT_READ, GC_SECRET },
    { SM, "GetSecret", KT_ACT_READ_META, GC_SECRET },
    { SM, "GetSecretVersion", KT_ACT_READ_META, GC_SECRET },
    { SM, "GetIamPolicy", KT_ACT_READ_META, GC_SECRET },
    { SM, "ListSecrets", KT_ACT_LIST, GC_SECRET },
    { SM, "ListSecretVersions", KT_ACT_LIST, GC_SECRET },
    { SM, "CreateSecret", KT_ACT_WRITE, GC_SECRET },
    { SM, "AddSecretVersion", KT_ACT_WRITE, GC_SECRET },
    { SM, "UpdateSecret", KT_ACT_WRITE, GC_SECRET },
    { SM, "DisableSecretVersion", KT_ACT_DELETE, GC_SECRET },
    { SM, "EnableSecretVersion", KT_ACT_RESTORE, GC_SECRET },
    { SM, "DeleteSecret", KT_ACT_DESTROY, GC_SECRET },
    { SM, "DestroySecretVersion", KT_ACT_DESTROY, GC_SECRET },
    { SM, "SetIamPolicy", KT_ACT_GRANT, GC_SECRET },
    { SM, NULL, KT_ACT_OTHER, GC_SECRET },
    /* where audit logs go, and which of them: a change may make us blind */
    { LOGGING, "CreateSink", KT_ACT_CONFIG, GC_NATIVE },
    { LOGGING, "UpdateSink", KT_ACT_CONFIG, GC_NATIVE },
    { LOGGING, "DeleteSink", KT_ACT_CONFIG, GC_NATIVE },
    { LOGGING, "DeleteBucket", KT_ACT_CONFIG, GC_NATIVE },
    { LOGGING, "CreateExclusion", KT_ACT_CONFIG, GC_NATIVE },
    { LOGGING, "UpdateExclusion", KT_ACT_CONFIG, GC_NATIVE },
    { LOGGING, "DeleteExclusion", KT_ACT_CONFIG, GC_NATIVE },
    /* credentials outside of Secret Manager */
    { IAM, "CreateServiceAccountKey", KT_ACT_ISSUE, GC_NATIVE },
    { IAM, "UploadServiceAccountKey", KT_ACT_ISSUE, GC_NATIVE },
    { IAM, "DeleteServiceAccountKey", KT_ACT_REVOKE, GC_NATIVE },
    { IAM, "DisableServiceAccountKey", KT_ACT_REVOKE, GC_NATIVE },
};
/* Methods that are written without their package, told apart by the service. */
static const struct {
    const char *service;
    struct gc_verb verb;
} short_verbs[] = {
    { "iamcredentials.googleapis.com", { "", "GenerateAccessToken", KT_ACT_ISSUE, GC_NATIVE } },
    { "iamcredentials.googleapis.com", { "", "GenerateIdToken", KT_ACT_ISSUE, GC_NATIVE } },
    { "iamcredentials.googleapis.com", { "", "SignJwt", KT_ACT_ISSUE, GC_NATIVE } },
    { "iamcredentials.googleapis.com", { "", "SignBlob", KT_ACT_USE, GC_NATIVE } },
    { "secretmanager.googleapis.com", { "", "SetIamPolicy", KT_ACT_GRANT, GC_SECRET } },
    { "secretmanager.googleapis.com", { "", "GetIamPolicy", KT_ACT_READ_META, GC_SECRET } },
    { "secretmanager.googleapis.com", { "", NULL, KT_ACT_OTHER, GC_SECRET } },
};
static const struct gc_verb audit_config = { "", "SetIamPolicy", KT_ACT_CONFIG, GC_NATIVE };

static struct kt_str last_word(struct kt_str method)
{
    ptrdiff_t dot = kt_str_rfind_byte(method, '.');
    return kt_str_from_index(method, (size_t)(dot + 1));
}

static bool is_word(const char *want, struct kt_str word)
{
    return want == NULL || kt_str_is(word, want);
}

const struct gc_verb *kt_gc_verb_of(const struct gc_record *r)
{
    struct kt_str word = last_word(r->method);
    struct kt_str service = kt_gc_str(r, "serviceName");
    if (r->method.len == 0)
        return NULL;
    for (size_t i = 0; i < KT_ARRAY_LEN(verbs); i++)
        if (kt_str_starts(r->method, kt_str_of(verbs[i].prefix)) && is_word(verbs[i].method, word))
            return &verbs[i];
    for (size_t i = 0; i < KT_ARRAY_LEN(short_verbs); i++)
        if (kt_str_is(service, short_verbs[i].service) && is_word(short_verbs[i].verb.method, word))
            return &short_verbs[i].verb;
    /* a policy of a project that says which reads are logged */
    struct kt_jval deltas = kt_gc_get(r, "serviceData.policyDelta.auditConfigDeltas");
    return kt_str_is(word, "SetIamPolicy") && kt_json_count(deltas) > 0 ? &audit_config : NULL;
}

/* ---- names ---- */

/* projects/P[/locations/L][/secrets/NAME[/versions/V]] */
struct name {
    struct kt_str project, location, secret, version;
};

static struct name parse_name(struct kt_str path)
{
    struct name n = { .project = KT_STR_NONE };
    struct kt_str rest = path, word, value;
    while (kt_str_split(&rest, '/', &word) && kt_str_split(&rest, '/', &value)) {
        if (kt_str_is(word, "projects"))
            n.project = value;
        else if (kt_str_is(word, "locations"))
            n.location = value;
        else if (kt_str_is(word, "secrets"))
            n.secret = value;
        else if (kt_str_is(word, "versions"))
            n.version = value;
    }
    return n;
}

static bool is_number(struct kt_str s)
{
    uint64_t n;
    return kt_str_u64(s, &n);
}

/* The number of a project that one of the names gives; its id is learned with it. */
static struct kt_str number_of(const struct gc_record *r, struct kt_str asked, struct kt_str told)
{
    struct kt_jval labels = kt_json_at(r->in->root, "resource.labels");
    struct kt_str id = kt_json_str_at(labels, "project_id");
    struct kt_str number = kt_json_text(kt_json_get(labels, KT_STR("project_number")));
    if (is_number(told))
        number = told;
    if (is_number(asked))
        number = asked;
    else if (asked.len > 0)
        id = asked;
    struct kt_str key = kt_arena_cat(r->in->arena, KT_STR("project "), id);
    if (!is_number(number))
        return kt_arena_str(r->in->arena, kt_source_recall(r->in->memory, key));
    if (id.len > 0)
        kt_source_remember(r->in->memory, key, number);
    return number;
}

static void secret_id(const struct gc_record *r, const struct name *n, struct kt_str told,
                      struct kt_event *ev)
{
    struct kt_str number = number_of(r, n->project, told);
    struct kt_str location = n->location.len > 0 ? n->location : KT_STR("global");
    struct kt_str fixed[2] = { number.len > 0 ? number : n->project, location };
    if (fixed[0].len == 0)
        return;
    ev->secret = kt_secret_id(r->in->arena, "gcp-sm", fixed, 2, n->secret, n->secret.len == 0);
    ev->secret_guess = number.len == 0;
}

/* The answer has the number of a version, the request perhaps an alias. */
static void version(struct kt_str asked, struct kt_str told, struct kt_event *ev)
{
    if (is_number(told))
        ev->version = told;
    else if (is_number(asked))
        ev->version = asked;
    if (!is_number(asked))
        ev->stage = asked;
}

void kt_gc_what(const struct gc_record *r, const struct gc_verb *verb, struct kt_event *ev)
{
    ev->action = verb->action;
    ev->operation = r->method;
    ev->secret_native = r->resource;
    if (verb->what != GC_SECRET)
        return;
    struct name asked = parse_name(r->resource);
    struct name told = parse_name(kt_gc_str(r, "response.name"));
    if (asked.secret.len == 0)
        asked.secret = told.secret;
    if (asked.secret.len == 0 && kt_str_is(last_word(r->method), "CreateSecret"))
        asked.secret = kt_gc_str(r, "request.secretId");
    if (asked.project.len == 0)
        asked.project = told.project;
    secret_id(r, &asked, told.project, ev);
    version(asked.version, told.version, ev);
    if (asked.location.len > 0)
        ev->region = asked.location;
}
