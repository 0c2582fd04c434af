/* token: the header that carries a stream's token, where its name is the receiver's choice. */
#pragma once
#include "exporters/streams/stream.h"

/* header: up to the token, "Authorization: Bearer". KT_E_CONFIG when it is none. */
KT_MUST_USE enum kt_status kt_stream_check_header(const char *header, struct kt_error *err);
/* Adds "<header> <token>" to the request; nothing for an empty token. */
void kt_stream_add_token(const char *header, struct kt_str token, struct kt_arena *arena,
                         struct kt_stream_request *ret);
