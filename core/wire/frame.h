/*
 * frame: the messages of agent and collector, one ZeroMQ body frame each (docs/wire.md). Bytes in,
 * structs out; no sockets. Every message: 'K' 'T' version(u8) type(u8), then the fields below,
 * little endian, strings with u16 length.
 *
 * A type is written in the version that brought it with the fields it has now, so that whoever does
 * not know the younger types goes on understanding the older ones.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"

#define KT_WIRE_VERSION     1u /* of the conversation: HELLO to PONG */
#define KT_WIRE_VERSION_LOG 2u /* of the messages about the log: SINCE to COSIGN */
#define KT_WIRE_VERSION_MAX KT_WIRE_VERSION_LOG

/* Bytes at most; as core/proof has them. */
#define KT_WIRE_NOTE_MAX  (16u << 10)
#define KT_WIRE_KEYS_MAX  2048u
#define KT_WIRE_PROOF_MAX (128u * 32u)
#define KT_WIRE_LINE_MAX  512u

enum kt_msg_type {
    KT_MSG_HELLO = 1,
    KT_MSG_WELCOME,
    KT_MSG_BATCH,
    KT_MSG_ACK,
    KT_MSG_REFUSE,
    KT_MSG_PING,
    KT_MSG_PONG,
    KT_MSG_SINCE,      /* agent: show me your log, I have seen it at this size */
    KT_MSG_CHECKPOINT, /* collector: here it is, with the proof from a size */
    KT_MSG_COSIGN      /* agent: I have checked and kept it */
};
enum kt_refuse { /* why; a word for logs by kt_refuse_word */
                 KT_REFUSE_REVOKED = 1,
                 KT_REFUSE_SOURCE, /* instance not this agent's (N5) */
                 KT_REFUSE_GAP,    /* expected names the seq */
                 KT_REFUSE_FORK,   /* same seq, other content (N6) */
                 KT_REFUSE_SIGNATURE,
                 KT_REFUSE_DIGEST,
                 KT_REFUSE_LINE,      /* a line is not canonical; index says which */
                 KT_REFUSE_REDACTION, /* redaction would change this line */
                 KT_REFUSE_SIZE,      /* a cap of THREATS I1 */
                 KT_REFUSE_QUOTA,
                 KT_REFUSE_DISK,  /* try later */
                 KT_REFUSE_HELLO, /* say HELLO first */
                 KT_REFUSE_VERSION,
};
#define KT_REFUSE_ALL UINT32_MAX

struct kt_msg {
    enum kt_msg_type type;
    uint8_t version;
    /* HELLO */
    struct kt_str agent, program; /* program: "keytrail-agent 0.1.0" */
    uint8_t incarnation[16];      /* all but PING and PONG: the spool's identity */
    uint64_t last_seq; /* HELLO: newest batch in the spool; WELCOME: newest the collector has
                          committed */
    /* WELCOME, ACK, SINCE, CHECKPOINT, COSIGN */
    uint8_t log_id[16];
    uint32_t credit; /* batches that may be in flight */
    /* BATCH, ACK, REFUSE, PING, PONG */
    uint64_t seq;
    /* BATCH */
    uint32_t count, raw_bytes;
    uint8_t digest[32], signature[64];
    struct kt_str packed; /* one zstd frame of the lines, each ended by \n */
    /* REFUSE */
    enum kt_refuse reason;
    uint32_t index; /* of the line, or KT_REFUSE_ALL */
    uint64_t expected;
    struct kt_str text;
    /* SINCE: of the head that is kept, 0 = none; COSIGN: of the checkpoint that is signed */
    uint64_t size;
    uint8_t root[32]; /* COSIGN */
    /* CHECKPOINT */
    uint64_t from;      /* size that the proof leads from; 0: there is none */
    struct kt_str keys; /* the log's public keys, a vkey a line */
    struct kt_str proof, note;
    struct kt_str line; /* COSIGN: the signature as a line of a note */
};
/* Version 0 means that of the type; texts are cut at their maximum (docs/wire.md). */
void kt_msg_write(const struct kt_msg *m, struct kt_buf *out);
/* Borrows from bytes. KT_E_INPUT: not ours, cut, or trailing bytes; a version that is unknown or
 * not that of the type is KT_E_INPUT with ret->version set. */
KT_MUST_USE enum kt_status kt_msg_read(struct kt_str bytes, struct kt_msg *ret,
                                       struct kt_error *err);
const char *kt_refuse_word(enum kt_refuse r);
