/* said: what all streams say of an item in the same words: its name and its sentence. Pure. */
#pragma once
#include "exporters/streams/stream.h"

/* "secret.read"; of what is no access "keytrail.audit", after its kind; of an alert
 * "keytrail.alert". Static. */
const char *kt_stream_name(const struct kt_stream_item *item);
/* "alice@example.com read vault://prod/-/kv/db: denied", in arena or borrowed; of an alert its
 * title, of other records their own message. Never empty, may hold any character of its source. */
struct kt_str kt_stream_sentence(const struct kt_stream_item *item, struct kt_arena *arena);
/* How an alert stands: open, acknowledged, closed (by a person, or by detection, which ended it or
 * merged it into another). */
struct kt_str kt_stream_status(const struct kt_alert *a);
/* When it happened: the source's own time, else when it was read, else when it came. Of an alert,
 * when this state of it was written. */
kt_time_ns kt_stream_time(const struct kt_stream_item *item);
/* An access or an amendment to one: what the verb tables are made for. */
bool kt_stream_is_access(const struct kt_stream_item *item);
/* Does the source say that a write made something new: version 1, or an operation that creates? */
bool kt_stream_is_new(const struct kt_event *ev);
/* A name that reads as an address of e-mail; a rough look, for schemas with a field for it. */
bool kt_stream_is_email(struct kt_str s);
/* The last part of a secret's id: "db" of "vault://prod/-/kv/db". */
struct kt_str kt_stream_last_part(struct kt_str secret);
