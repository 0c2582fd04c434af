/*
 * secret_judge: the rule of secret_state.h: from the changes of one secret, and the reads of it,
 * whether what was read is still good.
 *
 * Owns:  nothing.
 * Calls: core/answer/secret_fold, inventory. Pure.
 */
#include "core/answer/secret_state.h"

const char *kt_exposure_word(enum kt_exposure e)
{
    static const char *const words[] = {
#define X(n, w, open) w,
        KT_EXPOSURES(X)
#undef X
    };
    return words[e];
}

bool kt_exposure_is_open(enum kt_exposure e)
{
    static const bool is_open[] = {
#define X(n, w, open) open,
        KT_EXPOSURES(X)
#undef X
    };
    return is_open[e];
}

static bool was_read(const struct kt_secret_state *st, struct kt_str version)
{
    for (unsigned i = 0; i < st->n_versions && version.len > 0; i++)
        if (kt_str_eq(st->version[i], version))
            return true;
    return false;
}

static const struct kt_fold_value *in_force(const struct kt_secret_fold *f, kt_time_ns at)
{
    for (unsigned i = f->n; i > 0; i--)
        if (f->value[i - 1].at <= at)
            return &f->value[i - 1];
    return NULL;
}

static unsigned values_after(const struct kt_secret_fold *f, kt_time_ns at)
{
    unsigned n = 0;
    for (unsigned i = 0; i < f->n; i++)
        n += f->value[i].at > at;
    return n;
}

static void say(struct kt_secret_state *st, enum kt_exposure e, const struct kt_fold_value *v)
{
    st->exposure = e;
    st->at = v->at;
    st->by = v->by;
    st->from = v->at == 0 ? NULL : "log";
}

/* The log's word: is there a value after the last read, and is it another one? */
static bool by_log(const struct kt_secret_fold *f, struct kt_secret_state *st)
{
    if (f->n == 0 || f->value[f->n - 1].at <= st->last)
        return false;
    const struct kt_fold_value *now = &f->value[f->n - 1], *then = in_force(f, st->last);
    unsigned after = values_after(f, st->last);
    if (was_read(st, now->version) ||
        (then != NULL && then->version.len > 0 && kt_str_eq(then->version, now->version))) {
        say(st, after > 1 ? KT_EXPOSURE_BACK : KT_EXPOSURE_CURRENT, now);
        return true;
    }
    /* The value that waited when it was read is the first that came afterwards. */
    if (st->last_pending != 0 && values_after(f, st->last_pending) < 2)
        return false;
    say(st, KT_EXPOSURE_ROTATED, &f->value[f->n - after]);
    return true;
}

static kt_time_ns newest_value(const struct kt_secret_fold *f)
{
    return f->n > 0 ? f->value[f->n - 1].at : 0;
}

static bool inventory_says(struct kt_secret_state *st, enum kt_exposure e, kt_time_ns at)
{
    st->exposure = e;
    st->at = at;
    st->by = KT_STR_NONE;
    st->from = "inventory";
    return true;
}

/* A store that shows another current version than was read, or dates its value after the last read
 * and after all that the log has; or that shows one that was read. */
static bool by_inventory(const struct kt_secret_fold *f, struct kt_secret_state *st)
{
    const struct kt_inventory_item *it = st->listed;
    kt_time_ns base = newest_value(f) > st->last ? newest_value(f) : st->last, replaced = 0;
    if (it == NULL || it->snapshot <= base)
        return false;
    if (was_read(st, it->version))
        return inventory_says(st, KT_EXPOSURE_CURRENT, it->snapshot);
    if (st->exposure == KT_EXPOSURE_ROTATED)
        return false;
    if (it->rotated > base)
        replaced = it->rotated;
    else if (it->changed > base && kt_secret_dates_value(st->secret))
        replaced = it->changed;
    if (it->version.len > 0 && st->n_versions > 0 && !st->no_version &&
        st->n_versions < KT_STATE_VERSIONS)
        return inventory_says(st, KT_EXPOSURE_ROTATED, replaced != 0 ? replaced : it->snapshot);
    return replaced != 0 && st->last_pending == 0 &&
           inventory_says(st, KT_EXPOSURE_ROTATED, replaced);
}

/* Nothing replaced it. What comes nearest to that? */
static void unfinished(const struct kt_secret_fold *f, struct kt_secret_state *st)
{
    const struct {
        const struct kt_fold_value *v;
        enum kt_exposure e;
    } order[] = {
        { &f->failed, KT_EXPOSURE_UNFINISHED },
        { &f->started, KT_EXPOSURE_UNFINISHED },
        { &f->waiting, KT_EXPOSURE_UNFINISHED },
        { &f->unproven, KT_EXPOSURE_UNPROVEN },
    };
    static const struct kt_fold_value none = { 0 };
    say(st, KT_EXPOSURE_CURRENT, &none);
    for (size_t i = 0; i < KT_ARRAY_LEN(order); i++) {
        if (order[i].v->at > st->last) {
            say(st, order[i].e, order[i].v);
            return;
        }
    }
}

/* Versions of all reads are known, and none of them is current: an old one was asked for. */
static bool by_versions(const struct kt_secret_fold *f, struct kt_secret_state *st)
{
    const struct kt_fold_value *now = f->n > 0 ? &f->value[f->n - 1] : NULL;
    if (now == NULL || now->version.len == 0 || st->n_versions == 0 || st->no_version ||
        st->n_versions == KT_STATE_VERSIONS || was_read(st, now->version))
        return false;
    say(st, KT_EXPOSURE_ROTATED, now);
    return true;
}

/* Restored, or made anew, after its store was asked: then it is there. */
static struct kt_fold_value deletion(const struct kt_secret_fold *f,
                                     const struct kt_inventory_item *it)
{
    struct kt_fold_value gone = f->deleted;
    if (gone.at == 0 && it != NULL && (it->deleted != 0 || it->gone) &&
        it->snapshot > f->restored.at && it->snapshot > newest_value(f))
        gone.at = it->deleted != 0 ? it->deleted : it->snapshot;
    return gone;
}

void kt_secret_judge(struct kt_secret_state *st, const struct kt_state_change *change, size_t n)
{
    struct kt_secret_fold f = { .read = st->version, .n_read = st->n_versions };
    for (size_t i = 0; i < n; i++)
        kt_secret_fold_take(&f, &change[i]);
    st->current = f.n > 0 ? f.value[f.n - 1].version : KT_STR_NONE;
    if (st->listed != NULL && st->listed->version.len > 0 &&
        st->listed->snapshot > newest_value(&f))
        st->current = st->listed->version;
    if (!by_log(&f, st)) {
        unfinished(&f, st);
        (void)by_versions(&f, st);
    }
    (void)by_inventory(&f, st);
    struct kt_fold_value gone = deletion(&f, st->listed);
    if (gone.at != 0 && kt_exposure_is_open(st->exposure)) {
        say(st, KT_EXPOSURE_DELETED, &gone);
        st->from = f.deleted.at != 0 ? "log" : "inventory";
    }
}
