/*
 * incidents: folding the acts of the log into incidents.
 *
 * Owns:  copies of their texts.
 * Calls: core/base, core/event (json, incident), core/store/read.
 * Holds: the fold is a function of the acts alone, in the order of the log.
 */
#include "core/query/incidents.h"

#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"

#define NAME "incident-"

/* ---- marks and lists ---- */

static void unset(struct kt_incident_mark *m)
{
    kt_free(m->by);
    kt_free(m->where);
    kt_free(m->reason);
    *m = (struct kt_incident_mark){ 0 };
}

static void set(struct kt_incident_mark *m, const struct kt_incident_act *a)
{
    unset(m);
    *m = (struct kt_incident_mark){ .at = a->at,
                                    .by = kt_strdup(a->by),
                                    .where = kt_strdup(a->where),
                                    .reason = kt_strdup(a->reason) };
}

static void drop_list(struct kt_incident *i)
{
    for (unsigned k = 0; k < i->n_exposed; k++) {
        for (unsigned v = 0; v < i->exposed[k].n_versions; v++)
            kt_free(i->exposed[k].version[v]);
        kt_free(i->exposed[k].secret);
    }
    i->n_exposed = 0;
    i->parts = 0;
    unset(&i->listed);
}

static void incident_free(struct kt_incident *i)
{
    drop_list(i);
    kt_free(i->exposed);
    unset(&i->opened);
    unset(&i->closed);
    for (unsigned k = 0; k < KT_RUNBOOK_COUNT; k++)
        unset(&i->step[k]);
    for (unsigned k = 0; k < i->n_said; k++)
        kt_free(i->said[k].text);
    kt_free(i->said);
    kt_free(i->subject);
    kt_free(i->as);
    kt_free(i);
}

void kt_incidents_done(struct kt_incidents *l)
{
    for (unsigned i = 0; i < l->n; i++)
        incident_free(l->at[i]);
    kt_free(l->at);
    *l = (struct kt_incidents){ 0 };
}

static void add_secret(struct kt_incident *i, const struct kt_incident_secret *s)
{
    if (i->n_exposed == i->cap_exposed) {
        i->cap_exposed = i->cap_exposed == 0 ? 32 : 2 * i->cap_exposed;
        i->exposed = kt_realloc_array(i->exposed, i->cap_exposed, sizeof *i->exposed);
    }
    struct kt_incident_exposed *e = &i->exposed[i->n_exposed++];
    *e = (struct kt_incident_exposed){ .secret = kt_str_dup(s->secret),
                                       .reads = s->reads,
                                       .issued = s->issued,
                                       .first = s->first,
                                       .last = s->last,
                                       .pending = s->pending };
    while (e->n_versions < s->n_versions) {
        e->version[e->n_versions] = kt_str_dup(s->version[e->n_versions]);
        e->n_versions++;
    }
}

/* ---- acts ---- */

static bool take_open(struct kt_incidents *l, const struct kt_incident_act *a)
{
    if (a->id[0] == '\0' || kt_incidents_named(l, kt_str_of(a->id)) != NULL)
        return false;
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 8 : 2 * l->cap;
        l->at = kt_realloc_array(l->at, l->cap, sizeof(struct kt_incident *));
    }
    struct kt_incident *i = l->at[l->n++] = kt_alloc(sizeof *i);
    *i = (struct kt_incident){ .about = (enum kt_incident_about)a->about,
                               .subject = kt_strdup(a->subject),
                               .as = kt_strdup(a->as),
                               .since = a->since,
                               .until = a->until };
    memcpy(i->id, a->id, sizeof i->id);
    set(&i->opened, a);
    return true;
}

static bool take_list(struct kt_incident *i, const struct kt_incident_act *a)
{
    struct kt_incident_walk w = { 0 };
    struct kt_incident_secret s;
    if (a->part != 1 && (a->part != i->parts + 1 || i->listed.at != 0))
        return false;
    if (a->part == 1)
        drop_list(i);
    while (i->n_exposed < KT_INCIDENT_SECRETS_MAX && kt_incident_secret_next(a, &w, &s))
        add_secret(i, &s);
    i->parts = a->part;
    if (!a->more)
        set(&i->listed, a);
    return true;
}

static void take_close(struct kt_incident *i, const struct kt_incident_act *a)
{
    set(&i->closed, a);
    i->forced = a->forced;
    i->open_at_close = a->open;
    memcpy(i->markdown, a->markdown, sizeof i->markdown);
    memcpy(i->html, a->html, sizeof i->html);
}

static bool change(struct kt_incident *i, const struct kt_incident_act *a)
{
    if (i->closed.at != 0 && a->what != KT_INCIDENT_NOTE)
        return false;
    switch (a->what) {
    case KT_INCIDENT_STEP:
        if (a->undone && i->step[a->step].at == 0)
            return false;
        if (a->undone)
            unset(&i->step[a->step]);
        else
            set(&i->step[a->step], a);
        return true;
    case KT_INCIDENT_LIST:
        return take_list(i, a);
    case KT_INCIDENT_CLOSE:
        take_close(i, a);
        return true;
    case KT_INCIDENT_NOTE:
        return true;
    case KT_INCIDENT_OPEN:
    case KT_INCIDENT_WHATS:
        break;
    }
    return false;
}

static void keep_said(struct kt_incident *i, const struct kt_incident_act *a)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (i->n_said == i->cap_said) {
        i->cap_said = i->cap_said == 0 ? 16 : 2 * i->cap_said;
        i->said = kt_realloc_array(i->said, i->cap_said, sizeof *i->said);
    }
    kt_incident_say(a, &text);
    i->said[i->n_said++] =
        (struct kt_incident_said){ a->at, a->what, kt_str_dup(kt_buf_str(&text)) };
}

static struct kt_incident *named(const struct kt_incidents *l, struct kt_str name)
{
    char whole[sizeof NAME + 24];
    (void)snprintf(whole, sizeof whole, NAME "%.*s", (int)(name.len < 12 ? name.len : 12),
                   name.at == NULL ? "" : name.at);
    for (unsigned i = l->n; i-- > 0;)
        if (kt_str_is(name, l->at[i]->id) || strcmp(l->at[i]->id, whole) == 0)
            return l->at[i];
    return NULL;
}

const struct kt_incident *kt_incidents_named(const struct kt_incidents *l, struct kt_str name)
{
    return named(l, name);
}

bool kt_incidents_take(struct kt_incidents *l, const struct kt_incident_act *a)
{
    if (a->what == KT_INCIDENT_OPEN) {
        if (!take_open(l, a))
            return false;
    }
    struct kt_incident *i = named(l, kt_str_of(a->id));
    if (i == NULL || (a->what != KT_INCIDENT_OPEN && !change(i, a)))
        return false;
    keep_said(i, a);
    return true;
}

/* ---- reading ---- */

enum kt_status kt_incidents_load(struct kt_reader *r, struct kt_incidents *ret,
                                 struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_incidents l = { 0 };
    const struct kt_scan scan = { .control = true,
                                  .control_kind = KT_KIND_DECISION,
                                  .damage = &l.damage };
    if (kt_cursor_open(r, &scan, &c, err) != KT_OK)
        return kt_wrap(err, "incidents");
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_record rec;
    enum kt_status status;
    while ((status = kt_cursor_next(c, &rec, err)) == KT_OK) {
        struct kt_incident_act a;
        struct kt_jval root;
        unsigned repaired;
        int what = kt_incident_of(rec.ev.operation);
        if (what < 0 || kt_json_parse(json, rec.ev.raw, &root, &repaired, NULL) != KT_OK ||
            kt_incident_read((enum kt_incident_what)what, root, &a, NULL) != KT_OK)
            continue;
        a.at = rec.arrival;
        (void)kt_incidents_take(&l, &a);
    }
    kt_json_free(json);
    kt_cursor_free(c);
    if (status != KT_E_AGAIN) {
        kt_incidents_done(&l);
        return kt_wrap(err, "incidents");
    }
    *err = (struct kt_error){ 0 };
    *ret = l;
    return KT_OK;
}
