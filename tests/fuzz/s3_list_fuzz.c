/* Fuzz target: the answer of whoever stands at an endpoint to the question for a list of objects.
 */
#include <assert.h>

#include "agents/inputs/s3_list.h"
#include "core/base/hash.h"

static void take_object(void *self, const struct s3_listed *o)
{
    size_t *sum = self;
    assert(o->key.len > 0);
    for (size_t i = 0; i < o->key.len; i++)
        *sum += (unsigned char)o->key.at[i];
    *sum += o->etag.len + (size_t)o->size;
}

static void take_prefix(void *self, struct kt_str prefix)
{
    size_t *sum = self;
    assert(prefix.len > 0);
    *sum += (unsigned char)prefix.at[prefix.len - 1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf token = { 0 };
    size_t sum = 0;
    bool more = false;
    const struct s3_list_to to = { take_object, take_prefix, &sum };
    kt_hash_init();
    if (s3_list_read(kt_str_from((const char *)data, size), &to, &token, &more, NULL) == KT_OK)
        assert(!more || token.len > 0);
    return 0;
}
