/* markdown: an alert for the channel of an incident or a ticket. */
#pragma once
#include "exporters/alerts/alert.h"

/* Adds it; a has its life. Words of strangers make no Markdown. */
void kt_alert_markdown(const struct kt_alert *a, struct kt_buf *out);
