/* profile: what the files of the pages `actor`, `ip`, `secret` and `session` share. */
#pragma once
#include "cli/page.h"
#include "core/answer/alerted.h"
#include "core/answer/inventory.h"
#include "core/answer/issued.h"

struct kt_profile_page {
    struct kt_asking a;
    uint64_t top; /* rows of a list; 0: all */
    struct kt_profile_ask what;
    struct kt_profile *p;
    struct kt_alerted *alerts;
    struct kt_inventory *inventory; /* secret */
    struct kt_profile *near;        /* ip: the addresses of its /24 (/48) */
    struct kt_issued issued;        /* session */
    const struct kt_identity *who;  /* actor; NULL: the file has none */
};
/* The identity of the actor that is asked about, or NULL. */
const struct kt_identity *kt_profile_identity(const struct kt_profile_page *g);
/* What is known beside the counts, fact by fact: name ("team", "last_rotated"), text, time; either
 * may be empty. */
void kt_profile_facts(const struct kt_profile_page *g,
                      void (*each)(void *self, const char *name, struct kt_str text,
                                   kt_time_ns time),
                      void *self);
/* For people: head, facts, lists, hours, foot. */
void kt_profile_show(struct kt_profile_page *g);
/* For programs: one row a value, in the form of -o. */
void kt_profile_rows(const struct kt_profile_page *g);
