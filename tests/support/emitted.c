/* emitted: see emitted.h. */
#include "tests/support/emitted.h"

#include "core/base/enc.h"
#include "core/base/hash.h"

#define DIGEST 8 /* bytes of it that are written: nobody forges a case */

static void add_digest(struct kt_buf *text, struct kt_str of)
{
    uint8_t digest[16];
    kt_blake2b(&of, 1, digest, sizeof digest);
    kt_hex_add(text, digest, DIGEST);
    kt_buf_byte(text, ' ');
}

/* In a string of a line its quotes would be escaped, so it is the member. */
static void without_decoder(struct kt_str lines, struct kt_buf *out)
{
    const struct kt_str member = KT_STR("\"decoder\":");
    for (ptrdiff_t at; (at = kt_str_find(lines, member, 0)) >= 0;) {
        kt_buf_add(out, kt_str_sub(lines, 0, (size_t)at));
        ptrdiff_t comma = kt_str_find_byte(lines, ',', (size_t)at);
        lines = kt_str_from_index(lines, comma < 0 ? lines.len : (size_t)comma);
    }
    kt_buf_add(out, lines);
}

void kt_emitted_start(struct kt_buf *text, uint32_t version)
{
    kt_buf_addf(text, "version %u\n", version);
}

void kt_emitted_add(struct kt_buf *text, struct kt_str name, struct kt_str asked,
                    struct kt_str lines)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    without_decoder(lines, &said);
    add_digest(text, asked);
    add_digest(text, kt_buf_str(&said));
    kt_buf_add(text, name);
    kt_buf_byte(text, '\n');
}

static uint64_t version_of(struct kt_str *rest)
{
    uint64_t version = 0;
    struct kt_str line = KT_STR_NONE;
    (void)kt_str_split(rest, '\n', &line);
    return kt_str_starts(line, KT_STR("version ")) &&
                   kt_str_u64(kt_str_from_index(line, 8), &version)
               ? version
               : 0;
}

/* The digest of the lines that `kept` has of these records; empty: it does not know them. */
static struct kt_str lines_of(struct kt_str kept, struct kt_str asked)
{
    for (struct kt_str line; kt_str_split(&kept, '\n', &line);)
        if (kt_str_starts(line, asked))
            return kt_str_sub(line, 2 * DIGEST + 1, 2 * DIGEST);
    return KT_STR_NONE;
}

enum kt_emitted kt_emitted_judge(struct kt_str kept, struct kt_str now, struct kt_str *ret_name)
{
    if (kt_str_eq(kept, now))
        return KT_EMITTED_SAME;
    uint64_t before = version_of(&kept), version = version_of(&now);
    for (struct kt_str line; version <= before && kt_str_split(&now, '\n', &line);) {
        struct kt_str was = lines_of(kept, kt_str_sub(line, 0, 2 * DIGEST));
        *ret_name = kt_str_from_index(line, 2 * (2 * DIGEST + 1));
        if (line.len > 0 && was.len > 0 &&
            !kt_str_eq(was, kt_str_sub(line, 2 * DIGEST + 1, 2 * DIGEST)))
            return KT_EMITTED_MUST_RISE;
    }
    return KT_EMITTED_OTHER;
}
