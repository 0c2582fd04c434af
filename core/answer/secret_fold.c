/*
 * secret_fold: see the header.
 *
 * Owns:  nothing.
 * Calls: core/answer/secret_change. Pure.
 */
#include "core/answer/secret_fold.h"

#include <string.h>

#define ROTATION_MAX KT_NS_DAY /* SOURCES §11: one without an end after that has failed */

static void push(struct kt_fold_value *list, unsigned *n, const struct kt_fold_value *v)
{
    if (*n == KT_FOLD_VALUES)
        memmove(list, list + 1, (--*n) * sizeof *list);
    list[(*n)++] = *v;
}

static bool is_known(const struct kt_secret_fold *f, struct kt_str version)
{
    for (unsigned i = 0; i < f->n_born; i++)
        if (kt_str_eq(f->born[i].version, version))
            return true;
    return false;
}

static bool was_read(const struct kt_secret_fold *f, struct kt_str version)
{
    for (unsigned i = 0; i < f->n_read; i++)
        if (kt_str_eq(f->read[i], version))
            return true;
    return false;
}

static bool was_current(const struct kt_secret_fold *f, struct kt_str version)
{
    for (unsigned i = 0; i < f->n && version.len > 0; i++)
        if (kt_str_eq(f->value[i].version, version))
            return true;
    return false;
}

static void becomes_current(struct kt_secret_fold *f, struct kt_fold_value v)
{
    v.back = was_current(f, v.version);
    push(f->value, &f->n, &v);
    f->values++;
    if (v.version.len > 0)
        push(f->born, &f->n_born, &v);
    if (!v.created && !v.back) {
        f->rotated = v;
        f->rotations++;
    }
    f->waiting = f->unproven = f->deleted = (struct kt_fold_value){ 0 };
}

static bool is_open(const struct kt_secret_fold *f, kt_time_ns at)
{
    return f->started.at != 0 && at - f->started.at <= ROTATION_MAX;
}

/* A version whose making is not known may be an old one: it is proven by a rotation's end alone, or
 * by having been read. */
static void moved(struct kt_secret_fold *f, const struct kt_fold_value *v)
{
    if (v->version.len > 0 && (is_known(f, v->version) || was_read(f, v->version)))
        becomes_current(f, *v);
    else if (is_open(f, v->at))
        f->moved = *v;
    else
        f->unproven = *v;
}

/* A new value came with the move inside the rotation where one is told, else with its end. */
static void ended(struct kt_secret_fold *f, struct kt_fold_value v)
{
    bool told = f->started.at != 0 && f->n > 0 && f->value[f->n - 1].at >= f->started.at;
    if (f->moved.at != 0) {
        v.at = f->moved.at;
        v.version = f->moved.version;
    } else if (v.version.len == 0) {
        v.version = f->waiting.version;
    }
    if (!told)
        becomes_current(f, v);
    f->started = f->moved = f->waiting = f->failed = (struct kt_fold_value){ 0 };
}

void kt_secret_fold_take(struct kt_secret_fold *f, const struct kt_state_change *c)
{
    struct kt_fold_value v = { .at = c->time,
                               .version = c->version,
                               .by = c->by,
                               .operation = c->operation,
                               .seq = c->seq,
                               .created = c->change == KT_CHANGE_CREATED };
    switch (c->change) {
    case KT_CHANGE_VALUE:
    case KT_CHANGE_CREATED:
        becomes_current(f, v);
        f->failed = (struct kt_fold_value){ 0 };
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
        f->failed = (struct kt_fold_value){ 0 };
        break;
    case KT_CHANGE_ENDED:
        ended(f, v);
        break;
    case KT_CHANGE_FAILED:
        f->failed = v;
        f->started = f->moved = f->waiting = (struct kt_fold_value){ 0 };
        break;
    case KT_CHANGE_UNPROVEN:
        f->unproven = v;
        break;
    case KT_CHANGE_DELETED:
        f->deleted = v;
        break;
    case KT_CHANGE_RESTORED:
        f->deleted = (struct kt_fold_value){ 0 };
        f->restored = v;
        break;
    case KT_CHANGE_NONE:
        break;
    }
}
