/* base/ip: addresses, networks, classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/ip.h"

static void addresses_have_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *form; /* NULL = refused */
    } cases[] = {
        { "203.0.113.7", "203.0.113.7" },
        { "::ffff:203.0.113.7", "203.0.113.7" },
        { "2001:DB8:0:0::1", "2001:db8::1" },
        { "fe80::1%eth0", "fe80::1" },
        { "::", "::" },
        { "203.0.113.07", NULL },
        { "203.0.113", NULL },
        { "203.0.113.256", NULL },
        { "0x7f.0.0.1", NULL },
        { " 1.2.3.4", NULL },
        { "1.2.3.4 ", NULL },
        { "1.2.3.4%eth0", NULL },
        { "fe80::1%", NULL },
        { "1::2::3", NULL },
        { "[::1]", NULL },
        { "", NULL },
        { "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001", NULL },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_ip ip;
        char buf[KT_IP_TEXT_MAX];
        bool ok = kt_ip_parse(kt_str_of(cases[i].text), &ip);
        if (ok != (cases[i].form != NULL))
            fail_msg("'%s'", cases[i].text);
        if (ok)
            assert_string_equal(kt_ip_format(ip, buf), cases[i].form);
    }
    struct kt_ip ip;
    assert_false(kt_ip_parse(KT_STR("1.2.3.4\0.5"), &ip));
    assert_false(kt_ip_parse(KT_STR_NONE, &ip)); /* no place to count from */
}

static bool as_libc_takes_it(const char *text)
{
    struct kt_ip ip;
    uint8_t own[4];
    const bool good = inet_pton(AF_INET, text, own) == 1;
    if (kt_ip_parse(kt_str_of(text), &ip) != good)
        fail_msg("'%s'", text);
    assert_true(!good || memcmp(ip.at + 12, own, sizeof own) == 0);
    return good;
}

/* IPv4 is read without it. */
static void each_byte_of_an_address_is_read_as_libc_reads_it(void **state)
{
    static const char *const texts[] = { "1.22.103.255", "0.0.0.0", "249.10.9.100", "1.2.3.4.5" };
    unsigned taken = 0;
    (void)state;
    for (size_t t = 0; t < KT_ARRAY_LEN(texts); t++) {
        const size_t n = strlen(texts[t]);
        for (size_t i = 0; i < n; i++) {
            char text[32] = { 0 };
            memcpy(text, texts[t], n);
            for (int c = 1; c < 256; c++) {
                text[i] = (char)c;
                taken += as_libc_takes_it(text);
            }
            memcpy(text + i, texts[t] + i + 1, n - i); /* one byte less */
            taken += as_libc_takes_it(text);
            memcpy(text + i + 1, texts[t] + i, n - i); /* one twice */
            text[i] = texts[t][i];
            taken += as_libc_takes_it(text);
        }
    }
    assert_true(taken > 100);
}

static void networks_refuse_host_bits(void **state)
{
    (void)state;
    static const struct {
        const char *text, *form, *mended;
    } cases[] = {
        { "10.0.0.0/8", "10.0.0.0/8", NULL },
        { "0.0.0.0/0", "0.0.0.0/0", NULL },
        { "::/0", "::/0", NULL },
        { "203.0.113.7", "203.0.113.7/32", NULL },
        { "2001:db8::1", "2001:db8::1/128", NULL },
        { "2001:db8::/32", "2001:db8::/32", NULL },
        { "::ffff:10.0.0.0/104", "10.0.0.0/8", NULL },
        { "10.1.2.3/8", NULL, "write 10.0.0.0/8" },
        { "2001:db8::1/32", NULL, "write 2001:db8::/32" },
        { "10.0.0.0/33", NULL, "0 to 32" },
        { "::/129", NULL, "0 to 128" },
        { "10.0.0.0/", NULL, "0 to 32" },
        { "10.0.0.0/08", NULL, "0 to 32" },
        { "fe80::%eth0/10", NULL, "not an address" },
        { "/8", NULL, "not an address" },
        { "", NULL, "not an address" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_cidr net;
        struct kt_error err = { 0 };
        char buf[KT_IP_TEXT_MAX];
        bool ok = kt_cidr_parse(kt_str_of(cases[i].text), &net, &err) == KT_OK;
        if (ok != (cases[i].form != NULL) || (!ok && !strstr(err.text, cases[i].mended)))
            fail_msg("'%s': %s", cases[i].text, err.text);
        if (ok)
            assert_string_equal(kt_cidr_format(net, buf), cases[i].form);
    }
}

static void networks_hold_what_they_hold(void **state)
{
    (void)state;
    static const struct {
        const char *net, *ip;
        bool in;
    } cases[] = {
        { "10.0.0.0/8", "10.255.0.1", true },
        { "10.0.0.0/8", "11.0.0.0", false },
        { "198.51.100.0/23", "198.51.101.9", true },
        { "198.51.100.0/23", "198.51.102.0", false },
        { "0.0.0.0/0", "1.2.3.4", true },
        { "0.0.0.0/0", "2001:db8::1", false },
        { "::/0", "1.2.3.4", true },
        { "2001:db8:7::/48", "2001:db8:7:ffff::1", true },
        { "203.0.113.7", "203.0.113.7", true },
        { "203.0.113.7", "203.0.113.8", false },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_cidr net;
        struct kt_ip ip;
        assert_int_equal(kt_cidr_parse(kt_str_of(cases[i].net), &net, NULL), KT_OK);
        assert_true(kt_ip_parse(kt_str_of(cases[i].ip), &ip));
        if (kt_cidr_has(net, ip) != cases[i].in)
            fail_msg("%s in %s", cases[i].ip, cases[i].net);
    }
    struct kt_ip ip;
    char buf[KT_IP_TEXT_MAX];
    assert_true(kt_ip_parse(KT_STR("203.0.113.77"), &ip));
    assert_string_equal(kt_cidr_format(kt_ip_network(ip, 24, 48), buf), "203.0.113.0/24");
    assert_true(kt_ip_parse(KT_STR("2001:db8:7:8::9"), &ip));
    assert_string_equal(kt_cidr_format(kt_ip_network(ip, 24, 48), buf), "2001:db8:7::/48");
    assert_string_equal(kt_ip_format(kt_cidr_last(kt_ip_network(ip, 24, 47)), buf),
                        "2001:db8:7:ffff:ffff:ffff:ffff:ffff");
    assert_true(kt_ip_parse(KT_STR("10.9.8.7"), &ip));
    assert_string_equal(kt_ip_format(kt_cidr_last(kt_ip_network(ip, 23, 48)), buf), "10.9.9.255");
    assert_string_equal(kt_ip_format(kt_cidr_last(kt_ip_network(ip, 32, 48)), buf), "10.9.8.7");
}

static void ports_stand_behind_addresses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      ":",        "1.2.3.4",      "1.2.3.4:", "1.2.3.4:65536", "::1:443",
        "[::1]", "[::1:443", "[1.2.3.4]x:1", "host:1",   "1.2.3.4:-1"
    };
    struct kt_ip ip;
    uint16_t port = 0;
    char text[KT_IP_TEXT_MAX];
    assert_true(kt_ip_port_parse(KT_STR("127.0.0.1:8443"), &ip, &port) && port == 8443);
    assert_string_equal(kt_ip_format(ip, text), "127.0.0.1");
    assert_true(kt_ip_port_parse(KT_STR("[2001:db8::1]:1"), &ip, &port) && port == 1);
    assert_string_equal(kt_ip_format(ip, text), "2001:db8::1");
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++)
        if (kt_ip_port_parse(kt_str_of(bad[i]), &ip, &port))
            fail_msg("'%s' was taken", bad[i]);
}

static void classes_come_before_any_lookup(void **state)
{
    (void)state;
    static const struct {
        const char *ip, *word;
    } cases[] = {
        { "8.8.8.8", "public" },
        { "2a00::1", "public" },
        { "10.1.1.1", "private" },
        { "172.31.255.255", "private" },
        { "172.32.0.0", "public" },
        { "192.168.0.1", "private" },
        { "fd00::1", "private" },
        { "100.64.0.1", "cgnat" },
        { "100.128.0.1", "public" },
        { "127.0.0.53", "loopback" },
        { "::1", "loopback" },
        { "169.254.169.254", "link-local" },
        { "fe80::1", "link-local" },
        { "224.0.0.1", "multicast" },
        { "ff02::1", "multicast" },
        { "203.0.113.7", "documentation" },
        { "198.51.100.20", "documentation" },
        { "192.0.2.1", "documentation" },
        { "2001:db8::1", "documentation" },
        { "0.0.0.0", "reserved" },
        { "255.255.255.255", "reserved" },
        { "240.0.0.1", "reserved" },
        { "::", "reserved" },
        { "2002:c000:201::1", "tunnel" },
        { "2001:0:1::1", "tunnel" },
        { "64:ff9b::c000:201", "tunnel" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_ip ip;
        assert_true(kt_ip_parse(kt_str_of(cases[i].ip), &ip));
        if (strcmp(kt_ip_class_word(kt_ip_class(ip)), cases[i].word) != 0)
            fail_msg("%s is %s", cases[i].ip, kt_ip_class_word(kt_ip_class(ip)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_one_form),
        cmocka_unit_test(each_byte_of_an_address_is_read_as_libc_reads_it),
        cmocka_unit_test(networks_refuse_host_bits),
        cmocka_unit_test(networks_hold_what_they_hold),
        cmocka_unit_test(ports_stand_behind_addresses),
        cmocka_unit_test(classes_come_before_any_lookup),
    };
    return cmocka_run_group_tests_name("base/ip", tests, NULL, NULL);
}
