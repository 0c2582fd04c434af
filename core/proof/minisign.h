/*
 * minisign: detached signatures of files in the form of minisign (jedisct1.github.io/minisign,
 * "File format"), so that Debian's minisign and anybody's checks what we sign, and back.
 *
 *   public key   base64("Ed" ‖ id 8 ‖ Ed25519 public key 32): 56 characters that begin with RW
 *   signature    untrusted comment: …
 *                base64("ED" ‖ id 8 ‖ Ed25519(BLAKE2b-512(file)) 64), "Ed": over the file itself
 *                trusted comment: …
 *                base64(Ed25519(the 64 bytes above ‖ trusted comment) 64)
 *   secret key   base64("Ed" ‖ 0 0 ‖ "B2" ‖ 48 zeroes ‖ id 8 ‖ seed 32 ‖ public key 32 ‖ 32
 * zeroes), as `minisign -GW` makes it: without a password; the file's mode guards it
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"

#define KT_MINISIGN_FILE_MAX 4096u /* bytes of a key or signature file */

struct kt_minisign_public {
    uint8_t id[8], key[32];
};
struct kt_minisign_secret {
    uint8_t seed[32];
    struct kt_minisign_public open;
};
/* A key pair out of 40 random bytes. */
void kt_minisign_make(const uint8_t random[40], struct kt_minisign_secret *ret);
/* The file of the secret key: wipe it (kt_wipe) when it is written. */
void kt_minisign_secret_write(const struct kt_minisign_secret *key, struct kt_buf *out);
/* KT_E_CONFIG: the file is no secret key, or one behind a password. */
KT_MUST_USE enum kt_status kt_minisign_secret_read(struct kt_str file,
                                                   struct kt_minisign_secret *ret,
                                                   struct kt_error *err);
/* "RW…" alone: what `minisign -P` takes, and what people compare. */
void kt_minisign_public_text(const struct kt_minisign_public *key, struct kt_buf *out);
/* The file of the public key: that behind a line of comment. */
void kt_minisign_public_write(const struct kt_minisign_public *key, struct kt_buf *out);
/* Either form. KT_E_INPUT. */
KT_MUST_USE enum kt_status kt_minisign_public_read(struct kt_str text,
                                                   struct kt_minisign_public *ret,
                                                   struct kt_error *err);
/* The signature file over content. comment: the trusted one, one line. */
void kt_minisign_sign(const struct kt_minisign_secret *key, struct kt_str content,
                      struct kt_str comment, struct kt_buf *out);
/* Is `signature` (a file, of either algorithm) by that key over content? KT_E_INPUT says what it is
 * instead: no signature, by another key, over something else, with a changed comment. */
KT_MUST_USE enum kt_status kt_minisign_check(const struct kt_minisign_public *key,
                                             struct kt_str content, struct kt_str signature,
                                             struct kt_error *err);
