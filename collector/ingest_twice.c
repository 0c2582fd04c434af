/*
 * ingest_twice: see the header.
 *
 * Owns:  when connections of one agent greeted and were heard.
 * Calls: core/base. No clock.
 */
#include "collector/ingest_twice.h"

#include <stddef.h>

/* A message that waited while the collector stood still comes late, but once: the older connection
 * must have been heard this long after the newer one's greeting, and this long after that again. */
#define BESIDE KT_NS_MIN

static struct kt_twice_peer *find(struct kt_ingest_twice *tw, uint64_t peer)
{
    for (unsigned i = 0; i < KT_TWICE_PEERS; i++)
        if (tw->at[i].greeted != 0 && tw->at[i].peer == peer)
            return &tw->at[i];
    return NULL;
}

/* How much it would be missed: not at all when it is silent, else the more the longer it lives, so
 * that greetings in a row push out each other and not the agent that was there. */
static kt_time_ns worth(const struct kt_twice_peer *p, kt_time_ns mono)
{
    bool silent = p->greeted == 0 || mono - p->heard >= BESIDE;
    return silent ? p->heard - mono : p->heard - p->greeted;
}

static struct kt_twice_peer *place(struct kt_ingest_twice *tw, kt_time_ns mono)
{
    struct kt_twice_peer *best = &tw->at[0];
    for (unsigned i = 1; i < KT_TWICE_PEERS; i++)
        if (worth(&tw->at[i], mono) < worth(best, mono))
            best = &tw->at[i];
    return best;
}

/* Has another one greeted after it, a while ago? */
static bool is_outlived(const struct kt_ingest_twice *tw, const struct kt_twice_peer *p,
                        kt_time_ns mono)
{
    for (unsigned i = 0; i < KT_TWICE_PEERS; i++)
        if (tw->at[i].greeted > p->greeted && mono - tw->at[i].greeted >= BESIDE)
            return true;
    return false;
}

bool kt_ingest_twice(struct kt_ingest_twice *tw, uint64_t peer, bool greets, kt_time_ns mono)
{
    struct kt_twice_peer *p = find(tw, peer);
    if (p == NULL && !greets)
        return false;
    if (p == NULL) {
        p = place(tw, mono);
        *p = (struct kt_twice_peer){ .peer = peer, .greeted = mono };
    }
    p->heard = mono;
    if (!is_outlived(tw, p, mono))
        return false;
    if (p->outlived == 0)
        p->outlived = mono;
    return mono - p->outlived >= BESIDE;
}
