/*
 * config_cmd: check and show configurations, the collector's and an agent's.
 *
 * Owns:  nothing.
 * Calls: core/config, collector (detectors' and targets' options); stdout.
 */
#include <stdio.h>
#include <string.h>

#include "agents/input.h"
#include "agents/source_file.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "collector/announced.h"
#include "collector/courier.h"
#include "collector/detect.h"
#include "collector/outside.h"
#include "collector/routes.h"
#include "collector/stream_setup.h"
#include "core/base/buf.h"
#include "core/config/config.h"
#include "core/sys/clock.h"
#include "core/sys/fs.h"
#include "detectors/sigma.h"

static void no_alert(void *self, const struct kt_alert *a, bool is_new)
{
    (void)self;
    (void)a;
    (void)is_new;
}

/* A file whose root has `agent:` is an agent's. */
static enum kt_status is_agent(const char *path, bool *ret, struct kt_error *err)
{
    struct kt_yaml *y = NULL;
    if (kt_yaml_load(path, &y, err) != KT_OK)
        return err->code;
    *ret = kt_node_get(kt_yaml_root(y), "agent") != NULL;
    kt_yaml_free(y);
    return KT_OK;
}

/* Rules that load, and that no record which is kept can match. */
static void note_rules(const struct kt_conf *conf)
{
    struct kt_sigma *set = kt_sigma_of(conf);
    unsigned files = 0;
    if (set == NULL)
        return;
    for (unsigned i = 0; i < conf->n_files; i++)
        files += conf->files[i].of == KT_FILE_RULES;
    printf("  rules: %u in %u file%s\n", kt_sigma_count(set), files, files == 1 ? "" : "s");
    for (unsigned i = 0; i < kt_sigma_count(set); i++) {
        const struct kt_sigma_rule *r = kt_sigma_rule(set, i);
        if (r->never[0] != '\0')
            printf("  rules: '" KT_STR_FMT "' %s (%s, line %u)\n", KT_STR_ARG(r->title), r->never,
                   r->file, r->line);
    }
    kt_sigma_free(set);
}

/* What comes to no route is not lost; who wrote routes will want to know where it goes. */
static void note_routes(const struct kt_routes *routes)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf gaps = { 0 };
    kt_routes_gaps(routes, &gaps);
    if (gaps.len > 0)
        printf("  alerts.routes: what no route takes goes to every target: %s may; a last route "
               "without `match` says where\n",
               kt_buf_z(&gaps));
}

static void say_unknown(void *self, const char *source, const char *near)
{
    (void)self;
    printf("  maintenance: no source or agent '%s' is known here%s%s%s\n", source,
           near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
           near != NULL ? "'?" : "");
}

/* Sources are known where the store is; elsewhere a configuration is checked without. */
static void note_maintenance(const struct kt_conf *conf)
{
    struct kt_auth *auth = NULL;
    struct kt_reader *r = NULL;
    if (conf->n_maintenance > 0 && kt_reader_open(conf->store_path, &r, NULL) == KT_OK) {
        (void)!kt_auth_open(conf->agents_dir, &auth, NULL);
        (void)!kt_announced_unknown(conf, auth, r, kt_clock_real.wall(kt_clock_real.self),
                                    say_unknown, NULL, NULL);
    }
    kt_auth_free(auth);
    kt_reader_close(r);
}

static enum kt_status collector_file(const char *path, bool show, bool defaults,
                                     struct kt_error *err)
{
    struct kt_conf *conf = NULL;
    struct kt_detect *detect = NULL;
    struct kt_routes *routes = NULL;
    enum kt_status st = kt_conf_load(path, &conf, err);
    if (st == KT_OK) { /* the detectors' own options have their own tables */
        struct kt_detect_options o = { .conf = conf, .alert = no_alert };
        st = kt_detect_new(&o, &detect, err);
    }
    for (unsigned i = 0; st == KT_OK && i < conf->n_targets; i++) /* as have the targets */
        st = kt_courier_check(conf, &conf->targets[i], err);
    if (st == KT_OK) /* queries, time zones */
        st = kt_routes_new(conf, &routes, err);
    for (unsigned i = 0; st == KT_OK && i < conf->n_streams; i++)
        st = kt_stream_check(conf, &conf->streams[i], err);
    if (st == KT_OK)
        st = kt_outside_check(conf, err);
    if (st == KT_OK && show) {
        struct kt_buf text = { 0 };
        kt_conf_print(conf, defaults, &text);
        fwrite(text.at, 1, text.len, stdout);
        kt_buf_done(&text);
    } else if (st == KT_OK) {
        printf("%s: ok, a collector's configuration\n", path);
        for (unsigned i = 0; i < conf->not_used_yet.n; i++)
            printf("  %s: not used yet\n", conf->not_used_yet.at[i]);
        note_routes(routes);
        note_rules(conf);
        note_maintenance(conf);
    }
    kt_routes_free(routes);
    kt_detect_free(detect);
    kt_conf_free(conf);
    return st;
}

/* The keys of a source and of its input, and the file that describes its records, where its type
 * takes one. That may be missing, as secret files may: a configuration is often checked on another
 * host. */
static enum kt_status check_source(const struct kt_agent_conf *conf, const struct kt_conf_source *s,
                                   struct kt_buf *later, struct kt_error *err)
{
    const struct kt_source *source = kt_source_find(kt_str_of(s->type));
    struct kt_source_file file = { 0 };
    const struct kt_node *rest = NULL;
    static const struct kt_option none[] = { KT_OPTIONS_END };
    struct kt_error why = { 0 };
    struct kt_stat stat;
    if (source == NULL)
        return KT_OK; /* said elsewhere, or of a later release */
    if (source->describe != NULL && s->mapping != NULL &&
        kt_fs_real.stat(kt_fs_real.self, s->mapping, &stat, &why) == KT_E_AGAIN) {
        kt_buf_addf(later, "  sources.%s: mapping '%s': not there\n", s->id, s->mapping);
        return KT_OK;
    }
    if (kt_source_file_open(s->type, s->mapping, &file, err) != KT_OK)
        return kt_wrap(err, "%s: source '%s'", conf->path, s->id);
    enum kt_status st = kt_source_file_options(&file, conf->yaml, s->node, &rest, err);
    kt_source_file_done(&file);
    const struct kt_input_type *input = kt_input_find(kt_str_of(s->input));
    if (st == KT_OK && input != NULL)
        st =
            kt_options_check(conf->yaml, rest, input->options != NULL ? input->options : none, err);
    return st == KT_OK ? KT_OK : kt_wrap(err, "source '%s'", s->id);
}

static enum kt_status check_word(const struct kt_agent_conf *conf, const struct kt_conf_source *s,
                                 bool is_type, struct kt_error *err)
{
    const char *word = is_type ? s->type : s->input, *key = is_type ? "type" : "input";
    if (is_type ? kt_source_find(kt_str_of(word)) != NULL : kt_input_find(kt_str_of(word)) != NULL)
        return KT_OK;
    return kt_fail(err, KT_E_CONFIG, "%s: source '%s': there is no %s '%s'", conf->path, s->id, key,
                   word);
}

static enum kt_status agent_file(const char *path, bool show, struct kt_error *err)
{
    struct kt_agent_conf *conf = NULL;
    enum kt_status st = kt_agent_conf_load(path, &conf, err);
    KT_CLEANUP(kt_buf_done) struct kt_buf later = { 0 };
    if (st == KT_OK && conf->placeholder != 0)
        kt_buf_addf(&later, "  collector.public_key (line %u): a placeholder, to be filled in\n",
                    conf->placeholder);
    for (unsigned i = 0; st == KT_OK && i < 2 * conf->n_sources; i++)
        st = check_word(conf, &conf->sources[i / 2], i % 2 == 0, err);
    for (unsigned i = 0; st == KT_OK && i < conf->n_sources; i++)
        st = check_source(conf, &conf->sources[i], &later, err);
    if (st == KT_OK && show) {
        struct kt_buf text = { 0 };
        kt_agent_conf_print(conf, &text);
        fwrite(text.at, 1, text.len, stdout);
        kt_buf_done(&text);
    } else if (st == KT_OK) {
        printf("%s: ok, an agent's configuration with %u %s\n", path, conf->n_sources,
               conf->n_sources == 1 ? "source" : "sources");
        printf("%s", kt_buf_z(&later));
    }
    kt_agent_conf_free(conf);
    return st;
}

int kt_cmd_config(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "check", "[FILE]", "does it load, and what is not used yet", NULL, NULL },
        { "show", "[FILE]", "the values in effect, without secrets", NULL, NULL },
        { 0 },
    };
    static const struct kt_command cmd = { "config",
                                           "VERB [options]",
                                           "configuration: check, show",
                                           "keytrail config check -c keytrail.yaml",
                                           NULL,
                                           verbs };
    const char *config = "/etc/keytrail/keytrail.yaml";
    bool defaults = false;
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE", "keytrail.yaml or agent.yaml", &config, NULL },
        { "--defaults", 0, KT_FLAG_BOOL, NULL, "show: also what the file leaves to its default",
          &defaults, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    bool show = n > 0 && strcmp(argv[1], "show") == 0,
         check = n > 0 && strcmp(argv[1], "check") == 0;
    if (n == 2)
        config = argv[2];
    if ((!show && !check) || n > 2) {
        return kt_flags_usage(&cmd);
    }
    struct kt_error err = { 0 };
    bool agent = false;
    enum kt_status st = is_agent(config, &agent, &err);
    if (st == KT_OK)
        st = agent ? agent_file(config, show, &err) : collector_file(config, show, defaults, &err);
    if (st == KT_OK)
        return KT_EXIT_OK;
    code = kt_cli_fail("config", &err);
    return check && code == KT_EXIT_CONFIG ? KT_EXIT_NO : code;
}
