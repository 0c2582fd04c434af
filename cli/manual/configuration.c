/*
 * configuration: keytrail.yaml(5) and keytrail-agent.yaml(5), from the tables that read the files.
 *
 * Owns:  nothing.
 * Calls: core/config, the tables of detectors, targets, streams and inputs, cli/manual/roff.
 */
#include <stdio.h>
#include <string.h>

#include "agents/input.h"
#include "cli/manual/pages.h"
#include "core/config/config.h"
#include "detectors/detector.h"
#include "exporters/alerts/target.h"
#include "exporters/streams/stream.h"

static const char *type_word(enum kt_option_type type)
{
    switch (type) {
    case KT_OPT_BOOL:
        return "true or false";
    case KT_OPT_UINT:
        return "whole number";
    case KT_OPT_DOUBLE:
        return "number";
    case KT_OPT_DURATION:
        return "time: 90s, 15m, 4h, 30d";
    case KT_OPT_SIZE:
        return "size: 64MiB, 4GiB";
    case KT_OPT_STRING:
        return "text";
    case KT_OPT_PATH:
        return "path";
    case KT_OPT_SECRET_FILE:
        return "path of a file 0600 in a folder 0700";
    case KT_OPT_LIST:
        return "list";
    }
    return "";
}

static void add_options(struct kt_roff *r, const struct kt_option *table)
{
    for (const struct kt_option *o = table; o != NULL && o->name != NULL; o++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf tag = { 0 }, text = { 0 };
        kt_buf_addf(&tag, "`%s`: %s", o->name, type_word(o->type));
        kt_buf_addz(&text, o->help);
        if (o->dflt == NULL)
            kt_buf_addz(&text, " (required)");
        else if (o->dflt[0] != '\0')
            kt_buf_addf(&text, " (default: %s)", o->dflt);
        kt_roff_tag(r, kt_buf_str(&tag), kt_buf_str(&text));
    }
}

static void add_table(struct kt_roff *r, const char *where, const char *about,
                      const struct kt_option *table)
{
    if (where[0] != '\0')
        kt_roff_subsection(r, kt_str_of(where));
    if (about != NULL && about[0] != '\0')
        kt_roff_paragraph(r, kt_str_of(about));
    add_options(r, table);
}

static void add_tables(struct kt_roff *r, const struct kt_conf_table *tables)
{
    kt_roff_section(r, "KEYS");
    kt_roff_paragraph(r, KT_STR("Relative paths start in the folder of the file. A key that is not "
                                "here is refused with the nearest one, and with its line."));
    for (const struct kt_conf_table *t = tables; t->where != NULL; t++)
        add_table(r, t->where, t->about, t->table);
}

static void add_plugins(struct kt_roff *r)
{
    char where[80];
    kt_roff_section(r, "DETECTORS");
    for (unsigned i = 0; kt_detectors[i] != NULL; i++) {
        (void)snprintf(where, sizeof where, "detectors.%s", kt_detectors[i]->name);
        add_table(r, where, kt_detectors[i]->summary, kt_detectors[i]->options);
    }
    kt_roff_section(r, "TARGETS");
    for (unsigned i = 0; kt_targets[i] != NULL; i++) {
        (void)snprintf(where, sizeof where, "type: %s", kt_targets[i]->name);
        add_table(r, where, kt_targets[i]->summary, kt_targets[i]->options);
    }
    kt_roff_section(r, "STREAMS");
    for (unsigned i = 0; kt_stream_types[i] != NULL; i++) {
        (void)snprintf(where, sizeof where, "type: %s", kt_stream_types[i]->name);
        add_table(r, where, kt_stream_types[i]->summary, kt_stream_types[i]->options);
    }
}

static void add_end(struct kt_roff *r, const char *sample, const char *check, bool agent)
{
    kt_manual_exit_status(r);
    kt_manual_files(r, agent);
    kt_roff_section(r, "EXAMPLES");
    kt_roff_block(r, kt_str_of(sample));
    kt_roff_paragraph(r, kt_str_of(check));
    kt_roff_section(r, "SEE ALSO");
    kt_roff_paragraph(r, KT_STR("keytrail(1), keytrail-agent(1), keytrail-config(1)"));
}

static enum kt_status collector_page(struct kt_manual *m, struct kt_error *err)
{
    const struct kt_roff_page page = { "keytrail.yaml", "5", "the collector's configuration",
                                       m->date };
    struct kt_roff r = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf sample = { 0 };
    kt_conf_sample_collector("/etc/keytrail", &sample);
    kt_roff_begin(&r, &page);
    kt_roff_section(&r, "DESCRIPTION");
    kt_roff_paragraph(&r, KT_STR("YAML without anchors, aliases and tags, at most 1 MiB. Secrets "
                                 "never stand in it: keys that end in `_file` name files. "
                                 "`systemctl reload` (SIGHUP) takes a changed file, or refuses it "
                                 "and keeps the old one; each change is a record of the log."));
    add_tables(&r, kt_conf_tables);
    add_plugins(&r);
    add_end(&r, kt_buf_z(&sample),
            "`keytrail config check` says whether a file loads, `keytrail config show "
            "--defaults` prints every value.",
            false);
    return kt_manual_write(m, &page, &r, err);
}

static enum kt_status agent_page(struct kt_manual *m, struct kt_error *err)
{
    const struct kt_roff_page page = { "keytrail-agent.yaml", "5", "an agent's configuration",
                                       m->date };
    struct kt_roff r = { 0 };
    char where[80];
    KT_CLEANUP(kt_buf_done) struct kt_buf sample = { 0 };
    kt_conf_sample_agent("/etc/keytrail", "vault-host-1", "tcp://collector.acme.example:7420",
                         "<40 characters, Z85>", &sample);
    kt_roff_begin(&r, &page);
    kt_roff_section(&r, "DESCRIPTION");
    kt_roff_paragraph(&r, KT_STR("YAML without anchors, aliases and tags, at most 1 MiB. An entry "
                                 "of `sources` has the keys below, and those of its input."));
    add_tables(&r, kt_agent_conf_tables);
    kt_roff_section(&r, "INPUTS");
    for (unsigned i = 0; kt_inputs[i] != NULL; i++) {
        (void)snprintf(where, sizeof where, "input: %s", kt_inputs[i]->name);
        add_table(&r, where, kt_inputs[i]->summary, kt_inputs[i]->options);
    }
    add_end(&r, kt_buf_z(&sample),
            "`keytrail-agent source add TYPE` prints an entry for a source, `keytrail config "
            "check -c agent.yaml` says whether the file loads.",
            true);
    return kt_manual_write(m, &page, &r, err);
}

enum kt_status kt_manual_configuration(struct kt_manual *m, struct kt_error *err)
{
    return collector_page(m, err) == KT_OK ? agent_page(m, err) : err->code;
}
