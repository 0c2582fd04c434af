/*
 * place: what stands at a byte of a query's text, so that somebody who types can be helped. Reads
 * texts that are not finished yet as parse.c would go on from them.
 */
#pragma once
#include "core/query/subject.h"

struct kt_query_place {
    enum kt_place_kind {
        KT_PLACE_NONE,  /* nothing to complete: free text in quotes, a name no field has */
        KT_PLACE_TERM,  /* a term begins: a field's name, or free text */
        KT_PLACE_VALUE, /* of `field` */
    } kind;
    size_t from, to; /* bytes that a completion takes the place of: from <= the byte <= to */
    bool quoted;     /* the value begins with a quote */
    const struct kt_field *field; /* of a VALUE */
};
/* at: 0 to the length of the text. Adds to ret_typed what stands before it of the name or value,
 * quotes and their escapes taken off. Linear in the text. */
void kt_query_place(struct kt_str text, size_t at, struct kt_query_place *ret,
                    struct kt_buf *ret_typed);
/* Adds a value as a term needs it: as it is, or in quotes with their escapes. */
void kt_query_write_value(struct kt_str value, bool quoted, struct kt_buf *out);
