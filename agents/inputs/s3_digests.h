/*
 * s3_digests: verifies the digest files of a trail, one at a time: proof that the log files that
 * were read are the ones that CloudTrail wrote, and all of them.
 *
 * Each digest is verified by itself, so that crashes, gaps and orders do not matter: its signature,
 * its link to the one before it, and every log file that it lists. What was read lately is known by
 * its hash; other log files are read now, and their records given out: a notice that was lost
 * loses none. Each verdict is a line of kind `report`.
 *
 *   trail.verified   its log files are what CloudTrail delivered, and all are there
 *   trail.begins     it names none before it: until here, validation was off
 *   trail.signature  it is not signed by CloudTrail, or lies elsewhere than it says      (alarm)
 *   trail.chain      the one before it is missing, or is another than it says            (alarm)
 *   trail.changed    a log file is another than the one that was delivered               (alarm)
 *   trail.missing    a log file that it lists is gone                                    (alarm)
 *   trail.unread     it cannot be read, or what it names is refused again and again      (alarm)
 */
#pragma once
#include "agents/input.h"
#include "agents/inputs/s3_reader.h"
#include "agents/inputs/s3_tried.h"

struct s3_digests;
/* r reads digests and log files, one at a time, while an object is being verified. endpoint: of
 * CloudTrail, kept by pointer; "" or NULL: AWS's own. */
struct s3_digests *s3_digests_new(const struct kt_input_env *env, struct s3_reader *r,
                                  const char *endpoint);
void s3_digests_free(struct s3_digests *d); /* takes NULL */
/* A log file was read to its end: r->sha256 is its hash. */
void s3_digests_remember(struct s3_digests *d, const struct s3_object *o);
void s3_digests_start(struct s3_digests *d, const struct s3_object *o); /* o lives until its end */
bool s3_digests_busy(const struct s3_digests *d);                       /* takes NULL */
void s3_digests_ask(struct s3_digests *d);
/* As of s3_reader: S3_GOING, S3_GONE (it is over), S3_REFUSED (it was said why; try again later).
 */
enum s3_heard s3_digests_hear(struct s3_digests *d, struct kt_http_answer *a);
/* None answered: S3_GOING means that it is asked again. */
enum s3_heard s3_digests_unanswered(struct s3_digests *d, kt_time_ns wait);
KT_MUST_USE enum kt_status s3_digests_work(struct s3_digests *d, size_t budget, bool *ret_more,
                                           enum s3_heard *ret, struct kt_error *err);
/* "; 12 digests verified up to 2026-11-29 04:00:00, 1 not"; appended. */
void s3_digests_status(const struct s3_digests *d, struct kt_buf *out);
/* The newest alarm, for a day; else a chain that is silent, until it is taken for ended. "" = fine;
 * d may be NULL. */
void s3_digests_problem(const struct s3_digests *d, char *ret, size_t size);
void s3_digests_positions(struct s3_digests *d, bool changed_only,
                          void (*each)(void *self, struct kt_str key, struct kt_str value),
                          void *self);
