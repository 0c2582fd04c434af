/*
 * reports: evidence packages: the list of those in the folder, making one, checking one, and their
 * files. A package is made and checked by `keytrail report`, as a process; the folder is the truth.
 *
 * Owns:  nothing.
 * Calls: jobs, exporters/reports (the registry), core/sys (files of the folder). A file is given
 * only when the package's manifest lists it.
 */
#include "core/base/alloc.h"
#include "core/event/json.h"
#include "core/sys/fs.h"
#include "core/sys/fs_below.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/jobs.h"
#include "dashboards/api/tar.h"
#include "exporters/reports/report.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANIFEST      "manifest.json"
#define SIGNATURE     MANIFEST ".minisig"
#define MANIFEST_MAX  (4u << 20)
#define PACKAGES_MAX  200u
#define WITNESSES_MAX 6u                  /* whose keys a check is given */
#define ROOM_LEAST    (UINT64_C(1) << 30) /* bytes free that are left alone */
/* A report is a document with a style sheet of its own and pictures in it; nothing of it runs. */
#define POLICY                                                                                     \
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action "  \
    "'none'; frame-ancestors 'self'; sandbox"
#define PIECE         (256u << 10)
#define NAME_MAX_TEXT 128u

static enum kt_status has_folder(const struct kt_api *a, struct kt_error *err)
{
    return a->reports != NULL && a->jobs != NULL
               ? KT_OK
               : kt_fail(err, KT_E_AGAIN,
                         "this page keeps no evidence packages: dashboard.reports_dir names a "
                         "folder for them");
}

/* "NAME/manifest.json" */
static struct kt_str join(struct kt_buf *b, struct kt_str name, struct kt_str file)
{
    kt_buf_reset(b);
    kt_buf_add(b, name);
    kt_buf_byte(b, '/');
    kt_buf_add(b, file);
    return kt_buf_str(b);
}

static enum kt_status read_manifest(const struct kt_api *a, struct kt_str name,
                                    struct kt_json *json, struct kt_buf *text, struct kt_jval *ret,
                                    struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    unsigned repaired;
    kt_buf_reset(text);
    if (!kt_fs_name_ok(name) || kt_str_find_byte(name, '/', 0) >= 0)
        return kt_fail(err, KT_E_AGAIN, "there is no such package");
    if (kt_fs_below_all(a->reports, join(&path, name, KT_STR(MANIFEST)), MANIFEST_MAX, text, err) !=
        KT_OK)
        return err->code;
    return kt_json_parse(json, kt_buf_str(text), ret, &repaired, err);
}

/* ---- the list ---- */

struct package {
    char name[NAME_MAX_TEXT];
    char made[KT_TIME_TEXT_MAX]; /* as its manifest says it: RFC 3339, UTC */
};
struct listing {
    struct kt_api *a;
    struct kt_json *json;
    struct kt_buf text;
    struct package *at;
    unsigned n, cap;
};

static void take_name(void *self, const char *name)
{
    struct listing *l = self;
    struct kt_str s = kt_str_of(name);
    if (!kt_fs_name_ok(s) || s.len >= NAME_MAX_TEXT)
        return;
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 64 : 2 * l->cap;
        l->at = kt_realloc_array(l->at, l->cap, sizeof *l->at);
    }
    kt_str_copyz(l->at[l->n++].name, NAME_MAX_TEXT, s);
}

static int newest_first(const void *pa, const void *pb)
{
    const struct package *a = pa, *b = pb;
    int c = strcmp(b->made, a->made);
    return c != 0 ? c : strcmp(b->name, a->name);
}

/* Leaves those names that are packages, newest first. */
static enum kt_status keep_packages(struct listing *l, struct kt_error *err)
{
    const struct kt_ask *ask = l->a->ask;
    unsigned n = 0;
    for (unsigned i = 0; i < l->n; i++) {
        struct kt_error other = { 0 };
        struct kt_jval m;
        if (ask->give_up != NULL && ask->give_up(ask->give_up_self))
            return kt_fail(err, KT_E_LIMIT,
                           "the folder of evidence packages has too many to look through");
        if (read_manifest(l->a, kt_str_of(l->at[i].name), l->json, &l->text, &m, &other) != KT_OK)
            continue; /* some other folder, or one that is being made */
        l->at[n] = l->at[i];
        kt_str_copyz(l->at[n].made, sizeof l->at[n].made, kt_json_str_at(m, "made.at"));
        n++;
    }
    l->n = n;
    if (n > 1)
        qsort(l->at, n, sizeof *l->at, newest_first);
    return KT_OK;
}

static void add_files(struct kt_buf *o, struct kt_jval manifest)
{
    struct kt_jval file;
    struct kt_str key;
    int64_t total = 0, n = 0;
    kt_api_open(o, "files", '[');
    for (struct kt_json_iter it = kt_json_iter(kt_json_at(manifest, "files"));
         kt_json_next(&it, &key, &file);) {
        KT_CLEANUP(kt_buf_done) struct kt_buf one = { 0 };
        if (kt_json_i64(kt_json_at(file, "bytes"), &n))
            total += n;
        kt_json_write(file, &one);
        kt_api_raw(o, NULL, kt_buf_str(&one));
    }
    kt_api_close(o, ']');
    kt_api_u64(o, "bytes", (uint64_t)total);
}

static void add_package(struct listing *l, const char *name)
{
    struct kt_buf *o = &l->a->out;
    struct kt_error err = { 0 };
    struct kt_jval m;
    if (read_manifest(l->a, kt_str_of(name), l->json, &l->text, &m, &err) != KT_OK)
        return; /* gone since */
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "name", kt_str_of(name));
    kt_api_text(o, "package", kt_json_str_at(m, "package"));
    kt_api_text(o, "kind", kt_json_str_at(m, "report"));
    kt_api_text(o, "organisation", kt_json_str_at(m, "organisation"));
    kt_api_text(o, "from", kt_json_str_at(m, "period.from"));
    kt_api_text(o, "until", kt_json_str_at(m, "period.until"));
    kt_api_text(o, "made", kt_json_str_at(m, "made.at"));
    kt_api_text(o, "operator", kt_json_str_at(m, "made.operator"));
    kt_api_text(o, "key", kt_json_str_at(m, "key"));
    add_files(o, m);
    kt_api_close(o, '}');
}

static void add_job(struct kt_api *a, const char *key, enum kt_job kind)
{
    struct kt_job_state s;
    kt_jobs_state(a->jobs, kind, a->now, &s);
    kt_api_open(&a->out, key, '{');
    kt_api_flag(&a->out, "running", s.running);
    kt_api_flag(&a->out, "failed", s.started && !s.running && s.code != 0);
    kt_api_text(&a->out, "about", kt_str_of(s.about));
    kt_api_time(&a->out, "began", s.began);
    kt_api_time(&a->out, "ended", s.ended);
    kt_api_text(&a->out, "said", kt_str_trim(kt_buf_str(&s.said)));
    kt_api_close(&a->out, '}');
    kt_job_state_done(&s);
}

static void add_kinds(struct kt_api *a)
{
    kt_api_open(&a->out, "kinds", '[');
    for (unsigned i = 0; kt_reports[i] != NULL; i++) {
        kt_api_open(&a->out, NULL, '{');
        kt_api_text(&a->out, "name", kt_str_of(kt_reports[i]->name));
        kt_api_text(&a->out, "title", kt_str_of(kt_reports[i]->title));
        kt_api_text(&a->out, "framework", kt_str_of(kt_reports[i]->framework));
        kt_api_text(&a->out, "about", kt_str_of(kt_reports[i]->summary));
        kt_api_close(&a->out, '}');
    }
    kt_api_close(&a->out, ']');
}

static void add_all(struct listing *l)
{
    struct kt_api *a = l->a;
    kt_api_open(&a->out, NULL, '{');
    add_kinds(a);
    kt_api_open(&a->out, "packages", '[');
    for (unsigned i = 0; i < l->n && i < PACKAGES_MAX; i++)
        add_package(l, l->at[i].name);
    kt_api_close(&a->out, ']');
    kt_api_u64(&a->out, "more", l->n > PACKAGES_MAX ? l->n - PACKAGES_MAX : 0);
    add_job(a, "making", KT_JOB_REPORT);
    add_job(a, "checking", KT_JOB_CHECK);
    kt_api_close(&a->out, '}');
}

static void listing_done(struct listing *l)
{
    kt_json_free(l->json);
    kt_buf_done(&l->text);
    kt_free(l->at);
}

enum kt_status kt_api_reports(struct kt_api *a, struct kt_error *err)
{
    if (has_folder(a, err) != KT_OK)
        return err->code;
    KT_CLEANUP(listing_done)
    struct listing l = { .a = a, .json = kt_json_new(KT_JSON_SIMDJSON) };
    if (kt_fs_real.list(kt_fs_real.self, a->reports, take_name, &l, err) != KT_OK)
        return kt_wrap(err, "the folder of evidence packages");
    if (keep_packages(&l, err) != KT_OK)
        return err->code;
    add_all(&l);
    return KT_OK;
}

/* ---- making and checking ---- */

static bool is_day(struct kt_str s)
{
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < s.len && s.len == sizeof form - 1; i++)
        if (form[i] == 'd' ? s.at[i] < '0' || s.at[i] > '9' : s.at[i] != form[i])
            return false;
    return s.len == sizeof form - 1;
}

static enum kt_status accepted(struct kt_api *a)
{
    a->status = 202;
    kt_api_open(&a->out, NULL, '{');
    kt_api_flag(&a->out, "running", true);
    kt_api_close(&a->out, '}');
    return KT_OK;
}

static void count_one(void *self, const char *name)
{
    *(unsigned *)self += name[0] != '.';
}

/* Packages stay until somebody takes them away: they may not fill the disk, which may be the
 * store's. */
static enum kt_status has_room(const struct kt_api *a, struct kt_error *err)
{
    uint64_t free_bytes, all;
    unsigned n = 0;
    if (kt_fs_real.list(kt_fs_real.self, a->reports, count_one, &n, err) != KT_OK ||
        kt_fs_room(a->reports, &free_bytes, &all, err) != KT_OK)
        return kt_wrap(err, "the folder of evidence packages");
    if (n >= PACKAGES_MAX)
        return kt_fail(err, KT_E_DENIED,
                       "dashboard.reports_dir holds %u packages: move some to where they are kept",
                       n);
    if (free_bytes < ROOM_LEAST || free_bytes < all / 10)
        return kt_fail(err, KT_E_DENIED,
                       "the disk of dashboard.reports_dir has %.1f GiB left: a package is made "
                       "where a tenth of it, and 1 GiB, are free",
                       (double)free_bytes / (double)ROOM_LEAST);
    return KT_OK;
}

enum kt_status kt_api_reports_make(struct kt_api *a, struct kt_error *err)
{
    struct kt_str kind = kt_api_get(a, "kind"), from = kt_api_get(a, "from"),
                  to = kt_api_get(a, "to");
    char first[16], last[16], about[128];
    if (has_folder(a, err) != KT_OK)
        return err->code;
    const struct kt_report *r = kt_report_of(kind);
    if (r == NULL)
        return kt_fail(err, KT_E_INPUT, "kind is soc2, iso27001, pci or access");
    if (!is_day(from) || !is_day(to))
        return kt_fail(err, KT_E_INPUT, "from and to are days: 2026-10-01");
    if (has_room(a, err) != KT_OK)
        return err->code;
    kt_str_copyz(first, sizeof first, from);
    kt_str_copyz(last, sizeof last, to);
    (void)snprintf(about, sizeof about, "%s, %s to %s", r->name, first, last);
    /* A folder of its own, whatever lies there: the same period may be asked for again. */
    const struct kt_civil t = kt_time_civil(a->now);
    char name[NAME_MAX_TEXT];
    (void)snprintf(name, sizeof name, "%s-%s-%s-made-%04d%02d%02d-%02d%02d%02d", r->name, first,
                   last, t.year, t.month, t.day, t.hour, t.minute, t.second);
    const char *const argv[] = { "report",     r->name, "--name", name, "--db",  a->store,
                                 "--from",     first,   "--to",   last, "--out", a->reports,
                                 "--operator", a->user, "-q",     NULL };
    if (kt_jobs_start(a->jobs, KT_JOB_REPORT, argv, about, a->now, err) != KT_OK)
        return err->code;
    return accepted(a);
}

enum kt_status kt_api_report_verify(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, path = { 0 };
    struct kt_str name = kt_api_get(a, "name");
    struct kt_jval m;
    if (has_folder(a, err) != KT_OK)
        return err->code;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    enum kt_status status = read_manifest(a, name, json, &text, &m, err);
    kt_json_free(json);
    if (status != KT_OK)
        return status;
    kt_buf_addf(&path, "%s/" KT_STR_FMT, a->reports, KT_STR_ARG(name));
    const char *argv[5 + 2 * WITNESSES_MAX] = { "report", "verify", kt_buf_z(&path) };
    unsigned n = 3;
    /* Keys of a package are not trusted: witnesses that the configuration names are. */
    for (unsigned i = 0; a->conf != NULL && i < a->conf->n_copies && n < 3 + 2 * WITNESSES_MAX;
         i++) {
        if (a->conf->copies[i].type != KT_COPY_WITNESS || a->conf->copies[i].vkey == NULL)
            continue;
        argv[n++] = "--witness";
        argv[n++] = a->conf->copies[i].vkey;
    }
    char about[NAME_MAX_TEXT];
    kt_str_copyz(about, sizeof about, name);
    if (kt_jobs_start(a->jobs, KT_JOB_CHECK, argv, about, a->now, err) != KT_OK)
        return err->code;
    return accepted(a);
}

/* ---- files ---- */

static bool is_listed(struct kt_jval manifest, struct kt_str path)
{
    struct kt_jval file;
    struct kt_str key;
    if (kt_str_is(path, MANIFEST) || kt_str_is(path, SIGNATURE))
        return true;
    for (struct kt_json_iter it = kt_json_iter(kt_json_at(manifest, "files"));
         kt_json_next(&it, &key, &file);)
        if (kt_str_eq(kt_json_str_at(file, "path"), path))
            return true;
    return false;
}

static const char *type_of(struct kt_str path)
{
    static const struct {
        const char *end, *type;
    } types[] = { { ".html", "text/html; charset=utf-8" }, { ".json", "application/json" },
                  { ".csv", "text/csv; charset=utf-8" },   { ".txt", "text/plain; charset=utf-8" },
                  { ".svg", "text/plain; charset=utf-8" }, { ".py", "text/plain; charset=utf-8" } };
    for (unsigned i = 0; i < KT_ARRAY_LEN(types); i++)
        if (kt_str_ends(path, kt_str_of(types[i].end)))
            return types[i].type;
    return "application/octet-stream";
}

/* All of an open file, a piece at a time. */
static enum kt_status send_file(struct kt_api *a, struct kt_fs_below *f, struct kt_error *err)
{
    size_t n = 1;
    enum kt_status status = KT_OK;
    while (status == KT_OK && n > 0) {
        status = kt_fs_below_read(f, PIECE, &a->out, &n, err);
        if (status == KT_OK && n > 0 && a->send != NULL)
            status = a->send(a, err);
    }
    return status;
}

static enum kt_status give_file(struct kt_api *a, struct kt_str name, struct kt_str path,
                                struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf whole = { 0 };
    struct kt_fs_below f;
    if (kt_fs_below_open(a->reports, join(&whole, name, path), &f, err) != KT_OK)
        return err->code;
    a->type = type_of(path);
    a->policy = POLICY;
    enum kt_status status = send_file(a, &f, err);
    kt_fs_below_done(&f);
    return status;
}

static enum kt_status add_to_tar(struct kt_api *a, struct kt_str name, struct kt_str path,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf whole = { 0 };
    struct kt_fs_below f;
    if (kt_fs_below_open(a->reports, join(&whole, name, path), &f, err) != KT_OK)
        return err->code;
    enum kt_status status = kt_tar_head(&a->out, kt_buf_str(&whole), f.size, err);
    if (status == KT_OK)
        status = send_file(a, &f, err);
    kt_tar_pad(&a->out, f.size);
    kt_fs_below_done(&f);
    return status;
}

/* None: the package was made without a key. Whatever else keeps it away does not pass for that. */
static enum kt_status add_signature(struct kt_api *a, struct kt_str name, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf whole = { 0 };
    struct kt_fs_below f;
    enum kt_status status =
        kt_fs_below_open(a->reports, join(&whole, name, KT_STR(SIGNATURE)), &f, err);
    if (status == KT_E_AGAIN) {
        *err = (struct kt_error){ 0 };
        return KT_OK;
    }
    if (status != KT_OK)
        return status;
    kt_fs_below_done(&f);
    return add_to_tar(a, name, KT_STR(SIGNATURE), err);
}

static enum kt_status give_all(struct kt_api *a, struct kt_str name, struct kt_jval manifest,
                               struct kt_error *err)
{
    struct kt_jval file;
    struct kt_str key;
    (void)snprintf(a->file, sizeof a->file, KT_STR_FMT ".tar", KT_STR_ARG(name));
    a->type = "application/x-tar";
    enum kt_status status = add_to_tar(a, name, KT_STR(MANIFEST), err);
    for (struct kt_json_iter it = kt_json_iter(kt_json_at(manifest, "files"));
         status == KT_OK && kt_json_next(&it, &key, &file);)
        status = add_to_tar(a, name, kt_json_str_at(file, "path"), err);
    if (status == KT_OK)
        status = add_signature(a, name, err);
    if (status == KT_OK)
        kt_tar_end(&a->out); /* one that was cut off does not end as if it were whole */
    return status;
}

enum kt_status kt_api_report_file(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_str name = kt_api_get(a, "name"), path = kt_api_get(a, "path");
    struct kt_jval m;
    if (has_folder(a, err) != KT_OK)
        return err->code;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    enum kt_status status = read_manifest(a, name, json, &text, &m, err);
    if (status == KT_OK && path.len == 0)
        status = give_all(a, name, m, err);
    else if (status == KT_OK)
        status = is_listed(m, path) ? give_file(a, name, path, err)
                                    : kt_fail(err, KT_E_AGAIN, "the package has no such file");
    kt_json_free(json);
    return status;
}
