/* gcp, inside: what the files of this source share. Nobody else includes this. */
#pragma once
#include "agents/source.h"

enum gc_what {
    GC_NATIVE, /* resource name only: access to it reads no secret */
    GC_SECRET,
};
struct gc_verb {
    const char *prefix; /* of the method's name */
    const char *method; /* its last word; NULL: any other */
    enum kt_action action;
    enum gc_what what;
};

/* One LogEntry; what an entry lacks comes from the first one of its operation. */
struct gc_record {
    const struct kt_decode_in *in;
    struct kt_jval payload, first;
    struct kt_str method, resource;
    int64_t code; /* google.rpc.Code; 0 = done */
};
/* The member of the payload, or of the first entry's. */
struct kt_jval kt_gc_get(const struct gc_record *r, const char *path);
struct kt_str kt_gc_str(const struct gc_record *r, const char *path);

/* ---- gcp_names.c ---- */
/* NULL: not about secrets. */
const struct gc_verb *kt_gc_verb_of(const struct gc_record *r);
void kt_gc_what(const struct gc_record *r, const struct gc_verb *verb, struct kt_event *ev);

/* ---- gcp_actor.c ---- */
void kt_gc_who(const struct gc_record *r, struct kt_event *ev);
