/*
 * source_add: `keytrail-agent source add`: a complete, commented entry for a source. What it says
 * is taken from the source's page (the example, the permissions) and from the tables of options.
 *
 * Owns:  nothing. Calls: agents (sources, inputs), core/config; stdout, the configuration file.
 * Holds: a file is replaced only by one that loads.
 */
#include "cli/source_add.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/input.h"
#include "agents/source.h"
#include "cli/cli.h"
#include "cli/source_page.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/config/config.h"
#include "core/config/tree.h"
#include "core/sys/fs.h"

#define INDENT     2u
#define COMMENT_AT 46u /* column of the help behind a value */

/* ---- the example on a page ---- */

/* The first entry of the example; *y owns it. The pages are ours: one that has none aborts a test.
 */
static enum kt_status example_of(struct kt_str text, const char *name, struct kt_yaml **y,
                                 const struct kt_node **ret, struct kt_error *err)
{
    if (kt_yaml_parse(kt_page_yaml(text, NULL), name, y, err) != KT_OK)
        return kt_wrap(err, "page of %s", name);
    const struct kt_node *list = kt_node_get(kt_yaml_root(*y), "sources");
    *ret = list != NULL ? list->first : NULL;
    return *ret != NULL ? KT_OK : kt_fail(err, KT_E_CONFIG, "page of %s: it has no example", name);
}

/* ---- the entry ---- */

struct entry {
    struct kt_buf *out;
    const struct kt_option *common, *own; /* tables of every source, and of the input */
    const char *summary;                  /* of the input */
    bool begun;
};

static const struct kt_option *option_of(const struct kt_option *table, struct kt_str name)
{
    for (; table != NULL && table->name != NULL; table++)
        if (kt_str_is(name, table->name))
            return table;
    return NULL;
}

static void add_help(struct kt_buf *out, size_t start, const char *help)
{
    size_t used = out->len - start;
    if (help != NULL && help[0] != '\0')
        kt_buf_addf(out, "%*s# %s", used < COMMENT_AT ? (int)(COMMENT_AT - used) : 1, "", help);
    kt_buf_byte(out, '\n');
}

static void add_key(struct entry *e, struct kt_str name, const struct kt_node *value,
                    const char *text)
{
    size_t start = e->out->len;
    const struct kt_option *o = option_of(e->common, name);
    o = o != NULL ? o : option_of(e->own, name);
    kt_buf_addf(e->out, "%s" KT_STR_FMT ": ", e->begun ? "    " : "  - ", KT_STR_ARG(name));
    if (value != NULL)
        kt_node_print(value, e->out);
    else
        kt_yaml_scalar_add(e->out, kt_str_of(text));
    e->begun = true;
    add_help(e->out, start, kt_str_is(name, "input") ? e->summary : o != NULL ? o->help : NULL);
}

/* Options that the entry does not have: needed ones with a blank to be filled in, others as a
 * comment with their default. */
static void add_others(struct entry *e, const struct kt_node *example)
{
    for (const struct kt_option *o = e->own; o != NULL && o->name != NULL; o++) {
        size_t start = e->out->len;
        if (kt_node_get(example, o->name) != NULL)
            continue;
        if (o->dflt == NULL)
            kt_buf_addf(e->out, "    %s: \"<…>\"", o->name);
        else
            kt_buf_addf(e->out, "    # %s: %s", o->name, o->dflt);
        add_help(e->out, start, o->help);
    }
}

/* Each line of a page's text as a comment, without the marks of Markdown's links and code. */
static void add_comment(struct kt_buf *out, struct kt_str text)
{
    struct kt_str line;
    while (text.len > 0 && kt_str_split(&text, '\n', &line)) {
        kt_buf_addz(out, line.len > 0 ? "  # " : "  #");
        kt_buf_add(out, line);
        kt_buf_byte(out, '\n');
    }
}

/* `source` and `how` are the examples of the source's page and of the input's; one and the same
 * when the source's page recommends this input. */
static void write_entry(const struct kt_source_add *a, const struct kt_input_type *input,
                        const struct kt_node *source, const struct kt_node *how, struct kt_buf *out)
{
    static const char *const first[] = { "id", "type", "input" };
    static const char *const of_source[] = { "mapping", "cluster" };
    const char *page = kt_source_page(kt_str_of(a->type));
    struct entry e = { .out = out,
                       .common = kt_conf_source_options(),
                       .own = input->options,
                       .summary = input->summary };
    kt_buf_addz(out, "  # ");
    kt_buf_add(out, kt_page_title(page));
    kt_buf_addf(out, " (agents/sources/%s.md, agents/inputs/%s.md)\n", a->type, input->name);
    add_comment(out, kt_page_section(page, "Permissions"));
    add_key(&e, KT_STR("id"), a->id != NULL ? NULL : kt_node_get(source, "id"), a->id);
    add_key(&e, KT_STR("type"), NULL, a->type);
    add_key(&e, KT_STR("input"), NULL, input->name);
    for (const struct kt_node *n = how->first; n != NULL; n = n->next) {
        bool done = false;
        for (size_t i = 0; i < KT_ARRAY_LEN(first); i++)
            done = done || kt_str_is(n->key, first[i]);
        if (!done)
            add_key(&e, n->key, n, NULL);
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(of_source); i++) {
        const struct kt_node *n = kt_node_get(source, of_source[i]);
        if (n != NULL && kt_node_get(how, of_source[i]) == NULL)
            add_key(&e, n->key, n, NULL);
    }
    add_others(&e, how);
}

static enum kt_status make_entry(const struct kt_source_add *a, struct kt_buf *out,
                                 struct kt_error *err)
{
    struct kt_yaml *own = NULL, *of_input = NULL;
    const struct kt_node *source = NULL, *how = NULL;
    const char *page = kt_source_page(kt_str_of(a->type));
    if (page == NULL)
        return kt_fail(err, KT_E_CONFIG, "there is no type '%s': keytrail-agent source list",
                       a->type);
    enum kt_status st =
        example_of(kt_page_section(page, "Configuration"), a->type, &own, &source, err);
    const struct kt_node *word = st == KT_OK ? kt_node_get(source, "input") : NULL;
    struct kt_str recommended = word != NULL ? word->scalar : KT_STR("tail");
    struct kt_str name = a->input != NULL ? kt_str_of(a->input) : recommended;
    const struct kt_input_type *input = kt_input_find(name);
    if (st == KT_OK && input == NULL)
        st = kt_fail(err, KT_E_CONFIG,
                     "there is no input '" KT_STR_FMT "': keytrail-agent source list",
                     KT_STR_ARG(name));
    how = source;
    if (st == KT_OK && !kt_str_eq(name, recommended))
        st = example_of(kt_str_of(kt_input_page(input)), input->name, &of_input, &how, err);
    if (st == KT_OK)
        write_entry(a, input, source, how, out);
    kt_yaml_free(own);
    kt_yaml_free(of_input);
    return st;
}

/* ---- the file ---- */

struct place {
    size_t at, end; /* the entry goes in here, instead of what stands up to `end` */
    size_t indent;  /* of the other entries */
    bool head;      /* `sources:` is to be written first */
};

/* Where an entry goes into the text: behind the last line of `sources`, or to the end. KT_E_CONFIG:
 * the list is written in one line. */
static enum kt_status find_place(struct kt_str text, struct place *ret, struct kt_error *err)
{
    struct kt_str key = KT_STR("sources:");
    bool inside = false, listed = false;
    *ret = (struct place){ .at = text.len, .end = text.len, .indent = INDENT, .head = true };
    for (size_t at = 0; at < text.len;) {
        ptrdiff_t nl = kt_str_find_byte(text, '\n', at);
        size_t end = nl < 0 ? text.len : (size_t)nl + 1;
        struct kt_str line = kt_str_sub(text, at, end - at), value = kt_str_trim(line);
        bool top = value.len > 0 && line.at[0] != ' ' && line.at[0] != '-' && line.at[0] != '#';
        if (inside && !ret->head && value.len > 0 && (line.at[0] == ' ' || line.at[0] == '-')) {
            ret->at = ret->end = end; /* a comment at the margin belongs to what follows */
            ret->indent =
                !listed && value.at[0] == '-' ? (size_t)(value.at - line.at) : ret->indent;
            listed = listed || value.at[0] == '-';
        }
        inside = top ? kt_str_starts(line, key) : inside;
        if (top && inside) {
            value = kt_str_trim(kt_str_from_index(line, key.len));
            ret->head = kt_str_is(value, "[]"); /* this line makes room for a list of lines */
            if (value.len > 0 && value.at[0] != '#' && !ret->head)
                return kt_fail(err, KT_E_CONFIG,
                               "'sources' is written in one line: put the entry in by hand");
            ret->at = ret->head ? at : end;
            ret->end = end;
        }
        at = end;
    }
    return KT_OK;
}

/* An entry is written with INDENT blanks before it; others of the file may have fewer, or more. */
static void add_indented(struct kt_buf *out, struct kt_str entry, size_t indent)
{
    struct kt_str line;
    while (entry.len > 0 && kt_str_split(&entry, '\n', &line)) {
        kt_buf_addf(out, "%*s", (int)indent, "");
        kt_buf_add(out, kt_str_from_index(line, INDENT));
        kt_buf_byte(out, '\n');
    }
}

/* Replaces the file once its new text loads. */
static enum kt_status replace(const char *path, struct kt_str text, unsigned mode,
                              struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf trial = { 0 };
    struct kt_agent_conf *conf = NULL;
    kt_buf_addf(&trial, "%s.new", path);
    enum kt_status st = kt_fs_write_atomic(kt_buf_z(&trial), text, mode, err);
    if (st == KT_OK)
        st = kt_agent_conf_load(trial.at, &conf, err);
    kt_agent_conf_free(conf);
    (void)unlink(trial.at);
    return st == KT_OK ? kt_fs_replace(path, text, err)
                       : kt_wrap(err, "nothing is written, it would not load");
}

static enum kt_status append(const char *path, struct kt_str entry, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf old = { 0 }, text = { 0 };
    struct stat st;
    struct place p;
    enum kt_status got = kt_fs_read_all(path, KT_CONFIG_MAX, &old, err);
    if (got == KT_E_AGAIN)
        return kt_fail(err, KT_E_CONFIG, "there is no '%s': keytrail init makes one", path);
    if (got != KT_OK || find_place(kt_buf_str(&old), &p, err) != KT_OK)
        return err->code;
    if (stat(path, &st) != 0)
        return kt_fail_errno(err, "stat '%s'", path);
    kt_buf_add(&text, kt_str_sub(kt_buf_str(&old), 0, p.at));
    if (text.len > 0 && text.at[text.len - 1] != '\n')
        kt_buf_byte(&text, '\n');
    kt_buf_addz(&text, p.head ? "sources:\n" : "");
    add_indented(&text, entry, p.indent);
    kt_buf_add(&text, kt_str_from_index(kt_buf_str(&old), p.end));
    return replace(path, kt_buf_str(&text), st.st_mode & 0777, err);
}

int kt_source_add(const struct kt_source_add *a)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf entry = { 0 };
    struct kt_error err = { 0 };
    enum kt_status st = make_entry(a, &entry, &err);
    if (st == KT_OK && a->write)
        st = append(a->config, kt_buf_str(&entry), &err);
    if (st != KT_OK) {
        fprintf(stderr, "keytrail-agent source: %s\n", err.text);
        return err.code == KT_E_IO ? KT_EXIT_STORE : KT_EXIT_CONFIG;
    }
    (void)fwrite(entry.at, 1, entry.len, stdout);
    if (a->write)
        fprintf(stderr,
                "written to %s. Fill in what is yours, then: keytrail-agent source doctor -c %s\n",
                a->config, a->config);
    return KT_EXIT_OK;
}
