/*
 * dial: a connection out that bytes are written to: TLS, and to loopback addresses plain TCP or
 * UDP. What holds for HTTP targets holds here (THREATS H1, H2): verification always, the address
 * judged after resolution, nothing from the environment, bounded times.
 */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"
#include "core/base/time.h"

struct kt_dial; /* one receiver; connected when it is needed; one thread */
struct kt_dial_options {
    struct kt_str url;   /* tls://host[:6514], tcp://host[:514], udp://host[:514] */
    const char *ca_file; /* NULL = the system's certificates */
    /* Permits TLS to private addresses, and the others to loopback addresses at all. */
    bool allow_private;
    int wake_fd; /* readable: give up and come back; -1 = none */
};
/* Takes the URL apart; nothing is connected yet. KT_E_CONFIG says what is wrong with it. */
KT_MUST_USE enum kt_status kt_dial_new(const struct kt_dial_options *o, struct kt_dial **ret,
                                       struct kt_error *err);
void kt_dial_free(struct kt_dial *d);
bool kt_dial_is_datagram(const struct kt_dial *d);
/*
 * Writes all of it and waits until the receiver's kernel has it and the connection still stands;
 * over UDP one datagram, of which nothing is known later. Connects first where there is no
 * connection or the receiver has closed it: within 5 s. KT_E_IO, KT_E_AGAIN (woken, or not done
 * within limit): how much arrived is not known, and the connection is given up.
 */
KT_MUST_USE enum kt_status kt_dial_send(struct kt_dial *d, struct kt_str data, kt_time_ns limit,
                                        struct kt_error *err);
