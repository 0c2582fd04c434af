/* pipeline, inside: what its files share. Nobody else includes this. */
#pragma once
#include "agents/aged.h"
#include "agents/pipeline.h"
#include "agents/pipeline_needles.h"
#include "agents/pipeline_split.h"
#include "core/event/redact.h"

/* A first half that waits for its partner. */
struct half {
    struct kt_aged_item item;
    kt_time_ns since, arrival;
    uint64_t offset;    /* where it begins; UINT64_MAX when its stream has ended */
    bool masked, clean; /* clean: nothing was seen in record */
    unsigned given;     /* lines that it made alone, up to the one that was refused */
    size_t room;        /* of bytes */
    struct kt_str record;
    char bytes[];
};

/* Lines of one event that waits for the rest of them. */
struct group {
    struct kt_aged_item item;
    kt_time_ns since, arrival;
    uint64_t offset; /* where its first line begins; UINT64_MAX when its stream has ended */
    uint64_t length;
    unsigned lines;
    bool over;  /* longer than a record may be: the rest is only counted */
    bool tried; /* it was refused once, after so many lines: */
    unsigned given;
    struct kt_buf text;
    char key[];
};

/* The record that is being worked on. */
struct current {
    struct kt_str bytes; /* as it came */
    enum kt_about about; /* secrets? */
    struct kt_str record;
    uint64_t offset, length; /* length: more than bytes when it was too long */
    kt_time_ns arrival, observed;
    struct group *group; /* that this record is; NULL: a line of its own */
    unsigned joined;     /* its other lines */
    unsigned repaired;
    bool masked;            /* tokens were taken out of record, or of what was made of it */
    struct kt_str clean[2]; /* it, and its first half, where their strings are; empty: unknown */
    uint64_t unknown_fields;
    unsigned lines;        /* lines made so far; those below `given` were given out before */
    unsigned events;       /* access, amend and exposure lines made so far */
    const char *skip;      /* what decode said */
    const char *unfit;     /* why an event could not be written */
    enum kt_status status; /* of the line callback */
    struct kt_error *err;
};

struct emit {
    struct kt_emit to; /* first member: callbacks get it back */
    struct kt_pipeline *p;
};

#define KT_EARLY_WAYS 4u

struct kt_pipeline {
    struct kt_pipeline_options o;
    struct emit emit;
    char *instance, *cluster;
    struct kt_pipeline_counts counts;
    struct kt_splitter *split;
    struct kt_json *json, *json_first; /* of the current record, of a first half */
    struct kt_json *json_inner;        /* of a string in one */
    const struct half *parsed; /* the half that json_first holds, with this root; NULL: none */
    struct kt_jval parsed_root;
    struct kt_arena arena;
    struct kt_source_memory *memory;
    struct needles needles;
    struct kt_buf line, raw, quarantine;
    struct kt_redact_hits hits;

    struct kt_aged groups;
    size_t groups_bytes;
    bool after_cut;               /* lines before the next one were dropped: */
    struct kt_buf cut_key;        /* the event whose beginning was; empty: none */
    struct kt_buf lines, as_json; /* of the current record: its lines, and what stands for them */
    struct kt_buf masked;         /* it without tokens, when it held some */

    struct kt_aged halves;
    size_t halves_bytes;
    uint64_t second; /* hash of the current record's key: a second half; 0: it is none */
    bool paired;     /* its first half is there */
    uint64_t early[1024][KT_EARLY_WAYS]; /* hashes of accesses that were told whole; 0: none */
    struct half *spare;                  /* one that is done with, for its memory */
    uint64_t known_until; /* second halves before it were given out in the run before */

    struct kt_str place; /* of the current feed */
    struct kt_buf last_place;
    kt_time_ns now;
    struct current cur;
    unsigned given; /* lines of the current record that went out; kept over KT_E_AGAIN */
    bool again;     /* the current record was tried before */
    bool ended;     /* kt_pipeline_end was the last thing done */
    struct {
        const char *code;
        kt_time_ns at;
    } findings[8];
};

/* ---- pipeline.c ---- */
/* Completes an event (source, instance, flags), redacts it and gives its line out. */
void kt_pipeline_give(struct kt_pipeline *p, struct kt_event *ev);
void kt_pipeline_skip(struct kt_pipeline *p, const char *reason);
/* The record in cur, which is counted as seen, up to its lines. */
KT_MUST_USE enum kt_status kt_pipeline_work(struct kt_pipeline *p);
struct kt_decode_in kt_pipeline_in(struct kt_pipeline *p, struct kt_jval root);
struct kt_emit *kt_pipeline_emit(struct kt_pipeline *p);

/* ---- pipeline_gather.c ---- */
enum gather_result {
    GATHER_RECORD, /* cur is a whole record */
    GATHER_WAITS,
    GATHER_BROKEN, /* no line of such a log */
    GATHER_CUT,    /* of an event that is not whole any more */
    GATHER_REFUSED
};
/* Puts the line in cur to those of its event. GATHER_REFUSED: see cur.status. */
enum gather_result kt_gather_look(struct kt_pipeline *p);
void kt_gather_drop(struct kt_pipeline *p, struct group *g);
void kt_gather_clear(struct kt_pipeline *p);
void kt_gather_cut(struct kt_pipeline *p);
void kt_gather_stream_ended(struct kt_pipeline *p);
uint64_t kt_gather_low_water(const struct kt_pipeline *p);
/* Gives out groups that began before `limit`. */
KT_MUST_USE enum kt_status kt_gather_expire(struct kt_pipeline *p, kt_time_ns limit,
                                            struct kt_error *err);
void kt_gather_free(struct kt_pipeline *p);

/* ---- pipeline_fold.c ---- */
enum fold_result {
    FOLD_DECODE,
    FOLD_DECODE_LATE,
    FOLD_WAITS,
    FOLD_REPEATED,
    FOLD_KNOWN,
    FOLD_OVERTAKEN,
    FOLD_REFUSED
};
/* What to do with the record; *ret_half: its waiting partner, or NULL. FOLD_REFUSED: see
 * cur.status. */
enum fold_result kt_fold_look(struct kt_pipeline *p, struct kt_jval root, struct half **ret_half);
/* The current record gave an event: should it be a second half, another first is not needed. */
void kt_fold_told(struct kt_pipeline *p);
void kt_fold_drop(struct kt_pipeline *p, struct half *h);
/* The half, parsed; a root without a node when it cannot be. Valid until the next one is. */
struct kt_jval kt_fold_root(struct kt_pipeline *p, const struct half *h, struct kt_error *err);
void kt_fold_clear(struct kt_pipeline *p);
void kt_fold_stream_ended(struct kt_pipeline *p);
uint64_t kt_fold_low_water(const struct kt_pipeline *p);
/* Gives out halves that waited since before `limit`. */
KT_MUST_USE enum kt_status kt_fold_expire(struct kt_pipeline *p, kt_time_ns limit,
                                          struct kt_error *err);
void kt_fold_free(struct kt_pipeline *p);

/* ---- pipeline_quarantine.c ---- */
/* Gives out the quarantine line of the current record. */
void kt_quarantine_give(struct kt_pipeline *p, const char *reason);
