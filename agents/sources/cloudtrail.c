/*
 * cloudtrail: one CloudTrail record -> events (SOURCES §1.4, §1.5). A call that names several
 * secrets gives one event for each.
 *
 * Owns:  nothing; full ARNs and who made which key are remembered by the engine.
 * Calls: core/base, core/event. No I/O, no clock.
 */
#include "agents/sources/cloudtrail.h"

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"

#define USER_AGENT_MAX 512u
#define AMAZON         ".amazonaws.com"

/* ---- when, where, how it ended ---- */

static void when(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_str text = kt_json_str_at(r->in->root, "eventTime");
    if (kt_time_parse_loose(text, &ev->time, &ev->precision, NULL) != KT_OK)
        ev->time = 0;
}

static bool is_service(struct kt_str s)
{
    return kt_str_has(s, KT_STR(AMAZON)) || kt_str_starts(s, KT_STR("AWS Internal")) ||
           kt_str_is(s, "aws.internal");
}

static void where(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_str ip = kt_json_str_at(r->in->root, "sourceIPAddress");
    ev->has_ip = kt_ip_parse(ip, &ev->ip);
    if (ev->has_ip) {
        ev->ip_trust = KT_TRUST_EDGE;
    } else {
        ev->ip_raw = ip;
        ev->ip_trust = is_service(ip) ? KT_TRUST_SERVICE : KT_TRUST_NONE;
        if (is_service(ip) && ev->via.len == 0 && !kt_str_eq(ev->actor, ip))
            ev->via = ip;
    }
    ev->user_agent = kt_utf8_cut(kt_json_str_at(r->in->root, "userAgent"), USER_AGENT_MAX);
    ev->region = r->region;
    ev->vpc_endpoint = kt_json_str_at(r->in->root, "vpcEndpointId");
}

static const struct kt_str refusal = KT_STR_INIT(" is not authorized to perform: ");

static enum kt_outcome outcome_of_text(const struct ct_record *r, struct kt_str text)
{
    if (r->service == CT_SIGNIN || kt_str_has(text, refusal) ||
        kt_str_has(text, KT_STR("AccessDenied")))
        return KT_OUT_DENIED;
    return KT_OUT_FAILURE;
}

/* The text of an error may repeat what was sent, so it is kept only in the one form that names
 * nothing but principals and resources. */
static void outcome(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_str text = kt_json_str_at(r->in->root, "errorMessage");
    struct kt_str login = kt_json_str_at(r->response, "ConsoleLogin");
    if (login.len == 0)
        login = kt_json_str_at(r->response, "CheckMfa");

    ev->code = r->error;
    if (kt_str_has(text, refusal))
        ev->message = kt_utf8_cut(text, KT_KEY_MAX * 4);
    if (r->error.len > 0)
        ev->outcome = kt_ct_outcome_of(r->error);
    else if (kt_str_is(login, "Failure"))
        ev->outcome = KT_OUT_DENIED;
    else if (text.len > 0)
        ev->outcome = outcome_of_text(r, text);
    else if (kt_str_is(r->name, "RotationFailed") || kt_str_is(r->name, "RotationAbandoned"))
        ev->outcome = KT_OUT_FAILURE;
    else
        ev->outcome = KT_OUT_SUCCESS;
}

/* ---- what ---- */

static struct kt_str first_of(struct kt_jval v, const char *const *names)
{
    for (; *names != NULL; names++) {
        struct kt_str s = kt_json_str_at(v, *names);
        if (s.len > 0)
            return s;
    }
    return KT_STR_NONE;
}

/* "User: … is not authorized to perform: … on resource: NAME because …" */
static struct kt_str resource_of_text(struct kt_str text)
{
    struct kt_str mark = KT_STR(" on resource: ");
    ptrdiff_t at = kt_str_find(text, mark, 0);
    struct kt_str part = KT_STR_NONE, rest;
    if (at < 0)
        return part;
    rest = kt_str_from_index(text, (size_t)at + mark.len);
    (void)kt_str_split(&rest, ' ', &part);
    return part;
}

/* ARN of the first of resources[] that holds `word`. */
static struct kt_str resource_arn(const struct ct_record *r, struct kt_str word)
{
    static const char *const names[] = { "ARN", "arn", NULL };
    struct kt_json_iter it = kt_json_iter(kt_json_get(r->in->root, KT_STR("resources")));
    struct kt_str name;
    struct kt_jval item;
    while (kt_json_next(&it, &name, &item)) {
        struct kt_str arn = first_of(item, names);
        if (kt_str_has(arn, word))
            return arn;
    }
    return KT_STR_NONE;
}

static struct ct_id secret_id(const struct ct_record *r, const char *request_name)
{
    static const char *const answer[] = { "arn", "ARN", "aRN", NULL };
    static const char *const service[] = { "ARN", "SecretId", NULL };
    struct kt_str name = first_of(r->response, answer);
    if (name.len > 0)
        return kt_ct_secret_id(r, name, true);
    name = kt_json_str_at(r->request, request_name);
    if (name.len > 0)
        return kt_ct_secret_id(r, name, false);
    name = first_of(r->extra, service);
    if (name.len > 0)
        return kt_ct_secret_id(r, name, true);
    name = kt_json_str_at(r->extra, "Name");
    if (name.len > 0)
        return kt_ct_secret_id(r, name, false);
    return kt_ct_secret_id(r, resource_of_text(kt_json_str_at(r->in->root, "errorMessage")), false);
}

static struct ct_id param_id(const struct ct_record *r)
{
    static const char *const names[] = { "name", "resourceId", NULL };
    struct kt_str name = first_of(r->request, names);
    if (name.len == 0)
        name = resource_arn(r, KT_STR(":parameter"));
    if (name.len == 0)
        name = resource_of_text(kt_json_str_at(r->in->root, "errorMessage"));
    return kt_ct_param_id(r, name);
}

static struct ct_id key_id(const struct ct_record *r)
{
    static const char *const names[] = { "keyId", "targetKeyId", "sourceKeyId", "aliasName", NULL };
    struct kt_str name = resource_arn(r, KT_STR(":key/"));
    if (name.len == 0)
        name = kt_json_str_at(r->response, "keyMetadata.arn");
    if (name.len == 0)
        name = first_of(r->request, names);
    if (name.len == 0)
        name = kt_json_str_at(r->in->root, "serviceEventDetails.keyId");
    if (name.len == 0)
        name = resource_of_text(kt_json_str_at(r->in->root, "errorMessage"));
    return kt_ct_key_id(r, name);
}

/* A KMS call made for a secret names it in its encryption context. */
static struct ct_id context_id(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_jval context = kt_json_get(r->request, KT_STR("encryptionContext"));
    struct kt_str secret = kt_json_str_at(context, "SecretARN");
    struct kt_str param = kt_json_str_at(context, "PARAMETER_ARN");
    struct ct_id id = { .guess = false };
    if (secret.len > 0) {
        id = kt_ct_secret_id(r, secret, true);
        id.version = kt_json_str_at(context, "SecretVersionId");
    } else if (param.len > 0) {
        id = kt_ct_param_id(r, param);
    }
    if (id.id.len > 0 && (ev->ip_trust == KT_TRUST_SERVICE || is_service(ev->via)))
        ev->flags |= KT_FLAG(SHADOW);
    return id;
}

static void set_id(struct kt_event *ev, const struct ct_id *id)
{
    ev->secret = id->id;
    ev->secret_native = id->native;
    ev->secret_guess = id->guess;
    if (id->version.len > 0)
        ev->version = id->version;
    if (id->stage.len > 0)
        ev->stage = id->stage;
}

/* One event for each name of the list; false when it holds none. A null request leaves the names to
 * resources[]. */
static bool emit_list(const struct ct_record *r, struct kt_event *ev, struct kt_jval list,
                      struct ct_id (*id_of)(const struct ct_record *r, struct kt_str name),
                      struct kt_emit *to)
{
    static const char *const arn[] = { "ARN", "arn", NULL };
    struct kt_json_iter it = kt_json_iter(list);
    struct kt_str unused;
    struct kt_jval item;
    uint32_t n = 0;
    while (n < KT_SECRETS_PER_RECORD_MAX && kt_json_next(&it, &unused, &item)) {
        bool object = kt_json_type(item) == KT_JSON_OBJECT;
        struct kt_str name = object ? first_of(item, arn) : kt_json_str(item);
        if (name.len == 0 || (object && !kt_str_has(name, KT_STR(":parameter"))))
            continue;
        struct kt_event one;
        kt_event_copy(&one, ev);
        struct ct_id id = id_of(r, name);
        set_id(&one, &id);
        one.part = n++;
        to->event(to, &one);
    }
    return n > 0;
}

static struct ct_id batch_member(const struct ct_record *r, struct kt_str name)
{
    return kt_ct_secret_id(r, name, false);
}

static struct ct_id native_only(struct kt_str native)
{
    return (struct ct_id){ .native = native };
}

static struct ct_id one_id(const struct ct_record *r, enum ct_what what, struct kt_event *ev)
{
    static const char *const trail[] = { "name",
                                         "trailName",
                                         "eventDataStore",
                                         "configurationRecorderName",
                                         "deliveryChannelName",
                                         "detectorId",
                                         "resolverQueryLogConfigId",
                                         NULL };
    struct ct_id id = { .guess = false };
    switch (what) {
    case WHAT_SECRET:
        return secret_id(r, "secretId");
    case WHAT_CREATED:
        return secret_id(r, "name");
    case WHAT_ALL:
    case WHAT_BATCH:
        return kt_ct_all(r, "aws-sm");
    case WHAT_PARAM:
    case WHAT_TAGGED:
        return param_id(r);
    case WHAT_PARAMS:
    case WHAT_ALL_PARAMS:
        return kt_ct_all(r, "aws-ssm");
    case WHAT_PATH:
        return kt_ct_param_path(r, kt_json_str_at(r->request, "path"));
    case WHAT_KEY:
        id = context_id(r, ev);
        return id.id.len > 0 ? id : key_id(r);
    case WHAT_ROLE:
        return native_only(kt_json_str_at(r->request, "roleArn"));
    case WHAT_USER:
        return native_only(kt_json_str_at(r->request, "userName"));
    case WHAT_TRAIL:
        return native_only(first_of(r->request, trail));
    case WHAT_INSTANCE:
        return kt_ct_instance_id(r, kt_json_str_at(r->request, "instanceId"));
    case WHAT_DETECTOR:
        return native_only(kt_json_str_at(r->request, "detectorId"));
    case WHAT_SHARED:
        return kt_ct_param_id(r, kt_json_str_at(r->request, "resourceArn"));
    case WHAT_BUCKET:
        return native_only(kt_json_str_at(r->request, "bucketName"));
    case WHAT_NONE:
        break;
    }
    return id;
}

/* Which version, and under which label. PutSecretValue has a list of labels: without AWSCURRENT in
 * it the new version waits. UpdateSecretVersionStage names the version that gets the label. */
static void version(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_json_iter it = kt_json_iter(kt_json_get(r->request, KT_STR("versionStages")));
    struct kt_str unused;
    struct kt_jval label;
    ev->version = kt_json_str_at(r->request, "versionId");
    if (ev->version.len == 0)
        ev->version = kt_json_str_at(r->request, "moveToVersionId");
    ev->stage = kt_json_str_at(r->request, "versionStage");
    while (!kt_str_is(ev->stage, "AWSCURRENT") && kt_json_next(&it, &unused, &label))
        ev->stage = kt_json_str(label);
}

static void what(const struct ct_record *r, enum ct_what what, struct kt_event *ev,
                 struct kt_emit *to)
{
    version(r, ev);
    if (ev->action == KT_ACT_WRITE && r->service == CT_SECRETS && ev->version.len == 0)
        ev->version = kt_json_str_at(r->request, "clientRequestToken"); /* becomes the version id */
    if (what == WHAT_BATCH)
        ev->flags |= KT_FLAG(BULK);
    struct kt_jval ids = kt_json_get(r->request, KT_STR("secretIdList"));
    if (what == WHAT_BATCH && emit_list(r, ev, ids, batch_member, to))
        return;
    struct kt_jval names = kt_json_get(r->request, KT_STR("names"));
    struct kt_jval resources = kt_json_get(r->in->root, KT_STR("resources"));
    if (what == WHAT_PARAMS && (emit_list(r, ev, names, kt_ct_param_id, to) ||
                                emit_list(r, ev, resources, kt_ct_param_id, to)))
        return;
    struct ct_id id = one_id(r, what, ev);
    set_id(ev, &id);
    to->event(to, ev);
}

/* ---- which verb ---- */

static bool flag(struct kt_jval v, const char *path)
{
    return kt_json_bool(kt_json_at(v, path), false);
}

/* Verbs that depend on what was asked for. */
static enum kt_action refine(const struct ct_record *r, enum kt_action action)
{
    if (kt_str_is(r->name, "DeleteSecret") && flag(r->request, "forceDeleteWithoutRecovery"))
        return KT_ACT_DESTROY;
    if (kt_str_is(r->name, "GetParameterHistory") && !flag(r->request, "withDecryption"))
        return KT_ACT_READ_META;
    if (kt_str_is(r->name, "GetParametersByPath") &&
        !(flag(r->request, "recursive") && flag(r->request, "withDecryption")))
        return KT_ACT_READ;
    return action;
}

/* A call that the table does not have: providers add verbs without asking us. */
static bool unknown_verb(const struct ct_record *r, enum kt_action *ret_action,
                         enum ct_what *ret_what)
{
    bool param = r->service == CT_SSM && kt_str_has(r->name, KT_STR("Parameter"));
    if (r->service != CT_SECRETS && r->service != CT_KMS && !param)
        return false;
    *ret_what = r->service == CT_SECRETS ? WHAT_SECRET : param ? WHAT_PARAM : WHAT_KEY;
    if (r->name.len == 0)
        *ret_action = KT_ACT_OTHER;
    else if (!flag(r->in->root, "readOnly"))
        *ret_action = KT_ACT_CONFIG;
    else if (kt_str_starts(r->name, KT_STR("List")) ||
             (kt_str_starts(r->name, KT_STR("Describe")) && kt_str_ends(r->name, KT_STR("s"))))
        *ret_action = KT_ACT_LIST;
    else
        *ret_action = KT_ACT_READ_META;
    return true;
}

static bool verb_of(const struct ct_record *r, enum kt_action *ret_action, enum ct_what *ret_what)
{
    const struct ct_verb *v = kt_ct_verb_find(r->service, r->name);
    if (v == NULL)
        return unknown_verb(r, ret_action, ret_what);
    if (v->what == WHAT_TAGGED &&
        !kt_str_is(kt_json_str_at(r->request, "resourceType"), "Parameter"))
        return false;
    /* no record says which bucket a trail writes to: its name does, or nothing */
    if (v->what == WHAT_BUCKET &&
        !kt_str_has(kt_json_str_at(r->request, "bucketName"), KT_STR("trail")))
        return false;
    if (v->what == WHAT_DETECTOR && kt_json_bool(kt_json_at(r->request, "enable"), true))
        return false; /* some other setting of it */
    *ret_action = refine(r, v->action);
    *ret_what = v->what;
    return true;
}

static const char *no_event(const struct ct_record *r)
{
    static const char *const reasons[] = {
        [CT_OTHER] = "not about secrets",
        [CT_SECRETS] = "not about secrets (secretsmanager)",
        [CT_SSM] = "not about secrets (ssm)",
        [CT_KMS] = "not about secrets (kms)",
        [CT_STS] = "not about secrets (sts)",
        [CT_IAM] = "not about secrets (iam)",
        [CT_SIGNIN] = "not about secrets (signin)",
        [CT_TRAIL] = "not about secrets (cloudtrail)",
        [CT_EC2] = "not about secrets (ec2)",
        [CT_S3] = "not about secrets (s3)",
        [CT_WATCH] = "not about secrets",
    };
    struct kt_jval root = r->in->root;
    if (kt_json_type(kt_json_get(root, KT_STR("digestStartTime"))) != KT_JSON_NONE)
        return "digest file";
    if (kt_json_type(kt_json_get(root, KT_STR("insightDetails"))) != KT_JSON_NONE)
        return "insight event";
    return r->source.len == 0 ? "no CloudTrail event" : reasons[r->service];
}

/* ---- the record ---- */

static struct ct_record take_apart(const struct kt_decode_in *in)
{
    struct kt_jval root = in->root;
    struct ct_record r = {
        .in = in,
        .identity = kt_json_get(root, KT_STR("userIdentity")),
        .request = kt_json_get(root, KT_STR("requestParameters")),
        .response = kt_json_get(root, KT_STR("responseElements")),
        .extra = kt_json_get(root, KT_STR("additionalEventData")),
        .source = kt_json_str_at(root, "eventSource"),
        .name = kt_json_str_at(root, "eventName"),
        .region = kt_json_str_at(root, "awsRegion"),
        .account = kt_json_text(kt_json_get(root, KT_STR("recipientAccountId"))),
        .error = kt_json_str_at(root, "errorCode"),
    };
    r.session = kt_json_get(r.identity, KT_STR("sessionContext"));
    r.home = kt_json_text(kt_json_get(r.identity, KT_STR("accountId")));
    if (r.home.len == 0)
        r.home = kt_json_str_at(r.session, "sessionIssuer.accountId");
    if (r.account.len == 0)
        r.account = r.home;
    if (r.home.len == 0)
        r.home = r.account;
    if (r.error.len == 0)
        r.error = kt_json_str_at(r.response, "errorCode");
    r.service = kt_ct_service_of(r.source);
    return r;
}

/* Without an id of its own a record is known by what is kept of it. */
static struct kt_str kept_digest(const struct kt_decode_in *in)
{
    uint8_t digest[16];
    char text[KT_ID_TEXT];
    struct kt_str parts[] = { kt_buf_str(in->raw), kt_json_str_at(in->root, "sourceIPAddress"),
                              kt_json_str_at(in->root, "requestID") };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), digest, sizeof digest);
    return kt_arena_str(in->arena, kt_str_of(kt_id_format(digest, text)));
}

static void name_it(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_jval root = r->in->root;
    ev->scope = r->account;
    ev->native_id = kt_json_str_at(root, "eventID");
    if (ev->native_id.len == 0) {
        ev->native_id = kept_digest(r->in);
        ev->scope = r->in->instance;
    }
    ev->request_id = kt_json_str_at(root, "requestID");
    ev->shared_id = kt_json_str_at(root, "sharedEventID");
    if (!kt_str_is(kt_json_str_at(root, "addendum.reason"), "UPDATED_DATA"))
        return;
    struct kt_str original = kt_json_str_at(root, "addendum.originalEventID");
    struct kt_event first = { .source = KT_STR("cloudtrail"), .scope = ev->scope };
    uint8_t id[16];
    char text[KT_ID_TEXT];
    first.native_id = original.len > 0 ? original : ev->native_id;
    kt_event_id(&first, id);
    ev->kind = KT_KIND_AMEND;
    ev->amends = kt_arena_str(r->in->arena, kt_str_of(kt_id_format(id, text)));
}

/* Which Kubernetes account a role session's key was made for. */
static void remember_key(const struct ct_record *r, const struct kt_event *ev)
{
    struct kt_str key = kt_json_str_at(r->response, "credentials.accessKeyId");
    if (key.len > 0 && kt_str_is(r->name, "AssumeRoleWithWebIdentity"))
        kt_source_remember(r->in->memory, kt_arena_cat(r->in->arena, KT_STR("key "), key),
                           ev->actor);
}

static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    struct ct_record r = take_apart(in);
    struct kt_event ev;
    enum ct_what subject = WHAT_NONE;
    (void)first;
    (void)err;
    kt_event_clear(&ev);
    ev.kind = KT_KIND_ACCESS;
    if (!verb_of(&r, &ev.action, &subject)) {
        to->skip(to, no_event(&r));
        return KT_OK;
    }
    kt_kept_whole(in->root, kt_ct_keep_root, in->raw, in->unknown_fields, &ev);
    ev.operation = r.name;
    name_it(&r, &ev);
    kt_ct_grant(&r, &ev);
    when(&r, &ev);
    kt_ct_who(&r, &ev);
    where(&r, &ev);
    outcome(&r, &ev);
    remember_key(&r, &ev);
    what(&r, subject, &ev, to);
    return KT_OK;
}

static const char *const arrays[] = { "Records", "Events", "logEvents", NULL };
static const char *const members[] = { "detail", "CloudTrailEvent", "message", NULL };

const struct kt_source kt_source_cloudtrail = {
    .name = "cloudtrail",
    .summary = "AWS CloudTrail: Secrets Manager, SSM parameters, KMS, STS, sign-ins",
    .version = 3,
    .split = KT_SPLIT_OBJECTS,
    .needles = kt_ct_needles,
    .wrap_arrays = arrays,
    .wrap_members = members,
    .decode = decode,
    .salvage_id = "eventID",
    .salvage_action = "eventName",
    .salvage_time = "eventTime",
    .known_keys = kt_ct_known_keys,
    .lateness = 20 * KT_NS_MIN,
    .no_reads = "no read of a secret has come: the trail's event selectors must include read "
                "management events, and must not exclude kms.amazonaws.com",
};
