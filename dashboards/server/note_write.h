/* note_write: the words of note.c. */
#pragma once
#include "dashboards/server/note.h"

extern const char *const kt_page_words[]; /* of enum kt_page_what, as the collector knows them */
/* Adds the request: one JSON object, below 16 KiB but for escapes. */
void kt_page_note_write(const struct kt_page_view *v, struct kt_buf *out);
/* Of a view; never 0. */
uint64_t kt_page_note_key(const struct kt_page_view *v, uint64_t seed);
