/*
 * tries: a bounded table of addresses.
 *
 * Owns:  the table: looked through as a whole, 4,096 entries in some 10 µs beside a check of 100
 * ms. Calls: core/base. No clock.
 */
#include "dashboards/server/tries.h"
#include "core/base/alloc.h"

#define FREE_TRIES 5u
#define DOUBLINGS  4u
#define FORGIVEN   KT_NS_HOUR

struct entry { /* last 0: free */
    struct kt_ip net;
    kt_time_ns since, last; /* begin of the minute; last try */
    kt_time_ns until;       /* waits until */
    unsigned tries, waits;  /* in the minute; how often it had to wait */
};
struct kt_web_tries {
    struct entry at[KT_WEB_TRIES_MAX];
};

struct kt_web_tries *kt_web_tries_new(void)
{
    return kt_alloc(sizeof(struct kt_web_tries));
}

void kt_web_tries_free(struct kt_web_tries *t)
{
    kt_free(t);
}

static struct entry *find(struct kt_web_tries *t, struct kt_ip peer)
{
    struct kt_ip net = kt_ip_network(peer, 32, 64).ip;
    for (unsigned i = 0; i < KT_WEB_TRIES_MAX; i++)
        if (t->at[i].last != 0 && kt_ip_eq(t->at[i].net, net))
            return &t->at[i];
    return NULL;
}

/* A place for a new address: a free one, or that of the one longest quiet; who waits is kept as
 * long as there are others. */
static struct entry *place(struct kt_web_tries *t, kt_time_ns now)
{
    struct entry *best = &t->at[0];
    for (unsigned i = 1; i < KT_WEB_TRIES_MAX; i++) {
        struct entry *e = &t->at[i];
        bool waits = e->until > now, best_waits = best->until > now;
        if (waits != best_waits ? best_waits : e->last < best->last)
            best = e;
    }
    return best;
}

bool kt_web_tries_take(struct kt_web_tries *t, struct kt_ip peer, kt_time_ns now,
                       kt_time_ns *ret_wait)
{
    struct entry *e = find(t, peer);
    if (e == NULL || now - e->last > FORGIVEN) {
        e = e != NULL ? e : place(t, now);
        *e = (struct entry){ .net = kt_ip_network(peer, 32, 64).ip, .since = now };
    }
    *ret_wait = e->until - now;
    if (e->until > now)
        return false;
    if (now - e->since >= KT_NS_MIN) {
        e->since = now;
        e->tries = 0;
    }
    e->last = now;
    e->tries++;
    if (e->tries < FREE_TRIES)
        return true;
    e->until = now + (KT_NS_MIN << (e->waits < DOUBLINGS ? e->waits : DOUBLINGS));
    e->waits++;
    e->tries = 0;
    return true;
}

void kt_web_tries_right(struct kt_web_tries *t, struct kt_ip peer)
{
    struct entry *e = find(t, peer);
    if (e != NULL && e->tries > 0)
        e->tries--;
    else if (e != NULL && e->until > e->last) { /* it was the fifth: four failed ones are left */
        e->until = 0;
        e->tries = FREE_TRIES - 1;
        e->waits -= e->waits > 0;
    }
}
