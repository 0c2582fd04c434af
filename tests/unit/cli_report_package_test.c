/* cli/report_package: a package is whole or not there; every write fails once; its manifest is what
 * its signature says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/report_package.h"
#include "core/base/hash.h"

static char folder[] = "/tmp/keytrail-package-XXXXXX";

static const struct kt_package_about about = { .package = "7ZH8MQ6FZD75F247QXEJRCRQH8",
                                               .report = "soc2",
                                               .organisation = "A \"B\" \x01",
                                               .program = "keytrail",
                                               .host = "h",
                                               .operator_name = "o",
                                               .since = KT_NS_DAY,
                                               .until = 2 * KT_NS_DAY,
                                               .made = 3 * KT_NS_DAY,
                                               .log_id = "00",
                                               .root = "11",
                                               .first = 1,
                                               .last = 2,
                                               .size = 3 };

static void take_name(void *arg, const char *name)
{
    kt_buf_addf(arg, "%s ", name);
}

static void entries(const char *below, struct kt_buf *ret)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s%s", folder, below);
    kt_buf_reset(ret);
    assert_int_equal(kt_fs_real.list(kt_fs_real.self, path, take_name, ret, NULL), KT_OK);
}

static enum kt_status write_one(const struct kt_fs *fs, const char *name, struct kt_error *err)
{
    struct kt_package *p = NULL;
    struct kt_minisign_secret key;
    const uint8_t random[40] = { 7 };
    kt_minisign_make(random, &key);
    enum kt_status status = kt_package_begin(fs, folder, name, &p, err);
    if (status == KT_OK) {
        const struct kt_doc_out out = kt_package_out(p);
        uint64_t bytes;
        uint8_t sum[32];
        status = out.open(out.self, "csv/b.csv", err);
        for (unsigned i = 0; status == KT_OK && i < 20000; i++)
            status = out.add(out.self, KT_STR("a,b\r\n"), err);
        if (status == KT_OK)
            status = out.close(out.self, &bytes, sum, err);
    }
    if (status == KT_OK)
        status = kt_package_put(p, "csv/a.csv", KT_STR("a\r\n1\r\n"), 1, err);
    if (status == KT_OK)
        status = kt_package_put(p, "README.txt", KT_STR("x"), -1, err);
    if (status == KT_OK) {
        kt_package_rows(p, "csv/b.csv", 19999);
        status = kt_package_seal(p, &about, &key, err);
    }
    kt_package_free(p);
    return status;
}

static void every_write_fails_once_and_leaves_nothing(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf seen = { 0 };
    bool fired = true;
    unsigned faults = 0;
    for (unsigned long at = 1; fired; at++) {
        struct kt_fs_faulty faulty = { .inner = kt_fs_real, .fail_at = at, .fail_errno = ENOSPC };
        const struct kt_fs fs = kt_fs_faulty(&faulty);
        struct kt_error err = { 0 };
        enum kt_status status = write_one(&fs, "p", &err);
        fired = faulty.fired;
        faults += fired;
        entries("", &seen);
        if (status == KT_OK)
            break;
        assert_true(fired && err.text[0] != '\0');
        /* The folder's own sync comes behind the rename: the package is there then, whole. */
        if (kt_str_is(kt_buf_str(&seen), "p "))
            break;
        assert_string_equal(kt_buf_z(&seen), "");
    }
    assert_true(faults > 15);
    assert_string_equal(kt_buf_z(&seen), "p ");
}

static void what_is_there_is_not_written_over(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf seen = { 0 };
    assert_int_equal(write_one(&kt_fs_real, "q", &err), KT_OK);
    assert_int_equal(write_one(&kt_fs_real, "q", &err), KT_E_INPUT);
    entries("/q", &seen);
    assert_string_equal(kt_buf_z(&seen),
                        "README.txt SHA256SUMS csv manifest.json manifest.json.minisig ");
    entries("/q/csv", &seen);
    assert_string_equal(kt_buf_z(&seen), "a.csv b.csv ");
}

static void read_one(const char *name, struct kt_buf *ret)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/q/%s", folder, name);
    kt_buf_reset(ret);
    assert_int_equal(kt_fs_read_all(path, 1 << 20, ret, NULL), KT_OK);
}

static void the_manifest_says_every_file_and_is_signed(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf manifest = { 0 }, sig = { 0 };
    const uint8_t random[40] = { 7 };
    struct kt_minisign_secret key;
    kt_minisign_make(random, &key);
    read_one("manifest.json", &manifest);
    read_one("manifest.json.minisig", &sig);
    assert_int_equal(kt_minisign_check(&key.open, kt_buf_str(&manifest), kt_buf_str(&sig), NULL),
                     KT_OK);
    struct kt_str text = kt_buf_str(&manifest);
    assert_true(kt_str_has(text, KT_STR("\"organisation\": \"A \\\"B\\\" \\u0001\"")));
    assert_true(kt_str_has(text, KT_STR("\"csv/b.csv\", \"bytes\": 100000, \"rows\": 19999")));
    assert_true(kt_str_has(text, KT_STR("\"csv/a.csv\", \"bytes\": 6, \"rows\": 1")));
    assert_true(kt_str_has(text, KT_STR("\"SHA256SUMS\"")) &&
                !kt_str_has(text, KT_STR("\"manifest.json\"")));
}

static int start(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int finish(void **state)
{
    char path[300];
    static const char *const files[] = {
        "p/README.txt", "p/SHA256SUMS", "p/manifest.json", "p/manifest.json.minisig",
        "p/csv/a.csv",  "p/csv/b.csv",  "p/csv",           "p",
        "q/README.txt", "q/SHA256SUMS", "q/manifest.json", "q/manifest.json.minisig",
        "q/csv/a.csv",  "q/csv/b.csv",  "q/csv",           "q"
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)remove(path);
    }
    return rmdir(folder);
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_write_fails_once_and_leaves_nothing),
        cmocka_unit_test(what_is_there_is_not_written_over),
        cmocka_unit_test(the_manifest_says_every_file_and_is_signed),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
