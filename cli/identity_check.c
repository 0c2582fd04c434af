/*
 * identity_check: `keytrail identity check`: is the file right, and does it fit the log?
 *
 * Owns:  how often each identity and alias was met.
 * Calls: core/config (identities), core/store/read (columns); stdout, stderr.
 */
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

struct met {
    struct kt_map *actors; /* "actor\nsource\ninstance" */
    uint32_t *kinds;       /* bits, by number */
    uint32_t room;
    struct kt_damage damage;
};

/* ---- what the log has ---- */
static enum kt_status note(struct met *m, struct kt_str actor, struct kt_str source,
                           struct kt_str instance, uint8_t kind, struct kt_buf *key,
                           struct kt_error *err)
{
    kt_buf_reset(key);
    kt_buf_addf(key, KT_STR_FMT "\n" KT_STR_FMT "\n" KT_STR_FMT, KT_STR_ARG(actor),
                KT_STR_ARG(source), KT_STR_ARG(instance));
    bool fresh;
    uint32_t n = kt_map_put(m->actors, kt_buf_str(key), &fresh);
    if (n >= ACTORS_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u actors: give a shorter time (--since)",
                       ACTORS_MAX);
    if (n >= m->room) {
        m->room = m->room == 0 ? 256 : 2 * m->room;
        m->kinds = kt_realloc_array(m->kinds, m->room, sizeof *m->kinds);
    }
    m->kinds[n] = (fresh ? 0 : m->kinds[n]) | 1u << kind;
    return KT_OK;
}

static enum kt_status read_view(struct met *m, const struct kt_view *v, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    const struct kt_columns *c = v->columns;
    enum kt_status st = KT_OK;
    for (uint32_t i = 0; i < v->picks && st == KT_OK; i++) {
        uint32_t row = v->pick[i];
        struct kt_str actor = kt_column_str(c, KT_COL_ACTOR, row);
        if (actor.len > 0 && c->small[KT_COL_KIND][row] == KT_KIND_ACCESS)
            st = note(m, actor, kt_column_str(c, KT_COL_SOURCE, row),
                      kt_column_str(c, KT_COL_INSTANCE, row), c->small[KT_COL_ACTOR_KIND][row],
                      &key, err);
    }
    return st;
}

static enum kt_status read_log(struct met *m, const struct kt_identity_args *a,
                               struct kt_error *err)
{
    const uint32_t wanted = KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_SOURCE) |
                            KT_COLUMN(KT_COL_INSTANCE) | KT_COLUMN(KT_COL_KIND) |
                            KT_COLUMN(KT_COL_ACTOR_KIND);
    struct kt_scan scan = { .records = true, .damage = &m->damage };
    struct kt_columns_scan *c = NULL;
    struct kt_view view;
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    if (kt_window_resolve(&a->window, a->reader, now, 0, &scan.since, &scan.until, err) != KT_OK)
        return err->code;
    enum kt_status st = kt_columns_open(a->reader, &scan, wanted, false, &c, err);
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

static void split_key(struct kt_str key, struct kt_str ret[3])
{
    for (unsigned i = 0; i < 3; i++)
        (void)kt_str_split(&key, '\n', &ret[i]);
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

static unsigned say_kinds(const struct met *m, const struct kt_identities *ids, uint8_t *used,
                          unsigned *ret_said)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf actor = { 0 };
    unsigned without = 0;
    *ret_said = 0;
    for (uint32_t i = 0; i < kt_map_count(m->actors); i++) {
        struct kt_str part[3];
        split_key(kt_map_key(m->actors, i), part);
        const struct kt_identity *who = kt_identities_find(ids, part[0], part[1], part[2]);
        if (who == NULL) {
            without++;
            continue;
        }
        used[kt_identities_number(ids, who)] = 1;
        if (!contradicts(who, m->kinds[i]) || (*ret_said)++ >= SHOWN_MAX)
            continue;
        kt_buf_reset(&actor); /* whatever a record says is for a terminal (THREATS O2) */
        kt_tty_add(&actor, part[0]);
        printf("  line %u: '%s' is %s here, and %s in all records of %s\n", who->line, who->name,
               kt_actor_kind_word((enum kt_actor_kind)who->kind),
               who->kind == KT_ACTOR_HUMAN ? "a machine" : "a person", kt_buf_z(&actor));
    }
    return without;
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
    unsigned kinds, without = say_kinds(m, a->ids, used, &kinds);
    unsigned unused = say_unused(a->ids, used), all = kt_map_count(m->actors);
    if (kinds > SHOWN_MAX || unused > SHOWN_MAX)
        printf("  … %u more\n", (kinds > SHOWN_MAX ? kinds - SHOWN_MAX : 0) +
                                    (unused > SHOWN_MAX ? unused - SHOWN_MAX : 0));
    printf("  the log: %u actors (by name and source), %u of them have no identity%s\n", all,
           without, without > 0 ? "; keytrail identity suggest proposes merges" : "");
    kt_free(used);
}

int kt_identity_check(struct kt_identity_args *a)
{
    struct met m = { .actors = kt_map_new(0) };
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
    kt_free(m.kinds);
    kt_map_free(m.actors);
    return code;
}
