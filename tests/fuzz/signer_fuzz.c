/* Orders of any bytes to the signer, one after the other, and its state as kept: it never signs a
 * smaller head of a log than before, and what it keeps reads back. A length byte stands before each
 * order; the first byte chooses: orders, an answer, a state. */
#include <assert.h>

#include "collector/signer.h"
#include "core/base/hash.h"

static enum kt_status keep(void *self, struct kt_str state, struct kt_error *err)
{
    struct kt_signing back = { 0 };
    (void)self;
    assert(kt_signing_read(state, &back, err) == KT_OK);
    kt_signing_done(&back);
    return KT_OK;
}

static enum kt_status read_keys(void *self, struct kt_log_keys *ret, struct kt_error *err)
{
    (void)self;
    (void)err;
    *ret = (struct kt_log_keys){ .n = 2, .seed = { { 1 }, { 2 } } };
    return KT_OK;
}

static void orders(struct kt_rd rd)
{
    struct kt_signing s = { .keys = { .n = 1, .seed = { { 1 } } },
                            .keep = keep,
                            .read_keys = read_keys };
    for (unsigned i = 0; i < 16 && rd.left > 0; i++) {
        struct kt_sign_answer a;
        struct kt_signing before = s;
        struct kt_str order = kt_rd_bytes(&rd, kt_rd_u8(&rd));
        kt_signing_take(&s, order, &a);
        if (before.known && memcmp(before.log_id, s.log_id, 16) == 0)
            assert(s.head.size >= before.head.size);
        kt_sign_answer_done(&a);
    }
    kt_signing_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct kt_sign_answer a;
    struct kt_signing s = { 0 };
    if (!ready)
        kt_hash_init();
    ready = true;
    if (size == 0)
        return 0;
    struct kt_str in = kt_str_from(data + 1, size - 1);
    if (data[0] == 'o')
        orders(kt_rd_of(in));
    else if (data[0] == 'a' && kt_sign_answer_read(in, &a))
        kt_sign_answer_done(&a);
    else if (data[0] == 's' && kt_signing_read(in, &s, NULL) == KT_OK)
        kt_signing_done(&s);
    return 0;
}
