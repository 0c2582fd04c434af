/*
 * s3_take: an object of a trail's bucket is taken.
 *
 * Owns:  nothing. Calls: aws_trail, s3_reader, s3_digests.
 */
#include "agents/inputs/s3_take.h"
#include "agents/inputs/aws_trail.h"

void s3_take_ask(const struct s3_take *t, const struct s3_object *o)
{
    bool digest = t->digests != NULL && aws_trail_kind(kt_str_of(o->key)) == AWS_TRAIL_DIGEST;
    if (digest && !s3_digests_busy(t->digests))
        s3_digests_start(t->digests, o);
    else if (!digest && t->reader->object == NULL)
        s3_reader_start(t->reader, o);
    if (digest)
        s3_digests_ask(t->digests);
    else
        s3_reader_ask(t->reader);
}

enum s3_heard s3_take_hear(const struct s3_take *t, enum aws_heard heard, struct kt_http_answer *a)
{
    struct aws_client *c = t->reader->aws;
    bool digest = s3_digests_busy(t->digests), failed = heard == AWS_FAILED;
    enum s3_heard h = failed && digest ? s3_digests_unanswered(t->digests, a->retry_after)
                      : failed         ? S3_GOING
                      : digest         ? s3_digests_hear(t->digests, a)
                                       : s3_reader_hear(t->reader, a);
    if (h == S3_GOING && failed)
        aws_pace_later(&c->pace, c->now, a->retry_after);
    else if (h == S3_GOING)
        c->pace.failures = 0;
    return h;
}

enum kt_status s3_take_work(const struct s3_take *t, size_t budget, bool *ret_more,
                            enum s3_heard *ret, struct kt_error *err)
{
    bool read = false;
    if (s3_digests_busy(t->digests))
        return s3_digests_work(t->digests, budget, ret_more, ret, err);
    const struct s3_object *o = t->reader->object;
    enum kt_status st = s3_reader_work(t->reader, budget, ret_more, &read, err);
    *ret = read ? S3_GONE : S3_GOING;
    if (st == KT_OK && read && t->digests != NULL)
        s3_digests_remember(t->digests, o);
    return st;
}

void s3_take_problem(const struct s3_take *t, char *ret, size_t size)
{
    const char *problem = t->reader->aws->problem;
    if (problem[0] != '\0')
        kt_str_copyz(ret, size, kt_str_of(problem));
    else
        s3_digests_problem(t->digests, ret, size);
}
