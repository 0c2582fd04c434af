/* keep: copies a record by allow-list, so that what nobody listed is never stored (THREATS R1). */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"
#include "core/event/json.h"

/* One member of an object. Without `below` a scalar or a list of scalars is kept, with it an object
 * or a list of objects; anything else in its place is left out. */
struct kt_keep {
    struct kt_str name;
    const struct kt_keep *below; /* members of this object, or of each object of this list */
    bool drop;                   /* known, and never kept */
    bool named;                  /* a scalar may stand for the object: its name */
    bool tells_nothing;          /* the name is surely none that says secret, nor looks random */
};
#define KT_KEEP_NAME_MAX 32u /* bytes with its end; a longer name might look random */
/* Names that say secret (redact_shapes.c) end so, in either case; '_' and '-' may part them. */
#define KT_KEEP_LETTER(n, back) ((n)[sizeof(n) > (back) ? sizeof(n) - 1 - (back) : 0] & 31)
#define KT_KEEP_ENDS(n, a, b, c)                                                                   \
    (KT_KEEP_LETTER(n, 3) == ((a)&31) && KT_KEEP_LETTER(n, 2) == ((b)&31) &&                       \
     KT_KEEP_LETTER(n, 1) == ((c)&31))
#define KT_KEEP_BEFORE(n, a)                                                                       \
    (KT_KEEP_LETTER(n, 4) == ((a)&31) || KT_KEEP_LETTER(n, 4) == ('_' & 31) ||                     \
     KT_KEEP_LETTER(n, 4) == ('-' & 31))
#define KT_KEEP_TELLS(n)                                                                           \
    (KT_KEEP_ENDS(n, 'p', 'w', 'd') || KT_KEEP_ENDS(n, 'k', 'e', 'y') ||                           \
     KT_KEEP_ENDS(n, 'o', 'r', 'd') || KT_KEEP_ENDS(n, 's', 'w', 'd') ||                           \
     KT_KEEP_ENDS(n, 'a', 's', 'e') || KT_KEEP_ENDS(n, 'r', 'e', 't') ||                           \
     KT_KEEP_ENDS(n, 'l', 'u', 'e') || KT_KEEP_ENDS(n, 'i', 'n', 'g') ||                           \
     KT_KEEP_ENDS(n, 'a', 'r', 'y') || KT_KEEP_ENDS(n, 'k', 'e', 'n') ||                           \
     (KT_KEEP_ENDS(n, 'i', 'o', 'n') && KT_KEEP_BEFORE(n, 't')) ||                                 \
     KT_KEEP_ENDS(n, 'k', 'i', 'e') || sizeof(n) > KT_KEEP_NAME_MAX)
#define KT_KEEP_ROW(n, below, drop, named)                                                         \
    {                                                                                              \
        KT_STR_INIT(n), below, drop, named, !KT_KEEP_TELLS(n)                                      \
    }
#define KT_KEEP(n)          KT_KEEP_ROW(n, NULL, false, false)
#define KT_KEEP_IN(n, t)    KT_KEEP_ROW(n, t, false, false)
#define KT_KEEP_NAMED(n, t) KT_KEEP_ROW(n, t, false, true)
#define KT_DROP(n)          KT_KEEP_ROW(n, NULL, true, false)
#define KT_KEEP_END                                                                                \
    {                                                                                              \
        { NULL, 0 }, NULL, false, false, false                                                     \
    }

/* Appends what of v is kept as compact JSON; strings are cut at 1 KiB. Members in no table are
 * counted in *unknown (when not NULL). Nothing is appended when v is no object. */
void kt_keep_write(struct kt_jval v, const struct kt_keep *table, struct kt_buf *out,
                   uint64_t *unknown);
/* The same as a member of an object that is being written: `,"name":{…}`; nothing when absent or
 * empty. */
void kt_keep_member(struct kt_str name, struct kt_jval v, const struct kt_keep *table,
                    struct kt_buf *out, uint64_t *unknown);

/* The raw of an event. What these alone write into an empty buffer is one compact JSON object by
 * how they write it, which kt_line_write then need not read again; when something else wrote into
 * it too, or ev->raw is another by then, ev->raw_sound is not it, and it is read. It says, too, of
 * which bytes its strings are copies, and which part of it says more than these do: where nothing
 * that must go is in the one and in the other, none is in raw (docs/decisions/0116). */
struct kt_kept {
    struct kt_buf *out; /* borrowed; must not move while the event is used */
    size_t end;         /* of what was written here */
    bool alone;
    uint64_t *unknown;          /* members in no table; NULL: nobody asks */
    const char *first, *behind; /* the strings were between these; NULL: there is none yet */
    size_t own_from, own_to;    /* of what says more than its strings, in out; 0, 0: nothing does */
    bool odd;                   /* the value at hand does */
};
void kt_kept_open(struct kt_kept *k, struct kt_buf *out);
/* Members: a string, or what a table keeps of an object (nothing when that is empty). Names are
 * literals that need no escaping. */
void kt_kept_text(struct kt_kept *k, struct kt_str name, struct kt_str text);
void kt_kept_member(struct kt_kept *k, struct kt_str name, struct kt_jval v,
                    const struct kt_keep *table, uint64_t *unknown);
void kt_kept_close(struct kt_kept *k, struct kt_event *ev);
/* All of it is what a table, whose names need no escaping, keeps of v. */
void kt_kept_whole(struct kt_jval v, const struct kt_keep *table, struct kt_buf *out,
                   uint64_t *unknown, struct kt_event *ev);
