/*
 * part_secrets: the inventory of secrets, and evidence of their rotation.
 *
 * Owns:  counts while a section is written.
 * Calls: parts, core/answer/inventory.h, core/answer/rotation.h, doc.
 */
#include <stdlib.h>

#include "core/answer/rotation.h"
#include "core/base/alloc.h"
#include "core/event/secret_id.h"
#include "exporters/reports/parts.h"

#define AGES 6u

struct group { /* of one store and owner */
    struct kt_str store, owner;
    uint64_t secrets, overdue, unread, unknown;
};

static bool in_force(const struct kt_inventory_item *it)
{
    return it->listed && !it->gone && it->deleted == 0;
}

static bool is_overdue(const struct kt_evidence *e, const struct kt_inventory_item *it)
{
    kt_time_ns due = kt_inventory_due(it);
    return due != 0 && due < e->ask->until;
}

static int by_group(const void *pa, const void *pb)
{
    const struct group *a = pa, *b = pb;
    int c = kt_str_cmp(a->store, b->store);
    return c != 0 ? c : kt_str_cmp(a->owner, b->owner);
}

static const struct kt_doc_column group_columns[] = {
    { "store", "Store", KT_DOC_TEXT },
    { "owner", "Owner", KT_DOC_TEXT },
    { "secrets", "Secrets", KT_DOC_COUNT },
    { "overdue", "Overdue", KT_DOC_COUNT },
    { "unread", "Not read in the period", KT_DOC_COUNT },
    { "rotation_unknown", "No rotation known", KT_DOC_COUNT },
};

/* Sorted by store and owner, then summed in place. */
static void list_groups(struct kt_evidence *e)
{
    const struct kt_inventory *v = e->inventory;
    struct group *g = kt_alloc_array(v->n + 1, sizeof *g);
    uint32_t n = 0, sums = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        const struct kt_inventory_item *it = &v->item[i];
        struct kt_str by;
        if (!in_force(it))
            continue;
        g[n++] = (struct group){ kt_secret_store(it->secret),
                                 it->owner,
                                 1,
                                 is_overdue(e, it),
                                 kt_inventory_last_read(it, &by) < e->ask->since,
                                 kt_inventory_rotation(it).at == 0 };
    }
    if (n > 1)
        qsort(g, n, sizeof *g, by_group);
    const struct kt_part_table t = { .name = "inventory_groups",
                                     .title = "Secrets by store and owner",
                                     .columns = group_columns,
                                     .n = KT_ARRAY_LEN(group_columns),
                                     .shown = 60,
                                     .empty = "No store's inventory was taken." };
    for (uint32_t i = 0; i < n; i++) {
        if (sums > 0 && by_group(&g[sums - 1], &g[i]) == 0) {
            g[sums - 1].secrets++;
            g[sums - 1].overdue += g[i].overdue;
            g[sums - 1].unread += g[i].unread;
            g[sums - 1].unknown += g[i].unknown;
        } else {
            g[sums++] = g[i];
        }
    }
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < sums; i++) {
        const struct kt_doc_cell cells[] = { kt_doc_text(g[i].store),
                                             kt_part_actor(e, g[i].owner),
                                             kt_doc_number((int64_t)g[i].secrets),
                                             kt_doc_number((int64_t)g[i].overdue),
                                             kt_doc_number((int64_t)g[i].unread),
                                             kt_doc_number((int64_t)g[i].unknown) };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
    kt_free(g);
}

static void draw_ages(struct kt_evidence *e)
{
    static const struct {
        const char *label;
        int64_t days;
    } ages[AGES] = { { "up to 30 days", 30 },
                     { "31 to 90", 90 },
                     { "91 to 180", 180 },
                     { "181 to 365", 365 },
                     { "more than a year", INT64_MAX },
                     { "not known", 0 } };
    struct kt_doc_bar bars[AGES];
    uint64_t n = 0;
    for (unsigned i = 0; i < AGES; i++)
        bars[i] = (struct kt_doc_bar){ .label = kt_str_of(ages[i].label) };
    for (uint32_t i = 0; i < e->inventory->n; i++) {
        const struct kt_inventory_item *it = &e->inventory->item[i];
        kt_time_ns at = kt_inventory_age(it).at;
        unsigned k = AGES - 1;
        if (!in_force(it))
            continue;
        if (at != 0)
            for (k = 0; (e->ask->until - at) / KT_NS_DAY > ages[k].days;)
                k++;
        bars[k].value++;
        n++;
    }
    if (n > 0)
        kt_doc_bars(e->doc, "Age of the value, at the end of the period", "secrets", bars, AGES);
}

static const struct kt_doc_column item_columns[] = {
    { "secret", "Secret", KT_DOC_TEXT },
    { "store", NULL, KT_DOC_TEXT },
    { "owner", "Owner", KT_DOC_TEXT },
    { "listed", NULL, KT_DOC_TEXT },
    { "created", NULL, KT_DOC_TIME },
    { "last_rotated", "Last rotated", KT_DOC_TIME },
    { "rotation_from", "Known from", KT_DOC_TEXT },
    { "age", "Age", KT_DOC_SPAN },
    { "age_since", NULL, KT_DOC_TEXT },
    { "period", "Policy", KT_DOC_SPAN },
    { "next_due", "Due", KT_DOC_TIME },
    { "overdue", "Overdue", KT_DOC_TEXT },
    { "last_read", "Last read", KT_DOC_TIME },
    { "last_read_by", "By", KT_DOC_TEXT },
    { "readers", "Readers", KT_DOC_COUNT },
};

static uint32_t readers_of(const struct kt_map *secrets, const struct kt_population *p,
                           struct kt_str secret)
{
    uint32_t n = kt_map_get(secrets, secret);
    return n == KT_MAP_NONE ? 0 : p->secret[n].readers;
}

static void item_row(struct kt_evidence *e, const struct kt_inventory_item *it, uint32_t readers)
{
    struct kt_inventory_age age = kt_inventory_age(it), rotated = kt_inventory_rotation(it);
    struct kt_str by = KT_STR_NONE;
    kt_time_ns read = kt_inventory_last_read(it, &by);
    const struct kt_doc_cell cells[] = {
        kt_part_secret(e, it->secret),
        kt_doc_text(kt_secret_store(it->secret)),
        kt_part_actor(e, it->owner),
        kt_part_word(it->gone     ? "gone"
                     : it->listed ? "yes"
                                  : "no"),
        kt_part_when(it->created),
        kt_part_when(rotated.at),
        rotated.at == 0 ? kt_doc_none() : kt_part_word(rotated.from),
        age.at == 0 ? kt_doc_none() : kt_doc_number(e->ask->until - age.at),
        kt_part_word(age.since),
        it->period == 0 ? kt_doc_none() : kt_doc_number(it->period),
        kt_part_when(kt_inventory_due(it)),
        kt_part_word(kt_inventory_due(it) == 0 ? NULL
                     : is_overdue(e, it)       ? "yes"
                                               : "no"),
        kt_part_when(read),
        kt_part_actor(e, by),
        kt_doc_number(readers),
    };
    kt_part_row(e, cells);
}

/* Rows of the inventory that `which` picks. */
static uint64_t list_items(struct kt_evidence *e, const struct kt_part_table *t,
                           bool (*which)(const struct kt_evidence *e,
                                         const struct kt_inventory_item *it))
{
    struct kt_map *secrets = kt_map_new(0);
    for (uint32_t i = 0; i < e->pop->n_secrets; i++)
        (void)kt_map_put(secrets, e->pop->secret[i].name, NULL);
    kt_part_table(e, t);
    for (uint32_t i = 0; i < e->inventory->n; i++)
        if (which(e, &e->inventory->item[i]))
            item_row(e, &e->inventory->item[i],
                     readers_of(secrets, e->pop, e->inventory->item[i].secret));
    kt_map_free(secrets);
    return kt_part_table_end(e);
}

static bool any(const struct kt_evidence *e, const struct kt_inventory_item *it)
{
    (void)e;
    (void)it;
    return true;
}

static bool overdue(const struct kt_evidence *e, const struct kt_inventory_item *it)
{
    return in_force(it) && is_overdue(e, it);
}

static void say_snapshots(struct kt_evidence *e)
{
    const struct kt_inventory *v = e->inventory;
    char when[KT_TIME_TEXT_MAX];
    if (v->n_sources == 0)
        kt_doc_alarm(e->doc, "No store's inventory was taken: the list below is what the log shows "
                             "was accessed, not what there is.");
    for (uint32_t i = 0; i < v->n_sources; i++) {
        if (v->source[i].complete == 0)
            kt_doc_alarm(e->doc, "Of " KT_STR_FMT " no snapshot of the inventory is complete.",
                         KT_STR_ARG(v->source[i].instance));
        else
            kt_doc_para(e->doc, "Inventory of " KT_STR_FMT ": complete on %s UTC.",
                        KT_STR_ARG(v->source[i].instance),
                        kt_time_format_short(v->source[i].complete, when));
    }
}

static enum kt_status write_inventory(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_part_table t = { .name = "secrets",
                                     .title = "Secrets",
                                     .columns = item_columns,
                                     .n = KT_ARRAY_LEN(item_columns),
                                     .shown = 40,
                                     .query = "keytrail inventory",
                                     .empty = "No secret is known." };
    uint64_t fresh = 0;
    char many[KT_PART_NUMBER_MAX + 32];
    (void)err;
    say_snapshots(e);
    list_groups(e);
    draw_ages(e);
    for (uint32_t i = 0; i < e->pop->n_secrets; i++)
        fresh += e->pop->secret[i].t.ever >= e->ask->since;
    kt_doc_para(e->doc, "%s accessed in the period for the first time.",
                kt_part_many(fresh, "secret was", "secrets were", many));
    (void)list_items(e, &t, any);
    return KT_OK;
}
const struct kt_report_part kt_part_inventory = { "inventory", "Inventory of secrets",
                                                  write_inventory };

static const struct kt_doc_column lead_columns[] = {
    { "alert", "Alert", KT_DOC_TEXT },     { "raised", "Raised", KT_DOC_TIME },
    { "closed", "Closed", KT_DOC_TIME },   { "verdict", "Verdict", KT_DOC_TEXT },
    { "text", "Alert said", KT_DOC_TEXT },
};

static const struct kt_doc_column rotated_columns[] = {
    { "secret", "Secret", KT_DOC_TEXT },
    { "store", NULL, KT_DOC_TEXT },
    { "owner", "Owner", KT_DOC_TEXT },
    { "last_rotated", "Last rotated", KT_DOC_TIME },
    { "rotation_from", "Known from", KT_DOC_TEXT },
    { "by", "By", KT_DOC_TEXT },
    { "rotations", "Times", KT_DOC_COUNT },
    { "next_due", "Due", KT_DOC_TIME },
};

/* By the rule of keytrail rotation list: a new value in the place of another. The sample of
 * rotations is drawn from these rows. */
static void list_rotated(struct kt_evidence *e, const struct kt_rotations *all)
{
    const struct kt_part_table t = { .name = "rotated",
                                     .title = "Rotated in the period",
                                     .columns = rotated_columns,
                                     .n = KT_ARRAY_LEN(rotated_columns),
                                     .shown = 60,
                                     .query = "keytrail rotation list",
                                     .empty = "No rotation is known." };
    kt_part_table(e, &t);
    for (unsigned i = 0; i < all->n; i++) {
        const struct kt_rotation_row *row = &all->row[i];
        const struct kt_doc_cell cells[] = {
            kt_part_secret(e, row->secret),
            kt_doc_text(kt_secret_store(row->secret)),
            kt_part_actor(e, row->owner),
            kt_part_when(row->done),
            kt_part_word(row->done_seq != 0 ? "log" : "inventory"),
            kt_part_actor(e, row->done_by),
            kt_doc_number((int64_t)row->rotations),
            kt_part_when(row->due),
        };
        if (row->done != 0)
            kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static enum kt_status write_rotation(struct kt_evidence *e, struct kt_error *err)
{
    struct kt_rotations *rotations = NULL;
    const struct kt_part_table late = { .name = "overdue",
                                        .title = "Overdue at the end of the period",
                                        .columns = item_columns,
                                        .n = KT_ARRAY_LEN(item_columns),
                                        .shown = 60,
                                        .query = "keytrail inventory",
                                        .empty = "None of the secrets that have a period is "
                                                 "overdue." };
    const struct kt_part_table leads = { .name = "true_alerts",
                                         .title = "Alerts found true, whose secrets were to rotate",
                                         .columns = lead_columns,
                                         .n = KT_ARRAY_LEN(lead_columns),
                                         .shown = 40,
                                         .empty = "No alert was found true." };
    uint64_t with_period = 0;
    char many[KT_PART_NUMBER_MAX + 32];
    if (kt_rotations_load(e->ask, KT_STR_NONE, &rotations, err) != KT_OK)
        return err->code;
    for (uint32_t i = 0; i < e->inventory->n; i++)
        with_period += in_force(&e->inventory->item[i]) && kt_inventory_due(&e->inventory->item[i]);
    kt_doc_para(e->doc,
                "%s a date by which to rotate, from its store's policy. Evidence of a "
                "rotation is what the log saw of it (a new value in the place of another, not a "
                "creation or a move back), or its date in the inventory; the newest of each "
                "secret is shown.",
                kt_part_many(with_period, "secret has", "secrets have", many));
    (void)list_items(e, &late, overdue);
    list_rotated(e, rotations);
    kt_rotations_free(rotations);
    kt_part_table(e, &leads);
    for (uint32_t i = 0; i < e->alerts->n; i++) {
        const struct kt_registered *a = &e->alerts->at[i];
        const struct kt_doc_cell cells[] = { kt_doc_text(kt_str_of(a->id)), kt_part_when(a->raised),
                                             kt_part_when(a->closed), kt_part_word("true"),
                                             kt_part_free(e, a->title) };
        if (a->verdict == KT_FOUND_TRUE && !a->test)
            kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
    return KT_OK;
}
const struct kt_report_part kt_part_rotation = { "rotation", "Rotation", write_rotation };
