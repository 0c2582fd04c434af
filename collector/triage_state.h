/* triage_state: what the files of triage share; private to them. */
#pragma once
#include "collector/triage.h"
#include "core/base/map.h"
#include "exporters/alerts/match.h"

struct kt_triage {
    struct kt_triage_options o;
    struct kt_lives lives;
    struct kt_silences silences;
    struct kt_query **query; /* of each silence; NULL: it ended before this start, or is no query */
    struct kt_map *held;     /* ids of alerts that a silence keeps quiet */
    struct kt_map *kept;     /* of those, what another one still does; while some are released */
    uint32_t released;       /* so many of held have been given out */
};

KT_MUST_USE enum kt_status kt_triage_load_silences(struct kt_triage *t, struct kt_reader *r,
                                                   struct kt_error *err);
void kt_triage_free_silences(struct kt_triage *t);
