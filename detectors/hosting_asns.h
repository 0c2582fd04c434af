/* hosting_asns: networks that rent servers or carry VPN exits. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Whoever writes address facts asks here, so that an old log keeps the answer of its day. */
bool kt_hosting_asn(uint32_t asn);
