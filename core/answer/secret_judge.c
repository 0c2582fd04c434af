/*
 * secret_judge: the rule of secret_state.h: from the changes of one secret, and the reads of it,
 * whether what was read is still good.
 *
 * Owns:  nothing.
 * Calls: core/answer/secret_change, inventory. Pure.
 */
#include "core/answer/secret_state.h"

#define VALUES_MAX   64u
#define ROTATION_MAX KT_NS_DAY /* SOURCES §11: one without an end after that has failed */

struct value { /* became current */
    kt_time_ns at;
    struct kt_str version, by; /* version empty: not known, and then no other's */
};
struct fold {
    const struct kt_secret_state *st;
    struct value value[VALUES_MAX]; /* the newest */
    unsigned n;
    struct value born[VALUES_MAX]; /* versions that were made and wait, or became current */
    unsigned n_born;
    struct value started, waiting, moved, failed, unproven, deleted, restored; /* at 0: none */
};

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

static void push(struct value *list, unsigned *n, const struct value *v)
{
    if (*n == VALUES_MAX)
        memmove(list, list + 1, (--*n) * sizeof *list);
    list[(*n)++] = *v;
}

static bool is_known(const struct fold *f, struct kt_str version)
{
    for (unsigned i = 0; i < f->n_born; i++)
        if (kt_str_eq(f->born[i].version, version))
            return true;
    return false;
}

static bool was_read(const struct kt_secret_state *st, struct kt_str version)
{
    for (unsigned i = 0; i < st->n_versions && version.len > 0; i++)
        if (kt_str_eq(st->version[i], version))
            return true;
    return false;
}

static void becomes_current(struct fold *f, const struct value *v)
{
    push(f->value, &f->n, v);
    if (v->version.len > 0)
        push(f->born, &f->n_born, v);
    f->waiting = f->unproven = f->deleted = (struct value){ 0 };
}

static bool is_open(const struct fold *f, kt_time_ns at)
{
    return f->started.at != 0 && at - f->started.at <= ROTATION_MAX;
}

/* A version whose making is not known may be an old one: it is proven by a rotation's end alone, or
 * by having been read. */
static void moved(struct fold *f, const struct value *v)
{
    if (v->version.len > 0 && (is_known(f, v->version) || was_read(f->st, v->version)))
        becomes_current(f, v);
    else if (is_open(f, v->at))
        f->moved = *v;
    else
        f->unproven = *v;
}

/* A new value came with the move inside the rotation where one is told, else with its end. */
static void ended(struct fold *f, struct value v)
{
    bool told = f->started.at != 0 && f->n > 0 && f->value[f->n - 1].at >= f->started.at;
    if (f->moved.at != 0) {
        v.at = f->moved.at;
        v.version = f->moved.version;
    } else if (v.version.len == 0) {
        v.version = f->waiting.version;
    }
    if (!told)
        becomes_current(f, &v);
    f->started = f->moved = f->waiting = f->failed = (struct value){ 0 };
}

static void take(struct fold *f, const struct kt_state_change *c)
{
    struct value v = { c->time, c->version, c->by };
    switch (c->change) {
    case KT_CHANGE_VALUE:
        becomes_current(f, &v);
        f->failed = (struct value){ 0 };
        break;
    case KT_CHANGE_PENDING:
        f->waiting = v;
        if (v.version.len > 0)
            push(f->born, &f->n_born, &v);
        break;
    case KT_CHANGE_MOVED:
        moved(f, &v);
        break;
    case KT_CHANGE_STARTED:
        if (!is_open(f, v.at))
            f->started = v;
        f->failed = (struct value){ 0 };
        break;
    case KT_CHANGE_ENDED:
        ended(f, v);
        break;
    case KT_CHANGE_FAILED:
        f->failed = v;
        f->started = f->moved = f->waiting = (struct value){ 0 };
        break;
    case KT_CHANGE_UNPROVEN:
        f->unproven = v;
        break;
    case KT_CHANGE_DELETED:
        f->deleted = v;
        break;
    case KT_CHANGE_RESTORED:
        f->deleted = (struct value){ 0 };
        f->restored = v;
        break;
    case KT_CHANGE_NONE:
        break;
    }
}

/* ---- the verdict ---- */

static const struct value *in_force(const struct fold *f, kt_time_ns at)
{
    for (unsigned i = f->n; i > 0; i--)
        if (f->value[i - 1].at <= at)
            return &f->value[i - 1];
    return NULL;
}

static unsigned values_after(const struct fold *f, kt_time_ns at)
{
    unsigned n = 0;
    for (unsigned i = 0; i < f->n; i++)
        n += f->value[i].at > at;
    return n;
}

static void say(struct kt_secret_state *st, enum kt_exposure e, const struct value *v)
{
    st->exposure = e;
    st->at = v->at;
    st->by = v->by;
    st->from = v->at == 0 ? NULL : "log";
}

/* The log's word: is there a value after the last read, and is it another one? */
static bool by_log(const struct fold *f, struct kt_secret_state *st)
{
    if (f->n == 0 || f->value[f->n - 1].at <= st->last)
        return false;
    const struct value *now = &f->value[f->n - 1], *then = in_force(f, st->last);
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

static kt_time_ns newest_value(const struct fold *f)
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
static bool by_inventory(const struct fold *f, struct kt_secret_state *st)
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
static void unfinished(const struct fold *f, struct kt_secret_state *st)
{
    const struct {
        const struct value *v;
        enum kt_exposure e;
    } order[] = {
        { &f->failed, KT_EXPOSURE_UNFINISHED },
        { &f->started, KT_EXPOSURE_UNFINISHED },
        { &f->waiting, KT_EXPOSURE_UNFINISHED },
        { &f->unproven, KT_EXPOSURE_UNPROVEN },
    };
    static const struct value none = { 0 };
    say(st, KT_EXPOSURE_CURRENT, &none);
    for (size_t i = 0; i < KT_ARRAY_LEN(order); i++) {
        if (order[i].v->at > st->last) {
            say(st, order[i].e, order[i].v);
            return;
        }
    }
}

/* Versions of all reads are known, and none of them is current: an old one was asked for. */
static bool by_versions(const struct fold *f, struct kt_secret_state *st)
{
    const struct value *now = f->n > 0 ? &f->value[f->n - 1] : NULL;
    if (now == NULL || now->version.len == 0 || st->n_versions == 0 || st->no_version ||
        st->n_versions == KT_STATE_VERSIONS || was_read(st, now->version))
        return false;
    say(st, KT_EXPOSURE_ROTATED, now);
    return true;
}

/* Restored, or made anew, after its store was asked: then it is there. */
static struct value deletion(const struct fold *f, const struct kt_inventory_item *it)
{
    struct value gone = f->deleted;
    if (gone.at == 0 && it != NULL && (it->deleted != 0 || it->gone) &&
        it->snapshot > f->restored.at && it->snapshot > newest_value(f))
        gone.at = it->deleted != 0 ? it->deleted : it->snapshot;
    return gone;
}

void kt_secret_judge(struct kt_secret_state *st, const struct kt_state_change *change, size_t n)
{
    struct fold f = { .st = st };
    for (size_t i = 0; i < n; i++)
        take(&f, &change[i]);
    st->current = f.n > 0 ? f.value[f.n - 1].version : KT_STR_NONE;
    if (st->listed != NULL && st->listed->version.len > 0 &&
        st->listed->snapshot > newest_value(&f))
        st->current = st->listed->version;
    if (!by_log(&f, st)) {
        unfinished(&f, st);
        (void)by_versions(&f, st);
    }
    (void)by_inventory(&f, st);
    struct value gone = deletion(&f, st->listed);
    if (gone.at != 0 && kt_exposure_is_open(st->exposure)) {
        say(st, KT_EXPOSURE_DELETED, &gone);
        st->from = f.deleted.at != 0 ? "log" : "inventory";
    }
}
