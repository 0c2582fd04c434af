/*
 * year_bench: the store under a year of events.
 *
 *   year_bench fill STORE EVENTS [SEED]   makes the store; a line a million: rate, disk, memory
 *   year_bench ndjson EVENTS [SEED]       the same records as NDJSON, for other tools
 *   year_bench questions                  the questions asked of it, as JSON
 *   year_bench ask STORE [NUMBER [DAYS]]  asks them (0: all), as at the end of so many days (365):
 *                                         the first time with the file's pages dropped, and the
 *                                         best of five; opening the store is part of it
 *   year_bench ours STORE EVENTS [SEED]   both, as the JSON that tests/bench/peers compares with
 *
 * Lines are made, hashed and packed outside the clock, as agents and the wire do; what is measured
 * is dedupe, tree, append, commit (FULL) and sealing. The sealing thread has the other core.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/base/zip.h"
#include "core/event/line.h"
#include "core/query/group.h"
#include "core/wire/batch.h"
#include "tests/support/store_make.h"
#include "tests/support/year.h"

#define BATCH   1024u /* an agent that is behind */
#define GROUP   4u    /* batches a commit */
#define AT_ONCE 8u    /* batches that are made outside the clock at a time */

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
    if (number == 1) /* it has records of each source; verify wants to know whose these are */
        make_claims(s, &b);
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

/* Seconds that the store took. */
static double fill(const char *path, uint64_t events, uint64_t seed, FILE *talk)
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
    (void)fprintf(talk, "%12s %12s %10s %10s %8s\n", "events", "events/s", "B/event", "worst ms",
                  "MiB");
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
            (void)fprintf(talk, "%12" PRIu64 " %12.0f %10.1f %10.1f %8ld\n", done,
                          (double)(done - marked) / spent, file_bytes(path) / (double)done,
                          1e3 * worst, peak_mib());
            (void)fflush(talk);
            marked = done;
            all += spent;
            spent = worst = 0;
        }
    }
    double begin = now_s();
    kt_store_close(s);
    (void)fprintf(talk,
                  "all %.0f events/s; closed in %.1f s; %.1f bytes a line; file %.1f B/event\n",
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
    return all;
}

/* ---- for other tools ---- */

static void put_json(struct kt_buf *out, const char *name, struct kt_str value)
{
    kt_buf_addf(out, ",\"%s\":", name);
    if (value.len == 0)
        kt_buf_addz(out, "null");
    else
        kt_json_quote(out, value);
}

static void ndjson(uint64_t events, uint64_t seed)
{
    struct year *y = year_new(events, seed);
    struct kt_arena arena = kt_arena_new(1u << 20);
    struct kt_buf line = { 0 }, out = { 0 };
    struct kt_error err = { 0 };
    for (uint64_t i = 0; i < events; i++) {
        struct kt_event ev;
        char ip[KT_IP_TEXT_MAX];
        kt_buf_reset(&line);
        kt_arena_reset(&arena);
        year_line(y, i, &line);
        must(kt_line_read(kt_buf_str(&line), &arena, &ev, &err), &err);
        kt_buf_addf(&out, "{\"time\":%" PRId64 ",\"seq\":%" PRIu64, ev.time, i + 1);
        put_json(&out, "source", ev.source);
        put_json(&out, "instance", ev.instance);
        put_json(&out, "action", kt_str_of(kt_action_word(ev.action)));
        put_json(&out, "outcome", kt_str_of(kt_outcome_word(ev.outcome)));
        put_json(&out, "actor", ev.actor);
        put_json(&out, "secret", ev.secret);
        put_json(&out, "ip", ev.has_ip ? kt_str_of(kt_ip_format(ev.ip, ip)) : KT_STR_NONE);
        put_json(&out, "session", ev.session);
        put_json(&out, "user_agent", ev.user_agent);
        put_json(&out, "line", kt_buf_str(&line));
        kt_buf_addz(&out, "}\n");
        if (out.len > 1u << 20 || i + 1 == events) {
            (void)fwrite(out.at, 1, out.len, stdout);
            kt_buf_reset(&out);
        }
    }
    kt_buf_done(&line);
    kt_buf_done(&out);
    kt_arena_done(&arena);
    year_free(y);
}

/* ---- questions ---- */

#define NOW    (YEAR_T0 + YEAR_NS)
#define ACTOR  4u, 0u /* rank and source */
#define SECRET 150u, 0u
#define CIDR   "91.10.0.0/24"
#define TEXT   "service-163/credential-1307"
#define ROUNDS 5

static void questions(void)
{
    char actor[64], secret[128];
    year_actor(ACTOR, actor);
    year_secret(SECRET, secret);
    (void)printf("{\"now\":%" PRId64 ",\"actor\":\"%s\",\"secret\":\"%s\",\"cidr\":\"" CIDR
                 "\",\"text\":\"" TEXT "\"}\n",
                 NOW, actor, secret);
}

struct answer {
    uint64_t rows, events;
    kt_time_ns first, last;
    struct kt_scan_cost cost;
};

static void saw(struct answer *a, kt_time_ns t)
{
    a->first = a->events == 0 || t < a->first ? t : a->first;
    a->last = a->events == 0 || t > a->last ? t : a->last;
    a->events++;
}

static void by_lines(struct kt_reader *r, struct kt_query *q, struct kt_scan *scan,
                     struct answer *a)
{
    struct kt_error err = { 0 };
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    enum kt_status status;
    scan->records = true;
    must(kt_cursor_open(r, scan, &c, &err), &err);
    while ((status = kt_cursor_next(c, &rec, &err)) == KT_OK)
        if (kt_query_matches(q, &rec, NULL))
            saw(a, rec.ev.time);
    if (status != KT_E_AGAIN)
        must(status, &err);
    kt_cursor_cost(c, &a->cost);
    kt_cursor_free(c);
    a->rows = a->events;
}

static void by_columns(struct kt_reader *r, const struct kt_scan *scan, uint32_t columns,
                       struct answer *a)
{
    struct kt_error err = { 0 };
    struct kt_columns_scan *c = NULL;
    struct kt_view v;
    enum kt_status status;
    must(kt_columns_open(r, scan, columns, true, &c, &err), &err);
    while ((status = kt_columns_next(c, &v, &err)) == KT_OK)
        for (uint32_t i = 0; i < v.picks; i++)
            saw(a, v.time[v.pick[i]]);
    if (status != KT_E_AGAIN)
        must(status, &err);
    kt_columns_cost(c, &a->cost);
    kt_columns_scan_free(c);
    a->rows = columns == 0 ? 1 : a->events;
}

static void by_groups(struct kt_reader *r, struct kt_query *q, const struct kt_scan *scan,
                      const char *by, const char *distinct, uint64_t top, struct answer *a)
{
    struct kt_error err = { 0 };
    struct kt_group_spec spec;
    struct kt_groups *g = NULL;
    size_t n;
    must(kt_group_parse(kt_str_of(by), &spec, &err), &err);
    if (distinct != NULL)
        spec.distinct = kt_group_column(kt_str_of(distinct));
    must(kt_group_run(r, scan, q, NULL, &spec, &g, &a->cost, &err), &err);
    const struct kt_group *list = kt_groups_list(g, top, &n);
    for (size_t i = 0; i < n; i++)
        a->events += list[i].count;
    a->rows = n;
    kt_groups_free(g);
}

enum { Q_ACTOR, Q_SECRET, Q_FAILURES, Q_TOP, Q_MONTHS, Q_TEXT, Q_ALL };
static const struct {
    const char *what;
    unsigned days;
} asked[Q_ALL] = { { "actor, 24 h, lines", 1 },       { "secret, 90 d", 90 },
                   { "failures of a /24, 30 d", 30 }, { "top 20 actor-days", 365 },
                   { "month counts", 365 },           { "substring, year", 365 } };

static void ask_one(const char *path, unsigned which, kt_time_ns now, struct answer *a)
{
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    struct kt_query *q = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    char actor[64], secret[128];
    year_actor(ACTOR, actor);
    year_secret(SECRET, secret);
    if (which == Q_ACTOR)
        kt_buf_addf(&text, "actor:\"%s\"", actor);
    else if (which == Q_SECRET)
        kt_buf_addf(&text, "secret:\"%s\"", secret);
    else if (which == Q_FAILURES)
        kt_buf_addz(&text, "ip:" CIDR " outcome:denied,failure");
    else if (which == Q_TEXT)
        kt_buf_addz(&text, "\"" TEXT "\"");
    struct kt_scan scan = { .records = true,
                            .since = now - (kt_time_ns)asked[which].days * KT_NS_DAY,
                            .until = now };
    *a = (struct answer){ 0 };
    must(kt_reader_open(path, &r, &err), &err);
    must(kt_query_parse(kt_buf_str(&text), &q, &err), &err);
    kt_query_plan(q, &scan);
    if (which == Q_SECRET)
        by_columns(r, &scan, 0, a);
    else if (which == Q_FAILURES)
        by_columns(r, &scan,
                   KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_SECRET) | KT_COLUMN(KT_COL_IP), a);
    else if (which == Q_TOP)
        by_groups(r, q, &scan, "actor,day", "secret", 20, a);
    else if (which == Q_MONTHS)
        by_groups(r, q, &scan, "month,source,action,outcome", NULL, 0, a);
    else
        by_lines(r, q, &scan, a);
    kt_query_free(q);
    kt_reader_close(r);
}

struct timing {
    double cold, best; /* seconds */
};

static void forget_pages(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    (void)close(fd);
}

static struct timing time_one(const char *path, unsigned which, kt_time_ns now, struct answer *a)
{
    struct timing t = { 0, 1e9 };
    forget_pages(path);
    for (int i = 0; i <= ROUNDS; i++) {
        double begin = now_s();
        ask_one(path, which, now, a);
        double took = now_s() - begin;
        if (i == 0)
            t.cold = took;
        else if (took < t.best)
            t.best = took;
    }
    return t;
}

static void ask(const char *path, unsigned only, kt_time_ns now)
{
    (void)printf("%-24s %10s %10s %8s %10s %11s %9s %10s\n", "question", "cold ms", "best ms",
                 "rows", "events", "opened", "lines", "MiB");
    for (unsigned which = 0; which < Q_ALL; which++) {
        struct answer a;
        if (only != 0 && only != which + 1)
            continue;
        struct timing t = time_one(path, which, now, &a);
        (void)printf("%-24s %10.1f %10.1f %8" PRIu64 " %10" PRIu64 " %5u/%-5u %9" PRIu64
                     " %10.1f\n",
                     asked[which].what, 1e3 * t.cold, 1e3 * t.best, a.rows, a.events, a.cost.opened,
                     a.cost.segments, a.cost.lines, (double)a.cost.bytes / (1 << 20));
        (void)fflush(stdout);
    }
    (void)printf("peak memory %ld MiB\n", peak_mib());
}

static void ours(const char *path, uint64_t events, uint64_t seed)
{
    double took = fill(path, events, seed, stderr);
    (void)printf("{\"peer\":\"keytrail\",\"what\":\"this store\",\"events\":%" PRIu64
                 ",\"load_s\":%.2f,\"events_per_s\":%.0f,\"bytes_per_event\":%.1f,\"questions\":{",
                 events, took, (double)events / took, file_bytes(path) / (double)events);
    for (unsigned which = 0; which < Q_ALL; which++) {
        struct answer a;
        struct timing t = time_one(path, which, NOW, &a);
        (void)printf("%s\"q%u\":{\"first_ms\":%.1f,\"best_ms\":%.1f,\"rows\":%" PRIu64
                     ",\"events\":%" PRIu64 "}",
                     which == 0 ? "" : ",", which + 1, 1e3 * t.cold, 1e3 * t.best,
                     which == Q_TEXT ? 1 : a.rows, a.events); /* peers count there */
    }
    (void)printf("}}\n");
}

static unsigned long argument(int argc, char **argv, int i, unsigned long dflt)
{
    return i < argc ? strtoul(argv[i], NULL, 10) : dflt;
}

int main(int argc, char **argv)
{
    kt_alloc_init(); /* as the programs do */
    kt_hash_init();
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "fill") == 0 && argc >= 4)
        (void)fill(argv[2], argument(argc, argv, 3, 1000000), argument(argc, argv, 4, 1), stdout);
    else if (strcmp(what, "ndjson") == 0 && argc >= 3)
        ndjson(argument(argc, argv, 2, 1000000), argument(argc, argv, 3, 1));
    else if (strcmp(what, "questions") == 0)
        questions();
    else if (strcmp(what, "ours") == 0 && argc >= 4)
        ours(argv[2], argument(argc, argv, 3, 1000000), argument(argc, argv, 4, 1));
    else if (strcmp(what, "ask") == 0 && argc >= 3)
        ask(argv[2], (unsigned)argument(argc, argv, 3, 0),
            YEAR_T0 + (kt_time_ns)argument(argc, argv, 4, 365) * KT_NS_DAY);
    else {
        (void)fprintf(stderr, "usage: year_bench fill STORE EVENTS [SEED] | ndjson EVENTS [SEED] | "
                              "questions | ask STORE [NUMBER [DAYS]]\n");
        return 2;
    }
    return 0;
}
