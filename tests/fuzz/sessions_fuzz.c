/*
 * sessions: any bytes as the filters of sessions that a stretch keeps side by side: read within
 * their bounds or refused, and each for itself says what it says there. Input: u8 segments less
 * one, u8 length of a credential, the credential, then the bytes.
 */
#include "core/store/together_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_set(const uint8_t *set, uint32_t n)
{
    return (set[n / 8] >> n % 8 & 1) != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_rd rd = kt_rd_of(kt_str_from(data, size));
    const uint32_t segments = 1u + kt_rd_u8(&rd);
    const size_t len = kt_rd_u8(&rd);
    const struct kt_sought key = { .text = kt_rd_bytes(&rd, len < rd.left ? len : rd.left) };
    const struct kt_sieve sieve = {
        .column = KT_COL_NONE, .filter = KT_FILTER_SESSION, .keys = &key, .n_keys = 1
    };
    const struct kt_scan scan = { .sieve = &sieve, .n_sieves = 1 };
    struct kt_str filters = kt_rd_bytes(&rd, rd.left), inner;
    uint8_t set[KT_TOGETHER_SEGMENTS / 8];
    uint64_t hash;
    (void)kt_totals_open(filters, 1, 2, &inner);
    if (!kt_sessions_find(filters, segments, &scan, set) ||
        !kt_key_hash_of(KT_FILTER_SESSION, &key, &hash))
        return 0;
    struct kt_rd each = kt_rd_of(filters);
    for (uint32_t n = 0; n < segments; n++)
        if (is_set(set, n) != kt_filter_has(kt_rd_str32(&each), hash))
            __builtin_trap();
    for (uint32_t n = segments; n < KT_TOGETHER_SEGMENTS; n++)
        if (is_set(set, n))
            __builtin_trap();
    return 0;
}
