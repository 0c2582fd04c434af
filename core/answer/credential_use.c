/*
 * credential_use: see the header.
 *
 * Owns:  copies of names, in maps and an arena.
 * Calls: core/answer/ask, core/base. No clock, no output.
 */
#include "core/answer/credential_use.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/map.h"

#define NAMES_MAX (16u << 20) /* bytes of the names of all users */

struct use {
    struct kt_credential_use is; /* first: what is handed out */
    struct kt_arena arena;
    struct kt_map *users, *secrets, *pairs;
    unsigned cap;
    struct kt_ask *ask;
};

static struct kt_str keep(struct use *u, struct kt_str s)
{
    return kt_arena_str(&u->arena, s);
}

static struct kt_credential_user *user_of(struct use *u, const struct kt_record *r,
                                          const struct kt_fact *fact, uint32_t *ret_number)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    const struct kt_event *ev = &r->ev;
    struct kt_str actor = kt_ask_actor(u->ask, ev->actor, ev->source, ev->instance);
    bool fresh;
    kt_buf_add(&key, actor);
    kt_buf_byte(&key, '\0');
    kt_buf_add(&key, ev->instance);
    kt_buf_byte(&key, '\0');
    if (ev->has_ip)
        kt_buf_add(&key, kt_str_from(ev->ip.at, sizeof ev->ip.at));
    uint32_t n = *ret_number = kt_map_put(u->users, kt_buf_str(&key), &fresh);
    if (n >= KT_CREDENTIAL_USERS_MAX)
        return NULL;
    if (n >= u->cap) {
        u->cap = u->cap == 0 ? 16 : 2 * u->cap;
        u->is.user = kt_realloc_array(u->is.user, u->cap, sizeof *u->is.user);
    }
    if (fresh)
        u->is.user[n] = (struct kt_credential_user){
            .actor = keep(u, actor),
            .source = keep(u, ev->source),
            .instance = keep(u, ev->instance),
            .country = fact == NULL ? KT_STR_NONE : keep(u, fact->country),
            .has_ip = ev->has_ip,
            .ip = ev->ip,
            .first = INT64_MAX,
            .last = INT64_MIN,
        };
    u->is.n = kt_map_count(u->users);
    return &u->is.user[n];
}

/* Counts the secret for this user, and once for all of them. */
static void count_secret(struct use *u, struct kt_credential_user *user, uint32_t number,
                         struct kt_str secret)
{
    char pair[32];
    bool fresh;
    uint32_t s = kt_map_put(u->secrets, secret, &fresh);
    u->is.secrets += fresh;
    int len = snprintf(pair, sizeof pair, "%u %u", number, s);
    (void)kt_map_put(u->pairs, kt_str_from(pair, (size_t)len), &fresh);
    user->secrets += fresh;
}

static void note_last(struct use *u, const struct kt_credential_user *user, kt_time_ns t,
                      const struct kt_event *ev)
{
    bool success = ev->outcome == KT_OUT_SUCCESS;
    if (success && t >= u->is.last_success) {
        u->is.last_success = t;
        u->is.last_actor = user->actor;
    }
    if (success && ev->action == KT_ACT_REVOKE && t > u->is.ended &&
        kt_str_ends(ev->secret_native, KT_STR("revoke-self")))
        u->is.ended = t;
}

/* Is the credential itself refused, and not what it asked for? AWS says the same of a key that is
 * not there as of a session whose token does not fit: of a session only its end counts. Vault gives
 * no name to a token that it does not know. */
static bool is_dead(const struct kt_event *ev)
{
    static const struct {
        const char *code; /* what it ends with: Client.… */
        bool session;
    } dead[] = {
        { "InvalidClientTokenId", false },        { "InvalidAccessKeyId", false },
        { "UnrecognizedClientException", false }, { "ExpiredToken", true },
        { "ExpiredTokenException", true },
    };
    bool session = kt_str_starts(ev->credential, KT_STR("ASIA"));
    for (size_t i = 0; i < KT_ARRAY_LEN(dead); i++)
        if (kt_str_ends(ev->code, kt_str_of(dead[i].code)) && (dead[i].session || !session))
            return true;
    return false;
}

static enum kt_status take(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct use *u = self;
    const struct kt_event *ev = &r->ev;
    kt_time_ns t = ev->time != 0 ? ev->time : r->arrival;
    uint32_t number;
    struct kt_credential_user *user = user_of(u, r, fact, &number);
    if (user == NULL || u->arena.full || kt_map_count(u->pairs) > KT_CREDENTIAL_SECRETS_MAX)
        return kt_fail(err, KT_E_LIMIT,
                       "this credential has more than %u users or %u secrets: give a window "
                       "(--since, --until)",
                       KT_CREDENTIAL_USERS_MAX, KT_CREDENTIAL_SECRETS_MAX);
    user->events++;
    u->is.events++;
    user->first = t < user->first ? t : user->first;
    user->last = t > user->last ? t : user->last;
    if (ev->outcome == KT_OUT_DENIED || ev->outcome == KT_OUT_FAILURE) {
        user->refused++;
        u->is.dead = is_dead(ev) && t > u->is.dead ? t : u->is.dead;
    }
    if (kt_event_is_read(ev) && ev->outcome == KT_OUT_SUCCESS) {
        user->reads++;
        u->is.reads++;
        count_secret(u, user, number, ev->secret);
    }
    note_last(u, user, t, ev);
    u->is.first = u->is.first == 0 || t < u->is.first ? t : u->is.first;
    u->is.last = t > u->is.last ? t : u->is.last;
    return KT_OK;
}

static int newest_first(const void *a, const void *b)
{
    const struct kt_credential_user *x = a, *y = b;
    if (x->last != y->last)
        return x->last > y->last ? -1 : 1;
    int order = kt_str_cmp(x->actor, y->actor);
    return order != 0 ? order : kt_str_cmp(x->instance, y->instance);
}

enum kt_status kt_credential_use_load(struct kt_ask *a, struct kt_str credential,
                                      struct kt_credential_use **ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    if (credential.len == 0)
        return kt_fail(err, KT_E_INPUT, "which credential? An empty one is none");
    struct use *u = kt_alloc(sizeof *u);
    *u = (struct use){ .ask = a,
                       .arena = kt_arena_new(NAMES_MAX),
                       .users = kt_map_new((uint64_t)a->now),
                       .secrets = kt_map_new((uint64_t)a->now),
                       .pairs = kt_map_new((uint64_t)a->now) };
    kt_ask_term(&query, "credential", credential);
    kt_ask_text(&query, credential);
    enum kt_status st = kt_ask_records(a, kt_buf_str(&query), take, u, err);
    if (st != KT_OK) {
        kt_credential_use_free(&u->is);
        return st;
    }
    if (u->is.n > 0)
        qsort(u->is.user, u->is.n, sizeof *u->is.user, newest_first);
    *ret = &u->is;
    return KT_OK;
}

void kt_credential_use_free(struct kt_credential_use *is)
{
    struct use *u = (struct use *)is; /* its first member */
    if (u == NULL)
        return;
    kt_free(u->is.user);
    kt_map_free(u->users);
    kt_map_free(u->secrets);
    kt_map_free(u->pairs);
    kt_arena_done(&u->arena);
    kt_free(u);
}
