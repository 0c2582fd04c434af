/*
 * doctor_geo: does every address get its country and network, and from how old a table?
 *
 * Owns:  nothing.
 * Calls: cli/geoip_files.
 */
#include "cli/doctor.h"
#include "cli/geoip.h"

#define FETCH "keytrail geoip update --provider dbip (no account), or --provider maxmind"

void kt_doctor_geo(struct kt_doctor *d)
{
    struct kt_geo_files all;
    char age[KT_TIME_TEXT_MAX];
    unsigned broken = 0;
    kt_geo_files_find(d->conf, &all);
    for (unsigned i = 0; i < all.n; i++) {
        if (all.at[i].problem[0] == '\0')
            continue;
        broken++;
        kt_doctor_say(d, KT_DOCTOR_BAD, "ip data", FETCH, "%s", all.at[i].problem);
    }
    if (!all.has_country) {
        kt_doctor_say(d, KT_DOCTOR_WARN, "ip data", FETCH,
                      "no table of countries: addresses stay without one");
        return;
    }
    (void)kt_duration_format(d->now > all.oldest ? d->now - all.oldest : 0, age);
    if (d->now - all.oldest > KT_GEO_OLD)
        kt_doctor_say(d, KT_DOCTOR_WARN, "ip data", FETCH, "the oldest table in use is %s old%s",
                      age, all.has_network ? "" : "; none knows networks (ASN)");
    else if (!all.has_network)
        kt_doctor_say(d, KT_DOCTOR_WARN, "ip data", FETCH,
                      "countries are known, networks (ASN) are not");
    else if (broken == 0)
        kt_doctor_say(d, KT_DOCTOR_OK, "ip data", NULL, "countries and networks, %s old", age);
}
