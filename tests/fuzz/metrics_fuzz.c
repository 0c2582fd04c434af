/* metrics: any bytes as the collector's answer, and as the store's figures: a text of whole lines,
 * with no more series than are allowed. */
#include "core/base/buf.h"
#include "dashboards/server/metrics.h"
#include <stdlib.h>

static void check(const struct kt_buf *text, unsigned series)
{
    struct kt_str rest = kt_buf_str(text), line;
    unsigned samples = 0;
    if (series > KT_METRICS_SERIES_MAX || (rest.len > 0 && rest.at[rest.len - 1] != '\n'))
        abort();
    while (rest.len > 0 && kt_str_split(&rest, '\n', &line)) {
        bool head = line.len > 0 && line.at[0] == '#';
        bool own =
            kt_str_starts(line, KT_STR("keytrail_")) || kt_str_starts(line, KT_STR("process_"));
        if (!head && !own)
            abort(); /* a name has got out of its quotes */
        samples += !head;
    }
    if (samples != series)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_str bytes = kt_str_from((const char *)data, size);
    for (unsigned i = 0; i < 4; i++) {
        struct kt_buf out = { 0 };
        const struct kt_metrics_given g = { .collector = i < 2 ? bytes : KT_STR_NONE,
                                            .store = i < 2 ? KT_STR_NONE : bytes,
                                            .version = "0",
                                            .commit = "",
                                            .sqlite = "0",
                                            .zmq = "0" };
        enum kt_metrics_form form = i % 2 ? KT_METRICS_OPENMETRICS : KT_METRICS_PROMETHEUS;
        unsigned series = kt_metrics_write(&g, form, &out);
        check(&out, series);
        kt_buf_done(&out);
    }
    return 0;
}
