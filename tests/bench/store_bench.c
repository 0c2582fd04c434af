/*
 * store_bench: how fast events are appended, what they take on disk and in memory, how fast they
 * are read. store_bench [EVENTS [BATCH [BATCHES A COMMIT]]]; 1000000 256 16 when not said.
 * Batches are made and signed outside the clock; hashing of lines (the wire's work) as well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/query/query.h"
#include "tests/support/store_make.h"

static double now_s(clockid_t which)
{
    struct timespec t;
    (void)clock_gettime(which, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status == KT_OK)
        return;
    (void)fprintf(stderr, "store_bench: %s\n", err->text);
    exit(1);
}

static unsigned long argument(int argc, char **argv, int i, unsigned long dflt)
{
    return argc > i ? strtoul(argv[i], NULL, 10) : dflt;
}

static long peak_rss_kib(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

struct clock {
    double wall, cpu, wall_at, cpu_at;
};

static void go(struct clock *c)
{
    c->wall_at = now_s(CLOCK_MONOTONIC);
    c->cpu_at = now_s(CLOCK_PROCESS_CPUTIME_ID);
}

static void stop(struct clock *c)
{
    c->wall += now_s(CLOCK_MONOTONIC) - c->wall_at;
    c->cpu += now_s(CLOCK_PROCESS_CPUTIME_ID) - c->cpu_at;
}

/* Appends `batches` batches; *ret_duplicates of all. */
static void append_all(struct kt_store *s, struct make *m, unsigned long events,
                       unsigned long batch, unsigned long group, struct clock *clock,
                       unsigned long *ret_duplicates, double *ret_worst_ms)
{
    static uint64_t batch_seq;
    struct kt_error err = { 0 };
    unsigned long in_group = 0;
    for (unsigned long n = 0; n < events; n += batch) {
        batch_seq++;
        make_reset(m);
        for (unsigned long i = 0; i < batch; i++)
            make_numbered(m, n + i);
        struct kt_store_result r;
        struct kt_store_batch b =
            make_batch(m, "bench", batch_seq, MAKE_T0 + (kt_time_ns)batch_seq * KT_NS_MS);
        go(clock);
        double from = now_s(CLOCK_MONOTONIC);
        if (in_group == 0)
            must(kt_store_begin(s, &err), &err);
        if (batch_seq == 1)
            make_claims(s, &b);
        must(kt_store_append(s, &b, &r, &err), &err);
        *ret_duplicates += r.duplicates;
        if (++in_group == group || n + batch >= events) {
            must(kt_store_commit(s, &err), &err);
            must(kt_store_housekeep(s, false, &err), &err);
            in_group = 0;
        }
        stop(clock);
        double ms = 1e3 * (now_s(CLOCK_MONOTONIC) - from);
        if (ms > *ret_worst_ms)
            *ret_worst_ms = ms;
    }
}

static unsigned long scan_all(struct kt_reader *r, const struct kt_scan *scan, const char *text)
{
    struct kt_error err = { 0 };
    struct kt_query *q = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    unsigned long hits = 0;
    must(kt_query_parse(kt_str_of(text), &q, &err), &err);
    must(kt_cursor_open(r, scan, &c, &err), &err);
    while (kt_cursor_next(c, &rec, &err) == KT_OK)
        hits += kt_query_matches(q, &rec, NULL);
    kt_cursor_free(c);
    kt_query_free(q);
    return hits;
}

static void read_all(const char *path, unsigned long events)
{
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    must(kt_reader_open(path, &r, &err), &err);
    struct clock all = { 0 }, window = { 0 }, verify = { 0 };
    go(&all);
    unsigned long hits = scan_all(r, &(struct kt_scan){ .records = true }, "outcome:denied");
    stop(&all);
    go(&window);
    const struct kt_scan day = { .records = true,
                                 .since = MAKE_T0 + 60 * KT_NS_S,
                                 .until = MAKE_T0 + 70 * KT_NS_S };
    unsigned long near = scan_all(r, &day, "actor:person-7@*");
    stop(&window);
    go(&verify);
    struct kt_verify_result v;
    must(kt_reader_verify(r, &(struct kt_verify_options){ 0 }, &v, &err), &err);
    stop(&verify);
    (void)printf("search of all        %10.0f events/s (%lu hits)\n", (double)events / all.wall,
                 hits);
    (void)printf("search of 10 s       %10.1f ms (%lu hits)\n", 1e3 * window.wall, near);
    (void)printf("verify               %10.0f events/s (%u problems)\n",
                 (double)events / verify.wall, v.problems);
    kt_reader_close(r);
}

int main(int argc, char **argv)
{
    unsigned long events = argument(argc, argv, 1, 1000000), batch = argument(argc, argv, 2, 256);
    unsigned long group = argument(argc, argv, 3, 16), stored_twice = 0, duplicates = 0;
    char folder[64], path[96];
    struct make *m = make_new();
    struct kt_store *s = NULL;
    struct kt_error err = { 0 };
    struct clock clock = { 0 }, again = { 0 }, opening = { 0 };
    double worst = 0, worst_again = 0;
    make_folder(folder, path);
    const struct kt_store_options o = { .path = path, .create = true };
    must(kt_store_open(&o, &s, &err), &err);
    long before = peak_rss_kib();
    append_all(s, m, events, batch, group, &clock, &stored_twice, &worst);
    uint64_t stored = kt_store_last_seq(s);
    kt_store_close(s);

    struct kt_store_stats stats;
    struct kt_reader *r = NULL;
    must(kt_reader_open(path, &r, &err), &err);
    must(kt_reader_stats(r, &stats, &err), &err);
    kt_reader_close(r);
    (void)printf("append               %10.0f events/s  %.2f us CPU/event  worst batch %.1f ms\n",
                 (double)events / clock.wall, 1e6 * clock.cpu / (double)events, worst);
    (void)printf("disk                 %10.1f B/event (%llu stored, %lu taken for duplicates)\n",
                 (double)stats.file_bytes / (double)events, (unsigned long long)stored,
                 stored_twice);
    (void)printf("memory               %10ld KiB peak (%ld before the first event)\n",
                 peak_rss_kib(), before);
    read_all(path, events);

    go(&opening);
    must(kt_store_open(&o, &s, &err), &err);
    stop(&opening);
    unsigned long repeat = events < 200000 ? events : 200000;
    append_all(s, m, repeat, batch, group, &again, &duplicates, &worst_again);
    (void)printf("open                 %10.1f ms\n", 1e3 * opening.wall);
    (void)printf("the same ones again  %10.0f events/s (%lu of %lu are duplicates)\n",
                 (double)repeat / again.wall, duplicates, repeat);
    kt_store_close(s);
    make_free(m);
    make_folder_drop(folder);
    return 0;
}
