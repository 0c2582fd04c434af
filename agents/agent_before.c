/*
 * agent_before: what a source gave out before this start. Whoever looks at an agent that was just
 * restarted must not think that nothing was ever read.
 *
 * Owns:  the position in the spool that remembers it over restarts: it is written with the lines.
 * Calls: the spool. What is read twice, after a crash, is counted twice.
 */
#include "agents/agent_int.h"

static void key_of(const struct instance *in, struct kt_buf *out)
{
    kt_buf_addz(out, "\tgiven\t"); /* no instance has an empty name */
    kt_buf_addz(out, in->conf->id);
}

void agent_before_open(struct instance *in)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    struct kt_str events, newest;
    uint64_t n, at;

    key_of(in, &key);
    newest = kt_spool_position(in->agent->spool, kt_buf_str(&key));
    if (kt_str_split(&newest, ' ', &events) && kt_str_u64(events, &n) && kt_str_u64(newest, &at)) {
        in->events_before = n;
        in->newest_before = at <= INT64_MAX ? (kt_time_ns)at : 0;
    }
}

bool agent_before_changed(struct instance *in, struct kt_buf *key, struct kt_buf *value)
{
    kt_time_ns newest = in->newest > in->newest_before ? in->newest : in->newest_before;

    if (in->events == in->events_kept)
        return false;
    in->events_kept = in->events;
    key_of(in, key);
    kt_buf_u64_dec(value, in->events_before + in->events);
    kt_buf_byte(value, ' ');
    kt_buf_u64_dec(value, newest > 0 ? (uint64_t)newest : 0);
    return true;
}
