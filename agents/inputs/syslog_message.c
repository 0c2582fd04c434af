/*
 * syslog_message: takes a syslog message apart.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event (the quoting of JSON).
 */
#include "agents/inputs/syslog_message.h"

#include "core/event/line.h"

#define PRIORITY_MAX 191u
#define STAMP        15u /* "Nov 29 01:00:00" */

/* ---- the head ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "<13>" off *rest. */
static bool take_priority(struct kt_str *rest, unsigned *ret)
{
    uint64_t n = 0;
    ptrdiff_t end = kt_str_find_byte(kt_str_sub(*rest, 0, 5), '>', 0);
    if (end < 2 || rest->at[0] != '<' || !kt_str_u64(kt_str_sub(*rest, 1, (size_t)end - 1), &n) ||
        n > PRIORITY_MAX)
        return false;
    *ret = (unsigned)n;
    *rest = kt_str_from_index(*rest, (size_t)end + 1);
    return true;
}

/* The part up to the next blank, with it, off *rest. */
static struct kt_str take_word(struct kt_str *rest)
{
    ptrdiff_t end = kt_str_find_byte(*rest, ' ', 0);
    struct kt_str word = kt_str_sub(*rest, 0, end < 0 ? rest->len : (size_t)end);
    *rest = kt_str_from_index(*rest, word.len + 1);
    return word;
}

static struct kt_str said(struct kt_str word)
{
    return kt_str_is(word, "-") ? KT_STR_NONE : word;
}

/* Bytes of the structured data at the start of s, 0 when it does not end. A ']' inside a value is
 * escaped, or at least quoted. */
static size_t data_length(struct kt_str s)
{
    bool quoted = false;
    for (size_t i = 0; i < s.len; i++) {
        if (quoted && s.at[i] == '\\')
            i++;
        else if (s.at[i] == '"')
            quoted = !quoted;
        else if (!quoted && s.at[i] == ']' && (i + 1 == s.len || s.at[i + 1] != '['))
            return i + 1;
    }
    return 0;
}

/* VERSION and what follows; the version is known to be there. */
static void take_modern(struct kt_str *rest, struct kt_syslog *m)
{
    (void)take_word(rest);
    m->time = said(take_word(rest));
    m->host = said(take_word(rest));
    m->app = said(take_word(rest));
    m->procid = said(take_word(rest));
    m->msgid = said(take_word(rest));
    if (rest->len == 0)
        return;
    size_t n = rest->at[0] == '[' ? data_length(*rest) : 0;
    if (n > 0)
        m->data = kt_str_sub(*rest, 0, n);
    else if (rest->at[0] == '-')
        n = 1;
    *rest = kt_str_from_index(*rest, n);
    if (n > 0 && rest->len > 0 && rest->at[0] == ' ')
        *rest = kt_str_from_index(*rest, 1);
}

static bool is_modern(struct kt_str rest)
{
    return rest.len > 2 && rest.at[0] >= '1' && rest.at[0] <= '9' && rest.at[1] == ' ';
}

/* "Nov 29 01:00:00 ", or RFC 3339. */
static void take_stamp(struct kt_str *rest, struct kt_syslog *m)
{
    bool old = rest->len > STAMP && rest->at[3] == ' ' && rest->at[6] == ' ' &&
               rest->at[9] == ':' && rest->at[12] == ':' && rest->at[STAMP] == ' ';
    bool rfc3339 = rest->len > 19 && is_digit(rest->at[0]) && rest->at[4] == '-' &&
                   rest->at[10] == 'T' && rest->at[13] == ':';
    if (old) {
        m->time = kt_str_sub(*rest, 0, STAMP);
        *rest = kt_str_from_index(*rest, STAMP + 1);
    } else if (rfc3339) {
        m->time = take_word(rest);
    }
}

/* "vault[77]:" */
static bool take_tag(struct kt_str *rest, struct kt_syslog *m)
{
    struct kt_str after = *rest, word = take_word(&after);
    if (word.len < 2 || word.at[word.len - 1] != ':' || word.at[0] == '{' || word.at[0] == '[')
        return false;
    word.len--;
    ptrdiff_t open = kt_str_find_byte(word, '[', 0);
    if (open > 0 && word.at[word.len - 1] == ']') {
        m->procid = kt_str_sub(word, (size_t)open + 1, word.len - (size_t)open - 2);
        word.len = (size_t)open;
    }
    m->app = word;
    *rest = after;
    return true;
}

/* [TIME] [HOST] TAG: MSG. What writes to a socket of its own host leaves the host out; a word that
 * is no tag is a host where a time stood before it. */
static void take_old(struct kt_str *rest, struct kt_syslog *m)
{
    take_stamp(rest, m);
    if (take_tag(rest, m) || m->time.len == 0 || rest->len == 0 || rest->at[0] == '{' ||
        rest->at[0] == '[')
        return;
    m->host = take_word(rest);
    (void)take_tag(rest, m);
}

static struct kt_str text_of(struct kt_str s)
{
    if (kt_str_starts(s, KT_STR("\xEF\xBB\xBF")))
        s = kt_str_from_index(s, 3);
    while (s.len > 0 &&
           (s.at[s.len - 1] == '\n' || s.at[s.len - 1] == '\r' || s.at[s.len - 1] == '\0'))
        s.len--;
    return s;
}

struct kt_syslog kt_syslog_parse(struct kt_str message)
{
    struct kt_syslog m = { .head = false };
    struct kt_str rest = message;
    m.head = take_priority(&rest, &m.priority);
    if (m.head && is_modern(rest))
        take_modern(&rest, &m);
    else if (m.head)
        take_old(&rest, &m);
    m.text = text_of(rest);
    return m;
}

/* ---- as an object ---- */

static void put(struct kt_buf *out, const char *name, struct kt_str value)
{
    if (value.len == 0)
        return;
    if (out->at[out->len - 1] != '{')
        kt_buf_byte(out, ',');
    kt_json_quote(out, kt_str_of(name));
    kt_buf_byte(out, ':');
    kt_json_quote(out, value);
}

/* A value up to its closing quote, with it, off *rest. Only these three are escaped (RFC 5424
 * §6.3.3); any other backslash stands for itself. */
static void take_value(struct kt_str *rest, struct kt_buf *value)
{
    size_t i = 0;
    kt_buf_reset(value);
    for (; i < rest->len && rest->at[i] != '"'; i++) {
        char next = i + 1 < rest->len ? rest->at[i + 1] : '\0';
        if (rest->at[i] == '\\' && (next == '"' || next == '\\' || next == ']'))
            i++;
        kt_buf_byte(value, rest->at[i]);
    }
    *rest = kt_str_from_index(*rest, i + 1);
}

/* Bytes before the first of `ends`. */
static struct kt_str take_name(struct kt_str *rest, const char *ends)
{
    size_t n = 0;
    while (n < rest->len && strchr(ends, rest->at[n]) == NULL)
        n++;
    struct kt_str name = kt_str_sub(*rest, 0, n);
    *rest = kt_str_from_index(*rest, n);
    return name;
}

/* One element, from behind its '[' to behind its ']'. */
static void put_element(struct kt_str *rest, struct kt_buf *value, struct kt_buf *out)
{
    bool first = true;
    kt_json_quote(out, take_name(rest, " ]"));
    kt_buf_addz(out, ":{");
    while (rest->len > 0 && rest->at[0] != ']') {
        *rest = kt_str_from_index(*rest, 1); /* the blank */
        struct kt_str name = take_name(rest, "= ]");
        if (!kt_str_starts(*rest, KT_STR("=\"")))
            continue;
        *rest = kt_str_from_index(*rest, 2);
        take_value(rest, value);
        kt_buf_addz(out, first ? "" : ",");
        kt_json_quote(out, name);
        kt_buf_byte(out, ':');
        kt_json_quote(out, kt_buf_str(value));
        first = false;
    }
    kt_buf_byte(out, '}');
    *rest = kt_str_from_index(*rest, 1);
}

static void put_data(struct kt_str data, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
    bool first = true;
    if (data.len == 0)
        return;
    kt_buf_addz(out, out->at[out->len - 1] == '{' ? "\"sd\":{" : ",\"sd\":{");
    while (kt_str_starts(data, KT_STR("["))) {
        data = kt_str_from_index(data, 1);
        kt_buf_addz(out, first ? "" : ",");
        put_element(&data, &value, out);
        first = false;
    }
    kt_buf_byte(out, '}');
}

void kt_syslog_object(const struct kt_syslog *m, struct kt_buf *out)
{
    kt_buf_byte(out, '{');
    if (m->head)
        kt_buf_addf(out, "\"pri\":%u", m->priority);
    put(out, "time", m->time);
    put(out, "hostname", m->host);
    put(out, "appname", m->app);
    put(out, "procid", m->procid);
    put(out, "msgid", m->msgid);
    put(out, "msg", m->text);
    put_data(m->data, out);
    kt_buf_byte(out, '}');
}
