/* stream_lines: how far each stream is, as the store says: for `stream list` and `status`. */
#pragma once
#include "collector/stream_state.h"
#include "core/store/read.h"

struct kt_stream_line {
    const char *name; /* until each() returns */
    struct kt_stream_state state;
    uint64_t behind; /* records of the log that it has not passed */
    kt_time_ns lag;  /* age of the oldest of them; 0: none */
};
KT_MUST_USE enum kt_status kt_stream_lines(struct kt_reader *r, kt_time_ns now,
                                           void (*each)(void *self,
                                                        const struct kt_stream_line *line),
                                           void *self, struct kt_error *err);
const char *kt_stream_state_word(const struct kt_stream_state *s); /* running, failing, off */
/* For `status`: a line a stream that is configured, and a JSON object by their names. */
KT_MUST_USE enum kt_status kt_stream_lines_status(struct kt_reader *r, kt_time_ns now,
                                                  struct kt_buf *ret_text, struct kt_buf *ret_json,
                                                  struct kt_error *err);
