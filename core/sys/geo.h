/* geo: country and network of an address from .mmdb files, the only includer of maxminddb.h
 * (INTERFACE §4). */
#pragma once
#include "core/base/ip.h"
#include "core/base/time.h"

struct kt_geo_fact {
    bool found;      /* any database knew it */
    char country[3]; /* ISO 3166-1 alpha-2, empty when unknown */
    uint32_t asn;    /* 0 when unknown */
    char org[96];    /* name of the network */
    double lat, lon;
    unsigned radius_km; /* 0 when the row has none */
    bool has_place;
};
struct kt_geo;
/* Opens every path (GeoLite2 nested or flat records, decided by the record, never by
 * database_type). No path at all, or none that exists when `optional`, is fine: look-ups then find
 * nothing and kt_geo_describe says so. A broken file is KT_E_CORRUPT, and so is one that changes
 * while it is opened. What is left: a change that leaves size and time as they were (two writes
 * within one tick of the file system's clock, or whoever sets the time back) is not seen; and a
 * file that shrinks between a look at it and the reading behind that look ends the process. */
KT_MUST_USE enum kt_status kt_geo_open(const char *const *paths, unsigned n, bool optional,
                                       struct kt_geo **ret, struct kt_error *err);
/* The search order of INTERFACE §4 without configuration: what `keytrail geoip update` fetched, the
 * system's folders, what came along with keytrail (share/keytrail beside the program's bin); fills
 * up to max paths, returns how many. Of what several know the first one says. */
#define KT_GEO_FETCHED "/var/lib/keytrail/geoip"
unsigned kt_geo_system_paths(char paths[][256], unsigned max);
void kt_geo_free(struct kt_geo *g);
/* NULL g finds nothing, and so does a file that was written over since it was opened (a rename
 * leaves it as it was). Look-ups do not allocate. */
void kt_geo_find(const struct kt_geo *g, struct kt_ip ip, struct kt_geo_fact *ret);
/* A file was written over, or touched, since it was opened, and is not asked: what is not found may
 * well be in it. Opening anew mends that. Looks at every file; NULL is never stale. */
bool kt_geo_is_stale(const struct kt_geo *g);
/* "country 2026-11-01, asn 2026-11-01" or "no IP database". Borrowed from g (static when NULL). */
const char *kt_geo_describe(const struct kt_geo *g);
struct kt_geo_database { /* one file */
    char what[24];       /* "country", "country+place", "asn" */
    uint64_t build;      /* epoch, s */
};
unsigned kt_geo_count(const struct kt_geo *g); /* 0 when NULL */
void kt_geo_database(const struct kt_geo *g, unsigned i, struct kt_geo_database *ret);
uint64_t kt_geo_build(const struct kt_geo *g); /* newest build epoch in s, 0 = none */
