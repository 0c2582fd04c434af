/*
 * recall: answers about texts that come again with nearly every event: the name of a source, a user
 * agent, the id of a secret. No state: each is what the function would say that is spared.
 */
#pragma once
#include "core/base/str.h"
#include "detectors/table.h"

#define KT_RECALL_HASHES  64u
#define KT_RECALL_TEXT    108u /* longer ones are hashed each time */
#define KT_RECALL_AGENTS  32u
#define KT_RECALL_AGENT   244u
#define KT_RECALL_SECRETS 1024u
struct kt_recall { /* zeroed: nothing yet */
    struct {
        uint64_t seed, hash;
        uint32_t len;
        char text[KT_RECALL_TEXT];
    } hash[KT_RECALL_HASHES];
    struct {
        const char *agent;
        uint32_t len;
        char text[KT_RECALL_AGENT];
    } agent[KT_RECALL_AGENTS];
    struct kt_recall_secret { /* detectors/known_secrets.c fills it in */
        struct kt_key secret;
        uint64_t folder, parent;
    } secret[KT_RECALL_SECRETS];
};

/* kt_hash64 */
uint64_t kt_recall_hash(struct kt_recall *r, struct kt_str text, uint64_t seed);
/* kt_ai_agent_of_client */
const char *kt_recall_agent(struct kt_recall *r, struct kt_str user_agent);
/* The place of a secret; *ret_known: it is about this one, and else to be filled in. */
struct kt_recall_secret *kt_recall_secret(struct kt_recall *r, struct kt_key secret,
                                          bool *ret_known);
