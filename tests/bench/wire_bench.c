/* wire_bench: time to seal and to open a batch of 256 lines of 1 KB, on one core. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/sys/clock.h"
#include "core/sys/rng.h"
#include "core/wire/batch.h"

enum { LINES = 256, LINE_BYTES = 1024, SHARED_BYTES = 870, ROUNDS = 400 };

/* Lines share most of their text, as records of one source do; the rest is chance in hex. */
static void make_lines(struct kt_buf *out)
{
    struct kt_rng_seeded seed = { 1 };
    struct kt_rng rng = kt_rng_seeded(&seed);
    static const char hex[] = "0123456789abcdef";

    for (unsigned i = 0; i < LINES; i++) {
        for (unsigned k = 0; k < SHARED_BYTES; k++)
            kt_buf_byte(out, (char)('a' + k * k % 23));
        for (unsigned k = SHARED_BYTES; k < LINE_BYTES - 1; k++)
            kt_buf_byte(out, hex[kt_rng_below(&rng, 16)]);
        kt_buf_byte(out, '\n');
    }
}

static void report(const char *what, kt_time_ns took)
{
    double per_line = (double)took / ((double)ROUNDS * LINES);
    printf("%-12s %7.0f ns/line %9.0f lines/s\n", what, per_line, 1e9 / per_line);
}

int main(void)
{
    static const uint8_t seed[32] = { 9 };
    static uint8_t hashes[KT_BATCH_EVENTS_MAX][32];
    uint8_t public_key[32];
    struct kt_signer signer;
    struct kt_buf lines = { 0 }, scratch = { 0 }, out = { 0 };
    struct kt_msg m = { .type = KT_MSG_BATCH };
    struct kt_error err = { 0 };
    enum kt_refuse reason;

    kt_hash_init();
    kt_signer_init(&signer, seed);
    kt_sign_public(seed, public_key);
    struct kt_zip *zip = kt_zip_new();
    make_lines(&lines);

    kt_time_ns start = kt_clock_real.mono(NULL);
    for (m.seq = 1; m.seq <= ROUNDS; m.seq++)
        kt_batch_seal(&m, kt_buf_str(&lines), &signer, zip, &scratch);
    m.seq = ROUNDS;
    report("batch seal", kt_clock_real.mono(NULL) - start);

    start = kt_clock_real.mono(NULL);
    for (unsigned i = 0; i < ROUNDS; i++) {
        kt_buf_reset(&out);
        if (kt_batch_open(&m, public_key, zip, &out, hashes, &reason, &err) != KT_OK) {
            (void)fprintf(stderr, "%s\n", err.text);
            return 1;
        }
    }
    report("batch open", kt_clock_real.mono(NULL) - start);
    printf("%-12s %7.0f B/line\n", "packed", (double)m.packed.len / LINES);

    kt_zip_free(zip);
    kt_buf_done(&lines);
    kt_buf_done(&scratch);
    kt_buf_done(&out);
    return 0;
}
