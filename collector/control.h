/*
 * control: the collector's control socket (unix stream, 0600, peer uid checked: same user or root).
 * A request is one JSON line; an answer is JSON lines and then an empty one. docs/control.md.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/wire/control_client.h"

#define KT_CONTROL_LINES_MAX 1024u

struct kt_control_line { /* of an import */
    int64_t arrival;     /* ns, 0 = now */
    struct kt_str line;
};

struct kt_control;
struct kt_control_handler {
    /* request: a whole JSON line ("{"do":"status"}"). Append the answer (one or more JSON lines).
     */
    enum kt_status (*request)(void *self, struct kt_str request, struct kt_buf *answer,
                              struct kt_error *err);
    /* Lines of {"do":"import","origin":"feed","lines":[{"arrival":ns,"line":"…"},…]}, taken apart
     * by control.c (a line may be longer than other strings); at most KT_CONTROL_LINES_MAX. */
    enum kt_status (*import)(void *self, struct kt_str origin, const struct kt_control_line *lines,
                             uint32_t n, struct kt_buf *answer, struct kt_error *err);
    void *self;
};
KT_MUST_USE enum kt_status kt_control_open(const char *path, const struct kt_control_handler *h,
                                           struct kt_control **ret, struct kt_error *err);
void kt_control_close(struct kt_control *c);
unsigned kt_control_fds(const struct kt_control *c, int *fds, unsigned max);
/* Accepts, reads, answers what is ready; never blocks. */
void kt_control_turn(struct kt_control *c);
bool kt_control_pending(const struct kt_control *c); /* an answer waits for its reader: turn soon */
