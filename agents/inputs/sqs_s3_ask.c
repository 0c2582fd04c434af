/*
 * sqs_s3_ask: what is asked of the queue.
 *
 * Owns:  nothing. Calls: core, aws_client.
 */
#include "agents/inputs/sqs_s3_int.h"
#include "core/event/line.h"

/* One call of the queue's JSON protocol; its body stands in in->aws.body. */
static void call_queue(struct kt_input *in, struct kt_str action, enum asking what)
{
    struct kt_str url = kt_str_of(in->queue_url);
    ptrdiff_t host = kt_str_find(url, KT_STR("://"), 0);
    ptrdiff_t path = kt_str_find_byte(url, '/', host < 0 ? 0 : (size_t)host + 3);
    kt_buf_reset(&in->aws.url);
    kt_buf_add(&in->aws.url, path < 0 ? url : kt_str_sub(url, 0, (size_t)path));
    in->asking = what;
    aws_client_call(&in->aws, "sqs", in->region, "application/x-amz-json-1.0", action,
                    S3_REPLY_MAX);
}

static struct kt_buf *begin_body(struct kt_input *in)
{
    struct kt_buf *b = &in->aws.body;
    kt_buf_reset(b);
    kt_buf_addz(b, "{\"QueueUrl\":");
    kt_json_quote(b, kt_str_of(in->queue_url));
    return b;
}

void sqs_ask_messages(struct kt_input *in)
{
    /* A probe waits too, if not for long: without it the queue looks into a part of itself alone.
     */
    int wait = in->env.probe ? PROBE_POLL_S : in->n == 0 ? POLL_S : 0;
    kt_buf_addf(begin_body(in),
                ",\"MaxNumberOfMessages\":%u,\"WaitTimeSeconds\":%d,\"VisibilityTimeout\":%d}",
                AT_ONCE, wait, in->env.probe ? 0 : HIDDEN_S);
    call_queue(in, KT_STR("AmazonSQS.ReceiveMessage"), ASK_MESSAGES);
}

void sqs_ask_delete(struct kt_input *in, unsigned n)
{
    struct kt_buf *b = begin_body(in);
    kt_buf_addz(b, ",\"Entries\":[");
    for (unsigned i = 0; i < n; i++) {
        kt_buf_addf(b, "%s{\"Id\":\"m%u\",\"ReceiptHandle\":", i > 0 ? "," : "", i);
        kt_json_quote(b, kt_str_of(in->message[i].receipt));
        kt_buf_byte(b, '}');
    }
    kt_buf_addz(b, "]}");
    in->deleting = n;
    call_queue(in, KT_STR("AmazonSQS.DeleteMessageBatch"), ASK_DELETE);
}

void sqs_ask_longer(struct kt_input *in, struct message *m)
{
    struct kt_buf *b = begin_body(in);
    kt_buf_addz(b, ",\"ReceiptHandle\":");
    kt_json_quote(b, kt_str_of(m->receipt));
    kt_buf_addf(b, ",\"VisibilityTimeout\":%d}", HIDDEN_S);
    m->hidden = in->aws.now;
    call_queue(in, KT_STR("AmazonSQS.ChangeMessageVisibility"), ASK_LONGER);
}
