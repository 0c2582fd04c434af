/*
 * columns: what is kept beside the lines of a segment, one value a record, so that most questions
 * need not open a line. The same for records that are not in a segment yet: their columns are made
 * from the lines on the way.
 *
 * A text column is a dictionary (bytewise rising, no entry twice) and a code a record: 0 = absent,
 * c = entry c - 1. A small column is one byte a record.
 */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"
#include "core/store/filter.h"

/* clang-format off */
#define KT_SMALL_COLUMNS(X)                                                                        \
    X(KIND, ev->kind) X(ACTION, ev->action) X(OUTCOME, ev->outcome) X(ACTOR_KIND, ev->actor_kind)
#define KT_TEXT_COLUMNS(X)                                                                         \
    X(SOURCE, ev->source) X(INSTANCE, ev->instance) X(ACTOR, ev->actor) X(SECRET, ev->secret)      \
    X(IP, ip_bytes(ev)) /* 16 bytes */                                                             \
    X(OPERATION, ev->operation) X(CODE, ev->code) X(HOST, ev->host) X(USER_AGENT, ev->user_agent)
enum kt_col {
    KT_COL_NONE = -1,
#define X(n, get) KT_COL_##n,
    KT_SMALL_COLUMNS(X)
    KT_COL_SMALL,
    KT_COL_TEXT_0 = KT_COL_SMALL - 1, /* so that the next one is KT_COL_SMALL */
    KT_TEXT_COLUMNS(X)
#undef X
    KT_COL_COUNT
};
/* clang-format on */
#define KT_COLUMN(c) (1u << (c))

struct kt_text_column {
    struct kt_str *dict; /* into bytes */
    uint32_t n_dict;
    uint16_t *code; /* n of them */
    struct kt_buf bytes;
};
struct kt_picked { /* rows that somebody wants to see: rising */
    const uint32_t *row;
    uint32_t n;
};
struct kt_columns {
    uint32_t n;
    uint32_t have;    /* KT_COLUMN()s that are filled */
    uint32_t making;  /* those that are being made */
    kt_time_ns *time; /* of the event; 0 = missing */
    uint8_t *small[KT_COL_SMALL];
    struct kt_text_column text[KT_COL_COUNT - KT_COL_SMALL];
    uint32_t room;
    /* of a dictionary of which only some entries are taken: their new codes; those of picked rows
     */
    uint16_t *rank, *ranked;
    struct kt_buf entry; /* the one that is being read */
    struct kt_columns_maker *maker;
};
#define KT_COLUMNS_ROWS_MAX 65535u /* so that a code has two bytes */
void kt_columns_done(struct kt_columns *c);
/* Columns that were closed and are to be kept: gives back what only their making needs. */
void kt_columns_settle(struct kt_columns *c);
size_t kt_columns_bytes(const struct kt_columns *c); /* of memory that settled ones hold */

#define KT_COLUMNS_ALL (KT_COLUMN(KT_COL_COUNT) - 1)
/* Making: begin, add up to KT_COLUMNS_ROWS_MAX events, close; then these columns, and times, are
 * there. */
void kt_columns_begin(struct kt_columns *c, uint32_t columns);
static inline void kt_columns_reset(struct kt_columns *c) /* for all of them */
{
    kt_columns_begin(c, KT_COLUMNS_ALL);
}
void kt_columns_add(struct kt_columns *c, const struct kt_event *ev);
/* All rows of other columns, of which everything is there, as if their events had been added.
 * False, and nothing is added: the entries of a dictionary would be more than may be read. */
bool kt_columns_append(struct kt_columns *c, const struct kt_columns *from);
/* Bytes of the entries of all dictionaries: those that were closed or read, or appended so far. */
size_t kt_columns_texts(const struct kt_columns *c);
void kt_columns_close(struct kt_columns *c);

/* A column as bytes, before compression. Times: zigzag varints of the differences; small: a byte a
 * record; text: varint entries, varint their bytes, each entry varint shared with the one before,
 * varint rest, the rest; u8 width of a code (1 or 2), codes.
 */
void kt_column_pack(const struct kt_columns *c, enum kt_col column, struct kt_buf *out);
void kt_column_pack_time(const struct kt_columns *c, struct kt_buf *out);
/* Reading: reset_to n rows, then the columns one needs. KT_E_CORRUPT when the bytes are no column
 * of n records. */
void kt_columns_reset_to(struct kt_columns *c, uint32_t n);
KT_MUST_USE enum kt_status kt_column_unpack(struct kt_columns *c, enum kt_col column,
                                            struct kt_str bytes, struct kt_error *err);
/* The same of a text column, for some rows only: the dictionary holds their texts and no others,
 * and all other rows are absent. */
KT_MUST_USE enum kt_status kt_column_unpack_picked(struct kt_columns *c, enum kt_col column,
                                                   struct kt_str bytes, struct kt_picked picked,
                                                   struct kt_error *err);
enum kt_seek { /* how a text is compared with what is looked for */
               KT_SEEK_NO,
               KT_SEEK_TEXT,   /* with keys' texts, byte by byte */
               KT_SEEK_FOLDED, /* the same, upper and lower case of ASCII alike */
               KT_SEEK_NET     /* an address with keys' networks */
};
/* The same of a text column, of which only rows with one of n > 0 keys are wanted: of the picked
 * rows those stay, for which it is much quicker than asking each row. Keys rise (texts bytewise,
 * networks by their first address); none is empty. The dictionary holds keys' texts and no others.
 */
KT_MUST_USE enum kt_status kt_column_seek(struct kt_columns *c, enum kt_col column,
                                          struct kt_str bytes, const struct kt_sought *key,
                                          unsigned n, enum kt_seek how, uint32_t *pick,
                                          uint32_t *picks, struct kt_error *err);
KT_MUST_USE enum kt_status kt_column_unpack_time(struct kt_columns *c, struct kt_str bytes,
                                                 struct kt_error *err);
/* Bytes of a code in a dictionary of so many entries. */
static inline unsigned kt_column_width(uint64_t entries)
{
    return entries > UINT8_MAX ? 2 : 1;
}
static inline struct kt_text_column *kt_column_text(struct kt_columns *c, enum kt_col column)
{
    return &c->text[column - KT_COL_SMALL];
}
/* Text of row i; empty when absent. */
static inline struct kt_str kt_column_str(const struct kt_columns *c, enum kt_col column,
                                          uint32_t i)
{
    const struct kt_text_column *t = &c->text[column - KT_COL_SMALL];
    return t->code[i] == 0 ? KT_STR_NONE : t->dict[t->code[i] - 1];
}
/* What kt_access_is_read and kt_access_is_shadow judge row i by. */
#define KT_ACCESS_COLUMNS                                                                          \
    (KT_COLUMN(KT_COL_ACTION) | KT_COLUMN(KT_COL_SOURCE) | KT_COLUMN(KT_COL_SECRET) |              \
     KT_COLUMN(KT_COL_IP))
static inline struct kt_access kt_column_access(const struct kt_columns *c, uint32_t i)
{
    return (struct kt_access){ c->small[KT_COL_ACTION][i], kt_column_str(c, KT_COL_SOURCE, i),
                               kt_column_str(c, KT_COL_SECRET, i),
                               c->text[KT_COL_IP - KT_COL_SMALL].code[i] != 0 };
}
static inline bool kt_column_is_read(const struct kt_columns *c, uint32_t i)
{
    const enum kt_action action = c->small[KT_COL_ACTION][i];
    if (action != KT_ACT_USE)
        return kt_action_is_read(action) && c->text[KT_COL_SECRET - KT_COL_SMALL].code[i] != 0;
    const struct kt_access a = kt_column_access(c, i);
    return kt_access_is_read(&a);
}
static inline bool kt_column_is_shadow(const struct kt_columns *c, uint32_t i)
{
    const struct kt_access a = kt_column_access(c, i);
    return kt_access_is_shadow(&a);
}
