/*
 * cloudtrail_tables: what CloudTrail's words mean, and which of its members may be kept.
 *
 * Owns:  constants.
 * Calls: core/base.
 */
#include <string.h>

#include "agents/sources/cloudtrail.h"

/* Sorted by service, then name. A name that is not here is judged by `readOnly` (cloudtrail.c). */
const struct ct_verb kt_ct_verbs[] = {
    { CT_SECRETS, "BatchGetSecretValue", KT_ACT_READ, WHAT_BATCH },
    { CT_SECRETS, "CancelRotateSecret", KT_ACT_ROTATE, WHAT_SECRET },
    { CT_SECRETS, "CancelSecretVersionDelete", KT_ACT_RESTORE, WHAT_SECRET },
    { CT_SECRETS, "CreateSecret", KT_ACT_WRITE, WHAT_CREATED },
    { CT_SECRETS, "DeleteResourcePolicy", KT_ACT_REVOKE, WHAT_SECRET },
    { CT_SECRETS, "DeleteSecret", KT_ACT_DELETE, WHAT_SECRET },
    { CT_SECRETS, "DescribeSecret", KT_ACT_READ_META, WHAT_SECRET },
    { CT_SECRETS, "EndSecretVersionDelete", KT_ACT_DESTROY, WHAT_SECRET },
    { CT_SECRETS, "GetRandomPassword", KT_ACT_OTHER, WHAT_NONE },
    { CT_SECRETS, "GetResourcePolicy", KT_ACT_READ_META, WHAT_SECRET },
    { CT_SECRETS, "GetSecretValue", KT_ACT_READ, WHAT_SECRET },
    { CT_SECRETS, "ListSecretVersionIds", KT_ACT_LIST, WHAT_SECRET },
    { CT_SECRETS, "ListSecrets", KT_ACT_LIST, WHAT_ALL },
    { CT_SECRETS, "PutResourcePolicy", KT_ACT_GRANT, WHAT_SECRET },
    { CT_SECRETS, "PutSecretValue", KT_ACT_WRITE, WHAT_SECRET },
    { CT_SECRETS, "RemoveRegionsFromReplication", KT_ACT_DELETE, WHAT_SECRET },
    { CT_SECRETS, "ReplicateSecretToRegions", KT_ACT_WRITE, WHAT_SECRET },
    { CT_SECRETS, "RestoreSecret", KT_ACT_RESTORE, WHAT_SECRET },
    { CT_SECRETS, "RotateSecret", KT_ACT_ROTATE, WHAT_SECRET },
    { CT_SECRETS, "RotationAbandoned", KT_ACT_ROTATE, WHAT_SECRET },
    { CT_SECRETS, "RotationFailed", KT_ACT_ROTATE, WHAT_SECRET },
    { CT_SECRETS, "RotationStarted", KT_ACT_ROTATE, WHAT_SECRET },
    { CT_SECRETS, "RotationSucceeded", KT_ACT_ROTATE, WHAT_SECRET },
    { CT_SECRETS, "StartSecretVersionDelete", KT_ACT_DELETE, WHAT_SECRET },
    { CT_SECRETS, "StopReplicationToReplica", KT_ACT_REVOKE, WHAT_SECRET },
    { CT_SECRETS, "TagResource", KT_ACT_WRITE, WHAT_SECRET },
    { CT_SECRETS, "UntagResource", KT_ACT_WRITE, WHAT_SECRET },
    { CT_SECRETS, "UpdateSecret", KT_ACT_WRITE, WHAT_SECRET },
    { CT_SECRETS, "UpdateSecretVersionStage", KT_ACT_ROTATE, WHAT_SECRET },
    { CT_SECRETS, "ValidateResourcePolicy", KT_ACT_READ_META, WHAT_SECRET },
    { CT_SSM, "AddTagsToResource", KT_ACT_WRITE, WHAT_TAGGED },
    { CT_SSM, "DeleteParameter", KT_ACT_DESTROY, WHAT_PARAM },
    { CT_SSM, "DeleteParameters", KT_ACT_DESTROY, WHAT_PARAMS },
    { CT_SSM, "DescribeParameters", KT_ACT_LIST, WHAT_ALL_PARAMS },
    { CT_SSM, "GetParameter", KT_ACT_READ, WHAT_PARAM },
    { CT_SSM, "GetParameterHistory", KT_ACT_READ, WHAT_PARAM },
    { CT_SSM, "GetParameters", KT_ACT_READ, WHAT_PARAMS },
    { CT_SSM, "GetParametersByPath", KT_ACT_EXPORT, WHAT_PATH },
    { CT_SSM, "LabelParameterVersion", KT_ACT_WRITE, WHAT_PARAM },
    { CT_SSM, "ListTagsForResource", KT_ACT_READ_META, WHAT_TAGGED },
    { CT_SSM, "PutParameter", KT_ACT_WRITE, WHAT_PARAM },
    { CT_SSM, "PutResourcePolicy", KT_ACT_GRANT, WHAT_SHARED },
    { CT_SSM, "RemoveTagsFromResource", KT_ACT_WRITE, WHAT_TAGGED },
    { CT_SSM, "UnlabelParameterVersion", KT_ACT_WRITE, WHAT_PARAM },
    { CT_KMS, "CancelKeyDeletion", KT_ACT_RESTORE, WHAT_KEY },
    { CT_KMS, "ConnectCustomKeyStore", KT_ACT_CONFIG, WHAT_NONE },
    { CT_KMS, "CreateAlias", KT_ACT_WRITE, WHAT_KEY },
    { CT_KMS, "CreateCustomKeyStore", KT_ACT_CONFIG, WHAT_NONE },
    { CT_KMS, "CreateGrant", KT_ACT_GRANT, WHAT_KEY },
    { CT_KMS, "CreateKey", KT_ACT_WRITE, WHAT_KEY },
    { CT_KMS, "Decrypt", KT_ACT_USE, WHAT_KEY },
    { CT_KMS, "DeleteAlias", KT_ACT_DELETE, WHAT_KEY },
    { CT_KMS, "DeleteCustomKeyStore", KT_ACT_CONFIG, WHAT_NONE },
    { CT_KMS, "DeleteImportedKeyMaterial", KT_ACT_DESTROY, WHAT_KEY },
    { CT_KMS, "DeleteKey", KT_ACT_DESTROY, WHAT_KEY },
    { CT_KMS, "DeriveSharedSecret", KT_ACT_USE, WHAT_KEY },
    { CT_KMS, "DescribeKey", KT_ACT_READ_META, WHAT_KEY },
    { CT_KMS, "DisableKey", KT_ACT_DELETE, WHAT_KEY },
    { CT_KMS, "DisableKeyRotation", KT_ACT_CONFIG, WHAT_KEY },
    { CT_KMS, "DisconnectCustomKeyStore", KT_ACT_CONFIG, WHAT_NONE },
    { CT_KMS, "EnableKey", KT_ACT_RESTORE, WHAT_KEY },
    { CT_KMS, "EnableKeyRotation", KT_ACT_CONFIG, WHAT_KEY },
    { CT_KMS, "Encrypt", KT_ACT_USE, WHAT_KEY },
    { CT_KMS, "GenerateDataKey", KT_ACT_USE, WHAT_KEY },
    { CT_KMS, "GenerateDataKeyPair", KT_ACT_USE, WHAT_KEY },
    { CT_KMS, "GenerateDataKeyPairWithoutPlaintext", KT_ACT_USE, WHAT_KEY },
    { CT_KMS, "GenerateDataKeyWithoutPlaintext", KT_ACT_USE, WHAT_KEY },
    { CT_KMS, "GenerateMac", KT_ACT_USE, WHAT_KEY },
    { CT_KMS, "GenerateRandom", KT_ACT_OTHER, WHAT_NONE },
    { CT_KMS, "GetKeyPolicy", KT_ACT_READ_META, WHAT_KEY },
    { CT_KMS, "GetKeyRotationStatus", KT_ACT_READ_META, WHAT_KEY },
    { CT_KMS, "GetPublicKey", KT_ACT_READ_META, WHAT_KEY },
    { CT_KMS, "ImportKeyMaterial", KT_ACT_WRITE, WHAT_KEY },
    { CT_KMS, "ListAliases", KT_ACT_LIST, WHAT_NONE },
    { CT_KMS, "ListGrants", KT_ACT_LIST, WHAT_KEY },
    { CT_KMS, "ListKeyPolicies", KT_ACT_LIST, WHAT_KEY },
    { CT_KMS, "ListKeyRotations", KT_ACT_LIST, WHAT_KEY },
    { CT_KMS, "ListKeys", KT_ACT_LIST, WHAT_NONE },
    { CT_KMS, "PutKeyPolicy", KT_ACT_GRANT, WHAT_KEY },
    { CT_KMS, "ReEncrypt", KT_ACT_USE, WHAT_KEY },
    { CT_KMS, "ReplicateKey", KT_ACT_WRITE, WHAT_KEY },
    { CT_KMS, "RetireGrant", KT_ACT_REVOKE, WHAT_KEY },
    { CT_KMS, "RevokeGrant", KT_ACT_REVOKE, WHAT_KEY },
    { CT_KMS, "RotateKey", KT_ACT_ROTATE, WHAT_KEY },
    { CT_KMS, "RotateKeyOnDemand", KT_ACT_ROTATE, WHAT_KEY },
    { CT_KMS, "ScheduleKeyDeletion", KT_ACT_DELETE, WHAT_KEY },
    { CT_KMS, "Sign", KT_ACT_USE, WHAT_KEY },
    { CT_KMS, "UpdateAlias", KT_ACT_WRITE, WHAT_KEY },
    { CT_KMS, "UpdateCustomKeyStore", KT_ACT_CONFIG, WHAT_NONE },
    { CT_KMS, "UpdatePrimaryRegion", KT_ACT_CONFIG, WHAT_KEY },
    { CT_KMS, "Verify", KT_ACT_USE, WHAT_KEY },
    { CT_KMS, "VerifyMac", KT_ACT_USE, WHAT_KEY },
    { CT_STS, "AssumeRole", KT_ACT_ISSUE, WHAT_ROLE },
    { CT_STS, "AssumeRoleWithSAML", KT_ACT_ISSUE, WHAT_ROLE },
    { CT_STS, "AssumeRoleWithWebIdentity", KT_ACT_ISSUE, WHAT_ROLE },
    { CT_STS, "AssumeRoot", KT_ACT_ISSUE, WHAT_ROLE },
    { CT_STS, "GetFederationToken", KT_ACT_ISSUE, WHAT_USER },
    { CT_STS, "GetSessionToken", KT_ACT_ISSUE, WHAT_NONE },
    { CT_IAM, "CreateAccessKey", KT_ACT_ISSUE, WHAT_USER },
    { CT_IAM, "CreateLoginProfile", KT_ACT_ISSUE, WHAT_USER },
    { CT_IAM, "UpdateLoginProfile", KT_ACT_ISSUE, WHAT_USER },
    { CT_SIGNIN, "CheckMfa", KT_ACT_OTHER, WHAT_NONE },
    { CT_SIGNIN, "ConsoleLogin", KT_ACT_LOGIN, WHAT_NONE },
    { CT_TRAIL, "CreateTrail", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_TRAIL, "DeleteEventDataStore", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_TRAIL, "DeleteTrail", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_TRAIL, "PutEventSelectors", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_TRAIL, "StartLogging", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_TRAIL, "StopEventDataStoreIngestion", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_TRAIL, "StopLogging", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_TRAIL, "UpdateEventDataStore", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_TRAIL, "UpdateTrail", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_EC2, "DeleteFlowLogs", KT_ACT_CONFIG, WHAT_NONE },
    { CT_EC2, "GetPasswordData", KT_ACT_READ, WHAT_INSTANCE },
    { CT_S3, "DeleteBucket", KT_ACT_CONFIG, WHAT_BUCKET },
    { CT_S3, "PutBucketLifecycle", KT_ACT_CONFIG, WHAT_BUCKET },
    { CT_WATCH, "DeleteConfigurationRecorder", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_WATCH, "DeleteDeliveryChannel", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_WATCH, "DeleteDetector", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_WATCH, "DeleteResolverQueryLogConfig", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_WATCH, "DisassociateResolverQueryLogConfig", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_WATCH, "LeaveOrganization", KT_ACT_CONFIG, WHAT_NONE },
    { CT_WATCH, "StopConfigurationRecorder", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_WATCH, "StopMonitoringMembers", KT_ACT_CONFIG, WHAT_TRAIL },
    { CT_WATCH, "UpdateDetector", KT_ACT_CONFIG, WHAT_DETECTOR },
};
const unsigned kt_ct_n_verbs = KT_ARRAY_LEN(kt_ct_verbs);

static const struct {
    struct kt_str prefix;
    enum ct_service service;
} services[] = {
    { KT_STR_INIT("secretsmanager."), CT_SECRETS },
    { KT_STR_INIT("ssm."), CT_SSM },
    { KT_STR_INIT("kms."), CT_KMS },
    { KT_STR_INIT("sts."), CT_STS },
    { KT_STR_INIT("iam."), CT_IAM },
    { KT_STR_INIT("signin."), CT_SIGNIN },
    { KT_STR_INIT("cloudtrail."), CT_TRAIL },
    { KT_STR_INIT("ec2."), CT_EC2 },
    { KT_STR_INIT("s3."), CT_S3 },
    { KT_STR_INIT("guardduty."), CT_WATCH },
    { KT_STR_INIT("config."), CT_WATCH },
    { KT_STR_INIT("organizations."), CT_WATCH },
    { KT_STR_INIT("route53resolver."), CT_WATCH },
};

/* Outcomes of error codes without "Client.", "Server." and "prefix#"; sorted. Others go by their
 * ending, and what is left is a failure. */
static const struct {
    const char *code;
    enum kt_outcome outcome;
} codes[] = {
    { "AccessDenied", KT_OUT_DENIED },
    { "AccessDeniedException", KT_OUT_DENIED },
    { "AuthFailure", KT_OUT_DENIED },
    { "AuthorizationError", KT_OUT_DENIED },
    { "ExpiredToken", KT_OUT_DENIED },
    { "ExpiredTokenException", KT_OUT_DENIED },
    { "IncompleteSignature", KT_OUT_DENIED },
    { "InvalidAccessKeyId", KT_OUT_DENIED },
    { "InvalidClientTokenId", KT_OUT_DENIED },
    { "InvalidGrantTokenException", KT_OUT_DENIED },
    { "InvalidToken", KT_OUT_DENIED },
    { "KMSAccessDenied", KT_OUT_DENIED },
    { "KmsAccessDenied", KT_OUT_DENIED },
    { "MissingAuthenticationToken", KT_OUT_DENIED },
    { "MissingAuthenticationTokenException", KT_OUT_DENIED },
    { "NotAuthorized", KT_OUT_DENIED },
    { "OptInRequired", KT_OUT_DENIED },
    { "PublicPolicyException", KT_OUT_DENIED },
    { "RequestExpired", KT_OUT_DENIED },
    { "SignatureDoesNotMatch", KT_OUT_DENIED },
    { "UnauthorizedAccess", KT_OUT_DENIED },
    { "UnauthorizedException", KT_OUT_DENIED },
    { "UnauthorizedOperation", KT_OUT_DENIED },
    { "UnrecognizedClientException", KT_OUT_DENIED },
    { "VpceAccessDenied", KT_OUT_DENIED },
};

/* Every service of which all calls count, and the names of those of which only some do. A test
 * holds this against the verb table. */
const char *const kt_ct_needles[] = {
    "\"secretsmanager.",
    "\"ssm.",
    "\"kms.",
    "\"AssumeRo",
    "\"GetSessionToken",
    "\"GetFederati",
    "\"CreateAccessK",
    "\"CreateLoginP",
    "\"UpdateLoginP",
    "\"ConsoleLogin",
    "\"CheckMfa",
    "\"StopLogging",
    "\"StartLogging",
    "\"CreateTrail",
    "\"DeleteTrail",
    "\"UpdateTrail",
    "\"PutEventSelec",
    "\"DeleteFlowLogs",
    "\"GetPasswordD",
    "\"DeleteEventD",
    "\"StopEventDat",
    "\"UpdateEventD",
    "\"StopMonitori",
    "\"UpdateDetect",
    "\"DeleteBucket",
    "\"PutBucketLif",
    "\"DeleteConfig",
    "\"StopConfigur",
    "\"DeleteDelive",
    "\"DeleteDetect",
    "\"DeleteResolv",
    "\"Disassociate",
    "\"LeaveOrganiz",
    NULL,
};

const char *const kt_ct_known_keys[] = {
    "eventVersion",       "eventID",           "eventTime",        "eventSource",
    "eventName",          "awsRegion",         "sourceIPAddress",  "userAgent",
    "userIdentity",       "requestParameters", "responseElements", "additionalEventData",
    "errorCode",          "errorMessage",      "readOnly",         "resources",
    "recipientAccountId", "requestID",         "eventType",        NULL,
};

/* ---- what is kept (THREATS, table R) ----
 * Beside the members below, the event has columns of its own for address, user agent, region,
 * error code, request id, access key, session and issuer; they are not written twice. Rows are in
 * the order in which AWS writes members, which is how they are found at once. */
static const struct kt_keep session[] = {
    KT_DROP("sessionIssuer"),  KT_DROP("webIdFederationData"), KT_DROP("attributes"),
    KT_DROP("sourceIdentity"), KT_KEEP("ec2RoleDelivery"),     KT_KEEP_END,
};
static const struct kt_keep identity[] = {
    KT_KEEP("type"),
    KT_KEEP("principalId"),
    KT_KEEP("arn"),
    KT_KEEP("accountId"),
    KT_DROP("accessKeyId"),
    KT_KEEP("userName"),
    KT_KEEP_IN("sessionContext", session),
    KT_KEEP("invokedBy"),
    KT_DROP("onBehalfOf"),
    KT_KEEP("identityProvider"),
    KT_KEEP_END,
};
static const struct kt_keep context[] = {
    KT_KEEP("SecretARN"),
    KT_KEEP("SecretVersionId"),
    KT_KEEP("PARAMETER_ARN"),
    KT_KEEP_END,
};
static const struct kt_keep request[] = {
    KT_KEEP("secretId"),
    KT_KEEP("versionId"),
    KT_KEEP("versionStage"),
    KT_KEEP("versionStages"),
    KT_KEEP("moveToVersionId"),
    KT_KEEP("removeFromVersionId"),
    KT_KEEP("secretIdList"),
    KT_KEEP("name"),
    KT_KEEP("names"),
    KT_KEEP("path"),
    KT_KEEP("recursive"),
    KT_KEEP("keyId"),
    KT_KEEP("withDecryption"),
    KT_KEEP("resourceId"),
    KT_KEEP("resourceType"),
    KT_KEEP("roleArn"),
    KT_KEEP("roleSessionName"),
    KT_KEEP("userName"),
    KT_KEEP("forceDeleteWithoutRecovery"),
    KT_KEEP("aliasName"),
    KT_KEEP("targetKeyId"),
    KT_KEEP("trailName"),
    KT_KEEP("instanceId"),
    KT_KEEP("bucketName"),
    KT_KEEP("granteePrincipal"),
    KT_KEEP("eventDataStore"),
    KT_KEEP("retentionPeriod"),
    KT_KEEP("configurationRecorderName"),
    KT_KEEP("deliveryChannelName"),
    KT_KEEP("detectorId"),
    KT_KEEP("enable"),
    KT_KEEP("resolverQueryLogConfigId"),
    KT_KEEP("resourceArn"),
    KT_DROP("resourcePolicy"), /* of it the principals: cloudtrail_grant.c */
    KT_DROP("policy"),
    KT_KEEP("recoveryWindowInDays"),
    KT_KEEP("type"),
    KT_KEEP_IN("encryptionContext", context),
    KT_DROP("value"),
    KT_DROP("clientRequestToken"),
    KT_KEEP_END,
};
static const struct kt_keep resource[] = {
    KT_KEEP("ARN"), KT_KEEP("arn"), KT_KEEP("accountId"), KT_KEEP("type"), KT_KEEP_END,
};
static const struct kt_keep extra[] = {
    KT_KEEP("SecretId"), KT_KEEP("ARN"), KT_KEEP("Name"), KT_KEEP("MFAUsed"), KT_KEEP_END,
};
static const struct kt_keep addendum[] = {
    KT_KEEP("reason"),
    KT_KEEP("updatedFields"),
    KT_KEEP("originalRequestID"),
    KT_KEEP("originalEventID"),
    KT_KEEP_END,
};
const struct kt_keep kt_ct_keep_root[] = {
    KT_KEEP("eventVersion"),
    KT_KEEP_IN("userIdentity", identity),
    KT_KEEP("eventTime"),
    KT_KEEP("eventSource"),
    KT_KEEP("eventName"),
    KT_DROP("awsRegion"),
    KT_DROP("sourceIPAddress"),
    KT_DROP("userAgent"),
    KT_DROP("errorCode"),
    KT_DROP("errorMessage"),
    KT_KEEP_IN("requestParameters", request),
    KT_DROP("responseElements"),
    KT_KEEP_IN("additionalEventData", extra),
    KT_DROP("requestID"),
    KT_KEEP("eventID"),
    KT_KEEP("readOnly"),
    KT_KEEP_IN("resources", resource),
    KT_KEEP("eventType"),
    KT_DROP("apiVersion"),
    KT_DROP("managementEvent"),
    KT_DROP("recipientAccountId"),
    KT_DROP("sharedEventID"),
    KT_DROP("serviceEventDetails"),
    KT_DROP("vpcEndpointId"),
    KT_DROP("vpcEndpointAccountId"),
    KT_DROP("eventCategory"),
    KT_KEEP_IN("addendum", addendum),
    KT_DROP("sessionCredentialFromConsole"),
    KT_DROP("edgeDeviceDetails"),
    KT_DROP("tlsDetails"),
    KT_KEEP_END,
};

/* ---- look-ups ---- */

static int compare_verb(enum ct_service service, struct kt_str name, const struct ct_verb *v)
{
    if (service != v->service)
        return service < v->service ? -1 : 1;
    return kt_str_cmp(name, kt_str_of(v->name));
}

const struct ct_verb *kt_ct_verb_find(enum ct_service service, struct kt_str name)
{
    unsigned low = 0, high = KT_ARRAY_LEN(kt_ct_verbs);
    while (low < high) {
        unsigned mid = low + (high - low) / 2;
        int c = compare_verb(service, name, &kt_ct_verbs[mid]);
        if (c == 0)
            return &kt_ct_verbs[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

enum ct_service kt_ct_service_of(struct kt_str event_source)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(services); i++)
        if (kt_str_starts(event_source, services[i].prefix))
            return services[i].service;
    return CT_OTHER;
}

static bool is_not_found(struct kt_str code)
{
    return kt_str_starts(code, KT_STR("NoSuch")) || kt_str_ends(code, KT_STR("NotFound")) ||
           kt_str_ends(code, KT_STR("NotFoundException")) ||
           kt_str_ends(code, KT_STR("NotFoundError")) || kt_str_ends(code, KT_STR("DoesNotExist"));
}

enum kt_outcome kt_ct_outcome_of(struct kt_str code)
{
    ptrdiff_t hash = kt_str_rfind_byte(code, '#');
    if (hash >= 0)
        code = kt_str_from_index(code, (size_t)hash + 1);
    if (kt_str_starts(code, KT_STR("Client.")) || kt_str_starts(code, KT_STR("Server.")))
        code = kt_str_from_index(code, 7);
    for (size_t i = 0; i < KT_ARRAY_LEN(codes); i++)
        if (kt_str_is(code, codes[i].code))
            return codes[i].outcome;
    return is_not_found(code) ? KT_OUT_NOT_FOUND : KT_OUT_FAILURE;
}
