/*
 * checkpoint: the writer's side of checkpoints: what is durable is published, wishes are answered,
 * what was cosigned is kept.
 *
 * Owns:  the newest checkpoint and the one before, with their cosignatures; who wishes for a proof.
 * Calls: checkpoint_thread, checkpoint_keep, core/proof, core/store/write.
 * Holds: nothing is published before the commit that carries it.
 */
#include "collector/checkpoint_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"

#define COSIGN_PAUSE KT_NS_S /* between two writes for cosignatures alone */

static kt_time_ns mono(const struct kt_checkpoints *c)
{
    return c->o.clock.mono(c->o.clock.self);
}

static void held_done(struct kt_held *h)
{
    kt_buf_done(&h->note);
    kt_buf_done(&h->proof);
    *h = (struct kt_held){ 0 };
}

/* ---- open, close ---- */

/* The newest one of the store, when it is one of this log. */
static enum kt_status load(struct kt_checkpoints *c, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 }, at = { 0 };
    struct kt_checkpoint cp;
    int64_t when = 0;
    enum kt_status st = kt_store_get(c->o.store, KT_CHECKPOINT_BLOB, &note, err);
    if (st != KT_OK)
        return st == KT_E_AGAIN ? KT_OK : st;
    st = kt_store_get(c->o.store, KT_CHECKPOINT_AT, &at, err);
    if (st != KT_OK && st != KT_E_AGAIN)
        return st;
    (void)kt_str_i64(kt_buf_str(&at), &when);
    if (kt_checkpoint_read(kt_buf_str(&note), &cp, NULL) != KT_OK ||
        memcmp(cp.log_id, c->log_id, 16) != 0 || cp.head.size > kt_store_last_seq(c->o.store))
        return KT_OK; /* of the log before; or damaged: the next one takes its place */
    c->newest.head = cp.head;
    c->newest.at = when;
    c->newest.agents = cp.n > 0 ? cp.n - 1 : 0;
    c->newest.note = note;
    note = (struct kt_buf){ 0 };
    c->number = 1;
    return KT_OK;
}

/* Of the newest one, too, it knows whether a witness has cosigned it. */
static enum kt_status load_keeping(struct kt_checkpoints *c, struct kt_error *err)
{
    enum kt_status st = kt_keeping_load(c->o.store, &c->keeping, err);
    const struct kt_kept *k = kt_keeping_find(&c->keeping, c->newest.head.size);
    c->newest.witnessed = st == KT_OK && k != NULL && k->witnessed;
    return st;
}

static enum kt_status load_vouches(struct kt_checkpoints *c, struct kt_error *err)
{
    enum kt_status st = kt_store_get(c->o.store, KT_LOG_VOUCHES_BLOB, &c->vouches, err);
    return st == KT_E_AGAIN ? KT_OK : st;
}

enum kt_status kt_checkpoints_open(const struct kt_checkpoints_options *o,
                                   struct kt_checkpoints **ret, struct kt_error *err)
{
    struct kt_checkpoints *c = kt_alloc(sizeof *c);
    c->o = *o;
    kt_store_log_id(o->store, c->log_id);
    c->signed_mono = mono(c);
    struct kt_making making = { .store_path = o->conf->store_path,
                                .key_file = o->conf->log_key_file,
                                .folder = o->conf->signer_dir,
                                .clock = o->clock };
    memcpy(making.log_id, c->log_id, sizeof making.log_id);
    enum kt_status st = load(c, err);
    if (st == KT_OK)
        st = load_keeping(c, err);
    if (st == KT_OK)
        st = load_vouches(c, err);
    if (st == KT_OK)
        st = kt_maker_start(&making, c->newest.head.size, &c->maker, err);
    if (st == KT_OK)
        *ret = c;
    else
        kt_checkpoints_close(c);
    return st;
}

void kt_checkpoints_close(struct kt_checkpoints *c)
{
    if (c == NULL)
        return;
    kt_maker_stop(c->maker);
    held_done(&c->newest);
    held_done(&c->before);
    held_done(&c->next);
    kt_buf_done(&c->answer);
    kt_buf_done(&c->vouches);
    kt_free(c->wishes);
    kt_free(c);
}

int kt_checkpoints_fd(const struct kt_checkpoints *c)
{
    return kt_maker_fd(c->maker);
}

/* ---- what was made ---- */

static void take_made(struct kt_checkpoints *c)
{
    struct kt_made made;
    if (c->next.head.size > 0 || !kt_maker_take(c->maker, &made))
        return; /* what is being written first */
    if (made.n_keys > 0) {
        c->n_keys = made.n_keys;
        memcpy(c->public_key, made.public_key, sizeof c->public_key);
    }
    if (made.what == KT_MADE_SIGNED) {
        c->signed_mono = mono(c);
        /* With other keys than before it is another note of the same head. */
        if (made.head.size == c->newest.head.size &&
            kt_str_starts(kt_buf_str(&c->newest.note), kt_buf_str(&made.note))) {
            c->beat = true;
            c->newest.from = 0;
            kt_buf_reset(&c->newest.proof);
        } else {
            c->next = (struct kt_held){ .note = made.note,
                                        .proof = made.proof,
                                        .from = made.from,
                                        .head = made.head,
                                        .at = made.at };
            made.note = made.proof = (struct kt_buf){ 0 };
        }
    }
    kt_made_done(&made);
    made.note = made.proof = (struct kt_buf){ 0 };
    c->last = made;
    c->tries++;
}

static void publish(struct kt_checkpoints *c)
{
    c->number++;
    c->beat = false;
}

bool kt_checkpoints_newest(const struct kt_checkpoints *c, struct kt_checkpoint_news *ret)
{
    const struct kt_held *h = &c->newest;
    if (h->head.size == 0)
        return false;
    *ret = (struct kt_checkpoint_news){ .number = c->number,
                                        .at = h->at,
                                        .note = kt_buf_str(&h->note),
                                        .head = h->head,
                                        .from = h->from,
                                        .proof = kt_buf_str(&h->proof) };
    return true;
}

/* ---- wishes ---- */

enum kt_status kt_checkpoints_wish(struct kt_checkpoints *c, const struct kt_checkpoint_wish *w,
                                   struct kt_error *err)
{
    kt_checkpoints_forget(c, w->tag);
    if (c->n_wishes == KT_CHECKPOINT_WAITING)
        return kt_fail(err, KT_E_LIMIT, "%u others wait for a proof", KT_CHECKPOINT_WAITING);
    if (c->n_wishes == c->cap_wishes) {
        c->cap_wishes = c->cap_wishes == 0 ? 16 : 2 * c->cap_wishes;
        c->wishes = kt_realloc_array(c->wishes, c->cap_wishes, sizeof *c->wishes);
    }
    c->wishes[c->n_wishes++] = (struct kt_wish){ .w = *w };
    return KT_OK;
}

static void drop(struct kt_checkpoints *c, unsigned i)
{
    c->n_wishes--;
    memmove(c->wishes + i, c->wishes + i + 1, (c->n_wishes - i) * sizeof *c->wishes);
}

void kt_checkpoints_forget(struct kt_checkpoints *c, uint64_t tag)
{
    for (unsigned i = 0; i < c->n_wishes; i++)
        if (c->wishes[i].w.tag == tag) {
            drop(c, i);
            return;
        }
}

/* Out of the row first: who is answered may wish again. */
static void grant(struct kt_checkpoints *c, unsigned i, const struct kt_path *path, const char *why)
{
    struct kt_checkpoint_wish w = c->wishes[i].w;
    struct kt_checkpoint_news news;
    bool any = kt_checkpoints_newest(c, &news) && path != NULL;
    drop(c, i);
    kt_buf_reset(&c->answer);
    if (any)
        kt_path_pack(path, &c->answer);
    news.from = w.from;
    news.proof = kt_buf_str(&c->answer);
    w.answer(w.self, w.tag, any ? &news : NULL, why);
}

/* One answer is for all who have the same: after a restart of the collector that is every agent. */
static void take_answers(struct kt_checkpoints *c)
{
    struct kt_asked a;
    while (kt_maker_answer(c->maker, &a))
        for (unsigned i = 0; i < c->n_wishes;) {
            struct kt_wish *w = &c->wishes[i];
            if (!w->given || w->w.from != a.from) {
                i++;
            } else if (a.st == KT_OK && a.to != c->newest.head.size) {
                w->given = false; /* there is a newer one by now */
                i++;
            } else {
                grant(c, i, a.st == KT_OK ? &a.path : NULL, a.why);
            }
        }
}

static bool give(struct kt_checkpoints *c, uint64_t from, uint64_t size)
{
    if (!kt_maker_ask(c->maker, from, size))
        return false;
    for (unsigned i = 0; i < c->n_wishes; i++)
        c->wishes[i].given = c->wishes[i].given || c->wishes[i].w.from == from;
    return true;
}

static void give_wishes(struct kt_checkpoints *c)
{
    static const struct kt_path none;
    uint64_t size = c->newest.head.size;
    for (unsigned i = 0; i < c->n_wishes;) {
        const struct kt_wish *w = &c->wishes[i];
        if (w->given)
            i++;
        else if (size == 0)
            grant(c, i, NULL, "nothing is signed yet");
        else if (w->w.from > size)
            grant(c, i, NULL, "the newest checkpoint is of fewer records");
        else if (w->w.from == 0 || w->w.from == size)
            grant(c, i, &none, "");
        else if (!give(c, w->w.from, size))
            return; /* the others when there is room */
    }
}

/* ---- a turn ---- */

static bool cosigned(const struct kt_checkpoints *c)
{
    return (c->newest.dirty || c->before.dirty) && mono(c) >= c->cosign_due;
}

bool kt_checkpoints_turn(struct kt_checkpoints *c)
{
    take_made(c);
    if (c->beat)
        publish(c);
    take_answers(c);
    give_wishes(c);
    return c->next.head.size > 0 || cosigned(c);
}

static enum kt_status put_note(struct kt_checkpoints *c, const struct kt_held *h,
                               struct kt_error *err)
{
    char at[24];
    int n = snprintf(at, sizeof at, "%" PRId64, h->at);
    enum kt_status st = kt_store_put(c->o.store, KT_CHECKPOINT_BLOB, kt_buf_str(&h->note), err);
    if (st == KT_OK)
        st = kt_store_put(c->o.store, KT_CHECKPOINT_AT, kt_str_from(at, (size_t)n), err);
    return st;
}

/* What was added to a checkpoint goes where it is kept. A witness's word keeps it: most notes are
 * the newest for a minute only. */
static enum kt_status put_cosigned(struct kt_checkpoints *c, const struct kt_held *h,
                                   struct kt_error *err)
{
    enum kt_status st = KT_OK;
    if (!h->dirty)
        return KT_OK;
    if (h->witnessed)
        st = kt_keeping_witnessed(&c->keeping, c->o.store, h->head.size, h->at, err);
    if (st != KT_OK || kt_keeping_find(&c->keeping, h->head.size) == NULL)
        return st;
    return kt_keeping_put(c->o.store, h->head.size, kt_buf_str(&h->note), err);
}

enum kt_status kt_checkpoints_put(struct kt_checkpoints *c, struct kt_error *err)
{
    const struct kt_kept newest = { .size = c->newest.head.size,
                                    .at = c->newest.at,
                                    .witnessed = c->newest.witnessed };
    c->putting = true;
    enum kt_status st = put_cosigned(c, &c->before, err);
    if (st == KT_OK)
        st = put_cosigned(c, &c->newest, err);
    if (st == KT_OK && c->next.head.size > 0 && newest.size > 0)
        st = kt_keeping_pass(&c->keeping, c->o.store, &newest, kt_buf_str(&c->newest.note),
                             c->next.at, err);
    if (st == KT_OK && (c->next.head.size > 0 || c->newest.dirty))
        st = put_note(c, c->next.head.size > 0 ? &c->next : &c->newest, err);
    c->before.dirty = c->newest.dirty = false;
    c->cosign_due = mono(c) + COSIGN_PAUSE;
    return st;
}

void kt_checkpoints_committed(struct kt_checkpoints *c)
{
    if (!c->putting)
        return;
    c->putting = false;
    if (c->next.head.size == 0)
        return;
    held_done(&c->before);
    c->before = c->newest;
    c->newest = c->next;
    c->next = (struct kt_held){ 0 };
    kt_maker_published(c->maker, c->newest.head.size);
    publish(c);
}
