/*
 * door: one-time links over a socket that only the page's user and root can use.
 *
 * Owns:  the socket.
 * Calls: core/wire/control_server, auth; core/event (JSON).
 */
#include "dashboards/server/door.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/wire/control_server.h"

struct kt_web_door {
    struct kt_web_door_options o;
    struct kt_control *control;
};

/* Where a browser finds the page: by its first name (with the port where TLS ends here, without one
 * behind a proxy), else where it listens. */
static void add_base(const struct kt_web_door_options *o, struct kt_buf *ret)
{
    struct kt_str at = kt_str_of(o->address);
    bool tls = kt_str_starts(at, KT_STR("https://"));
    ptrdiff_t port = kt_str_rfind_byte(at, ':');
    if (o->hosts->n == 0) {
        kt_buf_add(ret, kt_str_starts(at, KT_STR("unix:")) ? KT_STR("http://localhost") : at);
        return;
    }
    kt_buf_addf(ret, "https://%s", o->hosts->at[0]);
    if (tls && port > 0 && kt_str_find_byte(kt_str_of(o->hosts->at[0]), ':', 0) < 0)
        kt_buf_add(ret, kt_str_from_index(at, (size_t)port));
}

enum kt_status kt_web_door_link(const struct kt_web_door_options *o, struct kt_str user,
                                const enum kt_role *role, struct kt_buf *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf token = { 0 };
    kt_time_ns now = o->clock->wall(o->clock->self);
    enum kt_status status = kt_web_auth_link(o->auth, user, role, now, &token, err);
    if (status != KT_OK)
        return status;
    add_base(o, ret);
    kt_buf_addf(ret, "/#token=%s", kt_buf_z(&token));
    kt_wipe(token.at, token.cap);
    return KT_OK;
}

static enum kt_status login(const struct kt_web_door *d, struct kt_jval args, struct kt_buf *answer,
                            struct kt_error *err)
{
    struct kt_str user = kt_json_str_at(args, "user"), word = kt_json_str_at(args, "role");
    KT_CLEANUP(kt_buf_done) struct kt_buf url = { 0 };
    enum kt_role role;
    if (word.len > 0 && !kt_role_of(word, &role))
        return kt_fail(err, KT_E_INPUT, "the role is viewer, auditor, responder or admin");
    if (kt_web_door_link(&d->o, user, word.len > 0 ? &role : NULL, &url, err) != KT_OK)
        return err->code;
    kt_log(KT_LOG_INFO, "dashboard: a one-time link was made user='" KT_STR_FMT "'",
           KT_STR_ARG(user));
    kt_buf_addz(answer, "{\"url\":");
    kt_json_quote(answer, kt_buf_str(&url));
    kt_buf_addz(answer, ",\"user\":");
    kt_json_quote(answer, user);
    kt_buf_addz(answer, "}\n");
    kt_wipe(url.at, url.cap);
    return KT_OK;
}

/* For `keytrail doctor`: which program answers, and where people find it. */
static void is_there(const struct kt_web_door *d, struct kt_buf *answer)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf url = { 0 };
    add_base(&d->o, &url);
    kt_buf_addz(answer, "{\"version\":\"" KT_VERSION "\",\"url\":");
    kt_json_quote(answer, kt_buf_str(&url));
    kt_buf_addz(answer, "}\n");
}

static enum kt_status request(void *self, bool guest, struct kt_str text, struct kt_buf *answer,
                              struct kt_error *err)
{
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct kt_jval root;
    unsigned repaired = 0;
    (void)guest; /* there is none */
    enum kt_status status = kt_json_parse(json, text, &root, &repaired, err);
    struct kt_str what = kt_json_str_at(root, "do");
    if (status == KT_OK && kt_str_is(what, "login"))
        status = login(self, root, answer, err);
    else if (status == KT_OK && kt_str_is(what, "status"))
        is_there(self, answer);
    else if (status == KT_OK)
        status = kt_fail(err, KT_E_INPUT, "the page is asked for 'login' and 'status' alone");
    kt_json_free(json);
    return status;
}

enum kt_status kt_web_door_open(const struct kt_web_door_options *o, struct kt_web_door **ret,
                                struct kt_error *err)
{
    struct kt_web_door *d = kt_alloc(sizeof *d);
    d->o = *o;
    const struct kt_control_handler h = { .request = request, .self = d };
    enum kt_status status = kt_control_open(o->path, NULL, &h, &d->control, err);
    if (status != KT_OK) {
        kt_free(d);
        return kt_wrap(err, "dashboard.control");
    }
    *ret = d;
    return KT_OK;
}

void kt_web_door_leads_to(struct kt_web_door *d, const struct kt_web_door_options *o)
{
    d->o = *o;
}

void kt_web_door_close(struct kt_web_door *d)
{
    if (d == NULL)
        return;
    kt_control_close(d->control);
    kt_free(d);
}

unsigned kt_web_door_fds(const struct kt_web_door *d, int *fds, unsigned max)
{
    return d != NULL ? kt_control_fds(d->control, fds, max) : 0;
}

void kt_web_door_turn(struct kt_web_door *d)
{
    if (d != NULL)
        kt_control_turn(d->control);
}
