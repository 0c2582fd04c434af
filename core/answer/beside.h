/*
 * beside: what is known of an actor, a secret, an address or a session beside its records: its
 * identity, its inventory, the configuration's networks, the login that it came from.
 */
#pragma once
#include "core/answer/inventory.h"
#include "core/answer/issued.h"
#include "core/answer/profile.h"
#include "core/config/config.h"

struct kt_beside {
    const struct kt_ask *ask; /* these three are borrowed */
    const struct kt_conf *conf;
    const struct kt_profile_ask *what;
    bool nothing;                   /* the ask has a scope, and no record in it is about this */
    const struct kt_identity *who;  /* of an actor; NULL: the file has none */
    struct kt_inventory *inventory; /* of one secret */
    struct kt_issued issued;        /* of a session */
};
/* p: the profile that answers what. conf may be NULL. */
KT_MUST_USE enum kt_status kt_beside_load(struct kt_ask *a, const struct kt_conf *conf,
                                          const struct kt_profile_ask *what,
                                          const struct kt_profile *p, struct kt_beside *ret,
                                          struct kt_error *err);
void kt_beside_done(struct kt_beside *g);
/* Fact by fact: name ("team", "last_rotated"), text, time; either may be empty. */
void kt_beside_facts(const struct kt_beside *g,
                     void (*each)(void *self, const char *name, struct kt_str text,
                                  kt_time_ns time),
                     void *self);
