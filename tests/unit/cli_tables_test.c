/* cli tables: what --help, the manual and completion are made of, asked of every command of both
 * programs without running one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "core/base/hash.h"

static unsigned commands, options;

static bool same_name(const struct kt_flag *a, const struct kt_flag *b)
{
    return strcmp(a->name, b->name) == 0 || (a->letter != 0 && a->letter == b->letter) ||
           (a->alias != NULL && strcmp(a->alias, b->name) == 0) ||
           (b->alias != NULL && strcmp(b->alias, a->name) == 0);
}

static void look_at_flags(const struct kt_command *cmd, const struct kt_flag *flags)
{
    char name[64];
    for (const struct kt_flag *f = flags; f->name != NULL; f++) {
        options++;
        if (f->name[0] != '-' || f->name[1] != '-' || f->help == NULL || f->help[0] == '\0' ||
            (f->type == KT_FLAG_BOOL) != (f->value == NULL))
            fail_msg("%s %s: a name, a help, and a value unless it is a switch",
                     kt_command_name(cmd, name), f->name);
        for (const struct kt_flag *g = flags; g != f; g++)
            if (same_name(f, g))
                fail_msg("%s: %s and %s have a name in common", kt_command_name(cmd, name), f->name,
                         g->name);
    }
}

static void look(void *self, const struct kt_command *cmd, const struct kt_flag *flags)
{
    char name[64];
    const char *const program = self;
    commands++;
    assert_string_equal(cmd->program == NULL ? "keytrail" : cmd->program, program);
    if (cmd->summary[0] == '\0' || strstr(cmd->example, program) == NULL)
        fail_msg("%s has no summary, or an example that does not call it",
                 kt_command_name(cmd, name));
    look_at_flags(cmd, flags);
    for (const struct kt_verb *v = cmd->verbs; v != NULL && v->name != NULL; v++) {
        unsigned before = commands;
        if (v->summary[0] == '\0' || (v->run == NULL && v->args == NULL))
            fail_msg("%s %s has no summary, or nobody says what stands behind it",
                     kt_command_name(cmd, name), v->name);
        if (v->run == NULL)
            continue;
        kt_flags_describe(v->run, v->name, look, self);
        if (commands == before)
            fail_msg("%s %s ran instead of telling its options", kt_command_name(cmd, name),
                     v->name);
    }
}

static void every_command_of_keytrail_tells_its_options(void **state)
{
    (void)state;
    static char program[] = "keytrail";
    commands = options = 0;
    kt_flags_describe(kt_program_keytrail, "", look, program);
    assert_true(commands > 60);
    assert_true(options > 400);
}

static void every_command_of_the_agent_tells_its_options(void **state)
{
    (void)state;
    static char program[] = "keytrail-agent";
    commands = options = 0;
    kt_flags_describe(kt_program_agent, "", look, program);
    assert_true(commands >= 7);
}

static void who_was_asked_runs_afterwards(void **state)
{
    (void)state;
    static char program[] = "keytrail", word[] = "version", wrong[] = "--nonsense";
    char *argv[] = { word, wrong, NULL };
    kt_flags_describe(kt_cmd_version, "version", look, program);
    assert_int_equal(kt_cmd_version(2, argv), KT_EXIT_USAGE);
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_of_keytrail_tells_its_options),
        cmocka_unit_test(every_command_of_the_agent_tells_its_options),
        cmocka_unit_test(who_was_asked_runs_afterwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
