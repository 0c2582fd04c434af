/* complete_values: `__complete` of each program. */
#pragma once

int kt_complete_keytrail(int argc, char **argv);
int kt_complete_agent(int argc, char **argv);
