/*
 * json: the one small view through which sources read records. Two bodies (simdjson's DOM, jansson)
 * behind the same rules: for any bytes both accept or both refuse, and give the same values.
 * docs/decisions/0001-json.md says why.
 *
 * Rules: RFC 8259; root object or array; depth <= KT_JSON_DEPTH_MAX, members of an object <=
 * KT_JSON_MEMBERS_MAX, else KT_E_LIMIT. Repaired in place (counted in *ret_repaired): lone
 * surrogate escape -> U+FFFD, \u0000 -> U+FFFD, invalid UTF-8 byte -> U+FFFD, integer beyond
 * int64/uint64 -> a number that only kt_json_text can give, string over KT_STRING_MAX or key
 * over KT_KEY_MAX -> cut on a code point, a key written twice -> the first one counts. A text of
 * more than 8 MiB is KT_E_LIMIT.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

enum kt_json_type {
    KT_JSON_NONE,
    KT_JSON_NULL,
    KT_JSON_BOOL,
    KT_JSON_NUMBER,
    KT_JSON_STRING,
    KT_JSON_ARRAY,
    KT_JSON_OBJECT
};
enum kt_json_body { KT_JSON_SIMDJSON, KT_JSON_JANSSON };

/* Inside the parser's own memory, in the form of json_tree.h; here so that what sources ask of
 * nearly every value needs no call. Only core/event looks into it. */
struct kt_json_node {
    const char *key;
    union {
        const char *text;
        uint64_t keys; /* of an object: bit n is set when a key's sort is n in its low bits */
    };
    const uint8_t *order; /* of an object: where its members are, KT_JSON_ORDER of them; NULL: all
                             are to be looked through */
    uint32_t len;         /* bytes of text; members or elements of a container */
    uint32_t span; /* nodes of the subtree, this one included; of an open container: its number */
    uint16_t key_len; /* <= KT_KEY_MAX */
    uint16_t sort;    /* of the key: keys of different sort are different */
    uint8_t type;     /* enum kt_json_type */
    bool dropped;     /* its key was written before in the same object */
    bool plain;       /* nothing in it is escaped in JSON, nor in the rest of the text */
};
/* A value; passed by copy; NONE (node NULL) where a path led nowhere, which every function takes.
 */
struct kt_jval {
    const struct kt_json_node *node;
};

struct kt_json; /* a parser with its memory; one a thread, reused for every record */
struct kt_json *kt_json_new(enum kt_json_body body);
void kt_json_free(struct kt_json *j);
/* Values and their strings, which are not terminated, live until the next parse on j. Text needs no
 * padding. */
KT_MUST_USE enum kt_status kt_json_parse(struct kt_json *j, struct kt_str text,
                                         struct kt_jval *ret_root, unsigned *ret_repaired,
                                         struct kt_error *err);
/* What was parsed last, if nothing in it is escaped and nothing was mended: its strings, though not
 * all of its names, are parts of these very bytes. Else empty. */
struct kt_str kt_json_plain_text(const struct kt_json *j);
static inline enum kt_json_type kt_json_type(struct kt_jval v)
{
    return v.node == NULL ? KT_JSON_NONE : (enum kt_json_type)v.node->type;
}
static inline uint64_t kt_json_sort_bit(uint16_t sort)
{
    return UINT64_C(1) << sort % 64;
}
/* Member by name; by path "auth.metadata.role" (names with dots need kt_json_get). NONE when absent
 * or no object. */
struct kt_jval kt_json_member(struct kt_jval object, struct kt_str name, uint16_t sort);
static inline struct kt_jval kt_json_find(struct kt_jval v, struct kt_str name, uint16_t sort)
{
    struct kt_jval none = { NULL };
    if (kt_json_type(v) != KT_JSON_OBJECT || (v.node->keys & kt_json_sort_bit(sort)) == 0)
        return none;
    return kt_json_member(v, name, sort);
}
struct kt_jval kt_json_path(struct kt_jval v, const char *path);
/* Keys of different sort are different. */
#define KT_JSON_SORTS 1024u
static inline uint16_t kt_json_sort(struct kt_str key)
{
    const unsigned char *at = (const unsigned char *)key.at;
    const size_t n = key.len;
    return n == 0 ? 0
                  : (uint16_t)((at[0] * 5u + at[n / 2] * 37u + at[n - 1] * 89u + n * 151u) %
                               KT_JSON_SORTS);
}
static inline struct kt_jval kt_json_get(struct kt_jval v, struct kt_str name)
{
    return kt_json_find(v, name, kt_json_sort(name)); /* the compiler knows that of a literal */
}
/* Of a literal of one or two names the compiler knows the sorts, wherever it stands. */
#define KT_JSON_INLINE static inline __attribute__((always_inline))
KT_JSON_INLINE struct kt_jval kt_json_at(struct kt_jval v, const char *path)
{
    const char *dot = strchr(path, '.');
    if (!__builtin_constant_p(dot == NULL))
        return kt_json_path(v, path);
    if (dot == NULL)
        return kt_json_get(v, kt_str_of(path));
    if (strchr(dot + 1, '.') != NULL)
        return kt_json_path(v, path);
    return kt_json_get(kt_json_get(v, kt_str_from(path, (size_t)(dot - path))), kt_str_of(dot + 1));
}
/* The string at path, empty when absent or no string. */
static inline struct kt_str kt_json_str(struct kt_jval v)
{
    bool is = kt_json_type(v) == KT_JSON_STRING;
    return is ? kt_str_from(v.node->text, v.node->len) : kt_str_from(NULL, 0);
}
KT_JSON_INLINE struct kt_str kt_json_str_at(struct kt_jval v, const char *path)
{
    return kt_json_str(kt_json_at(v, path));
}
bool kt_json_i64(struct kt_jval v, int64_t *ret);
/* true, false, and the strings "true"/"false" that CloudTrail writes; dflt otherwise. */
bool kt_json_bool(struct kt_jval v, bool dflt);
/* A number's own text, or the string, or "true"/"false"/"null": for fields that are kept as text.
 * Empty for containers. */
struct kt_str kt_json_text(struct kt_jval v);
/* Members or elements, in order. First: *it = {v}; name is empty for arrays. */
struct kt_json_iter {
    struct kt_jval of;
    size_t index;
    const void *pos;
};
static inline struct kt_json_iter kt_json_iter(struct kt_jval v)
{
    struct kt_json_iter it = { v, 0, NULL };
    return it;
}
bool kt_json_next(struct kt_json_iter *it, struct kt_str *ret_name, struct kt_jval *ret_value);
size_t kt_json_count(struct kt_jval v);
/* Appends the value as compact JSON in canonical escaping (line.h), keys in their order. */
void kt_json_write(struct kt_jval v, struct kt_buf *out);
