/*
 * daemon_answers: what people did at a target becomes what they did here.
 *
 * Owns:  the blobs "answers/<target>/<alert>": what of an alert's answers was taken.
 * Calls: answers, the control socket's requests (an answer is an `ack` as a person's at the command
 *        line), deliver's thread blobs (what is open where).
 * Holds: a resolve there is an acknowledgement here: an alert is closed with a verdict, which
 *        nobody gave there. Nobody acknowledges what he did not see: an answer from before the
 *        alert was opened again, or told there as graver, counts for nothing.
 */
#include "collector/daemon.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include <stdio.h>
#include <string.h>

static const char *blob_name(const char *target, const char *alert, char ret[128])
{
    (void)snprintf(ret, 128, KT_ANSWER_BLOBS "%s/%s", target, alert);
    return ret;
}

/* ---- what to ask about ---- */

struct open_there {
    struct kt_daemon *d;
    const char *target;
    struct kt_answer_watch at[KT_ANSWERS_WATCHED];
    unsigned n;
};

static enum kt_status add_watch(void *self, const char *alert, struct kt_error *err)
{
    struct open_there *all = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf mark = { 0 };
    char blob[128];
    struct kt_answer_watch *w = &all->at[all->n++];
    kt_str_copyz(w->alert, sizeof w->alert, kt_str_of(alert));
    enum kt_status st =
        kt_store_get(all->d->store, blob_name(all->target, alert, blob), &mark, err);
    kt_str_copyz(w->mark, sizeof w->mark, kt_buf_str(&mark));
    return st == KT_E_AGAIN ? KT_OK : st;
}

static enum kt_status watch_target(struct kt_daemon *d, unsigned i, struct open_there *all,
                                   struct kt_error *err)
{
    char prefix[128];
    all->d = d;
    all->n = 0;
    all->target = kt_answers_target(d->answers, i);
    (void)snprintf(prefix, sizeof prefix, KT_THREAD_BLOBS "%s/", all->target);
    if (kt_store_alert_blobs(d->store, prefix, KT_ANSWERS_WATCHED, add_watch, all, err) != KT_OK)
        return kt_wrap(err, "alerts that are asked about");
    kt_answers_watch(d->answers, i, all->at, all->n);
    return KT_OK;
}

enum kt_status kt_daemon_watch_answers(struct kt_daemon *d, struct kt_error *err)
{
    unsigned n = kt_answers_targets(d->answers);
    enum kt_status st = KT_OK;
    KT_CLEANUP(kt_free_ptr) struct open_there *all = kt_alloc(sizeof *all);
    for (unsigned i = 0; st == KT_OK && i < n; i++)
        st = watch_target(d, i, all, err);
    return st;
}

/* ---- what came ---- */

const struct kt_conf_target *kt_daemon_target(const struct kt_conf *conf, const char *name)
{
    for (unsigned i = 0; i < conf->n_targets; i++)
        if (strcmp(conf->targets[i].name, name) == 0)
            return &conf->targets[i];
    return NULL;
}

struct there {
    const struct kt_conf *conf;
    const char *target;
};

/* A target that has another name now, or is gone, may have told the same incident. */
static bool can_be(void *self, const char *target)
{
    const struct there *t = self;
    return strcmp(target, t->target) == 0 || kt_daemon_target(t->conf, target) == NULL;
}

static enum kt_status acknowledge(struct kt_daemon *d, const struct kt_answered *x,
                                  struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 }, reason = { 0 }, said = { 0 };
    struct kt_control_handler handler = kt_daemon_handler(d);
    char at[KT_TIME_TEXT_MAX];
    struct there there = { d->conf, x->target };
    enum kt_status st = kt_triage_answered(d->triage, x->alert, x->answer.at, can_be, &there, err);
    if (st != KT_OK)
        return st;
    kt_time_format_short(x->answer.at, at);
    kt_buf_addf(&reason, "%s there at %s UTC (entry %s)",
                x->answer.resolved ? "resolved" : "acknowledged", at, x->answer.entry);
    kt_buf_addf(&request, "{\"do\":\"ack\",\"ids\":[\"%s\"],\"by\":", x->alert);
    kt_json_quote(&request, kt_str_of(x->answer.by));
    kt_buf_addz(&request, ",\"where\":");
    kt_json_quote(&request, kt_str_of(x->target));
    kt_buf_addz(&request, ",\"reason\":");
    kt_json_quote(&request, kt_buf_str(&reason));
    kt_buf_byte(&request, '}');
    return handler.request(handler.self, false, kt_buf_str(&request), &said, err);
}

enum kt_status kt_daemon_take_answers(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_answered x;
    while (kt_answers_take(d->answers, &x)) {
        struct kt_error why = { 0 };
        char blob[128], by[KT_LOG_VALUE];
        enum kt_status st = acknowledge(d, &x, &why);
        if (st == KT_E_IO || st == KT_E_CORRUPT) {
            *err = why;
            return st;
        }
        kt_log(KT_LOG_INFO, "collector: answer alert=%s target='%s' by='%s' entry=%s%s%s", x.alert,
               x.target, kt_log_value(x.answer.by, by), x.answer.entry, st == KT_OK ? "" : ": ",
               why.text);
        /* What cannot be taken now cannot be taken later. */
        st = kt_ingest_begin(d->ingest, err);
        if (st == KT_OK)
            st = kt_store_put(d->store, blob_name(x.target, x.alert, blob), kt_str_of(x.mark), err);
        if (st != KT_OK)
            return st;
    }
    return KT_OK;
}
