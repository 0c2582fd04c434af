/* log_keys: the log's key file as commands make and exchange it. */
#pragma once
#include "core/config/config.h"

/* A new key into a file that must not exist; its folder is made, 0700. Prints nothing. */
KT_MUST_USE enum kt_status kt_log_key_make(const char *path, uint8_t ret_public[32],
                                           struct kt_error *err);
/* "SHA256:" and 43 characters of base64: what people compare (of the public key's 32 bytes). */
#define KT_FINGERPRINT 52
const char *kt_log_fingerprint(const uint8_t public_key[32], char buf[KT_FINGERPRINT]);
/* The vkeys a line each, those of a store's newest checkpoint on: as a table for people. */
void kt_log_keys_print(struct kt_str vkeys);
