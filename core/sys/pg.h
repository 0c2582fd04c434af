/*
 * pg: bulk inserts into PostgreSQL, libpq, the only includer of libpq-fe.h. What holds for HTTP
 * targets holds here (THREATS H1, H2): TLS with verification, nothing from the environment or from
 * files in a home folder, the address judged after resolution, bounded times.
 */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"
#include "core/base/time.h"

struct kt_pg; /* one connection, made when it is needed; one thread */
struct kt_pg_options {
    struct kt_str uri;   /* postgresql://user:password@host:port/database */
    const char *ca_file; /* NULL = the system's certificates */
    /* Permits private addresses with TLS, and without: Unix sockets, and where the URI's host is
     * localhost or a loopback address in numbers. */
    bool allow_private;
    int wake_fd; /* readable: give up and come back; -1 = none */
};
/* Takes the URI apart; nothing is connected yet. KT_E_CONFIG names what is wrong, never the URI.
 * Call it before other threads run: it removes PG* from the environment. Later calls find nothing
 * there and leave it alone. */
KT_MUST_USE enum kt_status kt_pg_new(const struct kt_pg_options *o, struct kt_pg **ret,
                                     struct kt_error *err);
void kt_pg_free(struct kt_pg *p);

struct kt_pg_answer {
    char sqlstate[6]; /* empty: the server said none (no connection, no answer in time) */
};
/* One transaction: before, copy (COPY … FROM STDIN) with data, after. Connects within 5 s, ends
 * within `limit`. On failure nothing of it is stored, or it is not known; err has the server's
 * first line. KT_E_AGAIN: woken. */
KT_MUST_USE enum kt_status kt_pg_copy(struct kt_pg *p, const char *before, const char *copy,
                                      struct kt_str data, const char *after, kt_time_ns limit,
                                      struct kt_pg_answer *ret, struct kt_error *err);
