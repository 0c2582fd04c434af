/*
 * ready: what /healthz and /readyz answer, for whoever restarts the page or sends people to it.
 * Pure: what was found goes in, a status and a sentence come out.
 */
#pragma once
#include "core/base/buf.h"

struct kt_ready {
    bool store;      /* it can be read */
    bool configured; /* there is a collector to ask */
    bool collector;  /* it answers */
};
/* /healthz: the process lives, whatever is behind it: 200. */
int kt_healthz(struct kt_buf *out);
/* /readyz: 200 when the store can be read and, where a collector is configured, that answers; else
 * 503. One line for each part, in plain text, without why: strangers read it. */
int kt_readyz(const struct kt_ready *r, struct kt_buf *out);
