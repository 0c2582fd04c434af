/*
 * decode_bench: how fast (in CPU time) a source turns bytes into canonical lines, and what it makes
 * of a file.
 *
 *   decode_bench vault 1000000         records made in memory, decoded as one stream
 *   decode_bench cloudtrail 1000000
 *   decode_bench --jansson vault 1000  with the other JSON body
 *   decode_bench --other cloudtrail N  records that are not about secrets (cloudtrail, kubernetes)
 *   decode_bench --escaped vault N     with every slash written as some relays do, with a backslash
 *   decode_bench --show vault FILE…    counts by verb and outcome; --lines prints the lines too
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agents/pipeline.h"
#include "core/base/buf.h"
#include "core/base/hash.h"

struct tally {
    uint64_t lines, bytes;
    uint64_t by[KT_ACT_COUNT][KT_OUT_COUNT];
    bool print;
};

static enum kt_status on_line(void *self, const struct kt_line_out *l, struct kt_error *err)
{
    struct tally *t = self;
    (void)err;
    t->lines++;
    t->bytes += l->line.len;
    if (l->event->kind == KT_KIND_ACCESS)
        t->by[l->event->action][l->event->outcome]++;
    if (t->print)
        printf(KT_STR_FMT "\n", KT_STR_ARG(l->line));
    return KT_OK;
}

static void on_finding(void *self, const char *code, const char *sentence)
{
    (void)self;
    fprintf(stderr, "finding %s: %s\n", code, sentence);
}

static void cloudtrail_record(struct kt_buf *b, unsigned i)
{
    kt_buf_addf(
        b,
        "%s{\"eventVersion\":\"1.09\",\"userIdentity\":{\"type\":\"AssumedRole\",\"principalId\":"
        "\"AROAEXAMPLEROLE%u:i-0a%08x\",\"arn\":\"arn:aws:sts::111122223333:assumed-role/svc-%u/"
        "i-0a%08x\",\"accountId\":\"111122223333\",\"accessKeyId\":\"ASIAEXAMPLE%08X\","
        "\"sessionContext\":{\"sessionIssuer\":{\"type\":\"Role\",\"principalId\":"
        "\"AROAEXAMPLEROLE%u\",\"arn\":\"arn:aws:iam::111122223333:role/svc-%u\",\"accountId\":"
        "\"111122223333\",\"userName\":\"svc-%u\"},\"attributes\":{\"creationDate\":"
        "\"2026-03-02T06:00:00Z\",\"mfaAuthenticated\":\"false\"}}},\"eventTime\":"
        "\"2026-03-02T07:%02u:%02uZ\",\"eventSource\":\"secretsmanager.amazonaws.com\","
        "\"eventName\":\"GetSecretValue\",\"awsRegion\":\"eu-central-1\",\"sourceIPAddress\":"
        "\"203.0.113.%u\",\"userAgent\":\"aws-sdk-go-v2/1.24.0 os/linux lang/go#1.21.5 "
        "md/GOOS#linux md/GOARCH#amd64 api/secretsmanager#1.26.0\",\"requestParameters\":"
        "{\"secretId\":\"arn:aws:secretsmanager:eu-central-1:111122223333:secret:svc-%u/db-a1B2c3\""
        ",\"versionStage\":\"AWSCURRENT\"},\"responseElements\":null,\"requestID\":"
        "\"%08x-1111-4111-8111-000000000000\",\"eventID\":\"%08x-2222-4222-8222-000000000000\","
        "\"readOnly\":true,\"eventType\":\"AwsApiCall\",\"managementEvent\":true,"
        "\"recipientAccountId\":\"111122223333\",\"eventCategory\":\"Management\",\"tlsDetails\":"
        "{\"tlsVersion\":\"TLSv1.3\",\"cipherSuite\":\"TLS_AES_128_GCM_SHA256\","
        "\"clientProvidedHostHeader\":\"secretsmanager.eu-central-1.amazonaws.com\"}}",
        i == 0 ? "{\"Records\":[" : ",", i % 50, i, i % 50, i, i, i % 50, i % 50, i % 50,
        i / 60 % 60, i % 60, i % 200 + 1, i % 300, i, i);
}

static void vault_half(struct kt_buf *b, unsigned i, bool response)
{
    kt_buf_addf(
        b,
        "{\"time\":\"2026-03-02T07:%02u:%02u.%03u%sZ\",\"type\":\"%s\",\"auth\":{\"client_token\":"
        "\"hmac-sha256:%064x\",\"accessor\":\"hmac-sha256:%064x\",\"display_name\":"
        "\"userpass-user%u\",\"policies\":[\"default\",\"team-%u\"],\"token_policies\":[\"default\""
        ",\"team-%u\"],\"metadata\":{\"username\":\"user%u\"},\"entity_id\":"
        "\"%08x-3333-4333-8333-000000000000\",\"token_type\":\"service\"},\"request\":{\"id\":"
        "\"%08x-4444-4444-8444-000000000000\",\"operation\":\"read\",\"mount_point\":\"secret/\","
        "\"mount_type\":\"kv\",\"client_token\":\"hmac-sha256:%064x\",\"namespace\":{\"id\":"
        "\"root\"},\"path\":\"secret/data/team-%u/app-%u\",\"remote_address\":\"10.20.%u.%u\"}",
        i / 60 % 60, i % 60, i % 1000, response ? "91" : "12", response ? "response" : "request",
        i % 97, i % 97, i % 97, i % 7, i % 7, i % 97, i % 97, i, i % 97, i % 7, i % 400, i % 7,
        i % 250 + 1);
    if (response)
        kt_buf_addf(b,
                    ",\"response\":{\"mount_type\":\"kv\",\"data\":{\"data\":{\"password\":"
                    "\"hmac-sha256:%064x\"},\"metadata\":{\"created_time\":\"hmac-sha256:%064x\","
                    "\"destroyed\":false,\"version\":%u}}}",
                    i, i, i % 9 + 1);
    kt_buf_addz(b, "}\n");
}

/* An instance that describes others, as half of a trail is: five in a page of an answer. */
static void other_cloudtrail(struct kt_buf *b, unsigned i)
{
    kt_buf_addf(
        b,
        "%s{\"eventVersion\":\"1.09\",\"userIdentity\":{\"type\":\"AssumedRole\",\"principalId\":"
        "\"AROAEXAMPLEROLE%u:scaler\",\"arn\":\"arn:aws:sts::111122223333:assumed-role/asg-%u/"
        "scaler\",\"accountId\":\"111122223333\",\"accessKeyId\":\"ASIAEXAMPLE%08X\","
        "\"sessionContext\":{\"sessionIssuer\":{\"type\":\"Role\",\"principalId\":"
        "\"AROAEXAMPLEROLE%u\",\"arn\":\"arn:aws:iam::111122223333:role/asg-%u\",\"accountId\":"
        "\"111122223333\",\"userName\":\"asg-%u\"},\"attributes\":{\"creationDate\":"
        "\"2026-03-02T06:00:00Z\",\"mfaAuthenticated\":\"false\"}},\"invokedBy\":"
        "\"autoscaling.amazonaws.com\"},\"eventTime\":\"2026-03-02T07:%02u:%02uZ\",\"eventSource\":"
        "\"ec2.amazonaws.com\",\"eventName\":\"DescribeInstances\",\"awsRegion\":\"eu-central-1\","
        "\"sourceIPAddress\":\"autoscaling.amazonaws.com\",\"userAgent\":"
        "\"autoscaling.amazonaws.com\",\"requestParameters\":{\"maxResults\":1000,"
        "\"instancesSet\":{\"items\":[{\"instanceId\":\"i-0a%08x\"},{\"instanceId\":"
        "\"i-0b%08x\"},{\"instanceId\":\"i-0c%08x\"}]},\"filterSet\":{\"items\":[{\"name\":"
        "\"tag:team\",\"valueSet\":{\"items\":[{\"value\":\"team-%u\"}]}}]}},"
        "\"responseElements\":null,\"requestID\":\"%08x-1111-4111-8111-000000000000\","
        "\"eventID\":\"%08x-2222-4222-8222-000000000000\",\"readOnly\":true,\"eventType\":"
        "\"AwsApiCall\",\"managementEvent\":true,\"recipientAccountId\":\"111122223333\","
        "\"eventCategory\":\"Management\"}",
        i == 0 ? "{\"Records\":[" : ",", i % 50, i % 50, i, i % 50, i % 50, i % 50, i / 60 % 60,
        i % 60, i, i, i, i % 9, i, i);
}

static void other_kubernetes(struct kt_buf *b, unsigned i)
{
    kt_buf_addf(
        b,
        "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"auditID\":"
        "\"%08x-5555-4555-8555-000000000000\",\"stage\":\"ResponseComplete\",\"requestURI\":"
        "\"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-%u?timeout=10s\","
        "\"verb\":\"update\",\"user\":{\"username\":\"system:node:node-%u\",\"groups\":"
        "[\"system:nodes\",\"system:authenticated\"]},\"sourceIPs\":[\"10.20.%u.%u\"],"
        "\"userAgent\":\"kubelet/v1.29.2 (linux/amd64) kubernetes/4b8e819\",\"objectRef\":"
        "{\"resource\":\"leases\",\"namespace\":\"kube-node-lease\",\"name\":\"node-%u\",\"uid\":"
        "\"%08x-6666-4666-8666-000000000000\",\"apiGroup\":\"coordination.k8s.io\",\"apiVersion\":"
        "\"v1\",\"resourceVersion\":\"%u\"},\"responseStatus\":{\"metadata\":{},\"code\":200},"
        "\"requestReceivedTimestamp\":\"2026-03-02T07:%02u:%02u.%06uZ\",\"stageTimestamp\":"
        "\"2026-03-02T07:%02u:%02u.%06uZ\",\"annotations\":{\"authorization.k8s.io/decision\":"
        "\"allow\",\"authorization.k8s.io/reason\":\"\"}}\n",
        i, i % 90, i % 90, i % 7, i % 250 + 1, i % 90, i % 90, i, i / 60 % 60, i % 60, i % 999999,
        i / 60 % 60, i % 60, i % 999999);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void feed(struct kt_pipeline *p, struct kt_str all, const char *place, kt_time_ns now)
{
    struct kt_error err = { 0 };
    const size_t chunk = 256 << 10;
    kt_pipeline_restart(p, 0);
    for (size_t at = 0; at < all.len; at += chunk)
        if (kt_pipeline_feed(p, kt_str_sub(all, at, chunk), at, kt_str_of(place), now, &err) !=
            KT_OK)
            fprintf(stderr, "%s: %s\n", place, err.text);
    if (kt_pipeline_end(p, now, &err) != KT_OK)
        fprintf(stderr, "%s: %s\n", place, err.text);
}

static void vault_pair(struct kt_buf *b, unsigned i)
{
    vault_half(b, i, false);
    vault_half(b, i, true);
}

static void made(struct kt_buf *all, const struct kt_source *source, bool other, unsigned n)
{
    const struct {
        const char *source;
        bool other;
        void (*record)(struct kt_buf *b, unsigned i);
        const char *end;
    } all_kinds[] = { { "vault", false, vault_pair, "" },
                      { "cloudtrail", false, cloudtrail_record, "]}" },
                      { "cloudtrail", true, other_cloudtrail, "]}" },
                      { "kubernetes", true, other_kubernetes, "" } };
    for (size_t k = 0; k < KT_ARRAY_LEN(all_kinds); k++) {
        if (strcmp(source->name, all_kinds[k].source) != 0 || all_kinds[k].other != other)
            continue;
        for (unsigned i = 0; i < n; i++)
            all_kinds[k].record(all, i);
        kt_buf_addz(all, all_kinds[k].end);
    }
}

static void escape_slashes(struct kt_buf *all)
{
    struct kt_buf out = { 0 };
    for (size_t i = 0; i < all->len; i++) {
        if (all->at[i] == '/')
            kt_buf_byte(&out, '\\');
        kt_buf_byte(&out, all->at[i]);
    }
    kt_buf_done(all);
    *all = out;
}

static void read_file(const char *path, struct kt_buf *all)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(1);
    }
    kt_buf_reset(all);
    for (size_t n = 1; n > 0; all->len += n)
        n = fread(kt_buf_reserve(all, 1 << 16), 1, 1 << 16, f);
    fclose(f);
}

static void print_counts(const struct kt_pipeline_counts *c, const struct tally *t)
{
    printf("records %llu = yielded %llu + folded %llu + skipped %llu + quarantined %llu; events "
           "%llu, redactions %llu, repaired %llu, torn %llu, blank %llu, unknown fields %llu\n",
           (unsigned long long)c->records, (unsigned long long)c->yielded,
           (unsigned long long)c->folded, (unsigned long long)c->skipped,
           (unsigned long long)c->quarantined, (unsigned long long)c->events,
           (unsigned long long)c->redactions, (unsigned long long)c->repaired,
           (unsigned long long)c->torn, (unsigned long long)c->blank,
           (unsigned long long)c->unknown_fields);
    for (unsigned i = 0; i < KT_ARRAY_LEN(c->skip) && c->skip[i].reason != NULL; i++)
        printf("  skipped %8llu %s\n", (unsigned long long)c->skip[i].n, c->skip[i].reason);
    for (unsigned a = 0; a < KT_ACT_COUNT; a++)
        for (unsigned o = 0; o < KT_OUT_COUNT; o++)
            if (t->by[a][o] > 0)
                printf("  %-10s %-10s %8llu\n", kt_action_word((enum kt_action)a),
                       kt_outcome_word((enum kt_outcome)o), (unsigned long long)t->by[a][o]);
}

int main(int argc, char **argv)
{
    struct tally t = { 0 };
    struct kt_error err = { 0 };
    struct kt_buf all = { 0 };
    bool show = false, other = false, escaped = false;
    enum kt_json_body body = KT_JSON_SIMDJSON;
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        other = other || strcmp(argv[i], "--other") == 0;
        escaped = escaped || strcmp(argv[i], "--escaped") == 0;
        show = show || strcmp(argv[i], "--show") == 0 || strcmp(argv[i], "--lines") == 0;
        t.print = t.print || strcmp(argv[i], "--lines") == 0;
        if (strcmp(argv[i], "--jansson") == 0)
            body = KT_JSON_JANSSON;
    }
    const struct kt_source *source = i + 1 < argc ? kt_source_find(kt_str_of(argv[i])) : NULL;
    if (source == NULL) {
        fprintf(stderr, "usage: decode_bench [--jansson] [--other] [--escaped] SOURCE N | "
                        "--show|--lines SOURCE FILE…\n");
        return 2;
    }
    kt_hash_init();
    struct kt_pipeline_options o = { .source = source,
                                     .instance = KT_STR("bench"),
                                     .body = body,
                                     .line = on_line,
                                     .finding = on_finding,
                                     .self = &t };
    struct kt_pipeline *p = kt_pipeline_new(&o);
    kt_time_ns now = (kt_time_ns)time(NULL) * KT_NS_S;
    if (show) {
        for (i++; i < argc; i++) {
            read_file(argv[i], &all);
            feed(p, kt_buf_str(&all), argv[i], now);
        }
        if (kt_pipeline_expire(p, now, true, &err) != KT_OK)
            return 1;
        print_counts(kt_pipeline_counts(p), &t);
    } else {
        unsigned n = (unsigned)strtoul(argv[i + 1], NULL, 10);
        made(&all, source, other, n);
        if (escaped)
            escape_slashes(&all);
        double start = seconds();
        feed(p, kt_buf_str(&all), "memory", now);
        double took = seconds() - start;
        printf("%s: %u accesses, %.1f MB in %.2f s: %.0f accesses/s, %.0f records/s, %.0f MB/s; "
               "%llu lines of %.0f bytes\n",
               source->name, n, (double)all.len / 1e6, took, n / took,
               (double)kt_pipeline_counts(p)->records / took, (double)all.len / 1e6 / took,
               (unsigned long long)t.lines, t.lines > 0 ? (double)t.bytes / (double)t.lines : 0);
    }
    kt_pipeline_free(p);
    kt_buf_done(&all);
    return 0;
}
