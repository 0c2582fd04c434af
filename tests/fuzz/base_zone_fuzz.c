/* Any bytes as a rule of a time zone, or as a file of one: refused, or an offset under 26 hours. */
#include <assert.h>

#include "core/base/zone.h"
#include "core/sys/zoneinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_str text = kt_str_from(data, size), footer = kt_zoneinfo_footer(text);
    struct kt_zone z;
    struct kt_error err = { 0 };
    assert(footer.len < size || size == 0);
    if (kt_zone_parse(footer.len > 0 ? footer : text, &z, &err) != KT_OK) {
        assert(err.code == KT_E_INPUT && err.text[0] != '\0');
        return 0;
    }
    for (kt_time_ns t = -KT_NS_DAY; t < 20000 * KT_NS_DAY; t += 97 * KT_NS_DAY + KT_NS_HOUR) {
        int32_t s = kt_zone_offset_s(&z, t);
        assert(s > -26 * 3600 && s < 26 * 3600);
    }
    return 0;
}
