/* tail: rotation by rename, copytruncate, re-creation, restarts; nothing lost, nothing twice. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/zip.h"
#include "core/sys/rng.h"
#include "tests/support/input_world.h"
#include "tests/support/vault_lines.h"

#ifdef __SANITIZE_ADDRESS__ /* each is slow then */
#define LIVES 100u
#else
#define LIVES 500u
#endif

#define LOG "var/audit.log"

/* As while the spool is full. */
static void look_only(struct input_world *w)
{
    bool more;
    w->now += KT_NS_S;
    if (w->type->step(w->in, w->now, 0, &more, &w->err) != KT_OK)
        fail_msg("step: %s", w->err.text);
}

static void write_pairs(struct input_world *w, const char *path, uint64_t from, uint64_t to)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    input_world_pairs(&b, from, to);
    input_world_append(w, path, kt_buf_str(&b));
}

static void rename_to(struct input_world *w, const char *from, const char *to)
{
    assert_int_equal(w->fs.rename(w->fs.self, from, to, &w->err), KT_OK);
}

static void tail_reads_what_is_there_and_what_comes(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);

    (void)state;
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    input_world_check(w, 0, 10, 1);
    write_pairs(w, LOG, 10, 20);
    input_world_run(w, 1);
    input_world_check(w, 0, 20, 1);
    assert_int_equal(input_world_status(w).lag_bytes, 0);
    assert_string_equal(input_world_status(w).problem, "");
    input_world_free(w);
}

static void tail_waits_for_the_rest_of_a_torn_line(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    (void)state;
    vault_request(&b, 1);
    vault_response(&b, 1);
    input_world_append(w, LOG, kt_str_sub(kt_buf_str(&b), 0, b.len - 30));
    input_world_run(w, 2);
    assert_int_equal(w->events, 0);
    input_world_restart(w); /* the low-water mark is the request's first byte */
    input_world_append(w, LOG, kt_str_from_index(kt_buf_str(&b), b.len - 30));
    input_world_run(w, 2);
    input_world_check(w, 1, 2, 1);
    assert_int_equal(w->unknown, 0);
    input_world_free(w);
}

/* A line that needs no other, as the answer of a request that was never logged and each line of
 * Kubernetes: the part of it that was read was given to nobody. */
static void tail_keeps_a_torn_line_without_a_first_half_over_a_restart(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    (void)state;
    write_pairs(w, LOG, 0, 3);
    vault_response(&b, 3);
    input_world_append(w, LOG, kt_str_sub(kt_buf_str(&b), 0, b.len - 30));
    input_world_run(w, 2);
    input_world_restart(w);
    input_world_append(w, LOG, kt_str_from_index(kt_buf_str(&b), b.len - 30));
    input_world_run(w, 2);
    input_world_check(w, 0, 4, 1);
    input_world_free(w);
}

static void tail_drains_the_old_file_after_a_rename(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);

    (void)state;
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    write_pairs(w, LOG, 10, 12);
    rename_to(w, LOG, LOG ".1");
    input_world_run(w, 3);
    write_pairs(w, LOG ".1", 12, 15); /* the writer has not reopened yet */
    input_world_append(w, LOG, KT_STR_NONE);
    input_world_run(w, 3);
    write_pairs(w, LOG ".1", 15, 16);
    write_pairs(w, LOG, 16, 30);
    input_world_run(w, 6);
    input_world_check(w, 0, 30, 1);
    assert_int_equal(input_world_status(w).rotations, 1);
    input_world_restart(w);
    write_pairs(w, LOG, 30, 31);
    input_world_run(w, 6);
    input_world_check(w, 0, 31, 1);
    input_world_free(w);
}

static void tail_folds_across_a_rotation(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 }, response = { 0 };

    (void)state;
    vault_request(&request, 5);
    vault_response(&response, 5);
    input_world_append(w, LOG, kt_buf_str(&request));
    input_world_run(w, 1);
    rename_to(w, LOG, LOG ".1");
    input_world_append(w, LOG, kt_buf_str(&response));
    input_world_run(w, 6);
    input_world_check(w, 5, 6, 1);
    assert_int_equal(w->unknown, 0);
    input_world_free(w);
}

static void tail_goes_on_in_a_rotated_file_after_a_restart(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };

    (void)state;
    write_pairs(w, LOG, 0, 5);
    vault_request(&b, 5);
    input_world_append(w, LOG, kt_buf_str(&b));
    input_world_run(w, 1);
    rename_to(w, LOG, LOG ".1");
    kt_buf_reset(&b);
    vault_response(&b, 5);
    input_world_append(w, LOG, kt_buf_str(&b));
    write_pairs(w, LOG, 6, 10);
    input_world_run(w, 4); /* in the new file; the position may still be in the old one */
    input_world_restart(w);
    input_world_run(w, 4);
    input_world_check(w, 0, 4, 1);
    input_world_check(w, 5, 6, 1);
    assert_int_equal(w->unknown, 0);
    input_world_free(w);
}

static void tail_catches_up_with_two_rotations_while_it_was_away(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);

    (void)state;
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    w->type->close(w->in);
    write_pairs(w, LOG, 10, 20);
    rename_to(w, LOG, LOG ".1");
    write_pairs(w, LOG, 20, 30);
    rename_to(w, LOG ".1", LOG ".2");
    rename_to(w, LOG, LOG ".1");
    write_pairs(w, LOG, 30, 40);
    input_world_start(w);
    input_world_run(w, 3);
    input_world_check(w, 0, 40, 1);
    input_world_free(w);
}

static void tail_says_so_when_the_old_file_is_gone(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);

    (void)state;
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    w->type->close(w->in);
    assert_int_equal(w->fs.unlink(w->fs.self, LOG, &w->err), KT_OK);
    write_pairs(w, LOG, 20, 30);
    input_world_start(w);
    input_world_run(w, 3);
    input_world_check(w, 20, 30, 1);
    assert_int_equal(input_world_status(w).gone, 1);
    assert_int_equal(input_world_status(w).lost, 1);
    assert_true(strstr(input_world_status(w).problem, "keytrail import") != NULL);
    input_world_free(w);
}

static bool refused;             /* of every file */
static const char *refused_path; /* of this one */
static int refused_why = EACCES;
static unsigned opened; /* calls */
static enum kt_status (*open_of_memory)(void *self, const char *path, enum kt_open how,
                                        struct kt_file **ret, struct kt_error *err);

static enum kt_status open_or_refuse(void *self, const char *path, enum kt_open how,
                                     struct kt_file **ret, struct kt_error *err)
{
    opened++;
    if (refused || (refused_path != NULL && strcmp(path, refused_path) == 0)) {
        errno = refused_why;
        return kt_fail_errno(err, "open '%s'", path);
    }
    return open_of_memory(self, path, how, ret, err);
}

/* Started while the log may not be read, the agent took the place for lost; what was written there
 * before the next rotation was never read. */
static void tail_keeps_its_place_in_a_file_that_may_not_be_read(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);

    (void)state;
    open_of_memory = w->env.fs.open;
    w->env.fs.open = open_or_refuse;
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    w->type->close(w->in);
    write_pairs(w, LOG, 10, 20);
    refused = true;
    input_world_start(w);
    input_world_run(w, 3);
    assert_non_null(strstr(input_world_status(w).problem, "Permission denied"));
    assert_int_equal(input_world_status(w).lost, 0);
    input_world_restart(w);
    input_world_run(w, 1);
    assert_int_equal(w->fs.rename(w->fs.self, LOG, LOG ".1", &w->err), KT_OK);
    write_pairs(w, LOG, 20, 30);
    input_world_run(w, 3);
    refused = false;
    input_world_run(w, 10);
    input_world_check(w, 0, 30, 1);
    assert_int_equal(input_world_status(w).lost, 0);
    input_world_free(w);
}

/* Where the new log may be read and the old one not, the new one is; which is left out is said. */
static void tail_names_the_old_file_that_may_not_be_read(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);

    (void)state;
    open_of_memory = w->env.fs.open;
    w->env.fs.open = open_or_refuse;
    refused_path = LOG ".1";
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    w->type->close(w->in);
    assert_int_equal(w->fs.rename(w->fs.self, LOG, LOG ".1", &w->err), KT_OK);
    write_pairs(w, LOG, 20, 30);
    input_world_start(w);
    input_world_run(w, 3);
    input_world_check(w, 20, 30, 1);
    assert_int_equal(input_world_status(w).lost, 1);
    assert_non_null(strstr(input_world_status(w).problem, LOG ".1', which may not be read"));
    refused_path = NULL;
    input_world_free(w);
}

/* One lack of descriptors at the start, and what was not read yet was given up. */
static void tail_keeps_its_place_while_the_old_file_cannot_be_opened_just_now(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);

    (void)state;
    open_of_memory = w->env.fs.open;
    w->env.fs.open = open_or_refuse;
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    w->type->close(w->in);
    write_pairs(w, LOG, 10, 20);
    rename_to(w, LOG, LOG ".1");
    write_pairs(w, LOG, 20, 30);
    refused_path = LOG ".1";
    refused_why = EMFILE;
    input_world_start(w);
    input_world_run(w, 3);
    assert_int_equal(input_world_status(w).lost, 0);
    assert_non_null(strstr(input_world_status(w).problem, "Too many open files"));
    refused_path = NULL;
    refused_why = EACCES;
    input_world_run(w, 10);
    input_world_check(w, 0, 30, 1);
    assert_int_equal(input_world_status(w).lost, 0);
    input_world_free(w);
}

/* After a restart a folder was waited for without a word. */
static void tail_says_that_a_folder_is_where_its_log_was(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);

    (void)state;
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    w->type->close(w->in);
    assert_int_equal(w->fs.unlink(w->fs.self, LOG, &w->err), KT_OK);
    assert_int_equal(w->fs.mkdir(w->fs.self, LOG, 0755, &w->err), KT_OK);
    input_world_start(w);
    input_world_run(w, 3);
    assert_non_null(strstr(input_world_status(w).problem, "a folder, a pipe or a device"));
    assert_int_equal(input_world_status(w).lost, 0);
    input_world_free(w);
}

/* All of the folder was opened at each look, and what is packed was unpacked. */
static void tail_that_waits_opens_its_path_alone(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);

    (void)state;
    open_of_memory = w->env.fs.open;
    w->env.fs.open = open_or_refuse;
    write_pairs(w, LOG, 0, 1);
    input_world_run(w, 1);
    w->type->close(w->in);
    for (unsigned i = 2; i < 60; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
        kt_buf_addf(&name, LOG ".%u.gz", i);
        write_pairs(w, kt_buf_z(&name), 100 + i, 102 + i);
    }
    refused_path = LOG;
    input_world_start(w);
    input_world_run(w, 3);
    opened = 0;
    for (unsigned i = 0; i < 10; i++)
        look_only(w);
    assert_int_equal(opened, 10);
    rename_to(w, LOG, LOG ".1"); /* that is seen at once */
    write_pairs(w, LOG, 20, 21);
    write_pairs(w, LOG ".1", 1, 3);
    input_world_run(w, 3);
    input_world_check(w, 0, 3, 1);
    refused_path = NULL;
    input_world_run(w, 10);
    input_world_check(w, 20, 21, 1);
    assert_int_equal(input_world_status(w).lost, 0);
    input_world_free(w);
}

/* Empties the log and gives what it held. */
static void take_all(struct input_world *w, struct kt_buf *ret)
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

static void copy_and_truncate(struct input_world *w, const char *to)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };

    take_all(w, &all);
    input_world_append(w, to, kt_buf_str(&all));
}

static void tail_follows_copytruncate(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);

    (void)state;
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    write_pairs(w, LOG, 10, 15); /* not read yet when it is copied */
    copy_and_truncate(w, LOG ".1");
    write_pairs(w, LOG, 15, 18);
    input_world_run(w, 6);
    input_world_check(w, 0, 18, 1);
    assert_int_equal(input_world_status(w).truncations, 1);
    write_pairs(w, LOG, 18, 80); /* longer than before at once */
    input_world_run(w, 3);
    copy_and_truncate(w, LOG ".2");
    write_pairs(w, LOG, 80, 200);
    input_world_run(w, 6);
    input_world_check(w, 0, 200, 1);
    assert_int_equal(input_world_status(w).truncations, 2);
    assert_int_equal(input_world_status(w).emptied, 0); /* the copy has it */
    input_world_free(w);
}

static void tail_knows_a_copy_by_what_it_holds(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf packed = { 0 };

    (void)state;
    write_pairs(w, "var/other.log", 300, 340);
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    write_pairs(w, LOG, 10, 15);
    copy_and_truncate(w, "var/audit-20261122.log"); /* logrotate: dateext, extension .log */
    write_pairs(w, LOG, 15, 18);
    input_world_run(w, 6);
    input_world_check(w, 0, 18, 1);
    assert_int_equal(input_world_status(w).emptied, 0);
    take_all(w, &all);
    kt_gzip(kt_buf_str(&all), &packed);
    input_world_append(w, "var/audit-20261123.log.gz", kt_buf_str(&packed));
    input_world_run(w, 2);
    assert_int_equal(input_world_status(w).emptied, 0);
    assert_true(strstr(input_world_status(w).problem, "is packed") != NULL);
    write_pairs(w, LOG, 18, 25);
    input_world_run(w, 2);
    kt_buf_reset(&all);
    take_all(w, &all);
    input_world_run(w, 2);
    assert_int_equal(input_world_status(w).emptied, 1);
    assert_true(strstr(input_world_status(w).problem, "no copy") != NULL);
    input_world_check(w, 0, 25, 1);
    input_world_free(w);
}

/* A copy that only root may read looked like a log that somebody had emptied. */
static void tail_does_not_call_emptied_what_has_a_copy_that_may_not_be_read(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };

    (void)state;
    open_of_memory = w->env.fs.open;
    w->env.fs.open = open_or_refuse;
    input_world_restart(w);
    refused_path = LOG ".1";
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    copy_and_truncate(w, LOG ".1");
    input_world_run(w, 2);
    assert_int_equal(input_world_status(w).emptied, 0);
    assert_non_null(strstr(input_world_status(w).problem, "a copy may not be read"));
    write_pairs(w, LOG, 10, 30); /* that copy is older than these, and none of them */
    input_world_run(w, 2);
    take_all(w, &all);
    input_world_run(w, 2);
    assert_int_equal(input_world_status(w).emptied, 1);
    write_pairs(w, LOG, 30, 40);
    input_world_run(w, 2);
    w->type->close(w->in);
    assert_int_equal(w->fs.unlink(w->fs.self, LOG ".1", &w->err), KT_OK);
    copy_and_truncate(w, LOG ".1");
    input_world_start(w);
    input_world_run(w, 2);
    assert_non_null(strstr(input_world_status(w).problem, "a copy may not be read"));
    refused_path = NULL;
    input_world_free(w);
}

static void tail_looks_for_what_it_was_in_olddir(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);
    struct kt_yaml *yaml = NULL;

    (void)state;
    w->type->close(w->in);
    assert_int_equal(w->fs.mkdir(w->fs.self, "var/old", 0755, &w->err), KT_OK);
    assert_int_equal(kt_yaml_parse(KT_STR("{ olddir: var/old }\n"), "test", &yaml, &w->err), KT_OK);
    w->env.yaml = yaml;
    w->conf.node = kt_yaml_root(yaml);
    input_world_start(w);
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    write_pairs(w, LOG, 10, 15);
    copy_and_truncate(w, "var/old/audit.log-20261122");
    write_pairs(w, LOG, 15, 18);
    input_world_run(w, 6);
    input_world_check(w, 0, 18, 1);
    assert_int_equal(input_world_status(w).emptied, 0);
    write_pairs(w, LOG, 18, 20);
    rename_to(w, LOG, "var/old/audit.log-20261123");
    write_pairs(w, LOG, 20, 25);
    input_world_restart(w);
    input_world_run(w, 6);
    input_world_check(w, 18, 25, 1);
    assert_int_equal(input_world_status(w).gone, 0);
    input_world_free(w);
    kt_yaml_free(yaml);
}

/* So many files wait that no copy can be opened: that is no sign that there is none. */
static void tail_does_not_call_emptied_what_it_could_not_look_for(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);

    (void)state;
    write_pairs(w, LOG, 0, 1);
    input_world_run(w, 1);
    for (uint64_t i = 1; i < 70; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf to = { 0 };
        kt_buf_addf(&to, LOG ".%llu", (unsigned long long)i);
        rename_to(w, LOG, kt_buf_z(&to));
        write_pairs(w, LOG, i, i + 1);
        look_only(w);
    }
    copy_and_truncate(w, LOG ".copy");
    look_only(w);
    assert_int_equal(input_world_status(w).emptied, 0);
    input_world_free(w);
}

static void tail_knows_a_reused_inode_by_its_beginning(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);
    struct kt_file *f = NULL;

    (void)state;
    write_pairs(w, LOG, 0, 10);
    input_world_run(w, 1);
    w->type->close(w->in);
    assert_int_equal(w->fs.open(w->fs.self, LOG, KT_OPEN_APPEND, &f, &w->err), KT_OK);
    assert_int_equal(w->fs.truncate(f, 0, &w->err), KT_OK);
    w->fs.close(f);
    write_pairs(w, LOG, 50, 80); /* the same inode, longer, another content */
    input_world_start(w);
    input_world_run(w, 3);
    input_world_check(w, 50, 80, 1);
    input_world_free(w);
}

static void tail_finds_new_files_of_a_pattern_and_not_their_rotated_names(void **state)
{
    struct input_world *w = input_world_new("tail", "var/*.log*", 4096);

    (void)state;
    write_pairs(w, "var/a.log", 0, 10);
    input_world_run(w, 2);
    write_pairs(w, "var/b.log", 10, 20);
    write_pairs(w, "var/c.log.gz", 90, 95); /* packed: never */
    input_world_run(w, 2);
    input_world_check(w, 0, 20, 1);
    assert_int_equal(input_world_status(w).files, 2);
    rename_to(w, "var/a.log", "var/a.log.1");
    write_pairs(w, "var/a.log", 20, 30);
    input_world_run(w, 6);
    input_world_check(w, 0, 30, 1);
    input_world_free(w);
}

static void tail_says_what_is_missing(void **state)
{
    struct input_world *w = input_world_new("tail", LOG, 4096);

    (void)state;
    input_world_run(w, 2);
    assert_true(strstr(input_world_status(w).problem, "nothing to read") != NULL);
    write_pairs(w, LOG, 0, 3);
    input_world_run(w, 2);
    assert_string_equal(input_world_status(w).problem, "");
    assert_int_equal(w->fs.unlink(w->fs.self, LOG, &w->err), KT_OK);
    input_world_run(w, 15);
    assert_true(strstr(input_world_status(w).problem, "no file is there") != NULL);
    write_pairs(w, LOG, 3, 6);
    input_world_run(w, 6);
    input_world_check(w, 0, 6, 1);
    input_world_free(w);
}

/* Random appends, rotations, crashes: every record comes out at least once, and folded. */
static void tail_loses_nothing_in_many_random_lives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= LIVES; seed++) {
        struct kt_rng_seeded s = { seed };
        struct kt_rng rng = kt_rng_seeded(&s);
        struct input_world *w = input_world_new("tail", LOG, 4096);
        uint64_t written = 0, rotated = 0;

        input_world_append(w, LOG, KT_STR_NONE);
        input_world_run(w, 0); /* a log that was never seen has no position to go on from */
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
                input_world_restart(w);
                break;
            case 2:
                input_world_run(w, (unsigned)kt_rng_below(&rng, 5));
                break;
            case 3:
                input_world_step(
                    w); /* read, but the position is not kept: a crash will read again */
                break;
            default: {
                uint64_t to = written + kt_rng_below(&rng, 20);
                write_pairs(w, LOG, written, to);
                written = to;
            }
            }
        }
        input_world_run(w, 5 * (unsigned)rotated + 10);
        for (uint64_t n = 0; n < written; n++) {
            char id[37];
            vault_id(n, id);
            if (kt_map_get(w->ids, kt_str_of(id)) == KT_MAP_NONE)
                fail_msg("seed %llu: record %llu of %llu is lost", (unsigned long long)seed,
                         (unsigned long long)n, (unsigned long long)written);
        }
        assert_int_equal(w->unknown, 0);
        input_world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tail_reads_what_is_there_and_what_comes),
        cmocka_unit_test(tail_waits_for_the_rest_of_a_torn_line),
        cmocka_unit_test(tail_keeps_a_torn_line_without_a_first_half_over_a_restart),
        cmocka_unit_test(tail_drains_the_old_file_after_a_rename),
        cmocka_unit_test(tail_folds_across_a_rotation),
        cmocka_unit_test(tail_goes_on_in_a_rotated_file_after_a_restart),
        cmocka_unit_test(tail_catches_up_with_two_rotations_while_it_was_away),
        cmocka_unit_test(tail_says_so_when_the_old_file_is_gone),
        cmocka_unit_test(tail_keeps_its_place_in_a_file_that_may_not_be_read),
        cmocka_unit_test(tail_keeps_its_place_while_the_old_file_cannot_be_opened_just_now),
        cmocka_unit_test(tail_says_that_a_folder_is_where_its_log_was),
        cmocka_unit_test(tail_that_waits_opens_its_path_alone),
        cmocka_unit_test(tail_does_not_call_emptied_what_has_a_copy_that_may_not_be_read),
        cmocka_unit_test(tail_names_the_old_file_that_may_not_be_read),
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
