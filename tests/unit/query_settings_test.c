/* query_settings: configurations as records of the log, and the engine that takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/detect.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/query/settings.h"
#include "detectors/detector.h"
#include "tests/support/held.h"

#define NOW (INT64_C(1788220800) * KT_NS_S)

/* ---- records and back ---- */

struct parts {
    struct kt_buf raw[200];
    unsigned n;
};

static enum kt_status keep_part(void *self, struct kt_str raw, struct kt_error *err)
{
    struct parts *p = self;
    (void)err;
    assert_true(p->n < KT_ARRAY_LEN(p->raw));
    kt_buf_add(&p->raw[p->n++], raw);
    return KT_OK;
}

static struct kt_conf *parse(const char *yaml, const struct kt_conf_file *files, unsigned n)
{
    struct kt_conf *c = NULL;
    struct kt_error err = { 0 };
    if (kt_conf_parse(kt_str_of(yaml), "keytrail.yaml", files, n, &c, &err) != KT_OK)
        fail_msg("%s", err.text);
    return c;
}

static struct parts write_parts(const struct kt_conf *c)
{
    struct parts p = { .n = 0 };
    struct kt_error err = { 0 };
    assert_int_equal(kt_settings_write(c, "no database", keep_part, &p, &err), KT_OK);
    return p;
}

static void drop_parts(struct parts *p)
{
    for (unsigned i = 0; i < p->n; i++)
        kt_buf_done(&p->raw[i]);
}

static bool take(struct kt_settings *s, struct kt_str raw)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired;
    assert_int_equal(kt_json_parse(json, raw, &root, &repaired, NULL), KT_OK);
    bool whole = kt_settings_take(s, root);
    kt_json_free(json);
    return whole;
}

static void same(const struct kt_conf *a, const struct kt_conf *b)
{
    struct kt_buf x = { 0 }, y = { 0 };
    kt_conf_print(a, true, &x);
    kt_conf_print(b, true, &y);
    assert_string_equal(kt_buf_z(&x), kt_buf_z(&y));
    assert_int_equal(a->n_files, b->n_files);
    for (unsigned i = 0; i < a->n_files; i++) {
        assert_int_equal(a->files[i].of, b->files[i].of);
        assert_string_equal(a->files[i].name, b->files[i].name);
        assert_true(kt_str_eq(a->files[i].text, b->files[i].text));
    }
    kt_buf_done(&x);
    kt_buf_done(&y);
}

static const char everything[] =
    "deployment: \"the # firm\"\nproduction: [\"**/prod/**\", \"x: y\"]\n"
    "networks:\n  - { name: office, cidr: [\"198.51.100.0/24\", \"2001:db8::/32\"], actors: "
    "[\"a*\"] }\n"
    "canaries:\n  - { secret: \"**/trap\", allow: [ \"scanner@x\" ] }\n"
    "maintenance:\n  - { source: vault-prod, from: 2026-11-28T22:00Z, until: 2026-11-29, reason: "
    "\"a 'b' \\\"c\\\"\" }\n"
    "holidays: { zone: Europe/Berlin, days: [ 2026-12-25 ] }\n"
    "detectors: { volume_spike: { floor_5m: 33 }, ai_agent: { actors: [ \"ci-*\" ] } }\n";

static void what_is_written_reads_back(void **state)
{
    (void)state;
    const struct kt_conf_file file = { KT_FILE_IDENTITIES, "/etc/keytrail/people.yaml",
                                       KT_STR("- é \"x\"\n\ttab\n") };
    struct kt_conf *c = parse(everything, &file, 1), *back = NULL;
    struct parts p = write_parts(c);
    struct kt_settings s = { .part = 0 };
    struct kt_error err = { 0 };
    assert_int_equal(p.n, 1);
    assert_true(take(&s, kt_buf_str(&p.raw[0])));
    assert_int_equal(kt_settings_parse(&s, &back, &err), KT_OK);
    same(c, back);
    kt_settings_done(&s);
    kt_conf_free(c);
    kt_conf_free(back);
    drop_parts(&p);
}

/* Three bytes a character, so that no slice may end where the room does. */
static char *long_text(size_t bytes)
{
    char *text = kt_alloc(bytes + 1);
    for (size_t i = 0; i < bytes; i++)
        text[i] = "\xe2\x82\xac"[i % 3];
    return text;
}

static void every_file_reads_back_as_what_it_was(void **state)
{
    (void)state;
    static char name[1900][KT_KEY_MAX + 1];
    static struct kt_conf_file files[1900];
    for (unsigned i = 0; i < KT_ARRAY_LEN(files); i++) { /* short ones with long paths */
        (void)snprintf(name[i], sizeof name[i], "/etc/keytrail/rules/%0*u.yml", (int)(i % 200), i);
        files[i] = (struct kt_conf_file){ KT_FILE_RULES, name[i],
                                          i % 3 == 0 ? KT_STR_NONE : kt_str_of(name[i]) };
    }
    files[0].of = KT_FILE_IDENTITIES; /* a path may be of both */
    files[0].name = name[1];
    struct kt_conf *c = parse("rules: [rules]\n", files, KT_ARRAY_LEN(files)), *back = NULL;
    struct parts p = write_parts(c);
    struct kt_settings s = { .part = 0 };
    struct kt_error err = { 0 };
    assert_true(p.n > 5);
    for (unsigned i = 0; i < p.n; i++) {
        assert_true(p.raw[i].len < KT_LINE_MAX - 4096);
        assert_int_equal(take(&s, kt_buf_str(&p.raw[i])), i + 1 == p.n);
    }
    assert_int_equal(kt_settings_parse(&s, &back, &err), KT_OK);
    same(c, back);
    kt_settings_done(&s);
    kt_conf_free(c);
    kt_conf_free(back);
    drop_parts(&p);
}

static void a_large_one_takes_many_records_of_which_none_is_too_long(void **state)
{
    (void)state;
    char *text = long_text(3 * 500000);
    const struct kt_conf_file files[] = { { KT_FILE_IDENTITIES, "empty", KT_STR_NONE },
                                          { KT_FILE_IDENTITIES, "long", kt_str_of(text) },
                                          { KT_FILE_IDENTITIES, "short", KT_STR("z") } };
    struct kt_conf *c = parse(everything, files, 3), *back = NULL;
    struct parts p = write_parts(c);
    struct kt_settings s = { .part = 0 };
    struct kt_error err = { 0 };
    assert_true(p.n > 40);
    for (unsigned i = 0; i < p.n; i++) {
        assert_true(p.raw[i].len < KT_LINE_MAX - 4096);
        assert_int_equal(take(&s, kt_buf_str(&p.raw[i])), i + 1 == p.n);
    }
    assert_int_equal(kt_settings_parse(&s, &back, &err), KT_OK);
    same(c, back);
    kt_settings_done(&s);
    kt_conf_free(c);
    kt_conf_free(back);
    drop_parts(&p);
    kt_free(text);
}

static void parts_that_do_not_follow_are_none(void **state)
{
    (void)state;
    char *text = long_text(300000);
    const struct kt_conf_file file = { KT_FILE_IDENTITIES, "long", kt_str_of(text) };
    struct kt_conf *c = parse("", &file, 1);
    struct parts p = write_parts(c);
    struct kt_settings s = { .part = 0 };
    assert_true(p.n > 3);
    assert_false(take(&s, kt_buf_str(&p.raw[1]))); /* no beginning */
    for (unsigned i = 0; i < p.n; i++) {           /* the second is missing */
        if (i != 1)
            assert_false(take(&s, kt_buf_str(&p.raw[i])));
    }
    for (unsigned i = 0; i + 1 < p.n; i++)
        assert_false(take(&s, kt_buf_str(&p.raw[i])));
    assert_true(take(&s, kt_buf_str(&p.raw[p.n - 1])));
    assert_false(take(&s, KT_STR("{\"part\":0,\"parts\":1}")));
    assert_false(take(&s, KT_STR("{\"part\":1,\"parts\":99999999}")));
    assert_true(take(&s, KT_STR("{\"text\":\"\"}"))); /* of a time before parts */
    kt_settings_done(&s);
    kt_conf_free(c);
    drop_parts(&p);
    kt_free(text);
}

static void one_that_is_too_large_is_refused(void **state)
{
    (void)state;
    char *text = long_text(KT_SETTINGS_MAX);
    const struct kt_conf_file file = { KT_FILE_IDENTITIES, "long", kt_str_of(text) };
    struct kt_conf *c = parse("", &file, 1);
    struct parts p = { .n = 0 };
    struct kt_error err = { 0 };
    assert_int_equal(kt_settings_write(c, "", keep_part, &p, &err), KT_E_LIMIT);
    assert_string_equal(err.text,
                        "the configuration and the files that it names are larger than 4 MiB");
    kt_conf_free(c);
    kt_free(text);
}

/* ---- the engine ---- */

struct told {
    struct kt_detect *d;
    uint64_t seq;
    unsigned alerts;
};

static void on_alert(void *self, const struct kt_alert *a, bool is_new)
{
    struct told *t = self;
    (void)a;
    t->alerts += is_new;
}

static void start(struct told *t, const struct kt_conf *conf, bool fixed)
{
    const struct kt_detect_options o = {
        .conf = conf, .fixed = fixed, .alert = on_alert, .self = t
    };
    struct kt_error err = { 0 };
    assert_int_equal(kt_detect_new(&o, &t->d, &err), KT_OK);
}

static void feed(struct told *t, struct kt_event ev)
{
    t->seq++;
    struct kt_record r = { .seq = t->seq,
                           .arrival = NOW + (kt_time_ns)t->seq * KT_NS_MIN,
                           .origin = KT_ORIGIN_LIVE,
                           .ev = ev };
    r.ev.time = r.ev.observed = r.arrival;
    kt_detect_record(t->d, &r);
}

/* Returns the alerts that a read of the trap by somebody new raises. */
static unsigned touch(struct told *t)
{
    char who[32], id[32];
    unsigned before = t->alerts;
    (void)snprintf(who, sizeof who, "person%u", (unsigned)t->seq);
    (void)snprintf(id, sizeof id, "read-%u", (unsigned)t->seq);
    feed(t, (struct kt_event){ .kind = KT_KIND_ACCESS,
                               .action = KT_ACT_READ,
                               .outcome = KT_OUT_SUCCESS,
                               .actor_kind = KT_ACTOR_HUMAN,
                               .source = KT_STR("vault"),
                               .instance = KT_STR("vault-prod"),
                               .native_id = kt_str_of(id),
                               .actor = kt_str_of(who),
                               .secret = KT_STR("vault://main/-/kv/trap") });
    return t->alerts - before;
}

static void configure(struct told *t, struct kt_str raw)
{
    feed(t, (struct kt_event){ .kind = KT_KIND_CONFIG,
                               .source = KT_STR("keytrail"),
                               .operation = KT_STR("config"),
                               .raw = raw });
}

static void restart(struct told *t, const struct kt_conf *conf)
{
    struct kt_buf b = { 0 };
    struct kt_error err = { 0 };
    uint8_t before[32], after[32];
    kt_detect_snapshot(t->d, &b);
    kt_detect_digest(t->d, before);
    kt_detect_free(t->d);
    start(t, conf, false);
    assert_int_equal(kt_detect_restore(t->d, kt_buf_str(&b), &err), KT_OK);
    kt_detect_digest(t->d, after);
    assert_memory_equal(before, after, sizeof before);
    kt_buf_done(&b);
}

#define TRAP "canaries: [ { secret: \"**/trap\" } ]\n"

static void a_recorded_configuration_acts_from_its_seq_on(void **state)
{
    (void)state;
    struct told t = { .seq = 0 };
    struct kt_conf *c = parse(TRAP, NULL, 0);
    struct parts p = write_parts(c);
    start(&t, NULL, false);
    assert_int_equal(touch(&t), 0);
    configure(&t, kt_buf_str(&p.raw[0]));
    assert_int_equal(touch(&t), 1);
    restart(&t, NULL); /* what the state says holds, whatever is given */
    assert_int_equal(touch(&t), 1);
    configure(&t, KT_STR("{\"text\":\"\"}"));
    assert_int_equal(touch(&t), 0);
    restart(&t, c);
    assert_int_equal(touch(&t), 0);
    kt_detect_free(t.d);
    kt_conf_free(c);
    drop_parts(&p);
}

static size_t changed(struct kt_detect *d)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_detect_settings(d, &b);
    return b.len;
}

/* Beside the log they are written when they are others, and go with the head that is written then.
 */
static void settings_are_saved_when_they_change(void **state)
{
    (void)state;
    struct told t = { .seq = 0 };
    struct held *h = held_new();
    struct kt_error err = { 0 };
    struct kt_conf *c = parse(TRAP, NULL, 0);
    struct parts p = write_parts(c);
    const struct kt_detect_options o = { .alert = on_alert,
                                         .self = &t,
                                         .backing = held_backing(h) };
    assert_int_equal(kt_detect_new(&o, &t.d, &err), KT_OK);
    assert_true(changed(t.d) > 0);
    assert_int_equal(touch(&t), 0);
    assert_int_equal(changed(t.d), 0);
    configure(&t, kt_buf_str(&p.raw[0]));
    assert_int_equal(touch(&t), 1);
    held_save(h, t.d);
    assert_int_equal(changed(t.d), 0);
    held_save(h, t.d); /* those of before stay */
    kt_detect_free(t.d);

    assert_int_equal(kt_detect_new(&o, &t.d, &err), KT_OK);
    assert_int_equal(held_resume(h, t.d, &err), KT_OK);
    assert_int_equal(changed(t.d), 0);
    assert_int_equal(touch(&t), 1);
    configure(&t, KT_STR("{\"text\":\"\"}"));
    assert_int_equal(touch(&t), 0);
    assert_true(changed(t.d) > 0);
    held_lose_settings(h);
    assert_int_equal(held_resume(h, t.d, &err), KT_E_CORRUPT);
    kt_detect_free(t.d);
    held_free(h);
    kt_conf_free(c);
    drop_parts(&p);
}

static const char rule[] = "title: A trap\nlogsource: {product: keytrail}\n"
                           "detection: {s: {secret|endswith: /trap}, condition: s}\nlevel: high\n";

static void recorded_rules_judge_what_comes_after_them(void **state)
{
    (void)state;
    struct told t = { .seq = 0 };
    const struct kt_conf_file file = { KT_FILE_RULES, "/etc/keytrail/rules/trap.yml",
                                       kt_str_of(rule) };
    struct kt_conf *c = parse("rules: [rules]\n", &file, 1);
    struct parts p = write_parts(c);
    start(&t, NULL, false);
    assert_int_equal(touch(&t), 0);
    configure(&t, kt_buf_str(&p.raw[0]));
    assert_int_equal(touch(&t), 1);
    restart(&t, NULL); /* the rules are in the state, too */
    assert_int_equal(touch(&t), 1);
    configure(&t, KT_STR("{\"text\":\"rules: [rules]\",\"rules\":{\"a.yml\":\"title: no rule\"}}"));
    assert_int_equal(touch(&t), 1); /* refused: the old ones hold */
    configure(&t, KT_STR("{\"text\":\"\"}"));
    assert_int_equal(touch(&t), 0);
    kt_detect_free(t.d);
    kt_conf_free(c);
    drop_parts(&p);
}

static void one_in_parts_acts_with_its_last_part(void **state)
{
    (void)state;
    struct told t = { .seq = 0 };
    char *text = long_text(90000);
    const struct kt_conf_file file = { KT_FILE_IDENTITIES, "long", kt_str_of(text) };
    struct kt_conf *c = parse(TRAP, &file, 1);
    struct parts p = write_parts(c);
    start(&t, NULL, false);
    for (unsigned i = 0; i < p.n; i++) {
        assert_int_equal(touch(&t), 0);
        configure(&t, kt_buf_str(&p.raw[i]));
        restart(&t, NULL);
    }
    assert_int_equal(touch(&t), 1);
    kt_detect_free(t.d);
    kt_conf_free(c);
    drop_parts(&p);
    kt_free(text);
}

static void one_that_cannot_be_used_leaves_the_old_one_in_force(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"text\":\"netwroks: []\"}",
        "{\"text\":\"detectors: { no_such: {} }\"}",
        "{\"text\":\"detectors: { volume_spike: { floor_5m: many } }\"}",
        "[1]",
        "{\"text\":5}",
        "{\"part\":2,\"parts\":2,\"text\":\"\"}"
    };
    struct told t = { .seq = 0 };
    struct kt_conf *c = parse(TRAP, NULL, 0);
    struct kt_buf b = { 0 };
    start(&t, c, false);
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++) {
        configure(&t, kt_str_of(bad[i]));
        assert_int_equal(touch(&t), 1);
    }
    kt_detect_status(t.d, &b);
    assert_non_null(strstr(kt_buf_z(&b), "\"config_refused\":6"));
    kt_buf_done(&b);
    kt_detect_free(t.d);
    kt_conf_free(c);
}

static void what_if_settings_hold_whatever_the_log_records(void **state)
{
    (void)state;
    struct told t = { .seq = 0 };
    struct kt_conf *c = parse(TRAP, NULL, 0);
    start(&t, c, true);
    configure(&t, KT_STR("{\"text\":\"\"}"));
    assert_int_equal(touch(&t), 1);
    kt_detect_free(t.d);
    kt_conf_free(c);
}

static void a_set_lies_over_every_configuration(void **state)
{
    (void)state;
    static const struct kt_detector *det;
    for (unsigned i = 0; kt_detectors[i] != NULL; i++)
        det = strcmp(kt_detectors[i]->name, "volume_spike") == 0 ? kt_detectors[i] : det;
    const struct kt_detect_set set = { "volume_spike", "floor_5m", "77" };
    struct kt_detect_options o = { .sets = &set, .n_sets = 1 };
    struct kt_conf *c = parse("detectors: { volume_spike: { floor_5m: 30 } }", NULL, 0);
    struct kt_arena keep = kt_arena_new(4096);
    void *values = kt_alloc(det->options_size);
    struct kt_error err = { 0 };
    struct kt_buf b = { 0 };
    assert_int_equal(kt_detect_fill(&o, c, det, &keep, values, &err), KT_OK);
    kt_options_print(det->options, values, 0, false, &b);
    assert_non_null(strstr(kt_buf_z(&b), "floor_5m: 77\n"));
    const struct kt_detect_set wrong = { "volume_spike", "floor_6m", "77" };
    o.sets = &wrong;
    assert_int_equal(kt_detect_fill(&o, c, det, &keep, values, &err), KT_E_CONFIG);
    assert_string_equal(err.text, "volume_spike: unknown key 'floor_6m', did you mean 'floor_5m'?");
    kt_buf_done(&b);
    kt_free(values);
    kt_arena_done(&keep);
    kt_conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(every_file_reads_back_as_what_it_was),
        cmocka_unit_test(a_large_one_takes_many_records_of_which_none_is_too_long),
        cmocka_unit_test(parts_that_do_not_follow_are_none),
        cmocka_unit_test(one_that_is_too_large_is_refused),
        cmocka_unit_test(a_recorded_configuration_acts_from_its_seq_on),
        cmocka_unit_test(settings_are_saved_when_they_change),
        cmocka_unit_test(recorded_rules_judge_what_comes_after_them),
        cmocka_unit_test(one_in_parts_acts_with_its_last_part),
        cmocka_unit_test(one_that_cannot_be_used_leaves_the_old_one_in_force),
        cmocka_unit_test(what_if_settings_hold_whatever_the_log_records),
        cmocka_unit_test(a_set_lies_over_every_configuration),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
