/* fields: what a query can name. Private to core/query. */
#pragma once
#include "core/query/subject.h"

extern const struct kt_subject kt_record_fields;
/* NULL: the subject has no such field. */
const struct kt_field *kt_field_in(const struct kt_subject *of, struct kt_str name);
/* The one of a record. */
const struct kt_field *kt_field_of(struct kt_str name);
/* The column that keeps the field, or KT_COL_NONE. */
enum kt_col kt_field_column(const struct kt_field *f);
/* The field that name is probably meant to be, or NULL. */
const struct kt_field *kt_field_near(const struct kt_subject *of, struct kt_str name);
/* Index of word in words, ASCII case ignored, or -1; *ret_near (may be NULL) is then the nearest.
 */
int kt_field_word(const char *const *words, struct kt_str word, const char **ret_near);
