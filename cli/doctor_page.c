/*
 * doctor_page: whether the page runs, which program it is, and whether its address answers.
 *
 * Owns:  nothing.
 * Calls: the page's own socket (dashboard.control), which hears its user and root alone.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "core/wire/control_client.h"

#define PATIENCE_S    3u
#define SYSTEM_SOCKET "/run/keytrail-dashboard/control.sock"
#define ENABLED       "/etc/systemd/system/multi-user.target.wants/keytrail-dashboard.service"

static void judge(struct kt_doctor *d, struct kt_jval page)
{
    struct kt_str v = kt_json_str_at(page, "version");
    struct kt_str collector = kt_json_str_at(d->live, "version");
    if (!kt_str_is(v, KT_VERSION))
        kt_doctor_say(d, KT_DOCTOR_WARN, "page", "systemctl restart keytrail-dashboard",
                      "runs version " KT_STR_FMT ", this program is " KT_VERSION, KT_STR_ARG(v));
    else if (collector.len > 0 && !kt_str_eq(v, collector))
        kt_doctor_say(d, KT_DOCTOR_WARN, "page", "systemctl restart keytrail-collector",
                      "runs version " KT_STR_FMT ", the collector " KT_STR_FMT, KT_STR_ARG(v),
                      KT_STR_ARG(collector));
    else
        kt_doctor_say(d, KT_DOCTOR_OK, "page", NULL, "answers, at " KT_STR_FMT,
                      KT_STR_ARG(kt_json_str_at(page, "url")));
}

static bool is_there(const char *path)
{
    struct stat there;
    return path != NULL && lstat(path, &there) == 0;
}

/* Whether this system means to have a page: it need not. A page that ended cleanly takes its socket
 * along, and systemd the folder; its state folder comes with the package. So what counts is that
 * the unit is enabled (of the system's own configuration, whose socket it makes), or that it was
 * given users. */
enum meant { NO_PAGE, HAS_USERS, IS_MEANT };

static enum meant is_meant(const struct kt_conf *conf)
{
    bool system = strcmp(conf->dashboard.control, SYSTEM_SOCKET) == 0;
    if (is_there(conf->dashboard.control) || (system && is_there(ENABLED)))
        return IS_MEANT;
    return is_there(conf->dashboard.users_file) ? HAS_USERS : NO_PAGE;
}

void kt_doctor_page(struct kt_doctor *d)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    const char *control = d->conf == NULL ? NULL : d->conf->dashboard.control;
    struct kt_error err = { 0 };
    struct kt_jval root;
    unsigned repaired;
    enum meant meant = control == NULL ? NO_PAGE : is_meant(d->conf);
    if (meant == NO_PAGE)
        return;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    if (kt_control_order_within(control, KT_STR("{\"do\":\"status\"}"), PATIENCE_S, &answer,
                                &err) == KT_OK &&
        kt_json_parse(json, kt_str_trim(kt_buf_str(&answer)), &root, &repaired, &err) == KT_OK)
        judge(d, root);
    else if (err.sys_errno == EACCES)
        kt_doctor_say(d, KT_DOCTOR_WARN, "page", "run this as root, or as the page's user",
                      "not asked: %s", err.text);
    else if (err.code == KT_E_INPUT)
        kt_doctor_say(d, KT_DOCTOR_WARN, "page", "systemctl restart keytrail-dashboard",
                      "answers, and is an older program: %s", err.text);
    else
        kt_doctor_say(d, meant == IS_MEANT ? KT_DOCTOR_BAD : KT_DOCTOR_WARN, "page",
                      "systemctl status keytrail-dashboard; journalctl -u keytrail-dashboard",
                      "does not answer: %s", err.text);
    kt_json_free(json);
}
