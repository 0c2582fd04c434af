/*
 * ack: what a message brings along to be acknowledged by: what its reader saw of the alert, and a
 * link or a button that says so. Pure. Who makes them holds the private key, who takes them
 * (dashboards/server/inbound) the public half alone.
 */
#pragma once
#include "exporters/alerts/alert.h"

#define KT_ACK_LINK_LIFE KT_NS_DAY
#define KT_ACK_PATH      "/ack"
#define KT_ACK_ACTION    "acknowledge" /* action_id of the button at Slack */

/* What a message told: nobody acknowledges what he did not see. As text, in the link and as the
 * button's value: "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD.high.0". */
#define KT_ACK_SEEN_TEXT 64u
struct kt_ack_seen {
    char alert[KT_ID_TEXT];
    enum kt_severity severity;
    uint64_t reopened; /* how often it had been opened again */
};
void kt_ack_seen_write(const struct kt_alert *a, char ret[KT_ACK_SEEN_TEXT]);
bool kt_ack_seen_read(struct kt_str s, struct kt_ack_seen *ret); /* false: it is no such text */

/* The id of what `notify test` sends, which no alert has: whoever follows its link or presses its
 * button is told that they work, and nothing is acknowledged. */
#define KT_ACK_TEST "00000000000000000000000000"

/* Does this message ask for somebody? Not one that says that somebody has it, that it is over, or
 * that is about no alert of the store. */
bool kt_ack_asks(const struct kt_alert *a, enum kt_send send);

/* The bytes that are signed by Ed25519: "keytrail ack 2\n<seen>\n<until>\n<to>", until in seconds
 * since 1970 and to, whoever got the link, last, as it may hold anything. */
void kt_ack_link_signed(struct kt_str seen, struct kt_str until, struct kt_str to,
                        struct kt_buf *out);
/* base (https://host/path, a / at its end is one) and "/ack?seen=…&to=…&until=…&sig=<base64url>":
 * good for KT_ACK_LINK_LIFE from now. */
void kt_ack_link_write(const char *base, const uint8_t seed[32], const struct kt_alert *a,
                       const char *to, kt_time_ns now, struct kt_buf *out);
