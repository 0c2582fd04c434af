/*
 * said: the words that every stream shares.
 *
 * Owns:  the names of events and how a verb reads in a sentence.
 * Calls: core/base, core/event. No I/O, no clock.
 */
#include "exporters/streams/said.h"

static const char *const names[KT_ACT_COUNT] = {
#define X(n, w) "secret." w,
    KT_ACTIONS(X)
#undef X
};
static const char *const kinds[KT_KIND_COUNT] = {
#define X(n, w) "keytrail." w,
    KT_KINDS(X)
#undef X
};
static const char *const verbs[KT_ACT_COUNT] = {
    [KT_ACT_OTHER] = "did something with",
    [KT_ACT_READ] = "read",
    [KT_ACT_READ_META] = "looked at the metadata of",
    [KT_ACT_LIST] = "listed",
    [KT_ACT_WRITE] = "wrote",
    [KT_ACT_ROTATE] = "rotated",
    [KT_ACT_DELETE] = "deleted",
    [KT_ACT_DESTROY] = "destroyed",
    [KT_ACT_RESTORE] = "restored",
    [KT_ACT_GRANT] = "granted access to",
    [KT_ACT_REVOKE] = "revoked access to",
    [KT_ACT_RENEW] = "renewed",
    [KT_ACT_ISSUE] = "was issued a credential by",
    [KT_ACT_USE] = "used",
    [KT_ACT_LOGIN] = "logged in at",
    [KT_ACT_EXPORT] = "exported",
    [KT_ACT_CONFIG] = "changed the configuration of",
};

bool kt_stream_is_access(const struct kt_stream_item *item)
{
    return item->what == KT_STREAM_EVENT &&
           (item->event->kind == KT_KIND_ACCESS || item->event->kind == KT_KIND_AMEND);
}

const char *kt_stream_name(const struct kt_stream_item *item)
{
    if (item->what == KT_STREAM_ALERT)
        return "keytrail.alert";
    return kt_stream_is_access(item) ? names[item->event->action] : kinds[item->event->kind];
}

static struct kt_str thing_of(const struct kt_event *ev)
{
    const struct kt_str likely[] = { ev->secret, ev->secret_native, ev->store, ev->instance,
                                     ev->source };
    for (size_t i = 0; i < sizeof likely / sizeof likely[0]; i++)
        if (likely[i].len > 0)
            return likely[i];
    return KT_STR("something");
}

static struct kt_str access_sentence(const struct kt_event *ev, struct kt_arena *arena)
{
    struct kt_str actor = ev->actor.len > 0          ? ev->actor
                          : ev->actor_native.len > 0 ? ev->actor_native
                                                     : KT_STR("somebody");
    struct kt_str thing = thing_of(ev);
    if (ev->action == KT_ACT_LOGIN) /* at the store, whatever secret the record names */
        thing = ev->instance.len > 0 ? ev->instance : ev->source;
    return kt_arena_fmt(arena, KT_STR_FMT " %s " KT_STR_FMT ": %s", KT_STR_ARG(actor),
                        verbs[ev->action], KT_STR_ARG(thing), kt_outcome_word(ev->outcome));
}

struct kt_str kt_stream_sentence(const struct kt_stream_item *item, struct kt_arena *arena)
{
    if (item->what == KT_STREAM_ALERT)
        return item->alert->title.len > 0 ? item->alert->title : KT_STR("alert");
    if (kt_stream_is_access(item))
        return access_sentence(item->event, arena);
    return item->event->message.len > 0     ? item->event->message
           : item->event->operation.len > 0 ? item->event->operation
                                            : kt_str_of(kt_kind_word(item->event->kind));
}

struct kt_str kt_stream_status(const struct kt_alert *a)
{
    if (a->merged_into.len > 0 || kt_str_is(kt_str_of(a->state), "closed"))
        return KT_STR("closed");
    return a->life.status.len > 0 ? a->life.status : KT_STR("open");
}

kt_time_ns kt_stream_time(const struct kt_stream_item *item)
{
    const struct kt_event *ev = item->event;
    if (item->what == KT_STREAM_ALERT)
        return item->stored;
    return ev->time != 0 ? ev->time : ev->observed != 0 ? ev->observed : item->arrival;
}

/* The last word of "secretmanager.v1.CreateSecret" or "repo_secret/create" begins with create. */
bool kt_stream_is_new(const struct kt_event *ev)
{
    ptrdiff_t dot = kt_str_rfind_byte(ev->operation, '.');
    ptrdiff_t slash = kt_str_rfind_byte(ev->operation, '/');
    size_t from = (size_t)((dot > slash ? dot : slash) + 1);
    return kt_str_is(ev->version, "1") ||
           kt_str_starts_nocase(kt_str_from_index(ev->operation, from), KT_STR("create"));
}

bool kt_stream_is_email(struct kt_str s)
{
    ptrdiff_t at = kt_str_find_byte(s, '@', 0);
    return at > 0 && kt_str_find_byte(s, '.', (size_t)at) > at + 1 &&
           kt_str_find_byte(s, ' ', 0) < 0 && kt_str_find_byte(s, '@', (size_t)at + 1) < 0;
}

struct kt_str kt_stream_last_part(struct kt_str secret)
{
    ptrdiff_t slash = kt_str_rfind_byte(secret, '/');
    struct kt_str last = kt_str_from_index(secret, (size_t)(slash + 1));
    return last.len > 0 ? last : secret;
}
