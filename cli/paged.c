/*
 * paged: alerts that page, by what they are about and when.
 *
 * Owns:  copies of the texts of the alerts in a list.
 * Calls: exporters/alerts/alert, detectors (names).
 */
#include "cli/paged.h"

#include <string.h>

#include "cli/replay.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "detectors/detector.h"

#define JOIN_NS (6 * KT_NS_HOUR) /* as long as an incident waits for more (DETECTION §5) */

static unsigned detector_of(const char *name)
{
    unsigned i = 0;
    while (kt_detectors[i] != NULL && strcmp(kt_detectors[i]->name, name) != 0)
        i++;
    return i;
}

/* There is room: addresses hold. */
static struct kt_str keep(struct kt_paged *l, struct kt_str s)
{
    size_t at = l->keep.len;
    kt_buf_add(&l->keep, s);
    return kt_str_from(l->keep.at + at, s.len);
}

struct kt_paged kt_paged_new(uint32_t n, size_t bytes)
{
    struct kt_paged l = { .at = kt_alloc_array(n + 1, sizeof *l.at) };
    (void)kt_buf_reserve(&l.keep, bytes + 1);
    return l;
}

void kt_paged_add(struct kt_paged *l, const struct kt_alert *a)
{
    struct kt_str subject = a->actor.len > 0 ? a->actor : a->ip.len > 0 ? a->ip : a->instance;
    struct kt_page *o = &l->at[l->n++];
    *o = (struct kt_page){ .first = a->first,
                           .last = a->last,
                           .severity = (int)a->severity,
                           .detector = detector_of(a->detector),
                           .title = keep(l, a->title),
                           .subject = keep(l, subject) };
    memcpy(o->id, a->id, sizeof o->id);
}

struct kt_paged kt_paged_of(const struct kt_side *s, kt_time_ns since, kt_time_ns until)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    size_t bytes = 0;
    for (uint32_t i = 0; i < kt_side_count(s); i++)
        bytes += strlen(s->documents[i]); /* more than its title and subject */
    struct kt_paged l = kt_paged_new(kt_side_count(s), bytes);
    for (uint32_t i = 0; i < kt_side_count(s); i++) {
        struct kt_alert a = { 0 };
        struct kt_error err = { 0 };
        kt_arena_reset(&arena);
        if (kt_alert_read(kt_str_of(s->documents[i]), &arena, &a, &err) == KT_OK &&
            a.severity >= KT_SEV_MEDIUM && kt_replay_shown(&a, since, until))
            kt_paged_add(&l, &a);
    }
    return l;
}

void kt_paged_done(struct kt_paged *l)
{
    kt_free(l->at);
    kt_buf_done(&l->keep);
    *l = (struct kt_paged){ 0 };
}

static bool same_id(const struct kt_page *a, const struct kt_page *b)
{
    return strcmp(a->id, b->id) == 0;
}

static bool same_time(const struct kt_page *a, const struct kt_page *b)
{
    return kt_str_eq(a->subject, b->subject) && a->first <= b->last + JOIN_NS &&
           b->first <= a->last + JOIN_NS;
}

static void match(struct kt_paged *a, struct kt_paged *b,
                  bool (*same)(const struct kt_page *a, const struct kt_page *b))
{
    for (uint32_t i = 0; i < a->n; i++) {
        for (uint32_t k = 0; k < b->n && a->at[i].other == NULL; k++) {
            if (b->at[k].other != NULL || !same(&a->at[i], &b->at[k]))
                continue;
            a->at[i].other = &b->at[k];
            b->at[k].other = &a->at[i];
        }
    }
}

static void forget(struct kt_paged *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        l->at[i].other = NULL;
}

void kt_paged_match(struct kt_paged *a, struct kt_paged *b)
{
    forget(a);
    forget(b);
    match(a, b, same_id);
    match(a, b, same_time);
}
