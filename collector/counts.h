/*
 * counts: what only the running collector can count, for `{"do":"metrics"}` (docs/control.md) and
 * through it for /metrics. Counters are of this life of the collector; nothing here is stored.
 *
 * Adding costs some nanoseconds an event and allocates nothing but a slot for each new name. The
 * writer's thread only.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/histogram.h"
#include "core/event/event.h"
#include "core/wire/frame.h"
#include "exporters/alerts/target.h"

#define KT_COUNTS_NAMES   1024u /* sources, agents, each: those beyond share a slot */
#define KT_COUNTS_SOURCES 40u   /* that are told by name: with all else at most 2,000 series */
#define KT_COUNTS_AGENTS  60u
#define KT_COUNTS_OTHERS  "(others)"
#define KT_COUNTS_UNKNOWN "(unknown)" /* of a refused batch nobody knows the source */

struct kt_counts;
struct kt_counts *kt_counts_new(void);
void kt_counts_free(struct kt_counts *m);

struct kt_counts_lines { /* that the store took in, borrowed */
    const struct kt_event *events;
    const uint8_t *fate; /* enum kt_fate */
    uint32_t n;
    kt_time_ns stored;   /* their stamp */
    struct kt_str agent; /* empty: an import or a feed, whose events have no lag and no contact */
};
void kt_counts_lines(struct kt_counts *m, const struct kt_counts_lines *l);
/* So many lines were refused. instance: counted there when it has sent something before, else (and
 * when empty) as KT_COUNTS_UNKNOWN: whoever is refused invents no series. */
void kt_counts_refused(struct kt_counts *m, struct kt_str instance, enum kt_refuse reason,
                       uint32_t lines);
void kt_counts_commit(struct kt_counts *m, kt_time_ns took);
/* From before this life: when an instance was heard and its newest event; 0: not known. */
void kt_counts_before(struct kt_counts *m, struct kt_str instance, kt_time_ns contact,
                      kt_time_ns event);
/* A new alert. */
void kt_counts_alert(struct kt_counts *m, struct kt_str detector, enum kt_severity severity);
/* What detection says of itself (kt_detect_status): whom it finds silent. */
void kt_counts_detection(struct kt_counts *m, struct kt_str status);
/* `"sources":[…],"agents":[…],"commit":{…},"alerts":[…]`, without braces (docs/control.md). */
void kt_counts_write(const struct kt_counts *m, struct kt_buf *out);
