/*
 * s3_tried: how often each of a few things was refused. When there are too many all are forgotten,
 * and each is tried as often again.
 */
#pragma once
#include "core/base/str.h"

struct s3_tried *s3_tried_new(void);
void s3_tried_free(struct s3_tried *t); /* takes NULL */
/* It was refused: how often so far. print: at most 16 bytes that stand for it. */
unsigned s3_tried_again(struct s3_tried *t, struct kt_str print);
