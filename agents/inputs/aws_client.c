/*
 * aws_client: questions to AWS, one at a time.
 *
 * Owns:  the request under way, the keys, the sentence about what is wrong.
 * Calls: core, fetch, aws_creds.
 * Holds: keys are in no text that is said.
 */
#include "agents/inputs/aws_client.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOTAL       KT_NS_MIN
#define RETRY_FIRST (2 * KT_NS_S)
#define RETRY_MOST  (5 * KT_NS_MIN)
#define SAID_NS     (10 * KT_NS_MIN)

bool aws_plain(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '-'))
            return false;
    }
    return s.len > 0 && s.len <= 80;
}

/* ---- life ---- */

static const char *real_env(void *self, const char *name)
{
    (void)self;
    return getenv(name);
}

enum kt_status aws_client_check(const struct aws_client_options *o, struct kt_error *err)
{
    if (aws_given(o->proxy) != NULL && kt_http_check_proxy(kt_str_of(o->proxy), err) != KT_OK)
        return kt_wrap(err, "proxy");
    return aws_client_check_endpoint(o, "endpoint", o->endpoint, err);
}

enum kt_status aws_client_check_endpoint(const struct aws_client_options *o, const char *name,
                                         const char *endpoint, struct kt_error *err)
{
    if (aws_given(endpoint) != NULL &&
        kt_http_check_url(kt_str_of(endpoint), o->allow_private, err) != KT_OK)
        return kt_wrap(err, "%s", name);
    return KT_OK;
}

void aws_client_open(struct aws_client *c, const struct aws_client_options *o, const char *region)
{
    const struct aws_creds_options co = { .env = real_env,
                                          .file = aws_given(o->credentials_file),
                                          .profile = aws_given(o->profile),
                                          .region = region };
    *c = (struct aws_client){ .o = *o };
    c->fetch = kt_fetch_new();
    c->creds = aws_creds_new(&co);
    c->json = kt_json_new(KT_JSON_SIMDJSON);
}

void aws_client_done(struct aws_client *c)
{
    kt_fetch_free(c->fetch);
    aws_creds_free(c->creds);
    kt_json_free(c->json);
    kt_buf_done(&c->url);
    kt_buf_done(&c->body);
    kt_buf_done(&c->headers);
}

void aws_client_turn(struct aws_client *c, kt_time_ns now)
{
    c->began = c->began != 0 && c->began <= now ? c->began : now;
    c->now = now;
    if (c->pace.at > now + 2 * KT_NS_HOUR)
        c->pace.at = now; /* the clock was set back */
}

/* ---- what is wrong ---- */

void aws_pace_later(struct aws_pace *p, kt_time_ns now, kt_time_ns at_least)
{
    kt_time_ns wait = RETRY_FIRST << (p->failures < 8 ? p->failures : 8);
    p->failures++;
    wait = wait > RETRY_MOST ? RETRY_MOST : wait;
    p->at = now + (wait > at_least ? wait : at_least);
}

void aws_client_say(struct aws_client *c, const char *what)
{
    (void)snprintf(c->problem, sizeof c->problem, "%.190s", what);
    c->said_until = 0;
}

/* What no good answer to another question mends. */
void aws_client_say_for_long(struct aws_client *c, const char *what)
{
    aws_client_say(c, what);
    c->said_until = c->now + SAID_NS;
}

void aws_client_good(struct aws_client *c)
{
    if (c->now >= c->said_until)
        c->problem[0] = '\0';
    c->pace.failures = 0;
}

/* ---- answers ---- */

/* {"__type":"com.amazonaws.sqs#QueueDoesNotExist"}, <Error><Code>NoSuchKey</Code>… */
struct kt_str aws_client_code(struct aws_client *c, const struct kt_http_answer *a)
{
    struct kt_jval root;
    unsigned repaired;
    struct kt_str code = kt_aws_xml(kt_buf_str(&a->body), "Code");
    if (code.len == 0 &&
        kt_json_parse(c->json, kt_buf_str(&a->body), &root, &repaired, NULL) == KT_OK) {
        code = kt_json_str_at(root, "__type");
        ptrdiff_t hash = kt_str_find_byte(code, '#', 0);
        code = kt_str_from_index(code, hash < 0 ? 0 : (size_t)hash + 1);
    }
    return kt_str_sub(code, 0, 60);
}

enum aws_wrong aws_client_wrong(struct kt_str code, const char **ret_help)
{
    static const char no_key[] = "there is no such access key, or not in this region: give another";
    static const char wrong_key[] = "the secret key is wrong, or the clock of this machine";
    static const char wrong_clock[] = "the clock of this machine is wrong";
    static const char often[] = "asked too often; it is asked again more slowly";
    static const struct {
        const char *part; /* of the code: many end in "Exception" with some services */
        enum aws_wrong wrong;
        const char *help;
    } known[] = {
        { "InvalidAccessKeyId", AWS_WRONG_KEYS, no_key },
        { "InvalidClientTokenId", AWS_WRONG_KEYS, no_key },
        { "UnrecognizedClient", AWS_WRONG_KEYS, no_key },
        { "ExpiredToken", AWS_WRONG_KEYS, "the keys have expired: give new ones" },
        { "InvalidTokenException", AWS_WRONG_OTHER, NULL }, /* of a page of CloudTrail's */
        { "InvalidToken", AWS_WRONG_KEYS, "the session token is not of these keys: give new ones" },
        { "SignatureDoesNotMatch", AWS_WRONG_SIGN, wrong_key },
        { "InvalidSignature", AWS_WRONG_SIGN, wrong_key },
        { "RequestTimeTooSkewed", AWS_WRONG_SIGN, wrong_clock },
        { "RequestExpired", AWS_WRONG_SIGN, wrong_clock },
        { "KmsAccessDenied", AWS_WRONG_RIGHT, "the role needs kms:Decrypt with its KMS key" },
        { "AccessDenied", AWS_WRONG_RIGHT, NULL },
        { "UnauthorizedOperation", AWS_WRONG_RIGHT, NULL },
        { "Throttl", AWS_WRONG_BUSY, often },
        { "TooManyRequests", AWS_WRONG_BUSY, often },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(known); i++)
        if (kt_str_has(code, kt_str_of(known[i].part))) {
            *ret_help = known[i].help;
            return known[i].wrong;
        }
    *ret_help = NULL;
    return AWS_WRONG_OTHER;
}

static void hear_keys(struct aws_client *c, struct kt_http_answer *a)
{
    struct kt_error err = { 0 };
    bool heard = a->status != 0 && a->error[0] == '\0';
    enum kt_status st =
        heard ? aws_creds_answer(c->creds, a->status, kt_buf_str(&a->body), c->now, &err) : KT_E_IO;
    kt_wipe(a->body.at, a->body.cap);
    if (st == KT_OK)
        return;
    c->keys_at = c->now + KT_NS_MIN;
    aws_client_say(c, heard ? err.text : a->error);
    if (!aws_creds_keys(c->creds, c->now, &c->keys))
        aws_pace_later(&c->pace, c->now, 0);
}

enum aws_heard aws_client_take(struct aws_client *c, struct kt_http_answer *ret)
{
    struct kt_http_answer a;
    char text[64];
    if (!kt_fetch_take(c->fetch, &a))
        return AWS_NOTHING;
    if (c->asking_keys) {
        c->asking_keys = false;
        hear_keys(c, &a);
        kt_http_answer_done(&a);
        return AWS_NOTHING;
    }
    *ret = a;
    if (a.status == 0 || a.error[0] != '\0' || a.status == 429 || a.status >= 500) {
        (void)snprintf(text, sizeof text, "AWS answers %d and is asked again later", a.status);
        aws_client_say(c, a.error[0] != '\0' ? a.error : text);
        return AWS_FAILED;
    }
    const char *help;
    if (a.status < 400 || aws_client_wrong(aws_client_code(c, &a), &help) != AWS_WRONG_KEYS)
        return AWS_ANSWERED;
    aws_client_say(c, aws_creds_refused(c->creds) ? help : AWS_KEYS_REFUSED);
    return AWS_FAILED;
}

/* ---- questions ---- */

static void ask_keys(struct aws_client *c)
{
    struct kt_error err = { 0 };
    struct kt_http_request http;
    enum kt_status st = aws_creds_request(c->creds, c->now, &http, &err);
    if (st == KT_E_AGAIN)
        return; /* they were in a file */
    if (st != KT_OK) {
        aws_client_say(c, err.text);
        aws_pace_later(&c->pace, c->now, 0);
        return;
    }
    c->asking_keys = true;
    c->keys_at = c->now + (http.method == KT_HTTP_PUT ? 0 : KT_NS_MIN);
    if (!http.metadata) { /* the token service is reached as everything else is */
        http.proxy = aws_given(c->o.proxy);
        http.ca_file = aws_given(c->o.ca_file);
    }
    kt_fetch_start(c->fetch, &http);
}

bool aws_client_ready(struct aws_client *c)
{
    if (kt_fetch_busy(c->fetch) || c->now < c->pace.at)
        return false;
    bool have = aws_creds_keys(c->creds, c->now, &c->keys);
    /* While good keys last they are renewed once a minute at most, so that work goes on too. */
    if (!have || (aws_creds_due(c->creds, c->now) &&
                  (c->now >= c->keys_at || c->keys_at > c->now + 2 * KT_NS_MIN)))
        ask_keys(c);
    return !c->asking_keys && aws_creds_keys(c->creds, c->now, &c->keys);
}

static struct kt_str host_of(struct kt_str url)
{
    ptrdiff_t from = kt_str_find(url, KT_STR("://"), 0);
    struct kt_str host = kt_str_from_index(url, from < 0 ? 0 : (size_t)from + 3);
    ptrdiff_t slash = kt_str_find_byte(host, '/', 0);
    return slash < 0 ? host : kt_str_sub(host, 0, (size_t)slash);
}

void aws_client_send(struct aws_client *c, struct kt_aws_request *r, struct kt_http_request *http)
{
    struct kt_str lines[KT_AWS_HEADERS_MAX + 4], rest;
    struct kt_str url = kt_buf_str(&c->url);
    r->host = host_of(url);
    rest = kt_str_from_index(url, (size_t)(r->host.at - url.at) + r->host.len);
    (void)kt_str_split(&rest, '?', &r->path);
    r->now = c->now;
    r->body = kt_buf_str(&c->body);
    kt_buf_reset(&c->headers);
    kt_aws_sign(&c->keys, r, &c->headers);
    rest = kt_buf_str(&c->headers);
    while (rest.len > 0 && http->n_headers < KT_ARRAY_LEN(lines) &&
           kt_str_split(&rest, '\n', &lines[http->n_headers]))
        http->n_headers++;
    http->url = url;
    http->body = r->body;
    http->headers = lines;
    http->proxy = aws_given(c->o.proxy);
    http->ca_file = aws_given(c->o.ca_file);
    http->allow_private = c->o.allow_private;
    http->total = TOTAL;
    kt_fetch_start(c->fetch, http);
}

void aws_client_call(struct aws_client *c, const char *service, const char *region,
                     const char *version, struct kt_str target, size_t reply_max)
{
    const struct kt_aws_pair h[] = { { KT_STR("content-type"), kt_str_of(version) },
                                     { KT_STR("x-amz-target"), target } };
    struct kt_aws_request r = { .method = "POST",
                                .header = h,
                                .n_header = KT_ARRAY_LEN(h),
                                .region = region,
                                .service = service };
    struct kt_http_request http = { .method = KT_HTTP_POST, .reply_max = reply_max };
    kt_buf_byte(&c->url, '/');
    aws_client_send(c, &r, &http);
}

void aws_client_base(struct aws_client *c, const char *endpoint, const char *service,
                     const char *region)
{
    kt_buf_reset(&c->url);
    if (aws_given(endpoint) != NULL)
        kt_buf_addz(&c->url, endpoint);
    else
        kt_buf_addf(&c->url, "https://%s.%s.amazonaws.com%s", service, region,
                    strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
    if (c->url.at[c->url.len - 1] == '/')
        c->url.len--;
}
