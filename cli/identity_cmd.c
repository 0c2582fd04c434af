/*
 * identity_cmd: `keytrail identity`: who is who: list, show, check, suggest.
 *
 * Owns:  the identities that it looks at.
 * Calls: core/config (identities), core/query/settings (those that the log has), core/store/read;
 *        stdout, stderr.
 */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/identity.h"
#include "core/query/settings.h"
#include "core/sys/clock.h"

/* ---- which identities ---- */
/* A file, else those of a configuration, else those that the log of the store has in force. */
static enum kt_status open_all(struct kt_identity_args *a, bool needs_store, struct kt_error *err)
{
    char path[4096];
    unsigned n;
    a->own = kt_identities_new();
    a->ids = a->own;
    if (a->file != NULL) {
        a->where = a->file;
        if (kt_identities_load(a->own, a->file, err) != KT_OK)
            return err->code;
    } else if (a->config != NULL || (a->db == NULL && !needs_store)) {
        const char *config = a->config != NULL ? a->config : "/etc/keytrail/keytrail.yaml";
        if (kt_conf_load(config, &a->conf, err) != KT_OK)
            return err->code;
        a->ids = a->conf->identities;
        a->where = a->conf->identities_file != NULL ? a->conf->identities_file : config;
    }
    if (a->db == NULL && !needs_store)
        return KT_OK;
    if (kt_cli_store_path(a->db, a->config, path, sizeof path, err) != KT_OK ||
        kt_reader_open(path, &a->reader, err) != KT_OK)
        return err->code;
    if (a->where != NULL)
        return KT_OK;
    a->where = "the log";
    if (kt_settings_newest(a->reader, &a->conf, &n, err) != KT_OK)
        return err->code;
    if (a->conf != NULL)
        a->ids = a->conf->identities;
    return KT_OK;
}

/* ---- list ---- */
static const struct kt_column columns[] = {
    { "name", "NAME", 40, false },          { "kind", "KIND", 0, false },
    { "team", "TEAM", 20, false },          { "time_zone", "ZONE", 20, false },
    { "manager", "MANAGER", 30, false },    { "aliases", "ALIASES", 60, false },
    { "on_call", "ON CALL NOW", 0, false }, { "left", "LEFT", 0, false },
};

static void add_alias(const struct kt_identity_alias *al, const char *between, struct kt_buf *out)
{
    kt_buf_addf(out, "%s%s", between, al->actor);
    if (al->source != NULL)
        kt_buf_addf(out, " of %s", al->source);
    if (al->instance != NULL)
        kt_buf_addf(out, " in %s", al->instance);
}

static struct kt_cell kind_cell(const struct kt_identity *who)
{
    return kt_cell_str(
        kt_str_of(who->kind < 0 ? NULL : kt_actor_kind_word((enum kt_actor_kind)who->kind)));
}

static int list(const struct kt_identity_args *a)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf aliases = { 0 };
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    struct kt_rows *rows = kt_rows_new(a->how, columns, KT_ARRAY_LEN(columns), !a->no_header);
    for (unsigned i = 0; i < kt_identities_count(a->ids); i++) {
        const struct kt_identity *who = kt_identities_at(a->ids, i);
        kt_buf_reset(&aliases);
        for (unsigned k = 0; k < who->n_alias; k++)
            add_alias(&who->alias[k], k > 0 ? ", " : "", &aliases);
        const struct kt_cell cells[] = {
            kt_cell_str(kt_str_of(who->name)),
            kind_cell(who),
            kt_cell_str(kt_str_of(who->team)),
            kt_cell_str(kt_str_of(who->time_zone)),
            kt_cell_str(kt_str_of(who->manager)),
            kt_cell_str(kt_buf_str(&aliases)),
            { .type = KT_CELL_BOOL, .i = kt_identity_on_call(who, now) },
            kt_cell_str(kt_str_of(who->left_day)),
        };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
    if (kt_identities_count(a->ids) == 0 && !a->quiet)
        fprintf(stderr, "%s names no identity; keytrail identity suggest proposes some\n",
                a->where);
    return KT_EXIT_OK;
}

/* ---- show ---- */
static void line(const char *key, const char *value)
{
    if (value != NULL)
        printf("%-10s %s\n", key, value);
}

static void show_zone(const struct kt_identity *who, kt_time_ns now)
{
    if (who->zone == NULL)
        return;
    int32_t s = kt_zone_offset_s(who->zone, now);
    int32_t m = (s < 0 ? -s : s) / 60;
    printf("%-10s %s (UTC%c%02d:%02d now)\n", "zone", who->time_zone, s < 0 ? '-' : '+',
           (int)m / 60, (int)m % 60);
}

static void show_shifts(const struct kt_identity *who, kt_time_ns now)
{
    char from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    line("on call", who->on_call_note);
    for (unsigned i = 0; i < who->n_shift; i++)
        printf("%-10s %s to %s UTC%s\n", i == 0 ? "on call" : "",
               kt_time_format_short(who->shift[i].from, from),
               kt_time_format_short(who->shift[i].until, until),
               now >= who->shift[i].from && now < who->shift[i].until ? "  (now)" : "");
}

static int show(const struct kt_identity_args *a, const char *name)
{
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    const struct kt_identity *who = kt_identities_named(a->ids, kt_str_of(name));
    if (who == NULL)
        who = kt_identities_find(a->ids, kt_str_of(name), KT_STR_NONE, KT_STR_NONE);
    if (who == NULL) {
        struct kt_near near = kt_near_of(kt_str_of(name));
        for (unsigned i = 0; i < kt_identities_count(a->ids); i++)
            kt_near_try(&near, kt_identities_at(a->ids, i)->name);
        fprintf(stderr, "keytrail identity: %s has no identity with the name or alias '%s'%s%s%s\n",
                a->where, name, near.name != NULL ? ", did you mean '" : "",
                near.name != NULL ? near.name : "", near.name != NULL ? "'?" : "");
        return KT_EXIT_NO;
    }
    line("name", who->name);
    line("kind",
         who->kind < 0 ? "as its sources say" : kt_actor_kind_word((enum kt_actor_kind)who->kind));
    line("team", who->team);
    show_zone(who, now);
    line("manager", who->manager);
    line("last day", who->left_day);
    show_shifts(who, now);
    for (unsigned k = 0; k < who->n_alias; k++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf alias = { 0 };
        add_alias(&who->alias[k], "", &alias);
        line(k == 0 ? "aliases" : "", kt_buf_z(&alias));
    }
    printf("%-10s keytrail search 'actor:\"%s\"' --since 7d\n", "look", who->name);
    return KT_EXIT_OK;
}

/* ---- the command ---- */
static int run(struct kt_identity_args *a, const char *word, const char *name)
{
    struct kt_error err = { 0 };
    bool suggests = strcmp(word, "suggest") == 0;
    if (open_all(a, suggests, &err) != KT_OK) {
        int code = kt_cli_fail("identity", &err);
        return strcmp(word, "check") == 0 && code == KT_EXIT_CONFIG ? KT_EXIT_NO : code;
    }
    if (suggests)
        return kt_identity_suggest(a);
    if (strcmp(word, "check") == 0)
        return kt_identity_check(a);
    return name != NULL ? show(a, name) : list(a);
}

static bool fits(const char *word, int n)
{
    static const struct {
        const char *word;
        int n;
    } words[] = { { "list", 1 }, { "show", 2 }, { "check", 1 }, { "suggest", 1 } };
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++)
        if (strcmp(word, words[i].word) == 0)
            return n == words[i].n;
    return false;
}

int kt_cmd_identity(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "list", "", "everybody who is named", NULL, NULL },
        { "show", "ACTOR", "one of them, with the aliases", NULL, NULL },
        { "check", "", "does the file load, and whom does the log know besides", NULL, NULL },
        { "suggest", "", "aliases that the log shows, with the reasons", NULL, NULL },
        { 0 },
    };
    static const struct kt_command cmd = { "identity",
                                           "VERB [options]",
                                           "who is who: list, show, check, suggest",
                                           "keytrail identity suggest --db keytrail.db --since 90d",
                                           NULL,
                                           verbs };
    struct kt_identity_args a = { .output = "table", .least = "medium" };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store: suggest reads it, check compares with it",
          &a.db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration that names identities and store",
          &a.config, NULL },
        { "--file", 'f', KT_FLAG_STRING, "FILE", "the identities (default: the configuration's)",
          &a.file, NULL },
        { "--least", 0, KT_FLAG_STRING, "SURE",
          "suggest: how sure at least: low, medium (default), high", &a.least, NULL },
        KT_WINDOW_FLAGS(a.window),
        { "--output", 'o', KT_FLAG_STRING, "FORM",
          KT_OUTPUT_WORDS "; suggest prints YAML unless told", &a.output, NULL },
        { "--no-header", 0, KT_FLAG_BOOL, NULL, "no head line", &a.no_header, NULL },
        { "--quiet", 'q', KT_FLAG_BOOL, NULL, "no talk on stderr", &a.quiet, NULL },
        { 0 },
    };
    int n;
    bool done;
    const char *given = a.output;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (n < 1 || !fits(argv[1], n) || !kt_output_of(a.output, &a.how)) {
        return kt_flags_usage(&cmd);
    }
    if (a.output == given && strcmp(argv[1], "suggest") == 0)
        a.output = NULL;
    code = run(&a, argv[1], n == 2 ? argv[2] : NULL);
    kt_reader_close(a.reader);
    kt_identities_free(a.own);
    kt_conf_free(a.conf);
    return code;
}
