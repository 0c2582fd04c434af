/*
 * inside_spray: see the header.
 *
 * Owns:  nothing; its struct lies in a table of failed_attempts.
 * Calls: detector.h only. No clock, no I/O.
 */
#include "detectors/inside_spray.h"

#include <math.h>

#define DAY_MIN   1440u
#define KNOWN_MIN (90u * DAY_MIN)
#define LEAST     4.6 /* whoever asks for fewer names wants to hear of them */

bool kt_inside_spray_is_sound(const void *state)
{
    return ((const struct kt_inside_spray *)state)->n <= KT_INSIDE_NAMES;
}

enum { N_NAMES, N_USERS, N_LEAST };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    char ip[KT_IP_TEXT_MAX], many[40];
    kt_ip_format(s->ev->ip, ip);
    KT_SAY(many, "%s%.0f people", f->number[N_NAMES] >= KT_INSIDE_NAMES ? "at least " : "",
           f->number[N_NAMES]);
    KT_SAY(f->title, "%s failed to log in from %s within 24 hours.", many, ip);
    KT_SAY(
        f->normal,
        "All of them get in elsewhere, and none got in from this address. In 90 days %.0f did: a "
        "balancer or a server that people share lets more of them in.",
        f->number[N_USERS]);
    KT_SAY(f->part, "%s failing from one private address", many);
    KT_SAY(f->quiet, "Fewer than %.0f names, or logins of %u people from there that get in.",
           f->number[N_LEAST], KT_INSIDE_USERS);
}

static void forget(struct kt_inside_spray *a, uint64_t who)
{
    for (unsigned i = 0; i < a->n; i++) {
        if (a->failed[i] != who)
            continue;
        a->n--;
        a->failed[i] = a->failed[a->n];
        a->failed_min[i] = a->failed_min[a->n];
        return;
    }
}

static void got_in(const struct kt_scene *s, struct kt_inside_spray *a)
{
    unsigned at = 0;
    for (unsigned i = 0; i < KT_INSIDE_USERS && a->in[at] != s->who.a; i++)
        at = a->in[i] == s->who.a || a->in_min[i] < a->in_min[at] ? i : at;
    a->in[at] = s->who.a;
    a->in_min[at] = s->minute > a->in_min[at] ? s->minute : a->in_min[at];
    forget(a, s->who.a);
}

static bool uses_it(const struct kt_inside_spray *a, uint64_t who, uint32_t minute)
{
    for (unsigned i = 0; i < KT_INSIDE_USERS; i++) {
        if (a->in[i] == who && a->in_min[i] != 0 && minute < a->in_min[i] + KNOWN_MIN)
            return true;
    }
    return false;
}

static void note(const struct kt_scene *s, struct kt_inside_spray *a)
{
    unsigned live = 0, oldest = 0;
    forget(a, s->who.a);
    for (unsigned i = 0; i < a->n; i++) {
        if (a->failed_min[i] + DAY_MIN <= s->minute)
            continue;
        a->failed[live] = a->failed[i];
        a->failed_min[live++] = a->failed_min[i];
    }
    a->n = live;
    for (unsigned i = 0; i < a->n; i++)
        oldest = a->failed_min[i] < a->failed_min[oldest] ? i : oldest;
    unsigned at = a->n < KT_INSIDE_NAMES ? a->n++ : oldest;
    a->failed[at] = s->who.a;
    a->failed_min[at] = s->minute;
}

static void failed(struct kt_scene *s, struct kt_inside_spray *a, unsigned least)
{
    unsigned users = 0;
    if (uses_it(a, s->who.a, s->minute))
        return;
    note(s, a);
    for (unsigned i = 0; i < KT_INSIDE_USERS; i++)
        users += a->in_min[i] != 0 && s->minute < a->in_min[i] + KNOWN_MIN;
    if (a->n < least || users >= KT_INSIDE_USERS || s->shared->learning)
        return;
    struct kt_finding *f =
        kt_find(s, KT_FAMILY_FAILURES, kt_points(fmin(8, fmax(LEAST, 2.2 + 0.3 * a->n))), 0, words);
    if (f == NULL)
        return;
    f->key_kind = KT_KEY_ADDRESS;
    f->key = s->where.address;
    f->number[N_NAMES] = a->n;
    f->number[N_USERS] = users;
    f->number[N_LEAST] = least;
}

void kt_inside_spray_login(struct kt_scene *s, struct kt_table *t, unsigned least)
{
    enum kt_outcome out = s->ev->outcome;
    if (least == 0 || s->ev->action != KT_ACT_LOGIN || s->actor == NULL || !s->where.usable ||
        !s->where.inside || !kt_kind_is_person(s->actor->kind))
        return;
    if (out == KT_OUT_SUCCESS)
        got_in(s, kt_table_put(t, s->where.address, NULL));
    else if (out == KT_OUT_DENIED || out == KT_OUT_FAILURE)
        failed(s, kt_table_put(t, s->where.address, NULL), least);
}
