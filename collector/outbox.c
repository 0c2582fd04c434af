/*
 * outbox: delivers rows at least once, each target at its own pace.
 *
 * Owns:  a thread, its HTTP connections, copies of the rows it was given, the couriers.
 * Calls: courier, core/sys/http, exporters through courier. No store handle.
 * Holds: rows of one alert reach a target in their order; the store's rows are the truth, so what
 *        is lost here with the process is handed over again with the same ids.
 */
#include "collector/outbox.h"
#include "collector/courier.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ROWS_MAX   1024u
#define ARENA      (512u << 10)
#define WAIT_MAX   (KT_NS_S)
#define WAIT_BUSY  (100 * KT_NS_MS)
#define SLOW_DOWN  (30 * KT_NS_S) /* a 429 that does not say how long */
#define TEST_LIMIT (20 * KT_NS_S)

static const kt_time_ns ladder[] = {
    1 * KT_NS_S,     5 * KT_NS_S,     30 * KT_NS_S,    2 * KT_NS_MIN,
    10 * KT_NS_MIN,  30 * KT_NS_MIN,  2 * KT_NS_HOUR,  5 * KT_NS_HOUR,
    10 * KT_NS_HOUR, 14 * KT_NS_HOUR, 20 * KT_NS_HOUR, 24 * KT_NS_HOUR,
};

struct item { /* one row in delivery */
    struct kt_outbox_row row;
    struct kt_buf json;
    struct kt_courier *courier;
    kt_time_ns due;             /* mono */
    bool flying, plain, early;  /* early: sent ahead of its turn, as a circuit's probe */
    char chosen[KT_HANDLE_MAX]; /* the handle that its render chose */
};
struct kt_outbox {
    struct kt_outbox_options o;
    struct kt_courier *couriers;
    unsigned n_couriers;
    struct kt_http *http;
    struct kt_arena arena;
    struct kt_target_request request;
    struct item **items; /* by row number; the thread's own but for `given` */
    unsigned n_items;
    pthread_t thread;
    bool started;
    int wake_fd, changed_fd;
    pthread_mutex_t lock; /* guards all below, and the couriers' figures */
    struct item **given;
    unsigned n_given, n_held; /* n_held: given + items */
    struct kt_outbox_row *changed;
    unsigned n_changed, changed_at;
    bool stop;
};

static kt_time_ns mono(const struct kt_outbox *o)
{
    return o->o.clock.mono(o->o.clock.self);
}

static kt_time_ns wall(const struct kt_outbox *o)
{
    return o->o.clock.wall(o->o.clock.self);
}

static void raise_fd(int fd)
{
    uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one);
    (void)n; /* full means it is readable already */
}

static void lower_fd(int fd)
{
    uint64_t v;
    ssize_t n = read(fd, &v, sizeof v);
    (void)n;
}

static void item_free(struct item *it)
{
    if (it == NULL)
        return;
    kt_buf_done(&it->json);
    kt_free(it);
}

static struct kt_courier *courier_of(struct kt_outbox *o, const char *target)
{
    for (unsigned i = 0; i < o->n_couriers; i++)
        if (strcmp(o->couriers[i].conf->name, target) == 0)
            return &o->couriers[i];
    return NULL;
}

/* ---- the thread: what happens to a row ---- */

static void tell(struct kt_outbox *o, const struct kt_outbox_row *row)
{
    o->changed = kt_realloc_array(o->changed, o->n_changed + 1, sizeof *o->changed);
    o->changed[o->n_changed++] = *row;
    raise_fd(o->changed_fd);
}

static void end_item(struct kt_outbox *o, struct item *it, const char *state)
{
    kt_str_copyz(it->row.state, sizeof it->row.state, kt_str_of(state));
    it->row.next_try = 0;
    tell(o, &it->row);
    unsigned i = 0;
    while (o->items[i] != it)
        i++;
    memmove(&o->items[i], &o->items[i + 1], (o->n_items - i - 1) * sizeof(struct item *));
    o->n_items--;
    o->n_held--;
    item_free(it);
}

static kt_time_ns jittered(struct kt_outbox *o, kt_time_ns d)
{
    kt_time_ns spread = d / 5;
    return d - spread + (kt_time_ns)kt_rng_below(&o->o.rng, (uint64_t)(2 * spread) + 1);
}

/* Failed this time: onto the next rung, or, past the last, to the dead letters. */
static void again(struct kt_outbox *o, struct item *it, const struct kt_http_answer *a)
{
    if (it->early) { /* a probe ahead of its turn costs no rung */
        tell(o, &it->row);
        return;
    }
    it->row.attempts++;
    if (it->row.attempts > KT_ARRAY_LEN(ladder)) {
        end_item(o, it, "dead");
        return;
    }
    kt_time_ns wait = jittered(o, ladder[it->row.attempts - 1]);
    if (a->status == 429 && a->retry_after == 0 && wait < SLOW_DOWN)
        wait = SLOW_DOWN;
    if (a->retry_after > wait)
        wait = a->retry_after;
    it->due = mono(o) + wait;
    it->row.next_try = wall(o) + wait;
    tell(o, &it->row);
}

/* The circuit is closed again: what waits for it has waited long enough. */
static void hurry(struct kt_outbox *o, const struct kt_courier *c)
{
    kt_time_ns now = mono(o);
    for (unsigned i = 0; i < o->n_items; i++)
        if (o->items[i]->courier == c && o->items[i]->due > now)
            o->items[i]->due = now;
}

/* What the target calls its message from now on: also for what already waits behind it. */
static void set_handle(struct kt_outbox *o, const struct item *it, struct kt_str handle)
{
    struct item **const lists[] = { o->items, o->given };
    const unsigned n[] = { o->n_items, o->n_given };
    for (size_t l = 0; l < KT_ARRAY_LEN(lists); l++)
        for (unsigned i = 0; i < n[l]; i++)
            if (lists[l][i]->courier == it->courier &&
                strcmp(lists[l][i]->row.alert, it->row.alert) == 0)
                kt_str_copyz(lists[l][i]->row.handle, sizeof it->row.handle, handle);
}

/* The first message of an alert gives the handle; what follows it there does not. */
static void learn(struct kt_outbox *o, const struct item *it, const struct kt_target_ruling *ruling)
{
    struct kt_str handle = kt_str_of(ruling->handle[0] != '\0' ? ruling->handle : it->chosen);
    if (it->row.handle[0] == '\0' && handle.len > 0)
        set_handle(o, it, handle);
}

static void answered(void *self, struct kt_http_answer *a)
{
    struct kt_outbox *o = self;
    struct item *it = NULL;
    (void)pthread_mutex_lock(&o->lock);
    for (unsigned i = 0; i < o->n_items; i++)
        if (o->items[i]->flying && (uint64_t)o->items[i]->row.row == a->tag)
            it = o->items[i];
    assert(it != NULL);
    struct kt_courier *c = it->courier;
    struct kt_target_ruling ruling;
    bool was_open = c->open;
    it->flying = false;
    it->row.last_code = a->status;
    enum kt_verdict v = kt_courier_answered(c, a, mono(o), wall(o), &ruling, it->row.last_error);
    if (ruling.plain && !it->plain) {
        it->plain = true;
        it->due = mono(o);
    } else if (ruling.forget && it->row.handle[0] != '\0') {
        set_handle(o, it, KT_STR_NONE);
        it->due = mono(o);
    } else if (v == KT_DELIVERED) {
        it->row.attempts++;
        it->row.sent_at = wall(o);
        it->row.last_error[0] = '\0';
        learn(o, it, &ruling);
        end_item(o, it, "sent");
        if (was_open)
            hurry(o, c);
    } else if (v == KT_RETRY) {
        again(o, it, a);
    } else {
        it->row.attempts++;
        end_item(o, it, "dead");
    }
    (void)pthread_mutex_unlock(&o->lock);
}

/* EXPORTS §0, order: an older row of the same alert and target goes first. */
static bool first_of_its_alert(const struct kt_outbox *o, unsigned i)
{
    const struct item *it = o->items[i];
    for (unsigned k = 0; k < i; k++)
        if (o->items[k]->courier == it->courier &&
            strcmp(o->items[k]->row.alert, it->row.alert) == 0)
            return false;
    return true;
}

static void start(struct kt_outbox *o, struct item *it, kt_time_ns now)
{
    struct kt_error err = { 0 };
    struct kt_http_request r;
    kt_arena_reset(&o->arena);
    enum kt_status st = kt_courier_render(it->courier, &it->row, kt_buf_str(&it->json), it->plain,
                                          wall(o), &o->arena, &o->request, &err);
    if (st == KT_OK && o->request.skip != NULL) {
        kt_str_copyz(it->row.last_error, sizeof it->row.last_error, kt_str_of(o->request.skip));
        it->row.sent_at = wall(o);
        end_item(o, it, "sent");
        return;
    }
    if (st == KT_OK) {
        kt_str_copyz(it->chosen, sizeof it->chosen, o->request.handle);
        kt_courier_request(it->courier, &o->request, (uint64_t)it->row.row, &r);
        st = kt_http_start(o->http, &r, &err);
    }
    if (st != KT_OK) { /* the same bytes will fail the same way: a person has to look */
        kt_str_copyz(it->row.last_error, sizeof it->row.last_error, kt_str_of(err.text));
        end_item(o, it, "dead");
        return;
    }
    it->flying = true;
    it->early = it->due > now;
    kt_courier_started(it->courier, now);
}

/* Starts what may start; returns how long nothing will be due. */
static kt_time_ns start_due(struct kt_outbox *o)
{
    kt_time_ns now = mono(o), wait = o->n_items > 0 ? WAIT_BUSY : WAIT_MAX;
    for (unsigned i = 0; i < o->n_items; i++) {
        struct item *it = o->items[i];
        bool probe = it->courier->open;
        if (it->flying || (!probe && it->due > now))
            continue;
        if (!kt_courier_ready(it->courier, now) || !first_of_its_alert(o, i))
            continue;
        unsigned before = o->n_items;
        start(o, it, now);
        i -= before - o->n_items; /* it may have ended at once */
    }
    return wait;
}

/* Moves what was given into the list, which is kept in the order of row numbers. */
static void take_given(struct kt_outbox *o)
{
    for (unsigned g = 0; g < o->n_given; g++) {
        unsigned at = o->n_items;
        o->items = kt_realloc_array(o->items, o->n_items + 1, sizeof(struct item *));
        while (at > 0 && o->items[at - 1]->row.row > o->given[g]->row.row)
            at--;
        memmove(&o->items[at + 1], &o->items[at], (o->n_items - at) * sizeof(struct item *));
        o->items[at] = o->given[g];
        o->n_items++;
    }
    o->n_given = 0;
}

static void *deliver(void *self)
{
    struct kt_outbox *o = self;
    for (;;) {
        (void)pthread_mutex_lock(&o->lock);
        bool stop = o->stop;
        take_given(o);
        kt_time_ns wait = stop ? 0 : start_due(o);
        (void)pthread_mutex_unlock(&o->lock);
        if (stop)
            return NULL;
        kt_http_run(o->http, (int)(wait / KT_NS_MS), o->wake_fd, answered, o);
        lower_fd(o->wake_fd);
    }
}

/* ---- the writer's side ---- */

static enum kt_status open_parts(struct kt_outbox *o, struct kt_error *err)
{
    const struct kt_conf *conf = o->o.conf;
    o->couriers = kt_alloc_array(conf->n_targets + 1, sizeof *o->couriers);
    for (unsigned i = 0; i < conf->n_targets; i++) {
        enum kt_status st = kt_courier_open(conf, &conf->targets[i], &o->couriers[i], err);
        if (st != KT_OK)
            return st;
        o->n_couriers++;
    }
    o->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    o->changed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (o->wake_fd < 0 || o->changed_fd < 0)
        return kt_fail_errno(err, "outbox: eventfd");
    o->http = kt_http_new();
    o->arena = kt_arena_new(ARENA);
    int rc = pthread_create(&o->thread, NULL, deliver, o);
    if (rc != 0) {
        errno = rc;
        return kt_fail_errno(err, "outbox: thread");
    }
    o->started = true;
    return KT_OK;
}

enum kt_status kt_outbox_open(const struct kt_outbox_options *opt, struct kt_outbox **ret,
                              struct kt_error *err)
{
    struct kt_outbox *o = kt_alloc(sizeof *o);
    o->o = *opt;
    o->wake_fd = o->changed_fd = -1;
    (void)pthread_mutex_init(&o->lock, NULL);
    enum kt_status st = open_parts(o, err);
    if (st != KT_OK) {
        kt_outbox_close(o);
        return st;
    }
    *ret = o;
    return KT_OK;
}

void kt_outbox_close(struct kt_outbox *o)
{
    if (o == NULL)
        return;
    if (o->started) {
        (void)pthread_mutex_lock(&o->lock);
        o->stop = true;
        (void)pthread_mutex_unlock(&o->lock);
        raise_fd(o->wake_fd);
        (void)pthread_join(o->thread, NULL);
    }
    kt_http_free(o->http);
    for (unsigned i = 0; i < o->n_items; i++)
        item_free(o->items[i]);
    for (unsigned i = 0; i < o->n_given; i++)
        item_free(o->given[i]);
    for (unsigned i = 0; i < o->n_couriers; i++)
        kt_courier_done(&o->couriers[i]);
    kt_free(o->items);
    kt_free(o->given);
    kt_free(o->changed);
    kt_free(o->couriers);
    kt_buf_done(&o->request.body);
    kt_arena_done(&o->arena);
    if (o->wake_fd >= 0)
        (void)close(o->wake_fd);
    if (o->changed_fd >= 0)
        (void)close(o->changed_fd);
    (void)pthread_mutex_destroy(&o->lock);
    kt_free(o);
}

void kt_outbox_give(struct kt_outbox *o, const struct kt_outbox_row *row, struct kt_str alert_json)
{
    kt_time_ns late = row->next_try - wall(o);
    struct kt_courier *c = courier_of(o, row->target);
    (void)pthread_mutex_lock(&o->lock);
    if (c == NULL) { /* its target has left the configuration */
        struct kt_outbox_row dead = *row;
        kt_str_copyz(dead.state, sizeof dead.state, KT_STR("dead"));
        kt_str_copyz(dead.last_error, sizeof dead.last_error,
                     KT_STR("no target of this name is configured"));
        tell(o, &dead);
    } else {
        struct item *it = kt_alloc(sizeof *it);
        it->row = *row;
        it->courier = c;
        it->due = mono(o) + (late > 0 ? late : 0);
        kt_buf_add(&it->json, alert_json);
        o->given = kt_realloc_array(o->given, o->n_given + 1, sizeof(struct item *));
        o->given[o->n_given++] = it;
        o->n_held++;
    }
    (void)pthread_mutex_unlock(&o->lock);
    raise_fd(o->wake_fd);
}

bool kt_outbox_take(struct kt_outbox *o, struct kt_outbox_row *ret)
{
    (void)pthread_mutex_lock(&o->lock);
    bool have = o->changed_at < o->n_changed;
    if (have)
        *ret = o->changed[o->changed_at++];
    if (o->changed_at == o->n_changed) {
        o->changed_at = o->n_changed = 0;
        lower_fd(o->changed_fd);
    }
    (void)pthread_mutex_unlock(&o->lock);
    return have;
}

int kt_outbox_fd(const struct kt_outbox *o)
{
    return o->changed_fd;
}

unsigned kt_outbox_room(struct kt_outbox *o)
{
    (void)pthread_mutex_lock(&o->lock);
    unsigned room = o->n_held < ROWS_MAX ? ROWS_MAX - o->n_held : 0;
    (void)pthread_mutex_unlock(&o->lock);
    return room;
}

unsigned kt_outbox_broken(struct kt_outbox *o, kt_time_ns longer, const char **names, unsigned max)
{
    unsigned n = 0;
    (void)pthread_mutex_lock(&o->lock);
    for (unsigned i = 0; i < o->n_couriers && n < max; i++) {
        const struct kt_courier *c = &o->couriers[i];
        if (c->disabled || (c->open && mono(o) - c->open_since >= longer))
            names[n++] = c->conf->name;
    }
    (void)pthread_mutex_unlock(&o->lock);
    return n;
}

static unsigned waiting_for(const struct kt_outbox *o, const struct kt_courier *c)
{
    unsigned n = 0;
    for (unsigned i = 0; i < o->n_items; i++)
        n += o->items[i]->courier == c;
    for (unsigned i = 0; i < o->n_given; i++)
        n += o->given[i]->courier == c;
    return n;
}

void kt_outbox_status(struct kt_outbox *o, struct kt_buf *out)
{
    (void)pthread_mutex_lock(&o->lock);
    kt_buf_byte(out, '{');
    for (unsigned i = 0; i < o->n_couriers; i++) {
        const struct kt_courier *c = &o->couriers[i];
        if (i > 0)
            kt_buf_byte(out, ',');
        kt_json_quote(out, kt_str_of(c->conf->name));
        kt_buf_addf(out,
                    ":{\"type\":\"%s\",\"circuit\":\"%s\",\"waiting\":%u,\"failures\":%u,"
                    "\"last_code\":%d,\"last_success\":%" PRId64 ",\"last_error\":",
                    c->target->name,
                    c->disabled ? "disabled"
                    : c->open   ? "open"
                                : "closed",
                    waiting_for(o, c), c->failures, c->last_code, c->last_success);
        kt_json_quote(out, kt_str_of(c->last_error));
        kt_buf_byte(out, '}');
    }
    kt_buf_byte(out, '}');
    (void)pthread_mutex_unlock(&o->lock);
}

/* ---- notify test ---- */

struct test_run {
    struct kt_courier courier;
    struct kt_outbox_test *ret;
    struct kt_clock clock;
    bool done;
};

static void test_answered(void *self, struct kt_http_answer *a)
{
    struct test_run *t = self;
    struct kt_target_ruling ruling;
    t->ret->status = a->status;
    t->ret->took = a->took;
    t->ret->verdict = kt_courier_answered(&t->courier, a, t->clock.mono(t->clock.self),
                                          t->clock.wall(t->clock.self), &ruling, t->ret->word);
    t->done = true;
}

static void test_alert(kt_time_ns now, struct kt_buf *json)
{
    struct kt_alert a = { .id = "00000000000000000000000000",
                          .severity = KT_SEV_INFO,
                          .detector = "test",
                          .state = "open",
                          .time = now,
                          .raised = now,
                          .title = KT_STR("Test of this target by `keytrail notify test`."),
                          .normal = KT_STR("Nothing happened: nobody has to do anything."),
                          .source = KT_STR("keytrail"),
                          .test = true };
    kt_alert_write(&a, json);
}

static enum kt_status test_send(struct test_run *t, struct kt_http *http, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(ARENA);
    struct kt_target_request req = { 0 };
    struct kt_http_request r;
    struct kt_outbox_row row = { .row = 1, .alert = "test", .action = "test" };
    kt_time_ns now = t->clock.wall(t->clock.self);
    row.row = now / KT_NS_MS; /* each test is a message of its own */
    test_alert(now, &json);
    enum kt_status st =
        kt_courier_render(&t->courier, &row, kt_buf_str(&json), false, now, &arena, &req, err);
    if (st == KT_OK) {
        kt_courier_request(&t->courier, &req, 1, &r);
        st = kt_http_start(http, &r, err);
    }
    if (st == KT_OK)
        kt_courier_started(&t->courier, 0);
    kt_time_ns until = t->clock.mono(t->clock.self) + TEST_LIMIT;
    while (st == KT_OK && !t->done && t->clock.mono(t->clock.self) < until)
        kt_http_run(http, 1000, -1, test_answered, t);
    kt_buf_done(&req.body);
    if (st == KT_OK && !t->done)
        return kt_fail(err, KT_E_AGAIN, "no answer in time");
    return st;
}

enum kt_status kt_outbox_test(const struct kt_outbox_options *o, const char *target,
                              struct kt_outbox_test *ret, struct kt_error *err)
{
    struct test_run t = { .ret = ret, .clock = o->clock };
    const struct kt_conf_target *conf = NULL;
    for (unsigned i = 0; i < o->conf->n_targets; i++)
        if (strcmp(o->conf->targets[i].name, target) == 0)
            conf = &o->conf->targets[i];
    if (conf == NULL)
        return kt_fail(err, KT_E_CONFIG, "there is no target '%s' in alerts.targets", target);
    enum kt_status st = kt_courier_open(o->conf, conf, &t.courier, err);
    if (st != KT_OK)
        return st;
    struct kt_http *http = kt_http_new();
    st = test_send(&t, http, err);
    kt_http_free(http);
    kt_courier_done(&t.courier);
    return st;
}
