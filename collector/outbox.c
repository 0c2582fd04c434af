/*
 * outbox: delivers rows at least once, each target at its own pace. Here the writer's side.
 *
 * Owns:  a thread, its HTTP connections, copies of the rows it was given, a courier and a queue for
 *        each target.
 * Calls: courier, outbox_thread, outbox_queue, core/sys/http. No store handle.
 * Holds: rows of one alert reach a target in their order; the store's rows are the truth, so what
 *        is lost here with the process is handed over again with the same ids.
 */
#include "collector/outbox_lane.h"
#include "core/base/alloc.h"
#include "core/event/line.h"
#include "core/sys/wake.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ARENA (512u << 10)

static struct kt_lane *lane_of(struct kt_outbox *o, const char *target)
{
    for (unsigned i = 0; i < o->n_lanes; i++)
        if (strcmp(o->lanes[i].courier.conf->name, target) == 0)
            return &o->lanes[i];
    return NULL;
}

void kt_outbox_tell(struct kt_outbox *o, const struct kt_outbox_row *row)
{
    if ((o->n_changed & (o->n_changed - 1)) == 0) /* full at each power of two */
        o->changed = kt_realloc_array(o->changed, o->n_changed == 0 ? 1 : 2 * (size_t)o->n_changed,
                                      sizeof *o->changed);
    o->changed[o->n_changed++] = *row;
    o->told++;
    kt_wake_raise(o->changed_fd);
}

static enum kt_status open_parts(struct kt_outbox *o, struct kt_error *err)
{
    const struct kt_conf *conf = o->o.conf;
    o->lanes = kt_alloc_array(conf->n_targets + 1, sizeof *o->lanes);
    for (unsigned i = 0; i < conf->n_targets; i++) {
        struct kt_lane *l = &o->lanes[i];
        enum kt_status st = kt_courier_open(conf, &conf->targets[i], &l->courier, err);
        if (st != KT_OK)
            return st;
        l->queue.bundles = l->courier.target->for_people;
        o->n_lanes++;
    }
    o->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    o->changed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (o->wake_fd < 0 || o->changed_fd < 0)
        return kt_fail_errno(err, "outbox: eventfd");
    o->http = kt_http_new();
    o->arena = kt_arena_new(ARENA);
    int rc = pthread_create(&o->thread, NULL, kt_outbox_thread, o);
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
        kt_wake_raise(o->wake_fd);
        (void)pthread_join(o->thread, NULL);
    }
    kt_http_free(o->http);
    for (unsigned i = 0; i < o->n_given; i++)
        kt_item_free(o->given[i].item);
    for (unsigned i = 0; i < o->n_lanes; i++) {
        kt_queue_done(&o->lanes[i].queue);
        kt_courier_done(&o->lanes[i].courier);
    }
    kt_free(o->given);
    kt_free(o->changed);
    kt_free(o->lanes);
    kt_buf_done(&o->request.body);
    kt_arena_done(&o->arena);
    if (o->wake_fd >= 0)
        (void)close(o->wake_fd);
    if (o->changed_fd >= 0)
        (void)close(o->changed_fd);
    (void)pthread_mutex_destroy(&o->lock);
    kt_free(o);
}

static void give_up(struct kt_outbox *o, const struct kt_outbox_row *row, const char *why)
{
    struct kt_outbox_row dead = *row;
    kt_str_copyz(dead.state, sizeof dead.state, KT_STR("dead"));
    kt_str_copyz(dead.last_error, sizeof dead.last_error, kt_str_of(why));
    (void)pthread_mutex_lock(&o->lock);
    kt_outbox_tell(o, &dead);
    (void)pthread_mutex_unlock(&o->lock);
}

void kt_outbox_give(struct kt_outbox *o, const struct kt_outbox_row *row, struct kt_str alert_json)
{
    kt_time_ns late = row->next_try - kt_outbox_wall(o);
    struct kt_lane *l = lane_of(o, row->target);
    if (l == NULL) {
        give_up(o, row, "no target of this name is configured");
        return;
    }
    struct kt_item *it = kt_alloc(sizeof *it);
    it->row = *row;
    if (it->row.severity < 0 || it->row.severity >= KT_SEV_COUNT)
        it->row.severity = KT_SEV_INFO;
    it->due = kt_outbox_mono(o) + (late > 0 ? late : 0);
    kt_buf_add(&it->json, alert_json);
    (void)pthread_mutex_lock(&o->lock);
    o->given = kt_realloc_array(o->given, o->n_given + 1, sizeof *o->given);
    o->given[o->n_given++] = (struct kt_given){ l, it };
    l->held[it->row.severity]++;
    l->waiting++;
    (void)pthread_mutex_unlock(&o->lock);
    kt_wake_raise(o->wake_fd);
}

bool kt_outbox_take(struct kt_outbox *o, struct kt_outbox_row *ret)
{
    (void)pthread_mutex_lock(&o->lock);
    bool have = o->changed_at < o->n_changed;
    if (have)
        *ret = o->changed[o->changed_at++];
    if (o->changed_at == o->n_changed) {
        o->changed_at = o->n_changed = 0;
        kt_wake_lower(o->changed_fd);
    }
    (void)pthread_mutex_unlock(&o->lock);
    return have;
}

void kt_outbox_written(struct kt_outbox *o, uint64_t changes)
{
    (void)pthread_mutex_lock(&o->lock);
    o->written += changes;
    (void)pthread_mutex_unlock(&o->lock);
    kt_wake_raise(o->wake_fd);
}

int kt_outbox_fd(const struct kt_outbox *o)
{
    return o->changed_fd;
}

unsigned kt_outbox_room(struct kt_outbox *o, const char *target, int severity)
{
    struct kt_lane *l = lane_of(o, target);
    if (l == NULL || severity < 0 || severity >= KT_SEV_COUNT)
        return KT_OUTBOX_ROOM;
    (void)pthread_mutex_lock(&o->lock);
    unsigned held = l->held[severity];
    (void)pthread_mutex_unlock(&o->lock);
    return held < KT_OUTBOX_ROOM ? KT_OUTBOX_ROOM - held : 0;
}

void kt_outbox_held_back(struct kt_outbox *o, const char *target, uint64_t rows, kt_time_ns oldest)
{
    struct kt_lane *l = lane_of(o, target);
    if (l == NULL)
        return;
    (void)pthread_mutex_lock(&o->lock);
    l->stored = rows;
    l->stored_oldest = oldest;
    (void)pthread_mutex_unlock(&o->lock);
}

bool kt_outbox_revive(struct kt_outbox *o, const char *target)
{
    struct kt_lane *l = lane_of(o, target);
    if (l == NULL)
        return false;
    (void)pthread_mutex_lock(&o->lock);
    l->revive = true;
    (void)pthread_mutex_unlock(&o->lock);
    kt_wake_raise(o->wake_fd);
    return true;
}

unsigned kt_outbox_broken(struct kt_outbox *o, kt_time_ns longer, const char **names, unsigned max)
{
    unsigned n = 0;
    (void)pthread_mutex_lock(&o->lock);
    for (unsigned i = 0; i < o->n_lanes && n < max; i++) {
        const struct kt_courier *c = &o->lanes[i].courier;
        if (c->disabled || (c->open && kt_outbox_mono(o) - c->open_since >= longer))
            names[n++] = c->conf->name;
    }
    (void)pthread_mutex_unlock(&o->lock);
    return n;
}

bool kt_outbox_works(struct kt_outbox *o, const char *target, kt_time_ns since)
{
    const struct kt_lane *l = lane_of(o, target);
    if (l == NULL)
        return true;
    (void)pthread_mutex_lock(&o->lock);
    const struct kt_courier *c = &l->courier;
    bool works = !c->open && !c->disabled && c->last_success >= since;
    (void)pthread_mutex_unlock(&o->lock);
    return works;
}

static void add_lane(const struct kt_lane *l, kt_time_ns now, struct kt_buf *out)
{
    const struct kt_courier *c = &l->courier;
    kt_time_ns oldest = l->oldest == 0 || (l->stored_oldest != 0 && l->stored_oldest < l->oldest)
                            ? l->stored_oldest
                            : l->oldest;
    kt_json_quote(out, kt_str_of(c->conf->name));
    kt_buf_addf(out,
                ":{\"type\":\"%s\",\"circuit\":\"%s\",\"waiting\":%" PRIu64
                ",\"oldest_age_s\":%" PRId64 ",\"sent\":%" PRIu64 ",\"dead\":%" PRIu64
                ",\"retries\":%" PRIu64
                ",\"failures\":%u,\"last_code\":%d,\"last_success\":%" PRId64 ",\"last_error\":",
                c->target->name,
                c->disabled ? "disabled"
                : c->open   ? "open"
                            : "closed",
                l->waiting + l->stored, oldest == 0 || oldest > now ? 0 : (now - oldest) / KT_NS_S,
                l->sent, l->dead, l->retries, c->failures, c->last_code, c->last_success);
    kt_json_quote(out, kt_str_of(c->last_error));
    kt_buf_byte(out, '}');
}

void kt_outbox_status(struct kt_outbox *o, struct kt_buf *out)
{
    (void)pthread_mutex_lock(&o->lock);
    kt_buf_byte(out, '{');
    for (unsigned i = 0; i < o->n_lanes; i++) {
        if (i > 0)
            kt_buf_byte(out, ',');
        add_lane(&o->lanes[i], kt_outbox_wall(o), out);
    }
    kt_buf_byte(out, '}');
    (void)pthread_mutex_unlock(&o->lock);
}
