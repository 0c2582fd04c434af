/*
 * pubsub_answer: what the answers of Pub/Sub say besides the messages' own content, which goes to
 * the source as it came. Form: the REST reference of google.pubsub.v1, subscriptions.pull, and
 * google.rpc.Status for errors. Pure.
 */
#pragma once
#include "core/event/json.h"

/* What stands for a message when it is acknowledged. */
struct pubsub_acks {
    char **at;
    unsigned n;
};
void pubsub_acks_done(struct pubsub_acks *a);
/* Takes the ackIds of an answer to pull, in order; messages without one are not counted. json:
 * scratch. KT_E_INPUT: it is no answer to pull. */
KT_MUST_USE enum kt_status pubsub_acks_read(struct kt_json *json, struct kt_str body,
                                            struct pubsub_acks *ret, struct kt_error *err);
/* Appends {"ackIds":[…] for the first ones from `from` that fit into one request, without the
 * closing brace; returns how many they are: 0 only when none is left. */
unsigned pubsub_acks_write(const struct pubsub_acks *a, unsigned from, struct kt_buf *out);
/* error.status, such as PERMISSION_DENIED, letters and '_' alone; "" when there is none. */
void pubsub_error(struct kt_json *json, struct kt_str body, char *ret, size_t size);
