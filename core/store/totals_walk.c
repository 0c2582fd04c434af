/*
 * totals_walk: the sums of one run after the other, as things that helpers prepare.
 *
 * Owns:  a connection of each helper's own, and the sums at hand.
 * Calls: core/base, core/store (helpers, reader, totals_read).
 */
#include "core/base/alloc.h"
#include "core/store/helpers.h"
#include "core/store/reader.h"
#include "core/store/totals_int.h"

#define ROOM 2u
/* Stretches for each thread; fewer are read before it and its connection stand. */
#define WORTH 8u
/* Unpacking is work, and what is unpacked is memory; one more has two of them wait for the disk
 * side by side. */
#define HELPERS 2u

struct work {
    struct kt_totals sums;
    const struct kt_totals_run *run;
    enum kt_totals_found found;
};
struct door {               /* a thread's own */
    struct kt_reader *lent; /* the walker's; NULL: it is a helper's */
    const char *path;
    struct kt_reader *own; /* of the file that was asked last; NULL: none yet */
};
struct kt_totals_walk {
    struct kt_totals_plan plan;
    struct kt_reader *reader; /* the walker's */
    char *path;               /* of the log */
    struct kt_helpers *helpers;
};

static void *open_door(void *self, bool walker)
{
    const struct kt_totals_walk *w = self;
    struct door *d = kt_alloc(sizeof *d);
    *d = (struct door){ .lent = walker ? w->reader : NULL, .path = w->path };
    return d;
}

static void close_door(void *door)
{
    struct door *d = door;
    kt_reader_close(d->own);
    kt_free(d);
}

static void *make_room(void)
{
    struct work *w = kt_alloc(sizeof *w);
    *w = (struct work){ 0 };
    return w;
}

static void free_room(void *room)
{
    struct work *w = room;
    if (w == NULL)
        return;
    kt_totals_done(&w->sums);
    kt_free(w);
}

/* This thread's connection to the file; NULL: it cannot be opened. */
static sqlite3 *connection(struct door *d, unsigned number)
{
    if (d->lent != NULL) {
        const struct kt_reader *file = kt_reader_file(d->lent, number);
        return file == NULL ? NULL : file->db;
    }
    if (d->own != NULL && d->own->number == number)
        return d->own->db;
    kt_reader_close(d->own);
    d->own = NULL;
    return kt_reader_open_file(d->path, number, &d->own, NULL) == KT_OK ? d->own->db : NULL;
}

static enum kt_totals_found load(const struct kt_totals_plan *plan, struct door *d, struct work *w)
{
    unsigned with = plan->with;
    sqlite3 *db = w->run->number == 0 ? NULL : connection(d, w->run->number);
    if (db == NULL)
        return KT_TOTALS_UNKNOWN;
    kt_totals_begin(&w->sums, w->run, db);
    if (plan->want != NULL) {
        with &= ~KT_TOTALS_WITH_ACTORS;
        if (!kt_totals_load(&w->sums, KT_TOTALS_WITH_ACTORS))
            return KT_TOTALS_UNKNOWN;
        if (plan->want(plan->self, &w->sums) == 0)
            return KT_TOTALS_NOBODY;
    }
    return kt_totals_load(&w->sums, with) ? KT_TOTALS_FOUND : KT_TOTALS_UNKNOWN;
}

static bool prepare_at(void *self, void *door, void *room, uint32_t at)
{
    const struct kt_totals_walk *t = self;
    struct work *w = room;
    w->run = &t->plan.run[at];
    w->found = load(&t->plan, door, w);
    return w->found != KT_TOTALS_NOBODY;
}

struct kt_totals_walk *kt_totals_walk_new(struct kt_reader *r, const struct kt_totals_plan *plan)
{
    struct kt_totals_walk *w = kt_alloc(sizeof *w);
    const uint32_t worth = plan->n / WORTH;
    *w = (struct kt_totals_walk){ .plan = *plan, .reader = r, .path = kt_strdup(r->log_path) };
    w->helpers =
        kt_helpers_new(&(struct kt_helpers_plan){ .self = w,
                                                  .n = plan->n,
                                                  .threads = worth < HELPERS ? worth : HELPERS,
                                                  .room = ROOM,
                                                  .open = open_door,
                                                  .close = close_door,
                                                  .make = make_room,
                                                  .free = free_room,
                                                  .prepare = prepare_at });
    return w;
}

void kt_totals_walk_free(struct kt_totals_walk *w)
{
    if (w == NULL)
        return;
    kt_helpers_free(w->helpers);
    kt_free(w->path);
    kt_free(w);
}

bool kt_totals_walk_next(struct kt_totals_walk *w, struct kt_totals_at *ret)
{
    struct work *next = kt_helpers_next(w->helpers);
    if (next == NULL)
        return false;
    *ret = (struct kt_totals_at){ next->found, next->run, &next->sums };
    return true;
}
