/* The file that `keytrail prove --check` is given, any bytes: what is read is written and read
 * again as the same proof, with the same verdict. */
#include <assert.h>
#include <string.h>

#include "cli/proof_file.h"
#include "core/base/hash.h"

static void same(const struct kt_buf *a, const struct kt_buf *b)
{
    assert(kt_str_eq(kt_buf_str(a), kt_buf_str(b)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct kt_proof_file f = { 0 }, again = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (!ready)
        kt_hash_init();
    ready = true;
    if (kt_proof_file_read(kt_str_from(data, size), &f, NULL) == KT_OK) {
        const char *fault = kt_proof_file_fault(&f);
        assert(f.seq > 0 && f.seq <= f.head.size && f.path.len <= 32u * KT_PATH_MAX);
        kt_proof_file_write(&f, &text);
        assert(kt_proof_file_read(kt_buf_str(&text), &again, NULL) == KT_OK);
        assert(again.seq == f.seq && again.head.size == f.head.size &&
               memcmp(again.head.root, f.head.root, 32) == 0 &&
               memcmp(again.log_id, f.log_id, 16) == 0 && kt_proof_file_fault(&again) == fault);
        same(&f.record, &again.record);
        same(&f.line, &again.line);
        same(&f.path, &again.path);
        same(&f.note, &again.note);
    }
    kt_proof_file_done(&f);
    kt_proof_file_done(&again);
    return 0;
}
