/*
 * year_bench: the store under a year of events.
 *
 *   year_bench fill STORE EVENTS [SEED]   makes the store; a line a million: rate, disk, memory
 *   year_bench ndjson EVENTS [SEED]       the same records as NDJSON, for other tools
 *   year_bench questions EVENTS           the questions asked of it, as JSON
 *   year_bench ask STORE EVENTS           asks them: best of three, and the first time
 *
 * Lines are made, hashed and packed outside the clock, as agents and the wire do; what is measured
 * is dedupe, tree, append, commit (FULL) and sealing. The sealing thread has the other core.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/base/zip.h"
#include "core/event/line.h"
#include "core/query/query.h"
#include "core/wire/batch.h"
#include "tests/support/year.h"

#define BATCH   1024u /* an agent that is behind */
#define GROUP   4u    /* batches a commit */
#define AT_ONCE 32u   /* batches that are made outside the clock at a time */

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status == KT_OK)
        return;
    (void)fprintf(stderr, "year_bench: %s\n", err->text);
    exit(1);
}

static long peak_mib(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss / 1024;
}

static double file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

/* ---- filling ---- */

struct made { /* one batch, ready */
    struct kt_buf text, packed;
    struct kt_arena arena;
    struct kt_event *events;
    struct kt_str *line;
    uint8_t (*hash)[32];
    kt_time_ns *arrival;
    uint8_t digest[32];
};

static void make(struct made *m, struct year *y, struct kt_zip *zip, uint64_t first, uint32_t n)
{
    struct kt_error err = { 0 };
    if (m->events == NULL) {
        m->arena = kt_arena_new(4u << 20);
        m->events = kt_alloc_array(BATCH, sizeof *m->events);
        m->line = kt_alloc_array(BATCH, sizeof *m->line);
        m->hash = kt_alloc_array(BATCH, 32);
        m->arrival = kt_alloc_array(BATCH, sizeof *m->arrival);
    }
    kt_buf_reset(&m->text);
    kt_arena_reset(&m->arena);
    for (uint32_t i = 0; i < n; i++) {
        year_line(y, first + i, &m->text);
        kt_buf_byte(&m->text, '\n');
    }
    struct kt_str rest = kt_buf_str(&m->text);
    rest.len--;
    for (uint32_t i = 0; i < n; i++) {
        (void)kt_str_split(&rest, '\n', &m->line[i]);
        must(kt_line_read(m->line[i], &m->arena, &m->events[i], &err), &err);
        kt_line_hash(m->line[i], m->hash[i]);
    }
    kt_time_ns last = m->events[n - 1].observed;
    for (uint32_t i = 0; i < n; i++)
        m->arrival[i] = last;
    kt_batch_digest((const uint8_t(*)[32])m->hash, n, m->digest);
    kt_buf_reset(&m->packed);
    kt_zip_pack(zip, kt_buf_str(&m->text), 1, &m->packed);
}

static void append(struct kt_store *s, const struct made *m, uint64_t number, uint32_t n,
                   kt_time_ns *arrival)
{
    static const uint8_t incarnation[16] = { 1 }, signature[64] = { 2 };
    struct kt_store_result r;
    struct kt_error err = { 0 };
    if (m->arrival[0] < *arrival) /* live arrivals never go back */
        for (uint32_t i = 0; i < n; i++)
            m->arrival[i] = *arrival;
    *arrival = m->arrival[0];
    const struct kt_store_batch b = { .agent = KT_STR("bench"),
                                      .incarnation = incarnation,
                                      .batch_seq = number,
                                      .digest = m->digest,
                                      .signature = signature,
                                      .origin = KT_ORIGIN_LIVE,
                                      .stored = m->arrival[0],
                                      .arrival = m->arrival,
                                      .lines = kt_buf_str(&m->text),
                                      .packed = kt_buf_str(&m->packed),
                                      .events = m->events,
                                      .line = m->line,
                                      .hashes = (const uint8_t(*)[32])m->hash,
                                      .n = n };
    must(kt_store_append(s, &b, &r, &err), &err);
    if (r.stored != n)
        (void)fprintf(stderr, "year_bench: %u of %u stored\n", r.stored, n);
}

static double store_group(struct kt_store *s, const struct made *m, uint64_t first, uint64_t events,
                          kt_time_ns *arrival, double *worst)
{
    struct kt_error err = { 0 };
    double begin = now_s();
    for (uint32_t i = 0; i < AT_ONCE && first + (uint64_t)i * BATCH < events; i += GROUP) {
        double at = now_s();
        must(kt_store_begin(s, &err), &err);
        for (uint32_t k = i; k < i + GROUP && first + (uint64_t)k * BATCH < events; k++) {
            uint64_t left = events - first - (uint64_t)k * BATCH;
            append(s, &m[k], 1 + first / BATCH + k, left < BATCH ? (uint32_t)left : BATCH, arrival);
        }
        must(kt_store_commit(s, &err), &err);
        must(kt_store_housekeep(s, false, &err), &err);
        double took = now_s() - at;
        *worst = took > *worst ? took : *worst;
    }
    return now_s() - begin;
}

static void fill(const char *path, uint64_t events, uint64_t seed)
{
    struct year *y = year_new(events, seed);
    struct kt_zip *zip = kt_zip_new();
    struct made *m = kt_alloc_array(AT_ONCE, sizeof *m);
    struct kt_store *s = NULL;
    struct kt_error err = { 0 };
    const struct kt_store_options o = { .path = path, .create = true };
    kt_time_ns arrival = 0;
    double spent = 0, all = 0, worst = 0, raw = 0;
    uint64_t marked = 0;
    must(kt_store_open(&o, &s, &err), &err);
    (void)printf("%12s %12s %10s %10s %8s\n", "events", "events/s", "B/event", "worst ms", "MiB");
    for (uint64_t first = 0; first < events; first += (uint64_t)AT_ONCE * BATCH) {
        for (uint32_t i = 0; i < AT_ONCE && first + (uint64_t)i * BATCH < events; i++) {
            uint64_t left = events - first - (uint64_t)i * BATCH;
            make(&m[i], y, zip, first + (uint64_t)i * BATCH, left < BATCH ? (uint32_t)left : BATCH);
            raw += (double)m[i].text.len;
        }
        spent += store_group(s, m, first, events, &arrival, &worst);
        uint64_t done = first + (uint64_t)AT_ONCE * BATCH;
        done = done < events ? done : events;
        if (done / 1000000 != marked / 1000000 || done == events) {
            (void)printf("%12" PRIu64 " %12.0f %10.1f %10.1f %8ld\n", done,
                         (double)(done - marked) / spent, file_bytes(path) / (double)done,
                         1e3 * worst, peak_mib());
            (void)fflush(stdout);
            marked = done;
            all += spent;
            spent = worst = 0;
        }
    }
    double begin = now_s();
    kt_store_close(s);
    (void)printf("all %.0f events/s; closed in %.1f s; %.1f bytes a line; file %.1f B/event\n",
                 (double)events / all, now_s() - begin, raw / (double)events,
                 file_bytes(path) / (double)events);
    for (uint32_t i = 0; i < AT_ONCE; i++) {
        kt_buf_done(&m[i].text);
        kt_buf_done(&m[i].packed);
        kt_arena_done(&m[i].arena);
        kt_free(m[i].events);
        kt_free(m[i].line);
        kt_free(m[i].hash);
        kt_free(m[i].arrival);
    }
    kt_free(m);
    kt_zip_free(zip);
    year_free(y);
}

static unsigned long argument(int argc, char **argv, int i, unsigned long dflt)
{
    return i < argc ? strtoul(argv[i], NULL, 10) : dflt;
}

int main(int argc, char **argv)
{
    kt_hash_init();
    if (argc >= 4 && strcmp(argv[1], "fill") == 0) {
        fill(argv[2], argument(argc, argv, 3, 1000000), argument(argc, argv, 4, 1));
        return 0;
    }
    (void)fprintf(stderr, "usage: year_bench fill STORE EVENTS [SEED]\n");
    return 2;
}
