/*
 * ack_bench: how long an acknowledgement takes while events are offered at a steady rate.
 *
 *   ack_bench ENDPOINT SERVER_KEY KEY_FILE EVENTS_PER_S SECONDS [SEED]
 *
 * Batches of 256 events, as an agent closes them, sealed outside the clock and sent when they are
 * due, whether earlier ones were acknowledged or not. The same SEED (5) makes the same events,
 * which a store knows the second time. From the send of a batch to the receipt of the ack that
 * covers it: its events are on the disk then.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/config/config.h"
#include "core/sys/clock.h"
#include "core/sys/net.h"
#include "core/wire/batch.h"
#include "tests/support/year.h"

#define BATCH      256u
#define BATCHES    20000u
#define PATIENCE_S 30

struct bench {
    struct kt_net_client *net;
    struct kt_signer signer;
    struct kt_zip *zip;
    struct year *year;
    uint8_t incarnation[16];
    struct kt_buf body;
    kt_time_ns sent[BATCHES + 1], took[BATCHES];
    unsigned n_sent, n_acked;
};

static kt_time_ns now(void)
{
    return kt_clock_real.mono(NULL);
}

static void must(enum kt_status st, const struct kt_error *err)
{
    if (st == KT_OK)
        return;
    (void)fprintf(stderr, "ack_bench: %s\n", err->text);
    exit(1);
}

static void send_msg(struct bench *b, const struct kt_msg *m)
{
    struct kt_error err = { 0 };
    kt_buf_reset(&b->body);
    kt_msg_write(m, &b->body);
    must(kt_net_client_send(b->net, kt_buf_str(&b->body), &err), &err);
}

/* Takes what has come; true: a welcome or an ack was among it. */
static bool receive(struct bench *b)
{
    struct kt_net_msg in;
    struct kt_error err = { 0 };
    bool any = false;
    while (kt_net_client_recv(b->net, &in, NULL) == KT_OK) {
        struct kt_msg m = { 0 };
        must(kt_msg_read(in.body, &m, &err), &err);
        if (m.type == KT_MSG_REFUSE) {
            (void)fprintf(stderr, "ack_bench: refused: %s\n", kt_refuse_word(m.reason));
            exit(1);
        }
        for (; m.type == KT_MSG_ACK && b->n_acked < m.seq && b->n_acked < b->n_sent; b->n_acked++)
            b->took[b->n_acked] = now() - b->sent[b->n_acked];
        any = any || m.type == KT_MSG_WELCOME || m.type == KT_MSG_ACK;
        kt_net_msg_done(&in);
    }
    return any;
}

static bool wait_for(struct bench *b, int ms)
{
    struct kt_error err = { 0 };
    must(kt_net_client_wait(b->net, NULL, 0, ms, &err), &err);
    return receive(b);
}

static void wait_until(struct bench *b, kt_time_ns until)
{
    for (kt_time_ns left; (left = until - now()) > 0;)
        (void)wait_for(b, (int)(left / KT_NS_MS));
}

static void greet(struct bench *b)
{
    struct kt_msg hello = { .type = KT_MSG_HELLO,
                            .agent = KT_STR("bench"),
                            .program = KT_STR("ack_bench") };
    memcpy(hello.incarnation, b->incarnation, 16);
    send_msg(b, &hello);
    kt_time_ns until = now() + PATIENCE_S * KT_NS_S;
    bool welcome = false;
    while (!welcome && now() < until)
        welcome = wait_for(b, 100);
    if (!welcome) {
        (void)fprintf(stderr, "ack_bench: no welcome\n");
        exit(1);
    }
}

static void send_batch(struct bench *b, struct kt_buf *scratch)
{
    struct kt_buf lines = { 0 };
    struct kt_msg m = { .type = KT_MSG_BATCH, .seq = b->n_sent + 1 };
    memcpy(m.incarnation, b->incarnation, 16);
    for (unsigned i = 0; i < BATCH; i++) {
        year_line(b->year, (uint64_t)b->n_sent * BATCH + i, &lines);
        kt_buf_byte(&lines, '\n');
    }
    kt_batch_seal(&m, kt_buf_str(&lines), &b->signer, b->zip, scratch);
    b->sent[b->n_sent++] = now();
    send_msg(b, &m);
    kt_buf_done(&lines);
}

static int by_time(const void *pa, const void *pb)
{
    kt_time_ns x = *(const kt_time_ns *)pa, y = *(const kt_time_ns *)pb;
    return (x > y) - (x < y);
}

static void report(struct bench *b, double seconds)
{
    qsort(b->took, b->n_acked, sizeof *b->took, by_time);
    const struct {
        const char *name;
        double share;
    } at[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "max", 1 } };
    (void)printf("offered %.0f events/s for %.0f s, acknowledged %u of %u batches;",
                 b->n_sent * (double)BATCH / seconds, seconds, b->n_acked, b->n_sent);
    for (unsigned i = 0; i < KT_ARRAY_LEN(at) && b->n_acked > 0; i++)
        (void)printf(" %s %.1f ms", at[i].name,
                     (double)b->took[(unsigned)(at[i].share * (b->n_acked - 1))] / 1e6);
    (void)printf("\n");
}

int main(int argc, char **argv)
{
    struct bench *b = kt_alloc(sizeof *b);
    struct kt_key_file key;
    struct kt_net_keys keys;
    struct kt_error err = { 0 };
    uint8_t server[32];
    kt_hash_init();
    if (argc < 6 || argc > 7 || !kt_z85_decode(kt_str_of(argv[2]), server)) {
        (void)fprintf(
            stderr, "usage: ack_bench ENDPOINT SERVER_KEY KEY_FILE EVENTS_PER_S SECONDS [SEED]\n");
        return 2;
    }
    double rate = strtod(argv[4], NULL), seconds = strtod(argv[5], NULL);
    must(kt_key_file_read(argv[3], &key, &err), &err);
    kt_net_keys_from_secret(key.curve_secret, &keys);
    kt_signer_init(&b->signer, key.signing_seed);
    const struct kt_net_client_options o = {
        .endpoint = argv[1], .server_key = server, .keys = &keys, .queue = 1000
    };
    must(kt_net_client_open(&o, &b->net, &err), &err);
    kt_random(b->incarnation, sizeof b->incarnation);
    b->zip = kt_zip_new();
    b->year =
        year_new((uint64_t)(rate * seconds) + BATCH, argc == 7 ? strtoull(argv[6], NULL, 10) : 5);
    greet(b);
    struct kt_buf scratch = { 0 };
    kt_time_ns begin = now(), step = (kt_time_ns)(1e9 * BATCH / rate);
    while (b->n_sent < BATCHES && (double)b->n_sent * BATCH < rate * seconds) {
        send_batch(b, &scratch);
        wait_until(b, begin + (kt_time_ns)b->n_sent * step);
    }
    seconds = (double)(now() - begin) / 1e9;
    kt_time_ns until = now() + PATIENCE_S * KT_NS_S;
    while (b->n_acked < b->n_sent && now() < until)
        (void)wait_for(b, 10);
    report(b, seconds);
    kt_net_client_free(b->net);
    return b->n_acked == b->n_sent ? 0 : 1;
}
