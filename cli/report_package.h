/*
 * report_package: the folder that an evidence report becomes: files with their sums, a manifest of
 * all of them, its signature, and SHA256SUMS (EXPORTS §4.2). It is written beside its place and
 * renamed there when it is whole and on the disk.
 */
#pragma once
#include "core/base/time.h"
#include "core/proof/minisign.h"
#include "core/sys/fs.h"
#include "exporters/reports/doc.h"

#define KT_PACKAGE_FILES 10000u
#define KT_PACKAGE_PATH  200u /* bytes of a path inside the package */

struct kt_package_about { /* for the manifest; borrowed */
    const char *package, *report, *organisation, *program, *host, *operator_name;
    kt_time_ns since, until, made;
    const char *log_id, *root; /* hex */
    uint64_t first, last;      /* records that the package speaks of; 0: none */
    uint64_t size;             /* of the tree under that root */
    const char *configuration; /* digest, hex; NULL: the log has none */
};
struct kt_package;
/* A new package of that name in the folder `out`, which is made when it is missing. KT_E_INPUT: it
 * is there already. fs is borrowed until kt_package_free. */
KT_MUST_USE enum kt_status kt_package_begin(const struct kt_fs *fs, const char *out,
                                            const char *name, struct kt_package **ret,
                                            struct kt_error *err);
/* May a file have this path? Letters, digits, - _ . and one folder at most. */
bool kt_package_may(const char *path);
/* Where a document writes its files. */
struct kt_doc_out kt_package_out(struct kt_package *p);
/* A whole file: "integrity/verify.txt". rows: of a table without its head, else -1. */
KT_MUST_USE enum kt_status kt_package_put(struct kt_package *p, const char *path,
                                          struct kt_str bytes, int64_t rows, struct kt_error *err);
/* Says afterwards of a table how many rows it has. */
void kt_package_rows(struct kt_package *p, const char *path, int64_t rows);
/* Writes SHA256SUMS, manifest.json and, with a key, manifest.json.minisig, and puts the folder in
 * its place. Nothing may be added behind it. */
KT_MUST_USE enum kt_status kt_package_seal(struct kt_package *p,
                                           const struct kt_package_about *about,
                                           const struct kt_minisign_secret *key,
                                           struct kt_error *err);
const char *kt_package_path(const struct kt_package *p); /* the folder in its place */
unsigned kt_package_count(const struct kt_package *p);   /* files so far */
/* Removes what is not sealed. */
void kt_package_free(struct kt_package *p);
