/*
 * firm_score: runs one world through the engine and the fixed thresholds, holds what they say
 * against what happened, and prints the sums.
 *
 * Owns:  the alerts of a run.
 * Calls: collector/detect, firm.h.
 */
#include "tests/sim/firm_score.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/alloc.h"
#include "detectors/detector.h"

/* ---- alerts ---- */
struct firm_alert *firm_alert_of(struct firm_alerts *l, const char *id)
{
    for (unsigned i = l->n; i > 0 && id != NULL; i--) {
        if (strcmp(l->at[i - 1].id, id) == 0)
            return &l->at[i - 1];
    }
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 64 : 2 * l->cap;
        l->at = kt_realloc_array(l->at, l->cap, sizeof *l->at);
    }
    struct firm_alert *a = &l->at[l->n++];
    *a = (struct firm_alert){ 0 };
    if (id != NULL)
        kt_str_copyz(a->id, sizeof a->id, kt_str_of(id));
    return a;
}

void firm_credit(struct firm_alerts *l, struct firm_alert *a, unsigned attack)
{
    struct firm_attack *x = &l->f->attack[attack - 1];
    for (unsigned i = 0; i < a->n_attack; i++) {
        if (a->attack[i] == attack)
            return;
    }
    if (a->n_attack == KT_ARRAY_LEN(a->attack))
        return;
    a->attack[a->n_attack++] = (uint16_t)attack;
    struct firm_found *by = &x->by[l->judge];
    by->raised = by->found ? by->raised : l->f->now;
    by->found = true;
    by->alerts++;
}

static unsigned attack_of(struct kt_str native)
{
    uint64_t n;
    ptrdiff_t end = kt_str_find_byte(native, '-', 0);
    bool is = native.len > 2 && native.at[0] == 'a' && end > 1 &&
              kt_str_u64(kt_str_sub(native, 1, (size_t)end - 1), &n);
    return is ? (unsigned)n : 0;
}

static void note_trouble(const struct firm_alerts *l, struct firm_alert *a,
                         const struct kt_alert *told)
{
    for (unsigned i = 0; i < FIRM_SOURCES; i++)
        a->trouble =
            a->trouble || (kt_str_eq(told->instance, kt_str_of(firm_sources[i].instance)) &&
                           firm_was_down(l->f, i, l->f->now));
}

/* A log that is silent has no record to name: its source and the time are what an alert says. */
static void credit_silence(struct firm_alerts *l, struct firm_alert *a, const struct kt_alert *told)
{
    if (strcmp(told->detector, firm_classes[FIRM_CLASS_SILENT].detector) != 0)
        return;
    note_trouble(l, a, told);
    for (unsigned i = 0; i < l->f->n_attack; i++) {
        const struct firm_attack *x = &l->f->attack[i];
        struct kt_str instance = kt_str_of(firm_sources[x->source].instance);
        bool now = l->f->now >= x->first && l->f->now < x->last + KT_NS_HOUR;
        if (x->class == FIRM_CLASS_SILENT && now && kt_str_eq(told->instance, instance))
            firm_credit(l, a, i + 1);
    }
}

static void credit_events(struct firm_alerts *l, struct firm_alert *a, const struct kt_alert *told)
{
    for (unsigned i = 0; i < told->n_events; i++) {
        unsigned attack = attack_of(told->events[i]);
        if (attack > 0)
            firm_credit(l, a, attack);
    }
    credit_silence(l, a, told);
}

struct told {
    struct firm_alerts engine, fixed;
};

static void note_parts(struct firm_alert *mine, const struct kt_alert *a)
{
    size_t n = 0;
    mine->score = a->score;
    for (unsigned i = 0; i < a->n_parts && n + 1 < sizeof mine->parts; i++)
        n += (size_t)snprintf(mine->parts + n, sizeof mine->parts - n, "%s%.1f " KT_STR_FMT,
                              i > 0 ? " + " : "", a->parts[i].points / 100.0,
                              KT_STR_ARG(a->parts[i].text));
}

static void on_alert(void *self, const struct kt_alert *a, bool is_new)
{
    struct told *t = self;
    (void)is_new;
    if (a->severity < KT_SEV_MEDIUM || strcmp(a->state, "closed") == 0)
        return;
    bool signature = strcmp(a->detector, "signatures") == 0;
    struct firm_alert *mine = firm_alert_of(&t->engine, a->id);
    if (!mine->paged) {
        kt_str_copyz(mine->title, sizeof mine->title, a->title);
        kt_str_copyz(mine->detector, sizeof mine->detector, kt_str_of(a->detector));
        note_parts(mine, a);
        mine->paged = true;
        mine->at = t->engine.f->now;
    }
    credit_events(&t->engine, mine, a);
    if (!signature)
        return;
    struct firm_alert *also = firm_alert_of(&t->fixed, a->id); /* the fixed rules have these too */
    kt_str_copyz(also->title, sizeof also->title, a->title);
    also->paged = true;
    also->at = t->engine.f->now;
    credit_events(&t->fixed, also, a);
}

/* ---- one world ---- */
static void add_alerts(const struct firm_alerts *l, struct firm_sums *sums, bool show,
                       uint64_t seed)
{
    char when[KT_TIME_TEXT_MAX];
    for (unsigned i = 0; i < l->n; i++) {
        const struct firm_alert *a = &l->at[i];
        sums->true_alerts[l->judge] += a->n_attack > 0;
        bool wrong = a->n_attack == 0 && !a->trouble;
        sums->trouble += a->n_attack == 0 && a->trouble;
        sums->false_alerts[l->judge] += wrong;
        if (show && wrong)
            printf("  seed %llu false: %s %s: %s\n      %.1f: %s\n", (unsigned long long)seed,
                   kt_time_format_short(a->at, when), a->detector, a->title, a->score / 100.0,
                   a->parts);
    }
}

static void add_attacks(const struct firm *f, struct firm_sums *sums, bool show)
{
    char when[KT_TIME_TEXT_MAX];
    for (unsigned i = 0; i < f->n_attack; i++) {
        const struct firm_attack *a = &f->attack[i];
        struct firm_row *row = &sums->class[a->class];
        row->incidents++;
        for (unsigned j = 0; j < FIRM_JUDGES; j++) {
            row->found[j] += a->by[j].found;
            row->alerts[j] += a->by[j].alerts;
        }
        kt_time_ns delay = a->by[FIRM_ENGINE].raised - a->known;
        if (a->by[FIRM_ENGINE].found && row->n_delay < KT_ARRAY_LEN(row->delay))
            row->delay[row->n_delay++] = delay > 0 ? delay : 0;
        if (show && !a->by[FIRM_ENGINE].found)
            printf("  seed %llu missed: %s %s (number %u)\n", (unsigned long long)f->seed,
                   kt_time_format_short(a->first, when), firm_classes[a->class].words, i + 1);
    }
}

void firm_measure(uint64_t seed, const struct firm_settings *s, struct firm_sums *sums)
{
    struct firm *f = firm_new(seed, s->days, s->attacks, s->countries_only);
    struct told told = { { .f = f, .judge = FIRM_ENGINE }, { .f = f, .judge = FIRM_STATIC } };
    struct kt_conf *conf = kt_conf_defaults();
    struct kt_detect *d = NULL;
    struct kt_error err = { 0 };
    firm_configure(f, conf);
    const struct kt_detect_options opt = { .conf = conf, .alert = on_alert, .self = &told };
    enum kt_status st = kt_detect_new(&opt, &d, &err);
    assert(st == KT_OK);
    (void)st;
    struct firm_static *rules = firm_static_new(&told.fixed);
    clock_t from = clock();
    struct firm_log log = firm_feed(f, d, firm_static_event, rules);
    sums->seconds += (double)(clock() - from) / CLOCKS_PER_SEC;
    sums->records += log.records;
    sums->late += log.late;
    sums->twice += log.twice;
    sums->days += s->days;
    add_alerts(&told.engine, sums, s->verbose, seed);
    add_alerts(&told.fixed, sums, false, seed);
    add_attacks(f, sums, s->verbose);
    firm_static_free(rules);
    kt_free(told.engine.at);
    kt_free(told.fixed.at);
    kt_detect_free(d);
    kt_conf_free(conf);
    firm_free(f);
}

/* ---- the sums ---- */
static bool is_of(unsigned class, const char *const *detectors)
{
    for (; *detectors != NULL; detectors++) {
        if (strcmp(*detectors, firm_classes[class].detector) == 0)
            return true;
    }
    return false;
}

double firm_recall(const struct firm_sums *sums, unsigned judge, const char *const *detectors)
{
    unsigned n = 0, found = 0;
    for (unsigned c = 0; c < FIRM_CLASS_COUNT; c++) {
        if (detectors != NULL && !is_of(c, detectors))
            continue;
        n += sums->class[c].incidents;
        found += sums->class[c].found[judge];
    }
    return n > 0 ? (double)found / n : 1;
}

double firm_false_a_day(const struct firm_sums *sums, unsigned judge)
{
    return (double)sums->false_alerts[judge] / (double)sums->days;
}

static int by_time(const void *x, const void *y)
{
    kt_time_ns p = *(const kt_time_ns *)x, q = *(const kt_time_ns *)y;
    return (p > q) - (p < q);
}

static kt_time_ns quantile(const struct firm_row *row, double q)
{
    kt_time_ns sorted[KT_ARRAY_LEN(row->delay)];
    memcpy(sorted, row->delay, row->n_delay * sizeof sorted[0]);
    qsort(sorted, row->n_delay, sizeof sorted[0], by_time);
    unsigned at = (unsigned)(q * row->n_delay);
    return row->n_delay == 0 ? 0 : sorted[at < row->n_delay ? at : row->n_delay - 1];
}

static const char *short_time(kt_time_ns t, char text[24])
{
    double s = (double)t / 1e9;
    if (s < 60)
        (void)snprintf(text, 24, "%.0f s", s);
    else if (s < 3600)
        (void)snprintf(text, 24, "%.0f min", s / 60);
    else
        (void)snprintf(text, 24, "%.1f h", s / 3600);
    return text;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void print_class(const struct firm_row *row, unsigned class)
{
    char p50[24] = "-", p90[24] = "-";
    if (row->n_delay > 0) {
        (void)short_time(quantile(row, 0.5), p50);
        (void)short_time(quantile(row, 0.9), p90);
    }
    printf("%-34s %5u %6u %6.2f %8s %8s %6.1f %8u\n", firm_classes[class].words, row->incidents,
           row->found[FIRM_ENGINE], ratio(row->found[FIRM_ENGINE], row->incidents), p50, p90,
           ratio(row->alerts[FIRM_ENGINE], row->found[FIRM_ENGINE]), row->found[FIRM_STATIC]);
}

struct all {
    unsigned incidents, found[FIRM_JUDGES], alerts[FIRM_JUDGES], weak;
    struct firm_row quick; /* delays of the classes that are not slow */
};

static struct all add_classes(const struct firm_sums *sums)
{
    static struct all all;
    all = (struct all){ 0 };
    for (unsigned c = 0; c < FIRM_CLASS_COUNT; c++) {
        const struct firm_row *row = &sums->class[c];
        all.incidents += row->incidents;
        all.weak += row->incidents > 0 && row->found[FIRM_ENGINE] < 0.8 * row->incidents;
        for (unsigned j = 0; j < FIRM_JUDGES; j++) {
            all.found[j] += row->found[j];
            all.alerts[j] += row->alerts[j];
        }
        for (unsigned i = 0; i < row->n_delay && !firm_classes[c].slow; i++) {
            if (all.quick.n_delay < KT_ARRAY_LEN(all.quick.delay))
                all.quick.delay[all.quick.n_delay++] = row->delay[i];
        }
    }
    return all;
}

struct aim {
    const char *words, *want;
    double is[FIRM_JUDGES];
    bool met;
};

static unsigned print_aims(const struct firm_sums *sums, const struct all *all)
{
    double per[3][FIRM_JUDGES], recall[FIRM_JUDGES], each[FIRM_JUDGES];
    for (unsigned j = 0; j < FIRM_JUDGES; j++) {
        double wrong = (double)sums->false_alerts[j], right = (double)sums->true_alerts[j];
        recall[j] = ratio(all->found[j], all->incidents);
        each[j] = ratio(all->alerts[j], all->found[j]);
        per[0][j] = firm_false_a_day(sums, j);
        per[1][j] = ratio(wrong * 1e6, (double)sums->records);
        per[2][j] = ratio(right, right + wrong);
    }
    double hours = (double)quantile(&all->quick, 0.9) / (double)KT_NS_HOUR;
    bool some = all->incidents > 0;
    const struct aim aims[] = {
        { "recall", ">= 0.97", { recall[0], recall[1] }, !some || recall[0] >= 0.97 },
        { "classes below 0.8", "0", { all->weak, -1 }, all->weak == 0 },
        { "false alerts a day", "<= 0.3", { per[0][0], per[0][1] }, per[0][0] <= 0.3 },
        { "false alerts a million", "<= 150", { per[1][0], per[1][1] }, per[1][0] <= 150 },
        { "precision", ">= 0.8", { per[2][0], per[2][1] }, !some || per[2][0] >= 0.8 },
        { "alerts an incident", "<= 2.5", { each[0], each[1] }, each[0] <= 2.5 },
        { "delay p90, hours, not slow ones", "<= 1", { hours, -1 }, hours <= 1 },
    };
    unsigned missed = 0;
    printf("\n%-34s %10s %10s %14s\n", "", "aim", "detectors", "fixed rules");
    for (size_t i = 0; i < KT_ARRAY_LEN(aims); i++) {
        printf("%-34s %10s %10.2f ", aims[i].words, aims[i].want, aims[i].is[0]);
        if (aims[i].is[1] >= 0)
            printf("%14.2f", aims[i].is[1]);
        printf("%s\n", aims[i].met ? "" : "   missed");
        missed += !aims[i].met;
    }
    return missed;
}

unsigned firm_print(const struct firm_sums *sums)
{
    printf("%llu records of %llu days, %llu an hour late or more, %llu told twice; %.1f s, %.2f us "
           "a record\n\n",
           (unsigned long long)sums->records, (unsigned long long)sums->days,
           (unsigned long long)sums->late, (unsigned long long)sums->twice, sums->seconds,
           ratio(sums->seconds * 1e6, (double)sums->records));
    printf("%-34s %5s %6s %6s %8s %8s %6s %8s\n", "attack", "n", "found", "recall", "p50", "p90",
           "alerts", "by fixed");
    for (unsigned c = 0; c < FIRM_CLASS_COUNT; c++)
        print_class(&sums->class[c], c);
    struct all all = add_classes(sums);
    printf("%-34s %5u %6u %6.2f %32u\n", "all", all.incidents, all.found[FIRM_ENGINE],
           ratio(all.found[FIRM_ENGINE], all.incidents), all.found[FIRM_STATIC]);
    printf("%-34s %18llu\n", "alerts of agents that were down", (unsigned long long)sums->trouble);
    return print_aims(sums, &all);
}
