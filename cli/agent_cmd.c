/*
 * agent_cmd: the allow-list of agents: add, list, revoke. Writes agents_dir/NAME.yaml and asks a
 * running collector to read it again.
 *
 * Owns:  nothing.
 * Calls: core/config (entries, tokens), collector/auth, collector/control; stdout.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "collector/auth.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/sys/clock.h"
#include "core/sys/fs.h"
#include "core/wire/control_client.h"

struct agent_args {
    const char *config, *sources, *output;
    enum kt_output how;
    struct kt_conf *conf;
};

/* The first 16 hex digits of the key's BLAKE2b: what people compare. */
static void fingerprint(const uint8_t key[32], char ret[17])
{
    uint8_t hash[16];
    struct kt_str part = kt_str_from(key, 32);
    kt_blake2b(&part, 1, hash, sizeof hash);
    kt_hex(ret, hash, 8);
}

static bool name_ok(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > KT_NAME_MAX || name[0] == '.' || name[0] == '-')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

static void entry_path(const struct agent_args *a, const char *name, char *ret, size_t n)
{
    snprintf(ret, n, "%s/%s.yaml", a->conf->agents_dir, name);
}

/* A collector that runs takes the change at once; one that does not, at its start. */
static void tell_collector(const struct agent_args *a)
{
    struct kt_buf answer = { 0 };
    struct kt_error err = { 0 };
    if (kt_control_ask(a->conf->control, KT_STR("{\"do\":\"reload\"}"), &answer, &err) == KT_OK)
        printf("the running collector has read the list again\n");
    else
        printf("no collector listens at %s; it reads the list when it starts (or on SIGHUP)\n",
               a->conf->control);
    kt_buf_done(&answer);
}

static enum kt_status write_entry(const struct agent_args *a, const struct kt_agent_entry *e,
                                  struct kt_error *err)
{
    char path[4096];
    entry_path(a, e->name, path, sizeof path);
    struct kt_buf text = { 0 };
    kt_agent_entry_print(e, &text);
    if (kt_fs_real.mkdir(kt_fs_real.self, a->conf->agents_dir, 0700, err) != KT_OK) {
        kt_buf_done(&text);
        return err->code;
    }
    enum kt_status st = kt_fs_write_atomic(path, kt_buf_str(&text), 0600, err);
    kt_buf_done(&text);
    return st;
}

static enum kt_status split_sources(const char *text, struct kt_strings *ret, struct kt_error *err)
{
    struct kt_str rest = kt_str_of(text), part;
    while (text != NULL && rest.len > 0 && kt_str_split(&rest, ',', &part)) {
        if (kt_str_find_byte(part, '/', 0) <= 0)
            return kt_fail(err, KT_E_INPUT,
                           "--sources: '" KT_STR_FMT
                           "' is no type/instance, such as vault/vault-prod",
                           KT_STR_ARG(part));
        ret->at = kt_realloc_array(ret->at, ret->n + 1, sizeof *ret->at);
        ret->at[ret->n++] = kt_str_dup(part);
    }
    return KT_OK;
}

static enum kt_status add(const struct agent_args *a, const char *name, const char *token,
                          struct kt_error *err)
{
    char path[4096];
    struct kt_agent_entry e = { .name = name, .n_keys = 1 };
    if (!name_ok(name))
        return kt_fail(err, KT_E_INPUT, "'%s' is no agent name: up to %u of A-Z a-z 0-9 . _ -",
                       name, KT_NAME_MAX);
    if (!kt_token_parse(kt_str_of(token), e.curve[0], e.signing[0]))
        return kt_fail(
            err, KT_E_INPUT,
            "that is no token; `keytrail-agent keygen` prints one, it begins with kta1_");
    if (split_sources(a->sources, &e.sources, err) != KT_OK)
        return err->code;
    entry_path(a, name, path, sizeof path);
    if (access(path, F_OK) == 0)
        return kt_fail(err, KT_E_INPUT,
                       "agent '%s' is there already (%s); revoke or remove it first", name, path);
    enum kt_status st = write_entry(a, &e, err);
    for (unsigned i = 0; i < e.sources.n; i++) {
        const char *source = e.sources.at[i];
        kt_free_ptr(&source);
    }
    kt_free_ptr(&e.sources.at);
    if (st != KT_OK)
        return st;
    char mark[17];
    fingerprint(e.curve[0], mark);
    printf("agent %s added, key %s, sources %s\n", name, mark,
           a->sources != NULL ? a->sources : "any instance that no other agent owns");
    tell_collector(a);
    return KT_OK;
}

static enum kt_status revoke_agent(const struct agent_args *a, const char *name,
                                   struct kt_error *err)
{
    char path[4096];
    struct kt_agent_entry e = { 0 };
    entry_path(a, name, path, sizeof path);
    if (kt_agent_entry_load(path, &e, err) != KT_OK)
        return kt_wrap(err, "agent '%s'", name);
    e.revoked = true;
    enum kt_status st = write_entry(a, &e, err);
    kt_agent_entry_done(&e);
    if (st != KT_OK)
        return st;
    printf("agent %s revoked: its next message is refused\n", name);
    tell_collector(a);
    return KT_OK;
}

static const char *state_of(const struct kt_agent_entry *e, kt_time_ns now)
{
    if (e->revoked)
        return "revoked";
    if (e->not_before != 0 && now < e->not_before)
        return "not yet valid";
    if (e->not_after != 0 && now >= e->not_after)
        return "expired";
    return "allowed";
}

static enum kt_status list(const struct agent_args *a, struct kt_error *err)
{
    static const struct kt_column columns[] = {
        { "name", "AGENT", 0, false },
        { "state", "STATE", 0, false },
        { "key", "KEY", 0, false },
        { "sources", "SOURCES", 60, false },
        { "not_before", "FROM (UTC)", 0, false },
        { "not_after", "UNTIL (UTC)", 0, false },
    };
    struct kt_auth *auth = NULL;
    if (kt_auth_open(a->conf->agents_dir, &auth, err) != KT_OK)
        return err->code;
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    struct kt_rows *rows = kt_rows_new(a->how, columns, KT_ARRAY_LEN(columns), true);
    for (unsigned i = 0; i < kt_auth_count(auth); i++) {
        const struct kt_agent_entry *e = kt_auth_at(auth, i);
        char mark[17];
        fingerprint(e->curve[0], mark);
        struct kt_buf sources = { 0 };
        for (unsigned k = 0; k < e->sources.n; k++)
            kt_buf_addf(&sources, "%s%s", k > 0 ? "," : "", e->sources.at[k]);
        struct kt_cell cells[] = {
            kt_cell_str(kt_str_of(e->name)),
            kt_cell_str(kt_str_of(state_of(e, now))),
            kt_cell_str(kt_str_of(mark)),
            kt_cell_str(sources.len > 0 ? kt_buf_str(&sources) : KT_STR("any not owned")),
            kt_cell_time(e->not_before),
            kt_cell_time(e->not_after),
        };
        kt_rows_add(rows, cells);
        kt_buf_done(&sources);
    }
    kt_rows_end(rows);
    kt_auth_free(auth);
    return KT_OK;
}

int kt_cmd_agent(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "add", "NAME TOKEN", "lets an agent in: the token is what its keygen printed", NULL,
          NULL },
        { "list", "", "who is let in, and for which sources", NULL, NULL },
        { "revoke", "AGENT", "shuts it out from the next message on", NULL, NULL },
        { 0 },
    };
    static const struct kt_command cmd = {
        "agent",
        "VERB [options]",
        "allow-list of agents: add, list, revoke",
        "keytrail agent add vault-host-1 kta1_… --sources vault/vault-prod -c keytrail.yaml",
        NULL,
        verbs
    };
    struct agent_args a = { .config = "/etc/keytrail/keytrail.yaml", .output = "table" };
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE", "the collector's configuration", &a.config,
          NULL },
        { "--sources", 0, KT_FLAG_STRING, "LIST", "type/instance,…: all it may send for",
          &a.sources, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", "of list: table, json, ndjson, csv", &a.output,
          NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    const char *verb = n > 0 ? argv[1] : "";
    bool adds = strcmp(verb, "add") == 0 && n == 3, lists = strcmp(verb, "list") == 0 && n == 1;
    bool revokes = strcmp(verb, "revoke") == 0 && n == 2;
    if ((!adds && !lists && !revokes) || !kt_output_of(a.output, &a.how)) {
        return kt_flags_usage(&cmd);
    }
    struct kt_error err = { 0 };
    enum kt_status st = kt_conf_load(a.config, &a.conf, &err);
    if (st == KT_OK)
        st = adds    ? add(&a, argv[2], argv[3], &err)
             : lists ? list(&a, &err)
                     : revoke_agent(&a, argv[2], &err);
    kt_conf_free(a.conf);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("agent", &err);
}
