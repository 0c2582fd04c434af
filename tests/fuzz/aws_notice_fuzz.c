/* Fuzz target: messages of a queue, as anybody who may write to it can make them. */
#include <assert.h>

#include "agents/inputs/aws_notice.h"
#include "core/base/hash.h"

static void take(void *self, const struct aws_object *o)
{
    size_t *sum = self;
    assert(o->bucket.len > 0 && o->key.len > 0);
    for (size_t i = 0; i < o->key.len; i++)
        *sum += (unsigned char)o->key.at[i];
    *sum += o->bucket.len + o->etag.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct aws_notices *n;
    size_t sum = 0;
    if (n == NULL) {
        kt_hash_init();
        n = aws_notices_new();
    }
    (void)aws_notice_read(n, kt_str_from((const char *)data, size), take, &sum);
    return 0;
}
