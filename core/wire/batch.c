/*
 * batch: lines to one signed, compressed batch, and back with every check.
 *
 * Owns:  nothing between calls; the caller lends buffers and the zstd contexts.
 * Calls: core/base, frame.h.
 * Holds: a batch is unpacked only after its signature was found good.
 */
#include "core/wire/batch.h"

#include <assert.h>
#include <string.h>

#include "core/base/limits.h"

static const struct kt_str domain = KT_STR_INIT("keytrail-batch-v1");

enum {
    PACK_TABLE = 13,       /* bits; 12 is quicker by a twentieth, and takes as many more bytes */
    RATIO_FREE = 2u << 20, /* up to here the ratio is not judged: alike lines pack very well */
    SIGNED_TEXT = 17 + 16 + 8 + 4 + 32,
};

void kt_line_hash(struct kt_str line, uint8_t ret[32])
{
    const struct kt_str parts[] = { { "\0", 1 }, line };
    kt_sha256_of(parts, KT_ARRAY_LEN(parts), ret);
}

static unsigned char *put_le(unsigned char *to, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *to++ = (unsigned char)(v >> (8 * i));
    return to;
}

void kt_batch_digest(const uint8_t (*hashes)[32], uint32_t n, uint8_t ret[32])
{
    unsigned char count[4];
    (void)put_le(count, n, sizeof count);
    const struct kt_str parts[] = { domain, kt_str_from(count, sizeof count),
                                    kt_str_from(hashes, (size_t)n * 32) };
    kt_sha256_of(parts, KT_ARRAY_LEN(parts), ret);
}

static void signed_text(const uint8_t incarnation[16], uint64_t seq, uint32_t count,
                        const uint8_t digest[32], unsigned char ret[SIGNED_TEXT])
{
    unsigned char *at = ret;
    memcpy(at, domain.at, domain.len);
    memcpy(at + domain.len, incarnation, 16);
    at = put_le(at + domain.len + 16, seq, 8);
    at = put_le(at, count, 4);
    memcpy(at, digest, 32);
}

void kt_batch_signed_text(const uint8_t incarnation[16], uint64_t seq, uint32_t count,
                          const uint8_t digest[32], struct kt_buf *out)
{
    unsigned char text[SIGNED_TEXT];
    signed_text(incarnation, seq, count, digest, text);
    kt_buf_add_bytes(out, text, sizeof text);
}

/* The next line, without its newline; false at the end or when the last one has none. */
static bool next_line(struct kt_str *rest, struct kt_str *ret)
{
    const char *end = rest->len > 0 ? memchr(rest->at, '\n', rest->len) : NULL;
    if (end == NULL)
        return false;
    *ret = kt_str_from(rest->at, (size_t)(end - rest->at));
    *rest = kt_str_from_index(*rest, ret->len + 1);
    return true;
}

void kt_batch_pack(struct kt_zip *zip, struct kt_str lines, struct kt_buf *out)
{
    kt_zip_pack_lines(zip, lines, PACK_TABLE, out);
}

void kt_batch_seal(struct kt_msg *m, struct kt_str lines, const struct kt_signer *signer,
                   struct kt_zip *zip, struct kt_buf *scratch)
{
    struct kt_str rest = lines, line;

    assert(lines.len <= KT_BATCH_RAW_MAX);
    kt_buf_reset(scratch);
    m->count = 0;
    while (next_line(&rest, &line)) {
        kt_line_hash(line, (uint8_t *)kt_buf_reserve(scratch, 32));
        scratch->len += 32;
        m->count++;
    }
    assert(rest.len == 0 && m->count > 0 && m->count <= KT_BATCH_EVENTS_MAX);
    kt_batch_digest((const uint8_t(*)[32])(void *)scratch->at, m->count, m->digest);

    unsigned char text[SIGNED_TEXT];
    signed_text(m->incarnation, m->seq, m->count, m->digest, text);
    kt_signer_sign(signer, kt_str_from(text, sizeof text), m->signature);

    kt_buf_reset(scratch);
    kt_batch_pack(zip, lines, scratch);
    m->raw_bytes = (uint32_t)lines.len;
    m->packed = kt_buf_str(scratch);
}

static enum kt_status refuse(enum kt_refuse reason, enum kt_refuse *ret_reason,
                             struct kt_error *err, const char *why)
{
    *ret_reason = reason;
    return kt_fail(err, reason == KT_REFUSE_SIZE ? KT_E_LIMIT : KT_E_INPUT, "batch: %s", why);
}

static bool signature_ok(const struct kt_msg *m, const uint8_t signing_key[32])
{
    unsigned char text[SIGNED_TEXT];
    signed_text(m->incarnation, m->seq, m->count, m->digest, text);
    return kt_sign_ok(signing_key, kt_str_from(text, sizeof text), m->signature);
}

static enum kt_status hash_lines(const struct kt_msg *m, struct kt_str lines, uint8_t (*hashes)[32],
                                 enum kt_refuse *ret_reason, struct kt_error *err)
{
    struct kt_str rest = lines, line;
    uint32_t n = 0;

    while (next_line(&rest, &line)) {
        if (n == m->count)
            return refuse(KT_REFUSE_DIGEST, ret_reason, err, "more lines than it says");
        if (line.len > KT_LINE_MAX)
            return refuse(KT_REFUSE_SIZE, ret_reason, err, "a line is too long");
        kt_line_hash(line, hashes[n++]);
    }
    if (n != m->count || rest.len != 0)
        return refuse(KT_REFUSE_DIGEST, ret_reason, err, "fewer lines than it says");
    return KT_OK;
}

enum kt_status kt_batch_open(const struct kt_msg *m, const uint8_t signing_key[32],
                             struct kt_zip *zip, struct kt_buf *out, uint8_t (*hashes)[32],
                             enum kt_refuse *ret_reason, struct kt_error *err)
{
    if (m->count == 0 || m->count > KT_BATCH_EVENTS_MAX || m->packed.len == 0 ||
        m->packed.len > KT_BATCH_PACKED_MAX || m->raw_bytes > KT_BATCH_RAW_MAX)
        return refuse(KT_REFUSE_SIZE, ret_reason, err, "a size is over its cap");
    if (!signature_ok(m, signing_key))
        return refuse(KT_REFUSE_SIGNATURE, ret_reason, err, "the signature is not the agent's");

    size_t ratio = RATIO_FREE / m->packed.len + 1;
    if (ratio < KT_BATCH_RATIO_MAX)
        ratio = KT_BATCH_RATIO_MAX;
    size_t start = out->len;
    enum kt_status st = kt_zip_unpack(zip, m->packed, m->raw_bytes, ratio, out, err);
    if (st != KT_OK) {
        *ret_reason = st == KT_E_LIMIT ? KT_REFUSE_SIZE : KT_REFUSE_DIGEST;
        return kt_wrap(err, "batch");
    }
    struct kt_str lines = kt_str_from(out->at + start, out->len - start);
    if (lines.len != m->raw_bytes)
        st = refuse(KT_REFUSE_DIGEST, ret_reason, err, "shorter than it says");
    if (st == KT_OK)
        st = hash_lines(m, lines, hashes, ret_reason, err);
    uint8_t digest[32];
    if (st == KT_OK) {
        kt_batch_digest((const uint8_t(*)[32])hashes, m->count, digest);
        if (memcmp(digest, m->digest, sizeof digest) != 0)
            st = refuse(KT_REFUSE_DIGEST, ret_reason, err, "the lines are not those signed");
    }
    if (st != KT_OK)
        out->len = start;
    return st;
}
