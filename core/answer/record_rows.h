/* record_rows: records as rows: what `search` prints and the page exports, byte for byte. */
#pragma once
#include "core/answer/rows.h"
#include "core/query/query.h"

/* kinds: the table shows kind, operation and message too. */
struct kt_rows *kt_record_rows_new(enum kt_output how, bool kinds, bool header, kt_rows_put *put,
                                   void *self);
/* fact: of its address, or NULL. */
void kt_record_rows_add(struct kt_rows *rows, const struct kt_record *r,
                        const struct kt_fact *fact);
