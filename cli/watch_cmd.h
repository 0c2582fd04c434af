/* watch_cmd: `keytrail-agent watch init`: rules of auditd for the files that hold secrets. */
#pragma once

int kt_cmd_watch(int argc, char **argv);
