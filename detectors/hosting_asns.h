/* hosting_asns: networks that rent servers or carry VPN exits. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Whoever writes address facts asks here, so that an old log keeps the answer of its day. */
bool kt_hosting_asn(uint32_t asn);
/* Do both belong to one operator, which announces regions and products from several ASNs? Equal
 * ones do. Networks that stand in for an unknown ASN are no ASN. */
bool kt_same_operator(uint32_t a, uint32_t b);
