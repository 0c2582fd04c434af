/* tar: any bytes give a view inside them, or a sentence. */
#include <stdlib.h>

#include "core/base/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_error err = { 0 };
    struct kt_str archive = { (const char *)data, size }, file;
    if (kt_tar_find(archive, KT_STR(".mmdb"), &file, &err) != KT_OK)
        return err.text[0] == '\0' ? abort(), 0 : 0;
    if (file.at < archive.at || file.len > archive.len ||
        (size_t)(file.at - archive.at) > archive.len - file.len)
        abort();
    return 0;
}
