/*
 * sigma_kept: rules that cannot fire, because keytrail keeps only records about secrets.
 *
 * A rule is asked of each kind of record that the sources keep (agents/sources: what their verb
 * tables have), of which only the kind is certain. A rule that no kind may match never fires.
 *
 * Owns:  the kinds of records; tests hold them against the sources' own tables.
 * Calls: sigma_condition. No clock, no I/O.
 */
#include <stdio.h>

#include "detectors/sigma.h"

#define AWS ".amazonaws.com"
static const struct {
    const char *source;
    const char *names[32]; /* NULL-ended; none: every call of the service is kept */
} cloudtrail[] = {
    { "secretsmanager" AWS, { NULL } },
    { "kms" AWS, { NULL } },
    { "ssm" AWS,
      { "AddTagsToResource", "DeleteParameter", "DeleteParameters", "DescribeParameters",
        "GetParameter", "GetParameterHistory", "GetParameters", "GetParametersByPath",
        "LabelParameterVersion", "ListTagsForResource", "PutParameter", "PutResourcePolicy",
        "RemoveTagsFromResource", "UnlabelParameterVersion", NULL } },
    { "sts" AWS,
      { "AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot",
        "GetFederationToken", "GetSessionToken", NULL } },
    { "iam" AWS, { "CreateAccessKey", "CreateLoginProfile", "UpdateLoginProfile", NULL } },
    { "signin" AWS, { "CheckMfa", "ConsoleLogin", NULL } },
    { "cloudtrail" AWS,
      { "CreateTrail", "DeleteEventDataStore", "DeleteTrail", "PutEventSelectors", "StartLogging",
        "StopEventDataStoreIngestion", "StopLogging", "UpdateEventDataStore", "UpdateTrail",
        NULL } },
    { "ec2" AWS, { "DeleteFlowLogs", "GetPasswordData", NULL } },
    { "s3" AWS, { "DeleteBucket", "PutBucketLifecycle", NULL } },
    { "guardduty" AWS, { "DeleteDetector", "StopMonitoringMembers", "UpdateDetector", NULL } },
    { "config" AWS,
      { "DeleteConfigurationRecorder", "DeleteDeliveryChannel", "StopConfigurationRecorder",
        NULL } },
    { "organizations" AWS, { "LeaveOrganization", NULL } },
    { "route53resolver" AWS,
      { "DeleteResolverQueryLogConfig", "DisassociateResolverQueryLogConfig", NULL } },
};

#define WRITES  "create", "update", "patch"
#define CHANGES WRITES, "delete", "deletecollection"
static const struct {
    const char *resources[32];          /* NULL-ended, as the other lists */
    const char *subresource, *verbs[8]; /* subresource NULL, no verbs: any */
} kubernetes[] = {
    { { "secrets", NULL }, NULL, { NULL } },
    { { "serviceaccounts", NULL }, "token", { NULL } },
    { { "tokenreviews", NULL }, NULL, { "create", NULL } },
    { { "pods", NULL }, "exec", { NULL } },
    { { "pods", NULL }, "attach", { NULL } },
    { { "pods", NULL }, "ephemeralcontainers", { WRITES, NULL } },
    { { "roles", "rolebindings", "clusterroles", "clusterrolebindings", NULL },
      NULL,
      { CHANGES, NULL } },
    /* of External Secrets */
    { { "externalsecrets", "clusterexternalsecrets", "secretstores", "clustersecretstores",
        "pushsecrets", "clusterpushsecrets", NULL },
      NULL,
      { CHANGES, NULL } },
    { { "acraccesstokens", "cloudsmithaccesstokens", "clustergenerators", "ecrauthorizationtokens",
        "fakes", "gcraccesstokens", "generatorstates", "githubaccesstokens", "grafanas", "mfas",
        "passwords", "quayaccesstokens", "sshkeys", "stssessiontokens", "uuids",
        "vaultdynamicsecrets", "webhooks", NULL },
      NULL,
      { CHANGES, NULL } },
};

static bool possible(const struct kt_sigma_rule *r, const struct kt_sigma_known *known, unsigned n)
{
    struct kt_sigma_view v = { .known = known, .n_known = n };
    return kt_sigma_eval(&v, r->program.node, r->test) != KT_SIGMA_NO;
}

static bool cloudtrail_may(const struct kt_sigma_rule *r)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(cloudtrail); i++) {
        struct kt_sigma_known known[] = { { "eventSource", cloudtrail[i].source },
                                          { "eventName", NULL } };
        const char *const *names = cloudtrail[i].names;
        if (names[0] == NULL && possible(r, known, 1))
            return true;
        for (; *names != NULL; names++) {
            known[1].value = *names;
            if (possible(r, known, 2))
                return true;
        }
    }
    return false;
}

static bool request_may(const struct kt_sigma_rule *r, const char *resource,
                        const char *subresource, const char *const *verbs)
{
    struct kt_sigma_known known[3] = { { "objectRef.resource", resource } };
    unsigned n = 1;
    if (subresource != NULL)
        known[n++] = (struct kt_sigma_known){ "objectRef.subresource", subresource };
    if (verbs[0] == NULL)
        return possible(r, known, n);
    for (; *verbs != NULL; verbs++) {
        known[n] = (struct kt_sigma_known){ "verb", *verbs };
        if (possible(r, known, n + 1))
            return true;
    }
    return false;
}

static bool kubernetes_may(const struct kt_sigma_rule *r)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(kubernetes); i++) {
        const char *const *resource = kubernetes[i].resources;
        for (; *resource != NULL; resource++)
            if (request_may(r, *resource, kubernetes[i].subresource, kubernetes[i].verbs))
                return true;
    }
    return false;
}

void kt_sigma_judge_kept(struct kt_sigma_rule *r)
{
    static const char *const keeps[KT_SIGMA_LOGS] = {
        [KT_SIGMA_CLOUDTRAIL] = "Secrets Manager, KMS, SSM parameters, STS, sign-ins, new access "
                                "keys, passwords of machines and what stops a trail or another "
                                "watch",
        [KT_SIGMA_KUBERNETES] = "secrets, tokens, exec into pods, roles and bindings",
    };
    bool may = r->log == KT_SIGMA_CLOUDTRAIL   ? cloudtrail_may(r)
               : r->log == KT_SIGMA_KUBERNETES ? kubernetes_may(r)
                                               : true;
    r->never[0] = '\0';
    if (!may)
        KT_SAY(r->never, "never fires here: keytrail keeps only %s", keeps[r->log]);
}
