/* integrity: what the calls share that say how the log stands. */
#pragma once
#include "dashboards/api/api.h"

/* "integrity":{"state","size","at","cosigners","text"}: of the newest checkpoint, and whether the
 * collector's signer refuses to sign, where the collector can be asked. */
KT_MUST_USE enum kt_status kt_api_add_standing(struct kt_api *a, struct kt_error *err);
