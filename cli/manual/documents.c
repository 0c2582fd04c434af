/*
 * documents: keytrail-query(7) and keytrail-events(7), from docs/ and from the table of fields.
 *
 * Owns:  nothing.
 * Calls: core/query/subject.h, core/sys/fs.h, cli/manual/markdown.
 */
#include <stdio.h>

#include "cli/manual/markdown.h"
#include "cli/manual/pages.h"
#include "core/query/subject.h"
#include "core/sys/fs.h"

#define DOCUMENT_MAX ((size_t)1 << 20)

static const char *type_word(const struct kt_field *f)
{
    static const char *const words[] = {
        [KT_FIELD_TEXT] = "text",
        [KT_FIELD_LIST] = "list of texts",
        [KT_FIELD_ID] = "id",
        [KT_FIELD_WORD] = "one of",
        [KT_FIELD_BITS] = "some of",
        [KT_FIELD_NUMBER] = "number",
        [KT_FIELD_TIME] = "time",
        [KT_FIELD_IP] = "address or network",
        [KT_FIELD_SINCE] = "begin of the window",
        [KT_FIELD_UNTIL] = "end of the window",
    };
    return words[f->type];
}

/* Every field that a query, --fields or --by can name, with the words of those that have some. */
static void add_fields(struct kt_roff *r)
{
    const struct kt_subject *fields = kt_query_fields();
    kt_roff_section(r, "FIELDS OF QUERIES");
    for (unsigned i = 0; i < fields->n; i++) {
        const struct kt_field *f = &fields->field[i];
        KT_CLEANUP(kt_buf_done) struct kt_buf tag = { 0 }, text = { 0 };
        kt_buf_addf(&tag, "`%s`", f->name);
        kt_buf_addz(&text, type_word(f));
        for (unsigned w = 0; f->words != NULL && f->words[w] != NULL; w++)
            kt_buf_addf(&text, "%s %s", w > 0 ? "" : ":", f->words[w]);
        kt_roff_tag(r, kt_buf_str(&tag), kt_buf_str(&text));
    }
}

static enum kt_status add_document(struct kt_manual *m, struct kt_roff *r, const char *name,
                                   struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 }, text = { 0 };
    kt_buf_addf(&path, "%s/%s", m->docs, name);
    if (kt_fs_read_all(kt_buf_z(&path), DOCUMENT_MAX, &text, err) != KT_OK ||
        kt_markdown_add(r, kt_buf_str(&text), "DESCRIPTION", err) != KT_OK)
        return kt_wrap(err, "%s", kt_buf_z(&path));
    return KT_OK;
}

static void add_end(struct kt_roff *r, const char *example, const char *others)
{
    kt_manual_exit_status(r);
    kt_manual_files(r, false);
    kt_roff_section(r, "EXAMPLES");
    kt_roff_block(r, kt_str_of(example));
    kt_roff_section(r, "SEE ALSO");
    kt_roff_paragraph(r, kt_str_of(others));
}

static enum kt_status query_page(struct kt_manual *m, struct kt_error *err)
{
    const struct kt_roff_page page = { "keytrail-query", "7",
                                       "the query language of commands, routes and the page",
                                       m->date };
    struct kt_roff r = { 0 };
    kt_roff_begin(&r, &page);
    if (add_document(m, &r, "query.md", err) != KT_OK) {
        kt_buf_done(&r.out);
        return err->code;
    }
    add_end(&r,
            "keytrail search 'secret:aws-sm://*/prod/payments/** action:read' --since 30d\n"
            "keytrail search 'ip:203.0.113.0/24 (outcome:denied OR outcome:failure)' -o ndjson\n"
            "keytrail search '-country:DE,FR since:7d' --by actor\n",
            "keytrail-search(1), keytrail-events(7), keytrail(1)");
    return kt_manual_write(m, &page, &r, err);
}

static enum kt_status events_page(struct kt_manual *m, struct kt_error *err)
{
    const struct kt_roff_page page = { "keytrail-events", "7",
                                       "the line that every event is, and its fields", m->date };
    struct kt_roff r = { 0 };
    kt_roff_begin(&r, &page);
    if (add_document(m, &r, "line.md", err) != KT_OK) {
        kt_buf_done(&r.out);
        return err->code;
    }
    add_fields(&r);
    add_end(&r, "keytrail search 'actor:alice*' -o ndjson\nkeytrail search --by action,outcome\n",
            "keytrail-query(7), keytrail-search(1), keytrail(1)");
    return kt_manual_write(m, &page, &r, err);
}

enum kt_status kt_manual_documents(struct kt_manual *m, struct kt_error *err)
{
    return query_page(m, err) == KT_OK ? events_page(m, err) : err->code;
}
