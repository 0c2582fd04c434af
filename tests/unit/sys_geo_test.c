/* geo: files written here are read by libmaxminddb; both shapes, both families, broken files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sys/fs.h"
#include "core/sys/geo.h"
#include "core/sys/geo_write.h"

enum { EPOCH = 1795219200 }; /* 2026-11-21 */

struct world {
    char dir[32], path[64], other[64];
    struct kt_geo *geo;
    struct kt_error err;
};
static struct world w;

static const struct kt_geo_row rows[] = {
    { "203.0.113.0/24", "DE", 64500, "Example Carrier" },
    { "203.0.113.64/26", "FR", 64501, "Inner Network" },
    { "203.0.113.65", "US", 64502, NULL },
    { "198.51.100.0/24", NULL, 64503, "No Country" },
    { "192.0.2.0/24", "DE", 64500, "Example Carrier" },
    { "2001:db8::/32", "JP", 64504, "Six" },
    { "2001:db8:1::/48", "NL", 4200000000, "Six Inner" },
};

static int setup(void **state)
{
    (void)state;
    w = (struct world){ .dir = "/tmp/kt_geo_XXXXXX" };
    assert_non_null(mkdtemp(w.dir));
    (void)snprintf(w.path, sizeof w.path, "%s/a.mmdb", w.dir);
    (void)snprintf(w.other, sizeof w.other, "%s/b.mmdb", w.dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kt_geo_free(w.geo);
    (void)unlink(w.path);
    (void)unlink(w.other);
    assert_int_equal(rmdir(w.dir), 0);
    return 0;
}

static void open_one(const char *path)
{
    assert_int_equal(kt_geo_open(&path, 1, false, &w.geo, &w.err), KT_OK);
}

static struct kt_geo_fact find(const char *address)
{
    struct kt_ip ip;
    struct kt_geo_fact fact;
    assert_true(kt_ip_parse(kt_str_of(address), &ip));
    kt_geo_find(w.geo, ip, &fact);
    return fact;
}

static void expect(const char *address, const char *country, uint32_t asn, const char *org)
{
    struct kt_geo_fact f = find(address);
    assert_true(f.found);
    assert_string_equal(f.country, country);
    assert_int_equal(f.asn, asn);
    assert_string_equal(f.org, org);
    assert_false(f.has_place);
}

static void what_is_written_is_found_and_the_longest_prefix_wins(void **state)
{
    (void)state;
    for (int flat = 0; flat < 2; flat++) {
        assert_int_equal(kt_geo_write(w.path, rows, KT_ARRAY_LEN(rows), EPOCH, flat, &w.err),
                         KT_OK);
        open_one(w.path);
        expect("203.0.113.1", "DE", 64500, "Example Carrier");
        expect("203.0.113.63", "DE", 64500, "Example Carrier");
        expect("203.0.113.64", "FR", 64501, "Inner Network");
        expect("203.0.113.65", "US", 64502, "");
        expect("203.0.113.66", "FR", 64501, "Inner Network");
        expect("203.0.113.128", "DE", 64500, "Example Carrier");
        expect("198.51.100.255", "", 64503, "No Country");
        expect("::ffff:192.0.2.7", "DE", 64500, "Example Carrier");
        expect("2001:db8:2::1", "JP", 64504, "Six");
        expect("2001:db8:1:ffff::1", "NL", 4200000000, "Six Inner");
        assert_false(find("8.8.8.8").found);
        assert_false(find("2a00::1").found);
        assert_string_equal(kt_geo_describe(w.geo), "country+asn 2026-11-21");
        assert_int_equal(kt_geo_build(w.geo), EPOCH);
        kt_geo_free(w.geo);
        w.geo = NULL;
    }
}

/* `cp` over a table empties it under whoever has mapped it: the next look was a SIGBUS. */
static void a_file_that_is_emptied_in_place_is_not_asked(void **state)
{
    (void)state;
    assert_int_equal(kt_geo_write(w.path, rows, KT_ARRAY_LEN(rows), EPOCH, true, &w.err), KT_OK);
    assert_int_equal(kt_geo_write(w.other, rows, KT_ARRAY_LEN(rows), EPOCH, true, &w.err), KT_OK);
    open_one(w.path);
    assert_int_equal(rename(w.other, w.path), 0); /* as it should be: ours stays as it was */
    expect("203.0.113.1", "DE", 64500, "Example Carrier");
    kt_geo_free(w.geo);
    open_one(w.path);
    assert_int_equal(truncate(w.path, 0), 0);
    assert_false(find("203.0.113.1").found);
}

/* The library's, and what somebody else does behind it before anything more is looked at. */
static void (*behind_the_open)(void);
int MMDB_open(const char *path, uint32_t flags, void *db);
int MMDB_open(const char *path, uint32_t flags, void *db)
{
    int (*real)(const char *, uint32_t, void *);
    void *symbol = dlsym(RTLD_NEXT, "MMDB_open");
    assert_non_null(symbol);
    memcpy(&real, &symbol, sizeof real);
    int rc = real(path, flags, db);
    if (behind_the_open != NULL)
        behind_the_open();
    return rc;
}

static void empty_it(void)
{
    assert_int_equal(truncate(w.path, 0), 0);
}

static void put_another_there(void)
{
    assert_int_equal(rename(w.other, w.path), 0);
}

/* What was looked at afterwards was the other file, or the emptied one: it stayed "as it was". */
static void a_file_that_changes_while_it_is_opened_is_refused(void **state)
{
    (void)state;
    void (*const ways[])(void) = { put_another_there, empty_it };
    const char *path = w.path;
    for (size_t i = 0; i < KT_ARRAY_LEN(ways); i++) {
        assert_int_equal(kt_geo_write(w.path, rows, KT_ARRAY_LEN(rows), EPOCH, true, &w.err),
                         KT_OK);
        assert_int_equal(kt_geo_write(w.other, rows, 2, EPOCH + 86400, true, &w.err), KT_OK);
        behind_the_open = ways[i];
        enum kt_status st = kt_geo_open(&path, 1, true, &w.geo, &w.err);
        behind_the_open = NULL;
        assert_int_equal(st, KT_E_CORRUPT);
        assert_non_null(strstr(w.err.text, "changed while it was opened"));
    }
}

static void the_order_of_rows_does_not_matter(void **state)
{
    (void)state;
    static const struct kt_geo_row backwards[] = {
        { "203.0.113.65/32", "US", 3, NULL },
        { "203.0.113.64/26", "FR", 2, NULL },
        { "0.0.0.0/0", "AA", 1, NULL },
        { "203.0.113.64/26", "GB", 4, NULL }, /* of equal ones the later */
        { "::/0", "BB", 9, NULL },
    };
    assert_int_equal(kt_geo_write(w.path, backwards, KT_ARRAY_LEN(backwards), EPOCH, false, &w.err),
                     KT_OK);
    open_one(w.path);
    expect("203.0.113.65", "US", 3, "");
    expect("203.0.113.66", "GB", 4, "");
    expect("9.9.9.9", "AA", 1, "");
    expect("2a00::1", "BB", 9, "");
}

static void addresses_of_no_country_are_not_looked_up(void **state)
{
    (void)state;
    static const struct kt_geo_row all[] = { { "::/0", "AA", 1, NULL } };
    assert_int_equal(kt_geo_write(w.path, all, 1, EPOCH, false, &w.err), KT_OK);
    open_one(w.path);
    static const char *const classed[] = { "10.0.0.1", "127.0.0.1", "100.64.0.1", "169.254.1.1",
                                           "fe80::1",  "fd00::1",   "::1",        "224.0.0.1" };
    for (size_t i = 0; i < KT_ARRAY_LEN(classed); i++)
        assert_false(find(classed[i]).found);
    assert_true(find("9.9.9.9").found);
}

static void two_files_complete_each_other(void **state)
{
    (void)state;
    static const struct kt_geo_row country[] = { { "203.0.113.0/24", "DE", 0, NULL } };
    static const struct kt_geo_row network[] = { { "203.0.0.0/16", "XX", 64500, "Carrier" } };
    const char *const paths[] = { w.path, w.other };

    assert_int_equal(kt_geo_write(w.path, country, 1, EPOCH, false, &w.err), KT_OK);
    assert_int_equal(kt_geo_write(w.other, network, 1, EPOCH + 86400, true, &w.err), KT_OK);
    assert_int_equal(kt_geo_open(paths, 2, false, &w.geo, &w.err), KT_OK);
    expect("203.0.113.1", "DE", 64500, "Carrier");
    expect("203.0.1.1", "XX", 64500, "Carrier");
    assert_string_equal(kt_geo_describe(w.geo), "country 2026-11-21, country+asn 2026-11-22");
    assert_int_equal(kt_geo_build(w.geo), EPOCH + 86400);
}

static void without_a_file_nothing_is_found_and_that_is_said(void **state)
{
    (void)state;
    const char *path = w.path;

    assert_int_equal(kt_geo_open(&path, 1, false, &w.geo, &w.err), KT_E_CONFIG);
    assert_int_equal(kt_geo_open(&path, 1, true, &w.geo, &w.err), KT_OK);
    assert_false(find("9.9.9.9").found);
    assert_string_equal(kt_geo_describe(w.geo), "no IP database");
    assert_string_equal(kt_geo_describe(NULL), "no IP database");
    assert_int_equal(kt_geo_build(NULL), 0);
    struct kt_geo_fact f;
    kt_geo_find(NULL, (struct kt_ip){ { 0 } }, &f);
    assert_false(f.found);
}

static void an_empty_table_makes_a_file_that_knows_nothing(void **state)
{
    (void)state;
    assert_int_equal(kt_geo_write(w.path, NULL, 0, EPOCH, false, &w.err), KT_OK);
    open_one(w.path);
    assert_false(find("9.9.9.9").found);
    assert_string_equal(kt_geo_describe(w.geo), "nothing known 2026-11-21");
}

static void broken_files_are_corrupt_or_harmless(void **state)
{
    (void)state;
    struct kt_buf whole = { 0 };
    const char *path = w.path;

    assert_int_equal(kt_geo_write(w.other, rows, KT_ARRAY_LEN(rows), EPOCH, false, &w.err), KT_OK);
    assert_int_equal(kt_fs_read_all(w.other, 1 << 20, &whole, &w.err), KT_OK);
    for (size_t cut = 0; cut < whole.len; cut += 7) {
        assert_int_equal(kt_fs_write_atomic(w.path, kt_str_from(whole.at, cut), 0600, &w.err),
                         KT_OK);
        assert_int_equal(kt_geo_open(&path, 1, true, &w.geo, &w.err), KT_E_CORRUPT);
    }
    for (size_t i = 0; i < whole.len; i += 3) {
        whole.at[i] = (char)(whole.at[i] ^ 0x5a);
        assert_int_equal(kt_fs_write_atomic(w.path, kt_buf_str(&whole), 0600, &w.err), KT_OK);
        enum kt_status st = kt_geo_open(&path, 1, true, &w.geo, &w.err);
        if (st == KT_OK) {
            (void)find("203.0.113.65");
            (void)find("2001:db8:1::1");
            kt_geo_free(w.geo);
            w.geo = NULL;
        } else {
            assert_int_equal(st, KT_E_CORRUPT);
        }
        whole.at[i] = (char)(whole.at[i] ^ 0x5a);
    }
    kt_buf_done(&whole);
}

static void a_bad_row_is_named(void **state)
{
    (void)state;
    static const struct kt_geo_row bad[] = { { "192.0.2.0/24", "DE", 1, NULL },
                                             { "192.0.2.1/24", "DE", 1, NULL } };
    assert_int_equal(kt_geo_write(w.path, bad, 2, EPOCH, false, &w.err), KT_E_INPUT);
    assert_non_null(strstr(w.err.text, "network 2"));
}

static void long_names_are_kept_and_cut_on_reading(void **state)
{
    (void)state;
    char org[2000];
    struct kt_geo_row row[] = { { "192.0.2.0/24", "DE", 1, org } };
    static const size_t lengths[] = { 28, 29, 284, 285, 1999 };

    for (size_t i = 0; i < KT_ARRAY_LEN(lengths); i++) {
        memset(org, 'x', sizeof org);
        org[lengths[i]] = '\0';
        assert_int_equal(kt_geo_write(w.path, row, 1, EPOCH, false, &w.err), KT_OK);
        open_one(w.path);
        assert_int_equal(strlen(find("192.0.2.1").org), lengths[i] < 95 ? lengths[i] : 95);
        kt_geo_free(w.geo);
        w.geo = NULL;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_found_and_the_longest_prefix_wins),
        TEST(a_file_that_is_emptied_in_place_is_not_asked),
        TEST(a_file_that_changes_while_it_is_opened_is_refused),
        TEST(the_order_of_rows_does_not_matter),
        TEST(addresses_of_no_country_are_not_looked_up),
        TEST(two_files_complete_each_other),
        TEST(without_a_file_nothing_is_found_and_that_is_said),
        TEST(an_empty_table_makes_a_file_that_knows_nothing),
        TEST(broken_files_are_corrupt_or_harmless),
        TEST(a_bad_row_is_named),
        TEST(long_names_are_kept_and_cut_on_reading),
    };
    return cmocka_run_group_tests_name("sys_geo", tests, NULL, NULL);
}
