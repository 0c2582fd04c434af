/*
 * events_ring: the last changes, by number, as text of Server-Sent Events.
 *
 * Owns:  their texts.
 * Calls: core/base.
 */
#include <inttypes.h>
#include <stdio.h>

#include "dashboards/server/events.h"

void kt_events_ring_add(struct kt_events_ring *g, const char *event, struct kt_str json)
{
    struct kt_buf *b = &g->text[g->next % KT_EVENTS_KEPT];
    kt_buf_reset(b);
    kt_buf_addf(b, "id: %" PRIx64 "-%" PRIu64 "\nevent: %s\ndata: ", g->life, g->next, event);
    kt_buf_add(b, json);
    kt_buf_addz(b, "\n\n");
    g->next++;
}

void kt_events_ring_done(struct kt_events_ring *g)
{
    for (unsigned i = 0; i < KT_EVENTS_KEPT; i++)
        kt_buf_done(&g->text[i]);
}

static uint64_t oldest(const struct kt_events_ring *g)
{
    return g->next > KT_EVENTS_KEPT ? g->next - KT_EVENTS_KEPT : 1;
}

bool kt_events_ring_from(const struct kt_events_ring *g, uint64_t *at, struct kt_buf *out)
{
    if (*at < oldest(g))
        return false;
    for (; *at < g->next; ++*at)
        kt_buf_add(out, kt_buf_str(&g->text[*at % KT_EVENTS_KEPT]));
    return true;
}

/* "<hex>-<decimal>" */
static bool read_id(struct kt_str id, uint64_t life, uint64_t *ret)
{
    char mine[24];
    ptrdiff_t dash = kt_str_find_byte(id, '-', 0);
    (void)snprintf(mine, sizeof mine, "%" PRIx64, life);
    return dash > 0 && kt_str_is(kt_str_sub(id, 0, (size_t)dash), mine) &&
           kt_str_u64(kt_str_from_index(id, (size_t)dash + 1), ret);
}

uint64_t kt_events_ring_since(const struct kt_events_ring *g, struct kt_str id, struct kt_buf *out)
{
    uint64_t last, at;
    if (id.len == 0)
        return g->next;
    if (read_id(id, g->life, &last) && last < g->next) {
        at = last + 1;
        if (kt_events_ring_from(g, &at, out))
            return at;
    }
    kt_buf_addf(out, "id: %" PRIx64 "-%" PRIu64 "\nevent: again\ndata: {}\n\n", g->life,
                g->next - 1);
    return g->next;
}
