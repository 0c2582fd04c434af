/*
 * known_secrets: what an actor has read before, the folders it has read in, and who else did: the
 * state by which new_secrets tells what is new. Pure, like a detector; the tables are new_secrets'.
 */
#pragma once
#include "detectors/detector.h"

/* Tables of new_secrets. */
enum kt_new_table {
    KT_NEW_HABIT,
    KT_NEW_LIST,
    KT_NEW_STORE,
    KT_NEW_PAIR,
    KT_NEW_BLOOM,
    KT_NEW_SECRET,
    KT_NEW_FOLDER,
    KT_NEW_USERS,
    KT_NEW_REACH,
    KT_NEW_TEAMS,
    KT_NEW_GROUND,
    KT_NEW_GROUND_USE,
    KT_NEW_MOVED,
    KT_NEW_WANDERS,
};

#define KT_KNOWN_PAIRS 1024u /* of one actor; behind them a filter */
struct kt_known_pair {       /* one actor and one secret */
    uint32_t first_min, last_min, wrote_min;
    uint32_t read;     /* its value, not only its name: KT_KNOWN_READ and bits beside it */
    uint32_t read_min; /* newest read; last_min is moved by whoever describes or writes it, too */
};
#define KT_KNOWN_READ    1u
#define KT_KNOWN_STRANGE 2u /* secret_reach: only other teams had read it */
#define KT_KNOWN_FILLED  4u /* so far the app only filled it in: nobody saw the value */
#define KT_BLOOM_BYTES   4096u
struct kt_known_bloom { /* the secrets of one actor behind the first 1,024 */
    uint8_t bits[KT_BLOOM_BYTES];
};
struct kt_known_secret {
    uint32_t born_min;  /* written before anybody read it; 0 = not seen */
    uint32_t wrote_min; /* newest write by anybody; 0 = not seen */
    uint32_t began_min; /* the first of the writes with less than 35 days between two: a rotation,
                           however rare, began long ago */
    uint32_t n;
    uint32_t moved_from; /* of moved_secrets: which secret it is at another path; 0 = none */
    struct {             /* who read it for the first time lately */
        uint32_t actor, minute, kind, pad;
    } last[4];
};
struct kt_known_folder {  /* one actor and one folder */
    uint32_t last_min[2]; /* newest read: of ordinary, of announced work */
    uint16_t days, pad;   /* on which it read there, in no incident */
};
#define KT_FOLDER_USERS 4
struct kt_known_users { /* one folder, one path above names, or one store as a whole */
    uint32_t secrets;   /* so many were read in it, by anybody */
    struct {
        uint32_t actor, day, days; /* newest day (UTC) of use, + 1; how many, in no incident */
    } user[KT_FOLDER_USERS];       /* of a folder people, of a path machines that took one up */
};

/* ---- secrets ---- */
/* The actor and the secret of the scene; NULL when it never met it, or is past the table. */
struct kt_known_pair *kt_known_pair(const struct kt_scene *s);
/* Has the actor read it (or, for a probe, met it) before, so that it is nothing new? What first
 * came up in an incident that nobody judged is new again for 30 days: when the actor comes back to
 * it after a week's pause, or when it was written since. What was judged true is new for ever. */
bool kt_known(const struct kt_scene *s, const struct kt_known_pair *p);
/* Does it see the value of what it only let an app fill in so far, for less than a week? A login
 * that somebody uses for longer is his, whoever typed it. */
bool kt_known_unseen(const struct kt_scene *s, const struct kt_known_pair *p);
/* From now on it is known; `pairs` counts the actor's. */
void kt_known_remember(struct kt_scene *s, struct kt_known_pair *p, bool apart, uint32_t *pairs);
void kt_known_written(struct kt_scene *s, uint32_t *pairs);
/* Made within 24 hours, by whomever. */
bool kt_known_fresh(const struct kt_scene *s);
/* Does a person describe or list it at its own desk, without a refusal? Whoever describes all there
 * is, and reads none of it, is on a review, often with a client of its own. */
bool kt_known_asked(const struct kt_scene *s);
/* Does a person take all that lies in one place at once? How much that was is not in the record:
 * whoever goes from one to the next has more than as many single secrets. Controllers are given one
 * with each namespace. */
bool kt_known_is_set(const struct kt_scene *s);
/* An account for emergencies, or one that is needed once a month: few days, but known for weeks,
 * and all of them from one place. */
bool kt_known_sparse(const struct kt_scene *s);
/* The actor reads it for the first time. */
void kt_known_newcomer(struct kt_scene *s);
/* Did three of the actor's kind take the secret up within 2 h of that minute? */
bool kt_known_rollout(const struct kt_scene *s, uint64_t secret, uint32_t minute);

/* ---- folders ---- */
/* The path above the scene's secret without the region of a cloud and parts that name an
 * environment ("payments/prod" and "payments/dev" are one work); 0 = it lies in none. */
uint64_t kt_known_folder(struct kt_str secret);
/* That folder of the scene's secret, and a hash of all that stands before its last part. */
const struct kt_recall_secret *kt_known_name(const struct kt_scene *s);
/* kt_production of the scene's secret, which must have one. */
int kt_known_production(const struct kt_scene *s);
/* What recall may be told of an event beforehand: a function of its texts alone, so on any thread.
 */
void kt_known_foretell(const struct kt_event *ev, struct kt_foretold *ret);
/* Is one more secret of it ordinary for this person? It is at work there (on three days, or within
 * the last 24 hours), `peers` colleagues are (on three days, the newest within 90), and the folder
 * holds at most a quarter of the secrets that were read in its store. What is a `unit`, what people
 * are given access to however few of them there are, may hold more; to have come there today is
 * too little then. */
bool kt_known_workspace(const struct kt_scene *s, uint64_t folder, uint64_t peers, bool unit);
bool kt_known_is_machine(const struct kt_scene *s);
/* Is the path above the scene's secret this machine's own, which has read `secrets` in it? It has
 * read most of what anybody has; or few others take secrets up there, and this one is nobody's yet.
 * A path that many share, "prod/" above flat names, says nothing about whose they are. */
bool kt_known_own_path(const struct kt_scene *s, uint32_t secrets);
/* A successful read in it. Its day counts 24 h later: on_learn calls kt_known_visited() with what
 * is put aside as `aside`. */
void kt_known_visit(struct kt_scene *s, uint64_t folder, uint8_t aside);
void kt_known_visited(struct kt_scene *s, uint64_t folder, uint32_t minute);
