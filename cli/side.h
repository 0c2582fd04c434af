/*
 * side: one way to judge the stored log: with the settings that it records, or others ("what if"),
 * and what comes of that.
 */
#pragma once
#include "collector/detect.h"
#include "core/base/map.h"

#define KT_SIDE_SETS 64u

struct kt_side {
    const char *config;    /* file; NULL: as recorded */
    struct kt_conf *given; /* instead of a file; the side's from then on */
    struct kt_detect_set sets[KT_SIDE_SETS];
    unsigned n_sets;
    /* filled by kt_sides_run */
    bool fixed;             /* conf holds for the whole log */
    struct kt_conf *conf;   /* at the beginning */
    struct kt_conf *newest; /* recorded; NULL: conf holds to the end */
    struct kt_detect *detect;
    struct kt_map *ids; /* alert id -> number in documents */
    char **documents;   /* newest JSON of each alert, in order of opening */
    char **words;       /* what config and sets point into */
    unsigned n_words;
};
/* Adds "detector.option=value"; the text is copied. KT_E_INPUT says what is wrong with it. */
KT_MUST_USE enum kt_status kt_side_set(struct kt_side *s, const char *text, struct kt_error *err);
/* A side of --compare: "then", or a file, or sets over what was recorded, or a file and sets; parts
 * are joined by commas. */
KT_MUST_USE enum kt_status kt_side_parse(struct kt_side *s, const char *text, struct kt_error *err);
void kt_side_done(struct kt_side *s);
unsigned kt_side_count(const struct kt_side *s);

struct kt_sides_run { /* what was read */
    uint64_t records;
    kt_time_ns first, last; /* arrival of accesses */
    unsigned recorded;      /* different configurations in the log */
    struct kt_damage damage;
};
/* Runs every side over the log, in one pass; a terminal sees how far it is. KT_E_CONFIG,
 * KT_E_INPUT: settings of a side. */
KT_MUST_USE enum kt_status kt_sides_run(struct kt_reader *r, struct kt_side *sides, unsigned n,
                                        struct kt_sides_run *ret, struct kt_error *err);

/* Only the settings of a side, for words about them. */
KT_MUST_USE enum kt_status kt_side_look(struct kt_reader *r, struct kt_side *s,
                                        unsigned *ret_recorded, struct kt_error *err);

/* "as then", "new.yaml", "as then with volume_spike.floor_1h=60". */
void kt_side_name(const struct kt_side *s, struct kt_buf *out);
/* The settings that differ from a to b, "volume_spike.floor_1h 40 -> 60, networks"; nothing when
 * none does. */
void kt_sides_differ(const struct kt_side *a, const struct kt_side *b, struct kt_buf *out);
