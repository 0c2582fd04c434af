/* Keys and signatures in minisign's form: any bytes are read or refused; what is read is written
 * the same again. */
#include <assert.h>
#include <string.h>

#include "core/proof/minisign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_str all = kt_str_from(data, size);
    struct kt_minisign_public open = { 0 }, again;
    struct kt_minisign_secret secret;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (kt_minisign_public_read(all, &open, NULL) == KT_OK) {
        kt_minisign_public_write(&open, &text);
        assert(kt_minisign_public_read(kt_buf_str(&text), &again, NULL) == KT_OK &&
               memcmp(&open, &again, sizeof open) == 0);
    }
    (void)!kt_minisign_secret_read(all, &secret, NULL);
    assert(kt_minisign_check(&open, KT_STR("x"), all, NULL) != KT_OK);
    return 0;
}
