/*
 * stream_life: what people did about alerts, as far as a stream has read the log: each step is a
 * state of its alert, and every later state carries it.
 */
#pragma once
#include "core/base/enc.h"
#include "core/event/json.h"
#include "core/query/lives.h"

struct kt_stream_lives {
    struct kt_lives lives;
    uint64_t until; /* the steps up to this place are in them */
    bool loaded;
};
void kt_stream_lives_done(struct kt_stream_lives *v);
/* Brings them to what holds behind place `from`; costs nothing where they are there already. */
KT_MUST_USE enum kt_status kt_stream_lives_at(struct kt_stream_lives *v, struct kt_reader *r,
                                              uint64_t from, struct kt_error *err);
/* The next record. true: it is a step, and alert is whose. */
bool kt_stream_lives_see(struct kt_stream_lives *v, struct kt_json *json, const struct kt_record *r,
                         char alert[KT_ID_TEXT]);
/* Puts what was done about the alert into its document; json stays as it is where nothing was. */
KT_MUST_USE enum kt_status kt_stream_lives_put(const struct kt_stream_lives *v, struct kt_buf *json,
                                               struct kt_error *err);
