/*
 * commands: a page a command, asked of the command itself (kt_flags_describe).
 *
 * Owns:  nothing.
 * Calls: cli's tables, cli/manual/roff.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/manual/pages.h"

struct job {
    struct kt_manual *m;
    struct kt_roff r; /* of the page that is being written */
    struct kt_error *err;
    enum kt_status status;
    const struct kt_command *above; /* of a verb; NULL: a program, or one of its commands */
};

/* "keytrail-alerts" of "keytrail alerts". keytrail-agent is the program's: `keytrail agent` stands
 * under keytrail-agents. */
static void page_name(const struct kt_command *cmd, char ret[64])
{
    if (strcmp(kt_command_name(cmd, ret), "keytrail agent") == 0)
        kt_str_copyz(ret, 64, KT_STR("keytrail-agents"));
    for (char *c = ret; *c != '\0'; c++)
        *c = *c == ' ' ? '-' : *c;
}

/* "keytrail alerts VERB [options]", as a line of SYNOPSIS. */
static void usage(struct kt_roff *r, const char *name, const char *args)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_buf_addf(&b, "**%s**%s%s", name, args[0] != '\0' ? " " : "", args);
    kt_roff_paragraph(r, kt_buf_str(&b));
}

/* "alerts: list, show …" of the command alerts is "list, show …" under its name. */
static const char *about(const struct kt_command *cmd)
{
    size_t n = strlen(cmd->name);
    bool twice = n > 0 && strncmp(cmd->summary, cmd->name, n) == 0 && cmd->summary[n] == ':';
    return twice ? cmd->summary + n + 2 : cmd->summary;
}

static void sentence(struct kt_roff *r, const char *text)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_buf_addz(&b, text);
    if (b.len > 0 && b.at[0] >= 'a' && b.at[0] <= 'z')
        b.at[0] = (char)(b.at[0] - 'a' + 'A');
    if (b.len > 0 && strchr(".?!", b.at[b.len - 1]) == NULL)
        kt_buf_byte(&b, '.');
    kt_roff_paragraph(r, kt_buf_str(&b));
}

static void options(struct kt_roff *r, const struct kt_flag *flags)
{
    for (const struct kt_flag *f = flags; f->name != NULL; f++) {
        char name[96];
        char letter[8] = "", alias[32] = "";
        if (f->letter != 0)
            (void)snprintf(letter, sizeof letter, "-%c, ", f->letter);
        if (f->alias != NULL)
            (void)snprintf(alias, sizeof alias, ", %s", f->alias);
        (void)snprintf(name, sizeof name, "%s%s%s", letter, f->name, alias);
        kt_roff_option(r, name, f->value, kt_str_of(f->help));
    }
}

static void verbs(struct kt_roff *r, const struct kt_command *cmd, bool own_pages)
{
    for (const struct kt_verb *v = cmd->verbs; v != NULL && v->name != NULL; v++) {
        char name[96];
        if (v->group != NULL)
            kt_roff_subsection(r, kt_str_of(v->group));
        (void)snprintf(name, sizeof name, "%s", v->name);
        kt_roff_option(r, name, v->args != NULL && v->args[0] != '\0' ? v->args : NULL,
                       kt_str_of(v->summary));
    }
    if (own_pages)
        kt_roff_paragraph(r,
                          cmd->program != NULL
                              ? KT_STR("Each has a page of its own: `man keytrail-agent-status`.")
                              : KT_STR("Each has a page of its own: `man keytrail-who`."));
}

/* A verb with options of its own is a section of its command's page. */
static void add_verb(void *self, const struct kt_command *cmd, const struct kt_flag *flags)
{
    struct job *j = self;
    char name[64];
    (void)kt_command_name(cmd, name);
    kt_roff_subsection(&j->r, kt_str_of(name));
    usage(&j->r, name, cmd->args);
    sentence(&j->r, cmd->summary);
    options(&j->r, flags);
}

static void add_verbs_of_their_own(struct job *j, const struct kt_command *cmd)
{
    int (*before)(int, char **) = NULL;
    for (const struct kt_verb *v = cmd->verbs; v != NULL && v->name != NULL; v++) {
        if (v->run == NULL || (v->run == before && strcmp(cmd->name, "report") == 0))
            continue; /* reports are made by one command: described once */
        before = v->run;
        kt_flags_describe(v->run, v->name, add_verb, j);
    }
}

static void add_verb_example(void *self, const struct kt_command *cmd, const struct kt_flag *flags)
{
    struct kt_buf *all = self;
    (void)flags;
    if (kt_str_find(kt_buf_str(all), kt_str_of(cmd->example), 0) < 0)
        kt_buf_addf(all, "%s\n", cmd->example);
}

static void examples(struct kt_roff *r, const struct kt_command *cmd, bool program)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    kt_buf_addf(&all, "%s\n", cmd->example);
    for (const struct kt_verb *v = cmd->verbs; !program && v != NULL && v->name != NULL; v++)
        if (v->run != NULL)
            kt_flags_describe(v->run, v->name, add_verb_example, &all);
    kt_roff_section(r, "EXAMPLES");
    kt_roff_block(r, kt_buf_str(&all));
}

static void environment(struct kt_roff *r)
{
    kt_roff_section(r, "ENVIRONMENT");
    kt_roff_tag(r, KT_STR("`KEYTRAIL_SECTION__KEY`"),
                KT_STR("overrides a value of the configuration: KEYTRAIL_STORE__PATH is "
                       "`store.path`; of the sections store, collector and geoip"));
    kt_roff_tag(r, KT_STR("`CREDENTIALS_DIRECTORY`"),
                KT_STR("folder of systemd's credentials, for `${CREDENTIALS_DIRECTORY}` in paths"));
    kt_roff_tag(r, KT_STR("`SUDO_USER`, `USER`"),
                KT_STR("who gives an order, where `--by` does not say"));
}

static void see_also(struct kt_roff *r, const char *self)
{
    static const char *const pages[] = { "keytrail(1)",       "keytrail-agent(1)",
                                         "keytrail.yaml(5)",  "keytrail-agent.yaml(5)",
                                         "keytrail-query(7)", "keytrail-events(7)" };
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    size_t n = strlen(self);
    for (size_t i = 0; i < KT_ARRAY_LEN(pages); i++)
        if (strncmp(pages[i], self, n) != 0 || pages[i][n] != '(')
            kt_buf_addf(&b, "%s%s", b.len > 0 ? ", " : "", pages[i]);
    kt_roff_section(r, "SEE ALSO");
    kt_roff_paragraph(r, kt_buf_str(&b));
}

static void write_page(void *self, const struct kt_command *cmd, const struct kt_flag *flags);

static void write_pages_of_verbs(struct job *j, const struct kt_command *cmd)
{
    for (const struct kt_verb *v = cmd->verbs; v->name != NULL && j->status == KT_OK; v++)
        kt_flags_describe(v->run, v->name, write_page, j);
}

static void write_page(void *self, const struct kt_command *cmd, const struct kt_flag *flags)
{
    struct job *j = self;
    bool program = cmd->name[0] == '\0', agent = cmd->program != NULL;
    char name[64], full[64];
    page_name(cmd, name);
    const struct kt_roff_page page = { name, "1", about(cmd), j->m->date };
    j->r = (struct kt_roff){ 0 };
    kt_roff_begin(&j->r, &page);
    kt_roff_section(&j->r, "SYNOPSIS");
    usage(&j->r, kt_command_name(cmd, full), cmd->args);
    kt_roff_section(&j->r, "DESCRIPTION");
    sentence(&j->r, about(cmd));
    if (cmd->verbs != NULL) {
        kt_roff_section(&j->r, "COMMANDS");
        verbs(&j->r, cmd, program);
    }
    if (flags->name != NULL) {
        kt_roff_section(&j->r, "OPTIONS");
        options(&j->r, flags);
    }
    if (!program)
        add_verbs_of_their_own(j, cmd);
    kt_manual_exit_status(&j->r);
    if (program)
        environment(&j->r);
    kt_manual_files(&j->r, agent);
    examples(&j->r, cmd, program);
    see_also(&j->r, name);
    j->status = kt_manual_write(j->m, &page, &j->r, j->err);
    if (program && j->status == KT_OK)
        write_pages_of_verbs(j, cmd);
}

enum kt_status kt_manual_commands(struct kt_manual *m, struct kt_error *err)
{
    struct job j = { .m = m, .err = err };
    kt_flags_describe(kt_program_keytrail, "", write_page, &j);
    if (j.status == KT_OK)
        kt_flags_describe(kt_program_agent, "", write_page, &j);
    return j.status;
}
