/*
 * inbound: what comes back from where alerts were told: PagerDuty's webhook, Slack's button, and
 * the link that a message carries. Pure: bytes, a secret and the time in, an answer out. Nobody is
 * believed without a signature under a secret of ours, compared in constant time.
 */
#pragma once
#include "core/base/enc.h"
#include "core/config/config.h"
#include "exporters/alerts/ack.h"
#include "exporters/alerts/answer.h"

#define KT_INBOUND_BODY_MAX  (64u << 10)
#define KT_INBOUND_SLACK_OLD (5 * KT_NS_MIN) /* and as far ahead: Slack's advice */
#define KT_INBOUND_EVENT_OLD (3 * KT_NS_DAY) /* PagerDuty tries for two days */

struct kt_inbound {
    char alert[KT_ID_TEXT];  /* "": genuine, and nothing to do */
    struct kt_answer answer; /* entry: the sender's own id of it, by which it is known again */
    bool has_seen;           /* the answer says itself what its author saw */
    struct kt_ack_seen seen;
    char link_to[64];     /* of a link: whoever got it, a target or somebody at a command line */
    char claims_name[80]; /* of a link: who its user says he is; nobody has proved it */
    kt_time_ns until;     /* as long would the same bytes be taken: see kt_inbound_keep */
};

/* PagerDuty's V3 webhook (developer.pagerduty.com, "Verifying Webhook Signatures"). signature: the
 * field X-PagerDuty-Signature, "v1=<hex>,v1=<hex>": HMAC-SHA256 of the body under a secret; while
 * secrets are changed there are several, and any will do. A person's incident.acknowledged or
 * incident.resolved answers the alert that the incident's key names; what machines did (our own
 * messages, timeouts) and incidents of others are genuine and nothing to do. KT_E_DENIED: no
 * signature fits; KT_E_INPUT: no such event, or older than KT_INBOUND_EVENT_OLD. */
KT_MUST_USE enum kt_status kt_inbound_pagerduty(struct kt_str secret, struct kt_str signature,
                                                struct kt_str body, kt_time_ns now,
                                                struct kt_inbound *ret, struct kt_error *err);
/* Slack's interactivity (api.slack.com, "Verifying requests from Slack"). signature:
 * X-Slack-Signature, "v0=<hex>": HMAC-SHA256 of "v0:<timestamp>:<body>"; timestamp:
 * X-Slack-Request-Timestamp, seconds. The body is a form whose field `payload` is JSON. The value
 * of a button with KT_ACK_ACTION is what its message told (kt_ack_seen), or an alert's id alone.
 * answer.by is "alice (U123@T456)": names are chosen, the ids of person and workspace are Slack's.
 * teams: workspaces of which the person and the app's place must be; none: all that the secret
 * signs for. Other buttons are genuine and nothing to do. KT_E_DENIED: the signature or its time do
 * not fit, or another workspace; KT_E_INPUT: no such form. */
KT_MUST_USE enum kt_status kt_inbound_slack(struct kt_str secret, const struct kt_strings *teams,
                                            struct kt_str timestamp, struct kt_str signature,
                                            struct kt_str body, kt_time_ns now,
                                            struct kt_inbound *ret, struct kt_error *err);
/* "v0=…" or "v1=…" of some parts, hex: a list separated by commas, any may fit. */
bool kt_inbound_signed(struct kt_str secret, const char *version, struct kt_str list,
                       const struct kt_str *parts, size_t n);

/* A link of kt_ack_link_write, from what stands behind `?`; form: the body of its page's form, with
 * the name that its user gives himself, or empty. keys: public ones, 32 bytes each, of which any
 * may have signed it. answer.at is when it was made; answer.by whose link it is, with that name.
 * KT_E_INPUT: broken; KT_E_DENIED: not ours, or over. */
KT_MUST_USE enum kt_status kt_inbound_link(struct kt_str keys, struct kt_str query,
                                           struct kt_str form, kt_time_ns now,
                                           struct kt_inbound *ret, struct kt_error *err);

/* What was taken already. Bounded: of KT_INBOUND_HEARD that still count the one that ends first
 * gives way. Any thread: while the configuration is read again two lives' listeners share it. */
#define KT_INBOUND_HEARD 4096u
struct kt_inbound_heard;
struct kt_inbound_heard *kt_inbound_heard_new(void);
void kt_inbound_heard_free(struct kt_inbound_heard *h);
/* way: a short word, so that ids of different senders do not meet. */
bool kt_inbound_was_heard(struct kt_inbound_heard *h, const char *way, const struct kt_inbound *in,
                          kt_time_ns now);
/* Once the collector has it, so that what it could not take may come again. */
void kt_inbound_keep(struct kt_inbound_heard *h, const char *way, const struct kt_inbound *in,
                     kt_time_ns now);
