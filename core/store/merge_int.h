/* merge_int: making a merged segment out of the columns of its pieces. Private to core/store. */
#pragma once
#include "core/store/segment.h"

struct kt_merger; /* buffers, reused */
struct kt_merger *kt_merger_new(void);
void kt_merger_free(struct kt_merger *m);
void kt_merger_start(struct kt_merger *m);
/* The next piece, with all of its columns and times. False: it does not fit any more, and is not
 * taken. */
bool kt_merger_add(struct kt_merger *m, const struct kt_segment *piece, const struct kt_columns *c);
size_t kt_merger_texts(const struct kt_merger *m); /* as kt_columns_texts, of all pieces so far */
/* The merged segment's row and the parts that are its own; rows and parts of the pieces stay. The
 * same pieces give the same bytes. */
void kt_merger_end(struct kt_merger *m, struct kt_built *out);
