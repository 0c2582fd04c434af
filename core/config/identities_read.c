/*
 * identities_read: from the file of identities to the compiled set.
 *
 * Owns:  nothing; the tree goes when the file is read.
 * Calls: core/base, core/sys (zoneinfo), core/config (yaml, options).
 * Holds: every refusal names file, line and column, and what else claims the same.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/config/identities_int.h"
#include "core/sys/zoneinfo.h"

#define GLOBS_MAX 2000u /* of secrets */
#define NOTE_MAX  400u
#define WORD_MAX  128u

static const struct kt_yaml_bounds bounds = { KT_IDENTITIES_BYTES, KT_IDENTITIES_MAX, 0 };

#define AT(field) offsetof(struct top, field)
struct top {
    struct kt_strings production, not_production;
};
static const struct kt_option top_table[] = {
    { "production", KT_OPT_LIST, "", AT(production), "globs of secrets that matter most", false,
      false },
    { "not_production", KT_OPT_LIST, "", AT(not_production), "globs of secrets that do not", false,
      false },
    KT_OPTIONS_END,
};
#undef AT
static const char *const top_lists[] = { "identities", "time_zones", NULL };

#define AT(field) offsetof(struct entry, field)
struct entry {
    const char *name, *kind, *team, *time_zone, *manager, *left;
};
static const struct kt_option entry_table[] = {
    { "name", KT_OPT_STRING, NULL, AT(name), "the one name of this actor", false, false },
    { "kind", KT_OPT_STRING, "", AT(kind), "human, service, ci or ai_agent", false, false },
    { "team", KT_OPT_STRING, "", AT(team), "its colleagues have the same", false, false },
    { "time_zone", KT_OPT_STRING, "", AT(time_zone), "where its day begins: Europe/Berlin", false,
      false },
    { "manager", KT_OPT_STRING, "", AT(manager), "whom to ask", false, false },
    { "left", KT_OPT_STRING, "", AT(left), "the last day, like 2026-03-05", false, false },
    KT_OPTIONS_END,
};
#undef AT
static const char *const entry_lists[] = { "aliases", "on_call", NULL };

#define AT(field) offsetof(struct alias_options, field)
struct alias_options {
    const char *actor, *source, *instance;
};
static const struct kt_option alias_table[] = {
    { "actor", KT_OPT_STRING, NULL, AT(actor), "as the source writes it", false, false },
    { "source", KT_OPT_STRING, "", AT(source), "only of this type of source", false, false },
    { "instance", KT_OPT_STRING, "", AT(instance), "only of this source", false, false },
    KT_OPTIONS_END,
};
#undef AT

#define AT(field) offsetof(struct shift_options, field)
struct shift_options {
    const char *from, *until; /* read again with their marks */
};
static const struct kt_option shift_table[] = {
    { "from", KT_OPT_STRING, NULL, AT(from), "time like 2026-11-27T18:00+01:00", false, false },
    { "until", KT_OPT_STRING, NULL, AT(until), "time", false, false },
    KT_OPTIONS_END,
};
#undef AT

struct reading {
    struct kt_identities *ids;
    const struct kt_yaml *y;
    struct kt_error *err;
};

/* ---- words ---- */
/* A word of the file, at most max bytes; absent ones are NULL. */
static enum kt_status take_word(struct reading *r, const struct kt_node *map, const char *key,
                                const char *value, unsigned max, const char **ret)
{
    *ret = NULL;
    if (value == NULL)
        return KT_OK;
    if (value[0] == '\0' || strlen(value) > max)
        return kt_node_fail(r->y, kt_node_get(map, key), r->err, "'%s' has 1 to %u bytes", key,
                            max);
    *ret = kt_ids_keep(r->ids, kt_str_of(value));
    return KT_OK;
}

static enum kt_status take_kind(struct reading *r, const struct kt_node *map, const char *word,
                                int *ret)
{
    static const enum kt_actor_kind kinds[] = { KT_ACTOR_HUMAN, KT_ACTOR_SERVICE, KT_ACTOR_CI,
                                                KT_ACTOR_AI_AGENT };
    *ret = -1;
    for (size_t i = 0; word != NULL && i < KT_ARRAY_LEN(kinds); i++)
        if (strcmp(word, kt_actor_kind_word(kinds[i])) == 0)
            *ret = (int)kinds[i];
    if (word == NULL || *ret >= 0)
        return KT_OK;
    return kt_node_fail(r->y, kt_node_get(map, "kind"), r->err,
                        "'kind' is human, service, ci or ai_agent, not '%.40s'", word);
}

/* ---- time zones ---- */
static const struct kt_ids_zone *zone_named(const struct kt_identities *ids, struct kt_str name)
{
    for (unsigned i = 0; i < ids->n_zone; i++)
        if (kt_str_is(name, ids->zone[i].name))
            return &ids->zone[i];
    return NULL;
}

static enum kt_status add_zone(struct reading *r, const struct kt_node *at, struct kt_str name,
                               struct kt_str rule)
{
    struct kt_identities *ids = r->ids;
    struct kt_error why = { 0 };
    struct kt_zone zone;
    if (ids->n_zone == KT_IDS_ZONES)
        return kt_node_fail(r->y, at, r->err, "more than %u time zones", KT_IDS_ZONES);
    if (kt_zone_parse(rule, &zone, &why) != KT_OK)
        return kt_node_fail(r->y, at, r->err, "%s", why.text);
    if (ids->zone == NULL)
        ids->zone = kt_alloc_array(KT_IDS_ZONES, sizeof *ids->zone);
    ids->zone[ids->n_zone++] = (struct kt_ids_zone){ .name = kt_ids_keep(ids, name),
                                                     .rule = kt_ids_keep(ids, rule),
                                                     .zone = zone };
    return KT_OK;
}

/* Rules that stand in the file itself: a configuration that was recorded brings them along. */
static enum kt_status read_zones(struct reading *r, const struct kt_node *n)
{
    if (n == NULL || kt_node_is_null(n))
        return KT_OK;
    if (kt_node_expect(r->y, n, KT_NODE_MAP, r->err) != KT_OK)
        return KT_E_CONFIG;
    for (const struct kt_node *e = n->first; e != NULL; e = e->next)
        if (kt_node_expect(r->y, e, KT_NODE_SCALAR, r->err) != KT_OK ||
            add_zone(r, e, e->key, e->scalar) != KT_OK)
            return KT_E_CONFIG;
    return KT_OK;
}

static enum kt_status take_zone(struct reading *r, const struct kt_node *map, const char *name,
                                struct kt_identity *who)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf rule = { 0 };
    struct kt_error why = { 0 };
    if (name == NULL)
        return KT_OK;
    const struct kt_node *at = kt_node_get(map, "time_zone");
    const struct kt_ids_zone *z = zone_named(r->ids, kt_str_of(name));
    if (z == NULL) {
        if (kt_zoneinfo_rule(kt_str_of(name), &rule, &why) != KT_OK)
            return kt_node_fail(r->y, at, r->err, "'time_zone': %s", why.text);
        if (add_zone(r, at, kt_str_of(name), kt_buf_str(&rule)) != KT_OK)
            return KT_E_CONFIG;
        z = &r->ids->zone[r->ids->n_zone - 1];
    }
    who->time_zone = z->name;
    who->zone = &z->zone;
    return KT_OK;
}

/* ---- the last day ---- */
/* The day's end in the zone, whose offset there is not that of midnight UTC. */
static kt_time_ns end_of_day(const struct kt_zone *zone, kt_time_ns midnight)
{
    kt_time_ns end = midnight + KT_NS_DAY;
    if (zone == NULL)
        return end;
    kt_time_ns near = end - kt_zone_offset_s(zone, end) * KT_NS_S;
    return end - kt_zone_offset_s(zone, near) * KT_NS_S;
}

/* After take_zone. */
static enum kt_status take_left(struct reading *r, const struct kt_node *map, const char *day,
                                struct kt_identity *who)
{
    char text[32];
    kt_time_ns midnight;
    struct kt_error why = { 0 };
    if (day == NULL)
        return KT_OK;
    (void)snprintf(text, sizeof text, "%.20sT00:00:00Z", day);
    if (strlen(day) != strlen("2026-03-05") ||
        kt_time_parse(kt_str_of(text), &midnight, &why) != KT_OK)
        return kt_node_fail(r->y, kt_node_get(map, "left"), r->err,
                            "'left' is a day like 2026-03-05, not '%.40s'", day);
    who->left_day = kt_ids_keep(r->ids, kt_str_of(day));
    who->left = end_of_day(who->zone, midnight);
    return KT_OK;
}

/* ---- aliases ---- */
static bool has_star(const char *z)
{
    return strchr(z, '*') != NULL;
}

/* Enters the alias; at: where it stands. */
static enum kt_status claim(struct reading *r, const struct kt_node *at, const char *actor,
                            struct kt_identity_alias a)
{
    struct kt_identities *ids = r->ids;
    size_t n = strlen(actor);
    if (n == 0 || n > KT_IDENTITY_ALIAS_MAX)
        return kt_node_fail(r->y, at, r->err, "an alias has 1 to %u bytes", KT_IDENTITY_ALIAS_MAX);
    if (!kt_glob_names(kt_str_of(actor), 1))
        return kt_node_fail(r->y, at, r->err,
                            "'%s' would make one actor of all: an alias has a letter beside '*'",
                            actor);
    a.actor = kt_ids_keep_folded(ids, kt_str_of(actor));
    a.line = at->line;
    a.glob = has_star(actor);
    if (a.glob && ids->n_glob == KT_IDENTITY_GLOBS)
        return kt_node_fail(r->y, at, r->err,
                            "more than %u aliases with '*': write the names themselves",
                            KT_IDENTITY_GLOBS);
    if (a.glob)
        ids->glob[ids->n_glob++] = ids->n_alias;
    ids->alias[ids->n_alias] = a;
    const struct kt_identity *other = kt_ids_claim(ids, ids->n_alias++);
    if (other == NULL)
        return KT_OK;
    return kt_node_fail(r->y, at, r->err,
                        "'%s' belongs to '%s' already (line %u): one actor is one identity", actor,
                        other->name, other->line);
}

static enum kt_status take_alias(struct reading *r, const struct kt_node *n, uint32_t identity)
{
    struct alias_options o = { 0 };
    struct kt_identity_alias a = { .identity = identity };
    if (n->type != KT_NODE_MAP) {
        if (n->type != KT_NODE_SCALAR || kt_node_is_null(n))
            return kt_node_fail(r->y, n, r->err,
                                "here goes an alias, or { actor: …, source: …, instance: … }");
        return claim(r, n, n->scalar.at, a);
    }
    if (kt_options_fill(r->y, n, alias_table, &o, r->err) != KT_OK ||
        take_word(r, n, "source", o.source, WORD_MAX, &a.source) != KT_OK ||
        take_word(r, n, "instance", o.instance, WORD_MAX, &a.instance) != KT_OK)
        return KT_E_CONFIG;
    return claim(r, kt_node_get(n, "actor"), o.actor, a);
}

static const struct kt_node *items(const struct kt_node *list)
{
    return list == NULL || list->type != KT_NODE_LIST ? list : list->first;
}

static enum kt_status take_aliases(struct reading *r, const struct kt_node *n, uint32_t identity)
{
    struct kt_identity *who = &r->ids->identity[identity];
    who->alias = &r->ids->alias[r->ids->n_alias];
    if (n != NULL && kt_node_is_null(n))
        n = NULL;
    for (const struct kt_node *e = items(n); e != NULL;
         e = n->type == KT_NODE_LIST ? e->next : NULL) {
        if (take_alias(r, e, identity) != KT_OK)
            return KT_E_CONFIG;
        who->n_alias++;
    }
    return KT_OK;
}

/* ---- on call ---- */
static enum kt_status take_shift(struct reading *r, const struct kt_node *n)
{
    struct shift_options o = { 0 };
    struct kt_shift s = { 0 };
    if (kt_options_fill(r->y, n, shift_table, &o, r->err) != KT_OK ||
        kt_conf_time(r->y, n, "from", false, &s.from, r->err) != KT_OK ||
        kt_conf_time(r->y, n, "until", true, &s.until, r->err) != KT_OK)
        return KT_E_CONFIG;
    if (s.until <= s.from)
        return kt_node_fail(r->y, kt_node_get(n, "until"), r->err,
                            "'until' does not lie after 'from'");
    r->ids->shift[r->ids->n_shift++] = s;
    return KT_OK;
}

static enum kt_status take_on_call(struct reading *r, const struct kt_node *map,
                                   struct kt_identity *who)
{
    const struct kt_node *n = kt_node_get(map, "on_call");
    if (n == NULL || kt_node_is_null(n))
        return KT_OK;
    if (n->type == KT_NODE_SCALAR)
        return take_word(r, map, "on_call", n->scalar.at, NOTE_MAX, &who->on_call_note);
    if (kt_node_expect(r->y, n, KT_NODE_LIST, r->err) != KT_OK)
        return KT_E_CONFIG;
    who->shift = &r->ids->shift[r->ids->n_shift];
    for (const struct kt_node *e = n->first; e != NULL; e = e->next) {
        if (take_shift(r, e) != KT_OK)
            return KT_E_CONFIG;
        who->n_shift++;
    }
    return KT_OK;
}

/* ---- identities ---- */
static enum kt_status take_name(struct reading *r, const struct kt_node *n, const char *name,
                                uint32_t identity)
{
    struct kt_identities *ids = r->ids;
    const struct kt_node *at = kt_node_get(n, "name");
    struct kt_identity *who = &ids->identity[identity];
    if (take_word(r, n, "name", name, KT_IDENTITY_NAME_MAX, &who->name) != KT_OK)
        return KT_E_CONFIG;
    if (has_star(name))
        return kt_node_fail(r->y, at, r->err, "a name has no '*': it stands for one actor");
    who->line = at->line;
    bool fresh;
    uint32_t number =
        kt_map_put(ids->names, kt_str_of(kt_ids_keep_folded(ids, kt_str_of(name))), &fresh);
    if (!fresh)
        return kt_node_fail(r->y, at, r->err, "'%s' stands here for the second time (line %u)",
                            name, ids->identity[number].line);
    return KT_OK;
}

static enum kt_status take_identity(struct reading *r, const struct kt_node *n)
{
    struct kt_identities *ids = r->ids;
    struct entry e = { 0 };
    uint32_t i = ids->n_identity++;
    struct kt_identity *who = &ids->identity[i];
    if (kt_options_fill_beside(r->y, n, entry_table, entry_lists, &e, r->err) != KT_OK ||
        take_name(r, n, e.name, i) != KT_OK || take_kind(r, n, e.kind, &who->kind) != KT_OK ||
        take_word(r, n, "team", e.team, WORD_MAX, &who->team) != KT_OK ||
        take_word(r, n, "manager", e.manager, WORD_MAX, &who->manager) != KT_OK ||
        take_zone(r, n, e.time_zone, who) != KT_OK || take_left(r, n, e.left, who) != KT_OK ||
        take_on_call(r, n, who) != KT_OK || take_aliases(r, kt_node_get(n, "aliases"), i) != KT_OK)
        return KT_E_CONFIG;
    return claim(r, kt_node_get(n, "name"), e.name, (struct kt_identity_alias){ .identity = i });
}

static unsigned items_of(const struct kt_node *map, const char *key)
{
    const struct kt_node *n = kt_node_get(map, key);
    return n == NULL ? 0 : n->type == KT_NODE_LIST ? kt_node_count(n) : 1;
}

/* Counts first: what an identity points to never moves. */
static enum kt_status make_room(struct reading *r, const struct kt_node *list)
{
    struct kt_identities *ids = r->ids;
    uint64_t n = 0, aliases = 0, shifts = 0;
    for (const struct kt_node *e = list->first; e != NULL; e = e->next) {
        if (kt_node_expect(r->y, e, KT_NODE_MAP, r->err) != KT_OK)
            return KT_E_CONFIG;
        n++;
        aliases += items_of(e, "aliases");
        shifts += items_of(e, "on_call");
        if (aliases > KT_IDENTITY_ALIASES || shifts > KT_IDENTITY_SHIFTS)
            return kt_node_fail(r->y, e, r->err, "more than %u %s",
                                aliases > KT_IDENTITY_ALIASES ? KT_IDENTITY_ALIASES
                                                              : KT_IDENTITY_SHIFTS,
                                aliases > KT_IDENTITY_ALIASES ? "aliases" : "shifts on call");
    }
    ids->identity = kt_alloc_array(n + 1, sizeof *ids->identity);
    ids->alias = kt_alloc_array(aliases + n + 1, sizeof *ids->alias);
    ids->next = kt_alloc_array(aliases + n + 1, sizeof *ids->next);
    ids->glob = kt_alloc_array(KT_IDENTITY_GLOBS, sizeof *ids->glob);
    ids->shift = kt_alloc_array(shifts + 1, sizeof *ids->shift);
    return KT_OK;
}

static enum kt_status read_identities(struct reading *r, const struct kt_node *list)
{
    if (list == NULL || kt_node_is_null(list))
        return KT_OK;
    if (kt_node_expect(r->y, list, KT_NODE_LIST, r->err) != KT_OK || make_room(r, list) != KT_OK)
        return KT_E_CONFIG;
    for (const struct kt_node *e = list->first; e != NULL; e = e->next)
        if (take_identity(r, e) != KT_OK)
            return KT_E_CONFIG;
    return KT_OK;
}

/* ---- the whole ---- */
static enum kt_status take_globs(struct reading *r, const char *key, struct kt_strings from,
                                 struct kt_strings *ret)
{
    if (from.n > GLOBS_MAX)
        return kt_node_fail(r->y, kt_node_get(kt_yaml_root(r->y), key), r->err,
                            "'%s' has at most %u entries", key, GLOBS_MAX);
    if (from.n == 0)
        return KT_OK;
    ret->at = kt_alloc_array(from.n, sizeof *ret->at);
    for (; ret->n < from.n; ret->n++) {
        if (strlen(from.at[ret->n]) > KT_KEY_MAX * 4)
            return kt_node_fail(r->y, kt_node_get(kt_yaml_root(r->y), key), r->err,
                                "'%s': a glob has at most %u bytes", key, KT_KEY_MAX * 4);
        ret->at[ret->n] = kt_ids_keep(r->ids, kt_str_of(from.at[ret->n]));
    }
    return KT_OK;
}

static enum kt_status read_all(struct kt_identities *ids, const struct kt_yaml *y,
                               struct kt_error *err)
{
    struct reading r = { ids, y, err };
    const struct kt_node *root = kt_yaml_root(y);
    struct top top = { 0 };
    memcpy(ids->digest, kt_yaml_digest(y), sizeof ids->digest);
    if (kt_options_fill_beside(y, root, top_table, top_lists, &top, err) != KT_OK ||
        take_globs(&r, "production", top.production, &ids->production[0]) != KT_OK ||
        take_globs(&r, "not_production", top.not_production, &ids->production[1]) != KT_OK ||
        read_zones(&r, kt_node_get(root, "time_zones")) != KT_OK)
        return KT_E_CONFIG;
    return read_identities(&r, kt_node_get(root, "identities"));
}

static enum kt_status read_and_free(struct kt_identities *ids, enum kt_status st, struct kt_yaml *y,
                                    struct kt_error *err)
{
    if (st == KT_OK)
        st = read_all(ids, y, err);
    kt_yaml_free(y);
    return st;
}

enum kt_status kt_identities_load(struct kt_identities *ids, const char *path, struct kt_error *err)
{
    struct kt_yaml *y = NULL;
    enum kt_status st = kt_yaml_load_within(&bounds, path, &y, err);
    return read_and_free(ids, st, y, err);
}

enum kt_status kt_identities_parse(struct kt_identities *ids, struct kt_str text, const char *name,
                                   struct kt_error *err)
{
    struct kt_yaml *y = NULL;
    enum kt_status st = kt_yaml_parse_within(&bounds, text, name, &y, err);
    return read_and_free(ids, st, y, err);
}
