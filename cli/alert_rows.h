/* alert_rows: alerts as rows, for `alerts list` and `replay`. */
#pragma once
#include "cli/cli.h"
#include "exporters/alerts/view.h"

/* The columns of an alert document; end with kt_rows_end. */
struct kt_rows *kt_alert_rows_new(enum kt_output how, bool header);
/* json: a document of kt_alert_write. A broken one becomes a row that says so. view: what people
 * did about it, NULL in a replay; now: for its age and its silences. */
void kt_alert_rows_add(struct kt_rows *rows, struct kt_str json, const struct kt_alert_view *view,
                       kt_time_ns now);
