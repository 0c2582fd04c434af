/*
 * dashboard_user: `keytrail dashboard user`: the users file of the page.
 *
 * Owns:  nothing.
 * Calls: dashboards/server/users (the file's text), core/base/hash (Argon2id), core/sys/fs.
 * Holds: a password is never an argument; lines of others stay as they are; a running page reads
 *        the file again by itself.
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/dashboard.h"
#include "cli/quiet.h"
#include "core/base/hash.h"
#include "core/sys/clock.h"
#include "core/sys/fs.h"
#include "dashboards/server/auth.h"

#define PASSWORD_MIN 12u
#define NAME         "dashboard user"

struct user_cli {
    const char *config, *file, *role, *scope, *password_file;
    bool no_password;
    struct kt_conf *conf; /* NULL: --users-file */
    const char *path;
    bool is_new; /* the file is */
    struct kt_buf text;
    struct kt_web_users users;
};

static void user_cli_done(struct user_cli *u)
{
    kt_conf_free(u->conf);
    kt_buf_wipe(&u->text);
    kt_web_users_done(&u->users);
}

static kt_time_ns wall(void)
{
    return kt_clock_real.wall(kt_clock_real.self);
}

/* ---- the file ---- */

static void refused(void *self, unsigned line, const char *why)
{
    const struct user_cli *u = self;
    fprintf(stderr, "keytrail: '%s' line %u does not hold: %s\n", u->path, line, why);
}

/* The user the page runs as, when that is somebody else and we are root; NULL: ourselves. */
static const struct passwd *page_user(const struct user_cli *u)
{
    const char *name = u->conf != NULL ? u->conf->dashboard.user : NULL;
    return geteuid() == 0 && name != NULL ? getpwnam(name) : NULL;
}

/* With the page's eyes: what is not for them is no users file, whatever root can read. */
static enum kt_status read_file(struct user_cli *u, struct kt_error *err)
{
    const struct passwd *page = page_user(u);
    if (page != NULL && seteuid(page->pw_uid) != 0)
        return kt_fail_errno(err, "become '%s'", page->pw_name);
    enum kt_status status = kt_fs_read_secret(u->path, KT_WEB_USERS_FILE, &u->text, err);
    if (page != NULL && seteuid(0) != 0)
        return kt_fail_errno(err, "become root again");
    return status;
}

static enum kt_status load(struct user_cli *u, struct kt_error *err)
{
    u->path = u->file;
    if (u->path == NULL) {
        if (kt_dashboard_conf(u->config, &u->conf, err) != KT_OK)
            return err->code;
        u->path = u->conf->dashboard.users_file;
    }
    if (u->path == NULL)
        return kt_fail(err, KT_E_CONFIG,
                       "the configuration names no users file: add `dashboard: { users_file: users "
                       "}`, or give --users-file FILE");
    enum kt_status status = read_file(u, err);
    u->is_new = status == KT_E_AGAIN;
    if (status != KT_OK && !u->is_new)
        return status;
    kt_web_users_read(kt_buf_str(&u->text), wall(), &u->users, refused, u);
    return KT_OK;
}

/* A new file is the page's user's: root alone could read root's. */
static enum kt_status give_away(const struct user_cli *u, struct kt_error *err)
{
    const struct passwd *p = page_user(u);
    if (p == NULL)
        return KT_OK;
    return chown(u->path, p->pw_uid, p->pw_gid) == 0 ? KT_OK
                                                     : kt_fail_errno(err, "chown '%s'", u->path);
}

static enum kt_status save(const struct user_cli *u, struct kt_str name,
                           const struct kt_web_user *user, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_wipe) struct kt_buf text = { 0 };
    (void)kt_web_users_edit(kt_buf_str(&u->text), name, user, &text);
    if (!u->is_new)
        return kt_fs_replace(u->path, kt_buf_str(&text), err);
    enum kt_status status = kt_fs_write_atomic(u->path, kt_buf_str(&text), 0600, err);
    return status == KT_OK ? give_away(u, err) : status;
}

/* ---- what is asked for ---- */

static enum kt_status read_password(const struct user_cli *u, struct kt_buf *ret,
                                    struct kt_error *err)
{
    KT_CLEANUP(kt_buf_wipe) struct kt_buf again = { 0 };
    if (u->password_file != NULL && strcmp(u->password_file, "-") != 0) {
        if (kt_fs_read_secret(u->password_file, KT_WEB_PASSWORD_MAX, ret, err) != KT_OK)
            return kt_wrap(err, "password");
    } else if (kt_read_quietly("password", KT_WEB_PASSWORD_MAX, ret, err) != KT_OK ||
               (isatty(STDIN_FILENO) &&
                kt_read_quietly("again", KT_WEB_PASSWORD_MAX, &again, err) != KT_OK)) {
        return kt_wrap(err, "password");
    }
    if (again.at != NULL && !kt_str_eq(kt_buf_str(ret), kt_buf_str(&again)))
        return kt_fail(err, KT_E_INPUT, "the two passwords differ");
    if (ret->len < PASSWORD_MIN)
        return kt_fail(err, KT_E_INPUT, "a password has at least %u bytes: a few words will do",
                       PASSWORD_MIN);
    if (kt_str_find_byte(kt_buf_str(ret), '\0', 0) >= 0)
        return kt_fail(err, KT_E_INPUT, "a password has no byte 0");
    return KT_OK;
}

static enum kt_status set_password(const struct user_cli *u, struct kt_web_user *user,
                                   struct kt_error *err)
{
    KT_CLEANUP(kt_buf_wipe) struct kt_buf password = { 0 };
    user->hash[0] = '\0';
    if (u->no_password)
        return KT_OK;
    if (read_password(u, &password, err) != KT_OK)
        return err->code;
    if (!kt_password_hash(kt_buf_str(&password), user->hash))
        return kt_fail(err, KT_E_LIMIT, "there is no memory for a hash (64 MiB)");
    return KT_OK;
}

static enum kt_status set_rest(const struct user_cli *u, struct kt_web_user *user,
                               struct kt_error *err)
{
    if (u->role != NULL && !kt_role_of(kt_str_of(u->role), &user->role))
        return kt_fail(err, KT_E_INPUT, "--role is viewer, auditor, responder or admin");
    struct kt_str scope = kt_str_trim(kt_str_of(u->scope));
    if (kt_str_find_byte(scope, '\n', 0) >= 0)
        return kt_fail(err, KT_E_INPUT, "--scope is one line");
    if (scope.len > 0 && kt_web_scope_check(scope, wall(), err) != KT_OK)
        return kt_wrap(err, "--scope");
    if (u->scope != NULL)
        kt_str_copyz(user->scope, sizeof user->scope, scope);
    return KT_OK;
}

/* ---- verbs ---- */

static enum kt_status add(struct user_cli *u, struct kt_str name, struct kt_error *err)
{
    struct kt_web_user user = { .role = KT_ROLE_VIEWER };
    if (!kt_web_name_ok(name))
        return kt_fail(err, KT_E_INPUT, "a name has 1 to %u of A-Z a-z 0-9 . _ - @ +",
                       KT_WEB_NAME_MAX);
    if (kt_web_users_find(&u->users, name) != NULL)
        return kt_fail(err, KT_E_INPUT, "'" KT_STR_FMT "' is there: `user passwd` changes it",
                       KT_STR_ARG(name));
    kt_str_copyz(user.name, sizeof user.name, name);
    if (set_rest(u, &user, err) != KT_OK || set_password(u, &user, err) != KT_OK)
        return err->code;
    return save(u, name, &user, err);
}

static enum kt_status passwd(struct user_cli *u, struct kt_str name, struct kt_error *err)
{
    const struct kt_web_user *is = kt_web_users_find(&u->users, name);
    if (is == NULL)
        return kt_fail(err, KT_E_INPUT, "there is no user '" KT_STR_FMT "'", KT_STR_ARG(name));
    struct kt_web_user user = *is;
    if (set_rest(u, &user, err) != KT_OK || set_password(u, &user, err) != KT_OK)
        return err->code;
    return save(u, name, &user, err);
}

static enum kt_status rm(struct user_cli *u, struct kt_str name, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_wipe) struct kt_buf text = { 0 };
    if (kt_web_users_edit(kt_buf_str(&u->text), name, NULL, &text) == 0)
        return kt_fail(err, KT_E_INPUT, "there is no user '" KT_STR_FMT "'", KT_STR_ARG(name));
    return save(u, name, NULL, err);
}

static enum kt_status list(struct user_cli *u, struct kt_str name, struct kt_error *err)
{
    static const struct kt_column columns[] = { { "user", "USER", 0, false },
                                                { "role", "ROLE", 0, false },
                                                { "login", "LOGIN", 0, false },
                                                { "scope", "SEES", 60, false } };
    struct kt_rows *rows = kt_rows_new(KT_OUT_TABLE, columns, KT_ARRAY_LEN(columns), true);
    (void)name;
    (void)err;
    for (unsigned i = 0; i < u->users.n; i++) {
        const struct kt_web_user *one = &u->users.at[i];
        kt_rows_add(rows, (const struct kt_cell[]){
                              kt_cell_str(kt_str_of(one->name)),
                              kt_cell_str(kt_str_of(kt_role_word(one->role))),
                              kt_cell_str(kt_str_of(one->hash[0] != 0 ? "password" : "link")),
                              kt_cell_str(kt_str_of(one->scope[0] != 0 ? one->scope : "all")) });
    }
    kt_rows_end(rows);
    return KT_OK;
}

static const struct {
    const char *name;
    bool takes_name;
    enum kt_status (*run)(struct user_cli *u, struct kt_str name, struct kt_error *err);
} runs[] = {
    { "add", true, add }, { "passwd", true, passwd }, { "list", false, list }, { "rm", true, rm }
};

static const struct kt_verb verbs[] = {
    { "add", "NAME", "a new user; the password is asked for", NULL, NULL },
    { "passwd", "NAME", "another password, and role or scope where given", NULL, NULL },
    { "list", "", "who they are", NULL, NULL },
    { "rm", "NAME", "ends the user and every session at once", NULL, NULL },
    { 0 },
};

int kt_dashboard_user(int argc, char **argv)
{
    static const struct kt_command cmd = { NAME,
                                           "VERB [NAME] [options]",
                                           "users of the page: add, passwd, list, rm",
                                           "keytrail dashboard user add alice --role responder",
                                           NULL,
                                           verbs };
    KT_CLEANUP(user_cli_done) struct user_cli u = { 0 };
    const struct kt_flag flags[] = {
        { "--role", 0, KT_FLAG_STRING, "ROLE",
          "viewer, auditor, responder, admin (a new one: viewer)", &u.role, NULL },
        { "--scope", 0, KT_FLAG_STRING, "QUERY",
          "they see what fits it and nothing else: instance:vault-b (\"\": everything)", &u.scope,
          NULL },
        { "--password-file", 0, KT_FLAG_STRING, "FILE", "0600; - reads stdin (default: asks)",
          &u.password_file, NULL },
        { "--no-password", 0, KT_FLAG_BOOL, NULL, "one-time links, or a proxy's word, alone",
          &u.no_password, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "the configuration that names the users file",
          &u.config, NULL },
        { "--users-file", 0, KT_FLAG_STRING, "FILE", "the file itself", &u.file, NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    for (size_t i = 0; n > 0 && i < KT_ARRAY_LEN(runs); i++) {
        if (strcmp(argv[1], runs[i].name) != 0 || n != 1 + runs[i].takes_name)
            continue;
        bool good = load(&u, &err) == KT_OK &&
                    runs[i].run(&u, kt_str_of(runs[i].takes_name ? argv[2] : NULL), &err) == KT_OK;
        return good ? KT_EXIT_OK : kt_cli_fail(NAME, &err);
    }
    return kt_flags_usage(&cmd);
}
