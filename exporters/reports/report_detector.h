/* report_detector: a detector as a report tells of it; apart, since detectors know other reports.
 */
#pragma once
#include "core/base/str.h"

struct kt_report_detector { /* one of this program; all of them run */
    const char *name, *summary;
    const char *version;    /* of the program that it is part of */
    struct kt_str settings; /* what the configuration says, "floor_5m: 20"; empty: defaults */
};
