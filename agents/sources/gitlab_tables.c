/*
 * gitlab_tables: which types of audit events are about secrets, and which members may be kept.
 *
 * Owns:  constants.
 * Calls: core/base.
 */
#include "agents/sources/gitlab.h"
#include "core/base/err.h"

/* By a part of the type; the first row that fits. GitLab has hundreds of types and adds more. */
static const struct {
    struct kt_str part;
    enum gl_thing thing;
} things[] = {
    { KT_STR_INIT("login_failed"), GL_LOGIN },
    { KT_STR_INIT("user_authenticated"), GL_LOGIN },
    { KT_STR_INIT("authenticated_with"), GL_LOGIN },
    { KT_STR_INIT("variable_"), GL_VARIABLE },
    { KT_STR_INIT("variables_viewed"), GL_VARIABLE },
    { KT_STR_INIT("secret_created"), GL_SECRET },
    { KT_STR_INIT("secret_updated"), GL_SECRET },
    { KT_STR_INIT("secret_deleted"), GL_SECRET },
    { KT_STR_INIT("secret_push_protection"), GL_ACCESS },
    { KT_STR_INIT("secret_detection"), GL_ACCESS },
    { KT_STR_INIT("secrets_manager"), GL_ACCESS },
    { KT_STR_INIT("token"), GL_ACCESS },
    { KT_STR_INIT("deploy_key"), GL_ACCESS },
    { KT_STR_INIT("ssh_key"), GL_ACCESS },
    { KT_STR_INIT("gpg_key"), GL_ACCESS },
    { KT_STR_INIT("ssh_certificate"), GL_ACCESS },
    { KT_STR_INIT("audit_event"), GL_ACCESS },
    { KT_STR_INIT("event_streaming"), GL_ACCESS },
    { KT_STR_INIT("event_type_filters"), GL_ACCESS },
    { KT_STR_INIT("amazon_s3_configuration"), GL_ACCESS },
    { KT_STR_INIT("google_cloud_logging_configuration"), GL_ACCESS },
};

/* By a word of the type. `access`: for tokens and keys. */
static const struct {
    struct kt_str word;
    enum kt_action content, access;
} operations[] = {
    { KT_STR_INIT("viewed"), KT_ACT_READ, KT_ACT_READ_META },
    { KT_STR_INIT("accessed"), KT_ACT_READ, KT_ACT_READ_META },
    { KT_STR_INIT("created"), KT_ACT_WRITE, KT_ACT_GRANT },
    { KT_STR_INIT("create"), KT_ACT_WRITE, KT_ACT_GRANT },
    { KT_STR_INIT("creation"), KT_ACT_WRITE, KT_ACT_GRANT },
    { KT_STR_INIT("added"), KT_ACT_WRITE, KT_ACT_GRANT },
    { KT_STR_INIT("add"), KT_ACT_WRITE, KT_ACT_GRANT },
    { KT_STR_INIT("issued"), KT_ACT_WRITE, KT_ACT_GRANT },
    { KT_STR_INIT("updated"), KT_ACT_WRITE, KT_ACT_CONFIG },
    { KT_STR_INIT("update"), KT_ACT_WRITE, KT_ACT_CONFIG },
    { KT_STR_INIT("rotated"), KT_ACT_ROTATE, KT_ACT_ROTATE },
    { KT_STR_INIT("rotate"), KT_ACT_ROTATE, KT_ACT_ROTATE },
    { KT_STR_INIT("reset"), KT_ACT_ROTATE, KT_ACT_ROTATE },
    { KT_STR_INIT("deleted"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("delete"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("deletion"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("destroyed"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("destroy"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("removed"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("remove"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("revoked"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("revoke"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("expired"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("used"), KT_ACT_USE, KT_ACT_USE },
};
/* What is about settings, the audit log's own first of all, is `config`, however it is done. */
static const struct kt_str settings[] = {
    KT_STR_INIT("audit_event"),      KT_STR_INIT("event_streaming"),
    KT_STR_INIT("event_type_"),      KT_STR_INIT("_configuration_"),
    KT_STR_INIT("secret_detection"), KT_STR_INIT("secret_push_protection"),
    KT_STR_INIT("secrets_manager"),  KT_STR_INIT("setting"),
    KT_STR_INIT("_enabled"),         KT_STR_INIT("expiration"),
    KT_STR_INIT("lifetime"),         KT_STR_INIT("_scope_"),
};

static bool has_word(struct kt_str type, struct kt_str word)
{
    struct kt_str rest = type, part;
    while (kt_str_split(&rest, '_', &part))
        if (kt_str_eq(part, word))
            return true;
    return false;
}

static enum kt_action verb_of(struct kt_str type, enum gl_thing thing)
{
    for (size_t i = 0; thing == GL_ACCESS && i < KT_ARRAY_LEN(settings); i++)
        if (kt_str_has(type, settings[i]))
            return KT_ACT_CONFIG;
    for (size_t i = 0; i < KT_ARRAY_LEN(operations); i++)
        if (has_word(type, operations[i].word))
            return thing == GL_ACCESS ? operations[i].access : operations[i].content;
    return KT_ACT_OTHER;
}

enum gl_thing kt_gl_thing_of_type(struct kt_str type, enum kt_action *ret_verb,
                                  enum kt_outcome *ret_outcome)
{
    enum gl_thing thing = GL_NOTHING;
    for (size_t i = 0; i < KT_ARRAY_LEN(things) && thing == GL_NOTHING; i++)
        if (kt_str_has(type, things[i].part))
            thing = things[i].thing;
    if (kt_str_has(type, KT_STR("login_failed")))
        *ret_outcome = KT_OUT_DENIED;
    else if (kt_str_ends(type, KT_STR("_failed")))
        *ret_outcome = KT_OUT_FAILURE;
    *ret_verb = thing == GL_LOGIN ? KT_ACT_LOGIN : verb_of(type, thing);
    return thing;
}

static const struct {
    const char *class;
    enum gl_thing thing;
} classes[] = {
    { "Ci::Variable", GL_VARIABLE },
    { "Ci::GroupVariable", GL_VARIABLE },
    { "Ci::InstanceVariable", GL_VARIABLE },
    { "DeployToken", GL_ACCESS },
    { "DeployKey", GL_ACCESS },
    { "PersonalAccessToken", GL_ACCESS },
    { "Key", GL_ACCESS },
    { "GpgKey", GL_ACCESS },
};
static const struct {
    struct kt_str begins;
    enum kt_action content, access;
} messages[] = {
    { KT_STR_INIT("Added"), KT_ACT_WRITE, KT_ACT_GRANT },
    { KT_STR_INIT("Created"), KT_ACT_WRITE, KT_ACT_GRANT },
    { KT_STR_INIT("Changed"), KT_ACT_WRITE, KT_ACT_CONFIG },
    { KT_STR_INIT("Updated"), KT_ACT_WRITE, KT_ACT_CONFIG },
    { KT_STR_INIT("Removed"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("Deleted"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("Destroyed"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("Revoked"), KT_ACT_DELETE, KT_ACT_REVOKE },
    { KT_STR_INIT("CI/CD variable"), KT_ACT_READ, KT_ACT_OTHER },
};

enum gl_thing kt_gl_thing_of_class(struct kt_str target_type, struct kt_str message,
                                   enum kt_action *ret_verb)
{
    enum gl_thing thing = GL_NOTHING;
    for (size_t i = 0; i < KT_ARRAY_LEN(classes); i++)
        if (kt_str_is(target_type, classes[i].class))
            thing = classes[i].thing;
    *ret_verb = KT_ACT_OTHER;
    for (size_t i = 0; i < KT_ARRAY_LEN(messages); i++)
        if (kt_str_starts(message, messages[i].begins))
            *ret_verb = thing == GL_ACCESS ? messages[i].access : messages[i].content;
    return thing;
}

/* ---- what is kept (THREATS, table R) ----
 * No message and no `from` and `to`: older versions wrote the values of a variable there. */
static const struct kt_keep details[] = {
    KT_KEEP("event_name"),
    KT_KEEP("author_class"),
    KT_KEEP("author_email"),
    KT_KEEP("target_id"),
    KT_KEEP("target_type"),
    KT_KEEP("change"),
    KT_DROP("author_name"),
    KT_DROP("target_details"),
    KT_DROP("custom_message"),
    KT_DROP("from"),
    KT_DROP("to"),
    KT_DROP("add"),
    KT_DROP("remove"),
    KT_DROP("as"),
    KT_DROP("with"),
    KT_DROP("ip_address"),
    KT_DROP("entity_path"),
    KT_DROP("failed_login"),
    KT_DROP("action"),
    KT_KEEP_END,
};
const struct kt_keep kt_gl_keep_root[] = {
    KT_KEEP("created_at"),
    KT_KEEP("time"),
    KT_KEEP("entity_id"),
    KT_KEEP("entity_type"),
    KT_KEEP("target_id"),
    KT_KEEP("target_type"),
    KT_KEEP("change"),
    KT_KEEP("author_class"),
    KT_KEEP_IN("details", details),
    KT_DROP("id"),
    KT_DROP("author_id"),
    KT_DROP("author_name"),
    KT_DROP("author_email"),
    KT_DROP("entity_path"),
    KT_DROP("event_type"),
    KT_DROP("event_name"),
    KT_DROP("ip_address"),
    KT_DROP("target_details"),
    KT_DROP("custom_message"),
    KT_DROP("from"),
    KT_DROP("to"),
    KT_DROP("as"),
    KT_DROP("with"),
    KT_DROP("add"),
    KT_DROP("remove"),
    KT_DROP("correlation_id"),
    KT_DROP("severity"),
    KT_KEEP_END,
};

const char *const kt_gl_known_keys[] = {
    "id",         "author_id",      "author_name", "entity_id",      "entity_type", "entity_path",
    "details",    "ip_address",     "target_id",   "target_type",    "created_at",  "event_type",
    "event_name", "target_details", "time",        "correlation_id", NULL,
};
