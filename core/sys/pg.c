/*
 * pg: bulk inserts into PostgreSQL. The only includer of libpq-fe.h.
 *
 * Owns:  one connection; the parts of its URI.
 * Calls: libpq, http (who may be spoken to), clock.
 * Holds: every wait is on the socket with a deadline and the wake-up; a broken connection is closed
 *        and made anew by the next call. The password is in no error text.
 */
#include "core/sys/pg.h"

#include <errno.h>

#include <netdb.h>
#include <poll.h>
#include <postgresql/libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/sys/clock.h"
#include "core/sys/http.h"

#define CONNECT_MAX (5 * KT_NS_S)
#define PIECE       (64u << 10)

struct kt_pg {
    PGconn *conn;
    char *host, *port, *user, *password, *database, *ca_file;
    bool allow_private;
    int wake_fd;
};

static kt_time_ns mono(void)
{
    return kt_clock_real.mono(kt_clock_real.self);
}

/* ---- the URI ---- */

static char *wiped(char *z)
{
    if (z != NULL)
        kt_wipe(z, strlen(z));
    kt_free(z);
    return NULL;
}

/* libpq fills what is not said from there; what a stream does is said in its configuration. */
static void leave_environment(void)
{
    for (char **at = environ; at != NULL && *at != NULL;) {
        const char *end = strchr(*at, '=');
        if (strncmp(*at, "PG", 2) != 0 || end == NULL) {
            at++;
            continue;
        }
        KT_CLEANUP(kt_free_ptr) char *name = kt_str_dup(kt_str_from(*at, (size_t)(end - *at)));
        (void)unsetenv(name);
        at = environ; /* the others have moved */
    }
}

static enum kt_status take_option(struct kt_pg *p, const PQconninfoOption *o, struct kt_error *err)
{
    const struct {
        const char *keyword;
        char **to;
    } known[] = { { "host", &p->host },
                  { "port", &p->port },
                  { "user", &p->user },
                  { "password", &p->password },
                  { "dbname", &p->database } };
    for (size_t i = 0; i < KT_ARRAY_LEN(known); i++) {
        if (strcmp(o->keyword, known[i].keyword) == 0) {
            *known[i].to = kt_str_dup(kt_str_of(o->val));
            return KT_OK;
        }
    }
    return kt_fail(err, KT_E_CONFIG,
                   "url: '%s' does not belong into it: user, password, host, port and database",
                   o->keyword);
}

static enum kt_status take_uri(struct kt_pg *p, struct kt_str uri, struct kt_error *err)
{
    char *z = kt_str_dup(uri), *why = NULL;
    PQconninfoOption *all = NULL;
    enum kt_status st = KT_OK;
    if (!kt_str_starts(uri, KT_STR("postgresql://")) && !kt_str_starts(uri, KT_STR("postgres://")))
        st = kt_fail(err, KT_E_CONFIG, "url: write postgresql://user:password@host:5432/database");
    else if ((all = PQconninfoParse(z, &why)) == NULL) /* its words may hold a piece of the URI */
        st = kt_fail(err, KT_E_CONFIG,
                     "url: it cannot be read: percent-encode the password's signs");
    for (const PQconninfoOption *o = all; st == KT_OK && o->keyword != NULL; o++)
        if (o->val != NULL)
            st = take_option(p, o, err);
    if (st == KT_OK &&
        (p->host == NULL || p->user == NULL || p->database == NULL || strchr(p->host, ',') != NULL))
        st = kt_fail(err, KT_E_CONFIG, "url: it needs one host, a user and a database");
    PQconninfoFree(all);
    PQfreemem(why);
    (void)wiped(z);
    return st;
}

enum kt_status kt_pg_new(const struct kt_pg_options *o, struct kt_pg **ret, struct kt_error *err)
{
    struct kt_pg *p = kt_alloc(sizeof *p);
    leave_environment();
    p->allow_private = o->allow_private;
    p->wake_fd = o->wake_fd;
    if (o->ca_file != NULL && o->ca_file[0] != '\0')
        p->ca_file = kt_str_dup(kt_str_of(o->ca_file));
    enum kt_status st = take_uri(p, o->uri, err);
    if (st == KT_OK && p->host[0] == '/' && !p->allow_private)
        st = kt_fail(err, KT_E_CONFIG, "url: a Unix socket needs allow_private");
    if (st != KT_OK) {
        kt_pg_free(p);
        return st;
    }
    *ret = p;
    return KT_OK;
}

void kt_pg_free(struct kt_pg *p)
{
    if (p == NULL)
        return;
    PQfinish(p->conn);
    p->host = wiped(p->host);
    p->port = wiped(p->port);
    p->user = wiped(p->user);
    p->password = wiped(p->password);
    p->database = wiped(p->database);
    kt_free(p->ca_file);
    kt_free(p);
}

/* ---- waiting ---- */

/* Until the socket is ready, the time is over or somebody wakes us. */
static enum kt_status wait_for(struct kt_pg *p, short events, kt_time_ns until,
                               struct kt_error *err)
{
    struct pollfd fds[] = { { .fd = PQsocket(p->conn), .events = events },
                            { .fd = p->wake_fd, .events = POLLIN } };
    kt_time_ns left = until - mono();
    if (left <= 0)
        return kt_fail(err, KT_E_IO, "no answer in time");
    int n = poll(fds, p->wake_fd >= 0 ? 2 : 1, (int)((left + KT_NS_MS - 1) / KT_NS_MS));
    if (n < 0 && errno != EINTR)
        return kt_fail_errno(err, "poll");
    return p->wake_fd >= 0 && fds[1].revents != 0 ? kt_fail(err, KT_E_AGAIN, "told to stop")
                                                  : KT_OK;
}

/* The first line of what libpq or the server says. */
static enum kt_status fail_with(const char *words, struct kt_error *err)
{
    struct kt_str all = kt_str_of(words), line;
    (void)kt_str_split(&all, '\n', &line);
    return kt_fail(err, KT_E_IO, KT_STR_FMT, KT_STR_ARG(kt_utf8_cut(line, 200)));
}

/* ---- connecting ---- */

/* Does the URI itself say this host? What a resolver answers does not make it so: TLS would be left
 * off for whoever forges the answer. */
static bool is_local(const char *host)
{
    struct kt_ip ip;
    return host[0] == '/' || strcmp(host, "localhost") == 0 ||
           (kt_ip_parse(kt_str_of(host), &ip) && kt_ip_class(ip) == KT_IP_LOOPBACK);
}

/* The first address of the host that may be spoken to, in numbers: libpq gets that one, so that no
 * second resolution can give another. */
static enum kt_status resolve(const struct kt_pg *p, bool plain, char ret[NI_MAXHOST],
                              struct kt_error *err)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *all = NULL;
    const char *bad = "it has no address";
    int rc = getaddrinfo(p->host, NULL, &hints, &all);
    if (rc != 0)
        return kt_fail(err, KT_E_IO, "host '%s': %s", p->host, gai_strerror(rc));
    bool found = false;
    for (const struct addrinfo *a = all; a != NULL && !found; a = a->ai_next) {
        struct kt_ip ip;
        if (getnameinfo(a->ai_addr, a->ai_addrlen, ret, NI_MAXHOST, NULL, 0, NI_NUMERICHOST) != 0 ||
            !kt_ip_parse(kt_str_of(ret), &ip))
            continue;
        bad = kt_http_judge_ip(ip, p->allow_private, plain);
        found = bad == NULL;
    }
    freeaddrinfo(all);
    return found ? KT_OK
                 : kt_fail(err, KT_E_CONFIG, "host '%s' is refused: %s%s", p->host, bad,
                           p->allow_private ? "" : " (allow_private is not set)");
}

static enum kt_status finish_connecting(struct kt_pg *p, kt_time_ns until, struct kt_error *err)
{
    PostgresPollingStatusType s = PGRES_POLLING_WRITING;
    while (s != PGRES_POLLING_OK) {
        if (s == PGRES_POLLING_FAILED || PQstatus(p->conn) == CONNECTION_BAD)
            return fail_with(PQerrorMessage(p->conn), err);
        if (wait_for(p, s == PGRES_POLLING_READING ? POLLIN : POLLOUT, until, err) != KT_OK)
            return err->code;
        s = PQconnectPoll(p->conn);
    }
    return PQsetnonblocking(p->conn, 1) == 0 ? KT_OK : fail_with(PQerrorMessage(p->conn), err);
}

static enum kt_status connect_to(struct kt_pg *p, struct kt_error *err)
{
    char address[NI_MAXHOST] = "";
    bool plain = p->allow_private && is_local(p->host);
    if (p->host[0] != '/' && resolve(p, plain, address, err) != KT_OK)
        return err->code;
    const char *const keys[] = {
        "host",     "hostaddr",         "port",
        "user",     "password",         "dbname",
        "sslmode",  "sslrootcert",      "sslcert",
        "sslkey",   "sslcrl",           "ssl_min_protocol_version",
        "passfile", "application_name", "gssencmode",
        "options",  "client_encoding",  NULL,
    };
    const char *const values[] = {
        p->host,
        address,
        p->port != NULL ? p->port : "5432",
        p->user,
        p->password != NULL ? p->password : "",
        p->database,
        plain ? "prefer" : "verify-full",
        p->ca_file != NULL ? p->ca_file : "/etc/ssl/certs/ca-certificates.crt",
        "/nonexistent/cert",
        "/nonexistent/key",
        "/nonexistent/crl",
        "TLSv1.2",
        "/nonexistent/pass",
        "keytrail/" KT_VERSION,
        "disable",
        "-c TimeZone=UTC",
        "UTF8",
        NULL,
    };
    p->conn = PQconnectStartParams(keys, values, 0);
    if (p->conn == NULL)
        return kt_fail(err, KT_E_IO, "libpq: no memory");
    return finish_connecting(p, mono() + CONNECT_MAX, err);
}

/* ---- statements ---- */

static enum kt_status flush(struct kt_pg *p, kt_time_ns until, struct kt_error *err)
{
    int left;
    while ((left = PQflush(p->conn)) > 0) {
        if (wait_for(p, POLLIN | POLLOUT, until, err) != KT_OK)
            return err->code;
        if (PQconsumeInput(p->conn) == 0)
            return fail_with(PQerrorMessage(p->conn), err);
    }
    return left == 0 ? KT_OK : fail_with(PQerrorMessage(p->conn), err);
}

/* All results of the statements that were sent, up to one that takes data. */
static enum kt_status results(struct kt_pg *p, kt_time_ns until, struct kt_pg_answer *ret,
                              struct kt_error *err)
{
    enum kt_status st = KT_OK;
    for (;;) {
        while (PQisBusy(p->conn)) {
            if (wait_for(p, POLLIN, until, err) != KT_OK)
                return err->code;
            if (PQconsumeInput(p->conn) == 0)
                return fail_with(PQerrorMessage(p->conn), err);
        }
        PGresult *r = PQgetResult(p->conn);
        if (r == NULL)
            return st;
        ExecStatusType s = PQresultStatus(r);
        bool fine = s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_COPY_IN ||
                    s == PGRES_EMPTY_QUERY;
        if (!fine && st == KT_OK) {
            kt_str_copyz(ret->sqlstate, sizeof ret->sqlstate,
                         kt_str_of(PQresultErrorField(r, PG_DIAG_SQLSTATE)));
            st = fail_with(PQresultErrorMessage(r), err);
        }
        PQclear(r);
        if (s == PGRES_COPY_IN)
            return st;
    }
}

static enum kt_status run(struct kt_pg *p, const char *sql, kt_time_ns until,
                          struct kt_pg_answer *ret, struct kt_error *err)
{
    if (PQsendQuery(p->conn, sql) == 0)
        return fail_with(PQerrorMessage(p->conn), err);
    enum kt_status st = flush(p, until, err);
    return st == KT_OK ? results(p, until, ret, err) : st;
}

static enum kt_status put(struct kt_pg *p, struct kt_str data, kt_time_ns until,
                          struct kt_error *err)
{
    while (data.len > 0) {
        size_t n = data.len < PIECE ? data.len : PIECE;
        int rc = PQputCopyData(p->conn, data.at, (int)n);
        if (rc < 0)
            return fail_with(PQerrorMessage(p->conn), err);
        if (flush(p, until, err) != KT_OK)
            return err->code;
        if (rc > 0)
            data = kt_str_from_index(data, n);
    }
    if (PQputCopyEnd(p->conn, NULL) < 0)
        return fail_with(PQerrorMessage(p->conn), err);
    return flush(p, until, err);
}

enum kt_status kt_pg_copy(struct kt_pg *p, const char *before, const char *copy, struct kt_str data,
                          const char *after, kt_time_ns limit, struct kt_pg_answer *ret,
                          struct kt_error *err)
{
    kt_time_ns until = mono() + limit;
    enum kt_status st = KT_OK;
    *ret = (struct kt_pg_answer){ 0 };
    if (p->conn == NULL)
        st = connect_to(p, err);
    if (st == KT_OK)
        st = run(p, "BEGIN", until, ret, err);
    if (st == KT_OK)
        st = run(p, before, until, ret, err);
    if (st == KT_OK)
        st = run(p, copy, until, ret, err);
    if (st == KT_OK)
        st = put(p, data, until, err);
    if (st == KT_OK)
        st = results(p, until, ret, err);
    if (st == KT_OK)
        st = run(p, after, until, ret, err);
    if (st == KT_OK)
        st = run(p, "COMMIT", until, ret, err);
    if (st == KT_OK)
        return KT_OK;
    PQfinish(p->conn);
    p->conn = NULL;
    return st;
}
