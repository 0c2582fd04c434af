/* The splitter: bytes that come at once, a block at a time, and byte by byte give the same pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agents/pipeline_needles.h"
#include "agents/pipeline_split.h"
#include "core/base/hash.h"

#define TEXTS 4000

static enum kt_status write_down(void *self, const struct kt_piece *p, struct kt_error *err)
{
    (void)err;
    kt_buf_addf(self, "%d %llu %llu ", (int)p->kind, (unsigned long long)p->offset,
                (unsigned long long)p->bytes);
    kt_buf_add(self, p->text);
    kt_buf_byte(self, '\0');
    return KT_OK;
}

static void split(const char *source, struct kt_str text, size_t piece, struct kt_buf *ret)
{
    struct kt_error err = { 0 };
    struct kt_splitter *s =
        kt_splitter_new(kt_source_find(kt_str_of(source)), NULL, write_down, ret);

    kt_splitter_restart(s, 0);
    for (size_t at = 0; at < text.len; at += piece)
        assert_int_equal(kt_splitter_feed(s, kt_str_sub(text, at, piece), at, &err), KT_OK);
    assert_int_equal(kt_splitter_end(s, &err), KT_OK);
    kt_splitter_free(s);
}

static uint32_t draw(uint64_t *state, uint32_t n)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % n;
}

/* What such files are made of, right and wrong, in any order. */
static void invent(uint64_t *state, struct kt_buf *ret)
{
    static const char *const tokens[] = {
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\n",
        "\\",
        "\\\"",
        "{\"Records\":[",
        "]}",
        "},{",
        "\"detail\":",
        "\"items\":[",
        "\"eventSource\":\"secretsmanager.amazonaws.com\"",
        "\"a\":{\"b\":[1,{\"c\":\"d\"}]}",
        ("\"key\":\"a value that is longer than one block of the scanner, which has sixty-four "
         "bytes\""),
        "\"k\":\"v\",",
        "null",
        " ",
        "#",
        "\"message\":\"{\\\"x\\\":1}\"",
        "\"a\\/b\":[\"c\\/d\",\"e\\/f\"],",
        "\"data\":\"e30=\"",
    };
    uint32_t n = 1 + draw(state, 60);

    kt_buf_reset(ret);
    for (uint32_t i = 0; i < n; i++)
        kt_buf_addz(ret, tokens[draw(state, KT_ARRAY_LEN(tokens))]);
}

static void one_text_has_one_reading(void **state)
{
    static const char *const sources[] = { "cloudtrail", "gcp", "kubernetes", "azure" };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, whole = { 0 }, parts = { 0 };
    uint64_t seed = 11;
    (void)state;

    for (unsigned i = 0; i < TEXTS; i++) {
        invent(&seed, &text);
        const char *source = sources[i % KT_ARRAY_LEN(sources)];
        kt_buf_reset(&whole);
        split(source, kt_buf_str(&text), SIZE_MAX / 2, &whole);
        for (size_t piece = 1; piece < 200; piece = piece * 3 + 1) {
            kt_buf_reset(&parts);
            split(source, kt_buf_str(&text), piece, &parts);
            if (!kt_str_eq(kt_buf_str(&whole), kt_buf_str(&parts)))
                fail_msg("text %u in pieces of %zu: " KT_STR_FMT, i, piece,
                         KT_STR_ARG(kt_buf_str(&text)));
        }
    }
}

struct watch {
    struct needles needles;
    unsigned seen[3]; /* by enum kt_about */
};

static enum kt_status compare(void *self, const struct kt_piece *p, struct kt_error *err)
{
    struct watch *w = self;
    (void)err;
    w->seen[p->about]++;
    if (p->about != KT_ABOUT_ANY)
        assert_int_equal(p->about == KT_ABOUT_SECRETS, kt_needles_in(&w->needles, p->text));
    return KT_OK;
}

/* What was seen of needles while splitting is what a search of the record finds. */
static void needles_are_seen_while_splitting(void **state)
{
    static const char *const sources[] = { "cloudtrail", "gcp", "kubernetes", "azure" };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, part = { 0 };
    unsigned seen[3] = { 0 };
    uint64_t seed = 13;
    (void)state;

    for (unsigned i = 0; i < TEXTS; i++) {
        const struct kt_source *source =
            kt_source_find(kt_str_of(sources[i % KT_ARRAY_LEN(sources)]));
        struct watch w = { 0 };
        kt_needles_init(&w.needles, source->needles);
        struct kt_splitter *s = kt_splitter_new(source, &w.needles, compare, &w);
        kt_buf_reset(&text);
        for (unsigned n = 0; n < 6; n++) {
            invent(&seed, &part);
            kt_buf_add(&text, kt_buf_str(&part));
        }
        for (size_t at = 0, piece = 1 + draw(&seed, 1500); at < text.len; at += piece)
            assert_int_equal(
                kt_splitter_feed(s, kt_str_sub(kt_buf_str(&text), at, piece), at, NULL), KT_OK);
        assert_int_equal(kt_splitter_end(s, NULL), KT_OK);
        kt_splitter_free(s);
        kt_needles_done(&w.needles);
        for (unsigned k = 0; k < 3; k++)
            seen[k] += w.seen[k];
    }
    for (unsigned k = 0; k < 3; k++)
        assert_true(seen[k] > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_text_has_one_reading),
        cmocka_unit_test(needles_are_seen_while_splitting),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
