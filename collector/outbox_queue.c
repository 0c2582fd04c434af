/*
 * outbox_queue: what a target gets next.
 *
 * Owns:  its items and their bundles.
 * Calls: outbox_bundle, exporters/alerts/alert (which kind a row is of). No clock, no sending.
 * Holds: of one alert only its oldest row may go. A walk looks at each item once, and the outbox
 *        bounds how many there are.
 */
#include "collector/outbox_queue.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FEW       5u               /* of those that wait, the worst come alone */
#define KIND_LIFE (10 * KT_NS_MIN) /* then a kind's next alert comes alone again */
#define LATENESS  KT_NS_S          /* of a minute's last rows, and of those that come together */

void kt_item_free(struct kt_item *it)
{
    if (it == NULL)
        return;
    kt_bundle_free(it->bundle);
    kt_buf_done(&it->json);
    kt_free(it);
}

void kt_queue_done(struct kt_queue *q)
{
    for (unsigned i = 0; i < q->n; i++)
        kt_item_free(q->items[i]);
    kt_free(q->items);
    *q = (struct kt_queue){ 0 };
}

static void append(struct kt_queue *q, struct kt_item *it)
{
    if ((q->n & (q->n - 1)) == 0) /* full at each power of two */
        q->items = kt_realloc_array(q->items, q->n == 0 ? 1 : 2 * (size_t)q->n, sizeof *q->items);
    q->items[q->n++] = it;
}

static void take_out(struct kt_queue *q, const struct kt_item *it)
{
    unsigned i = 0;
    while (q->items[i] != it)
        i++;
    q->items[i] = q->items[--q->n];
}

/* May go when its time comes. */
static bool waits(const struct kt_item *it)
{
    return !it->flying && !it->ended && it->after == NULL;
}

/* ---- what goes first ---- */

static bool goes_before(const struct kt_item *a, const struct kt_item *b)
{
    if (a->row.severity != b->row.severity)
        return a->row.severity > b->row.severity;
    return a->row.row < b->row.row;
}

static int by_order(const void *a, const void *b)
{
    const struct kt_item *const *x = a, *const *y = b;
    return goes_before(*x, *y) ? -1 : 1;
}

/* A bundle of one is that one. */
static void write_out(struct kt_item *it)
{
    if (it->bundle == NULL || it->bundle->shut)
        return;
    if (it->bundle->n == 1) {
        kt_bundle_free(KT_TAKE(it->bundle));
        return;
    }
    char id[27];
    it->bundle->shut = true;
    kt_bundle_write(it->bundle, it->row.target, id, &it->json);
    kt_str_copyz(it->row.alert, sizeof it->row.alert, kt_str_of(id));
}

struct kt_item *kt_queue_next(struct kt_queue *q, kt_time_ns mono, bool any)
{
    struct kt_item *best = NULL;
    for (unsigned i = 0; i < q->n; i++) {
        struct kt_item *it = q->items[i];
        if (!waits(it) || (!any && it->due > mono))
            continue;
        if (best == NULL || goes_before(it, best))
            best = it;
    }
    if (best != NULL)
        write_out(best);
    return best;
}

kt_time_ns kt_queue_due(const struct kt_queue *q)
{
    kt_time_ns due = KT_TIME_NEVER;
    for (unsigned i = 0; i < q->n; i++)
        if (waits(q->items[i]) && q->items[i]->due < due)
            due = q->items[i]->due;
    return due;
}

struct kt_item *kt_queue_flying(const struct kt_queue *q, int64_t row)
{
    unsigned i = 0;
    while (i < q->n && !(q->items[i]->flying && q->items[i]->row.row == row))
        i++;
    assert(i < q->n);
    return q->items[i];
}

void kt_queue_hurry(struct kt_queue *q, kt_time_ns mono)
{
    for (unsigned i = 0; i < q->n; i++)
        if (q->items[i]->due > mono && (q->items[i]->bundle == NULL || q->items[i]->bundle->shut))
            q->items[i]->due = mono;
}

void kt_queue_set_handle(struct kt_queue *q, const char *alert, struct kt_str handle)
{
    for (unsigned i = 0; i < q->n; i++)
        if (strcmp(q->items[i]->row.alert, alert) == 0)
            kt_str_copyz(q->items[i]->row.handle, sizeof q->items[i]->row.handle, handle);
}

void kt_queue_end(struct kt_queue *q, struct kt_item *it, uint64_t change)
{
    assert(it->after == NULL);
    (void)q;
    it->flying = false;
    it->ended = true;
    it->change = change;
    kt_buf_done(&it->json);
}

void kt_queue_written(struct kt_queue *q, uint64_t written)
{
    for (unsigned i = 0; i < q->n;) {
        struct kt_item *it = q->items[i];
        if (!it->ended || it->change > written) {
            i++;
            continue;
        }
        take_out(q, it);
        for (unsigned k = 0; k < q->n; k++)
            if (q->items[k]->after == it)
                q->items[k]->after = NULL;
        kt_item_free(it);
    }
}

kt_time_ns kt_queue_oldest(const struct kt_queue *q)
{
    kt_time_ns oldest = 0;
    for (unsigned i = 0; i < q->n; i++)
        if (!q->items[i]->ended && (oldest == 0 || q->items[i]->row.created < oldest))
            oldest = q->items[i]->row.created;
    return oldest;
}

/* ---- bundles ---- */

static bool read_alert(const struct kt_item *it, struct kt_arena *arena, struct kt_alert *ret)
{
    kt_arena_reset(arena);
    return kt_alert_read(kt_buf_str(&it->json), arena, ret, NULL) == KT_OK;
}

/* What calls somebody to a critical alert, answers to a message of their own, and an alert that is
 * new here and of a kind and severity that did not come alone lately. What cannot be read will be a
 * dead letter of its own. */
static bool comes_alone(struct kt_queue *q, struct kt_item *it, kt_time_ns mono,
                        struct kt_arena *arena)
{
    struct kt_alert a;
    enum kt_send send = kt_send_of(kt_str_of(it->row.action));
    bool calls = send == KT_SEND_TRIGGER || send == KT_SEND_ESCALATE;
    if ((it->row.severity >= KT_SEV_CRITICAL && (calls || send == KT_SEND_REPEAT)) ||
        it->row.attempts > 0 || it->row.handle[0] != '\0' || !read_alert(it, arena, &a))
        return true;
    it->key = kt_bundle_key(&it->row, kt_bundle_kind(&a));
    if (!calls)
        return false;
    uint64_t kind = kt_hash64(kt_bundle_kind(&a), (uint64_t)it->row.severity);
    for (unsigned i = 0; i < KT_QUEUE_KINDS; i++)
        if (q->kinds[i].kind == kind && q->kinds[i].at != 0) {
            bool long_ago = mono - q->kinds[i].at > KIND_LIFE;
            if (long_ago)
                q->kinds[i].at = mono;
            return long_ago;
        }
    q->kinds[q->next_kind++ % KT_QUEUE_KINDS] = (struct kt_queue_kind){ kind, mono };
    return true;
}

static void join(struct kt_queue *q, struct kt_item *into, struct kt_item *it,
                 const struct kt_alert *a)
{
    kt_bundle_add(into->bundle, &it->row, a);
    if (it->row.severity > into->row.severity)
        into->row.severity = it->row.severity;
    q->bundled[it->row.severity]++;
    kt_item_free(it);
}

static struct kt_item *bundle_for(const struct kt_queue *q, uint64_t key)
{
    for (unsigned i = 0; i < q->n; i++) {
        const struct kt_bundle *b = q->items[i]->bundle;
        if (b != NULL && b->key == key && !b->shut && b->n < KT_BUNDLE_ROWS_MAX)
            return q->items[i];
    }
    return NULL;
}

/* The item becomes the first of a new bundle, which goes when its minute is over. */
static void begin_bundle(struct kt_queue *q, struct kt_item *it, const struct kt_alert *a,
                         kt_time_ns mono, kt_time_ns wall)
{
    kt_time_ns left = it->row.created - it->row.created % KT_NS_MIN + KT_NS_MIN + LATENESS - wall;
    it->bundle = kt_bundle_new(&it->row, a);
    it->due = mono + (left < LATENESS               ? LATENESS
                      : left > KT_NS_MIN + LATENESS ? KT_NS_MIN + LATENESS
                                                    : left);
    kt_bundle_add(it->bundle, &it->row, a);
    q->bundled[it->row.severity]++;
    it->unheld = true;
}

static void into_bundle(struct kt_queue *q, struct kt_item *it, kt_time_ns mono, kt_time_ns wall,
                        struct kt_arena *arena)
{
    struct kt_alert a;
    if (!read_alert(it, arena, &a)) {
        it->alone = true;
        return;
    }
    struct kt_item *b = bundle_for(q, it->key);
    if (b == NULL) {
        begin_bundle(q, it, &a, mono, wall);
        return;
    }
    for (unsigned i = 0; i < q->n; i++) /* later rows of its alert wait for the bundle now */
        if (q->items[i]->after == it)
            q->items[i]->after = b;
    take_out(q, it);
    join(q, b, it, &a);
}

static bool may_join(const struct kt_item *it, kt_time_ns mono)
{
    return it->bundle == NULL && !it->alone && waits(it) && it->row.attempts == 0 &&
           it->row.handle[0] == '\0' && it->due <= mono;
}

void kt_queue_condense(struct kt_queue *q, kt_time_ns mono, kt_time_ns wall, struct kt_arena *arena)
{
    if (!q->bundles || q->n == 0)
        return;
    KT_CLEANUP(kt_free_ptr) struct kt_item **many = kt_alloc_array(q->n, sizeof *many);
    unsigned n = 0, few = 0;
    for (unsigned i = 0; i < q->n; i++)
        if (may_join(q->items[i], mono))
            many[n++] = q->items[i];
    qsort(many, n, sizeof *many, by_order);
    for (unsigned i = 0; i < n; i++) {
        /* Where a storm is known, only what is worse than it comes alone. */
        const struct kt_item *storm = bundle_for(q, many[i]->key);
        if ((storm != NULL && storm->row.severity >= many[i]->row.severity) || ++few > FEW)
            into_bundle(q, many[i], mono, wall, arena);
    }
}

/* ---- adding ---- */

/* The newest row of the alert that is older than `row`, or the bundle that has one. */
static struct kt_item *older_of(const struct kt_queue *q, const struct kt_outbox_row *row)
{
    struct kt_item *newest = NULL, *bundle = NULL;
    for (unsigned i = 0; i < q->n; i++) {
        struct kt_item *it = q->items[i];
        if (it->bundle != NULL && kt_bundle_has(it->bundle, row->alert))
            bundle = it;
        else if (it->bundle == NULL && it->row.row < row->row &&
                 (newest == NULL || it->row.row > newest->row.row) &&
                 strcmp(it->row.alert, row->alert) == 0)
            newest = it;
    }
    return newest != NULL ? newest : bundle;
}

/* An old row that comes again, as one that was put back by hand, goes before younger ones. */
static void put_before_younger(const struct kt_queue *q, const struct kt_item *it)
{
    struct kt_item *next = NULL;
    for (unsigned i = 0; i < q->n; i++) {
        struct kt_item *o = q->items[i];
        if (o->bundle == NULL && o->row.row > it->row.row &&
            (next == NULL || o->row.row < next->row.row) &&
            strcmp(o->row.alert, it->row.alert) == 0)
            next = o;
    }
    if (next != NULL && !next->flying && !next->ended)
        next->after = it;
}

void kt_queue_add(struct kt_queue *q, struct kt_item *it, kt_time_ns mono, struct kt_arena *arena)
{
    struct kt_item *older = older_of(q, &it->row);
    struct kt_alert a;
    if (older != NULL && older->bundle == NULL && it->row.handle[0] == '\0')
        memcpy(it->row.handle, older->row.handle, sizeof it->row.handle); /* not stored yet */
    it->alone = !q->bundles || comes_alone(q, it, mono, arena);
    if (older != NULL && older->bundle != NULL && !older->bundle->shut && !it->alone &&
        older->bundle->n < KT_BUNDLE_ROWS_MAX && read_alert(it, arena, &a)) {
        join(q, older, it, &a);
        return;
    }
    put_before_younger(q, it);
    it->after = older;
    append(q, it);
}
