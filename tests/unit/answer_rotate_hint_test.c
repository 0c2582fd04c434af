/* answer_rotate_hint: the command that gives a secret of each kind of store a new value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/answer/rotate_hint.h"

static void each_kind_of_store_has_its_own_command(void **state)
{
    static const char *const cases[][2] = {
        { "az-kv://pay-prod.vault.azure.net/secrets/db",
          "az keyvault secret set --vault-name pay-prod --name db --file NEW" },
        { "az-kv://pay-prod.vault.azure.net/keys/sign",
          "az keyvault key rotate --vault-name pay-prod --name sign" },
        { "az-kv://pay-hsm.managedhsm.azure.net/keys/sign",
          "az keyvault key rotate --hsm-name pay-hsm --name sign" },
        { "az-kv://pay-prod.vault.azure.net/certificates/web",
          "az keyvault certificate create --vault-name pay-prod --name web --policy @POLICY  # as "
          "certificate show --query policy has it" },
        { "aws-ssm://123456789012/eu-west-1/a b%2Fc",
          "aws ssm put-parameter --overwrite --region eu-west-1 --name /'a b/c' --value file://NEW "
          " # account 123456789012" },
        { "vault://prod/-/secret/db's",
          "vault kv patch -mount=secret 'db'\\''s' FIELD=@NEW  # cluster prod, namespace -" },
        { "other://x", "# rotate it where it is issued" },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_buf out = { 0 };
        kt_rotate_hint(kt_str_of(cases[i][0]), &out);
        assert_string_equal(kt_buf_z(&out), cases[i][1]);
        kt_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_kind_of_store_has_its_own_command) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
