/* org_store: makes a store of an invented organisation's log, as tests/sim tells it: known people
 * and services, ticks, heartbeats and facts. For measuring replay over what a firm's year is like:
 *
 *   org_store DB SEED DAYS */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "tests/sim/firm.h"
#include "tests/support/store_make.h"

#define LINES   256u /* of a batch */
#define BATCHES 512u /* of a transaction */

struct work {
    struct kt_store *s;
    struct make *m;
    kt_time_ns arrival[LINES];
    char agent[64];
    uint64_t number, batches;
    enum kt_status status;
    struct kt_error err;
};

static void commit(struct work *w, bool always)
{
    if (w->status != KT_OK || (!always && ++w->batches % BATCHES != 0))
        return;
    w->status = kt_store_commit(w->s, &w->err);
    if (w->status == KT_OK && !always)
        w->status = kt_store_begin(w->s, &w->err);
}

/* What waits is one batch of its agent; each line with its arrival. */
static void flush(struct work *w)
{
    struct kt_store_result result;
    if (w->m->n == 0 || w->status != KT_OK)
        return;
    struct kt_store_batch b = make_batch(w->m, w->agent, ++w->number, w->arrival[w->m->n - 1]);
    b.arrival = w->arrival;
    w->status = kt_store_append(w->s, &b, &result, &w->err);
    make_reset(w->m);
    commit(w, false);
}

static void take(void *self, struct kt_record *r)
{
    struct work *w = self;
    uint64_t seq;
    if (r->origin == KT_ORIGIN_CONTROL) {
        flush(w);
        r->ev.source = KT_STR("keytrail");
        if (w->status == KT_OK)
            w->status = kt_store_control(w->s, &r->ev, r->arrival, r->arrival, &seq, &w->err);
        return;
    }
    if (w->m->n == LINES || !kt_str_is(r->agent, w->agent))
        flush(w);
    kt_str_copyz(w->agent, sizeof w->agent, r->agent);
    w->arrival[w->m->n] = r->arrival;
    r->ev.decoder = 1;
    make_event(w->m, &r->ev);
}

static int make(const char *path, uint64_t seed, unsigned days)
{
    struct work w = { .m = make_new() };
    struct firm *f = firm_new(seed, days, true, false);
    const struct firm_sink sink = { .self = &w, .take = take };
    w.status =
        kt_store_open(&(struct kt_store_options){ .path = path, .create = true }, &w.s, &w.err);
    if (w.status == KT_OK)
        w.status = kt_store_begin(w.s, &w.err);
    struct firm_log log = firm_tell(f, &sink);
    flush(&w);
    commit(&w, true);
    kt_store_close(w.s);
    make_free(w.m);
    firm_free(f);
    if (w.status != KT_OK)
        fprintf(stderr, "%s\n", w.err.text);
    printf("%llu records, %llu heartbeats, %llu ticks, %llu facts\n",
           (unsigned long long)log.records, (unsigned long long)log.reports,
           (unsigned long long)log.ticks, (unsigned long long)log.facts);
    return w.status != KT_OK;
}

int main(int argc, char **argv)
{
    kt_hash_init();
    if (argc == 4)
        return make(argv[1], strtoull(argv[2], NULL, 10), (unsigned)strtoul(argv[3], NULL, 10));
    fprintf(stderr, "usage: org_store DB SEED DAYS\n");
    return 2;
}
