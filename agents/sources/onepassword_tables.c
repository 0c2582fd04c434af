/*
 * onepassword_tables: what 1Password's words mean, and which of its members may be kept.
 *
 * Owns:  constants.
 * Calls: core/base.
 */
#include "agents/sources/onepassword.h"
#include "core/base/err.h"

/* Clients older than 8.4.0 give "other" or nothing for any use of an item. */
static const struct {
    const char *action;
    enum kt_action verb;
} usages[] = {
    { "", KT_ACT_READ },
    { "other", KT_ACT_READ },
    { "reveal", KT_ACT_READ },
    { "secure-copy", KT_ACT_READ },
    { "server-fetch", KT_ACT_READ },
    { "enter-item-edit-mode", KT_ACT_READ },
    { "fill", KT_ACT_USE },
    { "select-sso-provider", KT_ACT_USE },
    { "export", KT_ACT_EXPORT },
    { "share", KT_ACT_GRANT },
    { "server-create", KT_ACT_WRITE },
    { "server-update", KT_ACT_WRITE },
};

static const struct {
    const char *action;
    enum kt_action verb;
} activities[] = {
    { "READ", KT_ACT_READ },
    { "CREATE", KT_ACT_WRITE },
    { "UPDATE", KT_ACT_WRITE },
    { "DELETE", KT_ACT_DELETE },
};

static const struct {
    const char *category;
    enum kt_outcome outcome;
} signins[] = {
    { "success", KT_OUT_SUCCESS },
    { "firewall_reported_success", KT_OUT_SUCCESS }, /* the rule only reports */
    { "firewall_failed", KT_OUT_DENIED },
    { "credentials_failed", KT_OUT_DENIED },
    { "mfa_failed", KT_OUT_DENIED },
    { "sso_failed", KT_OUT_DENIED },
    { "modern_version_failed", KT_OUT_FAILURE },
};

static const struct {
    const char *type;
    enum op_object object;
} objects[] = {
    { "item", OP_OBJECT_ITEM },      { "itemhist", OP_OBJECT_ITEM },
    { "file", OP_OBJECT_ITEM },      { "items", OP_OBJECT_VAULT },
    { "vault", OP_OBJECT_VAULT },    { "vaultkey", OP_OBJECT_VAULT },
    { "uva", OP_OBJECT_ENTRY },      { "gva", OP_OBJECT_ENTRY },
    { "user", OP_OBJECT_ACCESS },    { "gm", OP_OBJECT_ACCESS },
    { "invite", OP_OBJECT_ACCESS },  { "device", OP_OBJECT_ACCESS },
    { "sa", OP_OBJECT_ACCESS },      { "satoken", OP_OBJECT_ACCESS },
    { "cred", OP_OBJECT_ACCESS },    { "dlgdsess", OP_OBJECT_ACCESS },
    { "miguser", OP_OBJECT_ACCESS },
};

/* Verbs of audit events: on content of vaults, on access, on anything else. What is written to
 * access gives it, what deletes access takes it. */
static const struct {
    const char *action;
    enum kt_action content, access, other;
} audits[] = {
#define ALL(a, v)                                                                                  \
    {                                                                                              \
        a, v, v, v                                                                                 \
    }
    { "create", KT_ACT_WRITE, KT_ACT_GRANT, KT_ACT_CONFIG },
    { "patch", KT_ACT_WRITE, KT_ACT_GRANT, KT_ACT_CONFIG },
    { "update", KT_ACT_WRITE, KT_ACT_GRANT, KT_ACT_CONFIG },
    { "replace", KT_ACT_WRITE, KT_ACT_GRANT, KT_ACT_CONFIG },
    { "delete", KT_ACT_DELETE, KT_ACT_REVOKE, KT_ACT_DELETE },
    { "purge", KT_ACT_DESTROY, KT_ACT_DESTROY, KT_ACT_DESTROY },
    ALL("activate", KT_ACT_GRANT),
    ALL("grant", KT_ACT_GRANT),
    ALL("join", KT_ACT_GRANT),
    ALL("provsn", KT_ACT_GRANT),
    ALL("reactive", KT_ACT_GRANT),
    ALL("reauth", KT_ACT_GRANT),
    ALL("share", KT_ACT_GRANT),
    ALL("upguest", KT_ACT_GRANT),
    ALL("dealldev", KT_ACT_REVOKE),
    ALL("delshare", KT_ACT_REVOKE),
    ALL("deolddev", KT_ACT_REVOKE),
    ALL("expire", KT_ACT_REVOKE),
    ALL("leave", KT_ACT_REVOKE),
    ALL("revoke", KT_ACT_REVOKE),
    ALL("suspend", KT_ACT_REVOKE),
    ALL("trevoke", KT_ACT_REVOKE),
    ALL("unlink", KT_ACT_REVOKE),
    ALL("changeks", KT_ACT_ROTATE), /* keyset, account password, Secret Key */
    ALL("changemp", KT_ACT_ROTATE),
    ALL("changesk", KT_ACT_ROTATE),
    ALL("dlgsess", KT_ACT_ISSUE),
    ALL("export", KT_ACT_EXPORT),
    ALL("view", KT_ACT_READ_META),
    ALL("begin", KT_ACT_CONFIG), /* account recovery: begin … cancelr */
    ALL("beginr", KT_ACT_CONFIG),
    ALL("complete", KT_ACT_CONFIG),
    ALL("completr", KT_ACT_CONFIG),
    ALL("cancel", KT_ACT_CONFIG),
    ALL("cancelr", KT_ACT_CONFIG),
    ALL("propose", KT_ACT_CONFIG),
    ALL("addgsso", KT_ACT_CONFIG),
    ALL("chngasso", KT_ACT_CONFIG),
    ALL("chngdsso", KT_ACT_CONFIG),
    ALL("chngpsso", KT_ACT_CONFIG),
    ALL("delgsso", KT_ACT_CONFIG),
    ALL("disblsso", KT_ACT_CONFIG),
    ALL("enblsso", KT_ACT_CONFIG),
    ALL("sdvcsso", KT_ACT_CONFIG),
    ALL("ssotknv", KT_ACT_CONFIG),
    ALL("tdvcsso", KT_ACT_CONFIG),
    ALL("disblduo", KT_ACT_CONFIG),
    ALL("disblmfa", KT_ACT_CONFIG),
    ALL("enblduo", KT_ACT_CONFIG),
    ALL("enblmfa", KT_ACT_CONFIG),
    ALL("updatduo", KT_ACT_CONFIG),
    ALL("updatfw", KT_ACT_CONFIG),
    ALL("updatmfa", KT_ACT_CONFIG),
    ALL("role", KT_ACT_CONFIG),
    ALL("changela", KT_ACT_CONFIG),
    ALL("changenm", KT_ACT_CONFIG),
    ALL("convert", KT_ACT_CONFIG),
    ALL("detchild", KT_ACT_CONFIG),
    ALL("rdmchild", KT_ACT_CONFIG),
    ALL("dvrfydmn", KT_ACT_CONFIG),
    ALL("uvrfydmn", KT_ACT_CONFIG),
    ALL("vrfydmn", KT_ACT_CONFIG),
    ALL("hide", KT_ACT_CONFIG),
    ALL("unhide", KT_ACT_CONFIG),
    ALL("launchi", KT_ACT_CONFIG),
    ALL("musercom", KT_ACT_CONFIG),
    ALL("muserdec", KT_ACT_CONFIG),
    ALL("prsndall", KT_ACT_CONFIG),
    ALL("resendts", KT_ACT_CONFIG),
    ALL("sendpkg", KT_ACT_CONFIG),
    ALL("sendts", KT_ACT_CONFIG),
    ALL("trename", KT_ACT_CONFIG),
    ALL("trvlaway", KT_ACT_CONFIG),
    ALL("trvlback", KT_ACT_CONFIG),
    ALL("updatea", KT_ACT_CONFIG),
#undef ALL
};

/* ---- what is kept (THREATS, table R) ----
 * Of a place only the country; of texts that people write (aux_info, titles) nothing. What has a
 * column of its own is not written twice. */
static const struct kt_keep client[] = {
    KT_KEEP("app_name"),      KT_KEEP("app_version"),
    KT_KEEP("platform_name"), KT_KEEP("platform_version"),
    KT_KEEP("os_name"),       KT_KEEP("os_version"),
    KT_DROP("ip_address"),    KT_KEEP_END,
};
static const struct kt_keep user[] = {
    KT_KEEP("user_type"), KT_KEEP("type"), KT_KEEP("user_account_uuid"),
    KT_DROP("uuid"),      KT_DROP("name"), KT_DROP("email"),
    KT_KEEP_END,
};
static const struct kt_keep person[] = {
    /* who is acted upon */
    KT_KEEP("uuid"), KT_KEEP("name"), KT_KEEP("email"), KT_KEEP("user_type"), KT_KEEP_END,
};
static const struct kt_keep session[] = {
    KT_KEEP("login_time"), KT_KEEP("device_uuid"), KT_DROP("uuid"), KT_DROP("ip"), KT_KEEP_END,
};
static const struct kt_keep details[] = { KT_KEEP("value"), KT_KEEP_END };
static const struct kt_keep location[] = {
    KT_DROP("country"),  KT_DROP("region"),    KT_DROP("city"),
    KT_DROP("latitude"), KT_DROP("longitude"), KT_KEEP_END,
};
static const struct kt_keep connect_actor[] = {
    KT_KEEP("account"),   KT_DROP("id"),        KT_DROP("jti"),
    KT_DROP("userAgent"), KT_DROP("requestIp"), KT_KEEP_END,
};
static const struct kt_keep connect_resource[] = {
    KT_KEEP("type"), KT_DROP("vault"), KT_DROP("item"), KT_DROP("itemVersion"), KT_KEEP_END,
};
const struct kt_keep kt_op_keep_root[] = {
    KT_KEEP("timestamp"),
    KT_KEEP("account_uuid"),
    KT_KEEP_IN("client", client),
    KT_KEEP_IN("user", user),
    KT_KEEP_IN("target_user", user),
    KT_KEEP_IN("details", details),
    KT_KEEP("actor_type"),
    KT_KEEP("actor_account_uuid"),
    KT_KEEP_IN("actor_details", user),
    KT_KEEP("object_type"),
    KT_KEEP("object_uuid"),
    KT_KEEP_IN("object_details", person),
    KT_KEEP("aux_id"),
    KT_KEEP("aux_uuid"),
    KT_KEEP_IN("aux_details", person),
    KT_KEEP_IN("session", session),
    KT_KEEP_IN("location", location),
    KT_KEEP("result"),
    KT_KEEP_IN("actor", connect_actor),
    KT_KEEP_IN("resource", connect_resource),
    KT_DROP("uuid"),
    KT_DROP("requestId"),
    KT_DROP("session_uuid"),
    KT_DROP("action"),
    KT_DROP("category"),
    KT_DROP("type"),
    KT_DROP("country"),
    KT_DROP("used_version"),
    KT_DROP("vault_uuid"),
    KT_DROP("item_uuid"),
    KT_DROP("actor_uuid"),
    KT_DROP("aux_info"),
    KT_KEEP_END,
};

const char *const kt_op_known_keys[] = {
    "uuid",     "timestamp",    "action",       "vault_uuid", "item_uuid",   "used_version",
    "user",     "client",       "location",     "category",   "type",        "target_user",
    "details",  "session_uuid", "country",      "actor_uuid", "object_type", "object_uuid",
    "aux_uuid", "aux_id",       "aux_info",     "session",    "requestId",   "resource",
    "actor",    "result",       "account_uuid", NULL,
};

/* ---- look-ups ---- */

enum op_object kt_op_object_of(struct kt_str object_type)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(objects); i++)
        if (kt_str_is(object_type, objects[i].type))
            return objects[i].object;
    return OP_OBJECT_OTHER;
}

enum kt_action kt_op_usage_verb(struct kt_str action)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(usages); i++)
        if (kt_str_is(action, usages[i].action))
            return usages[i].verb;
    return KT_ACT_OTHER;
}

enum kt_action kt_op_connect_verb(struct kt_str action)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(activities); i++)
        if (kt_str_is(action, activities[i].action))
            return activities[i].verb;
    return KT_ACT_OTHER;
}

enum kt_action kt_op_audit_verb(struct kt_str action, enum op_object object)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(audits); i++) {
        if (!kt_str_is(action, audits[i].action))
            continue;
        switch (object) {
        case OP_OBJECT_ITEM:
        case OP_OBJECT_VAULT:
            return audits[i].content;
        case OP_OBJECT_ENTRY:
        case OP_OBJECT_ACCESS:
            return audits[i].access;
        case OP_OBJECT_OTHER:
            break;
        }
        return audits[i].other;
    }
    return KT_ACT_OTHER;
}

/* A category that nobody knows yet is not taken for a success. */
enum kt_outcome kt_op_signin_outcome(struct kt_str category)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(signins); i++)
        if (kt_str_is(category, signins[i].category))
            return signins[i].outcome;
    return kt_str_ends(category, KT_STR("_failed")) ? KT_OUT_DENIED : KT_OUT_UNKNOWN;
}
