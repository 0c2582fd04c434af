/* geo_write: makes an .mmdb file (MaxMind DB format 2.0) from a table of networks, for the demo's
 * invented world and for tests. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

struct kt_geo_row {
    const char *cidr;
    const char *country; /* two letters; NULL or empty: not known */
    uint32_t asn;        /* 0: not known */
    const char *org;     /* name of the network; NULL or empty: not known */
};
/* Country and network in one file, IPv4 and IPv6 alike; the longest prefix wins, of equal ones the
 * later row. Keys as GeoLite2 has them (nested), or, when flat, as IPinfo Lite has. KT_E_INPUT
 * names the row whose network cannot be read. Written atomically, mode 0644. */
KT_MUST_USE enum kt_status kt_geo_write(const char *path, const struct kt_geo_row *rows, unsigned n,
                                        uint64_t build_epoch, bool flat, struct kt_error *err);
