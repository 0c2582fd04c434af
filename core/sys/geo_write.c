/*
 * geo_write: .mmdb files from a table. Tree, 16 zero bytes, data, marker, metadata, as the MaxMind
 * DB specification 2.0 has it; the tree is for IPv6 with IPv4 below ::/96.
 *
 * Owns:  nothing between calls. Calls: core/base, fs.
 */
#include "core/sys/geo_write.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/buf.h"
#include "core/base/ip.h"
#include "core/base/map.h"
#include "core/sys/fs.h"

enum type { STRING = 2, UINT16 = 5, UINT32 = 6, MAP = 7, UINT64 = 9, ARRAY = 11 };
enum { SEPARATOR = 16, TEXT_MAX = 65535, MAP_SEED = 1 };

/* ---- values ---- */

/* Type and size: types over 7 go into a second byte, sizes over 28 behind it. */
static void put_control(struct kt_buf *b, enum type type, size_t size)
{
    unsigned small = size < 29 ? (unsigned)size : size < 285 ? 29 : 30;

    assert(size < 285 + 65536);
    if (type <= 7) {
        kt_buf_u8(b, (uint8_t)((unsigned)type << 5 | small));
    } else {
        kt_buf_u8(b, (uint8_t)small);
        kt_buf_u8(b, (uint8_t)(type - 7));
    }
    if (small == 29)
        kt_buf_u8(b, (uint8_t)(size - 29));
    if (small == 30) {
        kt_buf_u8(b, (uint8_t)((size - 285) >> 8));
        kt_buf_u8(b, (uint8_t)(size - 285));
    }
}

static void put_text(struct kt_buf *b, const char *z)
{
    struct kt_str s = kt_utf8_cut(kt_str_of(z), TEXT_MAX);
    put_control(b, STRING, s.len);
    kt_buf_add(b, s);
}

/* Big endian without leading zeroes. */
static void put_number(struct kt_buf *b, enum type type, uint64_t v)
{
    unsigned bytes = 0;

    while (bytes < 8 && v >> (8 * bytes) != 0)
        bytes++;
    put_control(b, type, bytes);
    for (unsigned i = bytes; i-- > 0;)
        kt_buf_u8(b, (uint8_t)(v >> (8 * i)));
}

static bool said(const char *z)
{
    return z != NULL && z[0] != '\0';
}

static void put_row(struct kt_buf *b, const struct kt_geo_row *row, bool flat)
{
    put_control(b, MAP, (size_t)said(row->country) + (row->asn != 0) + said(row->org));
    if (said(row->country)) {
        put_text(b, flat ? "country_code" : "country");
        if (!flat) {
            put_control(b, MAP, 1);
            put_text(b, "iso_code");
        }
        put_text(b, row->country);
    }
    if (row->asn != 0 && flat) {
        char text[16];
        KT_CLEANUP(kt_buf_done) struct kt_buf asn = { 0 };
        kt_buf_addf(&asn, "AS%u", row->asn);
        kt_str_copyz(text, sizeof text, kt_buf_str(&asn));
        put_text(b, "asn");
        put_text(b, text);
    } else if (row->asn != 0) {
        put_text(b, "autonomous_system_number");
        put_number(b, UINT32, row->asn);
    }
    if (said(row->org)) {
        put_text(b, flat ? "as_name" : "autonomous_system_organization");
        put_text(b, row->org);
    }
}

/* ---- tree ---- */

#define LEAF  UINT32_C(0x80000000) /* | number of the row */
#define EMPTY UINT32_MAX

struct node {
    uint32_t child[2];
};
struct net { /* of one row, in the tree's 128 bits */
    uint8_t at[16];
    unsigned bits, row;
};
struct tree {
    struct node *nodes;
    size_t len, cap;
};

static uint32_t tree_add(struct tree *t, uint32_t both)
{
    if (t->len == t->cap) {
        t->cap = t->cap > 0 ? 2 * t->cap : 256;
        t->nodes = kt_realloc_array(t->nodes, t->cap, sizeof *t->nodes);
    }
    t->nodes[t->len] = (struct node){ { both, both } };
    return (uint32_t)t->len++;
}

/* Shorter prefixes come first, so that a longer one only ever splits what they filled. */
static void tree_put(struct tree *t, const struct net *net)
{
    uint32_t leaf = LEAF | net->row, at = 0;

    if (net->bits == 0) {
        t->nodes[0] = (struct node){ { leaf, leaf } };
        return;
    }
    for (unsigned i = 0;; i++) {
        unsigned bit = ((unsigned)net->at[i / 8] >> (7 - i % 8)) & 1u;
        uint32_t child = t->nodes[at].child[bit];
        if (i + 1 == net->bits) {
            t->nodes[at].child[bit] = leaf;
            return;
        }
        if ((child & LEAF) != 0) { /* EMPTY has the bit as well */
            uint32_t made = tree_add(t, child);
            t->nodes[at].child[bit] = made;
            child = made;
        }
        at = child;
    }
}

static int shorter_first(const void *a, const void *b)
{
    const struct net *x = a, *y = b;
    if (x->bits != y->bits)
        return x->bits < y->bits ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static enum kt_status read_nets(const struct kt_geo_row *rows, unsigned n, struct net *ret,
                                struct kt_error *err)
{
    for (unsigned i = 0; i < n; i++) {
        struct kt_cidr c;
        if (kt_cidr_parse(kt_str_of(rows[i].cidr), &c, err) != KT_OK)
            return kt_wrap(err, "network %u", i + 1);
        ret[i] = (struct net){ .bits = c.bits, .row = i };
        memcpy(ret[i].at, c.ip.at, 16);
        if (kt_ip_is_v4(c.ip) && c.bits >= 96)
            memset(ret[i].at, 0, 12);
    }
    qsort(ret, n, sizeof *ret, shorter_first);
    return KT_OK;
}

/* ---- file ---- */

/* Data section; offsets[row] is where the row's record begins. Equal records are written once. */
static void put_data(const struct kt_geo_row *rows, unsigned n, bool flat, struct kt_buf *data,
                     uint32_t *offsets)
{
    struct kt_map *known = kt_map_new(MAP_SEED);
    uint32_t *at = kt_alloc_array(n, sizeof *at);
    KT_CLEANUP(kt_buf_done) struct kt_buf record = { 0 };

    for (unsigned i = 0; i < n; i++) {
        bool is_new;
        kt_buf_reset(&record);
        put_row(&record, &rows[i], flat);
        uint32_t number = kt_map_put(known, kt_buf_str(&record), &is_new);
        if (is_new) {
            at[number] = (uint32_t)data->len;
            kt_buf_add(data, kt_buf_str(&record));
        }
        offsets[i] = at[number];
    }
    kt_free(at);
    kt_map_free(known);
}

static uint32_t value_of(uint32_t child, uint32_t n_nodes, const uint32_t *offsets)
{
    if (child == EMPTY)
        return n_nodes;
    if ((child & LEAF) != 0)
        return n_nodes + SEPARATOR + offsets[child & ~LEAF];
    return child;
}

static void put_node(struct kt_buf *b, uint32_t left, uint32_t right, unsigned record_bits)
{
    kt_buf_u8(b, (uint8_t)(left >> 16));
    kt_buf_u8(b, (uint8_t)(left >> 8));
    kt_buf_u8(b, (uint8_t)left);
    if (record_bits == 28)
        kt_buf_u8(b, (uint8_t)((left >> 24) << 4 | right >> 24));
    kt_buf_u8(b, (uint8_t)(right >> 16));
    kt_buf_u8(b, (uint8_t)(right >> 8));
    kt_buf_u8(b, (uint8_t)right);
}

static void put_metadata(struct kt_buf *b, uint32_t n_nodes, unsigned record_bits,
                         uint64_t build_epoch)
{
    kt_buf_addz(b, "\xab\xcd\xefMaxMind.com");
    put_control(b, MAP, 9);
    put_text(b, "binary_format_major_version");
    put_number(b, UINT16, 2);
    put_text(b, "binary_format_minor_version");
    put_number(b, UINT16, 0);
    put_text(b, "build_epoch");
    put_number(b, UINT64, build_epoch);
    put_text(b, "database_type");
    put_text(b, "keytrail-networks");
    put_text(b, "description");
    put_control(b, MAP, 1);
    put_text(b, "en");
    put_text(b, "Networks written by keytrail");
    put_text(b, "ip_version");
    put_number(b, UINT16, 6);
    put_text(b, "languages");
    put_control(b, ARRAY, 0);
    put_text(b, "node_count");
    put_number(b, UINT32, n_nodes);
    put_text(b, "record_size");
    put_number(b, UINT16, record_bits);
}

static enum kt_status put_file(const struct tree *t, const struct kt_geo_row *rows, unsigned n,
                               uint64_t build_epoch, bool flat, struct kt_buf *out,
                               struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf data = { 0 };
    uint32_t *offsets = kt_alloc_array(n, sizeof *offsets);
    uint32_t n_nodes = (uint32_t)t->len;

    put_data(rows, n, flat, &data, offsets);
    uint64_t largest = (uint64_t)t->len + SEPARATOR + data.len;
    unsigned record_bits = largest < 1u << 24 ? 24 : 28;
    for (size_t i = 0; i < t->len && largest < 1u << 28; i++)
        put_node(out, value_of(t->nodes[i].child[0], n_nodes, offsets),
                 value_of(t->nodes[i].child[1], n_nodes, offsets), record_bits);
    kt_free(offsets);
    if (largest >= 1u << 28)
        return kt_fail(err, KT_E_LIMIT, "too many networks for one file");
    memset(kt_buf_reserve(out, SEPARATOR), 0, SEPARATOR);
    out->len += SEPARATOR;
    kt_buf_add(out, kt_buf_str(&data));
    put_metadata(out, n_nodes, record_bits, build_epoch);
    return KT_OK;
}

enum kt_status kt_geo_write(const char *path, const struct kt_geo_row *rows, unsigned n,
                            uint64_t build_epoch, bool flat, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf file = { 0 };
    struct net *nets = kt_alloc_array(n, sizeof *nets);
    struct tree tree = { 0 };

    enum kt_status st = read_nets(rows, n, nets, err);
    (void)tree_add(&tree, EMPTY);
    for (unsigned i = 0; i < n && st == KT_OK; i++)
        tree_put(&tree, &nets[i]);
    if (st == KT_OK)
        st = put_file(&tree, rows, n, build_epoch, flat, &file, err);
    if (st == KT_OK)
        st = kt_fs_write_atomic(path, kt_buf_str(&file), 0644, err);
    kt_free(nets);
    kt_free(tree.nodes);
    return st == KT_OK ? KT_OK : kt_wrap(err, "'%s'", path);
}
