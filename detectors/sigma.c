/*
 * sigma: rules of the operator's, in the form of the Sigma project, judged as signatures are: the
 * first time counts, nothing is learned (docs/sigma.md).
 *
 * Owns:  the windows of correlations, one a correlation and group.
 * Calls: detector.h, sigma_*.c, core. No clock, no I/O.
 * Holds: one event gives one finding, of the weightiest rule that it matched.
 */
#include "detectors/sigma.h"

#include <stdio.h>
#include <string.h>

#include "core/base/hash.h"

#define KEY_SEED UINT64_C(0x7369676d61206b65)
#define HITS_MAX 64

struct options {
    uint64_t points[KT_SIGMA_LEVEL_COUNT];
    struct kt_sigma *set; /* of the configuration; NULL: it has no rules */
};
#define POINTS(level, name, value, help)                                                           \
    {                                                                                              \
        name, KT_OPT_UINT, value,                                                                  \
            offsetof(struct options, points) + KT_SIGMA_##level * sizeof(uint64_t), help,          \
            .reloadable = true                                                                     \
    }
static const struct kt_option options[] = {
    POINTS(INFORMATIONAL, "informational", "0",
           "Points (hundredths) of a rule of this level: none, it only feeds correlations."),
    POINTS(LOW, "low", "300", "Points: counts beside other evidence."),
    POINTS(MEDIUM, "medium", "460", "Points: a medium alert."),
    POINTS(HIGH, "high", "700", "Points: a high alert."),
    POINTS(CRITICAL, "critical", "900", "Points: a critical alert."),
    KT_OPTIONS_END,
};
static bool is_window(const void *state)
{
    return ((const struct kt_sigma_window *)state)->n <= KT_RULE_WINDOW_MAX;
}

static const struct kt_table_decl tables[] = {
    { "windows", KT_KEY_PAIR, sizeof(struct kt_sigma_window), 1, 2000, KT_EVICT_LRU, is_window },
};

/* Compiles the rules of the configuration. */
static enum kt_status attach(void *opt, const struct kt_conf *conf, struct kt_error *err)
{
    struct options *o = opt;
    struct kt_sigma *set = kt_sigma_of(conf);
    const struct kt_sigma_rule *bad = set != NULL ? kt_sigma_refused(set) : NULL;
    enum kt_status st = bad != NULL ? kt_fail(err, KT_E_CONFIG, "%s", bad->why) : KT_OK;
    if (st != KT_OK)
        kt_sigma_free(KT_TAKE(set));
    o->set = set;
    return st;
}

static void detach(void *opt)
{
    struct options *o = opt;
    kt_sigma_free(KT_TAKE(o->set));
}

/* ---- what an event matched ---- */
struct hits {
    const struct kt_sigma_rule *best;
    const struct kt_sigma_correlation *window; /* of the best, when it is one */
    uint64_t group;                            /* … and its group */
    unsigned n;                                /* rules that tell */
    unsigned counted;
};

static void consider(struct hits *h, const struct kt_sigma_rule *r,
                     const struct kt_sigma_correlation *c, uint64_t group, unsigned counted)
{
    h->n++;
    if (h->best != NULL && r->level <= h->best->level)
        return;
    h->best = r;
    h->window = c;
    h->group = group;
    h->counted = counted;
}

static bool first_value(void *self, struct kt_str value)
{
    uint64_t *hash = self;
    *hash = kt_hash64(value, KEY_SEED) | 1;
    return true;
}

/* One hash of the values that the group is by; false: one of them is not there. */
static bool group_of(struct kt_sigma_view *v, const struct kt_sigma_correlation *c, unsigned i,
                     uint64_t *ret)
{
    uint64_t group = KEY_SEED;
    for (unsigned g = 0; g < c->n_groups; g++) {
        uint64_t one = 0;
        if (!kt_sigma_values(v, &c->by[i][g], first_value, &one))
            return false;
        group = group * UINT64_C(0x9e3779b97f4a7c15) + one;
    }
    *ret = group;
    return true;
}

static void correlate(struct kt_scene *s, struct kt_sigma_view *v, const struct kt_sigma_rule *r,
                      uint32_t rule, struct hits *h)
{
    const struct kt_sigma_correlation *c = r->correlation;
    for (unsigned i = 0; i < c->n_rules; i++) {
        uint64_t group, value = 0;
        unsigned counted;
        if (c->rule[i] != rule || !group_of(v, c, i, &group))
            continue;
        if (c->counted.len > 0 && !kt_sigma_values(v, &c->what[i], first_value, &value))
            continue;
        struct kt_sigma_window *w =
            kt_table_put(s->tables[0], (struct kt_key){ c->key, group }, NULL);
        struct kt_sigma_seen seen = { s->t, (uint32_t)(value >> 16), i };
        if (kt_sigma_window_add(w, c, seen, &counted))
            consider(h, r, c, group, counted);
    }
}

/* ---- words ---- */
static void say_rule(const struct kt_sigma_rule *r, const struct hits *h, struct kt_finding *f)
{
    char title[160], tags[160];
    struct kt_str id = r->id.len > 0 ? r->id : r->name;
    kt_say_name(r->title, 90, title);
    kt_say_name(r->tags, 60, tags);
    KT_SAY(f->part, "rule \"%s\"", title);
    if (h->n > 1)
        KT_SAY(f->part, "rule \"%s\" and %u more", title, h->n - 1);
    KT_SAY(f->normal, "Rule " KT_STR_FMT "%s%s%s. " KT_STR_FMT, KT_STR_ARG(id),
           tags[0] != '\0' ? " (" : "", tags, tags[0] != '\0' ? ")" : "",
           KT_STR_ARG(kt_utf8_cut(r->description, 260)));
    if (r->benign.len > 0)
        KT_SAY(f->quiet,
               "An exception in the rule for what its author knows as benign: " KT_STR_FMT,
               KT_STR_ARG(kt_utf8_cut(r->benign, 150)));
    else
        KT_SAY(f->quiet, "An exception in the rule, as 'and not filter' in its condition.");
}

static void say_title(const struct kt_scene *s, const struct kt_sigma_rule *r, const struct hits *h,
                      struct kt_finding *f)
{
    char title[160], who[160], what[160], done[160];
    const struct kt_event *ev = s->ev;
    kt_say_name(r->title, 100, title);
    kt_say_name(ev->actor.len > 0 ? ev->actor : KT_STR("Somebody without a name"), 60, who);
    kt_say_name(ev->secret_native.len > 0 ? ev->secret_native : ev->secret, 50, what);
    kt_say_name(ev->operation.len > 0 ? ev->operation : kt_str_of(kt_action_word(ev->action)), 40,
                done);
    if (h->window == NULL) {
        KT_SAY(f->title, "%s: %s, %s%s%s (%s).", title, who, done, what[0] != '\0' ? " " : "", what,
               kt_outcome_word(ev->outcome));
        return;
    }
    static const char *const counted[KT_SIGMA_TYPES] = {
        [KT_SIGMA_EVENT_COUNT] = "events",
        [KT_SIGMA_VALUE_COUNT] = "different values",
        [KT_SIGMA_TEMPORAL] = "rules together",
        [KT_SIGMA_TEMPORAL_ORDERED] = "rules in their order",
    };
    KT_SAY(f->title, "%s: %u %s within %llu min, last %s by %s.", title, h->counted,
           counted[h->window->type],
           (unsigned long long)((h->window->span + KT_NS_MIN - 1) / KT_NS_MIN), done, who);
}

/* The incident is the actor's; of events by nobody, and of groups that are no actors, their own. */
static void set_key(const struct kt_scene *s, const struct hits *h, struct kt_finding *f)
{
    bool group = h->window != NULL && !h->window->by_actor;
    if (s->who.a != 0 && !group)
        return;
    f->key_kind = KT_KEY_INSTANCE;
    f->key = group ? (struct kt_key){ h->window->key | 1, h->group }
                   : (struct kt_key){ kt_hash64(s->ev->instance, KEY_SEED) | 1,
                                      kt_hash64(s->ev->source, KEY_SEED) };
}

/* ---- the event ---- */
static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    if (o->set == NULL)
        return;
    struct kt_sigma_view v = { .ev = s->ev, .written = s->written, .json = s->json };
    struct hits h = { .best = NULL };
    const uint32_t *correlation;
    uint32_t hit[HITS_MAX];
    unsigned n_correlations = kt_sigma_correlations(o->set, &correlation);
    unsigned n = kt_sigma_match(o->set, &v, hit, HITS_MAX);
    for (unsigned i = 0; i < n; i++) {
        const struct kt_sigma_rule *r = kt_sigma_rule(o->set, hit[i]);
        if (!r->silent)
            consider(&h, r, NULL, 0, 0);
        for (unsigned k = 0; k < n_correlations && !s->late; k++)
            correlate(s, &v, kt_sigma_rule(o->set, correlation[k]), hit[i], &h);
    }
    if (h.best == NULL)
        return;
    uint64_t points = o->points[h.best->level] < 1000 ? o->points[h.best->level] : 1000;
    struct kt_finding *f = kt_find(s, KT_FAMILY_SIGNATURE, (int)points, KT_FIND_LEARNING, NULL);
    if (f == NULL)
        return;
    say_title(s, h.best, &h, f);
    say_rule(h.best, &h, f);
    set_key(s, &h, f);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    const struct options *o = opt;
    (void)s;
    if (o->set != NULL)
        kt_buf_addf(out, "rules (%u: none)", kt_sigma_count(o->set));
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(RULES) },
    { NULL, 0 },
};
const struct kt_detector kt_detector_sigma = {
    .name = "sigma",
    .summary = "What rules of your own say, in the form of the Sigma project",
    .options = options,
    .options_size = sizeof(struct options),
    .attach = attach,
    .detach = detach,
    .needs = needs,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .exposures = true,
    .on_event = on_event,
    .considered = considered,
};
