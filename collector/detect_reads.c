/*
 * detect_reads: which secrets were read in an incident.
 *
 * Owns:  nothing.
 * Calls: known_secrets (production), new_ground, detect_state.h.
 * Holds: different secrets count once, as far as they are listed: the newest 64 are known one by
 *        one, those before them are numbers.
 */
#include "collector/detect_state.h"
#include "detectors/known_secrets.h"
#include "detectors/new_ground.h"

unsigned kt_detect_listed(const struct incident *in)
{
    return in->secrets_n < INCIDENT_HASHES ? (unsigned)in->secrets_n : INCIDENT_HASHES;
}

unsigned kt_detect_brought(const struct incident *in, uint8_t by)
{
    unsigned n = 0;
    for (unsigned i = 0; i < kt_detect_listed(in); i++)
        n += in->by[i] == by;
    return n;
}

uint8_t kt_detect_place_of(const struct incident *in, uint32_t number)
{
    for (unsigned i = 0; i < in->members_n && i < INCIDENT_MEMBERS; i++) {
        if (in->members[i] == number)
            return (uint8_t)(i + 1);
    }
    return INCIDENT_MORE;
}

#define UNLISTED (UINT8_MAX + 1u - INCIDENT_MORE)

uint8_t kt_detect_reader_of(const struct incident *in, uint32_t number)
{
    uint8_t place = kt_detect_place_of(in, number);
    return place < INCIDENT_MORE ? place : (uint8_t)(INCIDENT_MORE + number % UNLISTED);
}

/* Is it another one? What a second of several reads is from then on in common. */
static bool note(struct incident *in, uint64_t hash, uint8_t class, uint8_t by)
{
    for (unsigned i = 0; i < kt_detect_listed(in); i++) {
        if (in->hash[i] != hash)
            continue;
        in->by[i] = in->by[i] == by ? by : 0;
        return false;
    }
    unsigned slot = in->secrets_n++ % INCIDENT_HASHES;
    in->hash[slot] = hash;
    in->class[slot] = class;
    in->by[slot] = by;
    in->read_n[class]++;
    return true;
}

static uint32_t larger(uint32_t a, uint64_t b)
{
    return a > b ? a : (uint32_t)b;
}

/* Whose number i of the younger one is in the other; one person's is all his. Who is not listed is
 * told by his number in both. */
static uint8_t by_of(const struct incident *old, const struct incident *young, unsigned i)
{
    unsigned place = young->together == KT_TOGETHER ? young->by[i] : 1;
    if (old->together != KT_TOGETHER || old->ground != 0 || place == 0) /* mostly on that ground */
        return 0;
    return place > INCIDENT_MEMBERS ? (uint8_t)place
                                    : kt_detect_reader_of(old, young->members[place - 1]);
}

void kt_detect_reads_merge(struct incident *old, const struct incident *young)
{
    unsigned listed = kt_detect_listed(young), others = 0;
    for (unsigned i = 0; i < INCIDENT_MARKS; i++)
        old->mark[i] |= young->mark[i];
    uint64_t beyond = young->secrets_n - listed, of_class[READ_CLASSES];
    for (unsigned i = 0; i < READ_CLASSES; i++)
        of_class[i] = young->read_n[i];
    for (unsigned i = 0; i < listed; i++) {
        others += note(old, young->hash[i], young->class[i], by_of(old, young, i));
        of_class[young->class[i]]--;
    }
    if (beyond == 0)
        return;
    /* of those that are no longer listed as many are the same */
    old->secrets_n += beyond * others / listed;
    if (old->secrets_n < young->secrets_n)
        old->secrets_n = young->secrets_n;
    for (unsigned i = 0; i < READ_CLASSES; i++) {
        old->read_n[i] += (uint32_t)(of_class[i] * others / listed);
        old->read_n[i] = larger(old->read_n[i], young->read_n[i]);
    }
}

char *kt_detect_row(char *rows, size_t width, unsigned n)
{
    unsigned i = rows[(n - 1) * width] != '\0' ? n - 1 : 0;
    while (i + 1 < n && rows[i * width] != '\0')
        i++;
    return rows + i * width;
}

static bool is_volume(const struct kt_scene *s)
{
    for (unsigned i = 0; i < s->n_found; i++) {
        if (s->found[i].family == KT_FAMILY_VOLUME)
            return true;
    }
    return false;
}

/* Does a member of several people bring it alone? A team on its ground goes on with the work of
 * every day meanwhile, which is nobody's news unless there is too much of it. */
static bool is_his_own(const struct kt_scene *s, const struct incident *in)
{
    if (in->together != KT_TOGETHER || s->actor == NULL)
        return false;
    bool elsewhere = in->ground == 0 || kt_ground_above(s->ev->secret, in->ground).len == 0;
    bool daily = in->ground != 0 && s->novelty.known && !is_volume(s);
    return elsewhere && !daily;
}

void kt_detect_read(const struct kt_scene *s, struct incident *in)
{
    in->mark[s->secret.a / 64 % INCIDENT_MARKS] |= UINT64_C(1) << (s->secret.a % 64);
    uint8_t by = is_his_own(s, in) ? kt_detect_reader_of(in, s->actor->number) : 0;
    int prod = kt_known_production(s);
    uint8_t class = prod > 0 ? READ_PRODUCTION : prod == 0 ? READ_OTHER : READ_UNKNOWN;
    if (!note(in, s->secret.a, class, by))
        return;
    if (prod > 0 && in->production[0] == '\0')
        kt_str_copyz(in->production, sizeof in->production,
                     kt_utf8_cut(s->ev->secret, sizeof in->production - 1));
    size_t width = sizeof in->secret[0];
    char *row = kt_detect_row(in->secret[0], width, INCIDENT_SECRETS);
    if (row[0] == '\0')
        kt_str_copyz(row, width, kt_utf8_cut(s->ev->secret, width - 1));
}
