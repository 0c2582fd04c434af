/*
 * auditd_actor: who did it and from where: login identity, process, coding agent, the address of
 * the session.
 *
 * Owns:  nothing; sessions and agents' processes are remembered by the engine.
 * Calls: core/base, core/event.
 */
#include "agents/sources/actor.h"
#include "agents/sources/auditd.h"

#define ARGUMENT_MAX 512u

struct kt_jval kt_auditd_record(struct kt_jval root, const char *type)
{
    struct kt_json_iter it = kt_json_iter(kt_json_get(root, KT_STR("records")));
    struct kt_str unused;
    struct kt_jval item;
    while (kt_json_next(&it, &unused, &item))
        if (kt_str_is(kt_json_str_at(item, "type"), type))
            return item;
    return (struct kt_jval){ NULL };
}

struct kt_str kt_auditd_field(const struct auditd_event *x, const char *name)
{
    struct kt_str s = kt_json_str(kt_json_get(x->call, kt_str_of(name)));
    return kt_str_is(s, "?") ? KT_STR_NONE : s;
}

static bool is_unset(struct kt_str id)
{
    return id.len == 0 || kt_str_is(id, "4294967295") || kt_str_is(id, "-1") ||
           kt_str_is(id, "unset");
}

/* ---- who ---- */

/* The name that the host itself gave the number, where its log is enriched. */
static struct kt_str user_name(const struct auditd_event *x, const char *number, const char *name)
{
    struct kt_str id = kt_auditd_field(x, number);
    struct kt_str text = kt_auditd_text(x->in->arena, kt_json_get(x->call, kt_str_of(name)));
    if (is_unset(id))
        return KT_STR_NONE;
    if (text.len > 0 && !kt_str_starts(text, KT_STR("unknown(")) && !is_unset(text))
        return text;
    return kt_str_is(id, "0") ? KT_STR("root") : id;
}

void kt_auditd_who(const struct auditd_event *x, struct kt_event *ev)
{
    struct kt_arena *a = x->in->arena;
    struct kt_str login = user_name(x, "auid", "AUID"), uid = user_name(x, "uid", "UID");
    bool person = login.len > 0;
    ev->actor = kt_actor_at(a, person ? login : uid, x->host);
    ev->actor_native = kt_auditd_field(x, person ? "auid" : "uid");
    ev->actor_kind = KT_ACTOR_UNKNOWN;
    if (person)
        ev->actor_kind = kt_str_is(ev->actor_native, "0") ? KT_ACTOR_ROOT : KT_ACTOR_HUMAN;
    else if (kt_auditd_field(x, "auid").len > 0)
        ev->actor_kind = KT_ACTOR_SERVICE;
    if (person && !kt_str_eq(kt_auditd_field(x, "auid"), kt_auditd_field(x, "uid")))
        ev->role = uid;
    if (x->agent.len > 0) {
        ev->actor_kind = KT_ACTOR_AI_AGENT;
        ev->via = x->agent;
    }
    ev->session = is_unset(x->ses) ? KT_STR_NONE : x->ses;
}

/* ---- coding agents ---- */

static struct kt_str process_key(const struct auditd_event *x, const char *member)
{
    struct kt_str id = kt_auditd_field(x, member);
    if (id.len == 0)
        return KT_STR_NONE;
    return kt_arena_fmt(x->in->arena, "process %.*s %.*s %.*s", KT_STR_ARG(x->host),
                        KT_STR_ARG(x->ses), KT_STR_ARG(id));
}

/* An interpreter runs it: its program is one of the first words. */
static const char *agent_by_words(const struct auditd_event *x)
{
    static const char *const words[] = { "a0", "a1", "a2" };
    struct kt_jval exec = kt_auditd_record(x->in->root, "EXECVE");
    struct kt_jval title = kt_auditd_record(x->in->root, "PROCTITLE");
    struct kt_str rest = kt_auditd_text(x->in->arena, kt_json_get(title, KT_STR("proctitle")));
    struct kt_str word;
    const char *agent = NULL;
    for (unsigned i = 0; agent == NULL && i < 2 && kt_str_split(&rest, '\0', &word); i++)
        agent = kt_auditd_agent(kt_str_sub(word, 0, ARGUMENT_MAX));
    for (size_t i = 0; agent == NULL && i < 2 && i < KT_ARRAY_LEN(words); i++)
        agent = kt_auditd_agent(kt_str_sub(
            kt_auditd_text(x->in->arena, kt_json_get(exec, kt_str_of(words[i]))), 0, ARGUMENT_MAX));
    return agent;
}

static bool runs_scripts(struct kt_str exe)
{
    static const char *const names[] = { "node", "python", "bun", "deno", "ruby", "java" };
    ptrdiff_t slash = kt_str_rfind_byte(exe, '/');
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++)
        if (kt_str_starts(kt_str_from_index(exe, (size_t)(slash + 1)), kt_str_of(names[i])))
            return true;
    return false;
}

/* A number is used again for other processes: what was remembered of it is forgotten when one does
 * something that is no agent's. */
struct kt_str kt_auditd_learn_agent(const struct auditd_event *x)
{
    struct kt_source_memory *m = x->in->memory;
    struct kt_str own = process_key(x, "pid"), parent = process_key(x, "ppid");
    const char *found = kt_auditd_agent(x->exe);
    if (found == NULL)
        found = kt_auditd_agent(x->comm);
    if (found == NULL && runs_scripts(x->exe))
        found = agent_by_words(x);
    struct kt_str agent = kt_str_of(found);
    if (agent.len == 0 && parent.len > 0)
        agent = kt_arena_str(x->in->arena, kt_source_recall(m, parent));
    bool known = own.len > 0 && kt_source_recall(m, own).len > 0;
    if (own.len > 0 && (agent.len > 0 || known))
        kt_source_remember(m, own, agent);
    return agent;
}

/* ---- where from ---- */

static struct kt_str session_key(const struct auditd_event *x)
{
    if (is_unset(x->ses))
        return KT_STR_NONE;
    return kt_arena_cat3(x->in->arena, KT_STR("session "), x->ses,
                         kt_arena_cat(x->in->arena, KT_STR(" "), x->host));
}

/* A failed try stands under the session of whoever started the daemon that was tried. */
static bool begins_session(const struct auditd_event *x)
{
    struct kt_str result = kt_auditd_field(x, "res");
    bool type = kt_str_is(x->type, "USER_LOGIN") || kt_str_is(x->type, "USER_START");
    return type && (kt_str_is(result, "success") || kt_str_is(result, "1"));
}

bool kt_auditd_learn_login(const struct auditd_event *x)
{
    struct kt_str addr = kt_auditd_field(x, "addr"), key = session_key(x);
    struct kt_ip ip;
    if (key.len == 0 || !begins_session(x) || !kt_ip_parse(addr, &ip))
        return false;
    kt_source_remember(x->in->memory, key, addr);
    return true;
}

void kt_auditd_where(const struct auditd_event *x, struct kt_event *ev)
{
    struct kt_str key = session_key(x);
    struct kt_str addr = key.len > 0 ? kt_source_recall(x->in->memory, key) : KT_STR_NONE;
    if (kt_auditd_field(x, "addr").len > 0)
        addr = kt_auditd_field(x, "addr");
    ev->has_ip = kt_ip_parse(addr, &ev->ip);
    ev->ip_trust = ev->has_ip ? KT_TRUST_EDGE : KT_TRUST_NONE;
    ev->host = x->host;
}
