/*
 * part_privileged: accesses by root and break-glass accounts, and changes of rights and
 * configuration at the stores, each with its ticket or "none".
 *
 * Owns:  which records were written already, while the section is.
 * Calls: parts, core/answer/ask.h, core/answer/words.h, doc.
 */
#include "core/answer/words.h"
#include "core/base/alloc.h"
#include "exporters/reports/parts.h"

struct listing {
    struct kt_evidence *e;
    struct kt_words seen; /* record numbers: a record may fit several questions */
    uint64_t rows, without;
};

static const struct kt_doc_column columns[] = {
    { "time", "Time", KT_DOC_TIME },       { "actor", "Actor", KT_DOC_TEXT },
    { "kind", "Kind", KT_DOC_TEXT },       { "action", "Action", KT_DOC_TEXT },
    { "secret", "Secret", KT_DOC_TEXT },   { "outcome", "Outcome", KT_DOC_TEXT },
    { "ticket", "Ticket", KT_DOC_TEXT },   { "reason", NULL, KT_DOC_TEXT },
    { "instance", "Source", KT_DOC_TEXT }, { "operation", NULL, KT_DOC_TEXT },
    { "address", NULL, KT_DOC_TEXT },      { "role", NULL, KT_DOC_TEXT },
    { "seq", NULL, KT_DOC_COUNT },
};

/* The break-glass opening that covers the record, or NULL. */
static const struct kt_decision *opening(const struct kt_evidence *e, struct kt_str actor,
                                         struct kt_str written, kt_time_ns at)
{
    for (unsigned i = 0; i < e->decisions.n; i++) {
        const struct kt_decided *d = &e->decisions.at[i];
        if (d->d.what == KT_DECIDE_BREAK_GLASS && at >= d->d.from && at <= d->d.until &&
            (d->removed == 0 || at < d->removed) &&
            (kt_str_glob(kt_str_of(d->d.actor), actor) ||
             kt_str_glob(kt_str_of(d->d.actor), written)))
            return &d->d;
    }
    return NULL;
}

static enum kt_status add(void *self, const struct kt_record *r, const struct kt_fact *fact,
                          struct kt_error *err)
{
    struct listing *l = self;
    struct kt_evidence *e = l->e;
    const struct kt_event *ev = &r->ev;
    bool new;
    (void)fact;
    (void)err;
    (void)kt_words_put(&l->seen, r->seq, &new);
    if (!new)
        return KT_OK;
    kt_time_ns at = ev->time > 0 ? ev->time : r->arrival;
    struct kt_str actor = kt_ask_actor(e->ask, ev->actor, ev->source, ev->instance);
    const struct kt_decision *glass = opening(e, actor, ev->actor, at);
    struct kt_str ticket = ev->ticket.len > 0 ? ev->ticket
                           : glass != NULL    ? kt_str_of(glass->ticket)
                                              : KT_STR_NONE;
    l->rows++;
    l->without += ticket.len == 0;
    const struct kt_doc_cell cells[] = {
        kt_part_when(at),
        kt_part_actor(e, actor),
        kt_part_word(kt_actor_kind_word(ev->actor_kind)),
        kt_part_word(kt_action_word(ev->action)),
        kt_part_secret(e, ev->secret),
        kt_part_word(kt_outcome_word(ev->outcome)),
        ticket.len > 0 ? kt_part_free(e, ticket) : kt_part_word("none"),
        kt_part_free(e, ev->reason.len > 0 ? ev->reason
                        : glass != NULL    ? kt_str_of(glass->reason)
                                           : KT_STR_NONE),
        kt_doc_text(ev->instance),
        kt_doc_text(ev->operation),
        ev->has_ip ? kt_part_ip(e, ev->ip) : kt_doc_none(),
        kt_part_free(e, ev->role),
        kt_doc_number((int64_t)r->seq),
    };
    kt_part_row(e, cells);
    return KT_OK;
}

static enum kt_status ask(struct listing *l, struct kt_str query, struct kt_error *err)
{
    return kt_ask_records(l->e->ask, query, add, l, err);
}

static const char *const glob_fields[] = { "actor", "secret", "role" };

/* What a glob of names fits. One that no query can say leaves a hole, which is told. */
static enum kt_status ask_glob(struct listing *l, const char *field, const char *glob,
                               struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    struct kt_error why = { 0 };
    if (kt_ask_pattern(&query, field, kt_str_of(glob), &why) == KT_OK)
        return ask(l, kt_buf_str(&query), err);
    /* The name of a person is in it. */
    kt_doc_alarm(l->e->doc,
                 "What a name of accounts or secrets for emergencies fits was not looked "
                 "for: " KT_STR_FMT,
                 KT_STR_ARG(l->e->in->hide != NULL ? KT_STR("it has blanks, quotes or parentheses.")
                                                   : kt_str_of(why.text)));
    return KT_OK;
}

static enum kt_status list_break_glass(struct listing *l, struct kt_error *err)
{
    const struct kt_conf *conf = l->e->in->conf;
    enum kt_status st = ask(l, KT_STR("actor_kind:root"), err);
    for (unsigned i = 0; st == KT_OK && conf != NULL && i < conf->break_glass.n; i++)
        for (size_t k = 0; st == KT_OK && k < KT_ARRAY_LEN(glob_fields); k++)
            st = ask_glob(l, glob_fields[k], conf->break_glass.at[i], err);
    for (unsigned i = 0; st == KT_OK && i < l->e->decisions.n; i++) {
        const struct kt_decision *d = &l->e->decisions.at[i].d;
        if (d->what != KT_DECIDE_BREAK_GLASS)
            continue;
        struct kt_ask *a = l->e->ask;
        kt_time_ns since = a->since, until = a->until;
        a->since = d->from > since ? d->from : since;
        a->until = d->until < until ? d->until + 1 : until;
        if (a->since < a->until)
            st = ask_glob(l, "actor", d->actor, err);
        a->since = since;
        a->until = until;
    }
    return st;
}

/* The question that finds the same again; false: there is none, since an opening by hand has a time
 * of its own, or a glob cannot be asked for, or is a name to hide. */
static bool say_question(const struct kt_evidence *e, struct kt_buf *out)
{
    const struct kt_conf *conf = e->in->conf;
    KT_CLEANUP(kt_buf_done) struct kt_buf term = { 0 };
    unsigned n = conf == NULL ? 0 : (unsigned)conf->break_glass.n;
    for (unsigned i = 0; i < e->decisions.n; i++)
        if (e->decisions.at[i].d.what == KT_DECIDE_BREAK_GLASS &&
            e->decisions.at[i].d.from < e->ask->until &&
            e->decisions.at[i].d.until >= e->ask->since)
            return false;
    if (n > 0 && e->in->hide != NULL)
        return false;
    kt_buf_addz(out,
                n > 0 ? "keytrail search 'actor_kind:root" : "keytrail search actor_kind:root");
    for (unsigned i = 0; i < n; i++)
        for (size_t k = 0; k < KT_ARRAY_LEN(glob_fields); k++) {
            struct kt_str glob = kt_str_of(conf->break_glass.at[i]);
            kt_buf_reset(&term);
            if (kt_str_find_byte(glob, '\'', 0) >= 0 ||
                kt_ask_pattern(&term, glob_fields[k], glob, NULL) != KT_OK)
                return false;
            kt_buf_addz(out, " OR ");
            kt_buf_add(out, kt_buf_str(&term));
        }
    kt_buf_addz(out, n > 0 ? "'" : "");
    return true;
}

static void say_tickets(struct kt_evidence *e, const struct listing *l)
{
    char many[2][KT_PART_NUMBER_MAX + 32];
    if (l->rows > 0)
        kt_doc_para(e->doc,
                    "%s, %s a ticket in the record or in the opening of the emergency "
                    "access.",
                    kt_part_many(l->rows, "access", "accesses", many[0]),
                    kt_part_many(l->without, "is without", "are without", many[1]));
}

static enum kt_status write_privileged(struct kt_evidence *e, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf question = { 0 };
    bool can_ask = say_question(e, &question);
    const struct kt_part_table glass = { .name = "privileged",
                                         .title = "Root and break-glass",
                                         .columns = columns,
                                         .n = KT_ARRAY_LEN(columns),
                                         .shown = 60,
                                         .query = can_ask ? kt_buf_z(&question) : NULL,
                                         .empty = "There was none." };
    const struct kt_part_table rights = { .name = "rights",
                                          .title = "Changes of rights and configuration at the "
                                                   "stores",
                                          .columns = columns,
                                          .n = KT_ARRAY_LEN(columns),
                                          .shown = 60,
                                          .query = "keytrail search "
                                                   "action:grant,revoke,config,destroy",
                                          .empty = "There was none." };
    struct listing l = { .e = e }, r = { .e = e };
    if (e->in->conf == NULL || e->in->conf->break_glass.n == 0)
        kt_doc_para(e->doc, "The configuration names no accounts or secrets for emergencies "
                            "(break_glass): below are root accounts, and what was opened by hand.");
    kt_part_table(e, &glass);
    enum kt_status st = list_break_glass(&l, err);
    (void)kt_part_table_end(e);
    say_tickets(e, &l);
    kt_part_table(e, &rights);
    if (st == KT_OK)
        st = ask(&r, KT_STR("action:grant,revoke,config,destroy"), err);
    (void)kt_part_table_end(e);
    say_tickets(e, &r);
    kt_words_done(&l.seen);
    kt_words_done(&r.seen);
    return st;
}
const struct kt_report_part kt_part_privileged = { "privileged",
                                                   "Privileged and break-glass access",
                                                   write_privileged };
