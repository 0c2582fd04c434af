/*
 * findings: five sentences out of the numbers, for people who read no tables. Each is made by a
 * rule, the same each time; what is not known is said.
 *
 * Owns:  the rules.
 * Calls: parts, doc.
 */
#include <stdio.h>

#include "exporters/reports/parts.h"

static void say_coverage(struct kt_evidence *e)
{
    const struct kt_coverage *c = e->in->coverage;
    const struct kt_coverage_gap *longest = NULL;
    char share[KT_PART_NUMBER_MAX], many[KT_PART_NUMBER_MAX + 32], span[KT_TIME_TEXT_MAX];
    uint64_t open = 0;
    for (unsigned i = 0; c != NULL && i < c->n_gaps; i++) {
        const struct kt_coverage_gap *g = &c->gap[i];
        if (!kt_coverage_is_open(g))
            continue;
        open++;
        if (longest == NULL || g->until - g->from > longest->until - longest->from)
            longest = g;
    }
    (void)kt_part_covered(e, share);
    if (!kt_part_is_covered(e))
        kt_doc_para(e->doc, "1. How much of the period the log covers is not known.");
    else if (longest == NULL)
        kt_doc_para(e->doc,
                    "1. The log covers %s of what was expected of its sources; no gap "
                    "was left open.",
                    share);
    else
        kt_doc_para(
            e->doc,
            "1. The log covers %s of what was expected of its sources; %s not filled, the "
            "longest of %s (" KT_STR_FMT ", %s).",
            share, kt_part_many(open, "gap was", "gaps were", many),
            kt_duration_format(longest->until - longest->from, span),
            KT_STR_ARG(longest->instance.len > 0 ? longest->instance : KT_STR("all sources")),
            kt_gap_cause_word(longest->cause));
}

static void say_people(struct kt_evidence *e)
{
    const struct kt_population *p = e->pop;
    char share[2][KT_PART_NUMBER_MAX], all[2][KT_PART_NUMBER_MAX], many[KT_PART_NUMBER_MAX + 32];
    uint64_t people = 0, machines = 0, accesses = p->all.events - p->shadows;
    for (uint32_t i = 0; i < p->n_actors; i++) {
        people += kt_pop_is_person(p->actor[i].kind) ? p->actor[i].t.events : 0;
        machines += kt_part_is_machine(p->actor[i].kind) ? p->actor[i].t.events : 0;
    }
    if (p->n_actors == 0) {
        kt_doc_para(e->doc, "2. Nobody who has a name accessed a secret.");
        return;
    }
    struct kt_str busiest = kt_part_name(e, p->actor[0].name);
    kt_doc_para(
        e->doc,
        "2. Of %s accesses people made %s and machines %s; the busiest of %s made %s (" KT_STR_FMT
        ").",
        kt_part_number(accesses, all[0]), kt_part_percent(people, accesses, share[0]),
        kt_part_percent(machines, accesses, share[1]),
        kt_part_many(p->n_actors, "actor", "actors", many),
        kt_part_number(p->actor[0].t.events, all[1]), KT_STR_ARG(busiest));
    kt_arena_reset(&e->cells);
}

static void say_failures(struct kt_evidence *e)
{
    const struct kt_population *p = e->pop;
    char share[KT_PART_NUMBER_MAX], many[KT_PART_NUMBER_MAX + 32];
    (void)kt_part_percent(p->all.failed, p->all.events, share);
    if (p->all.failed == 0)
        kt_doc_para(e->doc, "3. No access failed.");
    else if (p->n_bursts == 0)
        kt_doc_para(e->doc,
                    "3. Of all accesses %s failed, never %u or more of one actor within "
                    "one hour.",
                    share, KT_BURST_MIN);
    else
        kt_doc_para(e->doc,
                    "3. Of all accesses %s failed; in %s one actor failed %u times or more "
                    "within one hour.",
                    share, kt_part_many(p->n_bursts, "case", "cases", many), KT_BURST_MIN);
}

static void say_alerts(struct kt_evidence *e)
{
    const struct kt_alert_sums *s = &e->alerts->sums;
    char many[3][KT_PART_NUMBER_MAX + 32], median[KT_TIME_TEXT_MAX];
    uint64_t left = s->raised - s->acknowledged;
    if (s->raised == 0) {
        kt_doc_para(e->doc, "4. No alert was raised.");
        return;
    }
    (void)kt_part_many(s->raised, "alert was raised", "alerts were raised", many[0]);
    (void)kt_part_many(s->acknowledged, "was acknowledged", "were acknowledged", many[1]);
    if (s->acknowledged == 0)
        kt_doc_para(e->doc, "4. %s, and nobody acknowledged one.", many[0]);
    else
        kt_doc_para(e->doc, "4. %s; %s, half of them within %s; %s.", many[0], many[1],
                    kt_duration_format(s->ack_median, median),
                    left == 0 ? "none was left"
                              : kt_part_many(left, "was left to itself", "were left to themselves",
                                             many[2]));
}

static void say_rotation(struct kt_evidence *e)
{
    const struct kt_inventory *v = e->inventory;
    char many[3][KT_PART_NUMBER_MAX + 32];
    uint64_t listed = 0, overdue = 0, never = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        const struct kt_inventory_item *it = &v->item[i];
        kt_time_ns due = kt_inventory_due(it);
        if (!it->listed || it->gone)
            continue;
        listed++;
        overdue += due != 0 && due < e->ask->until;
        never += kt_inventory_rotation(it).at == 0;
    }
    if (v->n_sources == 0)
        kt_doc_para(e->doc, "5. How many secrets there are, and how old, is not known: no store's "
                            "inventory was taken.");
    else
        kt_doc_para(e->doc,
                    "5. The inventory lists %s; %s overdue for rotation, and of %s no "
                    "rotation is known.",
                    kt_part_many(listed, "secret", "secrets", many[0]),
                    kt_part_many(overdue, "is", "are", many[1]),
                    kt_part_many(never, "secret", "secrets", many[2]));
}

void kt_findings_write(struct kt_evidence *e)
{
    say_coverage(e);
    say_people(e);
    say_failures(e);
    say_alerts(e);
    say_rotation(e);
}
