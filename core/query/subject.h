/*
 * subject: the query language about something else than a record (an alert): whoever knows the
 * thing names its fields in a table and hands their values over.
 */
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

struct kt_subject { /* what can be named */
    const struct kt_field *field;
    unsigned n;
};
const struct kt_subject *kt_query_fields(void); /* of a record: what search can name */
/* What the thing has in one of its fields: texts (KT_FIELD_IP: 16 bytes), or a number. */
struct kt_subject_value {
    const struct kt_str *text;
    unsigned n;
    int64_t number; /* KT_FIELD_WORD, _BITS, _NUMBER, _TIME */
    bool every;     /* a term fits when every text fits it, not when one does */
    bool partly;    /* with every: there are more texts than these, so no term is sure to fit */
};
/* As kt_query_parse; the subject is borrowed for as long as the query lives. */
KT_MUST_USE enum kt_status kt_query_parse_about(struct kt_str text, const struct kt_subject *about,
                                                struct kt_query **ret, struct kt_error *err);
/* values: one a field of the subject. whole: where free text is looked for, as JSON. */
bool kt_query_fits(const struct kt_query *q, const struct kt_subject_value *values,
                   struct kt_str whole);
/* Adds the first of the parts that have to fit together and that does not; false: all fit. */
bool kt_query_unfit(const struct kt_query *q, const struct kt_subject_value *values,
                    struct kt_str whole, struct kt_buf *ret_part);
bool kt_query_has_text(const struct kt_query *q); /* does it look at whole? */
/* Does every way to fit q go through a term (no negation) that names the word for field f? */
bool kt_query_names(const struct kt_query *q, const struct kt_field *f, int64_t word);
