/* status_targets: how each alert target does, out of a running collector's answer. */
#pragma once
#include "core/base/time.h"
#include "core/event/json.h"

/* targets: the answer's member of that name. Prints nothing when there are none. */
void kt_status_targets(struct kt_jval targets, kt_time_ns now);
