/* host: what sources share that watch a host itself: its secret files, programs and users. */
#pragma once
#include "core/event/event.h"

/* Files that hold secrets by their name, wherever they lie. */
bool kt_host_is_secret_file(struct kt_str path);

/* A running program: its file, the name of its process, the first words of its command line, which
 * are looked at where an interpreter runs it. */
struct kt_host_program {
    struct kt_str exe, comm, words[3];
    unsigned n_words;
};
/* The coding agent that it is, such as "claude-code"; NULL: none. */
const char *kt_host_agent(const struct kt_host_program *p);
/* How it is shown: its file, with the name of the process where that differs. */
struct kt_str kt_host_program_name(struct kt_arena *a, struct kt_str exe, struct kt_str comm);

/* Who a process is. Numbers as text; names where the host told them; all may be empty. */
struct kt_host_user {
    struct kt_str host, login, login_name, id, name; /* login: stays through sudo */
    struct kt_str agent;                             /* the coding agent that it acts for */
    struct kt_str session;                           /* of the login */
};
bool kt_host_is_unset(struct kt_str id); /* empty, -1, 4294967295, "unset" */
/* Fills actor, actor_native, actor_kind, role, via and session. */
void kt_host_who(struct kt_arena *a, const struct kt_host_user *u, struct kt_event *ev);
