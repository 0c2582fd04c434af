/* hook: the signature of Standard Webhooks 1.0.0 (EXPORTS §1.6). Pure. */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"

struct kt_hook_key {
    uint8_t at[64];
    size_t len; /* 24-64; 0 = none */
};
/* "whsec_" + base64 of 24-64 bytes. */
KT_MUST_USE enum kt_status kt_hook_key_read(struct kt_str text, struct kt_hook_key *ret,
                                            struct kt_error *err);
/* Appends "v1,<base64>" for each key that is there, separated by blanks. id holds no dot. */
void kt_hook_sign(const struct kt_hook_key *keys, unsigned n, struct kt_str id, int64_t timestamp_s,
                  struct kt_str body, struct kt_buf *out);
