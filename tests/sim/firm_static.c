/*
 * firm_static: fixed thresholds over the same records, the yardstick: more than 20 reads in five
 * minutes, an address never seen for the actor, five failures in ten minutes by a name or at an
 * address. What one rule says of one subject within six hours is one alert.
 *
 * Owns:  the last moments of each subject.
 * Calls: firm_score.h.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "tests/sim/firm_score.h"

#define SLOTS      (1u << 18)
#define LAST       21u
#define READS      20u
#define FAILURES   5u
#define LEARN_DAYS 14u
#define TOGETHER   (6 * KT_NS_HOUR)

struct moments { /* of one subject */
    uint64_t key;
    kt_time_ns at[LAST];
    uint16_t attack[LAST];
    unsigned n;
};
struct firm_static {
    struct firm_alerts *to;
    struct moments *subject; /* open addressing */
    uint64_t *pair;          /* actor and address that were seen */
};

struct firm_static *firm_static_new(struct firm_alerts *to)
{
    struct firm_static *s = kt_alloc(sizeof *s);
    s->to = to;
    s->subject = kt_alloc_array(SLOTS / 64, sizeof *s->subject);
    s->pair = kt_alloc_array(SLOTS, sizeof *s->pair);
    return s;
}

void firm_static_free(struct firm_static *s)
{
    kt_free(s->subject);
    kt_free(s->pair);
    kt_free(s);
}

static uint64_t subject_key(char rule, const char *name, uint32_t ip)
{
    return (kt_hash64(kt_str_of(name), (uint64_t)rule) ^ ip * UINT64_C(0x9e3779b97f4a7c15)) | 1;
}

static struct moments *subject_of(struct firm_static *s, uint64_t key)
{
    unsigned slots = SLOTS / 64;
    for (unsigned i = 0, at = (unsigned)(key >> 20) % slots; i < slots;
         i++, at = (at + 1) % slots) {
        struct moments *m = &s->subject[at];
        if (m->key == key || m->key == 0) {
            m->key = key;
            return m;
        }
    }
    return &s->subject[0]; /* full: far beyond what a firm has */
}

static bool pair_is_new(struct firm_static *s, uint64_t key)
{
    for (unsigned i = 0, at = (unsigned)(key >> 20) % SLOTS; i < SLOTS;
         i++, at = (at + 1) % SLOTS) {
        if (s->pair[at] == key)
            return false;
        if (s->pair[at] == 0) {
            s->pair[at] = key;
            return true;
        }
    }
    return false;
}

static void tell(struct firm_static *s, char rule, const char *name, uint32_t ip,
                 const struct firm_event *e, const struct moments *m, unsigned last)
{
    char id[40];
    uint64_t key = subject_key(rule, name, ip);
    kt_time_ns now = s->to->f->now;
    struct firm_alert *a = NULL;
    (void)snprintf(id, sizeof id, "%llx", (unsigned long long)key);
    for (unsigned i = s->to->n; i > 0 && a == NULL; i--) {
        struct firm_alert *old = &s->to->at[i - 1];
        if (strcmp(old->id, id) == 0 && now < old->until)
            a = old;
    }
    if (a == NULL) {
        a = firm_alert_of(s->to, NULL);
        kt_str_copyz(a->id, sizeof a->id, kt_str_of(id));
        (void)snprintf(a->title, sizeof a->title, "rule %c: %s", rule, name);
        a->paged = true;
        a->at = now;
    }
    a->until = now + TOGETHER;
    if (e->attack > 0)
        firm_credit(s->to, a, e->attack);
    for (unsigned i = 0; i < last && m != NULL; i++) {
        if (m->attack[(m->n - 1 - i) % LAST] > 0)
            firm_credit(s->to, a, m->attack[(m->n - 1 - i) % LAST]);
    }
}

/* Notes the event; `many` of them within the width: an alert. */
static void count(struct firm_static *s, char rule, const char *name, uint32_t ip,
                  const struct firm_event *e, unsigned many, kt_time_ns width)
{
    struct moments *m = subject_of(s, subject_key(rule, name, ip));
    m->attack[m->n % LAST] = e->attack;
    m->at[m->n++ % LAST] = e->t;
    if (m->n < many)
        return;
    kt_time_ns apart = e->t - m->at[(m->n - many) % LAST];
    if (apart >= 0 && apart < width)
        tell(s, rule, name, ip, e, m, many);
}

void firm_static_event(void *self, const struct firm_event *e)
{
    struct firm_static *s = self;
    bool ok = e->outcome == KT_OUT_SUCCESS, named = e->actor != NULL && e->actor[0] != '\0';
    if (e->record != KT_KIND_ACCESS)
        return;
    bool reads = e->action == KT_ACT_READ || e->action == KT_ACT_EXPORT;
    if (ok && reads && named)
        count(s, 'r', e->actor, 0, e, READS + 1, 5 * KT_NS_MIN);
    if (e->outcome == KT_OUT_DENIED && named)
        count(s, 'f', e->actor, 0, e, FAILURES, 10 * KT_NS_MIN);
    if (e->outcome == KT_OUT_DENIED && e->ip != 0)
        count(s, 'g', "", e->ip, e, FAILURES, 10 * KT_NS_MIN);
    bool known = s->to->f->now >= s->to->f->start + (kt_time_ns)LEARN_DAYS * KT_NS_DAY;
    if (ok && named && firm_net_of(e->ip) != NULL &&
        pair_is_new(s, subject_key('a', e->actor, e->ip)) && known)
        tell(s, 'a', e->actor, 0, e, NULL, 0);
}
