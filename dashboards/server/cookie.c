/*
 * cookie: one of two names.
 *
 * Owns:  the names and what a browser is told to hold to.
 * Calls: core/base.
 */
#include "dashboards/server/cookie.h"

#include "core/base/enc.h"

#define NAME    "kt_session"
#define OF_HOST "__Host-" NAME
#define FLAGS   "; HttpOnly; SameSite=Strict; Path=/"

static unsigned named(const char *name, struct kt_str header, struct kt_str *value)
{
    struct kt_str one;
    unsigned n = 0;
    while (header.len > 0 && kt_str_split(&header, ';', &one)) {
        one = kt_str_trim(one);
        ptrdiff_t eq = kt_str_find_byte(one, '=', 0);
        if (eq < 0 || !kt_str_is(kt_str_sub(one, 0, (size_t)eq), name))
            continue;
        *value = kt_str_from_index(one, (size_t)eq + 1);
        n++;
    }
    return n;
}

bool kt_web_cookie_read(struct kt_str header, bool tls, bool *ret_secure, uint8_t ret_id[16])
{
    struct kt_str value = KT_STR_NONE;
    unsigned n = named(OF_HOST, header, &value);
    *ret_secure = tls || n > 0;
    if (!*ret_secure)
        n = named(NAME, header, &value);
    return n == 1 && kt_hex_decode(value, ret_id, 16);
}

void kt_web_cookie_write(bool secure, const char *id, struct kt_buf *ret)
{
    kt_buf_addf(ret, "%s=%s" FLAGS "%s%s", secure ? OF_HOST : NAME, id, secure ? "; Secure" : "",
                id[0] == '\0' ? "; Max-Age=0" : "");
}
