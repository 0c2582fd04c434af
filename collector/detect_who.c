/*
 * detect_who: whose event it is: from the name that a source wrote to the actor that has a baseline
 * (DETECTION §2.1), by the identities of the configuration.
 *
 * Owns:  the event in work under the actor's own name; a cache of answers, which is no state.
 * Calls: core/config/identities, detectors (kinds), detect_actor. No clock, no I/O.
 * Holds: the answer is a function of the event and the configuration in force.
 */
#include <string.h>

#include "collector/detect_state.h"
#include "core/base/alloc.h"

#define DAY_MIN 1440u
#define CACHE   1024u /* names that were asked about; aliases with `*` are tried one by one */

struct kt_named {
    struct kt_event ev;
    uint8_t digest[32]; /* of the identities that the cache is about */
    struct {
        struct kt_key key;
        uint32_t who; /* its number + 1: two sets with one digest number alike; 0 = nobody */
    } cache[CACHE];
};

/* ---- by the file ---- */
static struct kt_named *named_of(struct kt_detect *d)
{
    if (d->named == NULL)
        d->named = kt_alloc(sizeof *d->named);
    return d->named;
}

static const struct kt_identity *cached(struct kt_detect *d, const struct kt_event *ev)
{
    const struct kt_identities *ids = d->shared.conf->identities;
    struct kt_named *n = named_of(d);
    if (memcmp(n->digest, kt_identities_digest(ids), sizeof n->digest) != 0) {
        memset(n->cache, 0, sizeof n->cache);
        memcpy(n->digest, kt_identities_digest(ids), sizeof n->digest);
    }
    struct kt_key key = kt_recall_name(&d->recall, ev->actor);
    key.a ^= kt_recall_hash(&d->recall, ev->source, KT_NAME_SEED) | 2;
    key.b ^= kt_recall_hash(&d->recall, ev->instance, KT_NAME_SEED);
    unsigned slot = key.b % CACHE;
    if (n->cache[slot].key.a != key.a || n->cache[slot].key.b != key.b) {
        const struct kt_identity *who =
            kt_identities_find(ids, ev->actor, ev->source, ev->instance);
        n->cache[slot].key = key;
        n->cache[slot].who = who == NULL ? 0 : kt_identities_number(ids, who) + 1;
    }
    return n->cache[slot].who == 0 ? NULL : kt_identities_at(ids, n->cache[slot].who - 1);
}

static const struct kt_identity *identity_of(struct kt_detect *d, const struct kt_event *ev)
{
    const struct kt_identities *ids = d->shared.conf->identities;
    if (kt_identities_have_globs(ids))
        return cached(d, ev);
    return kt_identities_find(ids, ev->actor, ev->source, ev->instance);
}

/* What an event says of itself that no file knows better: it was root's, an agent's process, or
 * nobody proved who it was. */
static bool says_itself(enum kt_actor_kind kind)
{
    return kind == KT_ACTOR_ROOT || kind == KT_ACTOR_ANONYMOUS || kind == KT_ACTOR_AI_AGENT;
}

/* The event as detectors see it: under the canonical name, with the kind of the file. */
static void rename_event(struct kt_detect *d, struct kt_scene *s)
{
    const struct kt_identity *who = s->identity;
    struct kt_str name = kt_str_of(who->name);
    bool same = kt_str_eq(name, s->ev->actor);
    bool kind = who->kind >= 0 && !says_itself(s->ev->actor_kind);
    if (same && !(kind && (int)s->ev->actor_kind != who->kind))
        return;
    struct kt_event *ev = &named_of(d)->ev;
    kt_event_copy(ev, s->ev);
    ev->actor = name;
    ev->actor_kind = kind ? (enum kt_actor_kind)who->kind : ev->actor_kind;
    if (!same)
        s->written = s->ev->actor;
    s->ev = ev;
}

/* ---- kinds ---- */
/* As a detector's options say, of the name in the log or of the canonical one; else as the event.
 */
static int kind_of(const struct kt_detect *d, const struct kt_event *ev, const struct kt_event *own)
{
    for (unsigned i = 0; i < d->n_detectors; i++) {
        if (kt_detectors[i]->kind == NULL)
            continue;
        int kind = kt_detectors[i]->kind(ev, d->tuning.options[i]);
        if (kind < 0 && own != ev)
            kind = kt_detectors[i]->kind(own, d->tuning.options[i]);
        if (kind >= 0)
            return kind;
    }
    return (int)ev->actor_kind;
}

static void set_kind(struct kt_detect *d, struct kt_scene *s, const struct kt_event *own)
{
    if (s->ev->actor_kind == KT_ACTOR_ANONYMOUS) /* claimed, not proved */
        return;
    int kind = s->identity != NULL ? s->identity->kind : -1;
    if (kind < 0)
        kind = kind_of(d, s->ev, own);
    if (kind == KT_ACTOR_UNKNOWN || s->actor->kind == kind)
        return;
    kt_detect_count(d, s->actor, -1);
    s->actor->kind = (uint8_t)kind;
    kt_detect_count(d, s->actor, 1);
}

/* The start of a person's day, where the file names a zone (DETECTION §2.4). */
static void set_zone(struct kt_scene *s)
{
    struct kt_actor *a = s->actor;
    const struct kt_zone *zone = s->identity != NULL ? s->identity->zone : NULL;
    a->zoned = zone != NULL && kt_kind_is_person(a->kind);
    a->zone_min = 0;
    if (a->zoned)
        a->zone_min = (int16_t)(kt_zone_offset_s(zone, s->t) / 60);
}

void kt_detect_who(struct kt_detect *d, struct kt_scene *s)
{
    const struct kt_event *own = s->ev;
    s->who = (struct kt_key){ 0, 0 };
    s->team = own->role;
    if (own->actor.len == 0 || own->kind != KT_KIND_ACCESS) /* a commit's author did not act here */
        return;
    s->identity = identity_of(d, own);
    if (s->identity != NULL)
        rename_event(d, s);
    if (s->identity != NULL && s->identity->team != NULL)
        s->team = kt_str_of(s->identity->team);
    s->who = kt_recall_name(&d->recall, s->ev->actor);
    s->actor = kt_table_get(d->actors, s->who);
    /* a name that somebody typed into a failed login may be a known actor's, but makes none */
    bool proved = own->actor_kind != KT_ACTOR_ANONYMOUS;
    bool may = proved && (own->outcome == KT_OUT_SUCCESS || own->outcome == KT_OUT_UNKNOWN);
    if (s->actor == NULL && may)
        s->actor = kt_detect_actor_new(d, s);
    if (s->actor == NULL)
        return;
    s->places = kt_table_put(d->places, s->who, NULL);
    set_kind(d, s, own);
    set_zone(s);
    s->young = s->minute < s->actor->first_min + 10 * DAY_MIN || s->actor->active_days < 5;
}
