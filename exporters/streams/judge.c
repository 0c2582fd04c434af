/*
 * judge: what an HTTP status says when the target has nothing more to tell.
 *
 * Owns:  nothing.
 * Calls: stream.h. No I/O, no clock.
 */
#include "exporters/streams/stream.h"
#include <stdio.h>

static const struct {
    int from, until; /* inclusive */
    enum kt_stream_verdict verdict;
} table[] = {
    { 200, 299, KT_STREAM_TAKEN },     { 300, 399, KT_STREAM_DENIED },
    { 400, 400, KT_STREAM_REFUSED },   { 401, 405, KT_STREAM_DENIED },
    { 407, 407, KT_STREAM_DENIED },    { 410, 410, KT_STREAM_DENIED },
    { 413, 413, KT_STREAM_TOO_LARGE }, { 422, 422, KT_STREAM_REFUSED },
};

void kt_stream_judge_status(int status, struct kt_stream_judgement *ret)
{
    ret->verdict = KT_STREAM_RETRY;
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++)
        if (status >= table[i].from && status <= table[i].until)
            ret->verdict = table[i].verdict;
    (void)snprintf(ret->word, sizeof ret->word, "status_%d", status);
}
