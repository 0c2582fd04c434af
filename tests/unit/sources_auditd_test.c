/*
 * sources_auditd: libauparse, which comes with the audit daemon, reads the same lines as we do and
 * finds the same in them: type, serial, time, node, users, and what stands in hex.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <auparse.h>
#include <cmocka.h>

#include "agents/sources/auditd.h"
#include "core/base/alloc.h"

#define HEAD(type, serial) "type=" type " msg=audit(1772435645.123:" serial "): "

/* One event each, its lines as they stand in a log. */
static const char
    *const
        events[] = {
            /* a file whose name holds a blank and a quote, by a program whose name holds a blank */
            HEAD("SYSCALL",
                 "101") "arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7ffd0c5e9f3a "
                        "a2=0 a3=0 items=1 ppid=811 pid=812 auid=0 uid=0 gid=0 euid=0 suid=0 "
                        "fsuid=0 egid=0 sgid=0 "
                        "fsgid=0 tty=pts0 ses=5 comm=6D7920636174 exe=\"/usr/bin/cat\" "
                        "subj=unconfined "
                        "key=\"keytrail_env\"\n" HEAD("CWD", "101") "cwd=\"/home/alice\"\n" HEAD(
                            "PATH",
                            "101") "item=0 name=2F7372762F6D792061707022 inode=393221 dev=08:01 "
                                   "mode=0100600 "
                                   "ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 "
                                   "cap_fe=0 cap_fver=0 cap_frootid=0\n" HEAD(
                                       "PROCTITLE",
                                       "101") "proctitle=636174002F7372762F6D792061707022\n",
            /* refused, with a name that only looks like hex and so is quoted */
            HEAD("SYSCALL",
                 "102") "arch=c000003e syscall=2 success=no exit=-13 a0=7ffd a1=0 a2=0 a3=0 "
                        "items=1 ppid=1 pid=9 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 "
                        "egid=0 sgid=0 fsgid=0 "
                        "tty=(none) ses=4294967295 comm=\"cafe\" exe=\"/usr/bin/cafe\" "
                        "key=(null)\n" HEAD("CWD", "102") "cwd=\"/\"\n" HEAD(
                            "PATH", "102") "item=0 name=\"DEADBEEF\" inode=1 dev=08:01 "
                                           "mode=0100600 ouid=0 ogid=0 "
                                           "rdev=00:00 nametype=UNKNOWN\n" HEAD(
                                               "PROCTITLE", "102") "proctitle=\"cafe\"\n",
            /* a program that is started, and its words */
            HEAD(
                "SYSCALL",
                "103") "arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=2 "
                       "ppid=10 pid=11 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 "
                       "fsgid=0 tty=pts1 ses=7 "
                       "comm=\"node\" exe=\"/usr/bin/node\" key=\"exec\"\n" HEAD("EXECVE", "103") "argc=3 a0=\"node\" a1=2F6F70742F6120622E6A73 a2=\"--x\"\n" HEAD(
                           "CWD",
                           "103") "cwd=2F746D702F6120C3A9\n" HEAD("PATH",
                                                                  "103") "item=0 "
                                                                         "name=\"/usr/bin/node\" "
                                                                         "inode=2 dev=08:01 "
                                                                         "mode=0100755 ouid=0 "
                                                                         "ogid=0 "
                                                                         "rdev=00:00 "
                                                                         "nametype=NORMAL\n" HEAD(
                                                                             "PATH",
                                                                             "103") "item=1 "
                                                                                    "name=\"/lib64/"
                                                                                    "ld-linux-x86-"
                                                                                    "64.so.2\" "
                                                                                    "inode=3 "
                                                                                    "dev=08:01 "
                                                                                    "mode=0100755 "
                                                                                    "ouid=0 ogid=0 "
                                                                                    "rdev=00:00 "
                                                                                    "nametype="
                                                                                    "NORMAL\n" HEAD(
                                                                                        "PROCTITLE",
                                                                                        "103") "pro"
                                                                                               "cti"
                                                                                               "tle"
                                                                                               "=6E"
                                                                                               "6F6"
                                                                                               "465"
                                                                                               "002"
                                                                                               "F6F"
                                                                                               "707"
                                                                                               "42F"
                                                                                               "612"
                                                                                               "062"
                                                                                               "2E6"
                                                                                               "A73"
                                                                                               "\n",
            /* of many hosts; enriched */
            "node=db7.example.com " HEAD(
                "SYSCALL",
                "104") "arch=c000003e syscall=257 success=yes exit=3 "
                       "a0=ffffff9c a1=7 a2=0 a3=0 items=1 ppid=811 pid=812 auid=1000 uid=33 gid=0 "
                       "euid=33 suid=33 "
                       "fsuid=33 egid=0 sgid=0 fsgid=0 tty=pts0 ses=5 comm=\"cat\" "
                       "exe=\"/usr/bin/cat\" key=(null)\x1d"
                       "ARCH=x86_64 SYSCALL=openat AUID=\"alice\" UID=\"www-data\" GID=\"root\" "
                       "EUID=\"www-data\" "
                       "SUID=\"www-data\" FSUID=\"www-data\" EGID=\"root\" SGID=\"root\" "
                       "FSGID=\"root\"\n"
                       "node=db7.example.com " HEAD(
                           "CWD",
                           "104") "cwd=\"/\"\n"
                                  "node=db7.example.com " HEAD(
                                      "PATH",
                                      "104") "item=0 name=\"/etc/shadow\" inode=2 dev=08:01 "
                                             "mode=0100640 ouid=0 ogid=42 rdev=00:00 "
                                             "nametype=NORMAL\x1dOUID=\"root\" OGID=\"shadow\"\n"
                                             "node=db7.example.com " HEAD(
                                                 "PROCTITLE", "104") "proctitle=\"cat\"\n",
            /* of one line */
            HEAD("DAEMON_END", "105") "op=terminate auid=0 pid=1 subj=unconfined res=success\n",
            HEAD("CONFIG_CHANGE", "4294967296") "auid=0 ses=3 subj=unconfined op=remove_rule "
                                                "key=\"keytrail_env\" list=4 res=1\n",
        };

/* Fields whose text both must give; those of users by name where the line has one. */
static const char *const texts[] = { "comm", "exe", "key", "cwd",      "name",      "a0",
                                     "a1",   "op",  "res", "nametype", "proctitle", "list",
                                     "ppid", "pid", "tty", "ses",      "argc",      "item" };

struct reading {
    struct kt_arena arena;
    struct kt_json *json;
    struct kt_buf text;
    struct kt_jval root;
    unsigned compared; /* fields */
};

static struct kt_str text_of(struct reading *r, struct kt_jval value)
{
    bool masked = false;
    const struct kt_decode_in in = { .arena = &r->arena, .masked = &masked };
    return kt_auditd_text(&in, value);
}

static void read_ours(struct reading *r, const char *lines)
{
    struct kt_error err = { 0 };
    unsigned repaired = 0;
    kt_buf_reset(&r->text);
    kt_arena_reset(&r->arena);
    assert_true(kt_auditd_json(kt_str_of(lines), &r->text));
    assert_int_equal(kt_json_parse(r->json, kt_buf_str(&r->text), &r->root, &repaired, &err),
                     KT_OK);
}

/* Is the field hex or quoted text in that record? For auparse the type of a field depends on the
 * record: a0 is a number in SYSCALL. */
static bool is_compared(const char *type, const char *field)
{
    if (field[0] == 'a' && field[1] >= '0' && field[1] <= '9')
        return strcmp(type, "EXECVE") == 0 && field[1] < '2';
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        if (strcmp(texts[i], field) == 0)
            return true;
    return false;
}

static void compare_text(struct reading *r, auparse_state_t *au, struct kt_jval record,
                         const char *type, const char *field)
{
    char ours[512];
    struct kt_jval value = kt_json_get(record, kt_str_of(field));
    if (!is_compared(type, field) || value.node == NULL)
        return;
    bool untrusted = auparse_get_field_type(au) == AUPARSE_TYPE_ESCAPED ||
                     auparse_get_field_type(au) == AUPARSE_TYPE_ESCAPED_FILE ||
                     auparse_get_field_type(au) == AUPARSE_TYPE_ESCAPED_KEY ||
                     auparse_get_field_type(au) == AUPARSE_TYPE_PROCTITLE;
    const char *theirs = untrusted ? auparse_interpret_field(au) : auparse_get_field_str(au);
    struct kt_str s = untrusted ? text_of(r, value) : kt_json_str(value);
    kt_str_copyz(ours, sizeof ours, s);
    for (size_t i = 0; i < s.len && i < sizeof ours; i++)
        if (s.at[i] == '\0') /* between the words of a title, which auparse parts by blanks */
            ours[i] = ' ';
    if (strcmp(theirs, "(null)") == 0)
        theirs = "";
    assert_string_equal(ours, theirs);
    r->compared++;
}

static void compare_user(struct reading *r, auparse_state_t *au, struct kt_jval record,
                         const char *field, const char *enriched)
{
    struct kt_str name = text_of(r, kt_json_get(record, kt_str_of(enriched)));
    char text[64];
    if (name.len == 0 || strcmp(auparse_get_field_name(au), field) != 0)
        return;
    kt_str_copyz(text, sizeof text, name);
    assert_string_equal(text, auparse_interpret_field(au));
    r->compared++;
}

static void compare_record(struct reading *r, auparse_state_t *au, struct kt_jval record)
{
    char type[64];
    kt_str_copyz(type, sizeof type, kt_json_str_at(record, "type"));
    assert_string_equal(type, auparse_get_type_name(au));
    (void)auparse_first_field(au);
    do {
        compare_text(r, au, record, type, auparse_get_field_name(au));
        compare_user(r, au, record, "auid", "AUID");
        compare_user(r, au, record, "uid", "UID");
        compare_user(r, au, record, "euid", "EUID");
    } while (auparse_next_field(au) > 0);
}

static void compare_head(struct reading *r, auparse_state_t *au)
{
    char id[64], ours[64];
    const char *node = auparse_get_node(au);
    (void)snprintf(id, sizeof id, "%lld.%03u:%lu", (long long)auparse_get_time(au),
                   auparse_get_milli(au), auparse_get_serial(au));
    kt_str_copyz(ours, sizeof ours, kt_json_str_at(r->root, "id"));
    assert_string_equal(ours, id);
    kt_str_copyz(ours, sizeof ours, kt_json_str_at(r->root, "node"));
    assert_string_equal(ours, node != NULL ? node : "");
    free((void *)(uintptr_t)node); /* auparse hands a copy out */
    kt_time_ns t = 0;
    assert_int_equal(kt_time_parse(kt_json_str_at(r->root, "when"), &t, NULL), KT_OK);
    assert_int_equal(t, (kt_time_ns)auparse_get_time(au) * KT_NS_S +
                            (kt_time_ns)auparse_get_milli(au) * KT_NS_MS);
}

static void auparse_reads_the_same(void **state)
{
    struct reading r = { .arena = kt_arena_new(1u << 20), .json = kt_json_new(KT_JSON_JANSSON) };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(events); i++) {
        read_ours(&r, events[i]);
        auparse_state_t *au = auparse_init(AUSOURCE_BUFFER, events[i]);
        assert_non_null(au);
        auparse_set_escape_mode(au, AUPARSE_ESC_RAW);
        assert_int_equal(auparse_next_event(au), 1);
        compare_head(&r, au);
        struct kt_json_iter it = kt_json_iter(kt_json_get(r.root, KT_STR("records")));
        struct kt_str unused;
        struct kt_jval record;
        unsigned n = 0;
        while (kt_json_next(&it, &unused, &record)) {
            assert_int_equal(n == 0 ? auparse_first_record(au) : auparse_next_record(au), 1);
            compare_record(&r, au, record);
            n++;
        }
        assert_int_equal(n, auparse_get_num_records(au));
        auparse_destroy(au);
    }
    print_message("%u fields compared\n", r.compared);
    assert_true(r.compared > 60);
    kt_json_free(r.json);
    kt_buf_done(&r.text);
    kt_arena_done(&r.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(auparse_reads_the_same) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
