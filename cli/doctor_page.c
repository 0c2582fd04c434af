/*
 * doctor_page: whether the page runs, which program it is, and whether its address answers.
 *
 * Owns:  nothing.
 * Calls: the page's own socket (dashboard.control), which hears its user and root alone.
 */
#include <errno.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "core/wire/control_client.h"

#define PATIENCE_S 3u

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

/* Of a system where the page was never begun nothing is said: it need not be. */
static bool was_begun(const char *control)
{
    struct stat there;
    return lstat(control, &there) == 0;
}

void kt_doctor_page(struct kt_doctor *d)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    const char *control = d->conf == NULL ? NULL : d->conf->dashboard.control;
    struct kt_error err = { 0 };
    struct kt_jval root;
    unsigned repaired;
    if (control == NULL || !was_begun(control))
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
        kt_doctor_say(d, KT_DOCTOR_BAD, "page",
                      "systemctl status keytrail-dashboard; journalctl -u keytrail-dashboard",
                      "does not answer: %s", err.text);
    kt_json_free(json);
}
