/*
 * target: an alert destination. Renders an alert and judges the answer; connections, retries,
 * backoff and signing belong to the outbox. Pure: no I/O, no clock.
 */
#pragma once
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/config/option.h"
#include "core/sys/http.h"

enum kt_severity {
    KT_SEV_INFO,
    KT_SEV_LOW,
    KT_SEV_MEDIUM,
    KT_SEV_HIGH,
    KT_SEV_CRITICAL,
    KT_SEV_COUNT
};
extern const struct kt_severity_words { /* the one map of EXPORTS §0 */
    const char *word, *slack_colour, *pagerduty;
    int ocsf, syslog, cef, otlp, ecs;
} kt_severity_words[KT_SEV_COUNT];

struct kt_alert;          /* alert.h */
struct kt_target_answers; /* answer.h */

/* Why a message is sent. A row of the outbox writes it as a word, which may be followed by what
 * tells it from others of its alert: "update:1795377600123". */
enum kt_send {
    KT_SEND_TRIGGER,
    KT_SEND_UPDATE,   /* it grew, was assigned, got a note */
    KT_SEND_REPEAT,   /* nobody has acknowledged it */
    KT_SEND_ESCALATE, /* nor has anybody elsewhere: now it comes here */
    KT_SEND_ACKNOWLEDGE,
    KT_SEND_RESOLVE,
    KT_SEND_REMARK, /* a word about one that has ended: it opens nothing */
    KT_SEND_RESEND, /* nothing new: the target forgets what is not sent again (forgets) */
    KT_SEND_CHANGE, /* nothing happened: a setting, a source or the program changed */
    KT_SEND_TEST,
    KT_SEND_COUNT
};
const char *kt_send_word(enum kt_send send);
/* KT_SEND_COUNT: no such word. */
enum kt_send kt_send_of(struct kt_str action);

#define KT_HANDLE_MAX 192

/* One message to be made. Everything is borrowed for the call. */
struct kt_target_turn {
    const struct kt_alert *alert;
    enum kt_send send;
    bool plain; /* second try after a refused rich body: text only */
    /* What this target calls its first message of this alert, as its judge learned it or its render
     * chose it: empty before that is delivered. */
    struct kt_str handle;
    int64_t row;            /* of the outbox: one a message, the same on each try */
    kt_time_ns now;         /* wall clock of this try */
    const char *deployment; /* name of this installation */
    /* Pages that a person may open; empty where none is configured (alerts.links). */
    struct kt_str alert_url, runbook_url;
    /* Acknowledges the alert; empty where this message asks for nobody, too. */
    struct kt_str ack_url;
    bool asks; /* kt_ack_asks, or a test */
};
struct kt_target_request {
    struct kt_buf body;
    struct kt_str headers[8]; /* "Name: value", in arena */
    unsigned n_headers;
    struct kt_str url;
    /* There is nothing to say here in this turn, and why: nothing is sent, the row is done. */
    const char *skip;
    /* The handle from this delivery on, where the sender chooses it. */
    struct kt_str handle;
    struct kt_mail mail; /* mail.from set: body is a message, sent by SMTP to url */
};
/* What came back. */
struct kt_target_reply {
    int status;
    struct kt_str body;
};
enum kt_verdict { KT_DELIVERED, KT_RETRY, KT_REFUSED, KT_DISABLED /* 410 */ };
struct kt_target_ruling {
    enum kt_verdict verdict;
    bool plain;                 /* send once more with plain = true */
    bool forget;                /* the handle leads nowhere: send once more without it */
    char word[64];              /* a short reason for people, from the reply's parsed error field */
    char handle[KT_HANDLE_MAX]; /* learned from the reply; "" = none */
};
/* What the outbox reads from key files before it calls render. */
struct kt_target_secrets {
    struct kt_str url, key;     /* url_file; routing_key_file, secret_file … */
    struct kt_str key_previous; /* previous_secret_file: signs too while receivers change over */
};
/* First member of every target's options: files that the outbox reads, NULL or "" when absent. (The
 * keys type, allow_private, ca_file and proxy are the configuration's own.) */
struct kt_target_files {
    const char *url_file, *key_file, *key_previous_file;
    const char *answers_file; /* token to ask with who answered; NULL: nobody asks */
    const char *server;       /* a URL that is no secret, in the place of url_file's */
    bool no_tls;              /* of mail */
};
struct kt_target {
    const char *name, *summary;
    const struct kt_option *options;
    size_t options_size;
    const char *url_default; /* NULL: url_file is required */
    bool sign_standard; /* the outbox adds webhook-id, -timestamp, -signature (EXPORTS §1.6) */
    double per_second;  /* rate limit */
    bool by_mail;       /* its URL is one of SMTP */
    const struct kt_target_answers *answers; /* NULL: it cannot be asked */
    bool forgets; /* what is open there has to be sent again every minute */
    /* What the table of options cannot say; KT_E_CONFIG says it in a sentence. NULL: nothing. */
    enum kt_status (*check)(const void *options, struct kt_error *err);
    bool for_people; /* read by people: in a storm alerts of a kind and minute are one message */
    /* Why this URL cannot work, for people; NULL: it may. The pointer itself may be NULL. */
    const char *(*url_refused)(struct kt_str url);
    /* Strings of ret live in arena; ret->body is emptied before. KT_E_LIMIT: it does not fit. */
    enum kt_status (*render)(const void *options, const struct kt_target_secrets *secrets,
                             const struct kt_target_turn *turn, struct kt_arena *arena,
                             struct kt_target_request *ret, struct kt_error *err);
    /* ret comes zeroed. */
    void (*judge)(const struct kt_target_reply *reply, struct kt_target_ruling *ret);
};
extern const struct kt_target *const kt_targets[]; /* registry.c */
const struct kt_target *kt_target_find(struct kt_str name);
