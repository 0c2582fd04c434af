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

/* Which place: by both ends of the text, which has a word at least. */
static uint64_t spread(struct kt_str text, uint64_t seed)
{
    uint64_t first, last;
    memcpy(&first, text.at, WORD);
    memcpy(&last, text.at + text.len - WORD, WORD);
    uint64_t h = (first ^ seed) * UINT64_C(0xbf58476d1ce4e5b9);
    h = ((h ^ (h >> 32)) + (last ^ text.len)) * UINT64_C(0x94d049bb133111eb);
    return h ^ (h >> 32);
}

uint64_t kt_recall_hash(struct kt_recall *r, struct kt_str text, uint64_t seed)
{
    if (text.len < WORD || text.len > KT_RECALL_TEXT)
        return kt_hash64(text, seed);
    size_t i = spread(text, seed) % KT_RECALL_HASHES;
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
    if (user_agent.len < WORD || user_agent.len > KT_RECALL_AGENT)
        return kt_ai_agent_of_client(user_agent);
    size_t i = spread(user_agent, 0) % KT_RECALL_AGENTS;
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
