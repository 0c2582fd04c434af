/*
 * note: signed notes and checkpoints of a log, in the forms of C2SP signed-note, tlog-checkpoint
 * and tlog-cosignature (c2sp.org), so that anybody's tool reads them.
 *
 *   <origin>\n<size>\n<base64 root>\n            the text that is signed
 *   \n
 *   — <name> <base64(4 bytes key id ‖ signature)>\n       a line a signature
 *
 * The origin is "keytrail/" and the log id as 32 hex digits, and is also the log key's name. A
 * log's signature is Ed25519 over the text (type 1); a cosignature is Ed25519 over
 * "cosignature/v1\ntime <seconds>\n" and the text (type 4), 8 bytes of big-endian seconds before
 * its
 * 64. A key id is the first 4 bytes of SHA-256(name ‖ \n ‖ type ‖ public key).
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/time.h"
#include "core/proof/merkle.h"

#define KT_NOTE_MAX        (16u << 10) /* bytes of a note */
#define KT_NOTE_SIGNATURES 64u         /* of a note: the log's and cosignatures */
#define KT_NOTE_NAME       96u         /* bytes of a key's name, and the NUL */

enum kt_note_type { KT_NOTE_LOG = 1, KT_NOTE_COSIGNATURE = 4 };
struct kt_note_key { /* a public key and the name that its signatures bear */
    char name[KT_NOTE_NAME];
    enum kt_note_type type;
    uint8_t public_key[32];
};
struct kt_note_signature {
    struct kt_str name;
    uint8_t key_id[4];
    size_t len; /* behind the key id: 64, of a cosignature 72; 0: of another kind */
    uint8_t bytes[72];
};
/* Blobs of the store that hold them, and what they are judged by. */
#define KT_CHECKPOINT_BLOB    "checkpoint" /* the newest note with its cosignatures */
#define KT_CHECKPOINT_HISTORY "checkpoint/"
#define KT_CHECKPOINT_AT      "checkpoint-at" /* when that was signed: ns, decimal */
#define KT_LOG_KEYS_BLOB      "log-keys" /* public keys that sign, a line of hex each, older first */
#define KT_LOG_VOUCHES_BLOB   "log-key-vouches" /* what the old key said of the new one */

struct kt_checkpoint {  /* a parsed note; strings are views into its text */
    struct kt_str text; /* what is signed, with its last newline */
    struct kt_str origin;
    uint8_t log_id[16];
    struct kt_head head;
    unsigned n;
    struct kt_note_signature signature[KT_NOTE_SIGNATURES];
};
void kt_note_origin(const uint8_t log_id[16], struct kt_buf *out);
void kt_note_key_id(const struct kt_note_key *key, uint8_t ret[4]);
/* "<name>+<8 hex of the id>+<base64(type ‖ public key)>", the vkey form, and back. KT_E_INPUT. */
void kt_note_key_write(const struct kt_note_key *key, struct kt_buf *out);
KT_MUST_USE enum kt_status kt_note_key_read(struct kt_str text, struct kt_note_key *ret,
                                            struct kt_error *err);
/* The text of a checkpoint, unsigned. */
void kt_checkpoint_text(const uint8_t log_id[16], const struct kt_head *head, struct kt_buf *out);
/* Adds the signature line of a log's key, or of a cosigner at a time, over the text. */
void kt_note_sign(struct kt_str text, const char *name, const uint8_t seed[32], struct kt_buf *out);
void kt_note_cosign(struct kt_str text, const char *name, const uint8_t seed[32], kt_time_ns now,
                    struct kt_buf *out);
/* Reads a note; keeps its bytes borrowed. KT_E_INPUT says what is wrong with it: an origin that is
 * not ours, a size with a leading zero or beyond 2^54, no signature, too many. */
KT_MUST_USE enum kt_status kt_checkpoint_read(struct kt_str note, struct kt_checkpoint *ret,
                                              struct kt_error *err);
/* What a log's key says of a new one: a note of KT_VOUCH_HEAD and the new key's vkey, a line each,
 * signed as a checkpoint is. A checkpoint's signature lines are signed by nobody: that another key
 * stands there, too, says nothing about it; this does. */
#define KT_VOUCH_HEAD "keytrail log key\n"
void kt_vouch_text(const struct kt_note_key *key, struct kt_buf *out); /* unsigned */
/* Takes the next one off, with what is before it. ret_note: text, origin (the new key's name) and
 * signatures, for kt_checkpoint_signed; it has no head. false: none is left. */
bool kt_vouch_next(struct kt_str *rest, struct kt_note_key *ret_key,
                   struct kt_checkpoint *ret_note);
/* Does one of its signatures come from that key? Of a cosignature: when. */
bool kt_checkpoint_signed(const struct kt_checkpoint *c, const struct kt_note_key *key,
                          kt_time_ns *ret_when);
/* Notes that stand one behind another, as in a file that they are appended to: takes the next one
 * off that reads as a checkpoint. What lies between them is passed over: blank lines, and what was
 * left of a note whose append was torn. false: none is left. */
bool kt_note_next(struct kt_str *rest, struct kt_str *ret_note);
