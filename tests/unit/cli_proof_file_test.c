/* cli_proof_file: a proof that is written is read again and holds; whatever is changed in it is
 * named, and what is no proof is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "cli/proof_file.h"
#include "core/store/tree.h"
#include "core/wire/batch.h"

#define LEAVES 3u
static const char *const lines[LEAVES] = { "{\"a\":1}", "{\"a\":2}",
                                           "{\"a\":\"\\u0001 \xc3\xbc\"}" };

static struct kt_leaf leaf_of(unsigned i, uint8_t line_hash[32])
{
    kt_line_hash(kt_str_of(lines[i]), line_hash);
    return (struct kt_leaf){ .seq = i + 1,
                             .arrival = KT_NS_S,
                             .stored = 2 * KT_NS_S,
                             .agent = KT_STR("a1"),
                             .line_hash = line_hash };
}

/* That leaf 1 is in a tree of three: from its sibling up. */
static void make(struct kt_proof_file *f)
{
    struct kt_tree tree = { 0 };
    uint8_t leaf[LEAVES][32], line[32];
    for (unsigned i = 0; i < LEAVES; i++) {
        const struct kt_leaf l = leaf_of(i, line);
        kt_leaf_hash(&l, leaf[i]);
        kt_tree_add(&tree, leaf[i]);
    }
    const struct kt_leaf middle = leaf_of(1, line);
    *f = (struct kt_proof_file){ .seq = 2, .head.size = LEAVES, .log_id = { 7 } };
    kt_tree_root(&tree, f->head.root);
    kt_leaf_record(&middle, &f->record);
    kt_buf_addz(&f->line, lines[1]);
    kt_buf_add_bytes(&f->path, leaf[0], 32);
    kt_buf_add_bytes(&f->path, leaf[2], 32);
}

static void what_is_written_is_read_and_holds(void **state)
{
    (void)state;
    for (unsigned noted = 0; noted < 2; noted++) {
        struct kt_proof_file f, again = { 0 };
        struct kt_buf text = { 0 };
        struct kt_error err = { 0 };
        make(&f);
        if (noted)
            kt_buf_addz(&f.note, "keytrail/x\n3\n\"\\\n");
        kt_proof_file_write(&f, &text);
        if (kt_proof_file_read(kt_buf_str(&text), &again, &err) != KT_OK)
            fail_msg("%s in %s", err.text, kt_buf_z(&text));
        assert_null(kt_proof_file_fault(&again));
        assert_int_equal(again.seq, 2);
        assert_int_equal(again.head.size, LEAVES);
        assert_memory_equal(again.log_id, f.log_id, 16);
        assert_true(kt_str_eq(kt_buf_str(&again.line), kt_buf_str(&f.line)));
        assert_true(kt_str_eq(kt_buf_str(&again.note), kt_buf_str(&f.note)));
        kt_proof_file_done(&f);
        kt_proof_file_done(&again);
        kt_buf_done(&text);
    }
}

static void a_change_is_named(void **state)
{
    static const char *const line = "the line is not the one that the record was made of",
                             *const path = "the path does not lead from the record to the root";
    struct kt_proof_file f;
    (void)state;
    make(&f);
    f.line.at[2] = 'b';
    assert_string_equal(kt_proof_file_fault(&f), line);
    f.line.at[2] = 'a';
    for (size_t i = 0; i < f.record.len; i++) { /* any bit of it */
        f.record.at[i] ^= 1;
        assert_non_null(kt_proof_file_fault(&f));
        f.record.at[i] ^= 1;
    }
    size_t whole = f.record.len;
    while (f.record.len-- > 0)
        assert_string_equal(kt_proof_file_fault(&f), line);
    f.record.len = whole;
    f.seq = 1;
    assert_string_equal(kt_proof_file_fault(&f), "the record has another number");
    f.seq = 2;
    f.head.root[31] ^= 1;
    assert_string_equal(kt_proof_file_fault(&f), path);
    f.head.root[31] ^= 1;
    f.head.size = 4;
    assert_null(kt_proof_file_fault(&f)); /* as it would: what signs the root says the size */
    f.head.size = LEAVES;
    f.path.at[0] ^= 1;
    assert_string_equal(kt_proof_file_fault(&f), path);
    f.path.at[0] ^= 1;
    f.path.len -= 32;
    assert_string_equal(kt_proof_file_fault(&f), path);
    kt_proof_file_done(&f);
}

static void what_is_no_proof_is_refused(void **state)
{
#define HASH "0000000000000000000000000000000000000000000000000000000000000000"
#define LOG  "\"log\":\"00000000000000000000000000000000\","
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "{" LOG "\"seq\":0,\"size\":1,\"root\":\"" HASH "\",\"record\":\"00\",\"path\":[]}",
        "{" LOG "\"seq\":2,\"size\":1,\"root\":\"" HASH "\",\"record\":\"00\",\"path\":[]}",
        "{" LOG "\"seq\":1,\"size\":-1,\"root\":\"" HASH "\",\"record\":\"00\",\"path\":[]}",
        "{" LOG "\"seq\":1,\"size\":1,\"root\":\"00\",\"record\":\"00\",\"path\":[]}",
        "{" LOG "\"seq\":1,\"size\":1,\"root\":\"" HASH "\",\"record\":\"0\",\"path\":[]}",
        "{" LOG "\"seq\":1,\"size\":1,\"root\":\"" HASH "\",\"record\":\"00\",\"path\":[1]}",
        "{\"seq\":1,\"size\":1,\"root\":\"" HASH "\",\"record\":\"00\",\"path\":[]}",
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++) {
        struct kt_proof_file f = { 0 };
        struct kt_error err = { 0 };
        if (kt_proof_file_read(kt_str_of(texts[i]), &f, &err) != KT_E_INPUT)
            fail_msg("taken: %s", texts[i]);
        assert_string_equal(err.text, "no proof of `keytrail prove`");
        kt_proof_file_done(&f);
    }
}

static void a_path_has_a_bound(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct kt_proof_file f, again = { 0 };
        struct kt_buf text = { 0 };
        make(&f);
        kt_buf_reset(&f.path);
        for (unsigned i = 0; i < KT_PATH_MAX + more; i++)
            kt_buf_add_bytes(&f.path, f.head.root, 32);
        kt_proof_file_write(&f, &text);
        assert_int_equal(kt_proof_file_read(kt_buf_str(&text), &again, NULL),
                         more ? KT_E_INPUT : KT_OK);
        kt_proof_file_done(&f);
        kt_proof_file_done(&again);
        kt_buf_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_and_holds),
        cmocka_unit_test(a_change_is_named),
        cmocka_unit_test(what_is_no_proof_is_refused),
        cmocka_unit_test(a_path_has_a_bound),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
