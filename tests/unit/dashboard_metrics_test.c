/*
 * dashboard_metrics: the text of /metrics from documents in tests/cases/metrics (KT_GOLDEN=1 writes
 * the texts anew; promtool reads them in tests/e2e/metrics_test.py), rules of its form held against
 * a second reading, bounds, hostile documents, the figures of a store, /healthz and /readyz.
 */
#include "collector/counts.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/event/step.h"
#include "core/sys/fs.h"
#include "dashboards/server/metrics.h"
#include "dashboards/server/metrics_store.h"
#include "dashboards/server/ready.h"
#include "detectors/detector.h"
#include "exporters/alerts/alert.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

#define CASES "tests/cases/metrics/"
#define NOW   (INT64_C(1795377600) * KT_NS_S)

static struct kt_buf read_file(const char *name)
{
    struct kt_buf text = { 0 };
    char path[200];
    (void)snprintf(path, sizeof path, CASES "%s", name);
    assert_int_equal(kt_fs_read_all(path, 1u << 20, &text, NULL), KT_OK);
    return text;
}

static struct kt_metrics_given given(struct kt_str collector, struct kt_str store)
{
    return (struct kt_metrics_given){ .collector = collector,
                                      .store = store,
                                      .version = "0.1.0",
                                      .commit = "",
                                      .sqlite = "3.40.1",
                                      .zmq = "4.3.4" };
}

static bool has(const struct kt_buf *text, const char *line)
{
    return kt_str_find(kt_buf_str(text), kt_str_of(line), 0) >= 0;
}

/* ---- the texts ---- */

static void texts_are_as_they_were(void **state)
{
    static const char *const names[] = { "prometheus.txt", "openmetrics.txt", "away.txt" };
    KT_CLEANUP(kt_buf_done) struct kt_buf collector = read_file("collector.json");
    KT_CLEANUP(kt_buf_done) struct kt_buf store = read_file("store.json");
    (void)state;
    for (unsigned i = 0; i < KT_ARRAY_LEN(names); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
        char path[200];
        const struct kt_metrics_given g =
            given(i < 2 ? kt_buf_str(&collector) : KT_STR_NONE, kt_buf_str(&store));
        enum kt_metrics_form form = i == 1 ? KT_METRICS_OPENMETRICS : KT_METRICS_PROMETHEUS;
        assert_true(kt_metrics_write(&g, form, &out) > 20);
        (void)snprintf(path, sizeof path, CASES "%s", names[i]);
        if (getenv("KT_GOLDEN") != NULL)
            assert_int_equal(kt_fs_write_atomic(path, kt_buf_str(&out), 0644, NULL), KT_OK);
        KT_CLEANUP(kt_buf_done) struct kt_buf want = read_file(names[i]);
        assert_string_equal(kt_buf_z(&out), kt_buf_z(&want));
    }
}

static void without_a_collector_up_is_0_and_the_store_is_told(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf store = read_file("store.json"), out = { 0 };
    const struct kt_metrics_given g = given(KT_STR_NONE, kt_buf_str(&store));
    (void)state;
    (void)kt_metrics_write(&g, KT_METRICS_PROMETHEUS, &out);
    assert_true(has(&out, "\nkeytrail_up 0\n"));
    assert_true(has(&out, "\nkeytrail_store_events 48700\n"));
    assert_true(has(&out, "\nkeytrail_alerts_open{severity=\"high\"} 2\n"));
    assert_false(has(&out, "keytrail_events_stored_total"));
    assert_false(has(&out, "process_"));
}

static void forms_are_negotiated(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        enum kt_metrics_form form;
    } rows[] = {
        { "", KT_METRICS_PROMETHEUS },
        { "*/*", KT_METRICS_PROMETHEUS },
        { "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", KT_METRICS_PROMETHEUS },
        { "application/openmetrics-text;version=1.0.0,text/plain;q=0.5", KT_METRICS_OPENMETRICS },
    };
    for (unsigned i = 0; i < KT_ARRAY_LEN(rows); i++)
        assert_int_equal(kt_metrics_form_of(kt_str_of(rows[i].accept)), rows[i].form);
    assert_string_equal(kt_metrics_type(KT_METRICS_PROMETHEUS),
                        "text/plain; version=0.0.4; charset=utf-8");
    assert_string_equal(kt_metrics_type(KT_METRICS_OPENMETRICS),
                        "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

/* ---- the form, read by other rules than it is written by ---- */

/* Each line is a head, a sample or the end; a name has one head, before all of its samples; no
 * series comes twice. Returns how many samples. */
static unsigned check_form(const struct kt_buf *text, bool openmetrics)
{
    struct kt_str rest = kt_buf_str(text), line;
    struct kt_map *heads = kt_map_new(0), *series = kt_map_new(0);
    struct kt_str family = KT_STR_NONE;
    unsigned samples = 0, ends = 0;
    while (rest.len > 0 && kt_str_split(&rest, '\n', &line)) {
        bool fresh = false;
        assert_int_equal(ends, 0); /* nothing behind the end */
        if (kt_str_is(line, "# EOF")) {
            ends++;
        } else if (kt_str_starts(line, KT_STR("# HELP "))) {
            family = kt_str_from_index(line, 7);
            family = kt_str_sub(family, 0, (size_t)kt_str_find_byte(family, ' ', 0));
            (void)kt_map_put(heads, family, &fresh);
            assert_true(fresh);
            assert_false(openmetrics && kt_str_ends(family, KT_STR("_total")));
        } else if (!kt_str_starts(line, KT_STR("# TYPE "))) {
            ptrdiff_t end = (ptrdiff_t)line.len;
            assert_true(kt_str_starts(line, family));
            while (end > 0 && line.at[end - 1] != ' ') /* the value is the last word */
                end--;
            assert_true(end > 1);
            (void)kt_map_put(series, kt_str_sub(line, 0, (size_t)end - 1), &fresh);
            assert_true(fresh);
            samples++;
        }
    }
    assert_int_equal(ends, openmetrics);
    kt_map_free(heads);
    kt_map_free(series);
    return samples;
}

static void names_are_told_once_and_series_too(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf collector = read_file("collector.json");
    KT_CLEANUP(kt_buf_done) struct kt_buf store = read_file("store.json");
    const struct kt_metrics_given g = given(kt_buf_str(&collector), kt_buf_str(&store));
    (void)state;
    for (unsigned om = 0; om < 2; om++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
        unsigned n =
            kt_metrics_write(&g, om ? KT_METRICS_OPENMETRICS : KT_METRICS_PROMETHEUS, &out);
        assert_int_equal(check_form(&out, om), n);
    }
}

static void a_bucket_counts_those_below_it_too(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    const struct kt_metrics_given g = given(
        KT_STR("{\"commit\":{\"le\":[0.001,1,60],\"n\":[3,2,0,1],\"sum\":61.5}}"), KT_STR_NONE);
    (void)state;
    (void)kt_metrics_write(&g, KT_METRICS_PROMETHEUS, &out);
    assert_true(has(&out, "keytrail_batch_commit_duration_seconds_bucket{le=\"0.001\"} 3\n"
                          "keytrail_batch_commit_duration_seconds_bucket{le=\"1.0\"} 5\n"
                          "keytrail_batch_commit_duration_seconds_bucket{le=\"60.0\"} 5\n"
                          "keytrail_batch_commit_duration_seconds_bucket{le=\"+Inf\"} 6\n"
                          "keytrail_batch_commit_duration_seconds_sum 61.5\n"
                          "keytrail_batch_commit_duration_seconds_count 6\n"));
}

static void hostile_names_stay_inside_their_quotes(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    const struct kt_metrics_given g = given(
        KT_STR("{\"sources\":[{\"source\":\"a\\\"} 1\\nevil_total{x=\\\"\\\\\",\"stored\":4}]}"),
        KT_STR_NONE);
    (void)state;
    (void)kt_metrics_write(&g, KT_METRICS_PROMETHEUS, &out);
    assert_true(has(&out,
                    "keytrail_events_stored_total{source=\"a\\\"} 1\\nevil_total{x=\\\"\\\\\"}"
                    " 4\n"));
    assert_false(has(&out, "\nevil"));
}

/* A collector of another version, or none of ours: no series, never a broken text. */
static void other_documents_give_no_series(void **state)
{
    static const char *const docs[] = {
        "",
        "7",
        "[]",
        "{",
        "{\"sources\":7,\"targets\":[1],\"commit\":{}}",
        "{\"sources\":[{\"stored\":\"many\"},{\"stored\":-1},{\"stored\":1e999},null]}",
        "{\"commit\":{\"le\":[2,1],\"n\":[1,1,1],\"sum\":0}}",
        "{\"commit\":{\"le\":[1],\"n\":[1],\"sum\":0}}",
        "{\"commit\":{\"le\":[1],\"n\":[1,-1],\"sum\":0}}",
        "{\"scored_seq\":5}",
    };
    (void)state;
    for (unsigned i = 0; i < KT_ARRAY_LEN(docs); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
        const struct kt_metrics_given g = given(kt_str_of(docs[i]), KT_STR("not JSON"));
        assert_int_equal(kt_metrics_write(&g, KT_METRICS_PROMETHEUS, &out), 2); /* up, build_info */
        (void)check_form(&out, false);
    }
}

static void there_are_never_more_than_2000_series(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf many = { 0 }, out = { 0 };
    (void)state;
    kt_buf_addz(&many, "{\"sources\":[");
    for (unsigned i = 0; i < 3000; i++)
        kt_buf_addf(&many, "%s{\"source\":\"s%u\",\"received\":1,\"stored\":1}", i > 0 ? "," : "",
                    i);
    kt_buf_addz(&many, "]}");
    const struct kt_metrics_given g = given(kt_buf_str(&many), KT_STR_NONE);
    assert_int_equal(kt_metrics_write(&g, KT_METRICS_PROMETHEUS, &out), KT_METRICS_SERIES_MAX);
    assert_int_equal(check_form(&out, false), KT_METRICS_SERIES_MAX);
}

/* Every name of a collector with more sources, agents and targets than anybody has. */
static void all_that_a_collector_tells_fits(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 }, out = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf store = read_file("store.json");
    struct kt_counts *c = kt_counts_new();
    const struct kt_histogram none = { .sum_s = 0 };
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        char name[16], agent[16];
        uint8_t fate = KT_FATE_STORED;
        (void)snprintf(name, sizeof name, "s%u", i);
        (void)snprintf(agent, sizeof agent, "a%u", i % 500);
        const struct kt_event ev = { .instance = kt_str_of(name), .time = NOW };
        kt_counts_lines(c, &(struct kt_counts_lines){ &ev, &fate, 1, NOW, kt_str_of(agent) });
        kt_counts_refused(c, kt_str_of(name), KT_REFUSE_REDACTION, 1);
        kt_counts_refused(c, KT_STR_NONE, (enum kt_refuse)(1 + i % KT_REFUSE_VERSION), 1);
        kt_counts_alert(c, kt_str_of(kt_detectors[i % kt_detectors_count()]->name),
                        (enum kt_severity)(i / 16 % KT_SEV_COUNT));
    }
    kt_buf_addz(&all, "{\"last_seq\":9,\"scored_seq\":1,\"detectors\":[");
    for (unsigned i = 0; i < KT_DETECTORS_MAX; i++) {
        kt_buf_addf(
            &all, "%s{\"detector\":\"d%u\",\"runs\":1,\"errors\":0,\"took\":", i > 0 ? "," : "", i);
        kt_histogram_write(&none, &kt_buckets_detector, &all);
        kt_buf_byte(&all, '}');
    }
    kt_buf_addz(&all, "],\"targets\":{");
    for (unsigned i = 0; i < 64; i++)
        kt_buf_addf(&all,
                    "%s\"t%u\":{\"sent\":1,\"retries\":1,\"dead\":1,\"waiting\":1,"
                    "\"oldest_age_s\":1}",
                    i > 0 ? "," : "", i);
    kt_buf_addz(&all, "},\"streams\":{");
    for (unsigned i = 0; i < KT_STREAMS_MAX; i++)
        kt_buf_addf(&all, "%s\"x%u\":{\"position\":1,\"last_success\":1795377600000000000}",
                    i > 0 ? "," : "", i);
    kt_buf_addz(&all, "},");
    kt_counts_write(c, &all);
    kt_buf_byte(&all, '}');
    kt_counts_free(c);
    const struct kt_metrics_given g = given(kt_buf_str(&all), kt_buf_str(&store));
    unsigned n = kt_metrics_write(&g, KT_METRICS_PROMETHEUS, &out);
    assert_true(n > 1500 && n < KT_METRICS_SERIES_MAX - 100); /* the rest of it: 20 and ack's 40 */
    assert_int_equal(check_form(&out, false), n);
}

/* ---- a store ---- */

struct world {
    char folder[64], path[96];
    struct kt_store *store;
    struct kt_reader *reader;
};

static int open_world(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/kt-metrics-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->path, sizeof w->path, "%s/k.db", w->folder);
    const struct kt_store_options o = { .path = w->path, .create = true, .seal_here = true };
    assert_int_equal(kt_store_open(&o, &w->store, NULL), KT_OK);
    assert_int_equal(kt_reader_open(w->path, &w->reader, NULL), KT_OK);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    char command[128];
    kt_reader_close(w->reader);
    kt_store_close(w->store);
    static const char *const suffix[] = { "", "-wal", "-shm", "-lock" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(suffix); i++) {
        (void)snprintf(command, sizeof command, "%s%s", w->path, suffix[i]);
        (void)unlink(command);
    }
    (void)rmdir(w->folder);
    kt_free(w);
    return 0;
}

static void put_alert(struct world *w, const char *id, enum kt_severity severity, const char *code)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_alert a = { .severity = severity,
                          .detector = code != NULL ? "self" : "volume_spike",
                          .state = "open",
                          .raised = NOW,
                          .title = KT_STR("t"),
                          .n_parts = 1 };
    kt_str_copyz(a.id, sizeof a.id, kt_str_of(id));
    a.parts[0] = (struct kt_alert_part){ .detector = a.detector,
                                         .text = kt_str_of(code != NULL ? code : "x") };
    kt_alert_write(&a, &json);
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(
        kt_store_alert_put(w->store, id, NOW, NOW, (int)severity, kt_buf_str(&json), NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void put_record(struct world *w, enum kt_kind kind, const char *operation, const char *raw,
                       kt_time_ns at)
{
    struct kt_event ev = { .kind = kind,
                           .source = KT_STR("keytrail"),
                           .instance = KT_STR("t"),
                           .native_id = kt_str_of(raw),
                           .operation = kt_str_of(operation),
                           .time = at,
                           .observed = at,
                           .raw = kt_str_of(raw) };
    uint64_t seq;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_control(w->store, &ev, at, at, &seq, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void put_step(struct world *w, const char *alert, enum kt_step_what what, kt_time_ns at)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    struct kt_step s = { .what = what, .at = at, .by = "ana", .severity = "high" };
    kt_str_copyz(s.alert, sizeof s.alert, kt_str_of(alert));
    kt_step_write(&s, &raw);
    put_record(w, KT_KIND_DECISION, kt_step_word(what), kt_buf_z(&raw), at);
}

/* What /metrics says of the store now. */
static void figures(struct world *w, struct kt_metrics_store *s, kt_time_ns now, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    assert_int_equal(kt_metrics_store_figures(s, w->reader, w->path, now, &json, NULL), KT_OK);
    const struct kt_metrics_given g = given(KT_STR_NONE, kt_buf_str(&json));
    kt_buf_reset(out);
    (void)kt_metrics_write(&g, KT_METRICS_PROMETHEUS, out);
}

#define ONE   "01AAAAAAAAAAAAAAAAAAAAAAAA"
#define TWO   "02AAAAAAAAAAAAAAAAAAAAAAAA"
#define THREE "03AAAAAAAAAAAAAAAAAAAAAAAA"

static void a_store_tells_of_its_alerts(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_metrics_store *s = kt_metrics_store_new();
    put_alert(w, ONE, KT_SEV_HIGH, NULL);
    put_alert(w, TWO, KT_SEV_HIGH, NULL);
    figures(w, s, NOW, &out);
    assert_true(has(&out, "keytrail_alerts_open{severity=\"high\"} 2\n"));
    assert_true(has(&out, "keytrail_integrity_ok 1\n"));
    assert_false(has(&out, "keytrail_alert_ack_latency_seconds"));

    put_step(w, ONE, KT_STEP_ACK, NOW + 4 * KT_NS_MIN);
    figures(w, s, NOW + KT_NS_S, &out); /* kept for a minute */
    assert_true(has(&out, "keytrail_alerts_unacknowledged{severity=\"high\"} 2\n"));
    figures(w, s, NOW + KT_NS_MIN, &out);
    assert_true(has(&out, "keytrail_alerts_open{severity=\"high\"} 2\n"));
    assert_true(has(&out, "keytrail_alerts_unacknowledged{severity=\"high\"} 1\n"));
    assert_true(
        has(&out, "keytrail_alert_ack_latency_seconds_bucket{severity=\"high\",le=\"60.0\"} 0\n"));
    assert_true(
        has(&out, "keytrail_alert_ack_latency_seconds_bucket{severity=\"high\",le=\"300.0\"} 1\n"));

    /* Opened again and taken up again: what was counted stays as it is. */
    put_step(w, ONE, KT_STEP_REOPEN, NOW + KT_NS_HOUR);
    put_step(w, ONE, KT_STEP_ACK, NOW + 2 * KT_NS_HOUR);
    put_step(w, TWO, KT_STEP_CLOSE, NOW + 2 * KT_NS_HOUR);
    figures(w, s, NOW + 3 * KT_NS_HOUR, &out);
    assert_true(has(&out, "keytrail_alerts_open{severity=\"high\"} 1\n"));
    assert_true(has(&out, "keytrail_alert_ack_latency_seconds_count{severity=\"high\"} 2\n"));
    assert_true(
        has(&out, "keytrail_alert_ack_latency_seconds_bucket{severity=\"high\",le=\"300.0\"} 1\n"));
    kt_metrics_store_free(s);
}

static void a_store_tells_of_its_integrity(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_metrics_store *s = kt_metrics_store_new();
    figures(w, s, NOW, &out);
    assert_false(has(&out, "keytrail_integrity_last_verified")); /* never: no time is invented */
    put_record(w, KT_KIND_AUDIT, "backup", "{\"verified\":false}", NOW);
    put_record(w, KT_KIND_AUDIT, "backup", "{\"verified\":true}", NOW + KT_NS_S);
    figures(w, s, NOW, &out);
    assert_true(has(&out, "keytrail_integrity_last_verified_timestamp_seconds 1795377601\n"));
    kt_metrics_store_verified(s, NOW + KT_NS_DAY, false);
    figures(w, s, NOW, &out);
    assert_true(has(&out, "keytrail_integrity_ok 0\n"));
    kt_metrics_store_verified(s, NOW + 2 * KT_NS_DAY, true);
    kt_metrics_store_verified(s, NOW, false); /* an older one says nothing any more */
    put_alert(w, THREE, KT_SEV_CRITICAL, "integrity.failed");
    figures(w, s, NOW + KT_NS_HOUR, &out);
    assert_true(has(&out, "keytrail_integrity_ok 0\n"));
    put_step(w, THREE, KT_STEP_CLOSE, NOW + KT_NS_HOUR);
    figures(w, s, NOW + 2 * KT_NS_HOUR, &out);
    assert_true(has(&out, "keytrail_integrity_ok 1\n"));
    kt_metrics_store_free(s);
}

/* ---- health ---- */

static void health_says_what_is_wrong(void **state)
{
    static const struct {
        struct kt_ready r;
        int status;
        const char *text;
    } rows[] = {
        { { .store = true, .configured = true, .collector = true },
          200,
          "store: ok\ncollector: ok\n" },
        { { .store = true }, 200, "store: ok\ncollector: none is configured\n" },
        { { .store = true, .configured = true }, 503, "store: ok\ncollector: failed\n" },
        { { .configured = true, .collector = true }, 503, "store: failed\ncollector: ok\n" },
    };
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    (void)state;
    assert_int_equal(kt_healthz(&out), 200);
    for (unsigned i = 0; i < KT_ARRAY_LEN(rows); i++) {
        kt_buf_reset(&out);
        assert_int_equal(kt_readyz(&rows[i].r, &out), rows[i].status);
        assert_string_equal(kt_buf_z(&out), rows[i].text);
    }
}

int main(void)
{
#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_as_they_were),
        cmocka_unit_test(without_a_collector_up_is_0_and_the_store_is_told),
        cmocka_unit_test(forms_are_negotiated),
        cmocka_unit_test(names_are_told_once_and_series_too),
        cmocka_unit_test(a_bucket_counts_those_below_it_too),
        cmocka_unit_test(hostile_names_stay_inside_their_quotes),
        cmocka_unit_test(other_documents_give_no_series),
        cmocka_unit_test(there_are_never_more_than_2000_series),
        cmocka_unit_test(all_that_a_collector_tells_fits),
        IN_WORLD(a_store_tells_of_its_alerts),
        IN_WORLD(a_store_tells_of_its_integrity),
        cmocka_unit_test(health_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
