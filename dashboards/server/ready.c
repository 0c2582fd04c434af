/*
 * ready: judgement of health.
 *
 * Owns:  the words.
 * Calls: core/base.
 * Holds: a page that can show the store is alive though the collector is away: only /readyz says
 *        so, so that nobody restarts it for that. Paths and what the system says of them are for
 *        the page's own log.
 */
#include "dashboards/server/ready.h"

int kt_healthz(struct kt_buf *out)
{
    kt_buf_addz(out, "ok\n");
    return 200;
}

static void add_part(struct kt_buf *out, const char *part, bool fine)
{
    kt_buf_addf(out, "%s: %s\n", part, fine ? "ok" : "failed");
}

int kt_readyz(const struct kt_ready *r, struct kt_buf *out)
{
    add_part(out, "store", r->store);
    if (r->configured)
        add_part(out, "collector", r->collector);
    else
        kt_buf_addz(out, "collector: none is configured\n");
    return r->store && (r->collector || !r->configured) ? 200 : 503;
}
