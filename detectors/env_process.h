/*
 * env_process: of an event of a host (sources auditd, fanotify), who opened a file of secrets with
 * which program. Strings borrow from the event.
 */
#pragma once
#include "core/event/event.h"
#include "detectors/programs.h"

enum kt_env_level { KT_ENV_ON_HOST, KT_ENV_IN_CLASS, KT_ENV_ANYWHERE, KT_ENV_LEVELS };
struct kt_env_class {          /* hosts that do the same work */
    struct kt_str name, hosts; /* hosts: a glob */
};
struct kt_env_process {
    struct kt_program program;
    enum kt_sort sort;
    struct kt_str host, user; /* user: without the host */
    bool person;              /* by a login; else a service */
    bool viewer;              /* a person with a program of the system that carries nothing away */
    bool look;                /* … at what applications connect with: .env files, stored logins */
    bool at_home;             /* a person as himself, a .env file below his own home */
    bool in_odd_place;        /* the program lies in /tmp or the like */
    bool odd;                 /* what a service has little use for */
    uint32_t who;             /* hash of the user */
    uint32_t host32;
    uint64_t host_key, class_key;
    uint64_t key[KT_ENV_LEVELS]; /* of its use: program and sort of file, by level */
};
/* All but the keys. */
struct kt_env_process kt_env_process_of(const struct kt_event *ev);
/* The keys; a host of no class (n of them) belongs to the one its name without its number names. */
void kt_env_process_keys(struct kt_env_process *p, const struct kt_env_class *classes, unsigned n);
