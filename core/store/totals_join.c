/*
 * totals_join: the sums of several stretches as one, as if all had been one stretch.
 *
 * Owns:  numbers of a stretch's names among those of all, within a call.
 * Calls: core/base, core/store (totals). No writing.
 * Holds: of the same sums in the same order always the same; counts are added, of times the
 *        earliest and the latest count.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/store/totals_int.h"

struct numbers { /* of a stretch's, among those of all: by number in the stretch */
    uint32_t *actor, *way, *thing, *address;
};

static uint32_t join_actor(struct kt_totals_making *m, const struct kt_totals_actor *a)
{
    const uint32_t n = kt_totals_put_actor(m, a->source, a->instance, a->actor, a->shadows);
    struct kt_totals_made_actor *made = &m->actor[n];
    struct kt_totals_actor *is = &made->is;
    const bool first = is->accesses == 0;
    is->head = first ? a->head : is->head;
    is->earliest = first || a->earliest < is->earliest ? a->earliest : is->earliest;
    is->last = first || a->last > is->last ? a->last : is->last;
    is->kind = a->kind != KT_ACTOR_UNKNOWN ? a->kind : is->kind;
    is->accesses += a->accesses;
    is->reads += a->reads;
    for (uint32_t i = 0; i < 8 * a->segments.len; i++)
        if ((a->segments.at[i / 8] >> i % 8 & 1) != 0)
            kt_totals_set_segment(made, m->segments + i);
    return n;
}

static void join_names(struct kt_totals_making *m, const struct kt_totals *s, struct numbers *to)
{
    for (uint32_t i = 0; i < s->n_actors; i++)
        to->actor[i] = join_actor(m, &s->actor[i]);
    for (uint32_t i = 0; i < s->n_ways; i++)
        to->way[i] = kt_totals_put_way(m, &s->way[i]);
    for (uint32_t i = 0; i < s->n_things; i++) {
        const struct kt_totals_thing *t = &s->thing[i];
        const bool same = i > 0 && t->secret == s->thing[i - 1].secret;
        uint32_t secret = same ? m->thing[to->thing[i - 1]].secret
                          : t->secret == KT_TOTALS_NONE
                              ? KT_MAP_NONE
                              : kt_totals_put(m, m->secrets, s->secret[t->secret].id);
        to->thing[i] = kt_totals_put_thing(m, secret, to->way[t->way]);
    }
    for (uint32_t i = 0; i < s->n_addresses; i++) {
        struct kt_ip ip = kt_totals_address(s, i);
        to->address[i] = kt_totals_put(m, m->addresses, kt_str_from(ip.at, sizeof ip.at));
    }
}

static void join_table(struct kt_totals_making *m, const struct kt_totals *s,
                       enum kt_totals_table table, const uint32_t *actor, const uint32_t *of)
{
    for (uint32_t i = 0; i < s->n_actors; i++) {
        const struct kt_totals_actor *a = &s->actor[i];
        for (uint32_t k = 0; k < a->n[table]; k++) {
            struct kt_totals_entry e = a->entry[table][k];
            e.of = of[e.of];
            kt_totals_put_entry(&m->table[table], actor[i], &e);
        }
    }
}

/* Bytes of names, and of addresses, which are kept as names are. */
static size_t text_of(const struct kt_totals *s)
{
    size_t bytes =
        s->ids.len + s->text[KT_TOTALS_ACTORS].len + s->n_addresses * sizeof(struct kt_ip);
    for (uint32_t i = 0; i < s->n_ways; i++)
        bytes += s->way[i].operation.len;
    return bytes;
}

/* As if nothing in it were in those before. */
static bool has_room(const struct kt_totals_making *m, const struct kt_totals *s)
{
    const uint64_t deeds =
                       (uint64_t)m->table[KT_TOTALS_DEEDS].pairs.used + s->used[KT_TOTALS_DEEDS],
                   places =
                       (uint64_t)m->table[KT_TOTALS_PLACES].pairs.used + s->used[KT_TOTALS_PLACES];
    return kt_map_count(m->actors) + s->n_actors <= KT_TOTALS_ACTORS_MAX &&
           kt_map_count(m->secrets) + s->n_secrets <= KT_TOTALS_SECRETS_MAX &&
           kt_map_count(m->addresses) + s->n_addresses <= KT_TOTALS_SECRETS_MAX &&
           kt_map_count(m->ways) + s->n_ways <= KT_TOTALS_WAYS_MAX &&
           m->things.used + s->n_things <= KT_TOTALS_SECRETS_MAX &&
           deeds <= KT_TOTALS_ENTRIES_MAX && places <= KT_TOTALS_ENTRIES_MAX &&
           deeds + places <= KT_TOTALS_JOINED_MAX && m->text + text_of(s) <= KT_TOTALS_TEXT_MAX;
}

/* Is everybody in none but the first so many segments, for which there is room? A file's bytes may
 * say anything. */
static bool segments_fit(const struct kt_totals_making *m, const struct kt_totals *s,
                         uint32_t segments)
{
    if (segments > KT_TOTALS_SEGMENTS - m->segments)
        return false;
    for (uint32_t i = 0; i < s->n_actors; i++) {
        const struct kt_str bits = s->actor[i].segments;
        for (size_t k = segments; k < 8 * bits.len; k++)
            if ((bits.at[k / 8] >> k % 8 & 1) != 0)
                return false;
    }
    return true;
}

static uint32_t *room_for(uint32_t n)
{
    return kt_alloc_array((size_t)n + 1, sizeof(uint32_t));
}

bool kt_totals_join(struct kt_totals_making *m, const struct kt_totals *s, uint32_t segments)
{
    if (!has_room(m, s) || !segments_fit(m, s, segments))
        return false;
    struct numbers to = { room_for(s->n_actors), room_for(s->n_ways), room_for(s->n_things),
                          room_for(s->n_addresses) };
    join_names(m, s, &to);
    join_table(m, s, KT_TOTALS_DEEDS, to.actor, to.thing);
    join_table(m, s, KT_TOTALS_PLACES, to.actor, to.address);
    m->segments += segments;
    kt_free(to.actor);
    kt_free(to.way);
    kt_free(to.thing);
    kt_free(to.address);
    return true;
}
