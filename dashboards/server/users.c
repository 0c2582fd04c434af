/*
 * users: reading and editing the text of the users file.
 *
 * Owns:  the users it hands out.
 * Calls: core/base (hash), core/query (is a scope a query?). No files, no clock.
 */
#include "dashboards/server/users.h"
#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/query/query.h"

void kt_web_users_done(struct kt_web_users *u)
{
    kt_free(u->at);
    *u = (struct kt_web_users){ 0 };
}

bool kt_web_name_ok(struct kt_str name)
{
    static const char also[] = "._-@+";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && (i == 0 || memchr(also, c, sizeof also - 1) == NULL))
            return false;
    }
    return name.len > 0 && name.len <= KT_WEB_NAME_MAX;
}

const struct kt_web_user *kt_web_users_find(const struct kt_web_users *u, struct kt_str name)
{
    for (unsigned i = 0; i < u->n; i++)
        if (kt_str_is(name, u->at[i].name))
            return &u->at[i];
    return NULL;
}

/* ---- one line ---- */

/* Takes the next word, up to blanks, off the front. */
static struct kt_str word(struct kt_str *rest)
{
    struct kt_str s = kt_str_trim(*rest);
    size_t n = 0;
    while (n < s.len && s.at[n] != ' ' && s.at[n] != '\t')
        n++;
    *rest = kt_str_trim(kt_str_from_index(s, n));
    return kt_str_sub(s, 0, n);
}

/* The name a line is about; empty for comments and empty lines. */
static struct kt_str name_of(struct kt_str line)
{
    struct kt_str name = word(&line);
    return name.len > 0 && name.at[0] == '#' ? KT_STR_NONE : name;
}

enum kt_status kt_web_scope_check(struct kt_str scope, kt_time_ns now, struct kt_error *err)
{
    struct kt_query *q = NULL;
    struct kt_scan scan = { 0 };
    if (scope.len > KT_WEB_SCOPE_MAX)
        return kt_fail(err, KT_E_INPUT, "the query has more than %u bytes", KT_WEB_SCOPE_MAX);
    if (kt_query_parse_at(scope, now, 0, &q, err) != KT_OK)
        return kt_wrap(err, "the query");
    kt_time_ns since = 0, until = 0;
    kt_query_window(q, &since, &until);
    kt_query_plan(q, &scan);
    bool exact = kt_query_exact(q);
    kt_query_free(q);
    if (since != 0 || until != 0)
        return kt_fail(err, KT_E_INPUT, "the query: a scope has no since: and until:");
    if (!exact)
        return kt_fail(err, KT_E_INPUT,
                       "the query: counts must be able to follow it; use terms on actor, secret, "
                       "ip, source, instance, action or outcome, joined by blanks");
    return KT_OK;
}

static enum kt_status read_line(struct kt_str line, kt_time_ns now, struct kt_web_user *u,
                                struct kt_error *err)
{
    struct kt_str name = word(&line), role = word(&line), hash = word(&line);
    *u = (struct kt_web_user){ .role = KT_ROLE_VIEWER };
    if (kt_str_find_byte(line, '\0', 0) >= 0) /* what follows would be lost, and the scope wider */
        return kt_fail(err, KT_E_INPUT, "a byte 0");
    if (!kt_web_name_ok(name))
        return kt_fail(err, KT_E_INPUT, "a name has 1 to %u of A-Z a-z 0-9 . _ - @ +",
                       KT_WEB_NAME_MAX);
    kt_str_copyz(u->name, sizeof u->name, name);
    if (!kt_role_of(role, &u->role))
        return kt_fail(err, KT_E_INPUT, "%s: the role is viewer, auditor, responder or admin",
                       u->name);
    if (hash.len >= sizeof u->hash || hash.len == 0)
        return kt_fail(err, KT_E_INPUT, "%s: name, role and hash, in this order", u->name);
    kt_str_copyz(u->hash, sizeof u->hash, kt_str_is(hash, "-") ? KT_STR_NONE : hash);
    /* All are of the same limits, so that a check takes as long for every name (W2). */
    if (u->hash[0] != '\0' && !kt_password_hash_ok(u->hash))
        return kt_fail(err, KT_E_INPUT,
                       "%s: no hash of ours: keytrail dashboard user passwd %s makes one", u->name,
                       u->name);
    if (line.len > 0 && kt_web_scope_check(line, now, err) != KT_OK)
        return kt_wrap(err, "%s", u->name);
    kt_str_copyz(u->scope, sizeof u->scope, line);
    return KT_OK;
}

/* ---- the file ---- */

/* How many lines of the text say each name: map and, by its numbers, counts. */
struct names {
    struct kt_map *map;
    unsigned *lines;
};

static void names_done(struct names *n)
{
    kt_map_free(n->map);
    kt_free(n->lines);
}

static void count_names(struct kt_str text, struct names *n)
{
    struct kt_str line;
    n->map = kt_map_new(0);
    n->lines = kt_alloc_array(text.len / 2 + 1, sizeof *n->lines); /* a name, an end of line */
    while (kt_str_split(&text, '\n', &line)) {
        struct kt_str name = name_of(line);
        if (name.len > 0)
            n->lines[kt_map_put(n->map, name, NULL)]++;
    }
}

static enum kt_status take_line(struct kt_str line, const struct names *names, kt_time_ns now,
                                struct kt_web_users *u, struct kt_error *err)
{
    struct kt_web_user one;
    if (u->n == KT_WEB_USERS_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u users", KT_WEB_USERS_MAX);
    if (read_line(line, now, &one, err) != KT_OK)
        return err->code;
    if (names->lines[kt_map_get(names->map, kt_str_of(one.name))] > 1)
        return kt_fail(err, KT_E_INPUT, "%s has several lines: none of them holds", one.name);
    u->at[u->n++] = one;
    return KT_OK;
}

void kt_web_users_read(struct kt_str text, kt_time_ns now, struct kt_web_users *ret,
                       void (*refused)(void *self, unsigned line, const char *why), void *self)
{
    KT_CLEANUP(names_done) struct names names = { 0 };
    struct kt_web_users u = { 0 };
    struct kt_str line;
    count_names(text, &names);
    unsigned n = kt_map_count(names.map);
    u.at = kt_alloc_array(n < KT_WEB_USERS_MAX ? n : KT_WEB_USERS_MAX, sizeof *u.at);
    for (unsigned i = 1; kt_str_split(&text, '\n', &line); i++) {
        struct kt_error err = { 0 };
        if (name_of(line).len > 0 && take_line(line, &names, now, &u, &err) != KT_OK)
            refused(self, i, err.text);
    }
    *ret = u;
}

static void write_line(const struct kt_web_user *u, struct kt_buf *ret)
{
    kt_buf_addf(ret, "%s %s %s", u->name, kt_role_word(u->role), u->hash[0] != 0 ? u->hash : "-");
    if (u->scope[0] != 0)
        kt_buf_addf(ret, " %s", u->scope);
    kt_buf_byte(ret, '\n');
}

unsigned kt_web_users_edit(struct kt_str text, struct kt_str name, const struct kt_web_user *user,
                           struct kt_buf *ret)
{
    unsigned n = 0;
    struct kt_str line;
    while (text.len > 0 && kt_str_split(&text, '\n', &line)) {
        bool his = kt_str_eq(name_of(line), name);
        if (!his) {
            kt_buf_add(ret, line);
            kt_buf_byte(ret, '\n');
        } else if (n == 0 && user != NULL) {
            write_line(user, ret);
        }
        n += his;
    }
    if (n == 0 && user != NULL)
        write_line(user, ret);
    return n;
}
