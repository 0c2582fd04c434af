/* dashboard_auth: users, sessions, tries, links, cookies and origins, with a clock that is moved by
 * hand and chance from a seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/sys/fs.h"
#include "dashboards/server/auth.h"
#include "dashboards/server/sessions.h"
#include "dashboards/server/tries.h"

#define NOW (INT64_C(1796000000) * KT_NS_S)

/* ---- a world ---- */

struct world {
    char dir[64], users[96];
    struct kt_rng_seeded seeded;
    struct kt_rng rng;
    struct kt_web_auth *a;
    kt_time_ns now;
    struct kt_cidr proxies[1];
    char alice[KT_PASSWORD_HASH];
};

static void write_users(struct world *w, const char *text, unsigned mode)
{
    struct kt_error err = { 0 };
    assert_int_equal(kt_fs_write_atomic(w->users, kt_str_of(text), mode, &err), KT_OK);
}

/* alice has the password "correct horse battery", bob none, carol a scope. */
static void usual_users(struct world *w, const char *alice_role, const char *more)
{
    char text[2000];
    (void)snprintf(text, sizeof text,
                   "# who may look\n\nalice %s %s\nbob viewer -\ncarol viewer - "
                   "instance:vault-b\n%s",
                   alice_role, w->alice, more);
    write_users(w, text, 0600);
}

static enum kt_status open_auth(struct world *w, bool tls, bool proxy, struct kt_error *err)
{
    struct kt_web_auth_options o = { .users_file = w->users,
                                     .rng = &w->rng,
                                     .tls = tls,
                                     .proxy = proxy,
                                     .proxies = w->proxies,
                                     .n_proxies = 1 };
    return kt_web_auth_open(&o, w->now, &w->a, err);
}

static void begin(struct world *w)
{
    struct kt_error err = { 0 };
    *w = (struct world){ .now = NOW };
    (void)snprintf(w->dir, sizeof w->dir, "/tmp/kt-auth-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->users, sizeof w->users, "%s/users", w->dir);
    w->seeded.state = 7;
    w->rng = kt_rng_seeded(&w->seeded);
    assert_int_equal(kt_cidr_parse(KT_STR("192.0.2.9"), &w->proxies[0], &err), KT_OK);
    assert_true(kt_password_hash(KT_STR("correct horse battery"), w->alice));
}

static void end(struct world *w)
{
    kt_web_auth_close(w->a);
    (void)unlink(w->users);
    (void)rmdir(w->dir);
}

static struct kt_ip ip(const char *text)
{
    struct kt_ip i;
    assert_true(kt_ip_parse(kt_str_of(text), &i));
    return i;
}

static struct kt_web_request from(const char *peer)
{
    return (struct kt_web_request){ .peer = ip(peer),
                                    .host = KT_STR("kt.example:7430"),
                                    .origin = KT_STR("http://kt.example:7430"),
                                    .site = KT_STR("same-origin") };
}

/* Logs in all three steps; *ret_cookie: the id of the cookie. */
static enum kt_status login(struct world *w, const struct kt_web_request *r, const char *user,
                            const char *password, const char *token, char ret_id[33],
                            struct kt_web_who *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf cookie = { 0 };
    struct kt_error err = { 0 };
    struct kt_web_login l = { .user = kt_str_of(user), .token = kt_str_of(token) };
    kt_str_copyz(l.password, sizeof l.password, kt_str_of(password));
    enum kt_status status = kt_web_login_begin(w->a, &l, r, w->now, &err);
    if (status != KT_OK)
        return status;
    kt_web_login_check(&l);
    assert_int_equal(l.password[0], 0);
    status = kt_web_login_end(w->a, &l, w->now, &cookie, ret, &err);
    if (status == KT_OK)
        kt_str_copyz(ret_id, 33,
                     kt_str_from_index(kt_buf_str(&cookie),
                                       (size_t)kt_str_find_byte(kt_buf_str(&cookie), '=', 0) + 1));
    return status;
}

static enum kt_status who(struct world *w, struct kt_web_request r, const char *id,
                          struct kt_web_who *ret)
{
    char cookie[100];
    bool known;
    struct kt_error err = { 0 };
    (void)snprintf(cookie, sizeof cookie, "theme=dark; kt_session=%s", id);
    r.cookie = kt_str_of(cookie);
    return kt_web_who(w->a, &r, w->now, ret, &known, &err);
}

static void turns(struct world *w)
{
    for (unsigned i = 0; i < 3; i++) {
        w->now += KT_NS_S;
        kt_web_auth_turn(w->a, w->now);
    }
}

/* ---- users ---- */

struct told {
    unsigned n, line[8];
    char why[8][400];
};
static void tell(void *self, unsigned line, const char *why)
{
    struct told *t = self;
    assert_true(t->n < 8);
    t->line[t->n] = line;
    kt_str_copyz(t->why[t->n++], 400, kt_str_of(why));
}

static void bad_lines_are_refused_by_number_and_the_others_hold(void **state)
{
    struct kt_web_users u = { 0 };
    struct told t = { .n = 0 };
    (void)state;
    kt_web_users_read(
        KT_STR("dora viewer - secret:team-b/**\r\n"                              /* 1 */
               "eve root -\n"                                                    /* 2 */
               "f<script> viewer -\n"                                            /* 3 */
               "gus viewer\n"                                                    /* 4 */
               "hal viewer $argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWE$YWFhYWFhYWE\n" /* 5 */
               "ida viewer - nosuchfield:1\n"                                    /* 6 */
               "jo viewer - \"free text\"\n"                                     /* 7 */
               "# dora admin -\n"
               "dora admin -\n" /* 9 */
               "kim  \tadmin   -"),
        NOW, &u, tell, &t);
    static const unsigned lines[] = { 1, 2, 3, 4, 5, 6, 7, 9 };
    assert_int_equal(t.n, 8);
    assert_memory_equal(t.line, lines, sizeof lines);
    assert_non_null(strstr(t.why[0], "several lines"));
    assert_non_null(strstr(t.why[1], "role"));
    assert_non_null(strstr(t.why[4], "passwd hal"));
    assert_non_null(strstr(t.why[5], "nosuchfield"));
    assert_int_equal(u.n, 1);
    assert_string_equal(u.at[0].name, "kim");
    assert_int_equal(u.at[0].role, KT_ROLE_ADMIN);
    assert_string_equal(u.at[0].scope, "");
    kt_web_users_done(&u);
}

static void editing_keeps_what_others_wrote(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_str text = KT_STR("# first\nann viewer - instance:a\n\n# of bo\nbo admin -");
    struct kt_web_user ann = { .name = "ann", .role = KT_ROLE_RESPONDER };
    struct kt_web_user cy = { .name = "cy", .role = KT_ROLE_AUDITOR, .scope = "instance:c" };
    (void)state;
    assert_int_equal(kt_web_users_edit(text, KT_STR("ann"), &ann, &out), 1);
    assert_string_equal(kt_buf_z(&out), "# first\nann responder -\n\n# of bo\nbo admin -\n");
    kt_buf_reset(&out);
    assert_int_equal(kt_web_users_edit(text, KT_STR("cy"), &cy, &out), 0);
    assert_true(kt_str_ends(kt_buf_str(&out), KT_STR("bo admin -\ncy auditor - instance:c\n")));
    kt_buf_reset(&out);
    assert_int_equal(kt_web_users_edit(text, KT_STR("bo"), NULL, &out), 1);
    assert_string_equal(kt_buf_z(&out), "# first\nann viewer - instance:a\n\n# of bo\n");
}

static void a_users_file_that_others_can_read_or_with_a_bad_line_is_no_start(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    (void)state;
    begin(&w);
    assert_int_equal(open_auth(&w, false, false, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "user add"));
    usual_users(&w, "viewer", "");
    assert_int_equal(chmod(w.users, 0640), 0);
    assert_int_equal(open_auth(&w, false, false, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "chmod 600"));
    usual_users(&w, "boss", "");
    assert_int_equal(open_auth(&w, false, false, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "line 3"));
    end(&w);
}

/* ---- sessions ---- */

static void a_login_gives_a_new_id_each_time_and_ends_by_the_clock(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    struct kt_web_who me;
    char first[33], second[33];
    (void)state;
    begin(&w);
    usual_users(&w, "responder", "");
    assert_int_equal(open_auth(&w, false, false, &err), KT_OK);
    struct kt_web_request r = from("203.0.113.7");
    assert_int_equal(login(&w, &r, "alice", "correct horse battery", NULL, first, &me), KT_OK);
    assert_string_equal(me.user, "alice");
    assert_int_equal(me.role, KT_ROLE_RESPONDER);
    assert_int_equal(login(&w, &r, "alice", "correct horse battery", NULL, second, &me), KT_OK);
    assert_string_not_equal(first, second);
    assert_int_equal(who(&w, r, "00000000000000000000000000000000", &me), KT_E_DENIED);
    w.now += KT_WEB_IDLE - 1;
    assert_int_equal(who(&w, r, first, &me), KT_OK);
    w.now += 2;
    assert_int_equal(who(&w, r, second, &me), KT_E_DENIED); /* idle since its login */
    for (w.now = NOW; w.now <= NOW + KT_WEB_AGE; w.now += KT_WEB_IDLE)
        assert_int_equal(who(&w, r, first, &me), KT_OK);
    assert_int_equal(who(&w, r, first, &me), KT_E_DENIED); /* twelve hours, however busy */
    end(&w);
}

static void a_change_of_the_users_line_ends_his_sessions_and_links(void **state)
{
    static const char *const changes[] = { "viewer", NULL };
    (void)state;
    for (unsigned i = 0; i < KT_ARRAY_LEN(changes); i++) {
        struct world w;
        struct kt_error err = { 0 };
        struct kt_web_who me;
        char alice[33], bob[33];
        KT_CLEANUP(kt_buf_done) struct kt_buf token = { 0 }, left = { 0 };
        begin(&w);
        usual_users(&w, "admin", "");
        assert_int_equal(open_auth(&w, false, false, &err), KT_OK);
        struct kt_web_request r = from("203.0.113.7");
        assert_int_equal(login(&w, &r, "alice", "correct horse battery", NULL, alice, &me), KT_OK);
        assert_int_equal(kt_web_auth_link(w.a, KT_STR("bob"), NULL, w.now, &token, &err), KT_OK);
        assert_int_equal(login(&w, &r, "", "", kt_buf_z(&token), bob, &me), KT_OK);
        assert_int_equal(me.role, KT_ROLE_VIEWER);
        assert_int_equal(kt_web_auth_link(w.a, KT_STR("alice"), NULL, w.now, &left, &err), KT_OK);
        if (changes[i] != NULL)
            usual_users(&w, changes[i], "");
        else
            write_users(&w, "bob viewer -\n", 0600);
        turns(&w);
        assert_int_equal(who(&w, r, alice, &me), KT_E_DENIED);
        assert_int_equal(who(&w, r, bob, &me), KT_OK); /* his line is as it was */
        assert_int_equal(login(&w, &r, "", "", kt_buf_z(&left), alice, &me), KT_E_DENIED);
        end(&w);
    }
}

static void a_users_file_that_cannot_be_read_lets_nobody_in(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    struct kt_web_who me;
    char alice[33];
    (void)state;
    begin(&w);
    usual_users(&w, "admin", "");
    assert_int_equal(open_auth(&w, false, false, &err), KT_OK);
    struct kt_web_request r = from("203.0.113.7");
    assert_int_equal(login(&w, &r, "alice", "correct horse battery", NULL, alice, &me), KT_OK);
    usual_users(&w, "admin", "bad line\n"); /* one bad line costs itself alone */
    turns(&w);
    assert_int_equal(who(&w, r, alice, &me), KT_OK);
    (void)unlink(w.users);
    turns(&w);
    assert_int_equal(who(&w, r, alice, &me), KT_E_DENIED);
    usual_users(&w, "admin", "");
    turns(&w);
    assert_int_equal(login(&w, &r, "alice", "correct horse battery", NULL, alice, &me), KT_OK);
    end(&w);
}

static void sessions_are_bounded_by_user_and_in_all(void **state)
{
    struct kt_rng_seeded seeded = { 3 };
    struct kt_rng rng = kt_rng_seeded(&seeded);
    struct kt_web_sessions *s = kt_web_sessions_new(&rng);
    uint8_t first[16], others[16];
    (void)state;
    struct kt_web_session as = { .user = "quiet" };
    memcpy(others, kt_web_sessions_add(s, &as, NOW + 1)->id, 16);
    (void)snprintf(as.user, sizeof as.user, "busy");
    memcpy(first, kt_web_sessions_add(s, &as, NOW)->id, 16);
    for (unsigned i = 0; i < KT_WEB_SESSIONS_OF; i++)
        (void)kt_web_sessions_add(s, &as, NOW + 2 + i);
    assert_null(kt_web_sessions_find(s, first, true, NOW + 100));
    assert_non_null(kt_web_sessions_find(s, others, true, NOW + 100)); /* busy costs nobody else */
    for (unsigned i = 0; i < KT_WEB_SESSIONS_MAX; i++) {
        (void)snprintf(as.user, sizeof as.user, "u%u", i);
        (void)kt_web_sessions_add(s, &as, NOW + 200 + i);
    }
    assert_null(kt_web_sessions_find(s, others, true, NOW + 2000));
    kt_web_sessions_free(s);
}

/* ---- what a request must carry ---- */

static void a_change_needs_the_token_and_our_origin(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    struct kt_web_who me, other;
    char id[33], id2[33];
    (void)state;
    begin(&w);
    usual_users(&w, "responder", "");
    assert_int_equal(open_auth(&w, false, false, &err), KT_OK);
    struct kt_web_request r = from("203.0.113.7");
    assert_int_equal(login(&w, &r, "alice", "correct horse battery", NULL, id, &me), KT_OK);
    assert_int_equal(login(&w, &r, "alice", "correct horse battery", NULL, id2, &other), KT_OK);
    const struct {
        const char *origin, *site, *csrf;
        enum kt_status want;
    } table[] = {
        { "http://kt.example:7430", "same-origin", me.csrf, KT_OK },
        { "https://KT.example:7430", "", me.csrf, KT_OK },
        { "", "same-origin", me.csrf, KT_OK },
        { "", "", me.csrf, KT_E_DENIED },
        { "null", "", me.csrf, KT_E_DENIED },
        { "http://kt.example:7430.evil.example", "", me.csrf, KT_E_DENIED },
        { "http://kt.example", "", me.csrf, KT_E_DENIED },
        { "http://evil.example", "same-origin", me.csrf, KT_E_DENIED },
        { "http://kt.example:7430", "same-site", me.csrf, KT_E_DENIED },
        { "http://kt.example:7430", "cross-site", me.csrf, KT_E_DENIED },
        { "http://kt.example:7430", "none", me.csrf, KT_E_DENIED },
        { "http://kt.example:7430", "same-origin", other.csrf, KT_E_DENIED },
        { "http://kt.example:7430", "same-origin", "", KT_E_DENIED },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        struct kt_web_who got;
        struct kt_web_request c = r;
        c.change = true;
        c.origin = kt_str_of(table[i].origin);
        c.site = kt_str_of(table[i].site);
        c.csrf = kt_str_of(table[i].csrf);
        assert_int_equal(who(&w, c, id, &got), table[i].want);
    }
    /* and so does a login, which has no token yet */
    r.origin = KT_STR("https://evil.example");
    assert_int_equal(login(&w, &r, "alice", "correct horse battery", NULL, id, &me), KT_E_DENIED);
    end(&w);
}

static void cookies_that_are_not_one_id_are_nobodys(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    struct kt_web_who me;
    char id[33], text[300];
    bool known = true;
    (void)state;
    begin(&w);
    usual_users(&w, "responder", "");
    assert_int_equal(open_auth(&w, false, false, &err), KT_OK);
    struct kt_web_request r = from("203.0.113.7");
    assert_int_equal(login(&w, &r, "alice", "correct horse battery", NULL, id, &me), KT_OK);
    static const struct {
        const char *form;
        bool good;
    } table[] = { { "kt_session=%s", true },
                  { "a=b;kt_session=%s;c", true },
                  { "kt_session=%s; kt_session=00", false }, /* two: one of them is not ours */
                  { "kt_session=%s0", false },
                  { "__Host-kt_session=%s", false },
                  { "xkt_session=%s", false },
                  { "kt_session=\"%s\"", false },
                  { "kt_session", false } };
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
        struct kt_str form = kt_str_of(table[i].form);
        ptrdiff_t at = kt_str_find(form, KT_STR("%s"), 0);
        kt_buf_add(&b, kt_str_sub(form, 0, at < 0 ? form.len : (size_t)at));
        if (at >= 0) {
            kt_buf_addz(&b, id);
            kt_buf_add(&b, kt_str_from_index(form, (size_t)at + 2));
        }
        kt_str_copyz(text, sizeof text, kt_buf_str(&b));
        r.cookie = kt_str_of(text);
        enum kt_status got = kt_web_who(w.a, &r, w.now, &me, &known, &err);
        assert_int_equal(got == KT_OK, table[i].good);
        assert_int_equal(known, table[i].good);
    }
    end(&w);
}

static void with_tls_the_cookie_is_of_this_host_alone(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    struct kt_web_who me;
    KT_CLEANUP(kt_buf_done) struct kt_buf cookie = { 0 }, gone = { 0 }, token = { 0 };
    (void)state;
    begin(&w);
    usual_users(&w, "responder", "");
    assert_int_equal(open_auth(&w, true, false, &err), KT_OK);
    struct kt_web_request r = from("203.0.113.7");
    assert_int_equal(kt_web_auth_link(w.a, KT_STR("zoe"), NULL, w.now, &token, &err), KT_OK);
    struct kt_web_login l = { .token = kt_buf_str(&token) };
    assert_int_equal(kt_web_login_begin(w.a, &l, &r, w.now, &err), KT_E_DENIED); /* http: */
    r.origin = KT_STR("https://kt.example:7430");
    assert_int_equal(kt_web_login_begin(w.a, &l, &r, w.now, &err), KT_OK);
    kt_web_login_check(&l);
    assert_int_equal(kt_web_login_end(w.a, &l, w.now, &cookie, &me, &err), KT_OK);
    assert_int_equal(me.role, KT_ROLE_RESPONDER); /* no line of her own */
    assert_true(kt_str_starts(kt_buf_str(&cookie), KT_STR("__Host-kt_session=")));
    assert_true(
        kt_str_ends(kt_buf_str(&cookie), KT_STR("; HttpOnly; SameSite=Strict; Path=/; Secure")));
    r.cookie = kt_str_sub(kt_buf_str(&cookie), 0, sizeof "__Host-kt_session=" - 1 + 32);
    bool known;
    assert_int_equal(kt_web_who(w.a, &r, w.now, &me, &known, &err), KT_OK);
    kt_web_auth_logout(w.a, &r, &gone);
    assert_string_equal(kt_buf_z(&gone), "__Host-kt_session=; HttpOnly; SameSite=Strict; Path=/; "
                                         "Secure; Max-Age=0");
    assert_int_equal(kt_web_who(w.a, &r, w.now, &me, &known, &err), KT_E_DENIED);
    end(&w);
}

/* A proxy in front has the TLS: only the Origin tells. */
static void by_https_the_cookie_is_of_this_host_alone_too(void **state)
{
    static const char name[] = "__Host-kt_session=";
    struct world w;
    struct kt_error err = { 0 };
    struct kt_web_who me;
    bool known;
    char plain[100];
    KT_CLEANUP(kt_buf_done) struct kt_buf cookie = { 0 };
    (void)state;
    begin(&w);
    usual_users(&w, "responder", "");
    assert_int_equal(open_auth(&w, false, false, &err), KT_OK);
    struct kt_web_request r = from("203.0.113.7");
    r.origin = KT_STR("https://kt.example:7430");
    struct kt_web_login l = { .user = KT_STR("alice"), .password = "correct horse battery" };
    assert_int_equal(kt_web_login_begin(w.a, &l, &r, w.now, &err), KT_OK);
    kt_web_login_check(&l);
    assert_int_equal(kt_web_login_end(w.a, &l, w.now, &cookie, &me, &err), KT_OK);
    assert_true(kt_str_starts(kt_buf_str(&cookie), kt_str_of(name)));
    assert_true(kt_str_ends(kt_buf_str(&cookie), KT_STR("; Secure")));
    r.cookie = kt_str_sub(kt_buf_str(&cookie), 0, sizeof name - 1 + 32);
    assert_int_equal(kt_web_who(w.a, &r, w.now, &me, &known, &err), KT_OK);
    (void)snprintf(plain, sizeof plain, "kt_session=%.32s", r.cookie.at + sizeof name - 1);
    r.cookie = kt_str_of(plain); /* the same id, where a neighbour can put it */
    assert_int_equal(kt_web_who(w.a, &r, w.now, &me, &known, &err), KT_E_DENIED);
    end(&w);
}

static void what_a_page_asks_by_itself_is_no_use_of_the_session(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    struct kt_web_who me;
    char id[33];
    (void)state;
    begin(&w);
    usual_users(&w, "responder", "");
    assert_int_equal(open_auth(&w, false, false, &err), KT_OK);
    struct kt_web_request r = from("203.0.113.7");
    assert_int_equal(login(&w, &r, "alice", "correct horse battery", NULL, id, &me), KT_OK);
    r.by_itself = true;
    w.now += KT_WEB_IDLE;
    assert_int_equal(who(&w, r, id, &me), KT_OK);
    assert_true(kt_web_still(w.a, &me, w.now));
    w.now += KT_NS_S;
    assert_int_equal(who(&w, r, id, &me), KT_E_DENIED);
    assert_false(kt_web_still(w.a, &me, w.now));
    end(&w);
}

static void who_listens_is_held_against_logout_and_the_users_file(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    struct kt_web_who me;
    char id[33], cookie[100];
    KT_CLEANUP(kt_buf_done) struct kt_buf gone = { 0 };
    (void)state;
    begin(&w);
    usual_users(&w, "responder", "");
    assert_int_equal(open_auth(&w, false, false, &err), KT_OK);
    struct kt_web_request r = from("203.0.113.7");
    assert_int_equal(login(&w, &r, "alice", "correct horse battery", NULL, id, &me), KT_OK);
    assert_true(kt_web_still(w.a, &me, w.now));
    (void)snprintf(cookie, sizeof cookie, "kt_session=%s", id);
    r.cookie = kt_str_of(cookie);
    kt_web_auth_logout(w.a, &r, &gone);
    assert_false(kt_web_still(w.a, &me, w.now));
    assert_int_equal(login(&w, &r, "alice", "correct horse battery", NULL, id, &me), KT_OK);
    usual_users(&w, "viewer", "");
    turns(&w);
    assert_false(kt_web_still(w.a, &me, w.now));
    end(&w);
}

/* ---- links, tries, proxies ---- */

static void a_link_is_for_one_use_within_ten_minutes(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    struct kt_web_who me;
    char id[33];
    KT_CLEANUP(kt_buf_done) struct kt_buf one = { 0 }, two = { 0 }, old = { 0 }, many = { 0 };
    enum kt_role auditor = KT_ROLE_AUDITOR;
    (void)state;
    begin(&w);
    usual_users(&w, "responder", "");
    assert_int_equal(open_auth(&w, false, false, &err), KT_OK);
    struct kt_web_request r = from("203.0.113.7");
    assert_int_equal(kt_web_auth_link(w.a, KT_STR("carol"), &auditor, w.now, &one, &err), KT_OK);
    assert_int_equal(kt_web_auth_link(w.a, KT_STR("carol"), NULL, w.now, &old, &err), KT_OK);
    assert_int_equal(kt_web_auth_link(w.a, KT_STR("carol"), NULL, w.now, &two, &err), KT_OK);
    assert_int_equal(login(&w, &r, "", "", kt_buf_z(&one), id, &me), KT_OK);
    assert_int_equal(me.role, KT_ROLE_AUDITOR);
    assert_string_equal(me.scope, "instance:vault-b"); /* a link does not widen it */
    assert_int_equal(login(&w, &r, "", "", kt_buf_z(&one), id, &me), KT_E_DENIED);
    struct kt_web_login full = { .token = kt_buf_str(&two) }; /* no room: it is as good as before */
    assert_int_equal(kt_web_login_begin(w.a, &full, &r, w.now, &err), KT_OK);
    kt_web_login_drop(w.a, &full);
    assert_int_equal(login(&w, &r, "", "", kt_buf_z(&two), id, &me), KT_OK);
    w.now += 10 * KT_NS_MIN + 1;
    assert_int_equal(login(&w, &r, "", "", kt_buf_z(&old), id, &me), KT_E_DENIED);
    assert_int_equal(kt_web_auth_link(w.a, KT_STR("a b"), NULL, w.now, &one, &err), KT_E_INPUT);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(kt_web_auth_link(w.a, KT_STR("carol"), NULL, w.now + i, &many, &err),
                         KT_OK);
    assert_int_equal(login(&w, &r, "", "", "00000000000000000000000000000000", id, &me),
                     KT_E_DENIED);
    end(&w);
}

static void unknown_names_take_as_long_and_say_the_same(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    struct kt_web_who me;
    char id[33];
    (void)state;
    begin(&w);
    usual_users(&w, "responder", "");
    assert_int_equal(open_auth(&w, false, false, &err), KT_OK);
    struct kt_web_request r = from("203.0.113.7");
    static const char *const names[] = { "alice", "bob", "nobody", "" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(names); i++) {
        struct kt_web_login l = { .user = kt_str_of(names[i]), .password = "wrong" };
        KT_CLEANUP(kt_buf_done) struct kt_buf cookie = { 0 };
        r.peer.at[15] = (uint8_t)i;
        assert_int_equal(kt_web_login_begin(w.a, &l, &r, w.now, &err), KT_OK);
        assert_true(kt_password_hash_ok(l.hash)); /* there is something to check, of our limits */
        kt_web_login_check(&l);
        assert_int_equal(kt_web_login_end(w.a, &l, w.now, &cookie, &me, &err), KT_E_DENIED);
        assert_string_equal(err.text, "name or password is wrong");
        assert_int_equal(cookie.len, 0);
    }
    struct kt_web_login l[3] = { { .password = "a" }, { .password = "b" }, { .password = "c" } };
    r.peer.at[15] = 99;
    assert_int_equal(kt_web_login_begin(w.a, &l[0], &r, w.now, &err), KT_OK);
    assert_int_equal(kt_web_login_begin(w.a, &l[1], &r, w.now, &err), KT_OK);
    assert_int_equal(kt_web_login_begin(w.a, &l[2], &r, w.now, &err), KT_E_LIMIT); /* 2 at a time */
    assert_int_equal(l[2].password[0], 0);
    (void)id;
    end(&w);
}

static void five_tries_then_longer_and_longer_waits(void **state)
{
    struct kt_web_tries *t = kt_web_tries_new();
    struct kt_ip a = ip("2001:db8:1:2::5"), same = ip("2001:db8:1:2:ffff::1");
    struct kt_ip next = ip("2001:db8:1:3::1");
    kt_time_ns now = NOW, wait = 0;
    (void)state;
    static const int minutes[] = { 1, 2, 4, 8, 16, 16 };
    for (unsigned round = 0; round < KT_ARRAY_LEN(minutes); round++) {
        for (unsigned i = 0; i < 5; i++)
            assert_true(kt_web_tries_take(t, i % 2 == 0 ? a : same, now, &wait));
        assert_false(kt_web_tries_take(t, same, now, &wait));
        assert_int_equal(wait, minutes[round] * KT_NS_MIN);
        assert_true(kt_web_tries_take(t, next, now, &wait)); /* another customer */
        kt_web_tries_right(t, next);
        now += wait > 0 ? wait : minutes[round] * KT_NS_MIN;
    }
    now += KT_NS_HOUR + 1; /* forgiven */
    for (unsigned i = 0; i < 5; i++)
        assert_true(kt_web_tries_take(t, a, now, &wait));
    assert_false(kt_web_tries_take(t, a, now, &wait));
    assert_int_equal(wait, KT_NS_MIN);
    /* slower than five a minute is never stopped */
    for (unsigned i = 0; i < 100; i++)
        assert_true(kt_web_tries_take(t, next, now + i * 15 * KT_NS_S, &wait));
    kt_web_tries_free(t);
}

static void a_login_of_ones_own_does_not_buy_tries_on_others(void **state)
{
    struct kt_web_tries *t = kt_web_tries_new();
    struct kt_ip a = ip("203.0.113.7");
    kt_time_ns wait;
    unsigned wrong = 0;
    (void)state;
    for (unsigned i = 0; i < 100; i++) { /* wrong, right, wrong, right … */
        if (kt_web_tries_take(t, a, NOW + i, &wait))
            wrong++;
        if (kt_web_tries_take(t, a, NOW + i, &wait))
            kt_web_tries_right(t, a);
    }
    assert_int_equal(wrong, 5);
    kt_web_tries_free(t);
}

static void many_addresses_do_not_free_the_one_that_waits(void **state)
{
    struct kt_web_tries *t = kt_web_tries_new();
    struct kt_ip a = ip("203.0.113.7"), other = ip("2001:db8::1");
    kt_time_ns wait;
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        assert_true(kt_web_tries_take(t, a, NOW, &wait));
    for (unsigned i = 0; i < 3 * KT_WEB_TRIES_MAX; i++) {
        other.at[6] = (uint8_t)(i >> 8);
        other.at[7] = (uint8_t)i;
        assert_true(kt_web_tries_take(t, other, NOW + 1, &wait));
    }
    assert_false(kt_web_tries_take(t, a, NOW + 2, &wait));
    kt_web_tries_free(t);
}

static void a_proxys_word_counts_from_the_proxy_alone(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    struct kt_web_who me;
    bool known;
    (void)state;
    begin(&w);
    usual_users(&w, "responder", "");
    assert_int_equal(open_auth(&w, false, true, &err), KT_OK);
    struct kt_web_request r = from("192.0.2.9");
    r.proxy_user = KT_STR("carol");
    assert_int_equal(kt_web_who(w.a, &r, w.now, &me, &known, &err), KT_OK);
    assert_string_equal(me.scope, "instance:vault-b");
    assert_false(me.session);
    r.change = true;
    assert_int_equal(kt_web_who(w.a, &r, w.now, &me, &known, &err), KT_E_DENIED);
    assert_true(known);
    char csrf[KT_WEB_TOKEN_TEXT];
    memcpy(csrf, me.csrf, sizeof csrf);
    r.csrf = kt_str_of(csrf);
    assert_int_equal(kt_web_who(w.a, &r, w.now, &me, &known, &err), KT_OK);
    r.proxy_user = KT_STR("alice"); /* carol's token is not hers */
    assert_int_equal(kt_web_who(w.a, &r, w.now, &me, &known, &err), KT_E_DENIED);
    r.proxy_user = KT_STR("mallory");
    r.change = false;
    assert_int_equal(kt_web_who(w.a, &r, w.now, &me, &known, &err), KT_E_DENIED);
    r.proxy_user = KT_STR("alice");
    r.peer = ip("192.0.2.10");
    assert_int_equal(kt_web_who(w.a, &r, w.now, &me, &known, &err), KT_E_DENIED);
    r.unix_socket = true;
    assert_int_equal(kt_web_who(w.a, &r, w.now, &me, &known, &err), KT_OK);
    kt_web_auth_close(w.a);
    w.a = NULL;
    assert_int_equal(open_auth(&w, false, false, &err), KT_OK); /* nobody set a header */
    assert_int_equal(kt_web_who(w.a, &r, w.now, &me, &known, &err), KT_E_DENIED);
    end(&w);
}

static void behind_a_proxy_the_last_hop_counts(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    char text[KT_IP_TEXT_MAX];
    (void)state;
    begin(&w);
    usual_users(&w, "responder", "");
    assert_int_equal(open_auth(&w, false, false, &err), KT_OK);
    static const struct {
        const char *peer, *forwarded, *want;
    } table[] = {
        { "203.0.113.7", "198.51.100.1", "203.0.113.7" }, /* anybody can write the header */
        { "192.0.2.9", "198.51.100.1", "198.51.100.1" },
        { "192.0.2.9", "10.0.0.1, 198.51.100.2", "198.51.100.2" },
        { "192.0.2.9", "10.0.0.1,[2001:db8::1]:443", "2001:db8::1" },
        { "192.0.2.9", "10.0.0.1, unknown", "::" },
        { "192.0.2.9", "", "::" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        struct kt_web_request r = from(table[i].peer);
        r.forwarded_for = kt_str_of(table[i].forwarded);
        assert_string_equal(kt_ip_format(kt_web_peer(w.a, &r), text), table[i].want);
    }
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_lines_are_refused_by_number_and_the_others_hold),
        cmocka_unit_test(editing_keeps_what_others_wrote),
        cmocka_unit_test(a_users_file_that_others_can_read_or_with_a_bad_line_is_no_start),
        cmocka_unit_test(a_login_gives_a_new_id_each_time_and_ends_by_the_clock),
        cmocka_unit_test(a_change_of_the_users_line_ends_his_sessions_and_links),
        cmocka_unit_test(a_users_file_that_cannot_be_read_lets_nobody_in),
        cmocka_unit_test(sessions_are_bounded_by_user_and_in_all),
        cmocka_unit_test(a_change_needs_the_token_and_our_origin),
        cmocka_unit_test(cookies_that_are_not_one_id_are_nobodys),
        cmocka_unit_test(with_tls_the_cookie_is_of_this_host_alone),
        cmocka_unit_test(by_https_the_cookie_is_of_this_host_alone_too),
        cmocka_unit_test(what_a_page_asks_by_itself_is_no_use_of_the_session),
        cmocka_unit_test(who_listens_is_held_against_logout_and_the_users_file),
        cmocka_unit_test(a_link_is_for_one_use_within_ten_minutes),
        cmocka_unit_test(unknown_names_take_as_long_and_say_the_same),
        cmocka_unit_test(five_tries_then_longer_and_longer_waits),
        cmocka_unit_test(a_login_of_ones_own_does_not_buy_tries_on_others),
        cmocka_unit_test(many_addresses_do_not_free_the_one_that_waits),
        cmocka_unit_test(a_proxys_word_counts_from_the_proxy_alone),
        cmocka_unit_test(behind_a_proxy_the_last_hop_counts),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
