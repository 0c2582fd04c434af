/*
 * geoip: the databases of addresses that the collector takes: which there are, how old, under which
 * terms; and fetching newer ones.
 */
#pragma once
#include "cli/cli.h"
#include "core/config/config.h"

#define KT_GEO_FILES_MAX 16u
#define KT_GEO_OLD       (30 * KT_NS_DAY) /* people are told then (INTERFACE §4) */

struct kt_geo_file {
    char path[256];
    char holds[120];     /* "country 2026-06-17" */
    kt_time_ns built;    /* 0: the file does not say */
    const char *licence; /* terms, and the line that has to be shown where answers are */
    char problem[200];   /* it cannot be read; else empty */
    bool has_country, has_network, has_place;
};
struct kt_geo_files {
    struct kt_geo_file at[KT_GEO_FILES_MAX];
    unsigned n;
    bool has_country, has_network; /* of all that can be read */
    kt_time_ns oldest;             /* 0: none */
};
/* Those of the configuration (NULL: auto), in the order in which they are asked. */
void kt_geo_files_find(const struct kt_conf *conf, struct kt_geo_files *ret);

/* What `keytrail geoip update` fetches. */
struct kt_geoip_args {
    const char *config; /* whose collector is told; NULL: the system's */
    const char *provider, *dir, *account, *key_file, *url, *ca_file, *proxy;
    struct kt_flag_many kinds; /* country, city, asn; none: the provider's usual ones */
    bool allow_private, quiet;
    kt_time_ns now;
};
KT_MUST_USE enum kt_status kt_geoip_update(const struct kt_geoip_args *a, struct kt_error *err);
