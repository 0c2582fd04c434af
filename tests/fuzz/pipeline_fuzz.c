/* pipeline: a stream of any bytes gives the same lines whole, and in pieces to a spool that is full
 * now and then. The first three bytes choose source, piece and how often a line is refused. */
#include <stdlib.h>

#include "core/base/hash.h"
#include "tests/support/source_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const sources[] = { "kubernetes", "gcp",   "azure",
                                           "cloudtrail", "vault", "leaks" };
    if (size < 3)
        return 0;
    struct kt_buf a = { 0 }, b = { 0 };
    struct kt_str bytes = kt_str_from(data + 3, size - 3);
    struct source_run r = { .source = sources[data[0] % KT_ARRAY_LEN(sources)] };
    kt_hash_init();
    source_run(&r, bytes, &a);
    r.piece = data[1] % 100 + 1;
    r.refuse_every = data[2] % 4;
    source_run(&r, bytes, &b);
    if (!kt_str_eq(kt_buf_str(&a), kt_buf_str(&b)))
        abort();
    kt_buf_done(&a);
    kt_buf_done(&b);
    return 0;
}
