/*
 * registry: the reports that there are, and the parts that they pick from.
 *
 * Owns:  the two lists.
 * Calls: nothing.
 */
#include "exporters/reports/parts.h"

#define KT_REPORTS(X) X(soc2) X(iso27001) X(pci) X(access)

#define DECLARE(name) extern const struct kt_report kt_report_##name;
#define ENTRY(name)   &kt_report_##name,
KT_REPORTS(DECLARE)
const struct kt_report *const kt_reports[] = { KT_REPORTS(ENTRY) NULL };

#define PART(name) &kt_part_##name,
const struct kt_report_part *const kt_report_all_parts[] = { KT_REPORT_PARTS(PART) NULL };

const struct kt_report *kt_report_of(struct kt_str name)
{
    for (unsigned i = 0; kt_reports[i] != NULL; i++)
        if (kt_str_is(name, kt_reports[i]->name))
            return kt_reports[i];
    return NULL;
}
