/*
 * detect_daily: what each detector said day by day: its largest surprise, and how many incidents it
 * opened (DETECTION §3.5, and the budget of §5).
 *
 * Owns:  struct daily in the engine's state.
 * Calls: detectors/baseline. No clock, no I/O.
 * Holds: read by people only; no threshold follows from it.
 */
#include "collector/detect_state.h"

#define DAY_MIN     1440u
#define BUDGET      5u /* incidents a day */
#define BUDGET_DAYS 3u /* in a row, before it is said */
#define LEVEL_DAYS  30.0

/* The day's place in the ring; DAILY_DAYS when it is older than the ring reaches. */
static unsigned place(struct daily *y, uint32_t day)
{
    if (y->newest == 0)
        y->newest = day;
    if (day + DAILY_DAYS <= y->newest)
        return DAILY_DAYS;
    for (; y->newest < day; y->newest++) {
        unsigned next = (y->newest + 1) % DAILY_DAYS;
        y->surprise[next] = y->opened[next] = 0;
    }
    return day % DAILY_DAYS;
}

void kt_detect_daily_surprise(struct kt_detect *d, const struct kt_scene *s,
                              const struct kt_finding *f)
{
    struct daily *y = &d->core.daily[f->detector];
    unsigned at = f->family == KT_FAMILY_SIGNATURE || f->flags & KT_FIND_ADDS
                      ? DAILY_DAYS
                      : place(y, s->minute / DAY_MIN);
    if (at < DAILY_DAYS && y->surprise[at] < f->points)
        y->surprise[at] = (uint16_t)f->points;
}

void kt_detect_daily_opened(struct kt_detect *d, const struct kt_scene *s, uint8_t detector)
{
    struct daily *y = &d->core.daily[detector];
    unsigned at = place(y, s->minute / DAY_MIN);
    if (at < DAILY_DAYS && y->opened[at] < UINT16_MAX)
        y->opened[at]++;
}

static bool held(const struct daily *y, uint32_t day)
{
    return day <= y->newest && day + DAILY_DAYS > y->newest;
}

/* Full days only: today is not over. */
static bool over_budget(const struct daily *y, uint32_t today)
{
    unsigned over = 0;
    for (uint32_t day = today - BUDGET_DAYS; day < today; day++)
        over += held(y, day) && y->opened[day % DAILY_DAYS] > BUDGET;
    return over == BUDGET_DAYS;
}

static void levels(const struct kt_detect *d, struct kt_buf *out)
{
    uint32_t today = d->core.newest_min / DAY_MIN, days = today - d->core.first_min / DAY_MIN;
    const char *between = "";
    days = days < DAILY_DAYS ? days : DAILY_DAYS - 1;
    kt_buf_addz(out, "\"levels\":{");
    for (unsigned i = 0; i < d->n_detectors; i++) {
        const struct daily *y = &d->core.daily[i];
        double largest[DAILY_DAYS];
        for (unsigned k = 0; k < days; k++) /* full days, the newest first */
            largest[k] =
                held(y, today - 1 - k) ? y->surprise[(today - 1 - k) % DAILY_DAYS] / 100.0 : 0;
        double level = kt_tail_level(largest, days, LEVEL_DAYS);
        if (level <= 0)
            continue;
        kt_buf_addf(out, "%s\"%s\":%.1f", between, kt_detectors[i]->name, level);
        between = ",";
    }
    kt_buf_byte(out, '}');
}

void kt_detect_daily_status(const struct kt_detect *d, struct kt_buf *out)
{
    uint32_t today = d->core.newest_min / DAY_MIN;
    const char *between = "";
    kt_buf_addz(out, "\"noisy\":[");
    for (unsigned i = 0; i < d->n_detectors; i++) {
        if (today <= BUDGET_DAYS || !over_budget(&d->core.daily[i], today))
            continue;
        const char *name = kt_detectors[i]->name;
        kt_buf_addf(
            out,
            "%s\"%s opened more than %u incidents on each of the last %u days; its options: "
            "keytrail detect explain %s\"",
            between, name, BUDGET, BUDGET_DAYS, name);
        between = ",";
    }
    kt_buf_addz(out, "],");
    levels(d, out);
}
