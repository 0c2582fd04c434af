/*
 * conf_routes: alerts.routes, who is told of which alert, and when (docs/routing.md).
 *
 * Owns:  nothing; routes live in the configuration.
 * Calls: core/base, options, yaml.
 * Holds: every target that a route names exists, and no route stands where no alert comes. Queries
 *        and time zones are read by whoever asks them (collector/routes.c). A recorded
 * configuration has no routes: detection does not ask for them.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/config/conf.h"

#define DAY_MIN     1440u
#define ALL_DAYS    0x7fu
#define SOONEST     KT_NS_S
#define LATEST      (30 * KT_NS_DAY)
#define TARGET_NAME 63u /* bytes, of a row of the outbox */

#define AT(field) offsetof(struct kt_conf_route, field)
const struct kt_option kt_conf_route_table[] = {
    { "match", KT_OPT_STRING, "", AT(match), "query over an alert; none: every alert", false,
      false },
    { "to", KT_OPT_LIST, NULL, AT(to), "targets that are told at once", false, false },
    { "repeat", KT_OPT_DURATION, "", AT(repeat),
      "told again after this, until somebody acknowledges", false, false },
    { "fallback", KT_OPT_LIST, "", AT(fallback), "targets for when none of `to` takes it", false,
      false },
    { "continue", KT_OPT_BOOL, "false", AT(go_on), "true: later routes are asked as well", false,
      false },
    KT_OPTIONS_END,
};
#undef AT
static const char *const route_beside[] = { "escalate", "quiet", NULL };

#define AT(field) offsetof(struct kt_conf_escalation, field)
const struct kt_option kt_conf_escalation_table[] = {
    { "after", KT_OPT_DURATION, NULL, AT(after), "time without an acknowledgement", false, false },
    { "to", KT_OPT_LIST, NULL, AT(to), "targets that are told then", false, false },
    KT_OPTIONS_END,
};
#undef AT

#define AT(field) offsetof(struct quiet_options, field)
struct quiet_options {
    const char *hours, *zone, *except;
    struct kt_strings days;
};
const struct kt_option kt_conf_quiet_table[] = {
    { "hours", KT_OPT_STRING, NULL, AT(hours), "22:00-07:00: what is due then waits for the end",
      false, false },
    { "days", KT_OPT_LIST, "", AT(days), "mon, tue …: days on which the hours begin; none: all",
      false, false },
    { "zone", KT_OPT_STRING, "UTC", AT(zone), "time zone like Europe/Berlin", false, false },
    { "except", KT_OPT_STRING, "", AT(except), "query over an alert: what is told nevertheless",
      false, false },
    KT_OPTIONS_END,
};
#undef AT

/* ---- targets ---- */

/* The node of entry i of a list, or of the single word that stands for one. */
static const struct kt_node *entry(const struct kt_node *map, const char *key, unsigned i)
{
    const struct kt_node *n = kt_node_get(map, key);
    const struct kt_node *at = n->type == KT_NODE_LIST ? n->first : n;
    while (i-- > 0)
        at = at->next;
    return at;
}

static bool has(const struct kt_strings *list, const char *name)
{
    for (unsigned i = 0; i < list->n; i++)
        if (strcmp(list->at[i], name) == 0)
            return true;
    return false;
}

static enum kt_status check_target(const struct kt_conf *c, const struct kt_node *at,
                                   struct kt_error *err)
{
    struct kt_near near = kt_near_of(at->scalar);
    for (unsigned i = 0; i < c->n_targets; i++) {
        if (kt_str_is(at->scalar, c->targets[i].name))
            return KT_OK;
        kt_near_try(&near, c->targets[i].name);
    }
    if (near.name != NULL)
        return kt_node_fail(c->yaml, at, err,
                            "there is no target '%s' in alerts.targets, did you mean '%s'?",
                            at->scalar.at, near.name);
    return kt_node_fail(c->yaml, at, err, "there is no target '%s' in alerts.targets",
                        at->scalar.at);
}

/* Each is there, and is named once, here and in `others` (NULL: none). */
static enum kt_status check_targets(const struct kt_conf *c, const struct kt_node *map,
                                    const char *key, const struct kt_strings *list,
                                    const struct kt_strings *others, struct kt_error *err)
{
    for (unsigned i = 0; i < list->n; i++) {
        const struct kt_node *at = entry(map, key, i);
        if (check_target(c, at, err) != KT_OK)
            return KT_E_CONFIG;
        const struct kt_strings before = { list->at, i };
        if (has(&before, list->at[i]))
            return kt_node_fail(c->yaml, at, err, "target '%s' stands here twice", list->at[i]);
        if (others != NULL && has(others, list->at[i]))
            return kt_node_fail(c->yaml, at, err,
                                "target '%s' is in `to`: when it takes nothing, it cannot stand in "
                                "for itself",
                                list->at[i]);
    }
    return KT_OK;
}

static enum kt_status not_empty(const struct kt_conf *c, const struct kt_node *map,
                                const struct kt_strings *to, struct kt_error *err)
{
    if (to->n > 0)
        return KT_OK;
    return kt_node_fail(c->yaml, kt_node_get(map, "to"), err,
                        "'to' names nobody: what nobody shall hear of is silenced for a time and "
                        "with a reason (keytrail alerts silence)");
}

static enum kt_status check_time(const struct kt_conf *c, const struct kt_node *map,
                                 const char *key, kt_time_ns t, struct kt_error *err)
{
    const struct kt_node *n = kt_node_get(map, key);
    if (n == NULL || (t >= SOONEST && t <= LATEST))
        return KT_OK;
    return kt_node_fail(c->yaml, n, err, "'%s' is between 1s and 30d", key);
}

/* ---- escalations ---- */

static enum kt_status load_escalation(struct kt_conf *c, const struct kt_node *n,
                                      struct kt_conf_route *r, struct kt_error *err)
{
    struct kt_conf_escalation *e = &r->escalate[r->n_escalate];
    if (kt_options_fill(c->yaml, n, kt_conf_escalation_table, e, err) != KT_OK ||
        not_empty(c, n, &e->to, err) != KT_OK || check_time(c, n, "after", e->after, err) != KT_OK)
        return KT_E_CONFIG;
    if (r->n_escalate > 0 && e->after <= e[-1].after)
        return kt_node_fail(c->yaml, kt_node_get(n, "after"), err,
                            "'after' is no later than that of the step before");
    r->n_escalate++;
    return check_targets(c, n, "to", &e->to, NULL, err);
}

static enum kt_status load_escalations(struct kt_conf *c, const struct kt_node *n,
                                       struct kt_conf_route *r, struct kt_error *err)
{
    if (n == NULL)
        return KT_OK;
    if (kt_node_expect(c->yaml, n, KT_NODE_LIST, err) != KT_OK)
        return KT_E_CONFIG;
    if (kt_node_count(n) > KT_ESCALATIONS_MAX)
        return kt_node_fail(c->yaml, n, err, "more than %u escalations", KT_ESCALATIONS_MAX);
    r->escalate = kt_yaml_keep(c->yaml, kt_node_count(n) * sizeof *r->escalate);
    for (const struct kt_node *e = n->first; e != NULL; e = e->next)
        if (load_escalation(c, e, r, err) != KT_OK)
            return KT_E_CONFIG;
    return KT_OK;
}

/* ---- quiet hours ---- */

/* "22:00" -> 1320; 24:00 is the end of the day. */
static bool minute_of(struct kt_str s, uint16_t *ret)
{
    uint64_t hour, minute;
    if (s.len != 5 || s.at[2] != ':' || !kt_str_u64(kt_str_sub(s, 0, 2), &hour) ||
        !kt_str_u64(kt_str_sub(s, 3, 2), &minute) || minute > 59 || hour * 60 + minute > DAY_MIN)
        return false;
    *ret = (uint16_t)(hour * 60 + minute);
    return true;
}

static enum kt_status read_hours(struct kt_conf *c, const struct kt_node *at,
                                 struct kt_conf_quiet *ret, struct kt_error *err)
{
    struct kt_str until = at->scalar, from;
    bool ok = kt_str_split(&until, '-', &from) && minute_of(kt_str_trim(from), &ret->from_min) &&
              minute_of(kt_str_trim(until), &ret->until_min) && ret->from_min < DAY_MIN;
    if (!ok)
        return kt_node_fail(c->yaml, at, err, "'hours': write them like 22:00-07:00");
    if (ret->from_min == ret->until_min)
        return kt_node_fail(c->yaml, at, err,
                            "'hours': they end when they begin; a whole day is 00:00-24:00");
    return KT_OK;
}

static enum kt_status read_days(struct kt_conf *c, const struct kt_node *map,
                                const struct kt_strings *days, uint8_t *ret, struct kt_error *err)
{
    static const char *const words[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
    *ret = days->n == 0 ? ALL_DAYS : 0;
    for (unsigned i = 0; i < days->n; i++) {
        unsigned day = 0;
        while (day < KT_ARRAY_LEN(words) &&
               !kt_str_eq_nocase(kt_str_of(days->at[i]), kt_str_of(words[day])))
            day++;
        if (day == KT_ARRAY_LEN(words))
            return kt_node_fail(c->yaml, entry(map, "days", i), err,
                                "'days': '%s' is none of mon, tue, wed, thu, fri, sat, sun",
                                days->at[i]);
        *ret = (uint8_t)(*ret | 1u << day);
    }
    return KT_OK;
}

static enum kt_status load_quiet(struct kt_conf *c, const struct kt_node *n,
                                 struct kt_conf_quiet *ret, struct kt_error *err)
{
    struct quiet_options o = { 0 };
    if (kt_options_fill(c->yaml, n, kt_conf_quiet_table, &o, err) != KT_OK ||
        read_hours(c, kt_node_get(n, "hours"), ret, err) != KT_OK ||
        read_days(c, n, &o.days, &ret->days, err) != KT_OK)
        return KT_E_CONFIG;
    ret->zone = o.zone;
    ret->except = o.except;
    ret->node = n;
    return KT_OK;
}

/* One map, or a list of them: nights, and weekends. */
static enum kt_status load_quiets(struct kt_conf *c, const struct kt_node *n,
                                  struct kt_conf_route *r, struct kt_error *err)
{
    if (n == NULL)
        return KT_OK;
    unsigned count = n->type == KT_NODE_LIST ? kt_node_count(n) : 1;
    if (count > KT_QUIETS_MAX)
        return kt_node_fail(c->yaml, n, err, "more than %u times of quiet", KT_QUIETS_MAX);
    r->quiet = kt_yaml_keep(c->yaml, count * sizeof *r->quiet);
    const struct kt_node *at = n->type == KT_NODE_LIST ? n->first : n;
    for (; r->n_quiet < count; at = at->next)
        if (load_quiet(c, at, &r->quiet[r->n_quiet++], err) != KT_OK)
            return KT_E_CONFIG;
    return KT_OK;
}

/* ---- routes ---- */

static enum kt_status load_route(struct kt_conf *c, const struct kt_node *n, struct kt_error *err)
{
    struct kt_conf_route *r = &c->routes[c->n_routes];
    if (kt_options_fill_beside(c->yaml, n, kt_conf_route_table, route_beside, r, err) != KT_OK)
        return KT_E_CONFIG;
    r->node = n;
    if (not_empty(c, n, &r->to, err) != KT_OK ||
        check_targets(c, n, "to", &r->to, NULL, err) != KT_OK ||
        check_time(c, n, "repeat", r->repeat, err) != KT_OK)
        return KT_E_CONFIG;
    if (r->fallback.n > 0 && check_targets(c, n, "fallback", &r->fallback, &r->to, err) != KT_OK)
        return KT_E_CONFIG;
    if (load_escalations(c, kt_node_get(n, "escalate"), r, err) != KT_OK)
        return KT_E_CONFIG;
    c->n_routes++;
    return load_quiets(c, kt_node_get(n, "quiet"), r, err);
}

/* The earlier route that leaves nothing to route i, or NULL. */
static const struct kt_conf_route *taker(const struct kt_conf *c, unsigned i)
{
    const char *match = c->routes[i].match;
    for (unsigned k = 0; k < i; k++) {
        const struct kt_conf_route *r = &c->routes[k];
        bool same = match != NULL && r->match != NULL && strcmp(match, r->match) == 0;
        if (!r->go_on && (r->match == NULL || same))
            return r;
    }
    return NULL;
}

static enum kt_status check_order(const struct kt_conf *c, struct kt_error *err)
{
    for (unsigned i = 0; i < c->n_routes; i++) {
        const struct kt_conf_route *before = taker(c, i);
        if (before != NULL)
            return kt_node_fail(c->yaml, c->routes[i].node, err,
                                "no alert comes to this route: the one on line %u takes them all; "
                                "put this one before it, or give that one `continue: true`",
                                before->node->line);
    }
    return KT_OK;
}

/* Rows of the outbox name them. */
static enum kt_status check_names(const struct kt_conf *c, const struct kt_node *targets,
                                  struct kt_error *err)
{
    for (const struct kt_node *e = targets != NULL ? targets->first : NULL; e != NULL; e = e->next)
        if (e->key.len > TARGET_NAME)
            return kt_key_fail(c->yaml, e, err, "the name of a target has at most %u bytes",
                               TARGET_NAME);
    return KT_OK;
}

enum kt_status kt_conf_routes(struct kt_conf *c, struct kt_error *err)
{
    const struct kt_node *alerts = kt_node_get(kt_yaml_root(c->yaml), "alerts");
    const struct kt_node *routes = kt_node_get(alerts, "routes");
    if (check_names(c, kt_node_get(alerts, "targets"), err) != KT_OK)
        return KT_E_CONFIG;
    if (routes == NULL || kt_node_is_null(routes))
        return KT_OK;
    if (kt_node_count(routes) > KT_ROUTES_MAX)
        return kt_node_fail(c->yaml, routes, err, "more than %u routes", KT_ROUTES_MAX);
    c->routes = kt_yaml_keep(c->yaml, kt_node_count(routes) * sizeof *c->routes);
    for (const struct kt_node *e = routes->first; e != NULL; e = e->next)
        if (load_route(c, e, err) != KT_OK)
            return KT_E_CONFIG;
    return check_order(c, err);
}
