/* hosting_asns: networks that rent servers or carry VPN exits. */
#pragma once
#include <stdint.h>

#include "core/base/str.h"

/* Whoever writes address facts asks here, so that an old log keeps the answer of its day. org: the
 * operator's name as the table of addresses has it, or empty. The large ones are listed; of the
 * thousands of small ones the name says it ("BlueVPS", "Cherry Servers", "A2 Hosting"). */
bool kt_hosting_network(uint32_t asn, struct kt_str org);
/* Do both belong to one operator, which announces regions and products from several ASNs? Equal
 * ones do. Networks that stand in for an unknown ASN are no ASN. */
bool kt_same_operator(uint32_t a, uint32_t b);
