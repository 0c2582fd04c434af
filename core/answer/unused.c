/*
 * unused: see the header. The newest inventory, and one walk over the columns of reads.
 *
 * Owns:  marks of what was read, and of sets.
 * Calls: core/answer (inventory, ask, secret_change). No clock, no output.
 */
#include "core/answer/unused.h"

#include <stdlib.h>

#include "core/answer/secret_change.h"
#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/event/secret_id.h"
#include "core/store/totals.h"

struct unused {
    struct kt_unused out; /* first: kt_unused_free gets at the rest */
    struct kt_ask *ask;
    struct kt_inventory *inventory;
    const struct kt_inventory_item **item;
    bool *read; /* by place in the inventory */
    struct kt_map *sets;
    struct kt_buf codes, id;
};

static void mark(struct unused *u, struct kt_str secret)
{
    if (kt_str_ends(secret, KT_STR("/*"))) {
        (void)kt_map_put(u->sets, secret, NULL);
        return;
    }
    kt_buf_reset(&u->id);
    kt_secret_read_as(secret, &u->id);
    const struct kt_inventory_item *it = kt_inventory_find(u->inventory, kt_buf_str(&u->id));
    if (it != NULL)
        u->read[it - u->inventory->item] = true;
}

/* Each text of a view's dictionary is looked up once. */
static enum kt_status take_view(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct unused *u = self;
    const struct kt_text_column *t = &view->columns->text[KT_COL_SECRET - KT_COL_SMALL];
    (void)err;
    kt_buf_reset(&u->codes);
    char *seen = kt_buf_reserve(&u->codes, t->n_dict + 1);
    memset(seen, 0, t->n_dict + 1);
    for (uint32_t i = 0; i < view->picks; i++) {
        uint32_t code = t->code[view->pick[i]];
        if (code == 0 || seen[code] || kt_column_is_shadow(view->columns, view->pick[i]))
            continue;
        seen[code] = 1;
        mark(u, t->dict[code - 1]);
    }
    return KT_OK;
}

static bool take_sums(void *self, struct kt_totals *sums)
{
    for (uint32_t i = 0; i < sums->n_secrets; i++)
        if (sums->secret[i].read)
            mark(self, sums->secret[i].id);
    return true;
}

static void mark_sets(struct unused *u)
{
    for (uint32_t k = 0; k < kt_map_count(u->sets); k++) {
        for (uint32_t i = 0; i < u->inventory->n; i++)
            if (kt_secret_is_below(u->inventory->item[i].secret, kt_map_key(u->sets, k)))
                u->read[i] = true;
    }
}

static int oldest_first(const void *x, const void *y)
{
    const struct kt_inventory_item *a = *(const struct kt_inventory_item *const *)x,
                                   *b = *(const struct kt_inventory_item *const *)y;
    if (a->created != b->created)
        return a->created < b->created ? -1 : 1;
    return kt_str_cmp(a->secret, b->secret);
}

static enum kt_status load(struct unused *u, kt_time_ns span, struct kt_error *err)
{
    kt_time_ns since = u->ask->since, until = u->ask->until;
    struct kt_store_stats stats;
    enum kt_status status = kt_inventory_newest(u->ask, &u->inventory, err);
    if (status == KT_OK)
        status = kt_reader_stats(u->ask->reader, &stats, err);
    if (status != KT_OK)
        return status;
    u->read = kt_alloc_array(u->inventory->n + 1, sizeof *u->read);
    u->item = kt_alloc_array(u->inventory->n + 1, sizeof *u->item);
    bool behind = stats.last_time != 0 && stats.last_time < u->ask->now;
    u->out.until = until != 0 ? until : behind ? stats.last_time + 1 : u->ask->now;
    u->out.since = u->out.until - span;
    if (u->inventory->n == 0)
        return KT_OK;
    u->ask->since = u->out.since;
    u->ask->until = u->out.until;
    const struct kt_ask_totals sums = { .with = KT_TOTALS_WITH_SECRETS, .take = take_sums };
    status = kt_ask_summed(u->ask, &sums, KT_STR("action:read,export,issue,use outcome:success"),
                           KT_ACCESS_COLUMNS, take_view, u, err);
    u->ask->since = since;
    u->ask->until = until;
    return status;
}

enum kt_status kt_unused_load(struct kt_ask *a, kt_time_ns span, struct kt_unused **ret,
                              struct kt_error *err)
{
    struct unused *u = kt_alloc(sizeof *u);
    *u = (struct unused){ .ask = a, .sets = kt_map_new((uint64_t)a->now) };
    enum kt_status status = load(u, span, err);
    if (status != KT_OK) {
        kt_unused_free(&u->out);
        return status;
    }
    mark_sets(u);
    for (uint32_t i = 0; i < u->inventory->n; i++) {
        const struct kt_inventory_item *it = &u->inventory->item[i];
        bool there = it->listed && !it->gone && it->deleted == 0;
        u->out.listed += there;
        if (there && !u->read[i] && it->created < u->out.since)
            u->item[u->out.n++] = it;
    }
    if (u->out.n > 0)
        qsort(u->item, u->out.n, sizeof *u->item, oldest_first);
    u->out.item = u->item;
    u->out.inventory = u->inventory;
    *ret = &u->out;
    return KT_OK;
}

void kt_unused_free(struct kt_unused *out)
{
    struct unused *u = (struct unused *)out;
    if (u == NULL)
        return;
    kt_inventory_free(u->inventory);
    kt_map_free(u->sets);
    kt_free(u->item);
    kt_free(u->read);
    kt_buf_done(&u->codes);
    kt_buf_done(&u->id);
    kt_free(u);
}
