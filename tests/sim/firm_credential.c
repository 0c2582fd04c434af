/*
 * firm_credential: which token or key an access was made with: people sign in for a day, a week or
 * a month, clouds give sessions of hours, machines have tokens of their own or one key for all,
 * each run of a pipeline has another. A thief has the victim's, or signed in anew.
 *
 * Owns:  nothing; a credential follows from who, when and from where.
 * Calls: firm.h, core/base. No chance of the world is drawn.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/hash.h"
#include "tests/sim/firm.h"

static unsigned mixed(const struct firm *f, const char *name, unsigned salt)
{
    return (unsigned)(kt_hash64(kt_str_of(name), f->seed + salt) >> 32);
}

/* Hours for which one credential of the actor lasts. */
static unsigned lasts_hours(const struct firm *f, const struct firm_event *e, bool person)
{
    static const unsigned tokens[] = { 24, 24, 24, 24, 24, 24, 7 * 24, 7 * 24, 7 * 24, 30 * 24 };
    if (e->source == FIRM_AWS)
        return person ? 8 : mixed(f, e->actor, 1) % 2 == 0 ? 360 * 24 : 6;
    return person ? tokens[mixed(f, e->actor, 2) % KT_ARRAY_LEN(tokens)] : 7 * 24;
}

struct kt_str firm_credential(const struct firm *f, const struct firm_event *e, char text[64])
{
    bool person = e->kind == KT_ACTOR_HUMAN || e->kind == KT_ACTOR_ROOT;
    bool names = e->source == FIRM_VAULT || e->source == FIRM_AWS;
    if (!names || e->kind == KT_ACTOR_ANONYMOUS || e->actor == NULL)
        return KT_STR_NONE;
    unsigned hours = lasts_hours(f, e, person);
    uint64_t span = ((uint64_t)(e->t / KT_NS_HOUR) + mixed(f, e->actor, 4) % hours) / hours;
    unsigned copy = person || hours > 30 * 24 ? 0 : e->id % 3;
    unsigned run = e->kind == KT_ACTOR_CI ? e->ip : 0;
    unsigned thief = e->attack > 0 && e->attack % 2 == 0 ? e->attack : 0;
    (void)snprintf(text, 64, "%s%08X%04llX%X%X%X",
                   e->source == FIRM_AWS ? "ASIA" : "hmac-sha256:", mixed(f, e->actor, 3),
                   (unsigned long long)span, copy, run, thief);
    return kt_str_of(text);
}
