/* planted: records of each source with values in every member that may hold one. */
#include "tests/support/planted.h"

#include <stddef.h>

#define P PLANTED

static const char planted_cloudtrail[] =
    "{\"eventVersion\":\"1.09\",\"" P "01\":\"" P "02\",\"userIdentity\":{\"type\":\"IAMUser\","
    "\"userName\":\"al\",\"accountId\":\"111122223333\",\"x\":\"" P "03\",\"sessionContext\":{"
    "\"webIdFederationData\":{\"attributes\":{\"a\":\"" P "04\"}}}},\"eventTime\":"
    "\"2026-03-02T07:14:05Z\",\"eventSource\":\"secretsmanager.amazonaws.com\",\"eventName\":"
    "\"PutSecretValue\",\"awsRegion\":\"r\",\"sourceIPAddress\":\"203.0.113.9\",\"userAgent\":"
    "\"tool hvs.CAESIJlU9ob_planted_abcdefghijklmnopqrstuvwxyz012345\",\"errorMessage\":\"Value '" P
    "05' at 'secretString' failed\",\"requestParameters\":{\"secretId\":\"a\",\"secretString\":\"" P
    "06\",\"value\":\"" P "07\",\"secretBinary\":[\"" P "08\"],\"description\":\"" P "09\","
    "\"name\":{\"deep\":\"" P "10\"},\"policy\":\"" P "11\",\"encryptionContext\":{\"k\":\"" P
    "12\"},\"tags\":[{\"key\":\"a\",\"value\":\"" P "13\"}]},\"responseElements\":{\"credentials\":"
    "{\"sessionToken\":\"" P "14\",\"secretAccessKey\":\"" P "15\"},\"x\":\"" P "16\"},"
    "\"additionalEventData\":{\"backingKeys\":\"" P "17\"},\"serviceEventDetails\":{\"y\":\"" P
    "18\"},\"tlsDetails\":{\"z\":\"" P "19\"},\"resources\":[{\"ARN\":\"arn:x\",\"q\":\"" P
    "20\"}],\"eventID\":\"00000000-0000-4000-8000-000000000001\",\"recipientAccountId\":"
    "\"111122223333\"}\n";
static const char planted_vault[] =
    "{\"time\":\"2026-03-02T07:14:05Z\",\"type\":\"response\",\"" P "30\":\"" P "31\",\"auth\":{"
    "\"client_token\":\"" P "32\",\"accessor\":\"" P "33\",\"display_name\":\"userpass-al\","
    "\"metadata\":{\"username\":\"al\",\"x\":\"" P "34\"},\"y\":\"" P "35\"},\"request\":{\"id\":"
    "\"00000000-0000-4000-8000-000000000000\",\"operation\":\"update\",\"mount_point\":\"kv/\","
    "\"mount_type\":\"kv\",\"client_token\":\"" P "36\",\"path\":"
    "\"kv/data/hvs.CAESIJlU9ob_planted_abcdefghijklmnopqrstuvwxyz012345\",\"data\":{\"data\":{"
    "\"password\":\"" P "37\"},\"options\":{\"cas\":\"" P
    "38\"}},\"headers\":{\"authorization\":[\"" P "39\"],\"user-agent\":[\"" P
    "40\"]},\"remote_address\":\"10.0.0.1\"},\"response\":{"
    "\"auth\":{\"client_token\":\"" P "41\"},\"data\":{\"version\":1,\"data\":{\"password\":\"" P
    "42\"}},\"wrap_info\":{\"token\":\"" P "43\"},\"secret\":{\"lease_id\":\"" P "44\"},"
    "\"warnings\":[\"" P "45\"],\"headers\":{\"h\":\"" P "46\"}},\"error\":\"failed with " P
    "47\"}\n";

static const char planted_onepassword[] =
    "{\"uuid\":\"UJZDEGXDNCF32EPF3DHODZDOCI\",\"timestamp\":\"2026-03-02T07:14:05Z\",\"" P
    "60\":\"" P "61\",\"used_version\":4,\"vault_uuid\":\"S2JHTLGMXGEDN73U55XTPLPFT7\","
    "\"item_uuid\":\"V4SEH2KVJ72CEUVW75EFR6EDT4\",\"action\":\"reveal\",\"title\":\"" P
    "62\",\"fields\":[{\"value\":\"" P "63\"}],\"user\":{\"uuid\":\"SYWB5WKH7DNSIPZZ7FK4ZRI3R2\","
    "\"email\":\"al@example.com\",\"x\":\"" P "64\"},\"client\":{\"app_name\":"
    "\"tool hvs.CAESIJlU9ob_planted_abcdefghijklmnopqrstuvwxyz012345\",\"token\":\"" P
    "65\",\"ip_address\":\"192.0.2.9\"},\"location\":{\"country\":\"DE\",\"city\":\"" P
    "66\"},\"aux_info\":\"" P "67\",\"object_details\":{\"title\":\"" P
    "68\"},\"aux_details\":{\"password\":\"" P "69\"},\"account_uuid\":"
    "\"WYOJFLJOOA7LQSAJ2XUID5ZZZZ\"}\n";
static const char planted_kubernetes[] =
    "{\"kind\":\"Event\",\"level\":\"RequestResponse\",\"auditID\":\"00000000-0000-4000-8000-"
    "000000000000\","
    "\"stage\":\"ResponseComplete\",\"" P "50\":\"" P
    "51\",\"requestURI\":\"/api/v1/namespaces/pay/secrets?t=" P
    "52\",\"verb\":\"create\",\"user\":{\"username\":\"al\",\"x\":\"" P "53\",\"extra\":{\"" P
    "54\":[\"" P "55\"]}},\"impersonatedUser\":{\"username\":\"bo\",\"extra\":{\"token\":[\"" P
    "56\"]}},\"sourceIPs\":["
    "\"10.0.0.1\"],\"userAgent\":\"tool hvs.CAESIJlU9ob_planted_abcdefghijklmnopqrstuvwxyz012345\","
    "\"objectRef\":{\"resource\":\"secrets\",\"namespace\":\"pay\",\"x\":\"" P
    "57\"},\"requestObject\":{"
    "\"metadata\":{\"generateName\":\"db-\",\"annotations\":{\"kubectl.kubernetes.io/"
    "last-applied-configuration\":"
    "\"" P "58\"}},\"data\":{\"" P "59\":\"" P "60\"},\"stringData\":{\"password\":\"" P
    "61\"}},\"responseObject\":{\"metadata\":{\"name\":\"db-x\"},\"data\":{\"password\":\"" P
    "62\"},\"status\":{\"token\":\"" P "63\"}},\"responseStatus\":{\"code\":201,\"message\":\"" P
    "64\",\"details\":{\"x\":\"" P
    "65\"}},\"requestReceivedTimestamp\":\"2026-03-02T07:14:05.000001Z\","
    "\"annotations\":{\"authorization.k8s.io/decision\":\"allow\",\"" P "66\":\"" P "67\"}}\n";

static const char planted_doppler[] =
    "{\"source\":\"doppler\",\"type\":\"security.secret_read\",\"text\":\"" P "70\",\"title\":\"" P
    "71\",\"" P "72\":\"" P "73\",\"user\":{\"kind\":\"serviceAccount\",\"slug\":\"sa-1\",\"name\":"
    "\"ci\",\"token\":\"" P "74\"},\"link\":\"" P "75\",\"workplace\":{\"id\":\"w1\",\"name\":"
    "\"acme\",\"billing\":\"" P "76\"},\"createdAt\":\"2026-03-02T07:14:05.123Z\",\"session\":{"
    "\"ip\":\"198.51.100.77\",\"method\":\"API "
    "hvs.CAESIJlU9ob_planted_abcdefghijklmnopqrstuvwxyz01\","
    "\"cookie\":\"" P "77\"},\"metadata\":{\"serviceAccountTokenApiKeyPreview\":\"" P
    "78\",\"projectDescription\":\"" P "79\",\"diff\":{\"added\":{\"DB\":\"" P
    "80\"}},\"secrets\":[{\"p\":\"pay\",\"c\":\"prd\",\"s\":\"DB_URL\",\"value\":\"" P
    "81\",\"r\":{\"p\":\"pay\",\"c\":\"prd\",\"computed\":\"" P "82\"}}]}}\n";
static const char planted_doppler_diff[] =
    "{\"id\":\"slugslugslugslugslug0001\",\"text\":\"Modified secrets " P "83\",\"html\":\"" P
    "84\",\"created_at\":\"2026-03-02T07:14:05.123Z\",\"user\":{\"email\":\"al@example.com\","
    "\"name\":"
    "\"hvs.CAESIJlU9ob_planted_abcdefghijklmnopqrstuvwxyz01\",\"profile_image_url\":\"" P
    "85\"},\"project\":\"pay\",\"config\":\"prd\",\"diff\":[{\"name\":\"DB_URL\",\"added\":\"" P
    "86\",\"removed\":\"" P "87\"},{\"name\":\"DB_USER\",\"added\":\"" P "88\",\"removed\":\"" P
    "89\"},{\"name\":\"DB_PASSWORD\",\"added\":\"" P "90\",\"removed\":\"" P "91\"}]}\n";

static const char planted_github[] =
    "{\"@timestamp\":1772435645123,\"_document_id\":\"Doc0123456789012345\",\"action\":"
    "\"org.update_actions_secret\",\"" P "92\":\"" P "93\",\"actor\":\"al\",\"actor_location\":{"
    "\"country_code\":\"DE\",\"city\":\"" P "94\"},\"user_agent\":"
    "\"tool "
    "hvs.CAESIJlU9ob_planted_abcdefghijklmnopqrstuvwxyz01\",\"org\":\"acme\",\"key\":\"DB_URL\","
    "\"value\":\"" P "95\",\"encrypted_value\":\"" P "96\",\"config\":{\"secret\":\"" P
    "97\"},\"config_was\":{\"secret\":\"" P "98\"},\"data\":{\"x\":\"" P "99\"},\"token\":\"" P
    "100\",\"name\":{\"x\":\"" P "101\"},\"title\":[{\"x\":\"" P "102\"}],\"old_value\":\"" P
    "103\",\"request_id\":\"A1B2:0001\"}\n";

static const char planted_gitlab[] =
    "{\"id\":\"00000001-0000-4000-8000-000000000000\",\"author_id\":11,\"author_name\":"
    "\"al hvs.CAESIJlU9ob_planted_abcdefghijklmnopqrstuvwxyz01\",\"entity_id\":5,\"entity_type\":"
    "\"Project\",\"entity_path\":\"acme/pay\",\"" P "110\":\"" P
    "111\",\"details\":{\"change\":\"value\","
    "\"from\":\"" P "112\",\"to\":\"" P "113\",\"custom_message\":\"Changed value from " P
    "114 to " P "115\",\"with\":\"" P "116\",\"add\":\"" P "117\",\"value\":\"" P
    "118\",\"x\":{\"y\":\"" P
    "119\"}},\"ip_address\":\"203.0.113.40\",\"target_id\":31,\"target_type\":\"Ci::Variable\","
    "\"target_details\":\"DB_URL\",\"created_at\":\"2026-03-02T07:14:05.123Z\",\"event_type\":"
    "\"ci_variable_updated\",\"custom_message\":\"" P "120\",\"from\":\"" P "121\",\"to\":\"" P
    "122\"}\n";
static const char planted_gcp[] =
    "{\"protoPayload\":{\"@type\":\"t\",\"status\":{\"code\":9,\"message\":\"" P "70\","
    "\"details\":[\"" P "71\"]},\"authenticationInfo\":{\"principalEmail\":\"al@example.com\","
    "\"x\":\"" P "72\",\"thirdPartyPrincipal\":{\"t\":\"" P "73\"},\"serviceAccountKeyName\":\"" P
    "74\"},"
    "\"requestMetadata\":{\"callerIp\":\"203.0.113.9\",\"callerSuppliedUserAgent\":\"tool "
    "hvs.CAESIJlU9ob_planted_abcdefghijklmnopqrstuvwxyz012345\","
    "\"requestAttributes\":{\"headers\":{\"authorization\":\"" P
    "75\"}}},\"serviceName\":\"secretmanager.googleapis.com\","
    "\"methodName\":\"google.cloud.secretmanager.v1.SecretManagerService.AddSecretVersion\","
    "\"authorizationInfo\":[{\"permission\":\"p\",\"granted\":true,\"resourceAttributes\":{"
    "\"labels\":\"" P "76\"}}],"
    "\"resourceName\":\"projects/1/secrets/a\",\"request\":{\"payload\":{\"data\":\"" P "77\"},"
    "\"parent\":\"" P "78\"},\"response\":{\"name\":\"projects/1/secrets/a/versions/2\","
    "\"payload\":{\"data\":\"" P "79\"}},\"metadata\":{\"m\":\"" P "80\"},\"" P "81\":\"" P "82\"},"
    "\"insertId\":\"00000000000000000001\",\"resource\":{\"type\":\"audited_resource\","
    "\"labels\":{\"x\":\"" P "83\"}},\"labels\":{\"l\":\"" P
    "84\"},\"timestamp\":\"2026-03-02T07:14:05Z\","
    "\"logName\":\"l\",\"" P "85\":\"" P "86\"}\n";

static const char planted_azure[] =
    "{\"time\":\"2026-03-02T07:14:05.1234567Z\",\"category\":\"AuditEvent\","
    "\"operationName\":\"SecretSet\",\"resultType\":\"Success\",\"correlationId\":\"00000000-0000-"
    "4000-8000-000000000001\","
    "\"callerIpAddress\":\"203.0.113.9\",\"resultDescription\":\"Value '" P "90' is wrong\","
    "\"identity\":{\"claim\":{\"upn\":\"al@example.com\",\"oid\":\"o\",\"c\":\"" P "91\","
    "\"groups\":[\"" P "92\"]},\"authorization\":{\"x\":\"" P
    "93\"}},\"properties\":{\"clientInfo\":\"tool "
    "hvs.CAESIJlU9ob_planted_abcdefghijklmnopqrstuvwxyz012345\","
    "\"httpStatusCode\":400,\"id\":\"https://p.vault.azure.net/secrets/a\",\"requestUri\":\"https:/"
    "/p.vault.azure.net/secrets/a?sig=" P "94\","
    "\"secretProperties\":{\"value\":\"" P "95\"},\"properties\":{\"accessPolicies\":[\"" P "96\"],"
    "\"x\":\"" P "97\"},\"" P "98\":\"" P
    "99\"},\"resourceId\":\"/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/P\","
    "\"resultSignature\":\"Bad Request\",\"tenantId\":\"" P "9a\",\"" P "9b\":\"" P "9c\"},"
    "\n";

/* A value in each member that a scanner may write one into; shapes in those that are kept. */
static const char planted_leaks[] =
    "[{\"RuleID\":\"aws-access-token\",\"Description\":\"found hvs.planted_0123456789abcdefghij\","
    "\"StartLine\":1,\"Match\":\"key=" P "1\",\"Secret\":\"" P "2\",\"Line\":\"" P "3\","
    "\"File\":\"deploy/env\",\"Link\":\"https://u:" P "4@github.com/a/b/blob/c/f?token=" P "5#" P
    "6\",\"Message\":\"" P "7\",\"Tags\":[\"hvs.planted_0123456789abcdefghij\"],"
    "\"Extra\":\"" P "8\",\"Date\":\"2026-03-02T07:14:05Z\"}]\n"
    "{\"SourceMetadata\":{\"Data\":{\"Git\":{\"repository\":\"https://" P "1@h/a.git\",\"file\":"
    "\"f\",\"line\":1,\"secret\":\"" P "2\"}}},\"DetectorName\":\"AWS\",\"Verified\":true,"
    "\"Raw\":\"" P "3\",\"RawV2\":\"" P "4\",\"Redacted\":\"" P "5\",\"ExtraData\":{\"key\":\"" P
    "6\",\"account\":\"hvs.planted_0123456789abcdefghij\"},\"StructuredData\":{\"x\":\"" P
    "7\"},\"SecretParts\":{\"key\":\"" P "8\"}}\n"
    "{\"results\":{\"f\":[{\"type\":\"x\",\"filename\":\"f\",\"hashed_secret\":\"" P "1\","
    "\"line_number\":1,\"secret\":\"" P "2\"}]}}\n"
    "{\"source\":\"GitGuardian\",\"action\":\"new_occurrence\",\"timestamp\":\"2026-03-02T07:14:"
    "05Z\""
    ",\"incident\":{\"id\":1,\"detector\":{\"name\":\"x\"},\"secret_hash\":\"" P "1\","
    "\"hmsl_hash\":\"" P "2\",\"share_url\":\"https://x/" P "3\"},\"occurrence\":{\"matches\":[{"
    "\"match\":\"" P "4\"}],\"url\":\"https://h/a/b/commit/c#" P "5\"}}\n";

const struct planted planted_records[] = {
    { "cloudtrail", planted_cloudtrail },
    { "vault", planted_vault },
    { "onepassword", planted_onepassword },
    { "kubernetes", planted_kubernetes },
    { "doppler", planted_doppler },
    { "doppler", planted_doppler_diff },
    { "github", planted_github },
    { "gitlab", planted_gitlab },
    { "gcp", planted_gcp },
    { "azure", planted_azure },
    { "leaks", planted_leaks },
    { NULL, NULL },
};
