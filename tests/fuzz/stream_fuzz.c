/*
 * Fuzz target: what comes from outside into a stream: answers of every type's targets, at any stage
 * and with any status, and the bytes of its blobs.
 */
#include "collector/stream_state.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/config/config.h"
#include "exporters/streams/stream.h"

static void judge(struct kt_rd *in)
{
    unsigned n_types = 0;
    while (kt_stream_types[n_types] != NULL)
        n_types++;
    const struct kt_stream_type *t = kt_stream_types[kt_rd_u8(in) % n_types];
    struct kt_stream_batch b = { .stream = "s", .log = "l", .n = 1 + kt_rd_u8(in) % 32 };
    unsigned stage = kt_rd_u8(in) % 3;
    int status = 100 + kt_rd_u16(in) % 500;
    uint8_t fate[32] = { 0 };
    struct kt_stream_judgement j = { .fate = fate };
    struct kt_http_answer answer = { .status = status };
    if (t->judge == NULL)
        return;
    void *options = kt_alloc(t->options_size);
    kt_options_defaults(t->options, options);
    kt_buf_add(&answer.headers, kt_rd_bytes(in, in->left < 64 ? in->left : 64));
    kt_str_copyz(j.note, sizeof j.note, KT_STR("note"));
    t->judge(options, &b, stage, status, kt_rd_bytes(in, in->left), &answer, &j);
    if (j.verdict > KT_STREAM_AGAIN || memchr(j.word, 0, sizeof j.word) == NULL ||
        memchr(j.note, 0, sizeof j.note) == NULL)
        __builtin_trap();
    for (unsigned i = 0; i < sizeof fate; i++)
        if (fate[i] > KT_STREAM_FATE_REFUSED || (i >= b.n && fate[i] != 0))
            __builtin_trap();
    kt_buf_done(&answer.headers);
    kt_free(options);
}

static void blobs(struct kt_str bytes)
{
    struct kt_stream_state s, again;
    struct kt_stream_dead d;
    struct kt_buf a = { 0 }, b = { 0 };
    if (kt_stream_state_read(bytes, &s)) {
        kt_stream_state_write(&s, &a);
        if (!kt_stream_state_read(kt_buf_str(&a), &again))
            __builtin_trap();
        kt_stream_state_write(&again, &b);
        if (!kt_str_eq(kt_buf_str(&a), kt_buf_str(&b)))
            __builtin_trap();
    }
    while (kt_stream_dead_next(&bytes, &d))
        (void)kt_stream_dead_add(&a, &d);
    kt_buf_done(&a);
    kt_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kt_hash_init();
    if (size > 0 && data[0] == '{') {
        blobs(kt_str_from(data, size));
        return 0;
    }
    struct kt_rd in = kt_rd_of(kt_str_from(data, size));
    judge(&in);
    return 0;
}
