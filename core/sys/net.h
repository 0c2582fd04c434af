/*
 * net: ZeroMQ, the only includer of zmq.h. A client (DEALER) and a server (ROUTER), CURVE always,
 * as DESIGN §5 and THREATS N1-N8. Real body here; the simulator has its own message passing and
 * uses core/wire directly.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"

#define KT_NET_VERSION_MAX 36
/* Of the library: "4.3.4". Returns buf. */
const char *kt_net_version(char buf[KT_NET_VERSION_MAX]);

struct kt_net_keys { /* CURVE key pair, raw 32 bytes each */
    uint8_t public_key[32], secret_key[32];
};
void kt_net_keys_make(struct kt_net_keys *ret); /* system randomness */
void kt_net_keys_from_secret(const uint8_t secret[32], struct kt_net_keys *ret);

/* ---- server ---- */
struct kt_net_server;
struct kt_net_server_options {
    const char *endpoint; /* tcp://host:port; port 0 or * picks a free one */
    const struct kt_net_keys *keys;
    /* The allow-list, asked at each handshake: true and the agent's User-Id ("name" then '/' then
     * key fingerprint) or false. */
    bool (*allow)(void *self, const uint8_t public_key[32], char *ret_user_id, size_t n);
    void *self;
};
/* Binds the ZAP handler first, sets and reads back ZAP_DOMAIN and ZAP_ENFORCE_DOMAIN, binds, and
 * proves that a throw-away key is refused; any failure is KT_E_DENIED or KT_E_IO and nothing stays
 * bound. */
KT_MUST_USE enum kt_status kt_net_server_open(const struct kt_net_server_options *o,
                                              struct kt_net_server **ret, struct kt_error *err);
void kt_net_server_free(struct kt_net_server *s);
const char *kt_net_server_endpoint(const struct kt_net_server *s); /* with the real port */
/* A peer to answer to: opaque routing id. */
struct kt_net_peer {
    uint8_t id[16];
    uint8_t len;
};
struct kt_net_msg {
    struct kt_net_peer from;
    struct kt_str user_id; /* of the body frame; empty = drop it */
    struct kt_str body;
    void *hold; /* frees body: kt_net_msg_done */
};
void kt_net_msg_done(struct kt_net_msg *m);
/* Never blocks. KT_E_AGAIN when nothing waits. Serves the ZAP handler on the way. */
KT_MUST_USE enum kt_status kt_net_server_recv(struct kt_net_server *s, struct kt_net_msg *ret,
                                              struct kt_error *err);
/* KT_E_AGAIN when the peer is gone or its queue is full. */
KT_MUST_USE enum kt_status kt_net_server_send(struct kt_net_server *s, struct kt_net_peer to,
                                              struct kt_str body, struct kt_error *err);
/* Waits until a message or handshake comes, any of the n descriptors is readable, or the time is
 * up. */
KT_MUST_USE enum kt_status kt_net_server_wait(struct kt_net_server *s, const int *fds, unsigned n,
                                              int timeout_ms, struct kt_error *err);
struct kt_net_counts {
    uint64_t accepted, refused, messages, bytes_in, bytes_out;
};
struct kt_net_counts kt_net_server_counts(const struct kt_net_server *s);

/* ---- client ---- */
struct kt_net_client;
struct kt_net_client_options {
    const char *endpoint;
    const uint8_t *server_key; /* 32 bytes */
    const struct kt_net_keys *keys;
    unsigned queue; /* messages ZeroMQ may hold */
};
KT_MUST_USE enum kt_status kt_net_client_open(const struct kt_net_client_options *o,
                                              struct kt_net_client **ret, struct kt_error *err);
void kt_net_client_free(struct kt_net_client *c);
KT_MUST_USE enum kt_status kt_net_client_send(struct kt_net_client *c, struct kt_str body,
                                              struct kt_error *err); /* KT_E_AGAIN: full */
KT_MUST_USE enum kt_status kt_net_client_recv(struct kt_net_client *c, struct kt_net_msg *ret,
                                              struct kt_error *err);
KT_MUST_USE enum kt_status kt_net_client_wait(struct kt_net_client *c, const int *fds, unsigned n,
                                              int timeout_ms, struct kt_error *err);
