/*
 * usual: files and folders of every host that hold secrets, where they are there.
 *
 * Owns:  the list.
 * Calls: nothing.
 */
#include "agents/inputs/usual.h"

#include <stddef.h>

const char *const kt_usual_places[] = {
    "/etc/shadow", "/etc/gshadow", "/etc/ssl/private", "/etc/letsencrypt/archive",
    "/root/.ssh",  "/root/.aws",   "/root/.kube",      "/root/.docker/config.json",
    NULL,
};
