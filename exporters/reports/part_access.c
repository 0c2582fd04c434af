/*
 * part_access: the population of accesses: who, what, from where, what failed.
 *
 * Owns:  nothing.
 * Calls: parts, core/answer/population.h, doc.
 */
#include <stdio.h>

#include "core/base/alloc.h"
#include "exporters/reports/parts.h"

/* ---- access ---- */

static const struct kt_doc_column kind_columns[] = {
    { "kind", "Kind of actor", KT_DOC_TEXT }, { "actors", "Actors", KT_DOC_COUNT },
    { "accesses", "Accesses", KT_DOC_COUNT }, { "share", "Of all", KT_DOC_SHARE },
    { "reads", "Values read", KT_DOC_COUNT }, { "failed", "Failed", KT_DOC_COUNT },
};

static void list_kinds(struct kt_evidence *e)
{
    struct {
        uint64_t actors, events, reads, failed;
    } of[KT_ACTOR_COUNT] = { 0 };
    const struct kt_part_table t = { .name = "kinds",
                                     .title = "People and machines",
                                     .columns = kind_columns,
                                     .n = KT_ARRAY_LEN(kind_columns),
                                     .shown = 20,
                                     .empty = "No access has an actor." };
    for (uint32_t i = 0; i < e->pop->n_actors; i++) {
        const struct kt_pop_actor *a = &e->pop->actor[i];
        of[a->kind].actors++;
        of[a->kind].events += a->t.events;
        of[a->kind].reads += a->reads;
        of[a->kind].failed += a->t.failed;
    }
    kt_part_table(e, &t);
    for (int k = 0; k < KT_ACTOR_COUNT; k++) {
        const struct kt_doc_cell cells[] = {
            kt_part_word(kt_actor_kind_word((enum kt_actor_kind)k)),
            kt_doc_number((int64_t)of[k].actors),
            kt_doc_number((int64_t)of[k].events),
            kt_part_share(of[k].events, e->pop->all.events - e->pop->shadows),
            kt_doc_number((int64_t)of[k].reads),
            kt_doc_number((int64_t)of[k].failed),
        };
        if (of[k].actors > 0)
            kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static void draw_months(struct kt_evidence *e)
{
    const struct kt_population *p = e->pop;
    uint32_t n = 0;
    struct kt_doc_bar *bars = kt_alloc_array(p->n_totals + 1, sizeof *bars);
    char(*labels)[8] = kt_alloc_array(p->n_totals + 1, sizeof *labels);
    for (uint32_t i = 0; i < p->n_totals; i++) {
        const struct kt_pop_total *t = &p->total[i];
        if (i == 0 || t->month != p->total[i - 1].month) {
            struct kt_civil c = kt_time_civil(t->month);
            (void)snprintf(labels[n], sizeof labels[n], "%04u-%02u", (unsigned)c.year % 10000,
                           (unsigned)c.month % 100);
            bars[n] = (struct kt_doc_bar){ .label = kt_str_of(labels[n]) };
            n++;
        }
        bool failed = t->outcome != KT_OUT_SUCCESS && t->outcome != KT_OUT_UNKNOWN;
        *(failed ? &bars[n - 1].second : &bars[n - 1].value) += (int64_t)t->events;
    }
    if (n > 0)
        kt_doc_bars(e->doc, "Accesses by month", "succeeded|failed", bars, n);
    kt_free(bars);
    kt_free(labels);
}

static const struct kt_doc_column actor_columns[] = {
    { "actor", "Actor", KT_DOC_TEXT },        { "kind", "Kind", KT_DOC_TEXT },
    { "team", "Team", KT_DOC_TEXT },          { "accesses", "Accesses", KT_DOC_COUNT },
    { "reads", "Values read", KT_DOC_COUNT }, { "secrets", "Secrets", KT_DOC_COUNT },
    { "failed", "Failed", KT_DOC_COUNT },     { "changes", NULL, KT_DOC_COUNT },
    { "first", NULL, KT_DOC_TIME },           { "last", "Last access", KT_DOC_TIME },
    { "before", NULL, KT_DOC_COUNT },         { "named", NULL, KT_DOC_TEXT },
};

static void actor_row(struct kt_evidence *e, const struct kt_pop_actor *a)
{
    const struct kt_doc_cell cells[] = {
        kt_part_actor(e, a->name),
        kt_part_word(kt_actor_kind_word(a->kind)),
        kt_part_word(a->who == NULL ? NULL : a->who->team),
        kt_doc_number((int64_t)a->t.events),
        kt_doc_number((int64_t)a->reads),
        kt_doc_number(a->secrets),
        kt_doc_number((int64_t)a->t.failed),
        kt_doc_number((int64_t)a->changes),
        kt_part_when(a->t.first),
        kt_part_when(a->t.last),
        kt_doc_number((int64_t)a->t.before),
        kt_part_word(a->who == NULL ? "no" : "yes"),
    };
    kt_part_row(e, cells);
}

static void list_actors(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "actors",
                                     .title = "Actors, the busiest first",
                                     .columns = actor_columns,
                                     .n = KT_ARRAY_LEN(actor_columns),
                                     .shown = 25,
                                     .query = "keytrail search '" KT_ASK_NO_SHADOWS "' --by actor",
                                     .empty = "No access has an actor." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->pop->n_actors; i++)
        actor_row(e, &e->pop->actor[i]);
    (void)kt_part_table_end(e);
}

static const struct kt_doc_column secret_columns[] = {
    { "secret", "Secret", KT_DOC_TEXT },      { "accesses", "Accesses", KT_DOC_COUNT },
    { "reads", "Values read", KT_DOC_COUNT }, { "readers", "Readers", KT_DOC_COUNT },
    { "failed", "Failed", KT_DOC_COUNT },     { "last_read", "Last read", KT_DOC_TIME },
};

static void list_secrets(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "secrets",
                                     .title = "Secrets, the busiest first",
                                     .columns = secret_columns,
                                     .n = KT_ARRAY_LEN(secret_columns),
                                     .shown = 25,
                                     .query = "keytrail search '" KT_ASK_NO_SHADOWS "' --by secret",
                                     .empty = "No access names a secret." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->pop->n_secrets; i++) {
        const struct kt_pop_secret *s = &e->pop->secret[i];
        const struct kt_doc_cell cells[] = {
            kt_part_secret(e, s->name),          kt_doc_number((int64_t)s->t.events),
            kt_doc_number((int64_t)s->reads),    kt_doc_number(s->readers),
            kt_doc_number((int64_t)s->t.failed), kt_part_when(s->read),
        };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static const struct kt_doc_column pair_columns[] = {
    { "secret", NULL, KT_DOC_TEXT }, { "actor", NULL, KT_DOC_TEXT }, { "kind", NULL, KT_DOC_TEXT },
    { "reads", NULL, KT_DOC_COUNT }, { "first", NULL, KT_DOC_TIME }, { "last", NULL, KT_DOC_TIME },
};

static void list_pairs(struct kt_evidence *e)
{
    const struct kt_population *p = e->pop;
    const struct kt_part_table t = { .name = "who_reads_what",
                                     .title = "Who reads which secret (in the file alone)",
                                     .columns = pair_columns,
                                     .n = KT_ARRAY_LEN(pair_columns),
                                     .query =
                                         "keytrail search 'outcome:success actor:* " KT_ASK_READS
                                         "' --by secret,actor" };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < p->n_pairs; i++) {
        const struct kt_pop_pair *pair = &p->pair[i];
        const struct kt_doc_cell cells[] = {
            kt_part_secret(e, p->secret[pair->secret].name),
            kt_part_actor(e, p->actor[pair->actor].name),
            kt_part_word(kt_actor_kind_word(p->actor[pair->actor].kind)),
            kt_doc_number((int64_t)pair->reads),
            kt_part_when(pair->first),
            kt_part_when(pair->last),
        };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static enum kt_status write_access(struct kt_evidence *e, struct kt_error *err)
{
    char number[2][KT_PART_NUMBER_MAX];
    (void)err;
    kt_doc_para(e->doc,
                "%s accesses in the period, of which %s failed. The whole population by "
                "month, source, action and outcome is the control totals of section %u.",
                kt_part_number(e->pop->all.events, number[0]),
                kt_part_number(e->pop->all.failed, number[1]), kt_part_section(e, &kt_part_ipe));
    if (e->pop->shadows > 0)
        kt_doc_para(e->doc,
                    "%s of them are what AWS KMS did for Secrets Manager, beside an access that "
                    "has a record of its own. The control totals have them; actors and secrets "
                    "are told without them, so that a read is one access.",
                    kt_part_number(e->pop->shadows, number[0]));
    draw_months(e);
    list_kinds(e);
    list_actors(e);
    list_secrets(e);
    list_pairs(e);
    return KT_OK;
}
const struct kt_report_part kt_part_access = { "access", "Access population", write_access };

/* ---- new actors, shared accounts, leavers ---- */

static bool is_new(const struct kt_pop_actor *a, const struct kt_evidence *e)
{
    return a->t.ever >= e->ask->since;
}

static uint64_t list_new(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "new_actors",
                                     .title = "Actors seen for the first time",
                                     .columns = actor_columns,
                                     .n = KT_ARRAY_LEN(actor_columns),
                                     .shown = 40,
                                     .query = "keytrail search '" KT_ASK_NO_SHADOWS "' --by actor",
                                     .empty = "No actor is new." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->pop->n_actors; i++)
        if (is_new(&e->pop->actor[i], e))
            actor_row(e, &e->pop->actor[i]);
    return kt_part_table_end(e);
}

static const struct kt_doc_column shared_columns[] = {
    { "actor", "Actor", KT_DOC_TEXT }, { "kind", "Kind", KT_DOC_TEXT },
    { "why", "Why", KT_DOC_TEXT },     { "addresses", "Addresses on one day", KT_DOC_COUNT },
    { "day", "That day", KT_DOC_DAY }, { "accesses", "Accesses", KT_DOC_COUNT },
};

/* Whole words of a name, and the parts that separators leave of it. */
static bool is_called_shared(struct kt_str name)
{
    static const char *const shared[] = { "root",  "admin",  "administrator", "shared", "team",
                                          "ops",   "test",   "guest",         "temp",   "user",
                                          "login", "office", "oncall" };
    for (size_t from = 0, i = 0; i <= name.len; i++) {
        if (i < name.len && kt_str_find_byte(KT_STR("@./-_:+ "), name.at[i], 0) < 0)
            continue;
        for (size_t k = 0; k < KT_ARRAY_LEN(shared); k++)
            if (kt_str_eq_nocase(kt_str_sub(name, from, i - from), kt_str_of(shared[k])))
                return true;
        if (i < name.len && name.at[i] == '@')
            return false; /* what follows is a domain */
        from = i + 1;
    }
    return false;
}

static const char *why_shared(const struct kt_pop_actor *a)
{
    bool person = kt_pop_is_person(a->kind) || a->kind == KT_ACTOR_UNKNOWN;
    if (a->kind == KT_ACTOR_ROOT)
        return "root account";
    if (person && a->addresses_day >= KT_SHARED_MIN)
        return "several addresses on one day";
    return person && is_called_shared(a->name) ? "its name" : NULL;
}

static void list_shared(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "shared_accounts",
                                     .title = "Accounts that may be shared",
                                     .columns = shared_columns,
                                     .n = KT_ARRAY_LEN(shared_columns),
                                     .shown = 40,
                                     .query = "keytrail search --by actor,ip,day",
                                     .empty = "No account of a person looks shared." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->pop->n_actors; i++) {
        const struct kt_pop_actor *a = &e->pop->actor[i];
        const struct kt_doc_cell cells[] = {
            kt_part_actor(e, a->name),
            kt_part_word(kt_actor_kind_word(a->kind)),
            kt_part_word(why_shared(a)),
            kt_doc_number(a->addresses_day),
            a->addresses_day == 0 ? kt_doc_none() : kt_doc_number(a->day * KT_NS_DAY),
            kt_doc_number((int64_t)a->t.events),
        };
        if (why_shared(a) != NULL)
            kt_part_row(e, cells);
        else
            kt_arena_reset(&e->cells);
    }
    (void)kt_part_table_end(e);
}

static enum kt_status write_actors(struct kt_evidence *e, struct kt_error *err)
{
    char many[KT_PART_NUMBER_MAX + 32], when[KT_TIME_TEXT_MAX];
    uint64_t unnamed = 0;
    (void)err;
    uint64_t fresh = list_new(e);
    for (uint32_t i = 0; i < e->pop->n_actors; i++)
        unnamed += e->pop->actor[i].who == NULL;
    if (e->pop->all.ever >= e->ask->since && fresh > 0)
        kt_doc_alarm(e->doc, "Nothing is stored from before the period, so every actor is new: "
                             "this list shows no change.");
    kt_doc_para(e->doc,
                "%s no entry in the list of identities: whose account it is, is for the "
                "reviewer to say.",
                kt_part_many(unnamed, "actor has", "actors have", many));
    list_shared(e);
    kt_doc_para(e->doc,
                "An account may be shared when it is a root account, when a person's "
                "account came from %u or more addresses on one day, or by its name.",
                KT_SHARED_MIN);
    kt_doc_heading(e->doc, "Those who left");
    const struct kt_review *r = kt_reviews_last(&e->reviews, KT_REVIEW_LEAVERS, 0);
    if (r == NULL)
        kt_doc_para(e->doc, "No review of leavers was ever signed: whether people had access after "
                            "they left was not looked for (keytrail review leavers).");
    else
        kt_doc_para(e->doc, "The newest review of leavers was signed on %s UTC; see section %u.",
                    kt_time_format_short(r->at, when), kt_part_section(e, &kt_part_reviews));
    return KT_OK;
}
const struct kt_report_part kt_part_actors = { "actors", "New actors, leavers, shared accounts",
                                               write_actors };
