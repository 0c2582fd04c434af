/*
 * capture: reads Avro object container files with the schema of Event Hubs Capture, which is fixed:
 * number, offset and time of an event, two maps of properties, its body. Only the body is wanted.
 *
 * Owns:  the beginning of a file until it is whole (at most HEAD_MAX bytes), nothing of its events.
 * Calls: core/base.
 * Holds: no length is believed before it was compared with what is left of the block.
 */
#include "agents/inputs/capture.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/zip.h"

#define MAGIC    "Obj\x01"
#define HEAD_MAX 65536u
#define SYNC     16u

typedef enum kt_status out_fn(void *self, struct kt_str piece, struct kt_error *err);

/* What comes next. Up to AT_BODY_LENGTH numbers, then so many bytes as `left` says. */
enum next {
    AT_BLOCK_COUNT,
    AT_BLOCK_SIZE,
    AT_SEQUENCE,
    AT_OFFSET_LENGTH,
    AT_TIME_LENGTH,
    AT_MAP_COUNT,
    AT_MAP_SIZE,
    AT_KEY_LENGTH,
    AT_VALUE_KIND,
    AT_VALUE_LONG,
    AT_VALUE_LENGTH,
    AT_BODY_KIND,
    AT_BODY_LENGTH,
    IN_OFFSET,
    IN_TIME,
    IN_KEY,
    IN_VALUE,
    IN_BODY,
};

struct capture {
    enum { UNKNOWN, OTHER, HEAD, BLOCKS, SYNC_BYTES } state;
    enum next framing, next; /* of the block, of the record in it */
    struct kt_buf head;
    char sync[SYNC];
    unsigned synced;
    bool deflated;
    struct kt_gunzip *inflate;
    uint64_t number; /* being read, and its bits so far */
    unsigned shift;
    uint64_t block, records; /* bytes and records that are left of the block */
    uint64_t left, entries;  /* bytes of a text, entries of a map */
    unsigned maps;           /* of the record that were read */
    out_fn *out;
    void *self;
};

struct capture *capture_new(void)
{
    return kt_alloc(sizeof(struct capture));
}

void capture_free(struct capture *c)
{
    if (c == NULL)
        return;
    kt_buf_done(&c->head);
    kt_gunzip_free(c->inflate);
    kt_free(c);
}

static enum kt_status broken(struct kt_error *err, const char *what)
{
    return kt_fail(err, KT_E_INPUT, "Avro: %s", what);
}

/* One byte of a number; true when it was the last. More than 64 bits end it too: whoever takes the
 * number refuses it. */
static bool take_number(struct capture *c, char byte, int64_t *ret)
{
    if (c->shift < 64)
        c->number |= (uint64_t)((unsigned char)byte & 0x7f) << c->shift;
    c->shift += 7;
    if (((unsigned char)byte & 0x80) != 0 && c->shift < 70)
        return false;
    *ret = (int64_t)(c->number >> 1) ^ -(int64_t)(c->number & 1);
    c->number = 0;
    c->shift = 0;
    return true;
}

/* ---- the head ---- */

/* A text of the head; false: there is not all of it yet, or it is none. */
static bool head_text(struct kt_str head, size_t *at, struct kt_str *ret)
{
    struct capture n = { 0 };
    int64_t len = -1;
    while (*at < head.len && !take_number(&n, head.at[*at], &len))
        ++*at;
    if (*at >= head.len || len < 0 || (uint64_t)len > head.len - *at - 1)
        return false;
    *ret = kt_str_sub(head, *at + 1, (size_t)len);
    *at += 1 + (size_t)len;
    return true;
}

/* The fields, in their order, and no others. */
static bool is_capture(struct kt_str schema)
{
    static const char *const parts[] = {
        "\"name\":\"EventData\"",
        "\"name\":\"SequenceNumber\",\"type\":\"long\"",
        "\"name\":\"Offset\",\"type\":\"string\"",
        "\"name\":\"EnqueuedTimeUtc\",\"type\":\"string\"",
        "\"name\":\"SystemProperties\",\"type\":{\"type\":\"map\",\"values\":[\"long\",\"double\","
        "\"string\",\"bytes\"",
        "\"name\":\"Properties\",\"type\":{\"type\":\"map\",\"values\":[\"long\",\"double\","
        "\"string\",\"bytes\"",
        "\"name\":\"Body\",\"type\":[\"null\",\"bytes\"]",
    };
    KT_CLEANUP(kt_buf_done) struct kt_buf plain = { 0 };
    for (size_t i = 0; i < schema.len; i++)
        if (schema.at[i] != ' ' && schema.at[i] != '\n' && schema.at[i] != '\r')
            kt_buf_byte(&plain, schema.at[i]);
    struct kt_str rest = kt_buf_str(&plain);
    for (size_t i = 0; i < KT_ARRAY_LEN(parts); i++) {
        ptrdiff_t at = kt_str_find(rest, kt_str_of(parts[i]), 0);
        if (at < 0 || kt_str_has(kt_str_sub(rest, 0, (size_t)at), KT_STR("\"name\":")))
            return false;
        rest = kt_str_from_index(rest, (size_t)at + strlen(parts[i]));
    }
    return !kt_str_has(rest, KT_STR("\"name\":"));
}

/* Magic, a map of texts, the sync marker. *ret_len stays 0 while there is not all of it. */
static enum kt_status read_head(struct capture *c, size_t *ret_len, struct kt_error *err)
{
    struct kt_str head = kt_buf_str(&c->head), codec = KT_STR("null"), schema = KT_STR_NONE;
    size_t at = sizeof MAGIC - 1;
    for (;;) {
        struct kt_str name, value;
        struct capture n = { 0 };
        int64_t count = 0;
        while (at < head.len && !take_number(&n, head.at[at], &count))
            at++;
        if (at++ >= head.len)
            return KT_OK;
        if (count == 0)
            break;
        if (count < 0 || count > 64)
            return broken(err, "its head is of a kind that is not read");
        for (; count > 0; count--) {
            if (!head_text(head, &at, &name) || !head_text(head, &at, &value))
                return KT_OK;
            if (kt_str_is(name, "avro.codec"))
                codec = value;
            else if (kt_str_is(name, "avro.schema"))
                schema = value;
        }
    }
    if (head.len - at < SYNC)
        return KT_OK;
    if (!is_capture(schema))
        return broken(err, "these are no events of Event Hubs Capture");
    c->deflated = kt_str_is(codec, "deflate");
    if (!c->deflated && !kt_str_is(codec, "null"))
        return broken(err, "it is packed in a way that is not known");
    memcpy(c->sync, head.at + at, SYNC);
    *ret_len = at + SYNC;
    return KT_OK;
}

/* ---- records ---- */

static enum kt_status next_number(struct capture *c, int64_t n, struct kt_error *err)
{
    static const char bad[] = "a record is broken";
    const uint64_t size = n < 0 ? 0 : (uint64_t)n;
    switch (c->next) {
    case AT_SEQUENCE:
        c->maps = 0;
        c->next = AT_OFFSET_LENGTH;
        return KT_OK;
    case AT_OFFSET_LENGTH:
    case AT_TIME_LENGTH:
    case AT_KEY_LENGTH:
    case AT_VALUE_LENGTH:
    case AT_BODY_LENGTH:
        if (n < 0)
            return broken(err, bad);
        c->left = size;
        c->next = c->next == AT_OFFSET_LENGTH ? IN_OFFSET
                  : c->next == AT_TIME_LENGTH ? IN_TIME
                  : c->next == AT_KEY_LENGTH  ? IN_KEY
                  : c->next == AT_BODY_LENGTH ? IN_BODY
                                              : IN_VALUE;
        return KT_OK;
    case AT_MAP_COUNT: /* below zero: the size of these entries stands behind it */
        c->entries = n < 0 ? 0 - (uint64_t)n : size;
        c->maps += n == 0 ? 1 : 0;
        c->next = n < 0           ? AT_MAP_SIZE
                  : n > 0         ? AT_KEY_LENGTH
                  : c->maps == 2u ? AT_BODY_KIND
                                  : AT_MAP_COUNT;
        return KT_OK;
    case AT_MAP_SIZE:
        c->next = AT_KEY_LENGTH;
        return KT_OK;
    case AT_VALUE_KIND: /* a number, eight bytes, text, bytes, nothing */
        if (n < 0 || n > 4)
            return broken(err, bad);
        c->left = n == 1 ? 8 : 0;
        c->next = n == 0 ? AT_VALUE_LONG : n == 2 || n == 3 ? AT_VALUE_LENGTH : IN_VALUE;
        return KT_OK;
    case AT_VALUE_LONG:
        c->left = 0;
        c->next = IN_VALUE;
        return KT_OK;
    case AT_BODY_KIND:
        if (n != 0 && n != 1)
            return broken(err, bad);
        c->left = 0;
        c->next = n == 1 ? AT_BODY_LENGTH : IN_BODY;
        return KT_OK;
    default:
        return broken(err, bad);
    }
}

/* The bytes that `left` told of are over. */
static enum kt_status next_part(struct capture *c, struct kt_error *err)
{
    switch (c->next) {
    case IN_OFFSET:
        c->next = AT_TIME_LENGTH;
        return KT_OK;
    case IN_TIME:
        c->next = AT_MAP_COUNT;
        return KT_OK;
    case IN_KEY:
        c->next = AT_VALUE_KIND;
        return KT_OK;
    case IN_VALUE:
        c->next = --c->entries > 0 ? AT_KEY_LENGTH : AT_MAP_COUNT;
        return KT_OK;
    default:
        if (c->records == 0)
            return broken(err, "a block has more records than it says");
        c->records--;
        c->next = AT_SEQUENCE;
        return c->out(c->self, KT_STR("\n"), err);
    }
}

/* Bytes of a block, unpacked. */
static enum kt_status take_records(void *self, struct kt_str in, struct kt_error *err)
{
    struct capture *c = self;
    size_t at = 0;
    while (at < in.len || (c->next >= IN_OFFSET && c->left == 0)) {
        enum kt_status st = KT_OK;
        int64_t n;
        if (c->next < IN_OFFSET) {
            if (take_number(c, in.at[at++], &n))
                st = next_number(c, n, err);
        } else {
            struct kt_str part =
                kt_str_sub(in, at, c->left < in.len - at ? (size_t)c->left : in.len - at);
            at += part.len;
            c->left -= part.len;
            if (c->next == IN_BODY && part.len > 0)
                st = c->out(c->self, part, err);
            if (st == KT_OK && c->left == 0)
                st = next_part(c, err);
        }
        if (st != KT_OK)
            return st;
    }
    return KT_OK;
}

/* ---- blocks ---- */

static enum kt_status block_ends(struct capture *c, struct kt_error *err)
{
    if (c->inflate != NULL && kt_gunzip_end(c->inflate, err) != KT_OK)
        return KT_E_INPUT;
    if (c->records != 0 || c->next != AT_SEQUENCE || c->shift != 0)
        return broken(err, "a block ends amid a record");
    c->state = SYNC_BYTES;
    c->synced = 0;
    return KT_OK;
}

static enum kt_status take_framing(struct capture *c, char byte, struct kt_error *err)
{
    int64_t n;
    if (!take_number(c, byte, &n))
        return KT_OK;
    if (n < 0)
        return broken(err, "a block is broken");
    if (c->framing == AT_BLOCK_COUNT) {
        c->records = (uint64_t)n;
        c->framing = AT_BLOCK_SIZE;
        return KT_OK;
    }
    c->block = (uint64_t)n;
    c->framing = AT_BLOCK_COUNT;
    c->next = AT_SEQUENCE;
    return c->block == 0 ? block_ends(c, err) : KT_OK;
}

static enum kt_status take_sync(struct capture *c, char byte, struct kt_error *err)
{
    if (byte != c->sync[c->synced++])
        return broken(err, "a block does not end where it says");
    if (c->synced == SYNC)
        c->state = BLOCKS;
    return KT_OK;
}

static enum kt_status take_block(struct capture *c, struct kt_str part, struct kt_error *err)
{
    if (c->deflated && c->inflate == NULL)
        c->inflate = kt_inflate_new();
    enum kt_status st = c->deflated ? kt_gunzip_feed(c->inflate, part, take_records, c, err)
                                    : take_records(c, part, err);
    c->block -= part.len;
    return st == KT_OK && c->block == 0 ? block_ends(c, err) : st;
}

static enum kt_status take_blocks(struct capture *c, struct kt_str in, struct kt_error *err)
{
    enum kt_status st = KT_OK;
    for (size_t at = 0; at < in.len && st == KT_OK;) {
        if (c->state == SYNC_BYTES) {
            st = take_sync(c, in.at[at++], err);
        } else if (c->block == 0) {
            st = take_framing(c, in.at[at++], err);
        } else {
            size_t n = c->block < in.len - at ? (size_t)c->block : in.len - at;
            st = take_block(c, kt_str_sub(in, at, n), err);
            at += n;
        }
    }
    return st;
}

/* ---- the file ---- */

static enum kt_status take_head(struct capture *c, struct kt_str in, struct kt_error *err)
{
    const struct kt_str magic = KT_STR(MAGIC);
    size_t len = 0;
    kt_buf_add(&c->head, in);
    struct kt_str head = kt_buf_str(&c->head);
    if (!kt_str_eq(kt_str_sub(head, 0, magic.len), kt_str_sub(magic, 0, head.len))) {
        c->state = OTHER;
        return c->out(c->self, head, err);
    }
    if (head.len < magic.len)
        return KT_OK;
    c->state = HEAD;
    if (read_head(c, &len, err) != KT_OK)
        return KT_E_INPUT;
    if (len == 0)
        return head.len < HEAD_MAX ? KT_OK : broken(err, "its head is too long");
    c->state = BLOCKS;
    return take_blocks(c, kt_str_from_index(head, len), err);
}

enum kt_status capture_feed(struct capture *c, struct kt_str in, out_fn *out, void *self,
                            struct kt_error *err)
{
    c->out = out;
    c->self = self;
    if (in.len == 0)
        return KT_OK;
    if (c->state == OTHER)
        return out(self, in, err);
    return c->state == UNKNOWN || c->state == HEAD ? take_head(c, in, err)
                                                   : take_blocks(c, in, err);
}

enum kt_status capture_end(struct capture *c, struct kt_error *err)
{
    if (c->state == UNKNOWN && c->head.len > 0) { /* shorter than the magic */
        c->state = OTHER;
        return c->out(c->self, kt_buf_str(&c->head), err);
    }
    bool whole =
        c->state == UNKNOWN || c->state == OTHER ||
        (c->state == BLOCKS && c->block == 0 && c->framing == AT_BLOCK_COUNT && c->shift == 0);
    return whole ? KT_OK : broken(err, "the file ends amid a block");
}
