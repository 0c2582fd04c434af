/* config_streams: the top key `streams` of keytrail.yaml, and what `config check` asks of types. */
#include "collector/stream_setup.h"
#include "core/base/hash.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* after the three above */
#include <cmocka.h>

static enum kt_status parse(const char *text, struct kt_conf **ret, struct kt_error *err)
{
    return kt_conf_parse(kt_str_of(text), "/etc/x/c.yaml", NULL, 0, ret, err);
}

static void streams_are_read(void **state)
{
    static const char text[] =
        "streams:\n"
        "  lake: { type: files, folder: lake, format: csv, match: \"secret:prod/**\" }\n"
        "  warehouse: { type: clickhouse, url_file: /k/url, since: 2026-01-01, alerts: false,\n"
        "               ca_file: ca.pem, proxy: \"http://proxy:3128\" }\n"
        "  all: { type: postgresql, url_file: /k/pg, since: beginning, allow_private: true }\n";
    struct kt_conf *c = NULL;
    struct kt_error err = { 0 };
    (void)state;
    if (parse(text, &c, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(c->n_streams, 3);
    assert_string_equal(c->streams[0].name, "lake");
    assert_string_equal(c->streams[0].match, "secret:prod/**");
    assert_true(c->streams[0].alerts && c->streams[0].since == KT_STREAM_SINCE_NOW);
    assert_null(kt_node_get(c->streams[0].node, "match"));
    assert_non_null(kt_node_get(c->streams[0].node, "folder"));
    assert_false(c->streams[1].alerts);
    assert_true(c->streams[1].since == INT64_C(1767225600) * KT_NS_S);
    assert_string_equal(c->streams[1].ca_file, "/etc/x/ca.pem");
    assert_string_equal(c->streams[1].proxy, "http://proxy:3128");
    assert_true(c->streams[2].since == KT_STREAM_SINCE_BEGINNING && c->streams[2].allow_private);
    for (unsigned i = 0; i < c->n_streams; i++)
        if (kt_stream_check(c, &c->streams[i], &err) != KT_OK)
            fail_msg("%s", err.text);
    const struct kt_conf_stream *found = NULL;
    assert_int_equal(kt_stream_named(c, "all", &found, &err), KT_OK);
    assert_ptr_equal(found, &c->streams[2]);
    assert_int_equal(kt_stream_named(c, "al", &found, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "there are: lake, warehouse, all"));
    kt_conf_free(c);
}

static void wrong_streams_are_refused_with_place_and_mend(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "streams: [a]\n", "'streams' takes keys with values" },
        { "streams: { \"a b\": { type: files } }\n", "1:12: a stream's name is 1 to 64 of" },
        { "streams: { s: { folder: x } }\n", "'type' is missing" },
        { "streams: { s: { type: files, since: soon } }\n", "'since': write a time" },
        { "streams: { s: { type: clickhouse, url: \"https://x\" } }\n", "'url_file'" },
        { "streams: { s: { type: clickhouse, key: k } }\n", "'key_file'" },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_conf *c = NULL;
        struct kt_error err = { 0 };
        if (parse(cases[i].text, &c, &err) != KT_E_CONFIG)
            fail_msg("case %zu is taken", i);
        if (strstr(err.text, cases[i].error) == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void wrong_options_are_refused_by_the_check(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "streams: { s: { type: clickhous, url_file: x } }\n", "did you mean 'clickhouse'?" },
        { "streams: { s: { type: files } }\n", "'folder' is missing" },
        { "streams: { s: { type: files, folder: x, foldr: y } }\n", "did you mean 'folder'?" },
        { "streams: { s: { type: files, folder: x, compress: lz4 } }\n", "compress: zstd, gzip" },
        { "streams: { s: { type: files, folder: x, format: xml } }\n", "format: ndjson, csv" },
        { "streams: { s: { type: files, folder: x, format: postgresql } }\n", "format: ndjson" },
        { "streams: { s: { type: files, folder: x, rotate_size: 10 } }\n", "at least 1MiB" },
        { "streams: { s: { type: files, folder: x, rotate_every: 1s } }\n", "at least 1m" },
        { "streams: { s: { type: files, folder: x, match: \"actr:x\" } }\n", "match:" },
        { "streams: { s: { type: files, folder: x, match: \"since:7d\" } }\n", "match:" },
        { "streams: { s: { type: clickhouse, url_file: x, proxy: \"socks://p\" } }\n", "proxy:" },
        { "streams: { s: { type: postgresql, url_file: x, proxy: \"http://p:1\" } }\n",
          "by no proxy" },
        { "streams: { s: { type: syslog, url_file: x, proxy: \"http://p:1\" } }\n", "by no proxy" },
        { "streams: { s: { type: clickhouse, url_file: x, table: \"a b\" } }\n", "table: letters" },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_conf *c = NULL;
        struct kt_error err = { 0 };
        if (parse(cases[i].text, &c, &err) != KT_OK)
            fail_msg("case %zu: %s", i, err.text);
        if (kt_stream_check(c, &c->streams[0], &err) != KT_E_CONFIG)
            fail_msg("case %zu is taken", i);
        if (strstr(err.text, cases[i].error) == NULL || strstr(err.text, "stream 's'") == NULL)
            fail_msg("case %zu: %s", i, err.text);
        kt_conf_free(c);
    }
}

static void they_are_printed_as_they_load(void **state)
{
    static const char text[] =
        "streams: { lake: { type: files, folder: /lake, since: 2026-01-01 } }\n";
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_conf *c = NULL, *again = NULL;
    struct kt_error err = { 0 };
    (void)state;
    assert_int_equal(parse(text, &c, &err), KT_OK);
    kt_conf_print(c, false, &out);
    if (parse(kt_buf_z(&out), &again, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(again->n_streams, 1);
    assert_string_equal(again->streams[0].type, "files");
    assert_true(again->streams[0].since == c->streams[0].since);
    kt_conf_free(c);
    kt_conf_free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_read),
        cmocka_unit_test(wrong_streams_are_refused_with_place_and_mend),
        cmocka_unit_test(wrong_options_are_refused_by_the_check),
        cmocka_unit_test(they_are_printed_as_they_load),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("config_streams", tests, NULL, NULL);
}
