/* Fuzz target: files that people saved from a spreadsheet: filled sheets of reviews, lists of those
 * who left, matrices of controls. The first byte chooses which. */
#include <assert.h>

#include "core/answer/sheet.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "exporters/reports/controls.h"

/* What was taken is written and taken again, with the same digest. */
static void sheet(struct kt_str text)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf csv = { 0 };
    struct kt_sheet *s = NULL, *again = NULL;
    struct kt_error err = { 0 };
    uint64_t keeps, removes;
    if (kt_sheet_read(text, &s, &err) != KT_OK) {
        assert(err.code != KT_OK && err.text[0] != '\0');
        return;
    }
    kt_sheet_counts(s, &keeps, &removes);
    assert(keeps + removes == s->n);
    kt_sheet_csv(s, &csv);
    assert(kt_sheet_read(kt_buf_str(&csv), &again, &err) == KT_OK);
    assert(again->n == s->n && memcmp(again->digest, s->digest, sizeof s->digest) == 0);
    kt_sheet_free(again);
    kt_sheet_free(s);
}

static void leavers(struct kt_str text)
{
    struct kt_arena arena = kt_arena_new(1u << 20);
    struct kt_sheet_leaver *list = NULL;
    struct kt_error err = { 0 };
    uint32_t n = 0;
    const struct kt_ask ask = { .now = INT64_C(1795377600) * KT_NS_S };
    if (kt_sheet_leavers(&ask, text, &arena, &list, &n, &err) == KT_OK)
        assert(n > 0 && list[n - 1].name.len > 0);
    kt_free(list);
    kt_arena_done(&arena);
}

static void controls(struct kt_str text)
{
    struct kt_controls *c = NULL;
    struct kt_error err = { 0 };
    if (kt_controls_read(text, &c, &err) == KT_OK)
        assert(kt_controls_count(c) <= KT_CONTROLS_ROWS);
    kt_controls_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready)
        kt_hash_init();
    ready = true;
    if (size == 0)
        return 0;
    struct kt_str text = kt_str_from(data + 1, size - 1);
    if (data[0] == 'c')
        controls(text);
    else if (data[0] == 'l')
        leavers(text);
    else
        sheet(text);
    return 0;
}
