/*
 * unpack: gzip outside, Avro inside, each told by its first bytes.
 *
 * Owns:  the state of both.
 * Calls: capture, core/base.
 */
#include "agents/inputs/unpack.h"

#include "agents/inputs/capture.h"
#include "core/base/alloc.h"
#include "core/base/zip.h"

typedef enum kt_status out_fn(void *self, struct kt_str piece, struct kt_error *err);

struct unpack {
    struct kt_gunzip *gunzip;
    struct capture *capture; /* gets what gunzip gives */
    out_fn *out;
    void *self;
};

struct unpack *unpack_new(void)
{
    struct unpack *u = kt_alloc(sizeof *u);
    u->gunzip = kt_gunzip_new();
    u->capture = capture_new();
    return u;
}

void unpack_free(struct unpack *u)
{
    if (u == NULL)
        return;
    kt_gunzip_free(u->gunzip);
    capture_free(u->capture);
    kt_free(u);
}

static enum kt_status inflated(void *self, struct kt_str piece, struct kt_error *err)
{
    struct unpack *u = self;
    return capture_feed(u->capture, piece, u->out, u->self, err);
}

enum kt_status unpack_feed(struct unpack *u, struct kt_str in, out_fn *out, void *self,
                           struct kt_error *err)
{
    u->out = out;
    u->self = self;
    return kt_gunzip_feed(u->gunzip, in, inflated, u, err);
}

enum kt_status unpack_end(struct unpack *u, struct kt_error *err)
{
    enum kt_status st = kt_gunzip_end(u->gunzip, err);
    return st == KT_OK ? capture_end(u->capture, err) : st;
}
