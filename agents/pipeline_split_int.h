/* pipeline_split, inside: what the two scanners share. Nobody else includes this. */
#pragma once
#include "agents/pipeline_split.h"
#include "core/event/scan_blocks.h"

#define SPLIT_HEAD     (64u << 10) /* kept of a record that is too long: enough for salvage */
#define SPLIT_TEXT_MAX (1u << 20)  /* of a record in a JSON string, as it stands there */
#define SPLIT_KEY_MAX  1024u       /* a longer string is no key that could matter */
#define SPLIT_LEVELS   8u

enum level_kind { LEVEL_LIST, LEVEL_OBJECT };
struct level {
    enum level_kind kind;
    bool envelope; /* an object that holds records; no record itself */
    bool map;      /* an envelope, each of whose members is an array of records */
    unsigned nest; /* brackets open inside that are no levels of their own */
};
enum wrap { WRAP_NONE, WRAP_ARRAY, WRAP_MAP, WRAP_MEMBER, WRAP_BASE64 };
struct wrap_name {
    struct kt_str name;
    enum wrap wrap;
};

struct kt_splitter {
    const struct kt_source *source;
    const struct needles *needles;
    kt_piece_fn *piece;
    void *self;

    struct kt_str buf; /* what is not given out yet: the end of own, or of what is being fed */
    struct kt_buf own; /* the same between two feeds */
    uint64_t base;     /* stream offset of buf.at[0] */
    size_t start;      /* of the record or line being read */
    size_t scan;       /* next byte to look at */

    bool waiting; /* a piece was refused; it comes again first */
    struct {
        enum kt_piece_kind kind;
        enum kt_about about;
        size_t from, to; /* in buf; unless head or text holds it */
        uint64_t offset, bytes;
        enum { IN_BUF, IN_HEAD, IN_TEXT } where;
    } wait;

    struct kt_buf head; /* of a record that is too long */
    bool over;
    uint64_t over_offset;

    /* lines */
    size_t line_at; /* start of the line being read */
    bool pretty;    /* inside a record that was printed over several lines */

    /* objects */
    struct wrap_name *wraps; /* the source's tables */
    unsigned n_wraps;
    uint64_t wrap_lengths;     /* bit n: one of them has n bytes, or at least 63 */
    bool wrap_first[256];      /* first bytes of theirs */
    struct kt_scan_set begins; /* the same, and those of needles */
    size_t ahead;              /* blocks that are looked at together next: 1 or 8 */
    bool found;                /* a needle was seen in the record being read; */
    bool looked;               /* all of its strings were looked at */
    struct level levels[SPLIT_LEVELS];
    unsigned n_levels;
    bool in_string, string_cut, junk, other;
    size_t string_at;
    enum wrap wrap;
    char last, before; /* of what stood in front of buf: its last byte, the last that is no blank */
    struct kt_buf text;  /* of a record that stood in a JSON string */
    struct kt_buf coded; /* the same, in base64 */
};

KT_MUST_USE enum kt_status kt_split_give(struct kt_splitter *s, enum kt_piece_kind kind,
                                         size_t from, size_t to, struct kt_error *err);
/* The record from start to `to`, or its head when it was too long. */
KT_MUST_USE enum kt_status kt_split_give_record(struct kt_splitter *s, size_t to,
                                                struct kt_error *err);
/* Record of `text`, which stood at string_at. */
KT_MUST_USE enum kt_status kt_split_give_text(struct kt_splitter *s, bool ok, struct kt_error *err);
/* Looks whether the record being read is too long and keeps its head. */
void kt_split_watch_length(struct kt_splitter *s);
KT_MUST_USE enum kt_status kt_split_lines_run(struct kt_splitter *s, bool end,
                                              struct kt_error *err);
KT_MUST_USE enum kt_status kt_split_objects_run(struct kt_splitter *s, bool end,
                                                struct kt_error *err);
void kt_split_objects_init(struct kt_splitter *s);
size_t kt_split_lines_keep(const struct kt_splitter *s);
size_t kt_split_objects_keep(const struct kt_splitter *s);
void kt_split_objects_forget(struct kt_splitter *s, size_t n); /* n bytes of buf are going */
