/*
 * outside_thread: the thread that sends: which copy is due, what became of it, when it is tried
 * again.
 *
 * Owns:  its kt_http; the rest is behind the lock of struct kt_outside.
 * Calls: outside_make, core/sys (http, fs, wake).
 * Holds: one request of a copy at a time; a failure waits longer each time and never ends it.
 */
#include <stdio.h>
#include <string.h>

#include "collector/outside_int.h"
#include "core/base/log.h"
#include "core/sys/fs.h"
#include "core/sys/wake.h"

#define PAUSE_MIN   (30 * KT_NS_S)
#define PAUSE_MAX   (30 * KT_NS_MIN)
#define TELL_AFTER  (15 * KT_NS_MIN)
#define LOOK_MS     60000
#define SIZES_MOST  5u /* times that a witness may name another size in a row */
#define ARENA_BYTES (256u << 10)
#define REPLY_BYTES (16u << 10)

static kt_time_ns mono_of(const struct kt_outside *o)
{
    return o->o.clock.mono(o->o.clock.self);
}

bool outside_due(const struct kt_outside *o, const struct copy *c, kt_time_ns mono)
{
    return o->number > 0 && !c->under_way && mono >= c->next &&
           (c->taken == 0 || o->newest.head.size > c->taken);
}

/* ---- what became of it ---- */

static void say(struct copy *c, const char *code, const char *what, const char *word)
{
    c->code = code;
    (void)snprintf(c->sentence, sizeof c->sentence, "%s: %s", what, word);
    c->told = true;
}

static void failed(struct kt_outside *o, struct copy *c, const struct outside_ruling *r,
                   kt_time_ns mono)
{
    kt_time_ns pause = PAUSE_MIN;
    kt_str_copyz(c->last_error, sizeof c->last_error, kt_str_of(r->word));
    for (unsigned i = 0; i < c->failures && pause < PAUSE_MAX; i++)
        pause *= 2;
    pause = pause > PAUSE_MAX || r->verdict != OUTSIDE_AGAIN ? PAUSE_MAX : pause;
    c->next = mono + pause / 2 + (kt_time_ns)kt_rng_below(&o->o.rng, (uint64_t)pause / 2);
    c->failing = c->failures == 0 ? mono : c->failing;
    c->failures++;
    if (!c->told && r->verdict == OUTSIDE_TOO_OLD)
        say(c, "integrity.contradiction",
            "is not what a witness has seen of it: records were removed or changed", r->word);
    else if (!c->told && r->verdict == OUTSIDE_REFUSED)
        say(c, "copy.refused", "takes no checkpoint", r->word);
    else if (!c->told && mono - c->failing >= TELL_AFTER)
        say(c, "copy.failed", "has taken no checkpoint for 15 minutes", r->word);
}

static void taken(struct kt_outside *o, struct copy *c, struct kt_str body, kt_time_ns mono)
{
    c->taken = c->knows = c->out.head.size;
    c->taken_at = o->o.clock.wall(o->o.clock.self);
    c->next = mono + c->conf->every;
    c->failures = 0;
    c->failing = 0;
    c->told = false;
    c->last_error[0] = '\0';
    if (c->conf->type != KT_COPY_WITNESS)
        return;
    kt_buf_reset(&c->signed_lines);
    kt_buf_add(&c->signed_lines, body);
    c->signed_head = c->out.head;
}

static void settle(struct kt_outside *o, struct copy *c, const struct outside_ruling *r,
                   struct kt_str body)
{
    kt_time_ns mono = mono_of(o);
    c->under_way = c->has_proof = false;
    if (r->verdict == OUTSIDE_TAKEN) {
        taken(o, c, body, mono);
    } else if (r->verdict == OUTSIDE_FROM && c->failures < SIZES_MOST) {
        c->knows = r->from;
        c->failures++;
        c->failing = c->failing == 0 ? mono : c->failing;
        c->next = 0;
    } else {
        failed(o, c, r, mono);
    }
    kt_wake_raise(o->ready);
}

static void answered(void *self, struct kt_http_answer *a)
{
    struct kt_outside *o = self;
    struct copy *c = &o->copies[a->tag];
    struct outside_ruling r;
    (void)pthread_mutex_lock(&o->lock);
    outside_judge(c, a, &r);
    settle(o, c, &r, kt_buf_str(&a->body));
    (void)pthread_mutex_unlock(&o->lock);
}

/* ---- sending ---- */

static void fail_at_once(struct kt_outside *o, struct copy *c, const struct kt_error *err)
{
    struct outside_ruling r = { .verdict =
                                    err->code == KT_E_CONFIG ? OUTSIDE_REFUSED : OUTSIDE_AGAIN };
    kt_str_copyz(r.word, sizeof r.word, kt_str_of(err->text));
    settle(o, c, &r, KT_STR_NONE);
}

/* A note and a blank line, behind what is there. */
static enum kt_status append(const struct copy *c, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_file *f = NULL;
    kt_buf_add(&text, kt_buf_str(&c->out.note));
    kt_buf_byte(&text, '\n');
    enum kt_status st = kt_fs_real.open(kt_fs_real.self, c->conf->path, KT_OPEN_APPEND, &f, err);
    if (st != KT_OK)
        return st;
    st = kt_fs_real.append(f, kt_buf_str(&text), err);
    if (st == KT_OK)
        st = kt_fs_real.sync(f, err);
    kt_fs_real.close(f);
    return st;
}

static void write_file(struct kt_outside *o, struct copy *c)
{
    struct kt_error err = { 0 };
    const struct outside_ruling fine = { .verdict = OUTSIDE_TAKEN };
    (void)pthread_mutex_unlock(&o->lock); /* a disk may be slow; c->out is the thread's now */
    enum kt_status st = append(c, &err);
    (void)pthread_mutex_lock(&o->lock);
    if (st == KT_OK)
        settle(o, c, &fine, KT_STR_NONE);
    else
        fail_at_once(o, c, &err);
}

static void send(struct kt_outside *o, struct kt_http *http, unsigned i)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(ARENA_BYTES);
    struct copy *c = &o->copies[i];
    struct kt_str headers[OUTSIDE_HEADERS];
    struct kt_http_request r;
    struct kt_error err = { 0 };
    enum kt_status st =
        outside_request(o, c, o->o.clock.wall(o->o.clock.self), &arena, headers, &r, &err);
    r.tag = i;
    r.reply_max = REPLY_BYTES;
    if (st == KT_OK)
        st = kt_http_start(http, &r, &err);
    if (st != KT_OK)
        fail_at_once(o, c, &err);
}

static void outgoing_set(struct outgoing *to, const struct outgoing *from, uint64_t size)
{
    kt_buf_reset(&to->note);
    kt_buf_add(&to->note, kt_buf_str(&from->note));
    kt_buf_reset(&to->proof);
    to->head = from->head;
    to->at = from->at;
    to->from = size;
}

/* true: c->out is what is to be sent. A witness that knows another size wants a proof first, which
 * the writer asks for. */
static bool is_ready(struct kt_outside *o, struct copy *c)
{
    if (c->conf->type != KT_COPY_WITNESS || c->knows == 0 || c->knows == o->newest.head.size) {
        outgoing_set(&c->out, &o->newest, c->knows == o->newest.head.size ? c->knows : 0);
        return true;
    }
    if (!c->has_proof && !c->wants_proof) {
        c->wants_proof = true;
        kt_wake_raise(o->ready);
    }
    return c->has_proof;
}

static void send_what_is_due(struct kt_outside *o, struct kt_http *http)
{
    kt_time_ns mono = mono_of(o);
    for (unsigned i = 0; i < o->n && !o->quit; i++) {
        struct copy *c = &o->copies[i];
        if (!outside_due(o, c, mono) || !is_ready(o, c))
            continue;
        c->under_way = true;
        if (c->conf->type == KT_COPY_FILE)
            write_file(o, c);
        else
            send(o, http, i);
    }
}

static int wait_ms(const struct kt_outside *o)
{
    kt_time_ns mono = mono_of(o), wait = (kt_time_ns)LOOK_MS * KT_NS_MS;
    for (unsigned i = 0; i < o->n; i++) {
        const struct copy *c = &o->copies[i];
        if (outside_due(o, c, INT64_MAX) && !c->wants_proof && c->next - mono < wait)
            wait = c->next - mono;
    }
    return wait <= 0 ? 0 : (int)(wait / KT_NS_MS) + 1;
}

void *outside_work(void *self)
{
    struct kt_outside *o = self;
    struct kt_http *http = kt_http_new();
    for (bool quit = false; !quit;) {
        kt_wake_lower(o->wake);
        (void)pthread_mutex_lock(&o->lock);
        send_what_is_due(o, http);
        quit = o->quit;
        int wait = wait_ms(o);
        (void)pthread_mutex_unlock(&o->lock);
        if (!quit)
            kt_http_run(http, wait, o->wake, answered, o);
    }
    kt_http_free(http);
    return NULL;
}
