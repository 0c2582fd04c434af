/*
 * sqs_s3_ask: what is asked of the queue, the bucket and whoever has the keys.
 *
 * Owns:  nothing. Calls: core, fetch, aws_sign, aws_creds.
 */
#include "agents/inputs/sqs_s3_int.h"
#include "core/event/line.h"
#include <stdio.h>
#include <string.h>

static struct kt_str host_of(struct kt_str url)
{
    ptrdiff_t from = kt_str_find(url, KT_STR("://"), 0);
    struct kt_str host = kt_str_from_index(url, from < 0 ? 0 : (size_t)from + 3);
    ptrdiff_t slash = kt_str_find_byte(host, '/', 0);
    return slash < 0 ? host : kt_str_sub(host, 0, (size_t)slash);
}

/* Signs r (host and path are taken from in->url) and sends it. */
static void send_signed(struct kt_input *in, struct aws_request *r, const struct aws_keys *keys,
                        struct kt_http_request *http)
{
    struct kt_str lines[AWS_HEADERS_MAX + 4], rest;
    struct kt_str url = kt_buf_str(&in->url);
    r->host = host_of(url);
    r->path = kt_str_from_index(url, (size_t)(r->host.at - url.at) + r->host.len);
    r->now = in->now;
    r->body = kt_buf_str(&in->body);
    kt_buf_reset(&in->headers);
    aws_sign(keys, r, &in->headers);
    rest = kt_buf_str(&in->headers);
    while (rest.len > 0 && http->n_headers < KT_ARRAY_LEN(lines) &&
           kt_str_split(&rest, '\n', &lines[http->n_headers]))
        http->n_headers++;
    http->url = url;
    http->body = r->body;
    http->headers = lines;
    http->proxy = sqs_given(in->o.proxy);
    http->ca_file = sqs_given(in->o.ca_file);
    http->allow_private = in->o.allow_private;
    http->total = TOTAL;
    http->reply_max = REPLY_MAX;
    kt_fetch_start(in->fetch, http);
}

/* One call of the queue's JSON protocol; its body stands in in->body. */
static void call_queue(struct kt_input *in, const struct aws_keys *keys, struct kt_str action,
                       enum asking what)
{
    const struct aws_pair h[] = { { KT_STR("content-type"), KT_STR("application/x-amz-json-1.0") },
                                  { KT_STR("x-amz-target"), action } };
    struct aws_request r = { .method = "POST",
                             .header = h,
                             .n_header = KT_ARRAY_LEN(h),
                             .region = in->region,
                             .service = "sqs" };
    struct kt_http_request http = { .method = KT_HTTP_POST };
    struct kt_str url = kt_str_of(in->queue_url), host = host_of(url);
    kt_buf_reset(&in->url);
    kt_buf_add(&in->url, kt_str_sub(url, 0, (size_t)(host.at - url.at) + host.len));
    kt_buf_byte(&in->url, '/');
    in->asking = what;
    send_signed(in, &r, keys, &http);
}

static void begin_body(struct kt_input *in)
{
    kt_buf_reset(&in->body);
    kt_buf_addz(&in->body, "{\"QueueUrl\":");
    kt_json_quote(&in->body, kt_str_of(in->queue_url));
}

void sqs_ask_messages(struct kt_input *in, const struct aws_keys *keys)
{
    begin_body(in);
    kt_buf_addf(&in->body,
                ",\"MaxNumberOfMessages\":%u,\"WaitTimeSeconds\":%d,\"VisibilityTimeout\":%d}",
                AT_ONCE, in->n == 0 ? POLL_S : 0, HIDDEN_S);
    call_queue(in, keys, KT_STR("AmazonSQS.ReceiveMessage"), ASK_MESSAGES);
}

void sqs_ask_delete(struct kt_input *in, const struct aws_keys *keys, unsigned n)
{
    begin_body(in);
    kt_buf_addz(&in->body, ",\"Entries\":[");
    for (unsigned i = 0; i < n; i++) {
        kt_buf_addf(&in->body, "%s{\"Id\":\"m%u\",\"ReceiptHandle\":", i > 0 ? "," : "", i);
        kt_json_quote(&in->body, kt_str_of(in->message[i].receipt));
        kt_buf_byte(&in->body, '}');
    }
    kt_buf_addz(&in->body, "]}");
    in->deleting = n;
    call_queue(in, keys, KT_STR("AmazonSQS.DeleteMessageBatch"), ASK_DELETE);
}

void sqs_ask_longer(struct kt_input *in, const struct aws_keys *keys, struct message *m)
{
    begin_body(in);
    kt_buf_addz(&in->body, ",\"ReceiptHandle\":");
    kt_json_quote(&in->body, kt_str_of(m->receipt));
    kt_buf_addf(&in->body, ",\"VisibilityTimeout\":%d}", HIDDEN_S);
    m->hidden = in->now;
    call_queue(in, keys, KT_STR("AmazonSQS.ChangeMessageVisibility"), ASK_LONGER);
}

void sqs_ask_object(struct kt_input *in, const struct aws_keys *keys, const struct object *o)
{
    char range[64];
    struct aws_pair h[2] = { { KT_STR("range"), KT_STR_NONE } };
    struct aws_request r = {
        .method = "GET", .header = h, .n_header = 1, .region = in->bucket_region, .service = "s3"
    };
    struct kt_http_request http = { .method = KT_HTTP_GET, .raw = true };
    (void)snprintf(range, sizeof range, "bytes=%llu-%llu", (unsigned long long)in->offset,
                   (unsigned long long)in->offset + PIECE - 1);
    h[0].value = kt_str_of(range);
    KT_CLEANUP(kt_buf_done) struct kt_buf etag = { 0 };
    if (o->etag != NULL && o->etag[0] != '\0') { /* the same bytes in every piece */
        kt_buf_addf(&etag, "\"%s\"", o->etag);
        h[r.n_header++] = (struct aws_pair){ KT_STR("if-match"), kt_buf_str(&etag) };
    }
    kt_buf_reset(&in->body);
    kt_buf_reset(&in->url);
    if (sqs_given(in->o.endpoint) != NULL)
        kt_buf_addz(&in->url, in->o.endpoint);
    else
        kt_buf_addf(&in->url, "https://s3.%s.amazonaws.com%s", in->bucket_region,
                    strncmp(in->bucket_region, "cn-", 3) == 0 ? ".cn" : "");
    if (in->url.at[in->url.len - 1] == '/')
        in->url.len--;
    kt_buf_byte(&in->url, '/');
    aws_encode(kt_str_of(o->bucket), false, &in->url);
    kt_buf_byte(&in->url, '/');
    aws_encode(kt_str_of(o->key), true, &in->url);
    in->asking = ASK_OBJECT;
    send_signed(in, &r, keys, &http);
}

void sqs_ask_keys(struct kt_input *in)
{
    struct kt_error err = { 0 };
    struct kt_http_request http;
    enum kt_status st = aws_creds_request(in->creds, in->now, &http, &err);
    if (st == KT_E_AGAIN)
        return; /* they were in a file */
    if (st != KT_OK) {
        sqs_say(in, err.text);
        sqs_again_later(in, 0);
        return;
    }
    in->asking = ASK_KEYS;
    in->keys_at = in->now + (http.method == KT_HTTP_PUT ? 0 : KT_NS_MIN);
    if (!http.metadata) { /* the token service is reached as everything else is */
        http.proxy = sqs_given(in->o.proxy);
        http.ca_file = sqs_given(in->o.ca_file);
    }
    kt_fetch_start(in->fetch, &http);
}
