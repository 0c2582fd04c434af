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
/* One JSON document, times in UTC. */
void kt_blast_json(const struct kt_blast_page *p);
/* "it read 7 secrets in 41 reads …; 4 are still exposed, 2 of them production". */
void kt_blast_sum(const struct kt_blast_page *p, struct kt_buf *out);
/* "svc-pay (40), deploy (3), and 2 more". */
void kt_blast_readers(const struct kt_secret_state *st, unsigned most, struct kt_buf *out);
void kt_blast_versions(const struct kt_secret_state *st, struct kt_buf *out);
const char *kt_blast_list_word(enum kt_blast_list which);
/* How a secret of that kind of store is rotated: a command, or where to click. Words of strangers
 * are quoted for a shell. */
void kt_rotate_hint(const struct kt_secret_state *st, struct kt_buf *out);
