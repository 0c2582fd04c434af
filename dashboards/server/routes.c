/*
 * routes: the table of them.
 *
 * Owns:  the table.
 * Calls: dashboards/api/calls.h.
 */
#include "dashboards/server/routes.h"

#define OWN(kind, method, path, name)                                                              \
    {                                                                                              \
        kind, method, KT_STR_INIT(path), KT_ROLE_VIEWER, KT_NOTE_NONE, NULL, name                  \
    }
#define CALL(name, method, path, role, note)                                                       \
    { (note) == KT_NOTE_EXPORT && KT_WEB_##method == KT_WEB_GET ? KT_WEB_DOWNLOAD : KT_WEB_CALL,   \
      KT_WEB_##method,                                                                             \
      KT_STR_INIT(KT_WEB_API path),                                                                \
      role,                                                                                        \
      note,                                                                                        \
      kt_api_##name,                                                                               \
      #name },

static const struct kt_web_route routes[] = {
    OWN(KT_WEB_ME, KT_WEB_GET, KT_WEB_API "me", "me"),
    OWN(KT_WEB_LOGIN, KT_WEB_POST, KT_WEB_API "login", "login"),
    OWN(KT_WEB_LOGOUT, KT_WEB_POST, KT_WEB_API "logout", "logout"),
    OWN(KT_WEB_LIVE, KT_WEB_GET, KT_WEB_API "live", "live"),
    OWN(KT_WEB_METRICS, KT_WEB_GET, "/metrics", "metrics"),
    OWN(KT_WEB_HEALTH, KT_WEB_GET, "/healthz", "healthz"),
    OWN(KT_WEB_READY, KT_WEB_GET, "/readyz", "readyz"),
    KT_API_CALLS(CALL)
};
static const struct kt_web_route file = OWN(KT_WEB_FILE, KT_WEB_GET, "/", "file");

const char *kt_web_unscoped(const struct kt_web_route *route)
{
    static const struct {
        kt_api_call *call;
        const char *why;
    } calls[] = {
#define IT(name)       { kt_api_##name, NULL },
#define NOT(name, why) { kt_api_##name, why },
        KT_API_SCOPED(IT) KT_API_UNSCOPED(NOT)
#undef IT
#undef NOT
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(calls); i++)
        if (route->call == calls[i].call)
            return calls[i].why;
    return route->call == NULL ? NULL : "this tells of more than your scope";
}

const struct kt_web_route *kt_web_route(struct kt_str path, enum kt_web_method method,
                                        bool *ret_other)
{
    const struct kt_web_route *found = NULL;
    *ret_other = false;
    for (size_t i = 0; i < KT_ARRAY_LEN(routes); i++) {
        if (!kt_str_eq(routes[i].path, path))
            continue;
        found = &routes[i];
        if (found->method == method) {
            *ret_other = false;
            return found;
        }
        *ret_other = true;
    }
    if (found == NULL && !kt_str_starts(path, KT_STR("/api/"))) {
        found = &file;
        *ret_other = method != KT_WEB_GET;
    }
    return found;
}
