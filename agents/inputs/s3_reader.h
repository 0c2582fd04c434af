/*
 * s3_reader: reads one object of a bucket, in pieces, so that none is ever whole in memory; undoes
 * gzip and hashes what comes out. Which object, and what becomes of it, is said by the input that
 * found it.
 */
#pragma once
#include "agents/inputs/aws_client.h"
#include "agents/pipeline.h"
#include "core/base/hash.h"
#include "core/base/zip.h"

#define S3_PIECE     (4u << 20) /* of an object, in one request */
#define S3_REPLY_MAX (S3_PIECE + (1u << 20))

struct s3_object {
    char *bucket, *key, *etag; /* etag: without quotes; NULL or "" when not known */
};
struct s3_object s3_object_of(struct kt_str bucket, struct kt_str key, struct kt_str etag);
void s3_object_done(struct s3_object *o);

struct s3_reader {
    struct aws_client *aws;
    struct kt_pipeline *pipeline; /* of the records, unless `into` takes the bytes */
    enum kt_status (*into)(void *self, struct kt_str piece, struct kt_error *err);
    void *self;
    char region[64];                /* of the buckets */
    unsigned moves;                 /* to other regions, since one had what was asked for */
    const struct s3_object *object; /* being read; NULL: none */
    struct kt_gunzip *gunzip;
    uint64_t offset;
    struct kt_buf headers; /* x-amz-… of its first piece, as kt_http_answer has them */
    struct kt_buf piece;   /* of it, worked off up to piece_at */
    size_t piece_at;
    bool last_piece;
    uint64_t fed; /* bytes that the pipeline was given, of all objects */
    uint64_t objects, gone, broken, bytes;
    size_t inflated; /* in the last call */
    struct kt_sha256 *sum;
    uint8_t sha256[32]; /* of the object read last, uncompressed */
    bool whole;         /* it was not broken */
    char name[200];     /* "bucket/key" of the object read last */
};
void s3_reader_open(struct s3_reader *r, struct aws_client *aws, const char *region);
void s3_reader_done(struct s3_reader *r);
/* o lives until the object is read, gone, refused or left. */
void s3_reader_start(struct s3_reader *r, const struct s3_object *o);
void s3_reader_ask(struct s3_reader *r); /* aws_client_ready() said yes */
enum s3_heard {
    S3_GOING,   /* a piece is at hand, or the question has to be asked again elsewhere */
    S3_GONE,    /* there is no such object, or it is empty; it is left */
    S3_REFUSED, /* it was said why; it is left */
};
/* Takes the body out of *a. */
enum s3_heard s3_reader_hear(struct s3_reader *r, struct kt_http_answer *a);
/* Works off what is at hand, about `budget` bytes of it inflated. *ret_more: more is at hand;
 * *ret_read: the object is read to its end (r->whole, r->sha256), its last records were given out
 * and r->fed is where it ended. A broken one was said. */
KT_MUST_USE enum kt_status s3_reader_work(struct s3_reader *r, size_t budget, bool *ret_more,
                                          bool *ret_read, struct kt_error *err);
/* Gives up the object in its middle. */
void s3_reader_leave(struct s3_reader *r);
/* A bucket elsewhere says where it is: true, and asked there from then on; three times in a row. */
bool s3_reader_moved(struct s3_reader *r, const struct kt_http_answer *a);
/* "bucket 'x': 403 AccessDenied: the role needs RIGHT" */
void s3_reader_explain(struct s3_reader *r, const struct kt_http_answer *a, const char *bucket,
                       const char *right);
