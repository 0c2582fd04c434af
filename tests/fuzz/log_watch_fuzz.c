/* The agent's memory of logs, an order of accept-log, and a checkpoint from the wire over any
 * bytes: what is read is written back the same. */
#include <assert.h>
#include <string.h>

#include "agents/log_watch.h"

static void memory(struct kt_str in)
{
    struct kt_watched all[2], again[2];
    struct kt_buf a = { 0 }, b = { 0 };
    char text[KT_WATCH_SAY_MAX];
    unsigned n = 0, m = 0;

    if (kt_watched_read(in, all, 2, &n, NULL) != KT_OK)
        return;
    kt_watched_write(all, n, &a);
    assert(kt_watched_read(kt_buf_str(&a), again, 2, &m, NULL) == KT_OK && m == n);
    kt_watched_write(again, m, &b);
    assert(kt_str_eq(kt_buf_str(&a), kt_buf_str(&b)));
    for (unsigned i = 0; i < n; i++) {
        (void)kt_watched_say(&all[i], text);
        kt_watched_done(&all[i]);
        kt_watched_done(&again[i]);
    }
    kt_buf_done(&a);
    kt_buf_done(&b);
}

static void order(struct kt_str in)
{
    struct kt_log_order o, again;
    struct kt_buf a = { 0 };

    if (kt_log_order_read(in, &o, NULL) != KT_OK)
        return;
    kt_log_order_write(&o, &a);
    assert(kt_log_order_read(kt_buf_str(&a), &again, NULL) == KT_OK);
    assert(strcmp(o.shown.note, again.shown.note) == 0);
    kt_log_order_done(&o);
    kt_log_order_done(&again);
    kt_buf_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memory(kt_str_from(data, size));
    order(kt_str_from(data, size));
    return 0;
}
