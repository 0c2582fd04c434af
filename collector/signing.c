/*
 * signing: what the signer signs, and what it refuses.
 *
 * Owns:  struct kt_signing: the keys and the last signed head.
 * Calls: core/proof, core/base. No files, no clock, no process.
 * Holds: what is signed is kept first: a signer that dies in between has refused less than it
 * could, never signed more than it knows.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/signer.h"
#include "core/base/enc.h"
#include "core/base/hash.h"

#define STATE_HEAD "keytrail signer 1"

/* ---- the state as text ---- */

static bool take_word(struct kt_str *line, struct kt_str *ret)
{
    return kt_str_split(line, ' ', ret) && ret->len > 0;
}

static bool take_signed(struct kt_str line, struct kt_signing *s)
{
    struct kt_str id, size, root;
    return take_word(&line, &id) && take_word(&line, &size) && take_word(&line, &root) &&
           line.len == 0 && kt_hex_decode(id, s->log_id, 16) && kt_str_u64(size, &s->head.size) &&
           kt_hex_decode(root, s->head.root, 32);
}

static bool take_line(struct kt_str line, struct kt_signing *s)
{
    struct kt_str word;
    uint8_t id[16];
    if (!take_word(&line, &word))
        return false;
    if (kt_str_is(word, "signed") && !s->known) {
        s->known = true;
        return take_signed(line, s);
    }
    if (!kt_str_is(word, "left") || !kt_hex_decode(line, id, 16) ||
        s->left.len >= (size_t)KT_SIGNING_LEFT * 16)
        return false;
    kt_buf_add_bytes(&s->left, id, 16);
    return true;
}

enum kt_status kt_signing_read(struct kt_str state, struct kt_signing *ret, struct kt_error *err)
{
    struct kt_str line, rest = state;
    struct kt_signing s = { 0 };
    bool fine = kt_str_split(&rest, '\n', &line) && kt_str_is(line, STATE_HEAD) &&
                kt_str_ends(state, KT_STR("end\n"));
    while (fine && kt_str_split(&rest, '\n', &line) && !kt_str_is(line, "end"))
        fine = take_line(line, &s);
    if (!fine || !s.known || rest.len > 0) {
        kt_buf_done(&s.left);
        return kt_fail(err, KT_E_CORRUPT, "that is no state of a signer");
    }
    kt_buf_done(&ret->left);
    ret->known = true;
    ret->head = s.head;
    ret->left = s.left;
    memcpy(ret->log_id, s.log_id, sizeof ret->log_id);
    return KT_OK;
}

void kt_signing_write(const struct kt_signing *s, struct kt_buf *out)
{
    kt_buf_addz(out, STATE_HEAD "\nsigned ");
    kt_hex_add(out, s->log_id, 16);
    kt_buf_addf(out, " %" PRIu64 " ", s->head.size);
    kt_hex_add(out, s->head.root, 32);
    kt_buf_byte(out, '\n');
    for (size_t i = 0; i < s->left.len; i += 16) {
        kt_buf_addz(out, "left ");
        kt_hex_add(out, s->left.at + i, 16);
        kt_buf_byte(out, '\n');
    }
    kt_buf_addz(out, "end\n");
}

void kt_signing_done(struct kt_signing *s)
{
    kt_wipe(&s->keys, sizeof s->keys);
    kt_buf_done(&s->left);
}

/* ---- what it says no to ---- */

static void refuse(struct kt_sign_answer *a, enum kt_sign_verdict v, const char *fmt, ...)
    KT_PRINTF(3, 4);
static void refuse(struct kt_sign_answer *a, enum kt_sign_verdict v, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    a->verdict = v;
    (void)vsnprintf(a->why, sizeof a->why, fmt, args);
    va_end(args);
}

static bool was_left(const struct kt_signing *s, const uint8_t id[16])
{
    for (size_t i = 0; i < s->left.len; i += 16)
        if (memcmp(s->left.at + i, id, 16) == 0)
            return true;
    return false;
}

/* Keeps what s is to become; false: it stays as it was. */
static bool kept(struct kt_signing *s, const struct kt_signing *next, struct kt_sign_answer *a)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    kt_signing_write(next, &text);
    if (s->keep(s->self, kt_buf_str(&text), &err) == KT_OK)
        return true;
    refuse(a, KT_SIGN_NOT_KEPT, "what would be signed could not be kept: %.140s", err.text);
    return false;
}

/* ---- orders ---- */

static bool may_sign(const struct kt_signing *s, const struct kt_sign_order *o,
                     struct kt_sign_answer *a)
{
    if (!s->known)
        return true; /* the first head of all */
    if (memcmp(o->log_id, s->log_id, 16) != 0)
        refuse(a, was_left(s, o->log_id) ? KT_SIGN_OLD_LOG : KT_SIGN_OTHER_LOG,
               "the store holds another log than the one that is signed");
    else if (o->head.size < s->head.size)
        refuse(a, KT_SIGN_SMALLER,
               "the store has %" PRIu64 " records, %" PRIu64
               " were signed: it was restored from an "
               "older copy, or records were removed",
               o->head.size, s->head.size);
    else if (o->head.size == s->head.size && memcmp(o->head.root, s->head.root, 32) != 0)
        refuse(a, KT_SIGN_OTHER_ROOT,
               "the store's %" PRIu64 " records are not those that were signed: some were changed",
               o->head.size);
    else if (o->head.size != s->head.size && !kt_merkle_extends(&s->head, &o->head, &o->path))
        refuse(a, KT_SIGN_NO_PROOF,
               "the store's %" PRIu64 " records do not begin with the %" PRIu64
               " that were signed: some of these were changed, or others came in their place",
               o->head.size, s->head.size);
    return a->verdict == KT_SIGN_DONE;
}

static void sign_head(struct kt_signing *s, const struct kt_sign_order *o, struct kt_sign_answer *a)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, origin = { 0 };
    struct kt_signing next = *s;
    bool again = s->known && o->head.size == s->head.size;
    if (!may_sign(s, o, a))
        return;
    next.known = true;
    next.head = o->head;
    memcpy(next.log_id, o->log_id, 16);
    if (!again && !kept(s, &next, a))
        return;
    *s = next;
    kt_note_origin(o->log_id, &origin);
    kt_checkpoint_text(o->log_id, &o->head, &text);
    for (unsigned i = 0; i < s->keys.n; i++)
        kt_note_sign(kt_buf_str(&text), kt_buf_z(&origin), s->keys.seed[i], &a->text);
}

/* Its first head is signed without a proof: there is none from another log. The one that is left is
 * never signed again. */
static void new_log(struct kt_signing *s, const struct kt_sign_order *o, struct kt_sign_answer *a)
{
    struct kt_signing next = *s;
    if (!s->known || memcmp(o->before_id, s->log_id, 16) != 0)
        refuse(a, KT_SIGN_OTHER_LOG, "the log to leave is not the one that is signed");
    else if (memcmp(o->log_id, s->log_id, 16) == 0 || was_left(s, o->log_id))
        refuse(a, KT_SIGN_OLD_LOG, "a new log needs a new id");
    else if (s->left.len >= (size_t)KT_SIGNING_LEFT * 16)
        refuse(a, KT_SIGN_OLD_LOG, "%u logs were left already", KT_SIGNING_LEFT);
    if (a->verdict != KT_SIGN_DONE)
        return;
    next.left = (struct kt_buf){ 0 };
    kt_buf_add(&next.left, kt_buf_str(&s->left));
    kt_buf_add_bytes(&next.left, s->log_id, 16);
    memcpy(next.log_id, o->log_id, 16);
    next.head = (struct kt_head){ 0 };
    kt_sha256_of(NULL, 0, next.head.root);
    if (!kept(s, &next, a)) {
        kt_buf_done(&next.left);
        return;
    }
    kt_buf_done(&s->left);
    *s = next;
}

/* ---- keys ---- */

static bool holds(const struct kt_log_keys *k, const uint8_t seed[32])
{
    bool found = false;
    for (unsigned i = 0; i < k->n; i++)
        found = kt_equal_secret(k->seed[i], seed, 32) || found;
    return found;
}

/* Two lines that are no checkpoint, and the new key's vkey in the second. */
static void vouch(const struct kt_signing *s, const uint8_t seed[32], struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, origin = { 0 };
    struct kt_note_key key = { .type = KT_NOTE_LOG };
    kt_note_origin(s->log_id, &origin);
    kt_str_copyz(key.name, sizeof key.name, kt_buf_str(&origin));
    kt_sign_public(seed, key.public_key);
    kt_vouch_text(&key, &text);
    kt_buf_add(out, kt_buf_str(&text));
    kt_buf_byte(out, '\n');
    for (unsigned i = 0; i < s->keys.n; i++)
        kt_note_sign(kt_buf_str(&text), key.name, s->keys.seed[i], out);
    kt_buf_byte(out, '\n');
}

static void read_keys(struct kt_signing *s, struct kt_sign_answer *a)
{
    struct kt_log_keys now = { 0 };
    struct kt_error err = { 0 };
    bool common = false;
    if (s->read_keys(s->self, &now, &err) != KT_OK) {
        refuse(a, KT_SIGN_BAD_KEYS, "%.190s", err.text);
        return;
    }
    for (unsigned i = 0; i < now.n; i++)
        common = holds(&s->keys, now.seed[i]) || common;
    if (!common)
        refuse(a, KT_SIGN_BAD_KEYS,
               "none of the log keys in use is in the key file: an exchange keeps the old one for "
               "a while");
    for (unsigned i = 0; common && i < now.n; i++)
        if (!holds(&s->keys, now.seed[i]))
            vouch(s, now.seed[i], &a->text);
    if (common)
        s->keys = now;
    kt_wipe(&now, sizeof now);
}

void kt_signing_take(struct kt_signing *s, struct kt_str order, struct kt_sign_answer *ret)
{
    struct kt_sign_order o = { 0 };
    *ret = (struct kt_sign_answer){ .verdict = KT_SIGN_DONE };
    if (!kt_sign_order_read(order, &o)) {
        refuse(ret, KT_SIGN_NONSENSE, "that is no order");
        o.what = KT_SIGN_STATE;
    }
    switch (o.what) {
    case KT_SIGN_STATE:
        break;
    case KT_SIGN_HEAD:
        sign_head(s, &o, ret);
        break;
    case KT_SIGN_NEW_LOG:
        new_log(s, &o, ret);
        break;
    case KT_SIGN_KEYS:
        read_keys(s, ret);
        break;
    }
    ret->known = s->known;
    ret->head = s->head;
    memcpy(ret->log_id, s->log_id, sizeof ret->log_id);
    ret->n_keys = s->keys.n;
    for (unsigned i = 0; i < s->keys.n; i++)
        kt_sign_public(s->keys.seed[i], ret->public_key[i]);
}
