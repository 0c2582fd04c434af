/*
 * stream_setup: from the configuration of a stream to what its thread works with.
 *
 * Owns:  options, query and key files' contents of one stream.
 * Calls: exporters/streams, core (config, query, http's checks, key files).
 * Holds: keys and URLs leave it only inside a request.
 */
#include "collector/stream_setup.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/config/tree.h"
#include "core/sys/fs.h"
#include <stdio.h>
#include <string.h>

#define KEY_FILE_MAX 8192u

static enum kt_status read_key(const char *path, struct kt_buf *ret, struct kt_error *err)
{
    if (path == NULL || path[0] == '\0')
        return KT_OK;
    enum kt_status st = kt_fs_read_secret(path, KEY_FILE_MAX, ret, err);
    if (st == KT_OK)
        return KT_OK;
    if (err != NULL) /* whatever the cause below, it is the configuration's fault */
        err->code = KT_E_CONFIG;
    return kt_wrap(err, "key file");
}

static enum kt_status no_type(const struct kt_conf *conf, const struct kt_conf_stream *s,
                              struct kt_error *err)
{
    struct kt_near near = kt_near_of(kt_str_of(s->type));
    for (unsigned i = 0; kt_stream_types[i] != NULL; i++)
        kt_near_try(&near, kt_stream_types[i]->name);
    return kt_key_fail(conf->yaml, s->node, err, "there is no type '%s'%s%s%s", s->type,
                       near.name != NULL ? ", did you mean '" : "",
                       near.name != NULL ? near.name : "", near.name != NULL ? "'?" : "");
}

/* A file may hold the documents of another type, which is asked with its defaults. */
static void choose_encoder(struct kt_stream_setup *s)
{
    const struct kt_stream_type *other =
        s->type->file != NULL ? kt_stream_type_find(kt_str_of(s->type->file(s->options)->format))
                              : NULL;
    s->encoder = s->type;
    if (other == NULL)
        return;
    s->encoder = other;
    s->encoder_options = kt_alloc(other->options_size);
    kt_options_defaults(other->options, s->encoder_options);
}

/* Everything but the files. */
static enum kt_status begin(const struct kt_conf *conf, const struct kt_conf_stream *c,
                            struct kt_stream_setup *s, struct kt_error *err)
{
    *s = (struct kt_stream_setup){ .conf = conf,
                                   .stream = c,
                                   .type = kt_stream_type_find(kt_str_of(c->type)) };
    if (s->type == NULL)
        return no_type(conf, c, err);
    s->options = kt_alloc(s->type->options_size);
    if (kt_options_fill(conf->yaml, c->node, s->type->options, s->options, err) != KT_OK)
        return KT_E_CONFIG;
    bool proxied = c->proxy != NULL && c->proxy[0] != '\0';
    if (proxied && s->type->sink != KT_STREAM_SINK_HTTP)
        return kt_fail(err, KT_E_CONFIG, "proxy: %s goes out without HTTP, and by no proxy",
                       s->type->name);
    if (proxied && kt_http_check_proxy(kt_str_of(c->proxy), err) != KT_OK)
        return KT_E_CONFIG;
    if (s->type->check != NULL && s->type->check(s->options, err) != KT_OK)
        return KT_E_CONFIG;
    if (kt_query_parse_as(kt_str_of(c->match), 0, 0, conf->identities, &s->query, err) != KT_OK) {
        if (err != NULL)
            err->code = KT_E_CONFIG;
        return kt_wrap(err, "match");
    }
    choose_encoder(s);
    return KT_OK;
}

static enum kt_status load(struct kt_stream_setup *s, struct kt_error *err)
{
    const struct kt_stream_files *f = s->options;
    if (read_key(f->url_file, &s->url, err) != KT_OK ||
        read_key(f->key_file, &s->key, err) != KT_OK)
        return KT_E_CONFIG;
    s->secrets.url = kt_str_trim(kt_buf_str(&s->url));
    s->secrets.key = kt_str_trim(kt_buf_str(&s->key));
    if (s->secrets.url.len == 0)
        s->secrets.url = kt_str_of(s->type->url_default);
    if (s->type->sink != KT_STREAM_SINK_HTTP)
        return KT_OK; /* the carrier judges it */
    while (s->secrets.url.len > 0 && s->secrets.url.at[s->secrets.url.len - 1] == '/')
        s->secrets.url.len--;
    return kt_http_check_url(s->secrets.url, s->stream->allow_private, err) == KT_OK
               ? KT_OK
               : kt_wrap(err, "url");
}

enum kt_status kt_stream_check(const struct kt_conf *conf, const struct kt_conf_stream *c,
                               struct kt_error *err)
{
    struct kt_stream_setup s;
    enum kt_status st = begin(conf, c, &s, err);
    kt_stream_setup_done(&s);
    return st == KT_OK ? KT_OK : kt_wrap(err, "stream '%s'", c->name);
}

enum kt_status kt_stream_setup_open(const struct kt_conf *conf, const struct kt_conf_stream *c,
                                    struct kt_stream_setup *ret, struct kt_error *err)
{
    struct kt_stream_setup s;
    enum kt_status st = begin(conf, c, &s, err);
    if (st == KT_OK)
        st = load(&s, err);
    if (st != KT_OK) {
        kt_stream_setup_done(&s);
        return kt_wrap(err, "stream '%s'", c->name);
    }
    *ret = s;
    return KT_OK;
}

static void wipe(struct kt_buf *b)
{
    if (b->at != NULL)
        kt_wipe(b->at, b->cap);
    kt_buf_done(b);
}

enum kt_status kt_stream_setup_renew(struct kt_stream_setup *s, struct kt_error *err)
{
    struct kt_stream_setup fresh = { .stream = s->stream, .type = s->type, .options = s->options };
    enum kt_status st = load(&fresh, err);
    struct kt_stream_setup *old = st == KT_OK ? s : &fresh;
    wipe(&old->url);
    wipe(&old->key);
    if (st != KT_OK)
        return st;
    s->url = fresh.url;
    s->key = fresh.key;
    s->secrets = fresh.secrets;
    return KT_OK;
}

void kt_stream_setup_done(struct kt_stream_setup *s)
{
    wipe(&s->url);
    wipe(&s->key);
    kt_query_free(s->query);
    kt_free(s->options);
    kt_free(s->encoder_options);
    *s = (struct kt_stream_setup){ 0 };
}

enum kt_status kt_stream_named(const struct kt_conf *conf, const char *name,
                               const struct kt_conf_stream **ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf names = { 0 };
    for (unsigned i = 0; i < conf->n_streams; i++) {
        if (strcmp(conf->streams[i].name, name) == 0) {
            *ret = &conf->streams[i];
            return KT_OK;
        }
        kt_buf_addf(&names, "%s%s", i > 0 ? ", " : "", conf->streams[i].name);
    }
    if (names.len == 0)
        return kt_fail(err, KT_E_CONFIG, "there is no stream '%s': the configuration has none",
                       name);
    return kt_fail(err, KT_E_CONFIG, "there is no stream '%s'; there are: %s", name,
                   kt_buf_z(&names));
}
