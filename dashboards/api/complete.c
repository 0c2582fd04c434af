/*
 * complete: what somebody who types a query may mean: fields, the words of a field, and values that
 * the newest records have.
 *
 * Owns:  the sentences about fields.
 * Calls: core/query/place, core/answer/facets, dashboards/api (kept, scoped).
 */
#include "core/answer/facets.h"
#include "core/base/alloc.h"
#include "core/query/place.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/kept.h"
#include "dashboards/api/scoped.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ITEMS_MAX 20u
#define NEWEST    UINT64_C(40000)  /* records whose values are offered */
#define BEGIN_FOR (10 * KT_NS_MIN) /* where those of a scope begin is looked for this seldom */
#define VALUE_MAX 1000u            /* bytes of a value that is offered */
#define QUERY_MAX 4096u

static const struct {
    const char *field, *help;
} helps[] = {
    { "actor", "who, by any of its names" },
    { "secret", "an id, the end of one, or a pattern: prod/**" },
    { "action", "what was done" },
    { "outcome", "how it ended" },
    { "ip", "an address or a network: 203.0.113.0/24" },
    { "country", "two letters, by the address" },
    { "asn", "number of the network that the address belongs to" },
    { "org", "whose network it is" },
    { "source", "type of source: vault, cloudtrail" },
    { "instance", "source as it is configured" },
    { "agent", "who sent it" },
    { "actor_kind", "human, service, ci …" },
    { "user_agent", "program as it calls itself" },
    { "session", "session as the source writes it" },
    { "credential", "key or token as the source writes it" },
    { "operation", "call as the source names it" },
    { "code", "error code of the source" },
    { "message", "what the source said" },
    { "version", "version of the secret" },
    { "host", "machine" },
    { "since", "window from: 24h, today, 2026-11-22" },
    { "until", "window before" },
    { "time", "event time: >2026-11-22" },
    { "arrival", "when it came" },
    { "kind", "access, report, audit …; access alone unless named" },
    { "id", "id of an event, or its start" },
    { "seq", "number of a record: >100" },
    { "flags", "marks: repaired, incomplete …" },
    { "conflict", "same id as another access" },
    { "hosting", "the address belongs to a hosting company" },
    { "mfa", "a second factor was used" },
};
static const char *const times[] = { "1h",    "24h",       "7d",        "30d",       "90d",
                                     "today", "yesterday", "this-week", "last-week", NULL };

static const char *help_of(const char *field)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(helps); i++)
        if (strcmp(helps[i].field, field) == 0)
            return helps[i].help;
    return NULL;
}

struct items {
    struct kt_buf *o;
    struct kt_str typed;
    unsigned n;
};

static void add_item(struct items *w, struct kt_str text, const char *kind, const char *help)
{
    if (w->n == ITEMS_MAX)
        return;
    w->n++;
    kt_api_open(w->o, NULL, '{');
    kt_api_text(w->o, "text", text);
    kt_api_text(w->o, "kind", kt_str_of(kind));
    kt_api_text(w->o, "help", kt_str_of(help));
    kt_api_close(w->o, '}');
}

/* ---- fields and words ---- */

static void add_field(struct items *w, const char *name)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s:", name);
    add_item(w, kt_str_of(text), "field", help_of(name));
}

static bool has_help(const char *name)
{
    return help_of(name) != NULL;
}

/* Those that people ask for most come first, as the table of sentences has them. */
static void add_fields(struct items *w)
{
    const struct kt_subject *of = kt_query_fields();
    for (size_t i = 0; i < KT_ARRAY_LEN(helps); i++)
        if (kt_str_starts(kt_str_of(helps[i].field), w->typed))
            add_field(w, helps[i].field);
    for (unsigned i = 0; i < of->n; i++)
        if (!has_help(of->field[i].name) && kt_str_starts(kt_str_of(of->field[i].name), w->typed))
            add_field(w, of->field[i].name);
}

static void add_words(struct items *w, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++)
        if (kt_str_starts_nocase(kt_str_of(words[i]), w->typed))
            add_item(w, kt_str_of(words[i]), "word", NULL);
}

/* ---- values ---- */

static bool has_nocase(struct kt_str s, struct kt_str part)
{
    for (size_t i = 0; i + part.len <= s.len; i++)
        if (kt_str_eq_nocase(kt_str_sub(s, i, part.len), part))
            return true;
    return false;
}

/* Those that begin with what was typed first, then those that have it somewhere; both by how often
 * they are. */
static void add_values(struct items *w, const struct kt_facets *f, enum kt_facet which, bool quoted)
{
    for (int begins = 1; begins >= 0; begins--) {
        for (uint32_t i = 0; i < f->n[which] && w->n < ITEMS_MAX; i++) {
            KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
            char help[64];
            const struct kt_facet_value *v = &f->list[which][i];
            bool starts = kt_str_starts_nocase(v->value, w->typed);
            if (v->value.len > VALUE_MAX || starts != (begins == 1) ||
                (!starts && !has_nocase(v->value, w->typed)))
                continue;
            kt_query_write_value(v->value, quoted, &text);
            (void)snprintf(help, sizeof help, "%" PRIu64 " lately", v->count);
            add_item(w, kt_buf_str(&text), "value", help);
        }
    }
}

struct newest {
    uint64_t n, seq;
};
static enum kt_status take_newest(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                  struct kt_error *err)
{
    struct newest *w = self;
    (void)fact;
    (void)err;
    w->seq = r->seq;
    return ++w->n == NEWEST ? KT_E_AGAIN : KT_OK;
}

/* The number that the newest records come after: of a scope those that fit it, however many others
 * came since. */
static enum kt_status find_newest(struct kt_api *a, uint64_t *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 }, kept = { 0 };
    struct kt_store_stats stats;
    struct kt_ask ask = *a->ask;
    struct newest w = { 0 };
    if (kt_reader_stats(ask.reader, &stats, err) != KT_OK)
        return err->code;
    *ret = stats.records > NEWEST ? stats.records - NEWEST : 0;
    if (*ret == 0 || !kt_api_scoped(a))
        return KT_OK;
    kt_api_key(a, "newest", &key);
    if (kt_api_kept_get(a->kept, kt_buf_str(&key), a->now, BEGIN_FOR, ask.give_up, ask.give_up_self,
                        &kept) &&
        kt_str_u64(kt_buf_str(&kept), ret))
        return KT_OK;
    ask.since = ask.until = 0;
    ask.newest_first = true;
    enum kt_status status = kt_ask_records(&ask, KT_STR_NONE, take_newest, &w, err);
    if (status != KT_OK) {
        kt_api_kept_drop(a->kept, kt_buf_str(&key));
        return status;
    }
    *ret = w.n < NEWEST ? 0 : w.seq - 1;
    kt_buf_addf(&kept, "%" PRIu64, *ret);
    kt_api_kept_put(a->kept, kt_buf_str(&key), a->now, kt_buf_str(&kept));
    return KT_OK;
}

static enum kt_status take_values(struct kt_api *a, struct items *w, const struct kt_query_place *p,
                                  struct kt_error *err)
{
    struct kt_facets *f = NULL;
    enum kt_facet which;
    uint64_t after = 0;
    char query[64];
    if (!kt_facet_of(kt_str_of(p->field->name), &which))
        return KT_OK; /* its values are in no column */
    if (find_newest(a, &after, err) != KT_OK)
        return err->code;
    a->ask->since = a->ask->until = 0;
    (void)snprintf(query, sizeof query, "seq:>%" PRIu64, after);
    enum kt_status status = kt_facets_load(a->ask, kt_str_of(query), 1u << which, &f, err);
    if (status == KT_OK)
        add_values(w, f, which, p->quoted);
    kt_facets_free(f);
    return status;
}

static enum kt_status take_items(struct kt_api *a, struct items *w, const struct kt_query_place *p,
                                 struct kt_error *err)
{
    if (p->kind == KT_PLACE_TERM)
        add_fields(w);
    if (p->kind != KT_PLACE_VALUE)
        return KT_OK;
    switch (p->field->type) {
    case KT_FIELD_WORD:
    case KT_FIELD_BITS:
        add_words(w, p->field->words);
        return KT_OK;
    case KT_FIELD_TIME:
    case KT_FIELD_SINCE:
    case KT_FIELD_UNTIL:
        add_words(w, times);
        return KT_OK;
    case KT_FIELD_TEXT:
    case KT_FIELD_IP:
    case KT_FIELD_NUMBER:
        return take_values(a, w, p, err);
    case KT_FIELD_LIST:
    case KT_FIELD_ID:
        break;
    }
    return KT_OK;
}

enum kt_status kt_api_complete(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf typed = { 0 };
    struct kt_str q = kt_api_get(a, "q");
    struct kt_query_place p;
    uint64_t at;
    if (q.len > QUERY_MAX)
        return kt_fail(err, KT_E_INPUT, "a query has at most %u characters", QUERY_MAX);
    if (kt_api_number(a, "at", 0, q.len, q.len, &at, err) != KT_OK)
        return err->code;
    kt_query_place(q, (size_t)at, &p, &typed);
    struct items w = { .o = &a->out, .typed = kt_buf_str(&typed) };
    kt_api_open(&a->out, NULL, '{');
    kt_api_u64(&a->out, "from", p.from);
    kt_api_u64(&a->out, "to", p.to);
    kt_api_open(&a->out, "items", '[');
    enum kt_status status = take_items(a, &w, &p, err);
    kt_api_close(&a->out, ']');
    kt_api_close(&a->out, '}');
    return status;
}
