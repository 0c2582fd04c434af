/* triage_state: what the files of triage share; private to them. */
#pragma once
#include "collector/triage.h"
#include "core/base/map.h"
#include "exporters/alerts/match.h"

struct kt_triage {
    struct kt_triage_options o;
    struct kt_lives lives;
    struct kt_silences silences;
    struct kt_covers {          /* of each silence */
        struct kt_query *query; /* NULL: its end is recorded, or it is no query */
        bool ending;            /* what is in kept was looked at after its end */
    } * covers;
    struct kt_map *held; /* ids of alerts that a silence keeps quiet */
    struct kt_map *kept; /* those held when some silences ended; NULL: none ends now */
    uint32_t released;   /* so many of kept have been given out */
};

KT_MUST_USE enum kt_status kt_triage_load_silences(struct kt_triage *t, struct kt_reader *r,
                                                   struct kt_error *err);
void kt_triage_free_silences(struct kt_triage *t);
