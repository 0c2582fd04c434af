/*
 * fetch: one HTTP request at a time on a thread of its own, so that a slow service never holds up
 * whoever else the agent reads.
 */
#pragma once
#include "core/sys/http.h"

struct kt_fetch;
struct kt_fetch *kt_fetch_new(void);
void kt_fetch_free(struct kt_fetch *f);       /* a request under way is given up */
int kt_fetch_fd(const struct kt_fetch *f);    /* readable when an answer waits; -1: ask by time */
bool kt_fetch_busy(const struct kt_fetch *f); /* a request is under way, or its answer not taken */
/* Copies r. Only when not busy. A request that cannot be made is an answer with status 0. */
void kt_fetch_start(struct kt_fetch *f, const struct kt_http_request *r);
/* false: nothing yet. Body and headers are the caller's to free. */
bool kt_fetch_take(struct kt_fetch *f, struct kt_http_answer *ret);
/* Is it no answer yet: none came, or one that says "later"? GitHub says so with 403, and until when
 * in headers of its own, which the request is to keep; a->retry_after is that time then. */
#define KT_FETCH_LATER_HEADERS "x-ratelimit-"
bool kt_fetch_is_later(struct kt_http_answer *a, kt_time_ns now);
