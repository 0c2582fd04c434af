/*
 * azure_auth: the access token with which Azure is asked.
 *
 * Owns:  the token, the request under way. Calls: core.
 * Holds: secrets are wiped after their request; no error text has one.
 */
#include "agents/inputs/azure_auth.h"

#include "agents/inputs/bearer.h"
#include "core/base/alloc.h"
#include "core/base/aws.h"
#include "core/base/hash.h"
#include "core/sys/fs.h"

#define FILE_MAX (32u << 10)

enum from { FROM_SECRET, FROM_PLATFORM, FROM_INSTANCE };
struct azure_auth {
    struct azure_auth_options o;
    struct bearer token;
    struct kt_buf url, body;
    struct kt_json *json;
    enum from from; /* the request under way */
};

static const char *env(const struct azure_auth *a, const char *name)
{
    const char *v = a->o.env(a->o.env_self, name);
    return v != NULL && v[0] != '\0' ? v : NULL;
}

static void wipe(struct kt_buf *b)
{
    kt_wipe(b->at, b->cap);
    kt_buf_reset(b);
}

struct azure_auth *azure_auth_new(const struct azure_auth_options *o)
{
    struct azure_auth *a = kt_alloc(sizeof *a);
    a->o = *o;
    a->json = kt_json_new(KT_JSON_SIMDJSON);
    return a;
}

void azure_auth_free(struct azure_auth *a)
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

void azure_auth_forget(struct azure_auth *a)
{
    bearer_forget(&a->token);
}

bool azure_auth_header(struct azure_auth *a, kt_time_ns now, struct kt_str *ret)
{
    return bearer_header(&a->token, now, ret);
}

bool azure_auth_due(const struct azure_auth *a, kt_time_ns now)
{
    return bearer_due(&a->token, now);
}

/* ---- what is asked ---- */

static void add_field(struct kt_buf *b, const char *name, struct kt_str value)
{
    kt_buf_addf(b, "%s%s=", b->len > 0 ? "&" : "", name);
    kt_aws_encode(value, false, b);
}

/* https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
static enum kt_status ask_by_application(struct azure_auth *a, const char *tenant,
                                         const char *client, const char *file, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, scope = { 0 };
    const char *host = env(a, "AZURE_AUTHORITY_HOST");
    bool secret = a->from == FROM_SECRET;
    if (tenant == NULL || client == NULL)
        return kt_fail(err, KT_E_CONFIG, "tenant or client_id of the application is missing");
    enum kt_status st = secret ? kt_fs_read_secret(file, FILE_MAX, &text, err)
                               : kt_fs_read_all(file, FILE_MAX, &text, err);
    if (st != KT_OK)
        return kt_fail(err, KT_E_CONFIG, "'%s': %s", file,
                       st == KT_E_AGAIN ? "there is no such file" : err->text);
    kt_buf_addf(&scope, "%s/.default", a->o.resource);
    kt_buf_addz(&a->url, host != NULL ? host : "https://login.microsoftonline.com");
    if (kt_str_ends(kt_buf_str(&a->url), KT_STR("/")))
        a->url.len--;
    kt_buf_byte(&a->url, '/');
    kt_aws_encode(kt_str_of(tenant), false, &a->url);
    kt_buf_addz(&a->url, "/oauth2/v2.0/token");
    add_field(&a->body, "grant_type", KT_STR("client_credentials"));
    add_field(&a->body, "client_id", kt_str_of(client));
    add_field(&a->body, "scope", kt_buf_str(&scope));
    if (!secret)
        add_field(&a->body, "client_assertion_type",
                  KT_STR("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
    add_field(&a->body, secret ? "client_secret" : "client_assertion",
              kt_str_trim(kt_buf_str(&text)));
    kt_wipe(text.at, text.cap);
    return kt_http_check_url(kt_buf_str(&a->url), a->o.allow_private, err);
}

static void ask_instance(struct azure_auth *a, const char *client)
{
    const char *host = env(a, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
    kt_buf_addf(&a->url, "%s/metadata/identity/oauth2/token?api-version=2018-02-01&resource=",
                host != NULL ? host : "http://169.254.169.254");
    kt_aws_encode(kt_str_of(a->o.resource), false, &a->url);
    if (client == NULL)
        return;
    kt_buf_addz(&a->url, "&client_id=");
    kt_aws_encode(kt_str_of(client), false, &a->url);
}

enum kt_status azure_auth_request(struct azure_auth *a, struct kt_http_request *ret,
                                  struct kt_error *err)
{
    static const struct kt_str form[] = { KT_STR_INIT(
        "Content-Type: application/x-www-form-urlencoded") };
    static const struct kt_str metadata[] = { KT_STR_INIT("Metadata: true") };
    const char *tenant = a->o.tenant != NULL ? a->o.tenant : env(a, "AZURE_TENANT_ID");
    const char *client = a->o.client_id != NULL ? a->o.client_id : env(a, "AZURE_CLIENT_ID");
    const char *given = env(a, "AZURE_FEDERATED_TOKEN_FILE");
    wipe(&a->body);
    kt_buf_reset(&a->url);
    a->from = a->o.secret_file != NULL ? FROM_SECRET
              : given != NULL          ? FROM_PLATFORM
                                       : FROM_INSTANCE;
    bool instance = a->from == FROM_INSTANCE;
    if (instance)
        ask_instance(a, client);
    else if (ask_by_application(a, tenant, client,
                                a->from == FROM_SECRET ? a->o.secret_file : given, err) != KT_OK)
        return kt_wrap(err, "token");
    *ret = (struct kt_http_request){
        .url = kt_buf_str(&a->url),
        .method = instance ? KT_HTTP_GET : KT_HTTP_POST,
        .body = kt_buf_str(&a->body),
        .headers = instance ? metadata : form,
        .n_headers = 1,
        .metadata = instance,
        .allow_private =
            instance ? env(a, "AZURE_POD_IDENTITY_AUTHORITY_HOST") != NULL : a->o.allow_private,
        .total = 10 * KT_NS_S,
    };
    return KT_OK;
}

/* ---- what is answered ---- */

enum kt_status azure_auth_answer(struct azure_auth *a, int status, struct kt_str body,
                                 kt_time_ns now, struct kt_error *err)
{
    static const char *const help[] = {
        [FROM_SECRET] = "check tenant and client_id, and whether the secret has expired",
        [FROM_PLATFORM] = "check the federated credential of the application",
        [FROM_INSTANCE] = "give the instance a managed identity, or set credentials_file",
    };
    struct kt_jval root = { 0 };
    unsigned repaired;
    if (kt_json_parse(a->json, body, &root, &repaired, NULL) != KT_OK)
        root = (struct kt_jval){ 0 };
    if (status != 200)
        return kt_fail(err, KT_E_INPUT, "no token (status %d): %s", status, help[a->from]);
    if (!bearer_take(&a->token, root, now))
        return kt_fail(err, KT_E_INPUT, "the answer of the token service holds no token");
    return KT_OK;
}
