/*
 * watch_cmd: writes the file of audit rules that makes the kernel log accesses to secret files
 * (agents/sources/auditd.md). It loads nothing: that is root's to do.
 *
 * Owns:  nothing.
 * Calls: core/base, core/sys; agents/inputs (the usual places); cli (flags); stdout.
 */
#include "cli/watch_cmd.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/inputs/usual.h"
#include "cli/cli.h"
#include "core/base/buf.h"
#include "core/sys/fs.h"

static const char head[] =
    "# What keytrail asks the kernel to log: who opens files that hold secrets. A rule goes when "
    "the\n"
    "# folder of its file is moved, deleted or unmounted; loading the rules again brings it back.\n"
    "# To leave out a program that reads its own file all day, add: -F exe!=/path/of/the/program\n";

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* One rule for each size of system call: a 32-bit program has others. */
static void add_rules(struct kt_buf *out, const char *path)
{
    bool folder = is_folder(path);
    for (int bits = 64; bits >= 32; bits -= 32)
        kt_buf_addf(out, "-a always,exit -F arch=b%d -F %s=%s -F perm=rwa -F key=%s\n", bits,
                    folder ? "dir" : "path", path, folder ? "keytrail_dir" : "keytrail_env");
}

/* The words of a rule are parted by blanks and know no quotes. */
static const char *what_is_wrong(struct kt_str path)
{
    if (path.len < 2 || path.at[0] != '/')
        return "rules name files by their whole path, from / on";
    if (path.at[path.len - 1] == '/')
        return "leave out the '/' at the end";
    for (size_t i = 0; i < path.len; i++)
        if ((unsigned char)path.at[i] <= ' ' || path.at[i] == '*' || path.at[i] == '?')
            return "a rule can hold no blanks and no wildcards; name the folder around it";
    return NULL;
}

static int init(const char *out, char **paths, int n)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    kt_buf_addz(&text, head);
    for (const char *const *place = kt_usual_places; *place != NULL; place++)
        if (access(*place, F_OK) == 0)
            add_rules(&text, *place);
    for (int i = 0; i < n; i++) {
        const char *wrong = what_is_wrong(kt_str_of(paths[i]));
        if (wrong != NULL) {
            fprintf(stderr, "keytrail-agent watch init: '%s': %s\n", paths[i], wrong);
            return KT_EXIT_USAGE;
        }
        add_rules(&text, paths[i]);
    }
    if (out == NULL) {
        (void)fwrite(text.at, 1, text.len, stdout);
        return KT_EXIT_OK;
    }
    if (access(out, F_OK) == 0) {
        fprintf(stderr, "keytrail-agent watch init: '%s' is there already; move it away first\n",
                out);
        return KT_EXIT_CONFIG;
    }
    if (kt_fs_write_atomic(out, kt_buf_str(&text), 0640, &err) != KT_OK) {
        fprintf(stderr, "keytrail-agent watch init: %s\n", err.text);
        return KT_EXIT_STORE;
    }
    fprintf(stderr, "rules written to %s; load them with: augenrules --load\n", out);
    return KT_EXIT_OK;
}

int kt_cmd_watch(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "init", "[FILE|DIR…]", "the rules, for the usual places and for each of these", NULL,
          NULL },
        { 0 },
    };
    static const struct kt_command cmd = {
        .program = "keytrail-agent",
        .name = "watch",
        .args = "VERB [options]",
        .verbs = verbs,
        .summary = "write audit rules for the usual secret files of this host, and for each PATH",
        .example =
            "keytrail-agent watch init --out /etc/audit/rules.d/keytrail.rules /srv/app/.env",
    };
    const char *out = NULL;
    const struct kt_flag flags[] = {
        { "--out", 0, KT_FLAG_STRING, "FILE",
          "where the rules go (default: stdout); must not exist", &out, NULL },
        { 0 },
    };
    int n = 0;
    bool done = false;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (n < 1 || !kt_str_is(kt_str_of(argv[1]), "init"))
        return kt_flags_usage(&cmd);
    return init(out, argv + 2, n - 1);
}
