/*
 * users: the file of the page's users: one a line,
 *
 *   name role hash [a query that everything they see must fit]
 *   alice responder $argon2id$v=19$m=65536,t=2,p=1$…
 *   bob   viewer    -  instance:vault-b
 *
 * with `#` comments and empty lines. hash "-": no password; by a one-time link or a proxy's word
 * alone. Names are of A-Z a-z 0-9 . _ - @ +.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/hash.h"
#include "dashboards/api/api.h"

#define KT_WEB_NAME_MAX   64u
#define KT_WEB_SCOPE_MAX  1000u
#define KT_WEB_USERS_MAX  1000u
#define KT_WEB_USERS_FILE (1u << 20) /* bytes */

struct kt_web_user {
    char name[KT_WEB_NAME_MAX + 1];
    enum kt_role role;
    char hash[KT_PASSWORD_HASH]; /* "": no password */
    char scope[KT_WEB_SCOPE_MAX + 1];
};
struct kt_web_users { /* zeroed: nobody */
    struct kt_web_user *at;
    unsigned n;
};
void kt_web_users_done(struct kt_web_users *u);
bool kt_web_name_ok(struct kt_str name);
/* KT_E_INPUT: no query, or one that counts cannot follow (kt_query_exact). now: for what it says of
 * time. */
KT_MUST_USE enum kt_status kt_web_scope_check(struct kt_str scope, kt_time_ns now,
                                              struct kt_error *err);
/* Reads the text of a file. A line that is wrong is refused and told, with its number; the others
 * hold. A name that comes twice has no line that holds: nobody knows which one is meant. now: for
 * what scopes say of time. */
void kt_web_users_read(struct kt_str text, kt_time_ns now, struct kt_web_users *ret,
                       void (*refused)(void *self, unsigned line, const char *why), void *self);
const struct kt_web_user *kt_web_users_find(const struct kt_web_users *u, struct kt_str name);
/* The text with the lines of that name replaced by one of *user, which is appended when there is
 * none; user NULL: without them. Other lines and comments stay as they are. Returns how many lines
 * the name had. */
unsigned kt_web_users_edit(struct kt_str text, struct kt_str name, const struct kt_web_user *user,
                           struct kt_buf *ret);
