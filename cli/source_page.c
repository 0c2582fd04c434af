/*
 * source_page: reads the pages of sources and inputs.
 *
 * Owns:  nothing. Calls: core/base.
 */
#include "cli/source_page.h"

/* Where a line that begins with `start` begins, at or after from; -1: nowhere. */
static ptrdiff_t find_line(struct kt_str s, struct kt_str start, size_t from)
{
    while (from < s.len) {
        if (kt_str_starts(kt_str_from_index(s, from), start))
            return (ptrdiff_t)from;
        ptrdiff_t nl = kt_str_find_byte(s, '\n', from);
        if (nl < 0)
            return -1;
        from = (size_t)nl + 1;
    }
    return -1;
}

static size_t next_line(struct kt_str s, size_t at)
{
    ptrdiff_t nl = kt_str_find_byte(s, '\n', at);
    return nl < 0 ? s.len : (size_t)nl + 1;
}

struct kt_str kt_page_section(const char *page, const char *name)
{
    struct kt_str s = kt_str_of(page), head;
    for (ptrdiff_t at = 0; (at = find_line(s, KT_STR("## "), (size_t)at)) >= 0;) {
        size_t body = next_line(s, (size_t)at);
        head = kt_str_trim(kt_str_sub(s, (size_t)at + 3, body - (size_t)at - 3));
        ptrdiff_t end = find_line(s, KT_STR("## "), body);
        if (kt_str_is(head, name))
            return kt_str_trim(kt_str_sub(s, body, (end < 0 ? s.len : (size_t)end) - body));
        at = (ptrdiff_t)body;
    }
    return KT_STR_NONE;
}

struct kt_str kt_page_yaml(struct kt_str text, struct kt_str *ret_rest)
{
    ptrdiff_t at = find_line(text, KT_STR("```yaml"), 0);
    size_t body = at < 0 ? text.len : next_line(text, (size_t)at);
    ptrdiff_t end = find_line(text, KT_STR("```"), body);
    if (end < 0)
        return KT_STR_NONE;
    if (ret_rest != NULL)
        *ret_rest = kt_str_trim(kt_str_from_index(text, next_line(text, (size_t)end)));
    return kt_str_sub(text, body, (size_t)end - body);
}

struct kt_str kt_page_title(const char *page)
{
    struct kt_str s = kt_str_of(page), line = kt_str_sub(s, 0, next_line(s, 0));
    ptrdiff_t colon = kt_str_find(line, KT_STR(": "), 0);
    return kt_str_trim(kt_str_from_index(line, colon < 0 ? 0 : (size_t)colon + 2));
}
