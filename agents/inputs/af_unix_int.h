/* af_unix, inside: what the files of this input share. Nobody else includes this. */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"

/* ---- af_unix_conf.c ---- */
struct kt_af_unix_conf {
    struct kt_str path; /* of the socket, from `args`; empty: there is none in it */
    bool active;
};
/* The text of auditd's plugins.d/af_unix.conf (auditd-plugins(5)): lines of `name = value`, `#`
 * begins a comment. `args` of 3.0 is "MODE PATH", later versions put words behind. Borrowed from
 * text. */
void kt_af_unix_conf(struct kt_str text, struct kt_af_unix_conf *ret);

/* ---- af_unix_hear.c: connects and reads on a thread of its own ---- */
struct kt_hear_options {
    const char *path; /* of the socket; NULL: whatever a configuration file of auditd says */
    const char *conf; /* that file; NULL: the usual places */
    size_t room;      /* bytes that may wait to be taken */
};
struct kt_hear;
KT_MUST_USE enum kt_status kt_hear_open(const struct kt_hear_options *o, struct kt_hear **ret,
                                        struct kt_error *err);
/* Reads once more what can be read and hangs up; what waits can still be taken. */
void kt_hear_stop(struct kt_hear *h);
void kt_hear_free(struct kt_hear *h);
int kt_hear_fd(const struct kt_hear *h); /* readable when there is something to take */
/* Puts up to `max` bytes of the lines that came in the place of what is in ret. *ret_cut: lines
 * that followed them were dropped; they end with a line then. True: more wait. */
bool kt_hear_take(struct kt_hear *h, size_t max, struct kt_buf *ret, bool *ret_cut);
struct kt_hear_status {
    uint64_t connections;
    uint64_t shed, torn; /* lines for which there was no room; without an end, or too long */
    size_t waiting;      /* bytes */
    bool connected;
    char path[108], problem[200]; /* why it is not connected */
};
void kt_hear_status(struct kt_hear *h, struct kt_hear_status *ret);
