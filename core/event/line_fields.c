/*
 * line_fields: the table behind the canonical line, and what its reader and writer share.
 *
 * Owns:  the order of fields. It never changes within a version of the line.
 * Calls: core/base (ip, str).
 */
#include "core/event/line_fields.h"

#include <stddef.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/event/scan.h"

#define ROW(name, open, type, set)                                                                 \
    {                                                                                              \
        ",\"" #name "\":" open, sizeof(",\"" #name "\":" open) - 1, type, set,                     \
            offsetof(struct kt_event, name)                                                        \
    }
#define STR(name)       ROW(name, "\"", KT_LINE_STR, KT_WORDS_SETS)
#define WORD(name, set) ROW(name, "\"", KT_LINE_WORD, set)
#define IP(name)        ROW(name, "\"", KT_LINE_IP, KT_WORDS_SETS)
#define U32(name)       ROW(name, "", KT_LINE_U32, KT_WORDS_SETS)
#define I64(name)       ROW(name, "", KT_LINE_I64, KT_WORDS_SETS)
#define MFA(name)       ROW(name, "", KT_LINE_MFA, KT_WORDS_SETS)
#define GUESS(name)     ROW(name, "", KT_LINE_GUESS, KT_WORDS_SETS)
#define LIST(name)      ROW(name, "[", KT_LINE_LIST, KT_WORDS_SETS)
#define FLAGS(name)     ROW(name, "[", KT_LINE_FLAGS, KT_WORDS_SETS)
#define RAW(name)       ROW(name, "", KT_LINE_RAW, KT_WORDS_SETS)

const struct kt_line_field kt_line_fields[KT_LINE_FIELDS] = {
    STR(source),
    STR(instance),
    STR(scope),
    STR(native_id),
    U32(part),
    U32(decoder),
    I64(time),
    I64(precision),
    I64(observed),
    I64(duration),
    WORD(action, KT_WORDS_ACTION),
    STR(operation),
    WORD(outcome, KT_WORDS_OUTCOME),
    STR(code),
    STR(message),
    STR(actor),
    WORD(actor_kind, KT_WORDS_ACTOR_KIND),
    STR(actor_native),
    STR(actor_name),
    STR(session),
    STR(credential),
    STR(issuer),
    STR(via),
    STR(role),
    MFA(mfa),
    LIST(groups),
    STR(secret),
    GUESS(secret_guess),
    STR(secret_native),
    STR(version),
    STR(stage),
    LIST(fields),
    U32(count),
    STR(store),
    IP(ip),
    STR(ip_raw),
    WORD(ip_trust, KT_WORDS_IP_TRUST),
    STR(user_agent),
    STR(region),
    STR(host),
    STR(vpc_endpoint),
    STR(country_claimed),
    STR(reason),
    STR(ticket),
    STR(request_id),
    STR(shared_id),
    STR(amends),
    FLAGS(flags),
    RAW(raw),
};

static int low_hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t kt_line_unescape(const char *p, const char *end, char *ret)
{
    static const struct {
        char letter, byte;
    } shorts[] = { { '"', '"' },  { '\\', '\\' }, { 'n', '\n' }, { 't', '\t' },
                   { 'r', '\r' }, { 'b', '\b' },  { 'f', '\f' } };
    if (end - p < 2)
        return 0;
    for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++)
        if (p[1] == shorts[i].letter) {
            *ret = shorts[i].byte;
            return 2;
        }
    if (end - p < 6 || memcmp(p + 1, "u00", 3) != 0 || (p[4] != '0' && p[4] != '1'))
        return 0;
    int low = low_hex(p[5]);
    int byte = (p[4] - '0') * 16 + low;
    if (low < 0 || byte == 0 || kt_line_short_escape((unsigned char)byte) != 0)
        return 0;
    *ret = (char)byte;
    return 6;
}

static const char *skip_value(const char *p, const char *end, unsigned depth);

/* The rest of a string behind what was plain of it. */
static const char *skip_escaped(const char *p, const char *end)
{
    bool high = false;
    char byte;
    while (p < end && *p != '"') {
        size_t n = kt_line_unescape(p, end, &byte);
        if (*p != '\\' || n == 0)
            return NULL;
        p += n;
        p += kt_scan_plain(p, (size_t)(end - p), &high);
    }
    return p < end ? p + 1 : NULL;
}

static inline const char *skip_string(const char *p, const char *end)
{
    bool high = false;
    if (p == end || *p++ != '"')
        return NULL;
    p += kt_scan_plain(p, (size_t)(end - p), &high);
    return p < end && *p == '"' ? p + 1 : skip_escaped(p, end);
}

static const char *skip_members(const char *p, const char *end, unsigned depth, bool object)
{
    char close = object ? '}' : ']';
    if (depth == KT_JSON_DEPTH_MAX)
        return NULL;
    if (p < end && *p == close)
        return p + 1;
    for (;;) {
        if (object) {
            p = skip_string(p, end);
            if (p == NULL || p == end || *p++ != ':')
                return NULL;
        }
        p = skip_value(p, end, depth + 1);
        if (p == NULL || p == end)
            return NULL;
        if (*p == close)
            return p + 1;
        if (*p++ != ',')
            return NULL;
    }
}

static const char *skip_literal(const char *p, const char *end, const char *word, size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

static const char *skip_value(const char *p, const char *end, unsigned depth)
{
    if (p == end)
        return NULL;
    switch (*p) {
    case '"':
        return skip_string(p, end);
    case '{':
        return skip_members(p + 1, end, depth, true);
    case '[':
        return skip_members(p + 1, end, depth, false);
    case 't':
        return skip_literal(p, end, "true", 4);
    case 'f':
        return skip_literal(p, end, "false", 5);
    case 'n':
        return skip_literal(p, end, "null", 4);
    default: {
        size_t n = kt_scan_number(p, (size_t)(end - p));
        return n > 0 ? p + n : NULL;
    }
    }
}

const char *kt_line_skip_object(const char *at, const char *end)
{
    return at < end && *at == '{' ? skip_members(at + 1, end, 0, true) : NULL;
}

struct kt_str kt_line_ip(struct kt_ip ip, char buf[KT_IP_TEXT_MAX])
{
    return kt_str_of(kt_ip_format(ip, buf));
}
