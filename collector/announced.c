/*
 * announced: see the header. A window for a name with a slip in it quiets nothing, and nobody is
 * told so until the alarm comes that it was meant for.
 *
 * Owns:  nothing.
 * Calls: auth, core/config, core/store/read.
 */
#include "collector/announced.h"

#include <string.h>

#include "core/base/alloc.h"

struct known {
    char **at;
    unsigned n;
};

/* "vault/vault-prod": a window names the instance alone. */
static void know(struct known *k, struct kt_str source)
{
    ptrdiff_t slash = kt_str_find_byte(source, '/', 0);
    k->at = kt_realloc_array(k->at, k->n + 1, sizeof *k->at);
    k->at[k->n++] = kt_str_dup(kt_str_from_index(source, (size_t)(slash + 1)));
}

static void know_owner(void *self, struct kt_str source, struct kt_str agent)
{
    know(self, source);
    know(self, agent);
}

static void know_allowed(struct known *k, const struct kt_auth *auth)
{
    for (unsigned i = 0; i < kt_auth_count(auth); i++) {
        const struct kt_agent_entry *e = kt_auth_at(auth, i);
        know(k, kt_str_of(e->name));
        for (unsigned j = 0; j < e->sources.n; j++)
            know(k, kt_str_of(e->sources.at[j]));
    }
}

static void done(struct known *k)
{
    for (unsigned i = 0; i < k->n; i++)
        kt_free(k->at[i]);
    kt_free(k->at);
}

static bool is_known(const struct known *k, const char *source, struct kt_near *near)
{
    for (unsigned i = 0; i < k->n; i++) {
        if (strcmp(k->at[i], source) == 0)
            return true;
        kt_near_try(near, k->at[i]);
    }
    return false;
}

enum kt_status kt_announced_unknown(const struct kt_conf *conf, const struct kt_auth *auth,
                                    struct kt_reader *r, kt_time_ns now,
                                    void (*say)(void *self, const char *source, const char *near),
                                    void *self, struct kt_error *err)
{
    KT_CLEANUP(done) struct known k = { 0 };
    enum kt_status st = kt_reader_owners(r, know_owner, &k, err);
    if (st != KT_OK || k.n == 0)
        return st;
    if (auth != NULL)
        know_allowed(&k, auth);
    for (unsigned i = 0; i < conf->n_maintenance; i++) {
        const struct kt_conf_maintenance *m = &conf->maintenance[i];
        struct kt_near near = kt_near_of(kt_str_of(m->source));
        if (m->until > now && !is_known(&k, m->source, &near))
            say(self, m->source, near.name);
    }
    return KT_OK;
}
