/* blast: the blast radius as one JSON document. */
#pragma once
#include "core/answer/blast.h"
#include "dashboards/api/api.h"

/* Its keys, into an object that is open. command: what asks for the same. */
void kt_blast_keys(const struct kt_blast *b, const struct kt_credential *of, struct kt_str command,
                   kt_time_ns now, struct kt_buf *out);
/* Adds all of it, without a newline. */
void kt_blast_write(const struct kt_blast *b, const struct kt_credential *of, struct kt_str command,
                    kt_time_ns now, struct kt_buf *out);
