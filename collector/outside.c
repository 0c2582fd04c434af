/*
 * outside: the writer's side of copies outside: what is newest, proofs for witnesses, what they
 * signed, and what people are told.
 *
 * Owns:  the copies and the thread.
 * Calls: checkpoint, outside_thread, core (config, sys).
 * Holds: the writer waits for nothing here but a short lock.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "collector/outside_int.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/sys/fs.h"
#include "core/sys/wake.h"

#define KEY_MAX (16u << 10)

/* ---- opening ---- */

static enum kt_status read_vkey(const struct kt_conf_copy *conf, struct kt_note_key *ret,
                                struct kt_error *err)
{
    if (conf->type != KT_COPY_WITNESS)
        return KT_OK;
    if (kt_note_key_read(kt_str_of(conf->vkey), ret, err) != KT_OK)
        return kt_fail(err, KT_E_CONFIG, "checkpoints.%s.vkey: %.150s", conf->name, err->text);
    if (ret->type != KT_NOTE_COSIGNATURE)
        return kt_fail(
            err, KT_E_CONFIG,
            "checkpoints.%s.vkey is no witness's: it cosigns (type 4), logs sign (type 1)",
            conf->name);
    return KT_OK;
}

enum kt_status kt_outside_check(const struct kt_conf *conf, struct kt_error *err)
{
    struct kt_note_key key;
    for (unsigned i = 0; i < conf->n_copies; i++)
        if (read_vkey(&conf->copies[i], &key, err) != KT_OK ||
            (conf->copies[i].proxy != NULL &&
             kt_http_check_proxy(kt_str_of(conf->copies[i].proxy), err) != KT_OK))
            return kt_wrap(err, "checkpoints.%s", conf->copies[i].name);
    return KT_OK;
}

static enum kt_status read_keys(struct copy *c, struct kt_error *err)
{
    const struct kt_conf_copy *conf = c->conf;
    const char *key = conf->type == KT_COPY_S3 ? conf->credentials_file : conf->secret_file;
    if (conf->type == KT_COPY_FILE)
        return KT_OK;
    if (kt_fs_read_secret(conf->url_file, KEY_MAX, &c->url, err) != KT_OK)
        return kt_wrap(err, "url_file");
    while (c->url.len > 0 && c->url.at[c->url.len - 1] == '/')
        c->url.len--;
    if (kt_http_check_url(kt_buf_str(&c->url), conf->allow_private, err) != KT_OK)
        return kt_wrap(err, "url_file");
    if (conf->type == KT_COPY_WITNESS)
        return read_vkey(conf, &c->witness, err);
    if (kt_fs_read_secret(key, KEY_MAX, &c->key, err) != KT_OK)
        return kt_wrap(err, "its key file");
    return conf->type == KT_COPY_WEBHOOK ? kt_hook_keys_read(kt_buf_str(&c->key), &c->hook, err)
                                         : KT_OK;
}

enum kt_status kt_outside_keys(const struct kt_conf_copy *conf, struct kt_buf *url,
                               struct kt_buf *key, struct kt_error *err)
{
    struct copy c = { .conf = conf };
    enum kt_status st = read_keys(&c, err);
    kt_wipe(&c.hook, sizeof c.hook);
    *url = c.url;
    *key = c.key;
    return st == KT_OK ? KT_OK : kt_wrap(err, "checkpoints.%s", conf->name);
}

static enum kt_status start(struct kt_outside *o, struct kt_error *err)
{
    sigset_t all, before;
    o->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    o->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (o->wake < 0 || o->ready < 0)
        return kt_fail_errno(err, "checkpoints: eventfd");
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    o->threaded = pthread_create(&o->thread, NULL, outside_work, o) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return o->threaded ? KT_OK : kt_fail(err, KT_E_IO, "checkpoints: no thread to be had");
}

enum kt_status kt_outside_open(const struct kt_outside_options *options, struct kt_outside **ret,
                               struct kt_error *err)
{
    enum kt_status st = kt_outside_check(options->conf, err);
    if (st != KT_OK || options->conf->n_copies == 0)
        return st;
    struct kt_outside *o = kt_alloc(sizeof *o);
    o->o = *options;
    o->wake = o->ready = -1;
    o->n = options->conf->n_copies;
    o->copies = kt_alloc_array(o->n, sizeof *o->copies);
    (void)pthread_mutex_init(&o->lock, NULL);
    for (unsigned i = 0; st == KT_OK && i < o->n; i++) {
        o->copies[i].conf = &options->conf->copies[i];
        st = read_keys(&o->copies[i], err);
        if (st != KT_OK)
            st = kt_wrap(err, "checkpoints.%s", o->copies[i].conf->name);
    }
    if (st == KT_OK)
        st = start(o, err);
    if (st != KT_OK) {
        kt_outside_close(o);
        return st;
    }
    *ret = o;
    return KT_OK;
}

static void outgoing_done(struct outgoing *g)
{
    kt_buf_done(&g->note);
    kt_buf_done(&g->proof);
}

void kt_outside_close(struct kt_outside *o)
{
    if (o == NULL)
        return;
    if (o->threaded) {
        (void)pthread_mutex_lock(&o->lock);
        o->quit = true;
        (void)pthread_mutex_unlock(&o->lock);
        kt_wake_raise(o->wake);
        (void)pthread_join(o->thread, NULL);
    }
    for (unsigned i = 0; i < o->n; i++) {
        struct copy *c = &o->copies[i];
        if (c->wished)
            kt_checkpoints_forget(o->o.checkpoints, i + 1);
        if (c->url.len > 0)
            kt_wipe(c->url.at, c->url.len);
        if (c->key.len > 0)
            kt_wipe(c->key.at, c->key.len);
        kt_wipe(&c->hook, sizeof c->hook);
        kt_buf_done(&c->url);
        kt_buf_done(&c->key);
        kt_buf_done(&c->signed_lines);
        outgoing_done(&c->out);
    }
    outgoing_done(&o->newest);
    if (o->wake >= 0)
        (void)close(o->wake);
    if (o->ready >= 0)
        (void)close(o->ready);
    (void)pthread_mutex_destroy(&o->lock);
    kt_free(o->copies);
    kt_free(o);
}

int kt_outside_fd(const struct kt_outside *o)
{
    return o == NULL ? -1 : o->ready;
}

/* ---- a turn of the writer ---- */

static void take(struct outgoing *to, const struct kt_checkpoint_news *n, struct kt_str proof)
{
    kt_buf_reset(&to->note);
    kt_buf_add(&to->note, n->note);
    kt_buf_reset(&to->proof);
    kt_buf_add(&to->proof, proof);
    to->head = n->head;
    to->at = n->at;
}

static void proven(void *self, uint64_t tag, const struct kt_checkpoint_news *news, const char *why)
{
    struct kt_outside *o = self;
    struct copy *c = &o->copies[tag - 1];
    c->wished = false;
    (void)pthread_mutex_lock(&o->lock);
    c->wants_proof = false;
    if (news != NULL) {
        take(&c->out, news, news->proof);
        c->out.from = news->from;
        c->has_proof = true;
    } else {
        kt_str_copyz(c->last_error, sizeof c->last_error, kt_str_of(why != NULL ? why : ""));
        c->next = o->o.clock.mono(o->o.clock.self) + c->conf->every;
    }
    (void)pthread_mutex_unlock(&o->lock);
    kt_wake_raise(o->wake);
}

struct errand { /* of one copy, taken out of the lock */
    bool wish;
    uint64_t from;
    const char *code;
    char sentence[240];
    struct kt_buf lines;
    struct kt_head head;
};

static void collect(struct kt_outside *o, struct copy *c, struct errand *ret)
{
    (void)pthread_mutex_lock(&o->lock);
    ret->wish = c->wants_proof && !c->wished;
    ret->from = c->knows;
    ret->code = c->code;
    memcpy(ret->sentence, c->sentence, sizeof ret->sentence);
    c->code = NULL;
    ret->lines = c->signed_lines;
    ret->head = c->signed_head;
    c->signed_lines = (struct kt_buf){ 0 };
    (void)pthread_mutex_unlock(&o->lock);
}

/* A witness may answer with several lines; those of its key are asked for. */
static void hand_in(struct kt_outside *o, const struct copy *c, const struct errand *e)
{
    struct kt_str rest = kt_buf_str(&e->lines), line;
    struct kt_error err = { 0 };
    bool good = e->lines.len == 0;
    while (rest.len > 0 && kt_str_split(&rest, '\n', &line)) {
        const struct kt_cosignature s = {
            .head = e->head, .line = line, .key = &c->witness, .n_keys = 1, .witness = true
        };
        enum kt_status st =
            line.len == 0 ? KT_E_INPUT : kt_checkpoints_cosign(o->o.checkpoints, &s, &err);
        good = good || st == KT_OK || st == KT_E_AGAIN;
    }
    if (!good)
        o->o.tell(o->o.self, "copy.refused", c->conf->name,
                  "answers with a signature that is not by its configured vkey");
}

static void run_errand(struct kt_outside *o, unsigned i, struct errand *e)
{
    const struct kt_checkpoint_wish w = {
        .from = e->from, .tag = i + 1, .answer = proven, .self = o
    };
    struct kt_error err = { 0 };
    o->copies[i].wished = o->copies[i].wished || e->wish;
    if (e->wish && kt_checkpoints_wish(o->o.checkpoints, &w, &err) != KT_OK)
        proven(o, i + 1, NULL, err.text);
    hand_in(o, &o->copies[i], e);
    if (e->code != NULL)
        o->o.tell(o->o.self, e->code, o->copies[i].conf->name, e->sentence);
    kt_buf_done(&e->lines);
}

void kt_outside_turn(struct kt_outside *o)
{
    struct kt_checkpoint_news n;
    if (o == NULL)
        return;
    kt_wake_lower(o->ready);
    if (kt_checkpoints_newest(o->o.checkpoints, &n) && n.number != o->number) {
        (void)pthread_mutex_lock(&o->lock);
        take(&o->newest, &n, KT_STR_NONE);
        o->number = n.number;
        (void)pthread_mutex_unlock(&o->lock);
        kt_wake_raise(o->wake);
    }
    for (unsigned i = 0; i < o->n; i++) {
        struct errand e = { 0 };
        collect(o, &o->copies[i], &e);
        run_errand(o, i, &e);
    }
}

void kt_outside_status(struct kt_outside *o, struct kt_buf *out)
{
    kt_buf_byte(out, '[');
    for (unsigned i = 0; o != NULL && i < o->n; i++) {
        const struct copy *c = &o->copies[i];
        (void)pthread_mutex_lock(&o->lock);
        kt_buf_addz(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        kt_json_quote(out, kt_str_of(c->conf->name));
        kt_buf_addf(out, ",\"type\":\"%s\",\"records\":%" PRIu64 ",\"at\":%" PRId64 ",\"error\":",
                    c->conf->type_name, c->taken, c->taken_at);
        kt_json_quote(out, kt_str_of(c->last_error));
        kt_buf_byte(out, '}');
        (void)pthread_mutex_unlock(&o->lock);
    }
    kt_buf_byte(out, ']');
}
