/*
 * tail_place: a position in a log file as text, and the print that tells a file from another one
 * that got its inode.
 *
 * Owns:  the text "dev:ino:offset:n:hex:ahead".
 * Calls: core/base, the fs it is given.
 */
#include "agents/inputs/tail_stream.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/zip.h"
#include <stdio.h>
#include <string.h>

#define PACKED_BYTES 4096u

void tail_place_format(const struct tail_place *p, char ret[TAIL_PLACE_TEXT])
{
    char hex[2 * sizeof p->print + 1];

    kt_hex(hex, p->print, sizeof p->print);
    (void)snprintf(ret, TAIL_PLACE_TEXT, "%llu:%llu:%llu:%u:%s:%llu", (unsigned long long)p->dev,
                   (unsigned long long)p->ino, (unsigned long long)p->offset, p->print_len, hex,
                   (unsigned long long)p->ahead);
}

bool tail_place_parse(struct kt_str s, struct tail_place *ret)
{
    uint64_t numbers[4];
    struct kt_str part;

    for (unsigned i = 0; i < KT_ARRAY_LEN(numbers); i++)
        if (!kt_str_split(&s, ':', &part) || !kt_str_u64(part, &numbers[i]))
            return false;
    struct tail_place p = { numbers[0], numbers[1], numbers[2], (uint32_t)numbers[3], { 0 }, 0 };
    if (numbers[3] > TAIL_PRINT_BYTES || !kt_str_split(&s, ':', &part) ||
        !kt_hex_decode(part, p.print, sizeof p.print) || !kt_str_u64(s, &p.ahead))
        return false;
    *ret = p;
    return true;
}

static void print_of(struct kt_str head, struct tail_place *into)
{
    uint8_t sum[32];
    kt_sha256_of(&head, 1, sum);
    memcpy(into->print, sum, sizeof into->print);
    into->print_len = (uint32_t)head.len;
}

static bool is_same(const struct tail_place *a, const struct tail_place *b)
{
    return a->print_len == b->print_len && memcmp(a->print, b->print, sizeof a->print) == 0;
}

enum kt_status tail_print(const struct kt_fs *fs, struct kt_file *f, uint32_t n,
                          struct tail_place *into, struct kt_error *err)
{
    char head[TAIL_PRINT_BYTES];
    size_t have = 0, got = 1;

    n = n > TAIL_PRINT_BYTES ? TAIL_PRINT_BYTES : n;
    while (have < n && got > 0) {
        if (fs->read_at(f, have, head + have, n - have, &got, err) != KT_OK)
            return kt_wrap(err, "read");
        have += got;
    }
    print_of(kt_str_from(head, have), into);
    return KT_OK;
}

bool tail_print_is(const struct kt_fs *fs, struct kt_file *f, const struct tail_place *p)
{
    struct tail_place now = { 0 };

    if (p->print_len == 0) /* nothing was read yet: the inode alone tells */
        return true;
    return tail_print(fs, f, p->print_len, &now, NULL) == KT_OK && is_same(&now, p);
}

struct head {
    char at[TAIL_PRINT_BYTES];
    size_t have, want;
};

static enum kt_status keep_head(void *self, struct kt_str piece, struct kt_error *err)
{
    struct head *h = self;
    struct kt_str part = kt_str_sub(piece, 0, h->want - h->have);

    (void)err;
    memcpy(h->at + h->have, part.at, part.len);
    h->have += part.len;
    return h->have < h->want ? KT_OK : KT_E_AGAIN; /* enough */
}

bool tail_print_is_packed(const struct kt_fs *fs, struct kt_file *f, const struct tail_place *p)
{
    struct kt_gunzip *gunzip = kt_gunzip_new();
    struct head head = { .want = p->print_len };
    struct tail_place now = { 0 };
    enum kt_status st = KT_OK;
    char room[PACKED_BYTES];
    size_t n = 1;

    for (uint64_t at = 0; st == KT_OK && n > 0; at += n) {
        st = fs->read_at(f, at, room, sizeof room, &n, NULL);
        if (st == KT_OK)
            st = kt_gunzip_feed(gunzip, kt_str_from(room, n), keep_head, &head, NULL);
    }
    kt_gunzip_free(gunzip);
    print_of(kt_str_from(head.at, head.have), &now);
    return is_same(&now, p);
}
