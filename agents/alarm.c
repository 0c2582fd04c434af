/*
 * alarm: posts to the agent's webhook.
 *
 * Owns:  the queue, one request at a time on a thread of its own.
 * Calls: agents/inputs/fetch.h, core.
 * Holds: nothing is given up but for room: while an alarm is not taken there is nobody else to
 * tell.
 */
#include "agents/alarm.h"

#include <string.h>

#include "agents/inputs/fetch.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/log.h"

#define QUEUE     8u
#define PAUSE_MIN (5 * KT_NS_S)
#define PAUSE_MAX (10 * KT_NS_MIN)

struct kt_alarm {
    struct kt_alarm_options o;
    char *url;
    struct kt_fetch *fetch;
    char *queue[QUEUE]; /* oldest first */
    unsigned n;
    bool under_way; /* the oldest is */
    kt_time_ns next, pause;
};

enum kt_status kt_alarm_new(const struct kt_alarm_options *o, struct kt_alarm **ret,
                            struct kt_error *err)
{
    if (kt_http_check_url(o->url, o->allow_private, err) != KT_OK)
        return kt_wrap(err, "alarm");
    if (o->proxy != NULL && kt_http_check_proxy(kt_str_of(o->proxy), err) != KT_OK)
        return kt_wrap(err, "alarm: proxy");
    struct kt_alarm *a = kt_alloc(sizeof *a);
    a->o = *o;
    a->url = kt_str_dup(o->url);
    a->o.url = kt_str_of(a->url);
    a->fetch = kt_fetch_new();
    *ret = a;
    return KT_OK;
}

void kt_alarm_free(struct kt_alarm *a)
{
    if (a == NULL)
        return;
    kt_fetch_free(a->fetch);
    for (unsigned i = 0; i < a->n; i++)
        kt_free(a->queue[i]);
    kt_wipe(a->url, a->o.url.len);
    kt_free(a->url);
    kt_free(a);
}

static void drop(struct kt_alarm *a, unsigned i)
{
    kt_free(a->queue[i]);
    a->n--;
    memmove(a->queue + i, a->queue + i + 1, (a->n - i) * sizeof a->queue[0]);
}

void kt_alarm_tell(void *self, struct kt_str json)
{
    struct kt_alarm *a = self;
    if (a->n == QUEUE)
        drop(a, a->under_way ? 1 : 0);
    a->queue[a->n++] = kt_str_dup(json);
    a->next = a->n == 1 ? 0 : a->next;
}

static void answered(struct kt_alarm *a, const struct kt_http_answer *answer, kt_time_ns mono)
{
    a->under_way = false;
    if (answer->status >= 200 && answer->status < 300) {
        drop(a, 0);
        a->pause = a->next = 0;
        return;
    }
    a->pause = a->pause == 0 ? PAUSE_MIN : 2 * a->pause;
    a->pause = a->pause > PAUSE_MAX ? PAUSE_MAX : a->pause;
    /* All agents find the same at the same time: they come back one by one. */
    a->next = mono + a->pause / 2 + (kt_time_ns)kt_rng_below(&a->o.rng, (uint64_t)a->pause / 2);
    if (answer->retry_after > 0 && a->next < mono + answer->retry_after)
        a->next = mono + answer->retry_after;
    kt_log(KT_LOG_WARN, "alarm: the webhook did not take it, it is told again: status=%d %s",
           answer->status, answer->error);
}

void kt_alarm_turn(struct kt_alarm *a, kt_time_ns mono)
{
    static const struct kt_str headers[] = { { "Content-Type: application/json", 30 } };
    struct kt_http_answer answer;

    if (a->under_way && kt_fetch_take(a->fetch, &answer)) {
        answered(a, &answer, mono);
        kt_http_answer_done(&answer);
    }
    if (a->under_way || a->n == 0 || mono < a->next)
        return;
    const struct kt_http_request r = { .url = a->o.url,
                                       .method = KT_HTTP_POST,
                                       .body = kt_str_of(a->queue[0]),
                                       .headers = headers,
                                       .n_headers = 1,
                                       .ca_file = a->o.ca_file,
                                       .proxy = a->o.proxy,
                                       .allow_private = a->o.allow_private };
    kt_fetch_start(a->fetch, &r);
    a->under_way = true;
}
