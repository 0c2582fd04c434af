/*
 * azure: diagnostic records of Key Vault, and what the Activity Log says about it -> events
 * (SOURCES §7). One record a line, or `records` as the Event Hub sends them.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event. No I/O, no clock.
 */
#include "agents/sources/azure.h"

#include "agents/sources/actor.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/keep.h"

#define USER_AGENT_MAX 512u
#define MESSAGE_MAX    1024u

/* ---- what is kept (THREATS, table R) ----
 * Operation, caller, address, agent, id, correlation id and time have columns of their own. */
static const struct kt_keep keep_claims[] = {
    KT_KEEP("scp"), KT_KEEP("appidacr"), KT_KEEP("idtyp"), KT_KEEP("xms_mirid"), KT_KEEP_END,
};
static const struct kt_keep keep_acls[] = {
    KT_KEEP("bypass"),
    KT_KEEP("defaultAction"),
    KT_KEEP_END,
};
static const struct kt_keep keep_vault[] = {
    KT_KEEP_IN("networkAcls", keep_acls),
    KT_KEEP("enableSoftDelete"),
    KT_KEEP("softDeleteRetentionInDays"),
    KT_KEEP("enableRbacAuthorization"),
    KT_KEEP("enablePurgeProtection"),
    KT_KEEP("publicNetworkAccess"),
    KT_DROP("sku"),
    KT_DROP("tenantId"),
    KT_DROP("accessPolicies"),
    KT_DROP("enabledForDeployment"),
    KT_DROP("enabledForDiskEncryption"),
    KT_DROP("enabledForTemplateDeployment"),
    KT_KEEP_END,
};
static const struct kt_keep keep_properties[] = {
    KT_KEEP("httpStatusCode"),
    KT_KEEP("isAccessPolicyMatch"),
    KT_KEEP("isRbacAuthorized"),
    KT_KEEP("isAddressAuthorized"),
    KT_KEEP("addrAuthType"),
    KT_KEEP("appliedAssignmentId"),
    KT_KEEP("subnetId"),
    KT_KEEP("tlsVersion"),
    KT_KEEP("statusCode"),
    KT_KEEP_IN("properties", keep_vault),
    KT_DROP("id"),
    KT_DROP("requestUri"),
    KT_DROP("clientInfo"),
    KT_DROP("secretProperties"),
    KT_DROP("keyProperties"),
    KT_DROP("certificateProperties"),
    KT_DROP("certificatePolicyProperties"),
    KT_DROP("certificateRequestProperties"),
    KT_DROP("certificateIssuerProperties"),
    KT_DROP("trustedService"),
    KT_KEEP_END,
};
static const struct kt_keep keep_root[] = {
    KT_KEEP("category"),
    KT_KEEP("resultType"),
    KT_KEEP("resultSignature"),
    KT_KEEP("resourceId"),
    KT_KEEP("operationVersion"),
    KT_KEEP_IN("properties", keep_properties),
    KT_DROP("identity"), /* written apart: anybody may add claims */
    KT_DROP("time"),
    KT_DROP("operationName"),
    KT_DROP("resultDescription"),
    KT_DROP("durationMs"),
    KT_DROP("callerIpAddress"),
    KT_DROP("correlationId"),
    KT_DROP("level"),
    KT_DROP("location"),
    KT_DROP("tenantId"),
    KT_DROP("RoleLocation"),
    KT_KEEP_END,
};

static void write_raw(const struct az_record *r)
{
    struct kt_buf *out = r->in->raw;
    kt_keep_write(r->in->root, keep_root, out, r->in->unknown_fields);
    if (out->len <= 2) /* nothing of it was kept */
        return;
    out->len--; /* goes on before its last brace */
    kt_keep_member(KT_STR("claims"), r->claims, keep_claims, out, NULL);
    kt_buf_byte(out, '}');
}

/* ---- taking the record apart ---- */

static bool has_nocase(struct kt_arena *a, struct kt_str s, struct kt_str word)
{
    return kt_str_has(kt_actor_lower(a, s), word);
}

static struct az_record take_apart(const struct kt_decode_in *in)
{
    struct kt_jval root = in->root, identity = kt_json_get(root, KT_STR("identity"));
    struct az_record r = {
        .in = in,
        .properties = kt_json_get(root, KT_STR("properties")),
        .claims = kt_json_get(identity, KT_STR("claim")),
        .operation = kt_json_str_at(root, "operationName"),
        .category = kt_json_str_at(root, "category"),
        .resource = kt_json_str_at(root, "resourceId"),
        .signature = kt_json_str_at(root, "resultSignature"),
    };
    if (kt_json_type(r.claims) != KT_JSON_OBJECT)
        r.claims = kt_json_get(identity, KT_STR("claims"));
    struct kt_jval status = kt_json_get(r.properties, KT_STR("httpStatusCode"));
    if (!kt_json_i64(status, &r.status) && !kt_str_i64(kt_json_str(status), &r.status))
        r.status = 0;
    r.is_control = kt_str_starts_nocase(r.operation, KT_STR("Microsoft."));
    ptrdiff_t dot = kt_str_find_byte(r.signature, '.', 0);
    if (r.is_control && dot >= 0) /* "Succeeded.OK" */
        r.signature = kt_str_from_index(r.signature, (size_t)dot + 1);
    return r;
}

/* NULL when the record is about a vault. */
static const char *no_event(const struct az_record *r)
{
    bool vault = has_nocase(r->in->arena, r->resource, KT_STR("/microsoft.keyvault/")) ||
                 kt_str_starts_nocase(r->operation, KT_STR("Microsoft.KeyVault/"));
    bool audit = kt_str_eq_nocase(r->category, KT_STR("AuditEvent"));
    bool copy = r->category.len == 0 && kt_az_action_of(r) != KT_ACT_OTHER;
    struct kt_str type = kt_json_str_at(r->in->root, "resultType");
    if (r->operation.len == 0)
        return "no diagnostic record";
    if (!vault && !(r->resource.len == 0 && (audit || copy)))
        return "not about secrets";
    if (!r->is_control && r->category.len > 0 && !audit)
        return "not about secrets";
    if (r->is_control && kt_az_action_of(r) == KT_ACT_OTHER &&
        !kt_str_starts_nocase(r->operation, KT_STR("Microsoft.KeyVault/")))
        return "not about secrets";
    if (r->is_control && kt_str_starts_nocase(type, KT_STR("Start")))
        return "start of an operation whose end is counted";
    if (kt_str_is(r->operation, "Authentication") && r->status == 401 && kt_az_is_anonymous(r))
        return "challenge before a login";
    return NULL;
}

/* ---- when, where, how it ended ---- */

static void when(const struct az_record *r, struct kt_event *ev)
{
    struct kt_jval root = r->in->root;
    uint64_t ms;
    if (kt_time_parse_loose(kt_json_str_at(root, "time"), &ev->time, &ev->precision, NULL) != KT_OK)
        ev->time = 0;
    if (kt_str_u64(kt_json_text(kt_json_get(root, KT_STR("durationMs"))), &ms) &&
        ms < (uint64_t)(KT_NS_DAY / KT_NS_MS))
        ev->duration = (kt_time_ns)ms * KT_NS_MS;
}

static void where(const struct az_record *r, struct kt_event *ev)
{
    struct kt_str ip = kt_json_str_at(r->in->root, "callerIpAddress");
    ev->has_ip = kt_ip_parse(ip, &ev->ip);
    ev->ip_trust = ev->has_ip ? KT_TRUST_EDGE : KT_TRUST_NONE;
    if (!ev->has_ip)
        ev->ip_raw = ip;
    ev->user_agent = kt_utf8_cut(kt_json_str_at(r->properties, "clientInfo"), USER_AGENT_MAX);
}

static const struct {
    const char *word; /* of a record that tells no status */
    int64_t status;
} signatures[] = {
    { "OK", 200 },        { "Created", 201 },   { "Accepted", 202 }, { "No Content", 204 },
    { "NoContent", 204 }, { "Not Found", 404 }, { "NotFound", 404 },
};

static bool is_refusal(struct kt_str word)
{
    return kt_str_eq_nocase(word, KT_STR("Forbidden")) ||
           kt_str_eq_nocase(word, KT_STR("Unauthorized"));
}

static enum kt_outcome outcome_of(int64_t status)
{
    if (status == 401 || status == 403)
        return KT_OUT_DENIED;
    if (status == 404)
        return KT_OUT_NOT_FOUND;
    return status >= 400 ? KT_OUT_FAILURE : KT_OUT_SUCCESS;
}

/* resultType is "Success" even where the vault refused; only the Activity Log means it. */
static enum kt_outcome outcome_by_words(const struct az_record *r)
{
    struct kt_str word = r->signature, type = kt_json_str_at(r->in->root, "resultType");
    if (word.len == 0)
        word = kt_json_str_at(r->properties, "statusCode");
    if (is_refusal(word))
        return KT_OUT_DENIED;
    for (size_t i = 0; i < KT_ARRAY_LEN(signatures); i++)
        if (kt_str_eq_nocase(word, kt_str_of(signatures[i].word)))
            return outcome_of(signatures[i].status);
    if (r->is_control && kt_str_starts_nocase(type, KT_STR("Succe")))
        return KT_OUT_SUCCESS;
    if (r->is_control && kt_str_starts_nocase(type, KT_STR("Fail")))
        return KT_OUT_FAILURE;
    return word.len > 0 ? KT_OUT_FAILURE : KT_OUT_UNKNOWN;
}

/* Why the vault refused, as its text says. */
static const char *const refusals[] = { "ForbiddenByRbac", "ForbiddenByPolicy",
                                        "ForbiddenByFirewall", "ForbiddenByConnection" };

static struct kt_str code_of(const struct az_record *r, struct kt_str text)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(refusals); i++)
        if (kt_str_has(text, kt_str_of(refusals[i])))
            return kt_str_of(refusals[i]);
    if (r->signature.len > 0)
        return r->signature;
    return r->status != 0 ? kt_arena_fmt(r->in->arena, "%lld", (long long)r->status) : KT_STR_NONE;
}

/* The text may repeat what was sent, so it is kept only in the forms that name nothing but
 * principals and resources. */
static void outcome(const struct az_record *r, struct kt_event *ev)
{
    struct kt_str text = kt_json_str_at(r->in->root, "resultDescription");
    if (is_refusal(r->signature)) /* the two can contradict each other */
        ev->outcome = KT_OUT_DENIED;
    else if (r->status != 0)
        ev->outcome = outcome_of(r->status);
    else
        ev->outcome = outcome_by_words(r);
    if (ev->outcome == KT_OUT_SUCCESS)
        return;
    ev->code = code_of(r, text);
    if (kt_str_starts(text, KT_STR("The user, group or application '")) ||
        kt_str_starts(text, KT_STR("Caller is not authorized")))
        ev->message = kt_utf8_cut(text, MESSAGE_MAX);
}

/* ---- the event ---- */

/* Records have no id: the same call, read twice, is known by what tells calls apart. */
static void name_it(const struct az_record *r, struct kt_event *ev)
{
    static const struct kt_str sep = KT_STR_INIT("\n");
    struct kt_jval root = r->in->root;
    struct kt_str status = kt_arena_fmt(r->in->arena, "%lld", (long long)r->status);
    struct kt_str parts[] = { kt_json_str_at(root, "time"),
                              sep,
                              kt_actor_lower(r->in->arena, r->resource),
                              sep,
                              r->operation,
                              sep,
                              kt_json_str_at(r->properties, "requestUri"),
                              sep,
                              kt_json_str_at(root, "callerIpAddress"),
                              sep,
                              kt_az_claim(r, kt_az_oid),
                              sep,
                              kt_json_str_at(root, "correlationId"),
                              sep,
                              status };
    uint8_t digest[16];
    char text[KT_ID_TEXT];
    kt_blake2b(parts, KT_ARRAY_LEN(parts), digest, sizeof digest);
    ev->native_id = kt_arena_str(r->in->arena, kt_str_of(kt_id_format(digest, text)));
    ev->request_id = kt_json_str_at(root, "correlationId");
}

static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    struct az_record r = take_apart(in);
    struct kt_event ev = { .kind = KT_KIND_ACCESS };
    const char *reason = no_event(&r);
    (void)first;
    (void)err;
    if (reason != NULL) {
        to->skip(to, reason);
        return KT_OK;
    }
    write_raw(&r);
    ev.raw = kt_buf_str(in->raw);
    when(&r, &ev);
    where(&r, &ev);
    outcome(&r, &ev);
    kt_az_what(&r, &ev);
    kt_az_who(&r, &ev);
    name_it(&r, &ev);
    to->event(to, &ev);
    return KT_OK;
}

static const char *const arrays[] = { "records", NULL };

static const char *const known_keys[] = {
    "time",       "category",        "operationName",     "operationVersion",
    "resultType", "resultSignature", "resultDescription", "resourceId",
    "durationMs", "callerIpAddress", "correlationId",     "identity",
    "claim",      "claims",          "properties",        "id",
    "clientInfo", "requestUri",      "httpStatusCode",    "records",
    NULL,
};

/* Names come in any case, so there is no byte search in front. */
const struct kt_source kt_source_azure = {
    .name = "azure",
    .summary = "Azure Key Vault: diagnostic logs, Activity Log",
    .version = 2,
    .split = KT_SPLIT_OBJECTS,
    .wrap_arrays = arrays,
    .decode = decode,
    .salvage_id = "correlationId",
    .salvage_action = "operationName",
    .salvage_time = "time",
    .known_keys = known_keys,
    .lateness = 15 * KT_NS_MIN,
    .no_reads = "no read of a secret has come: the vault's diagnostic setting needs the category "
                "AuditEvent (or the group audit), and the folder must have its blobs",
};
