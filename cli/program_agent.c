/*
 * program_agent: the commands of keytrail-agent; run, keygen and status themselves.
 *
 * Owns:  its command line.
 * Calls: agents, core/config, core/event (to read the status file), cli (flags, output words).
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agents/agent.h"
#include "cli/accept_log.h"
#include "cli/agent_fail.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/source_cmd.h"
#include "cli/watch_cmd.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/config/config.h"
#include "core/event/json.h"
#include "core/sys/clock.h"

#define DEFAULT_CONFIG KT_CONFIG_AGENT
#define STATUS_MAX     (4u << 20)
#define STALE_NS       (30 * KT_NS_S)

/* ---- keygen ---- */

/* Makes the folder of path when it is missing; an existing one is left as it is. */
static void make_folder_of(const char *path)
{
    char dir[4096];
    struct kt_str p = kt_str_of(path);
    ptrdiff_t slash = kt_str_rfind_byte(p, '/');

    if (slash <= 0 || (size_t)slash >= sizeof dir)
        return;
    kt_str_copyz(dir, sizeof dir, kt_str_sub(p, 0, (size_t)slash));
    (void)mkdir(dir, 0700);
}

static int cmd_keygen(int argc, char **argv)
{
    static const struct kt_command cmd = {
        .program = "keytrail-agent",
        .name = "keygen",
        .args = "[--out FILE]",
        .summary = "make an agent's key file and print its token",
        .example = "keytrail-agent keygen --out /etc/keytrail/keys/agent.key",
    };
    const char *out = "agent.key";
    const struct kt_flag flags[] = {
        { "--out", 0, KT_FLAG_STRING, "FILE",
          "where the key goes (default agent.key); must not "
          "exist",
          &out, NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    struct kt_net_keys curve;
    struct kt_key_file key;
    uint8_t signing[32];
    KT_CLEANUP(kt_buf_done) struct kt_buf token = { 0 };
    int code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 0, &code))
        return code;
    kt_net_keys_make(&curve);
    memcpy(key.curve_secret, curve.secret_key, sizeof key.curve_secret);
    kt_random(key.signing_seed, sizeof key.signing_seed);
    kt_sign_public(key.signing_seed, signing);
    make_folder_of(out);
    enum kt_status st = kt_key_file_write(out, &key, &err);
    kt_wipe(&key, sizeof key);
    kt_wipe(curve.secret_key, sizeof curve.secret_key);
    if (st != KT_OK)
        return kt_agent_fail("keygen", &err);
    kt_token_format(curve.public_key, signing, &token);
    printf("%s\n", kt_buf_z(&token));
    fprintf(stderr, "key written to %s (0600). On the collector: keytrail agent add NAME <token>\n",
            out);
    return KT_EXIT_OK;
}

/* ---- status ---- */

static void print_size(const char *name, int64_t bytes, const char *rest)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double v = (double)bytes;
    unsigned u = 0;

    while (v >= 1024 && u + 1 < KT_ARRAY_LEN(units)) {
        v /= 1024;
        u++;
    }
    printf("%-10s %.*f %s%s\n", name, u > 0 && v < 10 ? 1 : 0, v, units[u], rest);
}

static int64_t number(struct kt_jval v, const char *path)
{
    int64_t n = 0;
    (void)kt_json_i64(kt_json_at(v, path), &n);
    return n;
}

static void print_string(struct kt_str s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_tty_add(&b, s);
    printf("%s", kt_buf_z(&b));
}

static void print_sentences(struct kt_jval s, const char *member, const char *mark)
{
    struct kt_jval all = kt_json_at(s, member), item;
    struct kt_str name;

    for (struct kt_json_iter it = kt_json_iter(all); kt_json_next(&it, &name, &item);) {
        printf("  %-16s %s", "", mark);
        print_string(kt_json_str(item));
        printf("\n");
    }
}

/* A source that has read all there is gives nothing out after a restart: what it gave before is
 * told beside it. */
static void print_source(struct kt_jval s)
{
    char ago[KT_TIME_TEXT_MAX] = "none since the start", known[40] = "";
    int64_t newest = number(s, "newest"), before = number(s, "newest_before"),
            events = number(s, "events_before");
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);

    newest = newest > before ? newest : before;
    if (newest > 0)
        (void)kt_duration_format(now > newest ? now - newest : 0, ago);
    if (events > 0)
        (void)snprintf(known, sizeof known, ", %lld before", (long long)events);
    printf("  %-16.*s %-11.*s events %lld since the start%s, newest %s%s, lag %lld bytes\n",
           KT_STR_ARG(kt_json_str_at(s, "id")), KT_STR_ARG(kt_json_str_at(s, "type")),
           (long long)number(s, "counts.events"), known, ago, newest > 0 ? " ago" : "",
           (long long)number(s, "lag"));
    printf("  %-16s ", "");
    print_string(kt_json_str_at(s, "position"));
    int64_t quarantined = number(s, "counts.quarantined"), torn = number(s, "counts.torn");
    if (quarantined > 0 || torn > 0)
        printf(", quarantined %lld, torn %lld", (long long)quarantined, (long long)torn);
    printf("\n");
    print_sentences(s, "blind", "! ");
    print_sentences(s, "limits", "never: ");
}

/* false: a log of a collector needs somebody. */
static bool print_status(struct kt_jval root)
{
    struct kt_jval link = kt_json_at(root, "link"), sources = kt_json_at(root, "sources"), item;
    struct kt_str name, problem = kt_json_str_at(link, "problem");
    char age[KT_TIME_TEXT_MAX];
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self), at = number(root, "time");

    printf("%-10s ", "agent");
    print_string(kt_json_str_at(root, "agent"));
    printf(" (" KT_STR_FMT ")\n", KT_STR_ARG(kt_json_str_at(root, "program")));
    if (now - at > STALE_NS)
        printf("%-10s not running: last sign of life %s ago\n", "state",
               kt_duration_format(now - at, age));
    else
        printf("%-10s running for %s\n", "state",
               kt_duration_format(number(root, "up_s") * KT_NS_S, age));
    printf("%-10s ", "collector");
    print_string(kt_json_str_at(link, "endpoint"));
    printf(", " KT_STR_FMT "\n", KT_STR_ARG(kt_json_str_at(link, "state")));
    if (kt_json_str_at(link, "collector").len > 0)
        printf("%-10s the " KT_STR_FMT " one for %s: " KT_STR_FMT "\n", "",
               KT_STR_ARG(kt_json_str_at(link, "collector")),
               kt_duration_format(now - number(link, "since"), age),
               KT_STR_ARG(kt_json_str_at(link, "why")));
    if (problem.len > 0) {
        printf("%-10s ! ", "");
        print_string(problem);
        printf("\n");
    }
    char rest[96];
    int64_t waiting = number(root, "spool.last") - number(root, "spool.acked");
    (void)snprintf(rest, sizeof rest, " in %lld batches not acknowledged%s", (long long)waiting,
                   number(root, "spool.full") != 0 ? "; FULL, reading has stopped" : "");
    print_size("spool", number(root, "spool.waiting_bytes"), rest);
    if (number(root, "spool.corrupt") > 0)
        printf("%-10s ! %lld damaged places; see corrupt/ in the spool folder\n", "",
               (long long)number(root, "spool.corrupt"));
    bool fine = kt_print_logs(kt_json_at(root, "logs"));
    printf("sources\n");
    for (struct kt_json_iter it = kt_json_iter(sources); kt_json_next(&it, &name, &item);)
        print_source(item);
    return fine;
}

static int cmd_status(int argc, char **argv)
{
    static const struct kt_command cmd = {
        .program = "keytrail-agent",
        .name = "status",
        .args = "[-c FILE] [-o table|json]",
        .summary = "what the agent reads, keeps and sends",
        .example = "keytrail-agent status -c /etc/keytrail/agent.yaml",
    };
    const char *config = DEFAULT_CONFIG, *output = "table";
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE", "the agent's configuration", &config, NULL },
        { "--output", 'o', KT_FLAG_STRING, "HOW", "table or json", &output, NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    struct kt_agent_conf *conf = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 }, text = { 0 };
    enum kt_output how;
    int code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 0, &code))
        return code;
    if (!kt_output_of(output, &how) || (how != KT_OUT_TABLE && how != KT_OUT_JSON)) {
        fprintf(stderr, "keytrail-agent status: -o takes table or json\n");
        return KT_EXIT_USAGE;
    }
    if (kt_agent_conf_load(config, &conf, &err) != KT_OK)
        return kt_agent_fail("status", &err);
    kt_buf_addf(&path, "%s/status.json", conf->spool_path);
    kt_agent_conf_free(conf);
    enum kt_status st = kt_fs_read_all(kt_buf_z(&path), STATUS_MAX, &text, &err);
    if (st == KT_E_AGAIN) {
        fprintf(stderr,
                "keytrail-agent status: no '%s': the agent never ran with this "
                "configuration\n",
                path.at);
        return KT_EXIT_UNREACHABLE;
    }
    if (st != KT_OK)
        return kt_agent_fail("status", &err);
    if (how == KT_OUT_JSON) {
        (void)fwrite(text.at, 1, text.len, stdout);
        return KT_EXIT_OK;
    }
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct kt_jval root;
    unsigned repaired = 0;
    st = kt_json_parse(json, kt_buf_str(&text), &root, &repaired, &err);
    bool fine = st == KT_OK && print_status(root);
    kt_json_free(json);
    if (st != KT_OK)
        return kt_agent_fail("status", &err);
    return fine ? KT_EXIT_OK : KT_EXIT_NO;
}

/* ---- run ---- */

static int completion(int argc, char **argv)
{
    return kt_completion_main("keytrail-agent", argc, argv);
}

int kt_program_agent(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "keygen", NULL, "makes its key, prints the token for the collector", cmd_keygen, NULL },
        { "status", NULL, "what it reads, keeps and sends", cmd_status, NULL },
        { "source", NULL, "sources: list, add, doctor, test", kt_cmd_source, NULL },
        { "watch", NULL, "audit rules for files that hold secrets", kt_cmd_watch, NULL },
        { "accept-log", NULL, "goes on with a log that contradicts what it kept", kt_cmd_accept_log,
          NULL },
        { "completion", NULL, "what bash, zsh and fish read", completion, NULL },
        { 0 },
    };
    static const struct kt_command cmd = {
        .program = "keytrail-agent",
        .name = "",
        .args = "[-c FILE] | COMMAND [options]",
        .summary = "read logs of secret stores and forward them to the collector",
        .example = "keytrail-agent -c /etc/keytrail/agent.yaml",
        .verbs = verbs,
    };
    const char *config = DEFAULT_CONFIG;
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration (default " DEFAULT_CONFIG ")",
          &config, NULL },
        { 0 },
    };
    int n = 0, code = KT_EXIT_OK;
    bool done = false;

    if (kt_verb_run(&cmd, argc, argv, &code))
        return code;
    code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (n > 0)
        return kt_verb_unknown(&cmd, argv[1]);
    return kt_agent_main(config);
}
