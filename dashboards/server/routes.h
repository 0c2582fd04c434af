/* routes: which path is which call, from the table in dashboards/api/calls.h and what the server
 * answers itself. */
#pragma once
#include "dashboards/api/calls.h"

#define KT_WEB_API "/api/v1/"

enum kt_web_kind {
    KT_WEB_CALL,     /* a call of the API, on a worker */
    KT_WEB_DOWNLOAD, /* one that takes its time: on the workers of exports */
    KT_WEB_ME,
    KT_WEB_LOGIN,
    KT_WEB_LOGOUT,
    KT_WEB_LIVE,
    KT_WEB_METRICS,
    KT_WEB_HEALTH,
    KT_WEB_READY,
    KT_WEB_FILE, /* of the page */
};
enum kt_web_method { KT_WEB_GET, KT_WEB_POST }; /* HEAD is a GET whose answer has no body */
struct kt_web_route {
    enum kt_web_kind kind;
    enum kt_web_method method;
    struct kt_str path;
    enum kt_role role;
    enum kt_api_note note;
    kt_api_call *call;
    const char *name; /* for records and log lines */
};
/* Why users with a scope may not ask it (KT_API_UNSCOPED); NULL: they may. Of the server's own
 * `live` says no by itself. */
const char *kt_web_unscoped(const struct kt_web_route *route);
/* The route of a path, whatever its method where there is one of another: *ret_other says so.
 * Paths that are none of the API's are KT_WEB_FILE; NULL: no such call. */
const struct kt_web_route *kt_web_route(struct kt_str path, enum kt_web_method method,
                                        bool *ret_other);
