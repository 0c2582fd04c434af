/* record_rows: records as rows of a command's output. */
#pragma once
#include "cli/cli.h"
#include "core/query/query.h"

/* kinds: the table shows kind, operation and message too. */
struct kt_rows *kt_record_rows_new(enum kt_output how, bool kinds, bool header);
/* fact: of its address, or NULL. */
void kt_record_rows_add(struct kt_rows *rows, const struct kt_record *r,
                        const struct kt_fact *fact);
