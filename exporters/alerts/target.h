/*
 * target: an alert destination. Renders an alert and judges the answer; connections, retries,
 * backoff and signing belong to the outbox. Pure: no I/O, no clock.
 */
#pragma once
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/config/option.h"

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

struct kt_alert; /* alert.h */

enum kt_verdict { KT_DELIVERED, KT_RETRY, KT_REFUSED, KT_DISABLED /* 410 */ };
struct kt_target_request {
    struct kt_buf body;
    struct kt_str headers[8]; /* "Name: value", in arena */
    unsigned n_headers;
    struct kt_str url;
    bool plain; /* second try after a refused rich body: render text only */
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
};
struct kt_target {
    const char *name, *summary;
    const struct kt_option *options;
    size_t options_size;
    const char *url_default; /* NULL: url_file is required */
    bool sign_standard; /* the outbox adds webhook-id, -timestamp, -signature (EXPORTS §1.6) */
    double per_second;  /* rate limit */
    /* Why this URL cannot work, for people; NULL: it may. The pointer itself may be NULL. */
    const char *(*url_refused)(struct kt_str url);
    /* action: trigger, update, acknowledge, resolve, test. now: for nothing but link texts of the
     * alert itself. */
    enum kt_status (*render)(const void *options, const struct kt_target_secrets *secrets,
                             const struct kt_alert *alert, const char *action, bool plain,
                             struct kt_arena *arena, struct kt_target_request *ret,
                             struct kt_error *err);
    /* word: a short reason for people, from the reply's parsed error field. retry_plain: send once
     * more with plain = true. */
    enum kt_verdict (*judge)(int http_status, struct kt_str body, bool *ret_retry_plain,
                             char word[64]);
};
extern const struct kt_target *const kt_targets[]; /* registry.c */
const struct kt_target *kt_target_find(struct kt_str name);
