/*
 * stream_pg: batches by COPY into PostgreSQL.
 *
 * Owns:  a connection.
 * Calls: core/sys/pg.
 * Holds: a batch is one transaction; what is there already stays as it is, so that one that is sent
 *        again leaves nothing twice.
 */
#include "collector/stream_carry.h"
#include "core/base/alloc.h"
#include "core/sys/pg.h"
#include <stdio.h>
#include <string.h>

#define LIMIT (60 * KT_NS_S)

struct postgres {
    struct kt_stream_setup *setup;
    struct kt_pg *pg;
    int wake_fd;
    bool denied;
};

static enum kt_status open_pg(const struct postgres *p, struct kt_pg **ret, struct kt_error *err)
{
    const struct kt_pg_options options = { .uri = p->setup->secrets.url,
                                           .ca_file = p->setup->stream->ca_file,
                                           .allow_private = p->setup->stream->allow_private,
                                           .wake_fd = p->wake_fd };
    return kt_pg_new(&options, ret, err);
}

/* The password may be another one by now; what cannot be read or used leaves all as it was. */
static void renew(struct postgres *p)
{
    struct kt_error ignored = { 0 };
    struct kt_pg *pg = NULL;
    if (kt_stream_setup_renew(p->setup, &ignored) != KT_OK || open_pg(p, &pg, &ignored) != KT_OK)
        return;
    kt_pg_free(p->pg);
    p->pg = pg;
}

/* By the class of the SQLSTATE (PostgreSQL's manual, appendix A): is it the content, or something
 * that a person has to mend? The last that fits counts. All else, a lost connection too, is tried
 * again. */
static const struct {
    const char *class;
    enum kt_stream_verdict verdict;
} classes[] = {
    { "22", KT_STREAM_REFUSED }, /* data exception */
    { "23", KT_STREAM_REFUSED }, /* integrity constraint violation */
    /* The table has no CHECK: this is about a month's partition, whatever the items are. */
    { "23514", KT_STREAM_RETRY },
    { "54", KT_STREAM_REFUSED }, /* program limit exceeded: an index of the owner's, say */
    { "0A", KT_STREAM_DENIED },  /* feature not supported */
    { "28", KT_STREAM_DENIED },  /* invalid authorization */
    { "3D", KT_STREAM_DENIED },  /* invalid catalog name */
    { "3F", KT_STREAM_DENIED },  /* invalid schema name */
    { "42", KT_STREAM_DENIED },  /* no such table, no right */
};

static void pg_send(void *self, struct kt_stream_sending *s)
{
    struct postgres *p = self;
    const struct kt_stream_sql *sql = p->setup->type->sql;
    struct kt_pg_answer answer = { 0 };
    struct kt_error err = { 0 };
    if (p->denied)
        renew(p);
    enum kt_status st =
        kt_pg_copy(p->pg, sql->before, sql->copy, s->batch->body, sql->after, LIMIT, &answer, &err);
    s->verdict = st == KT_OK         ? KT_STREAM_TAKEN
                 : st == KT_E_CONFIG ? KT_STREAM_DENIED
                                     : KT_STREAM_RETRY;
    for (size_t i = 0; st != KT_OK && i < KT_ARRAY_LEN(classes); i++)
        if (kt_str_starts(kt_str_of(answer.sqlstate), kt_str_of(classes[i].class)))
            s->verdict = classes[i].verdict;
    p->denied = s->verdict == KT_STREAM_DENIED;
    if (st != KT_OK)
        (void)snprintf(s->word, sizeof s->word, "%s%s%.140s", answer.sqlstate,
                       answer.sqlstate[0] != '\0' ? " " : "", err.text);
}

static bool pg_idle(void *self, kt_time_ns wall, char carry[KT_STREAM_CARRY_MAX])
{
    (void)self;
    (void)wall;
    (void)carry;
    return false;
}

static void pg_close(void *self)
{
    struct postgres *p = self;
    kt_pg_free(p->pg);
    kt_free(p);
}

enum kt_status kt_carrier_postgres(const struct kt_carrier_options *o, struct kt_carrier *ret,
                                   struct kt_error *err)
{
    struct postgres *p = kt_alloc(sizeof *p);
    p->setup = o->setup;
    p->wake_fd = o->wake_fd;
    enum kt_status st = open_pg(p, &p->pg, err);
    if (st != KT_OK) {
        kt_free(p);
        return st;
    }
    *ret = (struct kt_carrier){ pg_send, pg_idle, pg_close, p };
    return KT_OK;
}
