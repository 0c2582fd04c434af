/*
 * peers: see the header. One walk over the window's columns counts every actor. The kind of an
 * actor is what the file of identities says, else its first record in the window.
 *
 * Owns:  the counts while it walks.
 * Calls: core/answer (ask, words), core/config/identities, core/base/map.
 */
#include "core/answer/peers.h"

#include <stdlib.h>
#include <string.h>

#include "core/answer/words.h"
#include "core/base/alloc.h"
#include "core/base/map.h"

#define NOT_YET UINT32_MAX

struct actor {
    uint64_t n[KT_PEERS_COUNT];
    enum kt_actor_kind kind;
    struct kt_str team;
};
struct load {
    struct kt_ask *ask;
    struct kt_map *names, *secrets;
    struct kt_words pairs; /* an actor and a secret that it read */
    struct actor *at;
    uint32_t n, cap;
    uint32_t *of_actor, *of_secret, cap_actor, cap_secret; /* numbers of one chunk's codes */
    uint64_t *asked; /* source and instance for which the actor's code was looked up */
};

const char *kt_peers_word(enum kt_peers_of of)
{
    static const char *const words[] = { "events", "reads", "failed", "secrets" };
    return words[of];
}

/* ---- numbers of one chunk's codes ---- */

static void begin(uint32_t **number, uint32_t *cap, uint32_t codes)
{
    if (codes > *cap) {
        *number = kt_realloc_array(*number, codes, sizeof **number);
        *cap = codes;
    }
    for (uint32_t i = 0; i < codes; i++)
        (*number)[i] = NOT_YET;
}

static void begin_chunk(struct load *l, const struct kt_columns *c)
{
    uint32_t actors = c->text[KT_COL_ACTOR - KT_COL_SMALL].n_dict + 1;
    if (actors > l->cap_actor)
        l->asked = kt_realloc_array(l->asked, actors, sizeof *l->asked);
    begin(&l->of_actor, &l->cap_actor, actors);
    begin(&l->of_secret, &l->cap_secret, c->text[KT_COL_SECRET - KT_COL_SMALL].n_dict + 1);
}

static uint32_t put_actor(struct load *l, struct kt_str name, enum kt_actor_kind kind)
{
    bool is_new;
    uint32_t n = kt_map_put(l->names, name, &is_new);
    if (n >= l->cap) {
        l->cap = l->cap == 0 ? 256 : 2 * l->cap;
        l->at = kt_realloc_array(l->at, l->cap, sizeof *l->at);
    }
    if (!is_new)
        return n;
    const struct kt_identity *who =
        l->ask->ids == NULL ? NULL : kt_identities_named(l->ask->ids, name);
    bool told = who != NULL && who->kind >= 0; /* the file knows better */
    l->at[n] = (struct actor){ .kind = told ? (enum kt_actor_kind)who->kind : kind,
                               .team = who != NULL ? kt_str_of(who->team) : KT_STR_NONE };
    l->n = n + 1;
    return n;
}

/* An alias may be meant for some sources only: a name is looked up again where those change. */
static uint32_t actor_of(struct load *l, const struct kt_columns *c, uint32_t row)
{
    const struct kt_text_column *t = &c->text[KT_COL_ACTOR - KT_COL_SMALL];
    uint32_t code = t->code[row];
    uint64_t asked = (uint64_t)c->text[KT_COL_SOURCE - KT_COL_SMALL].code[row] << 32 |
                     c->text[KT_COL_INSTANCE - KT_COL_SMALL].code[row];
    if (code == 0)
        return NOT_YET;
    if (l->of_actor[code] == NOT_YET || (l->ask->ids != NULL && l->asked[code] != asked)) {
        struct kt_str name =
            kt_ask_actor(l->ask, t->dict[code - 1], kt_column_str(c, KT_COL_SOURCE, row),
                         kt_column_str(c, KT_COL_INSTANCE, row));
        l->asked[code] = asked;
        l->of_actor[code] = put_actor(l, name, c->small[KT_COL_ACTOR_KIND][row]);
    }
    return l->of_actor[code];
}

static uint32_t secret_of(struct load *l, const struct kt_columns *c, uint32_t row)
{
    const struct kt_text_column *t = &c->text[KT_COL_SECRET - KT_COL_SMALL];
    uint32_t code = t->code[row];
    if (code > 0 && l->of_secret[code] == NOT_YET)
        l->of_secret[code] = kt_map_put(l->secrets, t->dict[code - 1], NULL);
    return code == 0 ? NOT_YET : l->of_secret[code];
}

static enum kt_status take(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct load *l = self;
    const struct kt_columns *c = view->columns;
    begin_chunk(l, c);
    for (uint32_t i = 0; i < view->picks; i++) {
        uint32_t row = view->pick[i], who = actor_of(l, c, row);
        const enum kt_outcome outcome = c->small[KT_COL_OUTCOME][row];
        if (who == NOT_YET)
            continue;
        bool failed =
            outcome == KT_OUT_DENIED || outcome == KT_OUT_FAILURE || outcome == KT_OUT_NOT_FOUND;
        bool read = !failed && kt_column_is_read(c, row), is_new = false;
        if (read)
            (void)kt_words_put(&l->pairs, (uint64_t)who << 32 | secret_of(l, c, row), &is_new);
        struct actor *a = &l->at[who];
        a->n[KT_PEERS_EVENTS]++;
        a->n[KT_PEERS_READS] += read;
        a->n[KT_PEERS_FAILED] += failed;
        a->n[KT_PEERS_SECRETS] += is_new;
    }
    return l->n > KT_PEERS_ACTORS_MAX
               ? kt_fail(err, KT_E_LIMIT, "more than %u actors: ask for less time",
                         KT_PEERS_ACTORS_MAX)
               : KT_OK;
}

/* ---- medians ---- */

static int by_size(const void *pa, const void *pb)
{
    const uint64_t *a = pa, *b = pb;
    return *a < *b ? -1 : *a > *b;
}

static void compare(const struct load *l, enum kt_actor_kind kind, struct kt_str team,
                    struct kt_peers *p)
{
    uint64_t *size = kt_alloc_array(l->n + 1, sizeof *size);
    for (unsigned of = 0; of < KT_PEERS_COUNT; of++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < l->n; i++)
            if (l->at[i].kind == kind && (team.len == 0 || kt_str_eq(l->at[i].team, team)))
                size[n++] = l->at[i].n[of];
        qsort(size, n, sizeof *size, by_size);
        p->n = n;
        p->median[of] = n == 0 ? 0 : ((double)size[(n - 1) / 2] + (double)size[n / 2]) / 2;
    }
    kt_free(size);
}

enum kt_status kt_peers_load(struct kt_ask *a, enum kt_actor_kind kind, struct kt_str team,
                             struct kt_peers *ret, struct kt_error *err)
{
    struct load l = { .ask = a,
                      .names = kt_map_new((uint64_t)a->now),
                      .secrets = kt_map_new((uint64_t)a->now) };
    const uint32_t columns = KT_ACCESS_COLUMNS | KT_COLUMN(KT_COL_OUTCOME) |
                             KT_COLUMN(KT_COL_ACTOR_KIND) | KT_COLUMN(KT_COL_ACTOR) |
                             KT_COLUMN(KT_COL_INSTANCE);
    enum kt_status status = kt_ask_columns(a, KT_STR(""), columns, take, &l, err);
    if (status == KT_OK)
        compare(&l, kind, team, ret);
    kt_map_free(l.names);
    kt_map_free(l.secrets);
    kt_words_done(&l.pairs);
    kt_free(l.at);
    kt_free(l.of_actor);
    kt_free(l.of_secret);
    kt_free(l.asked);
    return status;
}
