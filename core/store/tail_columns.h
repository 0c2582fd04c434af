/*
 * tail_columns: the columns that were made of the batches of a file's tail, so that the next
 * question does not make them again. Private to core/store; one a reader, in its thread.
 *
 * A batch does not change until it is in a segment: it is known by its first number and its packed
 * lines, byte by byte, so that what was changed on the disk is read again and told.
 */
#pragma once
#include "core/store/columns.h"

#define KT_TAIL_KEPT_BATCHES 64u
#define KT_TAIL_KEPT_ROWS    8192u      /* two segments' worth of rows */
#define KT_TAIL_KEPT_BYTES   (8u << 20) /* of columns and lines; names may be long */

struct kt_row;
struct kt_tail_columns;
struct kt_tail_columns *kt_tail_columns_new(void);
struct kt_tail_columns *kt_tail_columns_share(struct kt_tail_columns *t); /* one more holder */
void kt_tail_columns_free(struct kt_tail_columns *t);                     /* of one holder */
/*
 * The columns of a batch, of which some, not none, are wanted. *ret_make: those that the caller
 * makes, and then says kt_tail_columns_made; 0: what is wanted is there already. They stay until
 * kt_tail_columns_leave, and longer where there is room. Who asks once has only made what it asked
 * for; when more is asked for, all are made. NULL: there is none, since newer batches are kept; the
 * caller makes its own.
 */
struct kt_columns *kt_tail_columns_take(struct kt_tail_columns *t, const struct kt_row *row,
                                        uint32_t wanted, uint32_t *ret_make);
void kt_tail_columns_made(struct kt_tail_columns *t, const struct kt_columns *c);
void kt_tail_columns_leave(struct kt_tail_columns *t, const struct kt_columns *c);
