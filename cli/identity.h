/* identity: what the words of `keytrail identity` share. */
#pragma once
#include "cli/cli.h"
#include "cli/window.h"
#include "core/config/config.h"

struct kt_identity_args {
    const char *db, *config, *file, *output, *least;
    struct kt_window window;
    bool no_header, quiet;
    enum kt_output how;
    struct kt_reader *reader; /* NULL: nobody named a store */
    struct kt_conf *conf;     /* owners of ids */
    struct kt_identities *own;
    const struct kt_identities *ids;
    const char *where; /* they come from: a path, or "the log" */
};
int kt_identity_check(struct kt_identity_args *a);
int kt_identity_suggest(struct kt_identity_args *a);
