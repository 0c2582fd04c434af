/*
 * tar: see the header.
 *
 * Owns:  nothing.
 * Calls: core/base.
 */
#include "dashboards/api/tar.h"
#include <stdio.h>
#include <string.h>

#define BLOCK 512u

struct head { /* all of it text; numbers in octal */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6],
        version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct head) == BLOCK, "a block");

/* Into name, or, where that is too long, into prefix and name, parted at a slash. */
static bool put_name(struct head *h, struct kt_str name)
{
    size_t cut = 0;
    if (name.len > sizeof h->name)
        for (size_t i = 1; i < name.len && i <= sizeof h->prefix && cut == 0; i++)
            if (name.at[i] == '/' && name.len - i - 1 <= sizeof h->name)
                cut = i;
    if (name.len > sizeof h->name && cut == 0)
        return false;
    memcpy(h->prefix, name.at, cut);
    cut += cut > 0;
    memcpy(h->name, name.at + cut, name.len - cut);
    return true;
}

enum kt_status kt_tar_head(struct kt_buf *out, struct kt_str name, uint64_t size,
                           struct kt_error *err)
{
    struct head h = { .type = '0',
                      .mode = "0000644",
                      .uid = "0000000",
                      .gid = "0000000",
                      .mtime = "00000000000",
                      .magic = "ustar",
                      .version = { '0', '0' } };
    unsigned sum = 0;
    if (!put_name(&h, name) || size >> 33 != 0)
        return kt_fail(err, KT_E_LIMIT, "'" KT_STR_FMT "' does not fit into an archive",
                       KT_STR_ARG(name));
    (void)snprintf(h.size, sizeof h.size, "%011llo", (unsigned long long)size);
    memset(h.sum, ' ', sizeof h.sum);
    for (size_t i = 0; i < BLOCK; i++)
        sum += ((const unsigned char *)&h)[i];
    (void)snprintf(h.sum, sizeof h.sum, "%06o", sum);
    kt_buf_add(out, kt_str_from((const char *)&h, BLOCK));
    return KT_OK;
}

static void zeros(struct kt_buf *out, size_t n)
{
    memset(kt_buf_reserve(out, n), 0, n);
    out->len += n;
}

void kt_tar_pad(struct kt_buf *out, uint64_t size)
{
    zeros(out, (BLOCK - size % BLOCK) % BLOCK);
}

void kt_tar_end(struct kt_buf *out)
{
    zeros(out, 2 * (size_t)BLOCK);
}
