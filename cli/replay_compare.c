/*
 * replay_compare: which alerts one way to judge the log gives and the other does not.
 *
 * Owns:  the alerts of both sides while they are compared.
 * Calls: cli/paged, detectors (names); stdout, stderr.
 */
#include <stdio.h>
#include <string.h>

#include "cli/paged.h"
#include "cli/replay.h"
#include "core/event/line.h"
#include "detectors/detector.h"

/* ---- per detector ---- */

static const struct kt_column detector_columns[] = {
    { "detector", "DETECTOR", 0, false },
    { "a", "A", 0, true },
    { "b", "B", 0, true },
    { "gained", "GAINED", 0, true },
    { "lost", "LOST", 0, true },
    { "severity_changed", "OTHER SEVERITY", 0, true },
    { "a_week", "A A WEEK", 0, true },
    { "b_week", "B A WEEK", 0, true },
};
struct sums {
    unsigned a, b, gained, lost, changed;
    unsigned a_late, b_late; /* those that count for a week */
};
struct span {
    kt_time_ns from; /* kt_replay_from */
    double weeks;
};

static struct sums sum_up(const struct kt_paged *a, const struct kt_paged *b, unsigned detector,
                          bool all, kt_time_ns from)
{
    struct sums s = { 0 };
    for (uint32_t i = 0; i < a->n; i++) {
        bool counts = all || a->at[i].detector == detector;
        s.a += counts;
        s.a_late += counts && a->at[i].last >= from;
        s.lost += counts && a->at[i].other == NULL;
    }
    for (uint32_t i = 0; i < b->n; i++) {
        bool counts = all || b->at[i].detector == detector;
        s.b += counts;
        s.b_late += counts && b->at[i].last >= from;
        s.gained += counts && b->at[i].other == NULL;
        s.changed +=
            counts && b->at[i].other != NULL && b->at[i].other->severity != b->at[i].severity;
    }
    return s;
}

static struct kt_cell a_week(unsigned n, double weeks, char text[24])
{
    if (weeks <= 0)
        return kt_cell_str(KT_STR_NONE);
    (void)snprintf(text, 24, "%.1f", n / weeks);
    return (struct kt_cell){ .type = KT_CELL_RAW, .str = kt_str_of(text) };
}

static void add_sums(struct kt_rows *rows, const char *name, struct sums s, double weeks)
{
    char before[24], after[24];
    const struct kt_cell cells[] = { kt_cell_str(kt_str_of(name)),
                                     kt_cell_int(s.a),
                                     kt_cell_int(s.b),
                                     kt_cell_int(s.gained),
                                     kt_cell_int(s.lost),
                                     kt_cell_int(s.changed),
                                     a_week(s.a_late, weeks, before),
                                     a_week(s.b_late, weeks, after) };
    kt_rows_add(rows, cells);
}

static void print_detectors(const struct kt_paged *a, const struct kt_paged *b, struct span span,
                            enum kt_output how, bool header)
{
    struct kt_rows *rows =
        kt_rows_new(how, detector_columns, KT_ARRAY_LEN(detector_columns), header);
    for (unsigned i = 0; kt_detectors[i] != NULL; i++) {
        struct sums s = sum_up(a, b, i, false, span.from);
        if (s.a + s.b > 0)
            add_sums(rows, kt_detectors[i]->name, s, span.weeks);
    }
    add_sums(rows, "all", sum_up(a, b, 0, true, span.from), span.weeks);
    kt_rows_end(rows);
}

/* ---- each alert that differs ---- */

static const struct kt_column alert_columns[] = {
    { "change", "CHANGE", 0, false },
    { "time", "FIRST EVIDENCE", 0, false },
    { "a", "A", 0, false },
    { "b", "B", 0, false },
    { "detector", "DETECTOR", 0, false },
    { "subject", "WHO", 32, false },
    { "title", "WHAT", 90, false },
    { "id", NULL, 0, false },
};

/* -1: there is none on that side. */
static struct kt_cell severity(int severity)
{
    return kt_cell_str(severity >= 0 ? kt_str_of(kt_severity_words[severity].word) : KT_STR_NONE);
}

static void add_change(struct kt_rows *rows, const char *change, const struct kt_page *o, int a,
                       int b)
{
    const struct kt_detector *det = kt_detectors[o->detector];
    const struct kt_cell cells[] = { kt_cell_str(kt_str_of(change)),
                                     kt_cell_time(o->first),
                                     severity(a),
                                     severity(b),
                                     kt_cell_str(kt_str_of(det != NULL ? det->name : "")),
                                     kt_cell_str(o->subject),
                                     kt_cell_str(o->title),
                                     kt_cell_str(kt_str_of(o->id)) };
    kt_rows_add(rows, cells);
}

static void print_changes(const struct kt_paged *a, const struct kt_paged *b, enum kt_output how,
                          bool header)
{
    struct kt_rows *rows = kt_rows_new(how, alert_columns, KT_ARRAY_LEN(alert_columns), header);
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->at[i].other == NULL)
            add_change(rows, "lost", &a->at[i], a->at[i].severity, -1);
    }
    for (uint32_t i = 0; i < b->n; i++) {
        const struct kt_page *is = &b->at[i], *was = is->other;
        if (was == NULL)
            add_change(rows, "gained", is, -1, is->severity);
        else if (was->severity != is->severity)
            add_change(rows, is->severity > was->severity ? "higher" : "lower", is, was->severity,
                       is->severity);
    }
    kt_rows_end(rows);
}

/* ---- the whole ---- */

static bool differs(const struct kt_paged *a, const struct kt_paged *b)
{
    struct sums s = sum_up(a, b, 0, true, 0);
    return s.gained + s.lost + s.changed > 0;
}

static void print_json(const struct kt_side side[2], const struct kt_paged *a,
                       const struct kt_paged *b, struct span span)
{
    struct kt_buf head = { 0 }, name = { 0 };
    kt_buf_addz(&head, "{\"a\":");
    kt_side_name(&side[0], &name);
    kt_json_quote(&head, kt_buf_str(&name));
    kt_buf_reset(&name);
    kt_side_name(&side[1], &name);
    kt_buf_addz(&head, ",\"b\":");
    kt_json_quote(&head, kt_buf_str(&name));
    kt_buf_reset(&name);
    kt_sides_differ(&side[0], &side[1], &name);
    kt_buf_addz(&head, ",\"differs\":");
    kt_json_quote(&head, kt_buf_str(&name));
    kt_buf_addf(&head, ",\"weeks\":%.2f,\"detectors\":", span.weeks);
    printf("%s", kt_buf_z(&head));
    print_detectors(a, b, span, KT_OUT_JSON, false);
    printf(",\"alerts\":");
    print_changes(a, b, KT_OUT_JSON, false);
    printf("}\n");
    kt_buf_done(&head);
    kt_buf_done(&name);
}

static void head_lines(const struct kt_side side[2], const struct kt_sides_run *run)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf a = { 0 }, b = { 0 }, differ = { 0 };
    kt_side_name(&side[0], &a);
    kt_side_name(&side[1], &b);
    kt_sides_differ(&side[0], &side[1], &differ);
    fprintf(stderr, "A: %s\nB: %s\ndifferent in B: %s\n", kt_buf_z(&a), kt_buf_z(&b),
            differ.len > 0 ? kt_buf_z(&differ) : "nothing");
    if (run->recorded == 0 && (side[0].config == NULL || side[1].config == NULL))
        fprintf(stderr, "the log records no configuration: defaults held then\n");
}

void kt_replay_compare(const struct kt_side side[2], const struct kt_sides_run *run,
                       kt_time_ns since, kt_time_ns until, enum kt_output how, bool header)
{
    struct kt_paged a = kt_paged_of(&side[0], since, until),
                    b = kt_paged_of(&side[1], since, until);
    struct span span = { kt_replay_from(run, since), kt_replay_weeks(run, since, until) };
    bool people = how == KT_OUT_TABLE || how == KT_OUT_MD;
    kt_paged_match(&a, &b);
    if (header)
        head_lines(side, run);
    if (how == KT_OUT_JSON)
        print_json(side, &a, &b, span);
    if (people)
        print_detectors(&a, &b, span, how, header);
    if (people && differs(&a, &b))
        printf("\n");
    if (how != KT_OUT_JSON && (!people || differs(&a, &b)))
        print_changes(&a, &b, how, header);
    kt_paged_done(&a);
    kt_paged_done(&b);
}
