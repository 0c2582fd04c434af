/*
 * s3_take: an object of a trail's bucket is taken, of either kind: records are read, digests are
 * verified. What the inputs s3 and sqs_s3 share.
 */
#pragma once
#include "agents/inputs/s3_digests.h"

struct s3_take {
    struct s3_reader *reader;
    struct s3_digests *digests; /* NULL: none are verified */
};
void s3_take_ask(const struct s3_take *t,
                 const struct s3_object *o); /* the next question about o */
/* S3_GONE: o is done with. After AWS_FAILED S3_GOING means that the same is asked again later. */
enum s3_heard s3_take_hear(const struct s3_take *t, enum aws_heard heard, struct kt_http_answer *a);
KT_MUST_USE enum kt_status s3_take_work(const struct s3_take *t, size_t budget, bool *ret_more,
                                        enum s3_heard *ret, struct kt_error *err);
/* A sentence with the fix; "" = fine. */
void s3_take_problem(const struct s3_take *t, char *ret, size_t size);
