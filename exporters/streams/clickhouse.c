/*
 * clickhouse: rows of keytrail.events by HTTP, FORMAT JSONEachRow (EXPORTS §2.9).
 *
 * Owns:  nothing; deploy/clickhouse/keytrail.sql, which its object carries.
 * Calls: stream.h, columns, the line's JSON escaping. No I/O, no clock.
 * Holds: a batch that is sent again carries the same token, and its rows the same sorting key: with
 *        either the table holds each event once.
 */
#include "core/event/line.h"
#include "exporters/streams/columns.h"
#include <stdio.h>

struct options {
    struct kt_stream_files files;
    const char *user, *database, *table;
    bool dedup_token;
};

static const struct kt_option options[] = {
    { "url_file", KT_OPT_SECRET_FILE, NULL, offsetof(struct options, files.url_file),
      "File (0600) with https://host:8443.", false, false },
    { "key_file", KT_OPT_SECRET_FILE, "", offsetof(struct options, files.key_file),
      "File (0600) with the user's password.", false, false },
    { "user", KT_OPT_STRING, "default", offsetof(struct options, user),
      "Who inserts; needs INSERT on the table and nothing else.", false, false },
    { "database", KT_OPT_STRING, "keytrail", offsetof(struct options, database),
      "Letters, digits and _.", false, false },
    { "table", KT_OPT_STRING, "events", offsetof(struct options, table), "Letters, digits and _.",
      false, false },
    { "dedup_token", KT_OPT_BOOL, "false", offsetof(struct options, dedup_token),
      "true sends each batch's digest as insert_deduplication_token: servers since 21.12 know it.",
      false, false },
    KT_OPTIONS_END,
};

__asm__(".section .rodata\n"
        ".global kt_clickhouse_schema\n"
        ".hidden kt_clickhouse_schema\n"
        "kt_clickhouse_schema:\n"
        ".incbin \"deploy/clickhouse/keytrail.sql\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char kt_clickhouse_schema[];

static void add_text(struct kt_buf *body, const char *name, const char *suffix, struct kt_str s)
{
    kt_buf_byte(body, ',');
    kt_buf_byte(body, '"');
    kt_buf_addz(body, name);
    kt_buf_addz(body, suffix);
    kt_buf_addz(body, "\":");
    if (s.at != NULL)
        kt_json_quote(body, s);
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
    size_t start = body->len;
    for (unsigned i = 0; i < KT_SC_COUNT; i++) {
        const struct kt_stream_column_of *c = &kt_stream_columns[i];
        if (c->form == KT_COLUMN_TEXT) {
            if (row.text[i].len > 0) /* an absent key is the empty string there */
                add_text(body, c->name, "", row.text[i]);
            continue;
        }
        add_text(body, c->name, c->form == KT_COLUMN_TIME ? "_ns" : "", KT_STR_NONE);
        kt_buf_i64_dec(body, row.number[i]);
    }
    body->at[start] = '{';
    kt_buf_addz(body, "}\n");
    return KT_OK;
}

static enum kt_status request(const void *opt, const struct kt_stream_secrets *secrets,
                              const struct kt_stream_batch *batch, unsigned stage, const char *note,
                              struct kt_arena *arena, struct kt_stream_request *ret,
                              struct kt_error *err)
{
    const struct options *o = opt;
    (void)stage;
    (void)note;
    ret->url = kt_arena_fmt(arena,
                            KT_STR_FMT "/?query=INSERT%%20INTO%%20%s.%s%%20FORMAT%%20JSONEachRow"
                                       "&input_format_skip_unknown_fields=1%s%s",
                            KT_STR_ARG(secrets->url), o->database, o->table,
                            o->dedup_token ? "&insert_deduplication_token=" : "",
                            o->dedup_token ? batch->digest : "");
    ret->headers[ret->n_headers++] = KT_STR("Content-Type: application/x-ndjson");
    ret->headers[ret->n_headers++] = kt_arena_fmt(arena, "X-ClickHouse-User: %s", o->user);
    if (secrets->key.len > 0)
        ret->headers[ret->n_headers++] =
            kt_arena_cat(arena, KT_STR("X-ClickHouse-Key: "), secrets->key);
    return arena->full ? kt_fail(err, KT_E_LIMIT, "the URL is too long") : KT_OK;
}

/* ClickHouse's own numbers (src/Common/ErrorCodes.cpp); every other one is tried again. */
static const struct {
    unsigned code;
    enum kt_stream_verdict verdict;
} codes[] = {
    { 6, KT_STREAM_REFUSED },   { 16, KT_STREAM_DENIED },  { 26, KT_STREAM_REFUSED },
    { 27, KT_STREAM_REFUSED },  { 32, KT_STREAM_REFUSED }, { 38, KT_STREAM_REFUSED },
    { 41, KT_STREAM_REFUSED },  { 47, KT_STREAM_DENIED },  { 53, KT_STREAM_REFUSED },
    { 60, KT_STREAM_DENIED },   { 62, KT_STREAM_DENIED },  { 72, KT_STREAM_REFUSED },
    { 81, KT_STREAM_DENIED },   { 115, KT_STREAM_DENIED }, { 117, KT_STREAM_REFUSED },
    { 131, KT_STREAM_REFUSED }, { 164, KT_STREAM_DENIED }, { 192, KT_STREAM_DENIED },
    { 193, KT_STREAM_DENIED },  { 194, KT_STREAM_DENIED }, { 195, KT_STREAM_DENIED },
    { 497, KT_STREAM_DENIED },  { 516, KT_STREAM_DENIED },
};

/* The header of servers since 19, else "Code: 27, e.displayText() …" in the body. 0: no exception.
 */
static unsigned code_of(struct kt_str body, const struct kt_http_answer *answer)
{
    struct kt_str text = kt_http_header(answer, "x-clickhouse-exception-code"), digits;
    uint64_t code = 0;
    if (text.len == 0 && kt_str_starts(body, KT_STR("Code: ")))
        text = kt_str_from_index(body, 6);
    size_t n = 0;
    while (n < text.len && n < 9 && text.at[n] >= '0' && text.at[n] <= '9')
        n++;
    digits = kt_str_sub(text, 0, n);
    return kt_str_u64(digits, &code) ? (unsigned)code : 0;
}

static void judge(const void *opt, const struct kt_stream_batch *batch, unsigned stage, int status,
                  struct kt_str body, const struct kt_http_answer *answer,
                  struct kt_stream_judgement *ret)
{
    (void)opt;
    (void)batch;
    (void)stage;
    unsigned code = code_of(body, answer);
    kt_stream_judge_status(status, ret);
    if (code == 0)
        return;
    ret->verdict = KT_STREAM_RETRY;
    for (size_t i = 0; i < KT_ARRAY_LEN(codes); i++)
        if (codes[i].code == code)
            ret->verdict = codes[i].verdict;
    (void)snprintf(ret->word, sizeof ret->word, "exception_%u", code);
}

static bool is_name(const char *z)
{
    size_t n = strlen(z);
    for (size_t i = 0; i < n; i++)
        if (!((z[i] >= 'a' && z[i] <= 'z') || (z[i] >= 'A' && z[i] <= 'Z') ||
              (z[i] >= '0' && z[i] <= '9') || z[i] == '_'))
            return false;
    return n > 0 && n <= 64;
}

static enum kt_status check(const void *opt, struct kt_error *err)
{
    const struct options *o = opt;
    const struct {
        const char *key, *value;
    } names[] = { { "database", o->database }, { "table", o->table }, { "user", o->user } };
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++)
        if (!is_name(names[i].value))
            return kt_fail(err, KT_E_CONFIG, "%s: letters, digits and _, not '%s'", names[i].key,
                           names[i].value);
    return KT_OK;
}

/* The text has keytrail.events, keytrail.<view> and the database alone; keytrail.sql is a file. */
static void write_schema(const void *opt, struct kt_buf *out)
{
    const struct options *o = opt;
    const struct kt_str own = KT_STR("keytrail."), table = KT_STR("events");
    const struct kt_str create = KT_STR("DATABASE IF NOT EXISTS keytrail;");
    struct kt_str rest = kt_str_of(kt_clickhouse_schema);
    while (rest.len > 0) {
        struct kt_str behind = kt_str_from_index(rest, own.len < rest.len ? own.len : rest.len);
        if (kt_str_starts(rest, create)) {
            kt_buf_addf(out, "DATABASE IF NOT EXISTS %s;", o->database);
            rest = kt_str_from_index(rest, create.len);
        } else if (kt_str_starts(rest, own) && !kt_str_starts(behind, KT_STR("sql"))) {
            kt_buf_addf(out, "%s.", o->database);
            rest = behind;
            if (kt_str_starts(rest, table)) {
                kt_buf_addz(out, o->table);
                rest = kt_str_from_index(rest, table.len);
            }
        } else {
            kt_buf_byte(out, rest.at[0]);
            rest = kt_str_from_index(rest, 1);
        }
    }
}

const struct kt_stream_type kt_stream_type_clickhouse = {
    .name = "clickhouse",
    .summary = "ClickHouse, by HTTP",
    .options = options,
    .options_size = sizeof(struct options),
    .sink = KT_STREAM_SINK_HTTP,
    .lines = true,
    .limits = { .items = 10000, .bytes = 4u << 20, .wait_ms = 1000 },
    .keep_headers = "x-clickhouse-",
    .add = add,
    .request = request,
    .judge = judge,
    .check = check,
    .schema = kt_clickhouse_schema,
    .write_schema = write_schema,
};
