/* blast: the blast radius as one JSON document. */
#pragma once
#include "core/answer/blast.h"
#include "dashboards/api/api.h"

/* Adds it, without a newline. command: what asks for the same. */
void kt_blast_write(const struct kt_blast *b, const struct kt_credential *of, struct kt_str command,
                    kt_time_ns now, struct kt_buf *out);
