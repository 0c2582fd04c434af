/* stream: events a second that each stream type's encoder writes on one thread, from parsed lines,
 * and how long what it writes is. Reading the line, packing and sending are not in it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/config/config.h"
#include "core/event/line.h"
#include "exporters/streams/stream.h"

#define ROUNDS 200u
#define BATCH  1000u

static const char line[] =
    "{\"v\":1,\"kind\":\"access\",\"source\":\"cloudtrail\",\"instance\":\"aws-prod\",\"scope\":"
    "\"111122223333\",\"native_id\":\"0b1c0000-1111-2222-3333-444455556666\",\"decoder\":1,"
    "\"time\":1772435645000000000,\"precision\":1000000000,\"observed\":1772435945123456789,"
    "\"action\":\"read\",\"operation\":\"GetSecretValue\",\"outcome\":\"success\",\"actor\":"
    "\"arn:aws:iam::111122223333:role/ci-deploy\",\"actor_kind\":\"service\",\"actor_native\":"
    "\"AROAEXAMPLE\",\"actor_name\":\"ci-deploy/run-812\",\"session\":\"run-812\",\"credential\":"
    "\"ASIAEXAMPLE\",\"issuer\":\"arn:aws:iam::111122223333:role/ci-deploy\",\"mfa\":false,"
    "\"secret\":\"aws-sm://111122223333/eu-central-1/pay/db\",\"secret_native\":\"pay/db\","
    "\"store\":\"aws-sm://111122223333\",\"ip\":\"203.0.113.40\",\"ip_trust\":\"edge\","
    "\"user_agent\":\"aws-cli/2.15 Python/3.11.6 Linux/6.1 exe/x86_64.debian.12\",\"region\":"
    "\"eu-central-1\",\"request_id\":\"6f2e0000-1111-2222-3333-444455556666\",\"raw\":{"
    "\"userIdentity\":{\"type\":\"AssumedRole\",\"principalId\":\"AROAEXAMPLE:run-812\"},"
    "\"eventType\":\"AwsApiCall\",\"readOnly\":true}}";

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void batch(const struct kt_stream_type *type, const void *options, void *state,
                  struct kt_stream_item *item, struct kt_arena *arena, struct kt_buf *body)
{
    kt_buf_reset(body);
    memset(state, 0, type->state_size);
    if (type->begin != NULL)
        type->begin(options, state, body);
    for (unsigned i = 0; i < BATCH; i++) {
        item->seq++;
        kt_arena_reset(arena);
        if (type->add(options, state, item, arena, body, NULL) != KT_OK)
            printf("refused\n");
    }
    if (type->end != NULL)
        type->end(options, state, body);
}

static void measure(const struct kt_stream_type *type, struct kt_stream_item *item)
{
    void *options = kt_alloc(type->options_size), *state = kt_alloc(type->state_size + 1);
    struct kt_arena arena = kt_arena_new(1u << 20);
    struct kt_buf body = { 0 };
    kt_options_defaults(type->options, options);
    batch(type, options, state, item, &arena, &body);
    double from = now_s();
    for (unsigned i = 0; i < ROUNDS; i++)
        batch(type, options, state, item, &arena, &body);
    double took = now_s() - from;
    printf("%-14s %9.0f events/s %6.2f us %6zu bytes an event\n", type->name, ROUNDS * BATCH / took,
           took * 1e6 / (ROUNDS * BATCH), body.len / BATCH);
    kt_free(options);
    kt_free(state);
    kt_buf_done(&body);
    kt_arena_done(&arena);
}

int main(void)
{
    struct kt_arena keep = kt_arena_new(1u << 20);
    struct kt_event ev;
    struct kt_error err = { 0 };
    const struct kt_fact fact = { KT_STR("DE"), KT_STR("Example Net"), 64500, false };
    kt_hash_init();
    if (kt_line_read(kt_str_of(line), &keep, &ev, &err) != KT_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    struct kt_stream_item item = { .what = KT_STREAM_EVENT,
                                   .deployment = "main",
                                   .log = "00000000000000000000000000",
                                   .stored = 1772435946000000000,
                                   .arrival = 1772435945500000000,
                                   .id = "37B0M01C4F9ZHTVM61GGVPCGJY",
                                   .about = "37B0M01C4F9ZHTVM61GGVPCGJY",
                                   .line = kt_str_of(line),
                                   .event = &ev,
                                   .fact = &fact };
    for (const struct kt_stream_type *const *t = kt_stream_types; *t != NULL; t++)
        measure(*t, &item);
    kt_arena_done(&keep);
    return 0;
}
