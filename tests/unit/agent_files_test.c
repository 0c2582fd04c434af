/* files: objects of a folder, each once, through broken ones and restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/zip.h"
#include "tests/support/input_world.h"
#include "tests/support/vault_lines.h"

/* gzip of s, its last `cut` bytes left out. */
static void put_gz(struct input_world *w, const char *path, struct kt_str s, size_t cut)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };

    kt_gzip(s, &out);
    input_world_append(w, path, kt_str_sub(kt_buf_str(&out), 0, out.len - cut));
}

static void put_pairs(struct input_world *w, const char *path, uint64_t from, uint64_t to, bool gz)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    input_world_pairs(&b, from, to);
    if (gz)
        put_gz(w, path, kt_buf_str(&b), 0);
    else
        input_world_append(w, path, kt_buf_str(&b));
}

static void files_reads_each_object_once(void **state)
{
    struct input_world *w = input_world_new("files", "in", 65536);

    (void)state;
    put_pairs(w, "in/a.log", 0, 10, false);
    put_pairs(w, "in/day1/b.log.gz", 10, 300, true);
    put_pairs(w, "in/.hidden", 400, 410, false);
    put_pairs(w, "in/c.tmp", 410, 420, false);
    put_pairs(w, "in/d.part", 420, 430, false);
    input_world_run(w, 3);
    input_world_check(w, 0, 300, 1);
    assert_int_equal(w->events, 300);
    assert_int_equal(input_world_status(w).files, 2);
    input_world_restart(w);
    input_world_run(w, 3);
    assert_int_equal(w->events, 300);
    assert_int_equal(w->fs.rename(w->fs.self, "in/c.tmp", "in/c", &w->err), KT_OK);
    input_world_run(w, 3);
    input_world_check(w, 410, 420, 1);
    assert_int_equal(input_world_status(w).lag_bytes, 0);
    input_world_free(w);
}

static void files_takes_a_pattern(void **state)
{
    struct input_world *w = input_world_new("files", "in/*/*.log", 65536);
    const char *skip = "**/skip*";

    (void)state;
    w->conf.exclude = (struct kt_strings){ &skip, 1 };
    put_pairs(w, "in/a.log", 0, 10, false);
    put_pairs(w, "in/day1/a.log", 10, 20, false);
    put_pairs(w, "in/day1/skip.log", 20, 30, false);
    input_world_run(w, 3);
    input_world_check(w, 10, 20, 1);
    assert_int_equal(w->events, 10);
    input_world_free(w);
}

static void files_goes_on_after_a_broken_object(void **state)
{
    struct input_world *w = input_world_new("files", "in", 65536);
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    (void)state;
    input_world_pairs(&b, 0, 200);
    put_gz(w, "in/a.gz", kt_buf_str(&b), 300);
    put_pairs(w, "in/b.gz", 200, 210, true);
    input_world_run(w, 3);
    input_world_check(w, 200, 210, 1);
    assert_int_equal(input_world_status(w).broken, 1);
    assert_true(strstr(input_world_status(w).problem, "a.gz") != NULL);
    uint64_t before = w->events;
    input_world_run(w, 10); /* not again and again */
    assert_int_equal(w->events, before);
    assert_int_equal(w->fs.unlink(w->fs.self, "in/a.gz", &w->err), KT_OK);
    put_gz(w, "in/a.gz", kt_buf_str(&b), 0);
    input_world_run(w, 100); /* the cut one left a request without its response */
    for (uint64_t n = 0; n < 200; n++) {
        char id[37];
        vault_id(n, id);
        assert_true(kt_map_get(w->ids, kt_str_of(id)) != KT_MAP_NONE);
    }
    input_world_free(w);
}

static void files_reads_an_object_again_that_was_not_finished(void **state)
{
    struct input_world *w = input_world_new("files", "in", 65536);
    bool more = false;

    (void)state;
    put_pairs(w, "in/a.log", 0, 100, false);
    put_pairs(w, "in/b.log", 100, 200, false);
    assert_int_equal(w->type->step(w->in, w->now, 100000, &more, &w->err), KT_OK);
    assert_true(more);
    input_world_keep(w);
    input_world_restart(w);
    input_world_run(w, 3);
    input_world_check(w, 100, 200, 1);
    for (uint64_t n = 0; n < 100; n++) {
        char id[37];
        vault_id(n, id);
        assert_true(kt_map_get(w->ids, kt_str_of(id)) != KT_MAP_NONE);
    }
    assert_int_equal(w->unknown, 0);
    input_world_free(w);
}

static void files_folds_across_objects(void **state)
{
    struct input_world *w = input_world_new("files", "in", 65536);
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    (void)state;
    vault_request(&b, 1);
    input_world_append(w, "in/a.log",
                       kt_str_sub(kt_buf_str(&b), 0, b.len - 1)); /* without its newline */
    input_world_run(w, 2);
    input_world_restart(w); /* a.log is not done: its request waits */
    kt_buf_reset(&b);
    vault_response(&b, 1);
    input_world_append(w, "in/b.log", kt_buf_str(&b));
    input_world_run(w, 3);
    input_world_check(w, 1, 2, 1);
    assert_int_equal(w->unknown, 0);
    input_world_restart(w);
    input_world_run(w, 3);
    assert_int_equal(w->events, 1);
    input_world_free(w);
}

static void files_remembers_many_objects_in_few_positions(void **state)
{
    struct input_world *w = input_world_new("files", "in", 65536);

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
        kt_buf_addf(&path, "in/day1/object-%03u.log", i);
        put_pairs(w, kt_buf_z(&path), i, i + 1, false);
    }
    input_world_run(w, 3);
    input_world_check(w, 0, 300, 1);
    assert_int_equal(kt_map_count(w->keys), 5); /* 64 objects each */
    input_world_restart(w);
    input_world_run(w, 3);
    assert_int_equal(w->events, 300);
    for (unsigned i = 0; i < 300; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
        kt_buf_addf(&path, "in/day1/object-%03u.log", i);
        assert_int_equal(w->fs.unlink(w->fs.self, kt_buf_z(&path), &w->err), KT_OK);
    }
    w->now += 26 * KT_NS_HOUR;
    input_world_run(w, 2);
    for (uint32_t i = 0; i < kt_map_count(w->keys); i++)
        assert_string_equal(w->values[i], ""); /* forgotten a day after they left */
    input_world_free(w);
}

static enum kt_status (*memory_stat)(void *self, const char *path, struct kt_stat *ret,
                                     struct kt_error *err);
static enum kt_status (*memory_open)(void *self, const char *path, enum kt_open how,
                                     struct kt_file **ret, struct kt_error *err);

static enum kt_status stat_device(void *self, const char *path, struct kt_stat *ret,
                                  struct kt_error *err)
{
    enum kt_status st = memory_stat(self, path, ret, err);
    ret->is_file = ret->is_file && strcmp(path, "in/b.log") != 0;
    return st;
}

static enum kt_status open_no_device(void *self, const char *path, enum kt_open how,
                                     struct kt_file **ret, struct kt_error *err)
{
    assert_string_not_equal(path, "in/b.log");
    return memory_open(self, path, how, ret, err);
}

static void files_never_opens_a_device(void **state)
{
    struct input_world *w = input_world_new("files", "in", 65536);

    (void)state;
    memory_stat = w->env.fs.stat;
    memory_open = w->env.fs.open;
    w->env.fs.stat = stat_device;
    w->env.fs.open = open_no_device;
    input_world_restart(w);
    put_pairs(w, "in/a.log", 0, 10, false);
    put_pairs(w, "in/b.log", 10, 20, false);
    put_pairs(w, "in/c.log", 20, 30, false);
    input_world_run(w, 3);
    input_world_check(w, 0, 10, 1);
    input_world_check(w, 20, 30, 1);
    assert_int_equal(w->events, 20);
    assert_string_equal(input_world_status(w).problem,
                        "'in/b.log': a pipe or a device, which is not read");
    input_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_reads_each_object_once),
        cmocka_unit_test(files_takes_a_pattern),
        cmocka_unit_test(files_goes_on_after_a_broken_object),
        cmocka_unit_test(files_reads_an_object_again_that_was_not_finished),
        cmocka_unit_test(files_folds_across_objects),
        cmocka_unit_test(files_never_opens_a_device),
        cmocka_unit_test(files_remembers_many_objects_in_few_positions),
    };

    kt_hash_init();
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
