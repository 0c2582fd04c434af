/*
 * agent_main: the daemon around the engine: configuration, keys, ZeroMQ, signals, the status file.
 *
 * Owns:  the process: its lock on the spool, its loop, its exit code.
 * Calls: everything that the agent needs, and the real bodies of core/sys.
 */
#include "agents/agent.h"
#include "agents/alarm.h"
#include "agents/source_file.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/sys/proc.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS_MAX        16u
#define STATUS_EVERY   (2 * KT_NS_S)
#define WATCHDOG_EVERY (5 * KT_NS_S)
#define QUEUE          (2 * KT_INFLIGHT_MAX)
#define PROGRAM        "keytrail-agent " KT_VERSION

enum { EXIT_FINE = 0, EXIT_CONFIG = 3, EXIT_STORE = 4 };

struct daemon {
    struct kt_agent_conf *conf;
    struct kt_key_file key;
    struct kt_net_keys curve;
    struct kt_net_client *net;
    struct kt_net_msg held;       /* borrowed out by wire_recv */
    struct kt_net_client *beside; /* to the collector that is asked; NULL = none is */
    struct kt_net_msg said;       /* borrowed out by wire_answer */
    struct kt_signals signals;
    struct kt_agent *agent;
    struct kt_alarm *alarm; /* NULL: it has no webhook */
    int lock;
    char *status_path;
    kt_time_ns next_status, next_watchdog;
    bool status_failed; /* said already */
};

/* ---- the wire ---- */

static void drop(struct kt_net_client **net, struct kt_net_msg *held)
{
    kt_net_msg_done(held);
    *held = (struct kt_net_msg){ 0 };
    kt_net_client_free(*net);
    *net = NULL;
}

static enum kt_status connect_to(struct daemon *d, enum kt_pair_side side,
                                 struct kt_net_client **ret, struct kt_error *err)
{
    bool standby = side == KT_PAIR_STANDBY;
    const struct kt_net_client_options o = {
        .endpoint = standby ? d->conf->standby : d->conf->endpoint,
        .server_key = standby ? d->conf->standby_key : d->conf->server_key,
        .keys = &d->curve,
        .queue = QUEUE
    };
    return kt_net_client_open(&o, ret, err);
}

static enum kt_status receive(struct kt_net_client *net, struct kt_net_msg *held,
                              struct kt_str *ret_body, struct kt_error *err)
{
    kt_net_msg_done(held);
    *held = (struct kt_net_msg){ 0 };
    if (net == NULL)
        return kt_fail(err, KT_E_AGAIN, "not connected");
    enum kt_status st = kt_net_client_recv(net, held, err);
    if (st == KT_OK)
        *ret_body = held->body;
    return st;
}

static enum kt_status wire_send(void *self, struct kt_str body, struct kt_error *err)
{
    struct daemon *d = self;
    if (d->net == NULL)
        return kt_fail(err, KT_E_AGAIN, "not connected");
    return kt_net_client_send(d->net, body, err);
}

static enum kt_status wire_recv(void *self, struct kt_str *ret_body, struct kt_error *err)
{
    struct daemon *d = self;
    return receive(d->net, &d->held, ret_body, err);
}

static enum kt_status wire_reopen(void *self, enum kt_pair_side to, struct kt_error *err)
{
    struct daemon *d = self;

    drop(&d->net, &d->held);
    return connect_to(d, to, &d->net, err);
}

static enum kt_status wire_ask(void *self, enum kt_pair_side whom, struct kt_str body,
                               struct kt_error *err)
{
    struct daemon *d = self;

    drop(&d->beside, &d->said);
    if (connect_to(d, whom, &d->beside, err) != KT_OK)
        return err->code;
    return kt_net_client_send(d->beside, body, err);
}

static enum kt_status wire_answer(void *self, struct kt_str *ret_body, struct kt_error *err)
{
    struct daemon *d = self;
    return receive(d->beside, &d->said, ret_body, err);
}

static void wire_hush(void *self)
{
    struct daemon *d = self;
    drop(&d->beside, &d->said);
}

/* ---- start and end ---- */

/* One agent a spool. */
static enum kt_status lock_spool(struct daemon *d, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };

    if (mkdir(d->conf->spool_path, 0700) != 0 && errno != EEXIST)
        return kt_fail_errno(err, "make folder '%s'", d->conf->spool_path);
    kt_buf_addf(&path, "%s/lock", d->conf->spool_path);
    d->lock = open(kt_buf_z(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock < 0)
        return kt_fail_errno(err, "open '%s'", path.at);
    if (flock(d->lock, LOCK_EX | LOCK_NB) != 0)
        return kt_fail(err, KT_E_CONFIG, "another agent uses the spool '%s'", d->conf->spool_path);
    return KT_OK;
}

#define URL_MAX (4u << 10)

static enum kt_status open_alarm(struct daemon *d, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf url = { 0 };

    if (d->conf->alarm.url_file == NULL)
        return KT_OK;
    if (kt_fs_read_secret(d->conf->alarm.url_file, URL_MAX, &url, err) != KT_OK)
        return kt_wrap(err, "alarm.url_file");
    const struct kt_alarm_options o = { .url = kt_buf_str(&url),
                                        .ca_file = d->conf->alarm.ca_file,
                                        .proxy = d->conf->alarm.proxy,
                                        .allow_private = d->conf->alarm.allow_private,
                                        .rng = kt_rng_real };
    enum kt_status st = kt_alarm_new(&o, &d->alarm, err);
    kt_wipe(url.at, url.len);
    return st;
}

static enum kt_status open_engine(struct daemon *d, struct kt_error *err)
{
    struct kt_agent_options o = {
        .conf = d->conf,
        .clock = kt_clock_real,
        .rng = kt_rng_real,
        .fs = kt_fs_real,
        .wire = { wire_send, wire_recv, wire_reopen, wire_ask, wire_answer, wire_hush, d },
        .signing_seed = d->key.signing_seed,
        .program = PROGRAM,
    };

    if (d->conf->placeholder != 0)
        return kt_fail(err, KT_E_CONFIG,
                       "%s:%u: collector.public_key is still a placeholder: the collector prints "
                       "its key",
                       d->conf->path, d->conf->placeholder);
    enum kt_status st = kt_key_file_read(d->conf->key_file, &d->key, err);
    if (st != KT_OK)
        return kt_wrap(err, "key_file");
    kt_net_keys_from_secret(d->key.curve_secret, &d->curve);
    st = lock_spool(d, err);
    if (st == KT_OK)
        st = open_alarm(d, err);
    if (d->alarm != NULL)
        o.alarm = (struct kt_agent_alarm){ kt_alarm_tell, d->alarm };
    if (st == KT_OK)
        st = kt_agent_new(&o, &d->agent, err);
    if (st != KT_OK)
        return st;
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    kt_buf_addf(&path, "%s/status.json", d->conf->spool_path);
    d->status_path = kt_str_dup(kt_buf_str(&path));
    return KT_OK;
}

static void close_engine(struct daemon *d)
{
    kt_agent_free(d->agent);
    d->agent = NULL;
    kt_alarm_free(d->alarm);
    d->alarm = NULL;
    drop(&d->net, &d->held);
    drop(&d->beside, &d->said);
    if (d->lock >= 0)
        (void)close(d->lock);
    d->lock = -1;
    kt_free(d->status_path);
    d->status_path = NULL;
    kt_wipe(&d->key, sizeof d->key);
    kt_wipe(&d->curve, sizeof d->curve);
}

/* ---- the loop ---- */

static void write_status(struct daemon *d, kt_time_ns mono)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_error err = { 0 };

    if (mono < d->next_status)
        return;
    d->next_status = mono + STATUS_EVERY;
    kt_agent_status(d->agent, &text);
    bool failed = kt_fs_write_atomic(d->status_path, kt_buf_str(&text), 0640, &err) != KT_OK;
    if (failed && err.sys_errno == ENOSPC) /* just then somebody wants to read it */
        failed = kt_fs_write_over(d->status_path, kt_buf_str(&text), &err) != KT_OK;
    if (failed && !d->status_failed)
        kt_log(KT_LOG_WARN, "agent: status file: %s", err.text);
    d->status_failed = failed;
}

/* Waits for the wire, a file, a signal or the time. */
static void wait_for_something(struct daemon *d, int wait_ms)
{
    int fds[FDS_MAX];
    unsigned n = kt_agent_fds(d->agent, fds, FDS_MAX - 1);
    struct pollfd polls[FDS_MAX];

    fds[n++] = d->signals.fd;
    if (d->net != NULL) {
        if (kt_net_client_wait(d->net, fds, n, wait_ms, NULL) == KT_OK)
            return;
    }
    for (unsigned i = 0; i < n; i++)
        polls[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
    (void)poll(polls, n, wait_ms);
}

/* Types and mappings, which the file only names. */
static enum kt_status check_sources(const struct kt_agent_conf *c, struct kt_error *err)
{
    for (unsigned i = 0; i < c->n_sources; i++) {
        struct kt_source_file file = { 0 };
        const struct kt_node *rest = NULL;
        if (kt_source_file_open(c->sources[i].type, c->sources[i].mapping, &file, err) != KT_OK)
            return kt_wrap(err, "source '%s'", c->sources[i].id);
        enum kt_status st = kt_source_file_options(&file, c->yaml, c->sources[i].node, &rest, err);
        kt_source_file_done(&file);
        if (st != KT_OK)
            return kt_wrap(err, "source '%s'", c->sources[i].id);
    }
    return KT_OK;
}

/* A new configuration takes the place of the old one when it can be read; else the old one stays.
 */
static bool reload(struct daemon *d, const char *path, struct kt_error *err)
{
    struct kt_agent_conf *fresh = NULL;

    d->signals.reload = false;
    kt_sd_notify("RELOADING=1");
    if (kt_agent_conf_load(path, &fresh, err) != KT_OK || check_sources(fresh, err) != KT_OK ||
        kt_agent_check_log_keys(fresh, err) != KT_OK) {
        kt_agent_conf_free(fresh);
        kt_log(KT_LOG_ERROR, "agent: the old configuration stays in force: %s", err->text);
        kt_sd_notify("READY=1");
        return true;
    }
    close_engine(d);
    kt_agent_conf_free(d->conf);
    d->conf = fresh;
    if (open_engine(d, err) != KT_OK)
        return false;
    kt_log(KT_LOG_INFO, "agent: configuration read again sources=%u", d->conf->n_sources);
    kt_sd_notify("READY=1");
    return true;
}

static enum kt_status run(struct daemon *d, const char *path, struct kt_error *err)
{
    int wait_ms = 0;

    while (!d->signals.stop) {
        enum kt_status st = kt_agent_turn(d->agent, &wait_ms, err);
        if (st != KT_OK)
            return st;
        kt_time_ns mono = kt_clock_real.mono(kt_clock_real.self);
        write_status(d, mono);
        if (d->alarm != NULL)
            kt_alarm_turn(d->alarm, mono);
        if (mono >= d->next_watchdog) {
            d->next_watchdog = mono + WATCHDOG_EVERY;
            kt_sd_notify("WATCHDOG=1");
        }
        if (wait_ms > 0)
            wait_for_something(d, wait_ms);
        kt_signals_poll(&d->signals);
        if (d->signals.reload && !reload(d, path, err))
            return err->code;
    }
    return KT_OK;
}

static int exit_code(enum kt_status st)
{
    return st == KT_OK ? EXIT_FINE : st == KT_E_IO || st == KT_E_CORRUPT ? EXIT_STORE : EXIT_CONFIG;
}

int kt_agent_main(const char *config_path)
{
    struct daemon d = { .lock = -1, .signals = { .fd = -1 } };
    struct kt_error err = { 0 };

    kt_hash_init();
    kt_harden();
    enum kt_status st = kt_signals_open(&d.signals, &err);
    if (st == KT_OK)
        st = kt_agent_conf_load(config_path, &d.conf, &err);
    if (st == KT_OK)
        st = open_engine(&d, &err);
    if (st == KT_OK) {
        kt_log(KT_LOG_INFO, "agent: started name='%s' sources=%u collector='%s'", d.conf->agent,
               d.conf->n_sources, d.conf->endpoint);
        kt_sd_notify("READY=1");
        st = run(&d, config_path, &err);
    }
    if (st != KT_OK)
        kt_log(KT_LOG_ERROR, "agent: %s", err.text);
    kt_sd_notify("STOPPING=1");
    close_engine(&d);
    kt_agent_conf_free(d.conf);
    kt_signals_done(&d.signals);
    if (st == KT_OK)
        kt_log(KT_LOG_INFO, "agent: stopped");
    return exit_code(st);
}
