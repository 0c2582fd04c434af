/*
 * soc2: the evidence that a SOC 2 auditor asks for (AICPA Trust Services Criteria 2017, points of
 * focus of 2022): all parts.
 *
 * Owns:  the order of its sections.
 * Calls: nothing.
 */
#include "exporters/reports/parts.h"

#define PART(name) &kt_part_##name,
static const struct kt_report_part *const parts[] = { KT_REPORT_PARTS(PART) NULL };

const struct kt_report kt_report_soc2 = {
    .name = "soc2",
    .title = "Access to secrets",
    .framework = "SOC 2",
    .summary = "everything a SOC 2 auditor asks for",
    .parts = parts,
};
