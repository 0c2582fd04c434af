/* unpack: what a file holds, whether it is plain, gzip or Avro of Event Hubs Capture. */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"

struct unpack;
struct unpack *unpack_new(void);
void unpack_free(struct unpack *u);
/* Consumes all of `in`, calls out() with pieces. A non-OK status of out() ends it and is returned.
 * KT_E_INPUT: the file is broken; what came before that was given out. */
KT_MUST_USE enum kt_status unpack_feed(struct unpack *u, struct kt_str in,
                                       enum kt_status (*out)(void *self, struct kt_str piece,
                                                             struct kt_error *err),
                                       void *self, struct kt_error *err);
/* KT_E_INPUT when the file was cut. */
KT_MUST_USE enum kt_status unpack_end(struct unpack *u, struct kt_error *err);
