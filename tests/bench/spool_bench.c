/*
 * spool_bench: lines through the agent's spool: packed, digested, appended, synced after every four
 * batches, acknowledged.
 *
 *   spool_bench [LINES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agents/spool/spool.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/sys/clock.h"

#define SYNC_EVERY 4u
#define ACK_BEHIND 32u

static void remove_folder(const char *dir)
{
    for (unsigned i = 0; i < 4096; i++) {
        char path[200];
        snprintf(path, sizeof path, "%s/%08u.spool", dir, i);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

/* About a kilobyte a line; each differs in what real lines differ in. */
static void make_lines(unsigned long first, struct kt_buf *out)
{
    kt_buf_reset(out);
    for (unsigned i = 0; i < KT_BATCH_EVENTS; i++)
        kt_buf_addf(out,
                    "{\"v\":1,\"kind\":\"access\",\"source\":\"vault\",\"instance\":\"vault-prod\","
                    "\"native_id\":\"%016lx\",\"time\":%lu,"
                    "\"actor\":\"person%03lu\",\"secret\":\"vault://vault-prod/-/secret/team/prod/"
                    "s%lu\",\"raw\":{\"pad\":\"%0640lu\"}}\n",
                    (first + i) * 2654435761u, 1795377600000000000u + first + i, (first + i) % 200,
                    (first + i) % 2000, first + i);
}

int main(int argc, char **argv)
{
    unsigned long lines = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000, done = 0;
    char dir[] = "/tmp/keytrail-spool-XXXXXX";
    struct kt_error err = { 0 };
    struct kt_spool *s = NULL;
    struct kt_buf text = { 0 };
    uint64_t seq = 0, bytes = 0;
    kt_hash_init();
    if (mkdtemp(dir) == NULL)
        return 1;
    struct kt_spool_options o = { .fs = kt_fs_real,
                                  .rng = kt_rng_real,
                                  .dir = dir,
                                  .bytes_max = 1u << 30,
                                  .keep_bytes = 1u << 20 };
    enum kt_status st = kt_spool_open(&o, &s, &err);
    kt_time_ns making = 0, start = kt_clock_real.mono(NULL);
    while (st == KT_OK && done < lines) {
        kt_time_ns t = kt_clock_real.mono(NULL);
        make_lines(done, &text);
        making += kt_clock_real.mono(NULL) - t;
        st = kt_spool_append(s, kt_buf_str(&text), KT_BATCH_EVENTS, NULL, 0, &seq, &err);
        done += KT_BATCH_EVENTS;
        bytes += text.len;
        if (st == KT_OK && seq % SYNC_EVERY == 0)
            st = kt_spool_sync(s, &err);
        if (seq > ACK_BEHIND)
            kt_spool_ack(s, seq - ACK_BEHIND);
    }
    double took = (double)(kt_clock_real.mono(NULL) - start - making) / 1e9;
    kt_spool_close(s);
    remove_folder(dir);
    kt_buf_done(&text);
    if (st != KT_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    printf("spool        %9.0f events/s  %6.1f MB/s, synced every %u batches of %u\n",
           (double)done / took, (double)bytes / took / 1e6, SYNC_EVERY, KT_BATCH_EVENTS);
    return 0;
}
