/*
 * profile_values: the values of a profile's lists, each once: what is made of one, and where an
 * address lies.
 *
 * Owns:  the lists while they grow.
 * Calls: core/base, core/query (facts).
 */
#include <stdio.h>

#include "core/answer/profile_int.h"
#include "core/base/alloc.h"

/* Of what is usual only the window's readers matter to `who`; addresses always do, since they say
 * in which countries a reader was. Before that nothing is counted. */
static bool makes(const struct kt_profiling *p, enum kt_profile_list list)
{
    bool place = list == KT_PROFILE_ADDRESSES || list == KT_PROFILE_NETWORKS ||
                 list == KT_PROFILE_COUNTRIES || list == KT_PROFILE_ASNS;
    return place || p->span == KT_PROFILE_SPAN_WINDOW ||
           (p->span == KT_PROFILE_SPAN_USUAL && !p->what.reads_only);
}

uint32_t kt_profile_number(struct kt_profiling *p, enum kt_profile_list list, struct kt_str value)
{
    struct kt_profile_values *l = &p->list[list];
    if (value.len == 0)
        return KT_MAP_NONE;
    uint32_t met = kt_known_get(&l->known, l->map, value);
    if (met != KT_MAP_NONE)
        return met;
    if (!makes(p, list))
        return kt_map_get(l->map, value);
    if (l->n >= KT_PROFILE_VALUES_MAX) {
        uint32_t known = kt_map_get(l->map, value);
        p->full = p->full || known == KT_MAP_NONE;
        return known;
    }
    bool is_new;
    uint32_t n = kt_map_put(l->map, value, &is_new);
    kt_known_add(&l->known, value, n);
    if (!is_new)
        return n;
    if (n >= l->cap) {
        l->cap = l->cap == 0 ? 64 : 2 * l->cap;
        l->at = kt_realloc_array(l->at, l->cap, sizeof *l->at);
        l->total = kt_realloc_array(l->total, l->cap, sizeof *l->total);
    }
    l->total[n] = (struct kt_profile_total){ 0 };
    l->at[n] = (struct kt_profile_value){ .e = { .value = kt_map_key(l->map, n) },
                                          .network = KT_MAP_NONE,
                                          .country = KT_MAP_NONE,
                                          .asn = KT_MAP_NONE };
    l->n = n + 1;
    return n;
}

/* Where an address lies: by the newest that is known of it. */
static void place(struct kt_profiling *p, uint32_t n, struct kt_ip ip)
{
    char net[KT_IP_TEXT_MAX], asn[24];
    const struct kt_fact *f = kt_facts_at(p->ask->facts, ip, UINT64_MAX);
    struct kt_profile_values *l = p->list;
    uint32_t network = kt_profile_number(p, KT_PROFILE_NETWORKS,
                                         kt_str_of(kt_cidr_format(kt_ip_network(ip, 24, 48), net)));
    uint32_t country = KT_MAP_NONE, number = KT_MAP_NONE;
    if (f != NULL && f->country.len > 0) {
        country = kt_profile_number(p, KT_PROFILE_COUNTRIES, f->country);
        l[KT_PROFILE_ADDRESSES].at[n].e.more = f->country;
        if (network != KT_MAP_NONE)
            l[KT_PROFILE_NETWORKS].at[network].e.more = f->country;
    }
    if (f != NULL && f->asn != 0) {
        (void)snprintf(asn, sizeof asn, "AS%u", f->asn);
        number = kt_profile_number(p, KT_PROFILE_ASNS, kt_str_of(asn));
        if (number != KT_MAP_NONE)
            l[KT_PROFILE_ASNS].at[number].e.more = f->org;
    }
    struct kt_profile_value *t = &l[KT_PROFILE_ADDRESSES].at[n];
    t->network = network;
    t->country = country;
    t->asn = number;
}

/* By its 16 bytes, as columns have it: writing and finding its text costs more than all else. */
uint32_t kt_profile_address(struct kt_profiling *p, struct kt_ip ip)
{
    char text[KT_IP_TEXT_MAX];
    struct kt_str bytes = kt_str_from(ip.at, sizeof ip.at);
    uint32_t met = kt_known_get(&p->ips_known, p->ips, bytes);
    uint32_t before = p->list[KT_PROFILE_ADDRESSES].n;
    if (met != KT_MAP_NONE)
        return p->ip_of[met];
    uint32_t n = kt_profile_number(p, KT_PROFILE_ADDRESSES, kt_str_of(kt_ip_format(ip, text)));
    if (n == KT_MAP_NONE)
        return n;
    if (n >= before)
        place(p, n, ip);
    met = kt_known_put(&p->ips_known, p->ips, bytes);
    if (met >= p->cap_ip) {
        p->cap_ip = p->cap_ip == 0 ? 64 : 2 * p->cap_ip;
        p->ip_of = kt_realloc_array(p->ip_of, p->cap_ip, sizeof *p->ip_of);
    }
    p->ip_of[met] = n;
    return n;
}

/* What a span came to, which is zero again then. */
static void close_value(enum kt_profile_span span, struct kt_profile_entry *e,
                        struct kt_profile_total *t)
{
    if (t->events == 0)
        return;
    if (t->kind != KT_ACTOR_UNKNOWN)
        e->kind = (enum kt_actor_kind)t->kind;
    e->first = e->first == 0 || t->first < e->first ? t->first : e->first;
    e->last = t->last > e->last ? t->last : e->last;
    e->last_read = t->last_read > e->last_read ? t->last_read : e->last_read;
    if (span == KT_PROFILE_SPAN_USUAL) {
        e->usual += t->events;
        e->usual_reads += t->reads;
        e->usual_on |= t->on;
    } else {
        e->events += t->events;
        e->reads += t->reads;
        e->failed += t->failed;
    }
    *t = (struct kt_profile_total){ 0 };
}

void kt_profile_close_span(struct kt_profiling *p)
{
    for (unsigned i = 0; i < KT_PROFILE_LIST_COUNT; i++)
        for (uint32_t k = 0; k < p->list[i].n; k++)
            close_value(p->span, &p->list[i].at[k].e, &p->list[i].total[k]);
    if (p->around != NULL)
        kt_profile_close_span(p->around);
}

static void roll(struct kt_profiling *p, enum kt_profile_list list, uint32_t n,
                 const struct kt_profile_entry *of)
{
    if (n == KT_MAP_NONE || of->events + of->usual == 0)
        return;
    struct kt_profile_entry *e = &p->list[list].at[n].e;
    e->first = e->first == 0 || of->first < e->first ? of->first : e->first;
    e->last = of->last > e->last ? of->last : e->last;
    e->last_read = of->last_read > e->last_read ? of->last_read : e->last_read;
    e->events += of->events;
    e->reads += of->reads;
    e->failed += of->failed;
    e->usual += of->usual;
    e->usual_reads += of->usual_reads;
    e->usual_on |= of->usual_on;
}

void kt_profile_roll_up(struct kt_profiling *p)
{
    const struct kt_profile_values *addresses = &p->list[KT_PROFILE_ADDRESSES];
    for (uint32_t i = 0; i < addresses->n; i++) {
        const struct kt_profile_value *v = &addresses->at[i];
        roll(p, KT_PROFILE_NETWORKS, v->network, &v->e);
        roll(p, KT_PROFILE_COUNTRIES, v->country, &v->e);
        roll(p, KT_PROFILE_ASNS, v->asn, &v->e);
    }
}
