/*
 * detect_config: the settings of the engine: those it was given, those that the log records, and
 * what a question "what if" puts over them.
 *
 * Owns:  the detectors' options and the configuration that they were read from.
 * Calls: settings (records of the log), core/config, detectors' tables of options.
 * Holds: a recorded configuration acts from its last part on, in the collector and in a replay
 *        alike; one that cannot be used leaves the one before in force and is counted.
 */
#include <assert.h>
#include <string.h>

#include "collector/detect_state.h"
#include "core/base/alloc.h"

#define SETS_KEEP (64u << 10) /* bytes of strings in --set */

static const struct kt_conf_detector *configured(const struct kt_conf *conf, const char *name)
{
    for (unsigned i = 0; i < conf->n_detectors; i++) {
        if (strcmp(conf->detectors[i].name, name) == 0)
            return &conf->detectors[i];
    }
    return NULL;
}

static bool is_detector(const char *name, struct kt_near *near)
{
    for (unsigned k = 0; kt_detectors[k] != NULL; k++) {
        if (strcmp(kt_detectors[k]->name, name) == 0)
            return true;
        kt_near_try(near, kt_detectors[k]->name);
    }
    return false;
}

static enum kt_status check_names(const struct kt_conf *conf, struct kt_error *err)
{
    for (unsigned i = 0; i < conf->n_detectors; i++) {
        struct kt_near near = kt_near_of(kt_str_of(conf->detectors[i].name));
        if (is_detector(conf->detectors[i].name, &near))
            continue;
        const struct kt_node *node = conf->detectors[i].node;
        return kt_fail(err, KT_E_CONFIG, "%s:%u:%u: unknown detector '%s'%s%s%s",
                       conf->path != NULL ? conf->path : "configuration",
                       node != NULL ? node->key_line : 0, node != NULL ? node->key_column : 0,
                       conf->detectors[i].name, near.name != NULL ? ", did you mean '" : "",
                       near.name != NULL ? near.name : "", near.name != NULL ? "'?" : "");
    }
    return KT_OK;
}

static enum kt_status check_sets(const struct kt_detect_options *o, struct kt_error *err)
{
    for (unsigned i = 0; i < o->n_sets; i++) {
        struct kt_near near = kt_near_of(kt_str_of(o->sets[i].detector));
        if (is_detector(o->sets[i].detector, &near))
            continue;
        return kt_fail(err, KT_E_INPUT, "unknown detector '%s'%s%s%s", o->sets[i].detector,
                       near.name != NULL ? ", did you mean '" : "",
                       near.name != NULL ? near.name : "", near.name != NULL ? "'?" : "");
    }
    return KT_OK;
}

static enum kt_status apply_sets(const struct kt_detect_options *o, const struct kt_detector *det,
                                 void *opt, struct kt_arena *keep, struct kt_error *err)
{
    for (unsigned i = 0; i < o->n_sets; i++) {
        const struct kt_detect_set *set = &o->sets[i];
        if (strcmp(set->detector, det->name) == 0 &&
            kt_options_set(det->options, opt, keep, kt_str_of(set->option), kt_str_of(set->value),
                           err) != KT_OK)
            return kt_wrap(err, "%s", det->name);
    }
    return KT_OK;
}

enum kt_status kt_detect_fill(const struct kt_detect_options *o, const struct kt_conf *conf,
                              const struct kt_detector *det, struct kt_arena *keep, void *ret,
                              struct kt_error *err)
{
    const struct kt_conf_detector *c = configured(conf, det->name);
    if (c == NULL || c->node == NULL)
        kt_options_defaults(det->options, ret);
    else if (kt_options_fill(conf->yaml, c->node, det->options, ret, err) != KT_OK)
        return kt_wrap(err, "detectors.%s", det->name);
    if (apply_sets(o, det, ret, keep, err) != KT_OK)
        return err->code;
    if (det->check != NULL && det->check(ret, err) != KT_OK)
        return kt_wrap(err, "detectors.%s", det->name);
    return KT_OK;
}

static void drop_options(struct kt_tuning *t)
{
    for (unsigned i = 0; i < KT_DETECTORS_MAX; i++) {
        if (t->options[i] != NULL && kt_detectors[i]->detach != NULL)
            kt_detectors[i]->detach(t->options[i]);
        kt_free(t->options[i]);
    }
    kt_arena_done(&t->keep);
    kt_conf_free(t->own_conf);
    *t = (struct kt_tuning){ .own_conf = NULL };
}

/* All options anew, or none. own: the conf is the engine's from now on, also on failure. */
static enum kt_status configure(struct kt_detect *d, struct kt_conf *own,
                                const struct kt_conf *conf, struct kt_error *err)
{
    struct kt_tuning fresh = { .own_conf = own, .keep = kt_arena_new(SETS_KEEP) };
    enum kt_status st = check_names(conf, err);
    if (st == KT_OK)
        st = check_sets(&d->o, err);
    for (unsigned i = 0; st == KT_OK && i < d->n_detectors; i++) {
        fresh.options[i] = kt_alloc(kt_detectors[i]->options_size);
        st = kt_detect_fill(&d->o, conf, kt_detectors[i], &fresh.keep, fresh.options[i], err);
        if (st == KT_OK && kt_detectors[i]->attach != NULL)
            st = kt_detectors[i]->attach(fresh.options[i], conf, err); /* it names its own file */
    }
    if (st != KT_OK) {
        drop_options(&fresh);
        return st;
    }
    drop_options(&d->tuning);
    d->tuning = fresh;
    d->shared.conf = conf;
    kt_recall_other_settings(&d->recall);
    return KT_OK;
}

enum kt_status kt_detect_config_new(struct kt_detect *d, struct kt_error *err)
{
    struct kt_conf *own = d->o.conf == NULL ? kt_conf_defaults() : NULL;
    d->settings_changed = true;
    return configure(d, own, own != NULL ? own : d->o.conf, err);
}

void kt_detect_config_free(struct kt_detect *d)
{
    drop_options(&d->tuning);
    kt_settings_done(&d->in_force);
    kt_settings_done(&d->coming);
}

static enum kt_status use(struct kt_detect *d, const struct kt_settings *s, struct kt_error *err)
{
    struct kt_conf *conf = NULL;
    enum kt_status st = kt_settings_parse(s, &conf, err);
    return st == KT_OK ? configure(d, conf, conf, err) : st;
}

void kt_detect_config(struct kt_detect *d, const struct kt_event *ev)
{
    struct kt_jval root;
    unsigned repaired;
    struct kt_error why = { 0 };
    if (d->o.fixed || !kt_settings_is(ev))
        return;
    d->settings_changed = true;
    bool parsed = kt_json_parse(d->json, ev->raw, &root, &repaired, NULL) == KT_OK;
    if (!parsed || !kt_settings_take(&d->coming, root)) {
        d->core.config_refused += !parsed || d->coming.part == 0;
        return;
    }
    if (use(d, &d->coming, &why) == KT_OK) {
        kt_settings_done(&d->in_force);
        d->in_force = d->coming;
        d->coming = (struct kt_settings){ .part = 0 };
    } else {
        d->core.config_refused++;
        kt_settings_done(&d->coming);
    }
}

void kt_detect_config_save(const struct kt_detect *d, struct kt_buf *out)
{
    kt_settings_save(&d->in_force, out);
    kt_settings_save(&d->coming, out);
}

bool kt_detect_config_load(struct kt_detect *d, struct kt_rd *in)
{
    struct kt_error why = { 0 };
    if (!kt_settings_load(&d->in_force, in) || !kt_settings_load(&d->coming, in))
        return false;
    return d->in_force.part == 0 || use(d, &d->in_force, &why) == KT_OK;
}
