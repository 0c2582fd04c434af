/*
 * incident_list: opening an incident: what it is about, and the list of exposed values, which is
 * fixed in the log as it is known then.
 *
 * Owns:  nothing.
 * Calls: core/answer (blast, credential), exporters/alerts (whom an alert is about), incident.c.
 */
#include <stdio.h>
#include <string.h>

#include "cli/incident.h"
#include "core/answer/blast.h"
#include "core/answer/incident.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/event/line.h"

#define PART_BYTES (96u << 10) /* of a record's list: a record has room for 160 KiB */

/* ---- sending ---- */

struct list {
    struct kt_incident_cli *c;
    struct kt_incident_act act;
    struct kt_buf json; /* "[{…},{…}" of the part that is being filled */
    unsigned n, all;    /* of the part; of all */
};

static enum kt_status send_part(struct list *l, bool more, struct kt_error *err)
{
    struct kt_jval root;
    unsigned repaired;
    kt_buf_addz(&l->json, l->n == 0 ? "[]" : "]");
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    enum kt_status st = kt_json_parse(json, kt_buf_str(&l->json), &root, &repaired, err);
    if (st == KT_OK) {
        l->act.part++;
        l->act.more = more;
        l->act.secrets = root;
        st = kt_incident_cli_send(l->c, &l->act, NULL, err);
    }
    kt_json_free(json);
    kt_buf_reset(&l->json);
    l->n = 0;
    return st;
}

static enum kt_status add(struct list *l, const struct kt_incident_secret *s, struct kt_error *err)
{
    if (l->all == KT_INCIDENT_SECRETS_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u exposed secrets: give a window (--since)",
                       KT_INCIDENT_SECRETS_MAX);
    if (l->n == KT_INCIDENT_PART_MAX || l->json.len > PART_BYTES)
        if (send_part(l, true, err) != KT_OK)
            return err->code;
    kt_buf_byte(&l->json, l->n++ == 0 ? '[' : ',');
    kt_incident_secret_write(s, &l->json);
    l->all++;
    return KT_OK;
}

/* ---- what was exposed ---- */

static enum kt_status of_credential(struct list *l, const char *text, const char *as,
                                    struct kt_error *err)
{
    struct kt_credential of = { 0 };
    struct kt_blast *b = NULL;
    static const struct kt_blast_options options;
    struct kt_ask *ask = &l->c->asking.ask;
    enum kt_status st =
        kt_credential_find(ask, kt_str_of(text), as[0] != '\0' ? as : NULL, &of, err);
    if (st == KT_OK)
        st = kt_blast_load(ask, &of, &options, &b, err);
    for (uint32_t i = 0; b != NULL && st == KT_OK && i < b->n_secrets; i++) {
        struct kt_incident_secret s = kt_incident_secret_of(b->secret[i].state);
        st = add(l, &s, err);
    }
    kt_blast_free(b);
    kt_credential_done(&of);
    return st;
}

struct ids {
    struct kt_map *map;
};

static enum kt_status see_secret(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct ids *ids = self;
    (void)err;
    for (uint32_t i = 0; i < view->picks; i++) {
        struct kt_str s = kt_column_str(view->columns, KT_COL_SECRET, view->pick[i]);
        if (s.len > 0 && !kt_str_ends(s, KT_STR("/*")))
            (void)kt_map_put(ids->map, s, NULL);
    }
    return KT_OK;
}

/* Values that leaked by themselves: all that fit, whoever read them. */
static enum kt_status of_secret(struct list *l, const char *text, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    struct kt_ask *ask = &l->c->asking.ask;
    struct ids ids = { kt_map_new((uint64_t)ask->now) };
    const kt_time_ns since = ask->since, until = ask->until;
    ask->since = ask->until = 0;
    enum kt_status st = kt_ask_pattern(&query, "secret", kt_str_of(text), err);
    if (st == KT_OK)
        st = kt_ask_columns(ask, kt_buf_str(&query), KT_COLUMN(KT_COL_SECRET), see_secret, &ids,
                            err);
    ask->since = since;
    ask->until = until;
    for (uint32_t i = 0; st == KT_OK && i < kt_map_count(ids.map); i++)
        st = add(l, &(struct kt_incident_secret){ .secret = kt_map_key(ids.map, i) }, err);
    if (st == KT_OK && kt_map_count(ids.map) == 0)
        st = kt_fail(err, KT_E_INPUT, "no record of the log is about the secret '%s'", text);
    kt_map_free(ids.map);
    return st;
}

static enum kt_status load_alert(struct kt_incident_cli *c, const char *prefix,
                                 struct kt_arena *arena, struct kt_alert *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_alert_found found;
    enum kt_status st =
        kt_reader_alert_find(c->asking.ask.reader, kt_str_of(prefix), &json, &found, err);
    return st == KT_OK ? kt_alert_read(kt_buf_str(&json), arena, ret, err) : st;
}

/* What its actor read since it began; without an actor, its secrets. */
static enum kt_status of_alert(struct list *l, const char *id, struct kt_error *err)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_alert a;
    char actor[256];
    enum kt_status st = load_alert(l->c, id, &arena, &a, err);
    if (st != KT_OK)
        return st;
    if (a.actor.len > 0) {
        kt_str_copyz(actor, sizeof actor, a.actor);
        return of_credential(l, actor, "actor", err);
    }
    for (unsigned i = 0; st == KT_OK && i < a.n_secrets; i++)
        st = add(l, &(struct kt_incident_secret){ .secret = a.secrets[i] }, err);
    return st;
}

enum kt_status kt_incident_fix_list(struct kt_incident_cli *c, const char *id,
                                    enum kt_incident_about about, const char *subject,
                                    const char *as, kt_time_ns since, kt_time_ns until,
                                    struct kt_error *err)
{
    struct list l = { .c = c, .act.what = KT_INCIDENT_LIST };
    enum kt_status st = KT_OK;
    kt_incident_cli_author(c, &l.act);
    kt_str_copyz(l.act.id, sizeof l.act.id, kt_str_of(id));
    c->asking.ask.since = since;
    c->asking.ask.until = until;
    switch (about) {
    case KT_ABOUT_ALERT:
        st = of_alert(&l, subject, err);
        break;
    case KT_ABOUT_CREDENTIAL:
        st = of_credential(&l, subject, as, err);
        break;
    case KT_ABOUT_SECRET:
        st = of_secret(&l, subject, err);
        break;
    case KT_ABOUT_COUNT:
        break;
    }
    if (st == KT_OK)
        st = send_part(&l, false, err);
    kt_buf_done(&l.json);
    if (st == KT_OK)
        printf("%s  blast radius fixed: %u secrets\n", id, l.all);
    return st;
}

/* ---- opening ---- */

/* Crockford's base 32 has no I, L, O and U, so an access key id is never taken for an alert. */
static bool may_be_alert(const char *s)
{
    size_t n = strspn(s, "0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    return s[n] == '\0' && n >= 4 && n <= 26;
}

static enum kt_status as_alert(struct kt_incident_cli *c, const char *text,
                               struct kt_incident_act *act, struct kt_error *err)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_alert a;
    enum kt_status st = load_alert(c, text, &arena, &a, err);
    if (st != KT_OK)
        return st;
    act->about = KT_ABOUT_ALERT;
    kt_str_copyz(act->subject, sizeof act->subject, kt_str_of(a.id));
    if (act->since == 0)
        act->since = a.first;
    return KT_OK;
}

static enum kt_status stop_at_pick(void *self, const struct kt_view *view, struct kt_error *err)
{
    (void)err;
    *(bool *)self = view->picks > 0;
    return view->picks > 0 ? KT_E_AGAIN : KT_OK;
}

/* Has any record this actor, or this secret? */
static enum kt_status is_there(struct kt_incident_cli *c, const char *field, const char *text,
                               bool *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    *ret = false;
    enum kt_status st = kt_ask_pattern(&query, field, kt_str_of(text), err);
    return st == KT_OK ? kt_ask_columns(&c->asking.ask, kt_buf_str(&query), KT_COLUMN(KT_COL_ACTOR),
                                        stop_at_pick, ret, err)
                       : st;
}

static enum kt_status as_credential(struct kt_incident_cli *c, const char *text, const char *as,
                                    struct kt_incident_act *act, struct kt_error *err)
{
    struct kt_credential of = { 0 };
    bool there = true;
    enum kt_status st = kt_credential_find(&c->asking.ask, kt_str_of(text), as, &of, err);
    if (st == KT_OK && as == NULL && of.as == KT_AS_ACTOR) {
        there = false;
        st = kt_ask_columns(&c->asking.ask, kt_buf_str(&of.query), KT_COLUMN(KT_COL_ACTOR),
                            stop_at_pick, &there, err);
    }
    if (st == KT_OK && !there)
        st = kt_fail(err, KT_E_INPUT,
                     "no record has '%s' as an actor, a session, a credential or a secret; --as "
                     "says what it is all the same",
                     text);
    if (st == KT_OK) {
        act->about = KT_ABOUT_CREDENTIAL;
        kt_str_copyz(act->as, sizeof act->as, kt_str_of(kt_credential_word(of.as)));
    }
    kt_credential_done(&of);
    return st;
}

/* By --as, else by its form, else by what the store has. */
static enum kt_status classify(struct kt_incident_cli *c, struct kt_incident_act *act,
                               struct kt_error *err)
{
    const char *text = c->args[0], *as = c->as;
    struct kt_error why = { 0 };
    if (strlen(text) >= sizeof act->subject)
        return kt_fail(err, KT_E_INPUT, "what it is about has %zu bytes; at most %zu are kept",
                       strlen(text), sizeof act->subject - 1);
    kt_str_copyz(act->subject, sizeof act->subject, kt_str_of(text));
    bool alert = as == NULL ? may_be_alert(text) : strcmp(as, "alert") == 0;
    if (alert && (as_alert(c, text, act, &why) == KT_OK || as != NULL)) {
        *err = why;
        return err->code;
    }
    bool secret = as == NULL ? strstr(text, "://") != NULL : strcmp(as, "secret") == 0;
    act->about = KT_ABOUT_SECRET;
    if (!secret && as == NULL && strncmp(text, "arn:", 4) != 0 &&
        is_there(c, "secret", text, &secret, err) != KT_OK)
        return err->code;
    return secret ? KT_OK : as_credential(c, text, as, act, err);
}

/* Two people who are woken by the same thing open one each. */
static void say_open_ones(const struct kt_incidents *all, const struct kt_incident_act *a)
{
    for (unsigned i = 0; i < all->n; i++) {
        const struct kt_incident *one = all->at[i];
        if (one->closed.at == 0 && one->about == (enum kt_incident_about)a->about &&
            strcmp(one->subject, a->subject) == 0)
            fprintf(stderr, "%s is open about it, too: keytrail incident show %s\n", one->id,
                    one->id);
    }
}

enum kt_status kt_incident_open_it(struct kt_incident_cli *c, struct kt_error *err)
{
    struct kt_incident_act a = { .what = KT_INCIDENT_OPEN };
    KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
    char id[24];
    if (c->reason == NULL)
        return kt_fail(err, KT_E_INPUT, "why? --reason says what happened, as far as it is known");
    if (strlen(c->reason) >= sizeof a.reason)
        return kt_fail(err, KT_E_INPUT, "the reason has more than %zu bytes", sizeof a.reason - 1);
    if (kt_incident_cli_open(c, err) != KT_OK)
        return err->code;
    a.since = c->asking.ask.since;
    a.until = c->asking.ask.until;
    kt_incident_cli_author(c, &a);
    kt_str_copyz(a.reason, sizeof a.reason, kt_str_of(c->reason));
    if (classify(c, &a, err) != KT_OK || kt_incident_cli_send(c, &a, id, err) != KT_OK)
        return err->code;
    kt_tty_add(&safe, kt_str_of(a.subject));
    printf("%s  opened about the %s %s\n", id,
           kt_incident_about_word((enum kt_incident_about)a.about), kt_buf_z(&safe));
    say_open_ones(&c->incidents, &a);
    enum kt_status st = KT_OK;
    if (!c->no_list)
        st = kt_incident_fix_list(c, id, (enum kt_incident_about)a.about, a.subject, a.as, a.since,
                                  a.until, err);
    printf("next: keytrail incident show %s\n", id);
    return st;
}
