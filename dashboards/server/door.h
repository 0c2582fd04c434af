/*
 * door: the page's own control socket: whoever runs the page, or root, gets a one-time link there
 * (`keytrail dashboard login`). {"do":"login","user":"alice","role":"viewer"} is answered
 * {"url":"http://127.0.0.1:7430/#token=…","user":"alice","role":"viewer"}; role may be absent.
 * {"do":"status"} is answered {"version":"0.1.0","url":"http://127.0.0.1:7430"}, for `keytrail
 * doctor`.
 */
#pragma once
#include "core/config/config.h"
#include "core/sys/clock.h"
#include "dashboards/server/auth.h"

struct kt_web_door;
struct kt_web_door_options { /* all lent */
    const char *path;        /* of the socket */
    const char *address;     /* "http://127.0.0.1:7430", "unix:/path": where the page listens */
    const struct kt_strings *hosts; /* names it is reached by */
    struct kt_web_auth *auth;
    const struct kt_clock *clock;
};
KT_MUST_USE enum kt_status kt_web_door_open(const struct kt_web_door_options *o,
                                            struct kt_web_door **ret, struct kt_error *err);
/* Links go there from now on; the socket stays where it is. */
void kt_web_door_leads_to(struct kt_web_door *d, const struct kt_web_door_options *o);
void kt_web_door_close(struct kt_web_door *d);
unsigned kt_web_door_fds(const struct kt_web_door *d, int *fds, unsigned max);
void kt_web_door_turn(struct kt_web_door *d); /* never blocks */
/* The same link, for a page that prints it when it starts. The token is in the fragment: no server
 * and no preview of links gets to see it. */
KT_MUST_USE enum kt_status kt_web_door_link(const struct kt_web_door_options *o, struct kt_str user,
                                            const enum kt_role *role, struct kt_buf *ret,
                                            struct kt_error *err);
