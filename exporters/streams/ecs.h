/* ecs: one item as a document of the Elastic Common Schema 9.4. [S: elastic.co/docs/reference/ecs;
 * EXPORTS §2.4] Pure. */
#pragma once
#include "exporters/streams/said.h"

#define KT_ECS_VERSION "9.4.0"

/* Appends one object without a line's end. original: event.original holds the line. */
void kt_ecs_write(const struct kt_stream_item *item, bool original, struct kt_arena *arena,
                  struct kt_buf *out);
