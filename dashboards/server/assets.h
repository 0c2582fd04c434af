/*
 * assets: the files of the page: those inside this program (dashboards/web/dist at build), or those
 * of a folder while somebody works on them.
 */
#pragma once
#include "core/base/buf.h"

struct kt_asset {
    const char *path; /* "/index.html" */
    const char *type;
    const char *etag;     /* "\"<hex of SHA-256 of the plain bytes>\"" */
    bool immutable;       /* its name changes with its content */
    struct kt_str packed; /* gzip */
};
struct kt_assets;
/* dir NULL: the embedded ones. KT_E_IO: the folder cannot be read. */
KT_MUST_USE enum kt_status kt_assets_open(const char *dir, struct kt_assets **ret,
                                          struct kt_error *err);
void kt_assets_free(struct kt_assets *a);
/* The file of a path, as it is written in the request. A path of the page's own (no dot in its last
 * part) is index.html. NULL: there is none. Lives until the next call for index.html of a folder,
 * which looks whether the files have changed, or kt_assets_free. */
const struct kt_asset *kt_assets_find(struct kt_assets *a, struct kt_str path);
/* Adds the plain bytes. */
void kt_asset_plain(const struct kt_asset *a, struct kt_buf *out);
/* Of a file's name. */
const char *kt_asset_type(struct kt_str name);
