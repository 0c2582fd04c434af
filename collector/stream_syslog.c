/*
 * stream_syslog: batches of framed messages over a connection of core/sys/dial.
 *
 * Owns:  a connection.
 * Calls: core/sys/dial.
 * Holds: a batch is taken when the receiver's kernel has all of it on a connection that still
 *        stands; one that broke is sent again whole. Over UDP each frame is a datagram.
 */
#include "collector/stream_carry.h"
#include "core/base/alloc.h"
#include "core/sys/dial.h"

#define LIMIT (15 * KT_NS_S)

struct syslog {
    struct kt_dial *dial;
};

/* Takes "LENGTH MESSAGE" off the front (RFC 5425, 4.3). */
static bool next_frame(struct kt_str *rest, struct kt_str *ret)
{
    struct kt_str number;
    uint64_t size = 0;
    if (!kt_str_split(rest, ' ', &number) || !kt_str_u64(number, &size) || size > rest->len)
        return false;
    *ret = kt_str_sub(*rest, 0, (size_t)size);
    *rest = kt_str_from_index(*rest, (size_t)size);
    return true;
}

static enum kt_status send_frames(struct kt_dial *dial, struct kt_str body, struct kt_error *err)
{
    struct kt_str message;
    enum kt_status st = KT_OK;
    while (st == KT_OK && body.len > 0)
        st = next_frame(&body, &message)
                 ? kt_dial_send(dial, message, LIMIT, err)
                 : kt_fail(err, KT_E_CONFIG, "udp: framing has to be octet");
    return st;
}

static void syslog_send(void *self, struct kt_stream_sending *s)
{
    struct syslog *l = self;
    struct kt_error err = { 0 };
    enum kt_status st = kt_dial_is_datagram(l->dial)
                            ? send_frames(l->dial, s->batch->body, &err)
                            : kt_dial_send(l->dial, s->batch->body, LIMIT, &err);
    s->verdict = st == KT_OK         ? KT_STREAM_TAKEN
                 : st == KT_E_CONFIG ? KT_STREAM_DENIED
                                     : KT_STREAM_RETRY;
    kt_str_copyz(s->word, sizeof s->word, kt_str_of(err.text));
}

static bool syslog_idle(void *self, kt_time_ns wall, char carry[KT_STREAM_CARRY_MAX])
{
    (void)self;
    (void)wall;
    (void)carry;
    return false;
}

static void syslog_close(void *self)
{
    struct syslog *l = self;
    kt_dial_free(l->dial);
    kt_free(l);
}

enum kt_status kt_carrier_syslog(const struct kt_carrier_options *o, struct kt_carrier *ret,
                                 struct kt_error *err)
{
    const struct kt_dial_options options = { .url = o->setup->secrets.url,
                                             .ca_file = o->setup->stream->ca_file,
                                             .allow_private = o->setup->stream->allow_private,
                                             .wake_fd = o->wake_fd };
    struct kt_dial *dial = NULL;
    if (kt_dial_new(&options, &dial, err) != KT_OK)
        return err == NULL ? KT_E_CONFIG : err->code;
    struct syslog *l = kt_alloc(sizeof *l);
    l->dial = dial;
    *ret = (struct kt_carrier){ syslog_send, syslog_idle, syslog_close, l };
    return KT_OK;
}
