/*
 * sql: one SELECT over the store, in SQL.
 *
 * Owns:  the facts of addresses and the lives of alerts, loaded when a statement first asks for
 * them. Calls: core/store/sql.h, core/query (facts, lives), exporters/alerts/life; stdin, stdout,
 * stderr.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/sql_relations.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/query/query.h"
#include "core/sys/clock.h"
#include "exporters/alerts/life.h"

#define TTY_LIMIT  50u
#define TIMEOUT    "30s"
#define MEMORY_MAX ((size_t)512 << 20)
#define CELL_MAX   100u /* of a table with several columns; other forms cut nothing */
#define TEXT_MAX   (64u << 10)

struct command {
    const char *db, *config, *output, *timeout;
    uint64_t limit; /* 0: all */
    bool no_header, quiet, schema, gave_up;
    enum kt_output how;
    kt_time_ns deadline; /* monotonic */
    struct kt_reader *reader;
    struct kt_facts *facts;
    struct kt_lives lives;
    bool has_lives;
    struct kt_sql *sql;
};

/* ---- what the store asks back ---- */

static bool too_late(void *self)
{
    struct command *c = self;
    c->gave_up |= kt_clock_real.mono(kt_clock_real.self) > c->deadline;
    return c->gave_up;
}

static enum kt_status fact_of(void *self, struct kt_ip ip, uint64_t seq, struct kt_sql_fact *ret,
                              struct kt_error *err)
{
    struct command *c = self;
    if (c->facts == NULL && kt_facts_load(c->reader, &c->facts, err) != KT_OK)
        return kt_wrap(err, "country");
    const struct kt_fact *f = kt_facts_at(c->facts, ip, seq);
    if (f != NULL)
        *ret = (struct kt_sql_fact){ .country = f->country, .org = f->org, .asn = f->asn };
    return KT_OK;
}

static enum kt_status life_of(void *self, struct kt_str alert, struct kt_buf *ret,
                              struct kt_error *err)
{
    struct command *c = self;
    struct kt_alert_life life;
    if (!c->has_lives && kt_lives_load(c->reader, &c->lives, err) != KT_OK)
        return kt_wrap(err, "lives of alerts");
    c->has_lives = true;
    kt_alert_life_of(kt_lives_of(&c->lives, alert), &life);
    kt_alert_life_write(&life, ret);
    return KT_OK;
}

/* ---- --schema ---- */

static void add_relation(struct kt_rows *rows, const char *relation,
                         const struct kt_sql_column *columns, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct kt_cell cells[] = {
            kt_cell_str(kt_str_of(relation)),
            kt_cell_str(kt_str_of(columns[i].name)),
            kt_cell_str(kt_str_of(columns[i].type)),
            kt_cell_str(kt_str_of(columns[i].hidden ? "by name" : "")),
            kt_cell_str(kt_str_of(columns[i].meaning)),
        };
        kt_rows_add(rows, cells);
    }
}

static void print_schema(const struct command *c)
{
    static const struct kt_column columns[] = {
        { "relation", "RELATION", 0, false }, { "column", "COLUMN", 0, false },
        { "type", "TYPE", 0, false },         { "shown", "SHOWN", 0, false },
        { "meaning", "MEANING", 0, false },
    };
    unsigned n;
    const struct kt_sql_column *events = kt_sql_event_columns(&n);
    struct kt_rows *rows = kt_rows_new(c->how, columns, KT_ARRAY_LEN(columns), !c->no_header);
    add_relation(rows, "events", events, n);
    for (unsigned i = 0; i < kt_sql_n_views; i++)
        add_relation(rows, kt_sql_views[i].name, kt_sql_views[i].columns,
                     kt_sql_views[i].n_columns);
    add_relation(rows, "alert_documents", kt_sql_document_columns, kt_sql_n_document_columns);
    kt_rows_end(rows);
}

/* ---- rows ---- */

struct sheet { /* the printed columns of the statement at hand */
    unsigned n, n_text;
    unsigned *from; /* column of the statement */
    struct kt_column *columns;
    struct kt_cell *cells;
    struct kt_buf *text; /* a cell's own: what is written otherwise than SQLite does */
    struct kt_buf names;
};

static void sheet_done(struct sheet *s)
{
    for (unsigned i = 0; i < s->n_text; i++)
        kt_buf_done(&s->text[i]);
    kt_buf_done(&s->names);
    kt_free(s->from);
    kt_free(s->columns);
    kt_free(s->cells);
    kt_free(s->text);
}

/* Names are the statement's own words, which may have been pasted: in a table they are escaped as
 * values are. */
static void add_name(struct sheet *s, const struct command *c, const char *name)
{
    if (c->how == KT_OUT_TABLE || c->how == KT_OUT_MD)
        kt_tty_add(&s->names, kt_str_of(name));
    else
        kt_buf_addz(&s->names, name);
    kt_buf_byte(&s->names, '\0');
}

/* Numbers stand right: the first row says which are. SQLite's plans have a column without use. */
static void sheet_make(struct sheet *s, const struct command *c, bool row)
{
    unsigned n = s->n_text = kt_sql_columns(c->sql);
    s->from = kt_alloc_array(n + 1, sizeof *s->from);
    s->columns = kt_alloc_array(n + 1, sizeof *s->columns);
    s->cells = kt_alloc_array(n + 1, sizeof *s->cells);
    s->text = kt_alloc_array(n + 1, sizeof *s->text);
    for (unsigned i = 0; i < n; i++) {
        const char *name = kt_sql_name(c->sql, i);
        if (kt_sql_explains(c->sql) && strcmp(name, "notused") == 0)
            continue;
        s->from[s->n++] = i;
        add_name(s, c, name);
    }
    const char *name = s->names.at;
    for (unsigned i = 0; i < s->n; i++, name += strlen(name) + 1) {
        enum kt_sql_type type = row ? kt_sql_value(c->sql, s->from[i]).type : KT_SQL_NULL;
        s->columns[i] = (struct kt_column){
            .name = name,
            .title = name,
            .width_max = s->n > 1 ? CELL_MAX : 0,
            .right = type == KT_SQL_INTEGER || type == KT_SQL_REAL,
        };
    }
}

/* JSON has no infinity: a number beyond all others reads back as one. Bytes that are no text are
 * written as SQL writes them. */
static struct kt_cell cell_of(const struct kt_sql_value *v, struct kt_buf *text)
{
    struct kt_cell cell = { .type = KT_CELL_STR, .str = v->str };
    kt_buf_reset(text);
    switch (v->type) {
    case KT_SQL_NULL:
        cell.type = KT_CELL_NULL;
        return cell;
    case KT_SQL_INTEGER:
        return kt_cell_int(v->i);
    case KT_SQL_REAL:
        cell.type = KT_CELL_RAW;
        if (!kt_str_has(v->str, KT_STR("Inf")))
            return cell;
        kt_buf_addz(text, v->str.at[0] == '-' ? "-9e999" : "9e999");
        break;
    case KT_SQL_TEXT:
    case KT_SQL_BLOB:
        if (v->type == KT_SQL_TEXT && kt_utf8_valid(v->str))
            return cell;
        kt_buf_addz(text, "x'");
        kt_hex_add(text, v->str.at, v->str.len);
        kt_buf_addz(text, "'");
        break;
    }
    cell.str = kt_buf_str(text);
    return cell;
}

static enum kt_status print_rows(struct command *c, struct kt_error *err)
{
    struct sheet sheet = { 0 };
    enum kt_status st = kt_sql_step(c->sql, err);
    if (st != KT_OK && st != KT_E_AGAIN)
        return st;
    sheet_make(&sheet, c, st == KT_OK);
    struct kt_rows *rows = kt_rows_new(c->how, sheet.columns, sheet.n, !c->no_header);
    uint64_t n = 0;
    for (; st == KT_OK && (c->limit == 0 || n < c->limit); n++) {
        for (unsigned i = 0; i < sheet.n; i++) {
            struct kt_sql_value v = kt_sql_value(c->sql, sheet.from[i]);
            sheet.cells[i] = cell_of(&v, &sheet.text[i]);
        }
        kt_rows_add(rows, sheet.cells);
        st = kt_sql_step(c->sql, err);
    }
    kt_rows_end(rows);
    sheet_done(&sheet);
    if (st == KT_OK && !c->quiet) {
        fflush(stdout);
        fprintf(stderr, "more: these are the first %" PRIu64 " rows; -n 0 prints all\n", n);
    }
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* Rows may have been printed before something ended the statement. */
static enum kt_status say_not_all(const struct command *c, enum kt_status status,
                                  struct kt_error *err)
{
    const struct kt_error why = *err;
    if (status == KT_E_LIMIT && c->gave_up)
        return kt_fail(err, KT_E_LIMIT, "given up after %s: the rows are not all (--timeout)",
                       c->timeout);
    if (status == KT_E_CORRUPT)
        return kt_fail(err, KT_E_CORRUPT, "%s; the rows lack what cannot be read", why.text);
    return status;
}

static enum kt_status run(struct command *c, struct kt_str text, struct kt_error *err)
{
    char path[4096];
    kt_time_ns timeout;
    const struct kt_sql_options options = { .view = kt_sql_views,
                                            .views = kt_sql_n_views,
                                            .fact = fact_of,
                                            .life = life_of,
                                            .give_up = too_late,
                                            .self = c,
                                            .memory_max = MEMORY_MAX };
    if (kt_duration_parse(kt_str_of(c->timeout), &timeout, err) != KT_OK)
        return kt_wrap(err, "--timeout");
    c->deadline = kt_clock_real.mono(kt_clock_real.self) + timeout;
    if (kt_cli_store_path(c->db, c->config, path, sizeof path, err) != KT_OK ||
        kt_reader_open(path, &c->reader, err) != KT_OK ||
        kt_sql_open(c->reader, &options, &c->sql, err) != KT_OK)
        return err->code;
    enum kt_status st = kt_sql_start(c->sql, text, err);
    if (st == KT_OK)
        st = print_rows(c, err);
    kt_sql_close(c->sql);
    return say_not_all(c, st, err);
}

/* ---- the statement ---- */

static enum kt_status read_statement(struct kt_buf *ret, struct kt_error *err)
{
    size_t n;
    do {
        n = fread(kt_buf_reserve(ret, 4096), 1, 4096, stdin);
        ret->len += n;
    } while (n > 0 && ret->len <= TEXT_MAX);
    return ferror(stdin) ? kt_fail_errno(err, "standard input") : KT_OK;
}

static enum kt_status take_statement(char **argv, int n, struct kt_buf *ret, struct kt_error *err)
{
    bool dash = n == 1 && strcmp(argv[1], "-") == 0;
    if (dash || (n == 0 && !isatty(STDIN_FILENO)))
        return read_statement(ret, err);
    for (int i = 1; i <= n; i++)
        kt_buf_addf(ret, "%s%s", i > 1 ? " " : "", argv[i]);
    return KT_OK;
}

int kt_cmd_sql(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "sql",
        "[STATEMENT | -] [options]",
        "the store as relations, in SQL; only reads",
        "keytrail sql \"SELECT actor, count(DISTINCT secret) AS secrets FROM events WHERE kind = "
        "'access' AND time >= '2026-11-20' GROUP BY actor ORDER BY secrets DESC\"",
        NULL,
        NULL
    };
    struct command c = { .limit = UINT64_MAX, .timeout = TIMEOUT, .output = "table" };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store (or -c: the one of a configuration)", &c.db,
          NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration that names the store", &c.config,
          NULL },
        { "--schema", 0, KT_FLAG_BOOL, NULL, "list the relations and their columns", &c.schema,
          NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &c.output, NULL },
        { "--limit", 'n', KT_FLAG_UINT, "N", "at most N rows (50 on a terminal, else all)",
          &c.limit, NULL },
        { "--timeout", 0, KT_FLAG_STRING, "TIME", "give up after (" TIMEOUT "); exit 7", &c.timeout,
          NULL },
        { "--no-header", 0, KT_FLAG_BOOL, NULL, "no head line", &c.no_header, NULL },
        { "--quiet", 'q', KT_FLAG_BOOL, NULL, "no talk on stderr", &c.quiet, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (!kt_output_of(c.output, &c.how)) {
        fprintf(stderr, "keytrail sql: -o takes " KT_OUTPUT_WORDS "\n");
        return KT_EXIT_USAGE;
    }
    if (c.schema) {
        print_schema(&c);
        return KT_EXIT_OK;
    }
    if (c.limit == UINT64_MAX)
        c.limit = isatty(STDOUT_FILENO) ? TTY_LIMIT : 0;
    struct kt_error err = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (take_statement(argv, n, &text, &err) != KT_OK || run(&c, kt_buf_str(&text), &err) != KT_OK)
        code = kt_cli_fail("sql", &err);
    kt_facts_free(c.facts);
    kt_lives_done(&c.lives);
    kt_reader_close(c.reader);
    return code;
}
