/* auditd, inside: what the files of this source share. Nobody else includes this. */
#pragma once
#include "agents/source.h"

/* ---- auditd_text.c: lines of the log -> one JSON object an event ----
 * {"node":…,"id":"SECONDS.MILLIS:SERIAL","when":…,"records":[{"type":"SYSCALL","exit":"3",…},…]}.
 * Values stand in it as they stand in the log; kt_auditd_text() makes text of them. Members of no
 * table are counted in "unknown". */
bool kt_auditd_gather(struct kt_str line, struct kt_arena *arena, struct kt_part *ret);
bool kt_auditd_json(struct kt_str record, struct kt_buf *out);
/* "quoted", bare, or the hex of what an untrusted program chose, without tokens. `(null)`, `?` and
 * the like are empty. */
struct kt_str kt_auditd_text(const struct kt_decode_in *in, struct kt_jval value);

/* ---- auditd_tables.c ---- */
enum auditd_kind {
    AUDITD_READ,
    AUDITD_META, /* something about the file, not what is in it */
    AUDITD_WRITE,
    AUDITD_DELETE,
    AUDITD_RENAME,
    AUDITD_GRANT,
    AUDITD_OPEN, /* flags in a1 */
    AUDITD_OPENAT,
    AUDITD_OPENAT2, /* flags in a record of their own */
};
struct auditd_call {
    const char *name;
    int number[4]; /* by enum auditd_arch; -1: has none */
    enum auditd_kind kind;
};
/* NULL: a call that no table knows. By name where the log was enriched. */
const struct auditd_call *kt_auditd_call(struct kt_str arch, struct kt_str number,
                                         struct kt_str name);
const struct auditd_call *kt_auditd_uring(struct kt_str op);
struct auditd_error {
    int number;
    const char *name;
    enum kt_outcome outcome;
};
/* NULL: an error that no table knows. */
const struct auditd_error *kt_auditd_error(struct kt_str exit);

/* One event of the kernel or of the daemon. */
struct auditd_event {
    const struct kt_decode_in *in;
    struct kt_str host;
    struct kt_jval call;               /* SYSCALL or URINGOP; the only record where neither is */
    struct kt_str type;                /* of call */
    struct kt_str exe, comm, key, ses; /* as text */
    struct kt_str cwd;
    struct kt_str agent; /* the coding agent that did it, or one of whose processes did */
};
/* The first record of a type. */
struct kt_jval kt_auditd_record(struct kt_jval root, const char *type);
/* A member of call as it stands in the log; empty when it is not known. */
struct kt_str kt_auditd_field(const struct auditd_event *x, const char *name);

/* ---- auditd_actor.c ---- */
void kt_auditd_who(const struct auditd_event *x, struct kt_event *ev);
/* The coding agent whose process, or whose child's, it was; empty: none. Remembers it. */
struct kt_str kt_auditd_learn_agent(const struct auditd_event *x);
/* Remembers the address that a session came from; false when this tells none. */
bool kt_auditd_learn_login(const struct auditd_event *x);
void kt_auditd_where(const struct auditd_event *x, struct kt_event *ev);

/* ---- auditd_serials.c ---- */
/* Finds when more numbers of events are missing than can be chance. */
void kt_auditd_look_at_serial(const struct auditd_event *x, struct kt_emit *to);

/* ---- auditd_paths.c ---- */
#define AUDITD_PATHS_MAX 64u
struct auditd_path {
    struct kt_jval record;
    struct kt_str name; /* absolute where that can be told */
    struct kt_str role; /* nametype */
    bool guess, folder;
};
/* The paths of an event, without the folders that hold them unless there are no others. */
unsigned kt_auditd_paths(const struct auditd_event *x, const struct auditd_call *call,
                         struct auditd_path *ret);
/* A number of base 8 or 16; of a wider register the lower half. */
bool kt_auditd_number(struct kt_str s, unsigned base, unsigned *ret);
