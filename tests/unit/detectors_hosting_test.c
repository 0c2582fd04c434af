/* detectors_hosting: which networks rent servers, by number and by name. */
#include "detectors/hosting_asns.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after the others */
#include <cmocka.h>

#define SMALL 4200000001u /* in no table */

static void a_listed_number_is_enough(void **state)
{
    (void)state;
    assert_true(kt_hosting_network(24940, KT_STR_NONE));
    assert_true(kt_hosting_network(399629, KT_STR("BL Networks")));
    assert_false(kt_hosting_network(SMALL, KT_STR_NONE));
    assert_false(kt_hosting_network(0, KT_STR("BlueVPS OU"))); /* an unknown network */
}

static void the_names_of_small_ones_say_it(void **state)
{
    (void)state;
    static const char *const rent[] = {
        "A2 Hosting, Inc.",
        "BlueVPS OU",
        "LLC Vpsville",
        "UAB Cherry Servers",
        "FDCservers.net",
        "PlusServer GmbH",
        "Host Sailor Ltd",
        "HostHatch, LLC",
        "Webhosting Holdings LLC",
        "DFW Datacenter",
        "Onix Data Centres Ghana Limited",
        "CHINANET SiChuan Telecom Internet Data Center",
        "Colocation America Corporation",
        "BBDO-COLO - BBDO NY",
        "MIVOCLOUD SRL",
        "CloudFerro S.A",
        "Yandex.Cloud LLC",
        "Alibaba Cloud (Singapore) Private Limited",
        "Dedicated.com",
        "Bullet Proof VPN Ltd",
        "WebHostOne GmbH",
    };
    for (size_t i = 0; i < sizeof rent / sizeof rent[0]; i++)
        if (!kt_hosting_network(SMALL, kt_str_of(rent[i])))
            fail_msg("%s rents servers", rent[i]);
}

static void people_are_at_home_behind_the_others(void **state)
{
    (void)state;
    static const char *const homes[] = {
        "Deutsche Telekom AG",
        "AFRIHOST SP (PTY) LTD",
        "FIBERHOST S.A.",
        "Comcast Cable Communications, LLC",
        "Leibniz-Rechenzentrum",
        "The Shadow Observer, Inc.",
        "Colorado State University",
        "Telax Hosted Call Centre",
        "Piccolo Andrea trading as Digisat",
        "Data Communications Center", /* "data" and "center" apart */
        "Ghost Fibre",
        "",
    };
    for (size_t i = 0; i < sizeof homes / sizeof homes[0]; i++)
        if (kt_hosting_network(SMALL, kt_str_of(homes[i])))
            fail_msg("people are behind %s", homes[i]);
    assert_false(kt_hosting_network(41012, KT_STR("The Cloud Networks Limited")));
}

static void a_name_may_be_anything(void **state)
{
    (void)state;
    char long_name[400];
    for (size_t i = 0; i < sizeof long_name; i++)
        long_name[i] = 'x';
    assert_false(kt_hosting_network(SMALL, kt_str_from(long_name, sizeof long_name)));
    long_name[300] = ' ';
    for (size_t i = 0; i < 3; i++)
        long_name[301 + i] = "vps"[i];
    assert_true(kt_hosting_network(SMALL, kt_str_from(long_name, 304)));
    assert_false(kt_hosting_network(SMALL, KT_STR("\xff\xfe\x80 \0 data")));
    assert_true(kt_hosting_network(SMALL, KT_STR("\xd0\x9e\xd0\x9e\xd0\x9e \"Cloud\"")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listed_number_is_enough),
        cmocka_unit_test(the_names_of_small_ones_say_it),
        cmocka_unit_test(people_are_at_home_behind_the_others),
        cmocka_unit_test(a_name_may_be_anything),
    };
    return cmocka_run_group_tests_name("detectors_hosting", tests, NULL, NULL);
}
