/* pages: the pages of the manual, out of the tables of options. */
#pragma once
#include "cli/manual/roff.h"
#include "core/base/err.h"

struct kt_manual {
    const char *out;  /* folder */
    const char *docs; /* folder of the pages that are documents too */
    const char *date; /* of all pages: 2026-11-22 */
    unsigned pages;
};
/* Writes a page; its text is taken. */
KT_MUST_USE enum kt_status kt_manual_write(struct kt_manual *m, const struct kt_roff_page *page,
                                           struct kt_roff *r, struct kt_error *err);
/* keytrail.1, keytrail-COMMAND.1, keytrail-agent.1 and those of its commands. */
KT_MUST_USE enum kt_status kt_manual_commands(struct kt_manual *m, struct kt_error *err);
/* keytrail.yaml.5, keytrail-agent.yaml.5 */
KT_MUST_USE enum kt_status kt_manual_configuration(struct kt_manual *m, struct kt_error *err);
/* keytrail-query.7, keytrail-events.7 */
KT_MUST_USE enum kt_status kt_manual_documents(struct kt_manual *m, struct kt_error *err);
/* EXIT STATUS, FILES: the same on every page of a program. */
void kt_manual_exit_status(struct kt_roff *r);
void kt_manual_files(struct kt_roff *r, bool agent);
