/*
 * dashboard_house: the calls of the page about the house: countries and coverage against a naive
 * reading, integrity, evidence packages and their files, jobs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/answer/coverage.h"
#include "core/answer/places.h"
#include "core/base/map.h"
#include "core/event/json.h"
#include "core/sys/fs.h"
#include "core/sys/fs_below.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/jobs.h"
#include "dashboards/api/tar.h"
#include "tests/support/page_call.h"
#include "tests/support/stock.h"

#define NOW    (STOCK_T0 + STOCK_NS)
#define EVENTS 4000u

static struct stock *w;
static struct page_call call;

static int setup(void **state)
{
    (void)state;
    w = stock_new(7, EVENTS);
    for (unsigned i = 0; i < 200; i += 3) { /* some addresses are known, some have no country */
        char raw[200];
        (void)snprintf(raw, sizeof raw,
                       "{\"ip\":\"198.51.100.%u\",\"country\":\"%s\",\"class\":\"public\"}", i,
                       i % 2 == 0 ? "DE" : "FR");
        stock_control(w, KT_KIND_FACT, "fact", raw, STOCK_T0);
    }
    page_open(&call, w->path, NOW);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    page_close(&call);
    stock_free(w);
    return 0;
}

/* With "name=value&name=value" (NULL: none): the answer as text, or NULL, and call.err says why. */
static const char *ask(kt_api_call *f, const char *params)
{
    struct kt_str rest = kt_str_of(params != NULL ? params : ""), pair;
    call.api.n_params = 0;
    while (rest.len > 0 && kt_str_split(&rest, '&', &pair)) {
        struct kt_str value = pair, name;
        (void)kt_str_split(&value, '=', &name);
        call.param[call.api.n_params++] = (struct kt_api_param){ name, value };
    }
    call.api.param = call.param;
    call.api.policy = NULL;
    call.err = (struct kt_error){ 0 };
    kt_buf_reset(&call.api.out);
    return f(&call.api, &call.err) == KT_OK ? kt_buf_z(&call.api.out) : NULL;
}

static int64_t number_at(struct kt_jval v, const char *path)
{
    int64_t n = -1;
    (void)kt_json_i64(kt_json_path(v, path), &n);
    return n;
}

static struct kt_jval parsed(struct kt_json *json, const char *text)
{
    struct kt_jval root;
    unsigned repaired;
    if (text == NULL)
        fail_msg("%s", call.err.text);
    assert_int_equal(kt_json_parse(json, kt_str_of(text), &root, &repaired, NULL), KT_OK);
    return root;
}

/* ---- places ---- */

struct naive {
    uint64_t events, nowhere, in[2], failed[2];
};

static enum kt_status count(void *self, const struct kt_record *r, const struct kt_fact *fact,
                            struct kt_error *err)
{
    struct naive *n = self;
    (void)err;
    n->events++;
    if (fact == NULL || fact->country.len != 2) {
        n->nowhere++;
        return KT_OK;
    }
    unsigned i = kt_str_is(fact->country, "DE") ? 0 : 1;
    n->in[i]++;
    n->failed[i] += r->ev.outcome != KT_OUT_SUCCESS && r->ev.outcome != KT_OUT_UNKNOWN;
    return KT_OK;
}

static void test_map(void **state)
{
    struct naive n = { 0 };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval place;
    struct kt_str key;
    (void)state;
    struct kt_jval root = parsed(json, ask(kt_api_map, "since=40d"));
    call.ask.since = NOW - 40 * KT_NS_DAY;
    assert_int_equal(kt_ask_records(&call.ask, KT_STR(""), count, &n, &call.err), KT_OK);
    assert_int_equal(number_at(root, "events"), n.events);
    int64_t nowhere = number_at(root, "unlocated.private") + number_at(root, "unlocated.unknown") +
                      number_at(root, "unlocated.none");
    assert_int_equal(nowhere, n.nowhere);
    unsigned seen = 0;
    for (struct kt_json_iter it = kt_json_iter(kt_json_path(root, "countries"));
         kt_json_next(&it, &key, &place); seen++) {
        unsigned i = kt_str_is(kt_json_str_at(place, "country"), "DE") ? 0 : 1;
        assert_int_equal(number_at(place, "events"), n.in[i]);
        assert_int_equal(number_at(place, "failed"), n.failed[i]);
        assert_in_range(number_at(place, "actors"), 0, n.in[i]);
    }
    assert_int_equal(seen, (n.in[0] > 0) + (n.in[1] > 0));
    assert_null(ask(kt_api_map, "q=\"free text\""));
    assert_int_equal(call.err.code, KT_E_INPUT);
    kt_json_free(json);
}

static int64_t of_all_places(struct kt_jval root, const char *key)
{
    struct kt_jval place;
    struct kt_str name;
    int64_t n = 0;
    for (struct kt_json_iter it = kt_json_iter(kt_json_path(root, "countries"));
         kt_json_next(&it, &name, &place);)
        n += number_at(place, key);
    return n;
}

struct actors {
    struct kt_map *in; /* country and canonical name */
};

static enum kt_status meet(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct actors *s = self;
    char key[300];
    (void)err;
    if (fact == NULL || fact->country.len != 2 || r->ev.actor.len == 0)
        return KT_OK;
    struct kt_str who = kt_ask_actor(&call.ask, r->ev.actor, r->ev.source, r->ev.instance);
    int n = snprintf(key, sizeof key, KT_STR_FMT " " KT_STR_FMT, KT_STR_ARG(fact->country),
                     KT_STR_ARG(who));
    (void)kt_map_put(s->in, kt_str_from(key, (size_t)n), NULL);
    return KT_OK;
}

/* Who is one person counts once, and `since:` in the query is the window. */
static void test_map_question(void **state)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct actors s = { .in = kt_map_new(1) };
    (void)state;
    int64_t ten = number_at(parsed(json, ask(kt_api_map, "since=10d")), "events");
    int64_t forty = number_at(parsed(json, ask(kt_api_map, "since=40d")), "events");
    assert_true(ten > 0 && ten < forty);
    assert_int_equal(number_at(parsed(json, ask(kt_api_map, "q=since:10d")), "events"), ten);
    assert_int_equal(number_at(parsed(json, ask(kt_api_map, "q=since:40d")), "events"), forty);
    call.ask.ids = w->ids;
    int64_t people = of_all_places(parsed(json, ask(kt_api_map, "since=40d")), "actors");
    assert_int_equal(kt_ask_records(&call.ask, KT_STR(""), meet, &s, &call.err), KT_OK);
    assert_int_equal(people, kt_map_count(s.in));
    call.ask.ids = NULL;
    kt_map_free(s.in);
    kt_json_free(json);
}

/* An address has moved since: countries are those of now, whether columns or lines are counted. */
static void test_facet_places(void **state)
{
    static const char *const questions[] = { "field=country&since=40d",
                                             "field=country&since=40d&q=-session:nobody" };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    int64_t n[2] = { 0 };
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        char raw[200];
        (void)snprintf(raw, sizeof raw,
                       "{\"ip\":\"198.51.100.%u\",\"country\":\"JP\",\"class\":\"public\"}", i);
        stock_control(w, KT_KIND_FACT, "fact", raw, STOCK_T0 + STOCK_NS);
    }
    page_close(&call);
    page_open(&call, w->path, NOW);
    for (unsigned i = 0; i < 2; i++) {
        struct kt_jval root = parsed(json, ask(kt_api_facets, questions[i])), item;
        struct kt_str key;
        struct kt_json_iter it = kt_json_iter(kt_json_path(root, "facets"));
        assert_true(kt_json_next(&it, &key, &item));
        struct kt_json_iter values = kt_json_iter(kt_json_at(item, "values"));
        while (kt_json_next(&values, &key, &item))
            if (kt_str_is(kt_json_str_at(item, "value"), "JP"))
                n[i] = number_at(item, "count");
    }
    assert_true(n[0] > 0);
    assert_int_equal(n[0], n[1]);
    kt_json_free(json);
}

/* ---- coverage ---- */

static void test_coverage(void **state)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_coverage *c = NULL;
    (void)state;
    struct kt_jval root = parsed(json, ask(kt_api_coverage, "since=30d"));
    call.ask.since = NOW - 30 * KT_NS_DAY;
    assert_int_equal(kt_coverage_load(&call.ask, &c, &call.err), KT_OK);
    assert_int_equal(kt_json_count(kt_json_path(root, "sources")), c->n_sources);
    assert_int_equal(kt_json_count(kt_json_path(root, "gaps")), c->n_gaps);
    assert_int_equal(number_at(root, "days"), c->days);
    assert_int_equal(number_at(root, "coverage.gaps"), kt_coverage_open(c));
    assert_null(ask(kt_api_coverage, "since=never"));
    assert_null(ask(kt_api_coverage, "since=1d&until=2d"));
    kt_coverage_free(c);
    kt_json_free(json);
}

/* ---- integrity, settings, status without a collector ---- */

static void test_alone(void **state)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    (void)state;
    struct kt_jval root = parsed(json, ask(kt_api_integrity, NULL));
    assert_true(number_at(root, "size") >= (int64_t)EVENTS);
    assert_true(kt_str_is(kt_json_str_at(root, "verify.state"), "none"));
    assert_false(kt_json_bool(kt_json_path(root, "checkpoint.readable"), true));
    assert_int_equal(kt_json_type(kt_json_path(root, "checkpoint.size")), KT_JSON_NULL);
    assert_int_equal(kt_json_type(kt_json_path(root, "checkpoint.cosigners")), KT_JSON_ARRAY);
    assert_true(kt_json_str_at(root, "live.away").len > 0);
    root = parsed(json, ask(kt_api_settings, NULL));
    assert_true(kt_json_count(kt_json_path(root, "detectors")) > 10);
    root = parsed(json, ask(kt_api_status, NULL));
    assert_true(number_at(root, "store.events") >= (int64_t)EVENTS);
    assert_null(ask(kt_api_verify, NULL));
    assert_int_equal(call.err.code, KT_E_DENIED);
    kt_json_free(json);
}

static void canaries_are_for_admins(void **state)
{
    static const struct kt_str text =
        KT_STR_INIT("store: { path: /tmp/kt.db }\ncanaries:\n"
                    "  - { secret: \"prod/lure-*\", allow: [\"the-tester\"] }\n");
    struct kt_conf *conf = NULL;
    struct kt_error err = { 0 };
    (void)state;
    assert_int_equal(kt_conf_parse(text, "keytrail.yaml", NULL, 0, &conf, &err), KT_OK);
    call.api.conf = conf;
    for (enum kt_role role = KT_ROLE_VIEWER; role < KT_ROLE_COUNT; role++) {
        call.api.role = role;
        const char *answer = ask(kt_api_settings, NULL);
        assert_non_null(answer);
        assert_int_equal(strstr(answer, "lure") != NULL, role == KT_ROLE_ADMIN);
        assert_int_equal(strstr(answer, "the-tester") != NULL, role == KT_ROLE_ADMIN);
        assert_non_null(strstr(answer, "/tmp/kt.db"));
    }
    call.api.role = KT_ROLE_RESPONDER;
    call.api.conf = NULL;
    kt_conf_free(conf);
}

/* ---- packages ---- */

static void put(const char *folder, const char *name, const char *text)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(kt_fs_write_atomic(path, kt_str_of(text), 0600, &call.err), KT_OK);
}

static void make_package(char root[64], char package[96])
{
    char path[300];
    kt_str_copyz(root, 64, KT_STR("/tmp/kt-house-XXXXXX"));
    assert_non_null(mkdtemp(root));
    (void)snprintf(package, 96, "%s/evidence-a", root);
    assert_int_equal(mkdir(package, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/csv", package);
    assert_int_equal(mkdir(path, 0700), 0);
    put(package, "manifest.json",
        "{\"package\":\"P\",\"report\":\"soc2\",\"files\":[{\"path\":\"report.html\",\"bytes\":9},"
        "{\"path\":\"csv/a.csv\",\"bytes\":4},{\"path\":\"link.txt\",\"bytes\":1}]}");
    put(package, "report.html", "<b>hi</b>");
    put(package, "csv/a.csv", "a,b\n");
    put(package, "beside.txt", "not listed");
    (void)snprintf(path, sizeof path, "%s/link.txt", package);
    assert_int_equal(symlink("/etc/passwd", path), 0);
}

static void drop(const char *root)
{
    static const char *const names[] = { "manifest.json", "report.html", "csv/a.csv",
                                         "beside.txt",    "link.txt",    "csv" };
    char path[300];
    for (unsigned i = 0; i < KT_ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof path, "%s/evidence-a/%s", root, names[i]);
        (void)remove(path);
    }
    (void)snprintf(path, sizeof path, "%s/evidence-a", root);
    (void)rmdir(path);
    (void)snprintf(path, sizeof path, "%s/report.out", root);
    (void)remove(path);
    (void)rmdir(root);
}

static void test_packages(void **state)
{
    static const char *const none[] = {
        "name=evidence-a&path=beside.txt",  "name=evidence-a&path=../evidence-a/report.html",
        "name=..&path=etc/passwd",          "name=evidence-a&path=link.txt",
        "name=evidence-a/csv&path=a.csv",   "name=&path=report.html",
        "name=evidence-a&path=/etc/passwd", "name=evidence-a&path=csv//a.csv",
        "name=evidence-b&path=report.html", "name=evidence-a&path=csv",
    };
    char root[64], package[96];
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    (void)state;
    make_package(root, package);
    assert_null(ask(kt_api_reports, NULL)); /* no folder is named */
    assert_int_equal(call.err.code, KT_E_AGAIN);
    assert_int_equal(kt_jobs_open("/bin/sh", root, &call.api.jobs, &call.err), KT_OK);
    call.api.reports = root;
    struct kt_jval v = parsed(json, ask(kt_api_reports, NULL));
    assert_int_equal(kt_json_count(kt_json_path(v, "packages")), 1);
    assert_int_equal(kt_json_count(kt_json_path(v, "kinds")), 4);
    const char *text = ask(kt_api_report_file, "name=evidence-a&path=report.html");
    assert_string_equal(text, "<b>hi</b>");
    assert_non_null(strstr(call.api.policy, "sandbox"));
    assert_string_equal(ask(kt_api_report_file, "name=evidence-a&path=csv/a.csv"), "a,b\n");
    for (unsigned i = 0; i < KT_ARRAY_LEN(none); i++) {
        assert_null(ask(kt_api_report_file, none[i]));
        assert_int_equal(call.err.code, KT_E_AGAIN);
    }
    assert_null(ask(kt_api_reports_make, "kind=soc3&from=2026-01-01&to=2026-02-01"));
    assert_null(ask(kt_api_reports_make, "kind=soc2&from=--db&to=2026-02-01"));
    kt_jobs_close(call.api.jobs);
    call.api.jobs = NULL;
    call.api.reports = NULL;
    kt_json_free(json);
    drop(root);
}

/* One more than are shown, and a folder that is none: the oldest is left out, whatever its name. */
static void test_newest_packages(void **state)
{
    char root[64] = "/tmp/kt-house-XXXXXX", path[300], text[200];
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval v, item;
    struct kt_str key, last = KT_STR("3");
    unsigned n = 0;
    (void)state;
    assert_non_null(mkdtemp(root));
    (void)snprintf(path, sizeof path, "%s/other", root);
    assert_int_equal(mkdir(path, 0700), 0);
    for (unsigned i = 0; i <= 200; i++) { /* the names are against the times */
        (void)snprintf(path, sizeof path, "%s/p-%03u", root, 999 - i);
        assert_int_equal(mkdir(path, 0700), 0);
        (void)snprintf(text, sizeof text,
                       "{\"made\":{\"at\":\"2026-11-%02uT00:%02u:00Z\"},\"files\":[]}", 1 + i / 50,
                       i % 50);
        put(path, "manifest.json", text);
    }
    assert_int_equal(kt_jobs_open("/bin/sh", root, &call.api.jobs, &call.err), KT_OK);
    call.api.reports = root;
    v = parsed(json, ask(kt_api_reports, NULL));
    assert_int_equal(number_at(v, "more"), 1);
    for (struct kt_json_iter it = kt_json_iter(kt_json_path(v, "packages"));
         kt_json_next(&it, &key, &item); n++) {
        struct kt_str made = kt_json_str_at(item, "made");
        if (n == 0)
            assert_true(kt_str_is(kt_json_str_at(item, "name"), "p-799"));
        assert_true(kt_str_cmp(made, last) < 0);
        last = made;
    }
    assert_int_equal(n, 200);
    kt_jobs_close(call.api.jobs);
    call.api.jobs = NULL;
    call.api.reports = NULL;
    kt_json_free(json);
    for (unsigned i = 0; i <= 200; i++) {
        (void)snprintf(path, sizeof path, "%s/p-%03u/manifest.json", root, 999 - i);
        assert_int_equal(unlink(path), 0);
        (void)snprintf(path, sizeof path, "%s/p-%03u", root, 999 - i);
        assert_int_equal(rmdir(path), 0);
    }
    (void)snprintf(path, sizeof path, "%s/other", root);
    (void)rmdir(path);
    (void)rmdir(root);
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        bool ok;
    } names[] = { { "a", true },        { "a/b.csv", true },  { "A-1_b.c/d", true },
                  { "", false },        { ".", false },       { "..", false },
                  { "a/../b", false },  { "/a", false },      { "a/", false },
                  { "a//b", false },    { ".hidden", false }, { "a/.b", false },
                  { "a b", false },     { "a\\b", false },    { "a%2fb", false },
                  { "\xc3\xa4", false } };
    (void)state;
    for (unsigned i = 0; i < KT_ARRAY_LEN(names); i++)
        assert_int_equal(kt_fs_name_ok(kt_str_of(names[i].name)), names[i].ok);
    char longest[202];
    memset(longest, 'a', sizeof longest);
    assert_true(kt_fs_name_ok(kt_str_from(longest, 200)));
    assert_false(kt_fs_name_ok(kt_str_from(longest, 201)));
    assert_false(kt_fs_name_ok(kt_str_from("a\0b", 3)));
}

/* The sum and the fields, as POSIX has them. */
static void test_tar(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_error err = { 0 };
    char deep[160];
    unsigned sum = 0;
    (void)state;
    assert_int_equal(kt_tar_head(&out, KT_STR("p/report.html"), 9, &err), KT_OK);
    assert_int_equal(out.len, 512);
    for (unsigned i = 0; i < 512; i++)
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)out.at[i];
    assert_int_equal(strtoul(out.at + 148, NULL, 8), sum);
    assert_int_equal(strtoul(out.at + 124, NULL, 8), 9);
    assert_memory_equal(out.at + 257,
                        "ustar\0"
                        "00",
                        8);
    kt_buf_addz(&out, "<b>hi</b>");
    kt_tar_pad(&out, 9);
    assert_int_equal(out.len, 1024);
    kt_tar_end(&out);
    assert_int_equal(out.len, 2048);
    memset(deep, 'd', sizeof deep);
    assert_int_equal(kt_tar_head(&out, kt_str_from(deep, 101), 1, &err), KT_E_LIMIT);
    deep[90] = '/';
    kt_buf_reset(&out);
    assert_int_equal(kt_tar_head(&out, kt_str_from(deep, 150), 1, &err), KT_OK);
    assert_int_equal(strnlen(out.at, 100), 59);
    assert_int_equal(strnlen(out.at + 345, 155), 90);
}

/* ---- jobs ---- */

static void wait_for(struct kt_jobs *j, struct kt_job_state *s)
{
    for (unsigned i = 0; i < 500; i++) {
        kt_jobs_state(j, KT_JOB_REPORT, NOW, s);
        if (!s->running)
            return;
        kt_job_state_done(s);
        (void)usleep(10000);
    }
    fail_msg("the job does not end");
}

static void test_jobs(void **state)
{
    const char *const slow[] = { "-c", "sleep 30", NULL }, *const quick[] = {
        "-c", "echo done; echo why >&2", NULL
    };
    const char *const loud[] = { "-c", "yes 0123456789 | head -c 400000; echo; echo the end",
                                 NULL };
    const char *const killed[] = { "-c", "echo so far; kill -9 $$", NULL };
    const char *const fails[] = { "-c", "exit 3", NULL };
    char root[64] = "/tmp/kt-jobs-XXXXXX", path[100];
    struct kt_jobs *j = NULL;
    struct kt_job_state s;
    struct kt_error err = { 0 };
    (void)state;
    assert_non_null(mkdtemp(root));
    assert_int_equal(kt_jobs_open("/bin/sh", root, &j, &err), KT_OK);
    kt_jobs_state(j, KT_JOB_REPORT, NOW, &s);
    assert_false(s.started);
    assert_int_equal(kt_jobs_start(j, KT_JOB_REPORT, quick, "a quick one", NOW, &err), KT_OK);
    wait_for(j, &s);
    assert_string_equal(kt_buf_z(&s.said), "done\nwhy\n");
    assert_string_equal(s.about, "a quick one");
    assert_int_equal(s.code, 0);
    kt_job_state_done(&s);
    assert_int_equal(kt_jobs_start(j, KT_JOB_REPORT, killed, "killed", NOW, &err), KT_OK);
    wait_for(j, &s);
    assert_int_equal(s.code, 128 + 9);
    assert_string_equal(kt_buf_z(&s.said), "so far\n");
    kt_job_state_done(&s);
    assert_int_equal(kt_jobs_start(j, KT_JOB_REPORT, fails, "fails", NOW, &err), KT_OK);
    wait_for(j, &s);
    assert_int_equal(s.code, 3);
    kt_job_state_done(&s);
    assert_int_equal(kt_jobs_start(j, KT_JOB_REPORT, loud, "loud", NOW, &err), KT_OK);
    wait_for(j, &s); /* the end of what it printed, in whole lines */
    assert_true(s.said.len > 200000 && kt_str_starts(kt_buf_str(&s.said), KT_STR("0123456789\n")));
    assert_true(kt_str_ends(kt_buf_str(&s.said), KT_STR("\nthe end\n")));
    kt_job_state_done(&s);
    assert_int_equal(kt_jobs_start(j, KT_JOB_REPORT, slow, "a slow one", NOW, &err), KT_OK);
    assert_int_equal(kt_jobs_start(j, KT_JOB_REPORT, quick, "another", NOW, &err), KT_E_LIMIT);
    assert_int_equal(kt_jobs_start(j, KT_JOB_CHECK, quick, "of another kind", NOW, &err), KT_OK);
    kt_jobs_close(j);
    (void)snprintf(path, sizeof path, "%s/report.out", root);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/check.out", root);
    (void)unlink(path);
    (void)rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_packages),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_tar),
        cmocka_unit_test(test_jobs),
        cmocka_unit_test(test_map_question),
        cmocka_unit_test(test_newest_packages),
        cmocka_unit_test(test_facet_places),
        cmocka_unit_test(canaries_are_for_admins),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
