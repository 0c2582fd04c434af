/*
 * daemon_keys: whether files of keys that the parts hold in memory are other ones by now: a key
 * that was exchanged in place is taken by a reload, though the configuration's text is the same.
 *
 * Owns:  nothing; what it reads is wiped by the parts that read it.
 * Calls: courier, stream_setup, outside: each reads its files, and judges them, as at the start.
 * Holds: of the contents nothing is left but an HMAC, whose key lives in memory as long as they.
 */
#include "collector/courier.h"
#include "collector/daemon.h"
#include "collector/stream_setup.h"
#include "core/base/hash.h"
#include <string.h>

/* *sum = HMAC(key, *sum, content): 32 bytes are before each, so no two lists have one form. */
static void add(struct kt_str key, const struct kt_buf *content, uint8_t sum[32])
{
    const struct kt_str parts[] = { kt_str_from(sum, 32), kt_buf_str(content) };
    uint8_t next[32];
    kt_hmac_sha256(key, parts, KT_ARRAY_LEN(parts), next);
    memcpy(sum, next, sizeof next);
}

static enum kt_status add_target(const struct kt_conf *conf, unsigned i, struct kt_str key,
                                 uint8_t sum[32], struct kt_error *err)
{
    struct kt_courier c;
    if (kt_courier_open(conf, &conf->targets[i], &c, err) != KT_OK)
        return err->code;
    const struct kt_buf seed = { .at = (char *)c.link_seed, .len = sizeof c.link_seed };
    const struct kt_buf *all[] = { &c.url, &c.key, &c.key_previous, &c.answers, &seed };
    for (size_t k = 0; k < KT_ARRAY_LEN(all); k++)
        add(key, all[k], sum);
    kt_courier_done(&c);
    return KT_OK;
}

static enum kt_status add_stream(const struct kt_conf *conf, unsigned i, struct kt_str key,
                                 uint8_t sum[32], struct kt_error *err)
{
    struct kt_stream_setup s;
    if (kt_stream_setup_open(conf, &conf->streams[i], &s, err) != KT_OK)
        return err->code;
    add(key, &s.url, sum);
    add(key, &s.key, sum);
    kt_stream_setup_done(&s);
    return KT_OK;
}

static void forget(struct kt_buf *b)
{
    if (b->at != NULL)
        kt_wipe(b->at, b->cap);
    kt_buf_done(b);
}

static enum kt_status add_copy(const struct kt_conf *conf, unsigned i, struct kt_str key,
                               uint8_t sum[32], struct kt_error *err)
{
    KT_CLEANUP(forget) struct kt_buf url = { 0 }, own = { 0 };
    enum kt_status st = kt_outside_keys(&conf->copies[i], &url, &own, err);
    add(key, &url, sum);
    add(key, &own, sum);
    return st;
}

enum kt_status kt_daemon_keys(const struct kt_conf *conf, const uint8_t key[32], uint8_t ret[32],
                              struct kt_error *err)
{
    struct kt_str by = kt_str_from(key, 32);
    enum kt_status st = KT_OK;
    memset(ret, 0, 32);
    for (unsigned i = 0; st == KT_OK && i < conf->n_targets; i++)
        st = add_target(conf, i, by, ret, err);
    for (unsigned i = 0; st == KT_OK && i < conf->n_streams; i++)
        st = add_stream(conf, i, by, ret, err);
    for (unsigned i = 0; st == KT_OK && i < conf->n_copies; i++)
        st = add_copy(conf, i, by, ret, err);
    return st;
}
