/*
 * part_complete: whether what the report rests on is complete and accurate: how it was produced,
 * control totals, reconciliation with the sources' own counts, coverage, clocks.
 *
 * Owns:  nothing.
 * Calls: parts, doc.
 */
#include "core/base/alloc.h"
#include "exporters/reports/parts.h"

/* ---- information produced by the entity ---- */

static const struct kt_doc_column total_columns[] = {
    { "month", "Month from", KT_DOC_DAY }, { "source", "Kind", KT_DOC_TEXT },
    { "instance", "Source", KT_DOC_TEXT }, { "action", "Action", KT_DOC_TEXT },
    { "outcome", "Outcome", KT_DOC_TEXT }, { "accesses", "Accesses", KT_DOC_COUNT },
};

static void list_totals(struct kt_evidence *e)
{
    const struct kt_population *p = e->pop;
    char all[2][KT_PART_NUMBER_MAX];
    uint64_t sum = 0;
    const struct kt_part_table t = { .name = "control_totals",
                                     .title = "Control totals",
                                     .columns = total_columns,
                                     .n = KT_ARRAY_LEN(total_columns),
                                     .shown = 60,
                                     .query = "keytrail search --by month,instance,action,outcome",
                                     .empty = "No access is stored for the period." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < p->n_totals; i++) {
        const struct kt_pop_total *m = &p->total[i];
        const struct kt_doc_cell cells[] = { kt_doc_number(m->month),
                                             kt_doc_text(p->source[m->source].source),
                                             kt_doc_text(p->source[m->source].instance),
                                             kt_part_word(kt_action_word(m->action)),
                                             kt_part_word(kt_outcome_word(m->outcome)),
                                             kt_doc_number((int64_t)m->events) };
        sum += m->events;
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
    if (sum == p->all.events)
        kt_doc_para(e->doc, "The rows add up to %s, which is the number of accesses in the period.",
                    kt_part_number(sum, all[0]));
    else
        kt_doc_alarm(e->doc, "The control totals add up to %s, the period has %s accesses.",
                     kt_part_number(sum, all[0]), kt_part_number(p->all.events, all[1]));
}

static const struct kt_doc_column told_columns[] = {
    { "source", "Kind", KT_DOC_TEXT },
    { "instance", "Source", KT_DOC_TEXT },
    { "agent", "Agent", KT_DOC_TEXT },
    { "program", NULL, KT_DOC_TEXT },
    { "reports", "Reports", KT_DOC_COUNT },
    { "counted", "Agent counted", KT_DOC_COUNT },
    { "stored", "Stored", KT_DOC_COUNT },
    { "difference", "Difference", KT_DOC_COUNT },
    { "quarantined", "Quarantined", KT_DOC_COUNT },
    { "lost", "Lost", KT_DOC_COUNT },
    { "restarts", NULL, KT_DOC_COUNT },
};

static void list_told(struct kt_evidence *e)
{
    const struct kt_told *told = e->told;
    unsigned silent = 0, lost = 0;
    const struct kt_part_table t = { .name = "reconciliation",
                                     .title = "What agents counted, and what is stored",
                                     .columns = told_columns,
                                     .n = KT_ARRAY_LEN(told_columns),
                                     .shown = 100,
                                     .query = "keytrail search kind:report",
                                     .empty = "No agent reported, and nothing is stored." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < told->n_sources; i++) {
        const struct kt_told_source *s = &told->source[i];
        bool counted = s->reports > 1;
        const struct kt_doc_cell cells[] = {
            kt_doc_text(s->source),
            kt_doc_text(s->instance),
            kt_doc_text(s->agent),
            kt_doc_text(s->program),
            kt_doc_number((int64_t)s->reports),
            counted ? kt_doc_number((int64_t)s->events) : kt_doc_none(),
            kt_doc_number((int64_t)s->stored),
            counted ? kt_doc_number((int64_t)s->events - (int64_t)s->stored) : kt_doc_none(),
            counted ? kt_doc_number((int64_t)s->quarantined) : kt_doc_none(),
            counted ? kt_doc_number((int64_t)s->lost) : kt_doc_none(),
            counted ? kt_doc_number(s->restarts) : kt_doc_none(),
        };
        silent += !counted;
        lost += s->lost > 0;
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
    kt_doc_para(e->doc, "An agent counts what it reads; records that it reads twice (after a "
                        "restart, say) are counted twice and stored once, and records that came "
                        "before its first report of the period are stored and not counted, so the "
                        "two need not be the same to the record.");
    if (silent > 0)
        kt_doc_alarm(e->doc,
                     "%u of %u sources have no report of an agent: they were imported, and "
                     "there is no count of their own to compare with.",
                     silent, told->n_sources);
    if (lost > 0)
        kt_doc_alarm(e->doc, "%u sources lost records before an agent could read them.", lost);
    if (!told->whole)
        kt_doc_alarm(e->doc,
                     "There are too many reports to add up: the counts are of the first %u.",
                     KT_TOLD_REPORTS_MAX);
}

static const struct kt_doc_column result_columns[] = {
    { "source", "Kind", KT_DOC_TEXT },   { "instance", "Source", KT_DOC_TEXT },
    { "result", "Result", KT_DOC_TEXT }, { "code", "Code", KT_DOC_TEXT },
    { "times", "Times", KT_DOC_COUNT },  { "first", "First", KT_DOC_TIME },
    { "last", "Last", KT_DOC_TIME },     { "text", "Last said", KT_DOC_TEXT },
};

static void list_results(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "source_proofs",
                                     .title = "The sources' own proofs of completeness",
                                     .columns = result_columns,
                                     .n = KT_ARRAY_LEN(result_columns),
                                     .shown = 60,
                                     .query = "keytrail search kind:report --by "
                                              "source,instance,operation",
                                     .empty = "No source gave a proof of its own (CloudTrail "
                                              "digests, sequence numbers)." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->told->n_results; i++) {
        const struct kt_told_result *r = &e->told->result[i];
        const struct kt_doc_cell cells[] = {
            kt_doc_text(r->source), kt_doc_text(r->instance),     kt_doc_text(r->operation),
            kt_doc_text(r->code),   kt_doc_number((int64_t)r->n), kt_part_when(r->first),
            kt_part_when(r->last),  kt_part_free(e, r->message),
        };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static enum kt_status write_ipe(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_report_proof *p = e->in->proof;
    char number[3][KT_PART_NUMBER_MAX];
    (void)err;
    kt_doc_para(e->doc,
                "Log " KT_STR_FMT ", schema %u; %s records, of them %s events; the report reads "
                "the accesses whose event time (else arrival) lies in %s to %s UTC.",
                KT_STR_ARG(p == NULL ? KT_STR("not named") : p->log_id), e->stats.schema,
                kt_part_number(e->stats.records, number[0]),
                kt_part_number(e->stats.events, number[1]), e->from, e->to);
    kt_doc_para(e->doc, "Below each table stand the number of its rows, the SHA-256 of its CSV "
                        "file, and the question that gives the same numbers again. A program of "
                        "the bundle (verify_bundle.py) checks all of them.");
    kt_doc_para(e->doc,
                "Lacking in the records themselves: an actor in %s accesses, a secret in %s, an "
                "address in %s.",
                kt_part_number(e->pop->no_actor, number[0]),
                kt_part_number(e->pop->no_secret, number[1]),
                kt_part_number(e->pop->no_address, number[2]));
    list_totals(e);
    list_told(e);
    list_results(e);
    kt_doc_para(e->doc, "Checked by the auditor (initials, date): ______________________________");
    return KT_OK;
}
const struct kt_report_part kt_part_ipe = { "ipe",
                                            "How this was produced: completeness and accuracy",
                                            write_ipe };

/* ---- coverage ---- */

static void draw_calendar(struct kt_evidence *e, const struct kt_coverage *c)
{
    struct kt_str *rows = kt_alloc_array(c->n_sources + 1, sizeof *rows);
    uint8_t *share = kt_alloc_array((size_t)c->n_sources * c->days + 1, 1);
    for (unsigned i = 0; i < c->n_sources; i++) {
        rows[i] = c->source[i].instance;
        for (uint32_t d = 0; d < c->days; d++)
            share[(size_t)i * c->days + d] =
                c->source[i].day[d].expected ? c->source[i].day[d].share : 255;
    }
    kt_doc_calendar(e->doc, "Coverage by day and source", rows, c->n_sources, c->first_day, c->days,
                    share);
    kt_free(rows);
    kt_free(share);
}

static const struct kt_doc_column day_columns[] = {
    { "day", NULL, KT_DOC_DAY },           { "instance", NULL, KT_DOC_TEXT },
    { "share", NULL, KT_DOC_SHARE },       { "accesses", NULL, KT_DOC_COUNT },
    { "quarantined", NULL, KT_DOC_COUNT }, { "reports", NULL, KT_DOC_COUNT },
    { "latest", NULL, KT_DOC_SPAN },
};

static void list_days(struct kt_evidence *e, const struct kt_coverage *c)
{
    const struct kt_part_table t = { .name = "coverage_days",
                                     .title = "Every day of every source",
                                     .columns = day_columns,
                                     .n = KT_ARRAY_LEN(day_columns),
                                     .query = "keytrail coverage -o csv" };
    kt_part_table(e, &t);
    for (unsigned i = 0; i < c->n_sources; i++)
        for (uint32_t d = 0; d < c->days; d++) {
            const struct kt_coverage_day *day = &c->source[i].day[d];
            const struct kt_doc_cell cells[] = {
                kt_doc_number((c->first_day + d) * KT_NS_DAY),
                kt_doc_text(c->source[i].instance),
                day->expected ? kt_doc_number(day->share * 10000) : kt_doc_none(),
                kt_doc_number((int64_t)day->events),
                kt_doc_number((int64_t)day->quarantined),
                kt_doc_number((int64_t)day->reports),
                kt_doc_number(day->lag_max),
            };
            kt_part_row(e, cells);
        }
    (void)kt_part_table_end(e);
}

static const struct kt_doc_column gap_columns[] = {
    { "from", "From", KT_DOC_TIME },       { "until", "Until", KT_DOC_TIME },
    { "length", "Length", KT_DOC_SPAN },   { "instance", "Source", KT_DOC_TEXT },
    { "cause", "Cause", KT_DOC_TEXT },     { "text", "How it was found", KT_DOC_TEXT },
    { "filled", "Filled", KT_DOC_TEXT },   { "filled_at", "When", KT_DOC_TIME },
    { "events", "Records", KT_DOC_COUNT },
};

static void list_gaps(struct kt_evidence *e, const struct kt_coverage *c)
{
    const struct kt_part_table t = { .name = "gaps",
                                     .title = "Gaps, with cause, and whether they were filled",
                                     .columns = gap_columns,
                                     .n = KT_ARRAY_LEN(gap_columns),
                                     .shown = 100,
                                     .query = "keytrail coverage --gaps",
                                     .empty = "No gap was found." };
    kt_part_table(e, &t);
    for (unsigned i = 0; i < c->n_gaps; i++) {
        const struct kt_coverage_gap *g = &c->gap[i];
        const struct kt_doc_cell cells[] = {
            kt_part_when(g->from),
            kt_part_when(g->until),
            kt_doc_number(g->until - g->from),
            kt_doc_text(g->instance.len > 0 ? g->instance : KT_STR("all")),
            kt_part_word(kt_gap_cause_word(g->cause)),
            kt_part_free(e, g->text),
            kt_part_word(g->filled ? "yes" : "no"),
            kt_part_when(g->filled_at),
            g->events > 0 ? kt_doc_number((int64_t)g->events) : kt_doc_none(),
        };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static enum kt_status write_coverage(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_coverage *c = e->in->coverage;
    char share[KT_PART_NUMBER_MAX], many[KT_PART_NUMBER_MAX + 32];
    (void)err;
    if (c == NULL) {
        kt_doc_alarm(e->doc, "How much of the period the log covers is not known.");
        return KT_OK;
    }
    const uint64_t open = kt_coverage_open(c);
    if (open > 0)
        kt_doc_alarm(e->doc, "%s not filled in the log; covered of what was expected: %s.",
                     kt_part_many(open, "gap was", "gaps were", many), kt_part_covered(e, share));
    if (!kt_part_is_covered(e))
        kt_doc_alarm(e->doc, "How much of the period the log covers is not known: no source has a "
                             "record in it, and no agent reports on one.");
    else
        kt_doc_para(e->doc,
                    "%s of what was expected of the sources is covered. Expected is a day between "
                    "the first and the last record of a source, or one that its agent reports on; "
                    "covered is what lies in no gap that is still open.",
                    kt_part_covered(e, share));
    draw_calendar(e, c);
    list_days(e, c);
    list_gaps(e, c);
    return KT_OK;
}
const struct kt_report_part kt_part_coverage = { "coverage", "Coverage calendar and gaps",
                                                 write_coverage };

/* ---- time ---- */

static const struct kt_doc_column clock_columns[] = {
    { "instance", "Source", KT_DOC_TEXT },
    { "agent", "Agent", KT_DOC_TEXT },
    { "reports", "Reports", KT_DOC_COUNT },
    { "skew", "Clocks differ by at most", KT_DOC_SPAN },
    { "ahead", "Agent ahead of the collector", KT_DOC_TEXT },
    { "waited", "Longest way of a report", KT_DOC_SPAN },
};
#define SKEW_MAX (2 * KT_NS_S)

static enum kt_status write_time(struct kt_evidence *e, struct kt_error *err)
{
    unsigned off = 0, unknown = 0;
    const struct kt_part_table t = { .name = "clocks",
                                     .title = "Clocks of agents against the collector's",
                                     .columns = clock_columns,
                                     .n = KT_ARRAY_LEN(clock_columns),
                                     .shown = 100,
                                     .query = "keytrail search kind:report",
                                     .empty = "No agent reported." };
    (void)err;
    kt_doc_para(e->doc, "Times of accesses are the source's own. The collector stamps the arrival "
                        "of each record with its system's clock, which never goes back for live "
                        "records; a jump of that clock stops retention and is an alert "
                        "(clock.jump). Whether these systems follow a time server is for their "
                        "operator to show.");
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->told->n_sources; i++) {
        const struct kt_told_source *s = &e->told->source[i];
        kt_time_ns skew = s->ahead < 0 ? -s->ahead : s->ahead;
        const struct kt_doc_cell cells[] = {
            kt_doc_text(s->instance),
            kt_doc_text(s->agent),
            kt_doc_number((int64_t)s->reports),
            s->reports > 0 ? kt_doc_number(skew) : kt_doc_none(),
            s->reports > 0 ? kt_part_word(s->ahead < 0 ? "yes" : "no") : kt_doc_none(),
            s->reports > 0 ? kt_doc_number(s->behind) : kt_doc_none(),
        };
        unknown += s->reports == 0;
        off += s->reports > 0 && skew > SKEW_MAX;
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
    kt_doc_para(e->doc, "The shortest way of a report from agent to collector is measured by both "
                        "clocks; they differ by no more than that way took.");
    if (off > 0)
        kt_doc_alarm(e->doc,
                     "The clocks of %u agents' sources differ from the collector's by more "
                     "than 2 s.",
                     off);
    if (unknown > 0)
        kt_doc_alarm(e->doc, "Of %u sources no clock is known: no agent reports on them.", unknown);
    return KT_OK;
}
const struct kt_report_part kt_part_time = { "time", "Time", write_time };
