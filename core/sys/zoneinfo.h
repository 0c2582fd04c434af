/* zoneinfo: the rule in force of a time zone, from the system's tzdata. */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"

#define KT_ZONE_NAME_MAX 64u

/* "Europe/Berlin" -> "CET-1CEST,M3.5.0,M10.5.0/3": the last line of its TZif file (RFC 8536 §3.3).
 * KT_E_INPUT: no such zone here; the text says how to mend it. */
KT_MUST_USE enum kt_status kt_zoneinfo_rule(struct kt_str name, struct kt_buf *ret,
                                            struct kt_error *err);
/* The rule that closes the bytes of a TZif file; empty when they are none, or of version 1. */
struct kt_str kt_zoneinfo_footer(struct kt_str file);
