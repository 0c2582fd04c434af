/*
 * settings: what detection is told to do, as records of the log.
 *
 * A configuration with the files that it names is one or more `config` records (kind config,
 * operation config), written in one transaction:
 *   {"what":"config","digest":"<hex>","ip_data":"…","part":1,"parts":2,"text":"…",
 *    "files":{"/etc/keytrail/identities.yaml":"…"},"rules":{"/etc/keytrail/rules/a.yml":"…"}}
 * text and each file, of identities in files and of rules, are slices, in order; the slices of all
 * parts together are the effective keytrail.yaml and the files whole. A record without part is the
 * only one.
 */
#pragma once
#include "core/base/limits.h"
#include "core/config/config.h"
#include "core/event/json.h"
#include "core/store/read.h"

#define KT_SETTINGS_SLICE (32u << 10) /* of them, with names, in one record: a line holds it */
#define KT_SETTINGS_FILES (1u + KT_RULES_FILES_MAX) /* of identities, and of rules */

/* Calls each() for the raw of every part, in order. KT_E_LIMIT: it is larger than
 * KT_SETTINGS_MAX. ip_data: what the address database says of itself. */
KT_MUST_USE enum kt_status kt_settings_write(const struct kt_conf *c, const char *ip_data,
                                             enum kt_status (*each)(void *self, struct kt_str raw,
                                                                    struct kt_error *err),
                                             void *self, struct kt_error *err);

/* What came of one configuration so far. Zeroed: nothing. */
struct kt_settings {
    struct kt_buf pieces; /* u32 of, u32 length, name, u32 length, slice; the text has no name */
    char digest[72];
    uint32_t part, parts; /* the newest one, and how many there are */
};
void kt_settings_done(struct kt_settings *s);
/* Adds the part that a record's raw holds. true: all parts are there. What is no part, does not
 * follow the one before it, or makes it too large drops what there was: s->part is 0 then. */
bool kt_settings_take(struct kt_settings *s, struct kt_jval raw);
/* The configuration out of its parts; KT_E_CONFIG as kt_conf_parse. */
KT_MUST_USE enum kt_status kt_settings_parse(const struct kt_settings *s, struct kt_conf **ret,
                                             struct kt_error *err);
/* As bytes of a state, and back; false: they are no settings. */
void kt_settings_save(const struct kt_settings *s, struct kt_buf *out);
bool kt_settings_load(struct kt_settings *s, struct kt_rd *in);
/* Is the record a part of a configuration? */
bool kt_settings_is(const struct kt_event *ev);

/* The first configuration of a log, or NULL in *ret: it holds for what lies before it, too, so that
 * the state is a function of the log alone. The collector records its own before it takes anything
 * in; only what was imported into a new store lies before it. */
KT_MUST_USE enum kt_status kt_settings_first(struct kt_reader *r, struct kt_conf **ret,
                                             struct kt_error *err);
/* The newest one, and how many there were: the same again, after a restart, is one. */
KT_MUST_USE enum kt_status kt_settings_newest(struct kt_reader *r, struct kt_conf **ret,
                                              unsigned *ret_n, struct kt_error *err);
