/* source_run: puts bytes through a pipeline and checks what must hold for any bytes. */
#pragma once
#include "agents/pipeline.h"

struct source_run {
    const char *source;
    const struct kt_source *described; /* in its place, when a file describes it */
    enum kt_json_body body;
    size_t piece;          /* bytes of one feed; 0 = all at once */
    unsigned refuse_every; /* n > 1: only each n-th line is taken at once */
    bool as_record;        /* one record, not a stream */
};
/* Appends the lines to *out. Aborts when a line cannot be read back, when redaction would change
 * it, or when a record is not counted. */
void source_run(const struct source_run *r, struct kt_str bytes, struct kt_buf *out);
