/* collector: the daemon. Wires auth, ingest, detection, alerts, outbox, control socket and
 * housekeeping around one store. */
#pragma once
#include "core/config/config.h"

/* Runs until SIGTERM/SIGINT; SIGHUP reloads the allow-list and reloadable keys. Returns an exit
 * code (INTERFACE §1). ready_fd: -1, or a descriptor that gets the bound endpoint and a newline
 * once it listens. */
int kt_collector_main(const char *config_path, int ready_fd);
