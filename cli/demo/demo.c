/*
 * demo: `keytrail demo`: a real collector and two real agents on loopback, sixty days imported,
 * three incidents live.
 *
 * Owns:  the demo's folder, and the processes it starts (by pid).
 * Calls: cli/demo/life, cli/import, core; stdout.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/demo/company.h"
#include "cli/demo/life.h"
#include "cli/import.h"
#include "cli/log_keys.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/config/config.h"
#include "core/event/json.h"
#include "core/store/read.h"
#include "core/sys/clock.h"
#include "core/sys/fs.h"
#include "core/sys/geo_write.h"
#include "core/sys/net.h"
#include "core/sys/proc.h"
#include "core/wire/control_client.h"
#include "exporters/alerts/alert.h"

#define DEMO_SEED       20261122u
#define HISTORY_GAP     (10 * KT_NS_MIN) /* between the last imported day and now */
#define START_MAX       (30 * KT_NS_S)
#define DEMO_ALERTS_MAX 1024u
#define TURN_MS         100
#define SETTLE          (3 * KT_NS_S) /* after the last incident, before the commands are printed */

struct demo {
    char dir[2048], keytrail[4096], agent[4096], db[4096];
    kt_time_ns run_for; /* 0 = until Ctrl-C */
    bool calm;
    uint8_t collector_key[32];
    char endpoint[128];
    int pids[4]; /* collector, agents, page */
    unsigned n_pids;
    kt_time_ns began, live;
    struct kt_map *seen;       /* alerts that were printed … */
    int told[DEMO_ALERTS_MAX]; /* … and with which severity */
    unsigned alerts;
};

static void path_of(const struct demo *d, const char *name, char ret[4096])
{
    snprintf(ret, 4096, "%s/%s", d->dir, name);
}

static kt_time_ns wall(void)
{
    return kt_clock_real.wall(kt_clock_real.self);
}

static double seconds(kt_time_ns from)
{
    return (double)(wall() - from) / 1e9;
}

/* ---- folder ---- */

static void remove_tree(const char *path, unsigned depth)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char sub[4096];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            snprintf(sub, sizeof sub, "%s/%s", path, e->d_name) >= (int)sizeof sub)
            continue;
        if (unlink(sub) != 0 && depth < 8)
            remove_tree(sub, depth + 1);
    }
    if (dir != NULL)
        closedir(dir);
    (void)rmdir(path);
}

/* Only a folder that a demo made is ever removed. */
static enum kt_status fresh_folder(struct demo *d, struct kt_error *err)
{
    char mark[4096];
    path_of(d, ".keytrail-demo", mark);
    if (access(d->dir, F_OK) == 0 && access(mark, F_OK) != 0)
        return kt_fail(err, KT_E_INPUT,
                       "'%s' is there already and no demo made it; give another --dir", d->dir);
    remove_tree(d->dir, 0);
    static const char *const folders[] = { "",        "keys",        "agents.d",
                                           "objects", "spool-vault", "spool-aws",
                                           "reports" };
    for (size_t i = 0; i < KT_ARRAY_LEN(folders); i++) {
        char path[4096];
        path_of(d, folders[i], path);
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return kt_fail_errno(err, "mkdir '%s'", path);
    }
    return kt_fs_write_atomic(mark, KT_STR("made by keytrail demo\n"), 0600, err);
}

static enum kt_status write_geo(struct demo *d, struct kt_error *err)
{
    char path[4096];
    struct kt_geo_row *rows = kt_alloc_array(kt_demo_networks_n, sizeof *rows);
    for (size_t i = 0; i < kt_demo_networks_n; i++)
        rows[i] = (struct kt_geo_row){ .cidr = kt_demo_networks[i].cidr,
                                       .country = kt_demo_networks[i].country,
                                       .asn = kt_demo_networks[i].asn,
                                       .org = kt_demo_networks[i].org };
    path_of(d, "networks.mmdb", path);
    enum kt_status st = kt_geo_write(path, rows, (unsigned)kt_demo_networks_n,
                                     (uint64_t)(wall() / KT_NS_S), false, err);
    kt_free(rows);
    return st;
}

/* ---- keys and configuration ---- */

static enum kt_status write_text(const struct demo *d, const char *name, struct kt_buf *text,
                                 struct kt_error *err)
{
    char path[4096];
    path_of(d, name, path);
    enum kt_status st = kt_fs_write_atomic(path, kt_buf_str(text), 0600, err);
    kt_buf_done(text);
    return st;
}

static enum kt_status make_key(const struct demo *d, const char *name, struct kt_key_file *ret,
                               struct kt_error *err)
{
    char path[4096];
    struct kt_net_keys keys;
    kt_net_keys_make(&keys);
    memcpy(ret->curve_secret, keys.secret_key, 32);
    kt_random(ret->signing_seed, 32);
    path_of(d, name, path);
    return kt_key_file_write(path, ret, err);
}

static enum kt_status write_collector(struct demo *d, struct kt_error *err)
{
    struct kt_key_file key;
    struct kt_net_keys keys;
    char log_key[4096];
    uint8_t unused[32];
    path_of(d, "keys/log.key", log_key);
    if (make_key(d, "keys/collector.key", &key, err) != KT_OK ||
        kt_log_key_make(log_key, unused, err) != KT_OK)
        return err->code;
    kt_net_keys_from_secret(key.curve_secret, &keys);
    memcpy(d->collector_key, keys.public_key, 32);
    struct kt_buf b = { 0 };
    kt_buf_addf(
        &b, "# Made by keytrail demo.\n"
            "deployment: demo\n"
            "store: { path: keytrail.db }\n"
            "collector: { listen: \"tcp://127.0.0.1:0\", key_file: keys/collector.key, agents_dir: "
            "agents.d, control: control.sock }\n"
            "geoip: { databases: [networks.mmdb] }\n"
            "dashboard: { listen: \"tcp://127.0.0.1:0\", reports_dir: reports, control: "
            "dashboard.sock }\n"
            "production: [\"vault://vault-prod/-/secret/*/prod/**\", \"aws-sm://" KT_DEMO_ACCOUNT
            "/" KT_DEMO_REGION "/prod/**\"]\n");
    return write_text(d, "keytrail.yaml", &b, err);
}

struct demo_agent {
    const char *name, *file, *key, *spool, *source;
};
static const struct demo_agent agents[] = {
    { "vault-host", "agent-vault.yaml", "keys/vault-host.key", "spool-vault",
      "{ id: vault-prod, type: vault, input: tail, path: vault-audit.log }" },
    { "aws-reader", "agent-aws.yaml", "keys/aws-reader.key", "spool-aws",
      "{ id: aws-main, type: cloudtrail, input: files, path: objects }" },
};

/* The allow-list entry; the collector needs it before it starts, the agent's own file once the port
 * is known. */
static enum kt_status allow_agent(const struct demo *d, const struct demo_agent *a,
                                  struct kt_error *err)
{
    struct kt_key_file key;
    struct kt_net_keys keys;
    char name[64];
    const char *source =
        strcmp(a->name, "vault-host") == 0 ? "vault/vault-prod" : "cloudtrail/aws-main";
    struct kt_agent_entry e = { .name = a->name,
                                .n_keys = 1,
                                .sources = { .at = &source, .n = 1 } };
    if (make_key(d, a->key, &key, err) != KT_OK)
        return err->code;
    kt_net_keys_from_secret(key.curve_secret, &keys);
    memcpy(e.curve[0], keys.public_key, 32);
    kt_sign_public(key.signing_seed, e.signing[0]);
    struct kt_buf text = { 0 };
    kt_agent_entry_print(&e, &text);
    snprintf(name, sizeof name, "agents.d/%s.yaml", a->name);
    return write_text(d, name, &text, err);
}

static enum kt_status write_agent(const struct demo *d, const struct demo_agent *a,
                                  struct kt_error *err)
{
    char z85[KT_Z85_KEY];
    struct kt_buf b = { 0 };
    kt_buf_addf(&b,
                "# Made by keytrail demo.\nagent: %s\ncollector: { endpoint: \"%s\", public_key: "
                "\"%s\" }\nkey_file: %s\n"
                "spool: { path: %s, max: 256MiB }\nsources:\n  - %s\n",
                a->name, d->endpoint, kt_z85_encode(d->collector_key, z85), a->key, a->spool,
                a->source);
    return write_text(d, a->file, &b, err);
}

/* ---- processes ---- */

/* Starts a daemon of the demo, which writes a line when it is ready. */
static enum kt_status start_daemon(struct demo *d, const char *command, char *ret, size_t n,
                                   struct kt_error *err)
{
    char config[4096], log[4096], name[64], fd[16];
    int ready[2];
    if (pipe(ready) != 0)
        return kt_fail_errno(err, "pipe");
    snprintf(name, sizeof name, "%s.log", command);
    path_of(d, "keytrail.yaml", config);
    path_of(d, name, log);
    snprintf(fd, sizeof fd, "%d", ready[1]);
    const char *const argv[] = { d->keytrail, command, "-c", config, "--ready-fd", fd, NULL };
    enum kt_status st = kt_spawn(argv, log, &d->pids[d->n_pids], err);
    close(ready[1]);
    if (st == KT_OK) {
        d->n_pids++;
        struct pollfd p = { .fd = ready[0], .events = POLLIN };
        ssize_t got =
            poll(&p, 1, (int)(START_MAX / KT_NS_MS)) == 1 ? read(ready[0], ret, n - 1) : 0;
        if (got <= 0)
            st = kt_fail(err, KT_E_IO, "the %s did not come up; see %s", command, log);
        else
            ret[strcspn(ret, "\n")] = 0;
    }
    close(ready[0]);
    return st;
}

/* The page, and a link into it. Without one the demo goes on: its folder may be too deep for a
 * socket. */
static void start_page(struct demo *d)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    char address[128] = "", door[4096];
    struct kt_error err = { 0 };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired, before = d->n_pids;
    path_of(d, "dashboard.sock", door);
    enum kt_status st = start_daemon(d, "dashboard", address, sizeof address, &err);
    if (st == KT_OK)
        st = kt_control_order(
            door, KT_STR("{\"do\":\"login\",\"user\":\"demo\",\"role\":\"admin\"}"), &answer, &err);
    if (st == KT_OK)
        st = kt_json_parse(json, kt_str_trim(kt_buf_str(&answer)), &root, &repaired, &err);
    if (st == KT_OK)
        printf("page       open once, within 10 minutes: " KT_STR_FMT "\n",
               KT_STR_ARG(kt_json_str_at(root, "url")));
    else
        printf("page       not here: %s\n", err.text);
    if (st != KT_OK && d->n_pids > before)
        kt_child_stop(d->pids[--d->n_pids], 5000);
    kt_json_free(json);
}

static enum kt_status start_agent(struct demo *d, const struct demo_agent *a, struct kt_error *err)
{
    char config[4096], log[4096], name[64];
    if (write_agent(d, a, err) != KT_OK)
        return err->code;
    snprintf(name, sizeof name, "%s.log", a->name);
    path_of(d, a->file, config);
    path_of(d, name, log);
    const char *const argv[] = { d->agent, "-c", config, NULL };
    if (kt_spawn(argv, log, &d->pids[d->n_pids], err) != KT_OK)
        return err->code;
    d->n_pids++;
    return KT_OK;
}

/* Agents first, so that the collector takes their last lines. */
static void stop_all(struct demo *d)
{
    while (d->n_pids > 0)
        kt_child_stop(d->pids[--d->n_pids], 5000);
}

static enum kt_status all_running(const struct demo *d, struct kt_error *err)
{
    for (unsigned i = 0; i < d->n_pids; i++) {
        if (!kt_child_running(d->pids[i]))
            return kt_fail(err, KT_E_IO, "%s stopped by itself; its log is in %s",
                           i == 0  ? "the collector"
                           : i < 3 ? "an agent"
                                   : "the page",
                           d->dir);
    }
    return KT_OK;
}

/* ---- sixty days ---- */

static enum kt_status import_history(struct demo *d, struct kt_error *err)
{
    char feed[4096], config[4096];
    uint64_t accesses;
    path_of(d, "history.ndjson", feed);
    path_of(d, "keytrail.yaml", config);
    kt_time_ns t = wall();
    if (kt_demo_history(feed, t - HISTORY_GAP, DEMO_SEED, &accesses, err) != KT_OK)
        return err->code;
    struct kt_import_store *store = NULL;
    struct kt_import_sink sink;
    struct kt_import_counts counts = { 0 };
    const char *paths[] = { feed };
    struct kt_import_options o = { .feed = true, .paths = paths, .n_paths = 1, .quiet = true };
    enum kt_status st = kt_import_store_open(d->db, config, true, &store, &sink, err);
    if (st == KT_OK)
        st = kt_import_run(&o, &sink, &counts, err);
    kt_import_store_close(store);
    (void)unlink(feed);
    if (st == KT_OK)
        printf("history    %d days of an invented company: %llu accesses imported in %.1f s\n",
               KT_DEMO_DAYS, (unsigned long long)counts.stored, seconds(t));
    return st;
}

/* ---- what is shown ---- */

static void say(const char *head, struct kt_str text)
{
    if (text.len == 0)
        return;
    struct kt_buf safe = { 0 };
    kt_tty_add(&safe, text);
    printf("           %-8s " KT_STR_FMT "\n", head, KT_STR_ARG(kt_buf_str(&safe)));
    kt_buf_done(&safe);
}

static void print_alert(struct demo *d, const struct kt_alert *a, bool fresh)
{
    bool weighed = !kt_alert_is_own(a);
    printf("\n%6.1f s   %s %s, ", seconds(d->live), fresh ? "ALERT" : "RAISED to",
           kt_severity_words[a->severity].word);
    if (weighed)
        printf("%d.%02d points, ", a->score / 100, a->score % 100);
    printf("%s\n", a->id);
    say("what", a->title);
    say("normal", a->normal);
    say("why", a->why);
    struct kt_buf score = { 0 };
    if (weighed)
        kt_alert_add_score(a, &score);
    say("points", kt_buf_str(&score));
    kt_buf_done(&score);
    say("look", a->command);
    fflush(stdout);
}

static enum kt_status on_alert(void *self, const char *id, struct kt_str json, struct kt_error *err)
{
    struct demo *d = self;
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_alert a = { 0 };
    enum kt_status st = kt_alert_read(json, &arena, &a, err);
    if (st == KT_OK && a.raised >= d->live && a.severity >= KT_SEV_MEDIUM) {
        bool fresh;
        uint32_t i = kt_map_put(d->seen, kt_str_of(id), &fresh);
        if (i < DEMO_ALERTS_MAX && (fresh || (int)a.severity > d->told[i])) {
            d->told[i] = (int)a.severity;
            d->alerts += fresh;
            print_alert(d, &a, fresh);
        }
    }
    kt_arena_done(&arena);
    return st;
}

static enum kt_status show_alerts(struct demo *d, struct kt_error *err)
{
    struct kt_reader *reader = NULL;
    if (kt_reader_open(d->db, &reader, err) != KT_OK)
        return err->code;
    enum kt_status st = kt_reader_alerts(reader, on_alert, d, err);
    kt_reader_close(reader);
    return st;
}

static void print_commands(const struct demo *d)
{
    printf("\n%u %s. The store stays in %s; look further:\n\n", d->alerts,
           d->alerts == 1 ? "alert" : "alerts", d->dir);
    const char *const commands[] = {
        "alerts list --db %s --since 1h",
        "search 'actor:orders-svc* ip:45.137.80.0/22' --db %s --since 1h",
        "search 'actor:dana* action:read' --db %s --since 1h -n 20",
        "search 'actor:marc* action:login' --db %s --since 1h",
        "status --db %s",
        "verify --db %s",
        "replay --db %s",
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(commands); i++) {
        struct kt_str rest = kt_str_of(commands[i]);
        printf("  %s ", d->keytrail);
        for (unsigned k = 0; rest.len > 0; k++) {
            ptrdiff_t at = kt_str_find(rest, KT_STR("%s"), 0);
            size_t n = at < 0 ? rest.len : (size_t)at;
            printf(KT_STR_FMT "%s", (int)n, rest.at, at < 0 ? "" : (k == 0 ? d->db : d->dir));
            rest = kt_str_from_index(rest, at < 0 ? n : n + 2);
        }
        printf("\n");
    }
    printf("\n");
    fflush(stdout);
}

/* ---- the whole ---- */

static enum kt_status live(struct demo *d, struct kt_signals *signals, struct kt_error *err)
{
    char vault_log[4096], objects[4096];
    path_of(d, "vault-audit.log", vault_log);
    path_of(d, "objects", objects);
    d->live = wall();
    struct kt_demo_life_options lo = { .vault_log = vault_log,
                                       .objects = objects,
                                       .start = d->live,
                                       .seed = DEMO_SEED + 1,
                                       .calm = d->calm };
    struct kt_demo_life *life = kt_demo_life_new(&lo);
    enum kt_status st = KT_OK;
    kt_time_ns settled = 0;
    bool told = false;
    while (st == KT_OK && !signals->stop && (d->run_for == 0 || wall() - d->began < d->run_for)) {
        const char *said = NULL;
        st = kt_demo_life_turn(life, wall(), &said, err);
        if (said != NULL)
            printf("\n%6.1f s   (%s)\n", seconds(d->live), said);
        fflush(stdout);
        if (st == KT_OK)
            st = all_running(d, err);
        if (st == KT_OK)
            st = show_alerts(d, err);
        if (settled == 0 && kt_demo_life_done(life))
            settled = wall() + SETTLE;
        if (!told && !d->calm && d->run_for == 0 && settled != 0 && wall() > settled) {
            print_commands(d);
            printf("Ordinary work goes on. Ctrl-C stops everything.\n");
            told = true;
        }
        struct pollfd p = { .fd = signals->fd, .events = POLLIN };
        if (poll(&p, 1, TURN_MS) == 1)
            kt_signals_poll(signals);
    }
    kt_demo_life_free(life);
    return st;
}

static enum kt_status prepare(struct demo *d, struct kt_error *err)
{
    if (fresh_folder(d, err) != KT_OK || write_geo(d, err) != KT_OK ||
        write_collector(d, err) != KT_OK)
        return err->code;
    for (size_t i = 0; i < KT_ARRAY_LEN(agents); i++) {
        if (allow_agent(d, &agents[i], err) != KT_OK)
            return err->code;
    }
    return import_history(d, err);
}

static enum kt_status run(struct demo *d, struct kt_error *err)
{
    struct kt_signals signals = { 0 };
    if (kt_signals_open(&signals, err) != KT_OK)
        return err->code;
    d->began = wall();
    enum kt_status st = prepare(d, err);
    kt_time_ns t = wall();
    if (st == KT_OK)
        st = start_daemon(d, "collector", d->endpoint, sizeof d->endpoint, err);
    if (st == KT_OK)
        printf("collector  listens on %s (CURVE, fresh keys); it read the history in %.1f s\n",
               d->endpoint, seconds(t));
    for (size_t i = 0; st == KT_OK && i < KT_ARRAY_LEN(agents); i++) {
        st = start_agent(d, &agents[i], err);
        if (st == KT_OK)
            printf("agent      %-12s %s\n", agents[i].name,
                   i == 0 ? "tails a Vault audit file" : "watches a folder of CloudTrail objects");
    }
    if (st == KT_OK)
        start_page(d);
    if (st == KT_OK) {
        printf("live       ordinary work%s; alerts appear as they are raised\n",
               d->calm ? "" : ", and three incidents");
        st = live(d, &signals, err);
    }
    stop_all(d);
    kt_signals_done(&signals);
    if (st == KT_OK)
        st = show_alerts(d, err);
    if (st == KT_OK)
        print_commands(d);
    return st;
}

int kt_cmd_demo(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "demo",
        "[--for 40s] [--dir DIR]",
        "60 invented days, three live incidents, alerts on this terminal",
        "keytrail demo --for 60s",
        NULL,
        NULL
    };
    const char *run_for = NULL, *dir = NULL;
    struct demo d = { 0 };
    const struct kt_flag flags[] = {
        { "--for", 0, KT_FLAG_STRING, "TIME",
          "stop by itself after this long, import included (default: Ctrl-C)", &run_for, NULL },
        { "--dir", 0, KT_FLAG_STRING, "DIR",
          "where everything goes (default: demo/ beside the program)", &dir, NULL },
        { "--calm", 0, KT_FLAG_BOOL, NULL, "the same minutes without the incidents", &d.calm,
          NULL },
        { 0 },
    };
    int code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 0, &code))
        return code;
    struct kt_error err = { 0 };
    if (run_for != NULL && kt_duration_parse(kt_str_of(run_for), &d.run_for, &err) != KT_OK) {
        fprintf(stderr, "keytrail demo: --for: %s\n", err.text);
        return KT_EXIT_USAGE;
    }
    enum kt_status st = kt_self_path(d.keytrail, sizeof d.keytrail, &err);
    if (st == KT_OK) {
        char folder[2000];
        kt_str_copyz(folder, sizeof folder, kt_str_of(d.keytrail));
        *strrchr(folder, '/') = 0;
        snprintf(d.agent, sizeof d.agent, "%s/keytrail-agent", folder);
        if (dir != NULL)
            kt_str_copyz(d.dir, sizeof d.dir, kt_str_of(dir));
        else
            snprintf(d.dir, sizeof d.dir, "%s/demo", folder);
        path_of(&d, "keytrail.db", d.db);
        d.seen = kt_map_new(0);
        st = run(&d, &err);
        kt_map_free(d.seen);
    }
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("demo", &err);
}
