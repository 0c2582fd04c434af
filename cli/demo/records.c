/*
 * records: what Vault's file audit device and CloudTrail write (shapes: docs of both), with
 * invented values.
 *
 * Owns:  nothing.
 * Calls: core/base; chance comes in.
 */
#include "cli/demo/records.h"

#include <stdio.h>
#include <string.h>

#include "cli/demo/company.h"
#include "core/base/enc.h"

static void uuid(const struct kt_rng *rng, char ret[37])
{
    uint8_t b[16];
    char hex[33];
    rng->fill(rng->self, b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    kt_hex(hex, b, sizeof b);
    snprintf(ret, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void hmac(const struct kt_rng *rng, char ret[80])
{
    uint8_t b[32];
    char hex[65];
    rng->fill(rng->self, b, sizeof b);
    kt_hex(hex, b, sizeof b);
    snprintf(ret, 80, "hmac-sha256:%s", hex);
}

/* The same value for the same actor every time: an accessor or token of its long-lived session. */
static void stable_hmac(unsigned entity, unsigned which, char ret[80])
{
    struct kt_rng_seeded state = { .state = 7919u * (entity + 1) + which };
    struct kt_rng rng = kt_rng_seeded(&state);
    hmac(&rng, ret);
}

static void vault_auth(const struct kt_demo_vault *v, struct kt_buf *out)
{
    char token[80], accessor[80];
    stable_hmac(v->entity, 1, token);
    stable_hmac(v->entity, 2, accessor);
    if (v->pod)
        kt_buf_addf(out,
                    "\"auth\":{\"client_token\":\"%s\",\"accessor\":\"%s\",\"display_name\":"
                    "\"kubernetes-shop-%s\",\"policies\":"
                    "[\"default\",\"%s\"],\"token_policies\":[\"default\",\"%s\"],\"metadata\":{"
                    "\"role\":\"%s\","
                    "\"service_account_name\":\"%s\",\"service_account_namespace\":\"shop\","
                    "\"service_account_secret_name\":\"\","
                    "\"service_account_uid\":\"5d1f0000-0000-4000-8000-%012u\"},\"entity_id\":"
                    "\"e1000000-0000-4000-8000-%012u\",\"token_type\":\"service\","
                    "\"token_ttl\":3600}",
                    token, accessor, v->who, v->who, v->who, v->who, v->who, v->entity, v->entity);
    else
        kt_buf_addf(out,
                    "\"auth\":{\"client_token\":\"%s\",\"accessor\":\"%s\",\"display_name\":"
                    "\"userpass-%s\",\"policies\":[\"default\","
                    "\"engineers\"],\"token_policies\":[\"default\",\"engineers\"],\"metadata\":{"
                    "\"username\":\"%s\"},\"entity_id\":\"e1000000-0000-4000-8000-%012u\","
                    "\"token_type\":\"service\",\"token_ttl\":28800}",
                    token, accessor, v->who, v->who, v->entity);
}

static void vault_line(const struct kt_demo_vault *v, bool response, const char *id,
                       const struct kt_rng *rng, struct kt_buf *out)
{
    char when[KT_TIME_TEXT_MAX], hash[80];
    kt_time_ns t = response ? v->time + 1400 * KT_NS_US : v->time;
    kt_buf_addf(out, "{\"time\":\"%s\",\"type\":\"%s\",", kt_time_format(t, when),
                response ? "response" : "request");
    /* A login's identity is in its response alone; a failed one has none. */
    if (!v->login)
        vault_auth(v, out);
    else
        kt_buf_addz(out, "\"auth\":{\"token_type\":\"default\"}");
    kt_buf_addf(out, ",\"request\":{\"id\":\"%s\",\"operation\":\"%s\",", id,
                v->login ? "update" : "read");
    if (v->login)
        kt_buf_addf(out,
                    "\"mount_point\":\"auth/userpass/"
                    "\",\"mount_type\":\"userpass\",\"mount_accessor\":\"auth_userpass_1f3a\","
                    "\"mount_class\":\"auth\","
                    "\"namespace\":{\"id\":\"root\"},\"path\":\"auth/userpass/login/%s\",",
                    v->who);
    else
        kt_buf_addf(
            out,
            "\"mount_point\":\"secret/"
            "\",\"mount_type\":\"kv\",\"mount_accessor\":\"kv_7c21\",\"mount_class\":\"secret\","
            "\"namespace\":{\"id\":\"root\"},\"path\":\"secret/data/%s\",",
            v->secret);
    if (v->login) {
        hmac(rng, hash);
        kt_buf_addf(out, "\"data\":{\"password\":\"%s\"},", hash);
    }
    kt_buf_addf(out, "\"remote_address\":\"%s\",\"remote_port\":%u}", v->address,
                30000u + (unsigned)kt_rng_below(rng, 30000));
    if (response && v->login && v->fails) {
        hmac(rng, hash);
        kt_buf_addf(out,
                    ",\"response\":{\"mount_type\":\"userpass\",\"data\":{\"error\":\"%s\"}},"
                    "\"error\":\"invalid username or password\"",
                    hash);
    } else if (response && v->login) {
        kt_buf_addz(out, ",\"response\":{");
        vault_auth(v, out);
        kt_buf_addz(out, ",\"mount_type\":\"userpass\"}");
    } else if (response) {
        char a[80], b[80];
        hmac(rng, a);
        hmac(rng, b);
        kt_buf_addf(
            out,
            ",\"response\":{\"mount_point\":\"secret/"
            "\",\"mount_type\":\"kv\",\"data\":{\"data\":{\"password\":\"%s\",\"user\":\"%s\"},"
            "\"metadata\":{\"created_time\":\"%s\",\"custom_metadata\":null,\"deletion_time\":\"%"
            "s\",\"destroyed\":false,"
            "\"version\":3}}}",
            a, b, b, a);
    }
    kt_buf_addz(out, "}\n");
}

void kt_demo_vault_pair(const struct kt_demo_vault *v, const struct kt_rng *rng, struct kt_buf *out)
{
    char id[37];
    uuid(rng, id);
    vault_line(v, false, id, rng, out);
    vault_line(v, true, id, rng, out);
}

void kt_demo_cloudtrail_record(const struct kt_demo_cloudtrail *c, const struct kt_rng *rng,
                               struct kt_buf *out)
{
    char when[KT_TIME_TEXT_MAX], event[37], request[37], second[21];
    uuid(rng, event);
    uuid(rng, request);
    (void)kt_time_format(c->time, when);
    snprintf(second, sizeof second, "%.19sZ", when); /* CloudTrail has whole seconds */
    kt_buf_addf(
        out,
        "{\"eventVersion\":\"1.11\",\"userIdentity\":{\"type\":\"AssumedRole\",\"principalId\":"
        "\"AROA5NW%09uEX:%s\",\"arn\":"
        "\"arn:aws:sts::" KT_DEMO_ACCOUNT ":assumed-role/%s/%s\",\"accountId\":\"" KT_DEMO_ACCOUNT
        "\",\"accessKeyId\":\"ASIA5NW%09uEX\","
        "\"sessionContext\":{\"sessionIssuer\":{\"type\":\"Role\",\"principalId\":\"AROA5NW%"
        "09uEX\",\"arn\":\"arn:aws:iam::" KT_DEMO_ACCOUNT
        ":role/%s\",\"accountId\":\"" KT_DEMO_ACCOUNT
        "\",\"userName\":\"%s\"},\"attributes\":{\"creationDate\":\"%s\",\"mfaAuthenticated\":"
        "\"false\"}}},",
        c->entity, c->session, c->role, c->session, c->entity, c->entity, c->role, c->role, second);
    kt_buf_addf(
        out,
        "\"eventTime\":\"%s\",\"eventSource\":\"secretsmanager.amazonaws.com\",\"eventName\":"
        "\"GetSecretValue\",\"awsRegion\":\"" KT_DEMO_REGION
        "\",\"sourceIPAddress\":\"%s\",\"userAgent\":\"%s\",%s\"requestParameters\":{\"secretId\":"
        "\"%s\"},\"responseElements\":null,"
        "\"requestID\":\"%s\",\"eventID\":\"%s\",\"readOnly\":true,\"eventType\":\"AwsApiCall\","
        "\"managementEvent\":true,"
        "\"recipientAccountId\":\"" KT_DEMO_ACCOUNT
        "\",\"eventCategory\":\"Management\",\"tlsDetails\":{\"tlsVersion\":\"TLSv1.3\","
        "\"cipherSuite\":"
        "\"TLS_AES_128_GCM_SHA256\",\"clientProvidedHostHeader\":\"secretsmanager." KT_DEMO_REGION
        ".amazonaws.com\"}}",
        second, c->address, c->user_agent,
        c->denied ? "\"errorCode\":\"AccessDenied\",\"errorMessage\":\"User is not authorized to "
                    "perform: secretsmanager:GetSecretValue\","
                  : "",
        c->secret, request, event);
}
