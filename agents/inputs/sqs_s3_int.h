/* sqs_s3, inside: what the files of this input share. Nobody else includes this. */
#pragma once
#include "agents/input.h"
#include "agents/inputs/aws_notice.h"
#include "agents/inputs/aws_trail.h"
#include "agents/inputs/s3_take.h"

#define MESSAGES_MAX 40u /* at hand, most of them waiting for the spool */
#define AT_ONCE      10u /* what the queue's calls take */
#define HIDDEN_S     300 /* seconds a message stays ours */
#define LONGER_NS    (200 * KT_NS_S)
#define POLL_S       20
#define PROBE_POLL_S 1
#define URL_MAX      2048u

struct options {
    const char *queue_url, *queue_url_file, *region, *bucket_region, *cloudtrail_endpoint;
    struct kt_strings buckets;
    bool digests, records;
    struct aws_client_options aws;
};
struct message {
    char *id, *receipt;
    char *body; /* records, which are fed as they are; NULL: it tells of objects */
    struct s3_object *object;
    unsigned n, next;  /* next: the object to be read */
    kt_time_ns hidden; /* since when it is ours */
    uint64_t end;      /* of its last byte in the pipeline */
    bool finished;     /* every object is read, or nothing is to be read */
    bool given, kept;  /* each line is given out; and in the spool */
};
enum asking { ASK_MESSAGES, ASK_OBJECT, ASK_DELETE, ASK_LONGER };
struct kt_input {
    struct kt_input_env env;
    struct options o;
    char queue_url[URL_MAX], region[64];
    struct aws_client aws;
    struct s3_reader reader;
    struct s3_take take;
    struct aws_notices *notices;
    struct kt_pipeline *pipeline;
    enum asking asking; /* what the answer is about */
    struct message message[MESSAGES_MAX];
    unsigned n, deleting; /* deleting: how many, from the first, are in the request */
    bool backlog;         /* the queue gave as many as it could */
    kt_time_ns heard;
};

/* sqs_s3.c */
void sqs_message_free(struct message *m);
void sqs_drop_messages(struct kt_input *in, unsigned from, unsigned n);

/* sqs_s3_ask.c: each starts one request and notes it in in->asking. */
void sqs_ask_messages(struct kt_input *in);
void sqs_ask_delete(struct kt_input *in, unsigned n);
void sqs_ask_longer(struct kt_input *in, struct message *m);

/* sqs_s3_hear.c */
struct message *sqs_current(struct kt_input *in); /* whose objects are read; NULL: none */
void sqs_object_is(struct kt_input *in, enum s3_heard what); /* the one being read */
void sqs_answered(struct kt_input *in, enum aws_heard heard, struct kt_http_answer *a);
