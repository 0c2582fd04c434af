/* collector_alerts_self: alerts about keytrail itself: what comes and goes, goes on, or has no end.
 */
#include "collector/self_codes.h"
#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/sys/fs.h"
#include "tests/support/triaged.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

static void say(struct triaged *w, const char *code)
{
    const struct kt_alerts_self s = { .code = kt_self_code_of(code),
                                      .about = KT_STR("/var/lib/keytrail"),
                                      .sentence = "has less than 10 % left" };
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_self(w->alerts, &s, w->now, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void over(struct triaged *w)
{
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(
        kt_alerts_self_over(w->alerts, "disk.alert", KT_STR("/var/lib/keytrail"), w->now, NULL),
        KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void minute(struct triaged *w)
{
    if (!kt_alerts_self_due(w->alerts, w->now))
        return;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_self_turn(w->alerts, w->now, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void what_comes_and_goes_pages_once_and_counts(void **state)
{
    struct triaged *w = *state;
    for (unsigned i = 0; i < 6; i++) {
        say(w, "disk.alert");
        w->now += 5 * KT_NS_MIN;
        over(w);
        w->now += 5 * KT_NS_MIN;
        minute(w);
        if (i == 2)
            triaged_restart(w);
    }
    triaged_told(w, "trigger");
    say(w, "disk.alert"); /* an hour after the first word */
    triaged_told(w, "trigger update");
    assert_true(kt_str_has(kt_buf_str(&w->json), KT_STR("(7 times since 2026-11-22 20:00 UTC)")));
    over(w);
    w->now += 59 * KT_NS_MIN;
    minute(w);
    triaged_told(w, "trigger update");
    w->now += KT_NS_MIN;
    minute(w);
    triaged_told(w, "trigger update resolve");
    assert_true(kt_str_has(kt_buf_str(&w->json), KT_STR("\"state\":\"closed\"")));
    say(w, "disk.alert"); /* it has held for an hour: this is another time */
    triaged_told(w, "trigger update resolve trigger");
}

static void what_goes_on_is_one_alert_until_it_is_over(void **state)
{
    struct triaged *w = *state;
    for (unsigned i = 0; i < 5; i++) {
        say(w, "disk.alert");
        w->now += 6 * KT_NS_HOUR;
        minute(w);
    }
    triaged_told(w, "trigger update update update update");
}

static void what_has_no_end_is_another_alert_after_an_hour_of_quiet(void **state)
{
    struct triaged *w = *state;
    for (unsigned i = 0; i < 12; i++) {
        say(w, "identity.violation");
        w->now += 10 * KT_NS_MIN;
        minute(w);
    }
    triaged_told(w, "trigger update");
    w->now += KT_NS_HOUR;
    minute(w);
    say(w, "identity.violation");
    triaged_told(w, "trigger update trigger");
}

static enum kt_status newest_id(void *self, const char *id, struct kt_str json,
                                struct kt_error *err)
{
    (void)json;
    (void)err;
    kt_str_copyz(self, KT_ID_TEXT, kt_str_of(id));
    return KT_E_AGAIN;
}

static void what_a_person_has_closed_comes_again_as_a_new_alert(void **state)
{
    struct triaged *w = *state;
    struct kt_reader *r = NULL;
    char id[KT_ID_TEXT];
    say(w, "disk.alert");
    assert_int_equal(kt_reader_open(w->db, &r, NULL), KT_OK);
    assert_int_equal(kt_reader_alerts(r, newest_id, id, NULL), KT_OK);
    kt_reader_close(r);
    (void)triaged_take(w, triaged_step(KT_STEP_CLOSE, id, "alice"));
    say(w, "disk.alert");
    triaged_told(w, "trigger resolve trigger");
}

static void what_is_over_is_so_under_every_name(void **state)
{
    struct triaged *w = *state;
    const char *const tables[] = { "/g/one-2026-10.mmdb", "/g/two.mmdb" };
    for (unsigned i = 0; i < 2; i++) {
        const struct kt_alerts_self s = { .code = kt_self_code_of("geoip.broken"),
                                          .about = kt_str_of(tables[i]),
                                          .sentence = "is no table" };
        assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
        assert_int_equal(kt_alerts_self(w->alerts, &s, w->now, NULL), KT_OK);
        assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    }
    say(w, "disk.alert"); /* another code */
    assert_true(kt_alerts_self_any(w->alerts, "geoip.broken"));
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_self_over_all(w->alerts, "geoip.broken", w->now, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    assert_false(kt_alerts_self_any(w->alerts, "geoip.broken"));
    assert_true(kt_alerts_self_any(w->alerts, "disk.alert"));
    w->now += KT_NS_HOUR;
    minute(w);
    triaged_told(w, "trigger trigger trigger resolve resolve");
}

/* ---- the table and its page ---- */

/* docs/self-alerts.md says of each what an alert says, so that neither grows old alone. */
static void the_page_has_each_code_as_it_is(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf page = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf row = { 0 };
    assert_int_equal(kt_fs_read_all("docs/self-alerts.md", 1 << 20, &page, NULL), KT_OK);
    struct kt_str above = kt_buf_str(&page);
    above.len = (size_t)kt_str_find(above, KT_STR("\n| code |"), 0);
    size_t at = 0;
    for (size_t i = 0; i < kt_self_codes_count(); i++) {
        const struct kt_self_code *c = &kt_self_codes[i];
        kt_buf_reset(&row);
        kt_buf_addf(&row, "`%s`", c->code);
        if (kt_str_has(above, kt_buf_str(&row)) != c->over)
            fail_msg("docs/self-alerts.md: is %s resolved by itself?", c->code);
        kt_buf_reset(&row);
        kt_buf_addf(&row, "\n| `%s` | ", c->code);
        if (!c->change)
            kt_buf_addf(&row, "%s | %s | `%s` |\n", kt_severity_words[c->severity].word, c->why,
                        c->look);
        const char *found = strstr(kt_buf_z(&page) + at, kt_buf_z(&row));
        if (found == NULL)
            fail_msg("docs/self-alerts.md lacks, or has out of order: %s", kt_buf_z(&row));
        at = (size_t)(found - kt_buf_z(&page));
    }
}

static void an_alert_about_itself_says_what_to_do(void **state)
{
    struct triaged *w = *state;
    say(w, "disk.alert");
    triaged_told(w, "trigger");
    const struct kt_self_code *c = kt_self_code_of("disk.alert");
    assert_true(kt_str_has(kt_buf_str(&w->json), kt_str_of(c->why)));
    assert_true(kt_str_has(kt_buf_str(&w->json), kt_str_of(c->look)));
    assert_null(kt_self_code_of("disk.nothing"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, triaged_open, triaged_close)
    const struct CMUnitTest tests[] = {
        T(what_comes_and_goes_pages_once_and_counts),
        T(what_goes_on_is_one_alert_until_it_is_over),
        T(what_has_no_end_is_another_alert_after_an_hour_of_quiet),
        T(what_a_person_has_closed_comes_again_as_a_new_alert),
        T(an_alert_about_itself_says_what_to_do),
        T(what_is_over_is_so_under_every_name),
        cmocka_unit_test(the_page_has_each_code_as_it_is),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_alerts_self", tests, NULL, NULL);
}
