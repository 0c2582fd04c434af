/*
 * inventory_ask: requests to stores, with whatever each takes for a key.
 *
 * Owns:  nothing. Calls: core, fetch, aws_client, aws_creds, gcp_auth, azure_auth.
 */
#include "agents/inputs/aws_client.h"
#include "agents/inputs/inventory_int.h"
#include "core/base/hash.h"

#define REPLY_MAX (8u << 20) /* what a JSON text may have */
#define TOTAL     KT_NS_MIN
#define TOKEN_MAX 16384u

static void send_it(struct kt_input *in, struct kt_http_request *http)
{
    http->ca_file = inv_given(in->o.ca_file);
    http->proxy = inv_given(in->o.proxy);
    http->allow_private = in->o.allow_private;
    http->keep_headers = KT_FETCH_LATER_HEADERS;
    http->reply_max = REPLY_MAX;
    http->total = TOTAL;
    in->asking = ASK_PAGE;
    kt_fetch_start(in->fetch, http);
}

static void send_signed(struct kt_input *in, const struct inv_request *r,
                        const struct kt_aws_keys *keys)
{
    struct kt_str lines[KT_AWS_HEADERS_MAX + 4], rest;
    ptrdiff_t from = kt_str_find(r->url, KT_STR("://"), 0);
    struct kt_str host = kt_str_from_index(r->url, from < 0 ? 0 : (size_t)from + 3);
    ptrdiff_t slash = kt_str_find_byte(host, '/', 0);
    const struct kt_aws_pair h[] = { { KT_STR("content-type"),
                                       KT_STR("application/x-amz-json-1.1") },
                                     { KT_STR("x-amz-target"), r->target } };
    struct kt_aws_request s = { .method = "POST",
                                .host = slash < 0 ? host : kt_str_sub(host, 0, (size_t)slash),
                                .path = slash < 0 ? KT_STR("/")
                                                  : kt_str_from_index(host, (size_t)slash),
                                .header = h,
                                .n_header = KT_ARRAY_LEN(h),
                                .body = r->body,
                                .region = in->o.region,
                                .service = in->store->service,
                                .now = in->now };
    struct kt_http_request http = { .method = KT_HTTP_POST, .url = r->url, .body = r->body };
    kt_buf_reset(&in->headers);
    kt_aws_sign(keys, &s, &in->headers);
    rest = kt_buf_str(&in->headers);
    while (rest.len > 0 && http.n_headers < KT_ARRAY_LEN(lines) &&
           kt_str_split(&rest, '\n', &lines[http.n_headers]))
        http.n_headers++;
    http.headers = lines;
    send_it(in, &http);
}

static void send_with(struct kt_input *in, const struct inv_request *r, struct kt_str key)
{
    struct kt_str headers[1 + KT_ARRAY_LEN(r->header)] = { key };
    struct kt_http_request http = { .method = r->post ? KT_HTTP_POST : KT_HTTP_GET,
                                    .url = r->url,
                                    .body = r->body,
                                    .headers = headers,
                                    .n_headers = 1 };
    for (size_t i = 0; i < KT_ARRAY_LEN(r->header); i++)
        if (r->header[i].len > 0)
            headers[http.n_headers++] = r->header[i];
    send_it(in, &http);
}

/* A header holds it: what is no visible ASCII would end it, or the request. */
static enum kt_status read_token(struct kt_input *in, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf file = { 0 };
    const char *path = in->o.token_file;
    enum kt_status st = in->store->mounted_token ? kt_fs_read_all(path, TOKEN_MAX, &file, err)
                                                 : kt_fs_read_secret(path, TOKEN_MAX, &file, err);
    struct kt_str token = kt_str_trim(kt_buf_str(&file));
    if (st == KT_E_AGAIN)
        return kt_fail(err, KT_E_CONFIG, "token_file '%s': there is no such file", path);
    for (size_t i = 0; st == KT_OK && i < token.len; i++)
        if (token.at[i] <= ' ' || token.at[i] > '~')
            st = kt_fail(err, KT_E_CONFIG, "'%s' must hold one line, the token", path);
    if (st == KT_OK && token.len == 0)
        st = kt_fail(err, KT_E_CONFIG, "'%s' is empty", path);
    kt_wipe(in->token.at, in->token.cap);
    kt_buf_reset(&in->token);
    kt_buf_addz(&in->token, in->store->token_header);
    kt_buf_add(&in->token, token);
    kt_wipe(file.at, file.cap);
    return st;
}

static void start_for_keys(struct kt_input *in, struct kt_http_request *r)
{
    if (!r->metadata) { /* the token service is reached as everything else is */
        r->proxy = inv_given(in->o.proxy);
        r->ca_file = inv_given(in->o.ca_file);
    }
    in->asking = ASK_KEYS;
    kt_fetch_start(in->fetch, r);
}

/* One round asks for minutes, keys last for an hour: they are renewed when they are about to end,
 * and the old ones are not used while that is tried. */
static enum kt_status ask_aws(struct kt_input *in, const struct inv_request *r,
                              struct kt_error *err)
{
    struct kt_aws_keys keys;
    struct kt_http_request http;
    if (!aws_creds_due(in->creds, in->now) && aws_creds_keys(in->creds, in->now, &keys)) {
        send_signed(in, r, &keys);
        return KT_OK;
    }
    enum kt_status st = aws_creds_request(in->creds, in->now, &http, err);
    if (st == KT_OK)
        start_for_keys(in, &http);
    return st;
}

static enum kt_status ask_google(struct kt_input *in, const struct inv_request *r,
                                 struct kt_error *err)
{
    struct kt_str header;
    struct kt_http_request http;
    if (!gcp_auth_due(in->google, in->now) && gcp_auth_header(in->google, in->now, &header)) {
        send_with(in, r, header);
        return KT_OK;
    }
    if (gcp_auth_request(in->google, in->now, &http, err) != KT_OK)
        return err->code;
    start_for_keys(in, &http);
    return KT_OK;
}

static enum kt_status ask_azure(struct kt_input *in, const struct inv_request *r,
                                struct kt_error *err)
{
    struct kt_str header;
    struct kt_http_request http;
    if (!azure_auth_due(in->azure, in->now) && azure_auth_header(in->azure, in->now, &header)) {
        send_with(in, r, header);
        return KT_OK;
    }
    if (azure_auth_request(in->azure, &http, err) != KT_OK)
        return err->code;
    start_for_keys(in, &http);
    return KT_OK;
}

enum kt_status inv_ask(struct kt_input *in, struct kt_error *err)
{
    struct inv_in about = inv_about(in);
    struct inv_request r = { 0 };
    in->store->request(&about, &r);
    if (in->arena.full)
        return kt_fail(err, KT_E_LIMIT, "the request is longer than it may be");
    switch (in->store->auth) {
    case INV_AWS:
        return ask_aws(in, &r, err);
    case INV_GOOGLE:
        return ask_google(in, &r, err);
    case INV_AZURE:
        return ask_azure(in, &r, err);
    case INV_TOKEN:
        break;
    }
    if (read_token(in, err) != KT_OK)
        return err->code;
    send_with(in, &r, kt_buf_str(&in->token));
    return KT_OK;
}

enum kt_status inv_hear_keys(struct kt_input *in, struct kt_http_answer *a, struct kt_error *err)
{
    enum kt_status st;
    if (a->status == 0 || a->error[0] != '\0')
        st = kt_fail(err, KT_E_IO, "%s", a->error);
    else if (in->store->auth == INV_AWS)
        st = aws_creds_answer(in->creds, a->status, kt_buf_str(&a->body), in->now, err);
    else if (in->store->auth == INV_AZURE)
        st = azure_auth_answer(in->azure, a->status, kt_buf_str(&a->body), in->now, err);
    else
        st = gcp_auth_answer(in->google, a->status, kt_buf_str(&a->body), in->now, err);
    kt_wipe(a->body.at, a->body.cap);
    return st;
}

/* "…#ThrottlingException": AWS says with 400 what others say with 429 and 403. by_status: the
 * verdict where it says nothing that is known. */
static enum inv_verdict judge_aws(struct kt_input *in, const struct kt_http_answer *a,
                                  enum inv_verdict by_status, struct kt_error *why)
{
    static const enum inv_verdict verdicts[] = {
        [AWS_WRONG_KEYS] = INV_KEYS,
        [AWS_WRONG_SIGN] = INV_BAD,
        [AWS_WRONG_RIGHT] = INV_DENIED,
        [AWS_WRONG_BUSY] = INV_BUSY,
    };
    const char *help;
    struct kt_jval root = { 0 };
    unsigned repaired;
    if (kt_json_parse(in->json, kt_buf_str(&a->body), &root, &repaired, NULL) != KT_OK)
        return by_status;
    struct kt_str type = kt_json_str_at(root, "__type");
    type = kt_str_from_index(type, (size_t)(kt_str_rfind_byte(type, '#') + 1));
    enum aws_wrong wrong = aws_client_wrong(type, &help);
    if (help != NULL)
        (void)!kt_fail(why, KT_E_INPUT, "it answers %d " KT_STR_FMT ": %s", a->status,
                       KT_STR_ARG(kt_str_sub(type, 0, 60)), help);
    else if (aws_plain(type))
        (void)!kt_fail(why, KT_E_INPUT, "it answers %d " KT_STR_FMT, a->status, KT_STR_ARG(type));
    return wrong == AWS_WRONG_OTHER ? by_status : verdicts[wrong];
}

/* why stays as it is where they are those of AWS that were refused before. */
static void forget_keys(struct kt_input *in, struct kt_error *why)
{
    bool again = false;
    switch (in->store->auth) {
    case INV_AWS:
        again = aws_creds_refused(in->creds);
        break;
    case INV_GOOGLE:
        gcp_auth_forget(in->google);
        break;
    case INV_AZURE:
        azure_auth_forget(in->azure);
        break;
    case INV_TOKEN:
        break;
    }
    if (!again)
        (void)!kt_fail(why, KT_E_INPUT, AWS_KEYS_REFUSED);
}

enum inv_verdict inv_judge(struct kt_input *in, struct kt_http_answer *a, struct kt_error *why)
{
    const bool renews = in->store->auth != INV_TOKEN;
    if (a->error[0] != '\0')
        (void)!kt_fail(why, KT_E_IO, "%s", a->error);
    else
        (void)!kt_fail(why, KT_E_INPUT, "it answers %d", a->status);
    if (kt_fetch_is_later(a, in->now))
        return INV_BUSY;
    if (a->status == 200 || a->status == 404)
        return INV_GOOD;
    enum inv_verdict v = a->status == 401 && renews             ? INV_KEYS
                         : a->status == 401 || a->status == 403 ? INV_DENIED
                                                                : INV_BAD;
    if (in->store->auth == INV_AWS)
        v = judge_aws(in, a, v, why);
    if (v == INV_KEYS)
        forget_keys(in, why);
    return v;
}
