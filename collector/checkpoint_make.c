/*
 * checkpoint_make: one checkpoint: the tree's head, the way to it from the signer's last one, its
 * signature.
 *
 * Owns:  a reader, the proofs over it, the signer process.
 * Calls: core/store/proof, signer.
 * Holds: a head is one of committed records only: the reader sees no others.
 */
#include "collector/checkpoint_int.h"

#include <stdio.h>
#include <string.h>

#include "core/sys/proc.h"

#define WAIT_MIN (KT_NS_S)
#define WAIT_MAX (60 * KT_NS_S)

void kt_made_done(struct kt_made *m)
{
    kt_buf_done(&m->note);
    kt_buf_done(&m->proof);
}

void kt_making_done(struct kt_making *m)
{
    kt_signer_stop(KT_TAKE(m->signer));
    kt_proofs_free(KT_TAKE(m->proofs));
    kt_reader_close(KT_TAKE(m->reader));
}

/* ---- the signer ---- */

static kt_time_ns mono(const struct kt_making *m)
{
    return m->clock.mono(m->clock.self);
}

/* A second, two, four … a minute. */
static void back_off(struct kt_making *m)
{
    m->start_wait = m->start_wait == 0 ? WAIT_MIN : 2 * m->start_wait;
    if (m->start_wait > WAIT_MAX)
        m->start_wait = WAIT_MAX;
    m->start_at = mono(m) + m->start_wait;
}

static enum kt_status ensure_signer(struct kt_making *m, struct kt_error *err)
{
    const struct kt_signer_options o = { .program = m->program,
                                         .key_file = m->key_file,
                                         .folder = m->folder };
    if (m->ask != NULL || m->signer != NULL)
        return KT_OK;
    if (mono(m) < m->start_at)
        return kt_fail(err, KT_E_IO, "the signer has ended; it is started again in a moment");
    enum kt_status st = kt_signer_start(&o, &m->signer, err);
    if (st != KT_OK)
        back_off(m);
    return st;
}

static void lose_signer(struct kt_making *m)
{
    kt_signer_stop(KT_TAKE(m->signer));
    m->died = true;
    back_off(m);
}

bool kt_making_lost_signer(struct kt_making *m)
{
    if (m->signer == NULL || kt_child_running(kt_signer_pid(m->signer)))
        return false;
    lose_signer(m);
    return true;
}

enum kt_status kt_making_order(struct kt_making *m, const struct kt_sign_order *o,
                               struct kt_sign_answer *ret, struct kt_error *err)
{
    enum kt_status st = ensure_signer(m, err);
    if (st != KT_OK)
        return st;
    if (m->ask != NULL)
        return m->ask(m->ask_self, o, ret, err);
    st = kt_signer_ask(m->signer, o, ret, err);
    if (st != KT_OK)
        lose_signer(m);
    return st;
}

/* ---- the tree ---- */

static enum kt_status grow(struct kt_making *m, struct kt_error *err)
{
    enum kt_status st = KT_OK;
    if (m->reader == NULL)
        st = kt_reader_open(m->store_path, &m->reader, err);
    if (st == KT_OK && m->proofs == NULL)
        m->proofs = kt_proofs_new(m->reader);
    if (st == KT_OK)
        st = kt_proofs_grow(m->proofs, err);
    if (st == KT_OK)
        return st;
    kt_proofs_free(KT_TAKE(m->proofs)); /* the next try begins anew */
    kt_reader_close(KT_TAKE(m->reader));
    return kt_wrap(err, "the tree");
}

enum kt_status kt_making_proof(struct kt_making *m, uint64_t from, uint64_t to, struct kt_path *ret,
                               struct kt_error *err)
{
    if (m->proofs == NULL || kt_proofs_size(m->proofs) < to) {
        enum kt_status st = grow(m, err);
        if (st != KT_OK)
            return st;
    }
    ret->n = 0;
    return from == 0 || from == to ? KT_OK : kt_proofs_extends(m->proofs, from, to, ret, err);
}

/* ---- a checkpoint ---- */

static void failed(struct kt_made *ret, const struct kt_error *err)
{
    ret->what = KT_MADE_FAILED;
    (void)snprintf(ret->why, sizeof ret->why, "%.238s", err->text);
}

static void take_answer(struct kt_made *ret, const struct kt_sign_answer *a)
{
    ret->last_known = a->known;
    ret->last = a->head;
    memcpy(ret->last_log, a->log_id, sizeof ret->last_log);
    ret->n_keys = a->n_keys;
    memcpy(ret->public_key, a->public_key, sizeof ret->public_key);
}

/* The head of all that is committed, and the way to it from what was signed last; where that is not
 * of this log, or more than there is, no way: the signer says what is wrong. */
static enum kt_status make_order(struct kt_making *m, struct kt_made *ret, struct kt_sign_order *o,
                                 struct kt_error *err)
{
    struct kt_sign_answer last = { 0 };
    o->what = KT_SIGN_STATE;
    memcpy(o->log_id, m->log_id, sizeof o->log_id);
    enum kt_status st = kt_making_order(m, o, &last, err);
    if (st != KT_OK)
        return st;
    take_answer(ret, &last);
    kt_sign_answer_done(&last);
    uint64_t size = kt_proofs_size(m->proofs);
    st = kt_proofs_head(m->proofs, size, &o->head, err);
    if (st == KT_OK && ret->last_known && memcmp(ret->last_log, m->log_id, 16) == 0 &&
        ret->last.size > 0 && ret->last.size < size)
        st = kt_proofs_extends(m->proofs, ret->last.size, size, &o->path, err);
    o->what = KT_SIGN_HEAD;
    ret->head = o->head;
    return st;
}

static enum kt_status sign(struct kt_making *m, const struct kt_sign_order *o, struct kt_made *ret,
                           struct kt_error *err)
{
    struct kt_sign_answer a = { 0 };
    enum kt_status st = kt_making_order(m, o, &a, err);
    if (st != KT_OK)
        return st;
    take_answer(ret, &a);
    if (a.verdict == KT_SIGN_DONE) {
        ret->what = KT_MADE_SIGNED;
        kt_checkpoint_text(m->log_id, &o->head, &ret->note);
        kt_buf_byte(&ret->note, '\n');
        kt_buf_add(&ret->note, kt_buf_str(&a.text));
    } else {
        ret->what = a.verdict == KT_SIGN_NOT_KEPT ? KT_MADE_FAILED : KT_MADE_REFUSED;
        kt_str_copyz(ret->why, sizeof ret->why, kt_str_of(a.why));
    }
    kt_sign_answer_done(&a);
    return KT_OK;
}

/* From what agents have to this one. */
static enum kt_status add_proof(struct kt_making *m, uint64_t published, struct kt_made *ret,
                                struct kt_error *err)
{
    struct kt_path path = { 0 };
    if (published == 0 || published > ret->head.size)
        return KT_OK;
    enum kt_status st = kt_making_proof(m, published, ret->head.size, &path, err);
    if (st != KT_OK)
        return st;
    ret->from = published;
    kt_path_pack(&path, &ret->proof);
    return KT_OK;
}

void kt_making_head(struct kt_making *m, uint64_t published, struct kt_made *ret)
{
    struct kt_error err = { 0 };
    struct kt_sign_order o = { 0 };
    *ret = (struct kt_made){ .what = KT_MADE_NOTHING, .at = m->clock.wall(m->clock.self) };
    enum kt_status st = grow(m, &err);
    if (st == KT_OK && kt_proofs_size(m->proofs) == 0)
        return;
    if (st == KT_OK)
        st = make_order(m, ret, &o, &err);
    if (st == KT_OK)
        st = sign(m, &o, ret, &err);
    if (st == KT_OK && ret->what == KT_MADE_SIGNED)
        st = add_proof(m, published, ret, &err);
    if (st != KT_OK)
        failed(ret, &err);
    ret->signer_died = m->died;
    if (ret->what == KT_MADE_SIGNED) {
        m->died = false;
        m->start_wait = 0;
    }
}
