/*
 * ready: judgement of health.
 *
 * Owns:  the words.
 * Calls: core/base.
 * Holds: a page that can show the store is alive though the collector is away: only /readyz says
 *        so, so that nobody restarts it for that.
 */
#include "dashboards/server/ready.h"

#include "core/base/log.h"

int kt_healthz(struct kt_buf *out)
{
    kt_buf_addz(out, "ok\n");
    return 200;
}

static void add_part(struct kt_buf *out, const char *part, bool fine, const char *why)
{
    kt_buf_addf(out, "%s: %s", part, fine ? "ok" : "failed");
    if (!fine && why != NULL && why[0] != '\0') {
        kt_buf_addz(out, ": ");
        kt_tty_add(out, kt_str_of(why));
    }
    kt_buf_byte(out, '\n');
}

int kt_readyz(const struct kt_ready *r, struct kt_buf *out)
{
    add_part(out, "store", r->store, r->store_why);
    if (r->configured)
        add_part(out, "collector", r->collector, r->collector_why);
    else
        kt_buf_addz(out, "collector: none is configured\n");
    return r->store && (r->collector || !r->configured) ? 200 : 503;
}
