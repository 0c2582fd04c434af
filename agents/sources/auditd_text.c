/*
 * auditd_text: lines of the audit log -> one JSON object an event (SOURCES §8.1).
 *
 * Owns:  the grammar of a line, the list of members that are looked at.
 * Calls: core/base, core/event.
 * Holds: arguments of programs are passed on only to recognise a program by them.
 */
#include "agents/sources/auditd.h"
#include "core/event/line.h"
#include "core/event/redact.h"

#define TYPE_MAX      64u
#define ARGUMENTS_MAX 3u /* of EXECVE: an interpreter, an option, the program */

struct head {
    struct kt_str node, type, id, rest;
};

/* Numbers as the kernel's own log and other readers of the socket write them. */
static const struct {
    const char *number, *name;
} numbers[] = {
    { "1006", "LOGIN" },        { "1100", "USER_AUTH" },     { "1105", "USER_START" },
    { "1112", "USER_LOGIN" },   { "1200", "DAEMON_START" },  { "1201", "DAEMON_END" },
    { "1202", "DAEMON_ABORT" }, { "1203", "DAEMON_CONFIG" }, { "1300", "SYSCALL" },
    { "1302", "PATH" },         { "1305", "CONFIG_CHANGE" }, { "1307", "CWD" },
    { "1309", "EXECVE" },       { "1320", "EOE" },           { "1327", "PROCTITLE" },
    { "1336", "URINGOP" },      { "1337", "OPENAT2" },       { "2000", "KERNEL" },
};
/* What a record is whose line does not say its type, by its first member. */
static const struct {
    const char *member, *name;
} first_members[] = {
    { "arch", "SYSCALL" },        { "cwd", "CWD" },
    { "item", "PATH" },           { "argc", "EXECVE" },
    { "proctitle", "PROCTITLE" }, { "uring_op", "URINGOP" },
    { "oflag", "OPENAT2" },
};

/* Members that are looked at; all others stay in the log. */
static const char *const members[] = {
    "arch",
    "syscall",
    "success",
    "exit",
    "a0",
    "a1",
    "a2",
    "ppid",
    "pid",
    "auid",
    "uid",
    "euid",
    "tty",
    "ses",
    "comm",
    "exe",
    "key",
    "cwd",
    "item",
    "name",
    "inode",
    "mode",
    "nametype",
    "oflag",
    "op",
    "uring_op",
    "addr",
    "hostname",
    "terminal",
    "res",
    "result",
    "acct",
    "list",
    "path",
    "dir",
    "old",
    "lost",
    "proctitle",
    "AUID",
    "UID",
    "EUID",
    "SYSCALL",
    "audit_enabled",
    "audit_failure",
    "audit_pid",
    "audit_backlog_limit",
    "audit_rate_limit",
    "audit_backlog_wait_time",
    "audit_lost",
    "actions",
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits(struct kt_str s, size_t at)
{
    size_t n = at;
    while (n < s.len && is_digit(s.at[n]))
        n++;
    return n - at;
}

/* ---- the head: [node=HOST ]type=TYPE msg=audit(SECONDS.MILLIS:SERIAL): ---- */

static struct kt_str word_behind(struct kt_str text, struct kt_str name)
{
    ptrdiff_t at = kt_str_find(text, name, 0);
    if (at < 0 || (at > 0 && text.at[at - 1] != ' '))
        return KT_STR_NONE;
    struct kt_str rest = kt_str_from_index(text, (size_t)at + name.len), word;
    return kt_str_split(&rest, ' ', &word) ? word : KT_STR_NONE;
}

static bool is_time_and_serial(struct kt_str id)
{
    size_t seconds = digits(id, 0), millis = digits(id, seconds + 1);
    size_t dot = seconds, colon = seconds + 1 + millis;
    return seconds > 0 && seconds <= 10 && millis == 3 && id.at[dot] == '.' && colon < id.len &&
           id.at[colon] == ':' && digits(id, colon + 1) > 0 &&
           colon + 1 + digits(id, colon + 1) == id.len;
}

static struct kt_str type_of(struct kt_str before, struct kt_str rest)
{
    struct kt_str type = word_behind(before, KT_STR("type=")), member;
    for (size_t i = 0; i < KT_ARRAY_LEN(numbers); i++)
        if (kt_str_is(type, numbers[i].number))
            return kt_str_of(numbers[i].name);
    if (type.len > 0 || !kt_str_split(&rest, '=', &member))
        return kt_str_sub(type, 0, TYPE_MAX);
    for (size_t i = 0; i < KT_ARRAY_LEN(first_members); i++)
        if (kt_str_is(member, first_members[i].member))
            return kt_str_of(first_members[i].name);
    return KT_STR_NONE;
}

/* Text in front, such as a syslog head, is no part of it. */
static bool read_head(struct kt_str line, struct head *ret)
{
    struct kt_str open = KT_STR("audit(");
    ptrdiff_t at = kt_str_find(line, open, 0);
    ptrdiff_t end = at < 0 ? -1 : kt_str_find_byte(line, ')', (size_t)at);
    if (end < 0)
        return false;
    struct kt_str before = kt_str_sub(line, 0, (size_t)at);
    size_t from = (size_t)at + open.len;
    ret->id = kt_str_sub(line, from, (size_t)end - from);
    ret->rest = kt_str_from_index(line, (size_t)end + 1);
    if (kt_str_starts(ret->rest, KT_STR(":")))
        ret->rest = kt_str_from_index(ret->rest, 1);
    ret->rest = kt_str_trim(ret->rest);
    ret->node = word_behind(before, KT_STR("node="));
    ret->type = type_of(before, ret->rest);
    return is_time_and_serial(ret->id);
}

/* Records that programs send have their members in msg='…' and are events of their own, as are
 * those of the daemon. */
static bool stands_alone(const struct head *h)
{
    return kt_str_starts(h->type, KT_STR("DAEMON_")) || kt_str_is(h->type, "KERNEL") ||
           kt_str_has(h->rest, KT_STR("msg='")) || kt_str_starts(h->rest, KT_STR("user pid="));
}

bool kt_auditd_gather(struct kt_str line, struct kt_arena *arena, struct kt_part *ret)
{
    struct head h;
    if (!read_head(line, &h))
        return false;
    if (!stands_alone(&h))
        ret->key = kt_arena_cat3(arena, h.id, KT_STR(" "), h.node);
    ret->last = kt_str_is(h.type, "EOE") || kt_str_is(h.type, "PROCTITLE");
    return true;
}

/* ---- the members ---- */

/* Copies lose the byte in front of what an enriching daemon adds: `key=(null)ARCH=x86_64`. Where in
 * `s`, the rest of the line from a bare value on, the value ends before such a name; or its
 * length. */
static size_t before_glued(struct kt_str value)
{
    static const char *const names[] = { "OLD-AUID", "OAUID", "OUID",  "AUID",
                                         "UID",      "ARCH",  "SADDR", "ID" };
    ptrdiff_t equals = kt_str_find_byte(value, '=', 1);
    if (equals < 0)
        return value.len;
    struct kt_str front = kt_str_sub(value, 0, (size_t)equals);
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++)
        if (front.len > strlen(names[i]) && kt_str_ends(front, kt_str_of(names[i])))
            return front.len - strlen(names[i]);
    return value.len;
}

static bool is_separator(char c)
{
    return c == ' ' || c == 0x1d || c == '\'' || c == ',' || c == '\n' || c == '\r';
}

/* `"a"`, and `"a"\x01"b"` where a rule has several keys. */
static size_t quoted_length(struct kt_str s)
{
    size_t i = 0;
    do {
        ptrdiff_t end = kt_str_find_byte(s, '"', i + 1);
        if (end < 0)
            return s.len;
        i = (size_t)end + 1;
    } while (i + 1 < s.len && s.at[i] == 1 && s.at[++i] == '"');
    return i;
}

/* Takes the next `name=value` off *rest; words that are neither are passed over. */
static bool take_member(struct kt_str *rest, struct kt_str *ret_name, struct kt_str *ret_value)
{
    for (;;) {
        size_t from = 0, at;
        while (from < rest->len && is_separator(rest->at[from]))
            from++;
        for (at = from; at < rest->len && rest->at[at] != '=' && !is_separator(rest->at[at]);)
            at++;
        if (at >= rest->len)
            return false;
        *ret_name = kt_str_sub(*rest, from, at - from);
        bool member = rest->at[at] == '=' && at > from;
        *rest = kt_str_from_index(*rest, at + 1);
        if (!member)
            continue;
        size_t n = 0;
        if (kt_str_starts(*rest, KT_STR("\"")))
            n = quoted_length(*rest);
        else
            while (n < rest->len && !is_separator(rest->at[n]))
                n++;
        *ret_value = kt_str_sub(*rest, 0, n);
        if (!kt_str_starts(*ret_value, KT_STR("\"")))
            ret_value->len = before_glued(*ret_value);
        *rest = kt_str_from_index(*rest, ret_value->len);
        return true;
    }
}

static bool is_wanted(struct kt_str type, struct kt_str name)
{
    if (kt_str_is(type, "EXECVE")) { /* a0, a1 …, never more than tell which program it is */
        return name.len == 2 && name.at[0] == 'a' && name.at[1] >= '0' &&
               name.at[1] < (char)('0' + ARGUMENTS_MAX);
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(members); i++)
        if (kt_str_is(name, members[i]))
            return true;
    return false;
}

static void write_member(struct kt_str name, struct kt_str value, struct kt_buf *out)
{
    kt_buf_byte(out, ',');
    kt_json_quote(out, name);
    kt_buf_byte(out, ':');
    kt_json_quote(out, value);
}

static void write_record(const struct head *h, struct kt_buf *out, uint64_t *unknown)
{
    struct kt_str rest = h->rest, name, value;
    kt_buf_addz(out, "{\"type\":");
    kt_json_quote(out, h->type);
    while (take_member(&rest, &name, &value)) {
        if (is_wanted(h->type, name))
            write_member(name, value, out);
        else if (!kt_str_is(name, "msg"))
            (*unknown)++;
    }
    kt_buf_byte(out, '}');
}

static void write_when(struct kt_str id, struct kt_buf *out)
{
    uint64_t seconds = 0, millis = 0;
    char text[KT_TIME_TEXT_MAX];
    ptrdiff_t dot = kt_str_find_byte(id, '.', 0);
    if (!kt_str_u64(kt_str_sub(id, 0, (size_t)dot), &seconds) ||
        !kt_str_u64(kt_str_sub(id, (size_t)dot + 1, 3), &millis) || seconds > INT64_C(4102444800))
        return;
    kt_time_ns t = (kt_time_ns)seconds * KT_NS_S + (kt_time_ns)millis * KT_NS_MS;
    kt_buf_addf(out, ",\"when\":\"%s\"", kt_time_format(t, text));
}

bool kt_auditd_json(struct kt_str record, struct kt_buf *out)
{
    struct kt_str rest = record, line;
    uint64_t unknown = 0;
    unsigned n = 0;
    while (kt_str_split(&rest, '\n', &line)) {
        struct head h;
        if (kt_str_trim(line).len == 0)
            continue;
        if (!read_head(line, &h))
            return false;
        if (n++ == 0) {
            kt_buf_addz(out, "{\"id\":");
            kt_json_quote(out, h.id);
            write_member(KT_STR("node"), h.node, out);
            write_when(h.id, out);
            kt_buf_addz(out, ",\"records\":[");
        } else {
            kt_buf_byte(out, ',');
        }
        write_record(&h, out, &unknown);
    }
    kt_buf_addf(out, "],\"unknown\":%llu}", (unsigned long long)unknown);
    return n > 0;
}

/* ---- values ---- */

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_hex(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (hex_digit(s.at[i]) < 0)
            return false;
    return s.len >= 2 && s.len % 2 == 0;
}

/* `"a"\x01"b"` -> a \x01 b */
static struct kt_str unquoted(struct kt_arena *a, struct kt_str s)
{
    size_t n = 0;
    if (kt_str_find_byte(kt_str_from_index(s, 1), '"', 0) + 2 == (ptrdiff_t)s.len)
        return kt_str_sub(s, 1, s.len - 2);
    char *at = kt_arena_alloc(a, s.len);
    if (at == NULL)
        return KT_STR_NONE;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] != '"')
            at[n++] = s.at[i];
    return kt_str_from(at, n);
}

struct kt_str kt_auditd_text(const struct kt_decode_in *in, struct kt_jval value)
{
    static const char *const none[] = { "(null)", "?", "(none)", "\"?\"" };
    struct kt_str s = kt_json_str(value);
    for (size_t i = 0; i < KT_ARRAY_LEN(none); i++)
        if (kt_str_is(s, none[i]))
            return KT_STR_NONE;
    if (kt_str_starts(s, KT_STR("\"")))
        return unquoted(in->arena, s);
    if (!is_hex(s))
        return s;
    unsigned char *at = kt_arena_alloc(in->arena, s.len / 2);
    if (at == NULL)
        return KT_STR_NONE;
    for (size_t i = 0; i < s.len / 2; i++)
        at[i] = (unsigned char)(hex_digit(s.at[2 * i]) * 16 + hex_digit(s.at[2 * i + 1]));
    struct kt_str text = kt_str_from(at, s.len / 2);
    /* the pipeline looked at the digits only */
    if (kt_redact_str(text, in->arena, &text, NULL, ""))
        *in->masked = true;
    return text;
}
