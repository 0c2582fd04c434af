/*
 * identity_check: `keytrail identity check`: is the file right, and does it fit the log?
 *
 * Owns:  how often each identity and alias was met.
 * Calls: core/config (identities), core/store/read (columns); stdout, stderr.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/identity.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/store/read.h"
#include "core/sys/clock.h"

#define ACTORS_MAX 200000u
#define SHOWN_MAX  20u

struct actor {
    const struct kt_identity *who;
    uint32_t kinds;    /* bits */
    uint64_t after;    /* accesses after the last day of its identity */
    kt_time_ns newest; /* of them */
};
struct met {
    const struct kt_identities *ids;
    struct kt_map *actors; /* "actor\nsource\ninstance" */
    struct actor *actor;   /* by number */
    uint32_t room;
    struct kt_damage damage;
};

/* ---- what the log has ---- */
/* NULL: more than it holds. */
static struct actor *actor_of(struct met *m, struct kt_str actor, struct kt_str source,
                              struct kt_str instance, struct kt_buf *key, struct kt_error *err)
{
    kt_buf_reset(key);
    kt_buf_addf(key, KT_STR_FMT "\n" KT_STR_FMT "\n" KT_STR_FMT, KT_STR_ARG(actor),
                KT_STR_ARG(source), KT_STR_ARG(instance));
    bool fresh;
    uint32_t n = kt_map_put(m->actors, kt_buf_str(key), &fresh);
    if (n >= ACTORS_MAX) {
        (void)!kt_fail(err, KT_E_LIMIT, "more than %u actors: give a shorter time (--since)",
                       ACTORS_MAX);
        return NULL;
    }
    if (n >= m->room) {
        m->room = m->room == 0 ? 256 : 2 * m->room;
        m->actor = kt_realloc_array(m->actor, m->room, sizeof *m->actor);
    }
    if (fresh)
        m->actor[n] = (struct actor){ .who = kt_identities_find(m->ids, actor, source, instance) };
    return &m->actor[n];
}

static void note(struct actor *a, uint8_t kind, kt_time_ns time)
{
    a->kinds |= 1u << kind;
    if (a->who == NULL || a->who->left == 0 || time < a->who->left)
        return;
    a->after++;
    a->newest = time > a->newest ? time : a->newest;
}

static enum kt_status read_view(struct met *m, const struct kt_view *v, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    const struct kt_columns *c = v->columns;
    for (uint32_t i = 0; i < v->picks; i++) {
        uint32_t row = v->pick[i];
        struct kt_str name = kt_column_str(c, KT_COL_ACTOR, row);
        if (name.len == 0 || c->small[KT_COL_KIND][row] != KT_KIND_ACCESS)
            continue;
        struct actor *a = actor_of(m, name, kt_column_str(c, KT_COL_SOURCE, row),
                                   kt_column_str(c, KT_COL_INSTANCE, row), &key, err);
        if (a == NULL)
            return err->code;
        /* As the signature `left` has it: what is refused did not get in. */
        enum kt_outcome outcome = c->small[KT_COL_OUTCOME][row];
        bool got_in = (outcome == KT_OUT_SUCCESS || outcome == KT_OUT_UNKNOWN) &&
                      kt_column_str(c, KT_COL_SECRET, row).len > 0;
        note(a, c->small[KT_COL_ACTOR_KIND][row], got_in ? v->time[row] : 0);
    }
    return KT_OK;
}

static enum kt_status read_log(struct met *m, const struct kt_identity_args *a,
                               struct kt_error *err)
{
    const uint32_t wanted = KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_SOURCE) |
                            KT_COLUMN(KT_COL_INSTANCE) | KT_COLUMN(KT_COL_KIND) |
                            KT_COLUMN(KT_COL_ACTOR_KIND) | KT_COLUMN(KT_COL_OUTCOME) |
                            KT_COLUMN(KT_COL_SECRET);
    struct kt_scan scan = { .records = true, .damage = &m->damage };
    struct kt_columns_scan *c = NULL;
    struct kt_view view;
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    if (kt_window_resolve(&a->window, a->reader, now, 0, &scan.since, &scan.until, err) != KT_OK)
        return err->code;
    enum kt_status st = kt_columns_open(a->reader, &scan, wanted, true, &c, err);
    while (st == KT_OK) {
        st = kt_columns_next(c, &view, err);
        if (kt_scan_passes(&scan, st, err))
            st = KT_OK;
        else if (st == KT_OK)
            st = read_view(m, &view, err);
    }
    kt_columns_scan_free(c);
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* ---- what does not fit ---- */
static void say_missing_managers(const struct kt_identities *ids)
{
    for (unsigned i = 0; i < kt_identities_count(ids); i++) {
        const struct kt_identity *who = kt_identities_at(ids, i);
        if (who->manager != NULL && kt_identities_named(ids, kt_str_of(who->manager)) == NULL)
            printf("  line %u: manager '%s' of '%s' is no identity here\n", who->line, who->manager,
                   who->name);
    }
}

/* Its name in the log; whatever a record says is for a terminal (THREATS O2). */
static const char *name_of(const struct met *m, uint32_t i, struct kt_buf *ret)
{
    struct kt_str key = kt_map_key(m->actors, i), name = KT_STR_NONE;
    (void)kt_str_split(&key, '\n', &name);
    kt_buf_reset(ret);
    kt_tty_add(ret, name);
    return kt_buf_z(ret);
}

/* The word of a kind in the file that all records of an actor contradict. */
static bool contradicts(const struct kt_identity *who, uint32_t kinds)
{
    const uint32_t machine = 1u << KT_ACTOR_SERVICE | 1u << KT_ACTOR_CI;
    if (who->kind == KT_ACTOR_HUMAN)
        return (kinds & machine) != 0 && (kinds & ~machine) == 0;
    return (who->kind == KT_ACTOR_SERVICE || who->kind == KT_ACTOR_CI) &&
           kinds == 1u << KT_ACTOR_HUMAN;
}

static unsigned say_kinds(const struct met *m)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf actor = { 0 };
    unsigned n = 0;
    for (uint32_t i = 0; i < kt_map_count(m->actors); i++) {
        const struct kt_identity *who = m->actor[i].who;
        if (who != NULL && contradicts(who, m->actor[i].kinds) && n++ < SHOWN_MAX)
            printf("  line %u: '%s' is %s here, and %s in all records of %s\n", who->line,
                   who->name, kt_actor_kind_word((enum kt_actor_kind)who->kind),
                   who->kind == KT_ACTOR_HUMAN ? "a machine" : "a person", name_of(m, i, &actor));
    }
    return n;
}

/* An account that nobody closed, or a date that is wrong. */
static unsigned say_left(const struct met *m)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf actor = { 0 };
    char newest[KT_TIME_TEXT_MAX];
    unsigned n = 0;
    for (uint32_t i = 0; i < kt_map_count(m->actors); i++) {
        const struct actor *a = &m->actor[i];
        if (a->after > 0 && n++ < SHOWN_MAX)
            printf("  line %u: the last day of '%s' was %s, and %" PRIu64
                   " access%s of %s %s later, the newest at %s; keytrail leaver says more\n",
                   a->who->line, a->who->name, a->who->left_day, a->after,
                   a->after == 1 ? "" : "es", name_of(m, i, &actor), a->after == 1 ? "is" : "are",
                   kt_time_format_short(a->newest, newest));
    }
    return n;
}

/* One that no record has is a slip of the pen, or somebody gone. */
static unsigned say_unused(const struct kt_identities *ids, const uint8_t *used)
{
    unsigned n = 0;
    for (unsigned i = 0; i < kt_identities_count(ids); i++) {
        const struct kt_identity *who = kt_identities_at(ids, i);
        if (!used[i] && n++ < SHOWN_MAX)
            printf("  line %u: '%s': no record has this name or one of its aliases\n", who->line,
                   who->name);
    }
    return n;
}

static void compare(const struct met *m, const struct kt_identity_args *a)
{
    uint8_t *used = kt_alloc(kt_identities_count(a->ids) + 1);
    unsigned all = kt_map_count(m->actors), without = 0, more = 0;
    for (uint32_t i = 0; i < all; i++) {
        if (m->actor[i].who != NULL)
            used[kt_identities_number(a->ids, m->actor[i].who)] = 1;
        without += m->actor[i].who == NULL;
    }
    const unsigned said[] = { say_kinds(m), say_left(m), say_unused(a->ids, used) };
    for (size_t i = 0; i < KT_ARRAY_LEN(said); i++)
        more += said[i] > SHOWN_MAX ? said[i] - SHOWN_MAX : 0;
    if (more > 0)
        printf("  … %u more\n", more);
    printf("  the log: %u actors (by name and source), %u of them have no identity%s\n", all,
           without, without > 0 ? "; keytrail identity suggest proposes merges" : "");
    kt_free(used);
}

int kt_identity_check(struct kt_identity_args *a)
{
    struct met m = { .ids = a->ids, .actors = kt_map_new(0) };
    struct kt_error err = { 0 };
    unsigned n = kt_identities_count(a->ids), aliases = 0;
    int code = KT_EXIT_OK;
    for (unsigned i = 0; i < n; i++)
        aliases += kt_identities_at(a->ids, i)->n_alias;
    printf("%s: ok, %u identit%s, %u alias%s\n", a->where, n, n == 1 ? "y" : "ies", aliases,
           aliases == 1 ? "" : "es");
    say_missing_managers(a->ids);
    if (a->reader != NULL && read_log(&m, a, &err) != KT_OK)
        code = kt_cli_fail("identity", &err);
    else if (a->reader != NULL)
        compare(&m, a);
    if (m.damage.places > 0 && code == KT_EXIT_OK) {
        fprintf(stderr, "keytrail identity: %u damaged places were left out: %s\n", m.damage.places,
                m.damage.first.text);
        code = KT_EXIT_STORE;
    }
    kt_free(m.actor);
    kt_map_free(m.actors);
    return code;
}
