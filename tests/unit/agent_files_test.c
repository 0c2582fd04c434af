/* files: objects of a folder, each once, through broken ones and restarts. */
#include "agents/input.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include "core/base/zip.h"
#include "tests/support/vault_lines.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define IDS_MAX 8192u
#define START   (INT64_C(1795377600) * KT_NS_S)

struct world {
    struct kt_fs_memory *mem;
    struct kt_fs fs;
    struct kt_conf_source conf;
    struct kt_input_env env;
    const struct kt_input_type *type;
    struct kt_input *in;
    struct kt_map *ids, *keys;
    uint32_t times[IDS_MAX];
    uint64_t events, unknown;
    char *values[512];
    kt_time_ns now;
    struct kt_error err;
};

static enum kt_status on_line(void *self, const struct kt_line_out *l, struct kt_error *err)
{
    struct world *w = self;

    (void)err;
    if (l->event->kind != KT_KIND_ACCESS)
        return KT_OK;
    uint32_t i = kt_map_put(w->ids, l->event->native_id, NULL);
    assert_true(i < IDS_MAX);
    w->times[i]++;
    w->events++;
    w->unknown += l->event->outcome == KT_OUT_UNKNOWN;
    return KT_OK;
}

static struct kt_pipeline *make_pipeline(void *self)
{
    const struct kt_pipeline_options o = { .source = kt_source_find(KT_STR("vault")),
                                           .instance = KT_STR("v1"),
                                           .body = KT_JSON_SIMDJSON,
                                           .line = on_line,
                                           .self = self };
    return kt_pipeline_new(&o);
}

static struct kt_str get_position(void *self, struct kt_str key)
{
    struct world *w = self;
    uint32_t i = kt_map_get(w->keys, key);
    return i == KT_MAP_NONE ? KT_STR_NONE : kt_str_of(w->values[i]);
}

static void each_position(void *self,
                          void (*each)(void *to, struct kt_str key, struct kt_str value), void *to)
{
    struct world *w = self;
    for (uint32_t i = 0; i < kt_map_count(w->keys); i++)
        if (w->values[i][0] != '\0')
            each(to, kt_map_key(w->keys, i), kt_str_of(w->values[i]));
}

static void save_position(void *self, struct kt_str key, struct kt_str value)
{
    struct world *w = self;
    uint32_t i = kt_map_put(w->keys, key, NULL);
    assert_true(i < KT_ARRAY_LEN(w->values));
    kt_free(w->values[i]);
    w->values[i] = kt_str_dup(value);
}

static void start(struct world *w)
{
    if (w->type->open(&w->env, &w->in, &w->err) != KT_OK)
        fail_msg("open: %s", w->err.text);
}

static void restart(struct world *w)
{
    w->type->close(w->in);
    w->in = NULL;
    start(w);
}

static struct world *world_new(const char *path)
{
    struct world *w = kt_alloc(sizeof *w);

    w->mem = kt_fs_memory_new();
    w->fs = kt_fs_memory(w->mem);
    assert_int_equal(w->fs.mkdir(w->fs.self, "in", 0755, &w->err), KT_OK);
    assert_int_equal(w->fs.mkdir(w->fs.self, "in/day1", 0755, &w->err), KT_OK);
    w->conf =
        (struct kt_conf_source){ .id = "v1", .type = "vault", .input = "files", .path = path };
    w->env = (struct kt_input_env){ .fs = w->fs,
                                    .position = get_position,
                                    .each_position = each_position,
                                    .self = w,
                                    .source = kt_source_find(KT_STR("vault")),
                                    .conf = &w->conf,
                                    .pipeline = make_pipeline };
    w->type = kt_input_find(KT_STR("files"));
    w->ids = kt_map_new(1);
    w->keys = kt_map_new(2);
    w->now = START;
    start(w);
    return w;
}

static void world_free(struct world *w)
{
    w->type->close(w->in);
    for (uint32_t i = 0; i < kt_map_count(w->keys); i++)
        kt_free(w->values[i]);
    kt_map_free(w->keys);
    kt_map_free(w->ids);
    kt_fs_memory_free(w->mem);
    kt_free(w);
}

static void run(struct world *w, unsigned seconds)
{
    for (unsigned i = 0; i <= seconds; i++) {
        bool more = true;
        while (more)
            if (w->type->step(w->in, w->now, 65536, &more, &w->err) != KT_OK)
                fail_msg("step: %s", w->err.text);
        w->now += KT_NS_S;
    }
    w->type->positions(w->in, true, save_position, w);
}

static void put(struct world *w, const char *path, struct kt_str text)
{
    struct kt_file *f = NULL;

    assert_int_equal(w->fs.open(w->fs.self, path, KT_OPEN_APPEND, &f, &w->err), KT_OK);
    assert_int_equal(w->fs.append(f, text, &w->err), KT_OK);
    w->fs.close(f);
}

static void pairs(struct kt_buf *b, uint64_t from, uint64_t to)
{
    for (; from < to; from++) {
        vault_request(b, from);
        vault_response(b, from);
    }
}

/* gzip of s, its last `cut` bytes left out. */
static void put_gz(struct world *w, const char *path, struct kt_str s, size_t cut)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };

    kt_gzip(s, &out);
    put(w, path, kt_str_sub(kt_buf_str(&out), 0, out.len - cut));
}

static void put_pairs(struct world *w, const char *path, uint64_t from, uint64_t to, bool gz)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    pairs(&b, from, to);
    if (gz)
        put_gz(w, path, kt_buf_str(&b), 0);
    else
        put(w, path, kt_buf_str(&b));
}

static void check(struct world *w, uint64_t from, uint64_t to, uint32_t times)
{
    for (; from < to; from++) {
        char id[37];
        vault_id(from, id);
        uint32_t i = kt_map_get(w->ids, kt_str_of(id)), n = i == KT_MAP_NONE ? 0 : w->times[i];
        if (n != times)
            fail_msg("record %llu came %u times, not %u", (unsigned long long)from, n, times);
    }
}

static struct kt_input_status status(struct world *w)
{
    struct kt_input_status st = { 0 };
    w->type->status(w->in, &st);
    return st;
}

static void files_reads_each_object_once(void **state)
{
    struct world *w = world_new("in");

    (void)state;
    put_pairs(w, "in/a.log", 0, 10, false);
    put_pairs(w, "in/day1/b.log.gz", 10, 300, true);
    put_pairs(w, "in/.hidden", 400, 410, false);
    put_pairs(w, "in/c.tmp", 410, 420, false);
    put_pairs(w, "in/d.part", 420, 430, false);
    run(w, 3);
    check(w, 0, 300, 1);
    assert_int_equal(w->events, 300);
    assert_int_equal(status(w).files, 2);
    restart(w);
    run(w, 3);
    assert_int_equal(w->events, 300);
    assert_int_equal(w->fs.rename(w->fs.self, "in/c.tmp", "in/c", &w->err), KT_OK);
    run(w, 3);
    check(w, 410, 420, 1);
    assert_int_equal(status(w).lag_bytes, 0);
    world_free(w);
}

static void files_takes_a_pattern(void **state)
{
    struct world *w = world_new("in/*/*.log");
    const char *skip = "**/skip*";

    (void)state;
    w->conf.exclude = (struct kt_strings){ &skip, 1 };
    put_pairs(w, "in/a.log", 0, 10, false);
    put_pairs(w, "in/day1/a.log", 10, 20, false);
    put_pairs(w, "in/day1/skip.log", 20, 30, false);
    run(w, 3);
    check(w, 10, 20, 1);
    assert_int_equal(w->events, 10);
    world_free(w);
}

static void files_goes_on_after_a_broken_object(void **state)
{
    struct world *w = world_new("in");
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    (void)state;
    pairs(&b, 0, 200);
    put_gz(w, "in/a.gz", kt_buf_str(&b), 300);
    put_pairs(w, "in/b.gz", 200, 210, true);
    run(w, 3);
    check(w, 200, 210, 1);
    assert_int_equal(status(w).broken, 1);
    assert_true(strstr(status(w).problem, "a.gz") != NULL);
    uint64_t before = w->events;
    run(w, 10); /* not again and again */
    assert_int_equal(w->events, before);
    assert_int_equal(w->fs.unlink(w->fs.self, "in/a.gz", &w->err), KT_OK);
    put_gz(w, "in/a.gz", kt_buf_str(&b), 0);
    run(w, 100); /* the cut one left a request without its response */
    for (uint64_t n = 0; n < 200; n++) {
        char id[37];
        vault_id(n, id);
        assert_true(kt_map_get(w->ids, kt_str_of(id)) != KT_MAP_NONE);
    }
    world_free(w);
}

static void files_reads_an_object_again_that_was_not_finished(void **state)
{
    struct world *w = world_new("in");
    bool more = false;

    (void)state;
    put_pairs(w, "in/a.log", 0, 100, false);
    put_pairs(w, "in/b.log", 100, 200, false);
    assert_int_equal(w->type->step(w->in, w->now, 100000, &more, &w->err), KT_OK);
    assert_true(more);
    w->type->positions(w->in, true, save_position, w);
    restart(w);
    run(w, 3);
    check(w, 100, 200, 1);
    for (uint64_t n = 0; n < 100; n++) {
        char id[37];
        vault_id(n, id);
        assert_true(kt_map_get(w->ids, kt_str_of(id)) != KT_MAP_NONE);
    }
    assert_int_equal(w->unknown, 0);
    world_free(w);
}

static void files_folds_across_objects(void **state)
{
    struct world *w = world_new("in");
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    (void)state;
    vault_request(&b, 1);
    put(w, "in/a.log", kt_str_sub(kt_buf_str(&b), 0, b.len - 1)); /* without its newline */
    run(w, 2);
    restart(w); /* a.log is not done: its request waits */
    kt_buf_reset(&b);
    vault_response(&b, 1);
    put(w, "in/b.log", kt_buf_str(&b));
    run(w, 3);
    check(w, 1, 2, 1);
    assert_int_equal(w->unknown, 0);
    restart(w);
    run(w, 3);
    assert_int_equal(w->events, 1);
    world_free(w);
}

static void files_remembers_many_objects_in_few_positions(void **state)
{
    struct world *w = world_new("in");

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
        kt_buf_addf(&path, "in/day1/object-%03u.log", i);
        put_pairs(w, kt_buf_z(&path), i, i + 1, false);
    }
    run(w, 3);
    check(w, 0, 300, 1);
    assert_int_equal(kt_map_count(w->keys), 5); /* 64 objects each */
    restart(w);
    run(w, 3);
    assert_int_equal(w->events, 300);
    for (unsigned i = 0; i < 300; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
        kt_buf_addf(&path, "in/day1/object-%03u.log", i);
        assert_int_equal(w->fs.unlink(w->fs.self, kt_buf_z(&path), &w->err), KT_OK);
    }
    w->now += 26 * KT_NS_HOUR;
    run(w, 2);
    for (uint32_t i = 0; i < kt_map_count(w->keys); i++)
        assert_string_equal(w->values[i], ""); /* forgotten a day after they left */
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_reads_each_object_once),
        cmocka_unit_test(files_takes_a_pattern),
        cmocka_unit_test(files_goes_on_after_a_broken_object),
        cmocka_unit_test(files_reads_an_object_again_that_was_not_finished),
        cmocka_unit_test(files_folds_across_objects),
        cmocka_unit_test(files_remembers_many_objects_in_few_positions),
    };

    kt_hash_init();
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
