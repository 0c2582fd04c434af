/*
 * geoip_files: the .mmdb files that are in use, what each knows, and its terms.
 *
 * Owns:  nothing.
 * Calls: core/sys/geo.
 */
#include <string.h>

#include "cli/geoip.h"
#include "core/sys/geo.h"

/* By the name of the file, which is the provider's; what a file holds is decided by its records.
 * Source: the providers' terms of 2026-11 (INTERFACE §4). */
static const struct {
    const char *begins, *licence;
} licences[] = {
    { "GeoLite2-",
      "GeoLite2 End User License Agreement; this product includes GeoLite Data created "
      "by MaxMind, available from https://www.maxmind.com" },
    { "dbip-", "CC BY 4.0; IP Geolocation by DB-IP, https://db-ip.com" },
    { "ipinfo_", "CC BY-SA 4.0; IP address data is powered by IPinfo, https://ipinfo.io" },
    { "ip-country.", "PDDL 1.0, no conditions; IPtoASN, https://iptoasn.com" },
};

static const char *licence_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    for (size_t i = 0; i < KT_ARRAY_LEN(licences); i++)
        if (strncmp(name, licences[i].begins, strlen(licences[i].begins)) == 0)
            return licences[i].licence;
    return "yours to know";
}

static void look(struct kt_geo_file *f)
{
    const char *const path = f->path;
    struct kt_geo *g = NULL;
    struct kt_error err = { 0 };
    f->licence = licence_of(path);
    if (kt_geo_open(&path, 1, false, &g, &err) != KT_OK) {
        kt_str_copyz(f->problem, sizeof f->problem, kt_str_of(err.text));
        return;
    }
    kt_str_copyz(f->holds, sizeof f->holds, kt_str_of(kt_geo_describe(g)));
    f->built = (kt_time_ns)kt_geo_build(g) * KT_NS_S;
    f->has_country = strstr(f->holds, "country") != NULL || strstr(f->holds, "city") != NULL;
    f->has_network = strstr(f->holds, "asn") != NULL;
    kt_geo_free(g);
}

void kt_geo_files_find(const struct kt_conf *conf, struct kt_geo_files *ret)
{
    char paths[KT_GEO_FILES_MAX][256];
    bool named = conf != NULL && !conf->geoip_auto;
    unsigned n = named ? conf->geoip.n : kt_geo_system_paths(paths, KT_GEO_FILES_MAX);
    *ret = (struct kt_geo_files){ .n = n < KT_GEO_FILES_MAX ? n : KT_GEO_FILES_MAX };
    for (unsigned i = 0; i < ret->n; i++) {
        struct kt_geo_file *f = &ret->at[i];
        kt_str_copyz(f->path, sizeof f->path, kt_str_of(named ? conf->geoip.at[i] : paths[i]));
        look(f);
        ret->has_country = ret->has_country || f->has_country;
        ret->has_network = ret->has_network || f->has_network;
        if (f->built != 0 && (ret->oldest == 0 || f->built < ret->oldest))
            ret->oldest = f->built;
    }
}
