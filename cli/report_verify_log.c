/*
 * report_verify_log: the proofs of a package: is each checkpoint the beginning of the next and of
 * the log, are the sampled events in it, and does the log begin as somebody outside saw it?
 *
 * Owns:  nothing.
 * Calls: core/proof, core/base/enc, core/event/json; stdout by kt_bundle_fault.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report_verify.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/sys/fs.h"

#define POINTS_MAX 20000u

#define ULL(v) ((unsigned long long)(v))

struct log {
    struct kt_bundle *b;
    struct kt_json *checkpoints, *consistency, *inclusion;
    struct kt_jval of_checkpoints, of_steps, of_items;
    struct kt_buf text[3];
    struct kt_head *point; /* known heads, by size; the last one is the tree's */
    unsigned n;
};

static bool read_json(struct kt_bundle *b, const char *path, struct kt_json **json,
                      struct kt_buf *text, struct kt_jval *ret)
{
    struct kt_error err = { 0 };
    unsigned repaired;
    *json = kt_json_new(KT_JSON_SIMDJSON);
    if (!kt_bundle_read(b, path, text))
        return false;
    if (kt_json_parse(*json, kt_buf_str(text), ret, &repaired, &err) == KT_OK)
        return true;
    kt_bundle_fault(b, path, "unreadable: %s", err.text);
    return false;
}

/* size and root of an object. */
static bool read_head(struct kt_jval v, struct kt_head *ret)
{
    int64_t size;
    if (!kt_json_i64(kt_json_at(v, "size"), &size) || size < 0)
        return false;
    ret->size = (uint64_t)size;
    return kt_hex_decode(kt_json_str_at(v, "root"), ret->root, 32);
}

static bool read_path(struct kt_jval v, struct kt_path *ret)
{
    struct kt_json_iter it = kt_json_iter(kt_json_at(v, "path"));
    struct kt_str name;
    struct kt_jval hash;
    ret->n = 0;
    while (kt_json_next(&it, &name, &hash)) {
        if (ret->n == KT_PATH_MAX || !kt_hex_decode(kt_json_str(hash), ret->hash[ret->n], 32))
            return false;
        ret->n++;
    }
    return true;
}

/* ---- checkpoints ---- */

static int by_size(const void *a, const void *b)
{
    const struct kt_head *x = a, *y = b;
    return x->size < y->size ? -1 : x->size > y->size;
}

static const struct kt_head *known(const struct log *l, uint64_t size)
{
    const struct kt_head want = { .size = size };
    return l->n == 0 ? NULL : bsearch(&want, l->point, l->n, sizeof want, by_size);
}

/* By one of them: keys are exchanged. */
static bool by_log(const struct kt_checkpoint *c, const struct kt_bundle_keys *keys)
{
    for (unsigned i = 0; i < keys->n_log; i++)
        if (kt_checkpoint_signed(c, &keys->log[i], NULL))
            return true;
    return keys->n_log == 0;
}

static void check_note(struct log *l, struct kt_jval v, const struct kt_bundle_keys *keys,
                       uint64_t *witnessed)
{
    static const char where[] = "integrity/checkpoints.json";
    struct kt_str note = kt_json_str_at(v, "note"), log = kt_json_str_at(l->of_checkpoints, "log");
    struct kt_checkpoint c;
    struct kt_error err = { 0 };
    struct kt_head said;
    char id[33];
    if (kt_checkpoint_read(note, &c, &err) != KT_OK || !read_head(v, &said)) {
        kt_bundle_fault(l->b, where, "%s", err.code != KT_OK ? err.text : "no size and root");
        return;
    }
    kt_hex(id, c.log_id, 16);
    if (!kt_str_is(log, id) || said.size != c.head.size || memcmp(said.root, c.head.root, 32) != 0)
        kt_bundle_fault(l->b, where, "the checkpoint at %llu is not the one it is said to be",
                        ULL(said.size));
    if (!by_log(&c, keys))
        kt_bundle_fault(l->b, where, "the checkpoint at %llu is not signed by --log-key",
                        ULL(c.head.size));
    for (unsigned i = 0; i < keys->n_witness; i++)
        if (kt_checkpoint_signed(&c, &keys->witness[i], NULL) && c.head.size > *witnessed)
            *witnessed = c.head.size;
    if (l->n < POINTS_MAX)
        l->point[l->n++] = c.head;
    else
        kt_bundle_fault(l->b, where, "more than %u checkpoints", POINTS_MAX);
}

static bool read_points(struct log *l, const struct kt_bundle_keys *keys, uint64_t *witnessed)
{
    struct kt_json_iter it = kt_json_iter(kt_json_at(l->of_checkpoints, "checkpoints"));
    struct kt_str name, root = kt_json_str_at(l->b->manifest, "log.root");
    struct kt_jval v;
    struct kt_head head;
    int64_t size = -1;
    l->point = kt_alloc_array(POINTS_MAX + 1, sizeof *l->point);
    while (kt_json_next(&it, &name, &v))
        check_note(l, v, keys, witnessed);
    (void)kt_json_i64(kt_json_at(l->b->manifest, "log.size"), &size);
    if (!read_head(l->of_checkpoints, &head) || (uint64_t)size != head.size ||
        !kt_str_eq(root, kt_json_str_at(l->of_checkpoints, "root")) ||
        !kt_str_eq(kt_json_str_at(l->b->manifest, "log.id"),
                   kt_json_str_at(l->of_checkpoints, "log"))) {
        kt_bundle_fault(l->b, "integrity/checkpoints.json",
                        "speaks of another log than the manifest");
        return false;
    }
    if (l->n > 0)
        qsort(l->point, l->n, sizeof *l->point, by_size);
    const struct kt_head *newest = l->n > 0 ? &l->point[l->n - 1] : NULL;
    if (newest != NULL && (newest->size > head.size ||
                           (newest->size == head.size && memcmp(newest->root, head.root, 32) != 0)))
        kt_bundle_fault(l->b, "integrity/checkpoints.json",
                        "the log has %llu records, a checkpoint of its own speaks of %llu or of "
                        "others: it was cut or rewritten",
                        ULL(head.size), ULL(newest->size));
    if (newest == NULL || newest->size < head.size)
        l->point[l->n++] = head;
    return true;
}

/* ---- proofs ---- */

/* Is there a step from `from` to `to` that holds? */
static bool has_step(const struct log *l, const struct kt_head *from, const struct kt_head *to)
{
    struct kt_json_iter it = kt_json_iter(kt_json_at(l->of_steps, "proofs"));
    struct kt_str name;
    struct kt_jval v;
    struct kt_path path;
    int64_t a, z;
    while (kt_json_next(&it, &name, &v))
        if (kt_json_i64(kt_json_at(v, "from"), &a) && (uint64_t)a == from->size &&
            kt_json_i64(kt_json_at(v, "to"), &z) && (uint64_t)z == to->size)
            return read_path(v, &path) && kt_merkle_extends(from, to, &path);
    return false;
}

static void check_steps(struct log *l)
{
    for (unsigned i = 1; i < l->n; i++)
        if (l->point[i].size > l->point[i - 1].size && !has_step(l, &l->point[i - 1], &l->point[i]))
            kt_bundle_fault(l->b, "integrity/consistency.json",
                            "does not show that the checkpoint at %llu is the beginning of that "
                            "at %llu",
                            ULL(l->point[i - 1].size), ULL(l->point[i].size));
}

static bool item_holds(const struct log *l, struct kt_jval v, uint64_t seq)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf record = { 0 };
    struct kt_str hex = kt_json_str_at(v, "record");
    struct kt_jval line = kt_json_at(v, "line");
    struct kt_path path;
    uint8_t hash[32];
    int64_t size;
    if (!kt_json_i64(kt_json_at(v, "size"), &size) || !read_path(v, &path) || hex.len < 2 * 44 ||
        hex.len % 2 != 0)
        return false;
    const struct kt_head *head = known(l, (uint64_t)size);
    size_t n = hex.len / 2;
    if (head == NULL || !kt_hex_decode(hex, kt_buf_reserve(&record, n), n))
        return false;
    record.len = n;
    struct kt_rd rd = kt_rd_of(kt_buf_str(&record));
    if (!kt_str_is(kt_rd_bytes(&rd, 4), "KTL1") || kt_rd_u64(&rd) != seq)
        return false;
    const struct kt_str of_line[] = { { "\0", 1 }, kt_json_str(line) };
    kt_sha256_of(of_line, 2, hash);
    if (kt_json_type(line) == KT_JSON_STRING && memcmp(hash, record.at + n - 32, 32) != 0)
        return false;
    const struct kt_str of_record[] = { { "\0", 1 }, kt_buf_str(&record) };
    kt_sha256_of(of_record, 2, hash);
    return kt_merkle_includes(head, seq - 1, hash, &path);
}

static void check_items(struct log *l)
{
    struct kt_json_iter it = kt_json_iter(kt_json_at(l->of_items, "proofs"));
    struct kt_str name;
    struct kt_jval v;
    while (kt_json_next(&it, &name, &v)) {
        int64_t seq = 0;
        if (!kt_json_i64(kt_json_at(v, "seq"), &seq) || seq < 1 || !item_holds(l, v, (uint64_t)seq))
            kt_bundle_fault(l->b, "integrity/inclusion.json",
                            "record %lld is not shown to be in the log", (long long)seq);
    }
}

/* ---- from outside ---- */

/* The proof that leads from there to a head that the package knows. */
static bool leads_here(const struct log *l, const struct kt_head *from, bool *ret_there)
{
    *ret_there = false;
    for (unsigned i = 0; i < l->n; i++) {
        struct kt_json_iter it = kt_json_iter(kt_json_at(l->of_steps, "proofs"));
        struct kt_str name;
        struct kt_jval v;
        int64_t a, z;
        while (kt_json_next(&it, &name, &v)) {
            if (!kt_json_i64(kt_json_at(v, "from"), &a) || (uint64_t)a != from->size ||
                !kt_json_i64(kt_json_at(v, "to"), &z) || (uint64_t)z != l->point[i].size)
                continue;
            *ret_there = true;
            return has_step(l, from, &l->point[i]);
        }
    }
    return false;
}

/* A log that was renewed has another id and the same records: only they count. */
static void diverged(struct log *l, const char *file, const struct kt_checkpoint *c,
                     const char *what)
{
    char id[33];
    kt_hex(id, c->log_id, 16);
    bool same = kt_str_is(kt_json_str_at(l->of_checkpoints, "log"), id);
    l->b->diverged = true;
    kt_bundle_fault(l->b, file, "%s%s%s", what, same ? "" : "; it is of another log, ",
                    same ? "" : id);
}

static uint64_t check_outside(struct log *l, const char *file, const struct kt_bundle_keys *keys)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 };
    struct kt_error err = { 0 };
    struct kt_checkpoint c;
    bool there = false;
    enum kt_status status = kt_fs_read_all(file, KT_NOTE_MAX, &note, &err);
    if (status == KT_OK)
        status = kt_checkpoint_read(kt_buf_str(&note), &c, &err);
    if (status != KT_OK) {
        kt_bundle_fault(l->b, file, "%s",
                        status == KT_E_AGAIN ? "there is no such file" : err.text);
        return 0;
    }
    if (!by_log(&c, keys)) {
        kt_bundle_fault(l->b, file, "is not signed by --log-key: no checkpoint of this log");
        return 0;
    }
    const struct kt_head *same = known(l, c.head.size), *tree = &l->point[l->n - 1];
    if (c.head.size > tree->size) {
        diverged(l, file, &c,
                 "speaks of more records than the log of this package has: its end was cut "
                 "off");
    } else if (same != NULL && memcmp(same->root, c.head.root, 32) != 0) {
        diverged(l, file, &c, "the first records of this package's log are other ones");
    } else if (same == NULL && !leads_here(l, &c.head, &there)) {
        if (there)
            diverged(l, file, &c,
                     "the log of this package does not begin with its records: it was "
                     "rewritten");
        else
            kt_bundle_fault(l->b, "integrity/consistency.json",
                            "has no proof from %llu, the size of %s: ask for a package made with "
                            "--checkpoint",
                            ULL(c.head.size), file);
    } else {
        return c.head.size;
    }
    return 0;
}

uint64_t kt_bundle_log(struct kt_bundle *b, const struct kt_bundle_keys *keys,
                       const char *const *outside, unsigned n_outside)
{
    struct log l = { .b = b };
    uint64_t anchor = 0;
    bool whole =
        read_json(b, "integrity/checkpoints.json", &l.checkpoints, &l.text[0], &l.of_checkpoints);
    whole = read_json(b, "integrity/consistency.json", &l.consistency, &l.text[1], &l.of_steps) &&
            whole;
    whole =
        read_json(b, "integrity/inclusion.json", &l.inclusion, &l.text[2], &l.of_items) && whole;
    if (whole && read_points(&l, keys, &anchor)) {
        check_steps(&l);
        check_items(&l);
        for (unsigned i = 0; i < n_outside; i++) {
            uint64_t to = check_outside(&l, outside[i], keys);
            anchor = to > anchor ? to : anchor;
        }
    }
    kt_json_free(l.checkpoints);
    kt_json_free(l.consistency);
    kt_json_free(l.inclusion);
    for (unsigned i = 0; i < KT_ARRAY_LEN(l.text); i++)
        kt_buf_done(&l.text[i]);
    kt_free(l.point);
    return anchor;
}
