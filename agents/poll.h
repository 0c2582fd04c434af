/*
 * poll: how the API of a source is asked, page by page. Pure: text in, a request or a verdict out;
 * the input http_poll asks, waits and keeps the places. One file a source
 * (agents/sources/X_poll.c).
 *
 * A stream is one row of pages. Its place is text that only the source understands (a cursor; the
 * newest id and a page): it is kept in the spool once the records before it are there, so that a
 * crash asks for some pages again and loses none.
 */
#pragma once
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/circle.h"
#include "core/base/time.h"
#include "core/event/json.h"

struct kt_poll_in {
    struct kt_str stream;
    struct kt_str url;   /* as configured; empty = the source's own */
    struct kt_str token; /* without newline */
    struct kt_str place; /* empty: never asked, or to be begun anew */
    kt_time_ns now;
    kt_time_ns since; /* the oldest records that are wanted */
    struct kt_arena *arena;
    struct kt_json *json;     /* scratch, for what stands in a token */
    struct kt_circle *circle; /* of the pages since the input last waited */
};
struct kt_poll_request { /* texts live in the arena, or are static */
    bool get;
    struct kt_str url, body;
    struct kt_str header[3]; /* "Name: value"; empty ones are left out */
};
struct kt_poll_answer {
    int status;          /* 200, or one that the input does not judge itself: 400, 404 … */
    struct kt_jval root; /* NONE: no JSON */
};
struct kt_poll_verdict {
    bool records;        /* the answer has some, or none but is a good one: it is decoded */
    bool more;           /* ask again at once, from the new place */
    struct kt_str place; /* the new one; empty with begin_anew */
    bool begin_anew;     /* forget the place: the source does not take it any more */
    const char *problem; /* NULL = fine; else a sentence with the fix, kept until a good answer */
};

struct kt_poll {
    const char *const *streams; /* NULL-ended */
    const char *url;            /* where it is asked when nothing is configured; NULL: request()
                                   finds it */
    kt_time_ns every;           /* between two rounds */
    kt_time_ns reach;           /* how far back the service remembers */
    const char *denied;         /* what to do about 401 and 403, a sentence */
    /* KT_E_AGAIN: this stream is not to be had; err says why and how to mend it. Others: the same,
     * for all of them. */
    KT_MUST_USE enum kt_status (*request)(const struct kt_poll_in *in, struct kt_poll_request *ret,
                                          struct kt_error *err);
    void (*judge)(const struct kt_poll_in *in, const struct kt_poll_answer *a,
                  struct kt_poll_verdict *ret);
};
