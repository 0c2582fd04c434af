/* hash: what the files of `keytrail hash` share: a suspect value, and the hashes that it may have
 * in the log. */
#pragma once
#include "core/answer/vault_hash.h"
#include "core/base/err.h"

#define KT_HASH_VALUE_MAX 4096u /* bytes of a value */

struct kt_hash_vault {
    const char *url, *device, *token_file, *ca_file, *name_space;
    bool allow_private;
};
struct kt_hash_found { /* empty: there is none */
    char value[KT_VAULT_HASH_TEXT], accessor[KT_VAULT_HASH_TEXT];
    struct kt_buf clear; /* the accessor as it is: devices with hmac_accessor=false write it so */
    char note[400];      /* what Vault would not say, for people */
};
/* Asks Vault for the hash of the value, and of its accessor where it is a token that Vault knows
 * (is_accessor: it is one itself). KT_E_IO, KT_E_AGAIN: not reached; KT_E_CONFIG: refused. */
KT_MUST_USE enum kt_status kt_hash_ask_vault(const struct kt_hash_vault *v, struct kt_str value,
                                             bool is_accessor, struct kt_hash_found *ret,
                                             struct kt_error *err);
