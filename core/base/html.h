/* html: text inside HTML elements and quoted attributes. The only encoder of it (THREATS O1). */
#pragma once
#include "core/base/buf.h"

/* Appends s with & < > " ' as references. For our own words, and for what is escaped already. */
void kt_html_add(struct kt_buf *out, struct kt_str s);
/* The same for strangers' text inside elements: what is hidden or turns the direction is shown as
 * an escape (kt_tty_add), and each run of letters that are written from right to left is isolated
 * in <bdi>, so that it moves nothing that stands beside it: "prod/<Arabic>/5" keeps its order. */
void kt_html_text(struct kt_buf *out, struct kt_str s);
