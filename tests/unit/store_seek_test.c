/*
 * Rows by keys of a column, in both of its forms: the same rows and texts as when all of it is read
 * and each text is compared, whatever the keys; and the order in which filters and columns are
 * asked.
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
#include "core/store/packed.h"
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

static const struct form {
    void (*pack)(const struct kt_columns *c, enum kt_col column, struct kt_buf *out);
    enum kt_status (*unpack)(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                             struct kt_error *err);
    enum kt_status (*picked)(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                             struct kt_picked picked, struct kt_error *err);
    enum kt_status (*seek)(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                           const struct kt_sought *key, unsigned n, enum kt_seek how,
                           uint32_t *pick, uint32_t *picks, struct kt_error *err);
    bool looks_at_all; /* the same bytes are good for all three, or for none */
} forms[] = {
    { kt_column_pack, kt_column_unpack, kt_column_unpack_picked, kt_column_seek, true },
    { kt_packed_column, kt_packed_unpack, kt_packed_picked, kt_packed_seek, false },
};

/* What is found of the rows, when the column is as it was made. */
static void is_found(const struct kt_columns *all, const struct kt_columns *some,
                     enum kt_col column, const struct keys *k, enum kt_seek how,
                     const uint32_t *row, uint32_t n, const uint32_t *pick, uint32_t picks)
{
    const struct kt_text_column *t = &some->text[column - KT_COL_SMALL];
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct kt_str text = kt_column_str(all, column, row[i]);
        bool is = text.len > 0 && fits(k, how, text);
        assert_int_equal(at < picks && pick[at] == row[i], is);
        assert_true(kt_str_eq(kt_column_str(some, column, row[i]), is ? text : KT_STR_NONE));
        at += is;
    }
    assert_true(at == picks);
    for (uint32_t i = 0; i < t->n_dict; i++)
        assert_true(fits(k, how, t->dict[i]) &&
                    (i == 0 || kt_str_cmp(t->dict[i - 1], t->dict[i]) < 0));
}

static void seek_both_ways(const struct form *f, struct kt_str bytes, bool damaged, uint32_t rows,
                           enum kt_col column, const struct keys *k, enum kt_seek how,
                           const uint32_t *row, uint32_t n)
{
    struct kt_columns all = { 0 }, some = { 0 }, few = { 0 };
    uint32_t *pick = kt_alloc_array(rows + 1, sizeof *pick), picks = n;
    char *own = kt_alloc_array(bytes.len + 1, 1); /* sanitizers see its end */
    memcpy(own, bytes.at, bytes.len);
    bytes.at = own;
    memcpy(pick, row, n * sizeof *pick);
    kt_columns_reset_to(&all, rows);
    kt_columns_reset_to(&some, rows);
    kt_columns_reset_to(&few, rows);
    enum kt_status status = f->unpack(&all, column, bytes, NULL);
    enum kt_status sought = f->seek(&some, column, bytes, k->key, k->n, how, pick, &picks, NULL);
    enum kt_status read = f->picked(&few, column, bytes, (struct kt_picked){ row, n }, NULL);
    assert_true(damaged || status == KT_OK);
    if (!damaged || f->looks_at_all) {
        assert_int_equal(sought, status);
        assert_int_equal(read, status);
    }
    if (status == KT_OK && (!damaged || f->looks_at_all)) {
        is_found(&all, &some, column, k, how, row, n, pick, picks);
        for (uint32_t i = 0; i < n; i++)
            assert_true(kt_str_eq(kt_column_str(&few, column, row[i]),
                                  kt_column_str(&all, column, row[i])));
    }
    kt_columns_done(&all);
    kt_columns_done(&some);
    kt_columns_done(&few);
    kt_free(pick);
    kt_free(own);
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
    for (unsigned turn = 0; turn < 300; turn++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
        const struct form *f = &forms[turn % KT_ARRAY_LEN(forms)];
        enum kt_seek how = ways[turn % 3];
        enum kt_col column = how == KT_SEEK_NET ? KT_COL_IP : KT_COL_ACTOR;
        uint32_t rows = 1 + draw(&seed, ROWS_MAX - 1), many = values[draw(&seed, 5)], n = 0;
        make(&made, column, rows, many, &seed);
        f->pack(&made, column, &bytes);
        for (unsigned again = 0; again < 6; again++) {
            uint32_t one_in = 1 + draw(&seed, 2) * draw(&seed, 9);
            n = 0;
            for (uint32_t i = 0; i < rows; i++)
                if (draw(&seed, one_in) == 0)
                    row[n++] = i;
            draw_keys(keys, how, many, &seed);
            seek_both_ways(f, kt_buf_str(&bytes), false, rows, column, keys, how, row, n);
        }
        for (unsigned k = 0; k < 30 && how != KT_SEEK_NET; k++) { /* and of what is damaged */
            uint32_t at = draw(&seed, (uint32_t)bytes.len);
            char was = bytes.at[at];
            bytes.at[at] = (char)draw(&seed, 256);
            seek_both_ways(f, kt_buf_str(&bytes), true, rows, column, keys, how, row, n);
            bytes.at[at] = was;
            seek_both_ways(f, kt_str_sub(kt_buf_str(&bytes), 0, at), true, rows, column, keys, how,
                           row, n);
        }
    }
    kt_columns_done(&made);
    kt_free(keys);
    kt_free(row);
}

/* ---- times ---- */

/* Those of all rows and of some of them; and what is damaged is not read beyond its end. */
static void packed_times(const struct kt_columns *made, uint64_t *seed)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    struct kt_columns read = { 0 };
    uint32_t *row = kt_alloc_array(made->n, sizeof *row), n = 0, one_in = 1 + draw(seed, 9);
    for (uint32_t i = 0; i < made->n; i++)
        if (draw(seed, one_in) == 0)
            row[n++] = i;
    kt_packed_time(made, &bytes);
    char *own = kt_alloc_array(bytes.len, 1); /* sanitizers see its end */
    memcpy(own, bytes.at, bytes.len);
    kt_columns_reset_to(&read, made->n);
    struct kt_picked picked = { row, n };
    assert_int_equal(kt_packed_times(&read, kt_str_from(own, bytes.len), picked, NULL), KT_OK);
    for (uint32_t i = 0; i < n; i++)
        assert_true(read.time[row[i]] == made->time[row[i]]);
    for (unsigned k = 0; k < 20; k++) {
        uint32_t at = draw(seed, (uint32_t)bytes.len);
        (void)!kt_packed_times(&read, kt_str_from(own + at, bytes.len - at), picked, NULL);
        char was = own[at];
        own[at] = (char)draw(seed, 256);
        (void)!kt_packed_times(&read, kt_str_from(own, bytes.len), picked, NULL);
        own[at] = was;
    }
    kt_columns_done(&read);
    kt_free(row);
    kt_free(own);
}

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
        packed_times(&made, &seed);
    }
    kt_columns_done(&made);
    kt_columns_done(&read);
}

/* Ticks of a clock are not stored: whole seconds of a day are 17 bits. */
static void times_take_as_many_bits_as_their_clock_tells(void **state)
{
    static const kt_time_ns ticks[] = { 1, KT_NS_US, KT_NS_MS, KT_NS_S };
    struct kt_columns made = { 0 };
    size_t before = SIZE_MAX;
    (void)state;
    for (unsigned k = 0; k < KT_ARRAY_LEN(ticks); k++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
        uint64_t seed = 1;
        kt_columns_reset(&made);
        for (uint32_t i = 0; i < 1000; i++) {
            struct kt_event ev;
            kt_event_clear(&ev);
            ev.time = (20000 * KT_NS_DAY + draw(&seed, 86400) * KT_NS_S) +
                      draw(&seed, 1000000000) / ticks[k] * ticks[k];
            kt_columns_add(&made, &ev);
        }
        kt_columns_close(&made);
        kt_packed_time(&made, &bytes);
        assert_true(bytes.len < before);
        before = bytes.len;
        packed_times(&made, &seed);
    }
    assert_true(before < 1000 * 17 / 8 + 300);
    kt_columns_done(&made);
}

/* Of one time no bit is stored, and there is no room for a word. */
static void times_of_no_bits_are_not_read_beyond_their_end(void **state)
{
    static const uint32_t rows[] = { 1, 64, 65, 129 };
    uint64_t seed = 7;
    struct kt_columns made = { 0 };
    (void)state;
    for (size_t k = 0; k < KT_ARRAY_LEN(rows); k++) {
        kt_columns_reset(&made);
        for (uint32_t i = 0; i < rows[k]; i++) {
            struct kt_event ev;
            kt_event_clear(&ev);
            ev.time = 20000 * KT_NS_DAY;
            kt_columns_add(&made, &ev);
        }
        kt_columns_close(&made);
        for (unsigned turn = 0; turn < 20; turn++) /* which rows are picked is drawn */
            packed_times(&made, &seed);
    }
    kt_columns_done(&made);
}

/* ---- codes ---- */

/* Wider than its codes are: 0xffff and a least of 1 would be 0, which is absent. */
static void a_width_that_is_not_that_of_the_codes_is_refused(void **state)
{
    static const char entries[] = "\0\1a", wide[2 + 7] = { '\xff', '\xff' };
    const uint32_t row = 0;
    const struct kt_picked picked = { &row, 1 };
    struct kt_columns read = { 0 };
    (void)state;
    for (unsigned width = 0; width <= 16; width += 16) {
        KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
        enum kt_status want = width == 0 ? KT_OK : KT_E_CORRUPT;
        kt_buf_u8(&bytes, KT_PACKED_FORM);
        kt_buf_u8(&bytes, (uint8_t)width);
        kt_buf_u8(&bytes, 1);  /* the least code */
        kt_buf_u16(&bytes, 1); /* entries */
        kt_buf_u32(&bytes, 1); /* bytes of them */
        kt_buf_add_bytes(&bytes, width == 0 ? wide + 2 : wide, width / 8 + KT_PACKED_SPARE);
        kt_buf_u32(&bytes, 0); /* where the first entry is */
        kt_buf_add_bytes(&bytes, entries, 3);
        kt_columns_reset_to(&read, 1);
        assert_int_equal(kt_packed_unpack(&read, KT_COL_ACTOR, kt_buf_str(&bytes), NULL), want);
        kt_columns_reset_to(&read, 1);
        assert_int_equal(kt_packed_picked(&read, KT_COL_ACTOR, kt_buf_str(&bytes), picked, NULL),
                         want);
    }
    kt_columns_done(&read);
}

/* ---- small ones ---- */

static void small_values_are_read_alone(void **state)
{
    static const unsigned values[] = { 1, 2, 3, 17 }; /* an action, at most */
    uint64_t seed = 9;
    struct kt_columns made = { 0 }, all = { 0 }, one = { 0 };
    (void)state;
    for (unsigned turn = 0; turn < 40; turn++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
        uint32_t rows = 1 + draw(&seed, 600);
        kt_columns_reset(&made);
        for (uint32_t i = 0; i < rows; i++) {
            struct kt_event ev;
            kt_event_clear(&ev);
            ev.action = (enum kt_action)draw(&seed, values[turn % KT_ARRAY_LEN(values)]);
            kt_columns_add(&made, &ev);
        }
        kt_columns_close(&made);
        kt_packed_column(&made, KT_COL_ACTION, &bytes);
        kt_columns_reset_to(&all, rows);
        kt_columns_reset_to(&one, rows);
        assert_int_equal(kt_packed_unpack(&all, KT_COL_ACTION, kt_buf_str(&bytes), NULL), KT_OK);
        assert_memory_equal(all.small[KT_COL_ACTION], made.small[KT_COL_ACTION], rows);
        uint32_t row = draw(&seed, rows);
        assert_int_equal(kt_packed_picked(&one, KT_COL_ACTION, kt_buf_str(&bytes),
                                          (struct kt_picked){ &row, 1 }, NULL),
                         KT_OK);
        assert_int_equal(one.small[KT_COL_ACTION][row], made.small[KT_COL_ACTION][row]);
        for (unsigned k = 0; k < 30; k++) {
            uint32_t at = draw(&seed, (uint32_t)bytes.len);
            char was = bytes.at[at];
            bytes.at[at] = (char)draw(&seed, 256);
            (void)!kt_packed_unpack(&all, KT_COL_ACTION, kt_buf_str(&bytes), NULL);
            bytes.at[at] = was;
            assert_int_equal(
                kt_packed_unpack(&all, KT_COL_ACTION, kt_str_sub(kt_buf_str(&bytes), 0, at), NULL),
                KT_E_CORRUPT);
        }
    }
    kt_columns_done(&made);
    kt_columns_done(&all);
    kt_columns_done(&one);
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
        cmocka_unit_test(times_of_no_bits_are_not_read_beyond_their_end),
        cmocka_unit_test(a_width_that_is_not_that_of_the_codes_is_refused),
        cmocka_unit_test(times_take_as_many_bits_as_their_clock_tells),
        cmocka_unit_test(small_values_are_read_alone),
        cmocka_unit_test(what_says_no_is_asked_first),
    };
    return cmocka_run_group_tests_name("store_seek", tests, NULL, NULL);
}
