/* api_alert: one alert on the page: why, its subject's own history against a plain count, its
 * records found again, what goes with it, its life; names that are no names. KT_SEED sets the seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/history.h"
#include "core/base/enc.h"
#include "core/sys/rng.h"
#include "dashboards/api/calls.h"
#include "exporters/alerts/alert.h"
#include "tests/support/accesses.h"
#include "tests/support/page_call.h"

#define N       900u
#define FIRST   (ACCESSES_NOW - 40 * KT_NS_DAY)
#define LAST    (ACCESSES_NOW - KT_NS_DAY)
#define SECRETS 30u

static const char hostile[] = "<img src=x onerror=alert(1)>`*_\"\\\xE2\x80\xAE javascript:x";
static const char *const actors[] = { "anna", hostile, "bob" };
static const char *const places[] = { "203.0.113.7", "203.0.113.9", "198.51.100.4",
                                      "2001:db8:7::1" };

static struct one {
    kt_time_ns at;
    unsigned actor, secret, place;
    enum kt_action action;
    enum kt_outcome outcome;
} all[N];

static void secret_name(unsigned n, char ret[64])
{
    (void)snprintf(ret, 64, "vault://prod/-/secret/prod/s-%u", n);
}

static int set_up(void **state)
{
    struct kt_rng_seeded seeded;
    const char *seed = getenv("KT_SEED");
    if (accesses_set_up(state) != 0)
        return -1;
    struct accesses *w = *state;
    seeded = (struct kt_rng_seeded){ .state = seed == NULL ? 5 : strtoull(seed, NULL, 10) };
    struct kt_rng rng = kt_rng_seeded(&seeded);
    for (unsigned i = 0; i < N; i++) {
        struct one *o = &all[i];
        char secret[64];
        /* in bunches, out of order */
        o->at = FIRST + (kt_time_ns)kt_rng_below(&rng, 39) * KT_NS_DAY +
                (kt_time_ns)kt_rng_below(&rng, 90) * KT_NS_MIN + 1;
        o->actor = (unsigned)kt_rng_below(&rng, 3);
        o->secret = (unsigned)kt_rng_below(&rng, SECRETS);
        o->place = (unsigned)kt_rng_below(&rng, KT_ARRAY_LEN(places));
        o->action = kt_rng_below(&rng, 5) == 0 ? KT_ACT_LIST : KT_ACT_READ;
        o->outcome = kt_rng_below(&rng, 6) == 0 ? KT_OUT_DENIED : KT_OUT_SUCCESS;
        secret_name(o->secret, secret);
        accesses_add(w, &(struct access){ .at = o->at,
                                          .actor = actors[o->actor],
                                          .secret = secret,
                                          .ip = places[o->place],
                                          .action = o->action,
                                          .outcome = o->outcome });
        if (i % 45 == 44)
            accesses_flush(w);
    }
    accesses_flush(w);
    return 0;
}

/* ---- history, against a plain count ---- */

static bool counts(const struct one *o, enum kt_history_of of)
{
    bool failed = o->outcome == KT_OUT_DENIED;
    switch (of) {
    case KT_HISTORY_EVENTS:
        return true;
    case KT_HISTORY_FAILED:
        return failed;
    case KT_HISTORY_NETWORKS:
        return !failed;
    case KT_HISTORY_READS:
    case KT_HISTORY_SECRETS:
    case KT_HISTORY_NEW_SECRETS:
        break;
    }
    return !failed && o->action == KT_ACT_READ;
}

static unsigned thing(const struct one *o, enum kt_history_of of)
{
    if (of == KT_HISTORY_NETWORKS) /* the first two addresses are of one /24 */
        return o->place < 2 ? 0 : o->place;
    return o->secret;
}

/* Different things, or rows, of anna's in [from, until). seen_from: for what is new. */
static uint32_t plain(enum kt_history_of of, kt_time_ns from, kt_time_ns until,
                      kt_time_ns seen_from)
{
    bool met[64] = { false };
    uint32_t n = 0;
    bool distinct =
        of == KT_HISTORY_SECRETS || of == KT_HISTORY_NEW_SECRETS || of == KT_HISTORY_NETWORKS;
    for (unsigned i = 0; i < N && of == KT_HISTORY_NEW_SECRETS; i++)
        if (all[i].actor == 0 && counts(&all[i], of) && all[i].at >= seen_from && all[i].at < from)
            met[thing(&all[i], of)] = true;
    for (unsigned i = 0; i < N; i++) {
        const struct one *o = &all[i];
        if (o->actor != 0 || !counts(o, of) || o->at < from || o->at >= until)
            continue;
        n += !distinct || !met[thing(o, of)];
        met[thing(o, of)] = true;
    }
    return n;
}

static uint32_t plain_busiest(enum kt_history_of of, kt_time_ns from, kt_time_ns until,
                              kt_time_ns span)
{
    uint32_t most = 0;
    for (unsigned i = 0; i < N; i++) {
        if (all[i].actor != 0 || all[i].at < from || all[i].at >= until)
            continue;
        uint32_t n = plain(of, all[i].at - span + 1, all[i].at + 1, 0);
        most = n > most ? n : most;
    }
    return most;
}

static uint32_t plain_clock(enum kt_history_of of, unsigned hour, kt_time_ns from, kt_time_ns until)
{
    uint32_t days = 0;
    for (kt_time_ns t = from / KT_NS_DAY * KT_NS_DAY; t < until; t += KT_NS_DAY) {
        kt_time_ns at = t + hour * KT_NS_HOUR;
        kt_time_ns low = at > from ? at : from;
        kt_time_ns high = at + KT_NS_HOUR < until ? at + KT_NS_HOUR : until;
        days += low < high && plain(of, low, high, 0) > 0;
    }
    return days;
}

static void history_counts_as_a_plain_walk_does(void **state)
{
    struct kt_ask a;
    struct kt_error err = { 0 };
    accesses_ask(*state, &a);
    for (int of = 0; of <= KT_HISTORY_NETWORKS; of++)
        for (int how = 0; how <= KT_HISTORY_CLOCK; how++) {
            static struct kt_history h;
            struct kt_history_ask ask = { .kind = KT_PROFILE_ACTOR,
                                          .value = KT_STR("anna"),
                                          .of = (enum kt_history_of)of,
                                          .how = (enum kt_history_how)how,
                                          .from = FIRST + 9 * KT_NS_DAY + 7,
                                          .until = LAST - KT_NS_DAY,
                                          .before = 6 * KT_NS_DAY,
                                          .span = KT_NS_HOUR };
            if (how >= KT_HISTORY_BUSIEST && of == KT_HISTORY_NEW_SECRETS)
                continue;
            accesses_must(kt_history_load(&a, &ask, &h, &err), &err);
            kt_time_ns start =
                how == KT_HISTORY_CLOCK ? ask.from / KT_NS_HOUR * KT_NS_HOUR : h.from;
            uint32_t sum = 0;
            for (uint32_t i = 0; i < h.n; i++) {
                kt_time_ns from = h.from + i * h.step, until = from + h.step;
                until = until < ask.until ? until : ask.until;
                uint32_t want = how == KT_HISTORY_CLOCK ? plain_clock(ask.of, i, start, ask.until)
                                : how == KT_HISTORY_BUSIEST
                                    ? plain_busiest(ask.of, from, until, ask.span)
                                    : plain(ask.of, from, until, start - ask.before);
                assert_int_equal(h.value[i], want);
                sum += want;
            }
            assert_true(sum > 0);
        }
    kt_ask_done(&a);
}

static void history_refuses_what_has_no_room(void **state)
{
    struct kt_ask a;
    struct kt_error err = { 0 };
    static struct kt_history h;
    accesses_ask(*state, &a);
    struct kt_history_ask ask = { .kind = KT_PROFILE_ACTOR,
                                  .value = KT_STR("anna"),
                                  .how = KT_HISTORY_HOURS,
                                  .from = FIRST,
                                  .until = FIRST + 1001 * KT_NS_HOUR };
    assert_int_equal(kt_history_load(&a, &ask, &h, &err), KT_E_LIMIT);
    ask.until = ask.from;
    assert_int_equal(kt_history_load(&a, &ask, &h, &err), KT_E_LIMIT);
    kt_ask_done(&a);
}

/* ---- the call ---- */

static void put(struct accesses *w, struct kt_alert *a, unsigned n)
{
    struct kt_error err = { 0 };
    struct kt_buf json = { 0 };
    uint8_t id[16] = { 9, (uint8_t)n };
    (void)kt_id_format(id, a->id);
    kt_alert_write(a, &json);
    accesses_must(kt_store_begin(w->store, &err), &err);
    accesses_must(kt_store_alert_put(w->store, a->id, a->raised, a->raised, (int)a->severity,
                                     kt_buf_str(&json), &err),
                  &err);
    struct kt_outbox_row row = { .created = a->raised,
                                 .next_try = a->raised,
                                 .sent_at = a->raised + KT_NS_S,
                                 .attempts = 2,
                                 .last_code = 200 };
    kt_str_copyz(row.alert, sizeof row.alert, kt_str_of(a->id));
    kt_str_copyz(row.target, sizeof row.target, KT_STR("slack"));
    kt_str_copyz(row.action, sizeof row.action, KT_STR("trigger"));
    kt_str_copyz(row.state, sizeof row.state, KT_STR("sent"));
    accesses_must(kt_store_outbox_add(w->store, &row, kt_buf_str(&json), &err), &err);
    accesses_must(kt_store_commit(w->store, &err), &err);
    kt_buf_done(&json);
}

/* Of the newest day of an actor, with two of its records and one that is not there any more. */
static struct kt_alert alert_of(unsigned actor, char ids[3][16])
{
    struct kt_alert a = { .severity = KT_SEV_HIGH,
                          .score = 675,
                          .detector = "volume_spike",
                          .state = "open",
                          .title = KT_STR("anna read 12 different secrets within 1 hour."),
                          .normal = KT_STR("Its busiest hour in 28 active days had 4."),
                          .why = KT_STR("Since then it read 12 production secrets."),
                          .considered = KT_STR("its networks"),
                          .quiet = KT_STR("At most 8 different secrets within 1 hour."),
                          .command = KT_STR("keytrail search 'actor:anna'"),
                          .actor = kt_str_of(actors[actor]),
                          .ip = KT_STR("203.0.113.7"),
                          .n_parts = 2,
                          .parts = { { "volume_spike", 475,
                                       KT_STR("12 different secrets within 1 hour against 4") },
                                     { "new_secrets", 150, kt_str_of(hostile) } },
                          .events_count = 12,
                          .n_events = 3 };
    unsigned first = N, last = N;
    for (unsigned i = 0; i < N; i++) {
        if (all[i].actor != actor || all[i].at < LAST - 3 * KT_NS_DAY)
            continue;
        first = first == N || all[i].at < all[first].at ? i : first;
        last = last == N || all[i].at > all[last].at ? i : last;
    }
    a.time = a.first = all[first].at;
    a.last = all[last].at;
    a.raised = a.last + KT_NS_S;
    (void)snprintf(ids[0], 16, "e-%u", first + 1);
    (void)snprintf(ids[1], 16, "e-%u", last + 1);
    (void)snprintf(ids[2], 16, "e-%u", N + 7);
    for (unsigned i = 0; i < 3; i++)
        a.events[i] = kt_str_of(ids[i]);
    return a;
}

static const char *text(json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static size_t count(json_t *o, const char *key)
{
    return json_array_size(json_object_get(o, key));
}

static void an_alert_has_all_that_is_needed_at_night(void **state)
{
    struct accesses *w = *state;
    struct page_call page;
    char ids[2][3][16];
    struct kt_alert a = alert_of(0, ids[0]), b = alert_of(1, ids[1]);
    put(w, &a, 1);
    put(w, &b, 2);
    page_open(&page, w->path, ACCESSES_NOW);
    json_t *got = page_ask(&page, kt_api_alert, "id", a.id, NULL);
    if (got == NULL)
        fail_msg("%s", page.err.text);
    assert_string_equal(text(json_object_get(got, "alert"), "title"), a.title.at);
    assert_int_equal(count(got, "why"), 2);
    assert_true(json_real_value(json_object_get(got, "production")) == 0.5);
    assert_true(json_real_value(json_object_get(got, "threshold")) == 4.5);
    assert_int_equal(count(got, "evidence"), 2);
    assert_int_equal(json_integer_value(json_object_get(got, "evidence_missing")), 1);
    assert_string_equal(text(json_array_get(json_object_get(got, "evidence"), 0), "actor"), "anna");
    assert_int_equal(count(got, "related"), 1);
    assert_int_equal(count(got, "delivery"), 1);
    assert_int_equal(count(got, "steps"), 1);
    assert_true(count(got, "next") >= 6);
    assert_non_null(strstr(text(got, "markdown"), "**HIGH:** anna read 12 different secrets"));
    json_t *base = json_object_get(got, "baseline");
    assert_string_equal(text(base, "label"), "different secrets in the busiest hour of each day");
    size_t n = json_array_size(json_object_get(base, "values"));
    kt_time_ns from = json_integer_value(json_object_get(base, "from"));
    for (size_t i = 0; i < n; i++) {
        kt_time_ns day = from + (kt_time_ns)i * KT_NS_DAY, end = day + KT_NS_DAY;
        uint32_t want =
            plain_busiest(KT_HISTORY_SECRETS, day, end < a.last + 1 ? end : a.last + 1, KT_NS_HOUR);
        json_t *value = json_array_get(json_object_get(base, "values"), i);
        assert_int_equal(json_integer_value(value), want);
    }
    json_decref(got);

    got = page_ask(&page, kt_api_alert, "id", b.id, NULL); /* of the hostile one */
    assert_non_null(got);
    assert_string_equal(text(json_object_get(got, "alert"), "actor"), hostile);
    assert_int_equal(count(got, "evidence"), 2);
    assert_null(strstr(text(got, "markdown"), "\xE2\x80\xAE"));
    json_decref(got);
    page_close(&page);
}

static void what_is_not_there_is_said(void **state)
{
    struct accesses *w = *state;
    struct page_call page;
    page_open(&page, w->path, ACCESSES_NOW);
    assert_null(page_ask(&page, kt_api_alert, "id", "00000000000000000000000000", NULL));
    assert_int_equal(page.status, KT_E_AGAIN);
    assert_null(page_ask(&page, kt_api_alert, "id", "14", NULL));
    assert_int_equal(page.status, KT_E_INPUT);
    assert_null(page_ask(&page, kt_api_alert, "id", hostile, NULL));
    assert_true(page.status == KT_E_AGAIN || page.status == KT_E_INPUT);
    page_close(&page);
}

/* Alerts without an actor, an address, evidence or parts have a page too. */
static void an_empty_alert_has_a_page(void **state)
{
    struct accesses *w = *state;
    struct page_call page;
    struct kt_alert a = { .severity = KT_SEV_LOW,
                          .detector = "self",
                          .state = "open",
                          .title = KT_STR("The disk is full."),
                          .raised = 1,
                          .first = 1,
                          .last = 1,
                          .time = 1 };
    put(w, &a, 3);
    page_open(&page, w->path, ACCESSES_NOW);
    json_t *got = page_ask(&page, kt_api_alert, "id", a.id, NULL);
    assert_non_null(got);
    assert_true(json_is_null(json_object_get(got, "baseline")));
    assert_int_equal(count(got, "evidence"), 0);
    json_decref(got);
    page_close(&page);
}

/* Its actor is an agent: nobody to draw, and no accesses to ask for. */
static void an_alert_about_keytrail_itself_leads_to_its_own_command(void **state)
{
    struct accesses *w = *state;
    struct page_call page;
    struct kt_alert a = { .severity = KT_SEV_HIGH,
                          .detector = "self",
                          .state = "open",
                          .title = KT_STR("anna speaks on two connections at once"),
                          .actor = KT_STR("anna"),
                          .command = KT_STR("keytrail agent list"),
                          .raised = ACCESSES_NOW,
                          .first = ACCESSES_NOW,
                          .last = ACCESSES_NOW,
                          .time = ACCESSES_NOW };
    put(w, &a, 4);
    page_open(&page, w->path, ACCESSES_NOW);
    json_t *got = page_ask(&page, kt_api_alert, "id", a.id, NULL);
    assert_non_null(got);
    assert_true(json_is_null(json_object_get(got, "baseline")));
    assert_int_equal(count(got, "next"), 2); /* and the alert for the record */
    json_decref(got);
    page_close(&page);
}

static json_t *baseline_of(struct accesses *w, const char *detector, unsigned n, kt_time_ns first,
                           kt_time_ns last, int zone_s)
{
    struct page_call page;
    struct kt_alert a = { .severity = KT_SEV_LOW,
                          .state = "open",
                          .title = KT_STR("anna"),
                          .actor = KT_STR("anna"),
                          .raised = last,
                          .first = first,
                          .last = last,
                          .time = last };
    a.detector = detector;
    put(w, &a, n);
    page_open(&page, w->path, ACCESSES_NOW);
    page.ask.zone_offset_s = zone_s; /* as the server has it of `tz` */
    json_t *got = page_ask(&page, kt_api_alert, "id", a.id, NULL);
    if (got == NULL)
        fail_msg("%s", page.err.text);
    json_t *base = json_incref(json_object_get(got, "baseline"));
    json_decref(got);
    page_close(&page);
    return base;
}

/* All accesses are within 90 minutes from 20:00 UTC on: midnight, four hours east of it. */
static void evidence_goes_on_behind_midnight(void **state)
{
    kt_time_ns midnight = LAST - 2 * KT_NS_DAY;
    json_t *b = baseline_of(*state, "unusual_time", 4, midnight - 10 * KT_NS_MIN,
                            midnight + 10 * KT_NS_MIN, 4 * 3600);
    json_t *values = json_object_get(b, "values");
    assert_string_equal(text(b, "axis"), "clock");
    assert_true(json_integer_value(json_array_get(values, 0)) > 0);
    assert_int_equal(json_integer_value(json_object_get(b, "now")),
                     json_integer_value(json_array_get(values, 0)));
    assert_int_equal(json_integer_value(json_object_get(b, "at")), 0);
    json_decref(b);
}

/* The log begins in the middle of what is drawn: days before its first record are no quiet days,
 * and the days of the evidence are not what it is compared with. */
static void the_mean_is_of_the_days_since_the_first_record(void **state)
{
    kt_time_ns first = all[0].at, at = 0;
    for (unsigned i = 0; i < N; i++)
        first = all[i].at < first ? all[i].at : first;
    for (unsigned i = 0; i < N; i++) /* some record of anna's in the log's second week */
        if (all[i].actor == 0 && all[i].at > first + 8 * KT_NS_DAY && (at == 0 || all[i].at < at))
            at = all[i].at;
    json_t *b = baseline_of(*state, "dormant", 20, at, at, 0);
    kt_time_ns from = json_integer_value(json_object_get(b, "from"));
    kt_time_ns begin = from + (first - from) / KT_NS_DAY * KT_NS_DAY;
    kt_time_ns end = from + (at - from) / KT_NS_DAY * KT_NS_DAY;
    double n = 0;
    assert_true(from < first - 30 * KT_NS_DAY); /* else the test says nothing */
    assert_int_equal(json_integer_value(json_object_get(b, "step")), KT_NS_DAY);
    for (unsigned i = 0; i < N; i++)
        n += all[i].actor == 0 && all[i].at >= begin && all[i].at < end;
    assert_true(n > 0);
    double usual = json_number_value(json_object_get(b, "usual"));
    double mean = n / (double)((end - begin) / KT_NS_DAY);
    if (usual < mean * 0.9999 || usual > mean * 1.0001)
        fail_msg("%f, not %f", usual, mean);
    assert_string_equal(text(b, "usual_is"), "the mean before");
    json_decref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_counts_as_a_plain_walk_does),
        cmocka_unit_test(history_refuses_what_has_no_room),
        cmocka_unit_test(an_alert_has_all_that_is_needed_at_night),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(the_mean_is_of_the_days_since_the_first_record),
        cmocka_unit_test(an_empty_alert_has_a_page),
        cmocka_unit_test(an_alert_about_keytrail_itself_leads_to_its_own_command),
        cmocka_unit_test(evidence_goes_on_behind_midnight),
    };
    return cmocka_run_group_tests(tests, set_up, accesses_tear_down);
}
