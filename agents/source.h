/*
 * source: what a source plugin is. Pure: bytes in, events out; no I/O, no clock, no malloc of its
 * own. One file a source.
 */
#pragma once
#include "core/base/buf.h"
#include "core/config/option.h"
#include "core/event/event.h"
#include "core/event/json.h"

struct kt_poll; /* agents/poll.h */
struct kt_yaml; /* core/config/config.h */

/* Why a record gives no event; counted by reason. Static strings. */
struct kt_emit {
    void (*event)(struct kt_emit *e,
                  struct kt_event *ev); /* ev and its strings live until decode returns */
    void (*skip)(struct kt_emit *e,
                 const char *reason); /* "not about secrets", "self-test", "digest file" … */
    /* The source writes values in the clear or the like: a finding about the source itself, raised
     * once an hour. */
    void (*finding)(struct kt_emit *e, const char *code, const char *sentence);
    /* Would one be raised now? For who writes its sentence at every record. */
    bool (*wants)(struct kt_emit *e, const char *code);
};

struct kt_decode_in {
    struct kt_str record; /* the raw record, without newline */
    struct kt_jval root;  /* its parsed form */
    struct kt_str instance;
    struct kt_str cluster; /* label in secret ids, where records do not name their store */
    kt_time_ns observed;
    struct kt_arena *arena; /* scratch and strings of the events */
    struct kt_buf *raw;     /* empty; room for the redacted original, lives as long as the events */
    uint64_t *unknown_fields; /* counter: members that no table of the source knows */
    struct kt_json *inner;    /* for JSON inside a string of the record: one text at a time */
    bool *masked; /* set by a source that took a token out of what the record holds encoded */
    struct kt_source_memory
        *memory; /* small facts that a source remembers between records (kv version of a mount …) */
    const void *settings; /* of the source: its options, or what a file says of its records */
};

/* The outer form of a file: how bytes become records. */
enum kt_split {
    KT_SPLIT_LINES,   /* one record a line; text before the first '{' is cut (Vault's prefix) */
    KT_SPLIT_OBJECTS, /* JSON at any depth of wrapping: source->unwrap tells where the records are
                       */
};

/* A line of a log whose events are several lines, perhaps with lines of others between them. */
struct kt_part {
    struct kt_str key; /* the same in all lines of one event; empty: the line is one alone */
    bool last;         /* nothing of its event comes after it */
};

/* Bounded key -> value memory of a source instance (strings up to 256 bytes, 65,536 keys, oldest
 * use dropped). */
struct kt_source_memory;
struct kt_source_memory *kt_source_memory_new(void);
void kt_source_memory_free(struct kt_source_memory *m);
/* Borrowed until the next remember. */
struct kt_str kt_source_recall(struct kt_source_memory *m,
                               struct kt_str key); /* empty when not known */
void kt_source_remember(struct kt_source_memory *m, struct kt_str key, struct kt_str value);

struct kt_source {
    const char *name, *summary;
    uint32_t version;
    enum kt_split split;
    /* A record that holds none of these byte strings is not about secrets and is skipped before any
     * parse (unless it has a \u escape: then it is parsed). Each is the start of a JSON string and
     * begins with its quote. NULL-ended; NULL = parse all. */
    const char *const *needles;
    /* KT_SPLIT_OBJECTS: path names of arrays whose elements are records ("Records", "Events",
     * "logEvents"), and members that hold one record as an object or as a JSON string ("detail",
     * "CloudTrailEvent", "message"). */
    const char *const *wrap_arrays, *const *wrap_members;
    /* Members that hold an object whose members, whatever their names, are arrays of records
     * (detect-secrets' "results", by file). */
    const char *const *wrap_maps;
    /* Members that hold one record in base64 (Pub/Sub's "data"). */
    const char *const *wrap_base64;
    /* KT_SPLIT_LINES, of records that are not JSON. to_json: a record -> the JSON object that
     * stands for it; false when it is broken. NULL = records are JSON. */
    bool (*to_json)(struct kt_str record, struct kt_buf *out);
    /* What a line is part of; false when it is no line of such a log. A record is then all lines of
     * one key, each with its newline: up to the last one, or up to gather_timeout after the first.
     * NULL = each line is a record. */
    bool (*gather)(struct kt_str line, struct kt_arena *arena, struct kt_part *ret);
    kt_time_ns gather_timeout;
    /* Fold: join key of a record (empty = stands alone) and whether it is the first half. NULL = no
     * folding. */
    bool (*fold_key)(const struct kt_decode_in *in, struct kt_str *ret_key, bool *ret_first);
    kt_time_ns fold_timeout;
    /* A second half says all that its first does: a first that comes behind it is not needed. */
    bool second_is_whole;
    /* One record, or a second half with `first` (the raw first half parsed; type NONE otherwise).
     */
    KT_MUST_USE enum kt_status (*decode)(const struct kt_decode_in *in, struct kt_jval first,
                                         struct kt_emit *to, struct kt_error *err);
    /* A first half whose partner never came (outcome unknown), or, with late = true, a partner that
     * came after that: kind amend. NULL where nothing is folded. */
    KT_MUST_USE enum kt_status (*decode_alone)(const struct kt_decode_in *in, bool late,
                                               struct kt_emit *to, struct kt_error *err);
    /* Names for salvage by byte search in broken records: JSON keys of native id, action, time. */
    const char *salvage_id, *salvage_action, *salvage_time;
    /* Key names that the shape of a quarantined record may show. NULL-ended, at most 64. */
    const char *const *known_keys;
    kt_time_ns lateness; /* DESIGN §11 watermark */
    /* What it can never show: sentences, NULL-ended. NULL: nothing of note. */
    const char *const *limits;
    /* Reads may be hidden by a setting: a sentence that says which and how to show them, told while
     * no read has come. NULL: nothing hides them but silence. */
    const char *no_reads;
    /* Its own keys of a source entry, beside those of the input; NULL: none. Filled into a struct
     * of options_size bytes that decode gets as `settings`; NULL there where nobody configured
     * anything, as in tests. */
    const struct kt_option *options;
    size_t options_size;
    /* Checks and compiles, in place, what the table cannot. NULL: nothing to do. */
    KT_MUST_USE enum kt_status (*check)(void *settings, struct kt_error *err);
    const struct kt_poll *poll; /* how its API is asked; NULL: it has none */
    /* A source whose records a file describes: makes of the file's tree the source of one instance,
     * with its `settings`; both live in y. Errors name file and line. NULL: it takes no file. */
    KT_MUST_USE enum kt_status (*describe)(const struct kt_yaml *y, const struct kt_source **ret,
                                           struct kt_error *err);
    const void *settings;
};

extern const struct kt_source *const kt_sources[]; /* registry.c, NULL-ended */
const struct kt_source *kt_source_find(struct kt_str name);
/* agents/sources/NAME.md, as it was when this was built; NULL: no such source. */
const char *kt_source_page(struct kt_str name);
