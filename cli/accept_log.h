/* accept_log: what people see of the collectors' logs as the agent watches them, and keytrail-agent
 * accept-log. */
#pragma once
#include "core/event/json.h"

/* The lines of `status` about its member "logs"; false: one of them contradicts itself or is not
 * shown any more. */
bool kt_print_logs(struct kt_jval logs);
int kt_cmd_accept_log(int argc, char **argv);
