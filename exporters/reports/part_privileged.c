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

/* `field:glob`; a glob that the language would take apart is asked for as it is. */
static void add_glob(struct kt_buf *query, const char *field, const char *glob)
{
    bool plain = true;
    for (const char *c = glob; *c != '\0'; c++)
        plain &= (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                 kt_str_find_byte(KT_STR("*/._-@"), *c, 0) >= 0;
    kt_buf_reset(query);
    if (plain)
        kt_buf_addf(query, "%s:%s", field, glob);
    else
        kt_ask_term(query, field, kt_str_of(glob));
}

static enum kt_status list_break_glass(struct listing *l, struct kt_error *err)
{
    static const char *const fields[] = { "actor", "secret", "role" };
    const struct kt_conf *conf = l->e->in->conf;
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    enum kt_status st = ask(l, KT_STR("actor_kind:root"), err);
    for (unsigned i = 0; st == KT_OK && conf != NULL && i < conf->break_glass.n; i++)
        for (size_t k = 0; st == KT_OK && k < KT_ARRAY_LEN(fields); k++) {
            add_glob(&query, fields[k], conf->break_glass.at[i]);
            st = ask(l, kt_buf_str(&query), err);
        }
    for (unsigned i = 0; st == KT_OK && i < l->e->decisions.n; i++) {
        const struct kt_decision *d = &l->e->decisions.at[i].d;
        if (d->what != KT_DECIDE_BREAK_GLASS)
            continue;
        struct kt_ask *a = l->e->ask;
        kt_time_ns since = a->since, until = a->until;
        a->since = d->from > since ? d->from : since;
        a->until = d->until < until ? d->until + 1 : until;
        add_glob(&query, "actor", d->actor);
        if (a->since < a->until)
            st = ask(l, kt_buf_str(&query), err);
        a->since = since;
        a->until = until;
    }
    return st;
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
    const struct kt_part_table glass = { .name = "privileged",
                                         .title = "Root and break-glass",
                                         .columns = columns,
                                         .n = KT_ARRAY_LEN(columns),
                                         .shown = 60,
                                         .query = "keytrail search actor_kind:root",
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
