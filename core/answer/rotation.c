/*
 * rotation: one change-over, from the changes of a secret and the reads around the newest one.
 *
 * Owns:  copies of names.
 * Calls: core/answer (ask, inventory, secret_fold), core/base. No clock, no output.
 * Holds: changes and reads after the rotation are read as lines, reads before it as columns.
 */
#include "core/answer/rotation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/answer/inventory.h"
#include "core/answer/secret_fold.h"
#include "core/base/alloc.h"
#include "core/base/map.h"

#define LOOK_BACK    (400 * KT_NS_DAY)
#define NAMES_MAX    (32u << 20)
#define CHANGES_MAX  20000u
#define REGULAR_DAYS 2u /* read on two days, or three times: it will ask again */
#define REGULAR      3u
#define SECRETS_TOLD 5u
#define READS        "action:read,export,issue,use outcome:success"

struct run {
    struct kt_rotation is; /* first: what is handed out */
    struct kt_arena arena;
    struct kt_ask *ask;
    const struct kt_rotation_ask *what;
    struct kt_map *actors, *secrets, *days;
    struct kt_state_change *change;
    unsigned n_changes, cap_changes, cap_readers;
    bool versions; /* a read told one */
};

static struct kt_str keep(struct run *r, struct kt_str s)
{
    return kt_arena_str(&r->arena, s);
}

/* ---- which secret ---- */

static enum kt_status see_secrets(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct run *r = self;
    (void)err;
    for (uint32_t i = 0; i < view->picks; i++) {
        struct kt_str s = kt_column_str(view->columns, KT_COL_SECRET, view->pick[i]);
        if (s.len > 0 && !kt_str_ends(s, KT_STR("/*")))
            (void)kt_map_put(r->secrets, s, NULL);
        if (kt_map_count(r->secrets) > 1000)
            return KT_E_AGAIN;
    }
    return KT_OK;
}

/* One id: a role that is rotated under another path than it is read under is one secret. */
static enum kt_status one_of(struct run *r, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf list = { 0 }, id = { 0 };
    struct kt_map *read_as = kt_map_new(0);
    for (uint32_t i = 0; i < kt_map_count(r->secrets); i++) {
        kt_buf_reset(&id);
        kt_secret_read_as(kt_map_key(r->secrets, i), &id);
        (void)kt_map_put(read_as, kt_buf_str(&id), NULL);
    }
    uint32_t n = kt_map_count(read_as);
    if (n > 0)
        r->is.secret = keep(r, kt_map_key(read_as, 0));
    for (uint32_t i = 0; i < n && i < SECRETS_TOLD; i++)
        kt_buf_addf(&list, "%s" KT_STR_FMT, i > 0 ? ", " : "", KT_STR_ARG(kt_map_key(read_as, i)));
    kt_map_free(read_as);
    if (n == 1)
        return KT_OK;
    if (n == 0)
        return kt_fail(err, KT_E_INPUT, "no record of the log is about '" KT_STR_FMT "'",
                       KT_STR_ARG(r->what->secret));
    return kt_fail(err, KT_E_INPUT, "'" KT_STR_FMT "' is %u secrets, name one: %s%s",
                   KT_STR_ARG(r->what->secret), n, kt_buf_z(&list), n > SECRETS_TOLD ? ", …" : "");
}

static enum kt_status find_secret(struct run *r, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    if (kt_str_find(r->what->secret, KT_STR("://"), 0) > 0 &&
        kt_str_find_byte(r->what->secret, '*', 0) < 0) {
        KT_CLEANUP(kt_buf_done) struct kt_buf id = { 0 };
        kt_secret_read_as(r->what->secret, &id);
        r->is.secret = keep(r, kt_buf_str(&id));
        return KT_OK;
    }
    enum kt_status st = kt_ask_pattern(&query, "secret", r->what->secret, err);
    if (st == KT_OK)
        st = kt_ask_columns(r->ask, kt_buf_str(&query), KT_COLUMN(KT_COL_SECRET), see_secrets, r,
                            err);
    return st == KT_OK ? one_of(r, err) : st;
}

/* ---- what changed ---- */

static enum kt_status see_change(void *self, const struct kt_record *rec,
                                 const struct kt_fact *fact, struct kt_error *err)
{
    struct run *r = self;
    const struct kt_event *ev = &rec->ev;
    enum kt_secret_change what = kt_secret_change_of(ev);
    (void)fact;
    if (what == KT_CHANGE_NONE)
        return KT_OK;
    if (r->n_changes == CHANGES_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u changes of this secret", CHANGES_MAX);
    if (r->n_changes == r->cap_changes) {
        r->cap_changes = r->cap_changes == 0 ? 16 : 2 * r->cap_changes;
        r->change = kt_realloc_array(r->change, r->cap_changes, sizeof *r->change);
    }
    r->change[r->n_changes++] = (struct kt_state_change){
        .change = what,
        .time = ev->time != 0 ? ev->time : rec->arrival,
        .version = keep(r, ev->version),
        .by = keep(r, kt_ask_actor(r->ask, ev->actor, ev->source, ev->instance)),
        .seq = rec->seq
    };
    return KT_OK;
}

static int older_first(const void *a, const void *b)
{
    const struct kt_state_change *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static enum kt_status load_changes(struct run *r, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf other = { 0 };
    struct kt_str id[2] = { r->is.secret, KT_STR_NONE };
    enum kt_status st = KT_OK;
    if (kt_secret_changed_as(r->is.secret, &other))
        id[1] = kt_buf_str(&other);
    for (unsigned i = 0; i < 2 && id[i].len > 0 && st == KT_OK; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
        kt_ask_term(&query, "secret", id[i]);
        kt_buf_addz(&query, " " KT_SECRET_CHANGES);
        st = kt_ask_records(r->ask, kt_buf_str(&query), see_change, r, err);
    }
    if (r->n_changes > 0)
        qsort(r->change, r->n_changes, sizeof *r->change, older_first);
    return st;
}

/* ---- the rotation ---- */

/* A new value, and what is known of the one before. A creation replaces nothing, unless somebody
 * says that it is what is meant. */
static void becomes_current(struct run *r, const struct kt_fold_value *v)
{
    struct kt_rotation *is = &r->is;
    bool first = v->created && r->what->since == 0;
    if (first)
        is->previous = KT_STR_NONE;
    else if (is->current.len > 0 && !kt_str_eq(is->current, v->version))
        is->previous = is->current;
    is->at = first ? 0 : v->at;
    is->by = first ? KT_STR_NONE : v->by;
    is->from = first ? NULL : "log";
    is->current = v->version;
}

static void fold(struct run *r)
{
    struct kt_secret_fold f = { 0 };
    kt_time_ns since = r->what->since;
    for (unsigned i = 0; i < r->n_changes; i++) {
        uint64_t values = f.values;
        bool beyond = since != 0 && r->is.at >= since; /* the one that is meant is found */
        kt_secret_fold_take(&f, &r->change[i]);
        if (f.values > values && !beyond)
            becomes_current(r, &f.value[f.n - 1]);
    }
    r->is.started = f.started.at;
    r->is.failed = f.failed.at;
    r->is.pending = f.waiting.at;
}

/* Rotations that leave no record show in the store's own list (static roles of Vault), or are what
 * somebody says. */
static enum kt_status not_logged(struct run *r, struct kt_error *err)
{
    struct kt_inventory *v = NULL;
    enum kt_status st = kt_inventory_load(r->ask, r->is.secret, KT_INVENTORY_LISTED, &v, err);
    if (st != KT_OK)
        return st;
    const struct kt_inventory_item *it = kt_inventory_find(v, r->is.secret);
    kt_time_ns listed = it == NULL ? 0 : kt_inventory_rotation(it).at;
    if (it != NULL && listed == 0 && kt_secret_dates_value(r->is.secret))
        listed = it->changed;
    kt_inventory_free(v);
    /* The list's moment is that of the log's record, a little later or earlier. */
    bool newer = listed > r->is.at + KT_NS_MIN && listed >= r->what->since &&
                 (r->what->since == 0 || r->is.at < r->what->since);
    bool asked = r->what->since != 0 && r->is.at < r->what->since;
    if (!newer && !asked)
        return KT_OK;
    r->is.at = newer ? listed : r->what->since;
    r->is.from = newer ? "inventory" : "asked";
    r->is.previous = r->is.current;
    r->is.by = r->is.current = KT_STR_NONE;
    return KT_OK;
}

/* ---- who reads it ---- */

static struct kt_rotation_reader *reader_of(struct run *r, struct kt_str actor, uint32_t *ret_n)
{
    bool fresh;
    uint32_t n = kt_map_put(r->actors, actor, &fresh);
    if (n >= KT_ROTATION_READERS_MAX)
        return NULL;
    if (n >= r->cap_readers) {
        r->cap_readers = r->cap_readers == 0 ? 32 : 2 * r->cap_readers;
        r->is.reader = kt_realloc_array(r->is.reader, r->cap_readers, sizeof *r->is.reader);
    }
    if (fresh)
        r->is.reader[n] = (struct kt_rotation_reader){ .actor = keep(r, actor) };
    r->is.n = kt_map_count(r->actors);
    *ret_n = n;
    return &r->is.reader[n];
}

static enum kt_status too_many(struct kt_error *err)
{
    return kt_fail(err, KT_E_LIMIT, "more than %u actors read this secret",
                   KT_ROTATION_READERS_MAX);
}

static enum kt_status see_before(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct run *r = self;
    for (uint32_t i = 0; i < view->picks; i++) {
        uint32_t row = view->pick[i], n;
        if (kt_column_is_shadow(view->columns, row))
            continue;
        struct kt_str actor = kt_ask_actor(r->ask, kt_column_str(view->columns, KT_COL_ACTOR, row),
                                           kt_column_str(view->columns, KT_COL_SOURCE, row),
                                           kt_column_str(view->columns, KT_COL_INSTANCE, row));
        struct kt_rotation_reader *reader = reader_of(r, actor, &n);
        if (reader == NULL)
            return too_many(err);
        kt_time_ns t = view->time[row];
        char day[32];
        bool fresh;
        int len = snprintf(day, sizeof day, "%u %lld", n, (long long)(t / KT_NS_DAY));
        (void)kt_map_put(r->days, kt_str_from(day, (size_t)len), &fresh);
        reader->days += fresh;
        reader->before++;
        reader->last_before = t > reader->last_before ? t : reader->last_before;
    }
    return KT_OK;
}

/* A version that was made after the rotation that is meant. */
static bool came_later(const struct run *r, struct kt_str version)
{
    for (unsigned i = 0; i < r->n_changes; i++)
        if (r->change[i].time > r->is.at && kt_str_eq(r->change[i].version, version))
            return true;
    return false;
}

/* Of which value was it? A version decides; else the stage; else what was current then. */
static bool is_old(const struct run *r, const struct kt_event *ev)
{
    if (ev->version.len > 0 && r->is.current.len > 0)
        return !kt_str_eq(ev->version, r->is.current) && !came_later(r, ev->version);
    if (ev->version.len > 0 && r->is.previous.len > 0)
        return kt_str_eq(ev->version, r->is.previous);
    return kt_str_is(ev->stage, "AWSPREVIOUS");
}

static enum kt_status see_since(void *self, const struct kt_record *rec, const struct kt_fact *fact,
                                struct kt_error *err)
{
    struct run *r = self;
    const struct kt_event *ev = &rec->ev;
    kt_time_ns t = ev->time != 0 ? ev->time : rec->arrival;
    uint32_t n;
    (void)fact;
    if (kt_event_is_shadow(ev))
        return KT_OK;
    if (kt_str_is(ev->stage, "AWSPENDING"))
        return KT_OK; /* the rotation's own test of the next value */
    struct kt_rotation_reader *reader =
        reader_of(r, kt_ask_actor(r->ask, ev->actor, ev->source, ev->instance), &n);
    if (reader == NULL)
        return too_many(err);
    bool old = is_old(r, ev);
    r->versions = r->versions || ev->version.len > 0;
    reader->old += old;
    reader->fresh += !old;
    if (old && t >= reader->last_old)
        reader->last_old = t;
    if (!old && (reader->first_new == 0 || t < reader->first_new))
        reader->first_new = t;
    bool newest = t >= reader->last_old && t >= reader->last_new;
    if (!old && t >= reader->last_new)
        reader->last_new = t;
    if (ev->version.len > 0 && newest && !kt_str_eq(ev->version, reader->version))
        reader->version = keep(r, ev->version);
    return KT_OK;
}

static enum kt_status load_readers(struct run *r, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    const uint32_t columns =
        KT_ACCESS_COLUMNS | KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_INSTANCE);
    kt_ask_term(&query, "secret", r->is.secret);
    kt_buf_addz(&query, " " READS);
    r->ask->since = r->is.at - KT_ROTATION_BEFORE;
    r->ask->until = r->is.at;
    enum kt_status st = kt_ask_columns(r->ask, kt_buf_str(&query), columns, see_before, r, err);
    r->ask->since = r->is.at;
    r->ask->until = 0;
    if (st == KT_OK)
        st = kt_ask_records(r->ask, kt_buf_str(&query), see_since, r, err);
    return st;
}

/* ---- the answer ---- */

/* Whoever made the new value, or tested it before it became current, has it. */
static bool made_it(const struct run *r, const struct kt_rotation_reader *x)
{
    for (unsigned i = 0; i < r->n_changes; i++)
        if (r->change[i].time > r->is.at - KT_NS_DAY && r->change[i].time <= r->is.at &&
            kt_str_eq(r->change[i].by, x->actor))
            return true;
    return false;
}

static enum kt_rotation_state state_of(const struct run *r, const struct kt_rotation_reader *x)
{
    bool settled = x->last_old == 0 || r->ask->now - x->last_old > r->what->settle;
    if (x->old > 0 && x->last_old >= x->last_new)
        return KT_ROTATION_OLD;
    if (x->fresh > 0)
        return settled ? KT_ROTATION_NEW : KT_ROTATION_BOTH;
    if (made_it(r, x))
        return KT_ROTATION_NEW;
    return x->days >= REGULAR_DAYS || x->before >= REGULAR ? KT_ROTATION_WAITING : KT_ROTATION_GONE;
}

static kt_time_ns newest_of(const struct kt_rotation_reader *x)
{
    kt_time_ns t = x->last_old > x->last_new ? x->last_old : x->last_new;
    return t > x->last_before ? t : x->last_before;
}

static int by_state(const void *a, const void *b)
{
    const struct kt_rotation_reader *x = a, *y = b;
    if (x->state != y->state)
        return x->state < y->state ? -1 : 1;
    if (newest_of(x) != newest_of(y))
        return newest_of(x) > newest_of(y) ? -1 : 1;
    return kt_str_cmp(x->actor, y->actor);
}

static void judge(struct run *r)
{
    struct kt_rotation *is = &r->is;
    is->by_time = !r->versions;
    is->done = is->at != 0;
    for (unsigned i = 0; i < is->n; i++) {
        struct kt_rotation_reader *x = &is->reader[i];
        x->state = state_of(r, x);
        is->count[x->state]++;
        is->done = is->done && !kt_rotation_holds_old(x->state);
        if (x->last_old > is->last_old) {
            is->last_old = x->last_old;
            is->last_old_by = x->actor;
        }
    }
    if (is->n > 0)
        qsort(is->reader, is->n, sizeof *is->reader, by_state);
}

static enum kt_status run(struct run *r, struct kt_error *err)
{
    r->ask->since = r->ask->now - LOOK_BACK;
    r->ask->until = 0;
    enum kt_status st = find_secret(r, err);
    if (st == KT_OK)
        st = load_changes(r, err);
    if (st == KT_OK) {
        fold(r);
        st = not_logged(r, err);
    }
    if (st == KT_OK && r->is.at != 0)
        st = load_readers(r, err);
    if (st == KT_OK && r->arena.full)
        st = kt_fail(err, KT_E_LIMIT, "the names of this secret's readers take too much memory");
    if (st == KT_OK)
        judge(r);
    return st;
}

enum kt_status kt_rotation_load(struct kt_ask *a, const struct kt_rotation_ask *what,
                                struct kt_rotation **ret, struct kt_error *err)
{
    struct run *r = kt_alloc(sizeof *r);
    const kt_time_ns since = a->since, until = a->until;
    *r = (struct run){ .ask = a,
                       .what = what,
                       .arena = kt_arena_new(NAMES_MAX),
                       .actors = kt_map_new((uint64_t)a->now),
                       .secrets = kt_map_new((uint64_t)a->now),
                       .days = kt_map_new((uint64_t)a->now) };
    enum kt_status st = run(r, err);
    a->since = since;
    a->until = until;
    if (st != KT_OK)
        kt_rotation_free(&r->is);
    else
        *ret = &r->is;
    return st;
}

void kt_rotation_free(struct kt_rotation *is)
{
    struct run *r = (struct run *)is; /* its first member */
    if (r == NULL)
        return;
    kt_free(r->is.reader);
    kt_free(r->change);
    kt_map_free(r->actors);
    kt_map_free(r->secrets);
    kt_map_free(r->days);
    kt_arena_done(&r->arena);
    kt_free(r);
}
