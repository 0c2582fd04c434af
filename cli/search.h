/* search: what the command and its parts share. Private to the command `search`. */
#pragma once
#include "cli/cli.h"
#include "cli/window.h"
#include "core/config/config.h"
#include "core/query/query.h"

struct kt_search {
    const char *db, *config, *output, *page, *by, *distinct, *timeout;
    struct kt_window window;
    uint64_t limit, top; /* 0: all */
    bool no_header, quiet, exit_code, explain;
    enum kt_output how;

    kt_time_ns now, deadline; /* wall and monotonic */
    int zone_offset_s;
    struct kt_conf *conf; /* whose identities actors are looked for by; NULL: nobody's */
    struct kt_query *query;
    struct kt_reader *reader;
    struct kt_facts *facts;
    struct kt_scan scan;
    kt_time_ns until; /* of the window; pages narrow the scan */
    struct kt_scan_cost cost;
    bool found, damaged;
};
/* A damaged part of the store is told once each and left behind: the rest of an answer is worth
 * having. True: go on. */
bool kt_search_goes_on(struct kt_search *s, enum kt_status status, const struct kt_error *err);
/* --by: counts instead of records. */
KT_MUST_USE enum kt_status kt_search_count(struct kt_search *s, struct kt_error *err);
