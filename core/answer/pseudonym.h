/*
 * pseudonym: names of actors and addresses as keyed hashes, so that a report can leave the house:
 * the same name is the same pseudonym everywhere under one key, and without the key nobody can try
 * names (THREATS R3; HMAC-SHA256, RFC 2104).
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/ip.h"

#define KT_PSEUDONYM_KEY_MIN 16u /* bytes of a key */
#define KT_PSEUDONYM_KEY_MAX 4096u

struct kt_pseudonyms;
/* key: the bytes of a key file, white space around them left off; copied, wiped when freed.
 * KT_E_INPUT: shorter or longer than it may be. */
KT_MUST_USE enum kt_status kt_pseudonyms_new(struct kt_str key, struct kt_pseudonyms **ret,
                                             struct kt_error *err);
void kt_pseudonyms_free(struct kt_pseudonyms *p);
/* Adds "actor-" or "addr-" and 16 hex digits. An empty name adds nothing; p NULL adds the name. */
void kt_pseudonym_actor(const struct kt_pseudonyms *p, struct kt_str actor, struct kt_buf *out);
void kt_pseudonym_ip(const struct kt_pseudonyms *p, struct kt_ip ip, struct kt_buf *out);
/* A secret's id: parts of it that are names of people or addresses cannot be told from others, so
 * the store's scheme stays and the rest becomes "secret-" and 16 hex digits. */
void kt_pseudonym_secret(const struct kt_pseudonyms *p, struct kt_str secret, struct kt_buf *out);
/* A sentence that a person or a detector wrote may hold any name: it is left out, which is said. */
void kt_pseudonym_text(const struct kt_pseudonyms *p, struct kt_str text, struct kt_buf *out);
