/*
 * frame: one message of the wire, to bytes and back, from one table of fields, so that writer and
 * reader cannot disagree. docs/wire.md shows the same table for people.
 *
 * Owns:  nothing. Calls: core/base.
 */
#include "core/wire/frame.h"

#include <assert.h>
#include <string.h>

#include "core/base/limits.h"

enum { FIELDS_MAX = 8, PROGRAM_MAX = 128, TEXT_MAX = 512 };

enum field_kind { END, U32, U64, BYTES, TEXT, BLOB, REASON };
struct field {
    enum field_kind kind;
    uint32_t size; /* BYTES: exactly; TEXT, BLOB: at most */
    size_t at;     /* in struct kt_msg */
};
#define F(kind, size, member)                                                                      \
    {                                                                                              \
        kind, size, offsetof(struct kt_msg, member)                                                \
    }
#define INCARNATION F(BYTES, 16, incarnation)

static const struct field layouts[][FIELDS_MAX] = {
    [KT_MSG_HELLO] = { F(TEXT, KT_NAME_MAX, agent), F(TEXT, PROGRAM_MAX, program), INCARNATION,
                       F(U64, 0, last_seq) },
    [KT_MSG_WELCOME] = { INCARNATION, F(BYTES, 16, log_id), F(U64, 0, last_seq),
                         F(U32, 0, credit) },
    [KT_MSG_BATCH] = { INCARNATION, F(U64, 0, seq), F(U32, 0, count), F(U32, 0, raw_bytes),
                       F(BYTES, 32, digest), F(BYTES, 64, signature),
                       F(BLOB, KT_BATCH_PACKED_MAX, packed) },
    [KT_MSG_ACK] = { INCARNATION, F(BYTES, 16, log_id), F(U64, 0, seq), F(U32, 0, credit) },
    [KT_MSG_REFUSE] = { INCARNATION, F(U64, 0, seq), F(REASON, 0, reason), F(U32, 0, index),
                        F(U64, 0, expected), F(TEXT, TEXT_MAX, text) },
    [KT_MSG_PING] = { F(U64, 0, seq) },
    [KT_MSG_PONG] = { F(U64, 0, seq) },
    [KT_MSG_SINCE] = { INCARNATION, F(BYTES, 16, log_id), F(U64, 0, size) },
    [KT_MSG_CHECKPOINT] = { INCARNATION, F(BYTES, 16, log_id), F(U64, 0, from),
                            F(BLOB, KT_WIRE_KEYS_MAX, keys), F(BLOB, KT_WIRE_PROOF_MAX, proof),
                            F(BLOB, KT_WIRE_NOTE_MAX, note) },
    [KT_MSG_COSIGN] = { INCARNATION, F(BYTES, 16, log_id), F(U64, 0, size), F(BYTES, 32, root),
                        F(BLOB, KT_WIRE_LINE_MAX, line) },
};

/* 0: no such type. */
static uint8_t version_of(unsigned type)
{
    if (type < KT_MSG_HELLO || type > KT_MSG_COSIGN)
        return 0;
    return type <= KT_MSG_PONG ? KT_WIRE_VERSION : KT_WIRE_VERSION_LOG;
}

/* A member of a message, by the table; the table's kinds match the members' types. */
static const void *member(const struct kt_msg *m, const struct field *f)
{
    return (const char *)m + f->at;
}

static void *member_of(struct kt_msg *m, const struct field *f)
{
    return (char *)m + f->at;
}

static void write_field(const struct kt_msg *m, const struct field *f, struct kt_buf *out)
{
    const void *at = member(m, f);

    switch (f->kind) {
    case END:
        break;
    case U32:
        kt_buf_u32(out, *(const uint32_t *)at);
        break;
    case U64:
        kt_buf_u64(out, *(const uint64_t *)at);
        break;
    case BYTES:
        kt_buf_add_bytes(out, at, f->size);
        break;
    case TEXT:
        kt_buf_str16(out, kt_utf8_cut(*(const struct kt_str *)at, f->size));
        break;
    case BLOB:
        assert(((const struct kt_str *)at)->len <= f->size);
        kt_buf_str32(out, *(const struct kt_str *)at);
        break;
    case REASON:
        kt_buf_u16(out, (uint16_t)m->reason);
        break;
    }
}

void kt_msg_write(const struct kt_msg *m, struct kt_buf *out)
{
    assert(version_of(m->type) != 0);
    kt_buf_byte(out, 'K');
    kt_buf_byte(out, 'T');
    kt_buf_u8(out, m->version != 0 ? m->version : version_of(m->type));
    kt_buf_u8(out, (uint8_t)m->type);
    const struct field *fields = layouts[m->type];
    for (unsigned i = 0; i < FIELDS_MAX && fields[i].kind != END; i++)
        write_field(m, &fields[i], out);
}

/* False: the value is there but not allowed. Short input shows in rd->bad. */
static bool read_field(struct kt_rd *rd, const struct field *f, struct kt_msg *m)
{
    void *at = member_of(m, f);
    struct kt_str s;
    uint16_t reason;

    switch (f->kind) {
    case END:
        break;
    case U32:
        *(uint32_t *)at = kt_rd_u32(rd);
        break;
    case U64:
        *(uint64_t *)at = kt_rd_u64(rd);
        break;
    case BYTES:
        s = kt_rd_bytes(rd, f->size);
        if (s.len == f->size)
            memcpy(at, s.at, f->size);
        break;
    case TEXT:
    case BLOB:
        s = f->kind == TEXT ? kt_rd_str16(rd) : kt_rd_str32(rd);
        *(struct kt_str *)at = s;
        return s.len <= f->size && (f->kind == BLOB || kt_utf8_valid(s));
    case REASON:
        reason = kt_rd_u16(rd);
        m->reason = (enum kt_refuse)reason;
        return rd->bad || (reason >= KT_REFUSE_REVOKED && reason <= KT_REFUSE_VERSION);
    }
    return true;
}

enum kt_status kt_msg_read(struct kt_str bytes, struct kt_msg *ret, struct kt_error *err)
{
    struct kt_rd rd = kt_rd_of(bytes);
    struct kt_msg m = { 0 };

    if (kt_rd_u8(&rd) != 'K' || kt_rd_u8(&rd) != 'T')
        return kt_fail(err, KT_E_INPUT, "message: not of this wire");
    m.version = kt_rd_u8(&rd);
    uint8_t type = kt_rd_u8(&rd);
    if (rd.bad)
        return kt_fail(err, KT_E_INPUT, "message: cut");
    uint8_t own = version_of(type);
    if (m.version < KT_WIRE_VERSION || m.version > KT_WIRE_VERSION_MAX ||
        (own != 0 && m.version != own)) {
        ret->version = m.version;
        return kt_fail(err, KT_E_INPUT, "message: version %u is not one of type %u", m.version,
                       type);
    }
    if (own == 0)
        return kt_fail(err, KT_E_INPUT, "message: type %u is unknown", type);
    m.type = (enum kt_msg_type)type;

    const struct field *fields = layouts[type];
    for (unsigned i = 0; i < FIELDS_MAX && fields[i].kind != END; i++)
        if (!read_field(&rd, &fields[i], &m))
            return kt_fail(err, KT_E_INPUT, "message: type %u, field %u is not allowed", type, i);
    if (rd.bad || rd.left != 0)
        return kt_fail(err, KT_E_INPUT, "message: type %u is %s", type,
                       rd.bad ? "cut" : "followed by other bytes");
    *ret = m;
    return KT_OK;
}

static const char *const refuse_words[] = {
    [KT_REFUSE_REVOKED] = "revoked",
    [KT_REFUSE_SOURCE] = "source",
    [KT_REFUSE_GAP] = "gap",
    [KT_REFUSE_FORK] = "fork",
    [KT_REFUSE_SIGNATURE] = "signature",
    [KT_REFUSE_DIGEST] = "digest",
    [KT_REFUSE_LINE] = "line",
    [KT_REFUSE_REDACTION] = "redaction",
    [KT_REFUSE_SIZE] = "size",
    [KT_REFUSE_QUOTA] = "quota",
    [KT_REFUSE_DISK] = "disk",
    [KT_REFUSE_HELLO] = "hello",
    [KT_REFUSE_VERSION] = "version",
};

const char *kt_refuse_word(enum kt_refuse r)
{
    size_t i = (size_t)r;
    return i > 0 && i < KT_ARRAY_LEN(refuse_words) ? refuse_words[i] : "unknown";
}
