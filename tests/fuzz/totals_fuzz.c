/*
 * totals: any bytes as the parts of a stretch's sums: read within their bounds or refused. Input:
 * u8 which part; then the bytes: as they are, and as what a whole frame holds; for a block u16
 * length of the frame's content, which is followed by what is behind it. Blocks are those of eight
 * actors, of whom some are wanted, with nine things and addresses.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/zip.h"
#include "core/store/totals_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ACTORS 8u
#define THINGS 9u

static void look_at_things(const struct kt_totals *s)
{
    for (uint32_t i = 0; i < s->n_things; i++)
        if (s->thing[i].way >= s->n_ways ||
            (s->thing[i].secret >= s->n_secrets && s->thing[i].secret != KT_TOTALS_NONE))
            __builtin_trap();
}

static void read_block(struct kt_totals *s, enum kt_totals_table table, struct kt_str inner)
{
    uint32_t actor = 0;
    s->n_actors = ACTORS;
    s->n_things = s->n_addresses = THINGS;
    s->actor = kt_realloc_array(s->actor, ACTORS, sizeof *s->actor);
    s->cap_actors = ACTORS;
    for (uint32_t i = 0; i < ACTORS; i++)
        s->actor[i] = (struct kt_totals_actor){ .wanted = i % 3 != 1 };
    s->used[table] = 0;
    if (!kt_totals_read_block(s, table, inner, &actor))
        return;
    for (uint32_t i = 0; i < s->used[table]; i++)
        if (s->entry[table][i].of >= THINGS || s->entry[table][i].n == 0)
            __builtin_trap();
}

static void read_any(struct kt_totals *s, unsigned which, struct kt_str inner)
{
    if (which == 0)
        (void)kt_totals_read_actors(s, inner);
    else if (which == 1 && kt_totals_read_secrets(s, inner))
        look_at_things(s);
    else if (which == 2 && kt_totals_read_addresses(s, inner) && s->n_addresses > 0)
        (void)kt_totals_address(s, s->n_addresses - 1);
    else if (which == 5)
        (void)kt_totals_read_changes(s, inner);
    else if (which > 2)
        read_block(s, which == 3 ? KT_TOTALS_DEEDS : KT_TOTALS_PLACES, inner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_rd rd = kt_rd_of(kt_str_from(data, size));
    const unsigned which = kt_rd_u8(&rd) % 6;
    struct kt_str bytes = kt_rd_bytes(&rd, rd.left), inner, rest = KT_STR_NONE;
    struct kt_totals s = { 0 };
    struct kt_buf frame = { 0 }, packed = { 0 };
    struct kt_zip *zip = kt_zip_new();
    (void)kt_totals_open(bytes, 1, 2, &inner);
    read_any(&s, which, bytes);
    struct kt_rd block = kt_rd_of(bytes);
    if (which == 3 || which == 4) {
        size_t len = kt_rd_u16(&block);
        bytes = kt_rd_bytes(&block, len < block.left ? len : block.left);
        rest = kt_rd_bytes(&block, block.left);
    }
    kt_zip_pack(zip, bytes, 1, &frame);
    kt_buf_u32(&packed, (uint32_t)frame.len);
    kt_buf_add(&packed, kt_buf_str(&frame));
    kt_buf_add(&packed, rest);
    read_any(&s, which, kt_buf_str(&packed));
    kt_totals_done(&s);
    kt_buf_done(&frame);
    kt_buf_done(&packed);
    kt_zip_free(zip);
    return 0;
}
