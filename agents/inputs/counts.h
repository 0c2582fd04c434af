/* counts: sums over the pipelines of one input. */
#pragma once
#include "agents/pipeline.h"

/* Adds c to *to; reasons are joined by their text. */
void kt_counts_add(struct kt_pipeline_counts *to, const struct kt_pipeline_counts *c);
