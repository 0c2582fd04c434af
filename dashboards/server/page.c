/*
 * page: the process: configuration, the socket, signals, systemd, and lives of the server.
 *
 * Owns:  what a life is made of; the listening socket and the users' sessions go over into the next
 *        life when the configuration is read again.
 * Calls: server, auth, core/config, core/sys; stderr (log).
 * Holds: the store is only read (THREATS W3); an address that others reach has TLS or a proxy, and
 *        users (W1).
 */
#include "dashboards/server/page.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/config/conf.h"
#include "core/sys/fs.h"
#include "core/sys/proc.h"
#include "core/sys/sandbox.h"
#include "dashboards/server/answers.h"
#include "dashboards/server/door.h"
#include "dashboards/server/server.h"

enum { EXIT_FINE = 0, EXIT_CONFIG = 3, EXIT_STORE = 4, EXIT_UNREACHABLE = 5 };

#define PEM_MAX     (256u << 10)
#define TOKEN_MAX   4096u
#define PROXIES_MAX 64u
#define WATCHDOG    (10 * KT_NS_S)
#define DOOR_FDS    17u

struct who { /* what is asked of users and proxies: the same again keeps the sessions */
    char users_file[4096]; /* "": none */
    struct kt_cidr proxies[PROXIES_MAX];
    unsigned n_proxies;
    bool proxy, tls;
};
struct gate {
    struct who who; /* auth borrows of it */
    struct kt_web_auth *auth;
};
struct life { /* what one configuration makes */
    struct kt_conf *conf;
    const struct kt_conf_dashboard *d;
    struct kt_buf cert, key, token;
    struct gate *gate; /* of the life before, too, while `who` stays the same */
    struct kt_web_server *server;
    struct kt_web_answers *answers; /* NULL: nobody's are taken */
    struct kt_buf address;          /* the page's */
};
struct page {
    const struct kt_page_options *o;
    char program[4096];
    char listen[4096];              /* the address of the socket that is open; "": none is yet */
    int fd;                         /* that socket */
    int answers_fd;                 /* over the lives, as the page's; -1: none */
    struct kt_inbound_heard *heard; /* over the lives, too */
    struct life *now, *next;        /* in force; being made */
    struct kt_web_door *door;       /* over the lives; NULL: a store alone */
};

static kt_time_ns mono(void)
{
    return kt_clock_real.mono(kt_clock_real.self);
}

/* ---- a life ---- */

static void forget(struct kt_buf *secret)
{
    if (secret->at != NULL)
        kt_wipe(secret->at, secret->cap);
    kt_buf_done(secret);
}

/* keep: the life that goes on, with what it has of this one; NULL: none does. */
static void end_life(struct life *l, const struct life *keep)
{
    if (l == NULL)
        return;
    kt_web_answers_close(l->answers);
    kt_web_server_free(l->server);
    if (l->gate != NULL && (keep == NULL || keep->gate != l->gate)) {
        kt_web_auth_close(l->gate->auth);
        kt_free(l->gate);
    }
    kt_buf_done(&l->address);
    kt_buf_done(&l->cert);
    forget(&l->key);
    forget(&l->token);
    kt_conf_free(l->conf);
    kt_free(l);
}

static enum kt_status read_conf(const struct page *p, struct kt_conf **ret, struct kt_error *err)
{
    struct kt_conf *conf = NULL;
    if (p->o->config == NULL)
        conf = kt_conf_defaults();
    else if (kt_conf_load(p->o->config, &conf, err) != KT_OK)
        return err->code;
    if (p->o->listen != NULL)
        conf->dashboard.listen = p->o->listen;
    if (p->listen[0] != '\0' && strcmp(conf->dashboard.listen, p->listen) != 0)
        kt_log(KT_LOG_WARN, "dashboard: another address needs a restart listen='%s'",
               conf->dashboard.listen);
    if (p->listen[0] != '\0') /* what is checked (W1) is who reaches the socket that is open */
        conf->dashboard.listen = p->listen;
    enum kt_status status = kt_conf_dashboard_check(conf, err);
    if (status == KT_OK && conf->dashboard.proxies.n > PROXIES_MAX)
        status = kt_fail(err, KT_E_CONFIG, "dashboard.proxies: at most %u networks", PROXIES_MAX);
    if (status == KT_OK && p->o->config != NULL)
        status = kt_page_check_user(conf, err);
    if (status != KT_OK) {
        kt_conf_free(conf);
        return status;
    }
    *ret = conf;
    return KT_OK;
}

static enum kt_status read_files(struct life *l, struct kt_error *err)
{
    const struct kt_conf_dashboard *d = l->d;
    if (d->cert_file != NULL &&
        (kt_fs_read_all(d->cert_file, PEM_MAX, &l->cert, err) != KT_OK ||
         kt_fs_read_secret(d->tls_key_file, PEM_MAX, &l->key, err) != KT_OK))
        return kt_wrap(err, "dashboard");
    if (d->metrics_token_file != NULL &&
        kt_fs_read_secret(d->metrics_token_file, TOKEN_MAX, &l->token, err) != KT_OK)
        return kt_wrap(err, "dashboard.metrics_token_file");
    return KT_OK;
}

static enum kt_status who_of(const struct life *l, struct who *ret, struct kt_error *err)
{
    *ret = (struct who){ .proxy = l->d->proxy_header != NULL, .tls = l->cert.len > 0 };
    kt_str_copyz(ret->users_file, sizeof ret->users_file, kt_str_of(l->d->users_file));
    for (unsigned i = 0; i < l->d->proxies.n; i++)
        if (kt_cidr_parse(kt_str_of(l->d->proxies.at[i]), &ret->proxies[ret->n_proxies++], err) !=
            KT_OK)
            return kt_wrap(err, "dashboard.proxies");
    return KT_OK;
}

static bool same_who(const struct who *a, const struct who *b)
{
    bool same = strcmp(a->users_file, b->users_file) == 0 && a->proxy == b->proxy &&
                a->tls == b->tls && a->n_proxies == b->n_proxies;
    for (unsigned i = 0; same && i < a->n_proxies; i++)
        same = kt_ip_eq(a->proxies[i].ip, b->proxies[i].ip) &&
               a->proxies[i].bits == b->proxies[i].bits;
    return same;
}

/* The sessions of the life before go on, unless users and proxies are others. */
static enum kt_status open_gate(const struct page *p, struct life *l, struct kt_error *err)
{
    struct gate *g = kt_alloc(sizeof *g);
    enum kt_status status = who_of(l, &g->who, err);
    if (status == KT_OK && p->now != NULL && same_who(&p->now->gate->who, &g->who)) {
        l->gate = p->now->gate;
        kt_free(g);
        return KT_OK;
    }
    const struct kt_web_auth_options ao = { .users_file = g->who.users_file[0] != '\0'
                                                              ? g->who.users_file
                                                              : NULL,
                                            .proxy = g->who.proxy,
                                            .proxies = g->who.proxies,
                                            .n_proxies = g->who.n_proxies,
                                            .rng = &kt_rng_real,
                                            .tls = g->who.tls };
    if (status == KT_OK)
        status = kt_web_auth_open(&ao, kt_clock_real.wall(kt_clock_real.self), &g->auth, err);
    if (status == KT_OK)
        l->gate = g;
    else
        kt_free(g);
    return status;
}

/* A store alone has no socket to ask at: its link is printed where it was started. */
static enum kt_status open_door(struct page *p, struct life *l, struct kt_error *err)
{
    KT_CLEANUP(forget) struct kt_buf url = { 0 };
    kt_web_address(p->fd, l->cert.len > 0, &l->address);
    const struct kt_web_door_options o = { .path = l->d->control,
                                           .address = kt_buf_z(&l->address),
                                           .hosts = &l->d->hosts,
                                           .auth = l->gate->auth,
                                           .clock = &kt_clock_real };
    if (p->o->config != NULL && p->door == NULL)
        return kt_web_door_open(&o, &p->door, err);
    if (p->door != NULL) {
        kt_web_door_leads_to(p->door, &o);
        return KT_OK;
    }
    if (kt_web_door_link(&o, KT_STR("owner"), NULL, &url, err) != KT_OK)
        return err->code;
    fprintf(stderr, "open (once, within 10 minutes): %s\n", kt_buf_z(&url));
    return KT_OK;
}

/* All of p->next but its configuration, beside the life that is in force. */
static enum kt_status begin(struct page *p, struct kt_error *err)
{
    struct life *l = p->next;
    if (read_files(l, err) != KT_OK || open_gate(p, l, err) != KT_OK)
        return err->code;
    bool alone = p->o->config == NULL;
    const struct kt_web_options so = {
        .conf = alone ? NULL : l->conf,
        .config = p->o->config,
        .store = alone ? p->o->db : l->conf->store_path,
        .control = alone ? NULL : l->conf->control,
        .program = p->program,
        .reports = l->d->reports_dir,
        .assets = p->o->assets,
        .listen_fd = p->fd,
        .hosts = &l->d->hosts,
        .cert = l->cert.len > 0 ? kt_buf_z(&l->cert) : NULL,
        .key = l->key.len > 0 ? kt_buf_z(&l->key) : NULL,
        .proxy_header = l->d->proxy_header,
        .proxies = l->gate->who.proxies,
        .n_proxies = l->gate->who.n_proxies,
        .metrics_token = kt_str_trim(kt_buf_str(&l->token)),
        .auth = l->gate->auth,
        .clock = &kt_clock_real,
    };
    if (kt_web_server_open(&so, &l->server, err) != KT_OK)
        return err->code;
    if (open_door(p, l, err) != KT_OK)
        return err->code;
    return p->answers_fd < 0 ? KT_OK
                             : kt_web_answers_open(&l->d->answers, p->answers_fd, l->conf->control,
                                                   p->heard, &kt_clock_real, &l->answers, err);
}

static void swap(struct page *p)
{
    struct life *before = p->now;
    p->now = p->next;
    p->next = NULL;
    end_life(before, p->now);
}

static enum kt_status take_conf(struct page *p, struct kt_error *err)
{
    p->next = kt_alloc(sizeof *p->next);
    if (read_conf(p, &p->next->conf, err) != KT_OK)
        return err->code;
    p->next->d = &p->next->conf->dashboard;
    return KT_OK;
}

static void say_start(struct page *p)
{
    kt_log(KT_LOG_INFO, "dashboard: listening at='%s' store='%s' collector='%s'",
           kt_buf_z(&p->now->address), p->o->config == NULL ? p->o->db : p->now->conf->store_path,
           p->o->config == NULL ? "none" : p->now->conf->control);
    kt_sd_notify("READY=1");
    if (p->o->ready_fd >= 0)
        (void)dprintf(p->o->ready_fd, "%s\n", kt_buf_z(&p->now->address));
}

static void live(struct page *p, struct kt_signals *signals)
{
    kt_time_ns next = 0;
    while (!signals->stop && !signals->reload) {
        int door[DOOR_FDS];
        unsigned n = kt_web_door_fds(p->door, door, DOOR_FDS);
        struct pollfd fds[2 + DOOR_FDS] = { { .fd = signals->fd, .events = POLLIN },
                                            { .fd = kt_web_server_fd(p->now->server),
                                              .events = POLLIN } };
        for (unsigned i = 0; i < n; i++)
            fds[2 + i] = (struct pollfd){ .fd = door[i], .events = POLLIN };
        (void)poll(fds, 2 + n, kt_web_server_wait_ms(p->now->server));
        kt_signals_poll(signals);
        kt_web_door_turn(p->door);
        kt_web_server_turn(p->now->server);
        kt_web_answers_turn(p->now->answers);
        if (mono() >= next) {
            kt_sd_notify("WATCHDOG=1");
            next = mono() + WATCHDOG;
        }
    }
}

/* ---- the process ---- */

static int exit_code(const struct page *p, const struct kt_error *err)
{
    const struct life *l = p->next;
    if (err->code == KT_E_CONFIG || l == NULL || l->conf == NULL || l->gate == NULL)
        return EXIT_CONFIG;
    return err->code == KT_E_AGAIN || err->code == KT_E_CORRUPT ? EXIT_STORE : EXIT_UNREACHABLE;
}

static bool same_path(const char *a, const char *b)
{
    return kt_str_eq(kt_str_of(a), kt_str_of(b));
}

/* Where the page may write was settled when it started, for good (give_up_writing). */
static enum kt_status needs_no_restart(const struct page *p, struct kt_error *err)
{
    const struct kt_conf_dashboard *now = p->now->d, *next = p->next->d;
    const char *what = !same_path(now->reports_dir, next->reports_dir) ? "reports_dir"
                       : !same_path(now->control, next->control)       ? "control"
                                                                       : NULL;
    return what == NULL ? KT_OK
                        : kt_fail(err, KT_E_CONFIG,
                                  "another dashboard.%s needs a restart of the page", what);
}

/* What cannot be used, the file or any that it names, leaves the old one in force, as in the
 * collector. */
static void reload(struct page *p)
{
    struct kt_error why = { 0 };
    kt_sd_notify("RELOADING=1");
    if (take_conf(p, &why) == KT_OK && needs_no_restart(p, &why) == KT_OK &&
        begin(p, &why) == KT_OK) {
        swap(p);
        return;
    }
    kt_log(KT_LOG_ERROR, "dashboard: reload refused, the old configuration stays: %s", why.text);
    end_life(p->next, p->now);
    p->next = NULL;
}

/* The folder that a socket lies in. */
static const char *folder_of(const char *path, char ret[4096])
{
    struct kt_str s = kt_str_of(path);
    ptrdiff_t slash = kt_str_rfind_byte(s, '/');
    kt_str_copyz(ret, 4096, slash > 0 ? kt_str_sub(s, 0, (size_t)slash) : KT_STR("/"));
    return ret;
}

/* The page changes no file but its packages and its sockets, whatever is wrong with it: the store
 * least of all. Before any thread. */
static enum kt_status give_up_writing(const struct page *p, struct kt_error *err)
{
    const struct kt_conf_dashboard *d = p->next->d;
    char listen[4096], door[4096], answers[4096];
    const struct kt_str path = KT_STR("unix:");
    bool local = kt_str_starts(kt_str_of(d->listen), path);
    bool near = p->answers_fd >= 0 && kt_web_is_unix(p->answers_fd);
    const struct kt_sandbox_folder folders[] = {
        { d->reports_dir, false },
        { local ? folder_of(d->listen + path.len, listen) : NULL, true },
        { p->o->config != NULL ? folder_of(d->control, door) : NULL, true },
        { near ? folder_of(d->answers.listen + path.len, answers) : NULL, true },
    };
    enum kt_status status = kt_sandbox_write_below(folders, KT_ARRAY_LEN(folders), err);
    if (status != KT_E_AGAIN)
        return status;
    kt_log(KT_LOG_INFO, "dashboard: %s: that the store is only read rests on the modes of files",
           err->text);
    *err = (struct kt_error){ 0 };
    return KT_OK;
}

static enum kt_status listen_for_answers(struct page *p, struct kt_error *err)
{
    const char *at = p->next->d->answers.listen;
    if (p->o->config == NULL || at == NULL)
        return KT_OK;
    return kt_web_listen(at, &p->answers_fd, err) == KT_OK ? KT_OK
                                                           : kt_wrap(err, "dashboard.answers");
}

static enum kt_status run(struct page *p, struct kt_signals *signals, struct kt_error *err)
{
    if (kt_signals_open(signals, err) != KT_OK || /* before any thread, which inherits the mask */
        kt_self_path(p->program, sizeof p->program, err) != KT_OK || take_conf(p, err) != KT_OK ||
        kt_web_listen(p->next->d->listen, &p->fd, err) != KT_OK)
        return err->code;
    kt_str_copyz(p->listen, sizeof p->listen, kt_str_of(p->next->d->listen));
    if (listen_for_answers(p, err) != KT_OK || give_up_writing(p, err) != KT_OK ||
        begin(p, err) != KT_OK)
        return err->code;
    swap(p);
    say_start(p);
    for (live(p, signals); !signals->stop; live(p, signals)) {
        signals->reload = false;
        reload(p);
        kt_sd_notify("READY=1");
    }
    kt_sd_notify("STOPPING=1");
    return KT_OK;
}

int kt_page_main(const struct kt_page_options *o)
{
    struct kt_signals signals = { .fd = -1 };
    struct kt_error err = { 0 };
    struct page *p = kt_alloc(sizeof *p);
    p->o = o;
    p->fd = p->answers_fd = -1;
    p->heard = kt_inbound_heard_new();
    kt_harden();
    enum kt_status status = run(p, &signals, &err);
    int code = status == KT_OK ? EXIT_FINE : exit_code(p, &err);
    if (status != KT_OK)
        kt_log(KT_LOG_ERROR, "dashboard: %s", err.text);
    if (p->fd >= 0)
        kt_web_unlisten(p->fd);
    kt_web_door_close(p->door);
    end_life(p->next, p->now);
    end_life(p->now, NULL);
    if (p->answers_fd >= 0)
        kt_web_unlisten(p->answers_fd);
    kt_inbound_heard_free(p->heard);
    if (status == KT_OK)
        kt_log(KT_LOG_INFO, "dashboard: stopped");
    kt_signals_done(&signals);
    kt_free(p);
    return code;
}
