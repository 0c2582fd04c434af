/*
 * secret_reach: how far a person reaches: the different secrets of a week, and those of a fortnight
 * that only other teams read so far. Pure; the tables are new_secrets'.
 */
#pragma once
#include "detectors/known_secrets.h"
#include "detectors/secret_habit.h"

#define KT_REACH_DAYS  16u /* a fortnight, and the day behind it */
#define KT_REACH_WEEKS 10u
#define KT_REACH_TEAMS 4u
#define KT_REACH_OWN   6u

struct kt_reach {                    /* one person */
    uint32_t day_of[KT_REACH_DAYS];  /* which day a slot stands for, + 1 */
    uint16_t latest[KT_REACH_DAYS];  /* secrets that it read last on that day */
    uint16_t strange[KT_REACH_DAYS]; /* of other teams, taken up on it and not come back to later */
    uint16_t strange_from[KT_REACH_DAYS], strange_to[KT_REACH_DAYS]; /* minutes of that day */
    struct {
        uint32_t week; /* + 1 */
        uint16_t secrets, strange;
    } most[KT_REACH_WEEKS];  /* in 7, in 14 days that ended in that week */
    uint32_t told_min, told; /* of so many of other teams somebody was told then; 0 = never */
    uint32_t said_min, said; /* the same, while it is not known yet whether anybody was told */
    uint32_t away_day, away; /* + 1: of so many, on that day, at an address new to the firm */
    uint32_t client_day;     /* + 1: the day on which a client that is new to it came along */
    uint32_t own_n;          /* roles that it had so far; the one it took up first makes room */
    uint32_t own[KT_REACH_OWN];
};
struct kt_reach_teams { /* one secret, or one folder: whose people read it */
    uint32_t n;         /* more than fit: everybody's */
    uint32_t team[KT_REACH_TEAMS];
    uint32_t only[KT_REACH_TEAMS]; /* of that team so far one person, by number; 0 = several */
    uint32_t since_min[KT_REACH_TEAMS];
};

struct kt_reach_limits {               /* options of new_secrets */
    uint64_t strange, away, wide;      /* up to which they say nothing; `wide`: below which */
    double client_points, wide_points; /* that are added */
};

/* A read by a person, before known_secrets remembers it; `fresh`: it never read the secret. True:
 * only other teams read it so far. What says whose people read it goes aside as `aside`. */
bool kt_reach_read(struct kt_scene *s, const struct kt_habit *h, struct kt_known_pair *p,
                   bool fresh, uint8_t aside);
/* Such a secret was remembered since. */
void kt_reach_mark(const struct kt_scene *s);
/* 24 h later, and in no incident: what a thief reads is no team's. */
void kt_reach_learn(struct kt_scene *s, const struct kt_pending *p);
/* It was one that only other teams read: says what all of them are, if it says something. */
void kt_reach_tell(struct kt_scene *s, const struct kt_habit *h, const struct kt_reach_limits *o);
