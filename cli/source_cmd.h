/* source_cmd: `keytrail-agent source`: what there is to read, entries for it, whether it answers,
 * what a sample becomes. */
#pragma once
int kt_cmd_source(int argc, char **argv);
