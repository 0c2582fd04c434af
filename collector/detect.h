/*
 * detect: the detection engine. A deterministic function of the log: records in (arrival, seq)
 * order in, alerts out. Owns the state tables that detectors declare, fusion of evidence (DETECTION
 * §5), snapshots with log position. No I/O, no clock.
 */
#pragma once
#include "core/base/histogram.h"
#include "core/config/config.h"
#include "core/store/read.h"
#include "core/sys/clock.h"
#include "detectors/table.h"
#include "exporters/alerts/alert.h"

/* What the detectors cost, beside the state: it is no part of it. */
#define KT_DETECT_METERS 16u
struct kt_detect_meter {
    struct kt_clock clock;
    uint64_t records; /* that were shown to them */
    struct {
        uint64_t runs, errors; /* errors: entries of its tables that were damaged and forgotten */
        struct kt_histogram took; /* of one record in KT_DETECT_METER_EVERY */
    } at[KT_DETECT_METERS];
};
#define KT_DETECT_METER_EVERY 32u

struct kt_detect;
struct kt_detector;
struct kt_detect_set { /* "what if": one option of a detector */
    const char *detector, *option, *value;
};
struct kt_detect_options {
    /* Networks, canaries, maintenance, production, detectors.*: until the log records others.
     * NULL: defaults. Borrowed, like the sets. */
    const struct kt_conf *conf;
    bool fixed; /* "what if": conf holds for the whole log, whatever that records */
    const struct kt_detect_set *sets; /* over whatever holds */
    unsigned n_sets;
    /* A new alert (is_new) or an update of one. Valid during the call. */
    void (*alert)(void *self, const struct kt_alert *a, bool is_new);
    void *self;
    /* The caller gives every record once, in (arrival, seq) order with arrival resolved as
     * DETECTION §6 says (an import without arrival times counts as received at its event times). */
    bool replay;
    /* Where entries may lie that are not in memory; borrowed. NULL: all of them are in memory. */
    const struct kt_backing *backing;
    struct kt_detect_meter *meter; /* NULL: nobody measures */
};
/* KT_E_CONFIG names an unknown detector or option with its line; KT_E_INPUT an unknown detector of
 * a set. */
KT_MUST_USE enum kt_status kt_detect_new(const struct kt_detect_options *o, struct kt_detect **ret,
                                         struct kt_error *err);
void kt_detect_free(struct kt_detect *d);
/* The options of one detector as conf and the sets of o make them: ret holds its options_size, the
 * strings of sets live in keep, all others in conf. Errors as kt_detect_new. */
KT_MUST_USE enum kt_status kt_detect_fill(const struct kt_detect_options *o,
                                          const struct kt_conf *conf, const struct kt_detector *det,
                                          struct kt_arena *keep, void *ret, struct kt_error *err);
/* What the next record's texts come to, made elsewhere (detectors/known_secrets.h): it says nothing
 * that the record does not, and spares the time. Borrowed until that record is done. */
struct kt_foretold;
void kt_detect_foretold(struct kt_detect *d, const struct kt_foretold *f);
/* Any record: access, amend, quarantine, report, tick, fact, config, decision. A record at or
 * before the position is ignored. */
void kt_detect_record(struct kt_detect *d, const struct kt_record *r);
uint64_t kt_detect_position(const struct kt_detect *d); /* seq of the newest record seen */
/* The whole state in one piece, versioned; restore refuses another version with KT_E_AGAIN (then
 * rebuild by replay). */
void kt_detect_snapshot(const struct kt_detect *d, struct kt_buf *out);
KT_MUST_USE enum kt_status kt_detect_restore(struct kt_detect *d, struct kt_str snapshot,
                                             struct kt_error *err);

/* ---- the same beside the log, in rows of a store (collector/follow): bounded in memory ---- */
/* What changed since the last call: the head, which is all that is no entry of a table but the
 * settings, and rows as detectors/table.h says; they are to be written in one transaction, with the
 * settings when these changed. Then kt_detect_saved, before the next call. */
void kt_detect_changes(struct kt_detect *d, struct kt_buf *ret_head, struct kt_buf *ret_rows);
/* The recorded settings as bytes, when they are others than at the last call or than those resumed
 * from; else nothing: they may be megabytes. */
void kt_detect_settings(struct kt_detect *d, struct kt_buf *ret);
/* They are written: what has not changed since may leave memory. */
void kt_detect_saved(struct kt_detect *d);
/* Goes on from what is in the backing. each: calls row once for each row there, its state left out.
 * KT_E_AGAIN, KT_E_CORRUPT as kt_detect_restore; the state is empty then. */
struct kt_detect_rows {
    enum kt_status (*each)(void *self, void (*row)(void *to, const struct kt_table_row *r),
                           void *to, struct kt_error *err);
    void *self;
};
KT_MUST_USE enum kt_status kt_detect_resume(struct kt_detect *d, struct kt_str head,
                                            struct kt_str settings,
                                            const struct kt_detect_rows *rows,
                                            struct kt_error *err);
size_t kt_detect_bytes(const struct kt_detect *d); /* of memory: keys and structs */
size_t kt_detect_held(const struct kt_detect *d);  /* of it what may leave memory once written */
size_t kt_detect_dirty(const struct kt_detect *d); /* about the bytes of the next changes */
/* Lets structs go until the state takes no more than `bytes`, as far as they are written. */
void kt_detect_trim(struct kt_detect *d, size_t bytes);
/* Entries that were not in the backing as they were written, since the engine was made: each is
 * forgotten, as if it had never been. */
uint64_t kt_detect_damaged(const struct kt_detect *d);
/* The same by detector, into the meter. */
void kt_detect_count_errors(const struct kt_detect *d, struct kt_detect_meter *ret);

/* SHA-256 over the state in number order: two runs over the same log agree. */
void kt_detect_digest(const struct kt_detect *d, uint8_t ret[32]);
/* Lines for `status`: "learning: addresses 9 of 14 days; signatures active", memory, actors. JSON
 * object. */
void kt_detect_status(const struct kt_detect *d, struct kt_buf *out);
/* No address of the internet: detectors learn no network from it. */
bool kt_detect_is_inside(struct kt_ip ip);
