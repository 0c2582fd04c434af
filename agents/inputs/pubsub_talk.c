/*
 * pubsub_talk: what is asked of Pub/Sub and of whoever gives the tokens, and what is made of the
 * answers.
 *
 * Owns:  nothing. Calls: core, fetch, gcp_auth, pubsub_answer.
 * Holds: what cannot be acknowledged is given up, never counted as done: it comes again.
 */
#include "agents/inputs/pubsub_int.h"
#include "core/base/hash.h"
#include <stdio.h>

#define FEWER        8u              /* times fewer, when they are too long for one answer */
#define REPLY_MAX    (8u << 20)      /* what a JSON text may have */
#define PULL_TOTAL   (100 * KT_NS_S) /* an empty subscription answers late */
#define CALL_TOTAL   (15 * KT_NS_S)
#define DEADLINE_S   60            /* of messages that wait for the spool */
#define LONGER_FIRST (5 * KT_NS_S) /* the shortest deadline of a subscription is 10 s */
#define LONGER_EVERY (40 * KT_NS_S)
#define EMPTY_WAIT   KT_NS_S
#define RETRY_FIRST  (2 * KT_NS_S)
#define RETRY_MOST   (5 * KT_NS_MIN)

/* ---- what is wrong ---- */

static void again_later(struct kt_input *in, kt_time_ns at_least)
{
    kt_time_ns wait = RETRY_FIRST << (in->failures < 8 ? in->failures : 8);
    in->failures++;
    wait = wait > RETRY_MOST ? RETRY_MOST : wait;
    in->at = in->now + (wait > at_least ? wait : at_least);
}

/* Until the next good answer. */
static void say(struct kt_input *in, const char *what)
{
    (void)snprintf(in->problem, sizeof in->problem, "%.190s", what);
}

/* ---- asking ---- */

static void call(struct kt_input *in, enum asking what, const char *verb, struct kt_str token)
{
    const struct kt_str headers[] = { KT_STR("Content-Type: application/json"), token };
    kt_buf_reset(&in->url);
    kt_buf_add(&in->url, kt_buf_str(&in->base));
    kt_buf_addf(&in->url, ":%s", verb);
    const struct kt_http_request r = {
        .method = KT_HTTP_POST,
        .url = kt_buf_str(&in->url),
        .body = kt_buf_str(&in->body),
        .headers = headers,
        .n_headers = KT_ARRAY_LEN(headers),
        .ca_file = pubsub_given(in->o.ca_file),
        .proxy = pubsub_given(in->o.proxy),
        .allow_private = in->o.allow_private,
        .reply_max = what == ASK_PULL ? REPLY_MAX : 0,
        .total = what == ASK_PULL ? PULL_TOTAL : CALL_TOTAL,
    };
    in->asking = what;
    kt_fetch_start(in->fetch, &r);
}

static void ask_token(struct kt_input *in)
{
    struct kt_error err = { 0 };
    struct kt_http_request r;
    in->token_at = in->now + KT_NS_MIN;
    if (gcp_auth_request(in->auth, in->now, &r, &err) != KT_OK) {
        say(in, err.text);
        again_later(in, 0);
        return;
    }
    if (!r.metadata) { /* the token service is reached as everything else is */
        r.proxy = pubsub_given(in->o.proxy);
        r.ca_file = pubsub_given(in->o.ca_file);
    }
    in->asking = ASK_TOKEN;
    kt_fetch_start(in->fetch, &r);
}

static void ask_pull(struct kt_input *in, struct kt_str token)
{
    kt_buf_reset(&in->body);
    kt_buf_addf(&in->body, "{\"maxMessages\":%u%s}", in->want,
                in->env.probe ? ",\"returnImmediately\":true" : "");
    call(in, ASK_PULL, "pull", token);
}

static void ask_ack(struct kt_input *in, struct kt_str token)
{
    kt_buf_reset(&in->body);
    in->acking = pubsub_acks_write(&in->acks, in->acked, &in->body);
    kt_buf_byte(&in->body, '}');
    call(in, ASK_ACK, "acknowledge", token);
}

/* `acking` goes through the messages in as many requests as they need; then they are ours again. */
static void ask_longer(struct kt_input *in, struct kt_str token)
{
    kt_buf_reset(&in->body);
    in->acking += pubsub_acks_write(&in->acks, in->acking, &in->body);
    kt_buf_addf(&in->body, ",\"ackDeadlineSeconds\":%d}", in->env.probe ? 0 : DEADLINE_S);
    call(in, ASK_LONGER, "modifyAckDeadline", token);
}

bool pubsub_at_hand(const struct kt_input *in)
{
    return in->acks.n > 0;
}

void pubsub_ask(struct kt_input *in, bool room)
{
    struct kt_str token;
    bool have = gcp_auth_header(in->auth, in->now, &token);
    /* A token that still lasts is renewed once a minute at most, so that messages are read too. */
    if (gcp_auth_due(in->auth, in->now) &&
        (!have || in->now >= in->token_at || in->token_at > in->now + 2 * KT_NS_MIN)) {
        ask_token(in);
        return;
    }
    if (!have)
        return;
    if (pubsub_at_hand(in) && in->kept)
        ask_ack(in, token);
    else if (pubsub_at_hand(in) && (in->acking > 0 || in->now >= in->longer_at))
        ask_longer(in, token);
    else if (!pubsub_at_hand(in) && room)
        ask_pull(in, token);
}

void pubsub_ask_ack(struct kt_input *in)
{
    struct kt_str token;
    if (in->asking == ASK_NOTHING && in->now >= in->at &&
        gcp_auth_header(in->auth, in->now, &token))
        ask_ack(in, token);
}

/* ---- answers ---- */

static void drop_page(struct kt_input *in)
{
    pubsub_acks_done(&in->acks);
    kt_buf_done(&in->page);
    in->page_at = 0;
    in->acked = in->acking = 0;
    in->read = in->kept = false;
}

/* Fewer messages fit; of one alone that does not there is no more to be had. */
static void too_long(struct kt_input *in)
{
    if (in->want == 1) {
        say(in, "a message is longer than 8 MiB and stays in the subscription: give it a "
                "dead-letter topic");
        again_later(in, 0);
    }
    in->want = in->want > FEWER ? in->want / FEWER : 1;
}

static void hear_page(struct kt_input *in, struct kt_http_answer *a)
{
    struct kt_error err = { 0 };
    if (pubsub_acks_read(in->json, kt_buf_str(&a->body), &in->acks, &err) != KT_OK) {
        say(in, err.text);
        again_later(in, 0);
        return;
    }
    in->problem[0] = '\0';
    in->failures = 0;
    in->heard = in->now;
    in->longer_at = in->now + (in->env.probe ? 0 : LONGER_FIRST); /* or they are given back */
    if (in->acks.n >= in->want)
        in->want = 2 * in->want < MESSAGES ? 2 * in->want : MESSAGES;
    if (!pubsub_at_hand(in)) {
        pubsub_acks_done(&in->acks);
        in->at = in->now + EMPTY_WAIT;
        return;
    }
    in->page = a->body;
    a->body = (struct kt_buf){ 0 };
    in->bytes += in->page.len;
    in->messages += in->acks.n;
}

static void hear_token(struct kt_input *in, struct kt_http_answer *a)
{
    struct kt_error err = { 0 };
    struct kt_str token;
    bool heard = a->status != 0 && a->error[0] == '\0';
    enum kt_status st =
        heard ? gcp_auth_answer(in->auth, a->status, kt_buf_str(&a->body), in->now, &err) : KT_E_IO;
    kt_wipe(a->body.at, a->body.cap);
    if (st == KT_OK)
        return;
    char text[200];
    (void)snprintf(text, sizeof text, "token: %.180s", heard ? err.text : a->error);
    say(in, text);
    if (!gcp_auth_header(in->auth, in->now, &token))
        again_later(in, a->retry_after);
}

static void refused(struct kt_input *in, const struct kt_http_answer *a)
{
    static const struct {
        int status;
        const char *help;
    } known[] = {
        { 400, "check 'subscription' and 'endpoint'" },
        { 401, "the token is refused, a new one is asked for" },
        { 403, "the account needs roles/pubsub.subscriber on the subscription" },
        { 404, "there is no such subscription: check 'subscription' and its project" },
    };
    char word[40], text[200];
    const char *help = "it is asked again later";
    for (size_t i = 0; i < KT_ARRAY_LEN(known); i++)
        if (known[i].status == a->status)
            help = known[i].help;
    pubsub_error(in->json, kt_buf_str(&a->body), word, sizeof word);
    (void)snprintf(text, sizeof text, "Pub/Sub answers %d%s%s: %s", a->status,
                   word[0] != '\0' ? " " : "", word, help);
    say(in, a->error[0] != '\0' ? a->error : text);
    if (a->status == 401)
        gcp_auth_forget(in->auth);
    again_later(in, a->retry_after);
}

void pubsub_answered(struct kt_input *in, struct kt_http_answer *a)
{
    enum asking what = in->asking;
    bool whole = a->error[0] == '\0';
    in->asking = ASK_NOTHING;
    if (what == ASK_TOKEN) {
        hear_token(in, a);
    } else if (what == ASK_PULL && a->status == 200) {
        if (whole)
            hear_page(in, a);
        else
            too_long(in);
    } else if (what == ASK_PULL && a->status == 504) {
        in->at = in->now + EMPTY_WAIT; /* nothing came as long as it waited */
    } else if (what == ASK_LONGER && (a->status == 200 || a->status == 400)) {
        if (in->acking == in->acks.n) {
            in->acking = 0;
            in->longer_at = in->now + LONGER_EVERY;
        }
    } else if (what == ASK_ACK && (a->status == 200 || a->status == 400)) {
        in->acked += in->acking; /* refused: they are no longer ours, and come again */
        in->acking = 0;
        in->failures = 0;
        if (in->acked == in->acks.n)
            drop_page(in);
    } else {
        in->acking = 0;
        refused(in, a);
    }
}
