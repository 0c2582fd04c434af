/*
 * s3_reader: reads one object of a bucket.
 *
 * Owns:  the object being read, what is at hand of it.
 * Calls: core, aws_client, the pipeline.
 * Holds: what was begun of an object that is left ends in no record.
 */
#include "agents/inputs/s3_reader.h"
#include "core/base/alloc.h"
#include <stdio.h>
#include <string.h>

#define MOVES_MAX 3u
#define FEED      (16u << 10) /* may inflate a thousandfold */

struct s3_object s3_object_of(struct kt_str bucket, struct kt_str key, struct kt_str etag)
{
    return (struct s3_object){ kt_str_dup(bucket), kt_str_dup(key), kt_str_dup(etag) };
}

void s3_object_done(struct s3_object *o)
{
    kt_free(o->bucket);
    kt_free(o->key);
    kt_free(o->etag);
    *o = (struct s3_object){ 0 };
}

void s3_reader_open(struct s3_reader *r, struct aws_client *aws, const char *region)
{
    *r = (struct s3_reader){ .aws = aws, .sum = kt_sha256_new() };
    kt_str_copyz(r->region, sizeof r->region, kt_str_of(region));
}

void s3_reader_done(struct s3_reader *r)
{
    kt_gunzip_free(r->gunzip);
    kt_sha256_free(r->sum);
    kt_buf_done(&r->headers);
    kt_buf_done(&r->piece);
}

void s3_reader_start(struct s3_reader *r, const struct s3_object *o)
{
    r->object = o;
    (void)snprintf(r->name, sizeof r->name, "%.60s/%.130s", o->bucket, o->key);
}

static void end_object(struct s3_reader *r)
{
    kt_gunzip_free(r->gunzip);
    r->gunzip = NULL;
    r->object = NULL;
    kt_buf_reset(&r->piece);
    r->piece_at = 0;
    r->offset = 0;
}

void s3_reader_leave(struct s3_reader *r)
{
    if (r->gunzip != NULL && r->into == NULL)
        kt_pipeline_restart(r->pipeline, r->fed);
    end_object(r);
}

/* ---- asking ---- */

void s3_reader_ask(struct s3_reader *r)
{
    struct aws_client *c = r->aws;
    const struct s3_object *o = r->object;
    char range[64];
    struct kt_aws_pair h[2] = { { KT_STR("range"), KT_STR_NONE } };
    struct kt_aws_request q = {
        .method = "GET", .header = h, .n_header = 1, .region = r->region, .service = "s3"
    };
    struct kt_http_request http = {
        .method = KT_HTTP_GET, .raw = true, .keep_headers = "x-amz-", .reply_max = S3_REPLY_MAX
    };
    (void)snprintf(range, sizeof range, "bytes=%llu-%llu", (unsigned long long)r->offset,
                   (unsigned long long)r->offset + S3_PIECE - 1);
    h[0].value = kt_str_of(range);
    KT_CLEANUP(kt_buf_done) struct kt_buf etag = { 0 };
    if (aws_given(o->etag) != NULL) { /* the same bytes in every piece */
        kt_buf_addf(&etag, "\"%s\"", o->etag);
        h[q.n_header++] = (struct kt_aws_pair){ KT_STR("if-match"), kt_buf_str(&etag) };
    }
    kt_buf_reset(&c->body);
    aws_client_base(c, c->o.endpoint, "s3", r->region);
    kt_buf_byte(&c->url, '/');
    kt_aws_encode(kt_str_of(o->bucket), false, &c->url);
    kt_buf_byte(&c->url, '/');
    kt_aws_encode(kt_str_of(o->key), true, &c->url);
    aws_client_send(c, &q, &http);
}

/* ---- the answer ---- */

bool s3_reader_moved(struct s3_reader *r, const struct kt_http_answer *a)
{
    struct kt_str region = kt_http_header(a, "x-amz-bucket-region");
    if (region.len == 0)
        region = kt_aws_xml(kt_buf_str(&a->body), "Region");
    if (a->status < 300 || !aws_plain(region) || region.len >= sizeof r->region ||
        kt_str_is(region, r->region) || r->moves == MOVES_MAX) {
        r->moves = 0;
        return false;
    }
    r->moves++;
    kt_str_copyz(r->region, sizeof r->region, region);
    return true;
}

static const char *help_for(int status, struct kt_str code)
{
    static const struct {
        const char *code, *help;
    } known[] = {
        { "NoSuchBucket", "there is no such bucket" },
        { "InvalidObjectState", "the object is in an archive: restore it" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(known); i++)
        if (kt_str_is(code, known[i].code))
            return known[i].help;
    const char *help;
    enum aws_wrong wrong = aws_client_wrong(code, &help);
    if (help != NULL)
        return help;
    return wrong == AWS_WRONG_RIGHT || status == 403 ? NULL
           : status == 301 ? "the bucket is in another region: set its region"
           : status == 412 ? "the object was changed meanwhile"
                           : "it is asked for again";
}

void s3_reader_explain(struct s3_reader *r, const struct kt_http_answer *a, const char *bucket,
                       const char *right)
{
    char text[200];
    struct kt_str code = kt_str_sub(kt_aws_xml(kt_buf_str(&a->body), "Code"), 0, 40);
    const char *help = help_for(a->status, code);
    int n = snprintf(text, sizeof text, "bucket '%.60s': %d " KT_STR_FMT ": ", bucket, a->status,
                     KT_STR_ARG(code));
    if (help != NULL)
        (void)snprintf(text + n, sizeof text - (size_t)n, "%s", help);
    else
        (void)snprintf(text + n, sizeof text - (size_t)n, "the role needs %s", right);
    aws_client_say_for_long(r->aws, text);
}

enum s3_heard s3_reader_hear(struct s3_reader *r, struct kt_http_answer *a)
{
    bool end = a->status == 416 && r->offset > 0; /* the piece before was the last, and full */
    struct kt_str code = kt_aws_xml(kt_buf_str(&a->body), "Code");
    bool gone =
        a->status == 404 && (kt_str_is(code, "NoSuchKey") || kt_str_is(code, "NoSuchVersion"));
    if (gone || (a->status == 416 && !end)) {
        r->gone++; /* nothing to be read: removed again, or empty */
        s3_reader_leave(r);
        return S3_GONE;
    }
    if (a->status != 200 && a->status != 206 && !end) {
        if (s3_reader_moved(r, a))
            return S3_GOING;
        s3_reader_explain(r, a, r->object->bucket, "s3:GetObject there (and kms:Decrypt)");
        s3_reader_leave(r);
        return S3_REFUSED;
    }
    r->moves = 0;
    if (r->gunzip == NULL) {
        r->gunzip = kt_gunzip_new();
        kt_sha256_start(r->sum);
        kt_buf_done(&r->headers);
        r->headers = a->headers;
        a->headers = (struct kt_buf){ 0 };
    }
    kt_buf_done(&r->piece);
    if (!end) {
        r->piece = a->body;
        a->body = (struct kt_buf){ 0 };
    }
    r->piece_at = 0;
    r->offset += r->piece.len;
    r->bytes += r->piece.len;
    r->last_piece = end || a->status == 200 || r->piece.len < S3_PIECE;
    return S3_GOING;
}

/* ---- working off ---- */

static enum kt_status feed(void *self, struct kt_str piece, struct kt_error *err)
{
    struct s3_reader *r = self;
    kt_sha256_add(r->sum, piece.at, piece.len);
    r->inflated += piece.len;
    if (r->into != NULL)
        return r->into(r->self, piece, err);
    enum kt_status st =
        kt_pipeline_feed(r->pipeline, piece, r->fed, kt_str_of(r->name), r->aws->now, err);
    r->fed += piece.len;
    return st;
}

static enum kt_status object_is_read(struct s3_reader *r, const struct kt_error *broken,
                                     struct kt_error *err)
{
    char text[200];
    r->objects++;
    r->whole = broken == NULL;
    kt_sha256_end(r->sum, r->sha256);
    if (broken != NULL) {
        r->broken++;
        (void)snprintf(text, sizeof text, "'%.90s' is broken at byte %llu; the rest was taken",
                       r->name, (unsigned long long)r->offset);
        aws_client_say_for_long(r->aws, text);
    }
    end_object(r);
    if (r->into != NULL)
        return KT_OK;
    /* A first half whose partner is not here is given out: an object that is done with brings it no
     * second time. */
    if (kt_pipeline_end(r->pipeline, r->aws->now, err) != KT_OK ||
        kt_pipeline_expire(r->pipeline, r->aws->now, true, err) != KT_OK)
        return kt_wrap(err, "'%s'", r->name);
    return KT_OK;
}

enum kt_status s3_reader_work(struct s3_reader *r, size_t budget, bool *ret_more, bool *ret_read,
                              struct kt_error *err)
{
    struct kt_error why = { 0 };
    r->inflated = 0;
    *ret_more = *ret_read = false;
    while (r->gunzip != NULL && r->piece_at < r->piece.len && r->inflated < budget) {
        struct kt_str rest = kt_str_from_index(kt_buf_str(&r->piece), r->piece_at);
        rest = kt_str_sub(rest, 0, FEED);
        r->piece_at += rest.len;
        enum kt_status st = kt_gunzip_feed(r->gunzip, rest, feed, r, &why);
        if (st == KT_E_INPUT) {
            *ret_read = true;
            return object_is_read(r, &why, err);
        }
        if (st != KT_OK)
            return kt_fail(err, st, "'%s': %s", r->name, why.text);
    }
    *ret_more = r->gunzip != NULL && r->piece_at < r->piece.len;
    if (r->gunzip == NULL || *ret_more || !r->last_piece)
        return KT_OK;
    enum kt_status st = kt_gunzip_end(r->gunzip, &why);
    *ret_read = true;
    return object_is_read(r, st != KT_OK ? &why : NULL, err);
}
