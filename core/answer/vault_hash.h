/*
 * vault_hash: how an audit device of Vault or OpenBao writes what it may not show.
 *
 * "hmac-sha256:" and hex of HMAC-SHA256(key = the device's salt as it is stored, text = the value):
 * audit/hashstruct.go and sdk/helper/salt of Vault. `POST sys/audit-hash/<device>` {"input": value}
 * answers {"hash": …, "data": {"hash": …}} (api-docs/system/audit-hash).
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"

#define KT_VAULT_HASH_TEXT (12 + 64 + 1) /* with its NUL */
/* ret holds KT_VAULT_HASH_TEXT. */
const char *kt_vault_hash(struct kt_str salt, struct kt_str value, char *ret);
bool kt_vault_is_hash(struct kt_str s); /* such a text, whole */
/* {"<member>": value}, as both requests want it; the buffer is secret: kt_wipe it. */
void kt_vault_ask_hash(const char *member, struct kt_str value, struct kt_buf *out);
/* The hash, or the accessor, in an answer of Vault; KT_E_INPUT says what came instead, without a
 * byte of the body. */
KT_MUST_USE enum kt_status kt_vault_take_hash(struct kt_str body, char *ret, struct kt_error *err);
KT_MUST_USE enum kt_status kt_vault_take_accessor(struct kt_str body, struct kt_buf *ret,
                                                  struct kt_error *err);
