/* collector_enrich: which addresses get a fact, over a real table in a temporary folder. */
#include "collector/enrich.h"
#include "core/sys/fs.h"
#include "core/sys/geo_write.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

enum { EPOCH = 1795219200 }; /* 2026-11-21 */

struct world {
    char dir[40], path[64];
    struct kt_geo *geo;
    struct kt_enrich *enrich;
    struct kt_buf raw;
};
static struct world w;

static void open_table(void)
{
    const char *path = w.path;
    assert_int_equal(kt_geo_open(&path, 1, false, &w.geo, NULL), KT_OK);
}

static int setup(void **state)
{
    static const struct kt_geo_row row = { "203.0.113.0/24", "DE", 64500, NULL };
    (void)state;
    w = (struct world){ .dir = "/tmp/kt_enrich_XXXXXX" };
    assert_non_null(mkdtemp(w.dir));
    (void)snprintf(w.path, sizeof w.path, "%s/a.mmdb", w.dir);
    assert_int_equal(kt_geo_write(w.path, &row, 1, EPOCH, true, NULL), KT_OK);
    open_table();
    w.enrich = kt_enrich_new(w.geo);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kt_enrich_free(w.enrich);
    kt_geo_free(w.geo);
    kt_buf_done(&w.raw);
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(rmdir(w.dir), 0);
    return 0;
}

static bool fact_of(struct kt_ip ip, struct kt_event *ret)
{
    return kt_enrich_fact(w.enrich, ip, KT_NS_S, &w.raw, ret);
}

static struct kt_ip ip_of(const char *address)
{
    struct kt_ip ip;
    assert_true(kt_ip_parse(kt_str_of(address), &ip));
    return ip;
}

static void expect_country(const char *address, const char *country)
{
    struct kt_event fact;
    assert_true(fact_of(ip_of(address), &fact));
    assert_true(kt_str_find(fact.raw, kt_str_of(country), 0) >= 0);
    assert_false(fact_of(ip_of(address), &fact));
}

/* The bytes of before, written once more: `cp` of the same edition. */
static void write_over(void)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    assert_int_equal(kt_fs_read_all(w.path, 1 << 20, &all, NULL), KT_OK);
    FILE *f = fopen(w.path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(all.at, 1, all.len, f), all.len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(truncate(w.path, (off_t)all.len + 1), 0); /* whatever the clock's tick */
}

static void a_stale_table_makes_no_fact_that_would_stay(void **state)
{
    struct kt_event fact;
    (void)state;
    expect_country("203.0.113.1", "\"country\":\"DE\"");
    assert_false(kt_geo_is_stale(w.geo));
    write_over();
    assert_true(kt_geo_is_stale(w.geo));
    assert_false(fact_of(ip_of("203.0.113.2"), &fact));
    expect_country("10.0.0.1", "\"class\":\"private\""); /* no table is asked for it */
    kt_geo_free(w.geo);
    open_table();
    kt_enrich_take(w.enrich, w.geo);
    expect_country("203.0.113.2", "\"country\":\"DE\"");
    assert_false(fact_of(ip_of("203.0.113.1"), &fact)); /* it is of the same build */
}

/* What whoever reads the source can work out ahead. */
static uint32_t unsalted_set(struct kt_ip ip)
{
    uint64_t half[2];
    memcpy(half, ip.at, sizeof half);
    uint64_t h = half[0] * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 32 ^ half[1]) * UINT64_C(0xc4ceb9fe1a85ec53);
    h = (h ^ h >> 32) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)((h >> 32) % 65536);
}

static void addresses_worked_out_ahead_do_not_push_each_other_out(void **state)
{
    struct kt_ip at[16];
    struct kt_event fact;
    unsigned n = 0;
    (void)state;
    for (uint32_t i = 0; n < KT_ARRAY_LEN(at); i++) {
        struct kt_ip ip = ip_of("2001:db8::");
        memcpy(ip.at + 12, &i, sizeof i);
        if (unsalted_set(ip) == 7)
            at[n++] = ip;
    }
    for (unsigned i = 0; i < n; i++)
        assert_true(fact_of(at[i], &fact));
    for (unsigned i = 0; i < n; i++)
        assert_false(fact_of(at[i], &fact));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stale_table_makes_no_fact_that_would_stay),
        TEST(addresses_worked_out_ahead_do_not_push_each_other_out),
    };
    return cmocka_run_group_tests_name("collector_enrich", tests, NULL, NULL);
}
