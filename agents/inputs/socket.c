/*
 * socket: records that somebody writes to us: Vault's socket device, a syslog daemon that forwards.
 *
 * Owns:  one listener and a pipeline a place of it. Time comes in with each step.
 * Calls: core, listen.
 * Holds: a writer never waits: bytes are read at once, and when there is no room the connection is
 *        closed. What a connection left half-written is counted as torn; a request on one
 *        connection finds its response on the next. There is no position: what was read and not
 *        yet in the spool is gone after a crash.
 */
#include "agents/input.h"
#include "agents/inputs/counts.h"
#include "agents/inputs/listen.h"
#include "core/base/alloc.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define SAID_NS (10 * KT_NS_MIN)

struct options {
    const char *listen;
    struct kt_strings allow;
    uint64_t room, connections;
};
#define AT(field) offsetof(struct options, field)
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "listen", KT_OPT_STRING, NULL, AT(listen), "unix:///path or tcp://127.0.0.1:port", false,
      false },
    { "allow", KT_OPT_LIST, "", AT(allow), "addresses and networks that may write over tcp", false,
      false },
    { "room", KT_OPT_SIZE, "32MiB", AT(room), "bytes that may wait for the spool", false, false },
    { "connections", KT_OPT_UINT, "16", AT(connections), "at once", false, false },
    KT_OPTIONS_END,
};
#undef AT

struct place {
    struct kt_pipeline *pipeline; /* NULL until used first */
    uint64_t offset;
};
struct kt_input {
    struct kt_input_env env;
    struct kt_listen *listen;
    char *address;
    struct place place[KT_LISTEN_CONNECTIONS];
    uint64_t bytes, shed;
    kt_time_ns shed_at;
};

static enum kt_status open_socket(const struct kt_input_env *env, struct kt_input **ret,
                                  struct kt_error *err)
{
    struct options o = { 0 };
    struct kt_cidr allow[KT_LISTEN_ALLOW];
    struct kt_listen *listen = NULL;
    if (env->yaml == NULL || env->conf->node == NULL)
        return kt_fail(err, KT_E_CONFIG, "socket: 'listen' is missing");
    if (kt_options_fill(env->yaml, env->conf->node, options, &o, err) != KT_OK ||
        kt_listen_allow(&o.allow, allow, err) != KT_OK)
        return kt_wrap(err, "socket");
    const struct kt_listen_options lo = {
        .address = o.listen,
        .mode = 0660,
        .allow = allow,
        .n_allow = o.allow.n,
        .room = (size_t)o.room,
        .connections =
            o.connections < KT_LISTEN_CONNECTIONS ? (unsigned)o.connections : KT_LISTEN_CONNECTIONS,
    };
    if (o.room < 1u << 20 || o.connections == 0)
        return kt_fail(err, KT_E_CONFIG, "socket: room must be at least 1MiB, connections 1");
    if (kt_listen_open(&lo, &listen, err) != KT_OK)
        return kt_wrap(err, "socket");
    struct kt_input *in = kt_alloc(sizeof *in);
    in->env = *env;
    in->listen = listen;
    in->address = kt_strdup(o.listen);
    *ret = in;
    return KT_OK;
}

static void close_socket(struct kt_input *in)
{
    kt_listen_free(in->listen);
    for (unsigned i = 0; i < KT_LISTEN_CONNECTIONS; i++)
        kt_pipeline_free(in->place[i].pipeline);
    kt_free(in->address);
    kt_free(in);
}

/* ---- reading ---- */

static enum kt_status give(struct kt_input *in, const struct kt_listen_piece *p, kt_time_ns now,
                           struct kt_error *err)
{
    struct place *at = &in->place[p->connection];
    if (at->pipeline == NULL) {
        at->pipeline = in->env.pipeline(in->env.self);
        kt_pipeline_restart(at->pipeline, 0);
    }
    enum kt_status st = kt_pipeline_feed(at->pipeline, kt_buf_str(&p->bytes), at->offset,
                                         kt_str_of(in->address), now, err);
    at->offset += p->bytes.len;
    in->bytes += p->bytes.len;
    if (st != KT_OK || !p->ended)
        return st;
    st = kt_pipeline_end(at->pipeline, now, err);
    kt_pipeline_restart(at->pipeline, 0); /* halves that wait are kept for the next connection */
    at->offset = 0;
    return st;
}

static enum kt_status expire(struct kt_input *in, kt_time_ns now, bool all, struct kt_error *err)
{
    for (unsigned i = 0; i < KT_LISTEN_CONNECTIONS; i++)
        if (in->place[i].pipeline != NULL &&
            kt_pipeline_expire(in->place[i].pipeline, now, all, err) != KT_OK)
            return kt_wrap(err, "socket");
    return KT_OK;
}

static void look_at_shed(struct kt_input *in, kt_time_ns now)
{
    uint64_t shed = kt_listen_counts(in->listen).shed;
    if (shed != in->shed)
        in->shed_at = now;
    in->shed = shed;
    if (in->shed_at != 0 && now - in->shed_at > SAID_NS)
        in->shed_at = 0;
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    struct kt_listen_piece p;
    size_t taken = 0;
    *ret_more = false;
    look_at_shed(in, now);
    if (budget == 0)
        return KT_OK;
    while (taken < budget && kt_listen_take(in->listen, &p)) {
        taken += p.bytes.len;
        enum kt_status st = give(in, &p, now, err);
        kt_buf_done(&p.bytes);
        if (st != KT_OK)
            return kt_wrap(err, "socket");
    }
    *ret_more = taken >= budget;
    return expire(in, now, false, err);
}

static enum kt_status stop(struct kt_input *in, kt_time_ns now, struct kt_error *err)
{
    bool more;
    kt_listen_stop(in->listen);
    if (step(in, now, SIZE_MAX, &more, err) != KT_OK)
        return kt_wrap(err, "stop");
    return expire(in, now, true, err);
}

static int fd(struct kt_input *in)
{
    return kt_listen_fd(in->listen);
}

/* ---- saying it ---- */

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    struct kt_listen_counts c = kt_listen_counts(in->listen);
    ret->bytes = in->bytes;
    ret->lag_bytes = c.waiting;
    ret->files = c.open;
    ret->lost = ret->broken = c.shed;
    (void)snprintf(ret->position, sizeof ret->position,
                   "%.100s: %u connected, %llu accepted, %llu refused", in->address, c.open,
                   (unsigned long long)c.accepted, (unsigned long long)c.refused);
    if (in->shed_at != 0)
        (void)snprintf(ret->problem, sizeof ret->problem,
                       "connections were closed because nothing more fits (%llu so far): records "
                       "are missing here; keep a file device beside it",
                       (unsigned long long)c.shed);
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    for (unsigned i = 0; i < KT_LISTEN_CONNECTIONS; i++)
        if (in->place[i].pipeline != NULL)
            kt_counts_add(ret, kt_pipeline_counts(in->place[i].pipeline));
}

const struct kt_input_type kt_input_socket = {
    .name = "socket",
    .summary = "Records that somebody writes to a unix or TCP socket",
    .options = options,
    .open = open_socket,
    .step = step,
    .fd = fd,
    .status = status,
    .counts = counts,
    .listens = true,
    .stop = stop,
    .close = close_socket,
};
