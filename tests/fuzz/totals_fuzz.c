/*
 * totals: any bytes as the parts of a stretch's sums: read within their bounds or refused. Input:
 * u8 which part; then the bytes: as they are, and as what a whole frame holds; for a block u16
 * length of the frame's content, which is followed by what is behind it. Blocks are those of eight
 * actors, of whom some are wanted, with nine things and addresses. Or all parts of a stretch
 * together, as deeds are summed up of it: u16 length and what the frame holds, of actors, secrets,
 * addresses; then the blocks, one of deeds and one of places in turn: u16 length and what the frame
 * holds, u16 length and what is behind it.
 */
#include "core/answer/deeds.h"
#include "core/base/alloc.h"
#include "core/base/zip.h"
#include "tests/support/totals_parts.h"

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

/* ---- a whole stretch ---- */

#define FIRST    1u
#define LAST     40u
#define PARTS    6u /* the number of all together: behind those of one part each */
#define BLOCKS   16u
#define SEGMENTS 4u /* of them, of which two were merged */

static struct kt_str take(struct kt_rd *rd)
{
    size_t len = kt_rd_u16(rd);
    return kt_rd_bytes(rd, len < rd->left ? len : rd->left);
}

static void put_packed(struct totals_file *f, const char *name, struct kt_str plain,
                       struct kt_str rest)
{
    struct kt_buf part = { 0 };
    totals_pack(plain, rest, FIRST, LAST, 1, &part);
    totals_file_put(f, name, kt_buf_str(&part));
    kt_buf_done(&part);
}

static void fill(struct totals_file *f, struct kt_rd *rd)
{
    static const enum kt_totals_part parts[] = { KT_TOTALS_ACTORS, KT_TOTALS_SECRETS,
                                                 KT_TOTALS_ADDRESSES };
    char name[KT_TOTALS_NAME];
    for (size_t i = 0; i < KT_ARRAY_LEN(parts); i++)
        put_packed(f, kt_totals_name(&f->run, parts[i], name), take(rd), KT_STR_NONE);
    for (uint32_t i = 0; i < BLOCKS && rd->left > 0; i++) {
        struct kt_str plain = take(rd);
        put_packed(f, kt_totals_block_name(&f->run, i % 2, i / 2, name), plain, take(rd));
    }
}

/* Whoever is wanted has entries of its own, of what there is, rising. */
static void look_at_entries(const struct kt_totals *s)
{
    const uint32_t most[] = {
        [KT_TOTALS_DEEDS] = s->n_things, [KT_TOTALS_PLACES] = s->n_addresses
    };
    for (uint32_t i = 0; i < s->n_actors; i++) {
        const struct kt_totals_actor *a = &s->actor[i];
        for (unsigned t = 0; a->wanted && t < KT_TOTALS_TABLES; t++)
            for (uint32_t k = 0; k < a->n[t]; k++)
                if (a->entry[t][k].of >= most[t] || a->entry[t][k].n == 0 ||
                    (k > 0 && a->entry[t][k].of <= a->entry[t][k - 1].of))
                    __builtin_trap();
    }
}

static void sum_up(struct kt_totals *s, struct kt_reader *file)
{
    struct kt_deeds d = { .apart = { 1, 2 } };
    if (kt_totals_views(s, file) > file->directory.n)
        __builtin_trap();
    if (kt_deeds_of_sums(&d, s))
        for (uint32_t i = 0; i < d.n_deeds; i++)
            if (d.deed[i].who >= d.n_who || d.deed[i].times.n == 0)
                __builtin_trap();
    kt_deeds_done(&d);
}

/* More than once: what is there is added to then. */
static void join(const struct kt_totals *s)
{
    const struct kt_totals_run run = { FIRST, LAST, 1, true };
    struct kt_totals_making *m = kt_totals_making_new();
    struct kt_totals_blobs b = { 0 };
    for (unsigned i = 0; i < 3 && kt_totals_join(m, s, SEGMENTS); i++)
        ;
    for (uint32_t i = 0; i < kt_map_count(m->actors); i++)
        for (uint32_t k = m->segments; k < KT_TOTALS_SEGMENTS; k++)
            if ((m->actor[i].segments[k / 8] >> k % 8 & 1) != 0)
                __builtin_trap();
    kt_totals_write(m, &run, &b);
    kt_totals_blobs_done(&b);
    kt_totals_making_free(m);
}

static void read_stretch(struct kt_rd *rd)
{
    static struct totals_file f;
    static struct kt_segment segment[] = { { .first_seq = FIRST, .last_seq = 10 },
                                           { .first_seq = 11, .last_seq = 30, .pieces = 2 },
                                           { .first_seq = 31, .last_seq = LAST } };
    const unsigned rest = KT_TOTALS_WITH_SECRETS | KT_TOTALS_WITH_ADDRESSES | KT_TOTALS_WITH_DEEDS |
                          KT_TOTALS_WITH_PLACES;
    struct kt_totals s = { 0 };
    if (f.file.db == NULL) {
        totals_file_open(&f, FIRST, LAST);
        f.file.directory = (struct kt_directory){ .at = segment, .n = KT_ARRAY_LEN(segment) };
    }
    totals_file_clear(&f);
    fill(&f, rd);
    kt_totals_begin(&s, &f.run, f.file.db);
    bool good = kt_totals_load(&s, KT_TOTALS_WITH_ACTORS);
    for (uint32_t i = 0; i < s.n_actors; i++)
        s.actor[i].wanted = i % 3 != 1;
    if (good && kt_totals_load(&s, rest)) {
        look_at_things(&s);
        look_at_entries(&s);
        sum_up(&s, &f.file);
        join(&s);
    }
    kt_totals_done(&s);
}

static void read_part(unsigned which, struct kt_str bytes)
{
    struct kt_str inner, rest = KT_STR_NONE;
    const struct kt_totals_run run = { FIRST, LAST, 1, false };
    struct kt_totals s = { .run = &run };
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
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_rd rd = kt_rd_of(kt_str_from(data, size));
    const unsigned which = kt_rd_u8(&rd) % (PARTS + 1);
    if (which == PARTS)
        read_stretch(&rd);
    else
        read_part(which, kt_rd_bytes(&rd, rd.left));
    return 0;
}
