/* page_call: asks the page's API as its server does, for tests: parameters in, JSON out. */
#pragma once
#include "dashboards/api/api.h"
#include "exporters/alerts/view.h"
#include <jansson.h>

struct page_call {
    struct kt_api api; /* role, user, control, conf …: a test's to set between calls */
    struct kt_ask ask;
    struct kt_alert_view view;
    struct kt_api_param param[KT_API_PARAMS_MAX];
    struct kt_error err; /* of the last call */
    enum kt_status status;
};
/* Opens the store for alice, a responder. Failures end the test (cmocka). */
void page_open(struct page_call *c, const char *path, kt_time_ns now);
void page_close(struct page_call *c);
/* Pairs of name and value (const char *), then NULL. What is answered, to be freed by json_decref;
 * NULL: it failed, status and err say how. An answer that is no JSON ends the test. */
json_t *page_ask(struct page_call *c, kt_api_call *call, ...);
