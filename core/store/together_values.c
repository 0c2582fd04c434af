/*
 * together_values: which segments of a walk's plan have none of the kinds, actions and outcomes
 * that it wants (KT_TOTALS_VALUES), so that a walk for rare ones opens no column of the others.
 *
 * Owns:  nothing beyond a call.
 * Calls: core/store (db, together).
 * Holds: as together_plan.
 */
#include <string.h>

#include "core/store/together_int.h"

/* What most records are: a sieve that lets it through leaves nothing out. Of kinds of actors no
 * value is. */
static const struct {
    unsigned count;
    int common;
} of_column[KT_COL_SMALL] = { [KT_COL_KIND] = { KT_KIND_COUNT, KT_KIND_ACCESS },
                              [KT_COL_ACTION] = { KT_ACT_COUNT, KT_ACT_READ },
                              [KT_COL_OUTCOME] = { KT_OUT_COUNT, KT_OUT_SUCCESS },
                              [KT_COL_ACTOR_KIND] = { 0, -1 } };
_Static_assert(KT_KIND_COUNT <= 32 && KT_ACT_COUNT <= 32 && KT_OUT_COUNT <= 32,
               "a segment has a bit for each");

bool kt_values_wanted(const struct kt_scan *scan, struct kt_values *ret)
{
    bool any = false;
    memset(ret->bits, 0xff, sizeof ret->bits);
    for (unsigned i = 0; i < scan->n_sieves; i++) {
        const struct kt_sieve *s = &scan->sieve[i];
        if (s->column < 0 || s->column >= KT_COL_SMALL || of_column[s->column].common < 0 ||
            s->fits(s->self, KT_STR_NONE, of_column[s->column].common))
            continue;
        any = true;
        for (unsigned v = 0; v < of_column[s->column].count; v++)
            if (!s->fits(s->self, KT_STR_NONE, v))
                ret->bits[s->column] &= ~(1u << v);
    }
    return any;
}

static bool has(const struct kt_values *v, struct kt_str bytes, uint32_t segment)
{
    struct kt_rd rd =
        kt_rd_of(kt_str_from_index(bytes, (size_t)segment * KT_COL_SMALL * sizeof(uint32_t)));
    bool all = true;
    for (unsigned k = 0; k < KT_COL_SMALL; k++)
        all = (kt_rd_u32(&rd) & v->bits[k]) != 0 && all;
    return all;
}

/* Of those that a merged one was made from. */
static bool any_has(const struct kt_values *v, struct kt_str bytes, uint32_t from, uint32_t n)
{
    uint32_t i = from;
    while (i < from + n && !has(v, bytes, i))
        i++;
    return i < from + n;
}

struct asking {
    const struct kt_values *values;
    sqlite3_stmt *get;
    const struct kt_directory *directory;
};

static uint32_t keep(void *self, const struct kt_stretch *s, struct kt_segment *plan, uint32_t from,
                     uint32_t end, uint32_t to)
{
    const struct asking *q = self;
    const struct kt_directory *d = q->directory;
    const struct kt_totals_run run = { .first_seq = s->first_seq, .last_seq = s->last_seq };
    char name[KT_TOTALS_NAME];
    struct kt_str bytes = KT_STR_NONE;
    struct kt_stretch_place p;
    bool known = end > from && kt_stretch_whole(s, d, &p);
    if (known) {
        kt_db_text(q->get, 1, kt_str_of(kt_totals_name(&run, KT_TOTALS_VALUES, name)));
        known = kt_db_step(q->get, NULL) == KT_OK &&
                kt_totals_open(kt_db_col(q->get, 0), s->first_seq, s->last_seq, &bytes) &&
                bytes.len == (size_t)s->segments * KT_COL_SMALL * sizeof(uint32_t);
    }
    for (uint32_t i = from; i < end; i++)
        if (!known || any_has(q->values, bytes,
                              kt_stretch_number(&p, d, kt_directory_from(d, plan[i].first_seq)),
                              kt_segment_pieces(&plan[i])))
            plan[to++] = plan[i];
    (void)sqlite3_reset(q->get);
    return to;
}

uint32_t kt_values_narrow(const struct kt_values *v, sqlite3_stmt *get, const struct kt_scan *scan,
                          const struct kt_directory *d, const struct kt_stretches *all,
                          struct kt_segment *plan, uint32_t n)
{
    struct asking q = { v, get, d };
    return kt_plan_by_stretch(scan, all, plan, n, keep, &q);
}
