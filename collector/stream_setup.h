/*
 * stream_setup: one configured stream: its type, options, query and the contents of its key files.
 */
#pragma once
#include "core/config/config.h"
#include "core/query/query.h"
#include "exporters/streams/stream.h"

struct kt_stream_setup {
    const struct kt_conf *conf;
    const struct kt_conf_stream *stream;
    const struct kt_stream_type *type; /* carries */
    void *options;
    /* What writes the items: the type itself, or the one whose documents a file takes. */
    const struct kt_stream_type *encoder;
    void *encoder_options;
    struct kt_query *query;
    struct kt_buf url, key; /* of the key files; wiped at the end */
    struct kt_stream_secrets secrets;
};
/* Type, options and query, without the files that they name: what `config check` asks. */
KT_MUST_USE enum kt_status kt_stream_check(const struct kt_conf *conf,
                                           const struct kt_conf_stream *s, struct kt_error *err);
/* The same with the key files. KT_E_CONFIG names the stream and what is wrong. */
KT_MUST_USE enum kt_status kt_stream_setup_open(const struct kt_conf *conf,
                                                const struct kt_conf_stream *s,
                                                struct kt_stream_setup *ret, struct kt_error *err);
/* Reads the key files anew: they may be other ones since the target has refused them. On failure
 * all stays as it was. */
KT_MUST_USE enum kt_status kt_stream_setup_renew(struct kt_stream_setup *s, struct kt_error *err);
void kt_stream_setup_done(struct kt_stream_setup *s);
/* The configured stream of this name; KT_E_CONFIG names it and those there are. */
KT_MUST_USE enum kt_status kt_stream_named(const struct kt_conf *conf, const char *name,
                                           const struct kt_conf_stream **ret, struct kt_error *err);
