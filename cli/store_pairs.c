/*
 * store_pairs: `keytrail store pairs`: makes the kept pairs (core/store/together.h), and the sums
 * of coverage, that a store does not have yet, for one that no collector writes.
 *
 * Owns:  the writer while it runs.
 * Calls: core/store (write, together); stdout, stderr.
 */
#include <stdio.h>

#include "cli/store_cmd.h"
#include "core/store/together.h"

#define TELL_EVERY 16u /* stretches */

static void tell(void *self, const struct kt_together_state *now)
{
    char in[KT_COUNT_TEXT], all[KT_COUNT_TEXT];
    (void)self;
    if (now->stretches % TELL_EVERY == 0)
        fprintf(stderr, "pairs of %s of %s segments\n", kt_count_text(now->in, in),
                kt_count_text(now->segments, all));
}

static enum kt_status drop(struct kt_store *s, struct kt_error *err)
{
    enum kt_status status = kt_store_begin(s, err);
    if (status == KT_OK)
        status = kt_together_drop(s, err);
    if (status == KT_OK)
        status = kt_store_commit(s, err);
    else
        kt_store_rollback(s);
    return status;
}

static enum kt_status make(const struct kt_store_args *a, struct kt_error *err)
{
    const struct kt_store_options o = { .path = a->path };
    struct kt_store *s = NULL;
    enum kt_status status = kt_store_open(&o, &s, err);
    if (status == KT_OK && a->anew)
        status = drop(s, err);
    if (status == KT_OK)
        status = kt_together_complete(s, 0, tell, NULL, err);
    if (status == KT_OK)
        status = kt_store_coverage(s, err);
    kt_store_close(s);
    return status;
}

int kt_store_pairs(struct kt_store_args *a)
{
    struct kt_together_state now;
    struct kt_error err = { 0 };
    enum kt_status status = make(a, &err);
    if (status == KT_E_DENIED)
        (void)!kt_wrap(&err, "a running collector makes them by itself, slowly");
    if (status != KT_OK || kt_together_state(a->reader, &now, &err) != KT_OK)
        return kt_cli_fail("store pairs", &err);
    const struct kt_store_count all[] = { { "segments", now.segments },
                                          { "segments whose pairs are kept", now.in },
                                          { "stretches", now.stretches },
                                          { "stretches whose sums are joined", now.joined },
                                          { "pairs", now.pairs } };
    kt_store_print_counts(all, KT_ARRAY_LEN(all), a->how);
    return KT_EXIT_OK;
}
