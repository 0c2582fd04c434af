/* reports_contents: every report over random stores, twice the same bytes; alerts with what people
 * did, against plain counting; the matrix of controls; samples; pseudonyms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/sample.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "exporters/reports/parts.h"
#include "tests/support/stock.h"

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

/* ---- whole reports, into memory ---- */

struct memory { /* all files, each behind its name */
    struct kt_buf bytes, file;
};

static enum kt_status open_file(void *self, const char *file, struct kt_error *err)
{
    struct memory *m = self;
    (void)err;
    kt_buf_addf(&m->bytes, "== %s\n", file);
    return KT_OK;
}

static enum kt_status add_bytes(void *self, struct kt_str bytes, struct kt_error *err)
{
    struct memory *m = self;
    (void)err;
    kt_buf_add(&m->bytes, bytes);
    return KT_OK;
}

static enum kt_status close_file(void *self, uint64_t *ret_bytes, uint8_t ret_sha256[32],
                                 struct kt_error *err)
{
    (void)self;
    (void)err;
    *ret_bytes = 0;
    memset(ret_sha256, 0, 32);
    return KT_OK;
}

static void write_over(const struct kt_report *r, const struct stock *s, struct kt_span period,
                       const struct kt_conf *conf, const struct kt_pseudonyms *hide,
                       struct memory *m, unsigned *ret_alarms)
{
    struct kt_error err = { 0 };
    struct kt_ask a;
    struct kt_coverage *coverage = NULL;
    struct kt_controls *controls = NULL;
    const struct kt_doc_out out = { open_file, add_bytes, close_file, m };
    must(kt_ask_open(&a, s->path, s->ids, STOCK_T0 + STOCK_NS, &err), &err);
    a.since = period.since;
    a.until = period.until;
    must(kt_coverage_load(&a, &coverage, &err), &err);
    must(kt_controls_read(kt_controls_default_csv(), &controls, &err), &err);
    const struct kt_doc_head head = { .title = r->title,
                                      .organisation = "acme",
                                      .framework = r->framework,
                                      .package = "p",
                                      .program = "test",
                                      .since = a.since,
                                      .until = a.until };
    const struct kt_report_in in = { .ask = &a,
                                     .conf = conf,
                                     .coverage = coverage,
                                     .controls = controls,
                                     .hide = hide,
                                     .organisation = KT_STR("acme"),
                                     .system = KT_STR("prod"),
                                     .responses =
                                         KT_STR("The outage of May was\nours.\n\nMended.") };
    struct kt_doc *d = kt_doc_new(&head, &out);
    must(kt_report_write(r, &in, d, &err), &err);
    must(kt_doc_end(d, &err), &err);
    *ret_alarms = kt_doc_alarms(d);
    kt_doc_free(d);
    kt_controls_free(controls);
    kt_coverage_free(coverage);
    kt_ask_done(&a);
}

static void write_report(const struct kt_report *r, const struct stock *s,
                         const struct kt_pseudonyms *hide, struct memory *m, unsigned *ret_alarms)
{
    const struct kt_span period = { STOCK_T0 + 40 * KT_NS_DAY, STOCK_T0 + 70 * KT_NS_DAY };
    write_over(r, s, period, NULL, hide, m, ret_alarms);
}

/* One file of a report, up to the next. */
static struct kt_str file_of(const struct memory *m, const char *name)
{
    struct kt_str all = kt_buf_str(&m->bytes);
    ptrdiff_t at = kt_str_find(all, kt_str_of(name), 0);
    assert_true(at >= 0);
    ptrdiff_t end = kt_str_find(all, KT_STR("\n== "), (size_t)at);
    return kt_str_sub(all, (size_t)at, (size_t)(end < 0 ? (ptrdiff_t)all.len : end) - (size_t)at);
}

static bool says(const struct memory *m, const char *text)
{
    return kt_str_has(kt_buf_str(&m->bytes), kt_str_of(text));
}

static void what_is_not_known_is_not_all(void **state)
{
    const struct kt_span before = { STOCK_T0 - 40 * KT_NS_DAY, STOCK_T0 - 10 * KT_NS_DAY };
    const struct kt_span during = { STOCK_T0 + 40 * KT_NS_DAY, STOCK_T0 + 70 * KT_NS_DAY };
    struct memory none = { 0 }, imported = { 0 }, some = { 0 };
    unsigned alarms;
    struct stock *s = stock_new(5, 900);
    (void)state;
    write_over(kt_report_of(KT_STR("soc2")), s, before, NULL, NULL, &none, &alarms);
    assert_true(says(&none, "1. How much of the period the log covers is not known."));
    assert_true(says(&none, "How much of the period the log covers is not known: no source has"));
    assert_false(says(&none, "100.0 %"));
    assert_true(says(&none, "ran in the period is not known: it left no sign of itself"));
    write_over(kt_report_of(KT_STR("soc2")), s, during, NULL, NULL, &imported, &alarms);
    assert_true(says(&imported, "ran in the period is not known: it left no sign of itself"));
    assert_false(says(&imported, "It ran all the time"));
    stock_control(s, KT_KIND_AUDIT, "start", "{}", STOCK_T0 + 41 * KT_NS_DAY);
    stock_control(s, KT_KIND_TICK, "", "{}", STOCK_T0 + 41 * KT_NS_DAY + 5 * KT_NS_MIN);
    stock_control(s, KT_KIND_AUDIT, "start", "{}", STOCK_T0 + 50 * KT_NS_DAY);
    stock_control(s, KT_KIND_AUDIT, "stop", "{}", STOCK_T0 + 50 * KT_NS_DAY + 6 * KT_NS_MIN);
    stock_control(s, KT_KIND_AUDIT, "start", "{}", STOCK_T0 + 50 * KT_NS_DAY + 8 * KT_NS_MIN);
    stock_control(s, KT_KIND_AUDIT, "stop", "{}", STOCK_T0 + 50 * KT_NS_DAY + 9 * KT_NS_MIN);
    write_over(kt_report_of(KT_STR("soc2")), s, during, NULL, NULL, &some, &alarms);
    assert_true(says(&some, "that is its first sign in the log"));
    struct kt_str down = file_of(&some, "_detectors_not_running.csv");
    assert_true(kt_str_has(down, KT_STR("it ended without a stop")));
    assert_true(kt_str_has(down, KT_STR("stopped and started")));
    assert_true(kt_str_ends(kt_str_trim(down), KT_STR("stopped")));
    kt_buf_done(&none.bytes);
    kt_buf_done(&imported.bytes);
    kt_buf_done(&some.bytes);
    stock_free(s);
}

static void emergency_globs_are_globs(void **state)
{
    const struct kt_span period = { STOCK_T0 + 40 * KT_NS_DAY, STOCK_T0 + 70 * KT_NS_DAY };
    struct kt_conf *conf = NULL;
    struct kt_error err = { 0 };
    struct memory m = { 0 };
    unsigned alarms;
    struct stock *s = stock_new(5, 900);
    (void)state;
    must(kt_conf_parse(KT_STR("break_glass: [\"vault://c/-/secret/prod/**\", \"a b*\"]\n"),
                       "keytrail.yaml", NULL, 0, &conf, &err),
         &err);
    write_over(kt_report_of(KT_STR("soc2")), s, period, conf, NULL, &m, &alarms);
    assert_true(kt_str_has(file_of(&m, "_privileged.csv"), KT_STR("vault://c/-/secret/prod/db")));
    assert_true(says(&m, "was not looked for: &#39;a b*&#39;") ||
                says(&m, "was not looked for: 'a b*'"));
    kt_buf_done(&m.bytes);
    kt_conf_free(conf);
    stock_free(s);
}

static void reports_are_the_same_twice(void **state)
{
    struct stock *s = stock_new(5, 900);
    (void)state;
    stock_control(s, KT_KIND_CONFIG, "config", "{\"what\":\"config\",\"digest\":\"ab\"}",
                  STOCK_T0 + 45 * KT_NS_DAY);
    stock_control(s, KT_KIND_AUDIT, "backup", "{\"by\":\"carol\"}", STOCK_T0 + 50 * KT_NS_DAY);
    for (unsigned i = 0; kt_reports[i] != NULL; i++) {
        struct memory one = { 0 }, two = { 0 };
        unsigned alarms = 0, again = 0;
        write_report(kt_reports[i], s, NULL, &one, &alarms);
        write_report(kt_reports[i], s, NULL, &two, &again);
        assert_int_equal(alarms, again);
        assert_true(alarms > 2); /* not verified, no counts of agents, no networks … */
        assert_int_equal(one.bytes.len, two.bytes.len);
        assert_memory_equal(one.bytes.at, two.bytes.at, one.bytes.len);
        for (unsigned k = 0; kt_reports[i]->parts[k] != NULL; k++)
            assert_true(
                kt_str_has(kt_buf_str(&one.bytes), kt_str_of(kt_reports[i]->parts[k]->title)));
        kt_buf_done(&one.bytes);
        kt_buf_done(&two.bytes);
    }
    stock_free(s);
}

static void pseudonyms_leave_no_name(void **state)
{
    static const char *const names[] = {
        "alice",       "bob@example.com", "deploy-1",    "Ζωή",  "王伟",  "عمر",
        "203.0.113.7", "2001:db8:7::9",   "prod/stripe", "Ключ", "carol", "quarterly"
    };
    struct kt_pseudonyms *hide = NULL;
    struct kt_error err = { 0 };
    struct memory clear = { 0 }, hidden = { 0 };
    unsigned alarms;
    struct stock *s = stock_new(5, 900);
    (void)state;
    stock_control(
        s, KT_KIND_HOLD, "add",
        "{\"id\":\"hold-1\",\"query\":\"actor:alice\",\"reason\":\"quarterly\",\"by\":\"carol\"}",
        STOCK_T0 + 50 * KT_NS_DAY);
    assert_int_equal(kt_pseudonyms_new(KT_STR("too short"), &hide, &err), KT_E_INPUT);
    must(kt_pseudonyms_new(KT_STR("0123456789abcdef\n"), &hide, &err), &err);
    write_report(kt_report_of(KT_STR("soc2")), s, NULL, &clear, &alarms);
    write_report(kt_report_of(KT_STR("soc2")), s, hide, &hidden, &alarms);
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++) {
        struct kt_str name = kt_str_of(names[i]);
        assert_true(kt_str_has(kt_buf_str(&clear.bytes), name));
        if (kt_str_has(kt_buf_str(&hidden.bytes), name))
            fail_msg("'%s' is left in it", names[i]);
    }
    kt_buf_done(&clear.bytes);
    kt_buf_done(&hidden.bytes);
    kt_pseudonyms_free(hide);
    stock_free(s);
}

/* ---- alerts ---- */

#define ALERTS 60u

struct lived {
    char id[KT_ID_TEXT];
    kt_time_ns raised, acked, closed;
    int verdict;
};

static void put_alert(struct stock *s, struct lived *l, unsigned n)
{
    struct kt_error err = { 0 };
    struct kt_buf json = { 0 };
    struct kt_alert a = { .severity = (enum kt_severity)(n % KT_SEV_COUNT),
                          .detector = "new_secrets",
                          .state = "open",
                          .title = KT_STR("x"),
                          .actor = KT_STR("alice"),
                          .test = n % 10 == 9 };
    uint8_t id[16] = { (uint8_t)n, 7 };
    (void)kt_id_format(id, l->id);
    memcpy(a.id, l->id, sizeof a.id);
    l->verdict = -1;
    l->raised = a.raised = a.time = a.first = a.last =
        STOCK_T0 + (kt_time_ns)kt_rng_below(&s->rng, 70) * KT_NS_DAY;
    kt_alert_write(&a, &json);
    must(kt_store_begin(s->store, &err), &err);
    must(kt_store_alert_put(s->store, a.id, a.raised, a.raised, (int)a.severity, kt_buf_str(&json),
                            &err),
         &err);
    must(kt_store_commit(s->store, &err), &err);
    kt_buf_done(&json);
}

static void live(struct stock *s, struct lived *l)
{
    static const char *const verdicts[] = { "true", "false", "expected" };
    char raw[200];
    kt_time_ns at = l->raised + (kt_time_ns)kt_rng_below(&s->rng, 7200) * KT_NS_S + 1;
    uint64_t what = kt_rng_below(&s->rng, 3);
    if (what == 0)
        return;
    (void)snprintf(raw, sizeof raw, "{\"id\":\"%.26s\",\"by\":\"bob\"}", l->id);
    stock_control(s, KT_KIND_DECISION, "ack", raw, at);
    l->acked = at;
    if (what == 1)
        return;
    l->verdict = (int)kt_rng_below(&s->rng, 3);
    l->closed = at + KT_NS_HOUR;
    (void)snprintf(raw, sizeof raw, "{\"id\":\"%.26s\",\"by\":\"bob\",\"verdict\":\"%s\"}", l->id,
                   verdicts[l->verdict]);
    stock_control(s, KT_KIND_DECISION, "verdict", raw, l->closed);
}

static int by_number(const void *a, const void *b)
{
    return *(const int64_t *)a < *(const int64_t *)b ? -1 : 1;
}

static void alerts_are_counted(void **state)
{
    struct kt_error err = { 0 };
    struct kt_ask a;
    struct kt_alert_register *r = NULL;
    struct lived l[ALERTS];
    int64_t acks[ALERTS];
    uint64_t raised = 0, acked = 0, closed = 0, wrong = 0, before = 0;
    struct stock *s = stock_new(9, 50);
    (void)state;
    memset(l, 0, sizeof l);
    for (unsigned i = 0; i < ALERTS; i++)
        put_alert(s, &l[i], i);
    for (unsigned i = 0; i < ALERTS; i++)
        live(s, &l[i]);
    must(kt_ask_open(&a, s->path, NULL, STOCK_T0 + STOCK_NS, &err), &err);
    a.since = STOCK_T0 + 35 * KT_NS_DAY;
    a.until = STOCK_T0 + 70 * KT_NS_DAY;
    must(kt_alert_register_load(&a, &r, &err), &err);
    for (unsigned i = 0; i < ALERTS; i++) {
        bool test = i % 10 == 9;
        before += !test && l[i].raised < a.since;
        if (test || l[i].raised < a.since)
            continue;
        raised++;
        if (l[i].acked != 0)
            acks[acked++] = l[i].acked - l[i].raised;
        closed += l[i].closed != 0;
        wrong += l[i].verdict == KT_FOUND_FALSE;
    }
    qsort(acks, acked, sizeof *acks, by_number);
    assert_int_equal(r->sums.raised, raised);
    assert_int_equal(r->before.raised, before);
    assert_int_equal(r->sums.acknowledged, acked);
    assert_int_equal(r->sums.closed, closed);
    assert_int_equal(r->sums.verdict[KT_FOUND_FALSE], wrong);
    assert_int_equal(r->sums.ack_median, acks[(acked + 1) / 2 - 1]);
    for (uint32_t i = 1; i < r->n; i++)
        assert_true(r->at[i - 1].raised <= r->at[i].raised);
    kt_alert_register_free(r);
    kt_ask_done(&a);
    stock_free(s);
}

static void ranks_are_the_nearest(void **state)
{
    const int64_t ten[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
    (void)state;
    assert_int_equal(kt_nearest_rank(ten, 10, 50), 5);
    assert_int_equal(kt_nearest_rank(ten, 10, 95), 10);
    assert_int_equal(kt_nearest_rank(ten, 9, 50), 5);
    assert_int_equal(kt_nearest_rank(ten, 1, 95), 1);
}

/* ---- controls ---- */

#define HEAD "topic,evidence,soc2,iso27001,pci,hipaa,nist\n"

static void controls_are_read_strictly(void **state)
{
    static const struct {
        const char *csv, *said;
    } cases[] = {
        { HEAD "A,access,1,2,3,4,5\n", NULL },
        { "\xEF\xBB\xBF" HEAD "A,\"access failed\",\"CC6.1, CC7.2\",,,,\r\n", NULL },
        { "", "controls: it is empty" },
        { "topic,evidence\n",
          "controls: line 1: cell 3 of the head is not 'soc2' (topic, evidence, "
          "soc2, iso27001, pci, hipaa, nist)" },
        { HEAD "A,access,1,2,3,4\n", "controls: line 2: 6 cells, not 7" },
        { HEAD "A,acess,1,2,3,4,5\n",
          "controls: line 2: no part of a report is called 'acess', did you mean 'access'?" },
        { HEAD ",access,1,2,3,4,5\n", "controls: line 2: the topic is missing" },
        { HEAD "A,access,1,2,3,4,5\na,failed,,,,,\n",
          "controls: line 3: the topic stands there twice" },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_controls *c = NULL;
        struct kt_error err = { 0 };
        enum kt_status st = kt_controls_read(kt_str_of(cases[i].csv), &c, &err);
        if (cases[i].said == NULL)
            must(st, &err);
        else
            assert_string_equal(err.text, cases[i].said);
        kt_controls_free(c);
    }
}

/* ---- samples ---- */

struct drawn {
    unsigned number;
    uint8_t rank[32];
};

static int by_rank(const void *a, const void *b)
{
    return memcmp(((const struct drawn *)a)->rank, ((const struct drawn *)b)->rank, 32);
}

static void samples_are_the_smallest_hashes(void **state)
{
    (void)state;
    for (unsigned size = 0; size < 400; size += 37) {
        struct drawn all[400];
        struct kt_error err = { 0 };
        uint64_t population;
        uint8_t digest[32];
        uint32_t n;
        struct kt_sampler *s = kt_sampler_new(KT_STR("4711"), 25);
        for (unsigned i = 0; i < size; i++) {
            char id[16], text[32];
            (void)snprintf(id, sizeof id, "id-%u", i);
            int len = snprintf(text, sizeof text, "4711%c%s", '\0', id);
            const struct kt_str part = kt_str_from(text, (size_t)len);
            all[i].number = i;
            kt_sha256_of(&part, 1, all[i].rank);
            must(kt_sampler_add(s, kt_str_of(id), KT_STR_NONE, &err), &err);
        }
        const struct kt_pick *pick = kt_sampler_draw(s, &n, &population, digest);
        qsort(all, size, sizeof *all, by_rank);
        assert_int_equal(population, size);
        assert_int_equal(n, size < 25 ? size : 25);
        for (uint32_t i = 0; i < n; i++) {
            bool smallest = false;
            for (uint32_t k = 0; k < n; k++)
                smallest |= all[k].number == pick[i].place;
            assert_true(smallest);
            assert_true(i == 0 || pick[i - 1].place < pick[i].place);
        }
        kt_sampler_free(s);
    }
}

static void strata_get_their_share(void **state)
{
    static const unsigned sizes[] = { 70, 20, 9, 1 }, shares[] = { 7, 2, 1, 0 };
    struct kt_sampler *s = kt_sampler_new(KT_STR("x"), 10);
    struct kt_error err = { 0 };
    uint64_t population;
    uint8_t digest[32];
    uint32_t n;
    (void)state;
    for (unsigned t = 0; t < 4; t++)
        for (unsigned i = 0; i < sizes[t]; i++) {
            char id[16], stratum[4] = { (char)('a' + t) };
            (void)snprintf(id, sizeof id, "%u-%u", t, i);
            must(kt_sampler_add(s, kt_str_of(id), kt_str_of(stratum), &err), &err);
        }
    const struct kt_pick *pick = kt_sampler_draw(s, &n, &population, digest);
    assert_int_equal(n, 10);
    for (unsigned t = 0; t < 4; t++) {
        unsigned got = 0;
        for (uint32_t i = 0; i < n; i++)
            got += pick[i].stratum.at[0] == 'a' + (int)t;
        assert_int_equal(got, shares[t]);
    }
    kt_sampler_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_are_the_same_twice),
        cmocka_unit_test(pseudonyms_leave_no_name),
        cmocka_unit_test(what_is_not_known_is_not_all),
        cmocka_unit_test(emergency_globs_are_globs),
        cmocka_unit_test(alerts_are_counted),
        cmocka_unit_test(ranks_are_the_nearest),
        cmocka_unit_test(controls_are_read_strictly),
        cmocka_unit_test(samples_are_the_smallest_hashes),
        cmocka_unit_test(strata_get_their_share),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
