/*
 * daemon_streams: what the streams want of the one writer: positions kept, people told, and what
 * people want of the streams.
 *
 * Owns:  nothing.
 * Calls: streams, daemon_notes, ingest (the transaction).
 */
#include "collector/daemon.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include <inttypes.h>
#include <stdio.h>

#define BROKEN_AFTER (15 * KT_NS_MIN)
#define NAMES_MAX    16u

static void dead_letters(void *self, const char *stream, uint64_t count)
{
    char text[200];
    (void)snprintf(text, sizeof text,
                   "did not take %" PRIu64 " item%s for good: keytrail stream dead %.64s", count,
                   count == 1 ? "" : "s", stream);
    kt_daemon_note(self, "stream.dead", kt_str_of(stream), text, NULL);
}

enum kt_status kt_daemon_streams_put(struct kt_daemon *d, struct kt_error *err)
{
    if (!kt_streams_waiting(d->streams))
        return KT_OK;
    enum kt_status st = kt_ingest_begin(d->ingest, err);
    return st == KT_OK ? kt_streams_put(d->streams, dead_letters, d, err) : st;
}

void kt_daemon_check_streams(struct kt_daemon *d)
{
    const char *names[NAMES_MAX];
    unsigned n = kt_streams_broken(d->streams, BROKEN_AFTER, names, NAMES_MAX);
    for (unsigned i = 0; i < n; i++)
        kt_daemon_note(d, "stream.broken", kt_str_of(names[i]),
                       "takes nothing and has failed for 15 minutes; nothing is lost: it goes on "
                       "where it stopped",
                       NULL);
}

enum kt_status kt_daemon_stream_rewind(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                       struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    struct kt_str name = kt_json_str_at(args, "name"), by = kt_json_str_at(args, "by");
    int64_t since = 0;
    if (by.len == 0 || !kt_json_i64(kt_json_at(args, "since"), &since))
        return kt_fail(err, KT_E_INPUT, "a rewind needs name, since (ns) and by");
    enum kt_status st = kt_ingest_begin(d->ingest, err); /* the wish and its record, or none */
    if (st == KT_OK)
        st = kt_streams_rewind(d->streams, name, since, err);
    if (st != KT_OK)
        return st;
    kt_buf_addz(&raw, "{\"stream\":");
    kt_json_quote(&raw, name);
    kt_buf_addf(&raw, ",\"since\":%" PRId64 ",\"by\":", since);
    kt_json_quote(&raw, by);
    kt_buf_byte(&raw, '}');
    st = kt_daemon_record(d, KT_KIND_AUDIT, "stream.rewind",
                          KT_STR("a stream was told to send again"), kt_buf_str(&raw), err);
    if (st == KT_OK)
        st = kt_daemon_commit(d, err);
    if (st == KT_OK) {
        kt_log(KT_LOG_INFO, "collector: stream.rewind stream='" KT_STR_FMT "' by='" KT_STR_FMT "'",
               KT_STR_ARG(name), KT_STR_ARG(by));
        kt_buf_addz(out, "{\"rewound\":true}\n");
    }
    return st;
}
