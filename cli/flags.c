/*
 * flags: one table of a command's options is its parser and its --help.
 *
 * Owns:  nothing.
 * Calls: core/base; prints on stdout (help) and stderr (what is wrong).
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* Set while a program asks a command what it takes (kt_flags_describe). */
static struct {
    kt_describe *to;
    void *self;
} asked;

const char *kt_command_name(const struct kt_command *cmd, char ret[64])
{
    snprintf(ret, 64, "%s%s%s", cmd->program != NULL ? cmd->program : "keytrail",
             cmd->name[0] != 0 ? " " : "", cmd->name);
    return ret;
}

/* "  left      right", or in two lines where left is long. */
static void help_line(FILE *to, const char *left, int width, const char *right)
{
    int pad = width;
    for (const char *c = left; *c != '\0'; c++)
        pad -= (*c & 0xc0) != 0x80; /* the bytes that begin a character */
    if (pad < 0)
        fprintf(to, "  %s\n  %*s %s\n", left, width, "", right);
    else
        fprintf(to, "  %s%*s %s\n", left, pad, "", right);
}

static void help_verbs(FILE *to, const struct kt_command *cmd)
{
    int width = 10;
    for (const struct kt_verb *v = cmd->verbs; v != NULL && v->name != NULL; v++)
        if (v->args != NULL && v->args[0] != '\0')
            width = 30;
    for (const struct kt_verb *v = cmd->verbs; v != NULL && v->name != NULL; v++) {
        char left[160];
        bool args = v->args != NULL && v->args[0] != '\0';
        if (v->group != NULL)
            fprintf(to, "\n%s\n", v->group);
        else if (v == cmd->verbs)
            fprintf(to, "\n");
        snprintf(left, sizeof left, "%s%s%s", v->name, args ? " " : "", args ? v->args : "");
        help_line(to, left, width, v->summary);
    }
}

static void help_flags(FILE *to, const struct kt_flag *flags)
{
    if (flags->name != NULL)
        fprintf(to, "\n");
    for (const struct kt_flag *f = flags; f->name != NULL; f++) {
        char left[64];
        char letter[8] = "    ";
        if (f->letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", f->letter);
        snprintf(left, sizeof left, "%s%s%s%s", letter, f->name, f->value != NULL ? " " : "",
                 f->value != NULL ? f->value : "");
        help_line(to, left, 30, f->help);
    }
}

static void help(FILE *to, const struct kt_command *cmd, const struct kt_flag *flags)
{
    char name[64];
    (void)kt_command_name(cmd, name);
    fprintf(to, "%s: %s\n\nusage: %s%s%s\n", name, cmd->summary, name, cmd->args[0] != 0 ? " " : "",
            cmd->args);
    help_verbs(to, cmd);
    help_flags(to, flags);
    fprintf(to, "\nexample:\n  %s\n", cmd->example);
    for (const struct kt_verb *v = cmd->verbs; v != NULL && v->name != NULL; v++)
        if (v->run != NULL) {
            fprintf(to, "\n%s %s --help says more\n", name, v->name);
            break;
        }
}

static const struct kt_flag *find(const struct kt_flag *flags, struct kt_str name)
{
    for (const struct kt_flag *f = flags; f->name != NULL; f++) {
        if (kt_str_is(name, f->name) || (f->alias != NULL && kt_str_is(name, f->alias)))
            return f;
        if (f->letter != 0 && name.len == 2 && name.at[0] == '-' && name.at[1] == f->letter)
            return f;
    }
    return NULL;
}

static void complain(const struct kt_command *cmd, const struct kt_flag *flags, struct kt_str name)
{
    const char *nearest = NULL;
    unsigned best = 4;
    for (const struct kt_flag *f = flags; f->name != NULL; f++) {
        unsigned d = kt_str_distance(name, kt_str_of(f->name), 3);
        if (d < best) {
            best = d;
            nearest = f->name;
        }
    }
    char full[64];
    fprintf(stderr, "%s: unknown option " KT_STR_FMT, kt_command_name(cmd, full), KT_STR_ARG(name));
    if (nearest != NULL)
        fprintf(stderr, ", did you mean %s?", nearest);
    fprintf(stderr, "\ntry: %s --help\n", full);
}

/* Stores value (NULL for a BOOL); false when it does not fit the type. */
static bool store(const struct kt_flag *f, const char *value)
{
    switch (f->type) {
    case KT_FLAG_BOOL:
        *(bool *)f->to = true;
        return true;
    case KT_FLAG_STRING:
        *(const char **)f->to = value;
        return true;
    case KT_FLAG_UINT:
        return kt_str_u64(kt_str_of(value), f->to);
    case KT_FLAG_MANY: {
        struct kt_flag_many *many = f->to;
        if (many->n == KT_FLAGS_MAX_MANY)
            return false;
        many->at[many->n++] = value;
        return true;
    }
    }
    return false;
}

/* In the place of a value: then that was forgotten, and `keygen --out --help` would write a key
 * into a file of that name. `--out=--help` says that it is meant. */
static bool is_option(const struct kt_flag *flags, const char *arg)
{
    const char *end = strchr(arg, '=');
    struct kt_str name = end != NULL ? kt_str_from(arg, (size_t)(end - arg)) : kt_str_of(arg);
    return kt_str_starts(name, KT_STR("--")) &&
           (kt_str_is(name, "--help") || find(flags, name) != NULL);
}

static int usage(bool *ret_done)
{
    *ret_done = true;
    return KT_EXIT_USAGE;
}

int kt_flags_parse(const struct kt_command *cmd, const struct kt_flag *flags, int argc, char **argv,
                   int *ret_n, bool *ret_done)
{
    *ret_n = 0;
    *ret_done = asked.to != NULL;
    if (asked.to != NULL) {
        asked.to(asked.self, cmd, flags);
        return KT_EXIT_OK;
    }
    bool only_words = false;
    char full[64];
    for (int i = 1; i < argc; i++) {
        char *arg = argv[i];
        /* "-country:DE" is a query term, "-n" an option: options have one letter or two dashes. */
        bool option =
            !only_words && arg[0] == '-' && (arg[1] == '-' || (arg[1] != 0 && arg[2] == 0));
        if (!option) {
            argv[++*ret_n] = arg;
            continue;
        }
        if (strcmp(arg, "--") == 0) {
            only_words = true;
            continue;
        }
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            help(stdout, cmd, flags);
            *ret_done = true;
            return KT_EXIT_OK;
        }
        char *eq = arg[1] == '-' ? strchr(arg, '=') : NULL;
        struct kt_str name = eq != NULL ? kt_str_from(arg, (size_t)(eq - arg)) : kt_str_of(arg);
        const struct kt_flag *f = find(flags, name);
        if (f == NULL) {
            complain(cmd, flags, name);
            return usage(ret_done);
        }
        const char *value = eq != NULL ? eq + 1 : NULL;
        if (f->type != KT_FLAG_BOOL && value == NULL) {
            if (i + 1 == argc || is_option(flags, argv[i + 1])) {
                fprintf(stderr, "%s: %s needs %s\n", kt_command_name(cmd, full), f->name, f->value);
                return usage(ret_done);
            }
            value = argv[++i];
        }
        if (!store(f, value)) {
            fprintf(stderr, "%s: %s: '%s' is no %s\n", kt_command_name(cmd, full), f->name, value,
                    f->value);
            return usage(ret_done);
        }
    }
    return KT_EXIT_OK;
}

bool kt_flags_just(const struct kt_command *cmd, const struct kt_flag *flags, int argc, char **argv,
                   int n, int *ret_code)
{
    int words;
    bool done;
    *ret_code = kt_flags_parse(cmd, flags, argc, argv, &words, &done);
    if (!done && words != n)
        *ret_code = kt_flags_usage(cmd);
    return !done && words == n;
}

void kt_flags_describe(int (*run)(int argc, char **argv), const char *name, kt_describe *to,
                       void *self)
{
    char word[64];
    char *argv[] = { word, NULL };
    kt_describe *before = asked.to;
    void *before_self = asked.self;
    kt_str_copyz(word, sizeof word, kt_str_of(name));
    asked.to = to;
    asked.self = self;
    (void)run(1, argv);
    asked.to = before;
    asked.self = before_self;
}

int kt_flags_usage(const struct kt_command *cmd)
{
    char name[64];
    (void)kt_command_name(cmd, name);
    fprintf(stderr, "usage: %s %s\n", name, cmd->args);
    help_verbs(stderr, cmd);
    fprintf(stderr, "\ntry: %s --help\n", name);
    return KT_EXIT_USAGE;
}

/* ---- verbs ---- */

bool kt_verb_run(const struct kt_command *cmd, int argc, char **argv, int *ret_code)
{
    for (const struct kt_verb *v = cmd->verbs; argc > 1 && v->name != NULL; v++) {
        if (v->run == NULL || strcmp(argv[1], v->name) != 0)
            continue;
        *ret_code = v->run(argc - 1, argv + 1);
        return true;
    }
    return false;
}

void kt_flags_help_first(int argc, char **argv)
{
    static char help[] = "--help";
    int n = 1;
    if (argc < 2 || strcmp(argv[1], "help") != 0)
        return;
    bool again = argc > 2 && strcmp(argv[2], "help") == 0; /* help help: --help */
    for (; !again && n + 1 < argc && argv[n + 1][0] != '-'; n++)
        argv[n] = argv[n + 1];
    argv[n] = help;
}

int kt_verb_unknown(const struct kt_command *cmd, const char *word)
{
    char name[64];
    struct kt_near near = kt_near_of(kt_str_of(word));
    for (const struct kt_verb *v = cmd->verbs; v->name != NULL; v++)
        kt_near_try(&near, v->name);
    fprintf(stderr, "%s: unknown command '%s'", kt_command_name(cmd, name), word);
    if (near.name != NULL)
        fprintf(stderr, ", did you mean %s?", near.name);
    fprintf(stderr, "\ntry: %s --help\n", name);
    return KT_EXIT_USAGE;
}

int kt_verbs_main(const struct kt_command *cmd, int argc, char **argv)
{
    static const struct kt_flag flags[] = { { 0 } };
    int n, code = KT_EXIT_OK;
    bool done;
    if (kt_verb_run(cmd, argc, argv, &code))
        return code;
    if (argc > 1 && argv[1][0] != '-') /* what follows are options of what it was meant to be */
        return kt_verb_unknown(cmd, argv[1]);
    code = kt_flags_parse(cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    help(stderr, cmd, flags);
    return KT_EXIT_USAGE;
}
