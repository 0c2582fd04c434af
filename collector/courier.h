/*
 * courier: one configured target: its options and keys, when it may be sent to (rate, Retry-After,
 * circuit breaker), and how an alert becomes a request to it. Part of the outbox; one thread.
 */
#pragma once
#include "collector/hook.h"
#include "core/config/config.h"
#include "core/store/write.h"
#include "core/sys/http.h"
#include "core/sys/rng.h"
#include "exporters/alerts/alert.h"

struct kt_courier {
    const struct kt_conf *whole;
    const struct kt_conf_target *conf;
    const struct kt_target *target;
    void *options;
    struct kt_buf url, key, key_previous, answers; /* contents of the key files, wiped at the end */
    struct kt_hook_keys hook;
    uint8_t link_seed[32]; /* of the links that acknowledge, where alerts.links has them */
    double tokens;         /* of the rate's bucket */
    kt_time_ns refilled, not_before, probe_at, open_since;
    unsigned failures, flying;
    bool open, disabled; /* circuit; 410 */
    int last_code;
    kt_time_ns last_success; /* wall */
    char last_error[200];
};
/* Type and options only, no file is read: what `config check` asks. */
KT_MUST_USE enum kt_status kt_courier_check(const struct kt_conf *conf,
                                            const struct kt_conf_target *t, struct kt_error *err);
/* Reads the target's options and key files. KT_E_CONFIG names the target and what is wrong. */
KT_MUST_USE enum kt_status kt_courier_open(const struct kt_conf *conf,
                                           const struct kt_conf_target *t, struct kt_courier *ret,
                                           struct kt_error *err);
void kt_courier_done(struct kt_courier *c);

/* When a request may start: `mono` or before is now; INT64_MAX: not before an answer or a person
 * changes something. A probe of an open circuit counts. */
kt_time_ns kt_courier_ready_at(struct kt_courier *c, kt_time_ns mono);
/* A person wants it tried: ends a 410, an open circuit and a Retry-After. */
void kt_courier_revive(struct kt_courier *c);
void kt_courier_started(struct kt_courier *c, kt_time_ns mono);
/* Takes the answer into account. Returns the verdict; ret: the whole ruling; word: a short reason
 * (200 bytes). */
enum kt_verdict kt_courier_answered(struct kt_courier *c, const struct kt_http_answer *a,
                                    kt_time_ns mono, kt_time_ns wall, struct kt_target_ruling *ret,
                                    char *word);
/* How long to wait after the attempts-th failure: EXPORTS §0's ladder, each rung ±20 %, or what a
 * 429 or 503 asks for when that is longer. 0: it was the last, give up. */
kt_time_ns kt_courier_wait(const struct kt_rng *rng, uint32_t attempts,
                           const struct kt_http_answer *a);
/* Fills ret from row and alert; strings live in arena, row and body. ret->skip: nothing is to be
 * sent. */
KT_MUST_USE enum kt_status kt_courier_render(const struct kt_courier *c,
                                             const struct kt_outbox_row *row, struct kt_str alert,
                                             bool plain, kt_time_ns wall, struct kt_arena *arena,
                                             struct kt_target_request *ret, struct kt_error *err);
void kt_courier_request(const struct kt_courier *c, const struct kt_target_request *r, uint64_t tag,
                        struct kt_http_request *ret);
