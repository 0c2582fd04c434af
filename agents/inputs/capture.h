/*
 * capture: the bodies of events out of Avro files as Event Hubs Capture writes them. What is no
 * Avro file passes through.
 */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"

struct capture;
struct capture *capture_new(void);
void capture_free(struct capture *c);
/* Consumes all of `in` (plain bytes of a file, in pieces of any size); gives each body to out() in
 * pieces, with an end of line behind it. A non-OK status of out() ends it and is returned.
 * KT_E_INPUT: the file is broken, or an Avro file of another kind; what came before was given. */
KT_MUST_USE enum kt_status capture_feed(struct capture *c, struct kt_str in,
                                        enum kt_status (*out)(void *self, struct kt_str piece,
                                                              struct kt_error *err),
                                        void *self, struct kt_error *err);
/* KT_E_INPUT when the file ends amid a block. */
KT_MUST_USE enum kt_status capture_end(struct capture *c, struct kt_error *err);
