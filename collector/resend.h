/* resend: alerts that are open at a target which forgets them are sent there again. */
#pragma once
#include "core/config/config.h"
#include "core/store/write.h"

bool kt_resend_wanted(const struct kt_conf *conf); /* there is such a target */
/* Inside a transaction, every minute: a row of action "resend" for each alert that is open at such
 * a target, unless one waits. *ret_added: rows were added. */
KT_MUST_USE enum kt_status kt_resend(struct kt_store *store, const struct kt_conf *conf,
                                     kt_time_ns now, bool *ret_added, struct kt_error *err);
