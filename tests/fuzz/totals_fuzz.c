/*
 * totals: any bytes as the parts of a stretch's sums: read within their bounds or refused. Input:
 * u8 number of actors that secrets may have as readers, then the bytes: as they are, and as what a
 * whole frame holds.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/zip.h"
#include "core/store/totals_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as_secrets(struct kt_totals *s, uint8_t actors, struct kt_str packed)
{
    s->n_actors = actors;
    if (!kt_totals_read_secrets(s, packed))
        return;
    for (uint32_t i = 0; i < s->n_secrets; i++)
        for (uint32_t k = 0; k < s->secret[i].n_readers; k++)
            if (s->secret[i].reader[k].actor >= actors)
                __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_rd rd = kt_rd_of(kt_str_from(data, size));
    uint8_t actors = kt_rd_u8(&rd);
    struct kt_str bytes = kt_rd_bytes(&rd, rd.left), inner;
    struct kt_totals s = { 0 };
    struct kt_buf packed = { 0 };
    struct kt_zip *zip = kt_zip_new();
    kt_zip_pack(zip, bytes, 1, &packed);
    (void)kt_totals_open(bytes, 1, 2, &inner);
    (void)kt_totals_read_actors(&s, bytes);
    (void)kt_totals_read_actors(&s, kt_buf_str(&packed));
    read_as_secrets(&s, actors, bytes);
    read_as_secrets(&s, actors, kt_buf_str(&packed));
    kt_totals_done(&s);
    kt_buf_done(&packed);
    kt_zip_free(zip);
    return 0;
}
