/* notify: parts of the command notify. */
#pragma once
#include "cli/cli.h"

struct kt_notify_flags {
    const char *db, *config, *server, *target, *by;
    uint64_t limit; /* 0: all */
    bool all;
    enum kt_output how;
};
/* `notify keygen`: a key file's two lines on stdout, the public key and what to do on stderr. */
int kt_notify_keygen(void);
/* `notify queue`, `notify dead`: rows of the store's outbox. */
int kt_notify_queue(const struct kt_notify_flags *f);
int kt_notify_dead(const struct kt_notify_flags *f);
/* `notify retry`: which is a row's number or an alert's id; NULL: f->target or f->all says it. */
int kt_notify_retry(const struct kt_notify_flags *f, const char *which);
/* `notify route`. explain: an alert's id, or its start; else the alert is what the others say of
 * it; all NULL and 0: the table of routes. */
struct kt_notify_route_flags {
    const char *db, *config, *explain, *at;
    const char *severity, *detector, *actor, *secret, *ip, *country, *source, *instance;
    uint64_t score; /* whole points */
    enum kt_output how;
};
int kt_notify_route(const struct kt_notify_route_flags *f);
