/*
 * metrics: JSON documents -> text for Prometheus, by a table (metrics_rows.h).
 *
 * Owns:  the two forms: Prometheus' text exposition format 0.0.4 and OpenMetrics 1.0.0.
 * Calls: core/event (json). No HTTP, no clock, no I/O.
 * Holds: a name is told once, with all its series; label values are text, whatever is in them; what
 *        is given as JSON may be anybody's bytes.
 */
#include "dashboards/server/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/time.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "dashboards/server/metrics_rows.h"

#define BUCKETS_MAX  32
#define LABEL_BYTES  128u /* of a value; names are shorter */
#define DOCS         3
#define NUMBER_BYTES 64

struct writer {
    struct kt_buf *out;
    enum kt_metrics_form form;
    unsigned series;
    struct kt_jval root[DOCS];
};

/* ---- the form ---- */

enum kt_metrics_form kt_metrics_form_of(struct kt_str accept)
{
    bool named = kt_str_find(accept, KT_STR("application/openmetrics-text"), 0) >= 0;
    return named ? KT_METRICS_OPENMETRICS : KT_METRICS_PROMETHEUS;
}

const char *kt_metrics_type(enum kt_metrics_form form)
{
    return form == KT_METRICS_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

/* OpenMetrics calls a counter without the _total that its samples have. */
static void add_head(struct writer *w, const struct row *r)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };
    size_t n = strlen(r->name), suffix = sizeof "_total" - 1;
    bool cut = w->form == KT_METRICS_OPENMETRICS && r->type == COUNTER;
    int len = (int)(cut ? n - suffix : n);
    kt_buf_addf(w->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", len, r->name, r->help, len, r->name,
                types[r->type]);
}

static void add_value_text(struct kt_buf *out, struct kt_str s)
{
    s = kt_utf8_cut(s, LABEL_BYTES);
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\n')
            kt_buf_addz(out, "\\n");
        else if (s.at[i] == '\\' || s.at[i] == '"')
            kt_buf_addf(out, "\\%c", s.at[i]);
        else
            kt_buf_byte(out, s.at[i]);
    }
}

/* As a bucket's bound is written in OpenMetrics, which Prometheus writes it as, too: 1.0, 0.005. */
static void add_bound(struct kt_buf *out, double le)
{
    if (le == floor(le) && fabs(le) < 1e15)
        kt_buf_addf(out, "%.1f", le);
    else
        kt_buf_addf(out, "%.9g", le);
}

/* ---- reading ---- */

static bool number(struct kt_jval v, double *ret)
{
    char text[NUMBER_BYTES], *end = NULL;
    struct kt_str s = kt_json_text(v);
    if (kt_json_type(v) != KT_JSON_NUMBER || s.len == 0 || s.len >= sizeof text)
        return false;
    kt_str_copyz(text, sizeof text, s);
    *ret = strtod(text, &end);
    return end == text + s.len && isfinite(*ret);
}

static struct kt_jval at(struct kt_jval v, const char *path)
{
    return path == NULL || path[0] == '\0' ? v : kt_json_path(v, path);
}

static bool value_of(const struct writer *w, const struct row *r, struct kt_jval v, double *ret)
{
    double last = 0;
    if (r->unit == FLAG) {
        *ret = kt_json_bool(v, false);
        return kt_json_type(v) == KT_JSON_BOOL;
    }
    if (!number(v, ret))
        return false;
    switch (r->unit) {
    case PLAIN:
    case FLAG:
        return true;
    case TIME:
        *ret /= (double)KT_NS_S;
        return *ret > 0;
    case SECONDS:
        return *ret > 0;
    case BEHIND:
        if (!number(kt_json_at(w->root[r->doc], "last_seq"), &last))
            return false;
        *ret = last > *ret ? last - *ret : 0;
        return true;
    }
    return false;
}

/* ---- one series ---- */

struct element {
    struct kt_str key, inner;
    struct kt_jval v;
};

static struct kt_str label_of(const struct row *r, unsigned i, const struct element *e)
{
    const char *from = r->from[i];
    if (strcmp(from, KEY) == 0)
        return e->key;
    if (strcmp(from, INNER) == 0)
        return e->inner;
    return from[0] == '=' ? kt_str_of(from + 1) : kt_json_str(kt_json_path(e->v, from));
}

/* name suffix{labels,le="…"}, and a blank; le: NULL for none. */
static void add_series(struct writer *w, const struct row *r, const struct element *e,
                       const char *suffix, const double *le)
{
    const char *between = "{";
    kt_buf_addf(w->out, "%s%s", r->name, suffix);
    for (unsigned i = 0; i < LABELS && r->label[i] != NULL; i++) {
        kt_buf_addf(w->out, "%s%s=\"", between, r->label[i]);
        add_value_text(w->out, label_of(r, i, e));
        kt_buf_byte(w->out, '"');
        between = ",";
    }
    if (le != NULL) {
        kt_buf_addf(w->out, "%sle=\"", between);
        if (isinf(*le))
            kt_buf_addz(w->out, "+Inf");
        else
            add_bound(w->out, *le);
        kt_buf_byte(w->out, '"');
        between = ",";
    }
    kt_buf_addz(w->out, between[0] == ',' ? "} " : " ");
    w->series++;
}

static bool has_room(const struct writer *w, unsigned series)
{
    return w->series + series <= KT_METRICS_SERIES_MAX;
}

/* {"le":[…],"n":[…],"sum":s}; false: it is no histogram. */
static bool read_histogram(struct kt_jval v, double le[BUCKETS_MAX + 1],
                           uint64_t count[BUCKETS_MAX + 1], unsigned *ret_n, double *ret_sum)
{
    struct kt_jval item;
    struct kt_str name;
    unsigned n = 0, counts = 0;
    struct kt_json_iter it = kt_json_iter(kt_json_at(v, "le"));
    while (kt_json_next(&it, &name, &item)) {
        if (n == BUCKETS_MAX || !number(item, &le[n]) || (n > 0 && le[n] <= le[n - 1]))
            return false;
        n++;
    }
    le[n] = INFINITY;
    it = kt_json_iter(kt_json_at(v, "n"));
    for (; kt_json_next(&it, &name, &item); counts++) {
        int64_t c = 0;
        if (counts > n || !kt_json_i64(item, &c) || c < 0)
            return false;
        count[counts] = (uint64_t)c;
    }
    *ret_n = n;
    return n > 0 && counts == n + 1 && number(kt_json_at(v, "sum"), ret_sum);
}

static void add_histogram(struct writer *w, const struct row *r, const struct element *e)
{
    double le[BUCKETS_MAX + 1], sum = 0;
    uint64_t count[BUCKETS_MAX + 1], all = 0;
    unsigned n = 0;
    if (!read_histogram(at(e->v, r->value), le, count, &n, &sum) || !has_room(w, n + 3))
        return;
    for (unsigned i = 0; i <= n; i++) {
        all += count[i];
        add_series(w, r, e, "_bucket", &le[i]);
        kt_buf_addf(w->out, "%" PRIu64 "\n", all);
    }
    add_series(w, r, e, "_sum", NULL);
    kt_buf_addf(w->out, "%.15g\n", sum);
    add_series(w, r, e, "_count", NULL);
    kt_buf_addf(w->out, "%" PRIu64 "\n", all);
}

static void add_number(struct writer *w, const struct row *r, const struct element *e,
                       struct kt_jval v)
{
    double x = 0;
    if (!value_of(w, r, v, &x) || (r->type == COUNTER && x < 0) || !has_room(w, 1))
        return;
    add_series(w, r, e, "", NULL);
    kt_buf_addf(w->out, "%.15g\n", x);
}

static void add_element(struct writer *w, const struct row *r, struct element e)
{
    bool inner = false;
    for (unsigned i = 0; i < LABELS && r->from[i] != NULL; i++)
        inner = inner || strcmp(r->from[i], INNER) == 0;
    if (r->type == HISTOGRAM) {
        add_histogram(w, r, &e);
        return;
    }
    if (!inner) {
        add_number(w, r, &e, at(e.v, r->value));
        return;
    }
    struct kt_jval v;
    struct kt_json_iter it = kt_json_iter(at(e.v, r->value));
    while (kt_json_next(&it, &e.inner, &v))
        add_number(w, r, &e, v);
}

/* A row without labels has one series: the list is then an object by itself. */
static void add_row(struct writer *w, const struct row *r)
{
    struct element e = { .v = at(w->root[r->doc], r->list) };
    if (r->list == NULL || r->label[0] == NULL) {
        add_element(w, r, e);
        return;
    }
    struct kt_json_iter it = kt_json_iter(e.v);
    while (kt_json_next(&it, &e.key, &e.v))
        add_element(w, r, e);
}

/* ---- all of it ---- */

static void add_member(struct kt_buf *b, const char *key, const char *value)
{
    kt_buf_addf(b, ",\"%s\":", key);
    kt_json_quote(b, kt_str_of(value));
}

static void describe_program(const struct kt_metrics_given *g, bool up, struct kt_buf *out)
{
    kt_buf_addf(out, "{\"one\":1,\"up\":%d", up);
    add_member(out, "version", g->version);
    add_member(out, "commit", g->commit);
    add_member(out, "sqlite", g->sqlite);
    add_member(out, "zmq", g->zmq);
    kt_buf_byte(out, '}');
}

/* Rows of one name, whose head is written when there is a series. */
static size_t add_family(struct writer *w, size_t first)
{
    size_t i = first, head = w->out->len;
    unsigned before = w->series;
    add_head(w, &rows[first]);
    for (; i < KT_ARRAY_LEN(rows) && strcmp(rows[i].name, rows[first].name) == 0; i++)
        add_row(w, &rows[i]);
    if (w->series == before)
        w->out->len = head;
    return i;
}

unsigned kt_metrics_write(const struct kt_metrics_given *g, enum kt_metrics_form form,
                          struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf program = { 0 };
    struct kt_json *json[DOCS];
    struct writer w = { .out = out, .form = form };
    struct kt_str docs[DOCS] = { [OF_COLLECTOR] = g->collector, [OF_STORE] = g->store };
    for (unsigned i = 0; i < DOCS; i++) {
        unsigned repaired;
        json[i] = kt_json_new(KT_JSON_JANSSON);
        if (i == OF_PROGRAM) {
            bool up = kt_json_type(w.root[OF_COLLECTOR]) == KT_JSON_OBJECT;
            describe_program(g, up, &program);
            docs[i] = kt_buf_str(&program);
        }
        if (docs[i].len == 0 ||
            kt_json_parse(json[i], docs[i], &w.root[i], &repaired, NULL) != KT_OK)
            w.root[i] = (struct kt_jval){ 0 };
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(rows);)
        i = add_family(&w, i);
    if (form == KT_METRICS_OPENMETRICS)
        kt_buf_addz(out, "# EOF\n");
    for (unsigned i = 0; i < DOCS; i++)
        kt_json_free(json[i]);
    return w.series;
}
