/*
 * side: engines over the stored log, each with its settings.
 *
 * Owns:  the engines, their settings and the alerts as they stand.
 * Calls: collector/detect, core/query/settings, cli/log_order, cli/progress, core/config.
 * Holds: one pass over the log for all sides, so that they judge the same records.
 */
#include "cli/side.h"

#include <string.h>

#include "cli/log_order.h"
#include "cli/progress.h"
#include "core/base/alloc.h"
#include "core/config/conf.h"
#include "core/query/settings.h"
#include "detectors/known_secrets.h"

/* ---- from words ---- */

/* Takes "detector.option=value" apart in place. */
static bool take_apart(char *text, struct kt_detect_set *ret)
{
    char *equals = strchr(text, '='), *dot = strchr(text, '.');
    if (equals == NULL || dot == NULL || dot > equals || dot == text || dot + 1 == equals)
        return false;
    *equals = *dot = '\0';
    *ret = (struct kt_detect_set){ .detector = text, .option = dot + 1, .value = equals + 1 };
    return true;
}

static char *keep(struct kt_side *s, const char *text)
{
    char *copy = kt_strdup(text);
    s->words = kt_realloc_array(s->words, s->n_words + 1, sizeof *s->words);
    s->words[s->n_words++] = copy;
    return copy;
}

enum kt_status kt_side_set(struct kt_side *s, const char *text, struct kt_error *err)
{
    if (s->n_sets == KT_SIDE_SETS)
        return kt_fail(err, KT_E_INPUT, "more than %u settings", KT_SIDE_SETS);
    if (!take_apart(keep(s, text), &s->sets[s->n_sets]))
        return kt_fail(err, KT_E_INPUT,
                       "'%s' is no setting: write detector.option=value, like "
                       "volume_spike.floor_1h=60",
                       text);
    s->n_sets++;
    return KT_OK;
}

enum kt_status kt_side_parse(struct kt_side *s, const char *text, struct kt_error *err)
{
    struct kt_str rest = kt_str_of(text), part;
    for (unsigned i = 0; rest.len > 0 && kt_str_split(&rest, ',', &part); i++) {
        char *word = kt_str_dup(part);
        bool set = kt_str_find_byte(part, '=', 0) >= 0;
        enum kt_status st = KT_OK;
        if (set)
            st = kt_side_set(s, word, err);
        else if (i > 0)
            st = kt_fail(err, KT_E_INPUT,
                         "'%s': a side is then, FILE, or settings like detector.option=value, with "
                         "commas between them",
                         text);
        else if (strcmp(word, "then") != 0)
            s->config = keep(s, word);
        kt_free(word);
        if (st != KT_OK)
            return st;
    }
    return KT_OK;
}

void kt_side_done(struct kt_side *s)
{
    for (uint32_t i = 0; i < kt_side_count(s); i++)
        kt_free(s->documents[i]);
    kt_free(s->documents);
    kt_map_free(s->ids);
    kt_detect_free(s->detect);
    kt_conf_free(s->given);
    kt_conf_free(s->conf);
    kt_conf_free(s->newest);
    for (unsigned i = 0; i < s->n_words; i++)
        kt_free(s->words[i]);
    kt_free(s->words);
    *s = (struct kt_side){ .n_sets = 0 };
}

unsigned kt_side_count(const struct kt_side *s)
{
    return s->ids != NULL ? kt_map_count(s->ids) : 0;
}

/* ---- over the log ---- */

static void on_alert(void *self, const struct kt_alert *a, bool is_new)
{
    struct kt_side *s = self;
    (void)is_new;
    bool fresh;
    uint32_t i = kt_map_put(s->ids, kt_str_of(a->id), &fresh);
    if (fresh)
        s->documents = kt_realloc_array(s->documents, i + 1, sizeof(char *));
    else
        kt_free(s->documents[i]);
    struct kt_buf json = { 0 };
    kt_alert_write(a, &json);
    s->documents[i] = kt_str_dup(kt_buf_str(&json));
    kt_buf_done(&json);
}

struct walk {
    struct kt_side *sides;
    unsigned n;
    struct kt_sides_run *run;
    struct kt_progress progress;
};

static void foretell(const struct kt_record *rec, void *ret)
{
    kt_known_foretell(&rec->ev, ret);
}

static enum kt_status on_record(void *self, const struct kt_record *rec, const void *prepared,
                                struct kt_error *err)
{
    struct walk *w = self;
    (void)err;
    w->run->records++;
    kt_progress_step(&w->progress, rec->arrival);
    if (rec->ev.kind == KT_KIND_ACCESS) {
        w->run->first = w->run->first == 0 ? rec->arrival : w->run->first;
        w->run->last = rec->arrival;
    }
    for (unsigned i = 0; i < w->n; i++) {
        kt_detect_foretold(w->sides[i].detect, prepared);
        kt_detect_record(w->sides[i].detect, rec);
    }
    return KT_OK;
}

enum kt_status kt_side_look(struct kt_reader *r, struct kt_side *s, unsigned *ret_recorded,
                            struct kt_error *err)
{
    enum kt_status st = KT_OK;
    if (s->given != NULL) {
        s->conf = KT_TAKE(s->given);
        s->fixed = true;
        return KT_OK;
    }
    s->fixed = s->config != NULL;
    if (s->config != NULL)
        return kt_conf_load(s->config, &s->conf, err);
    /* the first settings of the log hold for what lies before them, too */
    st = kt_settings_first(r, &s->conf, err);
    if (st == KT_OK)
        st = kt_settings_newest(r, &s->newest, ret_recorded, err);
    if (st == KT_OK && s->conf == NULL)
        s->conf = kt_conf_defaults();
    return st;
}

static enum kt_status open_engine(struct kt_side *s, struct kt_error *err)
{
    struct kt_detect_options o = { .conf = s->conf,
                                   .fixed = s->fixed,
                                   .sets = s->sets,
                                   .n_sets = s->n_sets,
                                   .alert = on_alert,
                                   .self = s,
                                   .replay = true };
    s->ids = kt_map_new(0);
    enum kt_status st = kt_detect_new(&o, &s->detect, err);
    if (st == KT_OK || s->fixed)
        return st;
    /* a recorded one that this version refuses: the engine would pass over it as well */
    struct kt_conf *refused = s->conf;
    o.conf = s->conf = kt_conf_defaults();
    kt_conf_free(refused);
    return kt_detect_new(&o, &s->detect, err);
}

enum kt_status kt_sides_run(struct kt_reader *r, struct kt_side *sides, unsigned n,
                            struct kt_sides_run *ret, struct kt_error *err)
{
    *ret = (struct kt_sides_run){ .records = 0 };
    struct walk w = { .sides = sides, .n = n, .run = ret };
    struct kt_store_stats stats;
    for (unsigned i = 0; i < n; i++) {
        if (kt_side_look(r, &sides[i], &ret->recorded, err) != KT_OK ||
            open_engine(&sides[i], err) != KT_OK)
            return err->code;
    }
    if (kt_reader_stats(r, &stats, err) != KT_OK)
        return err->code;
    const struct kt_log_each to = { on_record, &w, { foretell, sizeof(struct kt_foretold) } };
    kt_progress_begin(&w.progress, stats.events + stats.control); /* what retention left */
    enum kt_status st = kt_log_in_order(r, &ret->damage, &to, err);
    kt_progress_end(&w.progress);
    return st;
}

/* ---- in words ---- */

void kt_side_name(const struct kt_side *s, struct kt_buf *out)
{
    kt_buf_addz(out, s->config != NULL ? s->config : "as then");
    for (unsigned i = 0; i < s->n_sets; i++)
        kt_buf_addf(out, "%s%s.%s=%s", i == 0 ? " with " : ", ", s->sets[i].detector,
                    s->sets[i].option, s->sets[i].value);
}

static const struct kt_conf *at_end(const struct kt_side *s)
{
    return s->newest != NULL ? s->newest : s->conf;
}

struct shown { /* a detector's options of one side */
    void *values;
    struct kt_arena keep;
};

static struct shown show_options(const struct kt_side *s, const struct kt_detector *det)
{
    struct shown v = { kt_alloc(det->options_size), kt_arena_new(4096) };
    const struct kt_detect_options o = { .sets = s->sets, .n_sets = s->n_sets };
    struct kt_error why = { 0 }; /* the engine has taken them */
    if (kt_detect_fill(&o, at_end(s), det, &v.keep, v.values, &why) != KT_OK)
        kt_options_defaults(det->options, v.values);
    return v;
}

/* "  name: value\n" without name and end. */
static struct kt_str print_one(const struct kt_option *option, const void *values,
                               struct kt_buf *out)
{
    const struct kt_option one[] = { *option, KT_OPTIONS_END };
    kt_buf_reset(out);
    kt_options_print(one, values, 0, false, out);
    struct kt_str text = kt_str_trim(kt_buf_str(out));
    size_t head = strlen(option->name) + 2;
    return text.len > head ? kt_str_from_index(text, head) : KT_STR("none");
}

static void differ_options(const struct kt_side *a, const struct kt_side *b,
                           const struct kt_detector *det, const char **between, struct kt_buf *out)
{
    struct kt_buf x = { 0 }, y = { 0 };
    struct shown va = show_options(a, det), vb = show_options(b, det);
    for (const struct kt_option *o = det->options; o->name != NULL; o++) {
        struct kt_str was = print_one(o, va.values, &x), is = print_one(o, vb.values, &y);
        if (kt_str_eq(was, is))
            continue;
        kt_buf_addf(out, "%s%s.%s " KT_STR_FMT " -> " KT_STR_FMT, *between, det->name, o->name,
                    KT_STR_ARG(was), KT_STR_ARG(is));
        *between = ", ";
    }
    kt_free(va.values);
    kt_free(vb.values);
    kt_arena_done(&va.keep);
    kt_arena_done(&vb.keep);
    kt_buf_done(&x);
    kt_buf_done(&y);
}

static void differ_key(const struct kt_side *a, const struct kt_side *b, const char *key,
                       const char **between, struct kt_buf *out)
{
    /* what judges nothing; options and files are compared by what they come to */
    static const char *const beside[] = { "store",     "collector",       "geoip",
                                          "alerts",    "dashboard",       "rollup",
                                          "detectors", "identities_file", "rules" };
    KT_CLEANUP(kt_buf_done) struct kt_buf x = { 0 }, y = { 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(beside); i++)
        if (strcmp(key, beside[i]) == 0)
            return;
    kt_conf_print_key(at_end(a), key, &x);
    kt_conf_print_key(at_end(b), key, &y);
    if (kt_str_eq(kt_buf_str(&x), kt_buf_str(&y)))
        return;
    kt_buf_addf(out, "%s%s", *between, key);
    *between = ", ";
}

/* The texts of the files of one sort: a path may be another on another machine. */
static void add_texts(const struct kt_conf *c, enum kt_conf_file_of of, struct kt_buf *out)
{
    for (unsigned i = 0; i < c->n_files; i++)
        if (c->files[i].of == of)
            kt_buf_addf(out, KT_STR_FMT "\n", KT_STR_ARG(c->files[i].text));
}

static void differ_files(const struct kt_side *a, const struct kt_side *b, enum kt_conf_file_of of,
                         const char *label, const char **between, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf x = { 0 }, y = { 0 };
    add_texts(at_end(a), of, &x);
    add_texts(at_end(b), of, &y);
    if (kt_str_eq(kt_buf_str(&x), kt_buf_str(&y)))
        return;
    kt_buf_addf(out, "%s%s", *between, label);
    *between = ", ";
}

void kt_sides_differ(const struct kt_side *a, const struct kt_side *b, struct kt_buf *out)
{
    const char *between = "";
    for (unsigned i = 0; kt_detectors[i] != NULL; i++)
        differ_options(a, b, kt_detectors[i], &between, out);
    for (const struct kt_option *o = kt_conf_top_table; o->name != NULL; o++)
        differ_key(a, b, o->name, &between, out);
    for (const struct kt_conf_section *s = kt_conf_sections; s->name != NULL; s++)
        differ_key(a, b, s->name, &between, out);
    differ_files(a, b, KT_FILE_IDENTITIES, "identities_file", &between, out);
    differ_files(a, b, KT_FILE_RULES, "rules", &between, out);
}
