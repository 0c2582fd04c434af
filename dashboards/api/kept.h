/*
 * kept: answers that several who ask share for some seconds: coverage of a window, the overview.
 * Who comes first makes one, who comes meanwhile waits for it. For any number of threads.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"

#define KT_API_KEPT_MAX   64u        /* answers; the one that was used longest ago goes */
#define KT_API_KEPT_BYTES (1u << 20) /* of one; a longer one is not kept */

struct kt_api_kept;
struct kt_api_kept *kt_api_kept_new(void);
void kt_api_kept_free(struct kt_api_kept *k); /* nobody may be waiting */
/*
 * True: out has the answer added, made at most `age` before now. False: the caller makes it and
 * calls kt_api_kept_put, or kt_api_kept_drop when it could not; until then others who ask for the
 * key wait. After a drop, and for 10 s after an answer that is too long, nobody waits for another
 * maker: they make theirs at once. give_up (may be NULL) is asked while waiting: when it is true
 * the caller makes its own, and calls put or drop as well. k NULL: false.
 */
bool kt_api_kept_get(struct kt_api_kept *k, struct kt_str key, kt_time_ns now, kt_time_ns age,
                     bool (*give_up)(void *self), void *self, struct kt_buf *out);
void kt_api_kept_put(struct kt_api_kept *k, struct kt_str key, kt_time_ns now,
                     struct kt_str answer);
void kt_api_kept_drop(struct kt_api_kept *k, struct kt_str key);
