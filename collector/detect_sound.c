/*
 * detect_sound: what must hold of the engine's structs before they are used, since the file that
 * they come from may be anybody's (THREATS I6): texts end, and what numbers point at is there.
 *
 * Owns:  nothing.
 * Calls: detectors/registry, core/base. No clock, no I/O.
 */
#include <string.h>

#include "collector/detect_state.h"
#include "core/base/limits.h"

#define TIME_MAX   (INT64_MAX / 2)
#define POINTS_MAX 1000000
#define COUNT_MAX  (UINT64_C(1) << 48)
#define ASIDE_MAX  (KT_ASIDE_BLOCKS_MAX * ASIDE_BLOCK)
#define ENDS(text) (memchr(text, '\0', sizeof(text)) != NULL)

static bool is_time(kt_time_ns t)
{
    return t >= 0 && t < TIME_MAX;
}

bool kt_sound_actor(const void *state)
{
    const struct kt_actor *a = state;
    return a->kind < KT_ACTOR_COUNT && a->pending_n <= ASIDE_MAX && ENDS(a->name);
}

bool kt_sound_withheld(const void *state)
{
    const struct withheld *w = state;
    return w->n <= ASIDE_MAX && w->verdict <= KT_FOUND_COUNT;
}

bool kt_sound_places(const void *state)
{
    const struct kt_places *p = state;
    return p->n_place <= KT_PLACES && p->n_net <= KT_NETS && p->n_client <= KT_CLIENTS &&
           p->n_country <= KT_ARRAY_LEN(p->country);
}

bool kt_sound_fact(const void *state)
{
    const struct fact *f = state;
    return f->build <= TIME_MAX / KT_NS_S && ENDS(f->org);
}

bool kt_sound_value(const void *state)
{
    const struct kt_value *v = state;
    return v->n <= KT_USERS_EXACT && ENDS(v->label);
}

bool kt_sound_mass(const void *state)
{
    return ((const struct mass *)state)->n <= MASS_MAX;
}

bool kt_sound_aside(const void *state)
{
    const struct aside *block = state;
    bool sound = true;
    for (unsigned i = 0; i < ASIDE_BLOCK; i++)
        sound = sound && (block->item[i].detector == ENGINE_DETECTOR ||
                          block->item[i].detector < kt_detectors_count());
    return sound;
}

bool kt_sound_expected(const void *state)
{
    const struct kt_decision *e = state;
    return is_time(e->from) && is_time(e->until) && e->verdict < KT_FOUND_COUNT && ENDS(e->id) &&
           ENDS(e->reason) && ENDS(e->by) && ENDS(e->ticket) && ENDS(e->actor) && ENDS(e->secret) &&
           ENDS(e->source) && ENDS(e->address) && ENDS(e->signature);
}

static bool is_part(const struct part *p)
{
    return p->points >= 0 && p->points <= POINTS_MAX && p->family < KT_FAMILY_COUNT &&
           p->detector < kt_detectors_count() && ENDS(p->title) && ENDS(p->normal) &&
           ENDS(p->quiet) && ENDS(p->text);
}

bool kt_sound_incident(const void *state)
{
    const struct incident *in = state;
    bool sound = is_time(in->first) && is_time(in->last) && is_time(in->raised) &&
                 is_time(in->since) && in->build <= TIME_MAX / KT_NS_S &&
                 in->notified <= POINTS_MAX && in->runs_told <= POINTS_MAX &&
                 in->events_n < COUNT_MAX && in->secrets_n < COUNT_MAX && in->told_n < COUNT_MAX &&
                 in->client_n <= INCIDENT_CLIENTS && in->severity >= -1 &&
                 in->together <= KT_HOSTS && in->severity <= KT_SEV_CRITICAL &&
                 in->actor_kind < KT_ACTOR_COUNT && ENDS(in->production) && ENDS(in->actor) &&
                 ENDS(in->ip) && ENDS(in->network_text) && ENDS(in->country) &&
                 ENDS(in->instance) && ENDS(in->source) && ENDS(in->user_agent) &&
                 ENDS(in->considered) && ENDS(in->suppressed_by) && ENDS(in->ticket);
    for (unsigned i = 0; i < INCIDENT_PARTS; i++)
        sound = sound && is_part(&in->part[i]);
    for (unsigned i = 0; i < INCIDENT_HASHES; i++)
        sound = sound && in->class[i] < READ_CLASSES;
    for (unsigned i = 0; i < INCIDENT_EVENTS; i++)
        sound = sound && ENDS(in->event[i]);
    for (unsigned i = 0; i < INCIDENT_SECRETS; i++)
        sound = sound && ENDS(in->secret[i]);
    for (unsigned i = 0; i < INCIDENT_NAMES; i++)
        sound = sound && ENDS(in->written[i]);
    return sound;
}
