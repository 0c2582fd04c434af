/*
 * stream_file: batches appended to a file that rotates.
 *
 * Owns:  the file that is being written; finished ones belong to whoever reads them.
 * Calls: core/sys/fs, zip.
 * Holds: each batch once. The confirmed length of the open file travels with the position; what a
 *        crash left behind that length is cut off before the batch is written again. A name without
 *        .tmp is finished: whole, synced, never touched again.
 */
#include "collector/stream_carry.h"
#include "core/base/alloc.h"
#include "core/base/zip.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MAX   1000000u /* a spreadsheet ends at 1,048,576 */
#define NAMES_MAX  100u
#define NAME_BYTES 1024u
#define LEVEL      3

struct place { /* what carry says: "NAME LENGTH PERIOD ROWS" */
    char name[160];
    uint64_t length, rows;
    int64_t period;
};
struct file {
    struct kt_carrier_options o;
    const struct kt_stream_file_options *options;
    struct kt_file *open;
    struct place at; /* of it, confirmed or just written */
    struct kt_zip *zip;
    struct kt_buf bytes, head;
};

static bool place_read(struct kt_str carry, struct place *ret)
{
    struct kt_str name, length, period, rows = carry;
    *ret = (struct place){ 0 };
    if (!kt_str_split(&rows, ' ', &name) || !kt_str_split(&rows, ' ', &length) ||
        !kt_str_split(&rows, ' ', &period) || name.len == 0 || name.len >= sizeof ret->name ||
        !kt_str_u64(length, &ret->length) || !kt_str_i64(period, &ret->period) ||
        !kt_str_u64(rows, &ret->rows))
        return false;
    kt_str_copyz(ret->name, sizeof ret->name, name);
    return true;
}

static void place_write(const struct place *p, char carry[KT_STREAM_CARRY_MAX])
{
    carry[0] = '\0';
    if (p->name[0] != '\0')
        (void)snprintf(carry, KT_STREAM_CARRY_MAX, "%s %" PRIu64 " %" PRId64 " %" PRIu64, p->name,
                       p->length, p->period, p->rows);
}

static void path_of(const struct file *f, const char *name, bool tmp, char ret[NAME_BYTES])
{
    (void)snprintf(ret, NAME_BYTES, "%s/%s%s", f->options->folder, name, tmp ? ".tmp" : "");
}

static void close_file(struct file *f)
{
    if (f->open != NULL)
        f->o.fs.close(f->open);
    f->open = NULL;
    f->at = (struct place){ 0 };
}

/* The open file gets its name for good. */
static enum kt_status finish(struct file *f, struct kt_error *err)
{
    char from[NAME_BYTES], to[NAME_BYTES];
    if (f->open == NULL)
        return KT_OK;
    path_of(f, f->at.name, true, from);
    path_of(f, f->at.name, false, to);
    enum kt_status st = f->o.fs.sync(f->open, err);
    if (st == KT_OK)
        st = f->o.fs.rename(f->o.fs.self, from, to, err);
    if (st == KT_OK || st == KT_E_AGAIN) /* AGAIN: the try before got so far */
        st = f->o.fs.sync_dir(f->o.fs.self, f->options->folder, err);
    if (st == KT_OK)
        close_file(f);
    return st;
}

/* After a start: the file that carry names, cut to the length that is confirmed. One that is gone
 * was finished, or taken away by somebody: the next batch begins another. */
static enum kt_status resume(struct file *f, struct kt_str carry, struct kt_error *err)
{
    char path[NAME_BYTES];
    struct place at;
    struct kt_stat stat;
    if (f->open != NULL || !place_read(carry, &at))
        return KT_OK;
    path_of(f, at.name, true, path);
    enum kt_status st = f->o.fs.stat(f->o.fs.self, path, &stat, err);
    if (st == KT_E_AGAIN)
        return KT_OK;
    if (st != KT_OK)
        return st;
    if (stat.size < at.length)
        return kt_fail(err, KT_E_CORRUPT,
                       "'%s' is %" PRIu64 " bytes long and was %" PRIu64
                       ": put it back, or move it away and rewind the stream",
                       path, stat.size, at.length);
    st = f->o.fs.open(f->o.fs.self, path, KT_OPEN_APPEND, &f->open, err);
    if (st == KT_OK && stat.size > at.length)
        st = f->o.fs.truncate(f->open, at.length, err);
    if (st == KT_OK)
        f->at = at;
    else
        close_file(f);
    return st;
}

static const char *ending(const struct file *f)
{
    static const char *const packs[][2] = { { "zstd", ".zst" }, { "gzip", ".gz" }, { "none", "" } };
    for (size_t i = 0; i < KT_ARRAY_LEN(packs); i++)
        if (strcmp(f->options->compress, packs[i][0]) == 0)
            return packs[i][1];
    return "";
}

/* "audit-20261129T0000-000000004711.ndjson.zst": the span's begin and the first item's number. A
 * finished file of that name, of a store that was set back, is left alone. */
static enum kt_status begin(struct file *f, const struct kt_stream_sending *s, int64_t period,
                            struct kt_error *err)
{
    char when[KT_TIME_TEXT_MAX], path[NAME_BYTES];
    struct kt_stat stat;
    struct place at = { .period = period };
    const char *kind = strcmp(f->options->format, "csv") == 0 ? "csv" : "ndjson";
    enum kt_status st = KT_OK;
    (void)kt_time_format(period * f->options->rotate_every, when);
    for (unsigned i = 0; st == KT_OK && i < NAMES_MAX; i++) {
        char again[16] = "";
        if (i > 0)
            (void)snprintf(again, sizeof again, "-%u", i);
        (void)snprintf(at.name, sizeof at.name, "%s-%.4s%.2s%.2sT%.2s%.2s-%012" PRIu64 "%s.%s%s",
                       s->batch->stream, when, when + 5, when + 8, when + 11, when + 14,
                       s->batch->first_seq, again, kind, ending(f));
        path_of(f, at.name, false, path);
        st = f->o.fs.stat(f->o.fs.self, path, &stat, NULL);
    }
    if (st != KT_E_AGAIN)
        return kt_fail(err, KT_E_LIMIT, "'%s' and a hundred like it are there already", path);
    path_of(f, at.name, true, path); /* one that is there was never confirmed */
    st = f->o.fs.unlink(f->o.fs.self, path, err);
    if (st == KT_OK || st == KT_E_AGAIN)
        st = f->o.fs.open(f->o.fs.self, path, KT_OPEN_NEW, &f->open, err);
    if (st == KT_OK)
        st = f->o.fs.sync_dir(f->o.fs.self, f->options->folder, err);
    if (st == KT_OK)
        f->at = at;
    else
        close_file(f);
    return st;
}

static bool is_full(const struct file *f, int64_t period, unsigned rows)
{
    return f->open != NULL && (f->at.length >= f->options->rotate_size || f->at.period != period ||
                               f->at.rows + rows > ROWS_MAX);
}

/* The batch as it will lie in the file: a frame, or a member, of its own. */
static void pack(struct file *f, const struct kt_stream_batch *b)
{
    struct kt_str all = b->body;
    kt_buf_reset(&f->bytes);
    kt_buf_reset(&f->head);
    if (f->at.length == 0 && f->o.setup->type->head != NULL) {
        f->o.setup->type->head(f->o.setup->options, &f->head);
        kt_buf_add(&f->head, b->body);
        all = kt_buf_str(&f->head);
    }
    if (strcmp(f->options->compress, "zstd") == 0)
        kt_zip_pack(f->zip, all, LEVEL, &f->bytes);
    else if (strcmp(f->options->compress, "gzip") == 0)
        kt_gzip(all, &f->bytes);
    else
        kt_buf_add(&f->bytes, all);
}

static enum kt_status write_batch(struct file *f, const struct kt_stream_sending *s,
                                  struct kt_error *err)
{
    struct kt_error ignored = { 0 };
    int64_t period = s->batch->stored / f->options->rotate_every;
    enum kt_status st = resume(f, kt_str_of(s->carry), err);
    if (st == KT_OK && is_full(f, period, s->batch->n))
        st = finish(f, err);
    if (st == KT_OK && f->open == NULL)
        st = begin(f, s, period, err);
    if (st != KT_OK)
        return st;
    pack(f, s->batch);
    st = f->o.fs.append(f->open, kt_buf_str(&f->bytes), err);
    if (st == KT_OK)
        st = f->o.fs.sync(f->open, err);
    if (st == KT_OK) {
        f->at.length += f->bytes.len;
        f->at.rows += s->batch->n;
    } else if (f->o.fs.truncate(f->open, f->at.length, &ignored) != KT_OK) {
        close_file(f); /* cut when it is opened again */
    }
    return st;
}

static void file_send(void *self, struct kt_stream_sending *s)
{
    struct file *f = self;
    struct kt_error err = { 0 };
    enum kt_status st = write_batch(f, s, &err);
    s->verdict = st == KT_OK ? KT_STREAM_TAKEN : st == KT_E_IO ? KT_STREAM_RETRY : KT_STREAM_DENIED;
    if (st == KT_OK)
        place_write(&f->at, s->carry);
    kt_str_copyz(s->word, sizeof s->word, kt_str_of(err.text));
}

static bool file_idle(void *self, kt_time_ns wall, char carry[KT_STREAM_CARRY_MAX])
{
    struct file *f = self;
    struct kt_error err = { 0 };
    if (resume(f, kt_str_of(carry), &err) != KT_OK || f->open == NULL ||
        f->at.period >= wall / f->options->rotate_every || finish(f, &err) != KT_OK)
        return false;
    carry[0] = '\0';
    return true;
}

static void file_close(void *self)
{
    struct file *f = self;
    close_file(f);
    kt_zip_free(f->zip);
    kt_buf_done(&f->bytes);
    kt_buf_done(&f->head);
    kt_free(f);
}

enum kt_status kt_carrier_file(const struct kt_carrier_options *o, struct kt_carrier *ret,
                               struct kt_error *err)
{
    const struct kt_stream_file_options *options = o->setup->type->file(o->setup->options);
    struct kt_stat stat;
    enum kt_status st = o->fs.stat(o->fs.self, options->folder, &stat, err);
    if (st == KT_E_AGAIN || (st == KT_OK && !stat.is_dir))
        return kt_fail(err, KT_E_CONFIG, "folder '%s' is not there", options->folder);
    if (st != KT_OK)
        return st;
    struct file *f = kt_alloc(sizeof *f);
    f->o = *o;
    f->options = options;
    f->zip = kt_zip_new();
    *ret = (struct kt_carrier){ file_send, file_idle, file_close, f };
    return KT_OK;
}
