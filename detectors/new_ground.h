/*
 * new_ground: the paths of secrets in which nobody read before the last 24 hours, a store, a mount,
 * a folder, and which people take up what lies in them. Pure, like a detector; the tables are
 * new_secrets'.
 */
#pragma once
#include "detectors/detector.h"

struct kt_ground { /* a path above secrets, by its hash */
    uint32_t first_min, pad;
};
struct kt_ground_use { /* one person, from the first secret of a day that it never read before on */
    uint64_t ground;   /* the newest path in which nobody had read */
    uint32_t since_min, all, in, pad; /* secrets that it took up since then; of them below that */
};

/* The scene's actor reads the secret for the first time; `first`: and nobody did before. */
void kt_ground_take_up(struct kt_scene *s, bool first);
/* The path in which nobody had read and below which most secrets lie that the person took up in
 * the last 24 hours; 0: there is none. */
uint64_t kt_ground_of(struct kt_table *const *tables, struct kt_key who, uint32_t minute);
/* That path as the beginning of a secret that lies below it; empty: it does not. */
struct kt_str kt_ground_above(struct kt_str secret, uint64_t ground);
