/*
 * store_totals: sums that are kept of stretches. Questions that count, in random worlds (records
 * that come late, without a time; actors that are silent and come back, of several sources and
 * kinds; aliases, one for a single source; scopes; windows; retention) with and without them: the
 * answers must be the same. What verify says of changed ones, and that those are not used. KT_SEED
 * sets the seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/blast.h"
#include "core/answer/deeds.h"
#include "core/answer/dormant.h"
#include "core/answer/exposure.h"
#include "core/answer/leaver.h"
#include "core/answer/unused.h"
#include "core/base/alloc.h"
#include "core/event/line.h"
#include "core/store/chain.h"
#include "core/store/store.h"
#include "core/store/together_int.h"
#include "core/sys/rng.h"
#include "tests/support/store_make.h"
#include "tests/support/totals_parts.h"

#define T0      MAKE_T0
#define DAYS    240u
#define NOW     (T0 + DAYS * KT_NS_DAY)
#define EVENTS  1200u
#define STEP    (DAYS * KT_NS_DAY / EVENTS)
#define BATCH   20u
#define SEGMENT 40u
#define FEW     8u /* of both, for many segments */
#define STRETCH 4u /* segments */
#define JOINED  3u /* stretches */

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
    uint32_t batch, segment; /* events */
    uint32_t list_max;       /* entries of a list of `blast`; 0: as many as there are */
    unsigned by_columns;     /* answers … */
    unsigned full;           /* … with a list of those that is full */
    struct kt_identities *ids;
    struct kt_rng_seeded state;
    struct kt_rng rng;
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

static unsigned skewed(unsigned n)
{
    unsigned a = draw(n), b = draw(n);
    return a < b ? a : b;
}

/* Each is there for some weeks, and away for some. */
static unsigned actor_on(unsigned day)
{
    unsigned i;
    do
        i = skewed(30);
    while (i > 8 && (day / 12 + i * 5) % 9 > i % 4);
    return i;
}

static enum kt_action some_action(void)
{
    static const enum kt_action rare[] = { KT_ACT_LIST,  KT_ACT_WRITE,  KT_ACT_ISSUE,
                                           KT_ACT_GRANT, KT_ACT_ROTATE, KT_ACT_USE };
    return draw(4) > 0 ? KT_ACT_READ : rare[skewed(KT_ARRAY_LEN(rare))];
}

static void add_line(struct kt_event *ev)
{
    struct kt_error err = { 0 };
    must(kt_line_write(ev, &w.make->lines, &err), &err);
    kt_buf_byte(&w.make->lines, '\n');
    w.make->n++;
}

static void make_shadow(struct kt_event *ev)
{
    ev->action = KT_ACT_USE;
    ev->source = KT_STR("cloudtrail");
    ev->secret = KT_STR("aws-sm://1/eu/0/1");
    ev->raw = KT_STR_NONE;
    ev->has_ip = false;
}

static void add_event(uint32_t number)
{
    static const enum kt_actor_kind kinds[] = { KT_ACTOR_UNKNOWN, KT_ACTOR_HUMAN,
                                                KT_ACTOR_SERVICE };
    char id[40], actor[40], secret[80], ip[40], operation[40];
    kt_time_ns time = T0 + number * STEP;
    unsigned who = actor_on(number / (EVENTS / DAYS + 1));
    if (draw(15) == 0) /* late */
        time -= (draw(10) == 0 ? 70 : draw(3)) * KT_NS_DAY;
    time = time < T0 ? T0 : time;
    (void)snprintf(id, sizeof id, "id-%u", number);
    (void)snprintf(actor, sizeof actor, "actor-%u", who);
    (void)snprintf(secret, sizeof secret,
                   draw(6) == 0 ? "aws-sm://1/eu/%u/%u" : "vault://c/-/secret/%u/%u", draw(2),
                   skewed(40));
    (void)snprintf(ip, sizeof ip, draw(3) == 0 ? "2001:db8::%u" : "203.0.113.%u", 1 + skewed(20));
    (void)snprintf(operation, sizeof operation, "op-%u", skewed(12));
    enum kt_action action = some_action();
    struct kt_event ev = {
        .kind = draw(50) == 0 ? KT_KIND_EXPOSURE : KT_KIND_ACCESS,
        .action = action,
        .outcome = draw(9) == 0   ? KT_OUT_DENIED
                   : draw(9) == 0 ? KT_OUT_UNKNOWN
                                  : KT_OUT_SUCCESS,
        .time = draw(60) == 0 ? 0 : time,
        .observed = time,
        .actor_kind = who % 3 == 0 ? kinds[draw(3)] : kinds[who % 3],
        .source = draw(2) == 0 ? KT_STR("vault") : KT_STR("cloudtrail"),
        .instance = skewed(4) == 0 ? KT_STR("vault-prod") : KT_STR("aws-main"),
        .scope = KT_STR("x"),
        .native_id = kt_str_of(id),
        .operation = kt_str_of(operation),
        .credential = draw(3) == 0 ? kt_str_of(actor) : KT_STR_NONE,
        .actor = draw(30) == 0 ? KT_STR_NONE : kt_str_of(actor),
        .secret = draw(30) == 0 ? KT_STR_NONE : kt_str_of(secret),
        .raw = action == KT_ACT_GRANT
                   ? KT_STR("{\"grantees\":[\"arn:aws:iam::111122223333:user/bob\"]}")
                   : KT_STR_NONE,
    };
    ev.has_ip = draw(12) != 0 && kt_ip_parse(kt_str_of(ip), &ev.ip);
    if (number % 17 ==
        0) /* what KMS does for a read, of some actors in some stretches all there is */
        make_shadow(&ev);
    add_line(&ev);
}

static void add_snapshot(uint32_t number)
{
    char id[40], secret[80];
    kt_time_ns time = T0 + 150 * KT_NS_DAY;
    (void)snprintf(id, sizeof id, "listed-%u", number);
    (void)snprintf(secret, sizeof secret, "vault://c/-/secret/%u/%u", number % 2, number / 2);
    add_line(&(struct kt_event){ .kind = KT_KIND_INVENTORY,
                                 .outcome = KT_OUT_SUCCESS,
                                 .time = time,
                                 .observed = time,
                                 .source = KT_STR("inventory"),
                                 .instance = KT_STR("inventory"),
                                 .scope = KT_STR("inventory"),
                                 .native_id = kt_str_of(id),
                                 .operation = KT_STR("inventory.secret"),
                                 .secret = kt_str_of(secret),
                                 .raw = KT_STR("{\"last_changed\":\"2026-11-15T00:00:00Z\"}") });
}

static void add_batch(uint32_t first)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    make_reset(w.make);
    for (uint32_t i = 0; i < w.batch; i++)
        add_event(first + i);
    for (uint32_t i = 0; first == EVENTS * 5 / 8 / w.batch * w.batch && i < 90; i++)
        add_snapshot(i);
    const struct kt_store_batch b = make_import(w.make, T0 + first * STEP);
    must(kt_store_begin(w.store, &err), &err);
    must(kt_store_append(w.store, &b, &r, &err), &err);
    must(kt_store_commit(w.store, &err), &err);
    must(kt_store_housekeep(w.store, true, &err), &err);
}

static void open_store(void)
{
    struct kt_error err = { 0 };
    const struct kt_store_options o = {
        .path = w.path, .create = true, .segment_events = w.segment, .seal_here = true
    };
    must(kt_store_open(&o, &w.store, &err), &err);
}

static void world_of_segments(uint32_t events, uint64_t seed, uint32_t batch, uint32_t segment)
{
    struct kt_error err = { 0 };
    w = (struct world){
        .state = { .state = seed }, .make = make_new(), .batch = batch, .segment = segment
    };
    w.rng = kt_rng_seeded(&w.state);
    w.ids = kt_identities_new();
    must(kt_identities_parse(w.ids, kt_str_of(identities), "identities.yaml", &err), &err);
    make_folder(w.folder, w.path);
    open_store();
    for (uint32_t n = 0; n < events; n += batch)
        add_batch(n);
}

static void world_of(uint32_t events, uint64_t seed)
{
    world_of_segments(events, seed, BATCH, SEGMENT);
}

static void world_up(uint64_t seed)
{
    world_of(EVENTS, seed);
}

static void world_down(void)
{
    kt_store_close(w.store);
    make_free(w.make);
    kt_identities_free(w.ids);
    make_folder_drop(w.folder);
}

static void in_transaction(enum kt_status (*act)(struct kt_store *s, struct kt_error *err))
{
    struct kt_error err = { 0 };
    must(kt_store_begin(w.store, &err), &err);
    must(act(w.store, &err), &err);
    must(kt_store_commit(w.store, &err), &err);
}

static void keep(uint32_t segments)
{
    const struct kt_together_how how = { .segments = segments, .joined = JOINED };
    struct kt_together_made *made = NULL;
    bool added;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    enum kt_status status;
    must(kt_reader_open(w.path, &r, &err), &err);
    while ((status = kt_together_make(r, &how, &made, &err)) == KT_OK) {
        must(kt_store_begin(w.store, &err), &err);
        must(kt_together_put(w.store, made, &added, &err), &err);
        must(kt_store_commit(w.store, &err), &err);
        kt_together_made_free(made);
    }
    assert_int_equal(status, KT_E_AGAIN);
    kt_reader_close(r);
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

static uint64_t differing(void)
{
    return check().differ;
}

/* ---- answers ---- */

struct asking {
    kt_time_ns since, until;
    const char *scope;
    bool named; /* with aliases */
};
static const struct asking asks[] = {
    { 0, 0, "", false },
    { 0, 0, "", true },
    { T0 + 31 * KT_NS_DAY, 0, "", true },
    { 0, T0 + 163 * KT_NS_DAY, "", false },
    { T0 + 55 * KT_NS_DAY, T0 + 201 * KT_NS_DAY, "", true },
    { T0 + 20 * KT_NS_DAY, 0, "instance:vault-prod", true },
};

static void ask_open(struct kt_ask *a, const struct asking *how)
{
    struct kt_error err = { 0 };
    must(kt_ask_open(a, w.path, how->named ? w.ids : NULL, NOW, &err), &err);
    a->since = how->since;
    a->until = how->until;
    a->scope = kt_str_of(how->scope);
}

static void say_dormant(struct kt_ask *a, unsigned days, struct kt_buf *out)
{
    struct kt_dormants *d = NULL;
    struct kt_error err = { 0 };
    must(kt_dormants_load(a, days * KT_NS_DAY, &d, &err), &err);
    kt_buf_addf(out, "dormant %u: %u of %u, %lld\n", days, d->n, d->actors, (long long)d->as_of);
    for (uint32_t i = 0; i < d->n; i++) {
        const struct kt_dormant *one = &d->at[i];
        kt_buf_addf(out, "  " KT_STR_FMT " %d %d %lld %lld %llu %llu %lld %lld %lld\n",
                    KT_STR_ARG(one->actor), one->kind, one->state, (long long)one->first,
                    (long long)one->last, (unsigned long long)one->records,
                    (unsigned long long)one->reads, (long long)one->back,
                    (long long)one->silent_since, (long long)one->granted);
    }
    kt_dormants_free(d);
}

static void say_unused(struct kt_ask *a, unsigned days, struct kt_buf *out)
{
    struct kt_unused *u = NULL;
    struct kt_error err = { 0 };
    must(kt_unused_load(a, days * KT_NS_DAY, &u, &err), &err);
    kt_buf_addf(out, "unused %u: %u of %u\n", days, u->n, u->listed);
    for (uint32_t i = 0; i < u->n; i++)
        kt_buf_addf(out, "  " KT_STR_FMT "\n", KT_STR_ARG(u->item[i]->secret));
    kt_unused_free(u);
}

static void say_lists(const struct kt_blast *b, struct kt_buf *out)
{
    w.by_columns += !b->lines;
    kt_buf_addf(out, "%lld %lld, %s\n", (long long)b->first, (long long)b->last,
                b->lines ? "by lines" : "by columns");
    for (unsigned k = 0; k < KT_BLAST_LISTS; k++) {
        w.full += !b->lines && b->list[k].more > 0;
        kt_buf_addf(out, "  %s, and %llu\n", kt_blast_list_word(k),
                    (unsigned long long)b->list[k].more);
        for (uint32_t i = 0; i < b->list[k].n; i++) {
            const struct kt_counted_thing *t = &b->list[k].at[i];
            kt_buf_addf(out, "  %s " KT_STR_FMT " " KT_STR_FMT " %d %llu %lld %lld\n",
                        kt_blast_list_word(k), KT_STR_ARG(t->what), KT_STR_ARG(t->operation),
                        t->action, (unsigned long long)t->n, (long long)t->first,
                        (long long)t->last);
        }
    }
}

static void say_secrets(const struct kt_blast *b, struct kt_buf *out)
{
    say_lists(b, out);
    kt_buf_addf(out, "%llu %llu %llu %u %u\n", (unsigned long long)b->records,
                (unsigned long long)b->reads, (unsigned long long)b->failed, b->n_secrets, b->open);
    for (uint32_t i = 0; i < b->n_secrets; i++) {
        const struct kt_secret_state *st = b->secret[i].state;
        kt_buf_addf(out, "  " KT_STR_FMT " %d %llu %lld %lld %lld\n", KT_STR_ARG(st->secret),
                    st->exposure, (unsigned long long)st->reads, (long long)st->first,
                    (long long)st->last, (long long)st->at);
        for (unsigned k = 0; k < st->n_readers; k++)
            kt_buf_addf(out, "    " KT_STR_FMT " %llu %lld\n", KT_STR_ARG(st->reader[k].actor),
                        (unsigned long long)st->reader[k].reads, (long long)st->reader[k].last);
    }
}

static void say_blast(struct kt_ask *a, const char *of, bool left, struct kt_buf *out)
{
    const struct kt_blast_options options = { .list_max = w.list_max };
    struct kt_error err = { 0 };
    struct kt_credential c = { 0 };
    struct kt_blast *b = NULL;
    struct kt_leaver *l = NULL;
    kt_buf_addf(out, "%s %s: ", left ? "leaver" : "blast", of);
    must(kt_credential_find(a, kt_str_of(of), NULL, &c, &err), &err);
    if (left) {
        must(kt_leaver_load(a, &c, T0 + 170 * KT_NS_DAY, &options, &l, &err), &err);
        kt_buf_addf(out, "%u %u ", l->n_accesses, l->key.n);
        say_secrets(l->before, out);
    } else {
        must(kt_blast_load(a, &c, &options, &b, &err), &err);
        say_secrets(b, out);
    }
    kt_blast_free(b);
    kt_leaver_free(l);
    kt_credential_done(&c);
}

/* ---- what somebody did ---- */

struct sum { /* of deeds and places, as texts with numbers */
    struct kt_ask *ask;
    struct kt_counted *of;
    uint32_t views;
};

static void add_to(struct sum *sum, struct kt_str what, const struct kt_times *t)
{
    kt_counted_sum(sum->of, &(struct kt_counted_thing){
                                .what = what, .n = t->n, .first = t->first, .last = t->last });
}

static void sum_up(struct sum *sum, const struct kt_deeds *d)
{
    for (uint32_t i = 0; i < d->n_deeds; i++) {
        const struct kt_deed *one = &d->deed[i];
        const struct kt_deeds_who *who = &d->who[one->who];
        KT_CLEANUP(kt_buf_done) struct kt_buf what = { 0 };
        kt_buf_addf(
            &what, KT_STR_FMT " " KT_STR_FMT " " KT_STR_FMT " %d %d %d " KT_STR_FMT " " KT_STR_FMT,
            KT_STR_ARG(who->actor), KT_STR_ARG(who->source), KT_STR_ARG(who->instance), one->action,
            one->outcome, one->shadow, KT_STR_ARG(one->operation), KT_STR_ARG(one->secret));
        add_to(sum, kt_buf_str(&what), &one->times);
    }
    for (uint32_t i = 0; i < d->n_places; i++) {
        char ip[KT_IP_TEXT_MAX];
        add_to(sum, kt_str_of(kt_ip_format(d->place[i].ip, ip)), &d->place[i].times);
    }
    for (uint32_t i = 0; i < d->n_who; i++)
        add_to(sum, d->who[i].actor, &d->who[i].times);
}

static enum kt_status take_view(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct sum *sum = self;
    struct kt_deeds d = { 0 };
    (void)err;
    sum->views += view->picks > 0;
    kt_deeds_of_view(&d, view);
    sum_up(sum, &d);
    kt_deeds_done(&d);
    return KT_OK;
}

static bool take_sums(void *self, struct kt_totals *sums)
{
    struct sum *sum = self;
    struct kt_deeds d = { 0 };
    bool clear = kt_deeds_of_sums(&d, sums);
    if (clear)
        sum_up(sum, &d);
    sum->views += clear ? kt_totals_views(sums, sum->ask->reader) : 0;
    kt_deeds_done(&d);
    return clear;
}

static void say_deeds(struct kt_ask *a, struct kt_buf *out)
{
    static const char *const whose[] = { "actor:actor-3",
                                         "actor:anna",
                                         "actor:actor-1*",
                                         "source:vault",
                                         "-actor:* instance:aws-main",
                                         "actor:actor-2 action:read", /* not of actors alone */
                                         "" };
    const struct kt_ask_totals sums = { .with = KT_DEEDS_TOTALS, .whom = true, .take = take_sums };
    for (size_t i = 0; i < KT_ARRAY_LEN(whose); i++) {
        struct kt_error err = { 0 };
        struct sum sum = { a, kt_counted_new(100000, 1), 0 };
        must(kt_ask_summed(a, &sums, kt_str_of(whose[i]), KT_DEEDS_COLUMNS, take_view, &sum, &err),
             &err);
        const struct kt_counted_list list = kt_counted_sorted(sum.of);
        kt_buf_addf(out, "deeds of %s: %u in %u views\n", whose[i], list.n, sum.views);
        for (uint32_t k = 0; k < list.n; k++)
            kt_buf_addf(out, "  " KT_STR_FMT " %llu %lld %lld\n", KT_STR_ARG(list.at[k].what),
                        (unsigned long long)list.at[k].n, (long long)list.at[k].first,
                        (long long)list.at[k].last);
        kt_counted_free(sum.of);
    }
}

static enum kt_status say_record(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                 struct kt_error *err)
{
    (void)fact;
    (void)err;
    kt_buf_addf(self, "%llu\n", (unsigned long long)r->seq);
    return KT_OK;
}

static void say_walks(struct kt_ask *a, struct kt_buf *out)
{
    static const char *const queries[] = { "action:grant",
                                           "action:rotate,write outcome:denied",
                                           "kind:exposure",
                                           "kind:inventory",
                                           "kind:inventory,exposure outcome:denied",
                                           "-action:read -outcome:success actor:actor-3",
                                           "outcome:unknown action:use",
                                           "action:delete" };
    for (size_t i = 0; i < KT_ARRAY_LEN(queries); i++) {
        struct kt_error err = { 0 };
        kt_buf_addf(out, "%s\n", queries[i]);
        must(kt_ask_records(a, kt_str_of(queries[i]), say_record, out, &err), &err);
    }
}

static void say_rest(struct kt_ask *a, struct kt_buf *out)
{
    struct kt_exposures *x = NULL;
    struct kt_error err = { 0 };
    for (unsigned days = 1; days < 130; days += 1 + days)
        say_dormant(a, days, out);
    for (unsigned days = 5; days < 150; days += 60)
        say_unused(a, days, out);
    say_walks(a, out);
    say_deeds(a, out);
    must(kt_exposures_load(a, KT_STR_NONE, &x, &err), &err);
    kt_buf_addf(out, "exposures %u\n", x->n);
    kt_exposures_free(x);
}

static void say_all(const struct asking *how, struct kt_buf *out, struct kt_scan_cost *cost)
{
    static const char *const whom[] = { "actor-3", "actor-1", "203.0.113.4" };
    struct kt_ask a;
    ask_open(&a, how);
    for (size_t i = 0; i < KT_ARRAY_LEN(whom); i++) {
        say_blast(&a, whom[i], false, out);
        say_blast(&a, whom[i], true, out);
    }
    if (w.list_max == 0) /* what others say is a matter of no list */
        say_rest(&a, out);
    kt_scan_cost_add(cost, &a.cost);
    kt_ask_done(&a);
}

static void say_first_difference(const char *when, struct kt_buf *with, struct kt_buf *without)
{
    size_t i = 0, line = 0;
    for (; i < with->len && i < without->len && with->at[i] == without->at[i]; i++)
        line = with->at[i] == '\n' ? i + 1 : line;
    fail_msg("%s: with sums:\n%.300s\nwithout:\n%.300s", when, kt_buf_z(with) + line,
             kt_buf_z(without) + line);
}

/* With the sums that are there already and those that are missing; without them second, so that
 * what is left of sums from before stands in the first answer. */
static void compare(const char *when, uint32_t segments)
{
    uint64_t opened_with = 0, opened_without = 0;
    for (size_t i = 0; i < KT_ARRAY_LEN(asks); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf with = { 0 }, without = { 0 };
        struct kt_scan_cost quick = { 0 }, slow = { 0 };
        keep(segments);
        assert_int_equal(differing(), 0);
        say_all(&asks[i], &with, &quick);
        in_transaction(kt_together_drop);
        assert_int_equal(check().stretches, 0);
        say_all(&asks[i], &without, &slow);
        if (!kt_str_eq(kt_buf_str(&with), kt_buf_str(&without)))
            say_first_difference(when, &with, &without);
        opened_with += quick.opened;
        opened_without += slow.opened;
        print_message("%s: %u segments opened with sums, %u without\n", when, quick.opened,
                      slow.opened);
    }
    assert_true(opened_with < opened_without);
}

static uint64_t seed(void)
{
    const char *text = getenv("KT_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 20261130;
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

static void answers_are_the_same_with_and_without_sums(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        world_up(seed() + i);
        compare("all", STRETCH - i);
        world_down();
    }
}

static void what_retention_took_is_in_no_sum(void **state)
{
    (void)state;
    world_up(seed());
    keep(STRETCH);
    remove_first(STRETCH + 2); /* one stretch is gone, one is no longer whole */
    in_transaction(kt_together_drop_partial);
    assert_true(check().stretches > 0);
    compare("after retention", STRETCH);
    world_down();
}

#define FILES 3u
/* Answers over a log of several files, with sums of so many segments each; 0: none. */
static void say_log_of_files(uint32_t segments, struct kt_buf out[KT_ARRAY_LEN(asks)],
                             struct kt_scan_cost *cost)
{
    struct kt_error err = { 0 };
    world_of(EVENTS / FILES, seed());
    for (uint32_t f = 1;; f++) {
        if (segments > 0)
            keep(segments);
        if (f == FILES)
            break;
        must(kt_store_succeed(w.store, "page 7 is broken", &err), &err);
        kt_store_close(w.store);
        open_store();
        for (uint32_t n = f * EVENTS / FILES; n < (f + 1) * EVENTS / FILES; n += BATCH)
            add_batch(n);
    }
    assert_int_equal(differing(), 0);
    for (size_t i = 0; i < KT_ARRAY_LEN(asks); i++)
        say_all(&asks[i], &out[i], cost);
}

/* Runs are apart, rise, leave no number out, and some of each file are of sums. */
static void look_at_runs(void)
{
    struct kt_reader *r = NULL, *file[KT_CHAIN_MAX];
    const struct kt_scan scan = { .from_seq = 1 };
    struct kt_error err = { 0 };
    struct kt_totals_run *run = NULL;
    uint32_t n, sums[FILES] = { 0 };
    must(kt_reader_open(w.path, &r, &err), &err);
    must(kt_totals_runs(r, &scan, false, &run, &n, &err), &err);
    assert_int_equal(kt_reader_files(r, file), FILES);
    for (uint32_t i = 0; i < n; i++) {
        for (unsigned f = 0; f < FILES; f++)
            sums[f] += run[i].number == file[f]->number;
        assert_true(i == 0 ? run[i].first_seq == 1 : run[i].first_seq > run[i - 1].last_seq);
        assert_true(i + 1 == n ? run[i].last_seq == 0 : run[i].last_seq >= run[i].first_seq);
        if (run[i].number == 0 && i > 0)
            assert_int_equal(run[i].first_seq, run[i - 1].last_seq + 1);
        if (run[i].number != 0 && i > 0 && run[i - 1].number == 0)
            assert_int_equal(run[i].first_seq, run[i - 1].last_seq + 1);
    }
    for (unsigned f = 0; f < FILES; f++)
        assert_true(sums[f] > 1);
    kt_free(run);
    kt_reader_close(r);
}

/* Of five segments each there is no tail between the sums of two files. */
static void each_file_of_a_log_has_its_own_sums(void **state)
{
    struct kt_buf without[KT_ARRAY_LEN(asks)] = { 0 };
    struct kt_scan_cost slow = { 0 };
    (void)state;
    say_log_of_files(0, without, &slow);
    world_down();
    for (uint32_t segments = STRETCH; segments <= 5; segments++) {
        struct kt_buf with[KT_ARRAY_LEN(asks)] = { 0 };
        struct kt_scan_cost quick = { 0 };
        say_log_of_files(segments, with, &quick);
        look_at_runs();
        world_down();
        for (size_t i = 0; i < KT_ARRAY_LEN(asks); i++) {
            if (!kt_str_eq(kt_buf_str(&with[i]), kt_buf_str(&without[i])))
                say_first_difference("several files", &with[i], &without[i]);
            kt_buf_done(&with[i]);
        }
        assert_true(quick.opened < slow.opened);
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(asks); i++)
        kt_buf_done(&without[i]);
}

/* ---- changes ---- */

static void a_changed_part_is_told_and_not_used(void **state)
{
    static const char *const changes[] = {
        "UPDATE blob SET value = CAST(substr(value, 1, length(value) - 1) AS BLOB) WHERE name GLOB"
        " 'together/*/actors'",
        "UPDATE blob SET value = CAST(zeroblob(length(value)) AS BLOB) WHERE name GLOB"
        " 'together/*/secrets'",
        "DELETE FROM blob WHERE name GLOB 'together/*/values'",
        "DELETE FROM blob WHERE name GLOB 'together/*/actors'",
        "DELETE FROM blob WHERE name GLOB 'together/*/deeds/0000'",
        "UPDATE blob SET value = CAST(substr(value, 1, length(value) - 1) AS BLOB) WHERE name GLOB"
        " 'together/*/places/*'",
        "DELETE FROM blob WHERE name GLOB 'together/joined/*/actors'",
        "UPDATE blob SET value = CAST(zeroblob(length(value)) AS BLOB) WHERE name ="
        " 'together/joined'",
        /* whole, but of another stretch */
        "UPDATE blob SET value = (SELECT value FROM blob WHERE name GLOB 'together/*/values' ORDER"
        " BY name LIMIT 1) WHERE name GLOB 'together/*/values'",
        "UPDATE blob SET value = (SELECT value FROM blob WHERE name GLOB 'together/*/secrets' ORDER"
        " BY name LIMIT 1) WHERE name GLOB 'together/*/secrets'",
        /* one more than there are */
        "INSERT INTO blob SELECT substr(name, 1, 26) || 'deeds/0001', value FROM blob WHERE name "
        "GLOB"
        " 'together/0*/deeds/0000'",
    };
    KT_CLEANUP(kt_buf_done) struct kt_buf without = { 0 };
    struct kt_scan_cost cost = { 0 };
    (void)state;
    world_up(seed());
    say_all(&asks[1], &without, &cost);
    for (size_t i = 0; i < KT_ARRAY_LEN(changes); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
        struct kt_error err = { 0 };
        in_transaction(kt_together_drop);
        keep(STRETCH);
        must(kt_store_begin(w.store, &err), &err);
        must(kt_db_exec(w.store->db, changes[i], &err), &err);
        must(kt_store_commit(w.store, &err), &err);
        assert_true(check().differ + check().lists > 0);
        say_all(&asks[1], &out, &cost);
        if (!kt_str_eq(kt_buf_str(&out), kt_buf_str(&without)))
            say_first_difference(changes[i], &out, &without);
    }
    world_down();
}

/* Packs a part of each stretch another time. The last byte of its content is changed by so much. */
static void pack_again(const char *part, uint8_t change)
{
    struct kt_stretches all = { 0 };
    struct kt_error err = { 0 };
    must(kt_stretches_load(w.store->db, &all, &err), &err);
    assert_true(all.n > 0);
    must(kt_store_begin(w.store, &err), &err);
    for (uint32_t i = 0; i < all.n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf was = { 0 }, is = { 0 };
        const struct kt_stretch *s = &all.at[i];
        char name[KT_TOTALS_NAME];
        (void)snprintf(name, sizeof name, "together/%016llx/%s", (unsigned long long)s->first_seq,
                       part);
        must(kt_blob_get(w.store->db, name, &was, &err), &err);
        totals_pack_again(kt_buf_str(&was), s->first_seq, s->last_seq, change, &is);
        must(kt_store_put(w.store, name, kt_buf_str(&is), &err), &err);
    }
    must(kt_store_commit(w.store, &err), &err);
    kt_stretches_done(&all);
}

static void sums_that_another_zstd_packed_are_the_same(void **state)
{
    static const char *const parts[] = { "actors",    "changes",    "secrets",
                                         "addresses", "deeds/0000", "places/0000" };
    (void)state;
    world_up(seed());
    for (size_t i = 0; i < KT_ARRAY_LEN(parts); i++) {
        keep(STRETCH);
        pack_again(parts[i], 0);
        assert_int_equal(differing(), 0);
        pack_again(parts[i], 1);
        assert_true(differing() > 0);
        in_transaction(kt_together_drop);
    }
    world_down();
}

/* ---- many segments ---- */

/* So many that `blast` counts by columns and sums: each batch is a segment. */
static void blast_that_is_everywhere_takes_sums(void **state)
{
    (void)state;
    world_of_segments(EVENTS, seed(), FEW, FEW);
    compare("many segments", STRETCH);
    assert_true(w.by_columns > 4);
    world_down();
}

/* Which entries a full list has is a matter of the order they come in. */
static void full_lists_have_the_same_entries_with_sums(void **state)
{
    (void)state;
    world_of_segments(EVENTS, seed(), FEW, FEW);
    w.list_max = 5;
    compare("full lists", STRETCH);
    assert_true(w.full > 4);
    world_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_the_same_with_and_without_sums),
        cmocka_unit_test(what_retention_took_is_in_no_sum),
        cmocka_unit_test(each_file_of_a_log_has_its_own_sums),
        cmocka_unit_test(a_changed_part_is_told_and_not_used),
        cmocka_unit_test(sums_that_another_zstd_packed_are_the_same),
        cmocka_unit_test(blast_that_is_everywhere_takes_sums),
        cmocka_unit_test(full_lists_have_the_same_entries_with_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
