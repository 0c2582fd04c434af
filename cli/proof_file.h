/*
 * proof_file: the proof of one event as a file (docs/proof.md), written and read; and whether it
 * holds together.
 *
 *   {"log":"<hex>","seq":N,"size":N,"root":"<hex>","record":"<hex>","line":"…","path":["<hex>"…],
 *    "note":"<checkpoint of that size>"|null}
 *
 * record is what the leaf is hashed over (core/store/tree.h), its last 32 bytes SHA-256(00 ‖ line);
 * path is the inclusion proof of RFC 9162 §2.1.3 for leaf seq - 1.
 */
#pragma once
#include "core/base/err.h"
#include "core/proof/merkle.h"

#define KT_PROOF_FILE_MAX (2u << 20)

struct kt_proof_file {
    uint64_t seq;
    struct kt_head head;
    struct kt_buf record, line, path, note; /* path: kt_path_pack; note: empty for null */
    uint8_t log_id[16];
};
void kt_proof_file_done(struct kt_proof_file *f);
void kt_proof_file_write(const struct kt_proof_file *f, struct kt_buf *out);
/* *ret is zeroed, and to be emptied whatever is returned. KT_E_INPUT: no proof. */
KT_MUST_USE enum kt_status kt_proof_file_read(struct kt_str text, struct kt_proof_file *ret,
                                              struct kt_error *err);
/* Why line, record, path and root do not fit together, or NULL: then who vouches for the root
 * vouches for the line. */
const char *kt_proof_file_fault(const struct kt_proof_file *f);
