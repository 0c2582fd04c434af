/* collector_counts: what is counted of lines, refusals and alerts, against a naive count; bounds;
 * what is told is JSON whatever the names are. */
#include "collector/counts.h"
#include "core/base/limits.h"
#include "core/event/json.h"
#include "core/store/write.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

#define NOW (INT64_C(1795377600) * KT_NS_S)

static struct kt_counts *m;
static struct kt_json *json;
static struct kt_jval root;
static struct kt_buf text;

static int setup(void **state)
{
    (void)state;
    m = kt_counts_new();
    json = kt_json_new(KT_JSON_JANSSON);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kt_counts_free(m);
    kt_json_free(json);
    kt_buf_done(&text);
    return 0;
}

static void read_back(void)
{
    unsigned repaired = 0;
    kt_buf_reset(&text);
    kt_buf_byte(&text, '{');
    kt_counts_write(m, &text);
    kt_buf_byte(&text, '}');
    assert_int_equal(kt_json_parse(json, kt_buf_str(&text), &root, &repaired, NULL), KT_OK);
}

/* The element of a list whose member `key` is this; NONE when there is none. */
static struct kt_jval named(const char *list, const char *key, struct kt_str value)
{
    struct kt_jval item;
    struct kt_str name;
    struct kt_json_iter it = kt_json_iter(kt_json_at(root, list));
    while (kt_json_next(&it, &name, &item))
        if (kt_str_eq(kt_json_str_at(item, key), value))
            return item;
    return (struct kt_jval){ 0 };
}

static int64_t number(struct kt_jval v, const char *path)
{
    int64_t n = -1;
    (void)kt_json_i64(kt_json_at(v, path), &n);
    return n;
}

static int64_t element(struct kt_jval list, unsigned i)
{
    struct kt_jval item;
    struct kt_str name;
    int64_t n = -1;
    struct kt_json_iter it = kt_json_iter(list);
    while (kt_json_next(&it, &name, &item) && i-- > 0)
        ;
    (void)kt_json_i64(item, &n);
    return n;
}

static struct kt_event access_at(const char *instance, kt_time_ns t)
{
    return (struct kt_event){ .kind = KT_KIND_ACCESS,
                              .source = KT_STR("vault"),
                              .instance = kt_str_of(instance),
                              .time = t };
}

static void take(const struct kt_event *ev, uint8_t fate, const char *agent)
{
    const struct kt_counts_lines l = {
        .events = ev, .fate = &fate, .n = 1, .stored = NOW, .agent = kt_str_of(agent)
    };
    kt_counts_lines(m, &l);
}

/* Knuth's MMIX generator: the same each time. */
static unsigned any(unsigned below)
{
    static uint64_t state = 7;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % below;
}

static void lines_are_counted_by_source_and_fate(void **state)
{
    struct kt_event ev[300];
    uint8_t fate[300];
    unsigned stored[3] = { 0 }, twice[3] = { 0 }, received[3] = { 0 };
    static const char *const names[] = { "a", "b", "c" };
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        unsigned n = any(3), f = any(3);
        ev[i] = access_at(names[n], NOW - any(100));
        fate[i] = (uint8_t)f;
        received[n]++;
        stored[n] += f != KT_FATE_DUPLICATE;
        twice[n] += f == KT_FATE_DUPLICATE;
    }
    kt_counts_lines(m, &(struct kt_counts_lines){ ev, fate, 300, NOW, KT_STR("vault-1") });
    read_back();
    for (unsigned n = 0; n < 3; n++) {
        struct kt_jval s = named("sources", "source", kt_str_of(names[n]));
        assert_int_equal(number(s, "received"), received[n]);
        assert_int_equal(number(s, "stored"), stored[n]);
        assert_int_equal(number(s, "duplicate"), twice[n]);
        assert_int_equal(number(s, "last_contact"), NOW);
        assert_int_equal(element(kt_json_at(s, "lag.n"), 0), stored[n]);
    }
}

static void lag_falls_into_its_bucket(void **state)
{
    static const struct {
        kt_time_ns lag;
        unsigned bucket;
    } rows[] = { { -5 * KT_NS_S, 0 },   { 0, 0 },
                 { 100 * KT_NS_MS, 0 }, { 100 * KT_NS_MS + 1, 1 },
                 { KT_NS_S, 2 },        { KT_NS_HOUR, 8 },
                 { KT_NS_HOUR + 1, 9 }, { 400 * KT_NS_DAY, 9 } };
    (void)state;
    int64_t want[10] = { 0 };
    for (unsigned i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_event ev = access_at("vault-prod", NOW - rows[i].lag);
        take(&ev, KT_FATE_STORED, "vault-1");
        want[rows[i].bucket]++;
    }
    read_back();
    struct kt_jval s = named("sources", "source", KT_STR("vault-prod"));
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(element(kt_json_at(s, "lag.n"), i), want[i]);
    assert_int_equal(kt_json_count(kt_json_at(s, "lag.le")), 9);
}

static void imports_have_no_lag_and_no_contact(void **state)
{
    struct kt_event ev = access_at("vault-prod", NOW - 300 * KT_NS_DAY);
    (void)state;
    take(&ev, KT_FATE_STORED, "");
    read_back();
    struct kt_jval s = named("sources", "source", KT_STR("vault-prod"));
    assert_int_equal(number(s, "stored"), 1);
    assert_int_equal(number(s, "last_contact"), 0);
    assert_int_equal(number(s, "last_event"), NOW - 300 * KT_NS_DAY);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(element(kt_json_at(s, "lag.n"), i), 0);
}

static void a_time_to_come_is_no_newest_event(void **state)
{
    struct kt_event late = access_at("v", NOW + KT_NS_DAY), now = access_at("v", NOW - 1);
    (void)state;
    take(&now, KT_FATE_STORED, "a");
    take(&late, KT_FATE_STORED, "a");
    read_back();
    assert_int_equal(number(named("sources", "source", KT_STR("v")), "last_event"), NOW - 1);
}

static void heartbeats_tell_of_queues_gaps_and_losses(void **state)
{
    struct kt_event ev = { .kind = KT_KIND_REPORT,
                           .instance = KT_STR("vault-prod"),
                           .raw = KT_STR("{\"queue\":512,\"lost\":3,\"findings\":[{\"code\":"
                                         "\"audit.gap\",\"said\":2},{\"code\":\"other\","
                                         "\"said\":9}]}") };
    struct kt_event lost = { .kind = KT_KIND_QUARANTINE,
                             .instance = KT_STR("vault-prod"),
                             .raw = KT_STR("{\"reason\":\"redaction\",\"batch\":7}") };
    (void)state;
    take(&ev, KT_FATE_STORED, "vault-1");
    take(&lost, KT_FATE_STORED, "vault-1");
    take(&lost, KT_FATE_DUPLICATE, "vault-1");
    read_back();
    struct kt_jval s = named("sources", "source", KT_STR("vault-prod"));
    struct kt_jval a = named("agents", "agent", KT_STR("vault-1"));
    assert_int_equal(number(s, "gaps"), 2);
    assert_int_equal(number(s, "received"), 0);
    assert_int_equal(number(a, "queue"), 512);
    assert_int_equal(number(a, "dropped"), 4);
    assert_int_equal(number(a, "last_contact"), NOW);
}

static void take_counts(unsigned lost, unsigned gaps, uint8_t fate, const char *agent)
{
    char raw[160];
    (void)snprintf(raw, sizeof raw,
                   "{\"queue\":0,\"lost\":%u,\"findings\":[{\"code\":\"audit.gap\",\"said\":%u}]}",
                   lost, gaps);
    struct kt_event ev = { .kind = KT_KIND_REPORT,
                           .instance = KT_STR("vault-prod"),
                           .raw = kt_str_of(raw) };
    take(&ev, fate, agent);
}

/* A counter that falls is no counter: what was lost before an agent's restart stays lost. */
static void losses_only_grow(void **state)
{
    static const struct {
        unsigned lost, gaps;
        uint8_t fate;
        int64_t dropped, all_gaps;
    } rows[] = { { 5, 2, KT_FATE_STORED, 5, 2 },  { 5, 2, KT_FATE_STORED, 5, 2 },
                 { 7, 3, KT_FATE_STORED, 7, 3 },  { 5, 2, KT_FATE_DUPLICATE, 7, 3 },
                 { 0, 0, KT_FATE_STORED, 7, 3 }, /* it started anew */
                 { 4, 1, KT_FATE_STORED, 11, 4 }, { 2, 1, KT_FATE_STORED, 13, 4 },
                 { 9, 9, KT_FATE_STORED, 20, 12 } };
    (void)state;
    for (unsigned i = 0; i < KT_ARRAY_LEN(rows); i++) {
        take_counts(rows[i].lost, rows[i].gaps, rows[i].fate, "vault-1");
        read_back();
        assert_int_equal(number(named("agents", "agent", KT_STR("vault-1")), "dropped"),
                         rows[i].dropped);
        assert_int_equal(number(named("sources", "source", KT_STR("vault-prod")), "gaps"),
                         rows[i].all_gaps);
    }
    take_counts(1, 0, KT_FATE_STORED, "vault-2"); /* another agent sends it now */
    read_back();
    assert_int_equal(number(named("agents", "agent", KT_STR("vault-1")), "dropped"), 20);
    assert_int_equal(number(named("agents", "agent", KT_STR("vault-2")), "dropped"), 1);
}

static void who_is_refused_invents_no_name(void **state)
{
    struct kt_event ev = access_at("known", NOW);
    (void)state;
    take(&ev, KT_FATE_STORED, "a");
    kt_counts_refused(m, KT_STR("known"), KT_REFUSE_REDACTION, 1);
    kt_counts_refused(m, KT_STR("made-up"), KT_REFUSE_SOURCE, 1);
    kt_counts_refused(m, KT_STR_NONE, KT_REFUSE_QUOTA, 256);
    read_back();
    assert_int_equal(kt_json_count(kt_json_at(root, "sources")), 2);
    struct kt_jval s = named("sources", "source", KT_STR("known"));
    assert_int_equal(number(s, "received"), 2);
    assert_int_equal(number(s, "rejected.redaction"), 1);
    struct kt_jval u = named("sources", "source", KT_STR(KT_COUNTS_UNKNOWN));
    assert_int_equal(number(u, "received"), 257);
    assert_int_equal(number(u, "rejected.quota"), 256);
    assert_int_equal(number(u, "rejected.source"), 1);
}

static void detection_says_who_is_silent(void **state)
{
    struct kt_event a = access_at("a", NOW), b = access_at("b", NOW);
    (void)state;
    take(&a, KT_FATE_STORED, "x");
    take(&b, KT_FATE_STORED, "x");
    kt_counts_detection(m, KT_STR("{\"silent\":[\"b\",\"gone\",7]}"));
    read_back();
    assert_false(kt_json_bool(kt_json_at(named("sources", "source", KT_STR("a")), "silent"), true));
    assert_true(kt_json_bool(kt_json_at(named("sources", "source", KT_STR("b")), "silent"), false));
    /* It has sent nothing in this life: that is why it is silent. */
    assert_true(kt_json_bool(kt_json_at(named("sources", "source", KT_STR("gone")), "silent"), 0));
    kt_counts_detection(m, KT_STR("{\"silent\":[]}"));
    kt_counts_detection(m, KT_STR("not JSON"));
    read_back();
    assert_false(kt_json_bool(kt_json_at(named("sources", "source", KT_STR("b")), "silent"), true));
}

/* What has no line of its own is in one more, with the worst of what is no sum. */
static void many_names_share_a_line(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        char name[16], agent[16];
        (void)snprintf(name, sizeof name, "s%u", i);
        (void)snprintf(agent, sizeof agent, "a%u", i % 200);
        struct kt_event ev = access_at(name, NOW - (kt_time_ns)i);
        take(&ev, KT_FATE_STORED, agent);
    }
    kt_counts_detection(m, KT_STR("{\"silent\":[\"s50\"]}"));
    read_back();
    assert_int_equal(kt_json_count(kt_json_at(root, "sources")), KT_COUNTS_SOURCES + 1);
    assert_int_equal(kt_json_count(kt_json_at(root, "agents")), KT_COUNTS_AGENTS + 1);
    struct kt_jval others = named("sources", "source", KT_STR(KT_COUNTS_OTHERS));
    assert_int_equal(number(others, "stored"), 3000 - KT_COUNTS_SOURCES);
    assert_true(kt_json_bool(kt_json_at(others, "silent"), false));
    assert_int_equal(number(others, "last_contact"), NOW);
    assert_int_equal(element(kt_json_at(others, "lag.n"), 0), 3000 - KT_COUNTS_SOURCES);
}

static void hostile_names_stay_text(void **state)
{
    static const char *const names[] = { "\"},{\"x\":\"", "a\nb\\c\x01", "\xe2\x80\xae evil",
                                         "<script>", "{{}}" };
    (void)state;
    for (unsigned i = 0; i < KT_ARRAY_LEN(names); i++) {
        struct kt_event ev = access_at(names[i], NOW);
        take(&ev, KT_FATE_STORED, names[i]);
        kt_counts_alert(m, kt_str_of(names[i]), KT_SEV_HIGH);
    }
    read_back();
    for (unsigned i = 0; i < KT_ARRAY_LEN(names); i++) {
        assert_int_equal(number(named("sources", "source", kt_str_of(names[i])), "stored"), 1);
        assert_int_equal(number(named("agents", "agent", kt_str_of(names[i])), "queue"), 0);
        assert_int_equal(number(named("alerts", "detector", kt_str_of(names[i])), "n"), 1);
    }
}

static void what_was_known_before_stays_the_newest(void **state)
{
    struct kt_event ev = access_at("v", NOW - KT_NS_HOUR);
    (void)state;
    kt_counts_before(m, KT_STR("v"), NOW - KT_NS_MIN, NOW - 2 * KT_NS_MIN);
    kt_counts_before(m, KT_STR("v"), NOW - KT_NS_HOUR, 0);
    read_back();
    assert_int_equal(number(named("sources", "source", KT_STR("v")), "last_contact"),
                     NOW - KT_NS_MIN);
    take(&ev, KT_FATE_STORED, "a");
    read_back();
    assert_int_equal(number(named("sources", "source", KT_STR("v")), "last_event"),
                     NOW - 2 * KT_NS_MIN);
    assert_int_equal(number(named("sources", "source", KT_STR("v")), "last_contact"), NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_counted_by_source_and_fate, setup, teardown),
        cmocka_unit_test_setup_teardown(lag_falls_into_its_bucket, setup, teardown),
        cmocka_unit_test_setup_teardown(imports_have_no_lag_and_no_contact, setup, teardown),
        cmocka_unit_test_setup_teardown(a_time_to_come_is_no_newest_event, setup, teardown),
        cmocka_unit_test_setup_teardown(heartbeats_tell_of_queues_gaps_and_losses, setup, teardown),
        cmocka_unit_test_setup_teardown(losses_only_grow, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_refused_invents_no_name, setup, teardown),
        cmocka_unit_test_setup_teardown(detection_says_who_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(many_names_share_a_line, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_names_stay_text, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_known_before_stays_the_newest, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
