/* profile: what the files of the pages `actor`, `ip`, `secret` and `session` share. */
#pragma once
#include "cli/page.h"
#include "core/answer/alerted.h"
#include "core/answer/beside.h"

struct kt_profile_page {
    struct kt_asking a;
    uint64_t top; /* rows of a list; 0: all */
    struct kt_profile_ask what;
    struct kt_profile *p;
    struct kt_alerted *alerts;
    struct kt_beside beside;
};
/* For people: head, facts, lists, hours, foot. */
void kt_profile_show(struct kt_profile_page *g);
/* For programs: one row a value, in the form of -o. */
void kt_profile_rows(const struct kt_profile_page *g);
