/*
 * inventory_store: what the input `inventory` and its stores share. A store is pure: a task in, a
 * request or secrets and more tasks out; the input asks, waits, retries and keeps count. One file a
 * store.
 *
 * A task is text that only the store understands: a page of a list, a folder, one secret. A round
 * begins with begin() and is over when no task is left; which of them failed is counted.
 */
#pragma once
#include "agents/inputs/fetch.h"
#include "core/base/arena.h"
#include "core/base/time.h"
#include "core/config/option.h"
#include "core/event/json.h"

#define INV_TAGS_MAX 32u

/* What a store says of one secret; what it does not say is empty. Dates in RFC 3339. */
struct inv_secret {
    struct kt_str id, native; /* id: canonical (SOURCES §0.4) */
    bool guess;               /* the id is not final */
    struct kt_str created, last_changed, last_rotated, next_rotation, last_accessed, expires,
        deleted, rotation_period, owner, changed_by, version;
    int rotation_enabled;            /* -1 no, 0 not said, 1 yes */
    struct kt_str tag[INV_TAGS_MAX]; /* names alone */
    unsigned n_tags;
};
struct inv_in {
    struct kt_str task;
    struct kt_str url;     /* without '/' at its end */
    struct kt_str cluster; /* label in ids */
    struct kt_str namespace, region;
    const struct kt_strings *within;
    kt_time_ns now;
    struct kt_arena *arena;
};
struct inv_request { /* texts live in the arena, or are static */
    bool post;
    struct kt_str url, body;
    struct kt_str target;    /* AWS: the call */
    struct kt_str header[2]; /* "Name: value"; empty ones are left out */
};
struct inv_out {
    void (*secret)(struct inv_out *o, const struct inv_secret *s);
    void (*task)(struct inv_out *o, struct kt_str task); /* copied */
};
enum inv_auth { INV_TOKEN, INV_AWS, INV_GOOGLE, INV_AZURE };
struct inv_store {
    const char *name, *summary;
    enum inv_auth auth;
    const char *token_header; /* INV_TOKEN: what stands before the token */
    bool mounted_token;       /* the token is put there by the platform, readable for others */
    const char *service;      /* INV_AWS: of the signature, and the first part of the host */
    const char *url;          /* NULL: must be configured (INV_AWS: made of service and region) */
    const char *within;       /* what `within` names, when it is needed; NULL: it may be empty */
    const char *denied;       /* what to do about 401 and 403 */
    void (*begin)(const struct inv_in *in, struct inv_out *out);
    void (*request)(const struct inv_in *in, struct inv_request *ret);
    /* status: 200 or 404. NULL, or what is wrong with the answer. */
    const char *(*hear)(const struct inv_in *in, int status, struct kt_jval root,
                        struct inv_out *out);
};
extern const struct inv_store *const inv_stores[]; /* NULL-ended */

/* inventory_text.c: what the stores need to read. */
/* A date given as text, or as seconds since the epoch (1.6E9 too), as RFC 3339; empty when neither.
 */
struct kt_str inv_date(struct kt_arena *a, struct kt_jval v);
struct kt_str inv_day(struct kt_arena *a, struct kt_jval v); /* its date alone */
/* Percent-encoded, '/' too. */
struct kt_str inv_escape(struct kt_arena *a, struct kt_str s);
void inv_add_tag(struct inv_secret *s, struct kt_str name);
/* The record of a secret, as agents/sources/inventory.c reads it, with its newline. */
void inv_write_secret(const struct inv_secret *s, const char *store, kt_time_ns snapshot,
                      struct kt_buf *out);
/* The mark at the end of a snapshot. problem: NULL = none. */
struct inv_mark {
    uint64_t secrets, missed;
    const char *problem;
};
void inv_write_mark(const struct inv_mark *m, const char *store, kt_time_ns snapshot,
                    struct kt_buf *out);
