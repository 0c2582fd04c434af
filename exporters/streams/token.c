/*
 * token: one header out of an option and a key file.
 *
 * Owns:  nothing. Calls: core/base.
 */
#include "exporters/streams/token.h"

enum kt_status kt_stream_check_header(const char *header, struct kt_error *err)
{
    struct kt_str s = kt_str_of(header);
    if (kt_str_find_byte(s, ':', 0) <= 0 || kt_str_find_byte(s, '\n', 0) >= 0 ||
        kt_str_find_byte(s, '\r', 0) >= 0)
        return kt_fail(err, KT_E_CONFIG,
                       "header: write its name, a colon and what stands before the token, such as "
                       "'Authorization: Bearer'");
    return KT_OK;
}

void kt_stream_add_token(const char *header, struct kt_str token, struct kt_arena *arena,
                         struct kt_stream_request *ret)
{
    if (token.len > 0)
        ret->headers[ret->n_headers++] =
            kt_arena_fmt(arena, "%s " KT_STR_FMT, header, KT_STR_ARG(token));
}
