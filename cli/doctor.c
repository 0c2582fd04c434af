/*
 * doctor: `keytrail doctor`: opens what there is, runs the checks, prints.
 *
 * Owns:  configuration, reader and the collector's answer while it runs.
 * Calls: cli/doctor_*; stdout.
 * Holds: it changes nothing, and reads no more of the store than `status` does.
 */
#include "cli/doctor.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/wire/control_client.h"

static const char *const states[KT_DOCTOR_STATES] = { "ok", "warn", "bad" };

static const struct kt_column columns[] = {
    { "state", "STATE", 0, false },
    { "check", "CHECK", 0, false },
    { "found", "FOUND", 0, false },
    { "next", NULL, 0, false },
};

/* For people: the next step stands below what it is about. */
static void print_line(enum kt_doctor_state state, const char *check, const char *next,
                       struct kt_str found)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_tty_add(&b, found);
    printf("%-5s %-14s %s\n", states[state], check, kt_buf_z(&b));
    if (next != NULL)
        printf("      %-14s %s\n", "needed", next);
}

void kt_doctor_say(struct kt_doctor *d, enum kt_doctor_state state, const char *check,
                   const char *next, const char *found, ...)
{
    char text[1000];
    va_list ap;
    va_start(ap, found);
    (void)vsnprintf(text, sizeof text, found, ap);
    va_end(ap);
    d->count[state]++;
    if (d->rows == NULL) {
        print_line(state, check, next, kt_str_of(text));
        return;
    }
    const struct kt_cell cells[] = {
        kt_cell_str(kt_str_of(states[state])),
        kt_cell_str(kt_str_of(check)),
        kt_cell_str(kt_str_of(text)),
        kt_cell_str(next != NULL ? kt_str_of(next) : KT_STR_NONE),
    };
    kt_rows_add(d->rows, cells);
}

/* ---- what the checks look at ---- */

/* What a package made: its services run as this user, and read no keys of root's. */
static bool has_service(void)
{
    return getpwnam("keytrail") != NULL;
}

static void open_conf(struct kt_doctor *d)
{
    struct kt_error err = { 0 };
    const char *path = d->config != NULL ? d->config : KT_CONFIG_SYSTEM;
    if (kt_conf_load(path, &d->conf, &err) != KT_OK) {
        bool none = d->config == NULL && access(path, F_OK) != 0;
        if (none && d->db != NULL)
            return; /* a store alone, such as a backup */
        kt_doctor_say(d, KT_DOCTOR_BAD, "configuration",
                      !none ? "keytrail config check -c FILE, until it says ok"
                      : has_service()
                          ? "keytrail init /etc/keytrail --owner keytrail, or -c FILE where yours "
                            "lies elsewhere"
                          : "keytrail init /etc/keytrail, or -c FILE where yours lies elsewhere",
                      "%s", none ? "there is no " KT_CONFIG_SYSTEM : err.text);
        return;
    }
    if (d->conf->not_used_yet.n > 0)
        kt_doctor_say(d, KT_DOCTOR_WARN, "configuration", "keytrail config check -c FILE",
                      "%s loads; %u of its keys have no effect in this version", path,
                      d->conf->not_used_yet.n);
    else
        kt_doctor_say(d, KT_DOCTOR_OK, "configuration", NULL, "%s loads", path);
}

static void open_store(struct kt_doctor *d)
{
    struct kt_error err = { 0 };
    if (d->db != NULL)
        kt_str_copyz(d->store, sizeof d->store, kt_str_of(d->db));
    else if (d->conf != NULL)
        kt_str_copyz(d->store, sizeof d->store, kt_str_of(d->conf->store_path));
    else
        return;
    enum kt_status st = kt_reader_open(d->store, &d->reader, &err);
    if (st == KT_E_AGAIN)
        kt_doctor_say(d, KT_DOCTOR_BAD, "store",
                      "keytrail collector -c FILE makes it; after a loss: keytrail restore",
                      "there is no %s", d->store);
    else if (st != KT_OK)
        kt_doctor_say(
            d, KT_DOCTOR_BAD, "store",
            err.sys_errno == EACCES
                ? "run this as a member of the group keytrail-read, or as the collector's "
                  "user"
                : "keytrail verify; docs/operations.md, When the disk damages the store",
            "%s", err.text);
}

static void ask_collector(struct kt_doctor *d, struct kt_json *json, struct kt_buf *answer)
{
    struct kt_error err = { 0 };
    char path[4096];
    unsigned repaired;
    if (d->conf == NULL && d->server == NULL)
        return;
    if (kt_cli_control_path(d->server, d->config, path, sizeof path, &err) != KT_OK ||
        kt_control_order_within(path, KT_STR("{\"do\":\"status\"}"), KT_CONTROL_LOOK_S, answer,
                                &err) != KT_OK ||
        kt_json_parse(json, kt_str_trim(kt_buf_str(answer)), &d->live, &repaired, &err) != KT_OK) {
        d->live = (struct kt_jval){ 0 };
        kt_doctor_say(d, KT_DOCTOR_BAD, "collector",
                      err.sys_errno == EACCES
                          ? "run this as the collector's user: sudo -u keytrail keytrail doctor"
                          : "systemctl status keytrail-collector; journalctl -u keytrail-collector",
                      "does not answer: %s", err.text);
    }
}

static int end(struct kt_doctor *d)
{
    if (d->rows != NULL)
        kt_rows_end(d->rows);
    else
        printf("\n%u ok, %u warn, %u bad\n", d->count[KT_DOCTOR_OK], d->count[KT_DOCTOR_WARN],
               d->count[KT_DOCTOR_BAD]);
    return d->count[KT_DOCTOR_BAD] > 0 ? KT_EXIT_NO : KT_EXIT_OK;
}

static int run(struct kt_doctor *d)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    kt_doctor_say(d, KT_DOCTOR_OK, "version", NULL, "keytrail " KT_VERSION);
    open_conf(d);
    kt_doctor_files(d);
    open_store(d);
    kt_doctor_store(d);
    ask_collector(d, json, &answer);
    kt_doctor_collector(d);
    kt_doctor_page(d);
    kt_doctor_geo(d);
    kt_doctor_host(d);
    kt_json_free(json);
    kt_reader_close(d->reader);
    kt_conf_free(d->conf);
    return end(d);
}

int kt_cmd_doctor(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "doctor",
        "[-c FILE] [-o FORM]",
        "one page of what would else be found out at three in the morning, and what to type next",
        "keytrail doctor || echo 'somebody has to look'",
        NULL,
        NULL
    };
    const char *output = "table";
    struct kt_doctor d = { .now = kt_clock_real.wall(kt_clock_real.self) };
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE", "the collector's configuration", &d.config,
          NULL },
        { "--db", 0, KT_FLAG_STRING, "FILE", "another store, such as a backup", &d.db, NULL },
        { "--server", 0, KT_FLAG_STRING, "unix:PATH", "the collector's control socket", &d.server,
          NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &output, NULL },
        { 0 },
    };
    int code;
    enum kt_output how;
    if (!kt_flags_just(&cmd, flags, argc, argv, 0, &code))
        return code;
    if (!kt_output_of(output, &how))
        return kt_flags_usage(&cmd);
    if (how != KT_OUT_TABLE)
        d.rows = kt_rows_new(how, columns, KT_ARRAY_LEN(columns), true);
    return run(&d);
}
