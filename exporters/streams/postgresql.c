/*
 * postgresql: rows of keytrail.events by COPY into a stage, then INSERT … ON CONFLICT DO NOTHING
 * (EXPORTS §2.9).
 *
 * Owns:  nothing; deploy/postgresql/keytrail.sql, which its object carries.
 * Calls: stream.h, columns. No I/O, no clock.
 * Holds: COPY's text format, not CSV: one escape, and no end mark that data could spell. Times are
 *        cut, never rounded, to the microseconds that PostgreSQL has; `line` keeps the ns.
 */
#include "exporters/streams/columns.h"

struct options {
    struct kt_stream_files files;
};

static const struct kt_option options[] = {
    { "url_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.url_file),
      "File (0600) with postgresql://user:password@host:5432/database.", false, false },
    KT_OPTIONS_END,
};

__asm__(".section .rodata\n"
        ".global kt_postgresql_schema\n"
        ".hidden kt_postgresql_schema\n"
        "kt_postgresql_schema:\n"
        ".incbin \"deploy/postgresql/keytrail.sql\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char kt_postgresql_schema[];

/* PostgreSQL's manual, COPY, "Text Format". */
static void add_text(struct kt_buf *body, struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        switch (s.at[i]) {
        case '\\':
            kt_buf_addz(body, "\\\\");
            break;
        case '\n':
            kt_buf_addz(body, "\\n");
            break;
        case '\r':
            kt_buf_addz(body, "\\r");
            break;
        case '\t':
            kt_buf_addz(body, "\\t");
            break;
        default:
            kt_buf_byte(body, s.at[i]);
        }
    }
}

static void add_time(struct kt_buf *body, kt_time_ns t)
{
    char text[KT_TIME_TEXT_MAX];
    struct kt_str s = kt_str_of(kt_time_format(t, text));
    kt_buf_add(body, kt_str_sub(s, 0, s.len - 4)); /* three digits and the Z */
    kt_buf_byte(body, 'Z');
}

static enum kt_status add(const void *opt, void *state, const struct kt_stream_item *item,
                          struct kt_arena *arena, struct kt_buf *body, struct kt_error *err)
{
    struct kt_stream_row row;
    (void)opt;
    (void)state;
    (void)arena;
    (void)err;
    kt_stream_row_of(item, &row);
    for (unsigned i = 0; i < KT_SC_COUNT; i++) {
        enum kt_column_form form = kt_stream_columns[i].form;
        if (i > 0)
            kt_buf_byte(body, '\t');
        if (form == KT_COLUMN_NUMBER)
            kt_buf_i64_dec(body, row.number[i]);
        else if (form == KT_COLUMN_TEXT && row.text[i].len > 0)
            add_text(body, row.text[i]);
        else if (form == KT_COLUMN_TIME && row.number[i] != 0)
            add_time(body, row.number[i]);
        else
            kt_buf_addz(body, "\\N");
    }
    kt_buf_byte(body, '\n');
    return KT_OK;
}

#define WITH_COMMA(name, form) "," #name
#define NAMES                  "id" KT_STREAM_COLUMNS_BEHIND_ID(WITH_COMMA)
static const struct kt_stream_sql sql = {
    .before = "CREATE TEMP TABLE keytrail_stage (LIKE keytrail.events) ON COMMIT DROP",
    .copy = "COPY keytrail_stage (" NAMES ") FROM STDIN",
    .after = "SELECT keytrail.month(m) FROM (SELECT DISTINCT"
             " date_trunc('month', time AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS m"
             " FROM keytrail_stage) AS months;"
             "INSERT INTO keytrail.events (" NAMES ") SELECT " NAMES
             " FROM keytrail_stage ON CONFLICT DO NOTHING",
};

const struct kt_stream_type kt_stream_type_postgresql = {
    .name = "postgresql",
    .summary = "PostgreSQL, by COPY",
    .options = options,
    .options_size = sizeof(struct options),
    .sink = KT_STREAM_SINK_POSTGRES,
    .limits = { .items = 5000, .bytes = 4u << 20, .wait_ms = 1000 },
    .add = add,
    .schema = kt_postgresql_schema,
    .sql = &sql,
};
