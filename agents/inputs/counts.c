/*
 * counts: adds up what pipelines counted.
 *
 * Owns:  nothing.
 * Calls: core/base.
 */
#include "agents/inputs/counts.h"
#include <string.h>

static void add_reason(struct kt_pipeline_counts *to, const char *reason, uint64_t n)
{
    size_t last = KT_ARRAY_LEN(to->skip) - 1, i = 0;

    while (i < last && to->skip[i].reason != NULL && strcmp(to->skip[i].reason, reason) != 0)
        i++;
    if (i == last)
        return; /* the table is full: the sum in `skipped` holds it */
    to->skip[i].reason = reason;
    to->skip[i].n += n;
}

void kt_counts_add(struct kt_pipeline_counts *to, const struct kt_pipeline_counts *c)
{
    to->records += c->records;
    to->yielded += c->yielded;
    to->events += c->events;
    to->folded += c->folded;
    to->skipped += c->skipped;
    to->quarantined += c->quarantined;
    to->redactions += c->redactions;
    to->repaired += c->repaired;
    to->torn += c->torn;
    to->unknown_fields += c->unknown_fields;
    to->blank += c->blank;
    for (size_t i = 0; i < KT_ARRAY_LEN(c->skip) && c->skip[i].reason != NULL; i++)
        add_reason(to, c->skip[i].reason, c->skip[i].n);
}
