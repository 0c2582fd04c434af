/*
 * secret_habit: how many new secrets an actor takes up on an active day, and below which path it
 * reads: the yardstick of new_secrets. Pure; the tables are new_secrets'.
 */
#pragma once
#include "detectors/detector.h"

#define KT_HABIT_DAYS     16u /* a week and its guard */
#define KT_HABIT_PREFIXES 4u
#define KT_HABIT_WHOLE    100u /* weights are hundredths of a secret */

struct kt_habit {     /* one actor */
    float k, d;       /* novelties and active days that are behind the guard, decayed */
    uint32_t done;    /* day behind the guard that was counted last, + 1 */
    uint32_t matured; /* active days counted so far */
    uint32_t put;     /* day that was put aside last, + 1 */
    uint32_t seen_n, pairs;
    float novel_days; /* of those active days, on which it took up a whole secret; decayed */
    uint32_t day_of[KT_HABIT_DAYS];                     /* which day a slot stands for, + 1 */
    uint16_t learned[KT_HABIT_DAYS];                    /* weights of what no incident held back */
    uint16_t raw[KT_HABIT_DAYS];                        /* of all */
    uint8_t active[KT_HABIT_DAYS], busy[KT_HABIT_DAYS]; /* learned, and as it happened */
    struct {
        uint64_t hash;
        uint32_t n, secrets;     /* reads; of so many secrets */
    } prefix[KT_HABIT_PREFIXES]; /* paths most read below */
};
struct kt_habit_store { /* one actor in one store */
    float k;
    uint32_t matured;               /* the actor's, when k stood so */
    uint32_t done;                  /* days before this one are counted */
    uint32_t day_of[KT_HABIT_DAYS]; /* which day learned[] stands for, + 1; counted or not */
    uint16_t learned[KT_HABIT_DAYS];
    uint32_t raw_of[KT_HABIT_DAYS]; /* the same of raw */
    uint16_t raw[KT_HABIT_DAYS];    /* weights as they came */
};

/* Slot of the day, emptied when it stood for another one. */
unsigned kt_habit_slot(struct kt_habit *h, uint32_t day);
/* So much came that day, to the actor and in the store. */
void kt_habit_raw(struct kt_habit *h, struct kt_habit_store *t, uint32_t day, unsigned weight);
/* It was nothing new after all; t: its store, or NULL. */
void kt_habit_take_back(struct kt_habit *h, struct kt_habit_store *t, uint32_t day,
                        unsigned weight);
/* What came on that day; `learned`: of it what no incident held back. */
unsigned kt_habit_of_store(const struct kt_habit_store *t, uint32_t day, bool learned);
/* What no incident held back, 24 h later; what a verdict gives back, whenever that is. */
void kt_habit_learn(struct kt_habit *h, uint32_t first_day, uint32_t day, unsigned weight);
void kt_habit_learn_store(struct kt_habit_store *t, const struct kt_habit *h, uint32_t first_day,
                          uint32_t day, unsigned weight);
/* Days that left the guard (`behind` of them before today) become part of the habit, oldest first;
 * the first active day does not. */
void kt_habit_mature(struct kt_habit *h, uint32_t first_day, uint32_t today, uint32_t behind);
void kt_habit_mature_store(struct kt_habit_store *t, const struct kt_habit *h, uint32_t first_day);

/* A read below that path, of a secret that the actor never read before? */
void kt_habit_prefix(struct kt_habit *h, uint64_t hash, bool fresh);
/* Are four fifths of the actor's reads below it? Then *ret_secrets: of so many secrets. */
bool kt_habit_is_usual(const struct kt_habit *h, uint64_t hash, uint32_t *ret_secrets);
