/*
 * sigma_window: a correlation at work on the events of one group.
 *
 * Owns:  nothing: the window is an entry of the detector's table.
 * Calls: nothing. No clock: time is the events' own.
 * Holds: events stand in order of their time, whatever the order they came in, so a late one counts
 *        in its place. The oldest makes room. What made a correlation hold is taken out: each event
 *        serves once.
 */
#include <string.h>

#include "detectors/sigma.h"

static unsigned put(struct kt_sigma_window *w, struct kt_sigma_seen seen)
{
    unsigned at = w->n;
    while (at > 0 && w->seen[at - 1].t > seen.t)
        at--;
    if (w->n == KT_RULE_WINDOW_MAX) {
        if (at == 0)
            return KT_RULE_WINDOW_MAX; /* older than all, and there is no room */
        memmove(&w->seen[0], &w->seen[1], (at - 1) * sizeof w->seen[0]);
        w->seen[at - 1] = seen;
        return at - 1;
    }
    memmove(&w->seen[at + 1], &w->seen[at], (w->n - at) * sizeof w->seen[0]);
    w->seen[at] = seen;
    w->n++;
    return at;
}

static unsigned distinct(const struct kt_sigma_seen *s, unsigned n)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) {
        bool before = false;
        for (unsigned k = 0; k < i && !before; k++)
            before = s[k].value == s[i].value;
        count += !before;
    }
    return count;
}

static unsigned rules_seen(const struct kt_sigma_seen *s, unsigned n)
{
    bool met[KT_SIGMA_TOGETHER] = { false };
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) {
        count += !met[s[i].rule];
        met[s[i].rule] = true;
    }
    return count;
}

/* How far the rules were met in their order. Events of one moment may be in any. */
static unsigned rules_in_order(const struct kt_sigma_seen *s, unsigned n, unsigned rules)
{
    unsigned met = 0;
    for (unsigned from = 0; from < n;) {
        unsigned to = from;
        while (to < n && s[to].t == s[from].t)
            to++;
        for (bool more = true; more && met < rules;) {
            more = false;
            for (unsigned i = from; i < to && !more; i++)
                more = s[i].rule == met;
            met += more;
        }
        from = to;
    }
    return met;
}

static unsigned measure(const struct kt_sigma_correlation *c, const struct kt_sigma_seen *s,
                        unsigned n)
{
    switch (c->type) {
    case KT_SIGMA_EVENT_COUNT:
        return n;
    case KT_SIGMA_VALUE_COUNT:
        return distinct(s, n);
    case KT_SIGMA_TEMPORAL:
        return rules_seen(s, n);
    case KT_SIGMA_TEMPORAL_ORDERED:
        return rules_in_order(s, n, c->n_rules);
    case KT_SIGMA_TYPES:
        break;
    }
    return 0;
}

bool kt_sigma_window_add(struct kt_sigma_window *w, const struct kt_sigma_correlation *c,
                         struct kt_sigma_seen seen, unsigned *ret_n)
{
    uint64_t want = c->at_least > 0 ? c->at_least : c->n_rules; /* rules: all, unless said */
    unsigned at = put(w, seen);
    if (at == KT_RULE_WINDOW_MAX)
        return false;
    /* each stretch that begins with an event and has the new one inside; one that reaches no
     * further than the one before it is a part of that */
    for (unsigned from = 0, reached = 0; from <= at; from++) {
        unsigned to = at + 1;
        if (seen.t - w->seen[from].t > c->span)
            continue;
        while (to < w->n && w->seen[to].t - w->seen[from].t <= c->span)
            to++;
        if (to == reached || to - from < want)
            continue;
        reached = to;
        unsigned n = measure(c, &w->seen[from], to - from);
        if (n < want)
            continue;
        *ret_n = n;
        memmove(&w->seen[from], &w->seen[to], (w->n - to) * sizeof w->seen[0]);
        w->n -= to - from;
        memset(&w->seen[w->n], 0, (KT_RULE_WINDOW_MAX - w->n) * sizeof w->seen[0]);
        return true;
    }
    return false;
}
