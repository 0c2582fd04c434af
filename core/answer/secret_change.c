/*
 * secret_change: see the header. Sources: SOURCES §1.6, §2.6, §11; AWS Secrets Manager "Rotate AWS
 * Secrets Manager secrets: how rotation works"; Vault API docs, secret/kv-v2 and databases.
 *
 * Owns:  constants.
 * Calls: core/base, core/event. Pure.
 */
#include "core/answer/secret_change.h"

#include "core/event/secret_id.h"

/* Which writes are none of a value, and what belongs to a rotation. The operation is a glob; NULL:
 * any. Of what is not here the action decides. */
static const struct rule {
    const char *scheme, *operation;
    enum kt_secret_change change;
} rules[] = {
    { "aws-sm", "CreateSecret", KT_CHANGE_CREATED },
    { "aws-sm", "PutSecretValue", KT_CHANGE_VALUE },
    { "aws-sm", "UpdateSecret", KT_CHANGE_UNPROVEN }, /* value or description: it is not told */
    { "aws-sm", "UpdateSecretVersionStage", KT_CHANGE_MOVED },
    { "aws-sm", "RotateSecret", KT_CHANGE_STARTED },
    { "aws-sm", "RotationStarted", KT_CHANGE_STARTED },
    { "aws-sm", "RotationSucceeded", KT_CHANGE_ENDED },
    { "aws-sm", "RotationFailed", KT_CHANGE_FAILED },
    { "aws-sm", "RotationAbandoned", KT_CHANGE_FAILED },
    { "aws-sm", "CancelRotateSecret", KT_CHANGE_FAILED },
    { "aws-sm", "DeleteSecret", KT_CHANGE_DELETED },
    { "aws-sm", "StartSecretVersionDelete", KT_CHANGE_DELETED },
    { "aws-sm", "EndSecretVersionDelete", KT_CHANGE_DELETED },
    { "aws-sm", "RestoreSecret", KT_CHANGE_RESTORED },
    { "aws-sm", "CancelSecretVersionDelete", KT_CHANGE_RESTORED },
    { "aws-sm", NULL, KT_CHANGE_NONE }, /* tags, replicas */
    { "aws-ssm", "PutParameter", KT_CHANGE_VALUE },
    { "aws-ssm", "DeleteParameter*", KT_CHANGE_DELETED },
    { "aws-ssm", NULL, KT_CHANGE_NONE }, /* tags, labels */
    { "aws-kms", "RotateKeyOnDemand", KT_CHANGE_STARTED },
    { "aws-kms", "RotateKey", KT_CHANGE_ENDED },
    { "aws-kms", "ImportKeyMaterial", KT_CHANGE_VALUE },
    { "aws-kms", "*Alias", KT_CHANGE_NONE },
    { "aws-kms", "ReplicateKey", KT_CHANGE_NONE },
    { "gcp-sm", "**AddSecretVersion", KT_CHANGE_VALUE },
    { "gcp-sm", "**CreateSecret", KT_CHANGE_NONE },  /* it has no version yet */
    { "gcp-sm", "**UpdateSecret", KT_CHANGE_NONE },  /* labels, dates */
    { "gcp-sm", "**SecretVersion", KT_CHANGE_NONE }, /* one of them is disabled, or gone */
    { "az-kv", "SecretUpdate", KT_CHANGE_NONE },     /* attributes, tags */
    { "az-kv", "KeyUpdate", KT_CHANGE_NONE },
    { "az-kv", "CertificateUpdate", KT_CHANGE_NONE },
    { "az-kv", "CertificatePending*", KT_CHANGE_UNPROVEN },
    { "k8s", "create **", KT_CHANGE_CREATED },
    { "k8s", "patch **", KT_CHANGE_UNPROVEN }, /* a label, an annotation or data: it is not told */
};

static enum kt_secret_change by_action(enum kt_action action)
{
    switch (action) {
    case KT_ACT_WRITE:
        return KT_CHANGE_VALUE;
    case KT_ACT_ROTATE:
        return KT_CHANGE_ENDED;
    case KT_ACT_DELETE:
    case KT_ACT_DESTROY:
        return KT_CHANGE_DELETED;
    case KT_ACT_RESTORE:
        return KT_CHANGE_RESTORED;
    case KT_ACT_READ:
    case KT_ACT_READ_META:
    case KT_ACT_LIST:
    case KT_ACT_GRANT:
    case KT_ACT_REVOKE:
    case KT_ACT_RENEW:
    case KT_ACT_ISSUE:
    case KT_ACT_USE:
    case KT_ACT_LOGIN:
    case KT_ACT_EXPORT:
    case KT_ACT_CONFIG:
    case KT_ACT_OTHER:
    case KT_ACT_COUNT:
        break;
    }
    return KT_CHANGE_NONE;
}

/* What stands behind the mount in a path of Vault. The id has the mount as one part, a '/' in it as
 * %2F. */
static struct kt_str behind_mount(struct kt_str secret, struct kt_str path)
{
    struct kt_str rest = kt_str_from_index(secret, sizeof "vault://" - 1), part = KT_STR_NONE;
    for (unsigned i = 0; i < 3; i++)
        (void)kt_str_split(&rest, '/', &part);
    size_t n = part.len;
    for (ptrdiff_t at = kt_str_find(part, KT_STR("%2F"), 0); at >= 0;
         at = kt_str_find(part, KT_STR("%2F"), (size_t)at + 3))
        n -= 2;
    return kt_str_from_index(path, n + 1);
}

/* mount/metadata/x, mount/destroy/x, mount/delete/x: what a KV store of version 2 is told about old
 * versions and metadata; destroying the metadata takes all. A write with a version has a value. */
static enum kt_secret_change of_vault(const struct kt_event *ev, enum kt_secret_change change)
{
    static const struct kt_str words[] = { KT_STR_INIT("metadata/"), KT_STR_INIT("destroy/"),
                                           KT_STR_INIT("delete/") };
    struct kt_str rest = behind_mount(ev->secret, ev->secret_native);
    for (size_t i = 0; i < KT_ARRAY_LEN(words) && ev->version.len == 0; i++)
        if (kt_str_starts(rest, words[i]))
            return i == 0 && ev->action == KT_ACT_DESTROY ? KT_CHANGE_DELETED : KT_CHANGE_NONE;
    return change;
}

static bool is_current(struct kt_str stage)
{
    return stage.len == 0 || kt_str_is(stage, "AWSCURRENT");
}

static enum kt_secret_change of_aws(const struct kt_event *ev, enum kt_secret_change change)
{
    if (is_current(ev->stage))
        return change;
    return change == KT_CHANGE_VALUE   ? KT_CHANGE_PENDING
           : change == KT_CHANGE_MOVED ? KT_CHANGE_NONE
                                       : change;
}

enum kt_secret_change kt_secret_change_of(const struct kt_event *ev)
{
    struct kt_str scheme = kt_secret_scheme(ev->secret);
    enum kt_secret_change change = by_action(ev->action);
    if (change == KT_CHANGE_NONE || ev->secret.len == 0)
        return KT_CHANGE_NONE;
    for (size_t i = 0; i < KT_ARRAY_LEN(rules); i++) {
        if (kt_str_is(scheme, rules[i].scheme) &&
            (rules[i].operation == NULL ||
             kt_str_glob(kt_str_of(rules[i].operation), ev->operation))) {
            change = rules[i].change;
            break;
        }
    }
    if (ev->outcome != KT_OUT_SUCCESS && change != KT_CHANGE_FAILED)
        return KT_CHANGE_NONE;
    if (change == KT_CHANGE_UNPROVEN && kt_str_is(ev->via, "external-secrets"))
        return KT_CHANGE_VALUE; /* it writes when the value behind it changed */
    if (kt_str_is(scheme, "vault"))
        change = of_vault(ev, change);
    if (kt_str_is(scheme, "aws-sm"))
        change = of_aws(ev, change);
    /* Stores that number their versions begin with 1; Vault says "create" where nothing was. */
    bool first =
        kt_str_is(ev->version, "1") ||
        (kt_str_is(scheme, "vault") && ev->version.len == 0 && kt_str_is(ev->operation, "create"));
    return change == KT_CHANGE_VALUE && first ? KT_CHANGE_CREATED : change;
}

/* ---- ids ---- */

static const struct kt_str read_word = KT_STR_INIT("/static-creds/");
static const struct kt_str changed_word = KT_STR_INIT("/rotate-role/");

/* Puts another word in the place of one; false: it is not there. */
static bool replace(struct kt_str secret, struct kt_str word, struct kt_str by, struct kt_buf *out)
{
    ptrdiff_t at = kt_str_starts(secret, KT_STR("vault://")) ? kt_str_find(secret, word, 0) : -1;
    if (at < 0)
        return false;
    kt_buf_add(out, kt_str_sub(secret, 0, (size_t)at));
    kt_buf_add(out, by);
    kt_buf_add(out, kt_str_from_index(secret, (size_t)at + word.len));
    return true;
}

void kt_secret_read_as(struct kt_str secret, struct kt_buf *out)
{
    if (!replace(secret, changed_word, read_word, out))
        kt_buf_add(out, secret);
}

bool kt_secret_changed_as(struct kt_str secret, struct kt_buf *out)
{
    return replace(secret, read_word, changed_word, out);
}

/* Vault KV 2: when the current version was made; Parameter Store: PutParameter alone; 1Password:
 * an edit, which is a new version of the item. */
bool kt_secret_dates_value(struct kt_str secret)
{
    static const char *const schemes[] = { "vault", "aws-ssm", "op" };
    for (size_t i = 0; i < KT_ARRAY_LEN(schemes); i++)
        if (kt_str_is(kt_secret_scheme(secret), schemes[i]))
            return true;
    return false;
}
