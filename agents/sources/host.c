/*
 * host: what is the same wherever a host itself is watched: files that hold secrets, coding agents,
 * the spelling of its users.
 *
 * Owns:  the tables.
 * Calls: core/base, core/event.
 */
#include "agents/sources/host.h"

#include "agents/sources/actor.h"
#include "core/event/ai_agents.h"

#define WORD_MAX 512u

/* ---- files ---- */

/* Globs over the whole path: `*` stays inside one segment, `**` does not. */
static const char *const secret_files[] = {
    "**/.env",
    "**/.env.*",
    "**/*.env",
    "**/.envrc",
    "**/.aws/credentials",
    "**/.ssh/id_*",
    "**/ssh_host_*_key",
    "**/.netrc",
    "**/.pgpass",
    "**/.my.cnf",
    "**/.git-credentials",
    "**/.npmrc",
    "**/.pypirc",
    "**/.vault-token",
    "**/.docker/config.json",
    "**/.kube/config",
    "**/.config/gcloud/application_default_credentials.json",
    "**/.config/gcloud/credentials.db",
    "**/.azure/msal_token_cache.*",
    "**/.config/gh/hosts.yml",
    "**/.gnupg/private-keys-v1.d/*",
    "**/.gnupg/secring.gpg",
    "**/etc/shadow",
    "**/etc/gshadow",
    "**/etc/kubernetes/admin.conf",
    "**/run/secrets/**",
    "**/*.key",
    "**/*.p12",
    "**/*.pfx",
    "**/*.jks",
    "**/*.keystore",
    "**/*.kdbx",
    "**/privkey*.pem",
    "**/*-key.pem",
    "**/*_key.pem",
    "**/key.pem",
};
/* Of those, what is handed out to everybody. */
static const char *const public_files[] = {
    "**/*.pub", "**/.env.example", "**/.env.sample", "**/.env.template", "**/.env.dist",
};

static bool matches(struct kt_str path, const char *const *globs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (kt_str_glob(kt_str_of(globs[i]), path))
            return true;
    return false;
}

bool kt_host_is_secret_file(struct kt_str path)
{
    return matches(path, secret_files, KT_ARRAY_LEN(secret_files)) &&
           !matches(path, public_files, KT_ARRAY_LEN(public_files));
}

/* ---- coding agents ---- */

static bool runs_scripts(struct kt_str exe)
{
    static const char *const names[] = { "node", "python", "bun", "deno", "ruby", "java" };
    ptrdiff_t slash = kt_str_rfind_byte(exe, '/');
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++)
        if (kt_str_starts(kt_str_from_index(exe, (size_t)(slash + 1)), kt_str_of(names[i])))
            return true;
    return false;
}

const char *kt_host_agent(const struct kt_host_program *p)
{
    const char *agent = kt_ai_agent_of_program(p->exe);
    if (agent == NULL)
        agent = kt_ai_agent_of_program(p->comm);
    for (unsigned i = 0; agent == NULL && i < p->n_words && runs_scripts(p->exe); i++)
        agent = kt_ai_agent_of_program(kt_str_sub(p->words[i], 0, WORD_MAX));
    return agent;
}

/* ---- users ---- */

bool kt_host_is_unset(struct kt_str id)
{
    return id.len == 0 || kt_str_is(id, "4294967295") || kt_str_is(id, "-1") ||
           kt_str_is(id, "unset");
}

static struct kt_str user(struct kt_str id, struct kt_str name)
{
    if (kt_host_is_unset(id))
        return KT_STR_NONE;
    if (name.len > 0)
        return name;
    return kt_str_is(id, "0") ? KT_STR("root") : id;
}

void kt_host_who(struct kt_arena *a, const struct kt_host_user *u, struct kt_event *ev)
{
    struct kt_str login = user(u->login, u->login_name), own = user(u->id, u->name);
    bool person = login.len > 0;
    ev->actor = kt_actor_at(a, person ? login : own, u->host);
    ev->actor_native = person ? u->login : u->id;
    ev->actor_kind = KT_ACTOR_UNKNOWN;
    if (person)
        ev->actor_kind = kt_str_is(u->login, "0") ? KT_ACTOR_ROOT : KT_ACTOR_HUMAN;
    else if (u->login.len > 0)
        ev->actor_kind = KT_ACTOR_SERVICE;
    if (person && !kt_str_eq(u->login, u->id))
        ev->role = own;
    if (u->agent.len > 0) {
        ev->actor_kind = KT_ACTOR_AI_AGENT;
        ev->via = u->agent;
    }
    ev->session = kt_host_is_unset(u->session) ? KT_STR_NONE : u->session;
}

/* ---- programs ---- */

struct kt_str kt_host_program_name(struct kt_arena *a, struct kt_str exe, struct kt_str comm)
{
    struct kt_str shown = kt_utf8_cut(exe, WORD_MAX);
    struct kt_str program = kt_str_from_index(exe, (size_t)(kt_str_rfind_byte(exe, '/') + 1));
    if (exe.len == 0)
        return kt_utf8_cut(comm, WORD_MAX);
    if (comm.len == 0 || kt_str_starts(program, comm))
        return shown;
    return kt_arena_fmt(a, "%.*s (%.*s)", KT_STR_ARG(shown),
                        KT_STR_ARG(kt_utf8_cut(comm, WORD_MAX)));
}
