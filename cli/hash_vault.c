/*
 * hash_vault: asking a Vault for the hash that one of its audit devices writes, and for a token's
 * accessor.
 *
 * Owns:  the token that it asks with, wiped at the end.
 * Calls: core/sys/http (https rules), core/sys/fs, core/answer/vault_hash.
 * Holds: a value goes out in the body of a request over TLS, and nowhere else.
 */
#include <stdio.h>
#include <string.h>

#include "cli/hash.h"
#include "core/base/hash.h"
#include "core/sys/clock.h"
#include "core/sys/fs.h"
#include "core/sys/http.h"

#define TOKEN_MAX 4096u
#define BODY_MAX  (2 * KT_HASH_VALUE_MAX * 6 + 64) /* of a value, each byte escaped */
#define PATIENCE  (20 * KT_NS_S)

struct call {
    const struct kt_hash_vault *v;
    struct kt_buf token;  /* "X-Vault-Token: …" */
    struct kt_buf answer; /* of the last request */
    int status;
    bool done;
    char error[200];
};

static void wipe(struct kt_buf *b)
{
    if (b->at != NULL)
        kt_wipe(b->at, b->cap);
    kt_buf_done(b);
}

static void answered(void *self, struct kt_http_answer *a)
{
    struct call *c = self;
    c->status = a->status;
    c->done = true;
    kt_str_copyz(c->error, sizeof c->error, kt_str_of(a->error));
    kt_buf_reset(&c->answer);
    kt_buf_add(&c->answer, kt_buf_str(&a->body));
    if (a->body.at != NULL)
        kt_wipe(a->body.at, a->body.cap);
}

/* One request; KT_OK with c->status whatever the answer is. */
static enum kt_status post(struct call *c, const char *path, struct kt_str body,
                           struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf url = { 0 }, name = { 0 };
    struct kt_str headers[3] = { kt_buf_str(&c->token), KT_STR("Content-Type: application/json") };
    unsigned n = 2;
    struct kt_str base = kt_str_of(c->v->url);
    while (kt_str_ends(base, KT_STR("/")))
        base.len--;
    kt_buf_addf(&url, KT_STR_FMT "/v1/%s", KT_STR_ARG(base), path);
    if (c->v->name_space != NULL) {
        kt_buf_addf(&name, "X-Vault-Namespace: %s", c->v->name_space);
        headers[n++] = kt_buf_str(&name);
    }
    const struct kt_http_request r = { .url = kt_buf_str(&url),
                                       .method = KT_HTTP_POST,
                                       .body = body,
                                       .headers = headers,
                                       .n_headers = n,
                                       .ca_file = c->v->ca_file,
                                       .allow_private = c->v->allow_private };
    struct kt_http *http = kt_http_new();
    enum kt_status st = kt_http_start(http, &r, err);
    kt_time_ns until = kt_clock_real.mono(kt_clock_real.self) + PATIENCE;
    c->done = false;
    while (st == KT_OK && !c->done && kt_clock_real.mono(kt_clock_real.self) < until)
        kt_http_run(http, 500, -1, answered, c);
    kt_http_free(http);
    if (st == KT_OK && (!c->done || c->status == 0))
        return kt_fail(err, KT_E_IO, "Vault at %s did not answer: %s", c->v->url,
                       c->done ? c->error : "no answer in time");
    return st;
}

static enum kt_status ask(struct call *c, const char *path, const char *member, struct kt_str value,
                          struct kt_error *err)
{
    struct kt_buf body = { 0 };
    kt_buf_reserve(&body, BODY_MAX); /* at once: a growing buffer would leave copies of the value */
    kt_vault_ask_hash(member, value, &body);
    enum kt_status st = post(c, path, kt_buf_str(&body), err);
    wipe(&body);
    return st;
}

static enum kt_status hash(struct call *c, struct kt_str value, char *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    kt_buf_addf(&path, "sys/audit-hash/%s", c->v->device);
    enum kt_status st = ask(c, kt_buf_z(&path), "input", value, err);
    if (st != KT_OK)
        return st;
    if (c->status == 403)
        return kt_fail(err, KT_E_CONFIG,
                       "Vault refused (403): the token needs a policy with path \"%s\" "
                       "{ capabilities = [\"update\"] }",
                       kt_buf_z(&path));
    if (c->status == 400 || c->status == 404)
        return kt_fail(err, KT_E_CONFIG,
                       "Vault has no audit device '%s' (%d): `vault audit list` names them",
                       c->v->device, c->status);
    if (c->status != 200)
        return kt_fail(err, KT_E_IO, "Vault answered %d to %s", c->status, kt_buf_z(&path));
    return kt_vault_take_hash(kt_buf_str(&c->answer), ret, err);
}

/* The accessor of a token; without one *ret stays empty and the note says why. */
static enum kt_status look_up(struct call *c, struct kt_str token, struct kt_hash_found *ret,
                              struct kt_error *err)
{
    struct kt_error why = { 0 };
    enum kt_status st = ask(c, "auth/token/lookup", "token", token, err);
    if (st != KT_OK)
        return st;
    if (c->status == 200) {
        if (kt_vault_take_accessor(kt_buf_str(&c->answer), &ret->clear, &why) != KT_OK)
            (void)snprintf(ret->note, sizeof ret->note, "%s", why.text);
        return KT_OK;
    }
    (void)snprintf(ret->note, sizeof ret->note,
                   c->status == 403
                       ? "Vault does not tell its accessor (403): it is no token, it is revoked or "
                         "over, or auth/token/lookup is not allowed"
                       : "Vault does not tell its accessor (%d)",
                   c->status);
    return KT_OK;
}

enum kt_status kt_hash_ask_vault(const struct kt_hash_vault *v, struct kt_str value,
                                 bool is_accessor, struct kt_hash_found *ret, struct kt_error *err)
{
    struct call c = { .v = v };
    struct kt_buf token = { 0 };
    enum kt_status st = kt_http_check_url(kt_str_of(v->url), v->allow_private, err);
    if (st == KT_OK)
        st = kt_fs_read_secret(v->token_file, TOKEN_MAX, &token, err);
    if (st == KT_OK && (token.len == 0 || kt_str_find_byte(kt_buf_str(&token), '\n', 0) >= 0))
        st = kt_fail(err, KT_E_CONFIG, "'%s' holds no token in one line", v->token_file);
    if (st == KT_OK) {
        kt_buf_reserve(&c.token, token.len + 32);
        kt_buf_addz(&c.token, "X-Vault-Token: ");
        kt_buf_add(&c.token, kt_buf_str(&token));
    }
    if (st == KT_OK)
        st = hash(&c, value, is_accessor ? ret->accessor : ret->value, err);
    if (st == KT_OK && !is_accessor)
        st = look_up(&c, value, ret, err);
    if (st == KT_OK && ret->clear.len > 0)
        st = hash(&c, kt_buf_str(&ret->clear), ret->accessor, err);
    wipe(&token);
    wipe(&c.token);
    wipe(&c.answer);
    return st;
}
