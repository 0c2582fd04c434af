/*
 * inside_guesses: who guesses has many values, who is stale repeats one.
 *
 * Owns:  nothing beyond the tables it is lent.
 * Calls: baseline, detector.h and core only. No clock, no I/O.
 */
#include "detectors/inside_guesses.h"

#include <string.h>

#include "core/base/hash.h"

#define HOUR_MIN   60u
#define DAY_MIN    1440u
#define KNOWN_MIN  (90u * DAY_MIN)
#define MOUNT_SEED UINT64_C(0x6d6f756e74)
#define VALUE_SEED UINT64_C(0x76616c7565)

enum { N_VALUES, N_TRIES, N_LEAST, N_GOT_IN };

bool kt_guesses_are_sound(const void *state)
{
    const struct kt_guesses *g = state;
    return kt_distinct_is_sound(&g->values) && kt_ring_is_sound(&g->tries) &&
           kt_ring_is_sound(&g->valued) && kt_ring_is_sound(&g->again);
}

/* auth/userpass/login/alice -> auth/userpass: one door, whoever knocks. */
static struct kt_str mount_of(const struct kt_scene *s)
{
    struct kt_str path = s->ev->secret_native;
    ptrdiff_t end = kt_str_find(path, KT_STR("/login"), 0);
    return end < 0 ? path : kt_str_sub(path, 0, (size_t)end);
}

/* The mount of one Vault and namespace: auth/approle is in all of them. Nodes of a cluster are one
 * Vault, where the log says so. */
static uint64_t door_of(const struct kt_scene *s)
{
    const struct kt_event *ev = s->ev;
    struct kt_str vault = ev->store.len > 0 ? ev->store : ev->instance;
    uint64_t seed = kt_hash64(vault, kt_hash64(ev->source, MOUNT_SEED));
    return kt_hash64(mount_of(s), seed);
}

static struct kt_key at_address(const struct kt_scene *s)
{
    return (struct kt_key){ s->where.address.a ^ door_of(s), s->where.address.b };
}

static struct kt_key at_net(const struct kt_scene *s)
{
    return (struct kt_key){ door_of(s), s->where.net };
}

static bool got_in(const struct kt_scene *s, const struct kt_table *doors, struct kt_key key)
{
    const uint32_t *minute = kt_table_peek(doors, key);
    return minute != NULL && s->minute < *minute + KNOWN_MIN;
}

/* Once a day is enough to be known for 90. */
static void open_door(const struct kt_scene *s, struct kt_table *doors, struct kt_key key)
{
    const uint32_t *minute = kt_table_peek(doors, key);
    if (minute == NULL || *minute + DAY_MIN <= s->minute)
        *(uint32_t *)kt_table_put(doors, key, NULL) = s->minute;
}

static void words_of_values(const struct kt_scene *s, struct kt_finding *f)
{
    unsigned n = (unsigned)f->number[N_VALUES];
    char ip[KT_IP_TEXT_MAX], where[160], many[40];
    kt_ip_format(s->ev->ip, ip);
    kt_say_name(mount_of(s), 80, where);
    KT_SAY(many, "%s%u different credentials", n == KT_GUESSES_MAX ? "at least " : "", n);
    if (f->number[N_GOT_IN] > 0)
        KT_SAY(f->title, "%s got in at %s after %s were refused.", ip, where, many);
    else
        KT_SAY(f->title, "%s tried %s at %s within 1 hour and was refused.", ip, many, where);
    KT_SAY(f->normal,
           "Before that nobody got in there from this address in 90 days. A client with a stale "
           "credential repeats one; here so many of %.0f tries differed.",
           f->number[N_TRIES]);
    KT_SAY(f->part, "%s refused within 1 hour", many);
    KT_SAY(f->quiet, "Fewer than %.0f different ones an hour, or an address that got in there.",
           f->number[N_LEAST]);
}

static void words_of_tries(const struct kt_scene *s, struct kt_finding *f)
{
    char ip[KT_IP_TEXT_MAX], where[160];
    kt_ip_format(s->ev->ip, ip);
    kt_say_name(mount_of(s), 80, where);
    KT_SAY(f->title, "%s met %.0f failed logins at %s within 1 hour.", ip, f->number[N_TRIES],
           where);
    KT_SAY(f->normal, "In 90 days nobody got in there from this address or its neighbours. Whether "
                      "it tried one credential or many is not in this log.");
    KT_SAY(f->part, "%.0f failed logins within 1 hour from an address that never got in",
           f->number[N_TRIES]);
    KT_SAY(f->quiet, "Fewer than %.0f an hour, or a login from its network that gets in.",
           f->number[N_LEAST]);
}

static void tell(struct kt_scene *s, int points, unsigned flags,
                 void (*words)(const struct kt_scene *s, struct kt_finding *f),
                 const double number[4])
{
    struct kt_finding *f = kt_find(s, KT_FAMILY_FAILURES, points, flags, words);
    if (f == NULL)
        return;
    f->key_kind = KT_KEY_ADDRESS;
    f->key = s->where.address;
    memcpy(f->number, number, 4 * sizeof *number);
}

/* The different values of the hour, if no more than half of the tries were of one that was tried
 * before; else 0: what is tried again is what a client has. Of tries, not of values: the list of
 * these is short, and one stale client must not hide any number of others. */
static unsigned guesses(const struct kt_scene *s, const struct kt_guesses *g)
{
    unsigned again = kt_ring_fives(&g->again, s->t, 12),
             valued = kt_ring_fives(&g->valued, s->t, 12);
    return 2 * again <= valued ? kt_distinct_count(&g->values, s->minute, HOUR_MIN) : 0;
}

static void note(const struct kt_scene *s, struct kt_guesses *g)
{
    if (g->first_min == 0 || g->last_min + DAY_MIN <= s->minute)
        g->first_min = s->minute;
    g->last_min = s->minute > g->last_min ? s->minute : g->last_min;
    kt_ring_add(&g->tries, s->t, 1);
    if (s->ev->credential.len == 0)
        return;
    kt_ring_add(&g->valued, s->t, 1);
    uint64_t value = kt_hash64(s->ev->credential, VALUE_SEED);
    if (kt_distinct_has(&g->values, value, s->minute, HOUR_MIN))
        kt_ring_add(&g->again, s->t, 1);
    (void)kt_distinct_add(&g->values, value, s->minute, HOUR_MIN);
}

static void refused(struct kt_scene *s, const struct kt_table *doors, struct kt_table *tries,
                    struct kt_guess_limits least)
{
    if (got_in(s, doors, at_address(s)))
        return;
    struct kt_guesses *g = kt_table_put(tries, at_address(s), NULL);
    note(s, g);
    unsigned x = kt_ring_fives(&g->tries, s->t, 12), n = guesses(s, g);
    bool told_apart = s->ev->credential.len > 0;
    if (told_apart && least.values > 0 && n >= least.values)
        tell(s, 460, 0, words_of_values, (double[]){ n, x, least.values, 0 });
    if (told_apart || least.blind == 0 || x < least.blind)
        return;
    if (g->first_min + DAY_MIN > s->minute && !got_in(s, doors, at_net(s)))
        tell(s, 460, 0, words_of_tries, (double[]){ 0, x, least.blind, 0 });
}

static void succeeded(struct kt_scene *s, struct kt_table *doors, struct kt_table *tries,
                      struct kt_guess_limits least)
{
    const struct kt_guesses *g = kt_table_peek(tries, at_address(s));
    unsigned n = g != NULL ? guesses(s, g) : 0;
    if (least.values > 0 && n >= least.values)
        tell(s, 660, KT_FIND_SUCCESS, words_of_values,
             (double[]){ n, kt_ring_fives(&g->tries, s->t, 12), least.values, 1 });
    kt_table_remove(tries, at_address(s));
    open_door(s, doors, at_address(s));
    open_door(s, doors, at_net(s));
}

void kt_inside_login(struct kt_scene *s, struct kt_table *doors, struct kt_table *tries,
                     struct kt_guess_limits least)
{
    if (s->ev->action != KT_ACT_LOGIN || !s->where.usable || !s->where.inside)
        return;
    if (s->ev->outcome == KT_OUT_SUCCESS)
        succeeded(s, doors, tries, least);
    else if (s->actor == NULL &&
             (s->ev->outcome == KT_OUT_DENIED || s->ev->outcome == KT_OUT_FAILURE))
        refused(s, doors, tries, least);
}
