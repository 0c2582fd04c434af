/*
 * iso27001: evidence for ISO/IEC 27001:2022, Annex A: logging (8.15), monitoring (8.16), clocks
 * (8.17), access rights (5.15, 5.18, 8.2), incidents (5.24 to 5.28).
 *
 * Owns:  the order of its sections.
 * Calls: nothing.
 */
#include "exporters/reports/parts.h"

static const struct kt_report_part *const parts[] = {
    &kt_part_cover,
    &kt_part_summary,
    &kt_part_scope,
    &kt_part_ipe,
    &kt_part_coverage,
    &kt_part_retention,
    &kt_part_integrity,
    &kt_part_time,
    &kt_part_inventory,
    &kt_part_rotation,
    &kt_part_access,
    &kt_part_privileged,
    &kt_part_actors,
    &kt_part_failed,
    &kt_part_reviews,
    &kt_part_detectors,
    &kt_part_alerts,
    &kt_part_register,
    &kt_part_changes,
    &kt_part_outages,
    &kt_part_controls,
    &kt_part_method,
    NULL,
};

const struct kt_report kt_report_iso27001 = {
    .name = "iso27001",
    .title = "Access to secrets",
    .framework = "ISO/IEC 27001:2022",
    .summary = "logging, monitoring, access rights and incidents of Annex A",
    .parts = parts,
};
