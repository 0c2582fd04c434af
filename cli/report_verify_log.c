/*
 * report_verify_log: the proofs of a package: is each checkpoint the beginning of the next and of
 * the log, are the sampled events in it, and does the log begin as somebody outside saw it?
 *
 * Owns:  nothing.
 * Calls: core/proof, core/base/enc, core/event/json; stdout.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report_verify.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/log.h"

#define POINTS_MAX     20000u
#define STEPS_MAX      40000u
#define TOMBSTONES_MAX (256u << 20) /* bytes: a line a segment that was removed */

#define ULL(v)      ((unsigned long long)(v))
#define CHECKPOINTS "integrity/checkpoints.json"

struct point { /* a head that the package knows of */
    struct kt_head head;
    bool compared;  /* false: retention took records there, and with them the root */
    bool witnessed; /* by a key that whoever checks holds */
};
struct step {
    uint64_t from, to;
    struct kt_jval v;
};
struct run { /* sizes in [first, last) have no root any more */
    uint64_t first, last;
};
struct log {
    struct kt_bundle *b;
    const struct kt_bundle_keys *keys;
    struct kt_json *checkpoints, *consistency, *inclusion;
    struct kt_jval of_checkpoints, of_steps, of_items;
    struct kt_buf text[3];
    struct kt_head tree;
    struct point
        *point; /* by size; once read_points is through, only what is compared, one a size */
    unsigned n;
    struct step *step; /* by from */
    unsigned n_steps;
    struct run *removed;
    size_t n_removed;
};

static bool read_json(struct kt_bundle *b, const char *path, struct kt_json **json,
                      struct kt_buf *text, struct kt_jval *ret)
{
    struct kt_error err = { 0 };
    unsigned repaired;
    *json = kt_json_new(KT_JSON_SIMDJSON);
    if (!kt_bundle_read(b, path, KT_BUNDLE_JSON, text))
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

/* ---- what retention took ---- */

static void take_runs(struct log *l, struct kt_jval runs)
{
    struct kt_json_iter it = kt_json_iter(runs);
    struct kt_str name;
    struct kt_jval v;
    int64_t first, count;
    while (kt_json_next(&it, &name, &v)) {
        if (!kt_json_i64(kt_json_at(v, "first"), &first) || first < 1 ||
            !kt_json_i64(kt_json_at(v, "count"), &count) || count < 1 || count > INT64_MAX - first)
            continue;
        if ((l->n_removed & (l->n_removed - 1)) == 0)
            l->removed = kt_realloc_array(l->removed, 2 * l->n_removed + 1, sizeof *l->removed);
        l->removed[l->n_removed++] = (struct run){ (uint64_t)first, (uint64_t)(first + count - 1) };
    }
}

static void read_removed(struct log *l)
{
    static const char path[] = "integrity/tombstones.ndjson";
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_str rest, line;
    struct kt_jval v;
    unsigned repaired;
    bool whole = kt_bundle_read(l->b, path, TOMBSTONES_MAX, &text);
    rest = kt_buf_str(&text);
    while (whole && rest.len > 0 && kt_str_split(&rest, '\n', &line))
        if (kt_json_parse(json, line, &v, &repaired, NULL) == KT_OK)
            take_runs(l, kt_json_at(v, "raw.runs"));
        else
            kt_bundle_fault(l->b, path, "a line of it is unreadable");
    kt_json_free(json);
}

static bool is_removed(const struct log *l, uint64_t size)
{
    for (size_t i = 0; i < l->n_removed; i++)
        if (size >= l->removed[i].first && size < l->removed[i].last)
            return true;
    return false;
}

/* ---- checkpoints ---- */

/* What is compared stands before what is not. */
static int by_size(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    if (x->head.size != y->head.size)
        return x->head.size < y->head.size ? -1 : 1;
    return y->compared - x->compared;
}

static const struct kt_head *known(const struct log *l, uint64_t size)
{
    const struct point want = { .head.size = size, .compared = true };
    const struct point *found =
        l->n == 0 ? NULL : bsearch(&want, l->point, l->n, sizeof want, by_size);
    return found == NULL ? NULL : &found->head;
}

static bool by_one_of(const struct kt_checkpoint *c, const struct kt_note_key *key, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (kt_checkpoint_signed(c, &key[i], NULL))
            return true;
    return false;
}

/* By one of the log's keys, as far as any is held: keys are exchanged. */
static bool by_log(const struct log *l, const struct kt_checkpoint *c)
{
    return l->keys->n_log == 0 || by_one_of(c, l->keys->log, l->keys->n_log);
}

/* No fault, and nothing that anybody vouches for. */
static void say_of_some(const char *word, const char *where, unsigned n, uint64_t newest,
                        const char *what)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    kt_tty_add(&line, kt_str_of(where));
    if (n > 0)
        printf("%s %s: %u checkpoints, the newest at %" PRIu64 ": %s\n", word, kt_buf_z(&line), n,
               newest, what);
}

static void say_not_counted(const char *where, unsigned n, uint64_t newest)
{
    say_of_some("NOT COUNTED", where, n, newest, "signed by a key that was not given (--log-key)");
}

static void say_retained_out(const char *where, unsigned n, uint64_t newest)
{
    say_of_some("RETAINED OUT", where, n, newest, "retention took records there, and their roots");
}

/* Adds a checkpoint of the package. false: no key of the log that was given has signed it. */
static bool take_note(struct log *l, struct kt_jval v, struct kt_checkpoint *c)
{
    struct kt_str note = kt_json_str_at(v, "note"), log = kt_json_str_at(l->of_checkpoints, "log");
    struct kt_error err = { 0 };
    struct kt_head said;
    char id[33];
    bool compared, ours;
    if (kt_checkpoint_read(note, c, &err) != KT_OK || !read_head(v, &said)) {
        kt_bundle_fault(l->b, CHECKPOINTS, "%s", err.code != KT_OK ? err.text : "no size and root");
        return true;
    }
    kt_hex(id, c->log_id, 16);
    if (!kt_str_is(log, id) || said.size != c->head.size ||
        memcmp(said.root, c->head.root, 32) != 0)
        kt_bundle_fault(l->b, CHECKPOINTS, "the checkpoint at %llu is not the one it is said to be",
                        ULL(said.size));
    compared = kt_json_bool(kt_json_at(v, "comparable"), true);
    ours = by_log(l, c);
    l->point[l->n++] =
        (struct point){ .head = c->head,
                        .compared = compared,
                        .witnessed = compared && ours &&
                                     by_one_of(c, l->keys->witness, l->keys->n_witness) };
    return ours || !compared;
}

static void take_notes(struct log *l)
{
    struct kt_json_iter it = kt_json_iter(kt_json_at(l->of_checkpoints, "checkpoints"));
    struct kt_checkpoint c;
    struct kt_str name;
    struct kt_jval v;
    unsigned others = 0;
    uint64_t newest = 0;
    while (kt_json_next(&it, &name, &v) && l->n < POINTS_MAX)
        if (!take_note(l, v, &c)) {
            others++;
            newest = c.head.size > newest ? c.head.size : newest;
        }
    if (l->n == POINTS_MAX)
        kt_bundle_fault(l->b, CHECKPOINTS, "%u checkpoints or more", POINTS_MAX);
    say_not_counted(CHECKPOINTS, others, newest);
}

static bool read_tree(struct log *l)
{
    struct kt_str root = kt_json_str_at(l->b->manifest, "log.root");
    int64_t size = -1;
    (void)kt_json_i64(kt_json_at(l->b->manifest, "log.size"), &size);
    if (read_head(l->of_checkpoints, &l->tree) && (uint64_t)size == l->tree.size &&
        kt_str_eq(root, kt_json_str_at(l->of_checkpoints, "root")) &&
        kt_str_eq(kt_json_str_at(l->b->manifest, "log.id"),
                  kt_json_str_at(l->of_checkpoints, "log")))
        return true;
    kt_bundle_fault(l->b, CHECKPOINTS, "speaks of another log than the manifest");
    return false;
}

/* Two trees of one size are two histories, whoever signed them. */
static void check_roots(const struct log *l)
{
    for (unsigned i = 1; i < l->n; i++)
        if (l->point[i].head.size == l->point[i - 1].head.size &&
            memcmp(l->point[i].head.root, l->point[i - 1].head.root, 32) != 0)
            kt_bundle_fault(l->b, CHECKPOINTS,
                            "two checkpoints at %llu have different roots: the log was rewritten",
                            ULL(l->point[i].head.size));
    if (l->point[l->n - 1].head.size != l->tree.size)
        kt_bundle_fault(l->b, CHECKPOINTS,
                        "the log has %llu records, a checkpoint of its own speaks of %llu: it was "
                        "cut",
                        ULL(l->tree.size), ULL(l->point[l->n - 1].head.size));
}

/* Leaves one point a size, and none that nothing can be compared with. */
static void keep_compared(struct log *l)
{
    unsigned n = 0, away = 0;
    uint64_t newest = 0;
    for (unsigned i = 0; i < l->n; i++) {
        const struct point *p = &l->point[i];
        if (!p->compared && !is_removed(l, p->head.size))
            kt_bundle_fault(l->b, CHECKPOINTS,
                            "the checkpoint at %llu is said not to be comparable, and retention "
                            "took no records there",
                            ULL(p->head.size));
        if (!p->compared) {
            away++;
            newest = p->head.size;
        } else if (n > 0 && l->point[n - 1].head.size == p->head.size) {
            l->point[n - 1].witnessed |= p->witnessed;
        } else {
            l->point[n++] = *p;
        }
    }
    l->n = n;
    say_retained_out(CHECKPOINTS, away, newest);
}

static bool read_points(struct log *l)
{
    l->point = kt_alloc_array(POINTS_MAX + 1, sizeof *l->point);
    if (!read_tree(l))
        return false;
    take_notes(l);
    l->point[l->n++] = (struct point){ .head = l->tree, .compared = true };
    qsort(l->point, l->n, sizeof *l->point, by_size);
    check_roots(l);
    keep_compared(l);
    return true;
}

/* ---- proofs ---- */

static int by_from(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

static void read_steps(struct log *l)
{
    struct kt_json_iter it = kt_json_iter(kt_json_at(l->of_steps, "proofs"));
    struct kt_str name;
    struct kt_jval v;
    int64_t from, to;
    l->step = kt_alloc_array(STEPS_MAX, sizeof *l->step);
    while (kt_json_next(&it, &name, &v) && l->n_steps < STEPS_MAX)
        if (kt_json_i64(kt_json_at(v, "from"), &from) && kt_json_i64(kt_json_at(v, "to"), &to))
            l->step[l->n_steps++] = (struct step){ (uint64_t)from, (uint64_t)to, v };
    if (l->n_steps == STEPS_MAX)
        kt_bundle_fault(l->b, "integrity/consistency.json", "%u proofs or more", STEPS_MAX);
    if (l->n_steps > 0)
        qsort(l->step, l->n_steps, sizeof *l->step, by_from);
}

/* The first step from a size; n_steps: there is none. */
static unsigned first_step(const struct log *l, uint64_t from)
{
    unsigned low = 0, high = l->n_steps;
    while (low < high) {
        unsigned mid = low + (high - low) / 2;
        if (l->step[mid].from < from)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool step_holds(const struct step *s, const struct kt_head *from, const struct kt_head *to)
{
    struct kt_path path;
    return read_path(s->v, &path) && kt_merkle_extends(from, to, &path);
}

/* Is there a step from `from` to `to` that holds? */
static bool has_step(const struct log *l, const struct kt_head *from, const struct kt_head *to)
{
    for (unsigned i = first_step(l, from->size); i < l->n_steps && l->step[i].from == from->size;
         i++)
        if (l->step[i].to == to->size)
            return step_holds(&l->step[i], from, to);
    return false;
}

static void check_steps(struct log *l)
{
    for (unsigned i = 1; i < l->n; i++)
        if (!has_step(l, &l->point[i - 1].head, &l->point[i].head))
            kt_bundle_fault(l->b, "integrity/consistency.json",
                            "does not show that the checkpoint at %llu is the beginning of that "
                            "at %llu",
                            ULL(l->point[i - 1].head.size), ULL(l->point[i].head.size));
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

enum outside { FITS, CUT, REWRITTEN, RETAINED_OUT, UNPROVED, OUTSIDE_KINDS };
struct tally { /* of one file: how many of each kind, the first and the newest of them */
    unsigned n[OUTSIDE_KINDS], others;
    struct kt_head first[OUTSIDE_KINDS];
    uint64_t newest[OUTSIDE_KINDS], newest_other, anchor;
    uint8_t log_id[16]; /* of the first that contradicts */
};

/* All proofs that lead from it to a head that the package knows must hold. */
static enum outside compare(const struct log *l, const struct kt_head *head)
{
    const struct kt_head *same = known(l, head->size), *to;
    bool led = same != NULL;
    if (head->size > l->tree.size)
        return CUT;
    if (same != NULL && memcmp(same->root, head->root, 32) != 0)
        return REWRITTEN;
    for (unsigned i = first_step(l, head->size); i < l->n_steps && l->step[i].from == head->size;
         i++) {
        if ((to = known(l, l->step[i].to)) == NULL)
            continue;
        if (!step_holds(&l->step[i], head, to))
            return REWRITTEN;
        led = true;
    }
    return led ? FITS : is_removed(l, head->size) ? RETAINED_OUT : UNPROVED;
}

static void take_outside(const struct log *l, const struct kt_checkpoint *c, struct tally *t)
{
    enum outside kind = compare(l, &c->head);
    if ((kind == CUT || kind == REWRITTEN) && t->n[CUT] + t->n[REWRITTEN] == 0)
        memcpy(t->log_id, c->log_id, 16);
    if (t->n[kind]++ == 0)
        t->first[kind] = c->head;
    if (c->head.size > t->newest[kind])
        t->newest[kind] = c->head.size;
    if (kind != FITS)
        return;
    if (by_log(l, c)) {
        t->anchor = c->head.size > t->anchor ? c->head.size : t->anchor;
    } else {
        t->others++;
        t->newest_other = c->head.size > t->newest_other ? c->head.size : t->newest_other;
    }
}

/* A log that was renewed has another id and the same records: only they count. */
static void diverged(struct log *l, const char *file, const struct tally *t)
{
    bool cut = t->n[CUT] > 0;
    char id[33];
    kt_hex(id, t->log_id, 16);
    bool same = kt_str_is(kt_json_str_at(l->of_checkpoints, "log"), id);
    l->b->diverged = true;
    kt_bundle_fault(l->b, file, "speaks of %llu records, and the package's log %s%s%s",
                    ULL(t->first[cut ? CUT : REWRITTEN].size),
                    cut ? "has fewer: its end was cut off"
                        : "begins with other ones: it was rewritten",
                    same ? "" : "; it is of another log, ", same ? "" : id);
}

/* All checkpoints of a file must fit; the newest counts. */
static uint64_t check_outside(struct log *l, const struct kt_bundle_outside *o)
{
    struct kt_str rest = kt_buf_str(&o->text), note;
    struct kt_checkpoint c;
    struct tally t = { .n = { 0 } };
    while (kt_note_next(&rest, &note))
        if (kt_checkpoint_read(note, &c, NULL) == KT_OK)
            take_outside(l, &c, &t);
    if (t.n[CUT] + t.n[REWRITTEN] > 0)
        diverged(l, o->path, &t);
    if (t.n[UNPROVED] > 0)
        kt_bundle_fault(l->b, "integrity/consistency.json",
                        "has no proof from %llu, a size of %s: ask for a package made with "
                        "--checkpoint",
                        ULL(t.first[UNPROVED].size), o->path);
    say_retained_out(o->path, t.n[RETAINED_OUT], t.newest[RETAINED_OUT]);
    say_not_counted(o->path, t.others, t.newest_other);
    return t.anchor;
}

uint64_t kt_bundle_log(struct kt_bundle *b, const struct kt_bundle_keys *keys,
                       const struct kt_bundle_outside *outside, unsigned n_outside)
{
    struct log l = { .b = b, .keys = keys };
    uint64_t anchor = 0;
    bool whole = read_json(b, CHECKPOINTS, &l.checkpoints, &l.text[0], &l.of_checkpoints);
    whole = read_json(b, "integrity/consistency.json", &l.consistency, &l.text[1], &l.of_steps) &&
            whole;
    whole =
        read_json(b, "integrity/inclusion.json", &l.inclusion, &l.text[2], &l.of_items) && whole;
    read_removed(&l);
    if (whole && read_points(&l)) {
        read_steps(&l);
        check_steps(&l);
        check_items(&l);
        for (unsigned i = 0; i < l.n; i++)
            anchor = l.point[i].witnessed ? l.point[i].head.size : anchor;
        for (unsigned i = 0; i < n_outside; i++) {
            uint64_t to = check_outside(&l, &outside[i]);
            anchor = to > anchor ? to : anchor;
        }
    }
    kt_json_free(l.checkpoints);
    kt_json_free(l.consistency);
    kt_json_free(l.inclusion);
    for (unsigned i = 0; i < KT_ARRAY_LEN(l.text); i++)
        kt_buf_done(&l.text[i]);
    kt_free(l.point);
    kt_free(l.step);
    kt_free(l.removed);
    return anchor;
}
