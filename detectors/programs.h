/*
 * programs: what is told of a process that opened a file of secrets on a host (sources auditd and
 * fanotify): its program, and of which sort the file is.
 */
#pragma once
#include "core/base/str.h"

struct kt_program {
    struct kt_str exe, name; /* its file; the last part of that */
    bool deleted;            /* the file is gone */
};
/* Of a user agent "/usr/bin/python3 (gunicorn)", "/tmp/x (deleted)". */
struct kt_program kt_program_of(struct kt_str user_agent);
/* In a folder of the system, which only its administrator writes to. */
bool kt_program_is_systems(const struct kt_program *p);

enum kt_sort {
    KT_SORT_ENV,
    KT_SORT_SSH,
    KT_SORT_HASHES,
    KT_SORT_CLOUD,
    KT_SORT_LOGINS,
    KT_SORT_KEYS,
    KT_SORT_OTHER,
    KT_SORTS
};
extern const char *const kt_sort_words[KT_SORTS]; /* ".env files" */
enum kt_sort kt_sort_of(struct kt_str path);
/* Is it a program of the system that is made to read such files? */
bool kt_program_is_own(const struct kt_program *p, enum kt_sort sort);

/* Does any of n globs hold? A NULL ends them early. */
bool kt_any_glob(struct kt_str text, const char *const *globs, size_t n);
