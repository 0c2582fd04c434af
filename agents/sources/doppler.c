/*
 * doppler: one record of Doppler's log stream, activity log API or webhooks -> events (SOURCES §4).
 * A record that names several secrets gives one event for each.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event. No I/O, no clock.
 */
#include "agents/sources/doppler.h"

#include "agents/sources/actor.h"
#include "core/base/enc.h"
#include "core/base/hash.h"

static struct kt_str first_of(struct kt_jval v, const char *const *paths)
{
    for (; *paths != NULL; paths++) {
        struct kt_str s = kt_json_str_at(v, *paths);
        if (s.len > 0)
            return s;
    }
    return KT_STR_NONE;
}

static struct dp_record take_apart(const struct kt_decode_in *in)
{
    static const char *const workplaces[] = { "workplace.name", "workplace.id", NULL };
    static const char *const projects[] = { "metadata.projectName",
                                            "metadata.projectId",
                                            "config.project",
                                            "project.name",
                                            "project.id",
                                            "project",
                                            NULL };
    static const char *const configs[] = { "metadata.configName", "config.name", "config", NULL };
    struct dp_record r = {
        .in = in,
        .root = in->root,
        .metadata = kt_json_get(in->root, KT_STR("metadata")),
        .type = kt_json_str_at(in->root, "type"),
        .project = first_of(in->root, projects),
        .config = first_of(in->root, configs),
        .workplace = first_of(in->root, workplaces),
    };
    r.diff = kt_json_get(r.metadata, KT_STR("diff"));
    if (kt_json_type(r.diff) == KT_JSON_NONE)
        r.diff = kt_json_get(in->root, KT_STR("diff"));
    if (r.workplace.len == 0) {
        r.workplace = in->cluster;
        r.guess = kt_str_eq(in->cluster, in->instance);
    }
    return r;
}

/* ---- who ---- */

static const struct {
    const char *kind, *prefix;
    enum kt_actor_kind actor;
} kinds[] = {
    { "", "", KT_ACTOR_HUMAN }, /* records of the API and older streams do not say it */
    { "user", "", KT_ACTOR_HUMAN },
    { "serviceAccount", "", KT_ACTOR_SERVICE },
    { "apiToken", "token/", KT_ACTOR_SERVICE },
    { "bot", "", KT_ACTOR_SERVICE },
};

static void who(const struct dp_record *r, struct kt_event *ev)
{
    struct kt_jval user = kt_json_get(r->root, KT_STR("user"));
    struct kt_str kind = kt_json_str_at(user, "kind"), slug = kt_json_str_at(user, "slug");
    struct kt_str name = kt_json_str_at(user, "name"), email = kt_json_str_at(user, "email");
    const char *prefix = "";
    struct kt_str id = name;
    for (size_t i = 0; i < KT_ARRAY_LEN(kinds); i++) {
        if (!kt_str_is(kind, kinds[i].kind))
            continue;
        ev->actor_kind = kinds[i].actor;
        prefix = kinds[i].prefix;
    }
    if (email.len > 0)
        id = email;
    else if (name.len == 0)
        id = slug.len > 0 ? slug : kt_json_str_at(user, "username");
    if (id.len > 0 && email.len == 0)
        id = kt_arena_cat(r->in->arena, kt_str_of(prefix), id);
    ev->actor = kt_actor_at(r->in->arena, id, r->workplace);
    if (ev->actor.len == 0)
        ev->actor_kind = KT_ACTOR_UNKNOWN;
    ev->actor_native = slug;
    ev->actor_name = name;
    if (kt_str_is(kind, "apiToken"))
        ev->credential = slug;
}

/* ---- when, where, why ---- */

static void when(const struct dp_record *r, struct kt_event *ev)
{
    static const char *const names[] = { "createdAt", "created_at", NULL };
    if (kt_time_parse_loose(first_of(r->root, names), &ev->time, &ev->precision, NULL) != KT_OK)
        ev->time = 0;
}

/* Doppler's servers saw the address; only reads have one. */
static void where(const struct dp_record *r, struct kt_event *ev)
{
    struct kt_jval session = kt_json_get(r->root, KT_STR("session"));
    struct kt_str ip = kt_json_str_at(session, "ip");
    ev->has_ip = kt_ip_parse(ip, &ev->ip);
    ev->ip_trust = ev->has_ip ? KT_TRUST_EDGE : KT_TRUST_NONE;
    if (!ev->has_ip)
        ev->ip_raw = ip;
    ev->user_agent = kt_json_str_at(session, "method");
    ev->user_agent = kt_dp_join(r->in->arena, ev->user_agent, kt_json_str_at(session, "browser"));
    ev->user_agent = kt_dp_join(r->in->arena, ev->user_agent, kt_json_str_at(session, "os"));
}

static struct kt_str reference(struct kt_jval v)
{
    static const char *const names[] = { "slug", "url", "title", NULL };
    struct kt_str id = kt_json_text(kt_json_get(v, KT_STR("id")));
    if (kt_json_type(v) == KT_JSON_OBJECT)
        return id.len > 0 ? id : first_of(v, names);
    return kt_json_type(v) == KT_JSON_NULL ? KT_STR_NONE : kt_json_text(v);
}

static void why(const struct dp_record *r, struct kt_event *ev)
{
    ev->reason = kt_json_str_at(r->metadata, "reason");
    ev->ticket = reference(kt_json_get(r->metadata, KT_STR("changeRequest")));
    if (ev->ticket.len == 0)
        ev->ticket = reference(kt_json_get(r->metadata, KT_STR("pullRequest")));
}

/* ---- the kinds of records ---- */

/* Of what is kept: a digest of the whole record would let anybody try values against it. */
static struct kt_str digest_of(const struct dp_record *r, const struct kt_event *ev,
                               struct kt_str also)
{
    uint8_t digest[16];
    char text[KT_ID_TEXT];
    struct kt_buf *b = r->in->raw;
    kt_buf_reset(b);
    kt_keep_write(r->root, kt_dp_keep_root, b, NULL);
    struct kt_str parts[] = { kt_buf_str(b), r->type, ev->actor, r->project, r->config, also };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), digest, sizeof digest);
    kt_buf_reset(b);
    return kt_arena_str(r->in->arena, kt_str_of(kt_id_format(digest, text)));
}

/* The id of the API is the slug of the stream: one activity, whichever way it came. */
static void name_it(const struct dp_record *r, const char *member, struct kt_event *ev)
{
    ev->scope = KT_STR("activity");
    ev->native_id = kt_json_str_at(r->root, member);
    if (ev->native_id.len > 0)
        return;
    ev->native_id = digest_of(r, ev, KT_STR_NONE);
    ev->scope = r->in->instance;
}

static void activity(const struct dp_record *r, struct kt_event *ev, struct kt_emit *to)
{
    name_it(r, "slug", ev);
    ev->operation = r->type;
    ev->action = kt_dp_verb_of_type(r->type);
    kt_dp_change(r, ev, to);
}

/* A record of the API has no type, only a sentence. */
static void log_entry(const struct dp_record *r, struct kt_event *ev, struct kt_emit *to)
{
    name_it(r, "id", ev);
    ev->action = kt_dp_verb_of_text(kt_json_str_at(r->root, "text"), &ev->operation);
    kt_dp_change(r, ev, to);
}

/* A notice says neither who nor when, and the next one about the same config has the same bytes:
 * only when it was read tells them apart, and how many of them came before. */
static void webhook(const struct dp_record *r, struct kt_event *ev, struct kt_emit *to)
{
    struct kt_arena *a = r->in->arena;
    struct kt_str key = kt_arena_cat(a, KT_STR("notice "), digest_of(r, ev, KT_STR_NONE));
    uint64_t n = 0;
    if (!kt_str_u64(kt_source_recall(r->in->memory, key), &n))
        n = 0;
    kt_source_remember(r->in->memory, key, kt_arena_fmt(a, "%llu", (unsigned long long)n + 1));
    ev->native_id = digest_of(
        r, ev, kt_arena_fmt(a, "%lld %llu", (long long)r->in->observed, (unsigned long long)n));
    ev->scope = r->in->instance;
    ev->operation = r->type;
    ev->action = kt_dp_verb_of_type(r->type);
    kt_dp_change(r, ev, to);
}

/* ---- the record ---- */

static bool has(const struct dp_record *r, const char *name)
{
    return kt_json_type(kt_json_get(r->root, kt_str_of(name))) != KT_JSON_NONE;
}

static void (*kind_of(const struct dp_record *r))(const struct dp_record *, struct kt_event *,
                                                  struct kt_emit *)
{
    if (kt_str_is(r->type, "security.secret_read"))
        return kt_dp_read;
    if (r->type.len == 0)
        return has(r, "id") && has(r, "created_at") ? log_entry : NULL;
    if (!has(r, "createdAt") && !has(r, "slug") &&
        kt_json_type(kt_json_get(r->root, KT_STR("config"))) == KT_JSON_OBJECT)
        return webhook;
    return has(r, "slug") || has(r, "createdAt") || has(r, "workplace") ? activity : NULL;
}

static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    struct dp_record r = take_apart(in);
    struct kt_event ev = { .kind = KT_KIND_ACCESS, .outcome = KT_OUT_SUCCESS };
    void (*kind)(const struct dp_record *, struct kt_event *, struct kt_emit *) = kind_of(&r);
    (void)first;
    (void)err;
    if (kind == NULL) {
        to->skip(to, "no Doppler event");
        return KT_OK;
    }
    who(&r, &ev);
    when(&r, &ev);
    where(&r, &ev);
    why(&r, &ev);
    kind(&r, &ev, to);
    return KT_OK;
}

static const char *const arrays[] = { "logs", "Messages", NULL };
static const char *const members[] = { "log", "Body", "message", NULL };

static const char *const limits[] = {
    "refused reads are no records at Doppler: all of its events are successes",
    NULL,
};

const struct kt_source kt_source_doppler = {
    .name = "doppler",
    .summary = "Doppler: secret reads and activity of the log stream, activity log API, webhooks",
    .version = 2,
    .split = KT_SPLIT_OBJECTS,
    .wrap_arrays = arrays,
    .wrap_members = members,
    .decode = decode,
    .salvage_id = "slug",
    .salvage_action = "type",
    .salvage_time = "createdAt",
    .known_keys = kt_dp_known_keys,
    .lateness = 10 * KT_NS_MIN,
    .limits = limits,
    .no_reads = "no read of a secret has come: Doppler's activity-log API never has them; send its "
                "log stream to http_listen or an SQS queue",
    .poll = &kt_doppler_poll,
};
