/*
 * tune: `keytrail alerts tune`: tries settings that might have kept the alerts quiet which people
 * judged false, each by a replay of the log, and proposes those that keep every true one.
 *
 * Owns:  nothing; trials are in tune_trials.c.
 * Calls: cli/side (replay), cli/paged, core/query/settings; stdout.
 * Holds: nothing is proposed that was not replayed, the proposal as a whole included.
 */
#include "cli/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/event/line.h"
#include "core/query/settings.h"

#define AT_ONCE 4u /* engines in one pass over the log */

struct tune {
    const char *config;
    struct kt_reader *reader;
    struct kt_judged judged;
    struct kt_trial trial[KT_TRIALS_MAX];
    unsigned n, plain_quiet; /* plain_quiet: with the settings of now nobody would be called for */
    unsigned n_true;         /* judged true, and told with the settings of now */
    int *told;    /* of the judged ones, their severity with the settings of now; -1: not told */
    bool damaged; /* part of the log cannot be read: said once */
};

/* ---- one replay ---- */

static enum kt_status settings_of_now(struct tune *t, struct kt_conf **ret, struct kt_error *err)
{
    unsigned recorded;
    if (t->config != NULL)
        return kt_conf_load(t->config, ret, err);
    enum kt_status st = kt_settings_newest(t->reader, ret, &recorded, err);
    if (st == KT_OK && *ret == NULL)
        *ret = kt_conf_defaults();
    return st;
}

/* One more network in the configuration, which keeps it. */
static enum kt_status expect_network(struct kt_conf *c, const struct kt_trial *t,
                                     struct kt_error *err)
{
    struct kt_conf_network *all = kt_yaml_keep(c->yaml, (c->n_networks + 1) * sizeof *all);
    struct kt_conf_network *n = &all[c->n_networks];
    if (c->n_networks > 0)
        memcpy(all, c->networks, c->n_networks * sizeof *all);
    n->name = "tuned";
    n->cidr = kt_yaml_keep(c->yaml, sizeof *n->cidr);
    n->n_cidr = 1;
    if (t->actor[0] != '\0') {
        n->actors.at = kt_yaml_keep(c->yaml, sizeof *n->actors.at);
        n->actors.at[n->actors.n++] = kt_yaml_keepz(c->yaml, kt_str_of(t->actor));
    }
    c->networks = all;
    c->n_networks++;
    return kt_cidr_parse(kt_str_of(t->cidr), n->cidr, err);
}

static enum kt_status add_trial(struct kt_side *s, const struct kt_trial *t, struct kt_error *err)
{
    return t->set[0] != '\0' ? kt_side_set(s, t->set, err) : expect_network(s->given, t, err);
}

/* What came of a side. The one without trials says which judged alerts there are to keep quiet. */
static void count(struct tune *t, struct kt_side *s, struct kt_paged *plain, struct kt_trial *ret)
{
    struct kt_paged now = kt_paged_of(s, 0, 0);
    kt_paged_match(&t->judged.pages, &now);
    for (uint32_t i = 0; i < t->judged.pages.n; i++) {
        const struct kt_page *other = t->judged.pages.at[i].other;
        if (t->told[i] < 0)
            continue;
        if (!t->judged.is_true[i])
            ret->quiet += other == NULL;
        else
            ret->lost_true += other == NULL || other->severity < t->told[i];
    }
    kt_paged_match(plain, &now);
    for (uint32_t i = 0; i < plain->n; i++)
        ret->others += plain->at[i].other == NULL;
    ret->others -=
        ret->quiet + ret->lost_true <= ret->others ? ret->quiet + ret->lost_true : ret->others;
    kt_paged_done(&now);
}

static enum kt_status run_sides(struct tune *t, struct kt_side *side, unsigned n,
                                struct kt_error *err)
{
    struct kt_sides_run run;
    enum kt_status st = kt_sides_run(t->reader, side, n, &run, err);
    if (st == KT_OK && run.damage.places > 0 && !t->damaged)
        fprintf(stderr, "%u damaged places were left out: %s\n", run.damage.places,
                run.damage.first.text);
    t->damaged = t->damaged || run.damage.places > 0;
    return st;
}

static enum kt_status run_plain(struct tune *t, struct kt_paged *ret, struct kt_error *err)
{
    struct kt_side side = { .n_sets = 0 };
    enum kt_status st = settings_of_now(t, &side.given, err);
    if (st == KT_OK)
        st = run_sides(t, &side, 1, err);
    if (st == KT_OK) {
        *ret = kt_paged_of(&side, 0, 0);
        kt_paged_match(&t->judged.pages, ret);
        t->told = kt_alloc_array(t->judged.pages.n + 1, sizeof *t->told);
        for (uint32_t i = 0; i < t->judged.pages.n; i++) {
            const struct kt_page *other = t->judged.pages.at[i].other;
            t->told[i] = other == NULL ? -1 : other->severity;
            t->plain_quiet += other == NULL && !t->judged.is_true[i];
            t->n_true += other != NULL && t->judged.is_true[i];
        }
    }
    kt_side_done(&side);
    return st;
}

/* Trials [from, from + n), each alone. */
static enum kt_status run_some(struct tune *t, struct kt_paged *plain, unsigned from, unsigned n,
                               struct kt_error *err)
{
    struct kt_side side[AT_ONCE] = { { .n_sets = 0 } };
    enum kt_status st = KT_OK;
    for (unsigned i = 0; st == KT_OK && i < n; i++) {
        st = settings_of_now(t, &side[i].given, err);
        if (st == KT_OK)
            st = add_trial(&side[i], &t->trial[from + i], err);
    }
    if (st == KT_OK)
        st = run_sides(t, side, n, err);
    for (unsigned i = 0; i < n; i++) {
        if (st == KT_OK)
            count(t, &side[i], plain, &t->trial[from + i]);
        kt_side_done(&side[i]);
    }
    return st;
}

/* ---- what is proposed ---- */

static int by_use(const void *a, const void *b)
{
    const struct kt_trial *x = a, *y = b;
    if (x->quiet != y->quiet)
        return x->quiet > y->quiet ? -1 : 1;
    return x->others != y->others ? (x->others > y->others) - (x->others < y->others)
                                  : strcmp(x->text, y->text);
}

/* Those that quiet something and lose nothing stay, the most useful first; of one option one. */
static void keep_good(struct tune *t)
{
    unsigned n = 0;
    qsort(t->trial, t->n, sizeof *t->trial, by_use);
    for (unsigned i = 0; i < t->n; i++) {
        bool good = t->trial[i].quiet > 0 && t->trial[i].lost_true == 0;
        size_t name = strcspn(t->trial[i].set, "=");
        for (unsigned k = 0; k < n && name > 0; k++)
            good = good && strncmp(t->trial[k].set, t->trial[i].set, name + 1) != 0;
        if (good)
            t->trial[n++] = t->trial[i];
    }
    t->n = n;
}

/* The first `use` together. */
static enum kt_status run_together(struct tune *t, struct kt_paged *plain, unsigned use,
                                   struct kt_trial *ret, struct kt_error *err)
{
    struct kt_side side = { .n_sets = 0 };
    enum kt_status st = settings_of_now(t, &side.given, err);
    *ret = (struct kt_trial){ .quiet = 0 };
    for (unsigned i = 0; st == KT_OK && i < use; i++)
        st = add_trial(&side, &t->trial[i], err);
    if (st == KT_OK)
        st = run_sides(t, &side, 1, err);
    if (st == KT_OK)
        count(t, &side, plain, ret);
    kt_side_done(&side);
    return st;
}

static void print_networks(const struct tune *t, unsigned use)
{
    unsigned n = 0;
    for (unsigned i = 0; i < use; i++) {
        const struct kt_trial *x = &t->trial[i];
        if (x->set[0] != '\0')
            continue;
        KT_CLEANUP(kt_buf_done) struct kt_buf actor = { 0 };
        kt_json_quote(&actor, kt_str_of(x->actor));
        if (n == 0)
            printf("networks: # an office also gets `place: true`; an exit of a VPN does not\n");
        printf("  - { name: tuned-%u, cidr: [\"%s\"]%s%s%s }\n", n + 1, x->cidr,
               x->actor[0] != '\0' ? ", actors: [" : "",
               x->actor[0] != '\0' ? kt_buf_z(&actor) : "", x->actor[0] != '\0' ? "]" : "");
        n++;
    }
}

/* "detector.option=value" lines as YAML, by detector. */
static void print_options(const struct tune *t, unsigned use)
{
    bool any = false;
    for (unsigned i = 0; i < use; i++) {
        size_t name = strcspn(t->trial[i].set, ".");
        bool first = t->trial[i].set[0] != '\0';
        for (unsigned k = 0; k < i; k++)
            first = first && strncmp(t->trial[k].set, t->trial[i].set, name + 1) != 0;
        if (!first)
            continue;
        printf("%s  %.*s: {", any ? "" : "detectors:\n", (int)name, t->trial[i].set);
        any = true;
        const char *between = " ";
        for (unsigned k = i; k < use; k++) {
            const char *option = t->trial[k].set + name + 1, *value = strchr(option, '=');
            if (strncmp(t->trial[k].set, t->trial[i].set, name + 1) != 0)
                continue;
            printf("%s%.*s: %s", between, (int)(value - option), option, value + 1);
            between = ", ";
        }
        printf(" }\n");
    }
}

static const struct kt_column columns[] = {
    { "set", "SETTING", 0, false },
    { "quiet", "FALSE ONES QUIET", 0, true },
    { "of", "OF", 0, true },
    { "others", "UNJUDGED ONES QUIET", 0, true },
};

static void print_trials(const struct tune *t, unsigned open, enum kt_output how)
{
    struct kt_rows *rows = kt_rows_new(how, columns, KT_ARRAY_LEN(columns), true);
    for (unsigned i = 0; i < t->n; i++) {
        const struct kt_cell cells[] = { kt_cell_str(kt_str_of(t->trial[i].text)),
                                         kt_cell_int(t->trial[i].quiet), kt_cell_int(open),
                                         kt_cell_int(t->trial[i].others) };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
}

/* A program that reads the answer gets one; a person was told in words. */
static void print_none(struct tune *t, enum kt_output how)
{
    t->n = 0;
    if (how != KT_OUT_TABLE)
        print_trials(t, 0, how);
}

/* As many as help, the most useful first, and as few as that takes; verified together. */
static enum kt_status propose(struct tune *t, struct kt_paged *plain, unsigned open,
                              enum kt_output how, struct kt_error *err)
{
    struct kt_trial best = { .quiet = 0 }, together;
    unsigned use = 0;
    for (unsigned n = 1; n <= t->n && best.quiet < open; n++) {
        if (run_together(t, plain, n, &together, err) != KT_OK)
            return err->code;
        if (together.lost_true > 0)
            break;
        if (together.quiet > best.quiet) {
            best = together;
            use = n;
        }
    }
    print_trials(t, open, how);
    if (use == 0 || how != KT_OUT_TABLE)
        return KT_OK;
    printf("\n# add to keytrail.yaml:\n");
    print_networks(t, use);
    print_options(t, use);
    printf("\nwould have kept %u of %u false alerts quiet, ", best.quiet, open);
    if (t->n_true > 1)
        printf("all %u true ones stay", t->n_true);
    else
        printf("%s", t->n_true == 1 ? "the true one stays" : "there is no true one to lose");
    if (t->n_true < t->judged.n_true)
        printf(";\n%u judged true are not told with the settings of now, whatever is tried",
               t->judged.n_true - t->n_true);
    if (best.others > 0)
        printf(";\n%u that nobody judged would not have been raised either: look at them first",
               best.others);
    printf("\n");
    return KT_OK;
}

static enum kt_status tune(struct tune *t, enum kt_output how, struct kt_error *err)
{
    struct kt_paged plain = { 0 };
    struct kt_conf *conf = NULL;
    enum kt_status st = kt_judged_load(t->reader, &t->judged, err);
    if (st == KT_OK && t->judged.damage.places > 0) {
        fprintf(stderr, "%u verdicts or more cannot be read, true ones perhaps: %s\n",
                t->judged.damage.places, t->judged.damage.first.text);
        t->damaged = true;
    }
    if (st == KT_OK && t->judged.n_false == 0) {
        fprintf(stderr, "no alert is judged false: keytrail alerts close ID --verdict false\n");
        print_none(t, how);
        return KT_OK;
    }
    if (st == KT_OK)
        st = run_plain(t, &plain, err);
    if (st == KT_OK)
        st = settings_of_now(t, &conf, err);
    if (st == KT_OK)
        t->n = kt_trials_make(&t->judged, conf, t->trial);
    unsigned open = t->judged.n_false - t->plain_quiet;
    if (st == KT_OK)
        fprintf(stderr,
                "%u alerts judged true, %u false or expected, %u of these quiet with the settings "
                "of now; %u settings are tried\n",
                t->judged.n_true, t->judged.n_false, t->plain_quiet, open > 0 ? t->n : 0);
    for (unsigned i = 0; st == KT_OK && open > 0 && i < t->n; i += AT_ONCE)
        st = run_some(t, &plain, i, t->n - i < AT_ONCE ? t->n - i : AT_ONCE, err);
    if (st == KT_OK && open > 0) {
        keep_good(t);
        st = propose(t, &plain, open, how, err);
        if (st == KT_OK && t->n == 0)
            fprintf(stderr, "none of them keeps a false alert quiet and all true ones\n");
    }
    if (st == KT_OK && open == 0)
        print_none(t, how);
    kt_conf_free(conf);
    kt_paged_done(&plain);
    return st;
}

int kt_alerts_tune(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "alerts tune",
        "--db FILE [-c CONFIG] [-o FORM]",
        "settings that would have kept false alerts quiet and keep all true ones, by replay",
        "keytrail alerts tune --db keytrail.db",
        NULL,
        NULL
    };
    struct tune t = { .config = NULL };
    const char *db = NULL, *output = "table";
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store", &db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "the settings to begin with (default: the newest that the log records)", &t.config,
          NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &output, NULL },
        { 0 },
    };
    int code;
    enum kt_output how;
    if (!kt_flags_just(&cmd, flags, argc, argv, 0, &code))
        return code;
    if (!kt_output_of(output, &how))
        return kt_flags_usage(&cmd);
    char path[4096];
    struct kt_error err = { 0 };
    enum kt_status st = kt_cli_store_path(db, t.config, path, sizeof path, &err);
    if (st == KT_OK)
        st = kt_reader_open(path, &t.reader, &err);
    if (st == KT_OK)
        st = tune(&t, how, &err);
    kt_judged_done(&t.judged);
    kt_free(t.told);
    kt_reader_close(t.reader);
    if (st != KT_OK)
        return kt_cli_fail("alerts tune", &err);
    return t.damaged ? KT_EXIT_STORE : KT_EXIT_OK;
}
