/* registry: the stream types that this program has. One line a type. */
#include "exporters/streams/stream.h"

/* clang-format off */
/* clang-format off */
#define KT_STREAM_TYPES(X) \
    X(files) \
    X(clickhouse) \
    X(postgresql) \
    X(ocsf) \
    X(elasticsearch) \
    X(splunk_hec) \
    X(loki) \
    X(otlp) \
    X(syslog) \
    X(cef) \
    X(s3_archive)
/* clang-format on */

#define DECLARE(name) extern const struct kt_stream_type kt_stream_type_##name;
#define ENTRY(name)   &kt_stream_type_##name,
KT_STREAM_TYPES(DECLARE)
const struct kt_stream_type *const kt_stream_types[] = { KT_STREAM_TYPES(ENTRY) NULL };

const struct kt_stream_type *kt_stream_type_find(struct kt_str name)
{
    for (const struct kt_stream_type *const *t = kt_stream_types; *t != NULL; t++)
        if (kt_str_is(name, (*t)->name))
            return *t;
    return NULL;
}
