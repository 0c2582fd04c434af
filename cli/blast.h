/*
 * blast: what the forms of `keytrail blast` share.
 */
#pragma once
#include "cli/asking.h"
#include "core/answer/blast.h"

struct kt_blast_page {
    const struct kt_asking *asking;
    const struct kt_credential *of;
    const struct kt_blast *blast;
    const char *command; /* as it was typed, quoted for a shell */
};
/* Markdown for a ticket. */
void kt_blast_note(const struct kt_blast_page *p);
