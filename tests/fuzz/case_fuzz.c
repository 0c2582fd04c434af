/* case: any text as a case of detection. What it asks for is bounded, so whole companies are left
 * out: they are the same each time. */
#include "cli/fixture/case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_str text = kt_str_from((const char *)data, size);
    struct kt_buf told = { 0 };
    struct kt_error err = { 0 };
    if (size > 4096 || kt_str_has(text, KT_STR("company")) || kt_str_has(text, KT_STR("x=")) ||
        kt_str_has(text, KT_STR("from=")))
        return 0;
    if (kt_case_run(text, "input", NULL, NULL, &told, &err) != KT_OK && err.text[0] == '\0')
        __builtin_trap();
    kt_buf_done(&told);
    return 0;
}
