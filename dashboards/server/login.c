/*
 * login: who somebody is: `me`, log in, log out.
 *
 * Owns:  nothing.
 * Calls: auth, the pool of calls (a password's check and the note of a login take their time).
 */
#include <stdio.h>
#include <string.h>

#include "dashboards/server/events.h"
#include "dashboards/server/server_int.h"

static void say_me(struct kt_web_req *r, struct kt_buf *out)
{
    static const struct {
        const char *what;
        enum kt_role least;
    } can[] = { { "act", KT_ROLE_RESPONDER }, { "reports", KT_ROLE_AUDITOR } };
    const struct kt_web_options *o = &r->s->o;
    const char *slash = strrchr(o->store, '/');
    kt_api_open(out, NULL, '{');
    kt_api_text(out, "user", kt_str_of(r->who.user));
    kt_api_text(out, "role", kt_str_of(kt_role_word(r->who.role)));
    kt_api_text(out, "scope", kt_str_of(r->who.scope));
    kt_api_text(out, "csrf", kt_str_of(r->who.csrf));
    kt_api_open(out, "can", '[');
    for (size_t i = 0; i < KT_ARRAY_LEN(can); i++)
        if (r->who.role >= can[i].least)
            kt_api_text(out, NULL, kt_str_of(can[i].what));
    kt_api_close(out, ']');
    kt_api_text(out, "version", KT_STR(KT_VERSION));
    kt_api_text(out, "log", kt_str_of(r->s->log_id));
    kt_api_text(out, "store", kt_str_of(slash != NULL ? slash + 1 : o->store));
    kt_api_flag(out, "collector", kt_events_collector(r->s->events));
    kt_api_time(out, "now", kt_web_wall(r->s));
    kt_api_text(out, "zone", KT_STR("UTC"));
    kt_api_close(out, '}');
}

static enum MHD_Result answer_with(struct kt_web_req *r, const char *cookie)
{
    struct kt_buf out = { 0 };
    say_me(r, &out);
    return kt_web_reply(r, &(struct kt_web_reply){ .status = 200, .cookie = cookie }, &out);
}

enum MHD_Result kt_web_answer_me(struct kt_web_req *r)
{
    return answer_with(r, NULL);
}

/* ---- in and out ---- */

static struct kt_str param(const struct kt_web_req *r, const char *name)
{
    for (unsigned i = 0; i < r->params.n; i++)
        if (kt_str_is(r->params.at[i].name, name))
            return r->params.at[i].value;
    return KT_STR_NONE;
}

static void note(const struct kt_web_req *r, enum kt_page_what what)
{
    bool known = what != KT_PAGE_LOGIN_FAILED;
    const struct kt_page_view v = { .what = what,
                                    .user = known ? kt_str_of(r->who.user) : r->login.user,
                                    .role = known ? kt_role_word(r->who.role) : NULL,
                                    .from = r->from,
                                    .session = known ? r->who.id : 0 };
    kt_page_note_later(r->s->notes, &v, kt_web_wall(r->s));
}

static enum MHD_Result refuse_login(struct kt_web_req *r, const struct kt_error *err)
{
    struct kt_buf body = { 0 };
    unsigned status = err->code == KT_E_LIMIT    ? 429
                      : err->code != KT_E_DENIED ? 400
                      : r->logging_in            ? 401
                                                 : 403;
    kt_time_ns wait = r->login.wait;
    kt_web_error(&body, err->text);
    return kt_web_reply(
        r,
        &(struct kt_web_reply){
            .status = status,
            .retry_s = status == 429 ? (unsigned)((wait + KT_NS_S - 1) / KT_NS_S) : 0 },
        &body);
}

enum MHD_Result kt_web_login_second(struct kt_web_req *r)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf cookie = { 0 };
    struct kt_error err = { 0 };
    enum kt_status status =
        kt_web_login_end(r->s->o.auth, &r->login, kt_web_wall(r->s), &cookie, &r->who, &err);
    note(r, status == KT_OK ? KT_PAGE_LOGIN : KT_PAGE_LOGIN_FAILED);
    enum MHD_Result rc =
        status == KT_OK ? answer_with(r, kt_buf_z(&cookie)) : refuse_login(r, &err);
    r->logging_in = false;
    return rc;
}

enum MHD_Result kt_web_login_first(struct kt_web_req *r)
{
    struct kt_error err = { 0 };
    const struct kt_web_request q = kt_web_request_of(r);
    struct kt_str password = param(r, "password");
    if (password.len > KT_WEB_PASSWORD_MAX)
        return kt_web_refuse(r, 400, "a password has at most 1,024 bytes");
    r->login = (struct kt_web_login){ .token = param(r, "token"), .user = param(r, "user") };
    kt_str_copyz(r->login.password, sizeof r->login.password, password);
    if (kt_web_login_begin(r->s->o.auth, &r->login, &q, kt_web_wall(r->s), &err) != KT_OK)
        return refuse_login(r, &err);
    r->logging_in = true;
    if (kt_web_pool_put(&r->s->calls, r))
        return MHD_YES;
    kt_web_login_forget(r);
    return kt_web_refuse(r, 503, "busy: try again");
}

enum MHD_Result kt_web_log_out(struct kt_web_req *r)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf cookie = { 0 };
    struct kt_buf out = { 0 };
    const struct kt_web_request q = kt_web_request_of(r);
    kt_web_auth_logout(r->s->o.auth, &q, &cookie);
    note(r, KT_PAGE_LOGOUT);
    kt_buf_addz(&out, "{}");
    return kt_web_reply(r, &(struct kt_web_reply){ .status = 200, .cookie = kt_buf_z(&cookie) },
                        &out);
}

void kt_web_login_forget(struct kt_web_req *r)
{
    if (r->logging_in)
        kt_web_login_drop(r->s->o.auth, &r->login);
    r->logging_in = false;
}
