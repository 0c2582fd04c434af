/*
 * auditd_actor: who did it and from where: login identity, process, coding agent, the address of
 * the session.
 *
 * Owns:  nothing; sessions and agents' processes are remembered by the engine.
 * Calls: core/base, core/event.
 */
#include "agents/sources/auditd.h"
#include "agents/sources/host.h"

#define ANCESTORS_MAX 16u
#define AGE_MAX       12 /* hours that a number of a process is taken for the same one */

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

/* ---- who ---- */

/* The name that the host itself gave the number, where its log is enriched. */
static struct kt_str user_name(const struct auditd_event *x, const char *name)
{
    struct kt_str text = kt_auditd_text(x->in, kt_json_get(x->call, kt_str_of(name)));
    bool none = kt_str_starts(text, KT_STR("unknown(")) || kt_host_is_unset(text);
    return none ? KT_STR_NONE : text;
}

void kt_auditd_who(const struct auditd_event *x, struct kt_event *ev)
{
    const struct kt_host_user u = {
        .host = x->host,
        .login = kt_auditd_field(x, "auid"),
        .login_name = user_name(x, "AUID"),
        .id = kt_auditd_field(x, "uid"),
        .name = user_name(x, "UID"),
        .agent = x->agent,
        .session = x->ses,
    };
    kt_host_who(x->in->arena, &u, ev);
}

/* ---- coding agents ---- */

static struct kt_str process_key(const struct auditd_event *x, struct kt_str id)
{
    if (id.len == 0)
        return KT_STR_NONE;
    return kt_arena_fmt(x->in->arena, "process %.*s %.*s %.*s", KT_STR_ARG(x->host),
                        KT_STR_ARG(x->ses), KT_STR_ARG(id));
}

/* An interpreter runs it: its program is one of the first words. */
static const char *agent_by_program(const struct auditd_event *x)
{
    struct kt_jval exec = kt_auditd_record(x->in->root, "EXECVE");
    struct kt_jval title = kt_auditd_record(x->in->root, "PROCTITLE");
    struct kt_host_program p = { .exe = x->exe, .comm = x->comm };
    struct kt_str rest = kt_auditd_text(x->in, kt_json_get(title, KT_STR("proctitle")));
    while (p.n_words < 2 && kt_str_split(&rest, '\0', &p.words[p.n_words]))
        p.n_words++;
    const char *agent = kt_host_agent(&p);
    p.words[0] = kt_auditd_text(x->in, kt_json_get(exec, KT_STR("a0")));
    p.words[1] = kt_auditd_text(x->in, kt_json_get(exec, KT_STR("a1")));
    p.n_words = 2;
    return agent != NULL ? agent : kt_host_agent(&p);
}

/* Of the event; in hours, so that what is remembered does not change with each record. */
static int64_t hour_of(const struct auditd_event *x)
{
    kt_time_ns when = 0;
    bool known = kt_time_parse(kt_json_str_at(x->in->root, "when"), &when, NULL) == KT_OK;
    return known ? when / KT_NS_HOUR : 0;
}

/* What is remembered of a process: "HOUR PARENT AGENT", the agent empty when it is none's. False:
 * nothing, or of a time from which its number may have gone to another. */
static bool recall(const struct auditd_event *x, struct kt_str id, struct kt_str *ret_parent,
                   struct kt_str *ret_agent)
{
    struct kt_str hour;
    int64_t then = 0, now = hour_of(x);
    *ret_agent = kt_source_recall(x->in->memory, process_key(x, id));
    if (!kt_str_split(ret_agent, ' ', &hour) || !kt_str_split(ret_agent, ' ', ret_parent) ||
        !kt_str_i64(hour, &then))
        return false;
    return now - then <= AGE_MAX && then - now <= AGE_MAX;
}

static struct kt_str agent_above(const struct auditd_event *x)
{
    struct kt_str id = kt_auditd_field(x, "ppid"), parent, agent;
    for (unsigned n = 0; n < ANCESTORS_MAX && id.len > 0 && recall(x, id, &parent, &agent); n++) {
        if (agent.len > 0)
            return kt_arena_str(x->in->arena, agent);
        id = kt_arena_str(x->in->arena, parent);
    }
    return KT_STR_NONE;
}

/* Its parents may be told about after it, so that each is remembered, whoever it is. A number is
 * used again for other processes: the newest counts. */
struct kt_str kt_auditd_learn_agent(const struct auditd_event *x)
{
    struct kt_str own = process_key(x, kt_auditd_field(x, "pid"));
    struct kt_str agent = kt_str_of(agent_by_program(x));
    if (agent.len == 0)
        agent = agent_above(x);
    if (own.len > 0)
        kt_source_remember(x->in->memory, own,
                           kt_arena_fmt(x->in->arena, "%lld %.*s %.*s", (long long)hour_of(x),
                                        KT_STR_ARG(kt_auditd_field(x, "ppid")), KT_STR_ARG(agent)));
    return agent;
}

/* ---- where from ---- */

static struct kt_str session_key(const struct auditd_event *x)
{
    if (kt_host_is_unset(x->ses))
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
