/*
 * alert_link: `alerts link`: a link that acknowledges an alert, for somebody who writes it into a
 * runbook or a chat; and the key that signs links.
 *
 * Owns:  nothing; the key passes through memory that is wiped.
 * Calls: core/config (its file), exporters/alerts/ack, core/sys (clock, rng); stdout, stderr.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/alerts.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/config/config.h"
#include "core/sys/clock.h"
#include "core/sys/rng.h"
#include "exporters/alerts/ack.h"
#include "exporters/alerts/view.h"

#define WHO_MAX 48u

static enum kt_status load(const char *path, struct kt_conf **ret, struct kt_error *err)
{
    if (kt_conf_load(path != NULL ? path : KT_CONFIG_SYSTEM, ret, err) != KT_OK)
        return err->code;
    if ((*ret)->link_ack == NULL)
        return kt_fail(err, KT_E_CONFIG,
                       "no links are configured: alerts.links.acknowledge and "
                       "acknowledge_key_file in the configuration (docs/alerts.md)");
    return KT_OK;
}

/* ---- the key ---- */

/* What root wrote for itself the collector's user could not read: root writes as the user whose the
 * folder is. */
static enum kt_status write_key(const char *path, const uint8_t seed[32], struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf folder = { 0 };
    struct kt_str s = kt_str_of(path);
    struct stat at;
    kt_buf_addz(&folder, kt_str_rfind_byte(s, '/') < 0 ? "." : "");
    kt_buf_add(&folder, kt_str_sub(s, 0, (size_t)(kt_str_rfind_byte(s, '/') + 1)));
    bool as_owner = geteuid() == 0 && stat(kt_buf_z(&folder), &at) == 0 && at.st_uid != 0;
    gid_t own = getegid();
    if (as_owner && (setegid(at.st_gid) != 0 || seteuid(at.st_uid) != 0))
        return kt_fail_errno(err, "become uid %u, whose '%s' is", (unsigned)at.st_uid,
                             kt_buf_z(&folder));
    enum kt_status st = kt_link_key_write(path, seed, err);
    if (as_owner && (seteuid(0) != 0 || setegid(own) != 0))
        return kt_fail_errno(err, "become root again");
    return st;
}

static enum kt_status keygen(const struct kt_conf *conf, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    uint8_t seed[32], open[32];
    struct stat is;
    kt_rng_real.fill(kt_rng_real.self, seed, sizeof seed);
    kt_sign_public(seed, open);
    enum kt_status st = write_key(conf->link_ack_key_file, seed, err);
    kt_wipe(seed, sizeof seed);
    if (st != KT_OK)
        return st;
    kt_link_public_format(open, &text);
    printf("%s\n", kt_buf_z(&text));
    bool roots = stat(conf->link_ack_key_file, &is) == 0 && is.st_uid == 0;
    fprintf(stderr,
            "This is the public key: put it into dashboard.answers.link_keys, beside the one "
            "before, and send the page SIGHUP;\nthen the collector. '%s' %s.\n",
            conf->link_ack_key_file,
            roots ? "is root's: chown it to the collector's user, unless that is root"
                  : "is the collector's user's alone");
    return KT_OK;
}

/* ---- a link ---- */

static enum kt_status may_be_acknowledged(const struct kt_alert *a, struct kt_error *err)
{
    if (kt_ack_asks(a, KT_SEND_TRIGGER))
        return KT_OK;
    if (a->merged_into.len > 0)
        return kt_fail(err, KT_E_INPUT, "alert %s is part of " KT_STR_FMT ": take that one", a->id,
                       KT_STR_ARG(a->merged_into));
    if (a->test)
        return kt_fail(err, KT_E_INPUT, "alert %s is a test: nobody has to take it on", a->id);
    return kt_fail(err, KT_E_INPUT, "alert %s is " KT_STR_FMT " already", a->id,
                   KT_STR_ARG(a->life.status));
}

static enum kt_status find(struct kt_reader *r, const char *id, struct kt_alert_view *view,
                           struct kt_arena *arena, struct kt_alert *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_alert_found found;
    if (kt_reader_alert_find(r, kt_str_of(id), &json, &found, err) != KT_OK ||
        kt_alert_read(kt_buf_str(&json), arena, ret, err) != KT_OK ||
        kt_alert_view_load(r, view, err) != KT_OK)
        return err->code;
    kt_alert_view_live(view, ret);
    return may_be_acknowledged(ret, err);
}

static enum kt_status print(const struct kt_conf *conf, const struct kt_alert *a, const char *by,
                            struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf link = { 0 };
    uint8_t seed[32];
    char to[64];
    struct kt_str who = kt_utf8_cut(kt_str_of(by), WHO_MAX);
    (void)snprintf(to, sizeof to, "cli/" KT_STR_FMT, KT_STR_ARG(who));
    if (kt_link_key_read(conf->link_ack_key_file, seed, err) != KT_OK)
        return err->code;
    kt_ack_link_write(conf->link_ack, seed, a, to, kt_clock_real.wall(kt_clock_real.self), &link);
    kt_wipe(seed, sizeof seed);
    printf("%s\n", kt_buf_z(&link));
    return KT_OK;
}

static enum kt_status link_to(const struct kt_conf *conf, const struct kt_alerts_cli *a,
                              const char *id, struct kt_error *err)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_alert_view view = { 0 };
    struct kt_reader *r = NULL;
    struct kt_alert alert;
    enum kt_status st = kt_alerts_reader(a, &r, err);
    if (st == KT_OK)
        st = find(r, id, &view, &arena, &alert, err);
    if (st == KT_OK)
        st = print(conf, &alert, kt_cli_who(a->by), err);
    kt_alert_view_done(&view);
    kt_reader_close(r);
    return st;
}

int kt_alerts_link(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "alerts link",
        "ALERT | --keygen [options]",
        "prints a link that acknowledges an alert, good for a day; or makes the key of links",
        "keytrail alerts link 6DYE5B7Q -c keytrail.yaml",
        NULL,
        NULL
    };
    struct kt_alerts_cli a = { .output = "table" };
    bool make = false;
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store", &a.db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration with alerts.links", &a.config,
          NULL },
        { "--by", 0, KT_FLAG_STRING, "NAME", "whose link it is (default: the user)", &a.by, NULL },
        { "--keygen", 0, KT_FLAG_BOOL, NULL,
          "writes acknowledge_key_file, which may not be there, and prints its public half", &make,
          NULL },
        { 0 },
    };
    struct kt_conf *conf = NULL;
    struct kt_error err = { 0 };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (n != (make ? 0 : 1))
        return kt_flags_usage(&cmd);
    enum kt_status st = load(a.config, &conf, &err);
    if (st == KT_OK)
        st = make ? keygen(conf, &err) : link_to(conf, &a, argv[1], &err);
    kt_conf_free(conf);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("alerts link", &err);
}
