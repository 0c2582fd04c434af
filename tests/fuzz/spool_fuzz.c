/* The spool's files are hostile too (THREATS I6): any bytes open, and what opens can be read, taken
 * and opened again. */
#include "agents/spool/spool.h"
#include "core/base/hash.h"
#include <stdlib.h>

static struct kt_spool *open_spool(const struct kt_fs *fs, struct kt_rng rng)
{
    const struct kt_spool_options o = {
        .fs = *fs, .rng = rng, .dir = "s", .bytes_max = 1u << 20, .segment_bytes = 4096
    };
    struct kt_spool *s = NULL;
    struct kt_error err = { 0 };
    return kt_spool_open(&o, &s, &err) == KT_OK ? s : NULL;
}

static void write_file(const struct kt_fs *fs, const char *path, struct kt_str bytes)
{
    struct kt_file *f = NULL;
    if (fs->open(fs->self, path, KT_OPEN_APPEND, &f, NULL) != KT_OK)
        return;
    if (fs->append(f, bytes, NULL) != KT_OK)
        abort();
    fs->close(f);
}

/* Records with right sums, so that what is in them is looked at: type, number, count, body. */
static void add_records(struct kt_rd *r, struct kt_buf *out)
{
    while (r->left > 0 && out->len < 20000) {
        size_t start = out->len;
        uint8_t type = kt_rd_u8(r), len = kt_rd_u8(r), sum[16];
        kt_buf_addz(out, "KTR1");
        kt_buf_u32(out, type);
        struct kt_str body = kt_rd_bytes(r, len <= r->left ? len : r->left);
        uint64_t seq = kt_rd_u8(r);
        kt_buf_u32(out, (uint32_t)body.len);
        kt_buf_u32(out, kt_rd_u8(r));
        kt_buf_u64(out, seq == 255 ? UINT64_MAX - 3 : seq);
        const struct kt_str parts[] = { kt_str_from(out->at + start, 24), body };
        kt_blake2b(parts, 2, sum, sizeof sum);
        kt_buf_add_bytes(out, sum, sizeof sum);
        kt_buf_add(out, body);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct kt_buf file = { 0 };
    struct kt_fs_memory *mem = kt_fs_memory_new();
    struct kt_fs fs = kt_fs_memory(mem);
    struct kt_rng_seeded seed = { 1 };
    struct kt_error err = { 0 };
    struct kt_buf out = { 0 };
    uint32_t count;
    uint64_t seq = 0;

    if (!ready)
        kt_hash_init();
    ready = true;
    if (fs.mkdir(fs.self, "s", 0700, &err) != KT_OK)
        abort();
    size_t half = size / 2;
    struct kt_rd rd = kt_rd_of(kt_str_from(data, half));
    add_records(&rd, &file);
    write_file(&fs, "s/00000001.spool", kt_buf_str(&file));
    rd = kt_rd_of(kt_str_from(data + half, size - half));
    kt_buf_reset(&file);
    add_records(&rd, &file);
    if (size % 3 == 0) /* and some that are none */
        kt_buf_add_bytes(&file, data, size);
    write_file(&fs, "s/00000002.spool", kt_buf_str(&file));
    kt_buf_done(&file);
    for (int round = 0; round < 2; round++) {
        struct kt_spool *s = open_spool(&fs, kt_rng_seeded(&seed));
        if (s == NULL)
            break;
        for (uint64_t i = kt_spool_acked(s) + 1; i <= kt_spool_last(s) && i < 100; i++)
            if (kt_spool_read(s, i, &out, &count, &err) == KT_E_IO)
                abort();
        if (kt_spool_append(s, KT_STR("{}\n"), 1, NULL, 0, &seq, &err) != KT_OK ||
            kt_spool_sync(s, &err) != KT_OK || kt_spool_read(s, seq, &out, &count, &err) != KT_OK ||
            count != 1)
            abort();
        kt_spool_ack(s, seq);
        kt_spool_close(s);
    }
    kt_buf_done(&out);
    kt_fs_memory_free(mem);
    return 0;
}
