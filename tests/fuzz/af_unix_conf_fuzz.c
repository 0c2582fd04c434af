/* af_unix_conf: any bytes as auditd's plugin configuration; a path is a piece of them. */
#include <stdlib.h>

#include "agents/inputs/af_unix_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_af_unix_conf c;
    const char *from = (const char *)data;
    kt_af_unix_conf(kt_str_from(data, size), &c);
    if (c.path.len > 0 && (c.path.at < from || c.path.at + c.path.len > from + size ||
                           c.path.at[0] != '/' || c.path.len > size))
        abort();
    return 0;
}
