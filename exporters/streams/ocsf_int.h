/* ocsf: what its files share. [S: schema.ocsf.io, 1.8.0; EXPORTS §2.3] Pure. */
#pragma once
#include "exporters/streams/doc.h"
#include "exporters/streams/said.h"

#define OCSF_VERSION "1.8.0"

enum kt_ocsf_class {
    OCSF_BASE,           /* what has no class: records about records */
    OCSF_EVENT_LOG,      /* 1008 */
    OCSF_FINDING,        /* 2004 */
    OCSF_AUTHENTICATION, /* 3002 */
    OCSF_USER_ACCESS,    /* 3005 */
    OCSF_API,            /* 6003 */
    OCSF_CLASSES
};
struct kt_ocsf_activity {
    int id;           /* 99: `name` is the source's own */
    const char *name; /* the schema's caption */
};
/* Opens the object and writes what every class requires: activity, category, class, type. Close it
 * with mark. */
size_t kt_ocsf_begin(struct kt_buf *out, enum kt_ocsf_class class, struct kt_ocsf_activity a);
/* severity, 1 to 5, with its caption. */
void kt_ocsf_severity(struct kt_buf *out, int id);
/* time and `metadata`: profile NULL: none. */
void kt_ocsf_head(struct kt_buf *out, const struct kt_stream_item *item, const char *profile);
/* "name":{"name":…,"type":…}: the pivots; type_id as OCSF's observable. */
void kt_ocsf_observable(struct kt_buf *out, const char *name, int type_id, struct kt_str value);

/* ---- ocsf_event.c, ocsf_finding.c: one object without a line's end ---- */
void kt_ocsf_event(const struct kt_stream_item *item, struct kt_arena *arena, struct kt_buf *out);
void kt_ocsf_finding(const struct kt_stream_item *item, struct kt_arena *arena, struct kt_buf *out);
