/*
 * metrics: what /metrics answers (docs/metrics.md): the collector's counters, the figures of the
 * store and the program itself as Prometheus text 0.0.4 or OpenMetrics 1.0.0. Pure: JSON in, text
 * out; every name, type, label and place of a value is a row of one table.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/str.h"

#define KT_METRICS_SERIES_MAX 2000u

enum kt_metrics_form { KT_METRICS_PROMETHEUS, KT_METRICS_OPENMETRICS };
/* Of an Accept header, or empty: OpenMetrics only for whoever names it. */
enum kt_metrics_form kt_metrics_form_of(struct kt_str accept);
const char *kt_metrics_type(enum kt_metrics_form form); /* Content-Type */

struct kt_metrics_given {
    struct kt_str collector; /* answer to {"do":"metrics"}; empty: none answers, keytrail_up is 0 */
    struct kt_str store;     /* kt_metrics_store_figures; empty: it cannot be read */
    const char *version, *commit; /* of this program; commit "": not known */
    const char *sqlite, *zmq;     /* versions of the libraries */
};
/* Adds the text. What is not JSON, or has other types than are expected, gives no series; at most
 * KT_METRICS_SERIES_MAX are written, whatever is given. Returns how many. */
unsigned kt_metrics_write(const struct kt_metrics_given *g, enum kt_metrics_form form,
                          struct kt_buf *out);
