/* agents/inputs/capture, unpack: bodies out of Avro files of Event Hubs Capture, in pieces, cut and
 * broken; everything else as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agents/inputs/unpack.h"
#include "core/base/buf.h"
#include "core/base/zip.h"

#define MAP "{\"type\":\"map\",\"values\":[\"long\",\"double\",\"string\",\"bytes\",\"null\"]}"
#define SCHEMA                                                                                     \
    "{\"type\":\"record\",\"name\":\"EventData\",\"namespace\":\"Microsoft.ServiceBus.Messaging\"" \
    ",\"fields\":[{\"name\":\"SequenceNumber\",\"type\":\"long\"},{\"name\":\"Offset\",\"type\":"  \
    "\"string\"},{\"name\":\"EnqueuedTimeUtc\",\"type\":\"string\"},\n {\"name\":"                 \
    "\"SystemProperties\",\"type\":" MAP "},{\"name\":\"Properties\",\"type\":" MAP "},{\"name\":" \
    "\"Body\",\"type\":[\"null\",\"bytes\"]}]}"
#define BODY_1 "{\"records\":[{\"a\":1}]}"
#define BODY_3 "{\"records\":[{\"b\":2}]}"
#define WANT   BODY_1 "\n\n" BODY_3 "\n"

static enum kt_status on_piece(void *self, struct kt_str piece, struct kt_error *err)
{
    (void)err;
    kt_buf_add(self, piece);
    return KT_OK;
}

static void text(struct kt_buf *b, const char *s)
{
    kt_buf_zigzag(b, (int64_t)kt_str_of(s).len);
    kt_buf_addz(b, s);
}

/* A property of each type: in one run of entries, or, as Avro allows, with their size before it. */
static void properties(struct kt_buf *b, bool sized)
{
    static const char eight[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    struct kt_buf in = { 0 };
    text(&in, "x-opt-enqueued-time");
    kt_buf_zigzag(&in, 0);
    kt_buf_zigzag(&in, INT64_C(1700000000000));
    text(&in, "double");
    kt_buf_zigzag(&in, 1);
    kt_buf_add_bytes(&in, eight, sizeof eight);
    text(&in, "partition");
    kt_buf_zigzag(&in, 2);
    text(&in, "p1");
    text(&in, "");
    kt_buf_zigzag(&in, 4);
    kt_buf_zigzag(b, sized ? -4 : 4);
    if (sized)
        kt_buf_zigzag(b, (int64_t)in.len);
    kt_buf_add(b, kt_buf_str(&in));
    kt_buf_zigzag(b, 0);
    kt_buf_done(&in);
}

static void record(struct kt_buf *b, int64_t n, const char *body)
{
    kt_buf_zigzag(b, n);
    text(b, n == 2 ? "" : "4294967296");
    text(b, "11/30/2026 10:00:00 PM");
    properties(b, n == 2);
    if (n == 1)
        kt_buf_zigzag(b, 0);
    else
        properties(b, false);
    kt_buf_zigzag(b, body != NULL);
    if (body != NULL)
        text(b, body);
}

static void block(struct kt_buf *b, struct kt_str records, int64_t n, bool deflated)
{
    struct kt_buf packed = { 0 };
    kt_gzip(records, &packed); /* ten bytes before it and eight behind */
    const struct kt_str deflate = kt_str_sub(kt_buf_str(&packed), 10, packed.len - 18);
    const struct kt_str data = deflated ? deflate : records;
    kt_buf_zigzag(b, n);
    kt_buf_zigzag(b, (int64_t)data.len);
    kt_buf_add(b, data);
    kt_buf_addz(b, "0123456789abcdef");
    kt_buf_done(&packed);
}

/* Two blocks: of two records, the second without a body, and of one. */
static void file(struct kt_buf *b, const char *schema, const char *codec)
{
    struct kt_buf records = { 0 };
    const bool deflated = kt_str_is(kt_str_of(codec), "deflate");
    kt_buf_addz(b, "Obj\x01");
    kt_buf_zigzag(b, 2);
    text(b, "avro.codec");
    text(b, codec);
    text(b, "avro.schema");
    text(b, schema);
    kt_buf_zigzag(b, 0);
    kt_buf_addz(b, "0123456789abcdef");
    record(&records, 1, BODY_1);
    record(&records, 2, NULL);
    block(b, kt_buf_str(&records), 2, deflated);
    kt_buf_reset(&records);
    record(&records, 3, BODY_3);
    block(b, kt_buf_str(&records), 1, deflated);
    kt_buf_done(&records);
}

static enum kt_status unpack(struct kt_str in, size_t step, struct kt_buf *out)
{
    struct kt_error err;
    struct unpack *u = unpack_new();
    enum kt_status st = KT_OK;
    for (size_t at = 0; at < in.len && st == KT_OK; at += step)
        st = unpack_feed(u, kt_str_sub(in, at, step), on_piece, out, &err);
    if (st == KT_OK)
        st = unpack_end(u, &err);
    unpack_free(u);
    return st;
}

static void bodies_come_out_whatever_the_pieces_are(void **state)
{
    static const char *const codecs[] = { "null", "deflate" };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(codecs); i++) {
        struct kt_buf b = { 0 }, packed = { 0 }, out = { 0 };
        file(&b, SCHEMA, codecs[i]);
        for (size_t step = 1; step <= b.len; step++) {
            kt_buf_reset(&out);
            assert_int_equal(unpack(kt_buf_str(&b), step, &out), KT_OK);
            assert_string_equal(kt_buf_z(&out), WANT);
        }
        kt_gzip(kt_buf_str(&b), &packed);
        kt_buf_reset(&out);
        assert_int_equal(unpack(kt_buf_str(&packed), 7, &out), KT_OK);
        assert_string_equal(kt_buf_z(&out), WANT);
        kt_buf_done(&b);
        kt_buf_done(&packed);
        kt_buf_done(&out);
    }
}

static void a_cut_file_is_broken_and_gives_what_it_has(void **state)
{
    struct kt_buf b = { 0 }, out = { 0 };
    (void)state;
    file(&b, SCHEMA, "null");
    for (size_t len = 4; len < b.len; len++) {
        kt_buf_reset(&out);
        const enum kt_status st = unpack(kt_str_sub(kt_buf_str(&b), 0, len), 50, &out);
        assert_true(kt_str_starts(KT_STR(WANT), kt_buf_str(&out)));
        if (st == KT_OK) /* between two blocks a file may end */
            assert_true(kt_str_ends(kt_str_sub(kt_buf_str(&b), 0, len), KT_STR("abcdef")));
    }
    kt_buf_done(&b);
    kt_buf_done(&out);
}

static void any_byte_may_be_another(void **state)
{
    static const char *const codecs[] = { "null", "deflate" };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(codecs); i++) {
        struct kt_buf b = { 0 }, out = { 0 };
        file(&b, SCHEMA, codecs[i]);
        for (size_t at = 0; at < b.len; at++) {
            const char was = b.at[at];
            static const unsigned char others[] = { 0, 1, 2, 0x7f, 0x80, 0xff };
            for (size_t k = 0; k < sizeof others; k++) {
                b.at[at] = (char)others[k];
                kt_buf_reset(&out);
                (void)(unpack(kt_buf_str(&b), 33, &out) == KT_OK);
                assert_true(out.len <= b.len + sizeof WANT); /* nothing is made up */
            }
            b.at[at] = was;
        }
        kt_buf_done(&b);
        kt_buf_done(&out);
    }
}

static void other_avro_is_refused(void **state)
{
    static const struct {
        const char *schema, *codec;
    } rows[] = {
        { SCHEMA, "snappy" },
        { "{\"type\":\"record\",\"name\":\"User\",\"fields\":[]}", "null" },
        { "{\"name\":\"EventData\",\"fields\":[{\"name\":\"Body\",\"type\":[\"null\",\"bytes\"]}]}",
          "null" },
        { SCHEMA ",{\"name\":\"More\",\"type\":\"long\"}", "null" },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_buf b = { 0 }, out = { 0 };
        file(&b, rows[i].schema, rows[i].codec);
        assert_int_equal(unpack(kt_buf_str(&b), 64, &out), KT_E_INPUT);
        assert_int_equal(out.len, 0);
        kt_buf_done(&b);
        kt_buf_done(&out);
    }
}

static void a_head_without_end_is_not_kept(void **state)
{
    struct kt_buf b = { 0 }, out = { 0 };
    (void)state;
    kt_buf_addz(&b, "Obj\x01");
    kt_buf_zigzag(&b, 1);
    text(&b, "avro.schema");
    kt_buf_zigzag(&b, 1 << 30);
    for (unsigned i = 0; i < 100000; i++)
        kt_buf_byte(&b, 'x');
    assert_int_equal(unpack(kt_buf_str(&b), 4096, &out), KT_E_INPUT);
    assert_int_equal(out.len, 0);
    kt_buf_done(&b);
    kt_buf_done(&out);
}

static void what_is_no_avro_passes(void **state)
{
    static const char *const texts[] = {
        "", "O", "Ob", "Obj", "Obj\x02x", "Oh", "{\"a\":1}\n", "x"
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++) {
        for (size_t step = 1; step < 5; step++) {
            struct kt_buf out = { 0 };
            assert_int_equal(unpack(kt_str_of(texts[i]), step, &out), KT_OK);
            assert_string_equal(kt_buf_z(&out), texts[i]);
            kt_buf_done(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_come_out_whatever_the_pieces_are),
        cmocka_unit_test(a_cut_file_is_broken_and_gives_what_it_has),
        cmocka_unit_test(any_byte_may_be_another),
        cmocka_unit_test(other_avro_is_refused),
        cmocka_unit_test(a_head_without_end_is_not_kept),
        cmocka_unit_test(what_is_no_avro_passes),
    };
    return cmocka_run_group_tests_name("agents/capture", tests, NULL, NULL);
}
