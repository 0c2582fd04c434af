/*
 * secret_lease: credentials that a store made for whoever asked (Vault: database/creds/x): their
 * leases, and what revoked them.
 *
 * Owns:  nothing.
 * Calls: core/answer/ask.
 * Holds: records of a lease's making do not name it, so that single revocations, whoever made the
 *        lease, are counted against all that may have been alive: one more, and it is not ours.
 */
#include "core/answer/secret_state.h"
#include "core/base/alloc.h"
#include "core/base/map.h"

#define LIFE      (32 * KT_NS_DAY) /* Vault's longest unless somebody sets another */
#define TERMS_MAX 48u              /* secrets that one query names */
#define QUERY_MAX 3000u            /* bytes of it; the language has 4,096 */

struct lease {
    struct kt_secret_state *st;
    struct kt_buf path; /* as requests have it: database/creds/app */
    /* By anybody: a LIFE before the first was made for whom it is about, and since. */
    uint64_t made_before, made, ended_before, ended;
    kt_time_ns at;
    bool all;
};
struct leases {
    struct kt_ask *ask;
    struct lease *lease;
    uint32_t n;
    struct kt_map *secrets; /* by number in lease */
    struct kt_map *revoked; /* paths of single leases: a second time ends none */
};

/* vault://cluster/namespace/mount/path, a '/' in the mount as %2F -> mount/path. */
static void path_of(struct kt_str secret, struct kt_buf *out)
{
    ptrdiff_t scheme = kt_str_find(secret, KT_STR("://"), 0);
    struct kt_str rest = kt_str_from_index(secret, scheme < 0 ? 0 : (size_t)scheme + 3), part;
    (void)kt_str_split(&rest, '/', &part);
    (void)kt_str_split(&rest, '/', &part);
    (void)kt_str_split(&rest, '/', &part);
    for (size_t i = 0; i < part.len; i++) {
        bool slash = kt_str_starts(kt_str_from_index(part, i), KT_STR("%2F"));
        kt_buf_byte(out, slash ? '/' : part.at[i]);
        i += slash ? 2 : 0;
    }
    kt_buf_byte(out, '/');
    kt_buf_add(out, rest);
}

static bool is_below(struct kt_str path, struct kt_str prefix)
{
    while (prefix.len > 0 && prefix.at[prefix.len - 1] == '/')
        prefix.len--;
    return prefix.len > 0 && kt_str_starts(path, prefix) &&
           (path.len == prefix.len || path.at[prefix.len] == '/');
}

/* Does the record end one lease of this path, or all of them? */
static bool ends(const struct lease *l, const struct kt_event *ev, bool *ret_all)
{
    static const struct kt_str all[] = { KT_STR_INIT("sys/leases/revoke-prefix/"),
                                         KT_STR_INIT("sys/leases/revoke-force/") };
    struct kt_str one = KT_STR("sys/leases/revoke/"), native = ev->secret_native;
    struct kt_str path = kt_str_from(l->path.at, l->path.len);
    *ret_all = false;
    if (ev->secret.len > 0)
        return kt_str_eq(ev->secret, l->st->secret);
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++)
        if (kt_str_starts(native, all[i]))
            return *ret_all = is_below(path, kt_str_from_index(native, all[i].len));
    return kt_str_starts(native, one) && is_below(kt_str_from_index(native, one.len), path);
}

static bool is_again(struct leases *s, const struct kt_event *ev)
{
    bool is_new = true;
    if (ev->secret.len == 0)
        (void)kt_map_put(s->revoked, ev->secret_native, &is_new);
    return !is_new;
}

static enum kt_status take_end(void *self, const struct kt_record *r, const struct kt_fact *fact,
                               struct kt_error *err)
{
    struct leases *s = self;
    kt_time_ns time = r->ev.time != 0 ? r->ev.time : r->arrival;
    (void)fact;
    (void)err;
    for (uint32_t i = 0; i < s->n; i++) {
        struct lease *l = &s->lease[i];
        bool all;
        if (!ends(l, &r->ev, &all))
            continue;
        if (all)
            l->all = l->all || time > l->st->last;
        else if (is_again(s, &r->ev))
            break;
        ++*(time < l->st->first ? &l->ended_before : &l->ended);
        l->at = time > l->at ? time : l->at;
    }
    return KT_OK;
}

static enum kt_status take_made(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct leases *s = self;
    const struct kt_text_column *t = &view->columns->text[KT_COL_SECRET - KT_COL_SMALL];
    KT_CLEANUP(kt_free_ptr)
    uint32_t *number = kt_alloc_array(t->n_dict + 1, sizeof *number);
    (void)err;
    for (uint32_t i = 0; i < t->n_dict; i++)
        number[i] = kt_map_get(s->secrets, t->dict[i]);
    for (uint32_t i = 0; i < view->picks; i++) {
        uint32_t row = view->pick[i], code = t->code[row];
        if (code == 0 || number[code - 1] == KT_MAP_NONE)
            continue;
        struct lease *l = &s->lease[number[code - 1]];
        ++*(view->time[row] < l->st->first ? &l->made_before : &l->made);
    }
    return KT_OK;
}

/* Names the secrets where they are few enough for one query. */
static enum kt_status count_made(struct leases *s, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    kt_buf_addz(&query, "action:issue outcome:success,unknown");
    size_t bare = query.len;
    for (uint32_t i = 0; s->n <= TERMS_MAX && i < s->n; i++)
        if (i == 0)
            kt_ask_term(&query, "secret", s->lease[i].st->secret);
        else
            kt_ask_value(&query, s->lease[i].st->secret);
    if (query.len > QUERY_MAX)
        query.len = bare;
    return kt_ask_columns(s->ask, kt_buf_str(&query), KT_COLUMN(KT_COL_SECRET), take_made, s, err);
}

/* Those whose credentials were made for their reader and nothing else: open until the end is seen.
 */
static kt_time_ns gather(struct leases *s, struct kt_secret_state *st, uint32_t n)
{
    kt_time_ns first = INT64_MAX;
    for (uint32_t i = 0; i < n; i++) {
        if (st[i].reads == 0 || st[i].issued < st[i].reads)
            continue;
        st[i].exposure = KT_EXPOSURE_LEASE;
        st[i].at = st[i].last;
        st[i].from = "log";
        st[i].by = KT_STR_NONE;
        (void)kt_map_put(s->secrets, st[i].secret, NULL);
        s->lease[s->n] = (struct lease){ .st = &st[i] };
        path_of(st[i].secret, &s->lease[s->n++].path);
        first = st[i].first < first ? st[i].first : first;
    }
    return first;
}

/* Were as many ended as may have been alive? Of those that were made before, what was not ended. */
static bool is_over(const struct lease *l)
{
    uint64_t others = l->made_before > l->ended_before ? l->made_before - l->ended_before : 0;
    uint64_t made = l->made > l->st->issued ? l->made : l->st->issued;
    return l->all || l->ended >= made + others;
}

enum kt_status kt_leases_judge(struct kt_ask *a, struct kt_secret_state *st, uint32_t n,
                               struct kt_error *err)
{
    struct leases s = { .ask = a,
                        .lease = kt_alloc_array(n + 1, sizeof *s.lease),
                        .secrets = kt_map_new((uint64_t)a->now),
                        .revoked = kt_map_new((uint64_t)a->now) };
    kt_time_ns was_since = a->since, was_until = a->until, first = gather(&s, st, n);
    enum kt_status status = KT_OK;
    if (s.n > 0) {
        a->since = first > LIFE ? first - LIFE : 1;
        a->until = 0;
        status = kt_ask_records(a, KT_STR("action:revoke outcome:success"), take_end, &s, err);
        if (status == KT_OK)
            status = count_made(&s, err);
        a->since = was_since;
        a->until = was_until;
    }
    for (uint32_t i = 0; i < s.n; i++) {
        struct lease *l = &s.lease[i];
        if (status == KT_OK && is_over(l)) {
            l->st->exposure = KT_EXPOSURE_REVOKED;
            l->st->at = l->at;
        }
        kt_buf_done(&l->path);
    }
    kt_map_free(s.secrets);
    kt_map_free(s.revoked);
    kt_free(s.lease);
    return status;
}
