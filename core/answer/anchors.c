/*
 * anchors: see the header.
 *
 * Owns:  copies of the notes and keys.
 * Calls: core/proof, core/store/read.h, core/event (json).
 */
#include "core/answer/anchors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/event/json.h"
#include "core/store/write.h"

void kt_anchors_done(struct kt_anchors *a)
{
    for (unsigned i = 0; i < a->n; i++) {
        kt_buf_done(&a->at[i].note);
        kt_buf_done(&a->at[i].by);
        kt_free(a->at[i].where);
    }
    kt_free(a->at);
    kt_free(a->key);
    kt_free(a->head);
    kt_free(a->name);
    *a = (struct kt_anchors){ 0 };
}

enum kt_status kt_anchors_key(struct kt_anchors *a, const struct kt_note_key *key,
                              enum kt_anchor_keeper keeper, struct kt_error *err)
{
    bool of_log = key->type == KT_NOTE_LOG;
    if (of_log != (keeper == KT_KEEPER_LOG))
        return kt_fail(err, KT_E_INPUT,
                       of_log ? "'%s' is the key of a log, not of a cosigner"
                              : "'%s' is the key of a cosigner, not of a log",
                       key->name);
    if (a->n_keys == a->cap_keys) {
        a->cap_keys = a->cap_keys == 0 ? 16 : 2 * a->cap_keys;
        a->key = kt_realloc_array(a->key, a->cap_keys, sizeof *a->key);
    }
    a->key[a->n_keys++] = (struct kt_anchor_key){ *key, keeper };
    a->n_log_keys += keeper == KT_KEEPER_LOG;
    return KT_OK;
}

/* ---- gathering ---- */

static void see_signatures(struct kt_anchors *a, const struct kt_checkpoint *c,
                           struct kt_anchor *to)
{
    for (unsigned i = 0; i < a->n_keys; i++) {
        const struct kt_anchor_key *k = &a->key[i];
        struct kt_note_key key = k->key;
        kt_time_ns when = 0;
        if (k->keeper == KT_KEEPER_LOG) /* bears the log's name, which changes with a renewal */
            kt_str_copyz(key.name, sizeof key.name, c->origin);
        if (!kt_checkpoint_signed(c, &key, &when))
            continue;
        to->log_signed = to->log_signed || k->keeper == KT_KEEPER_LOG;
        if (k->keeper == KT_KEEPER_LOG)
            continue;
        to->agents += k->keeper == KT_KEEPER_AGENT;
        to->witnesses += k->keeper == KT_KEEPER_WITNESS;
        to->when = when > to->when ? when : to->when;
        kt_buf_addf(&to->by, "%s%s", to->by.len > 0 ? ", " : "", k->key.name);
    }
}

enum kt_status kt_anchors_add(struct kt_anchors *a, const char *where, struct kt_str note,
                              struct kt_error *err)
{
    struct kt_checkpoint *c = kt_alloc(sizeof *c);
    enum kt_status status = kt_checkpoint_read(note, c, err);
    if (status == KT_OK) {
        if (a->n == a->cap) {
            a->cap = a->cap == 0 ? 16 : 2 * a->cap;
            a->at = kt_realloc_array(a->at, a->cap, sizeof *a->at);
        }
        struct kt_anchor *to = &a->at[a->n++];
        *to =
            (struct kt_anchor){ .where = where != NULL ? kt_strdup(where) : NULL, .head = c->head };
        memcpy(to->log_id, c->log_id, 16);
        kt_buf_add(&to->note, note);
        see_signatures(a, c, to);
    }
    kt_free(c);
    return status;
}

static enum kt_status take_blob(void *self, const char *name, struct kt_str value,
                                struct kt_error *err)
{
    struct kt_anchors *a = self;
    struct kt_error why = { 0 };
    enum kt_status status = kt_anchors_add(a, NULL, value, &why);
    if (status != KT_E_INPUT)
        return status == KT_OK ? KT_OK : kt_fail(err, status, "blob '%s': %s", name, why.text);
    if (a->n_garbled++ == 0)
        (void)!kt_fail(&a->garbled, KT_E_CORRUPT,
                       "what the store keeps as '%s' is no checkpoint: %s", name, why.text);
    return KT_OK;
}

/* There is no more, or none at all: that is no fault. */
static enum kt_status no_more(enum kt_status status, struct kt_error *err)
{
    if (status != KT_E_AGAIN)
        return status;
    if (err != NULL)
        *err = (struct kt_error){ 0 };
    return KT_OK;
}

static void add_name(struct kt_anchors *a, const uint8_t id[16], uint64_t size)
{
    a->name = kt_realloc_array(a->name, a->n_names + 1, sizeof *a->name);
    a->name[a->n_names].size = size;
    memcpy(a->name[a->n_names++].log_id, id, 16);
}

/* {"signed_log":"<hex>","store_log":"<hex>","size":N …}: who signed, whom the store was, and how
 * many records it had then. */
static void take_renewal(struct kt_anchors *a, struct kt_jval raw)
{
    static const char *const names[] = { "signed_log", "store_log" };
    int64_t size = 0;
    (void)kt_json_i64(kt_json_at(raw, "size"), &size);
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++) {
        uint8_t id[16];
        if (kt_hex_decode(kt_json_str_at(raw, names[i]), id, sizeof id) && size >= 0)
            add_name(a, id, (uint64_t)size);
    }
}

/* A log that was renewed after a restore goes on with the same tree under another name: what was
 * signed under the one before still binds what it kept of it. */
static enum kt_status load_names(struct kt_anchors *a, struct kt_reader *r, struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_damage damage = { 0 };
    const struct kt_scan scan = { .control = true,
                                  .control_kind = KT_KIND_AUDIT,
                                  .damage = &damage };
    enum kt_status status = kt_cursor_open(r, &scan, &c, err);
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    while (status == KT_OK) {
        struct kt_jval raw;
        unsigned repaired;
        status = kt_cursor_next(c, &rec, err);
        if (kt_scan_passes(&scan, status, err))
            status = KT_OK;
        else if (status == KT_OK && kt_str_is(rec.ev.operation, KT_RENEWED_OPERATION) &&
                 kt_json_parse(json, rec.ev.raw, &raw, &repaired, NULL) == KT_OK)
            take_renewal(a, raw);
    }
    kt_json_free(json);
    kt_cursor_free(c);
    return no_more(status, err);
}

enum kt_status kt_anchors_load(struct kt_anchors *a, struct kt_reader *r, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf newest = { 0 };
    struct kt_store_stats stats;
    if (kt_reader_stats(r, &stats, err) != KT_OK)
        return kt_wrap(err, "checkpoints");
    add_name(a, stats.log_id, UINT64_MAX);
    enum kt_status status = load_names(a, r, err);
    if (status == KT_OK)
        status = kt_reader_each(r, "checkpoint/", take_blob, a, err);
    if (status == KT_OK)
        status = kt_reader_get(r, "checkpoint", &newest, err);
    if (status == KT_OK)
        return take_blob(a, "checkpoint", kt_buf_str(&newest), err);
    return no_more(status, err);
}

static int by_size(const void *x, const void *y)
{
    const struct kt_anchor *a = x, *b = y;
    return a->head.size < b->head.size ? -1 : a->head.size > b->head.size;
}

struct kt_verify_head *kt_anchors_heads(struct kt_anchors *a)
{
    if (a->n > 1)
        qsort(a->at, a->n, sizeof *a->at, by_size);
    kt_free(a->head);
    a->head = kt_alloc_array(a->n + 1, sizeof *a->head);
    for (unsigned i = 0; i < a->n; i++)
        a->head[i] = (struct kt_verify_head){ .size = a->at[i].head.size };
    return a->head;
}

/* ---- judging ---- */

static const struct kt_anchor_name *name_of(const struct kt_anchors *a, const struct kt_anchor *x)
{
    for (unsigned i = 0; i < a->n_names; i++)
        if (memcmp(a->name[i].log_id, x->log_id, 16) == 0)
            return &a->name[i];
    return NULL;
}

static enum kt_anchor_state state_of(const struct kt_anchors *a, const struct kt_anchor *x,
                                     const struct kt_verify_head *head)
{
    const struct kt_anchor_name *name = name_of(a, x);
    if (name == NULL)
        return KT_ANCHOR_FOREIGN;
    if (a->n_log_keys > 0 && !x->log_signed && x->witnesses == 0)
        return KT_ANCHOR_FORGED;
    if (x->head.size > name->size)
        return KT_ANCHOR_LOST;
    if (head->at == KT_VERIFY_AHEAD)
        return KT_ANCHOR_CUT;
    if (head->at == KT_VERIFY_REMOVED)
        return KT_ANCHOR_REMOVED;
    return memcmp(head->root, x->head.root, 32) == 0 ? KT_ANCHOR_FITS : KT_ANCHOR_DIVERGED;
}

static bool contradicts(const struct kt_anchor *x)
{
    switch (x->state) {
    case KT_ANCHOR_DIVERGED:
    case KT_ANCHOR_CUT:
    case KT_ANCHOR_LOST:
        return true;
    case KT_ANCHOR_FOREIGN:
    case KT_ANCHOR_FORGED:
        return x->where != NULL;
    case KT_ANCHOR_UNJUDGED:
    case KT_ANCHOR_FITS:
    case KT_ANCHOR_REMOVED:
        break;
    }
    return false;
}

void kt_anchors_judge(struct kt_anchors *a, const struct kt_verify_result *v, struct kt_judged *ret)
{
    struct kt_judged j = { .verdict = KT_VERDICT_UNANCHORED };
    for (unsigned i = 0; i < a->n; i++) {
        struct kt_anchor *x = &a->at[i];
        x->state = state_of(a, x, &a->head[i]);
        j.contradict += contradicts(x);
        if (x->state != KT_ANCHOR_FITS)
            continue;
        j.fit++;
        if (x->where != NULL || x->witnesses > 0) {
            j.witnessed = x->head.size;
            j.witnessed_at = x->when;
        }
        if (x->agents > 0) {
            j.cosigned = x->head.size;
            j.cosigned_at = x->when;
        }
    }
    if (v->problems > v->unreadable || a->n_garbled > 0)
        j.verdict = KT_VERDICT_TAMPERED;
    else if (j.contradict > 0)
        j.verdict = KT_VERDICT_DIVERGED;
    else if (v->unreadable > 0)
        j.verdict = KT_VERDICT_UNREADABLE;
    else if (j.witnessed > 0)
        j.verdict = KT_VERDICT_WITNESSED;
    else if (j.cosigned > 0)
        j.verdict = KT_VERDICT_COSIGNED;
    uint64_t held = j.witnessed > j.cosigned ? j.witnessed : j.cosigned;
    j.tail = v->size > held ? v->size - held : 0;
    *ret = j;
}

const char *kt_verdict_word(enum kt_verdict v)
{
    static const char *const words[] = { "witnessed", "cosigned", "unanchored",
                                         "tampered",  "diverged", "unreadable" };
    return words[v];
}

static void say_when(kt_time_ns t, struct kt_buf *out)
{
    char when[KT_TIME_TEXT_MAX];
    if (t != 0)
        kt_buf_addf(out, " (%s UTC)", kt_time_format_short(t, when));
}

void kt_judged_say(const struct kt_judged *j, bool hashed, struct kt_buf *out)
{
    const char *how = hashed ? "verified" : "not verified by this run";
    switch (j->verdict) {
    case KT_VERDICT_WITNESSED:
        kt_buf_addf(out, "%s, witnessed to record %" PRIu64, how, j->witnessed);
        say_when(j->witnessed_at, out);
        break;
    case KT_VERDICT_COSIGNED:
        kt_buf_addf(out, "%s, cosigned by agents to record %" PRIu64, how, j->cosigned);
        say_when(j->cosigned_at, out);
        kt_buf_addz(out, "; their keys are those of this host's allow-list");
        break;
    case KT_VERDICT_UNANCHORED:
        kt_buf_addf(out,
                    "%s%s UNANCHORED: nothing from outside this host could contradict it; bring a "
                    "--checkpoint",
                    how, hashed ? " but" : ",");
        break;
    case KT_VERDICT_TAMPERED:
        kt_buf_addz(out, "TAMPERED");
        break;
    case KT_VERDICT_DIVERGED:
        kt_buf_addz(out, "DIVERGED: this is not the log that was signed");
        break;
    case KT_VERDICT_UNREADABLE:
        kt_buf_addz(out, "UNREADABLE in part: what can be read verifies");
        break;
    }
}

void kt_anchor_say(const struct kt_anchor *a, const struct kt_verify_head *head,
                   const struct kt_verify_result *v, struct kt_buf *out)
{
    switch (a->state) {
    case KT_ANCHOR_UNJUDGED:
        kt_buf_addz(out, "not compared");
        break;
    case KT_ANCHOR_FITS:
        kt_buf_addz(out, "fits");
        break;
    case KT_ANCHOR_DIVERGED:
        kt_buf_addz(out, "DIVERGED: it has root ");
        kt_hex_add(out, a->head.root, 32);
        kt_buf_addz(out, ", these records give ");
        kt_hex_add(out, head->root, 32);
        kt_buf_addz(out, ": some of them were changed, moved, added or taken out since");
        break;
    case KT_ANCHOR_CUT:
        kt_buf_addf(out,
                    "DIVERGED: %" PRIu64 " records were signed, this log has %" PRIu64
                    ": its end was cut off",
                    a->head.size, v->size);
        break;
    case KT_ANCHOR_REMOVED:
        kt_buf_addz(out, "not comparable: retention took records there");
        break;
    case KT_ANCHOR_LOST:
        kt_buf_addz(out, "LOST: it was signed under a name that this log gave up when it was "
                         "restored from a backup, and covers more than was kept (keytrail search "
                         "'operation:log.renewed' says who decided that)");
        break;
    case KT_ANCHOR_FOREIGN:
        kt_buf_addz(out, "of ANOTHER LOG: it says nothing about these records");
        break;
    case KT_ANCHOR_FORGED:
        kt_buf_addz(out, "NOT COUNTED: no key that was given made its signature");
        break;
    }
}
