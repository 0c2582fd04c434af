/*
 * looks_around: a machine that asks what there is, and may not know.
 *
 * Owns:  nothing beyond the table it is lent.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#include "detectors/looks_around.h"

bool kt_looks_is_sound(const void *state)
{
    return ((const struct kt_looks *)state)->n <= KT_LOOKS_MAX;
}

enum { N_SETS, N_LIMIT };

static void words(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160];
    kt_say_name(s->ev->actor, 80, who);
    KT_SAY(f->title, "%s asked for all secrets of %.0f places within 1 hour and was refused.", who,
           f->number[N_SETS]);
    KT_SAY(f->normal, s->actor == NULL ? "It never got anything here before."
                                       : "It has hardly a history here.");
    KT_SAY(f->part, "%.0f places refused as a whole", f->number[N_SETS]);
    KT_SAY(f->quiet, "Fewer than %.0f such places an hour, or permission to list them.",
           f->number[N_LIMIT]);
}

/* Returns how many different ones the hour has, KT_LOOKS_MAX at most; 0: this one is not new. */
static unsigned note(struct kt_looks *v, uint64_t hash, uint32_t minute)
{
    unsigned live = 0;
    bool known = false;
    for (unsigned i = 0; i < v->n; i++) {
        if (v->minute[i] + 60 <= minute)
            continue;
        known = known || v->hash[i] == hash;
        v->hash[live] = v->hash[i];
        v->minute[live++] = v->minute[i];
    }
    v->n = live;
    if (known)
        return 0;
    if (v->n < KT_LOOKS_MAX) {
        v->hash[v->n] = hash;
        v->minute[v->n++] = minute;
    }
    return v->n;
}

/* What is made to work here knows the names of what it needs, whether it may have it or not.
 * Whoever came by a machine's identity asks what there is: in namespace after namespace, region
 * after region. */
void kt_looks_around(struct kt_scene *s, struct kt_table *table, unsigned least)
{
    const struct kt_event *ev = s->ev;
    bool machine = ev->actor_kind == KT_ACTOR_SERVICE || ev->actor_kind == KT_ACTOR_AI_AGENT;
    if (!machine || (s->actor != NULL && !s->young) || (s->who.a == 0 && s->who.b == 0) ||
        ev->outcome != KT_OUT_DENIED || !kt_str_ends(ev->secret, KT_STR("/*")))
        return;
    unsigned n = note(kt_table_put(table, s->who, NULL), s->secret.a, s->minute);
    if (n < least)
        return;
    struct kt_finding *f = kt_find(s, KT_FAMILY_FAILURES, 460, 0, words);
    if (f == NULL)
        return;
    f->number[N_SETS] = n;
    f->number[N_LIMIT] = least;
}
