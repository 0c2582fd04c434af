/*
 * redact: no secret values, ever (THREATS R2). The second net over every kept string, run by the
 * agent before the spool and as a check by the collector. (R1 is the decoders' allow-lists.)
 */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"
#include "core/event/json.h"

struct kt_redact_hit {
    struct kt_str shape; /* "aws_key_id", "vault_token", "jwt", …: static, or in the event */
    const char *field;   /* static name of the event's field */
    size_t len;          /* bytes removed */
};
#define KT_REDACT_HITS_MAX 32
struct kt_redact_hits {
    struct kt_redact_hit at[KT_REDACT_HITS_MAX];
    unsigned n, total;
    bool entropy; /* a long random-looking string was seen; nothing removed */
};
/* Replaces known token shapes in every string of ev (raw included, staying valid JSON) by
 * [redacted:shape:len]; replaced strings go to arena. Idempotent: a second run changes nothing.
 * Sets the REDACTED and ENTROPY flags. Returns whether anything changed. An access key id that a
 * source's own field carries as credential (AKIA/ASIA as `credential`) is an identifier, not a
 * value, and stays. */
bool kt_redact_event(struct kt_event *ev, struct kt_arena *arena, struct kt_redact_hits *ret_hits);
/* Would kt_redact_event change it? Cheap: the collector asks this of every line. */
bool kt_redact_clean(const struct kt_event *ev);
/* The same of a whole line, as kt_line_write made it, whose last member is a raw of raw_len bytes:
 * true is sure, false means that the event has to be looked at. random: that no string looks random
 * either, so that kt_redact_event would set no flag. */
bool kt_redact_line_clean(struct kt_str line, size_t raw_len, bool random);
/* A JSON record, as text and parsed, before anything is made of it: a name that is put together,
 * folded or cut would hide a shape from the net behind. False: it holds none, and out is left
 * alone. Access key ids stay, and so do members whose name says secret: decoders choose among
 * those. What would be longer than parsers keep (KT_KEY_MAX, KT_STRING_MAX) with its
 * placeholders goes whole. */
bool kt_redact_record(struct kt_str json, struct kt_jval root, struct kt_buf *out);
/* One look at a record in which nothing is escaped (kt_json_plain_text): true is sure, that
 * kt_redact_record would find nothing and that its strings are no access key ids but where a member
 * is one by its name. */
bool kt_redact_record_clean(struct kt_str json);
/* Would kt_redact_event leave an event alone that was made of such records, n of them, which are
 * where their strings are? True is sure. An empty record is none. */
bool kt_redact_event_clean(const struct kt_event *ev, const struct kt_str *records, size_t n);
/* The hits that kt_redact_record, or kt_redact_event, left in ev. */
void kt_redact_hits_in(const struct kt_event *ev, struct kt_redact_hits *ret_hits);
/* One string; true when it changed (then *ret is in arena). */
bool kt_redact_str(struct kt_str s, struct kt_arena *arena, struct kt_str *ret,
                   struct kt_redact_hits *hits, const char *field);
