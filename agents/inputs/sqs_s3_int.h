/* sqs_s3, inside: what the files of this input share. Nobody else includes this. */
#pragma once
#include "agents/input.h"
#include "agents/inputs/aws_creds.h"
#include "agents/inputs/aws_notice.h"
#include "agents/inputs/aws_sign.h"
#include "agents/inputs/fetch.h"
#include "core/base/zip.h"

#define MESSAGES_MAX 40u         /* at hand, most of them waiting for the spool */
#define AT_ONCE      10u         /* what the queue's calls take */
#define PIECE        (4u << 20)  /* of an object, in one request */
#define FEED         (16u << 10) /* may inflate a thousandfold */
#define REPLY_MAX    (PIECE + (1u << 20))
#define HIDDEN_S     300 /* seconds a message stays ours */
#define LONGER_NS    (200 * KT_NS_S)
#define POLL_S       20
#define TOTAL        KT_NS_MIN
#define RETRY_FIRST  (2 * KT_NS_S)
#define RETRY_MOST   (5 * KT_NS_MIN)
#define SAID_NS      (10 * KT_NS_MIN)
#define URL_MAX      2048u

struct options {
    const char *queue_url, *queue_url_file, *region, *bucket_region, *endpoint, *credentials_file,
        *profile, *proxy, *ca_file;
    struct kt_strings buckets;
    bool allow_private;
};
struct object {
    char *bucket, *key, *etag;
};
struct message {
    char *id, *receipt;
    struct object *object;
    unsigned n, next;  /* next: the object to be read */
    kt_time_ns hidden; /* since when it is ours */
    uint64_t end;      /* of its last byte in the pipeline */
    bool finished;     /* every object is read, or nothing is to be read */
    bool given, kept;  /* each line is given out; and in the spool */
};
enum asking { ASK_NOTHING, ASK_KEYS, ASK_MESSAGES, ASK_OBJECT, ASK_DELETE, ASK_LONGER };
struct kt_input {
    struct kt_input_env env;
    struct options o;
    char queue_url[URL_MAX], region[64], bucket_region[64];
    struct kt_fetch *fetch;
    struct aws_creds *creds;
    struct aws_notices *notices;
    struct kt_json *json;
    struct kt_pipeline *pipeline;
    struct kt_buf url, body, headers;
    enum asking asking;
    struct message message[MESSAGES_MAX];
    unsigned n, deleting;     /* deleting: how many, from the first, are in the request */
    struct kt_gunzip *gunzip; /* of the object being read; NULL: none is */
    uint64_t offset;
    struct kt_buf piece; /* of it, worked off up to piece_at */
    size_t piece_at;
    bool last_piece;
    uint64_t fed, objects, gone, broken, bytes;
    size_t inflated;
    bool changed, backlog;     /* backlog: the queue gave as many as it could */
    kt_time_ns said_until;     /* the problem stays so long */
    kt_time_ns now, at, heard; /* at: nothing is asked before */
    kt_time_ns keys_at;        /* good keys are not renewed before */
    unsigned failures;
    char problem[200], last[200];
};

/* NULL for what is not set. */
static inline const char *sqs_given(const char *s)
{
    return s != NULL && s[0] != '\0' ? s : NULL;
}

/* sqs_s3.c */
void sqs_say(struct kt_input *in, const char *what); /* until the next good answer */
void sqs_say_for_long(struct kt_input *in, const char *what);
void sqs_again_later(struct kt_input *in, kt_time_ns at_least);
void sqs_message_free(struct message *m);
void sqs_drop_messages(struct kt_input *in, unsigned from, unsigned n);

/* sqs_s3_ask.c: each starts one request and notes it in in->asking. */
void sqs_ask_keys(struct kt_input *in);
void sqs_ask_messages(struct kt_input *in, const struct aws_keys *keys);
void sqs_ask_object(struct kt_input *in, const struct aws_keys *keys, const struct object *o);
void sqs_ask_delete(struct kt_input *in, const struct aws_keys *keys, unsigned n);
void sqs_ask_longer(struct kt_input *in, const struct aws_keys *keys, struct message *m);

/* sqs_s3_hear.c */
struct message *sqs_current(struct kt_input *in); /* whose objects are read; NULL: none */
void sqs_answered(struct kt_input *in, struct kt_http_answer *a);
/* Works off what is at hand of an object, about `budget` bytes of it inflated. */
KT_MUST_USE enum kt_status sqs_work_off(struct kt_input *in, size_t budget, bool *ret_more,
                                        struct kt_error *err);
