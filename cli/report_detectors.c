/*
 * report_detectors: the detectors of this program with what the configuration says of each, for the
 * section that lists them.
 *
 * Owns:  their settings as text.
 * Calls: detectors/detector.h, core/config.
 */
#include "cli/report_detectors.h"

#include "core/base/alloc.h"
#include "detectors/detector.h"

struct kt_report_detectors {
    struct kt_report_detector *at;
    unsigned n;
    struct kt_arena text;
};

#define TEXT_BYTES (256u << 10)

static const struct kt_conf_detector *configured(const struct kt_conf *c, const char *name)
{
    for (unsigned i = 0; c != NULL && i < c->n_detectors; i++)
        if (strcmp(c->detectors[i].name, name) == 0)
            return &c->detectors[i];
    return NULL;
}

/* "floor_5m: 20, on: false"; of a list or a map how many entries it has. */
static struct kt_str settings_of(struct kt_arena *arena, const struct kt_conf_detector *d)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    for (const struct kt_node *n = d == NULL ? NULL : d->node->first; n != NULL; n = n->next) {
        kt_buf_addf(&text, "%s" KT_STR_FMT ": ", text.len > 0 ? ", " : "", KT_STR_ARG(n->key));
        if (n->type == KT_NODE_SCALAR)
            kt_buf_add(&text, n->scalar);
        else
            kt_buf_addf(&text, "%u entries", kt_node_count(n));
    }
    return kt_arena_str(arena, kt_buf_str(&text));
}

struct kt_report_detectors *kt_report_detectors_new(const struct kt_conf *conf)
{
    struct kt_report_detectors *r = kt_alloc(sizeof *r);
    *r =
        (struct kt_report_detectors){ .n = kt_detectors_count(), .text = kt_arena_new(TEXT_BYTES) };
    r->at = kt_alloc_array(r->n + 1, sizeof *r->at);
    for (unsigned i = 0; i < r->n; i++) {
        const struct kt_conf_detector *d = configured(conf, kt_detectors[i]->name);
        r->at[i] = (struct kt_report_detector){ .name = kt_detectors[i]->name,
                                                .summary = kt_detectors[i]->summary,
                                                .version = KT_VERSION,
                                                .settings = settings_of(&r->text, d) };
    }
    return r;
}

const struct kt_report_detector *kt_report_detectors_list(const struct kt_report_detectors *r,
                                                          unsigned *ret_n)
{
    *ret_n = r->n;
    return r->at;
}

void kt_report_detectors_free(struct kt_report_detectors *r)
{
    if (r == NULL)
        return;
    kt_arena_done(&r->text);
    kt_free(r->at);
    kt_free(r);
}
