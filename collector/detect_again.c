/*
 * detect_again: the same evidence on another day is an update of the alert that somebody was told
 * of, and no second one (docs/decisions/0115).
 *
 * Owns:  nothing.
 * Calls: detect_incident, detect_total, detect_change, detect_decide (verdicts), known_secrets
 *        (production).
 */
#include <string.h>

#include "collector/detect_state.h"
#include "detectors/known_secrets.h"

#define AGAIN_MIN (14u * 24 * 60) /* after the notice; then it is told anew */

uint64_t kt_detect_told_before(const struct incident *before)
{
    if (before == NULL || before->key_kind != KT_KEY_ACTOR || before->environment)
        return 0;
    return before->severity >= KT_SEV_MEDIUM ? before->serial : before->told_before;
}

static struct incident *told_before(struct kt_detect *d, const struct incident *in)
{
    return in->told_before == 0 ? NULL
                                : kt_table_get(d->incidents, (struct kt_key){ in->told_before, 0 });
}

static bool has_secret(const struct incident *in, uint64_t hash)
{
    for (unsigned i = 0; i < kt_detect_listed(in); i++) {
        if (in->hash[i] == hash)
            return true;
    }
    return false;
}

static bool has_client(const struct incident *in, uint32_t client)
{
    for (unsigned i = 0; i < in->client_n; i++) {
        if (in->client[i] == client)
            return true;
    }
    return false;
}

static void add_client(struct incident *in, uint32_t client)
{
    if (in->client_n < INCIDENT_CLIENTS && !has_client(in, client))
        in->client[in->client_n++] = client;
}

/* Not of a failed login: anybody in that network may name the victim, and any client. */
void kt_detect_note_client(const struct kt_scene *s, struct incident *in)
{
    bool failed = s->ev->action == KT_ACT_LOGIN && !s->taught;
    if (in->key_kind == KT_KEY_ACTOR && s->where.usable && s->where.network == in->network &&
        !failed)
        add_client(in, s->client);
    kt_detect_note_desk(s, in);
}

void kt_detect_note_news(struct kt_detect *d, const struct kt_scene *s, struct incident *in)
{
    const struct incident *told = in->severity < 0 && !in->news ? told_before(d, in) : NULL;
    if (told == NULL)
        return;
    bool there = s->where.usable && s->where.network == told->network;
    bool client = there && !has_client(told, s->client);
    bool secret = s->read && s->novelty.weight > 0 && kt_known_production(s) > 0 &&
                  !has_secret(told, s->secret.a);
    in->news = client || secret;
}

static int points_of(const struct incident *in, enum kt_family family)
{
    int points = 0;
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        const struct part *p = &in->part[i];
        if (p->set && p->family == family && p->points > points)
            points = p->points;
    }
    return points;
}

/* From the network that was told, and from nowhere else that is new: the network itself, and that
 * the actor is elsewhere as well. */
static bool is_same(const struct incident *in, const struct incident *told)
{
    if (in->network == 0 || in->network != told->network)
        return false;
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        const struct part *p = &in->part[i];
        if (p->set && ((p->family != KT_FAMILY_NETWORK && p->family != KT_FAMILY_TRAVEL) ||
                       p->flags & (KT_FIND_CRITICAL | KT_FIND_SUCCESS)))
            return false;
    }
    return points_of(in, KT_FAMILY_NETWORK) <= points_of(told, KT_FAMILY_NETWORK);
}

/* Of those the next days are no news either. */
static void take_clients(struct incident *in, const struct incident *told)
{
    for (unsigned i = 0; i < told->client_n; i++)
        add_client(in, told->client[i]);
}

/* The alert as it is now: graver where this makes it so. */
static void update(struct kt_detect *d, struct kt_scene *s, struct incident *in,
                   struct incident *told)
{
    kt_detect_take_parts(d, s, told, in);
    kt_detect_note_event(s, told);
    told->again_last = s->t > told->again_last ? s->t : told->again_last;
    int weighted, total = kt_detect_total(told, d->shared.learning, &weighted);
    int severity = kt_detect_severity(weighted, told->critical);
    if (in->again && severity <= told->severity)
        return; /* each day says it once */
    told->again_n += !in->again;
    told->severity = severity > told->severity ? severity : told->severity;
    told->notified = total > told->notified ? total : told->notified;
    told->told_n = told->events_n;
    told->closed = 0;
    d->incidents_changed = true;
    kt_detect_emit(d, told, "updated", false, NULL);
}

/* Once for each who becomes part of the alert on a day, which names him, and where that makes it
 * graver. What was dismissed is so for him, too. */
static void join(struct kt_detect *d, struct kt_scene *s, struct incident *in, struct incident *all)
{
    int gravity = kt_detect_gravity(d, in);
    bool there = in->again && in->told_before == all->serial, graver = gravity > all->severity;
    in->again = true;
    in->told_before = all->serial; /* whose verdict holds for it */
    if ((there && !graver) || kt_detect_judged(d, all, all->key) != NULL)
        return;
    kt_detect_note_event(s, all);
    if (graver) {
        int weighted;
        kt_detect_take_parts(d, s, all, in);
        all->severity = gravity;
        all->notified = kt_detect_total(all, d->shared.learning, &weighted);
    }
    kt_detect_told(all, kt_detect_main_part(all, d->shared.learning), s->minute);
    all->again_n += !there && s->t > all->last + KT_NS_DAY / 2;
    all->again_last = s->t > all->again_last ? s->t : all->again_last;
    all->told_n = all->events_n;
    all->closed = 0;
    d->incidents_changed = true;
    kt_detect_emit(d, all, "updated", false, NULL);
}

bool kt_detect_again(struct kt_detect *d, struct kt_scene *s, struct incident *in)
{
    struct incident *all = kt_detect_change_of(d, s, in);
    if (all != NULL) {
        join(d, s, in, all);
        return true;
    }
    struct incident *told = told_before(d, in);
    bool recent = told != NULL && s->minute < told->told_min + AGAIN_MIN;
    bool same = recent && !in->news && is_same(in, told);
    const struct withheld *judged = recent ? kt_detect_judged(d, told, in->key) : NULL;
    if (same && judged == NULL)
        update(d, s, in, told);
    else if (recent && judged == NULL && in->network == told->network)
        take_clients(in, told); /* whoever changes clients is told of each */
    /* What still goes on when the alert that it was made part of is dismissed, is so with it. */
    in->again = same && (judged == NULL || (in->again && kt_detect_dismissed(judged)));
    return in->again;
}
