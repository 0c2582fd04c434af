/*
 * dashboard_login: `keytrail dashboard login`: asks the running page for a one-time link.
 *
 * Owns:  nothing.
 * Calls: core/wire/control_client, core/config; stdout.
 */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/dashboard.h"
#include "core/base/hash.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/wire/control_client.h"
#include "dashboards/server/users.h"

/* A login name as the page takes it: of a mail address or a name with blanks, what is before. */
static struct kt_str own_name(void)
{
    struct kt_str s = kt_str_of(kt_cli_who(NULL));
    return kt_web_name_ok(s) ? s : KT_STR("owner");
}

static int print_link(struct kt_str answer)
{
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct kt_jval root;
    struct kt_error err = { 0 };
    unsigned repaired;
    int code = KT_EXIT_OK;
    if (kt_json_parse(json, answer, &root, &repaired, &err) != KT_OK)
        code = kt_cli_fail("dashboard login", &err);
    struct kt_str url = code == KT_EXIT_OK ? kt_json_str_at(root, "url") : KT_STR_NONE;
    if (code == KT_EXIT_OK) {
        printf(KT_STR_FMT "\n", KT_STR_ARG(url));
        fprintf(stderr, "Open it within ten minutes; it works once.\n");
    }
    kt_json_free(json);
    return code;
}

enum kt_status kt_dashboard_conf(const char *config, struct kt_conf **ret, struct kt_error *err)
{
    if (config == NULL && kt_cli_no_config())
        return kt_fail(err, KT_E_CONFIG, "-c CONFIG (there is no " KT_CONFIG_SYSTEM ")");
    return kt_conf_load(config != NULL ? config : KT_CONFIG_SYSTEM, ret, err);
}

int kt_dashboard_login(int argc, char **argv)
{
    static const struct kt_command cmd = { "dashboard login",
                                           "[--user NAME] [--role ROLE]",
                                           "a one-time link into the running page",
                                           "keytrail dashboard login --role auditor",
                                           NULL,
                                           NULL };
    const char *config = NULL, *user = NULL, *role = NULL;
    const struct kt_flag flags[] = {
        { "--user", 0, KT_FLAG_STRING, "NAME", "as whom (default: who asks)", &user, NULL },
        { "--role", 0, KT_FLAG_STRING, "ROLE",
          "viewer, auditor, responder, admin (default: that of the users file, or responder)",
          &role, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "the configuration the page runs with", &config,
          NULL },
        { 0 },
    };
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 }, answer = { 0 };
    struct kt_conf *conf = NULL;
    struct kt_error err = { 0 };
    int code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 0, &code))
        return code;
    if (kt_dashboard_conf(config, &conf, &err) != KT_OK)
        return kt_cli_fail("dashboard login", &err);
    kt_buf_addz(&request, "{\"do\":\"login\",\"user\":");
    kt_json_quote(&request, user != NULL ? kt_str_of(user) : own_name());
    if (role != NULL) {
        kt_buf_addz(&request, ",\"role\":");
        kt_json_quote(&request, kt_str_of(role));
    }
    kt_buf_byte(&request, '}');
    enum kt_status status =
        kt_control_order(conf->dashboard.control, kt_buf_str(&request), &answer, &err);
    if (status == KT_E_IO)
        fprintf(stderr, "keytrail: no page answers at '%s': start it with keytrail dashboard\n",
                conf->dashboard.control);
    code = status == KT_OK     ? print_link(kt_buf_str(&answer))
           : status == KT_E_IO ? KT_EXIT_UNREACHABLE
                               : kt_cli_fail("dashboard login", &err);
    if (answer.at != NULL)
        kt_wipe(answer.at, answer.cap);
    kt_conf_free(conf);
    return code;
}
