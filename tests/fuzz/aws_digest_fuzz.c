/* Fuzz target: digest files, lists of public keys and the keys in them, names of digests: whoever
 * may write to the bucket makes the first and the last. */
#include "agents/inputs/aws_digest.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/rsa.h"

static void take_key(void *self, const struct aws_public_key *k)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf der = { 0 };
    (void)self;
    if (kt_base64_decode(k->value, &der))
        (void)kt_rsa_is_key(kt_buf_str(&der));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kt_json *json;
    KT_CLEANUP(kt_buf_done) struct kt_buf chain = { 0 };
    struct kt_str text = kt_str_from((const char *)data, size), part;
    struct aws_digest d;
    struct aws_digest_file f;
    bool bad = false;
    if (json == NULL) {
        kt_hash_init();
        json = kt_json_new(KT_JSON_SIMDJSON);
    }
    (void)aws_digest_chain(text, &chain, &part);
    (void)aws_digest_time(text);
    (void)kt_rsa_is_key(text);
    (void)aws_digest_keys(json, text, take_key, NULL, &part, NULL);
    if (aws_digest_read(json, text, &d, NULL) != KT_OK)
        return 0;
    struct kt_json_iter it = kt_json_iter(d.files);
    while (aws_digest_next(&it, &f, &bad))
        ;
    (void)aws_digest_is_signed(&d, d.bucket, d.object, (const uint8_t[32]){ 0 },
                               d.previous_signature, text);
    return 0;
}
