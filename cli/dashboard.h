/* dashboard: the verbs of `keytrail dashboard`. */
#pragma once
#include "core/config/config.h"

int kt_dashboard_login(int argc, char **argv);
int kt_dashboard_user(int argc, char **argv);
/* The configuration of the page: config, else the system's. */
KT_MUST_USE enum kt_status kt_dashboard_conf(const char *config, struct kt_conf **ret,
                                             struct kt_error *err);
