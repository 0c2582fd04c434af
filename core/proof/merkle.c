/*
 * merkle: checks of inclusion and consistency proofs, as RFC 9162 §2.1.3.2 and §2.1.4.2 write them.
 *
 * Owns:  nothing.
 * Calls: core/base (hash, buf).
 */
#include "core/proof/merkle.h"

#include <string.h>

#include "core/base/hash.h"

void kt_merkle_node(const uint8_t left[32], const uint8_t right[32], uint8_t ret[32])
{
    uint8_t pair[65] = { 0x01 };
    memcpy(pair + 1, left, 32);
    memcpy(pair + 33, right, 32);
    struct kt_str part = kt_str_from(pair, sizeof pair);
    kt_sha256_of(&part, 1, ret);
}

bool kt_merkle_includes(const struct kt_head *head, uint64_t index, const uint8_t leaf[32],
                        const struct kt_path *path)
{
    if (index >= head->size)
        return false;
    uint64_t fn = index, sn = head->size - 1;
    uint8_t r[32];
    memcpy(r, leaf, 32);
    for (unsigned i = 0; i < path->n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) != 0 || fn == sn) {
            kt_merkle_node(path->hash[i], r, r);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            kt_merkle_node(r, path->hash[i], r);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && memcmp(r, head->root, 32) == 0;
}

bool kt_merkle_extends(const struct kt_head *older, const struct kt_head *newer,
                       const struct kt_path *path)
{
    if (older->size > newer->size)
        return false;
    if (older->size == newer->size)
        return path->n == 0 && memcmp(older->root, newer->root, 32) == 0;
    if (older->size == 0)
        return path->n == 0;

    uint64_t fn = older->size - 1, sn = newer->size - 1;
    uint8_t fr[32], sr[32];
    unsigned at = 0;
    while ((fn & 1) != 0) {
        fn >>= 1;
        sn >>= 1;
    }
    if (fn == 0) { /* a power of two: the older root is itself the first hash */
        memcpy(fr, older->root, 32);
    } else {
        if (path->n == 0)
            return false;
        memcpy(fr, path->hash[at++], 32);
    }
    memcpy(sr, fr, 32);
    for (; at < path->n; at++) {
        if (sn == 0)
            return false;
        if ((fn & 1) != 0 || fn == sn) {
            kt_merkle_node(path->hash[at], fr, fr);
            kt_merkle_node(path->hash[at], sr, sr);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            kt_merkle_node(sr, path->hash[at], sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && memcmp(fr, older->root, 32) == 0 && memcmp(sr, newer->root, 32) == 0;
}

void kt_path_pack(const struct kt_path *path, struct kt_buf *out)
{
    kt_buf_add_bytes(out, path->hash, 32 * (size_t)path->n);
}

bool kt_path_read(struct kt_str bytes, struct kt_path *ret)
{
    if (bytes.len % 32 != 0 || bytes.len / 32 > KT_PATH_MAX)
        return false;
    ret->n = (unsigned)(bytes.len / 32);
    if (ret->n > 0)
        memcpy(ret->hash, bytes.at, bytes.len);
    return true;
}
