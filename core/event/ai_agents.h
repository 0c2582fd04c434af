/*
 * ai_agents: which programs and clients are coding agents. One list for the sources that watch
 * hosts and for the detectors that read user agents.
 */
#pragma once
#include "core/base/str.h"

/* By the path or name of a program, such as "claude-code"; NULL: none. */
const char *kt_ai_agent_of_program(struct kt_str program);
/* By the products of a user agent, "claude-cli/2.0 (external)", "aws-cli/2.1 app/codex", and
 * servers of the Model Context Protocol ("mcp"); NULL: none. */
const char *kt_ai_agent_of_client(struct kt_str user_agent);
