/*
 * sheet_make: what a review asks, out of the log.
 *
 * Owns:  an entry an actor while a sheet is made.
 * Calls: core/answer (ask, credential, population, inventory). No clock.
 */
#include <stdlib.h>
#include <string.h>

#include "core/answer/credential.h"
#include "core/answer/inventory.h"
#include "core/answer/population.h"
#include "core/answer/sheet.h"
#include "core/base/alloc.h"
#include "core/base/map.h"

#define SHEET_BYTES (256u << 20)

/* Texts of one row: whole seconds, plain numbers, so that a spreadsheet leaves them alone. */
struct texts {
    char at[8][KT_TIME_TEXT_MAX];
    unsigned n;
};

static struct kt_str number(struct texts *t, uint64_t n)
{
    struct kt_buf b = { 0 };
    char *to = t->at[t->n++];
    kt_buf_u64_dec(&b, n);
    kt_str_copyz(to, KT_TIME_TEXT_MAX, kt_buf_str(&b));
    kt_buf_done(&b);
    return kt_str_of(to);
}

static struct kt_str when(struct texts *t, kt_time_ns at)
{
    char *to = t->at[t->n++];
    if (at == 0)
        return KT_STR_NONE;
    (void)kt_time_format(at, to);
    memcpy(to + sizeof "2026-11-22T20:00:00" - 1, "Z", 2);
    return kt_str_of(to);
}

static struct kt_str team_of(const struct kt_identity *who)
{
    return who == NULL ? KT_STR_NONE : kt_str_of(who->team);
}

/* ---- access ---- */

struct pair {
    const struct kt_pop_actor *actor;
    const struct kt_pop_secret *secret;
    const struct kt_pop_pair *pair;
};

static int by_names(const void *pa, const void *pb)
{
    const struct pair *a = pa, *b = pb;
    int c = kt_str_cmp(a->secret->name, b->secret->name);
    return c != 0 ? c : kt_str_cmp(a->actor->name, b->actor->name);
}

static enum kt_status access_row(struct kt_sheet *s, const struct kt_inventory *v,
                                 const struct pair *p, struct kt_error *err)
{
    struct texts t = { .n = 0 };
    const struct kt_inventory_item *it = kt_inventory_find(v, p->secret->name);
    const struct kt_str cells[] = {
        p->secret->name,          it == NULL ? KT_STR_NONE : it->owner,
        p->actor->name,           kt_str_of(kt_actor_kind_word(p->actor->kind)),
        team_of(p->actor->who),   number(&t, p->pair->reads),
        when(&t, p->pair->first), when(&t, p->pair->last)
    };
    return kt_sheet_add(s, cells, err);
}

static enum kt_status make_access(struct kt_ask *a, const struct kt_sheet_wish *wish,
                                  struct kt_sheet *s, struct kt_error *err)
{
    struct kt_population *p = NULL;
    struct kt_inventory *v = NULL;
    struct pair *list = NULL;
    uint32_t n = 0;
    kt_time_ns since = a->since;
    enum kt_status st = kt_population_load(a, &p, err);
    a->since = 0;
    if (st == KT_OK)
        st = kt_inventory_load(a, kt_str_of(wish->scope), KT_INVENTORY_ALL, &v, err);
    a->since = since;
    if (st == KT_OK)
        list = kt_alloc_array(p->n_pairs + 1, sizeof *list);
    for (uint32_t i = 0; st == KT_OK && i < p->n_pairs; i++) {
        const struct kt_pop_pair *pair = &p->pair[i];
        /* The inventory knows each secret of the log that fits the scope. */
        if (wish->scope[0] == '\0' || kt_inventory_find(v, p->secret[pair->secret].name) != NULL)
            list[n++] = (struct pair){ &p->actor[pair->actor], &p->secret[pair->secret], pair };
    }
    if (n > 1)
        qsort(list, n, sizeof *list, by_names);
    for (uint32_t i = 0; st == KT_OK && i < n; i++)
        st = access_row(s, v, &list[i], err);
    kt_free(list);
    kt_inventory_free(v);
    kt_population_free(p);
    return st;
}

/* ---- dormant ---- */

struct silent {
    const struct kt_identity *who;
    enum kt_actor_kind kind;
    uint64_t events;
    kt_time_ns last;
    struct kt_str name;
};
struct silents {
    struct kt_ask *ask;
    struct kt_map *names;
    struct silent *at;
    uint32_t cap;
};

static struct silent *silent_of(struct silents *w, const struct kt_columns *c, uint32_t row,
                                struct kt_str actor)
{
    const struct kt_identity *who =
        w->ask->ids == NULL
            ? NULL
            : kt_identities_find(w->ask->ids, actor, kt_column_str(c, KT_COL_SOURCE, row),
                                 kt_column_str(c, KT_COL_INSTANCE, row));
    uint32_t n = kt_map_put(w->names, who == NULL ? actor : kt_str_of(who->name), NULL);
    if (n >= w->cap) {
        uint32_t cap = w->cap == 0 ? 256 : 2 * w->cap;
        w->at = kt_realloc_array(w->at, cap, sizeof *w->at);
        memset(w->at + w->cap, 0, (cap - w->cap) * sizeof *w->at);
        w->cap = cap;
    }
    w->at[n].who = who;
    return &w->at[n];
}

static enum kt_status take_silent(void *self, const struct kt_view *v, struct kt_error *err)
{
    struct silents *w = self;
    const struct kt_columns *c = v->columns;
    for (uint32_t i = 0; i < v->picks; i++) {
        uint32_t row = v->pick[i];
        struct kt_str actor = kt_column_str(c, KT_COL_ACTOR, row);
        if (actor.len == 0 || kt_column_is_shadow(c, row))
            continue;
        struct silent *s = silent_of(w, c, row, actor);
        s->events++;
        s->last = v->time[row] > s->last ? v->time[row] : s->last;
        if (c->small[KT_COL_ACTOR_KIND][row] != KT_ACTOR_UNKNOWN)
            s->kind = c->small[KT_COL_ACTOR_KIND][row];
    }
    if (kt_map_count(w->names) > KT_POPULATION_NAMES_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u actors", KT_POPULATION_NAMES_MAX);
    return KT_OK;
}

static int by_last(const void *pa, const void *pb)
{
    const struct silent *a = pa, *b = pb;
    if (a->last != b->last)
        return a->last < b->last ? -1 : 1;
    return kt_str_cmp(a->name, b->name);
}

static enum kt_status silent_row(struct kt_sheet *s, const struct silent *e, struct kt_error *err)
{
    struct texts t = { .n = 0 };
    enum kt_actor_kind kind =
        e->who != NULL && e->who->kind >= 0 ? (enum kt_actor_kind)e->who->kind : e->kind;
    const struct kt_str cells[] = {
        e->name,           kt_str_of(kt_actor_kind_word(kind)),
        team_of(e->who),   number(&t, e->events),
        when(&t, e->last), number(&t, (uint64_t)((s->until - e->last) / KT_NS_DAY))
    };
    return kt_sheet_add(s, cells, err);
}

static enum kt_status make_dormant(struct kt_ask *a, const struct kt_sheet_wish *wish,
                                   struct kt_sheet *s, struct kt_error *err)
{
    struct silents w = { .ask = a, .names = kt_map_new(0) };
    uint32_t n = 0;
    a->since = 0;
    enum kt_status st =
        kt_ask_columns(a, KT_STR_NONE,
                       KT_ACCESS_COLUMNS | KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_INSTANCE) |
                           KT_COLUMN(KT_COL_ACTOR_KIND),
                       take_silent, &w, err);
    a->since = s->since;
    for (uint32_t i = 0; st == KT_OK && i < kt_map_count(w.names); i++) {
        struct silent e = w.at[i];
        e.name = kt_map_key(w.names, i);
        if (e.last < s->since &&
            (wish->scope[0] == '\0' || kt_str_glob(kt_str_of(wish->scope), e.name)))
            w.at[n++] = e;
    }
    if (n > 1)
        qsort(w.at, n, sizeof *w.at, by_last);
    for (uint32_t i = 0; st == KT_OK && i < n; i++)
        st = silent_row(s, &w.at[i], err);
    kt_map_free(w.names);
    kt_free(w.at);
    return st;
}

/* ---- leavers ---- */

struct after { /* of one who left */
    uint64_t events;
    kt_time_ns last;
    struct kt_map *secrets;
};
struct afters {
    struct kt_ask *ask;
    const struct kt_sheet_leaver *leaver;
    /* Of leavers, in lower case: of the identity that is meant, else as it stands in the list; the
     * number is the index in `at`. */
    struct kt_map *names;
    struct after *at;
    /* "alice" is who is called alice, or, where nobody is, each alice@…: those are counted here. */
    struct after *bare;
    /* Of the view at hand: who an actor's code is, for a source and instance. */
    uint32_t *who, *place, room;
    struct kt_buf lower;
};

static uint32_t leaver_named(struct afters *w, struct kt_str name)
{
    kt_buf_reset(&w->lower);
    for (size_t i = 0; i < name.len; i++)
        kt_buf_byte(&w->lower,
                    name.at[i] >= 'A' && name.at[i] <= 'Z' ? (char)(name.at[i] + 32) : name.at[i]);
    return kt_map_get(w->names, kt_buf_str(&w->lower));
}

#define BARE (1u << 31) /* in `who`: by what stands before the @ */

/* By the canonical name, else by the one in the record, as `keytrail leaver` takes it. */
static uint32_t leaver_of(struct afters *w, const struct kt_columns *c, uint32_t row)
{
    uint32_t code = c->text[KT_COL_ACTOR - KT_COL_SMALL].code[row];
    uint32_t place = (uint32_t)c->text[KT_COL_SOURCE - KT_COL_SMALL].code[row] << 16 |
                     c->text[KT_COL_INSTANCE - KT_COL_SMALL].code[row];
    if (code == 0)
        return KT_MAP_NONE;
    if (w->place[code] == place)
        return w->who[code];
    struct kt_str actor = kt_column_str(c, KT_COL_ACTOR, row);
    struct kt_str name = kt_ask_actor(w->ask, actor, kt_column_str(c, KT_COL_SOURCE, row),
                                      kt_column_str(c, KT_COL_INSTANCE, row));
    w->place[code] = place;
    w->who[code] = leaver_named(w, name);
    if (w->who[code] == KT_MAP_NONE)
        w->who[code] = leaver_named(w, actor);
    ptrdiff_t host = kt_str_find_byte(actor, '@', 0);
    if (w->who[code] == KT_MAP_NONE && host > 0 && kt_str_eq(name, actor)) {
        w->who[code] = leaver_named(w, kt_str_sub(actor, 0, (size_t)host));
        w->who[code] |= w->who[code] != KT_MAP_NONE ? BARE : 0;
    }
    return w->who[code];
}

static enum kt_status take_after(void *self, const struct kt_view *v, struct kt_error *err)
{
    struct afters *w = self;
    const struct kt_columns *c = v->columns;
    uint32_t n = c->text[KT_COL_ACTOR - KT_COL_SMALL].n_dict + 1;
    (void)err;
    if (n > w->room) {
        w->room = n < 4096 ? 4096 : n;
        w->who = kt_realloc_array(w->who, w->room, sizeof *w->who);
        w->place = kt_realloc_array(w->place, w->room, sizeof *w->place);
    }
    memset(w->place, 0xff, n * sizeof *w->place);
    for (uint32_t i = 0; i < v->picks; i++) {
        uint32_t row = v->pick[i], who = leaver_of(w, c, row);
        if (who == KT_MAP_NONE || kt_column_is_shadow(c, row))
            continue;
        struct after *a = (who & BARE) != 0 ? &w->bare[who & ~BARE] : &w->at[who];
        who &= ~BARE;
        struct kt_str secret = kt_column_str(c, KT_COL_SECRET, row);
        a->last = v->time[row] > a->last ? v->time[row] : a->last;
        if (v->time[row] < w->leaver[who].left)
            continue;
        a->events++;
        if (secret.len > 0)
            (void)kt_map_put(a->secrets, secret, NULL);
    }
    return KT_OK;
}

static enum kt_status leaver_row(const struct kt_sheet_leaver *who, const struct after *a,
                                 struct kt_sheet *s, struct kt_error *err)
{
    struct texts t = { .n = 0 };
    const struct kt_str cells[] = { who->name, when(&t, who->left), number(&t, a->events),
                                    number(&t, kt_map_count(a->secrets)), when(&t, a->last) };
    return kt_sheet_add(s, cells, err);
}

static enum kt_status add_name(struct afters *w, uint32_t i, struct kt_str name,
                               struct kt_error *err)
{
    if (leaver_named(w, name) != KT_MAP_NONE) /* it is in w->lower then */
        return kt_fail(err, KT_E_INPUT, "'" KT_STR_FMT "' is named twice",
                       KT_STR_ARG(w->leaver[i].name));
    (void)kt_map_put(w->names, kt_buf_str(&w->lower), NULL);
    return KT_OK;
}

/* Names in lower case, each once, whichever alias of somebody is named. */
static enum kt_status name_leavers(struct afters *w, const struct kt_sheet_wish *wish,
                                   struct kt_error *err)
{
    for (uint32_t i = 0; i < wish->n_leavers; i++) {
        /* Another's name may be alias of somebody in one source only: then it is not meant. */
        const struct kt_identity *who = kt_credential_identity(w->ask, wish->leaver[i].name);
        if (add_name(w, i, who == NULL ? wish->leaver[i].name : kt_str_of(who->name), err) != KT_OK)
            return err->code;
        w->at[i].secrets = kt_map_new(0);
        w->bare[i].secrets = kt_map_new(0);
    }
    return KT_OK;
}

static enum kt_status make_leavers(struct kt_ask *a, const struct kt_sheet_wish *wish,
                                   struct kt_sheet *s, struct kt_error *err)
{
    struct afters w = { .ask = a,
                        .leaver = wish->leaver,
                        .names = kt_map_new(0),
                        .at = kt_alloc_array(wish->n_leavers + 1, sizeof *w.at),
                        .bare = kt_alloc_array(wish->n_leavers + 1, sizeof *w.bare) };
    kt_time_ns since = a->since, first = a->until;
    enum kt_status st = name_leavers(&w, wish, err);
    a->since = 0;
    if (st == KT_OK)
        st =
            kt_ask_columns(a, KT_STR_NONE,
                           KT_ACCESS_COLUMNS | KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_INSTANCE),
                           take_after, &w, err);
    a->since = since;
    for (uint32_t i = 0; st == KT_OK && i < wish->n_leavers; i++) {
        first = wish->leaver[i].left < first ? wish->leaver[i].left : first;
        const struct after *after = w.at[i].last == 0 ? &w.bare[i] : &w.at[i];
        st = leaver_row(&wish->leaver[i], after, s, err);
    }
    s->since = first;
    for (uint32_t i = 0; i < wish->n_leavers; i++) {
        kt_map_free(w.at[i].secrets);
        kt_map_free(w.bare[i].secrets);
    }
    kt_free(w.bare);
    kt_map_free(w.names);
    kt_buf_done(&w.lower);
    kt_free(w.at);
    kt_free(w.who);
    kt_free(w.place);
    return st;
}

enum kt_status kt_sheet_make(struct kt_ask *a, const struct kt_sheet_wish *wish, const char *log,
                             struct kt_sheet **ret, struct kt_error *err)
{
    static enum kt_status (*const make[KT_REVIEW_COUNT])(
        struct kt_ask *, const struct kt_sheet_wish *, struct kt_sheet *, struct kt_error *) = {
        [KT_REVIEW_ACCESS] = make_access,
        [KT_REVIEW_LEAVERS] = make_leavers,
        [KT_REVIEW_DORMANT] = make_dormant,
    };
    struct kt_store_stats stats;
    if (strlen(wish->scope) >= sizeof((struct kt_sheet *)0)->scope)
        return kt_fail(err, KT_E_INPUT, "a scope has at most 199 bytes");
    if (a->until_seq == 0) {
        if (kt_reader_stats(a->reader, &stats, err) != KT_OK)
            return err->code;
        a->until_seq = stats.records;
    }
    struct kt_sheet *s = kt_sheet_new(SHEET_BYTES);
    s->kind = wish->kind;
    s->since = a->since;
    s->until = a->until;
    s->head = a->until_seq;
    kt_str_copyz(s->scope, sizeof s->scope, kt_str_of(wish->scope));
    kt_str_copyz(s->log, sizeof s->log, kt_str_of(log));
    enum kt_status st = make[wish->kind](a, wish, s, err);
    if (st != KT_OK) {
        kt_sheet_free(s);
        return kt_wrap(err, "review %s", kt_review_word(wish->kind));
    }
    kt_sheet_digest(s, s->digest);
    *ret = s;
    return KT_OK;
}
