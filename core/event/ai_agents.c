/*
 * ai_agents: which programs and clients are coding agents.
 *
 * Owns:  the tables.
 * Calls: core/base.
 */
#include "core/event/ai_agents.h"

#include "core/base/err.h"

/* By a name, as a whole or with one of these behind it: " ", "-", "_", "." Short words that other
 * programs carry too mean something beside an ancestor on a host, not in a user agent. */
static const struct {
    const char *name, *agent;
    bool in_clients;
} agents[] = {
    { "claude", "claude-code", true },
    { "cursor-agent", "cursor", true },
    { "cursor", "cursor", true },
    { "githubcopilot", "github-copilot", true },
    { "copilot", "github-copilot", false },
    { "aider", "aider", true },
    { "codex", "codex", true },
    { "gemini-cli", "gemini-cli", true },
    { "geminicli", "gemini-cli", true },
    { "gemini", "gemini-cli", false },
    { "opencode", "opencode", true },
    { "windsurf", "windsurf", true },
    { "goose", "goose", false },
    { "amp", "amp", false },
    { "crush", "crush", false },
    { "cline", "cline", true },
    { "openhands", "openhands", true },
    { "qwen-code", "qwen-code", true },
    { "qwen", "qwen-code", false },
    { "devin", "devin", true },
    { "auggie", "augment", true },
    { "amazon-q", "amazon-q", true },
    { "amazonq", "amazon-q", true },
    { "kiro", "kiro", true },
    { "mcp", "mcp", true },
    { "modelcontextprotocol", "mcp", true },
};
/* By a folder on the way to the program, where its own name says nothing. */
static const struct {
    const char *folder, *agent;
} agent_folders[] = {
    { "/claude/versions/", "claude-code" },   { "/@anthropic-ai/claude-code/", "claude-code" },
    { "/.cursor-server/", "cursor" },         { "/@openai/codex", "codex" },
    { "/@google/gemini-cli/", "gemini-cli" }, { "/.windsurf-server/", "windsurf" },
    { "/@github/copilot", "github-copilot" },
};

static const char *agent_named(struct kt_str name, bool client)
{
    char first = name.len > 0 ? name.at[0] : '\0'; /* spares nearly all comparisons */
    if (first >= 'A' && first <= 'Z')
        first = (char)(first + ('a' - 'A'));
    for (size_t i = 0; i < KT_ARRAY_LEN(agents); i++) {
        if (agents[i].name[0] != first)
            continue;
        struct kt_str want = kt_str_of(agents[i].name);
        if ((client && !agents[i].in_clients) || !kt_str_starts_nocase(name, want))
            continue;
        char behind = name.len > want.len ? name.at[want.len] : ' ';
        if (behind == ' ' || behind == '-' || behind == '_' || behind == '.')
            return agents[i].agent;
    }
    return NULL;
}

const char *kt_ai_agent_of_program(struct kt_str program)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(agent_folders); i++)
        if (kt_str_has(program, kt_str_of(agent_folders[i].folder)))
            return agent_folders[i].agent;
    ptrdiff_t slash = kt_str_rfind_byte(program, '/');
    return agent_named(kt_str_from_index(program, (size_t)(slash + 1)), false);
}

/* Of AWS's SDKs: behind these stands what a program calls itself. Not so exec-env: that is where it
 * runs, be it an editor's terminal in which a person types. */
static bool says_itself(struct kt_str product)
{
    return kt_str_is(product, "app") || kt_str_is(product, "md");
}

const char *kt_ai_agent_of_client(struct kt_str user_agent)
{
    static const bool separates[256] = { [' '] = true, ['('] = true, [')'] = true, [';'] = true,
                                         [','] = true, ['+'] = true, ['#'] = true };
    const char *agent = NULL;
    for (size_t i = 0, end; i < user_agent.len && agent == NULL; i = end + 1) {
        size_t slash = SIZE_MAX; /* the first one, behind a name */
        for (end = i; end < user_agent.len && !separates[(unsigned char)user_agent.at[end]]; end++)
            slash = user_agent.at[end] == '/' && slash == SIZE_MAX ? end : slash;
        if (slash == SIZE_MAX || slash == i)
            continue;
        struct kt_str product = kt_str_sub(user_agent, i, slash - i);
        if (says_itself(product))
            product = kt_str_sub(user_agent, slash + 1, end - slash - 1);
        agent = agent_named(product, true);
    }
    return agent;
}
