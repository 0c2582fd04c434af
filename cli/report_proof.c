/*
 * report_proof: what can be said of a log's tree, and the verdict.
 *
 * Owns:  checkpoints, proofs and sentences of one package.
 * Calls: core/store (read, proof), core/proof, core/answer/anchors.
 * Holds: no verdict says verified unless every line was hashed again; who stands behind it is what
 *        core/answer/anchors judges, as for `keytrail verify`.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report_proof_int.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/store/proof.h"
#include "core/wire/batch.h"

#define LINE_MAX_SHOWN 32768u /* a JSON string of it stays readable by every checker */
#define TRIES          500u   /* of a sample: events of the period may lie far apart */
#define TAIL_MAX       10000u /* counted behind what is witnessed; more is "more than" */

/* ---- events ---- */

/* The first (or last) record of the period, 0: it has none. */
static enum kt_status edge(struct kt_evidence_work *w, bool last, uint64_t *ret,
                           struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_record r;
    struct kt_damage damage = { 0 };
    const struct kt_scan scan = { .since = w->wish->since,
                                  .until = w->wish->until,
                                  .until_seq = w->e->head.size,
                                  .newest_first = last,
                                  .records = true,
                                  .detail = KT_DETAIL_HEAD,
                                  .damage = &damage };
    enum kt_status status = kt_cursor_open(w->reader, &scan, &c, err);
    while (status == KT_OK) {
        status = kt_cursor_next(c, &r, err);
        if (!kt_scan_passes(&scan, status, err))
            break;
        status = KT_OK;
    }
    *ret = status == KT_OK ? r.seq : 0;
    kt_cursor_free(c);
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* How many of the period's records lie behind what is witnessed, TAIL_MAX + 1 at most. */
static enum kt_status count_tail(struct kt_evidence_work *w, unsigned *ret, struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_record r;
    struct kt_damage damage = { 0 };
    const struct kt_scan scan = { .since = w->wish->since,
                                  .until = w->wish->until,
                                  .from_seq = w->e->judged.witnessed + 1,
                                  .until_seq = w->e->head.size,
                                  .records = true,
                                  .detail = KT_DETAIL_HEAD,
                                  .damage = &damage };
    *ret = 0;
    if (w->e->judged.witnessed >= w->e->head.size)
        return KT_OK;
    enum kt_status status = kt_cursor_open(w->reader, &scan, &c, err);
    while (status == KT_OK && *ret <= TAIL_MAX) {
        status = kt_cursor_next(c, &r, err);
        if (kt_scan_passes(&scan, status, err))
            status = KT_OK;
        else if (status == KT_OK)
            ++*ret;
    }
    kt_cursor_free(c);
    return status == KT_E_AGAIN ? KT_OK : status;
}

static void take_item(struct kt_evidence_work *w, const struct kt_record *r)
{
    struct kt_report_evidence *e = w->e;
    struct kt_evidence_item *it = &e->items[e->n_items];
    struct kt_error why = { 0 };
    struct kt_path path;
    uint8_t hash[32], leaf[32];
    uint64_t newest = e->n_notes > 0 ? e->notes[e->n_notes - 1]->head.size : 0;
    *it = (struct kt_evidence_item){ .seq = r->seq };
    it->size = r->seq <= newest && newest <= e->head.size ? newest : e->head.size;
    kt_line_hash(r->line, hash);
    const struct kt_leaf l = { .seq = r->seq,
                               .arrival = r->arrival,
                               .stored = r->stored,
                               .origin = (uint8_t)r->origin,
                               .conflict = r->conflict,
                               .agent = r->agent,
                               .line_hash = hash };
    const struct kt_head *head = &e->head;
    struct kt_head at;
    kt_leaf_hash(&l, leaf);
    if (kt_proofs_includes(w->proofs, r->seq - 1, it->size, &path, &why) != KT_OK ||
        kt_proofs_head(w->proofs, it->size, &at, &why) != KT_OK) {
        kt_evidence_say(e, "no proof for record %" PRIu64 ": %s", r->seq, why.text);
        return;
    }
    head = &at;
    if (!kt_merkle_includes(head, r->seq - 1, leaf, &path)) {
        kt_evidence_fault(e, KT_FAULT_TAMPERED,
                          "record %" PRIu64 " is not the one that the tree holds", r->seq);
    }
    kt_leaf_record(&l, &it->record);
    if (!w->wish->hide && r->line.len <= LINE_MAX_SHOWN)
        kt_buf_add(&it->line, r->line);
    kt_path_pack(&path, &it->path);
    e->n_items++;
}

static bool has_item(const struct kt_report_evidence *e, uint64_t seq)
{
    for (unsigned i = 0; i < e->n_items; i++)
        if (e->items[i].seq == seq)
            return true;
    return false;
}

static enum kt_status try_item(struct kt_evidence_work *w, uint64_t seq, struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_record r;
    const struct kt_scan scan = { .from_seq = seq,
                                  .until_seq = seq,
                                  .since = w->wish->since,
                                  .until = w->wish->until,
                                  .records = true };
    enum kt_status status = kt_cursor_open(w->reader, &scan, &c, err);
    if (status == KT_OK)
        status = kt_cursor_next(c, &r, err);
    if (status == KT_OK && r.ev.kind == KT_KIND_ACCESS)
        take_item(w, &r);
    if (status == KT_E_CORRUPT) {
        kt_evidence_fault(w->e, KT_FAULT_UNREADABLE, "%s", err->text);
        *err = (struct kt_error){ 0 };
    }
    kt_cursor_free(c);
    return status == KT_E_AGAIN || status == KT_E_CORRUPT ? KT_OK : status;
}

static int by_seq(const void *a, const void *b)
{
    const struct kt_evidence_item *x = a, *y = b;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Numbers that nobody chose: SHA-256(log id ‖ size ‖ i), so the same log gives the same events. */
static enum kt_status draw_items(struct kt_evidence_work *w, struct kt_error *err)
{
    struct kt_report_evidence *e = w->e;
    uint64_t first = e->proof.first_seq, last = e->proof.last_seq;
    for (unsigned i = 0; i < TRIES && e->n_items < KT_REPORT_SAMPLE && first > 0; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf in = { 0 };
        uint8_t hash[32];
        kt_buf_add_bytes(&in, e->log_id_bytes, 16);
        kt_buf_u64(&in, e->head.size);
        kt_buf_u32(&in, i);
        struct kt_str part = kt_buf_str(&in);
        kt_sha256_of(&part, 1, hash);
        struct kt_rd rd = kt_rd_of(kt_str_from(hash, 8));
        uint64_t seq = first + kt_rd_u64(&rd) % (last - first + 1);
        if (!has_item(e, seq) && try_item(w, seq, err) != KT_OK)
            return err->code;
    }
    if (e->n_items > 0)
        qsort(e->items, e->n_items, sizeof *e->items, by_seq);
    return KT_OK;
}

static enum kt_status take_tombstones(struct kt_evidence_work *w, struct kt_error *err)
{
    struct kt_cursor *c = NULL;
    struct kt_record r;
    struct kt_damage damage = { 0 };
    const struct kt_scan scan = { .control = true,
                                  .control_kind = KT_KIND_TOMBSTONE,
                                  .until_seq = w->e->head.size,
                                  .damage = &damage };
    enum kt_status status = kt_cursor_open(w->reader, &scan, &c, err);
    while (status == KT_OK) {
        status = kt_cursor_next(c, &r, err);
        if (kt_scan_passes(&scan, status, err))
            status = KT_OK;
        else if (status == KT_OK) {
            kt_buf_add(&w->e->tombstones, r.line);
            kt_buf_byte(&w->e->tombstones, '\n');
            w->e->n_tombstones++;
        }
    }
    kt_cursor_free(c);
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* ---- the verdict ---- */

static bool is_failed(const struct kt_judged *j)
{
    switch (j->verdict) {
    case KT_VERDICT_WITNESSED:
    case KT_VERDICT_COSIGNED:
    case KT_VERDICT_UNANCHORED:
        return false;
    case KT_VERDICT_TAMPERED:
    case KT_VERDICT_DIVERGED:
    case KT_VERDICT_UNREADABLE:
        break;
    }
    return true;
}

static void say_verdict(struct kt_report_evidence *e, unsigned tail)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    const struct kt_judged *j = &e->judged;
    kt_judged_say(j, e->proof.verified_at != 0, &said);
    kt_evidence_say(e, "%s", kt_buf_z(&said));
    /* whoever checks the package looks for the word of a fault at the beginning */
    kt_buf_addz(&e->verdict, is_failed(j) ? kt_verdict_word(j->verdict) : kt_buf_z(&said));
    if (j->witnessed > 0)
        kt_evidence_say(e, "%s%u records of the period are not witnessed",
                        tail > TAIL_MAX ? "more than " : "", tail > TAIL_MAX ? TAIL_MAX : tail);
    if (e->proof.verified_at == 0)
        kt_evidence_say(
            e,
            "not verified by this run: lines were not hashed again (keytrail verify, or --verify "
            "of this command)");
    if (e->n_tombstones > 0)
        kt_evidence_say(
            e, "retained-out: %" PRId64 " removals by retention, whose places in the tree are kept",
            e->n_tombstones);
    kt_evidence_say(
        e,
        "tamper-evident means: a change is found by whoever holds a checkpoint from outside this "
        "host. Completeness is from the agent's spool on");
}

static enum kt_status look_at(struct kt_evidence_work *w, struct kt_error *err)
{
    struct kt_report_evidence *e = w->e;
    struct kt_store_stats stats;
    if (kt_reader_stats(w->reader, &stats, err) != KT_OK)
        return err->code;
    memcpy(e->log_id_bytes, stats.log_id, 16);
    kt_hex(e->log_id, stats.log_id, 16);
    /* checkpoints first: a log that grows meanwhile has no less than was signed */
    if (kt_evidence_take(w, err) != KT_OK || kt_proofs_grow(w->proofs, err) != KT_OK)
        return err->code;
    return kt_proofs_head(w->proofs, kt_proofs_size(w->proofs), &e->head, err);
}

static enum kt_status find_out(struct kt_evidence_work *w, struct kt_error *err)
{
    struct kt_report_evidence *e = w->e;
    struct kt_report_proof *p = &e->proof;
    unsigned tail = 0;
    if (look_at(w, err) != KT_OK || edge(w, false, &p->first_seq, err) != KT_OK ||
        edge(w, true, &p->last_seq, err) != KT_OK || draw_items(w, err) != KT_OK ||
        take_tombstones(w, err) != KT_OK || kt_evidence_judge(w, err) != KT_OK ||
        (e->judged.witnessed > 0 && count_tail(w, &tail, err) != KT_OK))
        return err->code;
    kt_evidence_steps(w);
    say_verdict(e, tail);
    p->failed = is_failed(&e->judged);
    p->anchored = e->judged.verdict == KT_VERDICT_WITNESSED && tail == 0;
    p->word = kt_verdict_word(e->judged.verdict);
    p->witnessed = e->judged.witnessed;
    p->cosigned = e->judged.cosigned;
    p->log_id = kt_str_of(e->log_id);
    p->verdict = kt_buf_str(&e->verdict);
    p->text = kt_buf_str(&e->text);
    return KT_OK;
}

enum kt_status kt_report_evidence_load(const struct kt_report_proof_wish *wish,
                                       struct kt_report_evidence **ret, struct kt_error *err)
{
    struct kt_evidence_work w = { .wish = wish, .e = kt_alloc(sizeof *w.e) };
    enum kt_status status = kt_reader_open(wish->store, &w.reader, err);
    if (status == KT_OK)
        status = kt_reader_open(wish->store, &w.other, err);
    if (status == KT_OK) {
        w.proofs = kt_proofs_new(w.other);
        status = find_out(&w, err);
    }
    kt_proofs_free(w.proofs);
    kt_reader_close(w.other);
    kt_reader_close(w.reader);
    if (status == KT_OK)
        *ret = KT_TAKE(w.e);
    kt_report_evidence_free(w.e);
    return status;
}

void kt_report_evidence_free(struct kt_report_evidence *e)
{
    if (e == NULL)
        return;
    for (unsigned i = 0; e->says != NULL && i < e->proof.n_checkpoints; i++)
        kt_buf_done(&e->says[i]);
    for (unsigned i = 0; i < e->n_steps; i++)
        kt_buf_done(&e->steps[i].path);
    for (unsigned i = 0; i < KT_REPORT_SAMPLE; i++) {
        kt_buf_done(&e->items[i].record);
        kt_buf_done(&e->items[i].line);
        kt_buf_done(&e->items[i].path);
    }
    kt_free((void *)(uintptr_t)e->notes);
    kt_free(e->says);
    kt_free(e->steps);
    kt_free(e->checkpoints);
    kt_buf_done(&e->tombstones);
    kt_buf_done(&e->verdict);
    kt_buf_done(&e->text);
    kt_free(e);
}

const struct kt_report_proof *kt_report_evidence_proof(const struct kt_report_evidence *e)
{
    return &e->proof;
}

struct kt_head kt_report_evidence_head(const struct kt_report_evidence *e)
{
    return e->head;
}
