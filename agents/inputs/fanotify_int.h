/* fanotify, inside: what the files of this input share. Nobody else includes this. */
#pragma once
#include <sys/types.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/time.h"

/* ---- fanotify_marks.c: what the kernel is asked to tell about ---- */
#define KT_FAN_MARKS_MAX 4096u /* files and folders, at most */

struct kt_fan_marks;
/* paths: files, folders (with all below them, up to mount points) and globs (`*`, `?`, `[…]` within
 * a name); borrowed as long as the marks live. KT_E_CONFIG: the right to ask is missing, or a path
 * is none. */
KT_MUST_USE enum kt_status kt_fan_marks_open(const char *const *paths, unsigned n,
                                             struct kt_fan_marks **ret, struct kt_error *err);
void kt_fan_marks_free(struct kt_fan_marks *m);
/* Asks for what is there now. A file that was put in the place of another is another to the kernel,
 * so this is done again whenever names change, and from time to time. */
void kt_fan_marks_look(struct kt_fan_marks *m);
/* Have names changed where something is marked, or could come to be? Empties what the kernel told.
 */
bool kt_fan_marks_changed(struct kt_fan_marks *m);
int kt_fan_marks_events(const struct kt_fan_marks *m); /* the descriptor that events come from */
int kt_fan_marks_names(const struct kt_fan_marks *m);  /* readable when names changed */
/* The name under which a file was marked, NULL when it was not by itself. */
const char *kt_fan_marks_path(const struct kt_fan_marks *m, dev_t dev, ino_t ino);
unsigned kt_fan_marks_count(const struct kt_fan_marks *m);
const char *kt_fan_marks_problem(const struct kt_fan_marks *m); /* empty = fine */

/* ---- fanotify_who.c ---- */
/* Appends what /proc tells about a process and those that it comes from, as members of a JSON
 * object, each with a comma before it. Of one that is gone already that is its number alone. */
void kt_fan_who(pid_t pid, struct kt_buf *out);
/* The first of these: which program it runs. False: that cannot be asked (any more). */
bool kt_fan_program(pid_t pid, struct kt_buf *out);

/* ---- fanotify_hear.c: a thread that takes events at once and holds their records ---- */
struct kt_fan;
KT_MUST_USE enum kt_status kt_fan_open(const char *const *paths, unsigned n, struct kt_fan **ret,
                                       struct kt_error *err);
/* Hears once more what the kernel told, and gives out what is held; it can still be taken. */
void kt_fan_stop(struct kt_fan *f);
void kt_fan_free(struct kt_fan *f);
int kt_fan_fd(const struct kt_fan *f); /* readable when there are records */
/* Puts up to `max` bytes of the records that wait, one a line, in the place of what is in ret.
 * True: more wait. */
bool kt_fan_take(struct kt_fan *f, size_t max, struct kt_buf *ret);
struct kt_fan_counts {
    uint64_t events, records; /* as the kernel told them; what became of them */
    uint64_t overflows;       /* times that the kernel had no room and dropped events */
    uint64_t shed;            /* records for which we had no room */
    size_t waiting;           /* bytes */
    unsigned marks;
    char problem[200]; /* of the marks */
};
void kt_fan_count(struct kt_fan *f, struct kt_fan_counts *ret);
