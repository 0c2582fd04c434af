/* status_reports: what the agents said last about what they do not see. */
#pragma once
#include "core/answer/heard.h"

/* The sentences, each on a line of its own behind the instance's name. */
void kt_reports_print(const struct kt_map *names, const struct kt_source_report *reports);
