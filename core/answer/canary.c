/*
 * canary: see the header. One walk over columns for each.
 *
 * Owns:  an entry for each canary, and their texts.
 * Calls: core/answer/ask, core/config. No clock, no output.
 */
#include "core/answer/canary.h"

#include "core/base/alloc.h"
#include "core/base/map.h"

#define ACTORS_MAX 1000u

struct canaries {
    struct kt_canaries out; /* first: kt_canaries_free gets at the rest */
    struct kt_ask *ask;
    struct kt_canary *at, *now;
    struct kt_counted **actors;
    struct kt_map *texts;
};

static bool may(const struct kt_canary *c, struct kt_str canonical, struct kt_str written)
{
    for (unsigned i = 0; i < c->allow.n; i++)
        if (kt_str_glob(kt_str_of(c->allow.at[i]), canonical) ||
            kt_str_glob(kt_str_of(c->allow.at[i]), written))
            return true;
    return false;
}

static struct kt_str kept(struct canaries *s, struct kt_str text)
{
    return text.len == 0 ? KT_STR_NONE : kt_map_key(s->texts, kt_map_put(s->texts, text, NULL));
}

static void touch(struct canaries *s, struct kt_str written, struct kt_str actor, kt_time_ns time,
                  enum kt_outcome outcome)
{
    struct kt_canary *c = s->now;
    kt_counted_add(s->actors[c - s->at], &(struct kt_counted_thing){ .what = actor }, time);
    if (may(c, actor, written)) {
        c->tests++;
        if (time >= c->last_test) {
            c->last_test = time;
            c->tested_by = kept(s, actor);
        }
        return;
    }
    c->touches++;
    c->failed += outcome != KT_OUT_SUCCESS;
    c->first = c->first == 0 || time < c->first ? time : c->first;
    if (time >= c->last) {
        c->last = time;
        c->by = kept(s, actor);
    }
}

static enum kt_status take_view(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct canaries *s = self;
    const struct kt_columns *c = view->columns;
    (void)err;
    for (uint32_t i = 0; i < view->picks; i++) {
        uint32_t row = view->pick[i];
        struct kt_str written = kt_column_str(c, KT_COL_ACTOR, row);
        touch(s, written,
              kt_ask_actor(s->ask, written, kt_column_str(c, KT_COL_SOURCE, row),
                           kt_column_str(c, KT_COL_INSTANCE, row)),
              view->time[row], c->small[KT_COL_OUTCOME][row]);
    }
    return KT_OK;
}

static enum kt_status load(struct canaries *s, struct kt_error *err)
{
    const uint32_t wanted = KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_SOURCE) |
                            KT_COLUMN(KT_COL_INSTANCE) | KT_COLUMN(KT_COL_OUTCOME);
    enum kt_status status = KT_OK;
    for (unsigned i = 0; i < s->out.n && status == KT_OK; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
        s->now = &s->at[i];
        status = kt_ask_pattern(&query, "secret", kt_str_of(s->now->secret), err);
        if (status == KT_OK)
            status = kt_ask_columns(s->ask, kt_buf_str(&query), wanted, take_view, s, err);
        s->now->actor = kt_counted_sorted(s->actors[i]);
    }
    return status;
}

enum kt_status kt_canaries_load(struct kt_ask *a, const struct kt_conf *conf,
                                struct kt_canaries **ret, struct kt_error *err)
{
    struct canaries *s = kt_alloc(sizeof *s);
    unsigned n = conf == NULL ? 0 : conf->n_canaries;
    *s = (struct canaries){ .ask = a,
                            .at = kt_alloc_array(n + 1, sizeof *s->at),
                            .actors = kt_alloc_array(n + 1, sizeof *s->actors),
                            .texts = kt_map_new((uint64_t)a->now) };
    for (unsigned i = 0; i < n; i++) {
        s->at[i] = (struct kt_canary){ .secret = conf->canaries[i].secret,
                                       .allow = conf->canaries[i].allow };
        s->actors[i] = kt_counted_new(ACTORS_MAX, (uint64_t)a->now);
    }
    s->out.at = s->at;
    s->out.n = n;
    enum kt_status status = load(s, err);
    if (status != KT_OK) {
        kt_canaries_free(&s->out);
        return status;
    }
    *ret = &s->out;
    return KT_OK;
}

void kt_canaries_free(struct kt_canaries *out)
{
    struct canaries *s = (struct canaries *)out;
    if (s == NULL)
        return;
    for (unsigned i = 0; i < s->out.n; i++)
        kt_counted_free(s->actors[i]);
    kt_map_free(s->texts);
    kt_free(s->actors);
    kt_free(s->at);
    kt_free(s);
}
