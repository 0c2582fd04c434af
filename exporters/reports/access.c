/*
 * access: who accessed which secret, for whoever asks for nothing else.
 *
 * Owns:  the order of its sections.
 * Calls: nothing.
 */
#include "exporters/reports/parts.h"

static const struct kt_report_part *const parts[] = {
    &kt_part_cover,
    &kt_part_ipe,
    &kt_part_coverage,
    &kt_part_integrity,
    &kt_part_access,
    &kt_part_privileged,
    &kt_part_actors,
    &kt_part_places,
    &kt_part_failed,
    &kt_part_method,
    NULL,
};

const struct kt_report kt_report_access = {
    .name = "access",
    .title = "Access to secrets",
    .framework = "Access report",
    .summary = "who accessed which secret, from where, and what failed",
    .parts = parts,
};
