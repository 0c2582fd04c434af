/*
 * report_proof_notes: the checkpoints that a store keeps and those that are held elsewhere, for the
 * package: what each says about the log of now, and the proofs between them. core/answer/anchors
 * judges.
 *
 * Owns:  nothing.
 * Calls: core/answer/anchors, core/proof, core/store (read, proof).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/report_proof_int.h"
#include "core/base/alloc.h"

#define SENTENCE_MAX 500u

void kt_evidence_say(struct kt_report_evidence *e, const char *fmt, ...)
{
    char text[SENTENCE_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    kt_buf_addf(&e->text, "%s\n", text);
}

static void say_fault(struct kt_report_evidence *e, enum kt_fault fault, const char *sentence)
{
    kt_evidence_say(e, "%s: %s", fault == KT_FAULT_UNREADABLE ? "unreadable" : "tampered",
                    sentence);
}

void kt_evidence_fault(struct kt_report_evidence *e, enum kt_fault fault, const char *fmt, ...)
{
    char text[SENTENCE_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    say_fault(e, fault, text);
    e->problems++;
    e->unreadable += fault == KT_FAULT_UNREADABLE;
}

/* ---- taking ---- */

enum kt_status kt_evidence_take(struct kt_evidence_work *w, struct kt_error *err)
{
    struct kt_anchors *a = w->wish->anchors;
    struct kt_report_evidence *e = w->e;
    if (kt_anchors_load(a, w->reader, err) != KT_OK)
        return err->code;
    (void)kt_anchors_heads(a); /* by size */
    e->notes = kt_alloc_array(a->n + 1, sizeof *e->notes);
    for (unsigned i = 0; i < a->n; i++)
        if (a->at[i].where == NULL && memcmp(a->at[i].log_id, e->log_id_bytes, 16) == 0)
            e->notes[e->n_notes++] = &a->at[i];
    if (a->n_garbled > 0)
        kt_evidence_say(e, "tampered: %s", a->garbled.text); /* the judge counts it */
    return KT_OK;
}

/* ---- judging ---- */

static void on_problem(void *self, enum kt_fault fault, const char *sentence)
{
    struct kt_evidence_work *w = self;
    say_fault(w->e, fault, sentence);
}

static unsigned signing_keys(void *self, struct kt_str agent, uint8_t (*ret)[32], unsigned max)
{
    struct kt_evidence_work *w = self;
    return kt_held_signing_key(w->wish->agents, agent, ret, max);
}

static enum kt_status by_lines(struct kt_evidence_work *w, struct kt_verify_result *ret,
                               struct kt_error *err)
{
    const struct kt_anchors *a = w->wish->anchors;
    const struct kt_verify_options o = { .problem = on_problem,
                                         .self = w,
                                         .signing_key =
                                             w->wish->agents != NULL ? signing_keys : NULL,
                                         .heads = a->head,
                                         .n_heads = a->n };
    if (kt_reader_verify(w->reader, &o, ret, err) != KT_OK)
        return err->code;
    w->e->proof.verified_at = w->wish->now;
    kt_evidence_say(w->e, "%s: %" PRIu64 " records hashed again and compared with the tree",
                    ret->ok ? "verified" : "tampered", ret->records);
    return KT_OK;
}

/* The roots that the tree has, whose hashes are kept: nothing is said about the lines. */
static void by_tree(struct kt_evidence_work *w, struct kt_verify_result *ret)
{
    const struct kt_anchors *a = w->wish->anchors;
    ret->size = w->e->head.size;
    memcpy(ret->root, w->e->head.root, sizeof ret->root);
    for (unsigned i = 0; i < a->n; i++) {
        struct kt_verify_head *h = &a->head[i];
        struct kt_error why = { 0 };
        struct kt_head is;
        if (h->size > ret->size)
            continue; /* KT_VERIFY_AHEAD */
        enum kt_status status = kt_proofs_head(w->proofs, h->size, &is, &why);
        h->at = status == KT_OK ? KT_VERIFY_ROOT : KT_VERIFY_REMOVED;
        if (status == KT_OK)
            memcpy(h->root, is.root, sizeof h->root);
        else if (status != KT_E_AGAIN) /* retention took records there is no fault */
            kt_evidence_fault(w->e, KT_FAULT_UNREADABLE, "the tree of %" PRIu64 " records: %s",
                              h->size, why.text);
    }
}

struct kt_str kt_report_anchor_name(const struct kt_anchor *x)
{
    struct kt_str path = kt_str_of(x->where);
    if (path.len == 0)
        return KT_STR_NONE;
    return kt_str_from_index(path, (size_t)(kt_str_rfind_byte(path, '/') + 1));
}

static void say_anchors(struct kt_evidence_work *w, const struct kt_verify_result *v)
{
    const struct kt_anchors *a = w->wish->anchors;
    for (unsigned i = 0; i < a->n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
        const struct kt_anchor *x = &a->at[i];
        if (x->where == NULL && x->state == KT_ANCHOR_FITS)
            continue; /* those are in the table */
        kt_anchor_say(x, &a->head[i], v, &said);
        kt_evidence_say(w->e, "checkpoint at record %" PRIu64 ", %s" KT_STR_FMT ": %s",
                        x->head.size, x->where != NULL ? "" : "the store's own",
                        KT_STR_ARG(kt_report_anchor_name(x)), kt_buf_z(&said));
    }
}

static void list_anchors(struct kt_evidence_work *w, const struct kt_verify_result *v)
{
    const struct kt_anchors *a = w->wish->anchors;
    struct kt_report_evidence *e = w->e;
    e->checkpoints = kt_alloc_array(a->n + 1, sizeof *e->checkpoints);
    e->says = kt_alloc_array(a->n + 1, sizeof *e->says);
    for (unsigned i = 0; i < a->n; i++) {
        const struct kt_anchor *x = &a->at[i];
        kt_anchor_say(x, &a->head[i], v, &e->says[i]);
        e->checkpoints[i] = (struct kt_report_checkpoint){ .at = x->when,
                                                           .size = x->head.size,
                                                           .agents = x->agents,
                                                           .witnesses = x->witnesses,
                                                           .by = kt_buf_str(&x->by),
                                                           .from = kt_report_anchor_name(x),
                                                           .says = kt_buf_str(&e->says[i]) };
        memcpy(e->checkpoints[i].root, x->head.root, 32);
    }
    e->proof.checkpoint = e->checkpoints;
    e->proof.n_checkpoints = a->n;
}

enum kt_status kt_evidence_judge(struct kt_evidence_work *w, struct kt_error *err)
{
    struct kt_verify_result v = { 0 };
    struct kt_report_evidence *e = w->e;
    if (w->wish->hash_all && by_lines(w, &v, err) != KT_OK)
        return err->code;
    if (!w->wish->hash_all)
        by_tree(w, &v);
    v.problems += e->problems;
    v.unreadable += e->unreadable;
    kt_anchors_judge(w->wish->anchors, &v, &e->judged);
    say_anchors(w, &v);
    list_anchors(w, &v);
    return KT_OK;
}

/* ---- proofs ---- */

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

/* The checkpoint that a step from an outside one leads to: the next of ours, so that whoever has
 * the package needs no other proof. */
static uint64_t next_of_ours(const struct kt_report_evidence *e, uint64_t size)
{
    for (unsigned i = 0; i < e->n_notes; i++)
        if (e->notes[i]->state == KT_ANCHOR_FITS && e->notes[i]->head.size >= size)
            return e->notes[i]->head.size;
    return e->head.size;
}

void kt_evidence_steps(struct kt_evidence_work *w)
{
    const struct kt_anchors *a = w->wish->anchors;
    struct kt_report_evidence *e = w->e;
    uint64_t before = 0;
    for (unsigned i = 0; i < e->n_notes; i++) {
        if (e->notes[i]->state != KT_ANCHOR_FITS)
            continue;
        if (before > 0)
            add_step(w, before, e->notes[i]->head.size);
        before = e->notes[i]->head.size;
    }
    if (before > 0)
        add_step(w, before, e->head.size);
    for (unsigned i = 0; i < a->n; i++)
        if (a->at[i].where != NULL && a->at[i].state == KT_ANCHOR_FITS)
            add_step(w, a->at[i].head.size, next_of_ours(e, a->at[i].head.size));
}
