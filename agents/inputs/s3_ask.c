/*
 * s3_ask: lists of the bucket are asked for.
 *
 * Owns:  nothing. Calls: core, aws_client.
 */
#include "agents/inputs/s3_int.h"

static void list(struct kt_input *in, struct kt_str prefix, struct kt_str after, bool below)
{
    struct aws_client *c = &in->aws;
    struct kt_aws_pair q[6] = { { KT_STR("list-type"), KT_STR("2") },
                                { KT_STR("encoding-type"), KT_STR("url") },
                                { KT_STR("prefix"), prefix } };
    struct kt_aws_request r = {
        .method = "GET", .query = q, .n_query = 3, .region = in->reader.region, .service = "s3"
    };
    struct kt_http_request http = { .method = KT_HTTP_GET,
                                    .keep_headers = "x-amz-",
                                    .reply_max = S3_REPLY_MAX };
    if (below)
        q[r.n_query++] = (struct kt_aws_pair){ KT_STR("delimiter"), KT_STR("/") };
    if (after.len > 0)
        q[r.n_query++] = (struct kt_aws_pair){ KT_STR("start-after"), after };
    if (in->token.len > 0)
        q[r.n_query++] =
            (struct kt_aws_pair){ KT_STR("continuation-token"), kt_buf_str(&in->token) };
    kt_buf_reset(&c->body);
    aws_client_base(c, c->o.endpoint, "s3", in->reader.region);
    kt_buf_byte(&c->url, '/');
    kt_aws_encode(kt_str_of(in->o.bucket), false, &c->url);
    kt_buf_byte(&c->url, '?');
    kt_aws_query(q, r.n_query, &c->url);
    aws_client_send(c, &r, &http);
}

void s3_ask_branch(struct kt_input *in)
{
    in->asking = ASK_BRANCH;
    list(in, kt_str_of(in->branch[0].prefix), KT_STR_NONE, true);
}

void s3_ask_page(struct kt_input *in, const struct root *r)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf prefix = { 0 }, after = { 0 };
    kt_buf_addz(&prefix, r->prefix);
    aws_trail_day(r->next_day, &prefix);
    if (r->kind == AWS_TRAIL_LOG && r->after != 0 && r->next_day == r->after / KT_NS_DAY) {
        kt_buf_add(&after, kt_buf_str(&prefix));
        aws_trail_since(r->account, r->region, r->after, &after);
    }
    in->asking = ASK_PAGE;
    list(in, kt_buf_str(&prefix), kt_buf_str(&after), false);
}
