/*
 * signature_rows: which operations are told the first time.
 *
 * Owns:  the table. Calls: core only.
 */
#include "detectors/signature_rows.h"

static const struct kt_sign_row rows[] = {
    { KT_SIGN_STOPPED, "vault", "delete", "sys/audit/*", "", "disabled an audit device" },
    { KT_SIGN_STOPPED, "cloudtrail", "*StopLogging", "**", "", "stopped a trail" },
    { KT_SIGN_STOPPED, "cloudtrail", "*DeleteTrail", "**", "", "deleted a trail" },
    { KT_SIGN_STOPPED, "cloudtrail", "*UpdateTrail", "**", "", "changed a trail" },
    { KT_SIGN_STOPPED, "cloudtrail", "*PutEventSelectors", "**", "",
      "changed what a trail records" },
    { KT_SIGN_STOPPED, "cloudtrail", "*DeleteFlowLogs", "**", "", "deleted flow logs" },
    { KT_SIGN_STOPPED, "cloudtrail", "DeleteEventDataStore", "**", "",
      "deleted a store of CloudTrail Lake" },
    { KT_SIGN_STOPPED, "cloudtrail", "UpdateEventDataStore", "**", "\"retentionPeriod\"",
      "changed how long CloudTrail Lake keeps it" },
    { KT_SIGN_STOPPED, "cloudtrail", "StopEventDataStoreIngestion", "**", "",
      "stopped a store of CloudTrail Lake" },
    { KT_SIGN_STOPPED, "cloudtrail", "LeaveOrganization", "**", "",
      "took the account out of the organisation and its trail" },
    { KT_SIGN_STOPPED, "cloudtrail", "PutBucketLifecycle", "**", "",
      "changed how long the bucket of a trail keeps it" },
    { KT_SIGN_STOPPED, "cloudtrail", "DeleteBucket", "**", "", "deleted the bucket of a trail" },
    { KT_SIGN_WATCH, "cloudtrail", "DeleteDetector", "**", "", "switched GuardDuty off" },
    { KT_SIGN_WATCH, "cloudtrail", "UpdateDetector", "**", "", "switched GuardDuty off" },
    { KT_SIGN_WATCH, "cloudtrail", "StopMonitoringMembers", "**", "",
      "took accounts out of GuardDuty" },
    { KT_SIGN_WATCH, "cloudtrail", "*ConfigurationRecorder", "**", "", "stopped AWS Config" },
    { KT_SIGN_WATCH, "cloudtrail", "DeleteDeliveryChannel", "**", "", "stopped AWS Config" },
    { KT_SIGN_WATCH, "cloudtrail", "D*ResolverQueryLogConfig", "**", "",
      "stopped the log of DNS queries" },
    { KT_SIGN_STOPPED, "gcp", "*.DeleteSink", "**", "", "deleted a log sink" },
    { KT_SIGN_STOPPED, "gcp", "*.UpdateSink", "**", "", "changed a log sink" },
    { KT_SIGN_STOPPED, "gcp", "*.DeleteBucket", "**", "", "deleted a log bucket" },
    { KT_SIGN_STOPPED, "gcp", "*SetIamPolicy", "**", "\"action\":\"REMOVE\"",
      "switched audit logs off" },
    { KT_SIGN_STOPPED, "gcp", "*.CreateExclusion", "**", "", "excluded records from the log" },
    { KT_SIGN_STOPPED, "azure", "*diagnosticsettings/delete", "**", "",
      "deleted diagnostic settings" },
    { KT_SIGN_STOPPED, "github", "audit_log_streaming.destroy", "**", "",
      "stopped the stream of the audit log" },
    { KT_SIGN_WATCH, "doppler", "services.*.disconnect", "**", "",
      "disconnected a service that Doppler's log goes to" },
    { KT_SIGN_STOPPED, "auditd", "CONFIG_CHANGE remove_rule", "**", "", "removed an audit rule" },
    { KT_SIGN_STOPPED, "auditd", "CONFIG_CHANGE audit_enabled=0", "**", "",
      "switched auditing off" },
    { KT_SIGN_STOPPED, "auditd", "DAEMON_ABORT", "**", "", "aborted the audit daemon" },
    { KT_SIGN_OPENED, "cloudtrail", "PutResourcePolicy", "**", "\"grantees\":[\"*\"",
      "opened a secret to the whole world" },
    { KT_SIGN_OPENED, "cloudtrail", "PutResourcePolicy", "**", "\"foreign_accounts\":[",
      "opened a secret to another account" },
    { KT_SIGN_OPENED, "cloudtrail", "CreateKey", "**", "\"grantees\":[\"*\"",
      "made a key that is open to the whole world" },
    { KT_SIGN_OPENED, "cloudtrail", "CreateKey", "**", "\"foreign_accounts\":[",
      "made a key that is open to another account" },
    { KT_SIGN_OPENED, "cloudtrail", "ReplicateKey", "**", "\"foreign_accounts\":[",
      "made a copy of a key that is open to another account" },
    { KT_SIGN_OPENED, "cloudtrail", "PutKeyPolicy", "**", "\"grantees\":[\"*\"",
      "opened a key to the whole world" },
    { KT_SIGN_OPENED, "cloudtrail", "PutKeyPolicy", "**", "\"foreign_accounts\":[",
      "opened a key to another account" },
    { KT_SIGN_OPENED, "cloudtrail", "CreateGrant", "**", "\"foreign_accounts\":[",
      "granted a key to another account" },
    { KT_SIGN_OPENED, "gcp", "*SetIamPolicy", "**", "\"allUsers\"",
      "opened a secret to the whole world" },
    { KT_SIGN_OPENED, "gcp", "*SetIamPolicy", "**", "\"allAuthenticatedUsers\"",
      "opened a secret to every Google account" },
    { KT_SIGN_OPENED, "kubernetes", "*rolebindings*", "**", "\"system:anonymous\"",
      "bound a role to callers without a name" },
    { KT_SIGN_OPENED, "kubernetes", "*rolebindings*", "**", "\"system:unauthenticated\"",
      "bound a role to callers without a name" },
    { KT_SIGN_DESTROY, "cloudtrail", "*ScheduleKeyDeletion", "**", "",
      "scheduled the deletion of a key" },
    { KT_SIGN_DESTROY, "azure", "KeyPurge", "**", "", "purged a key" },
    { KT_SIGN_DESTROY, "azure", "VaultPurge", "**", "", "purged a key vault" },
    { KT_SIGN_DESTROY, "vault", "delete", "*/keys/*", "", "deleted a transit key" },
    { KT_SIGN_UNSEAL, "vault", "update", "sys/generate-root/**", "", "generates a root token" },
    { KT_SIGN_UNSEAL, "vault", "update", "sys/rekey/**", "",
      "changes the keys that unseal the Vault" },
    { KT_SIGN_UNSEAL, "vault", "read", "sys/raw/**", "", "read the raw storage" },
    { KT_SIGN_GONE, "cloudtrail", "DeleteSecret", "**", "",
      "destroyed a production secret, with no way back" },
    { KT_SIGN_GONE, "gcp", "*.DeleteSecret", "**", "",
      "destroyed a production secret, with no way back" },
    { KT_SIGN_GONE, "azure", "SecretPurge", "**", "", "purged a production secret" },
    { KT_SIGN_GONE, "vault", "delete", "**/metadata/**", "",
      "destroyed a production secret, with no way back" },
    { KT_SIGN_WHOLE, "kubernetes", "*secrets", "secrets", "", "read all secrets of the cluster" },
    { KT_SIGN_WHOLE, "cloudtrail", "GetParametersByPath", "/", "",
      "read all parameters of the account" },
    { KT_SIGN_WHOLE, "cloudtrail", "GetParametersByPath", "/*", "",
      "read all parameters of production" },
    { KT_SIGN_WHOLE, "cloudtrail", "GetParametersByPath", "/*/", "",
      "read all parameters of production" },
    { KT_SIGN_ISSUED, "cloudtrail", "CreateAccessKey", "**", "",
      "made a lasting key for another user" },
    { KT_SIGN_ISSUED, "cloudtrail", "CreateLoginProfile", "**", "",
      "made a password for another user" },
    { KT_SIGN_ISSUED, "gcp", "*ServiceAccountKey", "**", "",
      "made a lasting key for a service account" },
};

/* In lower case, and without slashes, which a `*` does not pass. */
static void comparable(char *dst, size_t n, struct kt_str s)
{
    kt_str_copyz(dst, n, s);
    for (char *c = dst; *c != '\0'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c == '/' ? '.' : *c;
}

/* People change their own keys. */
static bool is_own_key(const struct kt_event *ev)
{
    ptrdiff_t at = kt_str_find_byte(ev->actor, '@', 0);
    struct kt_str own = kt_str_sub(ev->actor, 0, at < 0 ? ev->actor.len : (size_t)at);
    return ev->secret_native.len == 0 || kt_str_eq(ev->secret_native, own) ||
           kt_str_eq(ev->secret_native, ev->actor);
}

bool kt_sign_is_daily(enum kt_sign sign)
{
    return sign == KT_SIGN_WHOLE || sign == KT_SIGN_ISSUED || sign == KT_SIGN_GONE;
}

bool kt_sign_of_production(const struct kt_sign_row *row)
{
    return row->sign == KT_SIGN_GONE ||
           (row->sign == KT_SIGN_WHOLE && row->native[0] == '/' && row->native[1] != '\0');
}

const struct kt_sign_row *kt_sign_row_of(const struct kt_event *ev)
{
    static const bool actions[KT_ACT_COUNT] = {
        [KT_ACT_CONFIG] = true, [KT_ACT_GRANT] = true,     [KT_ACT_DESTROY] = true,
        [KT_ACT_DELETE] = true, [KT_ACT_ISSUE] = true,     [KT_ACT_ROTATE] = true,
        [KT_ACT_EXPORT] = true, [KT_ACT_READ_META] = true, [KT_ACT_WRITE] = true,
    };
    char operation[160], want[64];
    if (!actions[ev->action] || (ev->outcome != KT_OUT_SUCCESS && ev->outcome != KT_OUT_UNKNOWN))
        return NULL;
    comparable(operation, sizeof operation, ev->operation);
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        bool stops = rows[i].sign == KT_SIGN_STOPPED, gone = rows[i].sign == KT_SIGN_GONE;
        if (!kt_str_is(ev->source, rows[i].source) || (stops && ev->action != KT_ACT_CONFIG) ||
            (gone && ev->action != KT_ACT_DESTROY))
            continue;
        comparable(want, sizeof want, kt_str_of(rows[i].operation));
        if (kt_str_glob(kt_str_of(want), kt_str_of(operation)) &&
            kt_str_glob(kt_str_of(rows[i].native), ev->secret_native) &&
            kt_str_has(ev->raw, kt_str_of(rows[i].holds)) &&
            !(rows[i].sign == KT_SIGN_ISSUED && is_own_key(ev)))
            return &rows[i];
    }
    return NULL;
}
