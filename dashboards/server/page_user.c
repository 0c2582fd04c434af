/*
 * page_user: whose authority the page has at the collector's control socket.
 *
 * Owns:  nothing.
 * Calls: stat(2) of the socket and of the store; log.
 * Holds: where the page was given a user of its own (dashboard.user), it never runs as one whom
 *        that socket lets do everything (THREATS S1, W3).
 */
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/log.h"
#include "dashboards/server/page.h"

static bool owns(const char *path)
{
    struct stat st;
    return path != NULL && lstat(path, &st) == 0 && st.st_uid == geteuid();
}

/* The store tells it, too, while the collector is not there yet. */
static bool is_collectors(const struct kt_conf *conf)
{
    return geteuid() == 0 || owns(conf->control) || owns(conf->store_path);
}

enum kt_status kt_page_check_user(const struct kt_conf *conf, struct kt_error *err)
{
    const char *user = conf->dashboard.user;
    unsigned uid = (unsigned)geteuid();
    if (!is_collectors(conf))
        return KT_OK;
    if (user != NULL)
        return kt_fail(err, KT_E_CONFIG,
                       "this runs as uid %u, whom the collector lets do everything: start the page "
                       "as '%s' (dashboard.user)",
                       uid, user);
    kt_log(
        KT_LOG_WARN,
        "dashboard: this runs as uid %u, whom the collector lets do everything, as could whoever "
        "takes the page over: name a user of its own in dashboard.user",
        uid);
    return KT_OK;
}
