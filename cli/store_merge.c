/*
 * store_merge: `keytrail store merge`: merges segments (core/store/merge.h) of a store that no
 * collector writes, as far as they may be.
 *
 * Owns:  the writer while it runs.
 * Calls: core/store (write, merge), core/query/holds; stdout, stderr.
 */
#include <stdio.h>

#include "cli/store_cmd.h"
#include "core/store/merge.h"

#define TELL_EVERY 4096u /* segments */

static void tell(void *self, uint64_t merged)
{
    uint64_t *told = self;
    char text[KT_COUNT_TEXT];
    if (merged / TELL_EVERY == *told / TELL_EVERY)
        return;
    *told = merged;
    fprintf(stderr, "merged %s segments\n", kt_count_text(merged, text));
}

static enum kt_status merge(const struct kt_store_args *a, uint64_t *ret, struct kt_error *err)
{
    const struct kt_store_options o = { .path = a->path };
    struct kt_holds holds = { 0 };
    struct kt_merge_how how = { .held = kt_holds_near, .held_self = &holds };
    struct kt_store *s = NULL;
    uint64_t told = 0;
    enum kt_status status = kt_store_open(&o, &s, err);
    if (status == KT_OK)
        status = kt_holds_load(a->reader, &holds, err);
    how.holds_seq = holds.newest_seq;
    if (status == KT_OK)
        status = kt_merge_complete(s, &how, tell, &told, ret, err);
    kt_holds_done(&holds);
    kt_store_close(s);
    return status;
}

int kt_store_merge(struct kt_store_args *a)
{
    struct kt_store_stats now;
    struct kt_error err = { 0 };
    uint64_t merged = 0;
    enum kt_status status = merge(a, &merged, &err);
    if (status == KT_E_DENIED)
        (void)!kt_wrap(&err, "a running collector merges by itself, slowly");
    if (status != KT_OK || kt_reader_stats(a->reader, &now, &err) != KT_OK)
        return kt_cli_fail("store merge", &err);
    const struct kt_store_count all[] = { { "segments that were merged", merged },
                                          { "segments", now.segments } };
    kt_store_print_counts(all, KT_ARRAY_LEN(all), a->how);
    return KT_EXIT_OK;
}
