/*
 * note: signed notes, byte by byte.
 *
 * Owns:  nothing.
 * Calls: core/base (enc, hash).
 */
#include "core/proof/note.h"

#include <string.h>

#include "core/base/enc.h"
#include "core/base/hash.h"

#define SIGNATURE_MARK "\xe2\x80\x94 " /* em dash, blank */
#define ORIGIN         "keytrail/"
#define SIZE_MAX_LOG   (UINT64_C(1) << 54)

void kt_note_origin(const uint8_t log_id[16], struct kt_buf *out)
{
    kt_buf_addz(out, ORIGIN);
    kt_hex_add(out, log_id, 16);
}

void kt_note_key_id(const struct kt_note_key *key, uint8_t ret[4])
{
    uint8_t type = (uint8_t)key->type, hash[32];
    const struct kt_str parts[] = { kt_str_of(key->name), KT_STR("\n"), kt_str_from(&type, 1),
                                    kt_str_from(key->public_key, 32) };
    kt_sha256_of(parts, KT_ARRAY_LEN(parts), hash);
    memcpy(ret, hash, 4);
}

/* Hex digits in one way only: two texts of one id would be two names of one key. */
static bool lower_hex(struct kt_str text, void *ret, size_t n)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] >= 'A' && text.at[i] <= 'F')
            return false;
    return kt_hex_decode(text, ret, n);
}

/* Names are UTF-8 without blanks, '+' and control characters. */
static bool name_fits(struct kt_str name)
{
    if (name.len == 0 || name.len >= KT_NOTE_NAME || !kt_utf8_valid(name))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.at[i] <= ' ' || name.at[i] == '+' || name.at[i] == 0x7f)
            return false;
    return true;
}

/* ---- keys as text ---- */

void kt_note_key_write(const struct kt_note_key *key, struct kt_buf *out)
{
    uint8_t id[4], bytes[33] = { (uint8_t)key->type };
    kt_note_key_id(key, id);
    memcpy(bytes + 1, key->public_key, 32);
    kt_buf_addf(out, "%s+", key->name);
    kt_hex_add(out, id, 4);
    kt_buf_byte(out, '+');
    kt_base64_add(out, kt_str_from(bytes, sizeof bytes));
}

enum kt_status kt_note_key_read(struct kt_str text, struct kt_note_key *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    struct kt_str name, id;
    struct kt_note_key key = { 0 };
    uint8_t said[4], is[4];
    text = kt_str_trim(text);
    if (!kt_str_split(&text, '+', &name) || !kt_str_split(&text, '+', &id) || !name_fits(name) ||
        !lower_hex(id, said, sizeof said) || !kt_base64_decode(text, &bytes) || bytes.len != 33 ||
        (bytes.at[0] != KT_NOTE_LOG && bytes.at[0] != KT_NOTE_COSIGNATURE))
        return kt_fail(err, KT_E_INPUT, "a note key is <name>+<8 hex digits>+<base64>");
    kt_str_copyz(key.name, sizeof key.name, name);
    key.type = (enum kt_note_type)bytes.at[0];
    memcpy(key.public_key, bytes.at + 1, 32);
    kt_note_key_id(&key, is);
    if (memcmp(said, is, sizeof is) != 0)
        return kt_fail(err, KT_E_INPUT, "the id of note key '%s' does not fit it", key.name);
    *ret = key;
    return KT_OK;
}

/* ---- writing ---- */

void kt_checkpoint_text(const uint8_t log_id[16], const struct kt_head *head, struct kt_buf *out)
{
    kt_note_origin(log_id, out);
    kt_buf_byte(out, '\n');
    kt_buf_u64_dec(out, head->size);
    kt_buf_byte(out, '\n');
    kt_base64_add(out, kt_str_from(head->root, 32));
    kt_buf_byte(out, '\n');
}

void kt_vouch_text(const struct kt_note_key *key, struct kt_buf *out)
{
    kt_buf_addz(out, KT_VOUCH_HEAD);
    kt_note_key_write(key, out);
    kt_buf_byte(out, '\n');
}

static void add_line(const char *name, const uint8_t id[4], struct kt_str signature,
                     struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    kt_buf_add_bytes(&bytes, id, 4);
    kt_buf_add(&bytes, signature);
    kt_buf_addf(out, SIGNATURE_MARK "%s ", name);
    kt_base64_add(out, kt_buf_str(&bytes));
    kt_buf_byte(out, '\n');
}

static void key_of(const char *name, enum kt_note_type type, const uint8_t seed[32],
                   struct kt_note_key *ret)
{
    *ret = (struct kt_note_key){ .type = type };
    kt_str_copyz(ret->name, sizeof ret->name, kt_str_of(name));
    kt_sign_public(seed, ret->public_key);
}

void kt_note_sign(struct kt_str text, const char *name, const uint8_t seed[32], struct kt_buf *out)
{
    struct kt_note_key key;
    uint8_t id[4], signature[64];
    key_of(name, KT_NOTE_LOG, seed, &key);
    kt_note_key_id(&key, id);
    kt_sign(seed, text, signature);
    add_line(key.name, id, kt_str_from(signature, sizeof signature), out);
}

static void cosigned(struct kt_str text, uint64_t seconds, struct kt_buf *out)
{
    kt_buf_addf(out, "cosignature/v1\ntime %llu\n", (unsigned long long)seconds);
    kt_buf_add(out, text);
}

void kt_note_cosign(struct kt_str text, const char *name, const uint8_t seed[32], kt_time_ns now,
                    struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf message = { 0 };
    struct kt_note_key key;
    uint64_t seconds = (uint64_t)(now / KT_NS_S);
    uint8_t id[4], signature[72];
    key_of(name, KT_NOTE_COSIGNATURE, seed, &key);
    kt_note_key_id(&key, id);
    cosigned(text, seconds, &message);
    for (unsigned i = 0; i < 8; i++)
        signature[i] = (uint8_t)(seconds >> (56 - 8 * i));
    kt_sign(seed, kt_buf_str(&message), signature + 8);
    add_line(key.name, id, kt_str_from(signature, sizeof signature), out);
}

/* ---- reading ---- */

static bool take_line(struct kt_str *rest, struct kt_str *ret)
{
    ptrdiff_t end = kt_str_find(*rest, KT_STR("\n"), 0);
    if (end < 0)
        return false;
    *ret = kt_str_from(rest->at, (size_t)end);
    *rest = kt_str_from_index(*rest, (size_t)end + 1);
    return true;
}

static bool take_signature(struct kt_str line, struct kt_note_signature *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    struct kt_str name;
    if (!kt_str_starts(line, KT_STR(SIGNATURE_MARK)))
        return false;
    line = kt_str_from_index(line, strlen(SIGNATURE_MARK));
    if (!kt_str_split(&line, ' ', &name) || !name_fits(name) || !kt_base64_decode(line, &bytes) ||
        bytes.len < 5)
        return false;
    ret->name = name;
    memcpy(ret->key_id, bytes.at, 4);
    /* Of a length that no type here has: another program's signature, which nobody here checks. */
    size_t n = bytes.len - 4 <= sizeof ret->bytes ? bytes.len - 4 : 0;
    if (n > 0)
        memcpy(ret->bytes, bytes.at + 4, n);
    ret->len = n;
    return true;
}

/* A note's text is UTF-8 whose only control character is the newline (C2SP signed-note). */
static bool text_fits(struct kt_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (((unsigned char)text.at[i] < ' ' && text.at[i] != '\n') || text.at[i] == 0x7f)
            return false;
    return kt_utf8_valid(text);
}

static bool take_head(struct kt_str text, struct kt_checkpoint *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf root = { 0 };
    struct kt_str size, hash;
    if (!take_line(&text, &ret->origin) || !take_line(&text, &size) || !take_line(&text, &hash) ||
        !kt_str_starts(ret->origin, KT_STR(ORIGIN)) ||
        !lower_hex(kt_str_from_index(ret->origin, strlen(ORIGIN)), ret->log_id, 16))
        return false;
    if (!kt_str_u64(size, &ret->head.size) || (size.len > 1 && size.at[0] == '0') ||
        ret->head.size > SIZE_MAX_LOG || !kt_base64_decode(hash, &root) || root.len != 32)
        return false;
    memcpy(ret->head.root, root.at, 32);
    return true; /* lines behind these are extensions, which are signed and mean nothing here */
}

static enum kt_status take_signatures(struct kt_str rest, struct kt_checkpoint *ret,
                                      struct kt_error *err)
{
    struct kt_str line;
    while (rest.len > 0) {
        if (ret->n == KT_NOTE_SIGNATURES)
            return kt_fail(err, KT_E_INPUT, "a checkpoint with more than %u signatures",
                           KT_NOTE_SIGNATURES);
        if (!take_line(&rest, &line) || !take_signature(line, &ret->signature[ret->n]))
            return kt_fail(err, KT_E_INPUT, "a checkpoint whose signature %u is none", ret->n + 1);
        ret->n++;
    }
    if (ret->n == 0)
        return kt_fail(err, KT_E_INPUT, "a checkpoint that nobody signed");
    return KT_OK;
}

enum kt_status kt_checkpoint_read(struct kt_str note, struct kt_checkpoint *ret,
                                  struct kt_error *err)
{
    if (note.len > KT_NOTE_MAX)
        return kt_fail(err, KT_E_INPUT, "a checkpoint of more than %u bytes", KT_NOTE_MAX);
    ptrdiff_t end = kt_str_find(note, KT_STR("\n\n"), 0);
    *ret = (struct kt_checkpoint){ 0 };
    if (end < 0)
        return kt_fail(err, KT_E_INPUT, "no checkpoint: a blank line and signatures are missing");
    ret->text = kt_str_from(note.at, (size_t)end + 1);
    if (!text_fits(ret->text) || !take_head(ret->text, ret))
        return kt_fail(err, KT_E_INPUT,
                       "no checkpoint of keytrail: its text is not origin, size and root");
    return take_signatures(kt_str_from_index(note, (size_t)end + 2), ret, err);
}

/* The text's second line is the key, and there is no third. */
static bool take_vouch(struct kt_str text, struct kt_str signatures, struct kt_note_key *ret_key,
                       struct kt_checkpoint *ret)
{
    struct kt_str vkey = kt_str_from_index(text, strlen(KT_VOUCH_HEAD)), line, name;
    *ret = (struct kt_checkpoint){ .text = text };
    if (!take_line(&vkey, &line) || vkey.len > 0 || !kt_str_eq(line, kt_str_trim(line)) ||
        kt_note_key_read(line, ret_key, NULL) != KT_OK || ret_key->type != KT_NOTE_LOG)
        return false;
    (void)kt_str_split(&line, '+', &name);
    ret->origin = name;
    return take_signatures(signatures, ret, NULL) == KT_OK;
}

bool kt_vouch_next(struct kt_str *rest, struct kt_note_key *ret_key, struct kt_checkpoint *ret_note)
{
    ptrdiff_t at;
    while ((at = kt_str_find(*rest, KT_STR(KT_VOUCH_HEAD), 0)) >= 0) {
        struct kt_str text = kt_str_from_index(*rest, (size_t)at), line;
        ptrdiff_t end = kt_str_find(text, KT_STR("\n\n"), 0);
        if (end < 0)
            break;
        struct kt_str signatures = kt_str_from_index(text, (size_t)end + 2), tail = signatures;
        while (kt_str_starts(tail, KT_STR(SIGNATURE_MARK)) && take_line(&tail, &line))
            ;
        signatures.len -= tail.len;
        text.len = (size_t)end + 1;
        *rest = tail;
        if (take_vouch(text, signatures, ret_key, ret_note))
            return true;
    }
    return false;
}

static bool fits(const struct kt_checkpoint *c, const struct kt_note_signature *s,
                 const struct kt_note_key *key, kt_time_ns *ret_when)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf message = { 0 };
    uint64_t seconds = 0;
    if (key->type == KT_NOTE_LOG)
        return s->len == 64 && kt_sign_ok(key->public_key, c->text, s->bytes);
    if (s->len != 72)
        return false;
    for (unsigned i = 0; i < 8; i++)
        seconds = seconds << 8 | s->bytes[i];
    cosigned(c->text, seconds, &message);
    if (seconds > INT64_MAX / KT_NS_S ||
        !kt_sign_ok(key->public_key, kt_buf_str(&message), s->bytes + 8))
        return false;
    *ret_when = (kt_time_ns)seconds * KT_NS_S;
    return true;
}

bool kt_checkpoint_signed(const struct kt_checkpoint *c, const struct kt_note_key *key,
                          kt_time_ns *ret_when)
{
    uint8_t id[4];
    kt_time_ns when = 0;
    kt_note_key_id(key, id);
    for (unsigned i = 0; i < c->n; i++) {
        const struct kt_note_signature *s = &c->signature[i];
        if (memcmp(s->key_id, id, sizeof id) != 0 || !kt_str_is(s->name, key->name) ||
            !fits(c, s, key, &when))
            continue;
        if (ret_when != NULL)
            *ret_when = when;
        return true;
    }
    return false;
}

/* Where the next line "keytrail/<32 hex digits>" begins, behind whatever stands before it: an
 * append that was torn ends inside a line. -1: none. */
static ptrdiff_t find_origin(struct kt_str in, size_t from)
{
    uint8_t id[16];
    ptrdiff_t at;
    for (; (at = kt_str_find(in, KT_STR(ORIGIN), from)) >= 0; from = (size_t)at + 1) {
        struct kt_str name = kt_str_from_index(in, (size_t)at + strlen(ORIGIN));
        if (name.len > 32 && name.at[32] == '\n' && lower_hex(kt_str_sub(name, 0, 32), id, 16))
            break;
    }
    return at;
}

/* A text, a blank line and lines of signatures, from the beginning on; empty: they are not there.
 */
static struct kt_str leading_note(struct kt_str in)
{
    ptrdiff_t text = kt_str_find(in, KT_STR("\n\n"), 0);
    if (text < 0)
        return KT_STR_NONE;
    struct kt_str tail = kt_str_from_index(in, (size_t)text + 2), line;
    while (kt_str_starts(tail, KT_STR(SIGNATURE_MARK)) && take_line(&tail, &line))
        ;
    return kt_str_from(in.at, (size_t)(tail.at - in.at));
}

bool kt_note_next(struct kt_str *rest, struct kt_str *ret_note)
{
    struct kt_checkpoint c;
    ptrdiff_t at = find_origin(*rest, 0);
    while (at >= 0) {
        *rest = kt_str_from_index(*rest, (size_t)at);
        at = find_origin(*rest, 1);
        struct kt_str note = leading_note(at < 0 ? *rest : kt_str_sub(*rest, 0, (size_t)at));
        if (kt_checkpoint_read(note, &c, NULL) != KT_OK)
            continue;
        *ret_note = note;
        *rest = kt_str_from_index(*rest, note.len);
        return true;
    }
    return false;
}
