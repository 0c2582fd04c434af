/*
 * report_verify: `keytrail report verify DIR`: is a package what was signed, whole, and does its
 * log stand? verify_bundle.py asks the same questions without this program.
 *
 * Owns:  nothing.
 * Calls: core/proof, core/sys/fs, core/event/json, report_verify_log; stdout.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/report_cmd.h"
#include "cli/report_verify.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/proof/minisign.h"
#include "core/sys/fs.h"

#define READ_BYTES  (64u << 10)
#define OUTSIDE_MAX (64u << 20) /* bytes of a file of checkpoints */

void kt_bundle_fault(struct kt_bundle *b, const char *where, const char *fmt, ...)
{
    char text[400];
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    kt_tty_add(&line, kt_str_of(where));
    kt_buf_addz(&line, ": ");
    kt_tty_add(&line, kt_str_of(text));
    printf("FAULT %s\n", kt_buf_z(&line));
    b->faults++;
}

static char *path_of(const struct kt_bundle *b, const char *path)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf whole = { 0 };
    kt_buf_addf(&whole, "%s/%s", b->folder, path);
    return kt_strdup(kt_buf_z(&whole));
}

bool kt_bundle_read(struct kt_bundle *b, const char *path, size_t max, struct kt_buf *ret)
{
    KT_CLEANUP(kt_free_ptr) char *whole = path_of(b, path);
    struct kt_error err = { 0 };
    enum kt_status status = kt_fs_read_all(whole, max, ret, &err);
    if (status != KT_OK)
        kt_bundle_fault(b, path, "%s", status == KT_E_AGAIN ? "is missing" : err.text);
    return status == KT_OK;
}

/* ---- the signature ---- */

/* RW…, or a file that holds it. */
static enum kt_status read_key(const char *given, struct kt_minisign_public *ret,
                               struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf file = { 0 };
    enum kt_status status = kt_fs_read_all(given, KT_MINISIGN_FILE_MAX, &file, err);
    if (status != KT_OK && status != KT_E_AGAIN)
        return kt_wrap(err, "--key");
    status =
        kt_minisign_public_read(status == KT_OK ? kt_buf_str(&file) : kt_str_of(given), ret, err);
    return status == KT_OK ? KT_OK : kt_wrap(err, "--key");
}

static void check_signature(struct kt_bundle *b, const struct kt_minisign_public *key)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf sig = { 0 };
    struct kt_error err = { 0 };
    if (kt_bundle_read(b, "manifest.json.minisig", KT_BUNDLE_JSON, &sig) &&
        kt_minisign_check(key, kt_buf_str(&b->manifest_text), kt_buf_str(&sig), &err) != KT_OK)
        kt_bundle_fault(b, "manifest.json", "%s", err.text);
}

/* ---- every file, as it was, and no other ---- */

/* Ends of records outside quotes, less the head. */
struct rows {
    bool quoted;
    int64_t ends;
};

static void count_rows(struct rows *r, const char *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        r->quoted = r->quoted != (at[i] == '"');
        r->ends += at[i] == '\n' && !r->quoted;
    }
}

/* Its rows and sum, read once. */
static enum kt_status sum_file(const char *path, int64_t *ret_rows, char ret_hex[65],
                               struct kt_error *err)
{
    KT_CLEANUP(kt_free_ptr) char *buf = kt_alloc(READ_BYTES);
    struct kt_file *f;
    struct rows rows = { false, -1 };
    uint8_t hash[32];
    size_t n = 0;
    if (kt_fs_real.open(kt_fs_real.self, path, KT_OPEN_READ, &f, err) != KT_OK)
        return err->code;
    struct kt_sha256 *sum = kt_sha256_new();
    enum kt_status status;
    uint64_t at = 0;
    do {
        status = kt_fs_real.read_at(f, at, buf, READ_BYTES, &n, err);
        if (status == KT_OK && n > 0) {
            kt_sha256_add(sum, buf, n);
            count_rows(&rows, buf, n);
            at += n;
        }
    } while (status == KT_OK && n > 0);
    kt_sha256_end(sum, hash);
    kt_sha256_free(sum);
    kt_fs_real.close(f);
    kt_hex(ret_hex, hash, sizeof hash);
    *ret_rows = rows.ends;
    return status;
}

/* Is it there, and as large as it should be? What has no end, or was made larger, is not read. */
static bool has_size(struct kt_bundle *b, const char *path, const char *whole, int64_t said)
{
    struct kt_error err = { 0 };
    struct kt_stat st;
    enum kt_status status = kt_fs_real.stat(kt_fs_real.self, whole, &st, &err);
    if (status != KT_OK)
        kt_bundle_fault(b, path, "%s", status == KT_E_AGAIN ? "is missing" : err.text);
    else if (!st.is_file)
        kt_bundle_fault(b, path, "is no plain file");
    else if (said < 0 || st.size != (uint64_t)said)
        kt_bundle_fault(b, path, "was changed: %" PRIu64 " bytes, the manifest says %" PRId64,
                        st.size, said);
    else
        return true;
    return false;
}

static void check_file(struct kt_bundle *b, const char *path, struct kt_jval said)
{
    KT_CLEANUP(kt_free_ptr) char *whole = path_of(b, path);
    struct kt_error err = { 0 };
    int64_t rows = 0, said_bytes = -1, said_rows = -1;
    char hex[65];
    (void)kt_json_i64(kt_json_at(said, "bytes"), &said_bytes);
    if (!has_size(b, path, whole, said_bytes))
        return;
    if (sum_file(whole, &rows, hex, &err) != KT_OK) {
        kt_bundle_fault(b, path, "%s", err.text);
        return;
    }
    if (!kt_str_is(kt_json_str_at(said, "sha256"), hex))
        kt_bundle_fault(b, path, "was changed: its SHA-256 is another one");
    if (kt_json_i64(kt_json_at(said, "rows"), &said_rows) && rows != said_rows)
        kt_bundle_fault(b, path, "has %" PRId64 " rows, the manifest says %" PRId64, rows,
                        said_rows);
}

struct walk {
    struct kt_bundle *b;
    struct kt_map *listed;
    const char *below; /* "csv/", or "" */
};

static void take_entry(void *self, const char *name)
{
    struct walk *w = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    struct kt_stat st;
    kt_buf_addf(&path, "%s%s", w->below, name);
    KT_CLEANUP(kt_free_ptr) char *whole = path_of(w->b, kt_buf_z(&path));
    bool known = kt_map_get(w->listed, kt_buf_str(&path)) != KT_MAP_NONE ||
                 kt_str_is(kt_buf_str(&path), "manifest.json") ||
                 kt_str_is(kt_buf_str(&path), "manifest.json.minisig");
    if (kt_fs_real.stat(kt_fs_real.self, whole, &st, NULL) == KT_OK && st.is_dir &&
        w->below[0] == '\0') {
        kt_buf_byte(&path, '/');
        struct walk inner = { w->b, w->listed, kt_buf_z(&path) };
        (void)!kt_fs_real.list(kt_fs_real.self, whole, take_entry, &inner, NULL);
    } else if (!known) {
        kt_bundle_fault(w->b, kt_buf_z(&path), "is not in the manifest: it was added");
    }
}

/* A path that stays inside the folder. */
static bool stays_inside(struct kt_str path)
{
    return path.len > 0 && path.at[0] != '/' && !kt_str_has(path, KT_STR("..")) &&
           kt_str_find_byte(path, '\0', 0) < 0;
}

static unsigned check_files(struct kt_bundle *b)
{
    struct kt_jval files = kt_json_at(b->manifest, "files"), file;
    struct kt_json_iter it = kt_json_iter(files);
    struct kt_map *listed = kt_map_new(1);
    struct kt_str name;
    while (kt_json_next(&it, &name, &file)) {
        struct kt_str path = kt_json_str_at(file, "path");
        bool added = false;
        KT_CLEANUP(kt_free_ptr) char *z = kt_str_dup(path);
        (void)kt_map_put(listed, path, &added);
        if (!stays_inside(path) || !added)
            kt_bundle_fault(b, "manifest.json", "a path that leaves the folder, or stands twice");
        else
            check_file(b, z, file);
    }
    struct walk w = { b, listed, "" };
    struct kt_error err = { 0 };
    if (kt_fs_real.list(kt_fs_real.self, b->folder, take_entry, &w, &err) != KT_OK)
        kt_bundle_fault(b, b->folder, "%s", err.text);
    unsigned n = kt_map_count(listed);
    kt_map_free(listed);
    return n;
}

/* ---- the report's totals ---- */

static struct kt_jval listed_as(const struct kt_bundle *b, struct kt_str path)
{
    struct kt_json_iter it = kt_json_iter(kt_json_at(b->manifest, "files"));
    struct kt_str name;
    struct kt_jval file;
    while (kt_json_next(&it, &name, &file))
        if (kt_str_eq(kt_json_str_at(file, "path"), path))
            return file;
    return (struct kt_jval){ NULL };
}

/* What stands between two marks behind *at, which moves there. */
static struct kt_str between(struct kt_str page, size_t *at, struct kt_str open, struct kt_str end)
{
    ptrdiff_t from = kt_str_find(page, open, *at);
    ptrdiff_t to = from < 0 ? -1 : kt_str_find(page, end, (size_t)from + open.len);
    if (to < 0)
        return KT_STR_NONE;
    *at = (size_t)to;
    return kt_str_sub(page, (size_t)from + open.len, (size_t)to - (size_t)from - open.len);
}

/* 1,204 */
static int64_t number_of(struct kt_str s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] != ',' && (s.at[i] < '0' || s.at[i] > '9' || n > INT64_MAX / 100))
            return -1;
        else if (s.at[i] != ',')
            n = 10 * n + (s.at[i] - '0');
    return n;
}

/* Below each table of the report stand its rows, its file and the file's SHA-256. */
static void check_totals(struct kt_bundle *b)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf page = { 0 };
    struct kt_map *seen = kt_map_new(1);
    struct kt_json_iter it = kt_json_iter(kt_json_at(b->manifest, "files"));
    struct kt_str name, rows;
    struct kt_jval file;
    size_t at = 0;
    bool there = kt_bundle_read(b, "report.html", KT_BUNDLE_JSON, &page);
    while (
        there &&
        (rows = between(kt_buf_str(&page), &at, KT_STR("<p class=\"source\">"), KT_STR(" "))).len >
            0) {
        struct kt_str text = kt_buf_str(&page);
        struct kt_str path = between(text, &at, KT_STR("<a href=\""), KT_STR("\""));
        struct kt_str sum = between(text, &at, KT_STR("SHA-256 <code>"), KT_STR("<"));
        int64_t said = -1;
        file = listed_as(b, path);
        (void)kt_json_i64(kt_json_at(file, "rows"), &said);
        (void)kt_map_put(seen, path, NULL);
        if (said != number_of(rows) || !kt_str_eq(sum, kt_json_str_at(file, "sha256")))
            kt_bundle_fault(b, "report.html", "its total of " KT_STR_FMT " is not that of the file",
                            KT_STR_ARG(path));
    }
    while (there && kt_json_next(&it, &name, &file)) {
        struct kt_str path = kt_json_str_at(file, "path");
        if (kt_str_starts(path, KT_STR("csv/")) && kt_map_get(seen, path) == KT_MAP_NONE)
            kt_bundle_fault(b, "report.html", "does not speak of " KT_STR_FMT, KT_STR_ARG(path));
    }
    kt_map_free(seen);
}

/* ---- all of it ---- */

static bool open_bundle(struct kt_bundle *b)
{
    struct kt_error err = { 0 };
    unsigned repaired = 0;
    int64_t last = 0;
    b->json = kt_json_new(KT_JSON_SIMDJSON);
    if (!kt_bundle_read(b, "manifest.json", KT_BUNDLE_JSON, &b->manifest_text))
        return false;
    if (kt_json_parse(b->json, kt_buf_str(&b->manifest_text), &b->manifest, &repaired, &err) !=
            KT_OK ||
        repaired > 0 || !kt_json_i64(kt_json_at(b->manifest, "log.last"), &last) || last < 0) {
        kt_bundle_fault(b, "manifest.json", "unreadable: %s",
                        err.code != KT_OK ? err.text : "it is not one of this program");
        return false;
    }
    b->last = (uint64_t)last;
    return true;
}

static void read_verdict(struct kt_bundle *b)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    static const char *const bad[] = { "tampered", "diverged", "unreadable" };
    struct kt_str rest, line;
    if (!kt_bundle_read(b, "integrity/verify.txt", KT_BUNDLE_JSON, &text))
        return;
    rest = kt_buf_str(&text);
    if (!kt_str_split(&rest, '\n', &line) || !kt_str_starts(line, KT_STR("verdict: "))) {
        kt_bundle_fault(b, "integrity/verify.txt", "says no verdict");
        return;
    }
    line = kt_str_from_index(line, strlen("verdict: "));
    kt_tty_add(&b->said, line);
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++)
        if (kt_str_starts(line, kt_str_of(bad[i])))
            kt_bundle_fault(b, "integrity/verify.txt",
                            "the log did not verify when the package was made: %s", bad[i]);
}

/* The words of THREATS T8; never "ok" for what nobody outside vouches for. */
static int verdict(struct kt_bundle *b, bool has_key, unsigned files, uint64_t anchor)
{
    bool hashed = !kt_str_starts(kt_buf_str(&b->said), KT_STR("not verified"));
    if (b->faults > 0) {
        printf(b->diverged
                   ? "DIVERGED: a checkpoint from outside contradicts this log (%u faults)\n"
                   : "TAMPERED OR BROKEN: %u faults\n",
               b->faults);
        return KT_EXIT_NO;
    }
    KT_CLEANUP(kt_buf_done) struct kt_buf id = { 0 };
    kt_tty_add(&id, kt_json_str_at(b->manifest, "package"));
    printf("package     %s, %u files\n", kt_buf_z(&id), files);
    printf("signature   %s\n", has_key ? "by your key"
                                       : "NOT CHECKED: give --key, from a place other than this "
                                         "package");
    printf("the log     when the package was made: %s\n", kt_buf_z(&b->said));
    const char *word = hashed ? "VERIFIED" : "LINES NOT HASHED AGAIN WHEN IT WAS MADE";
    if (!has_key)
        printf("CONSISTENT, BUT NOBODY VOUCHES FOR IT: the signature was not checked\n");
    else if (anchor == 0)
        printf("%s, UNANCHORED: no checkpoint from outside; a log rewritten as a whole would look "
               "the same\n",
               word);
    else if (anchor < b->last)
        printf("%s, TAIL NOT ANCHORED: witnessed to record %" PRIu64
               ", the period goes on to record %" PRIu64 "\n",
               word, anchor, b->last);
    else
        printf("%s, WITNESSED to record %" PRIu64 "\n", word, anchor);
    return has_key && anchor > 0 && anchor >= b->last && hashed ? KT_EXIT_OK : KT_EXIT_PARTIAL;
}

/* ---- what whoever checks brings along: a slip there is no fault of the package ---- */

static enum kt_status take_note_key(struct kt_str text, enum kt_note_type type,
                                    struct kt_note_key *ret, unsigned *ret_n, struct kt_error *err)
{
    struct kt_note_key key;
    if (*ret_n == KT_BUNDLE_KEYS)
        return kt_fail(err, KT_E_INPUT, "more than %u keys", KT_BUNDLE_KEYS);
    if (kt_note_key_read(text, &key, err) != KT_OK)
        return err->code;
    if (key.type != type) /* a log does not witness itself */
        return kt_fail(err, KT_E_INPUT, "'%s' is the key of a %s", key.name,
                       key.type == KT_NOTE_LOG ? "log" : "witness");
    ret[(*ret_n)++] = key;
    return KT_OK;
}

/* Keys themselves, or files with one a line. */
static enum kt_status read_note_keys(const struct kt_flag_many *given, const char *flag,
                                     enum kt_note_type type, struct kt_note_key *ret,
                                     unsigned *ret_n, struct kt_error *err)
{
    for (unsigned i = 0; i < given->n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf file = { 0 };
        enum kt_status status = kt_fs_read_all(given->at[i], KT_NOTE_MAX, &file, err);
        if (status != KT_OK && status != KT_E_AGAIN)
            return kt_wrap(err, "%s", flag);
        struct kt_str rest = status == KT_OK ? kt_buf_str(&file) : kt_str_of(given->at[i]), line;
        rest = kt_str_trim(rest);
        while (kt_str_split(&rest, '\n', &line))
            if (take_note_key(line, type, ret, ret_n, err) != KT_OK)
                return kt_wrap(err, "%s", flag);
    }
    return KT_OK;
}

static enum kt_status read_outside(const struct kt_flag_many *given, struct kt_bundle_outside *ret,
                                   struct kt_error *err)
{
    for (unsigned i = 0; i < given->n; i++) {
        struct kt_bundle_outside *o = &ret[i];
        struct kt_str rest, note;
        o->path = given->at[i];
        enum kt_status status = kt_fs_read_all(o->path, OUTSIDE_MAX, &o->text, err);
        if (status == KT_E_AGAIN)
            return kt_fail(err, KT_E_INPUT, "--checkpoint: there is no file '%s'", o->path);
        if (status != KT_OK)
            return kt_wrap(err, "--checkpoint");
        rest = kt_buf_str(&o->text);
        if (!kt_note_next(&rest, &note))
            return kt_fail(err, KT_E_INPUT, "--checkpoint %s: there is no checkpoint in it",
                           o->path);
    }
    return KT_OK;
}

/* The package itself, with what was brought along. */
static int check(struct kt_bundle *b, const struct kt_minisign_public *key,
                 const struct kt_bundle_keys *keys, const struct kt_bundle_outside *outside,
                 unsigned n_outside)
{
    uint64_t anchor = 0;
    unsigned files = 0;
    if (open_bundle(b)) {
        if (key != NULL)
            check_signature(b, key);
        files = check_files(b);
        check_totals(b);
        anchor = kt_bundle_log(b, keys, outside, n_outside);
        read_verdict(b);
    }
    int code = verdict(b, key != NULL, files, anchor);
    kt_json_free(b->json);
    kt_buf_done(&b->manifest_text);
    kt_buf_done(&b->said);
    return code;
}

/* A slip of whoever checks is no fault of a package. */
static bool is_folder(const char *path)
{
    struct kt_stat st;
    if (kt_fs_real.stat(kt_fs_real.self, path, &st, NULL) == KT_OK && st.is_dir)
        return true;
    fprintf(stderr, "keytrail report verify: there is no folder '%s'\n", path);
    return false;
}

int kt_report_verify(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "report verify",
        "DIR [--key PUB] [--checkpoint FILE]",
        "check a package: its signature, its files, its log; exit 0 verified and witnessed, 1 a "
        "fault, 7 not anchored",
        "keytrail report verify evidence-acme-20251001-20260930 --key RW… --checkpoint june.note",
        NULL,
        NULL
    };
    const char *key_given = NULL;
    struct kt_flag_many outside = { 0 }, log = { 0 }, witness = { 0 };
    const struct kt_flag flags[] = {
        { "--key", 0, KT_FLAG_STRING, "PUB", "the signer's public key that you hold, or its file",
          &key_given, NULL },
        { "--checkpoint", 0, KT_FLAG_MANY, "FILE", "checkpoints that were kept outside", &outside,
          NULL },
        { "--log-key", 0, KT_FLAG_MANY, "VKEY", "the log's public key, or a file of some", &log,
          NULL },
        { "--witness", 0, KT_FLAG_MANY, "VKEY", "the public key of a witness, or a file of some",
          &witness, NULL },
        { 0 },
    };
    struct kt_bundle b = { .folder = NULL };
    struct kt_bundle_keys keys = { .n_log = 0 };
    struct kt_minisign_public key;
    struct kt_bundle_outside held[KT_FLAGS_MAX_MANY] = { 0 };
    struct kt_error err = { 0 };
    int code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 1, &code))
        return code;
    if (!is_folder(argv[1]))
        return KT_EXIT_USAGE;
    if ((key_given != NULL && read_key(key_given, &key, &err) != KT_OK) ||
        read_note_keys(&log, "--log-key", KT_NOTE_LOG, keys.log, &keys.n_log, &err) != KT_OK ||
        read_note_keys(&witness, "--witness", KT_NOTE_COSIGNATURE, keys.witness, &keys.n_witness,
                       &err) != KT_OK ||
        read_outside(&outside, held, &err) != KT_OK) {
        code = kt_cli_fail("report verify", &err);
    } else {
        b.folder = argv[1];
        code = check(&b, key_given != NULL ? &key : NULL, &keys, held, outside.n);
    }
    for (unsigned i = 0; i < outside.n; i++)
        kt_buf_done(&held[i].text);
    return code;
}
