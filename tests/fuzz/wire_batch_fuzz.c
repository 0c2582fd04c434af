/* kt_batch_open over any packed bytes below a good signature, as a hostile but allowed agent sends
 * them. The first byte chooses the number of lines and whether the rest is packed first, the next
 * two the size it claims (0: the true one). */
#include <assert.h>

#include "core/base/limits.h"
#include "core/wire/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kt_zip *zip;
    static struct kt_signer signer;
    static uint8_t public_key[32], hashes[KT_BATCH_EVENTS_MAX][32];
    static const uint8_t seed[32] = { 7 };

    if (zip == NULL) {
        kt_hash_init();
        kt_signer_init(&signer, seed);
        kt_sign_public(seed, public_key);
        zip = kt_zip_new();
    }
    if (size < 3)
        return 0;
    struct kt_buf packed = { 0 }, text = { 0 }, out = { 0 };
    struct kt_str rest = kt_str_from(data + 3, size - 3);
    if ((data[0] & 0x80) != 0)
        kt_zip_pack(zip, rest, 1, &packed);
    else
        kt_buf_add(&packed, rest);
    struct kt_msg m = {
        .type = KT_MSG_BATCH,
        .seq = 1,
        .count = data[0] & 0x7f,
        .raw_bytes = data[2] == 0 ? (uint32_t)rest.len : (uint32_t)(data[1] | data[2] << 8),
        .packed = kt_buf_str(&packed),
    };
    enum kt_refuse reason = (enum kt_refuse)0;
    kt_batch_signed_text(m.incarnation, m.seq, m.count, m.digest, &text);
    kt_signer_sign(&signer, kt_buf_str(&text), m.signature);
    enum kt_status st = kt_batch_open(&m, public_key, zip, &out, hashes, &reason, NULL);
    assert(st != KT_OK || out.len == m.raw_bytes);
    assert(st == KT_OK || (reason != 0 && reason != KT_REFUSE_SIGNATURE && out.len == 0));
    kt_buf_done(&packed);
    kt_buf_done(&text);
    kt_buf_done(&out);
    return 0;
}
