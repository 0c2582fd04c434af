/* countries: where a country lies, for address databases that know no more. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct kt_spot {
    double lat, lon; /* degrees */
    double radius_km;
};
/* code: two letters, as kt_where.country. false: no such country. */
bool kt_country_place(uint16_t code, struct kt_spot *ret);
/* Great circle between the two (haversine, mean radius of the earth); and what is left of it when
 * both lie as near as their accuracy lets them. */
double kt_spot_way_km(const struct kt_spot *a, const struct kt_spot *b);
double kt_spot_distance_km(const struct kt_spot *a, const struct kt_spot *b);
