/* report_detectors: the detectors of this program, for a report. */
#pragma once
#include "core/config/config.h"
#include "exporters/reports/report_detector.h"

struct kt_report_detectors;
/* conf may be NULL: no settings. */
struct kt_report_detectors *kt_report_detectors_new(const struct kt_conf *conf);
void kt_report_detectors_free(struct kt_report_detectors *r);
const struct kt_report_detector *kt_report_detectors_list(const struct kt_report_detectors *r,
                                                          unsigned *ret_n);
