/*
 * leaver: see the header.
 *
 * Owns:  the accesses and their texts.
 * Calls: core/answer/blast, ask. No clock, no output.
 */
#include "core/answer/leaver.h"

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/base/pairs.h"

struct leaver {
    struct kt_leaver out; /* first: kt_leaver_free gets at the rest */
    struct kt_ask *ask;
    struct kt_map *texts;
    struct kt_pairs seen; /* records: halves of their numbers */
    struct kt_counted *keys;
    struct kt_leaver_access *access;
    uint32_t cap, own, given_up; /* own: under their name; given up for those by a key alone */
    struct kt_blast *before;
    bool by_key; /* the walk that is on */
};

static struct kt_str kept(struct leaver *l, struct kt_str text)
{
    return text.len == 0 ? KT_STR_NONE : kt_map_key(l->texts, kt_map_put(l->texts, text, NULL));
}

/* In a full list up to half of what came under their own name makes room for what a key alone
 * shows: nobody would look for that. */
static struct kt_leaver_access *room(struct leaver *l)
{
    if (l->out.n_accesses == KT_LEAVER_ACCESSES_MAX) {
        l->out.more++;
        return l->by_key && l->given_up < l->own / 2 ? &l->access[l->own - ++l->given_up] : NULL;
    }
    if (l->out.n_accesses == l->cap) {
        l->cap = l->cap == 0 ? 64 : 2 * l->cap;
        l->access = kt_realloc_array(l->access, l->cap, sizeof *l->access);
    }
    l->own += !l->by_key;
    return &l->access[l->out.n_accesses++];
}

static void keep(struct leaver *l, const struct kt_record *r, kt_time_ns time)
{
    char ip[KT_IP_TEXT_MAX];
    const struct kt_event *ev = &r->ev;
    struct kt_leaver_access *to = room(l);
    if (to == NULL)
        return;
    *to = (struct kt_leaver_access){
        .seq = r->seq,
        .time = time,
        .action = ev->action,
        .outcome = ev->outcome,
        .actor = kept(l, ev->actor),
        .operation = kept(l, ev->operation),
        .target = kept(l, ev->secret.len > 0 ? ev->secret : ev->secret_native),
        .credential = kept(l, ev->credential.len > 0 ? ev->credential : ev->session),
        .instance = kept(l, ev->instance),
        .ip = ev->has_ip ? kept(l, kt_str_of(kt_ip_format(ev->ip, ip))) : KT_STR_NONE,
        .by_key = l->by_key,
    };
    kt_event_id(ev, to->id);
}

/* A record comes once, however many of its handles were theirs. */
static enum kt_status take(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct leaver *l = self;
    const struct kt_event *ev = &r->ev;
    kt_time_ns time = ev->time != 0 ? ev->time : r->arrival;
    bool is_new;
    (void)fact;
    (void)kt_pairs_put(&l->seen, (uint32_t)(r->seq >> 32), (uint32_t)r->seq, &is_new);
    if (!is_new || kt_event_is_shadow(ev))
        return KT_OK;
    l->out.succeeded += ev->outcome == KT_OUT_SUCCESS || ev->outcome == KT_OUT_UNKNOWN;
    struct kt_str key = ev->credential.len > 0 ? ev->credential : ev->session;
    if (key.len > 0 && ev->outcome == KT_OUT_SUCCESS)
        kt_counted_add(l->keys, &(struct kt_counted_thing){ .what = key }, time);
    keep(l, r, time);
    return kt_blast_later(l->before, r, err);
}

/* What they used most: it may go on under a name that is nobody's alias. */
static enum kt_status follow_keys(struct leaver *l, struct kt_error *err)
{
    const struct kt_counted_list *keys = &l->before->list[KT_BLAST_CREDENTIALS];
    enum kt_status status = KT_OK;
    l->by_key = true;
    l->out.keys_left = keys->n > KT_LEAVER_KEYS_MAX ? keys->n - KT_LEAVER_KEYS_MAX : 0;
    for (uint32_t i = 0; i < keys->n && i < KT_LEAVER_KEYS_MAX && status == KT_OK; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
        kt_ask_term(&query, "credential", keys->at[i].what);
        kt_ask_text(&query, keys->at[i].what);
        status = kt_ask_records(l->ask, kt_buf_str(&query), take, l, err);
    }
    for (unsigned i = 0; i < l->before->n_hops && status == KT_OK; i++)
        status = kt_ask_records(l->ask, l->before->hop[i].query, take, l, err);
    l->by_key = false;
    return status;
}

static int by_time(const void *x, const void *y)
{
    const struct kt_leaver_access *a = x, *b = y;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static enum kt_status load(struct leaver *l, const struct kt_credential *of,
                           const struct kt_blast_options *options, struct kt_error *err)
{
    kt_time_ns since = l->ask->since, until = l->ask->until, left = l->out.left;
    l->ask->since = left > KT_LEAVER_SPAN ? left - KT_LEAVER_SPAN : 1;
    l->ask->until = left;
    enum kt_status status = kt_blast_walk(l->ask, of, options, &l->before, err);
    l->ask->since = left;
    l->ask->until = until;
    if (status == KT_OK)
        status = kt_ask_records(l->ask, kt_buf_str(&of->query), take, l, err);
    if (status == KT_OK)
        status = follow_keys(l, err);
    if (status == KT_OK)
        status = kt_blast_judge(l->before, err);
    l->ask->since = since;
    return status;
}

enum kt_status kt_leaver_load(struct kt_ask *a, const struct kt_credential *of, kt_time_ns left,
                              const struct kt_blast_options *options, struct kt_leaver **ret,
                              struct kt_error *err)
{
    struct leaver *l = kt_alloc(sizeof *l);
    *l = (struct leaver){ .ask = a,
                          .texts = kt_map_new((uint64_t)a->now),
                          .keys = kt_counted_new(KT_BLAST_LIST_MAX, (uint64_t)a->now) };
    struct kt_blast_options keyed = *options;
    keyed.keys = true;
    l->out.left = left;
    enum kt_status status = load(l, of, &keyed, err);
    if (status != KT_OK) {
        kt_leaver_free(&l->out);
        return status;
    }
    if (l->out.n_accesses > 0)
        qsort(l->access, l->out.n_accesses, sizeof *l->access, by_time);
    l->out.access = l->access;
    l->out.before = l->before;
    l->out.key = kt_counted_sorted(l->keys);
    *ret = &l->out;
    return KT_OK;
}

void kt_leaver_free(struct kt_leaver *out)
{
    struct leaver *l = (struct leaver *)out;
    if (l == NULL)
        return;
    kt_map_free(l->texts);
    kt_pairs_done(&l->seen);
    kt_counted_free(l->keys);
    kt_blast_free(l->before);
    kt_free(l->access);
    kt_free(l);
}
