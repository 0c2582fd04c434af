/*
 * assets: the files of the page.
 *
 * Owns:  the table, and of a folder's files their bytes.
 * Calls: core/base, core/sys/fs.
 * Holds: a request's path is looked up in the table and never opened: nothing outside is reached.
 */
#include "dashboards/server/assets.h"

#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/base/zip.h"
#include "core/sys/fs.h"
#include "dashboards/server/assets_embedded.h"

#define FILES_MAX  512u
#define FILE_BYTES (8u << 20)
#define DEPTH_MAX  4u

struct kt_assets {
    struct kt_asset at[FILES_MAX];
    unsigned n;
    const char *dir; /* NULL: embedded */
    bool failed;
};

const char *kt_asset_type(struct kt_str name)
{
    static const struct {
        struct kt_str end;
        const char *type;
    } types[] = {
        { KT_STR_INIT(".html"), "text/html; charset=utf-8" },
        { KT_STR_INIT(".js"), "text/javascript; charset=utf-8" },
        { KT_STR_INIT(".css"), "text/css; charset=utf-8" },
        { KT_STR_INIT(".json"), "application/json" },
        { KT_STR_INIT(".svg"), "image/svg+xml" },
        { KT_STR_INIT(".png"), "image/png" },
        { KT_STR_INIT(".ico"), "image/x-icon" },
        { KT_STR_INIT(".txt"), "text/plain; charset=utf-8" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(types); i++)
        if (kt_str_ends(name, types[i].end))
            return types[i].type;
    return "application/octet-stream";
}

static struct kt_asset *add(struct kt_assets *a, const char *path, const char *etag)
{
    struct kt_asset *f = &a->at[a->n++];
    *f = (struct kt_asset){ .path = path,
                            .etag = etag,
                            .type = kt_asset_type(kt_str_of(path)),
                            .immutable = kt_str_starts(kt_str_of(path), KT_STR("/assets/")) };
    return f;
}

static void add_embedded(struct kt_assets *a)
{
    for (const struct kt_embedded *e = kt_embedded; e->path != NULL && a->n < FILES_MAX; e++)
        add(a, e->path, e->etag)->packed = kt_str_from(e->at, (size_t)(e->end - e->at));
}

/* ---- a folder ---- */

static void forget(struct kt_assets *a)
{
    for (unsigned i = 0; i < a->n && a->dir != NULL; i++) {
        kt_free((void *)(uintptr_t)a->at[i].path);
        kt_free((void *)(uintptr_t)a->at[i].etag);
        kt_free((void *)(uintptr_t)a->at[i].packed.at);
    }
    a->n = 0;
}

static void add_file(struct kt_assets *a, const char *path, struct kt_str bytes)
{
    uint8_t sum[32];
    char etag[2 + 64 + 1] = "\"";
    struct kt_buf packed = { 0 };
    kt_sha256_of(&bytes, 1, sum);
    kt_hex(etag + 1, sum, sizeof sum);
    memcpy(etag + 65, "\"", 2);
    kt_gzip(bytes, &packed);
    add(a, kt_strdup(path), kt_strdup(etag))->packed = kt_buf_str(&packed);
}

struct walk {
    struct kt_assets *a;
    const char *below; /* "" or "/assets" */
    unsigned depth;
};
static void walk_folder(struct kt_assets *a, const char *below, unsigned depth);

static void each_name(void *self, const char *name)
{
    const struct walk *w = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    char full[4096], path[1024];
    struct kt_stat st;
    if (name[0] == '.' || w->a->n == FILES_MAX ||
        snprintf(path, sizeof path, "%s/%s", w->below, name) >= (int)sizeof path ||
        snprintf(full, sizeof full, "%s%s", w->a->dir, path) >= (int)sizeof full ||
        kt_fs_real.stat(kt_fs_real.self, full, &st, NULL) != KT_OK)
        return;
    if (st.is_dir)
        walk_folder(w->a, path, w->depth + 1);
    else if (kt_fs_read_all(full, FILE_BYTES, &bytes, NULL) == KT_OK)
        add_file(w->a, path, kt_buf_str(&bytes));
}

static void walk_folder(struct kt_assets *a, const char *below, unsigned depth)
{
    char full[4096];
    struct walk w = { .a = a, .below = below, .depth = depth };
    if (depth > DEPTH_MAX || snprintf(full, sizeof full, "%s%s", a->dir, below) >= (int)sizeof full)
        return;
    if (kt_fs_real.list(kt_fs_real.self, full, each_name, &w, NULL) != KT_OK)
        a->failed = true;
}

enum kt_status kt_assets_open(const char *dir, struct kt_assets **ret, struct kt_error *err)
{
    struct kt_assets *a = kt_alloc(sizeof *a);
    a->dir = dir;
    if (dir == NULL)
        add_embedded(a);
    else
        walk_folder(a, "", 0);
    if (a->failed) {
        kt_assets_free(a);
        return kt_fail(err, KT_E_IO, "--assets: the folder '%s' cannot be read", dir);
    }
    *ret = a;
    return KT_OK;
}

void kt_assets_free(struct kt_assets *a)
{
    if (a == NULL)
        return;
    forget(a);
    kt_free(a);
}

/* ---- asking ---- */

static const struct kt_asset *find(const struct kt_assets *a, struct kt_str path)
{
    for (unsigned i = 0; i < a->n; i++)
        if (kt_str_is(path, a->at[i].path))
            return &a->at[i];
    return NULL;
}

const struct kt_asset *kt_assets_find(struct kt_assets *a, struct kt_str path)
{
    struct kt_str last = kt_str_from_index(path, (size_t)(kt_str_rfind_byte(path, '/') + 1));
    bool page = kt_str_find_byte(last, '.', 0) < 0;
    if (page && a->dir != NULL) {
        forget(a);
        walk_folder(a, "", 0);
    }
    return find(a, page ? KT_STR("/index.html") : path);
}

static enum kt_status take_piece(void *self, struct kt_str piece, struct kt_error *err)
{
    (void)err;
    kt_buf_add(self, piece);
    return KT_OK;
}

void kt_asset_plain(const struct kt_asset *a, struct kt_buf *out)
{
    struct kt_gunzip *g = kt_gunzip_new();
    (void)!kt_gunzip_feed(g, a->packed, take_piece, out, NULL);
    kt_gunzip_free(g);
}
