/*
 * alert_baseline: what a detector measures, drawn over the weeks before: the subject's own
 * yardstick, so that the sentence can be seen.
 *
 * Owns:  the table of what is drawn for which detector.
 * Calls: core/answer/history.
 */
#include <math.h>
#include <string.h>

#include "core/answer/history.h"
#include "dashboards/api/alert_int.h"

#define DAYS 28 /* as many as detection remembers of an actor's busiest ones */

/* Of the first row that fits: of its detector, and with its words in the leading part's text. */
static const struct drawn {
    const char *detector, *words;
    enum kt_history_of of;
    enum kt_history_how how;
    int days, before_days;
    kt_time_ns span;
    const char *label;
} table[] = {
    { "volume_spike", "different secrets", KT_HISTORY_SECRETS, KT_HISTORY_BUSIEST, DAYS, 0,
      KT_NS_HOUR, "different secrets in the busiest hour of each day" },
    { "volume_spike", "5 minutes", KT_HISTORY_READS, KT_HISTORY_BUSIEST, DAYS, 0, 5 * KT_NS_MIN,
      "reads in the busiest 5 minutes of each day" },
    { "volume_spike", NULL, KT_HISTORY_READS, KT_HISTORY_BUSIEST, DAYS, 0, KT_NS_HOUR,
      "reads in the busiest hour of each day" },
    { "new_secrets", NULL, KT_HISTORY_NEW_SECRETS, KT_HISTORY_DAYS, DAYS, 62, 0,
      "secrets a day that it had not read in the two months before" },
    { "grant_then_read", NULL, KT_HISTORY_NEW_SECRETS, KT_HISTORY_DAYS, DAYS, 62, 0,
      "secrets a day that it had not read in the two months before" },
    { "failed_attempts", NULL, KT_HISTORY_FAILED, KT_HISTORY_BUSIEST, DAYS, 0, KT_NS_HOUR,
      "refused and failed in the worst hour of each day" },
    { "unusual_time", NULL, KT_HISTORY_EVENTS, KT_HISTORY_CLOCK, 60, 0, 0,
      "days with any event at that hour, of the 60 before" },
    { "unexpected_ip", NULL, KT_HISTORY_NETWORKS, KT_HISTORY_DAYS, DAYS, 0, 0,
      "different networks a day that it worked from" },
    { "impossible_travel", NULL, KT_HISTORY_NETWORKS, KT_HISTORY_DAYS, DAYS, 0, 0,
      "different networks a day that it worked from" },
    { "dormant", NULL, KT_HISTORY_EVENTS, KT_HISTORY_DAYS, 120, 0, 0, "events a day" },
    { "silent_source", NULL, KT_HISTORY_EVENTS, KT_HISTORY_HOURS, 7, 0, 0, "events an hour" },
    { NULL, NULL, KT_HISTORY_EVENTS, KT_HISTORY_DAYS, DAYS, 0, 0, "events a day" },
};

static const struct drawn *drawn_of(const struct kt_alert *a)
{
    const struct kt_alert_part *main = NULL;
    for (unsigned i = 0; i < a->n_parts; i++)
        if (strcmp(a->parts[i].detector, a->detector) == 0 &&
            (main == NULL || a->parts[i].points > main->points))
            main = &a->parts[i];
    const struct drawn *d = table;
    for (; d->detector != NULL; d++) {
        bool fits = d->words == NULL ||
                    (main != NULL && kt_str_find(main->text, kt_str_of(d->words), 0) >= 0);
        if (strcmp(d->detector, a->detector) == 0 && fits)
            break;
    }
    return d;
}

/* Whose history: the actor's, else the network's or the source's. False: the alert has none. */
static bool take_subject(const struct kt_alert *a, char net[KT_IP_TEXT_MAX],
                         struct kt_history_ask *ask)
{
    struct kt_ip ip;
    bool silent = strcmp(a->detector, "silent_source") == 0;
    if (kt_alert_is_own(a))
        return false;
    ask->kind = KT_PROFILE_INSTANCE;
    ask->value = a->instance;
    if (silent)
        return a->instance.len > 0;
    if (a->actor.len > 0) {
        ask->kind = KT_PROFILE_ACTOR;
        ask->value = a->actor;
    } else if (kt_ip_parse(a->ip, &ip)) {
        ask->kind = KT_PROFILE_IP;
        ask->value = kt_str_of(kt_cidr_format(kt_ip_network(ip, 24, 48), net));
    }
    return ask->value.len > 0;
}

/* The step of t; those behind the last are the last. */
static uint32_t step_of(const struct kt_history *h, bool clock, int zone_s, kt_time_ns t)
{
    if (clock)
        return (uint32_t)((t + zone_s * KT_NS_S) / KT_NS_HOUR % 24);
    kt_time_ns i = t <= h->from ? 0 : (t - h->from) / h->step;
    return i < h->n ? (uint32_t)i : h->n - 1;
}

/* How many steps the evidence touches; on a clock they go on behind midnight. */
static uint32_t steps_of(const struct kt_history *h, bool clock, int zone_s,
                         const struct kt_alert *alert)
{
    if (!clock)
        return step_of(h, false, zone_s, alert->last) - step_of(h, false, zone_s, alert->first) + 1;
    kt_time_ns zone = zone_s * KT_NS_S;
    kt_time_ns n = (alert->last + zone) / KT_NS_HOUR - (alert->first + zone) / KT_NS_HOUR + 1;
    return n < h->n ? (uint32_t)n : h->n;
}

/* What is usual of the steps [first, before): the largest of the busiest hours, the mean of days
 * and hours. */
static double usual_of(const struct kt_history *h, const struct drawn *d, uint32_t first,
                       uint32_t before)
{
    double sum = 0, most = 0;
    for (uint32_t i = first; i < before; i++) {
        sum += h->value[i];
        most = fmax(most, h->value[i]);
    }
    if (before <= first || d->how == KT_HISTORY_CLOCK)
        return NAN;
    return d->how == KT_HISTORY_BUSIEST ? most : sum / (before - first);
}

static void add(struct kt_api *a, const struct kt_alert *alert, const struct drawn *d,
                const struct kt_history *h, kt_time_ns log_first)
{
    struct kt_buf *o = &a->out;
    bool clock = d->how == KT_HISTORY_CLOCK;
    int zone_s = a->ask->zone_offset_s;
    uint32_t from = step_of(h, clock, zone_s, alert->first), now = 0;
    uint32_t steps = steps_of(h, clock, zone_s, alert);
    for (uint32_t i = from; i < from + steps; i++)
        now = h->value[i % h->n] > now ? h->value[i % h->n] : now;
    kt_api_open(o, "baseline", '{');
    kt_api_text(o, "label", kt_str_of(d->label));
    kt_api_text(o, "axis",
                clock                        ? KT_STR("clock")
                : d->how == KT_HISTORY_HOURS ? KT_STR("hours")
                                             : KT_STR("days"));
    kt_api_time(o, "from", h->from);
    kt_api_u64(o, "step", (uint64_t)h->step);
    kt_api_open(o, "values", '[');
    for (uint32_t i = 0; i < h->n; i++)
        kt_api_u64(o, NULL, h->value[i]);
    kt_api_close(o, ']');
    kt_api_real(o, "usual", usual_of(h, d, step_of(h, clock, zone_s, log_first), from));
    kt_api_text(o, "usual_is",
                clock                          ? KT_STR_NONE
                : d->how == KT_HISTORY_BUSIEST ? KT_STR("the most before")
                                               : KT_STR("the mean before"));
    kt_api_u64(o, "now", now);
    kt_api_u64(o, "at", step_of(h, clock, zone_s, alert->last));
    kt_api_close(o, '}');
}

void kt_api_alert_baseline(struct kt_api *a, const struct kt_alert *alert)
{
    const struct drawn *d = drawn_of(alert);
    char net[KT_IP_TEXT_MAX];
    struct kt_history h = { 0 };
    kt_time_ns end = alert->last + 1, first;
    struct kt_history_ask ask = { .of = d->of,
                                  .how = d->how,
                                  .from = end - d->days * KT_NS_DAY,
                                  .until = end,
                                  .before = d->before_days * KT_NS_DAY,
                                  .span = d->span };
    struct kt_ask beside = *a->ask; /* what cannot be drawn is no fault of the answer */
    if (alert->last > d->days * KT_NS_DAY && take_subject(alert, net, &ask) &&
        kt_ask_first(&beside, &first, NULL) == KT_OK &&
        kt_history_load(&beside, &ask, &h, NULL) == KT_OK)
        add(a, alert, d, &h, first); /* of what is before the log nothing is known */
    else
        kt_api_raw(&a->out, "baseline", KT_STR_NONE);
}
