/*
 * pipeline: bytes of one source instance -> canonical lines. Split, gather, needles, parse, fold,
 * decode, redact, line; quarantine by shape. Used by the agent and by `import`. No I/O, no clock.
 */
#pragma once
#include "agents/source.h"
#include "core/base/buf.h"

struct kt_line_out {
    struct kt_str line; /* canonical, without newline */
    const struct kt_event
        *event;         /* what it says; kind tells access, amend, quarantine, redacted … */
    kt_time_ns arrival; /* feed: the record's own; else 0 */
};
struct kt_pipeline_options {
    const struct kt_source *source;
    struct kt_str instance, cluster; /* copied */
    enum kt_json_body body;
    /* What the source remembers between records; borrowed, and shared by pipelines that read the
     * same accesses on several ways, so that they say the same of one. NULL: its own. */
    struct kt_source_memory *memory;
    const void *settings;       /* of the source, borrowed; NULL: those that it has itself */
    uint8_t quarantine_key[32]; /* keyed hash of quarantined bytes; all zero = no hash */
    /* A line; KT_E_AGAIN (spool full) makes feed stop before this record and return KT_E_AGAIN. */
    enum kt_status (*line)(void *self, const struct kt_line_out *l, struct kt_error *err);
    void (*finding)(void *self, const char *code, const char *sentence);
    void *self;
};
struct kt_pipeline_counts {
    uint64_t records; /* raw records seen (lines, array elements):
                         = yielded + folded + skipped + quarantined + halves that still wait */
    uint64_t yielded; /* records that gave at least one event */
    uint64_t events;  /* access, amend, exposure and inventory lines given out */
    uint64_t folded;  /* first halves, and lines, that went into the event of another */
    uint64_t skipped; /* records without an event, folded halves not included */
    uint64_t quarantined, redactions, repaired, torn, unknown_fields, blank;
    struct {
        const char *reason;
        uint64_t n;
    } skip[16]; /* reason NULL ends it */
};

struct kt_pipeline;
struct kt_pipeline *kt_pipeline_new(const struct kt_pipeline_options *o);
void kt_pipeline_free(struct kt_pipeline *p);
/* Bytes at byte offset pos of the stream. Whole records are worked off; a cut tail is kept for the
 * next feed. place: "path" for quarantine. Bytes below what was taken before are passed over, so
 * after KT_E_AGAIN the same call is simply made again. */
KT_MUST_USE enum kt_status kt_pipeline_feed(struct kt_pipeline *p, struct kt_str bytes,
                                            uint64_t pos, struct kt_str place, kt_time_ns now,
                                            struct kt_error *err);
/* End of the stream (file, object): a rest that is a whole record is one; anything else is torn and
 * quarantined. */
KT_MUST_USE enum kt_status kt_pipeline_end(struct kt_pipeline *p, kt_time_ns now,
                                           struct kt_error *err);
/* One raw record whose arrival is known (--feed). */
KT_MUST_USE enum kt_status kt_pipeline_record(struct kt_pipeline *p, struct kt_str record,
                                              kt_time_ns arrival, struct kt_str place,
                                              kt_time_ns now, struct kt_error *err);
/* Gives out first halves and groups of lines older than the source's timeouts; all = every one (end
 * of an import). */
KT_MUST_USE enum kt_status kt_pipeline_expire(struct kt_pipeline *p, kt_time_ns now, bool all,
                                              struct kt_error *err);
/* Oldest byte offset not wholly given out: pending folds, groups and a cut tail included. */
uint64_t kt_pipeline_low_water(const struct kt_pipeline *p);
/* Where the records that were taken whole end: a cut tail, or one to be fed again, begins there. */
uint64_t kt_pipeline_whole_until(const struct kt_pipeline *p);
/* Starts again at pos (another file, truncation). Drops the cut tail, and pending folds too unless
 * kt_pipeline_end came before: halves of a stream that ended find their partners in the next. */
void kt_pipeline_restart(struct kt_pipeline *p, uint64_t pos);
/* Lines are missing between what was fed and what comes: events that wait for some of them are
 * given up, and so is the one whose lines come next. What is half an event reads like another one.
 */
void kt_pipeline_cut(struct kt_pipeline *p);
/* After a restart at a low-water mark: everything before `pos` was given out in the run before. A
 * second half in there without a partner had it before the mark; it is skipped, since alone it
 * would make another event of the same access. */
void kt_pipeline_known_until(struct kt_pipeline *p, uint64_t pos);
const struct kt_pipeline_counts *kt_pipeline_counts(const struct kt_pipeline *p);
