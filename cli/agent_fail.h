/* agent_fail: how every command of keytrail-agent tells a fault and which exit code that is. */
#pragma once
#include "core/base/err.h"

/* "keytrail-agent <what>: text" on stderr; the exit code of err's cause. */
int kt_agent_fail(const char *what, const struct kt_error *err);
