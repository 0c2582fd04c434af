/*
 * identity_gather: names of the log with what they were seen to do.
 *
 * Owns:  struct kt_suggest: a row for each name, its addresses by the hour.
 * Calls: core/base, core/config (identities), core/event.
 * Holds: bounded by KT_SUGGEST_ACTORS and KT_SUGGEST_HOURS; what is left out is counted.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/identity_gather.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"

#define BIT(kind)   (1u << KT_ACTOR_##kind)
#define RECENT_SEEN 8u

struct kt_suggest *kt_suggest_new(const struct kt_identities *known)
{
    struct kt_suggest *s = kt_alloc(sizeof *s);
    s->known = known;
    s->actors = kt_map_new(0);
    s->addresses = kt_map_new(0);
    s->pairs = kt_map_new(0);
    s->source_names = kt_map_new(0);
    return s;
}

void kt_suggest_free(struct kt_suggest *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < kt_map_count(s->actors) && i < KT_SUGGEST_ACTORS; i++) {
        kt_free(s->person[i].mail);
        kt_free(s->person[i].display);
        kt_free(s->person[i].id);
        kt_free(s->person[i].seen);
    }
    kt_free(s->person);
    kt_free(s->users);
    kt_free(s->made);
    kt_map_free(s->actors);
    kt_map_free(s->addresses);
    kt_map_free(s->pairs);
    kt_map_free(s->source_names);
    kt_free(s);
}

uint64_t kt_suggest_lost(const struct kt_suggest *s)
{
    return s->lost;
}

/* ---- one event ---- */
/* NULL: one name too many. */
static struct person *person_of(struct kt_suggest *s, const struct kt_event *ev, uint32_t *ret_n)
{
    bool fresh;
    if (kt_map_count(s->actors) >= KT_SUGGEST_ACTORS &&
        kt_map_get(s->actors, ev->actor) == KT_MAP_NONE)
        return NULL;
    uint32_t n = *ret_n = kt_map_put(s->actors, ev->actor, &fresh);
    if (n >= s->room) {
        s->room = s->room == 0 ? 256 : 2 * s->room;
        s->person = kt_realloc_array(s->person, s->room, sizeof *s->person);
    }
    if (fresh) {
        memset(&s->person[n], 0, sizeof s->person[n]);
        s->person[n].identity = kt_identities_find(s->known, ev->actor, ev->source, ev->instance);
    }
    return &s->person[n];
}

static void keep_first(char **to, struct kt_str s)
{
    if (*to == NULL && s.len > 0 && s.len < 200)
        *to = kt_str_dup(s);
}

/* Sources whose `actor_native` is the id of one account; a role's, say, is that of many people. */
static bool has_own_id(const struct kt_event *ev)
{
    static const char *const sources[] = { "vault",  "onepassword", "github",
                                           "gitlab", "azure",       "doppler" };
    bool id = ev->actor_native.len > 0 && !kt_str_eq(ev->actor_native, ev->actor_name);
    for (size_t i = 0; id && i < KT_ARRAY_LEN(sources); i++)
        if (kt_str_is(ev->source, sources[i]))
            return true;
    return false;
}

static void note_words(struct person *p, const struct kt_event *ev)
{
    const struct kt_str words[] = { ev->actor_name, ev->actor_native, ev->session };
    for (size_t i = 0; i < KT_ARRAY_LEN(words) && p->mail == NULL; i++)
        if (kt_name_of(words[i]).email && !kt_str_eq_nocase(words[i], ev->actor))
            keep_first(&p->mail, words[i]);
    if (kt_str_find_byte(ev->actor_name, ' ', 0) > 0)
        keep_first(&p->display, ev->actor_name);
    if (p->id != NULL || !has_own_id(ev))
        return;
    KT_CLEANUP(kt_buf_done) struct kt_buf id = { 0 };
    kt_buf_addf(&id, KT_STR_FMT " " KT_STR_FMT " " KT_STR_FMT, KT_STR_ARG(ev->source),
                KT_STR_ARG(ev->instance), KT_STR_ARG(ev->actor_native));
    keep_first(&p->id, kt_buf_str(&id));
}

static void note_client(struct person *p, struct kt_str agent)
{
    if (agent.len == 0)
        return;
    uint32_t h = (uint32_t)kt_hash64(agent, 0) | 1;
    for (uint32_t i = 0; i < p->n_client && i < CLIENTS_MAX; i++)
        if (p->client[i] == h)
            return;
    p->client[p->n_client++ % CLIENTS_MAX] = h;
}

/* Each site has its own 10.0.0.5: an address that is not public is one only within an instance. */
static uint32_t address_of(struct kt_suggest *s, const struct kt_event *ev)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    enum kt_ip_class class = kt_ip_class(ev->ip);
    bool fresh;
    kt_buf_add(&key, kt_str_from(ev->ip.at, sizeof ev->ip.at));
    if (class != KT_IP_PUBLIC && class != KT_IP_DOCUMENTATION)
        kt_buf_addf(&key, KT_STR_FMT "\n" KT_STR_FMT, KT_STR_ARG(ev->source),
                    KT_STR_ARG(ev->instance));
    uint32_t n = kt_map_put(s->addresses, kt_buf_str(&key), &fresh);
    if (n >= s->room_users) {
        s->room_users = s->room_users == 0 ? 256 : 2 * s->room_users;
        s->users = kt_realloc_array(s->users, s->room_users, sizeof *s->users);
    }
    if (fresh)
        s->users[n] = 0;
    return n;
}

static void note_place(struct kt_suggest *s, struct person *p, uint32_t number,
                       const struct kt_event *ev)
{
    if (!ev->has_ip || ev->ip_trust != KT_TRUST_EDGE || kt_ip_class(ev->ip) == KT_IP_LOOPBACK)
        return;
    if (s->n_seen >= KT_SUGGEST_HOURS) {
        s->lost++;
        return;
    }
    struct seen at = { (uint32_t)(ev->time / KT_NS_HOUR), address_of(s, ev) };
    for (uint32_t i = 0; i < RECENT_SEEN && i < p->n_seen; i++) {
        const struct seen *q = &p->seen[p->n_seen - 1 - i];
        if (q->hour == at.hour && q->address == at.address)
            return;
    }
    if (p->n_seen == p->room) {
        p->room = p->room == 0 ? 16 : 2 * p->room;
        p->seen = kt_realloc_array(p->seen, p->room, sizeof *p->seen);
    }
    p->seen[p->n_seen++] = at;
    s->n_seen++;
    bool fresh;
    const uint32_t pair[2] = { number, at.address };
    (void)kt_map_put(s->pairs, kt_str_from(pair, sizeof pair), &fresh);
    s->users[at.address] += fresh;
}

void kt_suggest_add(struct kt_suggest *s, const struct kt_event *ev)
{
    uint32_t number;
    if (ev->kind != KT_KIND_ACCESS || ev->actor.len == 0 || ev->time <= 0 ||
        ev->actor_kind == KT_ACTOR_ANONYMOUS)
        return; /* a name that was typed into a failed login proves nothing */
    struct person *p = person_of(s, ev, &number);
    if (p == NULL) {
        s->lost++;
        return;
    }
    p->events++;
    p->kinds |= 1u << ev->actor_kind;
    uint32_t source = kt_map_put(s->source_names, ev->source, NULL);
    p->sources |= source < 32 ? 1u << source : 0;
    if (!kt_gather_is_person(p))
        return;
    note_words(p, ev);
    note_client(p, ev->user_agent);
    note_place(s, p, number, ev);
}

/* ---- when all is there ---- */
bool kt_gather_is_human(const struct person *p)
{
    if (p->identity != NULL && p->identity->kind >= 0)
        return p->identity->kind == KT_ACTOR_HUMAN;
    return (p->kinds & BIT(HUMAN)) != 0;
}

bool kt_gather_is_person(const struct person *p)
{
    if (p->identity != NULL && p->identity->kind >= 0)
        return p->identity->kind == KT_ACTOR_HUMAN;
    bool agent = (p->kinds & BIT(AI_AGENT)) != 0 && !(p->kinds & BIT(HUMAN));
    return !agent && (p->kinds & (BIT(SERVICE) | BIT(CI) | BIT(ROOT))) == 0;
}

static int by_hour(const void *x, const void *y)
{
    const struct seen *a = x, *b = y;
    if (a->hour != b->hour)
        return a->hour < b->hour ? -1 : 1;
    return (a->address > b->address) - (a->address < b->address);
}

void kt_gather_close(struct kt_suggest *s)
{
    for (uint32_t i = 0; i < kt_map_count(s->actors); i++) {
        struct person *p = &s->person[i];
        uint32_t n = 0;
        p->name = kt_name_of(kt_map_key(s->actors, i));
        kt_name_of_display(kt_str_of(p->display), p->full, p->initial);
        if (p->n_seen > 1)
            qsort(p->seen, p->n_seen, sizeof *p->seen, by_hour);
        for (uint32_t k = 0; k < p->n_seen; k++)
            if (n == 0 || by_hour(&p->seen[n - 1], &p->seen[k]) != 0)
                p->seen[n++] = p->seen[k];
        p->n_seen = n;
    }
}
