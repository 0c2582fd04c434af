/*
 * reply: answers as HTTP: heads that every answer has (THREATS W4), errors, packing.
 *
 * Owns:  nothing.
 * Calls: libmicrohttpd.
 */
#include <stdio.h>
#include <string.h>

#include "core/event/line.h"
#include "dashboards/server/server_int.h"

#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "        \
    "'self'; "                                                                                     \
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

static const struct {
    const char *name, *value;
} always[] = {
    { "X-Content-Type-Options", "nosniff" },
    { "Referrer-Policy", "no-referrer" },
    { "X-Frame-Options", "DENY" },
    { "Cross-Origin-Opener-Policy", "same-origin" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
    { "Vary", "Accept-Encoding, Cookie" },
};

struct kt_str kt_web_header(const struct kt_web_req *r, const char *name)
{
    return kt_str_of(MHD_lookup_connection_value(r->c, MHD_HEADER_KIND, name));
}

static void put(struct MHD_Response *m, const char *name, const char *value)
{
    if (value != NULL)
        (void)MHD_add_response_header(m, name, value);
}

/* A name that a header can hold and no shell or path trips over. */
static void put_file(struct MHD_Response *m, const char *file)
{
    char text[200];
    char name[128];
    size_t n = 0;
    for (; file[n] != '\0' && n + 1 < sizeof name; n++) {
        char c = file[n];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || (c == '.' && n > 0);
        name[n] = fine ? c : '_';
    }
    name[n] = '\0';
    (void)snprintf(text, sizeof text, "attachment; filename=\"%s\"", name);
    put(m, "Content-Disposition", text);
}

enum MHD_Result kt_web_reply_with(struct kt_web_req *r, const struct kt_web_reply *how,
                                  struct MHD_Response *m)
{
    char retry[16];
    if (m == NULL)
        return MHD_NO;
    for (size_t i = 0; i < KT_ARRAY_LEN(always); i++)
        put(m, always[i].name, always[i].value);
    put(m, "Content-Security-Policy", how->policy != NULL ? how->policy : POLICY);
    put(m, "Content-Type", how->type != NULL ? how->type : "application/json");
    put(m, "Cache-Control", how->cache != NULL ? how->cache : "no-store");
    put(m, "ETag", how->etag);
    put(m, "Allow", how->allow);
    put(m, "Set-Cookie", how->cookie);
    put(m, "Content-Encoding", how->encoding);
    if (r->s->o.cert != NULL)
        put(m, "Strict-Transport-Security", "max-age=31536000");
    if (how->file != NULL && how->file[0] != '\0')
        put_file(m, how->file);
    if (how->retry_s > 0) {
        (void)snprintf(retry, sizeof retry, "%u", how->retry_s);
        put(m, "Retry-After", retry);
    }
    kt_web_conn_phase(r->s, r->conn, KT_WEB_BUSY);
    enum MHD_Result rc = MHD_queue_response(r->c, how->status, m);
    MHD_destroy_response(m);
    return rc;
}

/* The whole body is in memory: from here on only its reader can hold it up. */
static enum MHD_Result reply_whole(struct kt_web_req *r, const struct kt_web_reply *how,
                                   struct MHD_Response *m)
{
    enum MHD_Result rc = kt_web_reply_with(r, how, m);
    kt_web_conn_phase(r->s, r->conn, KT_WEB_SEND);
    return rc;
}

enum MHD_Result kt_web_reply(struct kt_web_req *r, const struct kt_web_reply *how,
                             struct kt_buf *body)
{
    void *at = body->at != NULL ? body->at : kt_alloc(1);
    struct MHD_Response *m =
        MHD_create_response_from_buffer_with_free_callback(body->len, at, kt_free);
    if (m == NULL)
        kt_free(at);
    *body = (struct kt_buf){ 0 };
    return reply_whole(r, how, m);
}

enum MHD_Result kt_web_reply_static(struct kt_web_req *r, const struct kt_web_reply *how,
                                    struct kt_str body)
{
    return reply_whole(r, how,
                       MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.at,
                                                       MHD_RESPMEM_PERSISTENT));
}

/* ---- errors ---- */

unsigned kt_web_status_of(enum kt_status code)
{
    static const unsigned of[] = {
        [KT_OK] = 200,       [KT_E_AGAIN] = 404, [KT_E_INPUT] = 400,   [KT_E_LIMIT] = 503,
        [KT_E_CONFIG] = 500, [KT_E_IO] = 502,    [KT_E_CORRUPT] = 500, [KT_E_DENIED] = 403,
    };
    return of[code];
}

/* A sentence that was cut may end in half a letter. */
void kt_web_error(struct kt_buf *out, const char *sentence)
{
    struct kt_str s = kt_str_of(sentence);
    while (!kt_utf8_valid(s))
        s.len--;
    kt_api_open(out, NULL, '{');
    kt_api_text(out, "error", s);
    kt_api_close(out, '}');
}

enum MHD_Result kt_web_refuse(struct kt_web_req *r, unsigned status, const char *sentence)
{
    struct kt_buf body = { 0 };
    kt_web_error(&body, sentence);
    return kt_web_reply(
        r, &(struct kt_web_reply){ .status = status, .retry_s = status == 503 ? 2 : 0 }, &body);
}
