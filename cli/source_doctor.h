/* source_doctor: `keytrail-agent source doctor`: does a configured source answer, and what is it
 * understood to say? */
#pragma once
/* id: NULL = all sources of the configuration. Returns the exit code: 0 all is well, 1 something is
 * missing, 3 the configuration is wrong. */
int kt_source_doctor(const char *config, const char *id);
