/*
 * recall: answers about texts that come again with nearly every event.
 *
 * Owns:  nothing beyond struct kt_recall.
 * Calls: core/base/hash, core/event/ai_agents. No clock, no I/O, no allocation.
 * Holds: an answer is given for the same text alone, byte for byte; for a secret, for the same 128
 *        bits of hash.
 */
#include "detectors/recall.h"

#include <string.h>

#include "core/base/hash.h"
#include "core/event/ai_agents.h"

#define WORD 8u

static uint64_t stir(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ (h >> 32);
}

/* Which of n places: by all of the text, since such texts often begin and end alike. */
static size_t place_of(struct kt_str text, uint64_t seed, uint32_t n)
{
    uint64_t h = seed ^ text.len, word = 0;
    for (size_t i = 0; i + WORD < text.len; i += WORD) {
        memcpy(&word, text.at + i, WORD);
        h = stir(h, word);
    }
    if (text.len >= WORD)
        memcpy(&word, text.at + text.len - WORD, WORD);
    else
        memcpy(&word, text.at, text.len);
    h = stir(stir(h, word), 0); /* a last byte stirs the highest bits alone */
    return (size_t)((h >> 32) * n >> 32);
}

/* The same memory in the same event: the same text. */
static bool is_it(struct kt_str x, struct kt_str y)
{
    return x.at == y.at && x.len == y.len;
}

struct kt_key kt_name_key(struct kt_str name)
{
    if (name.len == 0)
        return (struct kt_key){ 0, 0 };
    return (struct kt_key){ kt_hash64(name, KT_NAME_SEED) | 1, kt_hash64(name, ~KT_NAME_SEED) };
}

struct kt_key kt_recall_name(struct kt_recall *r, struct kt_str name)
{
    if (r->foretold != NULL && is_it(name, r->foretold->actor))
        return r->foretold->actor_key;
    if (r->foretold != NULL && is_it(name, r->foretold->secret))
        return r->foretold->secret_key;
    if (name.len == 0 || name.len > KT_RECALL_TEXT)
        return kt_name_key(name);
    size_t i = place_of(name, 0, KT_RECALL_NAMES);
    if (r->name[i].len == name.len && memcmp(r->name[i].text, name.at, name.len) == 0)
        return r->name[i].key;
    r->name[i].key = kt_name_key(name);
    r->name[i].len = (uint32_t)name.len;
    memcpy(r->name[i].text, name.at, name.len);
    return r->name[i].key;
}

uint64_t kt_recall_hash(struct kt_recall *r, struct kt_str text, uint64_t seed)
{
    if (r->foretold != NULL && seed == KT_NAME_SEED && is_it(text, r->foretold->user_agent))
        return r->foretold->agent_hash;
    if (text.len == 0 || text.len > KT_RECALL_TEXT)
        return kt_hash64(text, seed);
    size_t i = place_of(text, seed, KT_RECALL_HASHES);
    bool known = r->hash[i].seed == seed && r->hash[i].len == text.len &&
                 memcmp(r->hash[i].text, text.at, text.len) == 0;
    if (known)
        return r->hash[i].hash;
    r->hash[i].seed = seed;
    r->hash[i].hash = kt_hash64(text, seed);
    r->hash[i].len = (uint32_t)text.len;
    memcpy(r->hash[i].text, text.at, text.len);
    return r->hash[i].hash;
}

const char *kt_recall_agent(struct kt_recall *r, struct kt_str user_agent)
{
    if (r->foretold != NULL && is_it(user_agent, r->foretold->user_agent))
        return r->foretold->agent;
    if (user_agent.len == 0 || user_agent.len > KT_RECALL_AGENT)
        return kt_ai_agent_of_client(user_agent);
    size_t i = place_of(user_agent, 0, KT_RECALL_AGENTS);
    if (r->agent[i].len == user_agent.len &&
        memcmp(r->agent[i].text, user_agent.at, user_agent.len) == 0)
        return r->agent[i].agent;
    r->agent[i].agent = kt_ai_agent_of_client(user_agent);
    r->agent[i].len = (uint32_t)user_agent.len;
    memcpy(r->agent[i].text, user_agent.at, user_agent.len);
    return r->agent[i].agent;
}

struct kt_recall_secret *kt_recall_secret(struct kt_recall *r, struct kt_key secret,
                                          bool *ret_known)
{
    struct kt_recall_secret *at = &r->secret[secret.b % KT_RECALL_SECRETS];
    *ret_known = at->secret.a == secret.a && at->secret.b == secret.b && secret.a != 0;
    return at;
}

void kt_recall_other_settings(struct kt_recall *r)
{
    memset(r->secret, 0, sizeof r->secret);
}

double kt_recall_rate_surprise(struct kt_recall *r, double x, double e, struct kt_gamma posterior,
                               double rmax)
{
    const double of[] = { x, e, posterior.a, posterior.b, rmax };
    uint64_t h = 0, word;
    for (unsigned i = 0; i < KT_ARRAY_LEN(of); i++) {
        memcpy(&word, &of[i], sizeof word);
        h = stir(h, word);
    }
    size_t i = (h >> 32) % KT_RECALL_TAILS;
    if (memcmp(r->tail[i].of, of, sizeof of) == 0)
        return r->tail[i].surprise;
    memcpy(r->tail[i].of, of, sizeof of);
    return r->tail[i].surprise = kt_rate_surprise(x, e, posterior, rmax);
}

struct kt_hll_view *kt_recall_sketch(struct kt_recall *r, uint64_t of)
{
    struct kt_recall_sketch *at = &r->kept.sketch[of % KT_RECALL_SKETCHES];
    if (at->of != of) {
        at->of = of;
        at->view.last = 0;
    }
    return &at->view;
}
