/* fields: what a query can name. Private to core/query. */
#pragma once
#include "core/query/query.h"

enum kt_field_type {
    KT_FIELD_TEXT,   /* str() against a pattern */
    KT_FIELD_LIST,   /* any entry against a pattern */
    KT_FIELD_ID,     /* the event's id as 26 characters */
    KT_FIELD_WORD,   /* num() is an index into words */
    KT_FIELD_BITS,   /* num() has a bit for each of words */
    KT_FIELD_NUMBER, /* num() in a range */
    KT_FIELD_TIME,   /* the same, written as a time */
    KT_FIELD_IP,
    KT_FIELD_SINCE, /* no field: the window */
    KT_FIELD_UNTIL,
};
enum kt_field_how { /* marks on KT_FIELD_TEXT */
                    KT_FIELD_PLAIN,
                    KT_FIELD_NOCASE,
                    KT_FIELD_SECRET, /* a pattern without a scheme also matches a tail of the id */
};
struct kt_field {
    const char *name;
    enum kt_field_type type;
    enum kt_field_how how;
    size_t offset; /* in struct kt_event: a kt_str, or a kt_list */
    struct kt_str (*str)(const struct kt_record *r, const struct kt_fact *fact); /* else offset */
    int64_t (*num)(const struct kt_record *r, const struct kt_fact *fact);
    const char *const *words; /* ends with NULL */
};
#define KT_FIELD_NONE INT64_MIN /* num(): not known of this record */

const struct kt_field *kt_field_of(struct kt_str name); /* NULL: no such field */
/* The column that keeps the field, or KT_COL_NONE. */
enum kt_col kt_field_column(const struct kt_field *f);
/* The field that name is probably meant to be, or NULL. */
const struct kt_field *kt_field_near(struct kt_str name);
/* Index of word in words, ASCII case ignored, or -1; *ret_near (may be NULL) is then the nearest.
 */
int kt_field_word(const char *const *words, struct kt_str word, const char **ret_near);
