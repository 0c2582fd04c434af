/* map_json: countries as part of an answer, for the overview too. */
#pragma once
#include "core/answer/places.h"
#include "dashboards/api/api.h"

/* "countries" and "unlocated", into an object that is open. */
void kt_api_places(struct kt_buf *o, const struct kt_places *p);
