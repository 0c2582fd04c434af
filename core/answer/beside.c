/*
 * beside: see the header.
 *
 * Owns:  what it loaded.
 * Calls: core/answer, core/config. No output.
 */
#include "core/answer/beside.h"

#include <stdio.h>
#include <string.h>

/* ---- what there is ---- */

static const struct kt_identity *identity_of(const struct kt_ask *a,
                                             const struct kt_profile_ask *what)
{
    if (a->ids == NULL || what->kind != KT_PROFILE_ACTOR)
        return NULL;
    const struct kt_identity *who = kt_identities_named(a->ids, what->value);
    return who != NULL ? who : kt_identities_find(a->ids, what->value, KT_STR_NONE, KT_STR_NONE);
}

/* Age and rotation are those of now, whatever the window; of a pattern they would be a list, which
 * is `keytrail inventory`. */
static enum kt_status load_inventory(struct kt_ask *a, const struct kt_profile *p,
                                     struct kt_inventory **ret, struct kt_error *err)
{
    kt_time_ns since = a->since, until = a->until;
    if (p->n[KT_PROFILE_SECRETS] != 1)
        return KT_OK;
    a->since = a->until = 0;
    enum kt_status status =
        kt_inventory_load(a, p->list[KT_PROFILE_SECRETS][0].value, KT_INVENTORY_CHANGES, ret, err);
    a->since = since;
    a->until = until;
    return status;
}

/* Whoever has a scope, and nothing in it of what they ask about, is not told that the file of
 * identities knows it, nor what facts say: those are there for others' records. */
static bool is_none_of_theirs(const struct kt_ask *a, const struct kt_profile *p)
{
    return a->scope.len > 0 && p->first == 0;
}

static enum kt_status load(struct kt_ask *a, const struct kt_profile *p, struct kt_beside *g,
                           struct kt_error *err)
{
    switch (g->what->kind) {
    case KT_PROFILE_SECRET:
        return load_inventory(a, p, &g->inventory, err);
    case KT_PROFILE_SESSION:
        return p->first == 0 ? KT_OK : kt_issued_find(a, g->what->value, p->first, &g->issued, err);
    case KT_PROFILE_ACTOR:
        g->who = g->nothing ? NULL : identity_of(a, g->what);
        break;
    case KT_PROFILE_IP:
    case KT_PROFILE_INSTANCE:
    case KT_PROFILE_ALL:
    case KT_PROFILE_KINDS:
        break;
    }
    return KT_OK;
}

enum kt_status kt_beside_load(struct kt_ask *a, const struct kt_conf *conf,
                              const struct kt_profile_ask *what, const struct kt_profile *p,
                              struct kt_beside *ret, struct kt_error *err)
{
    struct kt_beside g = { .ask = a, .conf = conf, .what = what };
    g.nothing = is_none_of_theirs(a, p);
    enum kt_status status = load(a, p, &g, err);
    if (status != KT_OK) {
        kt_beside_done(&g);
        return status;
    }
    *ret = g;
    return KT_OK;
}

void kt_beside_done(struct kt_beside *g)
{
    kt_issued_done(&g->issued);
    kt_inventory_free(g->inventory);
    *g = (struct kt_beside){ 0 };
}

/* ---- as facts ---- */

struct to {
    void (*each)(void *self, const char *name, struct kt_str text, kt_time_ns time);
    void *self;
};

static void say(const struct to *to, const char *name, struct kt_str text, kt_time_ns time)
{
    if (text.len > 0 || time != 0)
        to->each(to->self, name, text, time);
}

/* A date without a text is none where there is no date: the text explains it. */
static void say_time(const struct to *to, const char *name, kt_time_ns time, struct kt_str text)
{
    if (time != 0)
        to->each(to->self, name, text, time);
}

/* aliases: of a scope they are left out, since they name sources and names outside of it. */
static void say_identity(const struct to *to, const struct kt_identity *who, bool aliases)
{
    if (who == NULL)
        return;
    say(to, "name", kt_str_of(who->name), 0);
    if (who->kind >= 0)
        say(to, "kind", kt_str_of(kt_actor_kind_word((enum kt_actor_kind)who->kind)), 0);
    say(to, "team", kt_str_of(who->team), 0);
    say(to, "manager", kt_str_of(who->manager), 0);
    say(to, "time_zone", kt_str_of(who->time_zone), 0);
    say(to, "left", kt_str_of(who->left_day), 0);
    for (unsigned i = 0; aliases && i < who->n_alias; i++)
        if (strcmp(who->alias[i].actor, who->name) != 0)
            say(to, "alias", kt_str_of(who->alias[i].actor), 0);
}

static void say_item(const struct to *to, const struct kt_inventory_item *it)
{
    struct kt_inventory_age age = kt_inventory_age(it), turned = kt_inventory_rotation(it);
    say(to, "owner", it->owner, 0);
    say_time(to, "last_rotated", turned.at, kt_str_of(turned.from));
    say_time(to, "age_since", age.at, kt_str_of(age.since));
    say_time(to, "next_due", kt_inventory_due(it), KT_STR_NONE);
    say_time(to, "expires", it->expires, KT_STR_NONE);
    say_time(to, "deleted", it->deleted, KT_STR_NONE);
    if (it->gone)
        say(to, "gone", KT_STR("its newest snapshot does not have it"), 0);
}

static void say_issue(const struct to *to, const struct kt_issued *i)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf how = { 0 };
    if (i->time == 0)
        return;
    say_time(to, "issued", i->time, kt_str_of(i->id));
    say(to, "issued_to", kt_buf_str(&i->actor), 0);
    kt_buf_addf(&how, "%s, %s (" KT_STR_FMT ")", kt_action_word(i->action),
                kt_outcome_word(i->outcome), KT_STR_ARG(kt_buf_str(&i->operation)));
    say(to, "issued_by", kt_buf_str(&how), 0);
    say(to, "issued_at", kt_buf_str(&i->instance), 0);
    say(to, "issued_from", kt_buf_str(&i->ip), 0);
}

/* Places of the configuration that hold all of it. */
static void say_networks(const struct to *to, const struct kt_conf *c, struct kt_cidr net)
{
    for (unsigned i = 0; c != NULL && i < c->n_networks; i++)
        for (unsigned k = 0; k < c->networks[i].n_cidr; k++)
            if (c->networks[i].cidr[k].bits <= net.bits &&
                kt_cidr_has(c->networks[i].cidr[k], net.ip))
                say(to, "network_of_config", kt_str_of(c->networks[i].name), 0);
}

static void say_address(const struct to *to, const struct kt_beside *g)
{
    struct kt_cidr net;
    char asn[24];
    if (g->what->kind != KT_PROFILE_IP || kt_cidr_parse(g->what->value, &net, NULL) != KT_OK)
        return;
    if (net.bits == 128) {
        const struct kt_fact *f = kt_facts_at(g->ask->facts, net.ip, UINT64_MAX);
        say(to, "class", kt_str_of(kt_ip_class_word(kt_ip_class(net.ip))), 0);
        if (f != NULL) {
            (void)snprintf(asn, sizeof asn, "AS%u", f->asn);
            say(to, "country", f->country, 0);
            say(to, "asn", f->asn != 0 ? kt_str_of(asn) : KT_STR_NONE, 0);
            say(to, "organisation", f->org, 0);
            say(to, "hosting", f->hosting ? KT_STR("yes") : KT_STR_NONE, 0);
        }
    }
    say_networks(to, g->conf, net);
}

void kt_beside_facts(const struct kt_beside *g,
                     void (*each)(void *self, const char *name, struct kt_str text,
                                  kt_time_ns time),
                     void *self)
{
    const struct to to = { each, self };
    say_identity(&to, g->who, g->ask->scope.len == 0);
    for (uint32_t i = 0; g->inventory != NULL && i < g->inventory->n; i++)
        say_item(&to, &g->inventory->item[i]);
    say_issue(&to, &g->issued);
    if (!g->nothing)
        say_address(&to, g);
}
