/* event: ns a record for reading JSON, writing and reading the line, the redaction check and ids.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/event/redact.h"

#define ROUNDS 200000u

static const char record[] =
    "{\"eventVersion\":\"1.11\",\"userIdentity\":{\"type\":\"AssumedRole\",\"principalId\":"
    "\"AROAEXAMPLE:run-812\",\"arn\":\"arn:aws:sts::111122223333:assumed-role/ci-deploy/"
    "run-812\",\"accountId\":\"111122223333\",\"accessKeyId\":\"ASIAEXAMPLE\",\"sessionContext\":"
    "{\"sessionIssuer\":{\"type\":\"Role\",\"principalId\":\"AROAEXAMPLE\",\"arn\":\"arn:aws:iam::"
    "111122223333:role/ci-deploy\",\"userName\":\"ci-deploy\"},\"attributes\":{\"creationDate\":"
    "\"2026-03-02T07:10:00Z\",\"mfaAuthenticated\":\"false\"}}},\"eventTime\":\"2026-03-02T07:14:"
    "05Z"
    "\",\"eventSource\":\"secretsmanager.amazonaws.com\",\"eventName\":\"GetSecretValue\","
    "\"awsRegion\":\"eu-central-1\",\"sourceIPAddress\":\"203.0.113.40\",\"userAgent\":\"aws-cli/"
    "2.15 "
    "Python/3.11.6 Linux/6.1 exe/x86_64.debian.12 prompt/off "
    "command/secretsmanager.get-secret-value"
    "\",\"requestParameters\":{\"secretId\":\"pay/db\"},\"responseElements\":null,\"requestID\":"
    "\"6f2e0000-1111-2222-3333-444455556666\",\"eventID\":\"0b1c0000-1111-2222-3333-444455556666\","
    "\"readOnly\":true,\"eventType\":\"AwsApiCall\",\"managementEvent\":true,"
    "\"recipientAccountId\":"
    "\"111122223333\",\"eventCategory\":\"Management\"}";

static struct kt_event sample(void)
{
    struct kt_event ev = {
        .kind = KT_KIND_ACCESS,
        .source = KT_STR("cloudtrail"),
        .instance = KT_STR("aws-prod"),
        .scope = KT_STR("111122223333"),
        .native_id = KT_STR("0b1c0000-1111-2222-3333-444455556666"),
        .decoder = 1,
        .time = 1772435645000000000,
        .precision = 1000000000,
        .observed = 1772435945123456789,
        .action = KT_ACT_READ,
        .operation = KT_STR("GetSecretValue"),
        .outcome = KT_OUT_SUCCESS,
        .actor = KT_STR("arn:aws:iam::111122223333:role/ci-deploy"),
        .actor_kind = KT_ACTOR_SERVICE,
        .actor_native = KT_STR("AROAEXAMPLE"),
        .actor_name = KT_STR("ci-deploy/run-812"),
        .session = KT_STR("run-812"),
        .credential = KT_STR("ASIAEXAMPLE"),
        .issuer = KT_STR("arn:aws:iam::111122223333:role/ci-deploy"),
        .mfa = -1,
        .secret = KT_STR("aws-sm://111122223333/eu-central-1/pay/db"),
        .secret_native = KT_STR("pay/db"),
        .store = KT_STR("aws-sm://111122223333"),
        .ip_trust = KT_TRUST_EDGE,
        .user_agent = KT_STR("aws-cli/2.15 Python/3.11.6 Linux/6.1 exe/x86_64.debian.12"),
        .region = KT_STR("eu-central-1"),
        .request_id = KT_STR("6f2e0000-1111-2222-3333-444455556666"),
        .raw = KT_STR("{\"userIdentity\":{\"type\":\"AssumedRole\",\"principalId\":\"AROAEXAMPLE:"
                      "run-812\",\"sessionContext\":{\"attributes\":{\"mfaAuthenticated\":"
                      "\"false\"}}},\"eventType\":\"AwsApiCall\",\"readOnly\":true}"),
    };
    ev.has_ip = kt_ip_parse(KT_STR("203.0.113.40"), &ev.ip);
    return ev;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct bench {
    struct kt_json *json;
    struct kt_event ev, back;
    struct kt_buf line;
    struct kt_arena arena;
    size_t sum; /* so that nothing is optimised away */
};

static void parse_and_get(struct bench *b)
{
    static const char *const paths[] = { "eventTime",
                                         "eventSource",
                                         "eventName",
                                         "awsRegion",
                                         "sourceIPAddress",
                                         "userAgent",
                                         "eventID",
                                         "userIdentity.arn",
                                         "userIdentity.sessionContext.sessionIssuer.arn",
                                         "requestParameters.secretId" };
    struct kt_jval root;
    if (kt_json_parse(b->json, kt_str_from(record, sizeof record - 1), &root, NULL, NULL) != KT_OK)
        return;
    for (size_t i = 0; i < KT_ARRAY_LEN(paths); i++)
        b->sum += kt_json_str_at(root, paths[i]).len;
}

static void write_line(struct bench *b)
{
    kt_buf_reset(&b->line);
    b->sum += kt_line_write(&b->ev, &b->line, NULL) == KT_OK;
}

static void read_line(struct bench *b)
{
    kt_arena_reset(&b->arena);
    b->sum += kt_line_read(kt_buf_str(&b->line), &b->arena, &b->back, NULL) == KT_OK;
}

static void check_clean(struct bench *b)
{
    b->sum += kt_redact_line_clean(kt_buf_str(&b->line), b->ev.raw.len, false) ||
              kt_redact_clean(&b->back);
}

static void sweep(struct bench *b)
{
    b->sum += kt_redact_event(&b->ev, &b->arena, NULL);
}

static void id(struct bench *b)
{
    uint8_t ret[16];
    kt_event_id(&b->back, ret);
    b->sum += ret[0];
}

static void access_digest(struct bench *b)
{
    uint8_t ret[16];
    kt_event_access_digest(&b->back, ret);
    b->sum += ret[0];
}

static void measure(struct bench *b, const char *what, size_t bytes, void (*once)(struct bench *b))
{
    double best = 1e30;
    for (unsigned run = 0; run < 5; run++) {
        double from = now_ns();
        for (unsigned i = 0; i < ROUNDS / 5; i++)
            once(b);
        double each = (now_ns() - from) / (ROUNDS / 5);
        best = each < best ? each : best;
    }
    printf("%-24s %6zu B %8.0f ns/record %6.2f GB/s\n", what, bytes, best, (double)bytes / best);
}

int main(void)
{
    kt_hash_init();
    struct bench b = { .ev = sample(), .arena = kt_arena_new(KT_LINE_MAX) };
    for (int body = KT_JSON_SIMDJSON; body <= KT_JSON_JANSSON; body++) {
        b.json = kt_json_new((enum kt_json_body)body);
        measure(&b, body == KT_JSON_SIMDJSON ? "json simdjson + 10 gets" : "json jansson + 10 gets",
                sizeof record - 1, parse_and_get);
        kt_json_free(b.json);
    }
    write_line(&b);
    measure(&b, "line write", b.line.len, write_line);
    measure(&b, "line read", b.line.len, read_line);
    measure(&b, "redact check", b.line.len, check_clean);
    measure(&b, "redact sweep", b.line.len, sweep);
    measure(&b, "event id", b.line.len, id);
    measure(&b, "access digest", b.line.len, access_digest);
    kt_buf_done(&b.line);
    kt_arena_done(&b.arena);
    return b.sum == 0;
}
