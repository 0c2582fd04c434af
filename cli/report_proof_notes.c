/*
 * report_proof_notes: the checkpoints that a store keeps, and those that were handed in: does the
 * tree that is there now agree with each of them?
 *
 * Owns:  nothing.
 * Calls: core/proof, core/store/proof.h, collector/checkpoint (names of blobs).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report_proof_int.h"
#include "collector/checkpoint.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"

#define WHERE_MAX 160u /* bytes of the cosigners' names */

void kt_evidence_say(struct kt_report_evidence *e, const char *fmt, ...)
{
    char text[500];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    kt_buf_addf(&e->text, "%s\n", text);
}

void kt_evidence_fail(struct kt_report_evidence *e, enum kt_evidence_fault fault)
{
    e->proof.failed = true;
    e->faults |= 1u << fault;
}

/* ---- checkpoints ---- */

static int by_size(const void *a, const void *b)
{
    const struct kt_evidence_note *x = a, *y = b;
    if (x->head.size != y->head.size)
        return x->head.size < y->head.size ? -1 : 1;
    return x->cosigned > y->cosigned ? -1 : x->cosigned < y->cosigned;
}

static void note_cosigners(const struct kt_checkpoint *c, struct kt_evidence_note *n)
{
    for (unsigned i = 0; i < c->n; i++) {
        const struct kt_note_signature *s = &c->signature[i];
        if (s->len != 72) /* the log's own */
            continue;
        uint64_t seconds = 0;
        for (unsigned k = 0; k < 8; k++)
            seconds = seconds << 8 | s->bytes[k];
        kt_time_ns at = seconds > INT64_MAX / KT_NS_S ? 0 : (kt_time_ns)seconds * KT_NS_S;
        n->at = at > n->at ? at : n->at;
        n->cosigned++;
        if (n->where.len < WHERE_MAX)
            kt_buf_addf(&n->where, "%s" KT_STR_FMT, n->where.len > 0 ? ", " : "",
                        KT_STR_ARG(s->name));
    }
}

static enum kt_status take_note(void *self, const char *name, struct kt_str value,
                                struct kt_error *err)
{
    struct kt_evidence_work *w = self;
    struct kt_report_evidence *e = w->e;
    struct kt_checkpoint c;
    struct kt_error why = { 0 };
    (void)err;
    if (strcmp(name, KT_CHECKPOINT_BLOB) != 0 &&
        !kt_str_starts(kt_str_of(name), KT_STR(KT_CHECKPOINT_HISTORY)))
        return KT_OK;
    if (kt_checkpoint_read(value, &c, &why) != KT_OK) {
        kt_evidence_say(e, "tampered: what the store keeps as '%s' is %s", name, why.text);
        kt_evidence_fail(e, KT_EVIDENCE_TAMPERED);
        return KT_OK;
    }
    if (memcmp(c.log_id, e->log_id_bytes, 16) != 0)
        return KT_OK; /* of the log before it was renewed: other records */
    if (e->n_notes == e->cap_notes) {
        e->cap_notes = e->cap_notes == 0 ? 64 : 2 * e->cap_notes;
        e->notes = kt_realloc_array(e->notes, e->cap_notes, sizeof *e->notes);
    }
    struct kt_evidence_note *n = &e->notes[e->n_notes++];
    *n = (struct kt_evidence_note){ .head = c.head };
    kt_buf_add(&n->text, value);
    kt_hex(n->root, c.head.root, 32);
    note_cosigners(&c, n);
    return KT_OK;
}

void kt_evidence_note_done(struct kt_evidence_note *n)
{
    kt_buf_done(&n->text);
    kt_buf_done(&n->where);
}

/* By size; of two of one size the one that more signed. */
static void order_notes(struct kt_report_evidence *e)
{
    unsigned n = 0;
    if (e->n_notes > 0)
        qsort(e->notes, e->n_notes, sizeof *e->notes, by_size);
    for (unsigned i = 0; i < e->n_notes; i++) {
        if (n > 0 && e->notes[n - 1].head.size == e->notes[i].head.size &&
            memcmp(e->notes[n - 1].head.root, e->notes[i].head.root, 32) == 0)
            kt_evidence_note_done(&e->notes[i]);
        else
            e->notes[n++] = e->notes[i];
    }
    e->n_notes = n;
}

/* Does the tree that the store has now agree with a head that was signed? false: said why not. */
static bool agrees(struct kt_evidence_work *w, const struct kt_head *head, const char *whose)
{
    struct kt_error why = { 0 };
    struct kt_head is;
    if (head->size > w->e->head.size) {
        kt_evidence_say(w->e,
                        "tampered: the log has %" PRIu64 " records, and %s speaks of %" PRIu64
                        ": its end was cut off",
                        w->e->head.size, whose, head->size);
        kt_evidence_fail(w->e, KT_EVIDENCE_TAMPERED);
        return false;
    }
    enum kt_status status = kt_proofs_head(w->proofs, head->size, &is, &why);
    if (status == KT_OK && memcmp(is.root, head->root, 32) == 0)
        return true;
    if (status == KT_OK) {
        kt_evidence_say(w->e,
                        "diverged: the first %" PRIu64
                        " records are not those that %s speaks of: the log was "
                        "rewritten before record %" PRIu64,
                        head->size, whose, head->size + 1);
        kt_evidence_fail(w->e, KT_EVIDENCE_DIVERGED);
    } else {
        kt_evidence_say(w->e, "not checked: %s at %" PRIu64 " records: %s", whose, head->size,
                        why.text);
    }
    return false;
}

static void add_step(struct kt_evidence_work *w, uint64_t from, uint64_t to)
{
    struct kt_report_evidence *e = w->e;
    struct kt_error why = { 0 };
    struct kt_path path;
    if (from >= to)
        return;
    for (unsigned i = 0; i < e->n_steps; i++)
        if (e->steps[i].from == from && e->steps[i].to == to)
            return;
    if (kt_proofs_extends(w->proofs, from, to, &path, &why) != KT_OK) {
        kt_evidence_say(e, "no proof from %" PRIu64 " to %" PRIu64 " records: %s", from, to,
                        why.text);
        return;
    }
    if (e->n_steps == e->cap_steps) {
        e->cap_steps = e->cap_steps == 0 ? 64 : 2 * e->cap_steps;
        e->steps = kt_realloc_array(e->steps, e->cap_steps, sizeof *e->steps);
    }
    struct kt_evidence_step *s = &e->steps[e->n_steps++];
    *s = (struct kt_evidence_step){ .from = from, .to = to };
    kt_path_pack(&path, &s->path);
}

static void check_notes(struct kt_evidence_work *w)
{
    struct kt_report_evidence *e = w->e;
    uint64_t before = 0;
    for (unsigned i = 0; i < e->n_notes; i++) {
        struct kt_evidence_note *n = &e->notes[i];
        if (!agrees(w, &n->head, "its own checkpoint"))
            continue;
        if (before > 0)
            add_step(w, before, n->head.size);
        before = n->head.size;
        if (n->cosigned > 0 && n->head.size > e->anchor)
            e->anchor = n->head.size;
    }
    if (before > 0)
        add_step(w, before, e->head.size);
}

/* The checkpoint that a step from an outside one leads to: the next of ours, so that whoever has
 * the package needs no other proof. */
static uint64_t next_of_ours(const struct kt_report_evidence *e, uint64_t size)
{
    for (unsigned i = 0; i < e->n_notes; i++)
        if (e->notes[i].head.size >= size && e->notes[i].head.size <= e->head.size)
            return e->notes[i].head.size;
    return e->head.size;
}

static enum kt_status check_outside(struct kt_evidence_work *w, struct kt_error *err)
{
    for (unsigned i = 0; i < w->wish->n_outside; i++) {
        const struct kt_report_outside *o = &w->wish->outside[i];
        struct kt_checkpoint c;
        char whose[120];
        if (kt_checkpoint_read(o->note, &c, err) != KT_OK)
            return kt_wrap(err, "'%s'", o->path);
        (void)snprintf(whose, sizeof whose, "the outside checkpoint '%.60s'%s", o->path,
                       memcmp(c.log_id, w->e->log_id_bytes, 16) == 0 ? "" : ", of another log id,");
        if (agrees(w, &c.head, whose)) {
            add_step(w, c.head.size, next_of_ours(w->e, c.head.size));
            kt_evidence_say(w->e,
                            "%s agrees: its %" PRIu64 " records are the first ones of this log",
                            whose, c.head.size);
            w->e->anchor = c.head.size > w->e->anchor ? c.head.size : w->e->anchor;
        }
    }
    return KT_OK;
}

enum kt_status kt_evidence_checkpoints(struct kt_evidence_work *w, struct kt_error *err)
{
    if (kt_reader_each(w->reader, KT_CHECKPOINT_BLOB, take_note, w, err) != KT_OK)
        return err->code;
    order_notes(w->e);
    check_notes(w);
    return check_outside(w, err);
}
