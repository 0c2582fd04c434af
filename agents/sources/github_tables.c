/*
 * github_tables: which actions are about secrets, and which members may be kept.
 *
 * Owns:  constants.
 * Calls: core/base.
 */
#include "agents/sources/github.h"
#include "core/base/err.h"

/* Beginnings of the actions that are about secrets; the rest of an audit log, most of it, is passed
 * over before any parse. The cases hold one of each. */
const char *const kt_gh_needles[] = {
    "\"org.create_",
    "\"org.update_",
    "\"org.remove_",
    "\"org.delete_",
    "\"repo.create_",
    "\"repo.update_",
    "\"repo.remove_",
    "\"repo.delete_",
    "\"environment.",
    "\"business.create_",
    "\"business.update_",
    "\"business.remove_",
    "\"codespaces.",
    "\"dependabot_secrets.",
    "\"integration.",
    "\"oauth_",
    "\"personal_access_token",
    "\"org_credential_authorization.",
    "\"deploy_key",
    "\"public_key.",
    "\"ssh_certificate_authority.",
    "\"secret_scanning",
    "\"org_secret_scanning",
    "\"business_secret_scanning",
    "\"enterprise_secret_scanning",
    "\"repository_secret_scanning",
    "\"audit_log_streaming",
    NULL,
};

/* Actions on secrets: "org.update_actions_secret", "codespaces.create_an_org_secret",
 * "dependabot_secrets.create". */
static const struct {
    struct kt_str word; /* anywhere in the action */
    const char *store;
} stores[] = {
    { KT_STR_INIT("dependabot"), "dependabot" },   { KT_STR_INIT("codespaces"), "codespaces" },
    { KT_STR_INIT("integration"), "integration" }, { KT_STR_INIT("agents"), "agents" },
    { KT_STR_INIT("actions"), "actions" },
};
static const struct {
    struct kt_str begins;
    enum kt_action verb;
} operations[] = {
    { KT_STR_INIT("create"), KT_ACT_WRITE },   { KT_STR_INIT("update"), KT_ACT_WRITE },
    { KT_STR_INIT("remove"), KT_ACT_DELETE },  { KT_STR_INIT("delete"), KT_ACT_DELETE },
    { KT_STR_INIT("destroy"), KT_ACT_DELETE },
};

/* Keys, tokens, settings: by category, then by how the operation begins; the first row that fits.
 */
static const struct {
    const char *category;
    struct kt_str begins;
    enum kt_action verb;
} others[] = {
    { "personal_access_token", KT_STR_INIT("access_granted"), KT_ACT_GRANT },
    { "personal_access_token", KT_STR_INIT("access_revoked"), KT_ACT_REVOKE },
    { "personal_access_token", KT_STR_INIT("create"), KT_ACT_GRANT },
    { "personal_access_token", KT_STR_INIT("destroy"), KT_ACT_REVOKE },
    { "personal_access_token", KT_STR_INIT("credential_regenerated"), KT_ACT_ROTATE },
    { "personal_access_token", KT_STR_INIT("credential_revoked"), KT_ACT_REVOKE },
    { "personal_access_token", KT_STR_INIT("request_"), KT_ACT_OTHER },
    { "personal_access_token", KT_STR_INIT(""), KT_ACT_CONFIG },
    { "oauth_access", KT_STR_INIT("create"), KT_ACT_GRANT },
    { "oauth_access", KT_STR_INIT("destroy"), KT_ACT_REVOKE },
    { "oauth_access", KT_STR_INIT("revoke"), KT_ACT_REVOKE },
    { "oauth_access", KT_STR_INIT("regenerate"), KT_ACT_ROTATE },
    { "oauth_access", KT_STR_INIT(""), KT_ACT_GRANT },
    { "oauth_authorization", KT_STR_INIT("create"), KT_ACT_GRANT },
    { "oauth_authorization", KT_STR_INIT("destroy"), KT_ACT_REVOKE },
    { "oauth_authorization", KT_STR_INIT(""), KT_ACT_GRANT },
    { "oauth_application", KT_STR_INIT("reset_secret"), KT_ACT_ROTATE },
    { "oauth_application", KT_STR_INIT("generate_client_secret"), KT_ACT_WRITE },
    { "oauth_application", KT_STR_INIT("remove_client_secret"), KT_ACT_DELETE },
    { "oauth_application", KT_STR_INIT("revoke_"), KT_ACT_REVOKE },
    { "oauth_application", KT_STR_INIT(""), KT_ACT_CONFIG },
    { "integration", KT_STR_INIT("generate_client_secret"), KT_ACT_WRITE },
    { "integration", KT_STR_INIT("remove_client_secret"), KT_ACT_DELETE },
    { "integration", KT_STR_INIT("revoke_"), KT_ACT_REVOKE },
    { "org_credential_authorization", KT_STR_INIT("grant"), KT_ACT_GRANT },
    { "org_credential_authorization", KT_STR_INIT(""), KT_ACT_REVOKE },
    { "deploy_key", KT_STR_INIT("create"), KT_ACT_GRANT },
    { "deploy_key", KT_STR_INIT("update"), KT_ACT_GRANT },
    { "deploy_key", KT_STR_INIT(""), KT_ACT_REVOKE },
    { "public_key", KT_STR_INIT("create"), KT_ACT_GRANT },
    { "public_key", KT_STR_INIT("update"), KT_ACT_GRANT },
    { "public_key", KT_STR_INIT("delete"), KT_ACT_REVOKE },
    { "public_key", KT_STR_INIT("unverif"), KT_ACT_REVOKE },
    { "public_key", KT_STR_INIT("verif"), KT_ACT_GRANT },
    { "public_key", KT_STR_INIT(""), KT_ACT_OTHER },
    { "ssh_certificate_authority", KT_STR_INIT("create"), KT_ACT_GRANT },
    { "ssh_certificate_authority", KT_STR_INIT("destroy"), KT_ACT_REVOKE },
    { "secret_scanning_alert", KT_STR_INIT(""), KT_ACT_OTHER },
    { "secret_scanning_push_protection", KT_STR_INIT("bypass"), KT_ACT_OTHER },
};
static const char *const config_words[] = { "secret_scanning", "audit_log_streaming" };

static bool verb_of_secret(struct kt_str category, struct kt_str operation,
                           enum kt_action *ret_verb)
{
    bool secret =
        kt_str_ends(category, KT_STR("_secrets")) || kt_str_ends(category, KT_STR("_secret")) ||
        kt_str_ends(operation, KT_STR("_secret")) || kt_str_has(operation, KT_STR("_secret_")) ||
        kt_str_ends(operation, KT_STR("_secrets"));
    if (!secret || kt_str_has(operation, KT_STR("client_secret")) ||
        kt_str_has(operation, KT_STR("secret_scanning")))
        return false;
    for (size_t i = 0; i < KT_ARRAY_LEN(operations); i++) {
        if (!kt_str_starts(operation, operations[i].begins))
            continue;
        *ret_verb = operations[i].verb;
        return true;
    }
    return false;
}

bool kt_gh_verb_of(struct kt_str action, enum kt_action *ret_verb, struct kt_str *ret_store)
{
    struct kt_str operation = action, category;
    *ret_store = KT_STR_NONE;
    if (!kt_str_split(&operation, '.', &category) || operation.len == 0)
        return false;
    if (verb_of_secret(category, operation, ret_verb)) {
        for (size_t i = 0; i < KT_ARRAY_LEN(stores) && ret_store->len == 0; i++)
            if (kt_str_has(action, stores[i].word))
                *ret_store = kt_str_of(stores[i].store);
        return ret_store->len > 0;
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(others); i++) {
        if (!kt_str_is(category, others[i].category) || !kt_str_starts(operation, others[i].begins))
            continue;
        *ret_verb = others[i].verb;
        return true;
    }
    *ret_verb = KT_ACT_CONFIG;
    for (size_t i = 0; i < KT_ARRAY_LEN(config_words); i++)
        if (kt_str_has(action, kt_str_of(config_words[i])))
            return true;
    return false;
}

/* ---- what is kept (THREATS, table R) ---- */
const struct kt_keep kt_gh_keep_root[] = {
    KT_KEEP("@timestamp"),
    KT_KEEP("created_at"),
    KT_KEEP("operation_type"),
    KT_KEEP("org"),
    KT_KEEP("org_id"),
    KT_KEEP("repo"),
    KT_KEEP("repo_id"),
    KT_KEEP("business"),
    KT_KEEP("user"),
    KT_KEEP("user_id"),
    KT_KEEP("visibility"),
    KT_KEEP("public_repo"),
    KT_KEEP("environment_name"),
    KT_KEEP("programmatic_access_type"),
    KT_KEEP("token_id"),
    KT_KEEP("token_scopes"),
    KT_KEEP("user_programmatic_access_name"),
    KT_KEEP("oauth_application"),
    KT_KEEP("oauth_application_id"),
    KT_KEEP("integration"),
    KT_KEEP("application_client_id"),
    KT_KEEP("name"),
    KT_KEEP("title"),
    KT_KEEP("fingerprint"),
    KT_KEEP("read_only"),
    KT_KEEP("deploy_key_id"),
    KT_KEEP("number"),
    KT_KEEP("secret_type"),
    KT_KEEP("resolution"),
    KT_KEEP("actor_is_bot"),
    KT_KEEP("external_identity_nameid"),
    KT_DROP("_document_id"),
    KT_DROP("action"),
    KT_DROP("actor"),
    KT_DROP("actor_id"),
    KT_DROP("actor_ip"),
    KT_DROP("actor_location"),
    KT_DROP("business_id"),
    KT_DROP("hashed_token"),
    KT_DROP("key"),
    KT_DROP("repository"),
    KT_DROP("repository_id"),
    KT_DROP("request_access_security_header"),
    KT_DROP("request_id"),
    KT_DROP("user_agent"),
    KT_KEEP_END,
};

const char *const kt_gh_known_keys[] = {
    "@timestamp",       "created_at",   "_document_id",
    "action",           "actor",        "actor_id",
    "actor_ip",         "org",          "repo",
    "business",         "user",         "user_agent",
    "operation_type",   "key",          "visibility",
    "hashed_token",     "token_scopes", "programmatic_access_type",
    "environment_name", NULL,
};
