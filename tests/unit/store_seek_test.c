/*
 * Rows by keys of a column: the same rows and texts as when all of it is read and each text is
 * compared, whatever the keys; and the order in which filters and columns are asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/store/columns.h"
#include "core/store/steps.h"

#define ROWS_MAX 3000u
#define KEYS_MAX 40u

static uint32_t draw(uint64_t *seed, uint32_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % n;
}

/* Texts that begin alike, one the beginning of another, in both cases, with bytes above 127. */
static struct kt_str text_of(uint32_t v, char buf[64])
{
    static const char *const begins[] = { "", "a", "A", "ab", "aws-sm://1/eu/team-", "\xff\x80" };
    int n = snprintf(buf, 64, "%s%.*s%s", begins[v % 6], (int)(v / 6 % 9), "xXyYzZxXy",
                     v % 4 == 0   ? ""
                     : v % 4 == 1 ? "b"
                     : v % 4 == 2 ? "B"
                                  : "\xc3\xa9");
    n += snprintf(buf + n, 64 - (size_t)n, "%u", v / 54);
    return kt_str_from(buf, (size_t)n);
}

static struct kt_ip address_of(uint32_t v)
{
    struct kt_ip ip = { { 0 } };
    if (v % 5 == 0) {
        ip.at[0] = 0x20;
        ip.at[15] = (uint8_t)v;
        ip.at[5] = (uint8_t)(v >> 8);
        return ip;
    }
    ip.at[10] = ip.at[11] = 0xff;
    ip.at[12] = 10;
    ip.at[13] = (uint8_t)(v >> 8);
    ip.at[14] = (uint8_t)(v >> 4);
    ip.at[15] = (uint8_t)(v * 7);
    return ip;
}

static void make(struct kt_columns *c, enum kt_col column, uint32_t rows, uint32_t values,
                 uint64_t *seed)
{
    kt_columns_reset(c);
    for (uint32_t i = 0; i < rows; i++) {
        char buf[64];
        struct kt_event ev;
        uint32_t v = draw(seed, values);
        kt_event_clear(&ev);
        if (draw(seed, 9) > 0) {
            if (column == KT_COL_IP) {
                ev.has_ip = true;
                ev.ip = address_of(v);
            } else {
                ev.actor = text_of(v, buf);
            }
        }
        kt_columns_add(c, &ev);
    }
    kt_columns_close(c);
}

static int by_text(const void *a, const void *b)
{
    const struct kt_sought *x = a, *y = b;
    return kt_str_cmp(x->text, y->text);
}

static int by_address(const void *a, const void *b)
{
    const struct kt_sought *x = a, *y = b;
    return memcmp(x->net.ip.at, y->net.ip.at, sizeof x->net.ip.at);
}

struct keys {
    struct kt_sought key[KEYS_MAX];
    char text[KEYS_MAX][64];
    unsigned n;
};

static void draw_keys(struct keys *k, enum kt_seek how, uint32_t values, uint64_t *seed)
{
    k->n = 1 + draw(seed, draw(seed, 3) == 0 ? KEYS_MAX : 3);
    for (unsigned i = 0; i < k->n; i++) {
        uint32_t v = draw(seed, values + values / 4 + 1); /* some are in no record */
        k->key[i].text = text_of(v, k->text[i]);
        if (how == KT_SEEK_FOLDED)
            for (size_t b = 0; b < k->key[i].text.len; b++)
                if (k->text[i][b] >= 'A' && k->text[i][b] <= 'Z')
                    k->text[i][b] = (char)(k->text[i][b] + 32);
        uint8_t bits = (uint8_t)(draw(seed, 3) == 0 ? 128 : 100 + draw(seed, 29));
        struct kt_ip ip = address_of(v);
        for (unsigned bit = bits; bit < 128; bit++)
            ip.at[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
        k->key[i].net = (struct kt_cidr){ .ip = ip, .bits = bits };
    }
    qsort(k->key, k->n, sizeof k->key[0], how == KT_SEEK_NET ? by_address : by_text);
}

static bool fits(const struct keys *k, enum kt_seek how, struct kt_str text)
{
    struct kt_ip ip;
    for (unsigned i = 0; i < k->n && text.len > 0; i++) {
        if (how == KT_SEEK_NET)
            memcpy(ip.at, text.at, sizeof ip.at);
        if (how == KT_SEEK_TEXT     ? kt_str_eq(text, k->key[i].text)
            : how == KT_SEEK_FOLDED ? kt_str_eq_nocase(text, k->key[i].text)
                                    : kt_cidr_has(k->key[i].net, ip))
            return true;
    }
    return false;
}

static void seek_both_ways(struct kt_str bytes, uint32_t rows, enum kt_col column,
                           const struct keys *k, enum kt_seek how, const uint32_t *row, uint32_t n)
{
    struct kt_columns all = { 0 }, some = { 0 };
    uint32_t *pick = kt_alloc_array(rows + 1, sizeof *pick), picks = n, at = 0;
    memcpy(pick, row, n * sizeof *pick);
    kt_columns_reset_to(&all, rows);
    kt_columns_reset_to(&some, rows);
    enum kt_status status = kt_column_unpack(&all, column, bytes, NULL);
    assert_int_equal(kt_column_seek(&some, column, bytes, k->key, k->n, how, pick, &picks, NULL),
                     status);
    for (uint32_t i = 0; status == KT_OK && i < n; i++) {
        struct kt_str text = kt_column_str(&all, column, row[i]);
        bool is = text.len > 0 && fits(k, how, text);
        assert_int_equal(at < picks && pick[at] == row[i], is);
        assert_true(kt_str_eq(kt_column_str(&some, column, row[i]), is ? text : KT_STR_NONE));
        at += is;
    }
    assert_true(status != KT_OK || at == picks);
    const struct kt_text_column *t = kt_column_text(&some, column);
    for (uint32_t i = 0; status == KT_OK && i < t->n_dict; i++)
        assert_true(fits(k, how, t->dict[i]) &&
                    (i == 0 || kt_str_cmp(t->dict[i - 1], t->dict[i]) < 0));
    kt_columns_done(&all);
    kt_columns_done(&some);
    kt_free(pick);
}

static void rows_are_those_whose_texts_are_keys(void **state)
{
    static const uint32_t values[] = { 1, 5, 200, 700, 5000 };
    static const enum kt_seek ways[] = { KT_SEEK_TEXT, KT_SEEK_FOLDED, KT_SEEK_NET };
    uint64_t seed = 5;
    struct kt_columns made = { 0 };
    struct keys *keys = kt_alloc(sizeof *keys);
    uint32_t *row = kt_alloc_array(ROWS_MAX, sizeof *row);
    (void)state;
    for (unsigned turn = 0; turn < 150; turn++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
        enum kt_seek how = ways[turn % 3];
        enum kt_col column = how == KT_SEEK_NET ? KT_COL_IP : KT_COL_ACTOR;
        uint32_t rows = 1 + draw(&seed, ROWS_MAX - 1), many = values[draw(&seed, 5)], n = 0;
        make(&made, column, rows, many, &seed);
        kt_column_pack(&made, column, &bytes);
        for (unsigned again = 0; again < 6; again++) {
            uint32_t one_in = 1 + draw(&seed, 2) * draw(&seed, 9);
            n = 0;
            for (uint32_t i = 0; i < rows; i++)
                if (draw(&seed, one_in) == 0)
                    row[n++] = i;
            draw_keys(keys, how, many, &seed);
            seek_both_ways(kt_buf_str(&bytes), rows, column, keys, how, row, n);
        }
        for (unsigned k = 0; k < 30 && how != KT_SEEK_NET; k++) { /* and of what is damaged */
            uint32_t at = draw(&seed, (uint32_t)bytes.len);
            char was = bytes.at[at];
            bytes.at[at] = (char)draw(&seed, 256);
            seek_both_ways(kt_buf_str(&bytes), rows, column, keys, how, row, n);
            bytes.at[at] = was;
            seek_both_ways(kt_str_sub(kt_buf_str(&bytes), 0, at), rows, column, keys, how, row, n);
        }
    }
    kt_columns_done(&made);
    kt_free(keys);
    kt_free(row);
}

/* ---- times ---- */

static void times_of_any_length_are_read(void **state)
{
    uint64_t seed = 3;
    struct kt_columns made = { 0 }, read = { 0 };
    (void)state;
    for (unsigned turn = 0; turn < 60; turn++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
        uint32_t rows = 1 + draw(&seed, 500);
        kt_columns_reset(&made);
        for (uint32_t i = 0; i < rows; i++) {
            struct kt_event ev;
            kt_event_clear(&ev);
            ev.time =
                (kt_time_ns)(((uint64_t)draw(&seed, UINT32_MAX) << 31 | draw(&seed, 1u << 30)) >>
                             draw(&seed, 63));
            kt_columns_add(&made, &ev);
        }
        kt_columns_close(&made);
        kt_column_pack_time(&made, &bytes);
        kt_columns_reset_to(&read, rows);
        assert_int_equal(kt_column_unpack_time(&read, kt_buf_str(&bytes), NULL), KT_OK);
        assert_memory_equal(read.time, made.time, rows * sizeof *read.time);
        assert_int_equal(
            kt_column_unpack_time(&read, kt_str_sub(kt_buf_str(&bytes), 0, bytes.len - 1), NULL),
            KT_E_CORRUPT);
    }
    kt_columns_done(&made);
    kt_columns_done(&read);
}

/* ---- the order ---- */

static const struct kt_sought one_key = { .text = { "x", 1 } };
static const struct kt_sieve sieves[] = {
    { .column = KT_COL_ACTOR, .keys = &one_key, .n_keys = 1, .seek = KT_SEEK_FOLDED },
    { .column = KT_COL_KIND },
    { .column = KT_COL_SECRET, .keys = &one_key, .n_keys = 1, .seek = KT_SEEK_TEXT },
    { .column = KT_COL_HOST },
};
#define STEP(sieve, of) ((sieve)*KT_STEPS + (of))

static unsigned place_of(const struct kt_steps *s, unsigned step)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->order[i] == step)
            return i;
    return UINT32_MAX;
}

static void what_says_no_is_asked_first(void **state)
{
    const struct kt_scan scan = { .sieve = sieves, .n_sieves = KT_ARRAY_LEN(sieves) };
    struct kt_steps s = { 0 };
    (void)state;
    kt_steps_for(&s, &scan);
    assert_int_equal(s.n, 6); /* two filters, four columns */
    assert_int_equal(place_of(&s, STEP(0, KT_STEP_FILTER)), 0);
    assert_int_equal(place_of(&s, STEP(3, KT_STEP_COLUMN)), 5); /* each text is judged */
    for (unsigned i = 0; i < 200; i++) {
        kt_steps_tell(&s, 0, KT_STEP_FILTER, false);
        kt_steps_tell(&s, 0, KT_STEP_COLUMN, false);
        kt_steps_tell(&s, 1, KT_STEP_COLUMN, false);
        kt_steps_tell(&s, 2, KT_STEP_FILTER, i % 2 == 0);
        kt_steps_order(&s);
    }
    assert_int_equal(place_of(&s, STEP(2, KT_STEP_FILTER)), 0);
    assert_true(place_of(&s, STEP(2, KT_STEP_COLUMN)) < place_of(&s, STEP(0, KT_STEP_COLUMN)));
    assert_true(place_of(&s, STEP(3, KT_STEP_COLUMN)) < place_of(&s, STEP(1, KT_STEP_COLUMN)));
    for (unsigned i = 0; i < 200; i++) { /* the log changes: what was learned is forgotten */
        kt_steps_tell(&s, 2, KT_STEP_FILTER, false);
        kt_steps_tell(&s, 0, KT_STEP_FILTER, true);
        kt_steps_order(&s);
    }
    assert_int_equal(place_of(&s, STEP(0, KT_STEP_FILTER)), 0);
    static const struct kt_sieve other[] = {
        { .column = KT_COL_KIND },
        { .column = KT_COL_NONE, .keys = &one_key, .n_keys = 1 },
        { .column = KT_COL_HOST },
        { .column = KT_COL_HOST },
    };
    const struct kt_scan next = { .sieve = other, .n_sieves = KT_ARRAY_LEN(other) };
    kt_steps_for(&s, &next); /* as many sieves, and others: nothing is left out, or asked in vain */
    assert_int_equal(s.n, 4);
    assert_int_equal(place_of(&s, STEP(0, KT_STEP_FILTER)), UINT32_MAX);
    assert_true(place_of(&s, STEP(0, KT_STEP_COLUMN)) < s.n);
    assert_true(place_of(&s, STEP(1, KT_STEP_FILTER)) < s.n);
    kt_steps_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_whose_texts_are_keys),
        cmocka_unit_test(times_of_any_length_are_read),
        cmocka_unit_test(what_says_no_is_asked_first),
    };
    return cmocka_run_group_tests_name("store_seek", tests, NULL, NULL);
}
