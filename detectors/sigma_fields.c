/*
 * sigma_fields: which fields a rule may ask of which log, and where their values stand: in the
 * event, or in the original as it is kept after redaction (THREATS R1).
 *
 * Owns:  the tables of fields.
 * Calls: core. No clock, no I/O.
 * Holds: what is not kept is in no table, so that a rule that asks for it is refused instead of
 *        never firing.
 */
#include <stdio.h>
#include <string.h>

#include "detectors/sigma.h"

const char *const kt_sigma_log_words[KT_SIGMA_LOGS] = {
    [KT_SIGMA_KEYTRAIL] = "product: keytrail",
    [KT_SIGMA_CLOUDTRAIL] = "product: aws, service: cloudtrail",
    [KT_SIGMA_KUBERNETES] = "product: kubernetes, service: audit",
};

enum kt_sigma_word {
    W_KIND,
    W_ACTION,
    W_OUTCOME,
    W_ACTOR_KIND,
    W_IP_TRUST,
    W_MFA,
    W_COUNT,
    W_FLAGS
};
enum kt_sigma_part { P_VERB, P_RESOURCE, P_SUBRESOURCE, P_NAMESPACE, P_NAME };

#define STRING(name, member)                                                                       \
    {                                                                                              \
        name, KT_SIGMA_STRING, offsetof(struct kt_event, member), NULL                             \
    }
#define LIST(name, member)                                                                         \
    {                                                                                              \
        name, KT_SIGMA_LIST, offsetof(struct kt_event, member), NULL                               \
    }
#define WORD(name, word)                                                                           \
    {                                                                                              \
        name, KT_SIGMA_WORD, word, NULL                                                            \
    }
#define PART(name, part)                                                                           \
    {                                                                                              \
        name, KT_SIGMA_PART, part, NULL                                                            \
    }
#define ADDRESS(name, path)                                                                        \
    {                                                                                              \
        name, KT_SIGMA_ADDRESS, 0, path                                                            \
    }
#define ORIGINAL(name, path)                                                                       \
    {                                                                                              \
        name, KT_SIGMA_ORIGINAL, 0, path                                                           \
    }
#define FIELDS_END                                                                                 \
    {                                                                                              \
        NULL, KT_SIGMA_STRING, 0, NULL                                                             \
    }

static const struct kt_sigma_field keytrail[] = {
    WORD("kind", W_KIND),
    WORD("action", W_ACTION),
    WORD("outcome", W_OUTCOME),
    WORD("actor_kind", W_ACTOR_KIND),
    ADDRESS("ip", NULL),
    WORD("ip_trust", W_IP_TRUST),
    WORD("mfa", W_MFA),
    WORD("count", W_COUNT),
    WORD("flags", W_FLAGS),
    LIST("groups", groups),
    LIST("fields", fields),
#define X(n) STRING(#n, n),
    KT_EVENT_STRINGS(X)
#undef X
        FIELDS_END,
};

#define REQUEST(name)  ORIGINAL("requestParameters." name, "requestParameters|" name)
#define IDENTITY(name) ORIGINAL("userIdentity." name, "userIdentity|" name)
static const struct kt_sigma_field cloudtrail[] = {
    STRING("eventName", operation),
    ORIGINAL("eventSource", "eventSource"),
    ORIGINAL("eventType", "eventType"),
    ORIGINAL("eventVersion", "eventVersion"),
    ORIGINAL("readOnly", "readOnly"),
    STRING("eventID", native_id),
    STRING("errorCode", code),
    STRING("errorMessage", message),
    STRING("awsRegion", region),
    ADDRESS("sourceIPAddress", NULL),
    STRING("userAgent", user_agent),
    STRING("requestID", request_id),
    STRING("recipientAccountId", scope),
    STRING("vpcEndpointId", vpc_endpoint),
    STRING("sharedEventID", shared_id),
    IDENTITY("type"),
    IDENTITY("principalId"),
    IDENTITY("arn"),
    IDENTITY("accountId"),
    IDENTITY("userName"),
    IDENTITY("invokedBy"),
    IDENTITY("identityProvider"),
    STRING("userIdentity.accessKeyId", credential),
    STRING("userIdentity.sessionContext.sessionIssuer.arn", issuer),
    WORD("userIdentity.sessionContext.attributes.mfaAuthenticated", W_MFA),
    ORIGINAL("userIdentity.sessionContext.ec2RoleDelivery",
             "userIdentity|sessionContext|ec2RoleDelivery"),
    REQUEST("secretId"),
    REQUEST("versionId"),
    REQUEST("versionStage"),
    REQUEST("versionStages"),
    REQUEST("moveToVersionId"),
    REQUEST("removeFromVersionId"),
    REQUEST("secretIdList"),
    REQUEST("name"),
    REQUEST("names"),
    REQUEST("path"),
    REQUEST("recursive"),
    REQUEST("keyId"),
    REQUEST("withDecryption"),
    REQUEST("resourceId"),
    REQUEST("resourceType"),
    REQUEST("roleArn"),
    REQUEST("roleSessionName"),
    REQUEST("userName"),
    REQUEST("forceDeleteWithoutRecovery"),
    REQUEST("aliasName"),
    REQUEST("targetKeyId"),
    REQUEST("trailName"),
    REQUEST("instanceId"),
    REQUEST("bucketName"),
    REQUEST("granteePrincipal"),
    REQUEST("eventDataStore"),
    REQUEST("retentionPeriod"),
    REQUEST("configurationRecorderName"),
    REQUEST("deliveryChannelName"),
    REQUEST("detectorId"),
    REQUEST("enable"),
    REQUEST("resolverQueryLogConfigId"),
    REQUEST("resourceArn"),
    ORIGINAL("grantees", "grantees"), /* of a policy or grant: docs of the source */
    ORIGINAL("foreign_accounts", "foreign_accounts"),
    REQUEST("recoveryWindowInDays"),
    REQUEST("type"),
    ORIGINAL("requestParameters.encryptionContext.SecretARN",
             "requestParameters|encryptionContext|SecretARN"),
    ORIGINAL("requestParameters.encryptionContext.SecretVersionId",
             "requestParameters|encryptionContext|SecretVersionId"),
    ORIGINAL("requestParameters.encryptionContext.PARAMETER_ARN",
             "requestParameters|encryptionContext|PARAMETER_ARN"),
    ORIGINAL("additionalEventData.SecretId", "additionalEventData|SecretId"),
    ORIGINAL("additionalEventData.ARN", "additionalEventData|ARN"),
    ORIGINAL("additionalEventData.Name", "additionalEventData|Name"),
    ORIGINAL("additionalEventData.MFAUsed", "additionalEventData|MFAUsed"),
    ORIGINAL("resources.ARN", "resources|ARN"),
    ORIGINAL("resources.arn", "resources|arn"),
    ORIGINAL("resources.accountId", "resources|accountId"),
    ORIGINAL("resources.type", "resources|type"),
    FIELDS_END,
};

static const struct kt_sigma_field kubernetes[] = {
    PART("verb", P_VERB),
    PART("objectRef.resource", P_RESOURCE),
    PART("objectRef.subresource", P_SUBRESOURCE),
    PART("objectRef.namespace", P_NAMESPACE),
    PART("objectRef.name", P_NAME),
    ORIGINAL("objectRef.apiGroup", "objectRef|apiGroup"),
    ORIGINAL("objectRef.apiVersion", "objectRef|apiVersion"),
    ORIGINAL("objectRef.uid", "objectRef|uid"),
    STRING("user.username", actor_native),
    LIST("user.groups", groups),
    ORIGINAL("user.uid", "user|uid"),
    ORIGINAL("impersonatedUser.username", "impersonatedUser|username"),
    ORIGINAL("impersonatedUser.groups", "impersonatedUser|groups"),
    ORIGINAL("impersonatedUser.uid", "impersonatedUser|uid"),
    ADDRESS("sourceIPs", "sourceIPs"),
    STRING("userAgent", user_agent),
    ORIGINAL("responseStatus.code", "responseStatus|code"),
    ORIGINAL("annotations.authorization.k8s.io/decision",
             "annotations|authorization.k8s.io/decision"),
    STRING("annotations.authorization.k8s.io/reason", reason),
    STRING("auditID", request_id),
    ORIGINAL("stage", "stage"),
    ORIGINAL("level", "level"),
    FIELDS_END,
};

static const struct {
    const struct kt_sigma_field *fields;
    const char *source; /* of events; NULL: any */
    const char *gone;   /* what is not kept of it */
} logs[KT_SIGMA_LOGS] = {
    [KT_SIGMA_KEYTRAIL] = { keytrail, NULL,
                            "an event has the fields of docs/line.md, and raw.PATH in its "
                            "original" },
    [KT_SIGMA_CLOUDTRAIL] = { cloudtrail, "cloudtrail",
                              "of a CloudTrail record only names are kept, no answers and no "
                              "policies" },
    [KT_SIGMA_KUBERNETES] = { kubernetes, "kubernetes",
                              "of an audit event neither requestObject nor responseObject is "
                              "kept" },
};

const struct kt_sigma_field *kt_sigma_fields(enum kt_sigma_log log)
{
    return logs[log].fields;
}

bool kt_sigma_log_has(enum kt_sigma_log log, struct kt_str source)
{
    return logs[log].source == NULL || kt_str_is(source, logs[log].source);
}

/* raw.a.b of keytrail's own events: the path with the divider of our tables. */
static bool own_original(const struct kt_yaml *keep, struct kt_str name, struct kt_sigma_field *ret)
{
    struct kt_str head = KT_STR("raw.");
    if (!kt_str_starts(name, head) || name.len == head.len)
        return false;
    char *path = kt_yaml_keep(keep, name.len + 1);
    kt_str_copyz(path, name.len + 1, kt_str_from_index(name, head.len));
    for (char *c = path; *c != '\0'; c++)
        *c = *c == '.' ? '|' : *c;
    *ret = (struct kt_sigma_field){ kt_yaml_keepz(keep, name), KT_SIGMA_ORIGINAL, 0, path };
    return true;
}

enum kt_status kt_sigma_field_find(enum kt_sigma_log log, struct kt_str name,
                                   const struct kt_yaml *keep, struct kt_sigma_field *ret,
                                   struct kt_error *err)
{
    struct kt_near near = kt_near_of(name);
    for (const struct kt_sigma_field *f = logs[log].fields; f->name != NULL; f++) {
        if (kt_str_is(name, f->name)) {
            *ret = *f;
            return KT_OK;
        }
        kt_near_try(&near, f->name);
    }
    if (log == KT_SIGMA_KEYTRAIL && own_original(keep, name, ret))
        return KT_OK;
    if (near.edits > 3) /* long names share their beginnings */
        near.name = NULL;
    return kt_fail(err, KT_E_INPUT, "field '" KT_STR_FMT "' cannot be asked%s%s%s: %s",
                   KT_STR_ARG(kt_str_sub(name, 0, 80)), near.name != NULL ? " (did you mean '" : "",
                   near.name != NULL ? near.name : "", near.name != NULL ? "'?)" : "",
                   logs[log].gone);
}

/* ---- values ---- */

static bool visit_word(const struct kt_event *ev, enum kt_sigma_word word, kt_sigma_visit visit,
                       void *self)
{
    static const char *const flags[KT_FLAG_COUNT] = {
#define X(n, w) [KT_FLAG_BIT_##n] = w,
        KT_FLAGS(X)
#undef X
    };
    char number[24];
    switch (word) {
    case W_KIND:
        return visit(self, kt_str_of(kt_kind_word(ev->kind)));
    case W_ACTION:
        return visit(self, kt_str_of(kt_action_word(ev->action)));
    case W_OUTCOME:
        return visit(self, kt_str_of(kt_outcome_word(ev->outcome)));
    case W_ACTOR_KIND:
        return visit(self, kt_str_of(kt_actor_kind_word(ev->actor_kind)));
    case W_IP_TRUST:
        return visit(self, kt_str_of(kt_ip_trust_word(ev->ip_trust)));
    case W_MFA:
        return ev->mfa != 0 && visit(self, ev->mfa > 0 ? KT_STR("true") : KT_STR("false"));
    case W_COUNT:
        (void)snprintf(number, sizeof number, "%u", ev->count);
        return ev->count != 0 && visit(self, kt_str_of(number));
    case W_FLAGS:
        for (unsigned i = 0; i < KT_FLAG_COUNT; i++)
            if ((ev->flags >> i & 1) != 0 && visit(self, kt_str_of(flags[i])))
                return true;
        return false;
    }
    return false;
}

/* The operation is "get secrets" or "create pods/exec", the native name
 * "namespace/secrets/name/subresource" with what the request had of it. */
static struct kt_str part_of(const struct kt_event *ev, enum kt_sigma_part part)
{
    struct kt_str rest = ev->operation, native = ev->secret_native, piece[3] = { KT_STR_NONE };
    struct kt_str verb = KT_STR_NONE, resource = KT_STR_NONE;
    (void)kt_str_split(&rest, ' ', &verb);
    (void)kt_str_split(&rest, '/', &resource);
    if (part == P_VERB || part == P_RESOURCE)
        return part == P_VERB ? verb : resource;
    if (part == P_SUBRESOURCE)
        return rest;
    for (unsigned i = 0; i < KT_ARRAY_LEN(piece); i++)
        (void)kt_str_split(&native, '/', &piece[i]);
    bool inside = kt_str_eq(piece[1], resource); /* a namespace may be called like a resource */
    if (part == P_NAMESPACE)
        return inside ? piece[0] : KT_STR_NONE;
    return inside ? piece[2] : kt_str_eq(piece[0], resource) ? piece[1] : KT_STR_NONE;
}

static bool visit_original(struct kt_jval v, struct kt_str path, kt_sigma_visit visit, void *self)
{
    struct kt_jval item;
    struct kt_str name;
    if (kt_json_type(v) == KT_JSON_ARRAY) {
        for (struct kt_json_iter it = kt_json_iter(v); kt_json_next(&it, &name, &item);)
            if (visit_original(item, path, visit, self))
                return true;
        return false;
    }
    if (path.len == 0) {
        struct kt_str text = kt_json_type(v) == KT_JSON_NULL ? KT_STR_NONE : kt_json_text(v);
        return text.len > 0 && visit(self, text);
    }
    if (kt_json_type(v) != KT_JSON_OBJECT)
        return false;
    (void)kt_str_split(&path, '|', &name);
    return visit_original(kt_json_get(v, name), path, visit, self);
}

static struct kt_jval original(struct kt_sigma_view *v)
{
    unsigned repaired;
    if (!v->parsed) {
        v->parsed = true;
        v->original = (struct kt_jval){ NULL };
        if (v->ev->raw.len > 0 &&
            kt_json_parse(v->json, v->ev->raw, &v->original, &repaired, NULL) != KT_OK)
            v->original = (struct kt_jval){ NULL };
    }
    return v->original;
}

static bool visit_list(const struct kt_list *list, kt_sigma_visit visit, void *self)
{
    for (unsigned i = 0; i < list->n; i++)
        if (visit(self, list->at[i]))
            return true;
    return false;
}

static bool visit_address(struct kt_sigma_view *v, kt_sigma_visit visit, void *self)
{
    char text[KT_IP_TEXT_MAX];
    if (v->ev->has_ip && visit(self, kt_str_of(kt_ip_format(v->ev->ip, text))))
        return true;
    if (v->ev->ip_raw.len > 0 && visit(self, v->ev->ip_raw))
        return true;
    return false;
}

/* Every scalar, whatever holds it. Depth is bounded by the parser. */
static bool visit_scalars(struct kt_jval v, kt_sigma_visit visit, void *self)
{
    struct kt_jval item;
    struct kt_str name;
    if (kt_json_type(v) != KT_JSON_ARRAY && kt_json_type(v) != KT_JSON_OBJECT)
        return visit(self, kt_json_text(v));
    for (struct kt_json_iter it = kt_json_iter(v); kt_json_next(&it, &name, &item);)
        if (visit_scalars(item, visit, self))
            return true;
    return false;
}

/* An actor with two names is asked by either; the canonical one is the first. */
static bool visit_string(const struct kt_sigma_view *v, size_t at, kt_sigma_visit visit, void *self)
{
    const char *base = (const char *)v->ev;
    const struct kt_str *s = (const struct kt_str *)(const void *)(base + at);
    if (s->len > 0 && visit(self, *s))
        return true;
    return at == offsetof(struct kt_event, actor) && v->written.len > 0 && visit(self, v->written);
}

static bool visit_anywhere(struct kt_sigma_view *v, kt_sigma_visit visit, void *self)
{
    const struct kt_event *ev = v->ev;
#define X(n)                                                                                       \
    if (visit_string(v, offsetof(struct kt_event, n), visit, self))                                \
        return true;
    KT_EVENT_STRINGS(X)
#undef X
    struct kt_jval root = original(v);
    return visit_address(v, visit, self) || visit_list(&ev->groups, visit, self) ||
           visit_list(&ev->fields, visit, self) ||
           (root.node != NULL && visit_scalars(root, visit, self));
}

bool kt_sigma_values(struct kt_sigma_view *v, const struct kt_sigma_field *f, kt_sigma_visit visit,
                     void *self)
{
    const char *base = (const char *)v->ev;
    switch (f->from) {
    case KT_SIGMA_STRING:
        return visit_string(v, f->at, visit, self);
    case KT_SIGMA_WORD:
        return visit_word(v->ev, (enum kt_sigma_word)f->at, visit, self);
    case KT_SIGMA_PART: {
        struct kt_str s = part_of(v->ev, (enum kt_sigma_part)f->at);
        return s.len > 0 && visit(self, s);
    }
    case KT_SIGMA_LIST:
        return visit_list((const struct kt_list *)(const void *)(base + f->at), visit, self);
    case KT_SIGMA_ADDRESS: /* with those that came before the trusted one, where there is a list */
        return visit_address(v, visit, self) ||
               (f->path != NULL && visit_original(original(v), kt_str_of(f->path), visit, self));
    case KT_SIGMA_ORIGINAL:
        return visit_original(original(v), kt_str_of(f->path), visit, self);
    case KT_SIGMA_ANYWHERE:
        return visit_anywhere(v, visit, self);
    }
    return false;
}
