/*
 * syslog: messages of syslog daemons and of programs that speak syslog themselves.
 *
 * Owns:  one listener, one pipeline, the half messages of its connections. Time comes in.
 * Calls: core, listen, syslog_message.
 * Holds: a writer never waits: bytes are read at once; when there is no room a connection is closed
 *        and a datagram dropped, and both are said. A source gets whole messages, so that it does
 *        not matter on which connection they came. There is no position: what was read and not yet
 *        in the spool is gone after a crash.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agents/input.h"
#include "agents/inputs/counts.h"
#include "agents/inputs/listen.h"
#include "agents/inputs/syslog_message.h"
#include "core/base/alloc.h"

#define SAID_NS (10 * KT_NS_MIN)

struct options {
    const char *listen, *record;
    struct kt_strings allow;
    uint64_t room, connections;
};
#define AT(field) offsetof(struct options, field)
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "listen", KT_OPT_STRING, NULL, AT(listen),
      "unix:///path, unix-dgram:///path, tcp://127.0.0.1:port or udp://127.0.0.1:port", false,
      false },
    { "record", KT_OPT_STRING, "message", AT(record),
      "message: what stands behind the head; object: all of it, as JSON", false, false },
    { "allow", KT_OPT_LIST, "", AT(allow), "addresses and networks that may write", false, false },
    { "room", KT_OPT_SIZE, "32MiB", AT(room), "bytes that may wait for the spool", false, false },
    { "connections", KT_OPT_UINT, "16", AT(connections), "at once", false, false },
    KT_OPTIONS_END,
};
#undef AT

struct kt_input {
    struct kt_listen *listen;
    struct kt_pipeline *pipeline;
    char *address;
    bool object; /* a record is the whole message */
    struct kt_syslog_frames frames[KT_LISTEN_CONNECTIONS];
    struct kt_buf line; /* the record at hand */
    kt_time_ns now;
    uint64_t bytes, given, messages, headless;
    uint64_t missing; /* closed, dropped, lost: at the last look */
    kt_time_ns missing_at;
};

/* ---- life ---- */

static enum kt_status check(const struct options *o, bool *ret_object, struct kt_error *err)
{
    *ret_object = strcmp(o->record, "object") == 0;
    if (!*ret_object && strcmp(o->record, "message") != 0)
        return kt_fail(err, KT_E_CONFIG, "record: '%s' is none: write message or object",
                       o->record);
    if (o->room < 1u << 20 || o->connections == 0)
        return kt_fail(err, KT_E_CONFIG, "room must be at least 1MiB, connections 1");
    return KT_OK;
}

static enum kt_status open_syslog(const struct kt_input_env *env, struct kt_input **ret,
                                  struct kt_error *err)
{
    struct options o = { 0 };
    struct kt_cidr allow[KT_LISTEN_ALLOW];
    struct kt_listen *listen = NULL;
    bool object = false;
    if (env->yaml == NULL || env->conf->node == NULL)
        return kt_fail(err, KT_E_CONFIG, "syslog: 'listen' is missing");
    if (kt_options_fill(env->yaml, env->conf->node, options, &o, err) != KT_OK ||
        check(&o, &object, err) != KT_OK || kt_listen_allow(&o.allow, allow, err) != KT_OK)
        return kt_wrap(err, "syslog");
    const struct kt_listen_options lo = {
        .address = o.listen,
        .datagrams = true,
        .mode = 0660,
        .allow = allow,
        .n_allow = o.allow.n,
        .room = (size_t)o.room,
        .connections =
            o.connections < KT_LISTEN_CONNECTIONS ? (unsigned)o.connections : KT_LISTEN_CONNECTIONS,
    };
    if (kt_listen_open(&lo, &listen, err) != KT_OK)
        return kt_wrap(err, "syslog");
    struct kt_input *in = kt_alloc(sizeof *in);
    in->listen = listen;
    in->object = object;
    in->address = kt_strdup(o.listen);
    in->pipeline = env->pipeline(env->self);
    kt_pipeline_restart(in->pipeline, 0);
    *ret = in;
    return KT_OK;
}

static void close_syslog(struct kt_input *in)
{
    kt_listen_free(in->listen);
    kt_pipeline_free(in->pipeline);
    for (unsigned i = 0; i < KT_LISTEN_CONNECTIONS; i++)
        kt_syslog_frames_done(&in->frames[i]);
    kt_buf_done(&in->line);
    kt_free(in->address);
    kt_free(in);
}

/* ---- reading ---- */

/* A counted message may hold newlines, between the parts of a JSON text for example. */
static void add_text(struct kt_buf *line, struct kt_str text)
{
    size_t from = line->len;
    kt_buf_add(line, text);
    for (size_t i = from; i < line->len; i++)
        if (line->at[i] == '\n')
            line->at[i] = ' ';
}

static enum kt_status on_message(void *self, struct kt_str message, struct kt_error *err)
{
    struct kt_input *in = self;
    const struct kt_syslog m = kt_syslog_parse(message);
    kt_buf_reset(&in->line);
    if (in->object)
        kt_syslog_object(&m, &in->line);
    else
        add_text(&in->line, m.text);
    kt_buf_byte(&in->line, '\n');
    in->messages++;
    in->headless += !m.head;
    enum kt_status st = kt_pipeline_feed(in->pipeline, kt_buf_str(&in->line), in->given,
                                         kt_str_of(in->address), in->now, err);
    in->given += in->line.len;
    return st;
}

static enum kt_status give(struct kt_input *in, const struct kt_listen_piece *p,
                           struct kt_error *err)
{
    struct kt_syslog_frames *f = &in->frames[p->connection];
    in->bytes += p->bytes.len;
    enum kt_status st = kt_syslog_frames_feed(f, kt_buf_str(&p->bytes), on_message, in, err);
    if (st == KT_OK && p->ended)
        st = kt_syslog_frames_end(f, on_message, in, err);
    return st;
}

static void look_at_missing(struct kt_input *in, kt_time_ns now)
{
    struct kt_listen_counts c = kt_listen_counts(in->listen);
    if (c.shed + c.lost != in->missing)
        in->missing_at = now;
    in->missing = c.shed + c.lost;
    if (in->missing_at != 0 && now - in->missing_at > SAID_NS)
        in->missing_at = 0;
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    struct kt_listen_piece p;
    size_t taken = 0;
    *ret_more = false;
    in->now = now;
    look_at_missing(in, now);
    if (budget == 0)
        return KT_OK;
    while (taken < budget && kt_listen_take(in->listen, &p)) {
        taken += p.bytes.len + 1;
        enum kt_status st = give(in, &p, err);
        kt_buf_done(&p.bytes);
        if (st != KT_OK)
            return kt_wrap(err, "syslog");
    }
    *ret_more = taken >= budget;
    return kt_pipeline_expire(in->pipeline, now, false, err);
}

static enum kt_status stop(struct kt_input *in, kt_time_ns now, struct kt_error *err)
{
    bool more;
    kt_listen_stop(in->listen);
    if (step(in, now, SIZE_MAX, &more, err) != KT_OK)
        return kt_wrap(err, "stop");
    return kt_pipeline_expire(in->pipeline, now, true, err);
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
    ret->lost = ret->broken = c.shed + c.lost;
    (void)snprintf(ret->position, sizeof ret->position,
                   "%.80s: %llu messages, %llu without a head, %llu refused", in->address,
                   (unsigned long long)in->messages, (unsigned long long)in->headless,
                   (unsigned long long)c.refused);
    if (in->missing_at == 0)
        return;
    if (c.shed > 0)
        (void)snprintf(ret->problem, sizeof ret->problem,
                       "nothing more fits: %llu connections or datagrams were dropped so far, and "
                       "their records are missing; see why the spool is full, or raise room",
                       (unsigned long long)c.shed);
    else
        (void)snprintf(ret->problem, sizeof ret->problem,
                       "the kernel dropped %llu datagrams so far, their records are missing: let "
                       "the sender use tcp, or raise net.core.rmem_max",
                       (unsigned long long)c.lost);
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    kt_counts_add(ret, kt_pipeline_counts(in->pipeline));
}

const struct kt_input_type kt_input_syslog = {
    .name = "syslog",
    .summary = "Messages of syslog daemons, over UDP, TCP and unix sockets",
    .options = options,
    .open = open_syslog,
    .step = step,
    .fd = fd,
    .status = status,
    .counts = counts,
    .stop = stop,
    .close = close_syslog,
};
