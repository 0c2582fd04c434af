/*
 * page_world: a random store of two months whose every field is hostile (HTML, script, bidi,
 * control characters, long names, quotes), and asking it through the page's API. Failures end the
 * test (cmocka). KT_SEED sets the seed.
 */
#pragma once
#include <jansson.h>

#include "core/sys/rng.h"
#include "dashboards/api/calls.h"
#include "exporters/alerts/view.h"
#include "tests/support/store_make.h"

#define PAGE_DAYS 60
#define PAGE_T0   MAKE_T0
#define PAGE_NOW  (PAGE_T0 + PAGE_DAYS * KT_NS_DAY)

struct page_world {
    char folder[64], path[96];
    struct kt_store *store;
    struct make *make;
    struct kt_arena arena;
    struct kt_identities *ids;
    struct kt_api_kept *kept;
    struct kt_alert_view view;
    struct kt_ask ask;
    struct kt_record *all; /* what a plain walk over the store gives; control records too */
    uint32_t n;
    uint32_t ids_made;
    struct kt_rng_seeded state;
    struct kt_rng rng;
    struct kt_buf sent; /* what a call sent */
    const char *user;   /* who asks; NULL: tester */
};
/* Of cmocka: *state is the filled world, one at a time. */
int page_set_up(void **state);
int page_tear_down(void **state);
unsigned page_draw(struct page_world *w, unsigned n);
/* n more accesses, stored; time 0: at random times. page_read again for `all`. */
void page_more(struct page_world *w, unsigned n, kt_time_ns time);
void page_read(struct page_world *w);
/* The access records of [since, until) (0: open) that the query language fits: by the plain walk.
 * Numbers of w->all, newest first. The caller frees them. */
uint32_t *page_matches(struct page_world *w, const char *q, kt_time_ns since, kt_time_ns until,
                       uint32_t *ret_n);
const struct kt_fact *page_fact(struct page_world *w, const struct kt_record *r);

/* Calls with "name", "value" pairs, ended by NULL; `until` is PAGE_NOW unless given. The answer is
 * parsed strictly, and must be JSON without a control character. Freed by the caller. */
json_t *page_call(struct page_world *w, kt_api_call *call, ...) __attribute__((sentinel));
/* The same, where the call must fail; the body of the error. */
json_t *page_refused(struct page_world *w, kt_api_call *call, enum kt_status status, ...)
    __attribute__((sentinel));
/* The bytes of a download; owned by w. */
struct kt_str page_download(struct page_world *w, kt_api_call *call, ...) __attribute__((sentinel));
/* A member that is a text; "" when it is null or not there. */
const char *page_text(const json_t *object, const char *key);
