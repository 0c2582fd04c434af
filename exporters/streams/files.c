/*
 * files: items as lines of files: NDJSON (the stored canonical lines, byte for byte) or CSV, or the
 * documents of another type whose documents are lines (EXPORTS §2.12).
 *
 * Owns:  nothing.
 * Calls: stream.h, columns, core/base/csv. No I/O, no clock.
 * Holds: NDJSON is exact; a CSV cell is what a spreadsheet can hold, and never a formula unless
 *        raw says so.
 */
#include "core/base/csv.h"
#include "exporters/streams/columns.h"

#define CELL_MAX 32767u /* of a spreadsheet */

struct options {
    struct kt_stream_files files;
    struct kt_stream_file_options file;
    bool raw, bom;
};

static const struct kt_option options[] = {
    { "folder", KT_OPT_PATH, NULL, offsetof(struct options, file.folder),
      "Where the files go; it must exist and belong to nobody else.", false, false },
    { "format", KT_OPT_STRING, "ndjson", offsetof(struct options, file.format),
      "ndjson, csv, or the name of a type that writes lines (ocsf).", false, false },
    { "compress", KT_OPT_STRING, "zstd", offsetof(struct options, file.compress),
      "zstd, gzip or none.", false, false },
    { "rotate_size", KT_OPT_SIZE, "256MiB", offsetof(struct options, file.rotate_size),
      "A file that has this many bytes is finished.", false, false },
    { "rotate_every", KT_OPT_DURATION, "1d", offsetof(struct options, file.rotate_every),
      "A file holds what was stored within one such span of UTC.", false, false },
    { "raw", KT_OPT_BOOL, "false", offsetof(struct options, raw),
      "CSV: true leaves cells as they are that a spreadsheet would take for formulas.", false,
      false },
    { "bom", KT_OPT_BOOL, "false", offsetof(struct options, bom),
      "CSV: true writes a byte order mark first, which Excel wants.", false, false },
    KT_OPTIONS_END,
};

static bool is_csv(const struct options *o)
{
    return kt_str_is(kt_str_of(o->file.format), "csv");
}

static struct kt_str cell(struct kt_arena *arena, struct kt_str s)
{
    if (s.len <= CELL_MAX)
        return s;
    return kt_arena_cat(arena, kt_utf8_cut(s, CELL_MAX - 3), KT_STR("…"));
}

static void add_cells(const struct options *o, const struct kt_stream_row *row,
                      struct kt_arena *arena, struct kt_buf *body)
{
    char time[KT_TIME_TEXT_MAX];
    for (unsigned i = 0; i < KT_SC_line; i++) { /* the line itself is what NDJSON is for */
        if (i > 0)
            kt_buf_byte(body, ',');
        switch (kt_stream_columns[i].form) {
        case KT_COLUMN_TEXT:
            kt_csv_add(body, cell(arena, row->text[i]), !o->raw);
            break;
        case KT_COLUMN_NUMBER:
            kt_buf_i64_dec(body, row->number[i]);
            break;
        case KT_COLUMN_TIME:
            if (row->number[i] != 0)
                kt_buf_addz(body, kt_time_format(row->number[i], time));
            break;
        }
    }
    kt_buf_addz(body, "\r\n");
}

static void head(const void *opt, struct kt_buf *body)
{
    const struct options *o = opt;
    if (!is_csv(o))
        return;
    if (o->bom)
        kt_buf_addz(body, "\xEF\xBB\xBF");
    for (unsigned i = 0; i < KT_SC_line; i++) {
        if (i > 0)
            kt_buf_byte(body, ',');
        kt_buf_addz(body, kt_stream_columns[i].name);
    }
    kt_buf_addz(body, "\r\n");
}

static enum kt_status add(const void *opt, void *state, const struct kt_stream_item *item,
                          struct kt_arena *arena, struct kt_buf *body, struct kt_error *err)
{
    const struct options *o = opt;
    struct kt_stream_row row;
    (void)state;
    if (!is_csv(o)) {
        kt_buf_add(body, item->line);
        kt_buf_byte(body, '\n');
        return KT_OK;
    }
    kt_stream_row_of(item, &row);
    add_cells(o, &row, arena, body);
    return arena->full ? kt_fail(err, KT_E_LIMIT, "the row does not fit") : KT_OK;
}

static enum kt_status check(const void *opt, struct kt_error *err)
{
    static const char *const packs[] = { "zstd", "gzip", "none" };
    const struct options *o = opt;
    struct kt_str format = kt_str_of(o->file.format);
    const struct kt_stream_type *type = kt_stream_type_find(format);
    bool known = false;
    for (size_t i = 0; i < KT_ARRAY_LEN(packs); i++)
        known = known || kt_str_is(kt_str_of(o->file.compress), packs[i]);
    if (!known)
        return kt_fail(err, KT_E_CONFIG, "compress: zstd, gzip or none, not '%s'",
                       o->file.compress);
    if (!is_csv(o) && !kt_str_is(format, "ndjson") && (type == NULL || !type->lines))
        return kt_fail(err, KT_E_CONFIG,
                       "format: ndjson, csv or a type that writes lines, not '%s'", o->file.format);
    if (o->file.rotate_size < (1u << 20) || o->file.rotate_every < KT_NS_MIN)
        return kt_fail(err, KT_E_CONFIG,
                       "rotate_size is at least 1MiB and rotate_every at least 1m");
    return KT_OK;
}

static const struct kt_stream_file_options *file(const void *opt)
{
    return &((const struct options *)opt)->file;
}

const struct kt_stream_type kt_stream_type_files = {
    .name = "files",
    .summary = "NDJSON or CSV files that rotate",
    .options = options,
    .options_size = sizeof(struct options),
    .sink = KT_STREAM_SINK_FILE,
    .limits = { .items = 5000, .bytes = 4u << 20, .wait_ms = 1000 },
    .head = head,
    .add = add,
    .check = check,
    .file = file,
};
