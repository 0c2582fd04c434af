/*
 * auth: from a request to who asks: cookies, one-time links, passwords, the word of a proxy.
 *
 * Owns:  users, sessions, tries, one-time tokens, the stand-in's hash.
 * Calls: users, sessions, cookie, tries, core/base (hash), core/sys/fs for the users file; logs
 * what of a changed file is refused. Holds: a name nobody has takes as long as a wrong password;
 * tokens and ids are compared in constant time; nothing here outlives a change of the user's line.
 */
#include "dashboards/server/auth.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/sys/fs.h"
#include "dashboards/server/cookie.h"
#include "dashboards/server/sessions.h"
#include "dashboards/server/tries.h"

#define LINKS     64u
#define LINK_LIFE (10 * KT_NS_MIN)

struct link { /* until 0: free */
    uint8_t token[16];
    struct kt_web_session as; /* user, role, line */
    kt_time_ns until;
};
struct kt_web_auth {
    struct kt_web_auth_options o;
    struct kt_web_users users;
    struct kt_stat read, met; /* the users file as it was read, and as it was a turn ago */
    struct kt_web_sessions *sessions;
    struct kt_web_tries *tries;
    struct link link[LINKS];
    uint8_t proxy_key[32];           /* CSRF tokens of users without a session */
    char stand_in[KT_PASSWORD_HASH]; /* of a password that nobody knows */
    unsigned checks;                 /* of passwords, under way */
};

/* ---- the users file ---- */

/* What a session is held against: any change of the line ends it. 0: no line. */
static uint64_t line_of(const struct kt_web_user *u)
{
    if (u == NULL)
        return 0;
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_buf_addf(&b, "%s %d %s %s", u->name, (int)u->role, u->hash, u->scope);
    uint64_t h = kt_hash64(kt_buf_str(&b), 1);
    return h != 0 ? h : 1;
}

struct refusals {
    const char *path;
    bool quiet; /* not logged: the first is told */
    unsigned n, line;
    char why[240];
};

static void refused(void *self, unsigned line, const char *why)
{
    struct refusals *r = self;
    if (!r->quiet)
        kt_log(KT_LOG_ERROR, "dashboard: '%s' line %u is refused: %s", r->path, line, why);
    if (r->n++ > 0)
        return;
    r->line = line;
    kt_str_copyz(r->why, sizeof r->why, kt_str_of(why));
}

static void wipe_buf(struct kt_buf *b)
{
    kt_wipe(b->at, b->cap);
    kt_buf_done(b);
}

static bool same_file(const struct kt_stat *a, const struct kt_stat *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime;
}

static enum kt_status load_users(struct kt_web_auth *a, kt_time_ns now, struct refusals *r,
                                 struct kt_error *err)
{
    KT_CLEANUP(wipe_buf) struct kt_buf text = { 0 };
    enum kt_status status = kt_fs_real.stat(NULL, a->o.users_file, &a->read, err);
    if (status == KT_OK)
        status = kt_fs_read_secret(a->o.users_file, KT_WEB_USERS_FILE, &text, err);
    if (status == KT_E_AGAIN)
        return kt_fail(err, KT_E_CONFIG,
                       "there is no users file '%s': keytrail dashboard user add makes it",
                       a->o.users_file);
    if (status != KT_OK)
        return kt_wrap(err, "users file");
    kt_web_users_done(&a->users);
    kt_web_users_read(kt_buf_str(&text), now, &a->users, refused, r);
    return KT_OK;
}

/* A file that changes is read when it has stood still for a turn: an editor may be at half of it.
 * What cannot be read lets nobody in: it may be gone because somebody should be. */
static void follow_users(struct kt_web_auth *a, kt_time_ns now)
{
    struct kt_error err = { 0 };
    struct kt_stat st = { 0 };
    if (a->o.users_file == NULL)
        return;
    if (kt_fs_real.stat(NULL, a->o.users_file, &st, &err) != KT_OK)
        st = (struct kt_stat){ 0 };
    bool still = same_file(&st, &a->met);
    a->met = st;
    if (!still || same_file(&st, &a->read))
        return;
    struct refusals r = { .path = a->o.users_file };
    if (load_users(a, now, &r, &err) != KT_OK) {
        kt_web_users_done(&a->users);
        a->read = st;
        kt_log(KT_LOG_ERROR, "dashboard: %s; until then no user of the file is let in", err.text);
        return;
    }
    kt_log(KT_LOG_INFO, "dashboard: users read again users=%u refused_lines=%u", a->users.n, r.n);
}

/* ---- life ---- */

static void make_stand_in(struct kt_web_auth *a)
{
    uint8_t password[16];
    a->o.rng->fill(a->o.rng->self, password, sizeof password);
    if (!kt_password_hash(kt_str_from(password, sizeof password), a->stand_in))
        a->stand_in[0] = '\0'; /* no memory: then real checks fail as fast */
    kt_wipe(password, sizeof password);
}

enum kt_status kt_web_auth_open(const struct kt_web_auth_options *o, kt_time_ns now,
                                struct kt_web_auth **ret, struct kt_error *err)
{
    struct kt_web_auth *a = kt_alloc(sizeof *a);
    struct refusals r = { .path = o->users_file, .quiet = true };
    a->o = *o;
    a->sessions = kt_web_sessions_new(o->rng);
    a->tries = kt_web_tries_new();
    o->rng->fill(o->rng->self, a->proxy_key, sizeof a->proxy_key);
    enum kt_status status = o->users_file != NULL ? load_users(a, now, &r, err) : KT_OK;
    if (status == KT_OK && r.n > 0)
        status = kt_fail(err, KT_E_CONFIG, "'%s' line %u: %s", r.path, r.line, r.why);
    if (status != KT_OK) {
        kt_web_auth_close(a);
        return status;
    }
    a->met = a->read;
    make_stand_in(a);
    *ret = a;
    return KT_OK;
}

void kt_web_auth_close(struct kt_web_auth *a)
{
    if (a == NULL)
        return;
    kt_web_users_done(&a->users);
    kt_web_sessions_free(a->sessions);
    kt_web_tries_free(a->tries);
    kt_wipe(a, sizeof *a);
    kt_free(a);
}

static bool keep(void *self, const struct kt_web_session *one)
{
    const struct kt_web_auth *a = self;
    return line_of(kt_web_users_find(&a->users, kt_str_of(one->user))) == one->line;
}

void kt_web_auth_turn(struct kt_web_auth *a, kt_time_ns now)
{
    follow_users(a, now);
    kt_web_sessions_turn(a->sessions, now, keep, a);
    for (unsigned i = 0; i < LINKS; i++)
        if (a->link[i].until != 0 && (now > a->link[i].until || !keep(a, &a->link[i].as)))
            kt_wipe(&a->link[i], sizeof a->link[i]);
}

/* ---- what a request says ---- */

static bool from_proxy(const struct kt_web_auth *a, const struct kt_web_request *r)
{
    if (r->unix_socket)
        return true;
    for (unsigned i = 0; i < a->o.n_proxies; i++)
        if (kt_cidr_has(a->o.proxies[i], r->peer))
            return true;
    return false;
}

struct kt_ip kt_web_peer(const struct kt_web_auth *a, const struct kt_web_request *r)
{
    struct kt_ip ip = { { 0 } };
    if (!from_proxy(a, r))
        return r->peer;
    ptrdiff_t comma = kt_str_rfind_byte(r->forwarded_for, ',');
    struct kt_str last = kt_str_trim(kt_str_from_index(r->forwarded_for, (size_t)(comma + 1)));
    uint16_t port;
    if (!kt_ip_parse(last, &ip) && !kt_ip_port_parse(last, &ip, &port))
        ip = (struct kt_ip){ { 0 } };
    return ip;
}

static struct kt_web_session *session_of(struct kt_web_auth *a, const struct kt_web_request *r,
                                         kt_time_ns now)
{
    uint8_t id[16];
    bool secure;
    if (!kt_web_cookie_read(r->cookie, a->o.tls, &secure, id))
        return NULL;
    struct kt_web_session *s = kt_web_sessions_find(a->sessions, id, !r->by_itself, now);
    return s != NULL && s->secure == secure ? s : NULL;
}

/* Origin is "scheme://host"; a TLS proxy in front makes it https where we speak http. */
static bool origin_is_ours(const struct kt_web_auth *a, const struct kt_web_request *r)
{
    static const struct kt_str https = KT_STR_INIT("https://"), http = KT_STR_INIT("http://");
    struct kt_str rest;
    if (kt_str_starts(r->origin, https))
        rest = kt_str_from_index(r->origin, https.len);
    else if (!a->o.tls && kt_str_starts(r->origin, http))
        rest = kt_str_from_index(r->origin, http.len);
    else
        return false;
    return rest.len > 0 && kt_str_eq_nocase(rest, r->host);
}

/* Browsers send at least one of the two with every POST, and no page can forge them. */
static enum kt_status same_origin(const struct kt_web_auth *a, const struct kt_web_request *r,
                                  struct kt_error *err)
{
    bool said = r->origin.len > 0 || r->site.len > 0;
    if (said && (r->origin.len == 0 || origin_is_ours(a, r)) &&
        (r->site.len == 0 || kt_str_is(r->site, "same-origin")))
        return KT_OK;
    return kt_fail(err, KT_E_DENIED,
                   "changes are taken from the page itself: Origin or Sec-Fetch-Site says "
                   "otherwise, or neither was sent");
}

/* ---- who ---- */

static void fill_who(const struct kt_web_auth *a, const struct kt_web_session *s,
                     struct kt_web_who *ret)
{
    const struct kt_web_user *u = kt_web_users_find(&a->users, kt_str_of(s->user));
    *ret = (struct kt_web_who){ .role = s->role, .session = true, .id = s->number };
    kt_str_copyz(ret->user, sizeof ret->user, kt_str_of(s->user));
    kt_str_copyz(ret->scope, sizeof ret->scope, kt_str_of(u != NULL ? u->scope : ""));
    kt_hex(ret->csrf, s->csrf, sizeof s->csrf);
}

static enum kt_status who_by_proxy(const struct kt_web_auth *a, struct kt_str name,
                                   struct kt_web_who *ret, struct kt_error *err)
{
    const struct kt_web_user *u = kt_web_name_ok(name) ? kt_web_users_find(&a->users, name) : NULL;
    uint8_t mac[32];
    if (u == NULL)
        return kt_fail(err, KT_E_DENIED,
                       "the proxy names a user that the users file does not have: keytrail "
                       "dashboard user add");
    *ret = (struct kt_web_who){ .role = u->role };
    kt_str_copyz(ret->user, sizeof ret->user, kt_str_of(u->name));
    kt_str_copyz(ret->scope, sizeof ret->scope, kt_str_of(u->scope));
    kt_hmac_sha256(kt_str_from(a->proxy_key, sizeof a->proxy_key), &name, 1, mac);
    kt_hex(ret->csrf, mac, 16);
    memcpy(&ret->id, mac + 16, sizeof ret->id);
    return KT_OK;
}

enum kt_status kt_web_who(struct kt_web_auth *a, const struct kt_web_request *r, kt_time_ns now,
                          struct kt_web_who *ret, bool *ret_known, struct kt_error *err)
{
    struct kt_web_who who;
    *ret_known = false;
    struct kt_web_session *s = session_of(a, r, now);
    if (s != NULL && !keep(a, s)) {
        kt_web_sessions_end(a->sessions, s->id);
        s = NULL;
    }
    if (s != NULL)
        fill_who(a, s, &who);
    else if (!a->o.proxy || r->proxy_user.len == 0 || !from_proxy(a, r))
        return kt_fail(err, KT_E_DENIED, "log in first");
    else if (who_by_proxy(a, r->proxy_user, &who, err) != KT_OK)
        return KT_E_DENIED;
    *ret_known = true;
    if (r->change && same_origin(a, r, err) != KT_OK)
        return KT_E_DENIED;
    if (r->change && (r->csrf.len != KT_WEB_TOKEN_TEXT - 1 ||
                      !kt_equal_secret(r->csrf.at, who.csrf, KT_WEB_TOKEN_TEXT - 1)))
        return kt_fail(err, KT_E_DENIED, "X-CSRF-Token is not the session's: load the page again");
    *ret = who;
    return KT_OK;
}

bool kt_web_still(struct kt_web_auth *a, const struct kt_web_who *who, kt_time_ns now)
{
    const struct kt_web_session *s = kt_web_sessions_of(a->sessions, who->id, now);
    const struct kt_web_user *u = kt_web_users_find(&a->users, kt_str_of(who->user));
    if (who->session)
        return s != NULL &&
               keep(a, s); /* the role is the session's, the scope of the user's line */
    return u != NULL && u->role == who->role && strcmp(u->scope, who->scope) == 0;
}

/* ---- logging in and out ---- */

enum kt_status kt_web_login_begin(struct kt_web_auth *a, struct kt_web_login *l,
                                  const struct kt_web_request *r, kt_time_ns now,
                                  struct kt_error *err)
{
    l->wait = 0;
    l->passed = false;
    l->secure = a->o.tls || kt_str_starts(r->origin, KT_STR("https://"));
    l->peer = kt_web_peer(a, r);
    enum kt_status status = same_origin(a, r, err);
    if (status == KT_OK && l->token.len == 0 && a->checks >= KT_WEB_CHECKS) {
        l->wait = KT_NS_S;
        status = kt_fail(err, KT_E_LIMIT, "others are just logging in: try again in a second");
    }
    if (status == KT_OK && !kt_web_tries_take(a->tries, l->peer, now, &l->wait))
        status = kt_fail(err, KT_E_LIMIT, "too many tries: wait %lld seconds",
                         (long long)(l->wait / KT_NS_S + 1));
    if (status != KT_OK) {
        kt_wipe(l->password, sizeof l->password);
        return status;
    }
    const struct kt_web_user *u = kt_web_users_find(&a->users, l->user);
    bool real = u != NULL && u->hash[0] != '\0';
    memcpy(l->hash, real ? u->hash : a->stand_in, sizeof l->hash);
    a->checks += l->token.len == 0;
    return KT_OK;
}

void kt_web_login_check(struct kt_web_login *l)
{
    if (l->token.len == 0)
        l->passed = kt_password_ok(l->hash, kt_str_of(l->password));
    kt_wipe(l->password, sizeof l->password);
}

/* A token is for one use: whatever comes of it, it is gone. */
static bool take_link(struct kt_web_auth *a, struct kt_str text, kt_time_ns now,
                      struct kt_web_session *ret)
{
    uint8_t token[16];
    struct link *found = NULL;
    if (!kt_hex_decode(text, token, sizeof token))
        return false;
    for (unsigned i = 0; i < LINKS; i++) {
        bool same = kt_equal_secret(a->link[i].token, token, sizeof token);
        if (same && a->link[i].until != 0)
            found = &a->link[i];
    }
    if (found == NULL)
        return false;
    bool good = now <= found->until && keep(a, &found->as);
    *ret = found->as;
    kt_wipe(found, sizeof *found);
    return good;
}

/* Whose password it was; the line may have changed while it was checked. */
static bool take_user(const struct kt_web_auth *a, const struct kt_web_login *l,
                      struct kt_web_session *ret)
{
    const struct kt_web_user *u = kt_web_users_find(&a->users, l->user);
    if (!l->passed || u == NULL || u->hash[0] == '\0' || strcmp(u->hash, l->hash) != 0)
        return false;
    *ret = (struct kt_web_session){ .role = u->role, .line = line_of(u) };
    kt_str_copyz(ret->user, sizeof ret->user, kt_str_of(u->name));
    return true;
}

enum kt_status kt_web_login_end(struct kt_web_auth *a, struct kt_web_login *l, kt_time_ns now,
                                struct kt_buf *ret_cookie, struct kt_web_who *ret,
                                struct kt_error *err)
{
    struct kt_web_session as = { .number = 0 };
    char id[KT_WEB_TOKEN_TEXT];
    bool by_link = l->token.len > 0;
    a->checks -= !by_link;
    bool good = by_link ? take_link(a, l->token, now, &as) : take_user(a, l, &as);
    kt_wipe(l->hash, sizeof l->hash);
    kt_wipe(l->password, sizeof l->password);
    if (!good)
        return kt_fail(err, KT_E_DENIED,
                       by_link ? "this link was used or is too old: keytrail dashboard login "
                                 "makes another"
                               : "name or password is wrong");
    as.secure = l->secure;
    kt_web_tries_right(a->tries, l->peer);
    const struct kt_web_session *s = kt_web_sessions_add(a->sessions, &as, now);
    kt_hex(id, s->id, sizeof s->id);
    kt_web_cookie_write(l->secure, id, ret_cookie);
    fill_who(a, s, ret);
    kt_wipe(id, sizeof id);
    return KT_OK;
}

void kt_web_login_drop(struct kt_web_auth *a, struct kt_web_login *l)
{
    a->checks -= l->token.len == 0;
    kt_wipe(l->hash, sizeof l->hash);
    kt_wipe(l->password, sizeof l->password);
}

void kt_web_auth_logout(struct kt_web_auth *a, const struct kt_web_request *r,
                        struct kt_buf *ret_cookie)
{
    uint8_t id[16];
    bool secure;
    if (kt_web_cookie_read(r->cookie, a->o.tls, &secure, id))
        kt_web_sessions_end(a->sessions, id);
    kt_web_cookie_write(secure, "", ret_cookie);
}

/* ---- one-time links ---- */

enum kt_status kt_web_auth_link(struct kt_web_auth *a, struct kt_str user, const enum kt_role *role,
                                kt_time_ns now, struct kt_buf *ret_token, struct kt_error *err)
{
    struct link *place = &a->link[0];
    if (!kt_web_name_ok(user))
        return kt_fail(err, KT_E_INPUT, "a user has 1 to %u of A-Z a-z 0-9 . _ - @ +",
                       KT_WEB_NAME_MAX);
    const struct kt_web_user *u = kt_web_users_find(&a->users, user);
    for (unsigned i = 1; i < LINKS; i++)
        if (a->link[i].until < place->until) /* a free one, or the oldest */
            place = &a->link[i];
    *place = (struct link){ .until = now + LINK_LIFE, .as = { .line = line_of(u) } };
    place->as.role = role != NULL ? *role : u != NULL ? u->role : KT_ROLE_RESPONDER;
    kt_str_copyz(place->as.user, sizeof place->as.user, user);
    a->o.rng->fill(a->o.rng->self, place->token, sizeof place->token);
    kt_hex_add(ret_token, place->token, sizeof place->token);
    return KT_OK;
}
