/*
 * recall: answers about texts that come again with nearly every event: the name of an actor or of a
 * source, a user agent, the id of a secret; or that another thread has made beforehand. No state:
 * each is what the function would say that is spared.
 */
#pragma once
#include "core/base/str.h"
#include "detectors/baseline.h"
#include "detectors/rollouts.h"
#include "detectors/table.h"

#define KT_RECALL_HASHES   1024u /* of sources, instances, credentials: hundreds of the last */
#define KT_RECALL_TEXT     108u  /* longer ones are hashed each time */
#define KT_RECALL_AGENTS   32u
#define KT_RECALL_AGENT    244u
#define KT_RECALL_SECRETS  4096u
#define KT_RECALL_NAMES    1024u
#define KT_RECALL_SKETCHES 512u
#define KT_RECALL_TAILS    512u

#define KT_NAME_SEED UINT64_C(0x6b65797472616c31) /* a name keeps its key for ever */
struct kt_foretold { /* of the texts of one event, which it borrows; see kt_known_foretell() */
    struct kt_str actor, secret, user_agent;
    struct kt_key actor_key, secret_key;
    uint64_t folder, parent; /* of the secret */
    uint64_t agent_hash;     /* under KT_NAME_SEED */
    const char *agent;
};
struct kt_recall {                      /* zeroed: nothing yet */
    const struct kt_foretold *foretold; /* of the event in work; NULL: nothing */
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
        int production; /* kt_production + 2; 0: not asked yet */
    } secret[KT_RECALL_SECRETS];
    struct {
        struct kt_key key;
        uint32_t len;
        char text[KT_RECALL_TEXT];
    } name[KT_RECALL_NAMES];
    struct {
        double of[5], surprise; /* x, e, posterior, rmax: as they were, bit for bit */
    } tail[KT_RECALL_TAILS];
    /* Answers about the tables, no functions of texts: with other tables they are to be forgotten.
     */
    struct kt_recall_kept {
        struct kt_rollouts rollouts;
        struct kt_recall_sketch {
            uint64_t of;
            struct kt_hll_view view;
        } sketch[KT_RECALL_SKETCHES]; /* detectors/volume_spike.c */
    } kept;
};

/* The key of a name of any kind; of none 0, 0. */
struct kt_key kt_name_key(struct kt_str name);
struct kt_key kt_recall_name(struct kt_recall *r, struct kt_str name);

/* kt_hash64 */
uint64_t kt_recall_hash(struct kt_recall *r, struct kt_str text, uint64_t seed);
/* kt_ai_agent_of_client */
const char *kt_recall_agent(struct kt_recall *r, struct kt_str user_agent);
/* kt_rate_surprise: what one actor read in an hour is judged again with each read of it. */
double kt_recall_rate_surprise(struct kt_recall *r, double x, double e, struct kt_gamma posterior,
                               double rmax);
/* What is known of the sketch with that number: of another one's nothing. */
struct kt_hll_view *kt_recall_sketch(struct kt_recall *r, uint64_t of);
/* The place of a secret; *ret_known: it is about this one, and else to be filled in. */
struct kt_recall_secret *kt_recall_secret(struct kt_recall *r, struct kt_key secret,
                                          bool *ret_known);
/* With other settings other secrets are of production. */
void kt_recall_other_settings(struct kt_recall *r);
