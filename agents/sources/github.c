/*
 * github: one entry of GitHub's audit log that is about secrets -> one event (SOURCES §9). Changes
 * only: GitHub does not log who read a secret.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event. No I/O, no clock.
 */
#include "agents/sources/github.h"

#include "agents/sources/actor.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/secret_id.h"

#define USER_AGENT_MAX 512u
#define HERE           "github"
#define YEAR_2100      INT64_C(4102444800) /* in seconds; in ms that is a day of 1970 */

/* One entry, taken apart once. */
struct entry {
    const struct kt_decode_in *in;
    struct kt_jval root;
    struct kt_str action, org, repo; /* repo: without its owner */
};

static struct kt_str first_of(struct kt_jval v, const char *const *paths)
{
    for (; *paths != NULL; paths++) {
        struct kt_str s = kt_json_str_at(v, *paths);
        if (s.len > 0)
            return s;
    }
    return KT_STR_NONE;
}

/* A name stands as a string, in an object, or as the first of a list. */
static struct kt_str name_of(struct kt_jval v)
{
    static const char *const names[] = { "full_name", "login", "name", NULL };
    struct kt_json_iter it = kt_json_iter(v);
    struct kt_str unused;
    struct kt_jval item;
    if (kt_json_type(v) == KT_JSON_ARRAY && kt_json_next(&it, &unused, &item))
        v = item;
    return kt_json_type(v) == KT_JSON_OBJECT ? first_of(v, names) : kt_json_str(v);
}

/* Collectors put the entry into a member of their own. */
static struct kt_jval unwrapped(struct kt_jval root)
{
    static const char *const members[] = { "event", "github" };
    for (size_t i = 0; i < KT_ARRAY_LEN(members); i++) {
        struct kt_jval v = kt_json_get(root, kt_str_of(members[i]));
        if (kt_json_str_at(v, "action").len > 0)
            return v;
    }
    return root;
}

static struct entry take_apart(const struct kt_decode_in *in)
{
    struct entry e = { .in = in, .root = unwrapped(in->root) };
    struct kt_str repo = name_of(kt_json_get(e.root, KT_STR("repo")));
    if (repo.len == 0)
        repo = name_of(kt_json_get(e.root, KT_STR("repository")));
    e.action = kt_json_str_at(e.root, "action");
    e.org = name_of(kt_json_get(e.root, KT_STR("org")));
    ptrdiff_t slash = kt_str_find_byte(repo, '/', 0);
    e.repo = kt_str_from_index(repo, (size_t)(slash + 1));
    if (slash > 0 && e.org.len == 0)
        e.org = kt_str_sub(repo, 0, (size_t)slash);
    if (e.org.len == 0)
        e.org = name_of(kt_json_get(e.root, KT_STR("business")));
    if (e.org.len == 0)
        e.org = name_of(kt_json_get(e.root, KT_STR("user")));
    return e;
}

/* ---- what ---- */

/* github://org/repo/actions/NAME, for a secret of an environment …/actions/environment/NAME; the
 * repo of a secret of the organization is "-". */
static void secret(const struct entry *e, struct kt_str store, struct kt_event *ev)
{
    static const char *const names[] = { "key",  "secret_name", "data.key", "data.secret_name",
                                         "name", NULL };
    static const char *const environments[] = { "environment_name", "environment",
                                                "data.environment_name", NULL };
    struct kt_arena *a = e->in->arena;
    struct kt_str name = first_of(e->root, names), tail = name;
    struct kt_str environment = first_of(e->root, environments);
    struct kt_str fixed[3] = { e->org, e->repo, store };
    if (environment.len > 0 && kt_str_starts(e->action, KT_STR("environment.")))
        tail = name.len > 0 ? kt_arena_cat3(a, environment, KT_STR("/"), name) : environment;
    ev->secret = kt_secret_id(a, "github", fixed, 3, tail, name.len == 0);
    ev->secret_guess = e->org.len == 0;
    ev->secret_native = name;
}

/* Keys, tokens and settings are no secrets of a store: only named. */
static void thing(const struct entry *e, struct kt_event *ev)
{
    static const char *const names[] = { "title",
                                         "user_programmatic_access_name",
                                         "oauth_application",
                                         "integration",
                                         "name",
                                         "fingerprint",
                                         NULL };
    static const char *const ids[] = { "number", "deploy_key_id", "token_id", NULL };
    struct kt_arena *a = e->in->arena;
    struct kt_str name = first_of(e->root, names);
    for (size_t i = 0; name.len == 0 && ids[i] != NULL; i++) {
        struct kt_jval id = kt_json_get(e->root, kt_str_of(ids[i]));
        if (kt_json_type(id) == KT_JSON_NUMBER || kt_json_type(id) == KT_JSON_STRING)
            name = kt_json_text(id);
    }
    struct kt_str where = e->repo.len > 0 ? kt_arena_cat3(a, e->org, KT_STR("/"), e->repo) : e->org;
    ev->secret_native = name.len > 0 && where.len > 0 ? kt_arena_cat3(a, where, KT_STR("/"), name)
                        : name.len > 0                ? name
                                                      : where;
}

/* ---- who ---- */

static void who(const struct entry *e, struct kt_event *ev)
{
    struct kt_str login = kt_json_str_at(e->root, "actor");
    struct kt_str identity = kt_json_str_at(e->root, "external_identity_nameid");
    bool bot = kt_json_bool(kt_json_get(e->root, KT_STR("actor_is_bot")), false) ||
               kt_str_ends(login, KT_STR("[bot]"));
    struct kt_jval id = kt_json_get(e->root, KT_STR("actor_id"));
    ev->actor_kind = bot ? KT_ACTOR_SERVICE : KT_ACTOR_HUMAN;
    ev->actor =
        kt_actor_at(e->in->arena, kt_actor_is_email(identity) ? identity : login, KT_STR(HERE));
    if (ev->actor.len == 0)
        ev->actor_kind = KT_ACTOR_UNKNOWN;
    ev->actor_name = login;
    if (kt_json_type(id) == KT_JSON_NUMBER || kt_json_type(id) == KT_JSON_STRING)
        ev->actor_native = kt_json_text(id);
    ev->credential = kt_json_str_at(e->root, "hashed_token");
}

/* ---- when, where ---- */

/* Since the epoch in ms, seldom in s; or text. */
static void when(const struct entry *e, struct kt_event *ev)
{
    static const char *const names[] = { "@timestamp", "created_at" };
    for (size_t i = 0; i < KT_ARRAY_LEN(names) && ev->time == 0; i++) {
        struct kt_str text = kt_json_text(kt_json_get(e->root, kt_str_of(names[i])));
        int64_t n = 0;
        ev->precision = KT_NS_MS;
        if (!kt_str_i64(text, &n)) {
            if (kt_time_parse_loose(text, &ev->time, &ev->precision, NULL) != KT_OK)
                ev->time = 0;
        } else if (n > 0 && n < YEAR_2100) {
            ev->time = n * KT_NS_S;
            ev->precision = KT_NS_S;
        } else if (n >= YEAR_2100 && n < YEAR_2100 * 1000) {
            ev->time = n * KT_NS_MS;
        }
    }
}

static void where(const struct entry *e, struct kt_event *ev)
{
    struct kt_str ip = kt_json_str_at(e->root, "actor_ip");
    ev->has_ip = kt_ip_parse(ip, &ev->ip);
    ev->ip_trust = ev->has_ip ? KT_TRUST_EDGE : KT_TRUST_NONE;
    if (!ev->has_ip)
        ev->ip_raw = ip;
    ev->user_agent = kt_utf8_cut(kt_json_str_at(e->root, "user_agent"), USER_AGENT_MAX);
    ev->country_claimed = kt_json_str_at(e->root, "actor_location.country_code");
    ev->request_id = kt_json_str_at(e->root, "request_id");
}

/* ---- the entry ---- */

/* Without an id of its own an entry is known by what is kept of it. */
static void name_it(const struct entry *e, struct kt_event *ev)
{
    ev->scope = KT_STR(HERE);
    ev->native_id = kt_json_str_at(e->root, "_document_id");
    if (ev->native_id.len > 0)
        return;
    uint8_t digest[16];
    char text[KT_ID_TEXT];
    struct kt_str parts[] = { ev->raw,           ev->operation, ev->actor,
                              ev->secret_native, ev->secret,    ev->request_id };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), digest, sizeof digest);
    ev->native_id = kt_arena_str(e->in->arena, kt_str_of(kt_id_format(digest, text)));
    ev->scope = e->in->instance;
}

static const char *no_event(const struct entry *e)
{
    if (kt_json_type(kt_json_get(e->root, KT_STR("sender"))) == KT_JSON_OBJECT)
        return "webhook, no audit log entry";
    return kt_str_find_byte(e->action, '.', 0) > 0 ? "not about secrets" : "no audit log entry";
}

static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    struct entry e = take_apart(in);
    struct kt_event ev = { .kind = KT_KIND_ACCESS, .outcome = KT_OUT_SUCCESS };
    struct kt_str store;
    (void)first;
    (void)err;
    if (!kt_gh_verb_of(e.action, &ev.action, &store)) {
        to->skip(to, no_event(&e));
        return KT_OK;
    }
    kt_kept_whole(e.root, kt_gh_keep_root, in->raw, in->unknown_fields, &ev);
    ev.operation = e.action;
    if (kt_str_ends(e.action, KT_STR("_failure")))
        ev.outcome = KT_OUT_FAILURE;
    when(&e, &ev);
    who(&e, &ev);
    where(&e, &ev);
    if (store.len > 0)
        secret(&e, store, &ev);
    else
        thing(&e, &ev);
    name_it(&e, &ev);
    to->event(to, &ev);
    return KT_OK;
}

static const char *const limits[] = {
    "GitHub never logs who read a secret: this source shows changes only",
    NULL,
};

const struct kt_source kt_source_github = {
    .name = "github",
    .summary = "GitHub audit log: secrets of Actions, Codespaces, Dependabot; keys, tokens",
    .version = 1,
    .split = KT_SPLIT_OBJECTS,
    .needles = kt_gh_needles,
    .decode = decode,
    .salvage_id = "_document_id",
    .salvage_action = "action",
    .salvage_time = "created_at",
    .known_keys = kt_gh_known_keys,
    .lateness = 10 * KT_NS_MIN,
    .limits = limits,
};
