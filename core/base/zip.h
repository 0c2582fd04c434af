/* zip: zstd frames for batches, gzip as a stream for .gz objects. Sizes are checked before memory
 * is given. */
#pragma once
#include "core/base/buf.h"

/* Contexts are reused; one a thread. */
struct kt_zip;
struct kt_zip *kt_zip_new(void);
void kt_zip_free(struct kt_zip *z);
/* Appends one zstd frame (with content size) of s at level to out. */
void kt_zip_pack(struct kt_zip *z, struct kt_str s, int level, struct kt_buf *out);
/* The same at level 1 of lines, which are alike: what a line repeats stands in one of the last few,
 * so that a table of 2^table_bits places finds it. One of 4 bytes each that the nearest cache holds
 * takes an eighth less time than the level's own of 14 bits. */
void kt_zip_pack_lines(struct kt_zip *z, struct kt_str lines, int table_bits, struct kt_buf *out);
/* Appends the content; KT_E_LIMIT when the declared size exceeds raw_max or ratio_max times the
 * input or the window 8 MiB, KT_E_INPUT when the frame is broken, has no size or has trailing
 * bytes. */
KT_MUST_USE enum kt_status kt_zip_unpack(struct kt_zip *z, struct kt_str frame, size_t raw_max,
                                         size_t ratio_max, struct kt_buf *out,
                                         struct kt_error *err);

/* Appends s (at most 4 GiB) as one gzip member. */
void kt_gzip(struct kt_str s, struct kt_buf *out);

/* gzip or plain: sniffed from the first two bytes. Concatenated members are one stream. */
struct kt_gunzip;
struct kt_gunzip *kt_gunzip_new(void);
/* Deflate as it is, without gzip around it; streams behind each other are one. */
struct kt_gunzip *kt_inflate_new(void);
void kt_gunzip_free(struct kt_gunzip *g);
/* Consumes all of `in`, calls out() with pieces of up to 64 KiB. A non-OK status of out() ends it
 * and is returned. KT_E_INPUT: the stream is broken; what came before that was given out. */
KT_MUST_USE enum kt_status kt_gunzip_feed(struct kt_gunzip *g, struct kt_str in,
                                          enum kt_status (*out)(void *self, struct kt_str piece,
                                                                struct kt_error *err),
                                          void *self, struct kt_error *err);
/* KT_E_INPUT when the stream was cut in the middle of a member. */
KT_MUST_USE enum kt_status kt_gunzip_end(struct kt_gunzip *g, struct kt_error *err);
