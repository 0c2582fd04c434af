/* tail: rotation by rename, copytruncate, re-creation, restarts; nothing lost, nothing twice. */
#include "agents/input.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include "core/base/zip.h"
#include "core/sys/rng.h"
#include "tests/support/vault_lines.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__ /* each is slow then */
#define LIVES 100u
#else
#define LIVES 500u
#endif

#define LOG     "var/audit.log"
#define IDS_MAX 4096u
#define START   (INT64_C(1795377600) * KT_NS_S)

struct world {
    struct kt_fs_memory *mem;
    struct kt_fs fs;
    struct kt_conf_source conf;
    struct kt_input_env env;
    struct kt_input *in;
    const struct kt_input_type *type;
    struct kt_map *ids; /* native ids given out */
    uint32_t times[IDS_MAX];
    uint64_t events, unknown;
    struct kt_map *keys; /* saved positions */
    char *values[64];
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
                                           .cluster = KT_STR("v1"),
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

static struct world *world_new(const char *path)
{
    struct world *w = kt_alloc(sizeof *w);

    w->mem = kt_fs_memory_new();
    w->fs = kt_fs_memory(w->mem);
    assert_int_equal(w->fs.mkdir(w->fs.self, "var", 0755, &w->err), KT_OK);
    w->conf = (struct kt_conf_source){ .id = "v1", .type = "vault", .input = "tail", .path = path };
    w->env = (struct kt_input_env){ .fs = w->fs,
                                    .position = get_position,
                                    .each_position = each_position,
                                    .self = w,
                                    .source = kt_source_find(KT_STR("vault")),
                                    .conf = &w->conf,
                                    .pipeline = make_pipeline };
    w->type = kt_input_find(KT_STR("tail"));
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

static void step(struct world *w)
{
    bool more = true;
    while (more)
        if (w->type->step(w->in, w->now, 4096, &more, &w->err) != KT_OK)
            fail_msg("step: %s", w->err.text);
}

/* As while the spool is full. */
static void look_only(struct world *w)
{
    bool more;
    w->now += KT_NS_S;
    if (w->type->step(w->in, w->now, 0, &more, &w->err) != KT_OK)
        fail_msg("step: %s", w->err.text);
}

/* Looks and reads for so many seconds, and keeps the positions as the spool would. */
static void run(struct world *w, unsigned seconds)
{
    for (unsigned i = 0; i <= seconds; i++) {
        step(w);
        w->now += KT_NS_S;
    }
    w->type->positions(w->in, true, save_position, w);
}

static void restart(struct world *w)
{
    w->type->close(w->in);
    w->in = NULL;
    start(w);
}

static void append(struct world *w, const char *path, struct kt_str text)
{
    struct kt_file *f = NULL;

    assert_int_equal(w->fs.open(w->fs.self, path, KT_OPEN_APPEND, &f, &w->err), KT_OK);
    assert_int_equal(w->fs.append(f, text, &w->err), KT_OK);
    w->fs.close(f);
}

/* Requests and responses [from, to) in pairs. */
static void write_pairs(struct world *w, const char *path, uint64_t from, uint64_t to)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    for (; from < to; from++) {
        vault_request(&b, from);
        vault_response(&b, from);
    }
    append(w, path, kt_buf_str(&b));
}

static void rename_to(struct world *w, const char *from, const char *to)
{
    assert_int_equal(w->fs.rename(w->fs.self, from, to, &w->err), KT_OK);
}

/* Every id of [from, to) was given out `times` times. */
static void check(struct world *w, uint64_t from, uint64_t to, uint32_t times)
{
    for (; from < to; from++) {
        char id[37];
        vault_id(from, id);
        uint32_t i = kt_map_get(w->ids, kt_str_of(id));
        if (i == KT_MAP_NONE || w->times[i] != times)
            fail_msg("record %llu came %u times, not %u", (unsigned long long)from,
                     i == KT_MAP_NONE ? 0 : w->times[i], times);
    }
}

static struct kt_input_status status(struct world *w)
{
    struct kt_input_status st = { 0 };
    w->type->status(w->in, &st);
    return st;
}

static void tail_reads_what_is_there_and_what_comes(void **state)
{
    struct world *w = world_new(LOG);

    (void)state;
    write_pairs(w, LOG, 0, 10);
    run(w, 1);
    check(w, 0, 10, 1);
    write_pairs(w, LOG, 10, 20);
    run(w, 1);
    check(w, 0, 20, 1);
    assert_int_equal(status(w).lag_bytes, 0);
    assert_string_equal(status(w).problem, "");
    world_free(w);
}

static void tail_waits_for_the_rest_of_a_torn_line(void **state)
{
    struct world *w = world_new(LOG);
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    (void)state;
    vault_request(&b, 1);
    vault_response(&b, 1);
    append(w, LOG, kt_str_sub(kt_buf_str(&b), 0, b.len - 30));
    run(w, 2);
    assert_int_equal(w->events, 0);
    restart(w); /* the low-water mark is the request's first byte */
    append(w, LOG, kt_str_from_index(kt_buf_str(&b), b.len - 30));
    run(w, 2);
    check(w, 1, 2, 1);
    assert_int_equal(w->unknown, 0);
    world_free(w);
}

static void tail_drains_the_old_file_after_a_rename(void **state)
{
    struct world *w = world_new(LOG);

    (void)state;
    write_pairs(w, LOG, 0, 10);
    run(w, 1);
    write_pairs(w, LOG, 10, 12);
    rename_to(w, LOG, LOG ".1");
    run(w, 3);
    write_pairs(w, LOG ".1", 12, 15); /* the writer has not reopened yet */
    append(w, LOG, KT_STR_NONE);
    run(w, 3);
    write_pairs(w, LOG ".1", 15, 16);
    write_pairs(w, LOG, 16, 30);
    run(w, 6);
    check(w, 0, 30, 1);
    assert_int_equal(status(w).rotations, 1);
    restart(w);
    write_pairs(w, LOG, 30, 31);
    run(w, 6);
    check(w, 0, 31, 1);
    world_free(w);
}

static void tail_folds_across_a_rotation(void **state)
{
    struct world *w = world_new(LOG);
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 }, response = { 0 };

    (void)state;
    vault_request(&request, 5);
    vault_response(&response, 5);
    append(w, LOG, kt_buf_str(&request));
    run(w, 1);
    rename_to(w, LOG, LOG ".1");
    append(w, LOG, kt_buf_str(&response));
    run(w, 6);
    check(w, 5, 6, 1);
    assert_int_equal(w->unknown, 0);
    world_free(w);
}

static void tail_goes_on_in_a_rotated_file_after_a_restart(void **state)
{
    struct world *w = world_new(LOG);
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    (void)state;
    write_pairs(w, LOG, 0, 5);
    vault_request(&b, 5);
    append(w, LOG, kt_buf_str(&b));
    run(w, 1);
    rename_to(w, LOG, LOG ".1");
    kt_buf_reset(&b);
    vault_response(&b, 5);
    append(w, LOG, kt_buf_str(&b));
    write_pairs(w, LOG, 6, 10);
    run(w, 4); /* in the new file; the position may still be in the old one */
    restart(w);
    run(w, 4);
    check(w, 0, 4, 1);
    check(w, 5, 6, 1);
    assert_int_equal(w->unknown, 0);
    world_free(w);
}

static void tail_catches_up_with_two_rotations_while_it_was_away(void **state)
{
    struct world *w = world_new(LOG);

    (void)state;
    write_pairs(w, LOG, 0, 10);
    run(w, 1);
    w->type->close(w->in);
    write_pairs(w, LOG, 10, 20);
    rename_to(w, LOG, LOG ".1");
    write_pairs(w, LOG, 20, 30);
    rename_to(w, LOG ".1", LOG ".2");
    rename_to(w, LOG, LOG ".1");
    write_pairs(w, LOG, 30, 40);
    start(w);
    run(w, 3);
    check(w, 0, 40, 1);
    world_free(w);
}

static void tail_says_so_when_the_old_file_is_gone(void **state)
{
    struct world *w = world_new(LOG);

    (void)state;
    write_pairs(w, LOG, 0, 10);
    run(w, 1);
    w->type->close(w->in);
    assert_int_equal(w->fs.unlink(w->fs.self, LOG, &w->err), KT_OK);
    write_pairs(w, LOG, 20, 30);
    start(w);
    run(w, 3);
    check(w, 20, 30, 1);
    assert_int_equal(status(w).gone, 1);
    assert_int_equal(status(w).lost, 1);
    assert_true(strstr(status(w).problem, "keytrail import") != NULL);
    world_free(w);
}

/* Empties the log and gives what it held. */
static void take_all(struct world *w, struct kt_buf *ret)
{
    struct kt_file *f = NULL;
    size_t n = 1;

    assert_int_equal(w->fs.open(w->fs.self, LOG, KT_OPEN_APPEND, &f, &w->err), KT_OK);
    while (n > 0) {
        assert_int_equal(w->fs.read_at(f, ret->len, kt_buf_reserve(ret, 65536), 65536, &n, &w->err),
                         KT_OK);
        ret->len += n;
    }
    assert_int_equal(w->fs.truncate(f, 0, &w->err), KT_OK);
    w->fs.close(f);
}

static void copy_and_truncate(struct world *w, const char *to)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };

    take_all(w, &all);
    append(w, to, kt_buf_str(&all));
}

static void tail_follows_copytruncate(void **state)
{
    struct world *w = world_new(LOG);

    (void)state;
    write_pairs(w, LOG, 0, 10);
    run(w, 1);
    write_pairs(w, LOG, 10, 15); /* not read yet when it is copied */
    copy_and_truncate(w, LOG ".1");
    write_pairs(w, LOG, 15, 18);
    run(w, 6);
    check(w, 0, 18, 1);
    assert_int_equal(status(w).truncations, 1);
    write_pairs(w, LOG, 18, 80); /* longer than before at once */
    run(w, 3);
    copy_and_truncate(w, LOG ".2");
    write_pairs(w, LOG, 80, 200);
    run(w, 6);
    check(w, 0, 200, 1);
    assert_int_equal(status(w).truncations, 2);
    assert_int_equal(status(w).emptied, 0); /* the copy has it */
    world_free(w);
}

static void tail_knows_a_copy_by_what_it_holds(void **state)
{
    struct world *w = world_new(LOG);
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf packed = { 0 };

    (void)state;
    write_pairs(w, "var/other.log", 300, 340);
    write_pairs(w, LOG, 0, 10);
    run(w, 1);
    write_pairs(w, LOG, 10, 15);
    copy_and_truncate(w, "var/audit-20261122.log"); /* logrotate: dateext, extension .log */
    write_pairs(w, LOG, 15, 18);
    run(w, 6);
    check(w, 0, 18, 1);
    assert_int_equal(status(w).emptied, 0);
    take_all(w, &all);
    kt_gzip(kt_buf_str(&all), &packed);
    append(w, "var/audit-20261123.log.gz", kt_buf_str(&packed));
    run(w, 2);
    assert_int_equal(status(w).emptied, 0);
    assert_true(strstr(status(w).problem, "is packed") != NULL);
    write_pairs(w, LOG, 18, 25);
    run(w, 2);
    kt_buf_reset(&all);
    take_all(w, &all);
    run(w, 2);
    assert_int_equal(status(w).emptied, 1);
    assert_true(strstr(status(w).problem, "no copy") != NULL);
    check(w, 0, 25, 1);
    world_free(w);
}

static void tail_looks_for_what_it_was_in_olddir(void **state)
{
    struct world *w = world_new(LOG);
    struct kt_yaml *yaml = NULL;

    (void)state;
    w->type->close(w->in);
    assert_int_equal(w->fs.mkdir(w->fs.self, "var/old", 0755, &w->err), KT_OK);
    assert_int_equal(kt_yaml_parse(KT_STR("{ olddir: var/old }\n"), "test", &yaml, &w->err), KT_OK);
    w->env.yaml = yaml;
    w->conf.node = kt_yaml_root(yaml);
    start(w);
    write_pairs(w, LOG, 0, 10);
    run(w, 1);
    write_pairs(w, LOG, 10, 15);
    copy_and_truncate(w, "var/old/audit.log-20261122");
    write_pairs(w, LOG, 15, 18);
    run(w, 6);
    check(w, 0, 18, 1);
    assert_int_equal(status(w).emptied, 0);
    write_pairs(w, LOG, 18, 20);
    rename_to(w, LOG, "var/old/audit.log-20261123");
    write_pairs(w, LOG, 20, 25);
    restart(w);
    run(w, 6);
    check(w, 18, 25, 1);
    assert_int_equal(status(w).gone, 0);
    world_free(w);
    kt_yaml_free(yaml);
}

/* So many files wait that no copy can be opened: that is no sign that there is none. */
static void tail_does_not_call_emptied_what_it_could_not_look_for(void **state)
{
    struct world *w = world_new(LOG);

    (void)state;
    write_pairs(w, LOG, 0, 1);
    run(w, 1);
    for (uint64_t i = 1; i < 70; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf to = { 0 };
        kt_buf_addf(&to, LOG ".%llu", (unsigned long long)i);
        rename_to(w, LOG, kt_buf_z(&to));
        write_pairs(w, LOG, i, i + 1);
        look_only(w);
    }
    copy_and_truncate(w, LOG ".copy");
    look_only(w);
    assert_int_equal(status(w).emptied, 0);
    world_free(w);
}

static void tail_knows_a_reused_inode_by_its_beginning(void **state)
{
    struct world *w = world_new(LOG);
    struct kt_file *f = NULL;

    (void)state;
    write_pairs(w, LOG, 0, 10);
    run(w, 1);
    w->type->close(w->in);
    assert_int_equal(w->fs.open(w->fs.self, LOG, KT_OPEN_APPEND, &f, &w->err), KT_OK);
    assert_int_equal(w->fs.truncate(f, 0, &w->err), KT_OK);
    w->fs.close(f);
    write_pairs(w, LOG, 50, 80); /* the same inode, longer, another content */
    start(w);
    run(w, 3);
    check(w, 50, 80, 1);
    world_free(w);
}

static void tail_finds_new_files_of_a_pattern_and_not_their_rotated_names(void **state)
{
    struct world *w = world_new("var/*.log*");

    (void)state;
    write_pairs(w, "var/a.log", 0, 10);
    run(w, 2);
    write_pairs(w, "var/b.log", 10, 20);
    write_pairs(w, "var/c.log.gz", 90, 95); /* packed: never */
    run(w, 2);
    check(w, 0, 20, 1);
    assert_int_equal(status(w).files, 2);
    rename_to(w, "var/a.log", "var/a.log.1");
    write_pairs(w, "var/a.log", 20, 30);
    run(w, 6);
    check(w, 0, 30, 1);
    world_free(w);
}

static void tail_says_what_is_missing(void **state)
{
    struct world *w = world_new(LOG);

    (void)state;
    run(w, 2);
    assert_true(strstr(status(w).problem, "nothing to read") != NULL);
    write_pairs(w, LOG, 0, 3);
    run(w, 2);
    assert_string_equal(status(w).problem, "");
    assert_int_equal(w->fs.unlink(w->fs.self, LOG, &w->err), KT_OK);
    run(w, 15);
    assert_true(strstr(status(w).problem, "no file is there") != NULL);
    write_pairs(w, LOG, 3, 6);
    run(w, 6);
    check(w, 0, 6, 1);
    world_free(w);
}

/* Random appends, rotations, crashes: every record comes out at least once, and folded. */
static void tail_loses_nothing_in_many_random_lives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= LIVES; seed++) {
        struct kt_rng_seeded s = { seed };
        struct kt_rng rng = kt_rng_seeded(&s);
        struct world *w = world_new(LOG);
        uint64_t written = 0, rotated = 0;

        append(w, LOG, KT_STR_NONE);
        run(w, 0); /* a log that was never seen has no position to go on from */
        for (unsigned i = 0; i < 40; i++) {
            switch (kt_rng_below(&rng, 6)) {
            case 0: {
                KT_CLEANUP(kt_buf_done) struct kt_buf to = { 0 };
                struct kt_stat st;
                if (w->fs.stat(w->fs.self, LOG, &st, NULL) != KT_OK || st.size == 0)
                    break;
                kt_buf_addf(&to, LOG "-%llu", (unsigned long long)++rotated);
                rename_to(w, LOG, kt_buf_z(&to));
                break;
            }
            case 1:
                restart(w);
                break;
            case 2:
                run(w, (unsigned)kt_rng_below(&rng, 5));
                break;
            case 3:
                step(w); /* read, but the position is not kept: a crash will read again */
                break;
            default: {
                uint64_t to = written + kt_rng_below(&rng, 20);
                write_pairs(w, LOG, written, to);
                written = to;
            }
            }
        }
        run(w, 5 * (unsigned)rotated + 10);
        for (uint64_t n = 0; n < written; n++) {
            char id[37];
            vault_id(n, id);
            if (kt_map_get(w->ids, kt_str_of(id)) == KT_MAP_NONE)
                fail_msg("seed %llu: record %llu of %llu is lost", (unsigned long long)seed,
                         (unsigned long long)n, (unsigned long long)written);
        }
        assert_int_equal(w->unknown, 0);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tail_reads_what_is_there_and_what_comes),
        cmocka_unit_test(tail_waits_for_the_rest_of_a_torn_line),
        cmocka_unit_test(tail_drains_the_old_file_after_a_rename),
        cmocka_unit_test(tail_folds_across_a_rotation),
        cmocka_unit_test(tail_goes_on_in_a_rotated_file_after_a_restart),
        cmocka_unit_test(tail_catches_up_with_two_rotations_while_it_was_away),
        cmocka_unit_test(tail_says_so_when_the_old_file_is_gone),
        cmocka_unit_test(tail_follows_copytruncate),
        cmocka_unit_test(tail_knows_a_copy_by_what_it_holds),
        cmocka_unit_test(tail_looks_for_what_it_was_in_olddir),
        cmocka_unit_test(tail_does_not_call_emptied_what_it_could_not_look_for),
        cmocka_unit_test(tail_knows_a_reused_inode_by_its_beginning),
        cmocka_unit_test(tail_finds_new_files_of_a_pattern_and_not_their_rotated_names),
        cmocka_unit_test(tail_says_what_is_missing),
        cmocka_unit_test(tail_loses_nothing_in_many_random_lives),
    };

    kt_hash_init();
    return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
