/*
 * checkpoint_cosign: what agents and witnesses say of the newest checkpoints.
 *
 * Owns:  the lines in the notes that are held.
 * Calls: core/proof.
 * Holds: a line is in a note once a key, and only when that key has signed this note.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "collector/checkpoint_int.h"

#define AGENTS_MAX    48u /* cosignatures of agents in a note; the rest of its room is witnesses' */
#define COSIGN_AGAIN  (10 * KT_NS_MIN) /* a newer one by the same key replaces one so old */
#define SIGNATURE_MAX 300u             /* bytes of a line */

/* A note of that head with that line alone. */
static enum kt_status read_line(const struct kt_held *h, const struct kt_cosignature *s,
                                struct kt_buf *note, struct kt_checkpoint *ret,
                                struct kt_error *err)
{
    ptrdiff_t end = kt_str_find(kt_buf_str(&h->note), KT_STR("\n\n"), 0);
    assert(end > 0);
    kt_buf_add_bytes(note, h->note.at, (size_t)end + 2);
    kt_buf_add(note, s->line);
    if (!kt_str_ends(s->line, KT_STR("\n")))
        kt_buf_byte(note, '\n');
    if (s->line.len > SIGNATURE_MAX)
        return kt_fail(err, KT_E_INPUT, "a signature line of more than %u bytes", SIGNATURE_MAX);
    enum kt_status st = kt_checkpoint_read(kt_buf_str(note), ret, err);
    if (st == KT_OK && ret->n != 1)
        st = kt_fail(err, KT_E_INPUT, "%u signature lines where one was expected", ret->n);
    return st;
}

static const struct kt_note_key *signer_of(const struct kt_checkpoint *cp,
                                           const struct kt_cosignature *s, kt_time_ns *ret_when)
{
    for (unsigned i = 0; i < s->n_keys; i++)
        if (kt_checkpoint_signed(cp, &s->key[i], ret_when))
            return &s->key[i];
    return NULL;
}

static void cut_signature(struct kt_held *h, const struct kt_checkpoint *cp, unsigned i)
{
    /* a line: the mark before the name, to the newline behind */
    const char *name = cp->signature[i].name.at;
    size_t from = (size_t)(name - h->note.at) - strlen("\xe2\x80\x94 ");
    ptrdiff_t end = kt_str_find_byte(kt_buf_str(&h->note), '\n', from);
    memmove(h->note.at + from, h->note.at + end + 1, h->note.len - (size_t)end - 1);
    h->note.len -= (size_t)end + 1 - from;
}

static enum kt_status add(struct kt_held *h, const struct kt_cosignature *s,
                          const struct kt_note_key *key, struct kt_str line, kt_time_ns when,
                          struct kt_error *err)
{
    struct kt_checkpoint cp;
    kt_time_ns had;
    uint8_t id[4];
    enum kt_status st = kt_checkpoint_read(kt_buf_str(&h->note), &cp, err);
    if (st != KT_OK)
        return st;
    if (kt_checkpoint_signed(&cp, key, &had)) {
        if (when < had + COSIGN_AGAIN)
            return KT_OK; /* it has said so lately */
        kt_note_key_id(key, id);
        for (unsigned i = 0; i < cp.n; i++)
            if (memcmp(cp.signature[i].key_id, id, 4) == 0 &&
                kt_str_is(cp.signature[i].name, key->name)) {
                cut_signature(h, &cp, i);
                break;
            }
    } else if (cp.n == KT_NOTE_SIGNATURES || (!s->witness && h->agents >= AGENTS_MAX)) {
        return kt_fail(err, KT_E_AGAIN, "that checkpoint has signatures enough");
    } else {
        h->agents += !s->witness;
    }
    kt_buf_add(&h->note, line);
    h->witnessed = h->witnessed || s->witness;
    h->dirty = true;
    return KT_OK;
}

enum kt_status kt_checkpoints_cosign(struct kt_checkpoints *c, const struct kt_cosignature *s,
                                     struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 };
    struct kt_checkpoint cp;
    kt_time_ns when = 0;
    struct kt_held *h = s->head.size == c->newest.head.size   ? &c->newest
                        : s->head.size == c->before.head.size ? &c->before
                                                              : NULL;
    if (h == NULL || s->head.size == 0)
        return kt_fail(err, KT_E_AGAIN,
                       "the checkpoint of %" PRIu64 " records is not held any more", s->head.size);
    if (memcmp(h->head.root, s->head.root, 32) != 0)
        return kt_fail(err, KT_E_INPUT,
                       "cosigned another tree of %" PRIu64 " records than this log has",
                       s->head.size);
    enum kt_status st = read_line(h, s, &note, &cp, err);
    if (st != KT_OK)
        return st;
    const struct kt_note_key *key = signer_of(&cp, s, &when);
    if (key == NULL)
        return kt_fail(err, KT_E_INPUT, "the cosignature is not by a key that it may be by");
    ptrdiff_t end = kt_str_find(kt_buf_str(&note), KT_STR("\n\n"), 0);
    return add(h, s, key, kt_str_from_index(kt_buf_str(&note), (size_t)end + 2), when, err);
}
