/* s3_digests, inside: what its files share. Nobody else includes this. */
#pragma once
#include "agents/inputs/aws_digest.h"
#include "agents/inputs/s3_digests.h"
#include "core/base/map.h"

#define KEYS_MAX    64u
#define HASHES_MAX  16384u /* log files */
#define CHAINS_MAX  4096u
#define PRINT       16u
#define REGIONS_MAX 64u

enum phase { IDLE, DIGEST, KEYS, PREVIOUS, FILES };
struct public_key {
    char *region, *fingerprint;
    struct kt_buf der;
};
struct log_file {
    struct s3_object object;
    uint8_t sha256[32];
};
struct chain {
    char *last; /* key of its newest digest that was verified */
    uint8_t hash[32];
    uint8_t signature[16]; /* a print of it */
    kt_time_ns until;      /* which its key says */
    bool changed;
};
struct s3_digests {
    struct kt_input_env env;
    struct s3_reader *r;
    struct aws_client *aws;
    const char *endpoint; /* of CloudTrail */
    struct kt_json *json;
    enum phase phase;
    const struct s3_object *object;
    struct kt_buf text, signature;
    uint8_t sha256[32];
    bool too_long;
    struct aws_digest digest; /* its texts are the parser's: nothing else is parsed meanwhile */
    struct kt_buf chain_name;
    char region[64];
    struct s3_object previous;
    struct log_file *file; /* still to be read */
    unsigned n_files, next, listed, bad;
    struct public_key key[KEYS_MAX];
    unsigned n_keys, next_key, pages;
    struct kt_buf token;
    struct kt_map *regions;               /* name -> number; emptied when it is full */
    struct aws_pace resting[REGIONS_MAX]; /* not asked for keys before */
    struct kt_map *chains;                /* name -> number */
    struct chain *chain;
    struct {
        uint8_t print[PRINT], sha256[32];
    } * hash;
    struct kt_map *hashes;  /* print -> number; emptied when it is full */
    struct s3_tried *tried; /* digests that name what is refused */
    uint64_t verified, broken;
    kt_time_ns until;
    char trouble[200]; /* the newest alarm, of that time */
    kt_time_ns trouble_at;
};

/* s3_digests_known.c */
void digests_print(struct kt_str bucket, struct kt_str key, uint8_t ret[PRINT]);
void digests_load(void *self, struct kt_str key, struct kt_str value); /* a position */
void digests_forget_all(struct s3_digests *d);
const uint8_t *digests_hash(struct s3_digests *d, struct kt_str bucket, struct kt_str key);
/* The chain of the digest at hand; NULL: none of it was verified so far. */
const struct chain *digests_chain(const struct s3_digests *d);
void digests_chain_on(struct s3_digests *d);
/* Is what has this hash and signature the digest that the one at hand names before it? */
bool digests_is_previous(const struct s3_digests *d, const uint8_t hash[32],
                         const uint8_t signature[PRINT]);
void digests_sign_print(struct kt_str signature, uint8_t ret[PRINT]);
const struct public_key *digests_key(const struct s3_digests *d);
/* When the region of the digest at hand may be asked for keys again. */
struct aws_pace *digests_pace(struct s3_digests *d);
void digests_take_key(void *self, const struct aws_public_key *k);
