/*
 * exposed_key: a key that many try, from networks where its actor never was.
 *
 * Owns:  nothing beyond the table it is lent.
 * Calls: baseline, hosting_asns, detector.h and core only. No clock, no I/O.
 * Holds: the mirror of a spray (many names, one network). Failed logins are none of it: a name that
 *        strangers guess at says nothing; here the key was right each time.
 */
#include "detectors/exposed_key.h"

#include <math.h>

#include "detectors/hosting_asns.h"

#define DAY_MIN   1440u
#define KNOWN_MIN (90u * DAY_MIN)
#define RMAX      1.2
#define LEAST     3.0 /* rarer than once in 1,000 days */
#define CAP       4.2 /* people travel (DETECTION §4.1) */

enum { N_PLACES, N_HOSTING, N_DAYS, N_GOT_IN };

bool kt_exposed_is_sound(const void *state)
{
    return ((const struct kt_exposed *)state)->n <= KT_EXPOSED_PLACES;
}

static void drop(struct kt_exposed *e, unsigned i)
{
    e->n--;
    e->at[i] = e->at[e->n];
}

static bool same_place(uint64_t a, uint64_t b)
{
    bool asns = a >> 60 == KT_NETWORK_ASN >> 60 && b >> 60 == KT_NETWORK_ASN >> 60;
    return a == b || (asns && kt_same_operator((uint32_t)a, (uint32_t)b));
}

/* What is older than a day is another day's. Returns whether the event itself is of that day. */
static bool forget(struct kt_exposed *e, uint32_t minute)
{
    uint32_t newest = minute;
    for (unsigned i = 0; i < e->n; i++)
        newest = e->at[i].minute > newest ? e->at[i].minute : newest;
    for (unsigned i = 0; i < e->n;) {
        if (e->at[i].minute + DAY_MIN <= newest)
            drop(e, i);
        else
            i++;
    }
    return minute + DAY_MIN > newest;
}

/* Returns whether it is another one than those of the day. */
static bool note(struct kt_scene *s, struct kt_exposed *e)
{
    unsigned oldest = 0;
    if (!forget(e, s->minute))
        return false;
    for (unsigned i = 0; i < e->n; i++) {
        if (same_place(e->at[i].network, s->where.network)) {
            e->at[i].minute = s->minute > e->at[i].minute ? s->minute : e->at[i].minute;
            return false;
        }
        oldest = e->at[i].minute < e->at[oldest].minute ? i : oldest;
    }
    unsigned slot = e->n < KT_EXPOSED_PLACES ? e->n++ : oldest;
    e->at[slot].network = s->where.network;
    e->at[slot].minute = s->minute;
    e->at[slot].hosting = s->where.hosting;
    e->at[slot].got_in = false;
    return true;
}

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], days[32], rare[120];
    kt_say_name(s->ev->actor, 80, who);
    if (f->number[N_GOT_IN] > 0)
        KT_SAY(f->title,
               "%s was refused from %.0f networks new to it within 24 hours, and got in from a "
               "rented one of them.",
               who, f->number[N_PLACES]);
    else
        KT_SAY(f->title,
               "%s got nothing but refusals from %.0f networks new to it within 24 hours.", who,
               f->number[N_PLACES]);
    if (f->number[N_DAYS] > 0)
        KT_SAY(rare, "So many new ones on a day would be chance once in %s days of this actor.",
               kt_say_count(f->number[N_DAYS], days));
    else
        KT_SAY(rare, "It never got anything here before.");
    KT_SAY(f->normal, "%.0f of them rent servers. The credential was right each time. %s",
           f->number[N_HOSTING], rare);
    KT_SAY(f->part, "refused from %.0f networks new to it", f->number[N_PLACES]);
    KT_SAY(f->quiet,
           "Networks in networks: (keytrail.yaml), or a success from those that rent no servers.");
}

/* How rare so many new networks are for who takes up so few: a runner of a cloud whose ASN nobody
 * knows takes up another /16 each day. The prior is that of people (DETECTION §3.3). */
static double surprise(const struct kt_scene *s, unsigned n)
{
    struct kt_gamma g = { 1 + (double)s->actor->novel[KT_NOVEL_NETWORK],
                          25 + (double)s->actor->days };
    return kt_rate_surprise(n, 1, g, RMAX);
}

static bool is_known(const struct kt_scene *s)
{
    uint32_t since = s->minute > KNOWN_MIN ? s->minute - KNOWN_MIN : 0;
    return s->actor != NULL && (s->young || kt_place_of(s->places, s->where.network) != NULL ||
                                kt_operator_known(s, since));
}

/* Who never got in has no networks of its own: only rented ones say something then, and those of a
 * person that are not may be a trip. */
static double weigh(const struct kt_scene *s, unsigned n, unsigned hosting, unsigned least,
                    double *ret_rare)
{
    double p = fmin(8, 3.2 + 0.5 * n);
    *ret_rare = s->actor != NULL ? surprise(s, n) : 0;
    if (s->actor == NULL)
        return hosting >= least ? p : 0;
    if (*ret_rare < LEAST)
        return 0;
    bool trip = kt_kind_is_person(s->actor->kind) && hosting < least;
    return fmin(fmin(p, *ret_rare), trip ? CAP : 8);
}

void kt_exposed_refused(struct kt_scene *s, struct kt_table *table, unsigned least)
{
    bool named = s->who.a != 0 || s->who.b != 0;
    if (!named || s->ev->actor_kind == KT_ACTOR_ANONYMOUS || s->ev->action == KT_ACT_LOGIN ||
        is_known(s))
        return;
    struct kt_exposed *e = kt_table_put(table, s->who, NULL);
    if (!note(s, e) || e->n < least)
        return;
    unsigned hosting = 0, got_in = 0;
    for (unsigned i = 0; i < e->n; i++) {
        hosting += e->at[i].hosting != 0;
        got_in += e->at[i].got_in != 0;
    }
    double rare, p = weigh(s, e->n, hosting, least, &rare);
    struct kt_finding *f = kt_find(s, KT_FAMILY_FAILURES, kt_points(p), 0, words);
    if (f == NULL)
        return;
    f->number[N_PLACES] = e->n;
    f->number[N_HOSTING] = hosting;
    f->number[N_DAYS] = rare > 0 ? pow(10, fmin(rare, 8)) : 0;
    f->number[N_GOT_IN] = got_in;
}

void kt_exposed_success(const struct kt_scene *s, struct kt_table *table)
{
    struct kt_exposed *e = kt_table_get(table, s->who);
    unsigned i = 0;
    while (e != NULL && i < e->n && !same_place(e->at[i].network, s->where.network))
        i++;
    if (e == NULL || i == e->n)
        return;
    if (s->where.hosting || e->at[i].hosting)
        e->at[i].got_in = true;
    else
        drop(e, i);
}
