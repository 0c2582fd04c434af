/*
 * identities: who is who (DETECTION §2.1): the canonical name of an actor, whatever the sources
 * call it, with its kind, team, time zone and shifts on call, and which secrets are production.
 * docs/identities.md has the file.
 *
 * Aliases and names fit upper and lower case (ASCII) alike, as `actor:` does in a query.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/zone.h"
#include "core/config/option.h"

struct kt_identities;

struct kt_identity_alias {
    const char *actor;             /* as a source writes it; may have `*` and `**` */
    const char *source, *instance; /* globs; NULL = any */
    uint32_t identity;
    unsigned line;
    bool glob;
};
struct kt_shift {
    kt_time_ns from, until;
};
struct kt_identity {  /* its strings live as long as the identities; absent ones are NULL */
    const char *name; /* canonical; an alias of itself */
    const char *team, *manager, *time_zone, *on_call_note;
    int kind;                   /* enum kt_actor_kind; -1 = what the sources say */
    const struct kt_zone *zone; /* of time_zone */
    const struct kt_identity_alias *alias;
    const struct kt_shift *shift; /* on call, as given */
    const char *left_day;         /* the last day, as given: 2026-03-05 */
    kt_time_ns left;              /* when it was over there (UTC without a zone); 0 = still here */
    unsigned n_alias, n_shift, line;
};

struct kt_identities *kt_identities_new(void); /* of nobody */
void kt_identities_free(struct kt_identities *ids);
/* Adds a file, or its text, to an empty set. KT_E_CONFIG with file, line and column: an unknown
 * key, a name or alias that two claim (both places), an unknown time zone, a bound of limits.h. */
KT_MUST_USE enum kt_status kt_identities_load(struct kt_identities *ids, const char *path,
                                              struct kt_error *err);
KT_MUST_USE enum kt_status kt_identities_parse(struct kt_identities *ids, struct kt_str text,
                                               const char *name, struct kt_error *err);
/* What is in force, as YAML that reads back to the same on a host without time zones. */
void kt_identities_print(const struct kt_identities *ids, struct kt_buf *out);
const uint8_t *kt_identities_digest(const struct kt_identities *ids); /* SHA-256 of the text read */

/* Whose actor this is, as a source wrote it, or NULL. An alias without `*` goes before those with
 * one; of these the first in the file. Any thread. */
const struct kt_identity *kt_identities_find(const struct kt_identities *ids, struct kt_str actor,
                                             struct kt_str source, struct kt_str instance);
const struct kt_identity *kt_identities_named(const struct kt_identities *ids, struct kt_str name);
unsigned kt_identities_count(const struct kt_identities *ids);
const struct kt_identity *kt_identities_at(const struct kt_identities *ids, unsigned i);
unsigned kt_identities_number(const struct kt_identities *ids, const struct kt_identity *who);
bool kt_identities_have_globs(const struct kt_identities *ids);
bool kt_identity_on_call(const struct kt_identity *who, kt_time_ns t);
/* Globs of secrets that are production, and of those that are not. */
struct kt_strings kt_identities_production(const struct kt_identities *ids, bool not_production);
