/*
 * doppler_tables: what the words of Doppler's types mean, and which members may be kept.
 *
 * Owns:  constants.
 * Calls: core/base.
 */
#include "agents/sources/doppler.h"
#include "core/base/err.h"

/* Words of a type that are about who gets at secrets. */
static const char *const access_words[] = {
    "access",         "token",         "tokens", "members",
    "member",         "seat",          "seats",  "service_account",
    "service_tokens", "service_token", "invite", "service_accounts",
    "identity",       "identities",    NULL,
};
static const char *const giving[] = { "create", "add",    "join",   "accept", "invite",
                                      "update", "enable", "assign", NULL };
static const char *const taking[] = { "delete", "remove",  "revoke",   "leave",
                                      "expire", "disable", "unassign", NULL };
static const char *const content_words[] = { "project", "config", "environment", NULL };

static bool is_one_of(struct kt_str word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (kt_str_is(word, *words))
            return true;
    return false;
}

static bool has_word(struct kt_str type, const char *const *words)
{
    struct kt_str rest = type, word;
    while (kt_str_split(&rest, '.', &word))
        if (is_one_of(word, words))
            return true;
    return false;
}

static struct kt_str before_last(struct kt_str type, size_t dot)
{
    struct kt_str head = kt_str_sub(type, 0, dot);
    ptrdiff_t at = kt_str_rfind_byte(head, '.');
    return kt_str_from_index(head, (size_t)(at + 1));
}

/* Doppler adds types without asking us, so they are read by their parts, not looked up whole. */
enum kt_action kt_dp_verb_of_type(struct kt_str type)
{
    static const char *const secrets[] = { "secrets", "secret", NULL };
    ptrdiff_t dot = kt_str_rfind_byte(type, '.');
    if (dot < 0)
        return KT_ACT_OTHER;
    struct kt_str last = kt_str_from_index(type, (size_t)dot + 1);
    struct kt_str subject = before_last(type, (size_t)dot);
    bool takes = is_one_of(last, taking);
    if (kt_str_is(type, "security.secret_read"))
        return KT_ACT_READ;
    if (kt_str_has(type, KT_STR("rotat")))
        return KT_ACT_ROTATE;
    if (kt_str_has(type, KT_STR("dynamic")))
        return takes ? KT_ACT_REVOKE : KT_ACT_ISSUE;
    if (has_word(type, access_words))
        return takes ? KT_ACT_REVOKE : is_one_of(last, giving) ? KT_ACT_GRANT : KT_ACT_CONFIG;
    if (has_word(type, secrets))
        return takes ? KT_ACT_DELETE : KT_ACT_WRITE;
    if (kt_str_is(last, "delete") && is_one_of(subject, content_words))
        return KT_ACT_DELETE;
    return kt_str_starts(type, KT_STR("security.")) ? KT_ACT_OTHER : KT_ACT_CONFIG;
}

/* In the order in which they are tried: longer ones first. */
static const struct {
    struct kt_str words;
    enum kt_action verb;
} texts[] = {
    { KT_STR_INIT("Modified secrets"), KT_ACT_WRITE },
    { KT_STR_INIT("Created token"), KT_ACT_GRANT },
    { KT_STR_INIT("Created service account"), KT_ACT_GRANT },
    { KT_STR_INIT("Created service token"), KT_ACT_GRANT },
    { KT_STR_INIT("Deleted token"), KT_ACT_REVOKE },
    { KT_STR_INIT("Deleted service account"), KT_ACT_REVOKE },
    { KT_STR_INIT("Deleted service token"), KT_ACT_REVOKE },
    { KT_STR_INIT("Deleted project"), KT_ACT_DELETE },
    { KT_STR_INIT("Deleted config"), KT_ACT_DELETE },
    { KT_STR_INIT("Rotated"), KT_ACT_ROTATE },
    { KT_STR_INIT("Revoked"), KT_ACT_REVOKE },
    { KT_STR_INIT("Added"), KT_ACT_GRANT },
    { KT_STR_INIT("Removed"), KT_ACT_REVOKE },
    { KT_STR_INIT("Connected"), KT_ACT_CONFIG },
    { KT_STR_INIT("Disconnected"), KT_ACT_CONFIG },
    { KT_STR_INIT("Created"), KT_ACT_CONFIG },
    { KT_STR_INIT("Deleted"), KT_ACT_CONFIG },
    { KT_STR_INIT("Renamed"), KT_ACT_CONFIG },
    { KT_STR_INIT("Changed"), KT_ACT_CONFIG },
    { KT_STR_INIT("Updated"), KT_ACT_CONFIG },
};

enum kt_action kt_dp_verb_of_text(struct kt_str text, struct kt_str *ret_words)
{
    *ret_words = KT_STR_NONE;
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++) {
        if (!kt_str_starts(text, texts[i].words))
            continue;
        *ret_words = texts[i].words;
        return texts[i].verb;
    }
    return KT_ACT_OTHER;
}

/* ---- what is kept (THREATS, table R) ----
 * Names of secrets are in the events. Texts (`text`, `html`) are not kept, nor is anything of a
 * diff: other answers of the API have values in it. */
static const struct kt_keep user_type[] = { KT_KEEP("id"), KT_KEEP("name"), KT_KEEP_END };
static const struct kt_keep user[] = {
    KT_KEEP("kind"), KT_KEEP_NAMED("type", user_type), KT_DROP("slug"),   KT_DROP("email"),
    KT_DROP("name"), KT_DROP("profile_image_url"),     KT_DROP("is_bot"), KT_DROP("username"),
    KT_KEEP_END,
};
static const struct kt_keep workplace[] = { KT_KEEP("id"), KT_KEEP("name"), KT_KEEP_END };
static const struct kt_keep session[] = {
    KT_KEEP("method"), KT_KEEP("browser"), KT_KEEP("os"), KT_DROP("ip"), KT_KEEP_END,
};
static const struct kt_keep member[] = { KT_KEEP("name"), KT_KEEP("email"), KT_KEEP_END };
static const struct kt_keep metadata[] = {
    KT_KEEP("projectName"),
    KT_KEEP("configName"),
    KT_KEEP("environmentId"),
    KT_KEEP("environmentName"),
    KT_KEEP("role"),
    KT_KEEP("newRole"),
    KT_KEEP("oldRole"),
    KT_KEEP("newWorkplaceRole"),
    KT_KEEP("oldWorkplaceRole"),
    KT_KEEP("name"),
    KT_KEEP("email"),
    KT_KEEP("userEmail"),
    KT_KEEP("userName"),
    KT_KEEP("groupId"),
    KT_KEEP("groupName"),
    KT_KEEP_IN("addedMembers", member),
    KT_KEEP_IN("removedMembers", member),
    KT_KEEP("joinMethod"),
    KT_KEEP("serviceAccountId"),
    KT_KEEP("serviceAccountName"),
    KT_KEEP("serviceAccountTokenId"),
    KT_KEEP("serviceAccountTokenName"),
    KT_KEEP("serviceTokenName"),
    KT_KEEP("readAccess"),
    KT_KEEP("writeAccess"),
    KT_DROP("serviceAccountTokenApiKeyPreview"),
    KT_DROP("serviceAccountUrl"),
    KT_DROP("groupUrl"),
    KT_DROP("projectId"),
    KT_DROP("projectUrl"),
    KT_DROP("projectDescription"),
    KT_DROP("configUrl"),
    KT_DROP("diff"),
    KT_DROP("diffUrl"),
    KT_DROP("importedSecretFrom"),
    KT_DROP("changeRequest"),
    KT_DROP("pullRequest"),
    KT_DROP("reason"),
    KT_DROP("secrets"),
    KT_KEEP_END,
};
static const struct kt_keep config[] = {
    KT_KEEP("name"),          KT_KEEP("environment"), KT_DROP("project"),
    KT_DROP("root"),          KT_DROP("created_at"),  KT_DROP("initial_fetch_at"),
    KT_DROP("last_fetch_at"), KT_DROP("locked"),      KT_KEEP_END,
};
static const struct kt_keep project[] = {
    KT_KEEP("id"),          KT_KEEP("name"),       KT_DROP("slug"),
    KT_DROP("description"), KT_DROP("created_at"), KT_KEEP_END,
};
const struct kt_keep kt_dp_keep_root[] = {
    KT_KEEP("createdAt"),
    KT_KEEP("created_at"),
    KT_KEEP_IN("user", user),
    KT_KEEP_IN("workplace", workplace),
    KT_KEEP_IN("session", session),
    KT_KEEP_IN("metadata", metadata),
    KT_KEEP("environment"),
    KT_KEEP_NAMED("config", config),
    KT_KEEP_NAMED("project", project),
    KT_DROP("source"),
    KT_DROP("ddsource"),
    KT_DROP("slug"),
    KT_DROP("id"),
    KT_DROP("type"),
    KT_DROP("title"),
    KT_DROP("text"),
    KT_DROP("html"),
    KT_DROP("link"),
    KT_DROP("diff"),
    KT_DROP("rollback"),
    KT_KEEP_END,
};
static const struct kt_keep referring[] = {
    KT_KEEP("p"),
    KT_KEEP("e"),
    KT_KEEP("c"),
    KT_KEEP_END,
};
const struct kt_keep kt_dp_keep_secret[] = {
    KT_KEEP("e"), KT_KEEP("m"), KT_KEEP_IN("r", referring),
    KT_DROP("p"), KT_DROP("c"), KT_DROP("s"),
    KT_DROP("v"), KT_KEEP_END,
};

const char *const kt_dp_known_keys[] = {
    "source", "ddsource",  "slug",        "type",     "title",   "text",       "user",
    "link",   "createdAt", "workplace",   "metadata", "session", "created_at", "id",
    "html",   "project",   "environment", "config",   NULL,
};
