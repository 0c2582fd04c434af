/*
 * stream_carry: chooses the way out by the type's sink, and the way by HTTP.
 *
 * Owns:  an HTTP client and the request on its way.
 * Calls: exporters/streams (request, judge), core/sys/http.
 * Holds: one request at a time; a type's further stages (an acknowledgement that is asked for)
 *        belong to the same try, which ends within five minutes.
 */
#include "collector/stream_carry.h"
#include "core/base/alloc.h"
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define ARENA      (64u << 10)
#define TRY_MAX    (5 * KT_NS_MIN)
#define TOTAL      (60 * KT_NS_S) /* of one request: 4 MiB over half a megabit */
#define ANSWER_MAX (TOTAL + 5 * KT_NS_S)
#define REPLY_MAX  (8u << 20) /* an answer with a word for each of 10,000 items */
#define ASK_AGAIN  1000u

struct http {
    struct kt_carrier_options o;
    struct kt_http *client;
    struct kt_arena arena;
    struct kt_stream_request request;
    struct kt_stream_sending *sending;
    struct kt_stream_judgement judgement;
    unsigned stage;
    bool answered, denied;
};

static kt_time_ns mono(const struct http *h)
{
    return h->o.clock.mono(h->o.clock.self);
}

static bool told_to_stop(const struct http *h)
{
    struct pollfd fd = { .fd = h->o.wake_fd, .events = POLLIN };
    return h->o.wake_fd >= 0 && poll(&fd, 1, 0) > 0;
}

static void on_answer(void *self, struct kt_http_answer *a)
{
    struct http *h = self;
    struct kt_stream_sending *s = h->sending;
    struct kt_stream_judgement *j = &h->judgement;
    const struct kt_stream_setup *setup = h->o.setup;
    h->answered = true;
    s->status = a->status;
    s->too_slow = a->too_slow;
    s->retry_after = a->status == 429 || a->status == 503 ? a->retry_after : 0;
    j->word[0] = '\0';
    j->wait_ms = 0;
    if (a->status == 0) {
        j->verdict = KT_STREAM_RETRY;
        kt_str_copyz(j->word, sizeof j->word, kt_str_of(a->error));
        return;
    }
    setup->type->judge(setup->options, s->batch, h->stage, a->status, kt_buf_str(&a->body), a, j);
}

/* One request and its answer. KT_E_AGAIN: told to stop meanwhile. */
static enum kt_status ask(struct http *h, struct kt_error *err)
{
    const struct kt_stream_setup *setup = h->o.setup;
    const struct kt_conf_stream *c = setup->stream;
    struct kt_stream_request *r = &h->request;
    struct kt_stream_batch batch = *h->sending->batch;
    batch.now = h->o.clock.wall(h->o.clock.self);
    kt_arena_reset(&h->arena);
    kt_buf_reset(&r->body);
    r->n_headers = 0;
    r->own_body = false;
    r->method = KT_HTTP_POST;
    if (setup->type->request(setup->options, &setup->secrets, &batch, h->stage, h->judgement.note,
                             &h->arena, r, err) != KT_OK)
        return err->code;
    for (unsigned i = 0; i < r->n_headers; i++)
        if (memchr(r->headers[i].at, '\n', r->headers[i].len) != NULL)
            return kt_fail(err, KT_E_CONFIG, "a key file of this stream has more than one line");
    if (!r->own_body && setup->type->pack == KT_STREAM_GZIP)
        r->headers[r->n_headers++] = KT_STR("Content-Encoding: gzip");
    const struct kt_http_request q = {
        .url = r->url,
        .method = r->method,
        .body = r->own_body ? kt_buf_str(&r->body) : batch.body,
        .headers = r->headers,
        .n_headers = r->n_headers,
        .ca_file = c->ca_file != NULL && c->ca_file[0] != '\0' ? c->ca_file : NULL,
        .proxy = c->proxy != NULL && c->proxy[0] != '\0' ? c->proxy : NULL,
        .allow_private = c->allow_private,
        .keep_headers = setup->type->keep_headers,
        .reply_max = REPLY_MAX,
        .total = TOTAL,
    };
    if (kt_http_start(h->client, &q, err) != KT_OK)
        return err->code;
    kt_time_ns until = mono(h) + ANSWER_MAX;
    h->answered = false;
    while (!h->answered && mono(h) < until) {
        kt_http_run(h->client, 1000, h->o.wake_fd, on_answer, h);
        if (!h->answered && told_to_stop(h))
            return kt_fail(err, KT_E_AGAIN, "told to stop");
    }
    return h->answered ? KT_OK : kt_fail(err, KT_E_IO, "no answer");
}

/* false: told to stop. */
static bool rest(struct http *h, unsigned wait_ms)
{
    kt_http_run(h->client, (int)wait_ms, h->o.wake_fd, on_answer, h);
    return !told_to_stop(h);
}

static void forget(struct http *h)
{
    kt_http_free(h->client); /* with what is on its way */
    h->client = kt_http_new();
}

static void http_send(void *self, struct kt_stream_sending *s)
{
    struct http *h = self;
    struct kt_error err = { 0 };
    struct kt_stream_judgement *j = &h->judgement;
    kt_time_ns until = mono(h) + TRY_MAX;
    *j = (struct kt_stream_judgement){ .fate = s->fate, .verdict = KT_STREAM_NEXT };
    h->sending = s;
    h->stage = 0;
    if (h->denied && kt_stream_setup_renew(h->o.setup, &err) != KT_OK)
        err = (struct kt_error){ 0 }; /* the old keys say better what is wrong */
    for (;;) {
        enum kt_status st = ask(h, &err);
        if (st != KT_OK) {
            forget(h);
            j->verdict = st == KT_E_CONFIG || st == KT_E_LIMIT ? KT_STREAM_DENIED : KT_STREAM_RETRY;
            kt_str_copyz(j->word, sizeof j->word, kt_str_of(err.text));
            break;
        }
        if (j->verdict == KT_STREAM_NEXT)
            h->stage++;
        else if (j->verdict != KT_STREAM_AGAIN)
            break;
        else if (mono(h) > until || !rest(h, j->wait_ms > 0 ? j->wait_ms : ASK_AGAIN)) {
            j->verdict = KT_STREAM_RETRY;
            kt_str_copyz(j->word, sizeof j->word, KT_STR("not acknowledged in time"));
            break;
        }
    }
    s->verdict = j->verdict;
    h->denied = s->verdict == KT_STREAM_DENIED;
    kt_str_copyz(s->word, sizeof s->word, kt_str_of(j->word));
    h->sending = NULL;
}

static bool http_idle(void *self, kt_time_ns wall, char carry[KT_STREAM_CARRY_MAX])
{
    (void)self;
    (void)wall;
    (void)carry;
    return false;
}

static void http_close(void *self)
{
    struct http *h = self;
    kt_http_free(h->client);
    kt_buf_done(&h->request.body);
    kt_arena_done(&h->arena);
    kt_free(h);
}

enum kt_status kt_carrier_http(const struct kt_carrier_options *o, struct kt_carrier *ret,
                               struct kt_error *err)
{
    (void)err;
    struct http *h = kt_alloc(sizeof *h);
    h->o = *o;
    h->client = kt_http_new();
    h->arena = kt_arena_new(ARENA);
    *ret = (struct kt_carrier){ http_send, http_idle, http_close, h };
    return KT_OK;
}

enum kt_status kt_carrier_open(const struct kt_carrier_options *o, struct kt_carrier *ret,
                               struct kt_error *err)
{
    static enum kt_status (*const by_sink[])(const struct kt_carrier_options *o,
                                             struct kt_carrier *ret, struct kt_error *err) = {
        [KT_STREAM_SINK_HTTP] = kt_carrier_http,
        [KT_STREAM_SINK_FILE] = kt_carrier_file,
        [KT_STREAM_SINK_SYSLOG] = kt_carrier_syslog,
        [KT_STREAM_SINK_POSTGRES] = kt_carrier_postgres,
    };
    enum kt_stream_sink sink = o->setup->type->sink;
    assert(sink < KT_ARRAY_LEN(by_sink) && by_sink[sink] != NULL);
    return by_sink[sink](o, ret, err) == KT_OK
               ? KT_OK
               : kt_wrap(err, "stream '%s'", o->setup->stream->name);
}
