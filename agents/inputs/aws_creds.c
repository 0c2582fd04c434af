/*
 * aws_creds: the keys with which requests are signed.
 *
 * Owns:  the keys, the request under way. Calls: core.
 * Holds: keys are wiped when they are replaced; no error text has a key or a token.
 */
#include "agents/inputs/aws_creds.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/event/json.h"
#include "core/sys/fs.h"

#define EARLY     (10 * KT_NS_MIN) /* before they expire */
#define FILE_MAX  (256u << 10)
#define TOKEN_MAX (32u << 10)
#define ROLE_MAX  128u

enum from { FROM_ENV, FROM_FILE, FROM_WEB_IDENTITY, FROM_CONTAINER, FROM_INSTANCE };
enum step { STEP_FIRST, STEP_ROLE, STEP_KEYS }; /* of the instance's three questions */
struct aws_creds {
    struct aws_creds_options o;
    enum from from;
    enum step step;
    struct kt_buf id, secret, session; /* id empty: none */
    struct kt_buf refused;             /* id of the last keys that were */
    kt_time_ns expires;                /* 0 = never */
    struct kt_buf url, body, token, header[2];
    struct kt_str headers[2];
    char role[ROLE_MAX];
    struct kt_json *json;
};

static const char *env(const struct aws_creds *c, const char *name)
{
    const char *v = c->o.env(c->o.env_self, name);
    return v != NULL && v[0] != '\0' ? v : NULL;
}

static void wipe(struct kt_buf *b)
{
    kt_wipe(b->at, b->cap);
    kt_buf_reset(b);
}

static void forget(struct aws_creds *c)
{
    wipe(&c->id);
    wipe(&c->secret);
    wipe(&c->session);
    c->expires = 0;
    c->step = STEP_FIRST;
}

bool aws_creds_refused(struct aws_creds *c)
{
    bool again = kt_str_eq(kt_buf_str(&c->id), kt_buf_str(&c->refused));
    kt_buf_reset(&c->refused);
    kt_buf_add(&c->refused, kt_buf_str(&c->id));
    forget(c);
    return again;
}

struct aws_creds *aws_creds_new(const struct aws_creds_options *o)
{
    struct aws_creds *c = kt_alloc(sizeof *c);
    c->o = *o;
    c->json = kt_json_new(KT_JSON_SIMDJSON);
    bool file = o->file != NULL || env(c, "AWS_SHARED_CREDENTIALS_FILE") != NULL ||
                env(c, "AWS_PROFILE") != NULL || o->profile != NULL;
    c->from = o->file != NULL                                 ? FROM_FILE
              : env(c, "AWS_ACCESS_KEY_ID") != NULL           ? FROM_ENV
              : file                                          ? FROM_FILE
              : env(c, "AWS_WEB_IDENTITY_TOKEN_FILE") != NULL ? FROM_WEB_IDENTITY
              : env(c, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != NULL ||
                      env(c, "AWS_CONTAINER_CREDENTIALS_FULL_URI") != NULL
                  ? FROM_CONTAINER
                  : FROM_INSTANCE;
    return c;
}

void aws_creds_free(struct aws_creds *c)
{
    if (c == NULL)
        return;
    struct kt_buf *all[] = { &c->id,   &c->secret, &c->session,   &c->refused,  &c->url,
                             &c->body, &c->token,  &c->header[0], &c->header[1] };
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++) {
        wipe(all[i]);
        kt_buf_done(all[i]);
    }
    kt_json_free(c->json);
    kt_free(c);
}

bool aws_creds_keys(struct aws_creds *c, kt_time_ns now, struct kt_aws_keys *ret)
{
    *ret =
        (struct kt_aws_keys){ kt_buf_str(&c->id), kt_buf_str(&c->secret), kt_buf_str(&c->session) };
    return c->id.len > 0 && (c->expires == 0 || now < c->expires);
}

bool aws_creds_due(const struct aws_creds *c, kt_time_ns now)
{
    return c->id.len == 0 || (c->expires != 0 && now > c->expires - EARLY);
}

/* Keys and tokens go into headers: ASCII without control characters; keys have no blanks either. */
static bool is_ascii(struct kt_str s, char least)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < least || s.at[i] > '~')
            return false;
    return true;
}

static bool is_visible(struct kt_str s)
{
    return is_ascii(s, '!');
}

static enum kt_status take(struct aws_creds *c, struct kt_str id, struct kt_str secret,
                           struct kt_str session, struct kt_str expires, struct kt_error *err)
{
    kt_time_ns until = 0;
    if (id.len == 0 || secret.len == 0 || !is_visible(id) || !is_visible(secret) ||
        !is_visible(session))
        return kt_fail(err, KT_E_INPUT, "there are no keys where they should be");
    if (expires.len > 0 && kt_time_parse(expires, &until, NULL) != KT_OK)
        return kt_fail(err, KT_E_INPUT, "it cannot be read when the keys expire");
    forget(c);
    kt_buf_add(&c->id, id);
    kt_buf_add(&c->secret, secret);
    kt_buf_add(&c->session, session);
    c->expires = until;
    return KT_OK;
}

/* ---- files ---- */

/* The value of `key` below [profile], as INI files have it. */
static struct kt_str ini_value(struct kt_str text, struct kt_str profile, const char *key)
{
    struct kt_str line, name;
    bool inside = false;
    while (text.len > 0 && kt_str_split(&text, '\n', &line)) {
        line = kt_str_trim(line);
        if (kt_str_starts(line, KT_STR("["))) {
            inside = kt_str_ends(line, KT_STR("]")) &&
                     kt_str_eq(kt_str_trim(kt_str_sub(line, 1, line.len - 2)), profile);
            continue;
        }
        struct kt_str rest = line;
        if (inside && kt_str_find_byte(line, '=', 0) > 0 && kt_str_split(&rest, '=', &name) &&
            kt_str_is(kt_str_trim(name), key))
            return kt_str_trim(rest);
    }
    return KT_STR_NONE;
}

static enum kt_status from_file(struct aws_creds *c, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, path = { 0 };
    const char *file = c->o.file != NULL ? c->o.file : env(c, "AWS_SHARED_CREDENTIALS_FILE");
    const char *profile = c->o.profile != NULL ? c->o.profile : env(c, "AWS_PROFILE");
    const char *home = env(c, "HOME");
    profile = profile != NULL ? profile : "default";
    if (file != NULL)
        kt_buf_addz(&path, file);
    else
        kt_buf_addf(&path, "%s/.aws/credentials", home != NULL ? home : "");
    enum kt_status st = kt_fs_read_secret(kt_buf_z(&path), FILE_MAX, &text, err);
    if (st == KT_OK) {
        struct kt_str ini = kt_buf_str(&text), p = kt_str_of(profile);
        st = take(c, ini_value(ini, p, "aws_access_key_id"),
                  ini_value(ini, p, "aws_secret_access_key"),
                  ini_value(ini, p, "aws_session_token"), KT_STR_NONE, err);
        if (st != KT_OK)
            st = kt_fail(err, KT_E_CONFIG,
                         "'%s' has no aws_access_key_id and aws_secret_access_key below [%s]",
                         path.at, profile);
    }
    kt_wipe(text.at, text.cap);
    return st == KT_OK ? kt_fail(err, KT_E_AGAIN, "the keys are there") : KT_E_CONFIG;
}

static enum kt_status from_env(struct aws_creds *c, struct kt_error *err)
{
    if (take(c, kt_str_of(env(c, "AWS_ACCESS_KEY_ID")), kt_str_of(env(c, "AWS_SECRET_ACCESS_KEY")),
             kt_str_of(env(c, "AWS_SESSION_TOKEN")), KT_STR_NONE, err) != KT_OK)
        return kt_fail(err, KT_E_CONFIG, "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not");
    return kt_fail(err, KT_E_AGAIN, "the keys are there");
}

/* ---- what is asked ---- */

static void add_header(struct aws_creds *c, struct kt_http_request *r, const char *name,
                       struct kt_str value)
{
    struct kt_buf *h = &c->header[r->n_headers];
    kt_buf_reset(h);
    kt_buf_addf(h, "%s: ", name);
    kt_buf_add(h, value);
    c->headers[r->n_headers++] = kt_buf_str(h);
    r->headers = c->headers;
}

static enum kt_status ask_web_identity(struct aws_creds *c, struct kt_http_request *ret,
                                       struct kt_error *err)
{
    const char *role = env(c, "AWS_ROLE_ARN"), *session = env(c, "AWS_ROLE_SESSION_NAME");
    const char *endpoint = env(c, "AWS_ENDPOINT_URL_STS");
    if (role == NULL)
        return kt_fail(err, KT_E_CONFIG, "AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not");
    wipe(&c->token); /* it is rotated: read anew each time */
    if (kt_fs_read_all(env(c, "AWS_WEB_IDENTITY_TOKEN_FILE"), TOKEN_MAX, &c->token, err) != KT_OK)
        return kt_fail(err, KT_E_CONFIG, "AWS_WEB_IDENTITY_TOKEN_FILE cannot be read");
    if (endpoint != NULL)
        kt_buf_addz(&c->url, endpoint);
    else
        kt_buf_addf(&c->url, "https://sts.%s.amazonaws.com/", c->o.region);
    kt_buf_addz(&c->body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=");
    kt_aws_encode(kt_str_of(role), false, &c->body);
    kt_buf_addz(&c->body, "&RoleSessionName=");
    kt_aws_encode(kt_str_of(session != NULL ? session : "keytrail-agent"), false, &c->body);
    kt_buf_addz(&c->body, "&WebIdentityToken=");
    kt_aws_encode(kt_str_trim(kt_buf_str(&c->token)), false, &c->body);
    add_header(c, ret, "Content-Type", KT_STR("application/x-www-form-urlencoded"));
    ret->allow_private = endpoint != NULL;
    return KT_OK;
}

static enum kt_status ask_container(struct aws_creds *c, struct kt_http_request *ret,
                                    struct kt_error *err)
{
    const char *relative = env(c, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *token_file = env(c, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = env(c, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (relative != NULL)
        kt_buf_addf(&c->url, "http://169.254.170.2%s", relative);
    else
        kt_buf_addz(&c->url, env(c, "AWS_CONTAINER_CREDENTIALS_FULL_URI"));
    wipe(&c->token);
    if (token_file != NULL && kt_fs_read_all(token_file, TOKEN_MAX, &c->token, err) != KT_OK)
        return kt_fail(err, KT_E_CONFIG, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read");
    if (token_file == NULL && token != NULL)
        kt_buf_addz(&c->token, token);
    struct kt_str value = kt_str_trim(kt_buf_str(&c->token));
    if (!is_ascii(value, ' '))
        return kt_fail(err, KT_E_CONFIG, "the container's authorization token is not one line");
    if (value.len > 0)
        add_header(c, ret, "Authorization", value);
    ret->method = KT_HTTP_GET;
    ret->metadata = ret->allow_private = true;
    return KT_OK;
}

/* Version 2 of the metadata service: a token, the name of the role, its keys. */
static void ask_instance(struct aws_creds *c, struct kt_http_request *ret)
{
    const char *base = env(c, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    ret->allow_private = base != NULL;
    ret->metadata = true;
    kt_buf_addz(&c->url, base != NULL ? base : "http://169.254.169.254");
    if (c->url.at[c->url.len - 1] == '/')
        c->url.len--;
    if (c->step == STEP_FIRST) {
        kt_buf_addz(&c->url, "/latest/api/token");
        ret->method = KT_HTTP_PUT;
        add_header(c, ret, "x-aws-ec2-metadata-token-ttl-seconds", KT_STR("21600"));
        return;
    }
    kt_buf_addz(&c->url, "/latest/meta-data/iam/security-credentials/");
    if (c->step == STEP_KEYS)
        kt_aws_encode(kt_str_of(c->role), false, &c->url);
    ret->method = KT_HTTP_GET;
    add_header(c, ret, "x-aws-ec2-metadata-token", kt_buf_str(&c->token));
}

enum kt_status aws_creds_request(struct aws_creds *c, kt_time_ns now, struct kt_http_request *ret,
                                 struct kt_error *err)
{
    enum kt_status st = KT_OK;
    *ret = (struct kt_http_request){ .total = 5 * KT_NS_S };
    (void)now;
    kt_buf_reset(&c->url);
    wipe(&c->body);
    switch (c->from) {
    case FROM_ENV:
        return from_env(c, err);
    case FROM_FILE:
        return from_file(c, err);
    case FROM_WEB_IDENTITY:
        st = ask_web_identity(c, ret, err);
        break;
    case FROM_CONTAINER:
        st = ask_container(c, ret, err);
        break;
    case FROM_INSTANCE:
        ask_instance(c, ret);
        break;
    }
    ret->url = kt_buf_str(&c->url);
    ret->body = kt_buf_str(&c->body);
    return st;
}

/* ---- what is answered ---- */

static enum kt_status take_json(struct aws_creds *c, struct kt_str body, struct kt_error *err)
{
    struct kt_jval root;
    unsigned repaired;
    if (kt_json_parse(c->json, body, &root, &repaired, NULL) != KT_OK)
        return kt_fail(err, KT_E_INPUT, "the answer with the keys is no JSON");
    return take(c, kt_json_str_at(root, "AccessKeyId"), kt_json_str_at(root, "SecretAccessKey"),
                kt_json_str_at(root, "Token"), kt_json_str_at(root, "Expiration"), err);
}

static enum kt_status hear_instance(struct aws_creds *c, struct kt_str body, struct kt_error *err)
{
    struct kt_str line = kt_str_trim(body), role;
    if (c->step == STEP_KEYS) {
        c->step = STEP_FIRST;
        return take_json(c, body, err);
    }
    if (line.len == 0 || line.len > TOKEN_MAX)
        return kt_fail(err, KT_E_INPUT, "the instance metadata service gave an empty answer");
    if (c->step == STEP_FIRST) {
        if (!is_visible(line))
            return kt_fail(err, KT_E_INPUT, "the instance metadata service gave no token");
        wipe(&c->token);
        kt_buf_add(&c->token, line);
        c->step = STEP_ROLE;
        return KT_OK;
    }
    (void)kt_str_split(&line, '\n', &role);
    kt_str_copyz(c->role, sizeof c->role, kt_str_trim(role));
    c->step = STEP_KEYS;
    return KT_OK;
}

enum kt_status aws_creds_answer(struct aws_creds *c, int status, struct kt_str body, kt_time_ns now,
                                struct kt_error *err)
{
    static const char *const help[] = {
        [FROM_WEB_IDENTITY] = "the token service refused the web identity: check the trust policy "
                              "of AWS_ROLE_ARN",
        [FROM_CONTAINER] = "the container's credentials service gave no keys: check its task role",
        [FROM_INSTANCE] = "the instance metadata service gave no keys: set credentials_file, or "
                          "give the instance a role (in containers: hop limit 2)",
    };
    (void)now;
    if (status != 200) {
        c->step = STEP_FIRST;
        return kt_fail(err, KT_E_INPUT, "%s (status %d)", help[c->from], status);
    }
    if (c->from == FROM_INSTANCE)
        return hear_instance(c, body, err);
    if (c->from == FROM_CONTAINER)
        return take_json(c, body, err);
    return take(c, kt_aws_xml(body, "AccessKeyId"), kt_aws_xml(body, "SecretAccessKey"),
                kt_aws_xml(body, "SessionToken"), kt_aws_xml(body, "Expiration"), err);
}
