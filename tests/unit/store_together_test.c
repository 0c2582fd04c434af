/*
 * store_together: kept pairs. Their bytes against a plain list, and damaged; walks and profiles of
 * random worlds (records that come late, without a time, at one time; names that differ by case;
 * aliases, one for a single source; scopes; retention) with and without them: the answers must be
 * the same. What verify says of changed ones. KT_SEED sets the seed.
 */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/profile.h"
#include "core/base/alloc.h"
#include "core/event/line.h"
#include "core/store/merge.h"
#include "core/store/store.h"
#include "core/store/together_int.h"
#include "core/sys/rng.h"
#include "tests/support/store_make.h"

#define T0      MAKE_T0
#define DAYS    220
#define NOW     (T0 + DAYS * KT_NS_DAY)
#define EVENTS  2000u
#define BATCH   20u
#define STRETCH 3u  /* segments */
#define HEAD    26u /* bytes before the first of a list */

static const char identities[] =
    "identities:\n"
    "  - { name: anna, kind: human, aliases: [\"actor-1\", \"actor-2\"] }\n"
    "  - name: bot\n"
    "    kind: service\n"
    "    aliases: [\"actor-5\", { actor: \"actor-6\", source: vault }]\n";

static struct world {
    char folder[64], path[96];
    struct kt_store *store;
    struct make *make;
    struct kt_identities *ids;
    struct kt_rng_seeded state;
    struct kt_rng rng;
    bool cased;
} w;

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static unsigned draw(unsigned n)
{
    return (unsigned)kt_rng_below(&w.rng, n);
}

/* Some values are common, most of them rare. */
static unsigned skewed(unsigned n)
{
    unsigned a = draw(n), b = draw(n), c = draw(n);
    a = a < b ? a : b;
    return a < c ? a : c;
}

static void add_event(uint32_t number)
{
    char id[40], actor[40], secret[80], ip[40];
    kt_time_ns time = T0 + number * (DAYS * KT_NS_DAY / EVENTS);
    if (draw(20) == 0) /* late */
        time -= (draw(25) == 0 ? 60 : draw(2)) * KT_NS_DAY;
    time = time < T0 ? T0 : time / (10 * KT_NS_MIN) * (10 * KT_NS_MIN);
    (void)snprintf(id, sizeof id, "id-%u", number);
    (void)snprintf(actor, sizeof actor, "%s-%u", w.cased && draw(3) == 0 ? "Actor" : "actor",
                   skewed(40));
    (void)snprintf(secret, sizeof secret, "vault://c/-/secret/%u/%u", draw(2), skewed(60));
    (void)snprintf(ip, sizeof ip, "203.0.%u.%u", skewed(30), 1 + skewed(4) * 60);
    struct kt_event ev = { .kind = draw(40) == 0 ? KT_KIND_REPORT : KT_KIND_ACCESS,
                           .action = draw(3) == 0 ? KT_ACT_LIST : KT_ACT_READ,
                           .outcome = draw(9) == 0 ? KT_OUT_DENIED : KT_OUT_SUCCESS,
                           .time = draw(60) == 0 ? 0 : time,
                           .observed = time,
                           .source = draw(2) == 0 ? KT_STR("vault") : KT_STR("cloudtrail"),
                           .instance = skewed(4) == 0 ? KT_STR("vault-prod") : KT_STR("aws-main"),
                           .scope = KT_STR("x"),
                           .native_id = kt_str_of(id),
                           .operation = KT_STR("op"),
                           .actor = draw(30) == 0 ? KT_STR_NONE : kt_str_of(actor),
                           .secret = draw(30) == 0 ? KT_STR_NONE : kt_str_of(secret) };
    ev.has_ip = draw(12) != 0 && kt_ip_parse(kt_str_of(ip), &ev.ip);
    must(kt_line_write(&ev, &w.make->lines, NULL), NULL);
    kt_buf_byte(&w.make->lines, '\n');
    w.make->n++;
}

static void open_store(void)
{
    struct kt_error err = { 0 };
    const struct kt_store_options o = {
        .path = w.path, .create = true, .segment_events = 40, .seal_here = true
    };
    must(kt_store_open(&o, &w.store, &err), &err);
}

static void add_events(uint32_t first, uint32_t end)
{
    struct kt_error err = { 0 };
    for (; first < end; first += BATCH) {
        struct kt_store_result r;
        make_reset(w.make);
        for (uint32_t i = 0; i < BATCH; i++)
            add_event(first + i);
        const struct kt_store_batch b =
            make_import(w.make, T0 + first * (DAYS * KT_NS_DAY / EVENTS));
        must(kt_store_begin(w.store, &err), &err);
        must(kt_store_append(w.store, &b, &r, &err), &err);
        must(kt_store_commit(w.store, &err), &err);
        must(kt_store_housekeep(w.store, true, &err), &err);
    }
}

static void world_of(uint32_t events, uint64_t seed, bool cased)
{
    struct kt_error err = { 0 };
    w = (struct world){ .state = { .state = seed }, .make = make_new(), .cased = cased };
    w.rng = kt_rng_seeded(&w.state);
    w.ids = kt_identities_new();
    must(kt_identities_parse(w.ids, kt_str_of(identities), "identities.yaml", &err), &err);
    make_folder(w.folder, w.path);
    open_store();
    add_events(0, events);
}

static void world_up(uint64_t seed, bool cased)
{
    world_of(EVENTS, seed, cased);
}

static void world_down(void)
{
    kt_store_close(w.store);
    make_free(w.make);
    kt_identities_free(w.ids);
    make_folder_drop(w.folder);
}

/* All stretches that there are segments for. */
static struct kt_together_state keep(void)
{
    const struct kt_together_how how = { .segments = STRETCH, .joined = 2 };
    struct kt_together_state state = { 0 };
    struct kt_together_made *made = NULL;
    bool added;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    enum kt_status status;
    must(kt_reader_open(w.path, &r, &err), &err);
    while ((status = kt_together_make(r, &how, &made, &err)) == KT_OK) {
        must(kt_store_begin(w.store, &err), &err);
        must(kt_together_put(w.store, made, &added, &err), &err);
        assert_true(added);
        must(kt_store_commit(w.store, &err), &err);
        kt_together_made_free(made);
    }
    assert_int_equal(status, KT_E_AGAIN);
    must(kt_together_state(r, &state, &err), &err);
    kt_reader_close(r);
    return state;
}

static void forget(void)
{
    struct kt_error err = { 0 };
    must(kt_store_begin(w.store, &err), &err);
    must(kt_together_drop(w.store, &err), &err);
    must(kt_store_commit(w.store, &err), &err);
}

static void change(const char *sql)
{
    struct kt_error err = { 0 };
    must(kt_store_begin(w.store, &err), &err);
    must(kt_db_exec(w.store->db, sql, &err), &err);
    must(kt_store_commit(w.store, &err), &err);
}

static struct kt_together_checked check(void)
{
    struct kt_together_checked c;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    must(kt_reader_open(w.path, &r, &err), &err);
    must(kt_together_check(r, &c, &err), &err);
    kt_reader_close(r);
    return c;
}

/* ---- answers ---- */

static void ask_open(struct kt_ask *a, const char *scope)
{
    struct kt_error err = { 0 };
    must(kt_ask_open(a, w.path, w.ids, NOW, &err), &err);
    a->scope = kt_str_of(scope);
}

static enum kt_status say_record(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                 struct kt_error *err)
{
    (void)fact;
    (void)err;
    kt_buf_addf(self, "%llu\n", (unsigned long long)r->seq);
    return KT_OK;
}

static void say_walks(struct kt_buf *out, struct kt_scan_cost *cost)
{
    static const char *const queries[] = {
        "actor:actor-30 secret:vault://c/-/secret/1/1",
        "actor:actor-3,actor-33 secret:vault://c/-/secret/0/50,vault://c/-/secret/1/2",
        "actor:anna ip:203.0.25.0/24",
        "actor:bot secret:vault://c/-/secret/1/40",
        "actor:ACTOR-28 instance:aws-main",
        "secret:vault://c/-/secret/1/44 ip:203.0.3.0/25",
        "ip:203.0.28.1 actor:actor-0 -outcome:denied",
        "ip:203.0.20.1 instance:vault-prod action:list",
        "kind:report actor:actor-2 secret:vault://c/-/secret/1/3",
        "actor:actor-31 (secret:vault://c/-/secret/1/9 OR ip:203.0.9.1)",
        "actor:actor-20 secret:*/secret/1/9 ip:203.0.0.0/16",
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(queries); i++) {
        struct kt_ask a;
        struct kt_error err = { 0 };
        ask_open(&a, "");
        kt_buf_addf(out, "%s\n", queries[i]);
        must(kt_ask_records(&a, kt_str_of(queries[i]), say_record, out, &err), &err);
        kt_scan_cost_add(cost, &a.cost);
        kt_ask_done(&a);
    }
}

static void say_profile(struct kt_ask *a, const struct kt_profile_ask *what, struct kt_buf *out)
{
    struct kt_profile *p = NULL;
    struct kt_error err = { 0 };
    must(kt_profile_load(a, what, &p, &err), &err);
    kt_buf_addf(out, "%u " KT_STR_FMT ": %llu %lld %lld\n", what->kind, KT_STR_ARG(what->value),
                (unsigned long long)p->events, (long long)p->first, (long long)p->last);
    for (unsigned l = 0; l < KT_PROFILE_LIST_COUNT; l++)
        for (uint32_t i = 0; i < p->n[l]; i++) {
            const struct kt_profile_entry *e = &p->list[l][i];
            kt_buf_addf(out, "  %s " KT_STR_FMT " %llu %llu %lld %lld %d%d%d\n",
                        kt_profile_list_word(l), KT_STR_ARG(e->value),
                        (unsigned long long)e->events, (unsigned long long)e->usual,
                        (long long)e->first, (long long)e->last, e->dated, e->is_new, e->maybe_new);
        }
    kt_profile_free(p);
}

static void say_profiles(struct kt_buf *out, struct kt_scan_cost *cost)
{
    static const struct kt_profile_ask asks[] = {
        { .kind = KT_PROFILE_ACTOR, .value = { "actor-0", 7 } },
        { .kind = KT_PROFILE_ACTOR, .value = { "anna", 4 } },
        { .kind = KT_PROFILE_ACTOR, .value = { "bot", 3 } },
        { .kind = KT_PROFILE_SECRET, .value = { "vault://c/-/secret/1/1", 22 } },
        { .kind = KT_PROFILE_SECRET,
          .value = { "vault://c/-/secret/1/2", 22 },
          .reads_only = true },
        { .kind = KT_PROFILE_IP, .value = { "203.0.1.1", 9 } },
        { .kind = KT_PROFILE_IP, .value = { "203.0.2.0/24", 12 } },
        { .kind = KT_PROFILE_IP, .value = { "203.0.3.0/25", 12 } },
        { .kind = KT_PROFILE_INSTANCE, .value = { "aws-main", 8 } },
        { .kind = KT_PROFILE_ALL, .value = { "", 0 } },
    };
    static const char *const scopes[] = { "", "instance:vault-prod", "action:read",
                                          "actor:actor-0,actor-1" };
    for (size_t i = 0; i < KT_ARRAY_LEN(asks); i++)
        for (unsigned k = 0; k < 2; k++) {
            const char *scope = scopes[k == 0 ? 0 : 1 + i % (KT_ARRAY_LEN(scopes) - 1)];
            struct kt_ask a;
            struct kt_profile_ask what = asks[i];
            what.usual = 20 * KT_NS_DAY;
            what.quick = k == 1 && i % 2 == 1;
            ask_open(&a, scope);
            a.since = NOW - (k == 1 ? 3 : 15) * KT_NS_DAY;
            kt_buf_addf(out, "within '%s'\n", scope);
            say_profile(&a, &what, out);
            kt_scan_cost_add(cost, &a.cost);
            kt_ask_done(&a);
        }
}

static void say_all(struct kt_buf *out, struct kt_scan_cost *cost)
{
    *cost = (struct kt_scan_cost){ 0 };
    say_walks(out, cost);
    say_profiles(out, cost);
}

static void remove_first(unsigned n)
{
    struct kt_error err = { 0 };
    struct kt_old old;
    for (unsigned i = 0; i < n; i++) {
        must(kt_store_begin(w.store, &err), &err);
        must(kt_store_old(w.store, 0, &old, &err), &err);
        must(kt_store_remove(w.store, old.first_seq, KT_STR("old"), NOW, &err), &err);
        must(kt_store_commit(w.store, &err), &err);
    }
}

static enum kt_status is_of_what_is_there(void *self, const char *name, struct kt_str value,
                                          struct kt_error *err)
{
    const char *first = name + strlen(KT_TOGETHER_BLOB "/");
    (void)value;
    (void)err;
    if (strcmp(first, "joined") == 0) /* the list */
        return KT_OK;
    first += strncmp(first, "joined/", 7) == 0 ? 7 : strncmp(first, "sessions/", 9) == 0 ? 9 : 0;
    assert_true(strtoull(first, NULL, 16) >= *(uint64_t *)self);
    return KT_OK;
}

static void nothing_is_kept_of_what_was_removed(void)
{
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    struct kt_old old;
    must(kt_store_old(w.store, 0, &old, &err), &err);
    must(kt_reader_open(w.path, &r, &err), &err);
    must(kt_reader_each(r, KT_TOGETHER_BLOB "/", is_of_what_is_there, &old.first_seq, &err), &err);
    kt_reader_close(r);
}

static uint64_t merge(void)
{
    struct kt_merge_how how = { .pieces = 2, .days = 400, .stored = 30 * KT_NS_DAY };
    struct kt_error err = { 0 };
    uint64_t merged;
    must(kt_merge_complete(w.store, &how, NULL, NULL, &merged, &err), &err);
    return merged;
}

/* merges: after pairs were made. */
static void compare(const char *when, bool merges)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf with = { 0 }, without = { 0 };
    struct kt_scan_cost quick, slow;
    struct kt_together_state state = keep();
    assert_true(!merges || merge() > 4);
    say_all(&with, &quick);
    struct kt_together_checked c = check();
    assert_int_equal(c.differ, 0);
    assert_int_equal(c.stretches, state.stretches);
    assert_true(state.in > state.segments - 2 * STRETCH);
    forget();
    say_all(&without, &slow);
    if (!kt_str_eq(kt_buf_str(&with), kt_buf_str(&without)))
        fail_msg("%s: with pairs:\n%s\nwithout:\n%s", when, kt_buf_z(&with), kt_buf_z(&without));
    assert_true(quick.opened < slow.opened);
    print_message("%s: %u segments opened with pairs, %u without\n", when, quick.opened,
                  slow.opened);
}

static uint64_t seed(void)
{
    const char *text = getenv("KT_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 20261129;
}

static void answers_are_the_same_with_and_without_pairs(void **state)
{
    (void)state;
    world_up(seed(), false);
    (void)keep();
    remove_first(STRETCH + 1); /* one stretch is gone, one is no longer whole */
    nothing_is_kept_of_what_was_removed();
    compare("after retention", false);
    world_down();
    world_up(seed() + 1, true);
    compare("names that differ by case", false);
    world_down();
}

/* What was made before stays right, and so is what is made of merged ones. */
static void merged_segments_have_pairs_as_well(void **state)
{
    (void)state;
    world_up(seed(), false);
    assert_true(merge() > 4);
    compare("merged before", false);
    world_down();
    world_up(seed() + 1, true);
    compare("merged after", true);
    compare("of merged ones again", false);
    world_down();
}

/* The n-th statement of a check finds everything merged that can be. */
struct merged_at {
    unsigned left;
};

static int count_down(unsigned what, void *self, void *statement, void *text)
{
    struct merged_at *m = self;
    (void)what;
    (void)statement;
    (void)text;
    if (m->left > 0 && --m->left == 0)
        assert_true(merge() > 4);
    return 0;
}

static void stretches_are_checked_while_segments_are_merged(void **state)
{
    static const unsigned at[] = { 1, 2, 3, 4, 5, 6, 20, 60, 150, 300 };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(at); i++) {
        struct merged_at m = { .left = at[i] };
        struct kt_together_checked c;
        struct kt_reader *r = NULL;
        struct kt_error err = { 0 };
        world_up(seed(), false);
        uint64_t stretches = keep().stretches;
        must(kt_reader_open(w.path, &r, &err), &err);
        (void)sqlite3_trace_v2(r->db, SQLITE_TRACE_STMT, count_down, &m);
        must(kt_together_check(r, &c, &err), &err);
        assert_int_equal(m.left, 0);
        assert_int_equal(c.differ, 0);
        assert_int_equal(c.stretches, stretches); /* none is passed over */
        kt_reader_close(r);
        world_down();
    }
}

/* All actors have more aliases together than a query may name values. */
static void aliases_are_counted_as_names(void **state)
{
    static const struct kt_profile_ask asks[] = {
        { .kind = KT_PROFILE_SECRET, .value = { "vault://c/-/secret/1/1", 22 } },
        { .kind = KT_PROFILE_IP, .value = { "203.0.1.0/24", 12 } },
        { .kind = KT_PROFILE_ACTOR, .value = { "person-0", 8 } },
    };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, without = { 0 }, with = { 0 };
    struct kt_error err = { 0 };
    (void)state;
    world_up(seed(), false);
    kt_buf_addz(&text, "identities:\n");
    for (unsigned i = 0; i < 40; i++) {
        kt_buf_addf(&text, "  - { name: person-%u, kind: human, aliases: [\"actor-%u\"", i, i);
        for (unsigned k = 0; k < 40; k++)
            kt_buf_addf(&text, ", \"actor-%u-%u\"", i, k);
        kt_buf_addz(&text, "] }\n");
    }
    kt_identities_free(w.ids);
    w.ids = kt_identities_new();
    must(kt_identities_parse(w.ids, kt_buf_str(&text), "identities.yaml", &err), &err);
    for (unsigned kept = 0; kept < 2; kept++) {
        if (kept == 1)
            (void)keep();
        for (size_t i = 0; i < KT_ARRAY_LEN(asks); i++) {
            struct kt_ask a;
            struct kt_profile_ask what = asks[i];
            what.usual = 20 * KT_NS_DAY;
            ask_open(&a, "");
            a.since = NOW - 15 * KT_NS_DAY;
            say_profile(&a, &what, kept == 1 ? &with : &without);
            kt_ask_done(&a);
        }
    }
    assert_true(kt_str_eq(kt_buf_str(&without), kt_buf_str(&with)));
    world_down();
}

static uint64_t say_log_of_two_files(bool kept, struct kt_buf *out)
{
    struct kt_error err = { 0 };
    struct kt_scan_cost cost = { 0 };
    uint64_t stretches = 0;
    world_of(EVENTS / 2, seed(), false);
    stretches += kept ? keep().stretches : 0;
    must(kt_store_succeed(w.store, "page 7 is broken", &err), &err);
    kt_store_close(w.store);
    open_store();
    add_events(EVENTS / 2, EVENTS * 3 / 4);
    stretches += kept ? keep().stretches : 0;
    say_walks(out, &cost);
    struct kt_together_checked c = check();
    assert_int_equal(c.stretches, stretches);
    assert_int_equal(c.differ + c.lists + c.unreadable, 0);
    world_down();
    return stretches;
}

static void each_file_of_a_log_has_its_own_pairs(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf without = { 0 }, with = { 0 };
    (void)state;
    assert_int_equal(say_log_of_two_files(false, &without), 0);
    assert_true(say_log_of_two_files(true, &with) > EVENTS / 2 / (40 * STRETCH));
    assert_true(kt_str_eq(kt_buf_str(&without), kt_buf_str(&with)));
}

static enum kt_status take_earliest(void *self, const struct kt_view *view, struct kt_error *err)
{
    kt_time_ns *least = self;
    (void)err;
    for (uint32_t i = 0; i < view->picks; i++)
        if (*least == 0 || view->time[view->pick[i]] < *least)
            *least = view->time[view->pick[i]];
    return KT_OK;
}

static kt_time_ns earliest(const char *query, bool only, struct kt_scan_cost *cost)
{
    struct kt_ask a;
    struct kt_error err = { 0 };
    kt_time_ns least = 0;
    ask_open(&a, "");
    a.earliest = only;
    must(kt_ask_columns(&a, kt_str_of(query), KT_COLUMN(KT_COL_ACTOR), take_earliest, &least, &err),
         &err);
    *cost = a.cost;
    kt_ask_done(&a);
    return least;
}

static void the_earliest_of_a_pair_opens_a_segment_a_stretch(void **state)
{
    static const char *const queries[] = {
        "actor:actor-0 ip:203.0.0.0/24",
        "actor:ACTOR-1 secret:vault://c/-/secret/0/0,vault://c/-/secret/1/0",
        "secret:vault://c/-/secret/1/1 ip:203.0.0.1",
        "ip:203.0.0.0/24 instance:vault-prod",
        "actor:actor-0 instance:aws-main",
    };
    (void)state;
    world_up(seed(), false);
    struct kt_together_state kept = keep();
    for (size_t i = 0; i < KT_ARRAY_LEN(queries); i++) {
        struct kt_scan_cost few, all;
        assert_int_equal(earliest(queries[i], true, &few), earliest(queries[i], false, &all));
        assert_true(few.opened <= all.opened);
        if (i == 0 || i > 2)
            assert_true(few.opened <= kept.stretches * 3 / 2 + kept.segments - kept.in);
    }
    world_down();
}

/* ---- what is kept ---- */

static void stretches_go_with_their_segments(void **state)
{
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    (void)state;
    world_up(seed(), false);
    struct kt_together_state before = keep();
    remove_first(1);
    struct kt_together_checked c = check();
    assert_int_equal(c.differ, 0);
    assert_int_equal(c.stretches, before.stretches - 1); /* nobody uses it any more */
    /* it is dropped with the next one that is written; the same one again is left alone */
    const struct kt_together_how how = { .segments = STRETCH };
    struct kt_together_made *made = NULL;
    struct kt_stretches all;
    bool added;
    must(kt_reader_open(w.path, &r, &err), &err);
    must(kt_reader_directory(r, &err), &err);
    must(kt_stretches_load(r->db, &all, &err), &err);
    const struct kt_pairs_key key = all.key;
    kt_stretches_done(&all);
    must(kt_stretch_make(r, r->directory.n - STRETCH, STRETCH, &key, &how, &made, &err), &err);
    must(kt_store_begin(w.store, &err), &err);
    must(kt_together_put(w.store, made, &added, &err), &err);
    must(kt_together_put(w.store, made, &added, &err), &err);
    assert_false(added);
    must(kt_store_commit(w.store, &err), &err);
    struct kt_together_state now = { 0 };
    must(kt_together_state(r, &now, &err), &err);
    assert_int_equal(now.joined, before.joined - 2); /* with the first of its stretches */
    assert_int_equal(check().differ, 0);
    must(kt_stretches_load(r->db, &all, &err), &err);
    struct kt_stretch_place place;
    for (uint32_t i = 0; i < all.n; i++)
        assert_true(kt_stretch_whole(&all.at[i], &r->directory, &place));
    kt_stretches_done(&all);
    kt_together_made_free(made);
    kt_reader_close(r);
    world_down();
}

static void a_change_is_seen(void **state)
{
    static const char *const changes[] = {
        "UPDATE blob SET value = CAST(zeroblob(length(value)) AS BLOB) WHERE name GLOB "
        "'together/*/0000'",
        "DELETE FROM blob WHERE name GLOB 'together/*'",
        "UPDATE blob SET value = x'0602' WHERE name = 'together'",
        /* the list says that a stretch has fewer pairs */
        "UPDATE blob SET value = CAST(substr(value, 1, 46) || x'01000000' || substr(value, 51)"
        " AS BLOB) WHERE name = 'together'",
    };
    (void)state;
    world_up(seed(), false);
    for (size_t i = 0; i < KT_ARRAY_LEN(changes); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
        struct kt_scan_cost cost = { 0 };
        forget();
        (void)keep();
        assert_int_equal(check().differ + check().lists, 0);
        change(changes[i]);
        struct kt_together_checked c = check();
        assert_int_equal(c.differ > 0, i != 2);
        assert_int_equal(c.lists, i == 2);
        say_walks(&out, &cost); /* no failure */
    }
    world_down();
}

#define OTHER_VERSION(blob)                                                                        \
    "UPDATE blob SET value = CAST(x'01' || substr(value, 2) AS BLOB) WHERE name = '" blob "'"
static void what_another_version_made_is_made_again(void **state)
{
    (void)state;
    world_of(EVENTS / 4, seed(), false);
    struct kt_together_state before = keep();
    change(OTHER_VERSION("together"));
    assert_int_equal(check().stretches + check().differ, 0); /* that is nobody's doing */
    assert_int_equal(keep().stretches, before.stretches);
    assert_int_equal(check().stretches, before.stretches);
    assert_int_equal(check().differ, 0);
    world_down();
}

static void retention_leaves_nothing_where_a_list_says_nothing(void **state)
{
    (void)state;
    world_of(EVENTS / 4, seed(), false);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(keep().joined > 0);
        change(i == 0 ? OTHER_VERSION("together/joined") : OTHER_VERSION("together"));
        assert_int_equal(check().lists + check().differ, 0); /* that is nobody's doing */
        remove_first(STRETCH);
        nothing_is_kept_of_what_was_removed();
    }
    world_down();
}

/* ---- bytes ---- */

static int by_word(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static bool finds(struct kt_str bucket, uint64_t hash, uint8_t set[KT_TOGETHER_SEGMENTS / 8])
{
    uint8_t any = 0;
    memset(set, 0, KT_TOGETHER_SEGMENTS / 8);
    assert_true(kt_bucket_find(bucket, hash, set));
    for (size_t k = 0; k < KT_TOGETHER_SEGMENTS / 8; k++)
        any |= set[k];
    return any != 0;
}

static void check_bucket(uint32_t n, uint32_t segments, bool alike)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    uint64_t *hash = kt_alloc_array(n + 1, sizeof *hash),
             *pair = kt_alloc_array(n + 1, sizeof *pair);
    uint8_t *segment = kt_alloc_array(n + 1, 1), set[KT_TOGETHER_SEGMENTS / 8];
    unsigned wrong = 0;
    for (uint32_t i = 0; i < n; i++) {
        hash[i] = i % 7 == 3 ? hash[i - 1] : kt_rng_u64(&w.rng); /* some are there twice */
        hash[i] = alike ? hash[i] & UINT64_C(0xffffffff0000000f) : hash[i];
        segment[i] = (uint8_t)draw(segments);
        pair[i] = (uint64_t)(uint32_t)hash[i] << 8 | segment[i];
    }
    qsort(pair, n, sizeof *pair, by_word);
    kt_bucket_write(pair, n, segments, &bytes);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(finds(kt_buf_str(&bytes), hash[i], set));
        assert_true(set[segment[i] / 8] >> segment[i] % 8 & 1);
    }
    for (unsigned i = 0; i < 5000; i++)
        wrong += finds(kt_buf_str(&bytes), kt_rng_u64(&w.rng), set);
    assert_true(wrong < 160); /* 78 are expected */
    assert_true(n < 100 || alike || bytes.len < n * 2 + 60);
    for (size_t len = 0; len < bytes.len; len += 1 + bytes.len / 50) /* cut short */
        assert_false(kt_bucket_find(kt_str_from(bytes.at, len), hash[0], set));
    for (size_t i = 0; i < bytes.len; i += 1 + bytes.len / 50) { /* a bit of it turned */
        bytes.at[i] ^= (char)(1u << i % 8);
        assert_false(kt_bucket_find(kt_buf_str(&bytes), hash[0], set));
        bytes.at[i] ^= (char)(1u << i % 8);
    }
    kt_free(hash);
    kt_free(pair);
    kt_free(segment);
}

static void pairs_are_found_in_their_bucket(void **state)
{
    (void)state;
    w.state = (struct kt_rng_seeded){ .state = seed() };
    w.rng = kt_rng_seeded(&w.state);
    for (uint32_t n = 0; n < 3000; n = n * 2 + 1)
        check_bucket(n, 1 + n % KT_TOGETHER_SEGMENTS, false);
    check_bucket(2000, KT_TOGETHER_SEGMENTS, true); /* as nobody's hash is, unless he chose it */
}

/* A mark whose ones go on behind the bytes; in a copy that ends there, so that a sanitizer sees. */
static void a_part_that_ends_in_ones_is_damaged(void **state)
{
    (void)state;
    for (uint32_t ones = 1; ones < 20; ones++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf made = { 0 };
        uint8_t set[KT_TOGETHER_SEGMENTS / 8] = { 0 };
        kt_buf_u32(&made, 0);
        kt_buf_u8(&made, 8);
        for (unsigned part = 0; part < 15; part++)
            kt_buf_varint(&made, 0);
        kt_buf_varint(&made, 1 + ones);
        kt_buf_varint(&made, 1); /* pairs */
        for (uint32_t i = 0; i < ones; i++)
            kt_buf_u8(&made, 0xff);
        uint32_t sum = htole32(kt_bucket_sum(kt_str_from_index(kt_buf_str(&made), 4)));
        memcpy(made.at, &sum, sizeof sum);
        char *bytes = kt_alloc_array(made.len, 1);
        memcpy(bytes, made.at, made.len);
        assert_false(kt_bucket_find(kt_str_from(bytes, made.len), UINT32_MAX, set));
        kt_free(bytes);
    }
}

static void lists_are_read_as_they_were_written(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    struct kt_stretch at[] = { { 1, 60, 1, 10, 1, false }, { 61, 500, 8, 99, 2, true } };
    struct kt_stretches s = { .key = { { 7, 8 } }, .at = at, .n = 2 }, got;
    (void)state;
    kt_stretches_write(&s, &bytes);
    assert_true(kt_stretches_read(&got, kt_buf_str(&bytes)));
    assert_int_equal(got.n, 2);
    assert_memory_equal(&got.key, &s.key, sizeof s.key);
    for (uint32_t i = 0; i < got.n; i++) {
        assert_int_equal(got.at[i].first_seq, at[i].first_seq);
        assert_int_equal(got.at[i].last_seq, at[i].last_seq);
        assert_int_equal(got.at[i].segments, at[i].segments);
        assert_int_equal(got.at[i].pairs, at[i].pairs);
        assert_int_equal(got.at[i].buckets, at[i].buckets);
        assert_int_equal(got.at[i].cased, at[i].cased);
    }
    kt_stretches_done(&got);
    for (size_t len = 0; len < bytes.len; len++)
        if (len != HEAD && len != HEAD + (bytes.len - HEAD) / 2)
            assert_false(kt_stretches_read(&got, kt_str_from(bytes.at, len)));
        else
            kt_stretches_done(&got);
    for (size_t i = 0; i < 10; i++) { /* another version's, or cut by other figures: passed over */
        bytes.at[i] ^= 1;
        assert_true(kt_stretches_read(&got, kt_buf_str(&bytes)));
        assert_true(got.other);
        assert_int_equal(got.n, 0);
        bytes.at[i] ^= 1;
    }
    at[1].first_seq = 60; /* they overlap */
    kt_buf_reset(&bytes);
    kt_stretches_write(&s, &bytes);
    assert_false(kt_stretches_read(&got, kt_buf_str(&bytes)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_found_in_their_bucket),
        cmocka_unit_test(a_part_that_ends_in_ones_is_damaged),
        cmocka_unit_test(lists_are_read_as_they_were_written),
        cmocka_unit_test(answers_are_the_same_with_and_without_pairs),
        cmocka_unit_test(merged_segments_have_pairs_as_well),
        cmocka_unit_test(stretches_are_checked_while_segments_are_merged),
        cmocka_unit_test(each_file_of_a_log_has_its_own_pairs),
        cmocka_unit_test(aliases_are_counted_as_names),
        cmocka_unit_test(the_earliest_of_a_pair_opens_a_segment_a_stretch),
        cmocka_unit_test(stretches_go_with_their_segments),
        cmocka_unit_test(a_change_is_seen),
        cmocka_unit_test(what_another_version_made_is_made_again),
        cmocka_unit_test(retention_leaves_nothing_where_a_list_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
