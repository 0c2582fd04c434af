/*
 * silences: alerts that raise no message for a while, as records of kind `decision` of the log, so
 * that it says who silenced what, why and until when (docs/alerts.md):
 *
 *   silence       {"id":…,"match":…,"reason":…,"from":ns,"until":ns,"by":…}
 *   silence.rm    {"id":…,"reason":…,"by":…}
 *   silence.over  {"id":…,"by":"keytrail"}: it ended, and what it kept quiet has been sent
 *
 * match is a query about alerts; who knows alerts parses it (exporters/alerts/match.h).
 */
#pragma once
#include "core/event/json.h"
#include "core/store/read.h"

#define KT_SILENCE_LAST_MAX (30 * KT_NS_DAY)
#define KT_SILENCE_OPEN_MAX 64u /* at the same time */
#define KT_SILENCE_OP       "silence"
#define KT_SILENCE_RM_OP    "silence.rm"
#define KT_SILENCE_OVER_OP  "silence.over"

struct kt_silence {
    char id[32];
    kt_time_ns from, until; /* of the collector's clock: [from, until) */
    char match[1000], reason[200], by[80];
    kt_time_ns added, removed; /* arrival of the records; removed 0: nobody did */
    bool over;                 /* what it kept quiet has been sent */
};
struct kt_silences {
    struct kt_silence *at; /* in the order in which they were added; those that ended too */
    unsigned n, cap;
    struct kt_damage damage; /* some could not be read: they may be any */
};
void kt_silences_done(struct kt_silences *l);
KT_MUST_USE enum kt_status kt_silences_load(struct kt_reader *r, struct kt_silences *ret,
                                            struct kt_error *err);
/* One more record: operation and raw of one of the three. Others are left alone. */
void kt_silences_take(struct kt_silences *l, struct kt_str operation, struct kt_jval raw,
                      kt_time_ns at);
/* The one of that name, open or not; NULL: none. */
struct kt_silence *kt_silences_named(const struct kt_silences *l, struct kt_str id);
bool kt_silence_open(const struct kt_silence *s, kt_time_ns now);
/* Was it in force at some moment of [from, until]? */
bool kt_silence_was_open(const struct kt_silence *s, kt_time_ns from, kt_time_ns until);
/* raw of the record that adds it. */
void kt_silence_write(const struct kt_silence *s, struct kt_buf *out);
/* From a record's raw or a request, which has no id yet. KT_E_INPUT says what is missing, too long,
 * or lasts too long. The query itself is not judged here. */
KT_MUST_USE enum kt_status kt_silence_read(struct kt_jval raw, struct kt_silence *ret,
                                           struct kt_error *err);
