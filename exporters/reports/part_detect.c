/*
 * part_detect: the detectors in force and when they did not run; alerts, and the register of them.
 *
 * Owns:  sums by detector and month while a section is written.
 * Calls: parts, alert_register, doc.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "exporters/reports/parts.h"

/* ---- detectors ---- */

static const struct kt_doc_column detector_columns[] = {
    { "detector", "Detector", KT_DOC_TEXT },
    { "finds", "Finds", KT_DOC_TEXT },
    { "version", "Version", KT_DOC_TEXT },
    { "settings", "Settings, beside the defaults", KT_DOC_TEXT },
    { "alerts", "Alerts", KT_DOC_COUNT },
};

static void list_detectors(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "detectors",
                                     .title = "Detectors of this version, with the newest settings",
                                     .columns = detector_columns,
                                     .n = KT_ARRAY_LEN(detector_columns),
                                     .shown = 60,
                                     .query = "keytrail detect list",
                                     .empty = "Which detectors there are was not told." };
    if (e->in->n_detectors == 0)
        kt_doc_alarm(e->doc, "Which detectors are in force is not known.");
    kt_part_table(e, &t);
    for (unsigned i = 0; i < e->in->n_detectors; i++) {
        const struct kt_report_detector *d = &e->in->detector[i];
        int64_t alerts = 0;
        for (uint32_t k = 0; k < e->alerts->n; k++)
            alerts += kt_str_is(e->alerts->at[k].detector, d->name) && !e->alerts->at[k].test;
        const struct kt_doc_cell cells[] = { kt_part_word(d->name), kt_part_word(d->summary),
                                             kt_part_word(d->version), kt_part_free(e, d->settings),
                                             kt_doc_number(alerts) };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static const struct kt_doc_column force_columns[] = {
    { "from", "From", KT_DOC_TIME },
    { "until", "Until", KT_DOC_TIME },
    { "digest", "Configuration (SHA-256)", KT_DOC_TEXT },
    { "seq", "Record", KT_DOC_COUNT },
};

static bool is_config(const struct kt_change *c)
{
    return c->kind == KT_KIND_CONFIG && kt_str_is(c->operation, "config");
}

static void list_in_force(struct kt_evidence *e)
{
    const struct kt_changes *c = e->changes;
    uint64_t n = 0;
    const struct kt_part_table t = { .name = "settings_in_force",
                                     .title = "Configurations in force",
                                     .columns = force_columns,
                                     .n = KT_ARRAY_LEN(force_columns),
                                     .shown = 40,
                                     .query = "keytrail search kind:config",
                                     .empty = "No configuration was recorded in the period: that "
                                              "of before it was in force." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < c->n; i++) {
        kt_time_ns until = e->ask->until;
        if (!is_config(&c->at[i]))
            continue;
        for (uint32_t k = i + 1; k < c->n && until == e->ask->until; k++)
            if (is_config(&c->at[k]))
                until = c->at[k].at;
        const struct kt_doc_cell cells[] = { kt_part_when(c->at[i].at), kt_part_when(until),
                                             kt_doc_text(c->at[i].digest),
                                             kt_doc_number((int64_t)c->at[i].seq) };
        n++;
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static const struct kt_doc_column down_columns[] = {
    { "from", "From", KT_DOC_TIME },
    { "until", "Until", KT_DOC_TIME },
    { "length", "Length", KT_DOC_SPAN },
    { "how", "How", KT_DOC_TEXT },
};

struct down {
    kt_time_ns from, until; /* from 0: not known; until 0: not yet */
    const char *how;
};

static int by_end(const void *pa, const void *pb)
{
    const struct down *a = pa, *b = pb;
    kt_time_ns x = a->until != 0 ? a->until : INT64_MAX, y = b->until != 0 ? b->until : INT64_MAX;
    return x < y ? -1 : x > y;
}

static bool is_run(const struct kt_change *c, const char *operation)
{
    return c->what == KT_CHANGE_RUN && kt_str_is(c->operation, operation);
}

/* What ended it: a stop is the last that a collector writes of itself. */
static const char *how_it_ended(const struct kt_evidence *e, kt_time_ns from, bool over)
{
    if (from < e->ask->since)
        return "since before the period";
    for (uint32_t i = 0; i < e->changes->n; i++)
        if (is_run(&e->changes->at[i], "stop") &&
            e->changes->at[i].at / KT_NS_MIN + 1 == from / KT_NS_MIN)
            return over ? "stopped and started" : "stopped";
    return "it ended without a stop";
}

/* Is the minute of a start or a stop the edge of a time that is known to the minute? */
static bool is_edge(const struct kt_coverage *c, kt_time_ns at)
{
    for (unsigned i = 0; i < c->n_down; i++)
        if (at / KT_NS_MIN + 1 >= c->down[i].since / KT_NS_MIN &&
            at / KT_NS_MIN <= c->down[i].until / KT_NS_MIN)
            return true;
    return false;
}

/* Times without a sign of life, and the shorter ones between a stop and a start. */
static uint32_t find_down(const struct kt_evidence *e, struct down *to)
{
    const struct kt_coverage *c = e->in->coverage;
    const struct kt_change *stop = NULL;
    uint32_t n = 0;
    for (unsigned i = 0; i < c->n_down; i++) {
        const struct kt_span *d = &c->down[i];
        bool over = d->until < e->ask->until && d->until < e->ask->now / KT_NS_MIN * KT_NS_MIN;
        to[n++] = (struct down){ d->since, over ? d->until : 0, how_it_ended(e, d->since, over) };
    }
    for (uint32_t i = 0; i < e->changes->n; i++) {
        const struct kt_change *run = &e->changes->at[i];
        bool start = is_run(run, "start");
        if (!start && !is_run(run, "stop"))
            continue;
        if (start && !is_edge(c, run->at) && run->at / KT_NS_MIN > c->collector_from / KT_NS_MIN)
            to[n++] =
                (struct down){ stop == NULL ? 0 : stop->at, run->at,
                               stop == NULL ? "it ended without a stop" : "stopped and started" };
        stop = start ? NULL : run;
    }
    if (stop != NULL && !is_edge(c, stop->at))
        to[n++] = (struct down){ stop->at, 0, "stopped" };
    if (n > 1)
        qsort(to, n, sizeof *to, by_end);
    return n;
}

/* Of what part of the period is it known whether the collector ran? */
static bool say_known(struct kt_evidence *e)
{
    const struct kt_coverage *c = e->in->coverage;
    char when[KT_TIME_TEXT_MAX];
    bool known = c != NULL && c->collector_from != 0 && c->collector_from < e->ask->until;
    if (!known)
        kt_doc_alarm(e->doc, "Whether the collector, and with it detection, ran in the period is "
                             "not known: it left no sign of itself in the log.");
    else if (c->collector_from > e->ask->since + 10 * KT_NS_MIN)
        kt_doc_alarm(e->doc,
                     "Whether the collector, and with it detection, ran before %s UTC is not "
                     "known: that is its first sign in the log.",
                     kt_time_format_short(c->collector_from, when));
    return known;
}

static uint64_t list_down(struct kt_evidence *e)
{
    bool known = say_known(e);
    const struct kt_part_table t = {
        .name = "detectors_not_running",
        .title = "When the collector, and with it detection, did not run",
        .columns = down_columns,
        .n = KT_ARRAY_LEN(down_columns),
        .shown = 60,
        .query = "keytrail search kind:audit operation:start,stop",
        .empty = known ? "It ran all the time of which that is known." : "That is not known."
    };
    uint32_t n = 0, most = e->changes->n + (known ? e->in->coverage->n_down : 0) + 1;
    struct down *at = kt_alloc_array(most, sizeof *at);
    kt_part_table(e, &t);
    if (known)
        n = find_down(e, at);
    for (uint32_t i = 0; i < n; i++) {
        kt_time_ns end = at[i].until != 0 ? at[i].until : e->ask->until;
        const struct kt_doc_cell cells[] = { kt_part_when(at[i].from), kt_part_when(at[i].until),
                                             at[i].from == 0 ? kt_doc_none()
                                                             : kt_doc_number(end - at[i].from),
                                             kt_part_word(at[i].how) };
        kt_part_row(e, cells);
    }
    kt_free(at);
    return kt_part_table_end(e);
}

static const struct kt_doc_column failed_columns[] = {
    { "at", "When", KT_DOC_TIME },
    { "what", "What", KT_DOC_TEXT },
    { "text", "Said", KT_DOC_TEXT },
};

static uint64_t list_detection_faults(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "detection_failed",
                                     .title = "When detection failed",
                                     .columns = failed_columns,
                                     .n = KT_ARRAY_LEN(failed_columns),
                                     .shown = 40,
                                     .query = "keytrail search kind:audit "
                                              "operation:detection.failed",
                                     .empty = "It did not." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->changes->n; i++) {
        const struct kt_change *c = &e->changes->at[i];
        if (!kt_str_is(c->operation, "detection.failed"))
            continue;
        const struct kt_doc_cell cells[] = { kt_part_when(c->at), kt_doc_text(c->operation),
                                             kt_part_free(e, c->text) };
        kt_part_row(e, cells);
    }
    return kt_part_table_end(e);
}

/* Months of the period that have no test alert, in red. */
static void say_tests(struct kt_evidence *e)
{
    char missing[600] = "";
    size_t len = 0;
    kt_time_ns from = e->ask->since;
    while (from < e->ask->until && len + 16 < sizeof missing) {
        struct kt_civil c = kt_time_civil(from);
        int next = c.month == 12 ? 1 : c.month + 1;
        kt_time_ns end = kt_time_days(c.year + (next == 1), next, 1) * KT_NS_DAY;
        bool tested = false;
        for (uint32_t i = 0; i < e->alerts->n && !tested; i++)
            tested = e->alerts->at[i].test && e->alerts->at[i].raised >= from &&
                     e->alerts->at[i].raised < end;
        if (!tested)
            len += (size_t)snprintf(missing + len, sizeof missing - len, "%s%04u-%02u",
                                    len > 0 ? ", " : "", (unsigned)c.year % 10000,
                                    (unsigned)c.month % 100);
        from = end;
    }
    if (len > 0)
        kt_doc_alarm(e->doc, "No test alert was sent in: %s.", missing);
    else
        kt_doc_para(e->doc, "A test alert was sent in each month of the period.");
}

static enum kt_status write_detectors(struct kt_evidence *e, struct kt_error *err)
{
    (void)err;
    list_detectors(e);
    list_in_force(e);
    (void)list_down(e);
    if (list_detection_faults(e) > 0)
        kt_doc_alarm(e->doc, "Detection failed in the period: what came meanwhile was judged "
                             "later, or not.");
    say_tests(e);
    return KT_OK;
}
const struct kt_report_part kt_part_detectors = { "detectors", "Detectors", write_detectors };

/* ---- alerts ---- */

struct row { /* of one month, detector, severity */
    kt_time_ns month;
    struct kt_str detector;
    enum kt_severity severity;
    uint64_t raised, acked, closed, found_true, found_false, expected;
};

static int by_row(const void *pa, const void *pb)
{
    const struct row *a = pa, *b = pb;
    if (a->month != b->month)
        return a->month < b->month ? -1 : 1;
    int c = kt_str_cmp(a->detector, b->detector);
    return c != 0 ? c : (int)b->severity - (int)a->severity;
}

static kt_time_ns month_of(kt_time_ns t)
{
    struct kt_civil c = kt_time_civil(t);
    return kt_time_days(c.year, c.month, 1) * KT_NS_DAY;
}

static const struct kt_doc_column month_columns[] = {
    { "month", "Month from", KT_DOC_DAY },
    { "detector", "Detector", KT_DOC_TEXT },
    { "severity", "Severity", KT_DOC_TEXT },
    { "raised", "Raised", KT_DOC_COUNT },
    { "acknowledged", "Acknowledged", KT_DOC_COUNT },
    { "closed", "Closed", KT_DOC_COUNT },
    { "true", "True", KT_DOC_COUNT },
    { "false", "False", KT_DOC_COUNT },
    { "expected", "Expected", KT_DOC_COUNT },
};

static void list_months(struct kt_evidence *e)
{
    struct row *at = kt_alloc_array(e->alerts->n + 1, sizeof *at);
    uint32_t n = 0, sums = 0;
    for (uint32_t i = 0; i < e->alerts->n; i++) {
        const struct kt_registered *a = &e->alerts->at[i];
        if (!a->test)
            at[n++] = (struct row){ month_of(a->raised),
                                    a->detector,
                                    a->severity,
                                    1,
                                    a->acked != 0,
                                    a->status == KT_REGISTERED_CLOSED,
                                    a->verdict == KT_FOUND_TRUE,
                                    a->verdict == KT_FOUND_FALSE,
                                    a->verdict == KT_FOUND_EXPECTED };
    }
    if (n > 1)
        qsort(at, n, sizeof *at, by_row);
    const struct kt_part_table t = { .name = "alerts",
                                     .title = "Alerts by month, detector and severity",
                                     .columns = month_columns,
                                     .n = KT_ARRAY_LEN(month_columns),
                                     .shown = 80,
                                     .query = "keytrail alerts list",
                                     .empty = "No alert was raised." };
    for (uint32_t i = 0; i < n; i++) {
        struct row *to = &at[sums > 0 ? sums - 1 : 0];
        if (sums == 0 || by_row(to, &at[i]) != 0) {
            at[sums++] = at[i];
            continue;
        }
        to->raised++;
        to->acked += at[i].acked;
        to->closed += at[i].closed;
        to->found_true += at[i].found_true;
        to->found_false += at[i].found_false;
        to->expected += at[i].expected;
    }
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < sums; i++) {
        const struct row *r = &at[i];
        const struct kt_doc_cell cells[] = {
            kt_doc_number(r->month),
            kt_doc_text(r->detector),
            kt_part_word(kt_severity_words[r->severity].word),
            kt_doc_number((int64_t)r->raised),
            kt_doc_number((int64_t)r->acked),
            kt_doc_number((int64_t)r->closed),
            kt_doc_number((int64_t)r->found_true),
            kt_doc_number((int64_t)r->found_false),
            kt_doc_number((int64_t)r->expected),
        };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
    kt_free(at);
}

static void say_times(struct kt_evidence *e, const char *what, kt_time_ns median, kt_time_ns p95)
{
    char a[KT_TIME_TEXT_MAX], b[KT_TIME_TEXT_MAX];
    if (median < 0)
        kt_doc_para(e->doc, "Time to %s: no alert has one.", what);
    else
        kt_doc_para(e->doc, "Time to %s: median %s, 95th percentile %s.", what,
                    kt_duration_format(median, a), kt_duration_format(p95, b));
}

static enum kt_status write_alerts(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_alert_sums *s = &e->alerts->sums;
    char n[4][KT_PART_NUMBER_MAX];
    uint64_t judged = s->verdict[0] + s->verdict[1] + s->verdict[2];
    (void)err;
    kt_doc_para(e->doc,
                "%s alerts were raised, %s acknowledged by somebody, %s closed with a verdict; %s "
                "ended by themselves (taken over by another, or about keytrail itself and over).",
                kt_part_number(s->raised, n[0]), kt_part_number(s->acknowledged, n[1]),
                kt_part_number(s->closed, n[2]), kt_part_number(s->ended, n[3]));
    say_times(e, "acknowledge", s->ack_median, s->ack_p95);
    say_times(e, "close", s->close_median, s->close_p95);
    if (judged == 0)
        kt_doc_para(e->doc, "No alert has a verdict, so there is no rate of false alarms.");
    else
        kt_doc_para(
            e->doc, "Of %s verdicts %s were true, %s false, %s expected work: %s false.",
            kt_part_number(judged, n[0]), kt_part_number(s->verdict[KT_FOUND_TRUE], n[1]),
            kt_part_number(s->verdict[KT_FOUND_FALSE], n[2]),
            kt_part_number(s->verdict[KT_FOUND_EXPECTED], n[3]),
            kt_part_percent(s->verdict[KT_FOUND_FALSE], judged, (char[KT_PART_NUMBER_MAX]){ 0 }));
    if (s->open > 0)
        kt_doc_alarm(e->doc, "%s of %s alerts were acknowledged by nobody and are open.",
                     kt_part_number(s->open, n[0]), kt_part_number(s->raised, n[1]));
    if (s->undelivered > 0)
        kt_doc_alarm(e->doc, "%s high or critical alerts reached no target.",
                     kt_part_number(s->undelivered, n[0]));
    list_months(e);
    return KT_OK;
}
const struct kt_report_part kt_part_alerts = { "alerts", "Alerts", write_alerts };

static const struct kt_doc_column register_columns[] = {
    { "id", "Alert", KT_DOC_TEXT },
    { "raised", "Opened", KT_DOC_TIME },
    { "severity", "Severity", KT_DOC_TEXT },
    { "detector", "Rule", KT_DOC_TEXT },
    { "actor", "Actor", KT_DOC_TEXT },
    { "text", NULL, KT_DOC_TEXT },
    { "delivered_to", "Delivered to", KT_DOC_TEXT },
    { "delivered_at", NULL, KT_DOC_TIME },
    { "dead_letters", NULL, KT_DOC_COUNT },
    { "acknowledged_by", "Acknowledged by", KT_DOC_TEXT },
    { "acknowledged_at", "At", KT_DOC_TIME },
    { "closed_by", "Closed by", KT_DOC_TEXT },
    { "closed_at", "At", KT_DOC_TIME },
    { "verdict", "Verdict", KT_DOC_TEXT },
    { "rationale", NULL, KT_DOC_TEXT },
    { "incident", NULL, KT_DOC_TEXT },
    { "status", "Status", KT_DOC_TEXT },
    { "reopened", NULL, KT_DOC_COUNT },
    { "notes", NULL, KT_DOC_COUNT },
    { "test", NULL, KT_DOC_TEXT },
};

static void register_row(struct kt_evidence *e, const struct kt_registered *a)
{
    const struct kt_doc_cell cells[] = {
        kt_doc_text(kt_str_of(a->id)),
        kt_part_when(a->raised),
        kt_part_word(kt_severity_words[a->severity].word),
        kt_doc_text(a->detector),
        kt_part_actor(e, a->actor),
        kt_part_free(e, a->title),
        kt_doc_text(a->targets),
        kt_part_when(a->delivered),
        kt_doc_number(a->dead),
        kt_part_actor(e, a->acked_by),
        kt_part_when(a->acked),
        kt_part_actor(e, a->closed_by),
        kt_part_when(a->closed),
        kt_part_word(a->verdict < 0 ? NULL
                                    : kt_finding_verdict_word((enum kt_finding_verdict)a->verdict)),
        kt_part_free(e, a->reason),
        kt_doc_text(a->incident),
        kt_part_word(kt_registered_word(a->status)),
        kt_doc_number(a->reopens),
        kt_doc_number(a->notes),
        kt_part_word(a->test ? "yes" : "no"),
    };
    kt_part_row(e, cells);
}

static enum kt_status write_register(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_part_table t = { .name = "alert_register",
                                     .title = "Every alert of the period",
                                     .columns = register_columns,
                                     .n = KT_ARRAY_LEN(register_columns),
                                     .shown = 200,
                                     .query = "keytrail alerts list -o csv",
                                     .empty = "No alert was raised." };
    (void)err;
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->alerts->n; i++)
        register_row(e, &e->alerts->at[i]);
    (void)kt_part_table_end(e);
    return KT_OK;
}
const struct kt_report_part kt_part_register = { "register", "Alert register", write_register };
