/* announced: work that maintenance: announces on sources that nobody has. */
#pragma once
#include "collector/auth.h"
#include "core/store/read.h"

/* Calls say() for each window that is not over and whose source is neither an instance nor an agent
 * that ever sent, or that the allow-list names; near: the most alike of these, or NULL. Says
 * nothing of a store to which no agent has sent: nothing is known there. auth: NULL where it cannot
 * be read. */
KT_MUST_USE enum kt_status kt_announced_unknown(
    const struct kt_conf *conf, const struct kt_auth *auth, struct kt_reader *r, kt_time_ns now,
    void (*say)(void *self, const char *source, const char *near), void *self,
    struct kt_error *err);
