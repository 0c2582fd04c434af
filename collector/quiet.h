/* quiet: hours of the week in which a route tells nobody. Pure. */
#pragma once
#include "core/base/zone.h"
#include "core/config/config.h"

struct kt_quiet {
    uint16_t from_min, until_min; /* as in struct kt_conf_quiet */
    uint8_t days;
    struct kt_zone zone;
};
/* KT_E_INPUT: no such time zone here. */
KT_MUST_USE enum kt_status kt_quiet_of(const struct kt_conf_quiet *conf, struct kt_quiet *ret,
                                       struct kt_error *err);
/* The first time from t on that lies outside these hours, by the clock on the wall: an hour that is
 * skipped in spring has passed, one that comes twice in autumn counts twice. Hours that fill the
 * week never end: some time more than a week later. */
kt_time_ns kt_quiet_until(const struct kt_quiet *q, kt_time_ns t);
