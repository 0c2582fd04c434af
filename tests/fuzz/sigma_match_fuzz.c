/* Any pattern against any text: stars and question marks as a table of all positions has them, and
 * contains, startswith and endswith as patterns with stars. The first line is the pattern. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "detectors/sigma.h"

/* As for config_yaml_fuzz: libfyaml forgets a buffer before a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml\n";
}

#define PATTERN_MAX 64u
#define TEXT_MAX    200u

static char folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static size_t character(struct kt_str s, size_t at)
{
    size_t n = 1;
    while (at + n < s.len && ((unsigned char)s.at[at + n] & 0xC0) == 0x80)
        n++;
    return n;
}

/* may[i]: the pattern so far can end before byte i of the text. */
static bool reference(struct kt_str pattern, struct kt_str s)
{
    bool may[TEXT_MAX + 1] = { true }, next[TEXT_MAX + 1];
    for (size_t p = 0; p < pattern.len; p++) {
        char c = pattern.at[p];
        memset(next, 0, sizeof next);
        bool seen = false;
        for (size_t i = 0; i <= s.len; i++) {
            seen = seen || may[i];
            bool inside = i < s.len && ((unsigned char)s.at[i] & 0xC0) == 0x80;
            if (c == '*')
                next[i] = seen;
            else if (may[i] && i < s.len && c == '?' && !inside)
                next[i + character(s, i)] = true;
            else if (may[i] && i < s.len && c != '?' && folded(c) == folded(s.at[i]))
                next[i + 1] = true;
        }
        memcpy(may, next, sizeof may);
    }
    return may[s.len];
}

/* As a rule: stars and marks as they are, nothing else has a meaning. */
static bool by_rule(const char *modifier, struct kt_str pattern, struct kt_str text, bool *ret)
{
    struct kt_buf b = { 0 };
    kt_buf_addf(&b, "title: t\nlogsource: {product: keytrail}\ndetection:\n  s:\n    actor%s: '",
                modifier);
    for (size_t i = 0; i < pattern.len; i++)
        kt_buf_addf(&b, "%s%c", pattern.at[i] == '\'' ? "'" : "", pattern.at[i]);
    kt_buf_addz(&b, "'\n  condition: s\n");
    struct kt_sigma *set = kt_sigma_new();
    kt_sigma_add(set, "r.yml", kt_buf_str(&b));
    kt_sigma_close(set);
    bool taken = kt_sigma_refused(set) == NULL;
    if (taken) {
        struct kt_event ev = { .actor = text };
        struct kt_sigma_view v = { .ev = &ev };
        uint32_t hit;
        *ret = kt_sigma_match(set, &v, &hit, 1) == 1;
    }
    kt_sigma_free(set);
    kt_buf_done(&b);
    return taken;
}

static struct kt_str with_stars(char *to, bool before, struct kt_str pattern, bool after)
{
    size_t n = 0;
    if (before)
        to[n++] = '*';
    memcpy(to + n, pattern.at, pattern.len);
    n += pattern.len;
    if (after)
        to[n++] = '*';
    return kt_str_from(to, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        const char *modifier;
        bool before, after;
    } ways[] = { { "", false, false },
                 { "|contains", true, true },
                 { "|startswith", false, true },
                 { "|endswith", true, false } };
    struct kt_str text = kt_str_from(data, size), pattern;
    char starred[PATTERN_MAX + 2];
    kt_hash_init();
    (void)kt_str_split(&text, '\n', &pattern);
    pattern = kt_str_trim(pattern);
    if (pattern.len == 0 || pattern.len > PATTERN_MAX || text.len == 0 || text.len > TEXT_MAX ||
        kt_str_find_byte(pattern, '\\', 0) >= 0 || !kt_utf8_valid(text))
        return 0;
    for (size_t i = 0; i < KT_ARRAY_LEN(ways); i++) {
        bool yes;
        if (by_rule(ways[i].modifier, pattern, text, &yes) &&
            yes != reference(with_stars(starred, ways[i].before, pattern, ways[i].after), text))
            abort();
    }
    return 0;
}
