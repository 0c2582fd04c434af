/*
 * daemon_net: agents' messages in, answers out.
 *
 * Owns:  the numbers of peers, and what a turn takes off the socket.
 * Calls: core/sys/net, auth, ingest, showing, outside.
 * Holds: who is not on the allow-list has no peer's number here; a turn takes messages no longer
 *        than an ack may wait for its group.
 */
#include "collector/daemon.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include <stdio.h>
#include <string.h>

#define DRAIN_TIME (20 * KT_NS_MS) /* an ack waits no longer than this for its group */

static kt_time_ns wall(void)
{
    return kt_clock_real.wall(kt_clock_real.self);
}

static kt_time_ns mono(void)
{
    return kt_clock_real.mono(kt_clock_real.self);
}

/* ZeroMQ makes routing ids of five bytes; a peer's number is the bytes and their count. */
static bool peer_number(const struct kt_net_peer *p, uint64_t *ret)
{
    uint64_t v = p->len;
    if (p->len == 0 || p->len > 7)
        return false;
    for (unsigned i = 0; i < p->len; i++)
        v = v << 8 | p->id[i];
    *ret = v | (uint64_t)p->len << 56;
    return true;
}

static struct kt_net_peer peer_of(uint64_t number)
{
    struct kt_net_peer p = { .len = (uint8_t)(number >> 56) };
    for (unsigned i = p.len; i-- > 0; number >>= 8)
        p.id[i] = (uint8_t)number;
    return p;
}

static bool allow(void *self, const uint8_t public_key[32], char *ret_user_id, size_t n)
{
    const struct kt_daemon *d = self;
    return kt_auth_allow(d->auth, public_key, wall(), ret_user_id, n);
}

void kt_daemon_reply(void *self, uint64_t peer, struct kt_str body)
{
    struct kt_daemon *d = self;
    if (kt_net_server_send(d->server, peer_of(peer), body, NULL) != KT_OK)
        kt_log(KT_LOG_DEBUG, "collector: an answer found no peer");
}

static void other_tree(void *self, struct kt_str agent, const char *sentence)
{
    char text[240];
    (void)snprintf(text, sizeof text,
                   "was cosigned by agent " KT_STR_FMT " as it never was: %.150s",
                   KT_STR_ARG(agent), sentence);
    kt_daemon_note(self, "integrity.contradiction", KT_STR("log"), text, NULL);
}

void kt_daemon_show(struct kt_daemon *d)
{
    struct kt_showing_options o = { .checkpoints = d->checkpoints,
                                    .clock = kt_clock_real,
                                    .reply = kt_daemon_reply,
                                    .alarm = other_tree,
                                    .self = d };
    kt_store_log_id(d->store, o.log_id);
    d->showing = kt_showing_new(&o);
}

void kt_daemon_about_log(void *self, uint64_t peer, const struct kt_agent_entry *e,
                         const struct kt_msg *m)
{
    const struct kt_daemon *d = self;
    kt_showing_heard(d->showing, peer, e, m);
}

static void tell_outside(void *self, const char *code, const char *copy, const char *sentence)
{
    bool log = strcmp(code, "integrity.contradiction") == 0;
    kt_daemon_note(self, code, log ? KT_STR("log") : kt_str_of(copy), sentence, NULL);
}

enum kt_status kt_daemon_outside_open(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_outside_options o = { .conf = d->conf,
                                    .checkpoints = d->checkpoints,
                                    .clock = kt_clock_real,
                                    .rng = kt_rng_real,
                                    .tell = tell_outside,
                                    .self = d };
    kt_store_log_id(d->store, o.log_id);
    return kt_outside_open(&o, &d->outside, err);
}

enum kt_status kt_daemon_net_open(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_key_file file;
    struct kt_net_keys keys;
    struct kt_net_server_options o = {
        .endpoint = d->conf->listen, .keys = &keys, .allow = allow, .self = d
    };
    if (kt_key_file_read(d->conf->key_file, &file, err) != KT_OK)
        return kt_wrap(err, "collector.key_file");
    kt_net_keys_from_secret(file.curve_secret, &keys);
    enum kt_status st = kt_net_server_open(&o, &d->server, err);
    kt_wipe(&file, sizeof file);
    kt_wipe(&keys, sizeof keys);
    return st;
}

enum kt_status kt_daemon_drain(struct kt_daemon *d, bool *ret_any, struct kt_error *err)
{
    kt_time_ns until = mono() + DRAIN_TIME;
    *ret_any = false;
    while (!kt_ingest_full(d->ingest)) {
        struct kt_net_msg m;
        uint64_t peer;
        enum kt_status st = kt_net_server_recv(d->server, &m, err);
        if (st == KT_E_AGAIN)
            break;
        if (st != KT_OK)
            return st;
        *ret_any = true;
        if (m.user_id.len > 0 && peer_number(&m.from, &peer))
            st = kt_ingest_message(d->ingest, peer, m.user_id, m.body, err);
        kt_net_msg_done(&m);
        if (st != KT_OK)
            return st;
        if (mono() > until)
            break;
    }
    return kt_daemon_commit(d, err);
}
