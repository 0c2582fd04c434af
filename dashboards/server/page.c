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
struct page {
    const struct kt_page_options *o;
    char program[4096];
    struct who who;
    struct kt_web_auth *auth; /* over the lives, while `who` stays the same */
    /* of one life */
    struct kt_conf *conf;
    const struct kt_conf_dashboard *d;
    struct kt_buf cert, key, token;
    struct kt_web_server *server;
    struct kt_web_door *door;       /* NULL: a store alone */
    struct kt_web_answers *answers; /* NULL: nobody's are taken */
    int answers_fd;                 /* over the lives, as the page's; -1: none */
    struct kt_inbound_heard *heard; /* over the lives, too */
    struct kt_buf address;          /* the page's */
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

static void end_life(struct page *p)
{
    kt_web_answers_close(p->answers);
    p->answers = NULL;
    kt_web_door_close(p->door);
    p->door = NULL;
    kt_web_server_free(p->server);
    p->server = NULL;
    kt_buf_done(&p->address);
    kt_buf_done(&p->cert);
    forget(&p->key);
    forget(&p->token);
    kt_conf_free(p->conf);
    p->conf = NULL;
    p->d = NULL;
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
    enum kt_status status = kt_conf_dashboard_check(conf, err);
    if (status == KT_OK && conf->dashboard.proxies.n > PROXIES_MAX)
        status = kt_fail(err, KT_E_CONFIG, "dashboard.proxies: at most %u networks", PROXIES_MAX);
    if (status != KT_OK) {
        kt_conf_free(conf);
        return status;
    }
    *ret = conf;
    return KT_OK;
}

static enum kt_status read_files(struct page *p, struct kt_error *err)
{
    const struct kt_conf_dashboard *d = p->d;
    if (d->cert_file != NULL &&
        (kt_fs_read_all(d->cert_file, PEM_MAX, &p->cert, err) != KT_OK ||
         kt_fs_read_secret(d->tls_key_file, PEM_MAX, &p->key, err) != KT_OK))
        return kt_wrap(err, "dashboard");
    if (d->metrics_token_file != NULL &&
        kt_fs_read_secret(d->metrics_token_file, TOKEN_MAX, &p->token, err) != KT_OK)
        return kt_wrap(err, "dashboard.metrics_token_file");
    return KT_OK;
}

static enum kt_status who_of(const struct page *p, struct who *ret, struct kt_error *err)
{
    *ret = (struct who){ .proxy = p->d->proxy_header != NULL, .tls = p->cert.len > 0 };
    kt_str_copyz(ret->users_file, sizeof ret->users_file, kt_str_of(p->d->users_file));
    for (unsigned i = 0; i < p->d->proxies.n; i++)
        if (kt_cidr_parse(kt_str_of(p->d->proxies.at[i]), &ret->proxies[ret->n_proxies++], err) !=
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

static enum kt_status open_auth(struct page *p, struct kt_error *err)
{
    struct who next;
    if (who_of(p, &next, err) != KT_OK)
        return err->code;
    if (p->auth != NULL && same_who(&p->who, &next))
        return KT_OK;
    kt_web_auth_close(p->auth);
    p->auth = NULL;
    p->who = next;
    const struct kt_web_auth_options ao = { .users_file = p->who.users_file[0] != '\0'
                                                              ? p->who.users_file
                                                              : NULL,
                                            .proxy = p->who.proxy,
                                            .proxies = p->who.proxies,
                                            .n_proxies = p->who.n_proxies,
                                            .rng = &kt_rng_real,
                                            .tls = p->who.tls };
    return kt_web_auth_open(&ao, kt_clock_real.wall(kt_clock_real.self), &p->auth, err);
}

/* A store alone has no socket to ask at: its link is printed where it was started. */
static enum kt_status open_door(struct page *p, int listen_fd, struct kt_error *err)
{
    KT_CLEANUP(forget) struct kt_buf url = { 0 };
    kt_web_address(listen_fd, p->cert.len > 0, &p->address);
    const struct kt_web_door_options o = { .path = p->d->control,
                                           .address = kt_buf_z(&p->address),
                                           .hosts = &p->d->hosts,
                                           .auth = p->auth,
                                           .clock = &kt_clock_real };
    if (p->o->config != NULL)
        return kt_web_door_open(&o, &p->door, err);
    if (kt_web_door_link(&o, KT_STR("owner"), NULL, &url, err) != KT_OK)
        return err->code;
    fprintf(stderr, "open (once, within 10 minutes): %s\n", kt_buf_z(&url));
    return KT_OK;
}

/* What is read again: everything but the socket. */
static enum kt_status begin(struct page *p, int listen_fd, struct kt_error *err)
{
    if (read_files(p, err) != KT_OK || open_auth(p, err) != KT_OK)
        return err->code;
    bool alone = p->o->config == NULL;
    const struct kt_web_options so = {
        .conf = alone ? NULL : p->conf,
        .store = alone ? p->o->db : p->conf->store_path,
        .control = alone ? NULL : p->conf->control,
        .program = p->program,
        .reports = p->d->reports_dir,
        .assets = p->o->assets,
        .listen_fd = listen_fd,
        .hosts = &p->d->hosts,
        .cert = p->cert.len > 0 ? kt_buf_z(&p->cert) : NULL,
        .key = p->key.len > 0 ? kt_buf_z(&p->key) : NULL,
        .proxy_header = p->d->proxy_header,
        .metrics_token = kt_str_trim(kt_buf_str(&p->token)),
        .auth = p->auth,
        .clock = &kt_clock_real,
    };
    if (kt_web_server_open(&so, &p->server, err) != KT_OK)
        return err->code;
    if (open_door(p, listen_fd, err) != KT_OK)
        return err->code;
    return p->answers_fd < 0 ? KT_OK
                             : kt_web_answers_open(&p->d->answers, p->answers_fd, p->conf->control,
                                                   p->heard, &kt_clock_real, &p->answers, err);
}

static void say_start(struct page *p)
{
    kt_log(KT_LOG_INFO, "dashboard: listening at='%s' store='%s' collector='%s'",
           kt_buf_z(&p->address), p->o->config == NULL ? p->o->db : p->conf->store_path,
           p->o->config == NULL ? "none" : p->conf->control);
    kt_sd_notify("READY=1");
    if (p->o->ready_fd >= 0)
        (void)dprintf(p->o->ready_fd, "%s\n", kt_buf_z(&p->address));
}

static void live(struct page *p, struct kt_signals *signals)
{
    kt_time_ns next = 0;
    while (!signals->stop && !signals->reload) {
        int door[DOOR_FDS];
        unsigned n = kt_web_door_fds(p->door, door, DOOR_FDS);
        struct pollfd fds[2 + DOOR_FDS] = { { .fd = signals->fd, .events = POLLIN },
                                            { .fd = kt_web_server_fd(p->server),
                                              .events = POLLIN } };
        for (unsigned i = 0; i < n; i++)
            fds[2 + i] = (struct pollfd){ .fd = door[i], .events = POLLIN };
        (void)poll(fds, 2 + n, kt_web_server_wait_ms(p->server));
        kt_signals_poll(signals);
        kt_web_door_turn(p->door);
        kt_web_server_turn(p->server);
        kt_web_answers_turn(p->answers);
        if (mono() >= next) {
            kt_sd_notify("WATCHDOG=1");
            next = mono() + WATCHDOG;
        }
    }
}

/* ---- the process ---- */

static int exit_code(const struct page *p, const struct kt_error *err)
{
    if (err->code == KT_E_CONFIG || p->conf == NULL || p->auth == NULL)
        return EXIT_CONFIG;
    return err->code == KT_E_AGAIN || err->code == KT_E_CORRUPT ? EXIT_STORE : EXIT_UNREACHABLE;
}

static bool same_text(const char *a, const char *b)
{
    return kt_str_eq(kt_str_of(a), kt_str_of(b));
}

/* A file that cannot be used leaves the old one in force, as in the collector. */
static enum kt_status reload(struct page *p, int listen_fd, struct kt_error *err)
{
    struct kt_conf *next = NULL;
    struct kt_error why = { 0 };
    kt_sd_notify("RELOADING=1");
    if (read_conf(p, &next, &why) != KT_OK) {
        kt_log(KT_LOG_ERROR, "dashboard: reload refused, the old configuration stays: %s",
               why.text);
        return KT_OK;
    }
    if (strcmp(next->dashboard.listen, p->d->listen) != 0)
        kt_log(KT_LOG_WARN, "dashboard: another address needs a restart listen='%s'",
               next->dashboard.listen);
    if (!same_text(next->dashboard.answers.listen, p->d->answers.listen))
        kt_log(KT_LOG_WARN, "dashboard: another address for answers needs a restart");
    end_life(p);
    p->conf = next;
    p->d = &next->dashboard;
    return begin(p, listen_fd, err);
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
    char listen[4096], door[4096], answers[4096];
    const struct kt_str path = KT_STR("unix:");
    bool local = kt_str_starts(kt_str_of(p->d->listen), path);
    bool near = p->answers_fd >= 0 && kt_web_is_unix(p->answers_fd);
    const struct kt_sandbox_folder folders[] = {
        { p->d->reports_dir, false },
        { local ? folder_of(p->d->listen + path.len, listen) : NULL, true },
        { p->o->config != NULL ? folder_of(p->d->control, door) : NULL, true },
        { near ? folder_of(p->d->answers.listen + path.len, answers) : NULL, true },
    };
    enum kt_status status = kt_sandbox_write_below(folders, KT_ARRAY_LEN(folders), err);
    if (status != KT_E_AGAIN)
        return status;
    kt_log(KT_LOG_INFO, "dashboard: %s: that the store is only read rests on the modes of files",
           err->text);
    *err = (struct kt_error){ 0 };
    return KT_OK;
}

/* A store alone has nobody who could take them. */
static enum kt_status listen_for_answers(struct page *p, struct kt_error *err)
{
    const char *at = p->d->answers.listen;
    if (p->o->config == NULL || at == NULL)
        return KT_OK;
    return kt_web_listen(at, &p->answers_fd, err) == KT_OK ? KT_OK
                                                           : kt_wrap(err, "dashboard.answers");
}

static enum kt_status run(struct page *p, int *fd, struct kt_signals *signals, struct kt_error *err)
{
    if (kt_signals_open(signals, err) != KT_OK || /* before any thread, which inherits the mask */
        kt_self_path(p->program, sizeof p->program, err) != KT_OK ||
        read_conf(p, &p->conf, err) != KT_OK)
        return err->code;
    p->d = &p->conf->dashboard;
    if (kt_web_listen(p->d->listen, fd, err) != KT_OK || listen_for_answers(p, err) != KT_OK ||
        give_up_writing(p, err) != KT_OK || begin(p, *fd, err) != KT_OK)
        return err->code;
    say_start(p);
    for (live(p, signals); !signals->stop; live(p, signals)) {
        signals->reload = false;
        if (reload(p, *fd, err) != KT_OK)
            return err->code;
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
    int fd = -1;
    p->o = o;
    p->answers_fd = -1;
    p->heard = kt_inbound_heard_new();
    kt_harden();
    enum kt_status status = run(p, &fd, &signals, &err);
    int code = status == KT_OK ? EXIT_FINE : exit_code(p, &err);
    if (status != KT_OK)
        kt_log(KT_LOG_ERROR, "dashboard: %s", err.text);
    if (fd >= 0)
        kt_web_unlisten(fd);
    end_life(p);
    if (p->answers_fd >= 0)
        kt_web_unlisten(p->answers_fd);
    kt_web_auth_close(p->auth);
    if (status == KT_OK)
        kt_log(KT_LOG_INFO, "dashboard: stopped");
    kt_inbound_heard_free(p->heard);
    kt_signals_done(&signals);
    kt_free(p);
    return code;
}
