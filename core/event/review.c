/*
 * review: reading, checking and writing the record of a signed review.
 *
 * Owns:  the names of the members.
 * Calls: core/base, core/event/json.h. No clock, no I/O.
 * Holds: what kt_review_read takes, kt_review_write writes to the same members again.
 */
#include "core/event/review.h"

#include <inttypes.h>

#include "core/base/enc.h"
#include "core/event/line.h"

static const char *const words[KT_REVIEW_COUNT] = {
    [KT_REVIEW_ACCESS] = "access", [KT_REVIEW_LEAVERS] = "leavers", [KT_REVIEW_DORMANT] = "dormant"
};

const char *kt_review_word(enum kt_review_kind kind)
{
    return words[kind];
}

int kt_review_kind_of(struct kt_str word)
{
    for (int i = 0; i < KT_REVIEW_COUNT; i++)
        if (kt_str_is(word, words[i]))
            return i;
    return -1;
}

#define MEMBER(name, field, must)                                                                  \
    {                                                                                              \
        name, offsetof(struct kt_review, field), sizeof(((struct kt_review *)0)->field), must      \
    }
static const struct {
    const char *name;
    size_t offset, size;
    bool must;
} texts[] = { MEMBER("id", id, false), MEMBER("scope", scope, false), MEMBER("by", by, true),
              MEMBER("where", where, false), MEMBER("reason", reason, true) };
static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    { "since", offsetof(struct kt_review, since) }, { "until", offsetof(struct kt_review, until) },
    { "head", offsetof(struct kt_review, head) },   { "rows", offsetof(struct kt_review, rows) },
    { "keep", offsetof(struct kt_review, keep) },   { "remove", offsetof(struct kt_review, remove) }
};
static const struct {
    const char *name;
    size_t offset;
} digests[] = { { "digest", offsetof(struct kt_review, digest) },
                { "sheet", offsetof(struct kt_review, sheet) } };

void kt_review_write(const struct kt_review *r, struct kt_buf *out)
{
    kt_buf_addf(out, "{\"kind\":\"%s\"", words[r->kind]);
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++) {
        const char *text = (const char *)r + texts[i].offset;
        if (text[0] == '\0')
            continue;
        kt_buf_addf(out, ",\"%s\":", texts[i].name);
        kt_json_quote(out, kt_str_of(text));
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(numbers); i++) {
        int64_t n;
        memcpy(&n, (const char *)r + numbers[i].offset, sizeof n);
        kt_buf_addf(out, ",\"%s\":%" PRId64, numbers[i].name, n);
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(digests); i++) {
        kt_buf_addf(out, ",\"%s\":\"", digests[i].name);
        kt_hex_add(out, (const char *)r + digests[i].offset, 32);
        kt_buf_byte(out, '"');
    }
    kt_buf_byte(out, '}');
}

static enum kt_status read_text(struct kt_jval root, size_t i, struct kt_review *ret,
                                struct kt_error *err)
{
    struct kt_str s = kt_str_trim(kt_json_str_at(root, texts[i].name));
    if (s.len == 0 && texts[i].must)
        return kt_fail(err, KT_E_INPUT, "'%s' is missing", texts[i].name);
    if (s.len >= texts[i].size)
        return kt_fail(err, KT_E_INPUT, "'%s' has %zu bytes; at most %zu are kept", texts[i].name,
                       s.len, texts[i].size - 1);
    if (kt_str_find_byte(s, '\0', 0) >= 0)
        return kt_fail(err, KT_E_INPUT, "'%s' holds a NUL", texts[i].name);
    kt_str_copyz((char *)ret + texts[i].offset, texts[i].size, s);
    return KT_OK;
}

enum kt_status kt_review_read(struct kt_jval root, struct kt_review *ret, struct kt_error *err)
{
    struct kt_review r = { 0 };
    int kind = kt_review_kind_of(kt_json_str_at(root, "kind"));
    if (kind < 0)
        return kt_fail(err, KT_E_INPUT, "a review is of kind access, leavers or dormant");
    r.kind = (enum kt_review_kind)kind;
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        if (read_text(root, i, &r, err) != KT_OK)
            return KT_E_INPUT;
    for (size_t i = 0; i < KT_ARRAY_LEN(numbers); i++) {
        int64_t n;
        if (!kt_json_i64(kt_json_at(root, numbers[i].name), &n) || n < 0)
            return kt_fail(err, KT_E_INPUT, "'%s' is no number from 0 on", numbers[i].name);
        memcpy((char *)&r + numbers[i].offset, &n, sizeof n);
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(digests); i++)
        if (!kt_hex_decode(kt_json_str_at(root, digests[i].name), (char *)&r + digests[i].offset,
                           32))
            return kt_fail(err, KT_E_INPUT, "'%s' is no SHA-256 in hex", digests[i].name);
    if (r.rows > KT_REVIEW_ROWS_MAX || r.keep > r.rows || r.remove != r.rows - r.keep)
        return kt_fail(err, KT_E_INPUT, "keep and remove do not add up to the rows");
    *ret = r;
    return KT_OK;
}
