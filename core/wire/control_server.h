/*
 * control_server: the answering end of a control socket (unix stream): of the collector, and of the
 * page. A request is one JSON line; an answer is JSON lines and then an empty one. docs/control.md.
 *
 * The peer's uid decides who is heard: the same user and root, the host; and one other user as a
 * guest, if one is named, whose requests the handler judges.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"

#define KT_CONTROL_LINES_MAX 1024u
#define KT_CONTROL_GUESTS    8u          /* connections of the guest: half of all */
#define KT_CONTROL_GUEST_MAX (64u << 10) /* bytes of a request of theirs; one a turn of each */

struct kt_control_line { /* of an import */
    int64_t arrival;     /* ns, 0 = now */
    struct kt_str line;
};

struct kt_control;
struct kt_control_handler {
    /* request: a whole JSON line ("{"do":"status"}"). Append the answer (one or more JSON lines).
     */
    enum kt_status (*request)(void *self, bool guest, struct kt_str request, struct kt_buf *answer,
                              struct kt_error *err);
    /* Lines of {"do":"import","origin":"feed","lines":[{"arrival":ns,"line":"…"},…]}, taken apart
     * here (a line may be longer than other strings); at most KT_CONTROL_LINES_MAX; never of a
     * guest. NULL: there are no imports. */
    enum kt_status (*import)(void *self, struct kt_str origin, const struct kt_control_line *lines,
                             uint32_t n, struct kt_buf *answer, struct kt_error *err);
    void *self;
};
/* guest: name of the user who is heard besides; NULL: nobody. Without one the file has mode 0600,
 * with one 0666: the peer's uid decides, as at the bus of D-Bus. KT_E_CONFIG: there is no such
 * user, or no socket can be at path. KT_E_DENIED: another one listens there. */
KT_MUST_USE enum kt_status kt_control_open(const char *path, const char *guest,
                                           const struct kt_control_handler *h,
                                           struct kt_control **ret, struct kt_error *err);
void kt_control_close(struct kt_control *c);
unsigned kt_control_fds(const struct kt_control *c, int *fds, unsigned max);
/* Accepts, reads, answers what is ready; never blocks. */
void kt_control_turn(struct kt_control *c);
bool kt_control_pending(const struct kt_control *c); /* an answer waits for its reader, or a
                                                        request for its turn: turn soon */
