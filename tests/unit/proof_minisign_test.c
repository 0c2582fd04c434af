/* core/proof/minisign: files that Debian's minisign 0.11 made are read and fit; what is changed is
 * refused; what we write is what it reads (the end-to-end test asks it). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/proof/minisign.h"

/* minisign -GW; printf 'hi\n' > m; minisign -Sm m; minisign -Slm m */
static const char secret_file[] =
    "untrusted comment: minisign encrypted secret key\n"
    "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAZ1qFlWVd0VkZiAVPCX5vXu"
    "i+44K3D/t2PcPKX++1Sz92OO7jrdjINZmoC3PXYFxH3ASPZ/"
    "c5D9ZyCQn1k2wShQiQefnn58n1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
static const char public_file[] = "untrusted comment: minisign public key 59D15D6595855A67\n"
                                  "RWRnWoWVZV3RWZmoC3PXYFxH3ASPZ/c5D9ZyCQn1k2wShQiQefnn58n1\n";
static const char hashed[] =
    "untrusted comment: signature from minisign secret key\n"
    "RURnWoWVZV3RWQvjHhm8YHDaBMDkti8jPG1mtIhZOgzYeoOVg70l6loTV1rtwPHkOH7DiBBiPzqWW8TxmMX2nRBGdlLKYr"
    "Z4aQI=\n"
    "trusted comment: timestamp:1795960827	file:m	hashed\n"
    "8e7zxrPmGjjJMSSHH/6p/SxB8TCITaD17cBTGPlWmc2THTkkIlN2T1TNKRQXu6U8KAMe6I4qL0QQ5HJaZRd3BQ==\n";
static const char legacy[] =
    "untrusted comment: signature from minisign secret key\n"
    "RWRnWoWVZV3RWesY/"
    "e6PU8O9BmEN0uk35ss7Zzt55STpSqnx38KDhdzUv5PqqPvyW+iwTjoDQ0YDf0zfJgqosty85cHAUh7vxQA=\n"
    "trusted comment: timestamp:1795960899	file:m\n"
    "+T8WJ4XFRsrcrgzuBiyfsHaKCeR3hSQCcpcd+ck2W6X75i7EzDR32PA+rkx0uHreWZAfxjK2FbitOlVkqw1/Dg==\n";
#define CONTENT KT_STR("hi\n")

static void files_of_minisign_are_read(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    struct kt_minisign_secret key;
    struct kt_minisign_public open;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    assert_int_equal(kt_minisign_secret_read(kt_str_of(secret_file), &key, &err), KT_OK);
    assert_int_equal(kt_minisign_public_read(kt_str_of(public_file), &open, &err), KT_OK);
    assert_memory_equal(&open, &key.open, sizeof open);
    kt_minisign_public_write(&key.open, &text);
    assert_string_equal(kt_buf_z(&text), public_file);
    kt_buf_reset(&text);
    kt_minisign_public_text(&open, &text);
    assert_int_equal(kt_minisign_public_read(kt_buf_str(&text), &open, &err), KT_OK);
    assert_memory_equal(&open, &key.open, sizeof open);
    assert_int_equal(kt_minisign_check(&open, CONTENT, kt_str_of(hashed), &err), KT_OK);
    assert_int_equal(kt_minisign_check(&open, CONTENT, kt_str_of(legacy), &err), KT_OK);
    kt_buf_reset(&text);
    kt_minisign_secret_write(&key, &text);
    assert_true(kt_str_ends(kt_buf_str(&text),
                            kt_str_from_index(kt_str_of(secret_file), strcspn(secret_file, "\n"))));
}

static void what_is_signed_here_fits_and_nothing_else_does(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    struct kt_minisign_secret key, other;
    uint8_t random[40] = { 1, 2, 3 };
    KT_CLEANUP(kt_buf_done) struct kt_buf sig = { 0 };
    kt_minisign_make(random, &key);
    random[20]++;
    kt_minisign_make(random, &other);
    kt_minisign_sign(&key, CONTENT, KT_STR("package:1"), &sig);
    assert_int_equal(kt_minisign_check(&key.open, CONTENT, kt_buf_str(&sig), &err), KT_OK);
    assert_int_equal(kt_minisign_check(&other.open, CONTENT, kt_buf_str(&sig), &err), KT_E_INPUT);
    assert_int_equal(kt_minisign_check(&key.open, KT_STR("ho\n"), kt_buf_str(&sig), &err),
                     KT_E_INPUT);
    size_t free_from = strlen("untrusted comment: "), free_until = strcspn(sig.at, "\n");
    for (size_t i = 0; i < sig.len; i++) { /* the untrusted comment alone may be anything */
        if (i >= free_from && i < free_until)
            continue;
        for (unsigned bit = 0; bit < 8; bit++) {
            sig.at[i] = (char)(sig.at[i] ^ 1 << bit);
            assert_int_equal(kt_minisign_check(&key.open, CONTENT, kt_buf_str(&sig), NULL),
                             KT_E_INPUT);
            sig.at[i] = (char)(sig.at[i] ^ 1 << bit);
        }
    }
    for (size_t n = 0; n < sig.len - 1; n++) /* the last line end may be missing */
        assert_int_equal(kt_minisign_check(&key.open, CONTENT, kt_str_from(sig.at, n), NULL),
                         KT_E_INPUT);
}

static void what_is_no_key_is_refused(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    struct kt_minisign_secret key;
    struct kt_minisign_public open;
    char locked[sizeof secret_file];
    memcpy(locked, secret_file, sizeof locked);
    locked[strcspn(locked, "\n") + 4] = 'U'; /* its algorithm for passwords */
    assert_int_equal(kt_minisign_secret_read(kt_str_of(locked), &key, &err), KT_E_CONFIG);
    memcpy(locked, secret_file, sizeof locked);
    locked[strlen(locked) - 60]++; /* a bit of its public half */
    assert_int_equal(kt_minisign_secret_read(kt_str_of(locked), &key, &err), KT_E_CONFIG);
    assert_int_equal(kt_minisign_secret_read(kt_str_of(public_file), &key, &err), KT_E_CONFIG);
    assert_int_equal(kt_minisign_public_read(kt_str_of(secret_file), &open, &err), KT_E_INPUT);
    assert_int_equal(kt_minisign_public_read(KT_STR(""), &open, &err), KT_E_INPUT);
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_minisign_are_read),
        cmocka_unit_test(what_is_signed_here_fits_and_nothing_else_does),
        cmocka_unit_test(what_is_no_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
