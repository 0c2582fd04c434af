/*
 * report_package: see the header.
 *
 * Owns:  the unfinished folder, the sums of its files.
 * Calls: core/sys/fs, core/proof/minisign, core/base (hash, enc), core/event (JSON strings).
 * Holds: whoever finds the folder in its place finds it whole; a manifest names every file but
 *        itself and its signature.
 */
#include "cli/report_package.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/line.h"

#define WRITE_BYTES (64u << 10)

struct file {
    char path[KT_PACKAGE_PATH];
    uint64_t bytes;
    int64_t rows;
    uint8_t sha256[32];
};
struct kt_package {
    const struct kt_fs *fs;
    char *out, *path, *partial; /* the parent, the place, and where it grows */
    struct file *files;
    unsigned n, cap;
    bool sealed;
    /* the open file */
    struct kt_file *open;
    struct kt_sha256 *hash;
    struct kt_buf pending;
    uint64_t bytes;
};

static char *joined(const char *folder, const char *name)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    kt_buf_addf(&path, "%s/%s", folder, name);
    return kt_strdup(kt_buf_z(&path));
}

enum kt_status kt_package_begin(const struct kt_fs *fs, const char *out, const char *name,
                                struct kt_package **ret, struct kt_error *err)
{
    struct kt_stat there;
    KT_CLEANUP(kt_buf_done) struct kt_buf partial = { 0 };
    struct kt_package *p = kt_alloc(sizeof *p);
    kt_buf_addf(&partial, ".%s.%ld.partial", name, (long)getpid());
    p->fs = fs;
    p->out = kt_strdup(out);
    p->path = joined(out, name);
    p->partial = joined(out, kt_buf_z(&partial));
    p->hash = kt_sha256_new();
    enum kt_status status = fs->mkdir(fs->self, out, 0700, err);
    if (status == KT_OK) {
        status = fs->stat(fs->self, p->path, &there, err);
        if (status == KT_OK)
            status = kt_fail(err, KT_E_INPUT,
                             "'%s' is there already: move it away, or give another --out", p->path);
        else if (status == KT_E_AGAIN)
            status = fs->mkdir(fs->self, p->partial, 0700, err);
    }
    if (status != KT_OK) {
        p->sealed = true; /* nothing of ours to remove */
        kt_package_free(p);
        return status;
    }
    *ret = p;
    return KT_OK;
}

/* ---- files ---- */

bool kt_package_may(const char *path)
{
    size_t n = strlen(path), slashes = 0;
    if (n == 0 || n >= KT_PACKAGE_PATH || path[0] == '.' || path[0] == '/' || path[n - 1] == '/')
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = path[i];
        slashes += c == '/';
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != 0 && strchr("-_./", c) != NULL)) ||
            (c == '.' && path[i + 1] == '.'))
            return false;
    }
    return slashes <= 1;
}

static const struct file *named(const struct kt_package *p, const char *path)
{
    for (unsigned i = 0; i < p->n; i++)
        if (strcmp(p->files[i].path, path) == 0)
            return &p->files[i];
    return NULL;
}

static enum kt_status make_folder_of(struct kt_package *p, const char *path, struct kt_error *err)
{
    const char *slash = strchr(path, '/');
    if (slash == NULL)
        return KT_OK;
    KT_CLEANUP(kt_buf_done) struct kt_buf folder = { 0 };
    kt_buf_addf(&folder, "%s/%.*s", p->partial, (int)(slash - path), path);
    return p->fs->mkdir(p->fs->self, kt_buf_z(&folder), 0700, err);
}

static enum kt_status open_file(void *self, const char *path, struct kt_error *err)
{
    struct kt_package *p = self;
    assert(p->open == NULL && !p->sealed && kt_package_may(path));
    if (named(p, path) != NULL)
        return kt_fail(err, KT_E_INPUT, "the package has '%s' already", path);
    if (p->n == KT_PACKAGE_FILES)
        return kt_fail(err, KT_E_LIMIT, "more than %u files in a package", KT_PACKAGE_FILES);
    if (p->n == p->cap) {
        p->cap = p->cap == 0 ? 64 : 2 * p->cap;
        p->files = kt_realloc_array(p->files, p->cap, sizeof *p->files);
    }
    KT_CLEANUP(kt_free_ptr) char *whole = joined(p->partial, path);
    p->files[p->n] = (struct file){ .rows = -1 };
    kt_str_copyz(p->files[p->n].path, KT_PACKAGE_PATH, kt_str_of(path));
    p->n++; /* from here on its folder may be there, which has to be removed, too */
    if (make_folder_of(p, path, err) != KT_OK ||
        p->fs->open(p->fs->self, whole, KT_OPEN_NEW, &p->open, err) != KT_OK)
        return kt_wrap(err, "'%s'", path);
    kt_sha256_start(p->hash);
    p->bytes = 0;
    return KT_OK;
}

static enum kt_status flush(struct kt_package *p, struct kt_error *err)
{
    if (p->pending.len > 0 && p->fs->append(p->open, kt_buf_str(&p->pending), err) != KT_OK)
        return kt_wrap(err, "'%s'", p->files[p->n - 1].path);
    kt_buf_reset(&p->pending);
    return KT_OK;
}

static enum kt_status add_bytes(void *self, struct kt_str bytes, struct kt_error *err)
{
    struct kt_package *p = self;
    assert(p->open != NULL);
    kt_sha256_add(p->hash, bytes.at, bytes.len);
    p->bytes += bytes.len;
    kt_buf_add(&p->pending, bytes);
    return p->pending.len >= WRITE_BYTES ? flush(p, err) : KT_OK;
}

static enum kt_status close_file(void *self, uint64_t *ret_bytes, uint8_t ret_sha256[32],
                                 struct kt_error *err)
{
    struct kt_package *p = self;
    struct file *f = &p->files[p->n - 1];
    enum kt_status status = flush(p, err);
    if (status != KT_OK)
        return status;
    if (p->fs->sync(p->open, err) != KT_OK)
        return kt_wrap(err, "'%s'", f->path);
    p->fs->close(p->open);
    p->open = NULL;
    f->bytes = p->bytes;
    kt_sha256_end(p->hash, f->sha256);
    if (ret_bytes != NULL)
        *ret_bytes = f->bytes;
    if (ret_sha256 != NULL)
        memcpy(ret_sha256, f->sha256, 32);
    return KT_OK;
}

struct kt_doc_out kt_package_out(struct kt_package *p)
{
    return (struct kt_doc_out){ open_file, add_bytes, close_file, p };
}

enum kt_status kt_package_put(struct kt_package *p, const char *path, struct kt_str bytes,
                              int64_t rows, struct kt_error *err)
{
    if (open_file(p, path, err) != KT_OK || add_bytes(p, bytes, err) != KT_OK ||
        close_file(p, NULL, NULL, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    p->files[p->n - 1].rows = rows;
    return KT_OK;
}

void kt_package_rows(struct kt_package *p, const char *path, int64_t rows)
{
    for (unsigned i = 0; i < p->n; i++)
        if (strcmp(p->files[i].path, path) == 0)
            p->files[i].rows = rows;
}

/* ---- the seal ---- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static void add_sums(const struct kt_package *p, struct kt_buf *out)
{
    for (unsigned i = 0; i < p->n; i++) {
        kt_hex_add(out, p->files[i].sha256, 32);
        kt_buf_addf(out, "  %s\n", p->files[i].path);
    }
}

static void member(struct kt_buf *out, const char *before, const char *name, const char *value)
{
    kt_buf_addf(out, "%s\"%s\": ", before, name);
    if (value != NULL)
        kt_json_quote(out, kt_str_of(value));
    else
        kt_buf_addz(out, "null");
}

static void add_about(const struct kt_package_about *a, const char *key, struct kt_buf *out)
{
    char since[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX], made[KT_TIME_TEXT_MAX];
    member(out, "{\n  ", "package", a->package);
    member(out, ",\n  ", "report", a->report);
    member(out, ",\n  ", "organisation", a->organisation);
    member(out, ",\n  \"period\": { ", "from", kt_time_format(a->since, since));
    member(out, ", ", "until", kt_time_format(a->until, until));
    member(out, " },\n  \"made\": { ", "at", kt_time_format(a->made, made));
    member(out, ", ", "host", a->host);
    member(out, ", ", "operator", a->operator_name);
    member(out, ", ", "program", a->program);
    member(out, " },\n  \"log\": { ", "id", a->log_id);
    kt_buf_addf(out, ", \"size\": %" PRIu64, a->size);
    member(out, ", ", "root", a->root);
    kt_buf_addf(out, ", \"first\": %" PRIu64 ", \"last\": %" PRIu64 " }", a->first, a->last);
    member(out, ",\n  ", "configuration", a->configuration);
    member(out, ",\n  ", "key", key);
}

static void add_manifest(const struct kt_package *p, const struct kt_package_about *a,
                         const char *key, struct kt_buf *out)
{
    add_about(a, key, out);
    kt_buf_addz(out, ",\n  \"files\": [");
    for (unsigned i = 0; i < p->n; i++) {
        const struct file *f = &p->files[i];
        member(out, i > 0 ? ",\n    { " : "\n    { ", "path", f->path);
        kt_buf_addf(out, ", \"bytes\": %" PRIu64 ", \"rows\": ", f->bytes);
        if (f->rows < 0)
            kt_buf_addz(out, "null");
        else
            kt_buf_i64_dec(out, f->rows);
        kt_buf_addz(out, ", \"sha256\": \"");
        kt_hex_add(out, f->sha256, 32);
        kt_buf_addz(out, "\" }");
    }
    kt_buf_addz(out, "\n  ]\n}\n");
}

static enum kt_status sign_manifest(struct kt_package *p, const struct kt_package_about *about,
                                    const struct kt_minisign_secret *key, struct kt_str manifest,
                                    struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf comment = { 0 }, sig = { 0 };
    kt_buf_addf(&comment, "timestamp:%" PRId64 "\tfile:manifest.json\tpackage:%s\thashed",
                about->made / KT_NS_S, about->package);
    kt_minisign_sign(key, manifest, kt_buf_str(&comment), &sig);
    return kt_package_put(p, "manifest.json.minisig", kt_buf_str(&sig), -1, err);
}

/* Entries of the folders must be on the disk before the rename is. */
static enum kt_status put_in_place(struct kt_package *p, struct kt_error *err)
{
    const char *last = "";
    for (unsigned i = 0; i < p->n; i++) { /* sorted: files of one folder stand together */
        const char *slash = strchr(p->files[i].path, '/');
        size_t n = slash == NULL ? 0 : (size_t)(slash - p->files[i].path);
        if (n == 0 || (strncmp(last, p->files[i].path, n) == 0 && last[n] == '/'))
            continue;
        KT_CLEANUP(kt_buf_done) struct kt_buf folder = { 0 };
        kt_buf_addf(&folder, "%s/%.*s", p->partial, (int)n, p->files[i].path);
        if (p->fs->sync_dir(p->fs->self, kt_buf_z(&folder), err) != KT_OK)
            return err->code;
        last = p->files[i].path;
    }
    if (p->fs->sync_dir(p->fs->self, p->partial, err) != KT_OK ||
        p->fs->rename(p->fs->self, p->partial, p->path, err) != KT_OK)
        return err->code;
    p->sealed = true;
    return p->fs->sync_dir(p->fs->self, p->out, err);
}

enum kt_status kt_package_seal(struct kt_package *p, const struct kt_package_about *about,
                               const struct kt_minisign_secret *key, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf sums = { 0 }, manifest = { 0 }, open = { 0 };
    if (key != NULL)
        kt_minisign_public_text(&key->open, &open);
    qsort(p->files, p->n, sizeof *p->files, by_path);
    add_sums(p, &sums);
    if (kt_package_put(p, "SHA256SUMS", kt_buf_str(&sums), -1, err) != KT_OK)
        return err->code;
    qsort(p->files, p->n, sizeof *p->files, by_path);
    add_manifest(p, about, key != NULL ? kt_buf_z(&open) : NULL, &manifest);
    if (kt_package_put(p, "manifest.json", kt_buf_str(&manifest), -1, err) != KT_OK ||
        (key != NULL && sign_manifest(p, about, key, kt_buf_str(&manifest), err) != KT_OK))
        return err->code;
    qsort(p->files, p->n, sizeof *p->files, by_path);
    return put_in_place(p, err);
}

const char *kt_package_path(const struct kt_package *p)
{
    return p->path;
}

unsigned kt_package_count(const struct kt_package *p)
{
    return p->n;
}

/* ---- the end ---- */

static void remove_partial(struct kt_package *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        KT_CLEANUP(kt_free_ptr) char *path = joined(p->partial, p->files[i].path);
        (void)!p->fs->unlink(p->fs->self, path, NULL);
    }
    for (unsigned i = 0; i < p->n; i++) {
        KT_CLEANUP(kt_free_ptr) char *path = joined(p->partial, p->files[i].path);
        char *slash = strrchr(path, '/');
        *slash = '\0';
        (void)rmdir(path); /* fails until its last file's turn, which is fine */
    }
    (void)rmdir(p->partial);
}

void kt_package_free(struct kt_package *p)
{
    if (p == NULL)
        return;
    if (p->open != NULL)
        p->fs->close(p->open);
    if (!p->sealed)
        remove_partial(p);
    kt_sha256_free(p->hash);
    kt_buf_done(&p->pending);
    kt_free(p->files);
    kt_free(p->out);
    kt_free(p->path);
    kt_free(p->partial);
    kt_free(p);
}
