/*
 * pci: evidence for PCI DSS 4.0.1, requirement 10 (log and monitor all access), 7.2.4 and 7.2.5
 * (reviews of access), 8.6 (accounts of systems), 12.10 (incidents).
 *
 * Owns:  the order of its sections.
 * Calls: nothing.
 */
#include "exporters/reports/parts.h"

static const struct kt_report_part *const parts[] = {
    &kt_part_cover,     &kt_part_summary,
    &kt_part_scope,     &kt_part_ipe,
    &kt_part_access,    &kt_part_privileged,
    &kt_part_failed,    &kt_part_changes,
    &kt_part_actors,    &kt_part_reviews,
    &kt_part_detectors, &kt_part_alerts,
    &kt_part_register,  &kt_part_integrity,
    &kt_part_retention, &kt_part_time,
    &kt_part_coverage,  &kt_part_outages,
    &kt_part_rotation,  &kt_part_controls,
    &kt_part_method,    NULL,
};

const struct kt_report kt_report_pci = {
    .name = "pci",
    .title = "Access to secrets",
    .framework = "PCI DSS 4.0.1",
    .summary = "requirement 10, and what 7.2, 8.6 and 12.10 ask of secrets",
    .parts = parts,
};
