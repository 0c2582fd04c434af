/*
 * batch: lines to one signed, compressed batch and back.
 *
 * line hash   h_i = SHA-256(0x00 ‖ line bytes without newline)
 * digest      SHA-256("keytrail-batch-v1" ‖ u32 count ‖ h_1 ‖ … ‖ h_n)
 * signed text "keytrail-batch-v1" ‖ incarnation ‖ u64 seq ‖ u32 count ‖ digest
 *
 * signed by Ed25519 with the agent's signing key. The hashes of lines that a collector drops as
 * duplicates are kept beside the batch, so that its signature stays checkable.
 */
#pragma once
#include "core/base/hash.h"
#include "core/base/zip.h"
#include "core/wire/frame.h"

void kt_line_hash(struct kt_str line, uint8_t ret[32]);
void kt_batch_digest(const uint8_t (*hashes)[32], uint32_t n, uint8_t ret[32]);
/* The text that is signed, 77 bytes, appended. */
void kt_batch_signed_text(const uint8_t incarnation[16], uint64_t seq, uint32_t count,
                          const uint8_t digest[32], struct kt_buf *out);
/* Appends the lines as they travel and are spooled: one zstd frame. */
void kt_batch_pack(struct kt_zip *zip, struct kt_str lines, struct kt_buf *out);
/* Fills digest, signature, packed (borrowed from *scratch) and counts of m (a BATCH with
 * incarnation and seq set) from lines, each ended by '\n'. */
void kt_batch_seal(struct kt_msg *m, struct kt_str lines, const struct kt_signer *signer,
                   struct kt_zip *zip, struct kt_buf *scratch);
/* Appends the lines of a received batch to out; hashes has room for KT_BATCH_EVENTS_MAX. Checks
 * sizes, then the signature, then unpacks and checks lines and digest. *ret_reason is set on
 * failure and out is as before. */
KT_MUST_USE enum kt_status kt_batch_open(const struct kt_msg *m, const uint8_t signing_key[32],
                                         struct kt_zip *zip, struct kt_buf *out,
                                         uint8_t (*hashes)[32], enum kt_refuse *ret_reason,
                                         struct kt_error *err);
