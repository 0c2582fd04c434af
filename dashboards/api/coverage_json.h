/* coverage_json: parts of an answer about coverage, for the page of one source too. */
#pragma once
#include "core/answer/coverage.h"
#include "dashboards/api/api.h"

void kt_api_coverage_gap(struct kt_buf *o, const struct kt_coverage_gap *g);
/* The keys of one source, into an object that is open. */
void kt_api_coverage_source(struct kt_buf *o, const struct kt_coverage *c,
                            const struct kt_coverage_source *s);
