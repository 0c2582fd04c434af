/*
 * tune_trials: the alerts that people judged, and what might have kept the false ones quiet.
 *
 * Owns:  the judged alerts.
 * Calls: core/store/read, exporters/alerts/alert, detectors (options), collector/detect (fill).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/tune.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/json.h"
#include "detectors/detector.h"

/* ---- verdicts ---- */

enum { SAID_TRUE = 1, SAID_OTHER };

struct verdicts {
    struct kt_map *ids;
    uint8_t *said; /* by number */
    struct kt_judged *judged;
    uint32_t n_alerts;
    size_t bytes;
};

static void take_verdict(struct verdicts *v, struct kt_json *json, const struct kt_event *ev)
{
    struct kt_jval root;
    unsigned repaired;
    bool fresh;
    if (!kt_str_is(ev->operation, "verdict") ||
        kt_json_parse(json, ev->raw, &root, &repaired, NULL) != KT_OK)
        return;
    struct kt_str id = kt_json_str_at(root, "id"), word = kt_json_str_at(root, "verdict");
    if (id.len == 0 || word.len == 0)
        return;
    uint32_t i = kt_map_put(v->ids, id, &fresh);
    if (fresh)
        v->said = kt_realloc_array(v->said, i + 1, sizeof *v->said);
    v->said[i] = kt_str_is(word, "true") ? SAID_TRUE : SAID_OTHER;
}

static enum kt_status load_verdicts(struct kt_reader *r, struct verdicts *v, struct kt_error *err)
{
    struct kt_scan scan = { .control = true,
                            .control_kind = KT_KIND_DECISION,
                            .damage = &v->judged->damage };
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    if (kt_cursor_open(r, &scan, &c, err) != KT_OK)
        return err->code;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    enum kt_status st;
    while ((st = kt_cursor_next(c, &rec, err)) == KT_OK)
        take_verdict(v, json, &rec.ev);
    kt_json_free(json);
    kt_cursor_free(c);
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* ---- the alerts ---- */

static uint32_t number_of(const struct verdicts *v, const char *id)
{
    return kt_map_get(v->ids, kt_str_of(id));
}

static enum kt_status count_alert(void *self, const char *id, struct kt_str json,
                                  struct kt_error *err)
{
    struct verdicts *v = self;
    (void)err;
    bool judged = number_of(v, id) != KT_MAP_NONE;
    v->n_alerts += judged;
    v->bytes += judged ? json.len : 0;
    return KT_OK;
}

static unsigned parts_of(const struct kt_alert *a)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < a->n_parts; i++) {
        for (unsigned k = 0; kt_detectors[k] != NULL; k++)
            bits |= strcmp(a->parts[i].detector, kt_detectors[k]->name) == 0 ? 1u << k : 0;
    }
    return bits;
}

static enum kt_status add_alert(void *self, const char *id, struct kt_str json,
                                struct kt_error *err)
{
    struct verdicts *v = self;
    struct kt_judged *j = v->judged;
    uint32_t verdict = number_of(v, id);
    if (verdict == KT_MAP_NONE || j->pages.n == v->n_alerts)
        return KT_OK;
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_alert a = { 0 };
    if (kt_alert_read(json, &arena, &a, err) != KT_OK)
        return err->code;
    uint32_t i = j->pages.n;
    bool is_true = v->said[verdict] == SAID_TRUE;
    kt_paged_add(&j->pages, &a);
    kt_str_copyz(j->ip[i], sizeof j->ip[i], a.ip);
    j->is_true[i] = is_true;
    j->parts[i] = parts_of(&a);
    j->n_true += is_true;
    j->n_false += !is_true;
    return KT_OK;
}

enum kt_status kt_judged_load(struct kt_reader *r, struct kt_judged *ret, struct kt_error *err)
{
    struct verdicts v = { .ids = kt_map_new(0), .judged = ret };
    *ret = (struct kt_judged){ .n_true = 0 };
    enum kt_status st = load_verdicts(r, &v, err);
    if (st == KT_OK)
        st = kt_reader_alerts(r, count_alert, &v, err);
    ret->pages = kt_paged_new(v.n_alerts, v.bytes);
    ret->is_true = kt_alloc_array(v.n_alerts + 1, sizeof *ret->is_true);
    ret->ip = kt_alloc_array(v.n_alerts + 1, sizeof *ret->ip);
    ret->parts = kt_alloc_array(v.n_alerts + 1, sizeof *ret->parts);
    if (st == KT_OK)
        st = kt_reader_alerts(r, add_alert, &v, err);
    kt_map_free(v.ids);
    kt_free(v.said);
    if (st != KT_OK)
        kt_judged_done(ret);
    return st;
}

void kt_judged_done(struct kt_judged *j)
{
    kt_paged_done(&j->pages);
    kt_free(j->is_true);
    kt_free(j->ip);
    kt_free(j->parts);
    *j = (struct kt_judged){ .n_true = 0 };
}

/* ---- networks ---- */

/* The /24 or /48 of each false alert that has a public address, for its actor; for everybody where
 * several actors were told from there. */
static void try_network(const struct kt_judged *j, uint32_t i, struct kt_trial *t, unsigned *n)
{
    struct kt_ip ip;
    if (j->is_true[i] || !kt_ip_parse(kt_str_of(j->ip[i]), &ip) || *n == KT_TRIALS_MAX / 2)
        return;
    enum kt_ip_class class = kt_ip_class(ip);
    if (class != KT_IP_PUBLIC && class != KT_IP_DOCUMENTATION)
        return;
    struct kt_trial made = { .quiet = 0 };
    struct kt_str who = j->pages.at[i].subject;
    kt_cidr_format(kt_ip_network(ip, 24, 48), made.cidr);
    kt_str_copyz(made.actor, sizeof made.actor,
                 kt_str_eq(who, kt_str_of(j->ip[i])) ? KT_STR_NONE : who);
    for (unsigned k = 0; k < *n; k++) {
        if (strcmp(t[k].cidr, made.cidr) != 0)
            continue;
        if (strcmp(t[k].actor, made.actor) != 0)
            t[k].actor[0] = '\0';
        return;
    }
    t[(*n)++] = made;
}

/* ---- options ---- */

static void say_duration(char *text, size_t n, kt_time_ns v)
{
    static const struct {
        kt_time_ns ns;
        const char *unit;
    } units[] = { { KT_NS_DAY, "d" }, { KT_NS_HOUR, "h" }, { KT_NS_MIN, "m" }, { KT_NS_S, "s" } };
    size_t i = 0;
    while (i + 1 < KT_ARRAY_LEN(units) && v % units[i].ns != 0)
        i++;
    (void)snprintf(text, n, "%" PRId64 "%s", v / units[i].ns, units[i].unit);
}

/* The value, twice as much or half of it; false: it is no number, or nothing. */
static bool other_value(const struct kt_option *o, const void *values, bool twice, char *text,
                        size_t n)
{
    const void *field = (const char *)values + o->offset;
    if (o->type == KT_OPT_UINT) {
        uint64_t v = *(const uint64_t *)field;
        (void)snprintf(text, n, "%" PRIu64, twice ? 2 * v : v / 2);
        return v > 1 && v < UINT32_MAX;
    }
    if (o->type == KT_OPT_DOUBLE) {
        double v = *(const double *)field;
        (void)snprintf(text, n, "%.6g", twice ? 2 * v : v / 2);
        return v > 0;
    }
    if (o->type != KT_OPT_DURATION || *(const kt_time_ns *)field < 2 * KT_NS_S)
        return false;
    say_duration(text, n, *(const kt_time_ns *)field * (twice ? 4 : 1) / 2);
    return true;
}

/* Would the detector take it? */
static bool fits(const struct kt_conf *conf, const struct kt_detector *det, const char *option,
                 const char *value)
{
    const struct kt_detect_set set = { det->name, option, value };
    const struct kt_detect_options o = { .sets = &set, .n_sets = 1 };
    KT_CLEANUP(kt_arena_done) struct kt_arena keep = kt_arena_new(4096);
    struct kt_error err = { 0 };
    void *values = kt_alloc(det->options_size);
    bool ok = kt_detect_fill(&o, conf, det, &keep, values, &err) == KT_OK;
    kt_free(values);
    return ok;
}

/* What pages by itself, whatever is usual, is no threshold to be moved (DETECTION §5): a false one
 * is told by an expectation, an allow list or another rule. */
static bool may_move(const struct kt_detector *det, const char *option)
{
    static const struct {
        const char *detector, *option; /* NULL: all */
    } never[] = { { "signatures", NULL },
                  { "sigma", NULL },
                  { "ai_agent", "production" },
                  { "ai_agent", "outside" } };
    for (size_t i = 0; i < KT_ARRAY_LEN(never); i++) {
        if (strcmp(det->name, never[i].detector) == 0 &&
            (never[i].option == NULL || strcmp(option, never[i].option) == 0))
            return false;
    }
    return true;
}

static void try_options(const struct kt_conf *conf, const struct kt_detector *det,
                        struct kt_trial *t, unsigned *n)
{
    const struct kt_detect_options plain = { .conf = NULL };
    KT_CLEANUP(kt_arena_done) struct kt_arena keep = kt_arena_new(4096);
    struct kt_error err = { 0 };
    void *values = kt_alloc(det->options_size);
    bool ok = kt_detect_fill(&plain, conf, det, &keep, values, &err) == KT_OK;
    for (const struct kt_option *o = det->options; ok && o->name != NULL; o++) {
        for (int twice = 1; twice >= 0; twice--) {
            char value[48];
            if (*n == KT_TRIALS_MAX || !may_move(det, o->name) ||
                !other_value(o, values, twice, value, sizeof value) ||
                !fits(conf, det, o->name, value))
                continue;
            t[*n] = (struct kt_trial){ .quiet = 0 };
            (void)snprintf(t[(*n)++].set, sizeof t->set, "%s.%s=%s", det->name, o->name, value);
        }
    }
    kt_free(values);
}

/* The detector that most false alerts have, among those not taken yet. */
static int busiest(const struct kt_judged *j, unsigned taken)
{
    int best = -1;
    unsigned most = 0;
    for (int d = 0; kt_detectors[d] != NULL; d++) {
        unsigned n = 0;
        for (uint32_t i = 0; i < j->pages.n; i++)
            n += !j->is_true[i] && j->parts[i] >> d & 1;
        if (n > most && (taken >> d & 1) == 0) {
            most = n;
            best = d;
        }
    }
    return best;
}

static void name_trial(struct kt_trial *t)
{
    if (t->set[0] != '\0')
        kt_str_copyz(t->text, sizeof t->text, kt_str_of(t->set));
    else if (t->actor[0] != '\0')
        (void)snprintf(t->text, sizeof t->text, "%s expected for %.120s", t->cidr, t->actor);
    else
        (void)snprintf(t->text, sizeof t->text, "%s expected", t->cidr);
}

unsigned kt_trials_make(const struct kt_judged *j, const struct kt_conf *conf,
                        struct kt_trial ret[KT_TRIALS_MAX])
{
    unsigned n = 0, taken = 0;
    for (uint32_t i = 0; i < j->pages.n; i++)
        try_network(j, i, ret, &n);
    for (int d; (d = busiest(j, taken)) >= 0 && n < KT_TRIALS_MAX; taken |= 1u << d)
        try_options(conf, kt_detectors[d], ret, &n);
    for (unsigned i = 0; i < n; i++)
        name_trial(&ret[i]);
    return n;
}
