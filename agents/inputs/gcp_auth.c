/*
 * gcp_auth: the access token with which Google Cloud is asked.
 *
 * Owns:  the token, the request under way. Calls: core.
 * Holds: tokens are wiped when they are replaced; no error text has a key or a token.
 */
#include "agents/inputs/gcp_auth.h"

#include "agents/inputs/bearer.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/rsa.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/sys/fs.h"

#define LIFE     KT_NS_HOUR /* what Google takes at most */
#define SKEW     KT_NS_MIN  /* that our clock may be ahead of theirs */
#define FILE_MAX (64u << 10)

struct gcp_auth {
    struct gcp_auth_options o;
    struct bearer token;
    struct kt_buf url, body;
    struct kt_json *json;
    bool by_key; /* the request under way */
};

static const char *env(const struct gcp_auth *a, const char *name)
{
    const char *v = a->o.env(a->o.env_self, name);
    return v != NULL && v[0] != '\0' ? v : NULL;
}

static void wipe(struct kt_buf *b)
{
    kt_wipe(b->at, b->cap);
    kt_buf_reset(b);
}

struct gcp_auth *gcp_auth_new(const struct gcp_auth_options *o)
{
    struct gcp_auth *a = kt_alloc(sizeof *a);
    a->o = *o;
    a->json = kt_json_new(KT_JSON_SIMDJSON);
    return a;
}

void gcp_auth_free(struct gcp_auth *a)
{
    if (a == NULL)
        return;
    bearer_done(&a->token);
    wipe(&a->body);
    kt_buf_done(&a->body);
    kt_buf_done(&a->url);
    kt_json_free(a->json);
    kt_free(a);
}

void gcp_auth_forget(struct gcp_auth *a)
{
    bearer_forget(&a->token);
}

bool gcp_auth_header(struct gcp_auth *a, kt_time_ns now, struct kt_str *ret)
{
    return bearer_header(&a->token, now, ret);
}

bool gcp_auth_due(const struct gcp_auth *a, kt_time_ns now)
{
    return bearer_due(&a->token, now);
}

/* ---- what is asked ---- */

enum kt_status gcp_jwt(const struct gcp_claims *c, struct kt_str key_id, struct kt_str pem,
                       struct kt_buf *out, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, jwt = { 0 }, signature = { 0 };
    kt_buf_addz(&text, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");
    if (key_id.len > 0) {
        kt_buf_addz(&text, ",\"kid\":");
        kt_json_quote(&text, key_id);
    }
    kt_buf_byte(&text, '}');
    kt_base64url_add(&jwt, kt_buf_str(&text));
    kt_buf_byte(&jwt, '.');
    kt_buf_reset(&text);
    kt_buf_addz(&text, "{\"iss\":");
    kt_json_quote(&text, c->issuer);
    kt_buf_addz(&text, ",\"scope\":");
    kt_json_quote(&text, c->scope);
    kt_buf_addz(&text, ",\"aud\":");
    kt_json_quote(&text, c->audience);
    kt_buf_addf(&text, ",\"iat\":%lld,\"exp\":%lld}", (long long)(c->issued / KT_NS_S),
                (long long)(c->expires / KT_NS_S));
    kt_base64url_add(&jwt, kt_buf_str(&text));
    if (kt_rsa_sign(pem, kt_buf_str(&jwt), &signature, err) != KT_OK)
        return err != NULL ? err->code : KT_E_CONFIG;
    kt_buf_byte(&jwt, '.');
    kt_base64url_add(&jwt, kt_buf_str(&signature));
    kt_buf_add(out, kt_buf_str(&jwt));
    return KT_OK;
}

/* What the Google console hands out as the key of a service account. */
static enum kt_status sign_with(struct gcp_auth *a, struct kt_jval key, kt_time_ns now,
                                struct kt_error *err)
{
    const struct gcp_claims claims = {
        .issuer = kt_json_str_at(key, "client_email"),
        .scope = kt_str_of(a->o.scope),
        .audience = kt_json_str_at(key, "token_uri"),
        .issued = now - SKEW,
        .expires = now - SKEW + LIFE,
    };
    struct kt_str pem = kt_json_str_at(key, "private_key"), type = kt_json_str_at(key, "type");
    if (!kt_str_is(type, "service_account"))
        return kt_fail(err, KT_E_CONFIG,
                       "it holds no key of a service account (type '%.*s'): make one, or run with "
                       "the instance's account and without a file",
                       (int)(type.len < 40 ? type.len : 40), type.at != NULL ? type.at : "");
    if (claims.issuer.len == 0 || claims.audience.len == 0 || pem.len == 0)
        return kt_fail(err, KT_E_CONFIG, "client_email, token_uri or private_key is missing");
    if (kt_http_check_url(claims.audience, a->o.allow_private, err) != KT_OK)
        return kt_wrap(err, "token_uri");
    kt_buf_addz(&a->body,
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
    if (gcp_jwt(&claims, kt_json_str_at(key, "private_key_id"), pem, &a->body, err) != KT_OK)
        return kt_wrap(err, "private_key");
    kt_buf_add(&a->url, claims.audience);
    return KT_OK;
}

static enum kt_status ask_by_key(struct gcp_auth *a, const char *file, kt_time_ns now,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_jval key;
    unsigned repaired;
    enum kt_status st = kt_fs_read_secret(file, FILE_MAX, &text, err);
    if (st != KT_OK)
        return kt_fail(err, KT_E_CONFIG, "%s",
                       st == KT_E_AGAIN ? "there is no such file" : err->text);
    if (kt_json_parse(a->json, kt_buf_str(&text), &key, &repaired, NULL) != KT_OK)
        st = kt_fail(err, KT_E_CONFIG, "it is no JSON: take the file as Google gave it out");
    else
        st = sign_with(a, key, now, err);
    kt_wipe(text.at, text.cap);
    return st;
}

/* As Google's own libraries find it; the address in numbers, since a name could be anybody's. */
static void ask_instance(struct gcp_auth *a)
{
    const char *host = env(a, "GCE_METADATA_HOST");
    kt_buf_addf(&a->url, "http://%s/computeMetadata/v1/instance/service-accounts/default/token",
                host != NULL ? host : "169.254.169.254");
}

enum kt_status gcp_auth_request(struct gcp_auth *a, kt_time_ns now, struct kt_http_request *ret,
                                struct kt_error *err)
{
    static const struct kt_str form[] = { KT_STR_INIT(
        "Content-Type: application/x-www-form-urlencoded") };
    static const struct kt_str flavor[] = { KT_STR_INIT("Metadata-Flavor: Google") };
    const char *file = a->o.file != NULL ? a->o.file : env(a, "GOOGLE_APPLICATION_CREDENTIALS");
    wipe(&a->body);
    kt_buf_reset(&a->url);
    a->by_key = file != NULL;
    if (!a->by_key)
        ask_instance(a);
    else if (ask_by_key(a, file, now, err) != KT_OK)
        return kt_wrap(err, "credentials_file '%s'", file);
    *ret = (struct kt_http_request){
        .url = kt_buf_str(&a->url),
        .method = a->by_key ? KT_HTTP_POST : KT_HTTP_GET,
        .body = kt_buf_str(&a->body),
        .headers = a->by_key ? form : flavor,
        .n_headers = 1,
        .metadata = !a->by_key,
        .allow_private = a->by_key ? a->o.allow_private : env(a, "GCE_METADATA_HOST") != NULL,
        .total = 10 * KT_NS_S,
    };
    return KT_OK;
}

/* ---- what is answered ---- */

static enum kt_status refused(struct gcp_auth *a, int status, struct kt_jval root,
                              struct kt_error *err)
{
    static const struct {
        const char *error, *help;
    } known[] = {
        { "invalid_grant", "the key was deleted or belongs to another account, or the clock of "
                           "this machine is wrong" },
        { "invalid_scope", "the account may not have this scope" },
        { "invalid_client", "there is no such service account any more" },
        { "unauthorized_client", "the service account is disabled" },
    };
    struct kt_str error = kt_json_str_at(root, "error");
    for (size_t i = 0; i < KT_ARRAY_LEN(known); i++)
        if (kt_str_is(error, known[i].error))
            return kt_fail(err, KT_E_INPUT, "no token (%s): %s", known[i].error, known[i].help);
    return kt_fail(err, KT_E_INPUT, "%s (status %d)",
                   a->by_key ? "the token service gave no token: check token_uri in the key file"
                             : "the metadata service gave no token: set credentials_file, or give "
                               "the instance a service account",
                   status);
}

enum kt_status gcp_auth_answer(struct gcp_auth *a, int status, struct kt_str body, kt_time_ns now,
                               struct kt_error *err)
{
    struct kt_jval root = { 0 };
    unsigned repaired;
    if (kt_json_parse(a->json, body, &root, &repaired, NULL) != KT_OK)
        root = (struct kt_jval){ 0 };
    if (status != 200)
        return refused(a, status, root, err);
    if (!bearer_take(&a->token, root, now))
        return kt_fail(err, KT_E_INPUT, "the answer of %s holds no token",
                       a->by_key ? "the token service" : "the metadata service");
    return KT_OK;
}
