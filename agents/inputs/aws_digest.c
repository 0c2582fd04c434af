/*
 * aws_digest: what a digest file of a trail says.
 *
 * Owns:  nothing. Calls: core/base, core/event/json.
 */
#include "agents/inputs/aws_digest.h"
#include "core/base/enc.h"
#include "core/base/rsa.h"

#define SHA256    "SHA-256"
#define SIGNED_BY "SHA256withRSA"
#define END       ".json.gz"
#define BACKFILL  "_backfill"
#define FOLDER    "CloudTrail-Digest"
#define STAMP     (sizeof "_20261129T040000Z" - 1)

/* ---- the file ---- */

static bool is_hex(struct kt_str s, size_t bytes)
{
    uint8_t room[KT_RSA_SIGNATURE_MAX];
    return s.len == 2 * bytes && bytes <= sizeof room && kt_hex_decode(s, room, bytes);
}

/* All five members of what was before are there, or none is. */
static bool read_previous(struct kt_jval root, struct aws_digest *d)
{
    d->previous_bucket = kt_json_str_at(root, "previousDigestS3Bucket");
    d->previous_object = kt_json_str_at(root, "previousDigestS3Object");
    d->previous_hash = kt_json_str_at(root, "previousDigestHashValue");
    d->previous_signature = kt_json_str_at(root, "previousDigestSignature");
    struct kt_str algorithm = kt_json_str_at(root, "previousDigestHashAlgorithm");
    d->starting = d->previous_bucket.len + d->previous_object.len + d->previous_hash.len +
                      d->previous_signature.len + algorithm.len ==
                  0;
    return d->starting || (d->previous_bucket.len > 0 && d->previous_object.len > 0 &&
                           is_hex(d->previous_hash, 32) &&
                           is_hex(d->previous_signature, d->previous_signature.len / 2) &&
                           d->previous_signature.len > 0 && kt_str_is(algorithm, SHA256));
}

enum kt_status aws_digest_read(struct kt_json *json, struct kt_str text, struct aws_digest *ret,
                               struct kt_error *err)
{
    struct aws_digest d = { 0 };
    struct kt_jval root;
    unsigned repaired;
    if (kt_json_parse(json, text, &root, &repaired, err) != KT_OK)
        return kt_wrap(err, "digest");
    d.account = kt_json_str_at(root, "awsAccountId");
    d.end_text = kt_json_str_at(root, "digestEndTime");
    d.bucket = kt_json_str_at(root, "digestS3Bucket");
    d.object = kt_json_str_at(root, "digestS3Object");
    d.fingerprint = kt_json_str_at(root, "digestPublicKeyFingerprint");
    d.files = kt_json_at(root, "logFiles");
    if (repaired > 0)
        return kt_fail(err, KT_E_INPUT, "digest: a value is no text");
    if (kt_time_parse(kt_json_str_at(root, "digestStartTime"), &d.start, err) != KT_OK ||
        kt_time_parse(d.end_text, &d.end, err) != KT_OK)
        return kt_wrap(err, "digest");
    if (!kt_str_is(kt_json_str_at(root, "digestSignatureAlgorithm"), SIGNED_BY))
        return kt_fail(err, KT_E_INPUT, "digest: it is not signed by " SIGNED_BY);
    if (d.account.len == 0 || d.bucket.len == 0 || d.object.len == 0 || d.fingerprint.len == 0 ||
        kt_json_type(d.files) != KT_JSON_ARRAY || !read_previous(root, &d))
        return kt_fail(err, KT_E_INPUT, "digest: members are missing");
    *ret = d;
    return KT_OK;
}

bool aws_digest_next(struct kt_json_iter *it, struct aws_digest_file *ret, bool *ret_bad)
{
    struct kt_jval v;
    struct kt_str name;
    if (!kt_json_next(it, &name, &v))
        return false;
    ret->bucket = kt_json_str_at(v, "s3Bucket");
    ret->object = kt_json_str_at(v, "s3Object");
    *ret_bad = ret->bucket.len == 0 || ret->object.len == 0 ||
               !kt_str_is(kt_json_str_at(v, "hashAlgorithm"), SHA256) ||
               !kt_hex_decode(kt_json_str_at(v, "hashValue"), ret->sha256, sizeof ret->sha256);
    return !*ret_bad;
}

/* ---- its signature ---- */

bool aws_digest_is_signed(const struct aws_digest *d, struct kt_str bucket, struct kt_str key,
                          const uint8_t sha256[32], struct kt_str signature,
                          struct kt_str public_key)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    uint8_t raw[KT_RSA_SIGNATURE_MAX];
    size_t n = signature.len / 2;
    if (n == 0 || n > sizeof raw || !kt_hex_decode(signature, raw, n))
        return false;
    kt_buf_addf(&text, KT_STR_FMT "\n" KT_STR_FMT "/" KT_STR_FMT "\n", KT_STR_ARG(d->end_text),
                KT_STR_ARG(bucket), KT_STR_ARG(key));
    kt_hex_add(&text, sha256, 32);
    kt_buf_byte(&text, '\n');
    kt_buf_add(&text, d->starting ? KT_STR("null") : d->previous_signature);
    return kt_rsa_sha256_ok(public_key, kt_buf_str(&text), kt_str_from(raw, n));
}

/* ---- its name ---- */

/* "1_CloudTrail-Digest_eu_t_us_20261129T040000Z[_backfill].json.gz": without what stands behind the
 * stamp. false: there is none. */
static bool read_name(struct kt_str key, struct kt_str *ret, bool *ret_backfill)
{
    struct kt_str name = kt_str_from_index(key, (size_t)(kt_str_rfind_byte(key, '/') + 1));
    if (!kt_str_ends(name, KT_STR(END)))
        return false;
    name = kt_str_sub(name, 0, name.len - (sizeof END - 1));
    *ret_backfill = kt_str_ends(name, KT_STR(BACKFILL));
    if (*ret_backfill)
        name = kt_str_sub(name, 0, name.len - (sizeof BACKFILL - 1));
    *ret = name;
    return name.len > STAMP && name.at[name.len - STAMP] == '_' && name.at[name.len - 1] == 'Z';
}

kt_time_ns aws_digest_time(struct kt_str key)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_str name;
    bool backfill;
    kt_time_ns t;
    if (!read_name(key, &name, &backfill))
        return 0;
    const char *s = name.at + name.len - STAMP + 1; /* 20261129T040000Z */
    kt_buf_addf(&text, "%.4s-%.2s-%.5s:%.2s:%.3s", s, s + 4, s + 6, s + 11, s + 13);
    return kt_time_parse(kt_buf_str(&text), &t, NULL) == KT_OK ? t : 0;
}

bool aws_digest_is_backfill(struct kt_str chain)
{
    return kt_str_ends(chain, KT_STR(BACKFILL));
}

static bool is_below(struct kt_str key, struct kt_str region)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf folder = { 0 };
    kt_buf_addf(&folder, "/" FOLDER "/" KT_STR_FMT "/", KT_STR_ARG(region));
    return region.len > 0 && kt_str_has(key, kt_buf_str(&folder));
}

bool aws_digest_chain(struct kt_str key, struct kt_buf *out, struct kt_str *ret_region)
{
    struct kt_str name, part, rest;
    bool backfill;
    if (!read_name(key, &name, &backfill))
        return false;
    name = rest = kt_str_sub(name, 0, name.len - STAMP);
    if (!kt_str_split(&rest, '_', &part) || !kt_str_split(&rest, '_', &part) ||
        !kt_str_is(part, FOLDER) || !kt_str_split(&rest, '_', ret_region) ||
        !is_below(key, *ret_region))
        return false;
    kt_buf_add(out, name);
    kt_buf_addz(out, backfill ? BACKFILL : "");
    return true;
}

/* ---- public keys ---- */

enum kt_status aws_digest_keys(struct kt_json *json, struct kt_str text,
                               void (*each)(void *self, const struct aws_public_key *k), void *self,
                               struct kt_str *ret_token, struct kt_error *err)
{
    struct kt_jval root, v;
    struct kt_str name;
    unsigned repaired;
    if (kt_json_parse(json, text, &root, &repaired, err) != KT_OK)
        return kt_wrap(err, "public keys");
    struct kt_jval list = kt_json_at(root, "PublicKeyList");
    if (kt_json_type(list) != KT_JSON_ARRAY)
        return kt_fail(err, KT_E_INPUT, "public keys: the answer has no list of them");
    struct kt_json_iter it = kt_json_iter(list);
    while (kt_json_next(&it, &name, &v)) {
        struct aws_public_key k = { kt_json_str_at(v, "Fingerprint"), kt_json_str_at(v, "Value") };
        if (k.fingerprint.len > 0 && k.value.len > 0)
            each(self, &k);
    }
    *ret_token = kt_json_str_at(root, "NextToken");
    return KT_OK;
}
