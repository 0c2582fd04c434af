/* coverage_json: parts of an answer about coverage, for the page of one source too. */
#pragma once
#include "core/answer/coverage.h"
#include "core/answer/heard.h"
#include "dashboards/api/api.h"

void kt_api_coverage_gap(struct kt_buf *o, const struct kt_coverage_gap *g);
/* The keys of one source, into an object that is open. */
void kt_api_coverage_source(struct kt_buf *o, const struct kt_coverage *c,
                            const struct kt_coverage_source *s);
/* A figure of a report; null where none was heard. */
void kt_api_reported(struct kt_buf *o, const char *key, const struct kt_source_report *r,
                     int64_t figure);
