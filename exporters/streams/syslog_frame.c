/*
 * syslog_frame: header, length and frame of a syslog message. [S: RFC 5424; RFC 5425, 4.3; RFC
 * 6587, 3.4]
 *
 * Owns:  the table of facilities.
 * Calls: core/base. No I/O, no clock.
 * Holds: a message has no more than KT_SYSLOG_MAX bytes and no byte below 0x20; its header is
 *        printable ASCII.
 */
#include "exporters/streams/syslog_frame.h"

#include "exporters/streams/doc.h"

static const struct {
    const char *name;
    unsigned code; /* RFC 5424, table 1 */
} facilities[] = {
    { "user", 1 },    { "daemon", 3 },  { "auth", 4 },    { "authpriv", 10 }, { "audit", 13 },
    { "local0", 16 }, { "local1", 17 }, { "local2", 18 }, { "local3", 19 },   { "local4", 20 },
    { "local5", 21 }, { "local6", 22 }, { "local7", 23 },
};

/* -1: there is none of that name. */
static int facility_of(const char *name)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(facilities); i++)
        if (kt_str_is(kt_str_of(name), facilities[i].name))
            return (int)facilities[i].code;
    return -1;
}

static bool lines(const struct kt_syslog_options *o)
{
    return kt_str_is(kt_str_of(o->framing), "lf");
}

enum kt_status kt_syslog_check(const struct kt_syslog_options *o, struct kt_error *err)
{
    static const char names[] = "audit, auth, authpriv, daemon, user or local0 to local7";
    if (facility_of(o->facility) < 0)
        return kt_fail(err, KT_E_CONFIG, "facility: %s, not '%s'", names, o->facility);
    if (facility_of(o->alert_facility) < 0)
        return kt_fail(err, KT_E_CONFIG, "alert_facility: %s, not '%s'", names, o->alert_facility);
    if (!lines(o) && !kt_str_is(kt_str_of(o->framing), "octet"))
        return kt_fail(err, KT_E_CONFIG, "framing: octet or lf, not '%s'", o->framing);
    return KT_OK;
}

/* A field of the header: printable ASCII, other bytes as '_'; '-' for nothing. */
static void add_field(struct kt_str s, size_t max, struct kt_buf *body)
{
    if (s.len == 0)
        kt_buf_byte(body, '-');
    for (size_t i = 0; i < s.len && i < max; i++)
        kt_buf_byte(body, s.at[i] > ' ' && s.at[i] < 0x7f ? s.at[i] : '_');
    kt_buf_byte(body, ' ');
}

size_t kt_syslog_begin(const struct kt_syslog_options *o, const struct kt_stream_item *item,
                       const char *msgid, struct kt_buf *body)
{
    bool alert = item->what == KT_STREAM_ALERT;
    int facility = facility_of(alert ? o->alert_facility : o->facility);
    int severity = kt_severity_words[alert ? item->alert->severity : KT_SEV_INFO].syslog;
    char time[KT_TIME_TEXT_MAX];
    struct kt_str stamp = kt_str_of(kt_time_format(kt_stream_time(item), time));
    size_t begin = body->len;
    kt_buf_addf(body, "<%d>1 ", facility * 8 + severity);
    kt_buf_add(body, kt_str_sub(stamp, 0, stamp.len - 4)); /* of nine digits six stay */
    kt_buf_addz(body, "Z ");
    add_field(kt_str_of(o->hostname != NULL ? o->hostname : item->deployment), 255, body);
    kt_buf_addz(body, "keytrail - ");
    add_field(kt_str_of(msgid), 32, body);
    return begin;
}

size_t kt_syslog_room(size_t begin, const struct kt_buf *body)
{
    size_t used = body->len - begin;
    return used < KT_SYSLOG_MAX ? KT_SYSLOG_MAX - used : 0;
}

void kt_syslog_text(size_t begin, struct kt_str text, struct kt_buf *body)
{
    static const char mark[] = "\xef\xbb\xbf";
    bool ascii = true;
    for (size_t i = 0; i < text.len && ascii; i++)
        ascii = (unsigned char)text.at[i] < 0x80;
    size_t room = kt_syslog_room(begin, body), need = ascii ? 1 : sizeof mark;
    if (text.len == 0 || room <= need)
        return;
    kt_buf_addz(body, ascii ? " " : " \xef\xbb\xbf");
    kt_buf_add(body, kt_utf8_cut(text, room - need));
}

void kt_syslog_finish(const struct kt_syslog_options *o, size_t begin, struct kt_buf *body)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf head = { 0 };
    if (lines(o)) {
        kt_buf_byte(body, '\n');
        return;
    }
    size_t size = body->len - begin;
    kt_buf_u64_dec(&head, size);
    kt_buf_byte(&head, ' ');
    (void)kt_buf_reserve(body, head.len);
    memmove(body->at + begin + head.len, body->at + begin, size);
    memcpy(body->at + begin, head.at, head.len);
    body->len += head.len;
}
