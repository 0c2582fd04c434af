/* api_call: how long a call of the page's API takes, by itself and with others at the same time:
 *
 *   api_call DB [--threads 10] [--rounds 5] [--print] CALL [NAME=VALUE …]
 *   api_call --alerts 10000 DB      makes a store with so many alerts, half of them closed
 *
 * Each thread has its own reader, as the server's workers have; "now" is the newest record. Prints
 * wall time of the calls (median, largest) and the CPU time of one. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/enc.h"
#include "core/sys/clock.h"
#include "dashboards/api/calls.h"
#include "exporters/alerts/alert.h"

static const struct {
    const char *name;
    kt_api_call *call;
} calls[] = {
#define X(name, method, path, role, note) { #name, kt_api_##name },
    KT_API_CALLS(X)
#undef X
};

static struct {
    const char *db;
    kt_api_call *call;
    struct kt_api_param param[KT_API_PARAMS_MAX];
    unsigned n_params, threads, rounds;
    bool print;
    kt_time_ns now;
} o = { .threads = 1, .rounds = 5 };

struct worker {
    pthread_t thread;
    kt_time_ns *took;
    struct kt_error err;
};

static void *work(void *self)
{
    struct worker *w = self;
    struct kt_ask ask;
    if (kt_ask_open(&ask, o.db, NULL, o.now, &w->err) != KT_OK)
        return w;
    w->err = (struct kt_error){ 0 }; /* where a walk ended is no failure */
    struct kt_api api = { .ask = &ask,
                          .store = o.db,
                          .program = "keytrail",
                          .now = o.now,
                          .user = "bench",
                          .role = KT_ROLE_ADMIN,
                          .param = o.param,
                          .n_params = o.n_params };
    for (unsigned i = 0; i < o.rounds && w->err.code == KT_OK; i++) {
        kt_time_ns start = kt_clock_real.mono(kt_clock_real.self);
        kt_buf_reset(&api.out);
        if (o.call(&api, &w->err) == KT_OK)
            w->err = (struct kt_error){ 0 };
        w->took[i] = kt_clock_real.mono(kt_clock_real.self) - start;
    }
    if (o.print)
        printf("%.*s\n", (int)api.out.len, api.out.at);
    kt_buf_done(&api.out);
    kt_ask_done(&ask);
    return w->err.code == KT_OK ? NULL : w;
}

static int by_length(const void *a, const void *b)
{
    const kt_time_ns *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double user_ms(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static int run(void)
{
    unsigned n = o.threads * o.rounds;
    kt_time_ns *took = calloc(n, sizeof *took);
    struct worker *w = calloc(o.threads, sizeof *w);
    double before = user_ms();
    int failed = 0;
    for (unsigned i = 0; i < o.threads; i++) {
        w[i].took = took + i * o.rounds;
        if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0)
            return 1;
    }
    for (unsigned i = 0; i < o.threads; i++) {
        void *bad;
        (void)pthread_join(w[i].thread, &bad);
        if (bad != NULL)
            fprintf(stderr, "%s\n", w[i].err.text);
        failed |= bad != NULL;
    }
    qsort(took, n, sizeof *took, by_length);
    fprintf(stderr, "%u threads x %u: median %.1f ms, largest %.1f ms, CPU %.1f ms a call\n",
            o.threads, o.rounds, (double)took[n / 2] / 1e6, (double)took[n - 1] / 1e6,
            (user_ms() - before) / n);
    free(took);
    free(w);
    return failed;
}

/* ---- a store of many alerts ---- */

static enum kt_status step(struct kt_store *s, const char *operation, const char *id,
                           const char *more, kt_time_ns at, struct kt_error *err)
{
    char raw[300];
    uint64_t seq;
    (void)snprintf(raw, sizeof raw, "{\"id\":\"%s\",\"by\":\"bob\",\"where\":\"page\"%s}", id,
                   more);
    struct kt_event ev = { .kind = KT_KIND_DECISION,
                           .source = KT_STR("keytrail"),
                           .operation = kt_str_of(operation),
                           .raw = kt_str_of(raw),
                           .time = at,
                           .observed = at };
    return kt_store_control(s, &ev, at, at, &seq, err);
}

static enum kt_status put(struct kt_store *s, unsigned n, struct kt_error *err)
{
    struct kt_buf json = { 0 };
    kt_time_ns at = INT64_C(1795377600) * KT_NS_S + n * KT_NS_MIN;
    struct kt_alert a = {
        .severity = (enum kt_severity)(n % KT_SEV_COUNT),
        .score = 675,
        .detector = "volume_spike",
        .state = "open",
        .time = at,
        .first = at,
        .last = at,
        .raised = at,
        .title = KT_STR("orders-svc read 143 different secrets within 1 hour."),
        .normal = KT_STR("Its busiest hour in 28 active days had 11."),
        .why = KT_STR("41 of them are production."),
        .considered = KT_STR("its networks, its hours, failures"),
        .quiet = KT_STR("At most 22 different secrets within 1 hour, or an earlier day like this."),
        .command = KT_STR("keytrail search 'actor:orders-svc' --since 2026-11-22T19:00:00Z"),
        .actor = KT_STR("orders-svc"),
        .ip = KT_STR("203.0.113.7"),
        .n_parts = 2,
        .parts = { { "volume_spike", 475, KT_STR("143 different secrets within 1 hour") },
                   { "new_secrets", 200, KT_STR("31 new secrets in 24 h against 0.1 a day") } },
        .n_events = 20,
        .events_count = 143,
        .n_secrets = 8,
        .secrets_count = 143,
    };
    uint8_t id[16] = { (uint8_t)(n >> 8), (uint8_t)n, 5 };
    (void)kt_id_format(id, a.id);
    for (unsigned i = 0; i < a.n_events; i++)
        a.events[i] = KT_STR("ed8a1eec-7a35-4e1f-a81e-97a60514e04e");
    for (unsigned i = 0; i < a.n_secrets; i++)
        a.secrets[i] = KT_STR("aws-sm://418273645019/eu-central-1/prod/payments/stripe-live");
    kt_alert_write(&a, &json);
    enum kt_status st =
        kt_store_alert_put(s, a.id, at, at, (int)a.severity, kt_buf_str(&json), err);
    kt_buf_done(&json);
    if (st == KT_OK && n % 2 == 0)
        st = step(s, "ack", a.id, "", at + KT_NS_S, err);
    if (st == KT_OK && n % 2 == 0)
        st = step(s, "verdict", a.id, ",\"verdict\":\"false\"", at + 2 * KT_NS_S, err);
    return st;
}

static int make(const char *path, unsigned alerts)
{
    struct kt_error err = { 0 };
    struct kt_store *s = NULL;
    enum kt_status st =
        kt_store_open(&(struct kt_store_options){ .path = path, .create = true }, &s, &err);
    if (st == KT_OK)
        st = kt_store_begin(s, &err);
    for (unsigned i = 0; i < alerts && st == KT_OK; i++)
        st = put(s, i, &err);
    if (st == KT_OK)
        st = kt_store_commit(s, &err);
    kt_store_close(s);
    if (st != KT_OK)
        fprintf(stderr, "%s\n", err.text);
    return st != KT_OK;
}

/* ---- the command line ---- */

static bool take(const char *word)
{
    const char *is = strchr(word, '=');
    for (size_t i = 0; o.call == NULL && i < KT_ARRAY_LEN(calls); i++)
        if (strcmp(calls[i].name, word) == 0)
            return (o.call = calls[i].call) != NULL;
    if (o.call == NULL || is == NULL || o.n_params == KT_API_PARAMS_MAX)
        return false;
    o.param[o.n_params++] =
        (struct kt_api_param){ kt_str_from(word, (size_t)(is - word)), kt_str_of(is + 1) };
    return true;
}

static bool newest(struct kt_error *err)
{
    struct kt_reader *r = NULL;
    struct kt_store_stats stats;
    enum kt_status st = kt_reader_open(o.db, &r, err);
    if (st == KT_OK)
        st = kt_reader_stats(r, &stats, err);
    kt_reader_close(r);
    if (st == KT_OK)
        o.now = (stats.last_time > stats.last_arrival ? stats.last_time : stats.last_arrival) + 1;
    return st == KT_OK;
}

int main(int argc, char **argv)
{
    struct kt_error err = { 0 };
    if (argc == 4 && strcmp(argv[1], "--alerts") == 0)
        return make(argv[3], (unsigned)strtoul(argv[2], NULL, 10));
    bool fine = argc > 2;
    o.db = fine ? argv[1] : "";
    for (int i = 2; i < argc && fine; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--threads") == 0 && more)
            o.threads = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--rounds") == 0 && more)
            o.rounds = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--print") == 0)
            o.print = true;
        else
            fine = take(argv[i]);
    }
    if (!fine || o.call == NULL || o.threads == 0 || o.rounds == 0) {
        fprintf(stderr, "usage: api_call DB [--threads N] [--rounds N] [--print] CALL [NAME=VALUE "
                        "…] | --alerts N DB\n");
        return 2;
    }
    if (!newest(&err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    return run();
}
