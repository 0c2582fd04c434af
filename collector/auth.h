/* auth: the allow-list of agents, read from agents_dir, reloaded atomically (THREATS N3). */
#pragma once
#include "core/config/config.h"

struct kt_auth;
/* Reads every NAME.yaml of dir. A broken file fails the whole load (the old list stays in force on
 * reload). */
KT_MUST_USE enum kt_status kt_auth_open(const char *dir, struct kt_auth **ret,
                                        struct kt_error *err);
KT_MUST_USE enum kt_status kt_auth_reload(struct kt_auth *a, struct kt_error *err);
void kt_auth_free(struct kt_auth *a);
/* Digest of the list, for the config record. */
void kt_auth_digest(const struct kt_auth *a, uint8_t ret[32]);
/* For the ZAP handler: user id "NAME/<first 16 hex of the key's BLAKE2b>"; false when unknown,
 * revoked or outside its dates. */
bool kt_auth_allow(const struct kt_auth *a, const uint8_t curve[32], kt_time_ns now,
                   char *ret_user_id, size_t n);
/* The entry behind a user id, checked against the list of now; NULL: gone, revoked or expired. */
const struct kt_agent_entry *kt_auth_entry(const struct kt_auth *a, struct kt_str user_id,
                                           kt_time_ns now);
const struct kt_agent_entry *kt_auth_named(const struct kt_auth *a, struct kt_str name);
unsigned kt_auth_count(const struct kt_auth *a);
const struct kt_agent_entry *kt_auth_at(const struct kt_auth *a, unsigned i);
/* May this agent send for "type/instance"? Listed, or no list at all (then ownership decides, see
 * store). */
bool kt_auth_may(const struct kt_agent_entry *e, struct kt_str type, struct kt_str instance);
