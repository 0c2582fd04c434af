/*
 * flags: one table of a command's options is its parser and its --help.
 *
 * Owns:  nothing.
 * Calls: core/base; prints on stdout (help) and stderr (what is wrong).
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* "keytrail search"; "keytrail-agent" alone for what needs no command. */
static const char *full_name(const struct kt_command *cmd, char ret[64])
{
    snprintf(ret, 64, "%s%s%s", cmd->program != NULL ? cmd->program : "keytrail",
             cmd->name[0] != 0 ? " " : "", cmd->name);
    return ret;
}

static void help(const struct kt_command *cmd, const struct kt_flag *flags)
{
    char name[64];
    (void)full_name(cmd, name);
    printf("%s: %s\n\nusage: %s %s\n", name, cmd->summary, name, cmd->args);
    if (flags->name != NULL)
        printf("\n");
    for (const struct kt_flag *f = flags; f->name != NULL; f++) {
        char left[64];
        char letter[8] = "    ";
        if (f->letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", f->letter);
        snprintf(left, sizeof left, "%s%s%s%s", letter, f->name, f->value != NULL ? " " : "",
                 f->value != NULL ? f->value : "");
        printf("  %-30s %s\n", left, f->help);
    }
    printf("\nexample:\n  %s\n", cmd->example);
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
    fprintf(stderr, "%s: unknown option " KT_STR_FMT, full_name(cmd, full), KT_STR_ARG(name));
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

static int usage(bool *ret_done)
{
    *ret_done = true;
    return KT_EXIT_USAGE;
}

int kt_flags_parse(const struct kt_command *cmd, const struct kt_flag *flags, int argc, char **argv,
                   int *ret_n, bool *ret_done)
{
    *ret_n = 0;
    *ret_done = false;
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
            help(cmd, flags);
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
            if (i + 1 == argc) {
                fprintf(stderr, "%s: %s needs %s\n", full_name(cmd, full), f->name, f->value);
                return usage(ret_done);
            }
            value = argv[++i];
        }
        if (!store(f, value)) {
            fprintf(stderr, "%s: %s: '%s' is no %s\n", full_name(cmd, full), f->name, value,
                    f->value);
            return usage(ret_done);
        }
    }
    return KT_EXIT_OK;
}
