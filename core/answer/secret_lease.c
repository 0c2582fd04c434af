/*
 * secret_lease: credentials that a store made for whoever asked (Vault: database/creds/x): their
 * leases, and what revoked them.
 *
 * Owns:  nothing.
 * Calls: core/answer/ask.
 * Holds: a lease's id is not kept, so that single revocations are counted against what was issued.
 */
#include "core/answer/secret_state.h"
#include "core/base/alloc.h"

struct lease {
    struct kt_secret_state *st;
    struct kt_buf path; /* as requests have it: database/creds/app */
    uint64_t ended;
    kt_time_ns at;
    bool all;
};
struct leases {
    struct kt_ask *ask;
    struct lease *lease;
    uint32_t n;
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

static enum kt_status take(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct leases *s = self;
    (void)fact;
    (void)err;
    for (uint32_t i = 0; i < s->n; i++) {
        struct lease *l = &s->lease[i];
        bool all;
        if (r->ev.time < l->st->first || !ends(l, &r->ev, &all))
            continue;
        l->ended++;
        l->all = l->all || (all && r->ev.time > l->st->last);
        l->at = r->ev.time;
    }
    return KT_OK;
}

enum kt_status kt_leases_judge(struct kt_ask *a, struct kt_secret_state *st, uint32_t n,
                               struct kt_error *err)
{
    struct leases s = { .ask = a, .lease = kt_alloc_array(n + 1, sizeof *s.lease) };
    kt_time_ns was_since = a->since, was_until = a->until, first = INT64_MAX;
    enum kt_status status = KT_OK;
    for (uint32_t i = 0; i < n; i++) {
        if (st[i].reads == 0 || st[i].issued < st[i].reads)
            continue;
        st[i].exposure = KT_EXPOSURE_LEASE;
        st[i].at = st[i].last;
        st[i].from = "log";
        st[i].by = KT_STR_NONE;
        s.lease[s.n] = (struct lease){ .st = &st[i] };
        path_of(st[i].secret, &s.lease[s.n++].path);
        first = st[i].first < first ? st[i].first : first;
    }
    if (s.n > 0) {
        a->since = first;
        a->until = 0;
        status = kt_ask_records(a, KT_STR("action:revoke outcome:success"), take, &s, err);
        a->since = was_since;
        a->until = was_until;
    }
    for (uint32_t i = 0; i < s.n; i++) {
        struct lease *l = &s.lease[i];
        if (l->all || l->ended >= l->st->issued) {
            l->st->exposure = KT_EXPOSURE_REVOKED;
            l->st->at = l->at;
        }
        kt_buf_done(&l->path);
    }
    kt_free(s.lease);
    return status;
}
