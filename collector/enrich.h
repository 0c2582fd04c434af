/*
 * enrich: country and network of an address as records of the log. Each new address, and each one
 * known only from an older database, gets a control record of kind fact before the events that show
 * it (DESIGN §4, DETECTION §6).
 */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"
#include "core/sys/geo.h"

struct kt_enrich;
/* geo may be NULL: then facts hold the class alone. */
struct kt_enrich *kt_enrich_new(const struct kt_geo *geo);
void kt_enrich_free(struct kt_enrich *e);
/* From now on those tables: an address gets a fact of them when it comes again, if they are newer.
 */
void kt_enrich_take(struct kt_enrich *e, const struct kt_geo *geo);
/* Takes the facts over that a store already has. */
KT_MUST_USE enum kt_status kt_enrich_load(struct kt_enrich *e, const char *store_path,
                                          struct kt_error *err);
/* It is about to be asked for: its place is on its way from memory. */
void kt_enrich_expect(const struct kt_enrich *e, struct kt_ip ip);
/* What it says: country, network, class, the database's build, and the place where a database of
 * cities told one, so that a replay needs no database. */
void kt_enrich_body(struct kt_ip ip, const struct kt_geo_fact *f, uint64_t build,
                    struct kt_buf *raw);
/* Does ip need a fact? Says yes once, and ret is the record that the caller then stores; its
 * strings live in raw, which must outlive it. A forgotten address (the memory is bounded) costs one
 * more fact, nothing else. While the tables are stale (kt_geo_is_stale) an address that they would
 * be asked for gets none, and is looked up when it comes again: what they do not say now would be
 * stored for good. */
bool kt_enrich_fact(struct kt_enrich *e, struct kt_ip ip, kt_time_ns now, struct kt_buf *raw,
                    struct kt_event *ret);
