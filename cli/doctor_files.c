/*
 * doctor_files: rights of the configuration, keys and secret files, entries of agents.
 *
 * Owns:  nothing; what a key file holds is wiped at once.
 * Calls: core/sys/fs (the rules of K1), core/config, collector/auth, the tables of targets.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "collector/auth.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/sys/fs.h"
#include "exporters/alerts/target.h"

#define SECRET_MAX 65536u
#define OWN_USER   "sudo -u keytrail keytrail doctor looks as the collector's user"

static void rights_of_conf(struct kt_doctor *d)
{
    struct stat st;
    if (stat(d->conf->path, &st) != 0 || (st.st_mode & S_IWGRP) == 0)
        return; /* what anybody can write does not load */
    kt_doctor_say(d, KT_DOCTOR_WARN, "configuration", "chmod g-w FILE",
                  "%s can be written by its group (mode %03o)", d->conf->path,
                  (unsigned)st.st_mode & 0777);
}

/* K1 is judged by the user whose key it is: root would be told to take it away from the collector.
 */
static bool is_anothers(const char *path)
{
    struct stat st;
    return geteuid() == 0 && lstat(path, &st) == 0 && st.st_uid != 0;
}

/* true: it is there and has the rights that K1 asks for. */
static bool secret(struct kt_doctor *d, const char *check, const char *path, const char *make)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    enum kt_status st = kt_fs_read_secret(path, SECRET_MAX, &text, &err);
    if (text.at != NULL)
        kt_wipe(text.at, text.cap);
    if (st == KT_OK)
        return true;
    if (st == KT_E_AGAIN)
        kt_doctor_say(d, KT_DOCTOR_BAD, check, make, "there is no %s", path);
    else if (err.sys_errno == EACCES || is_anothers(path))
        kt_doctor_say(d, KT_DOCTOR_WARN, check, OWN_USER, "%s cannot be looked at by this user",
                      path);
    else
        kt_doctor_say(d, KT_DOCTOR_BAD, check, "what the sentence says", "%s", err.text);
    return false;
}

static void keys(struct kt_doctor *d)
{
    bool own = secret(d, "keys", d->conf->key_file, "keytrail init DIR writes one");
    bool log = secret(d, "log key", d->conf->log_key_file, "keytrail collector keygen -c FILE");
    if (own && log)
        kt_doctor_say(d, KT_DOCTOR_OK, "keys", NULL,
                      "the collector's and the log's are there, 0600");
}

/* The files that a target's own options name. */
static unsigned secrets_of_target(struct kt_doctor *d, const struct kt_conf_target *c)
{
    const struct kt_target *t = kt_target_find(kt_str_of(c->type));
    struct kt_error err = { 0 };
    unsigned missing = 0;
    char check[80];
    (void)snprintf(check, sizeof check, "target %s", c->name);
    if (t == NULL) {
        kt_doctor_say(d, KT_DOCTOR_BAD, check, "keytrail config check -c FILE",
                      "there is no type '%s'", c->type);
        return 1;
    }
    char *options = kt_alloc(t->options_size);
    if (kt_options_fill(d->conf->yaml, c->node, t->options, options, &err) != KT_OK) {
        kt_doctor_say(d, KT_DOCTOR_BAD, check, "keytrail config check -c FILE", "%s", err.text);
        missing++;
    } else {
        for (const struct kt_option *o = t->options; o->name != NULL; o++) {
            const char *path = o->type == KT_OPT_SECRET_FILE
                                   ? *(const char *const *)(const void *)(options + o->offset)
                                   : NULL;
            if (path != NULL && path[0] != '\0')
                missing += !secret(d, check, path, "write it, 0600; the target's page says what");
        }
    }
    kt_free(options);
    return missing;
}

static void targets(struct kt_doctor *d)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < d->conf->n_targets; i++)
        missing += secrets_of_target(d, &d->conf->targets[i]);
    if (d->conf->n_targets == 0)
        kt_doctor_say(d, KT_DOCTOR_WARN, "targets", "alerts.targets in the configuration",
                      "none is configured: alerts wait in `keytrail alerts list`");
    else if (missing == 0)
        kt_doctor_say(d, KT_DOCTOR_OK, "targets", NULL, "%u configured, their files are there",
                      d->conf->n_targets);
}

static void agents(struct kt_doctor *d)
{
    struct kt_auth *auth = NULL;
    struct kt_error err = { 0 };
    if (kt_auth_open(d->conf->agents_dir, &auth, &err) != KT_OK)
        kt_doctor_say(d, err.sys_errno == EACCES ? KT_DOCTOR_WARN : KT_DOCTOR_BAD, "agents",
                      err.sys_errno == EACCES ? OWN_USER : "mend or move that file", "%s",
                      err.text);
    else if (kt_auth_count(auth) == 0)
        kt_doctor_say(d, KT_DOCTOR_WARN, "agents", "keytrail agent add NAME TOKEN",
                      "nobody is let in: %s has no entry", d->conf->agents_dir);
    else
        kt_doctor_say(d, KT_DOCTOR_OK, "agents", NULL, "%u in the allow-list", kt_auth_count(auth));
    kt_auth_free(auth);
}

void kt_doctor_files(struct kt_doctor *d)
{
    if (d->conf == NULL)
        return;
    rights_of_conf(d);
    keys(d);
    agents(d);
    targets(d);
    kt_doctor_links(d);
}
