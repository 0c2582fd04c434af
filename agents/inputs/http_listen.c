/*
 * http_listen: records that a service posts to us: webhooks, log streams, audit backends.
 *
 * Owns:  one listener, one pipeline, the requests that wait for their answer. Time comes in.
 * Calls: core, serve.
 * Holds: 200 means that every line of the body is in the spool. Whoever posts waits two seconds at
 *        most, then hears 503 and posts again; the collector drops what it has twice.
 */
#include "agents/input.h"
#include "agents/inputs/counts.h"
#include "agents/inputs/listen.h"
#include "agents/inputs/serve.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE   (2 * KT_NS_S)
#define WAIT_MAX   64u /* the listener has no more connections */
#define SECRET_MAX 4096u
#define PEM_MAX    (256u << 10)

struct options {
    const char *listen, *path, *cert_file, *key_file, *token_file, *token_header, *hmac_file,
        *hmac_header, *hmac_timestamp_header;
    struct kt_strings allow;
    uint64_t body_max, room;
};
#define AT(field) offsetof(struct options, field)
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "listen", KT_OPT_STRING, NULL, AT(listen), "tcp://address:port", false, false },
    { "cert_file", KT_OPT_PATH, "", AT(cert_file), "certificate (PEM); none: plain http", false,
      false },
    { "tls_key_file", KT_OPT_SECRET_FILE, "", AT(key_file), "its key (PEM), mode 0600", false,
      false },
    { "url_path", KT_OPT_STRING, "", AT(path), "of the URL; default: any", false, false },
    { "token_file", KT_OPT_SECRET_FILE, "", AT(token_file), "file with what the header must say",
      false, false },
    { "token_header", KT_OPT_STRING, "Authorization", AT(token_header), "that header", false,
      false },
    { "hmac_file", KT_OPT_SECRET_FILE, "", AT(hmac_file),
      "file with the key of an HMAC-SHA256 over the body", false, false },
    { "hmac_header", KT_OPT_STRING, "", AT(hmac_header), "the header that holds it", false, false },
    { "hmac_timestamp_header", KT_OPT_STRING, "", AT(hmac_timestamp_header),
      "the header whose value stands before the key", false, false },
    { "allow", KT_OPT_LIST, "", AT(allow), "addresses and networks that may post; default: all",
      false, false },
    { "body_max", KT_OPT_SIZE, "16MiB", AT(body_max), "of one body, unpacked", false, false },
    { "room", KT_OPT_SIZE, "64MiB", AT(room), "of all bodies that wait", false, false },
    KT_OPTIONS_END,
};
#undef AT

struct kt_input {
    struct kt_input_env env;
    struct kt_serve *serve;
    struct kt_pipeline *pipeline;
    char *address;
    struct kt_served *waiting[WAIT_MAX]; /* given, and not known to be kept */
    unsigned n;
    uint64_t fed, bytes;
};

/* ---- life ---- */

static const char *given(const char *s)
{
    return s != NULL && s[0] != '\0' ? s : NULL;
}

struct secrets { /* wiped once the listener has them */
    struct kt_buf cert, key, token, hmac;
};

static enum kt_status read_secrets(const struct options *o, struct secrets *s, struct kt_error *err)
{
    const struct {
        const char *path;
        size_t max;
        struct kt_buf *to;
    } files[] = { { given(o->key_file), PEM_MAX, &s->key },
                  { given(o->token_file), SECRET_MAX, &s->token },
                  { given(o->hmac_file), SECRET_MAX, &s->hmac } };
    for (size_t i = 0; i < KT_ARRAY_LEN(files); i++)
        if (files[i].path != NULL &&
            kt_fs_read_secret(files[i].path, files[i].max, files[i].to, err) != KT_OK)
            return KT_E_CONFIG;
    if (given(o->cert_file) != NULL &&
        kt_fs_read_all(o->cert_file, PEM_MAX, &s->cert, err) != KT_OK)
        return kt_fail(err, KT_E_CONFIG, "cert_file '%s' cannot be read", o->cert_file);
    return KT_OK;
}

static bool is_one_word(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < ' ' || s.at[i] > '~')
            return false;
    return s.len > 0;
}

/* Who can reach it must be told apart, and not in the clear. */
static enum kt_status check(const struct options *o, const struct kt_serve_options *so,
                            struct kt_error *err)
{
    bool here = kt_ip_class(so->ip) == KT_IP_LOOPBACK;
    if ((so->cert.len > 0) != (so->key.len > 0))
        return kt_fail(err, KT_E_CONFIG, "cert_file and tls_key_file belong together");
    if ((given(o->hmac_file) != NULL) != (given(o->hmac_header) != NULL))
        return kt_fail(err, KT_E_CONFIG, "hmac_file and hmac_header belong together");
    if (given(o->hmac_timestamp_header) != NULL && given(o->hmac_file) == NULL)
        return kt_fail(err, KT_E_CONFIG, "hmac_timestamp_header belongs to an hmac_file");
    if (given(o->token_file) != NULL && !is_one_word(so->token))
        return kt_fail(err, KT_E_CONFIG, "token_file must hold one line of visible ASCII");
    if (given(o->hmac_file) != NULL && !is_one_word(so->hmac_key))
        return kt_fail(err, KT_E_CONFIG, "hmac_file must hold one line of visible ASCII");
    if (!here && so->cert.len == 0)
        return kt_fail(err, KT_E_CONFIG,
                       "an address that others reach needs cert_file and tls_key_file");
    if (!here && so->token.len == 0 && so->hmac_key.len == 0)
        return kt_fail(err, KT_E_CONFIG,
                       "an address that others reach needs token_file or "
                       "hmac_file");
    if (o->body_max < 1024 || o->room < o->body_max)
        return kt_fail(err, KT_E_CONFIG, "body_max must be 1KiB at least, and room not below it");
    return KT_OK;
}

static enum kt_status open_serve(const struct options *o, struct secrets *s, struct kt_serve **ret,
                                 struct kt_error *err)
{
    struct kt_cidr allow[KT_LISTEN_ALLOW];
    struct kt_serve_options so = { .path = kt_str_of(o->path),
                                   .token_header = kt_str_of(o->token_header),
                                   .hmac_header = kt_str_of(o->hmac_header),
                                   .hmac_timestamp_header = kt_str_of(o->hmac_timestamp_header),
                                   .allow = allow,
                                   .n_allow = o->allow.n,
                                   .body_max = (size_t)o->body_max,
                                   .room = (size_t)o->room,
                                   .patience = PATIENCE };
    struct kt_str at = kt_str_of(o->listen);
    if (!kt_str_starts(at, KT_STR("tcp://")) ||
        !kt_ip_port_parse(kt_str_from_index(at, 6), &so.ip, &so.port))
        return kt_fail(err, KT_E_CONFIG,
                       "listen: write tcp://address:port, the address in numbers");
    if (kt_listen_allow(&o->allow, allow, err) != KT_OK)
        return KT_E_CONFIG;
    if (read_secrets(o, s, err) != KT_OK)
        return KT_E_CONFIG;
    so.cert = kt_buf_str(&s->cert);
    so.key = kt_buf_str(&s->key);
    so.token = kt_str_trim(kt_buf_str(&s->token));
    so.hmac_key = kt_str_trim(kt_buf_str(&s->hmac));
    if (check(o, &so, err) != KT_OK)
        return KT_E_CONFIG;
    return kt_serve_open(&so, ret, err);
}

static enum kt_status open_listen(const struct kt_input_env *env, struct kt_input **ret,
                                  struct kt_error *err)
{
    struct options o = { 0 };
    struct secrets s = { 0 };
    struct kt_serve *serve = NULL;
    if (env->yaml == NULL || env->conf->node == NULL)
        return kt_fail(err, KT_E_CONFIG, "http_listen: 'listen' is missing");
    enum kt_status st = kt_options_fill(env->yaml, env->conf->node, options, &o, err);
    if (st == KT_OK)
        st = open_serve(&o, &s, &serve, err);
    struct kt_buf *all[] = { &s.cert, &s.key, &s.token, &s.hmac };
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++) {
        kt_wipe(all[i]->at, all[i]->cap);
        kt_buf_done(all[i]);
    }
    if (st != KT_OK)
        return kt_wrap(err, "http_listen");
    struct kt_input *in = kt_alloc(sizeof *in);
    in->env = *env;
    in->serve = serve;
    in->address = kt_strdup(o.listen);
    in->pipeline = env->pipeline(env->self);
    *ret = in;
    return KT_OK;
}

static void answer_all(struct kt_input *in, unsigned status)
{
    for (unsigned i = 0; i < in->n; i++)
        kt_serve_answer(in->serve, in->waiting[i], status);
    in->n = 0;
}

static void close_listen(struct kt_input *in)
{
    answer_all(in, 503);
    kt_serve_free(in->serve);
    kt_pipeline_free(in->pipeline);
    kt_free(in->address);
    kt_free(in);
}

/* ---- reading ---- */

/* A first half whose partner is not in the body is given out at once, since 200 promises that it is
 * kept; the partner amends it. */
static enum kt_status give(struct kt_input *in, struct kt_str body, kt_time_ns now,
                           struct kt_error *err)
{
    kt_pipeline_restart(in->pipeline, in->fed);
    if (kt_pipeline_feed(in->pipeline, body, in->fed, kt_str_of(in->address), now, err) != KT_OK ||
        kt_pipeline_end(in->pipeline, now, err) != KT_OK ||
        kt_pipeline_expire(in->pipeline, now, true, err) != KT_OK)
        return kt_wrap(err, "http_listen");
    in->fed += body.len;
    in->bytes += body.len;
    return KT_OK;
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    struct kt_served *r;
    struct kt_str body;
    size_t taken = 0;
    *ret_more = false;
    if (budget == 0)
        return KT_OK; /* who posts hears 503 */
    while (taken < budget && in->n < WAIT_MAX && kt_serve_take(in->serve, &r, &body)) {
        taken += body.len + 1;
        in->waiting[in->n++] = r;
        if (give(in, body, now, err) != KT_OK)
            return KT_E_IO;
    }
    *ret_more = taken >= budget;
    return kt_pipeline_expire(in->pipeline, now, false, err);
}

static bool waits(struct kt_input *in)
{
    return in->n > 0;
}

static void kept(struct kt_input *in)
{
    answer_all(in, 200);
}

static int fd(struct kt_input *in)
{
    return kt_serve_fd(in->serve);
}

/* ---- saying it ---- */

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    struct kt_serve_counts c = kt_serve_counts(in->serve);
    ret->bytes = in->bytes;
    ret->lag_bytes = c.waiting;
    ret->broken = c.too_large;
    (void)snprintf(ret->position, sizeof ret->position,
                   "%.100s: %llu taken, %llu denied, %llu told to come again", in->address,
                   (unsigned long long)c.taken, (unsigned long long)c.denied,
                   (unsigned long long)(c.shed + c.late));
    if (c.too_large > 0)
        (void)snprintf(ret->problem, sizeof ret->problem,
                       "%llu bodies were larger than body_max and refused (413): raise it",
                       (unsigned long long)c.too_large);
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    kt_counts_add(ret, kt_pipeline_counts(in->pipeline));
}

const struct kt_input_type kt_input_http_listen = {
    .name = "http_listen",
    .summary = "Records that a service posts over HTTPS",
    .options = options,
    .open = open_listen,
    .step = step,
    .waits = waits,
    .kept = kept,
    .fd = fd,
    .status = status,
    .counts = counts,
    .listens = true,
    .close = close_listen,
};
